//! Joining journals and messages, whatever is missing, double, late, or logged at another time.

use super::*;
use crate::replay::source::Record;
use std::borrow::Cow;
use std::collections::BTreeSet;

const NODE: &str = "world_model";
/// Between two steps.
const PERIOD_NS: u64 = 10_000_000;

fn add(feed: &mut Feed, topic: &str, type_name: &str, bytes: &[u8], log_time_ns: u64) {
    add_kept(feed, (topic, type_name, 0), bytes, log_time_ns);
}

fn add_kept(feed: &mut Feed, (topic, type_name, kept): (&str, &str, usize), bytes: &[u8], log_time_ns: u64) {
    let record = Record { topic, type_name, definition: "", kept, log_time_ns, bytes: Cow::Borrowed(bytes) };
    feed.add(record).unwrap();
}

/// What is said of a run of 800 steps that each took a scan in; the scan of one step is not in the bag. The journals were
/// recorded with the steps, or, as those of a latched topic are for one who comes late, all in the last tenth of a second.
fn summary_without_scan(of_step: u64, journals_late: bool) -> RunSummary {
    let mut feed = Feed::new(Interest::default());
    let info =
        NodeInfo { node: NODE.into(), boot_id: 1, inputs: vec!["/scan".into()], ..NodeInfo::default() };
    add(&mut feed, "/world_model/info", NodeInfo::TYPE_NAME, &outrider_msgs::encode(&info).unwrap(), 0);
    let steps = 800;
    for tick in 1..=steps {
        let (now_ns, scan) = (tick * PERIOD_NS, tick.to_le_bytes());
        if tick != of_step {
            add(&mut feed, "/scan", "sensor_msgs/msg/LaserScan", &scan, now_ns);
        }
        let input = TickInput { input: 0, digest: payload_digest(&scan), ..TickInput::default() };
        let record = Tick {
            node: NODE.into(),
            boot_id: 1,
            tick,
            monotonic: now_ns as i64,
            inputs: vec![input],
            ..Tick::default()
        };
        let recorded_ns = if journals_late { steps * PERIOD_NS } else { now_ns };
        add(
            &mut feed,
            "/world_model/journal",
            Tick::TYPE_NAME,
            &outrider_msgs::encode(&record).unwrap(),
            recorded_ns,
        );
    }
    feed.finish();
    feed.summaries().remove(0)
}

#[test]
fn a_message_that_is_lacking_in_the_last_second_was_under_way_at_the_end() {
    let told = summary_without_scan(760, false);
    assert_eq!((told.ready, told.stopped.as_str()), (759, ""), "{told:?}");
    assert!(told.at_end.contains("/scan that tick 760 consumed"), "{told:?}");
}

#[test]
fn a_message_that_is_lacking_before_the_last_second_stops_the_replay() {
    for (step, journals_late) in [(1, false), (1, true), (690, false), (690, true)] {
        let told = summary_without_scan(step, journals_late);
        assert_eq!((told.ready, told.at_end.as_str()), (step - 1, ""), "{told:?}");
        assert!(told.stopped.contains(&format!("/scan that tick {step} consumed")), "{told:?}");
    }
}

/// A second, ns.
const S: u64 = 1_000_000_000;

/// The records of 4,000 steps, each of which consumed a scan logged before it: topic, type, bytes, log time.
type Records = Vec<(&'static str, &'static str, Vec<u8>, u64)>;

fn info() -> NodeInfo {
    NodeInfo {
        node: NODE.into(),
        boot_id: 1,
        inputs: vec!["/scan".into(), "/map".into()],
        input_types: vec!["sensor_msgs/msg/LaserScan".into(), "nav_msgs/msg/Map".into()],
        outputs: vec!["/world_model".into(), "/tf".into(), "/latched".into()],
        output_types: ["outrider_msgs/msg/WorldModel", "tf2_msgs/msg/TFMessage", "outrider_msgs/msg/Grid"]
            .map(str::to_owned)
            .to_vec(),
        ..NodeInfo::default()
    }
}

fn records() -> Records {
    let mut records =
        vec![("/world_model/info", NodeInfo::TYPE_NAME, outrider_msgs::encode(&info()).unwrap(), 100 * S)];
    for tick in 1..=4000_u64 {
        let (at, scan) = (100 * S + tick * PERIOD_NS, tick.to_le_bytes());
        // Taken before the journal record of the step before: others have come between it and the step.
        records.push(("/scan", "sensor_msgs/msg/LaserScan", scan.to_vec(), at - PERIOD_NS - 1000));
        let input = TickInput { input: 0, digest: payload_digest(&scan), ..TickInput::default() };
        let monotonic = (tick * PERIOD_NS) as i64;
        let record =
            Tick { node: NODE.into(), boot_id: 1, tick, monotonic, inputs: vec![input], ..Tick::default() };
        records.push(("/world_model/journal", Tick::TYPE_NAME, outrider_msgs::encode(&record).unwrap(), at));
        records.push(("/world_model", "outrider_msgs/msg/WorldModel", b"world".to_vec(), at + 1000));
    }
    records.sort_by_key(|(.., at)| *at);
    records
}

/// What is said of the one run, and of the damage.
fn told(records: &Records) -> (RunSummary, Vec<String>) {
    let topics = records.iter().map(|(topic, type_name, ..)| (topic.to_string(), type_name.to_string()));
    let mut feed = Feed::new(Interest::of(&[], &[info()], &topics.collect()));
    for (topic, type_name, bytes, at) in records {
        add(&mut feed, topic, type_name, bytes, *at);
    }
    feed.finish();
    (feed.summaries().remove(0), feed.damage().to_vec())
}

/// From this log time on the recorder's clock is set by so much.
fn set_clock(records: &mut Records, from_ns: u64, by_ns: i64) {
    for (.., at) in records.iter_mut().filter(|(.., at)| *at >= from_ns) {
        *at = at.checked_add_signed(by_ns).unwrap();
    }
}

#[test]
fn a_recorder_whose_clock_is_set_is_replayed_all_the_same() {
    for by_s in [-90, -5, 60, 3600] {
        let mut records = records();
        set_clock(&mut records, 120 * S, by_s * S as i64);
        let (summary, damage) = told(&records);
        assert_eq!((summary.ready, summary.stopped.as_str(), damage.len()), (4000, "", 0), "{by_s}");
    }
}

#[test]
fn steps_that_are_out_of_order_by_log_time_are_put_in_order() {
    for (back_s, is_whole) in [(0.1, true), (4.0, true), (20.0, false)] {
        let mut records = records();
        set_clock(&mut records, 120 * S, -(back_s * 1e9) as i64);
        records.sort_by_key(|(.., at)| *at);
        let (summary, _) = told(&records);
        if is_whole {
            assert_eq!((summary.ready, summary.stopped.as_str()), (4000, ""), "{back_s}");
        } else {
            assert!(summary.stopped.contains("the recorder's clock was set back"), "{summary:?}");
        }
    }
}

#[test]
fn a_step_that_is_not_there_is_named() {
    let mut records = records();
    let journal = |record: &(&str, &str, Vec<u8>, u64)| record.0 == "/world_model/journal";
    let place = records.iter().enumerate().filter(|(_, r)| journal(r)).nth(1999).unwrap().0;
    records.remove(place);
    let (summary, _) = told(&records);
    assert!(summary.stopped.starts_with("tick 2000 is not in the bag"), "{summary:?}");
    assert_eq!((summary.ready, summary.ticks), (1999, 3999));
}

#[test]
fn a_bag_with_a_remapped_topic_is_replayed() {
    let mut records = records();
    for (topic, ..) in records.iter_mut().filter(|(topic, ..)| *topic == "/scan") {
        *topic = "/front/scan";
    }
    let (summary, damage) = told(&records);
    assert_eq!((summary.ready, summary.stopped.as_str(), damage.len()), (4000, "", 0));
}

#[test]
fn nodes_of_one_name_on_two_robots_are_told_apart() {
    let robot = |number: u64| NodeInfo {
        boot_id: number,
        outputs: vec![format!("/robot{number}/state")],
        output_types: vec!["outrider_msgs/msg/State".into()],
        inputs: Vec::new(),
        ..info()
    };
    // For so long each of the two journals goes on; what is said of each.
    for (lasts_s, wanted) in [
        ([10, 20], ["", ""]),
        ([20, 10], ["", ""]),
        ([5, 20], ["the journal ends 5.0 s before the node's outputs do (/robot1/state)", ""]),
    ] {
        let infos = [robot(1), robot(2)];
        let mut feed = Feed::new(Interest::of(&[], &infos, &BTreeSet::new()));
        for info in &infos {
            add(&mut feed, "/info", NodeInfo::TYPE_NAME, &outrider_msgs::encode(info).unwrap(), 0);
        }
        for s in 1..=20 {
            for ((info, last), ends) in infos.iter().zip(lasts_s).zip([lasts_s[0].max(10), lasts_s[1]]) {
                if s <= ends {
                    add(&mut feed, &info.outputs[0], "outrider_msgs/msg/State", b"x", s * S);
                }
                let tick = Tick { node: NODE.into(), boot_id: info.boot_id, tick: s, ..Tick::default() };
                if s <= last {
                    let bytes = outrider_msgs::encode(&tick).unwrap();
                    add(&mut feed, "/journal", Tick::TYPE_NAME, &bytes, s * S);
                }
            }
        }
        feed.finish();
        let said: Vec<String> = feed.summaries().into_iter().map(|summary| summary.stopped).collect();
        assert_eq!(said, wanted, "{lasts_s:?}");
    }
}

#[test]
fn a_journal_that_ends_before_the_nodes_outputs_is_told() {
    let without_journal_from = |from_ns: u64, also: &[&str]| {
        let mut records = records();
        let is_gone =
            |topic: &str, at| at >= from_ns && (topic == "/world_model/journal" || also.contains(&topic));
        records.retain(|(topic, _, _, at)| !is_gone(topic, *at));
        records
    };
    let (summary, _) = told(&without_journal_from(120 * S, &[]));
    assert_eq!(summary.stopped, "the journal ends 20.0 s before the node's outputs do (/world_model)");
    // What may have been under way when everything was shut down, and a node that ended before the others.
    assert_eq!(told(&without_journal_from(139 * S + S / 2, &[])).0.stopped, "");
    assert_eq!(told(&without_journal_from(120 * S, &["/world_model"])).0.stopped, "");
    // Others publish these too, or they are written again.
    let mut feed = Feed::new(Interest::of(&[], &[info()], &BTreeSet::new()));
    for (topic, type_name, bytes, at) in without_journal_from(120 * S, &["/world_model"]) {
        add(&mut feed, topic, type_name, &bytes, at);
    }
    add(&mut feed, "/tf", "tf2_msgs/msg/TFMessage", b"x", 140 * S);
    add_kept(&mut feed, ("/latched", "outrider_msgs/msg/Grid", 1), b"x", 140 * S);
    feed.finish();
    assert_eq!(feed.summaries()[0].stopped, "");
    // It was started again: what is there then is of the other run.
    let mut records = without_journal_from(120 * S, &[]);
    let again = NodeInfo { boot_id: 2, ..info() };
    records.push(("/world_model/info", NodeInfo::TYPE_NAME, outrider_msgs::encode(&again).unwrap(), 141 * S));
    assert_eq!(told(&records).0.stopped, "");
}

#[test]
fn copies_are_counted_apart_and_two_runs_with_one_id_are_told() {
    let twice = |records: &Records| records.iter().chain(records).cloned().collect::<Records>();
    let once = records();
    let (summary, damage) = told(&twice(&once));
    assert_eq!((summary.ticks, summary.copies, summary.ready, damage.len()), (4000, 4000, 4000, 0));
    let other = NodeInfo { build: "other".into(), ..info() };
    let mut both = once.clone();
    both.push(("/world_model/info", NodeInfo::TYPE_NAME, outrider_msgs::encode(&other).unwrap(), 141 * S));
    assert!(
        told(&both).1[0].starts_with("world_model (boot 0000000000000001): two runs with one id: its info")
    );
    let mut both = once;
    let tick = Tick { node: NODE.into(), boot_id: 1, tick: 7, ..Tick::default() };
    both.push(("/world_model/journal", Tick::TYPE_NAME, outrider_msgs::encode(&tick).unwrap(), 141 * S));
    assert!(told(&both).1[0].contains("two runs with one id: tick 7 is in its journal twice"));
}

#[test]
fn any_number_of_a_step_is_survived() {
    for number in [0, u64::MAX] {
        let mut records = records();
        let tick = Tick { node: NODE.into(), boot_id: 1, tick: number, ..Tick::default() };
        let bytes = outrider_msgs::encode(&tick).unwrap();
        records.push(("/world_model/journal", Tick::TYPE_NAME, bytes.clone(), 141 * S));
        records.push(("/world_model/journal", Tick::TYPE_NAME, bytes, 142 * S));
        assert_eq!(told(&records).0.ready, 4000);
    }
}

#[test]
fn latched_topics_are_bounded() {
    let grid = |i: u32| [&i.to_le_bytes()[..], &[0; 4 << 20]].concat();
    for topic in ["/global_costmap/costmap", "/map"] {
        let mut feed = Feed::new(Interest::of(&[], &[info()], &BTreeSet::new()));
        let mut most = 0;
        for i in 0..40 {
            let kept = (topic, "nav_msgs/msg/OccupancyGrid", 1000);
            add_kept(&mut feed, kept, &grid(i), 100 * S + u64::from(i) * S);
            most = most.max(feed.held_bytes);
        }
        // Those that nobody takes are not held; those of 10 s and of a late comer are.
        let limit = if topic == "/map" { LATCHED_LIMIT + 12 * (5 << 20) } else { 0 };
        assert!(most <= limit, "{topic}: {most}");
        assert_eq!(feed.overflowed(), 0);
    }
}

/// As of an emergency stop, which a shell hears from publishers of either kind.
#[test]
fn a_message_that_was_recorded_once_may_be_consumed_twice() {
    let mut feed = Feed::new(Interest::default());
    add(&mut feed, "/world_model/info", NodeInfo::TYPE_NAME, &outrider_msgs::encode(&info()).unwrap(), 0);
    let pressed = [0, 1, 0, 0, 1];
    add(&mut feed, "/scan", "sensor_msgs/msg/LaserScan", &pressed, PERIOD_NS);
    let input = || TickInput { input: 0, digest: payload_digest(&pressed), ..TickInput::default() };
    for (tick, inputs) in [(1, vec![input(), input()]), (2, vec![input()])] {
        let monotonic = (tick * PERIOD_NS) as i64;
        let record = Tick { node: NODE.into(), boot_id: 1, tick, monotonic, inputs, ..Tick::default() };
        let bytes = outrider_msgs::encode(&record).unwrap();
        add(&mut feed, "/world_model/journal", Tick::TYPE_NAME, &bytes, tick * PERIOD_NS);
    }
    feed.finish();
    let taken = std::iter::from_fn(|| feed.ready()).filter_map(|ready| match ready {
        Ready::Step { step, .. } => Some(step.inputs.len()),
        Ready::Start { .. } => None,
    });
    assert_eq!(taken.collect::<Vec<_>>(), [2, 1]);
    assert_eq!(feed.summaries()[0].stopped, "");
}
