//! Faults that hold at the same time, from the first moment on, or nowhere: each does what the scenario says, or is refused.

use outrider_evaluation::short_drive;
use outrider_msgs::outrider_msgs::GroundTruth;
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::std_msgs::Bool;
use outrider_suite::drive::drive;

/// A message: when, from whom, on what.
struct Seen {
    at_s: f64,
    from: String,
    boot_id: u64,
    topic: String,
    bytes: Vec<u8>,
}

/// What is published in the first seconds of a drive with these faults.
fn driven(limit_s: f64, faults: &[&str]) -> Result<Vec<Seen>, String> {
    let dir = tempfile::tempdir().unwrap();
    let files = short_drive(dir.path(), limit_s).unwrap();
    let path = files.scenario.clone().unwrap();
    let lines: String = faults.iter().map(|fault| format!("  - {fault}\n")).collect();
    if !faults.is_empty() {
        let text = std::fs::read_to_string(&path).unwrap() + "faults:\n" + &lines;
        std::fs::write(&path, text).unwrap();
    }
    let mut all = Vec::new();
    let start = outrider_suite::lockstep::START.mono;
    let see = &mut |o: &outrider_suite::lockstep::Observed<'_>| {
        if !o.altered && !o.topic.name.ends_with("journal") {
            let (from, topic) = (o.from.to_owned(), o.topic.name.clone());
            let at_s = o.now.mono.since(start).as_s();
            all.push(Seen { at_s, from, boot_id: o.boot_id, topic, bytes: o.bytes.to_vec() });
        }
    };
    drive(&files, see, &mut |_| {}).map_err(|e| e.to_string())?;
    Ok(all)
}

/// When a node published anything, s.
fn times_of(all: &[Seen], node: &str) -> Vec<f64> {
    all.iter().filter(|s| s.from == node).map(|s| s.at_s).collect()
}

/// Bit for bit: what did not come back is no number.
fn ranges(scan: &LaserScan) -> Vec<u32> {
    scan.ranges.iter().map(|range| range.to_bits()).collect()
}

fn any_within(times: &[f64], from_s: f64, to_s: f64) -> bool {
    times.iter().any(|t| (from_s..to_s).contains(t))
}

#[test]
fn a_button_that_is_pressed_twice_is_released_once() {
    let all = driven(
        2.5,
        &["{at_s: 0.5, for_s: 1.5, what: e_stop_pressed}", "{at_s: 0.7, for_s: 0.3, what: e_stop_pressed}"],
    );
    let all = all.unwrap();
    // At the start it is said that nobody presses it.
    let by_hand = all.iter().filter(|s| s.topic == "e_stop" && s.from.is_empty() && s.at_s > 0.1);
    let pressed: Vec<(f64, bool)> =
        by_hand.map(|s| (s.at_s, outrider_msgs::decode::<Bool>(&s.bytes).unwrap().data)).collect();
    assert_eq!(pressed.len(), 2, "{pressed:?}");
    assert!((pressed[0].0 - 0.5).abs() < 0.02 && pressed[0].1, "{pressed:?}");
    assert!((pressed[1].0 - 2.0).abs() < 0.02 && !pressed[1].1, "{pressed:?}");
}

/// What the operator said of the button, and the last truth.
fn pressed_and_speed(all: &[Seen]) -> (Vec<bool>, f64) {
    let told = all.iter().filter(|s| s.topic == "e_stop" && s.from.is_empty());
    let told = told.map(|s| outrider_msgs::decode::<Bool>(&s.bytes).unwrap().data).collect();
    let truth = all.iter().rev().find(|s| s.topic == "sim/ground_truth").unwrap();
    (told, outrider_msgs::decode::<GroundTruth>(&truth.bytes).unwrap().v)
}

/// Whoever arms does not pull it, from the first moment on, and not when a gate that was killed asks anew.
#[test]
fn a_pressed_button_stays_pressed_whoever_arms() {
    let (told, v) = pressed_and_speed(&driven(3.0, &["{at_s: 0.0, what: e_stop_pressed}"]).unwrap());
    assert!(!told.is_empty() && told.iter().all(|pressed| *pressed) && v.abs() < 0.01, "{told:?} {v}");
    let kills = "{at_s: 2.0, for_s: 0.3, what: {node_killed: gate}}";
    let (told, v) = pressed_and_speed(&driven(5.0, &["{at_s: 1.5, what: e_stop_pressed}", kills]).unwrap());
    let after = told.iter().skip_while(|pressed| !**pressed).collect::<Vec<_>>();
    assert!(after.len() > 1 && after.iter().all(|pressed| **pressed) && v.abs() < 0.01, "{told:?} {v}");
    // Released, it drives.
    let (_, v) =
        pressed_and_speed(&driven(8.0, &["{at_s: 0.0, for_s: 1.0, what: e_stop_pressed}", kills]).unwrap());
    assert!(v > 0.3, "{v}");
}

/// A wire that loses the map loses it for a node that starts anew as well.
#[test]
fn what_is_kept_for_late_comers_comes_over_the_wire() {
    let maps = |more: &[&str]| {
        let killed = "{at_s: 0.5, for_s: 0.2, what: {node_killed: world_model}}";
        let all = driven(2.0, &[&[killed], more].concat()).unwrap();
        all.iter().filter(|s| s.topic == "world_model/global_grid" && s.at_s > 0.6).count()
    };
    assert!(maps(&[]) > 0);
    assert_eq!(maps(&["{at_s: 0.4, what: {drop: {topic: map, to: world_model}}}"]), 0);
    assert_eq!(maps(&["{at_s: 0.4, what: {partition: [sim]}}"]), 0);
}

#[test]
fn a_fault_that_ends_as_the_next_begins_hands_over() {
    let kill = |at_s: f64, for_s: f64| {
        format!("{{at_s: {at_s}, for_s: {for_s}, what: {{node_killed: world_model}}}}")
    };
    for faults in [[kill(0.5, 0.3), kill(0.8, 0.4)], [kill(0.8, 0.4), kill(0.5, 0.3)]] {
        let all = driven(2.0, &faults.each_ref().map(String::as_str)).unwrap();
        let times = times_of(&all, "world_model");
        assert!(!any_within(&times, 0.51, 1.19) && any_within(&times, 1.2, 2.0), "{times:?}");
    }
    // 0.1 + 0.2 s are 0.3 s, whatever their sum is in binary.
    let all = driven(0.5, &["{at_s: 0.1, for_s: 0.2, what: {silent: scan}}"]).unwrap();
    let scans: Vec<f64> = all.iter().filter(|s| s.topic == "scan").map(|s| s.at_s).collect();
    assert!(any_within(&scans, 0.299, 0.302), "{scans:?}");
}

/// A clock stands where it is, also when it is ahead, and goes on as it was meanwhile.
#[test]
fn a_clock_stands_at_what_it_shows() {
    let stamps = |faults: &[&str]| {
        let all = driven(3.0, faults).unwrap();
        let alive = all.into_iter().filter(|s| s.topic == "world_model/alive");
        let shown = |s: Seen| {
            let header: outrider_msgs::std_msgs::Header = outrider_msgs::decode(&s.bytes).unwrap();
            let start_s = outrider_suite::lockstep::START.ros.as_s();
            (s.at_s, f64::from(header.stamp.sec) + 1e-9 * f64::from(header.stamp.nanosec) - start_s)
        };
        alive.map(shown).collect::<Vec<_>>()
    };
    let all = stamps(&[
        "{at_s: 0.5, for_s: 2.0, what: {clock_jump: {node: world_model, by_s: 100.0}}}",
        "{at_s: 1.0, for_s: 0.5, what: {clock_stands: world_model}}",
    ]);
    let ahead = |from_s: f64, to_s: f64, by: &dyn Fn(f64) -> f64| {
        let within: Vec<_> = all.iter().filter(|(at_s, _)| (from_s..to_s).contains(at_s)).collect();
        assert!(!within.is_empty());
        assert!(within.iter().all(|(at_s, shown)| (shown - by(*at_s)).abs() < 0.06), "{within:?}");
    };
    ahead(0.1, 0.45, &|at_s| at_s);
    ahead(0.6, 0.95, &|at_s| at_s + 100.0);
    ahead(1.05, 1.45, &|_| 101.0);
    ahead(1.6, 2.4, &|at_s| at_s + 100.0);
    ahead(2.6, 3.0, &|at_s| at_s);
}

#[test]
fn the_gravest_fault_of_a_process_holds_until_its_own_end() {
    let node = |what: &str, at_s: f64, for_s: f64| format!("{{at_s: {at_s}, for_s: {for_s}, what: {what}}}");
    let starved = "{node_starved: {node: assurance, every_s: 0.2}}";
    let frozen = [
        node("{node_frozen: assurance}", 0.5, 1.5),
        node(starved, 0.7, 0.3),
        node("{node_frozen: assurance}", 1.2, 0.2),
    ];
    let all = driven(3.0, &frozen.each_ref().map(String::as_str)).unwrap();
    let times = times_of(&all, "assurance");
    assert!(any_within(&times, 0.0, 0.5) && any_within(&times, 2.0, 3.0));
    assert!(!any_within(&times, 0.51, 1.99), "{times:?}");
    let killed = [
        node("{node_killed: world_model}", 0.5, 1.0),
        node("{node_killed: world_model}", 0.7, 0.2),
        node("{node_frozen: world_model}", 1.2, 1.0),
    ];
    let all = driven(3.0, &killed.each_ref().map(String::as_str)).unwrap();
    let times = times_of(&all, "world_model");
    assert!(any_within(&times, 0.0, 0.5) && any_within(&times, 2.2, 3.0));
    // Back at 1.5 s it says who it is, and is frozen at once.
    assert!(!any_within(&times, 0.51, 1.49) && !any_within(&times, 1.52, 2.19), "{times:?}");
    let mut boots: Vec<u64> = all.iter().filter(|s| s.from == "world_model").map(|s| s.boot_id).collect();
    boots.dedup();
    assert_eq!(boots.len(), 2, "killed once: {boots:?}");
}

#[test]
fn a_sensor_may_be_frozen_from_its_first_message_and_silent_meanwhile() {
    let faults = ["{at_s: 0.0, what: {frozen: scan}}", "{at_s: 0.5, for_s: 0.5, what: {silent: scan}}"];
    let all = driven(1.5, &faults).unwrap();
    let scans: Vec<(f64, LaserScan)> = all
        .iter()
        .filter(|s| s.topic == "scan")
        .map(|s| (s.at_s, outrider_msgs::decode(&s.bytes).unwrap()))
        .collect();
    assert!(scans.len() > 15);
    let first = &scans[0].1;
    assert!(scans.iter().all(|(_, scan)| ranges(scan) == ranges(first)), "the first again and again");
    assert!(scans.windows(2).all(|w| w[0].1.header.stamp != w[1].1.header.stamp), "as if new");
    let times: Vec<f64> = scans.iter().map(|s| s.0).collect();
    assert!(!any_within(&times, 0.51, 0.99) && any_within(&times, 1.0, 1.5), "{times:?}");
    // Without the fault no two are the same.
    let sound = driven(0.5, &[]).unwrap();
    let scans: Vec<LaserScan> = sound
        .iter()
        .filter(|s| s.topic == "scan")
        .map(|s| outrider_msgs::decode(&s.bytes).unwrap())
        .collect();
    assert!(scans.len() > 5 && scans.windows(2).all(|w| ranges(&w[0]) != ranges(&w[1])));
}

#[test]
fn a_fault_that_can_strike_nothing_is_refused() {
    for fault in [
        "{at_s: 0.1, what: {drop: {topic: cmd_vel, from: world_model}}}",
        "{at_s: 0.1, what: {drop: {topic: scan, to: gate}}}",
        "{at_s: 0.1, what: {drop: {topic: cmd_vel, from: gate, to: gate}}}",
    ] {
        let error = driven(0.5, &["{at_s: 0.1, what: {drop: {topic: scan}}}", fault]).err().unwrap();
        let place =
            error.split_once("short.yaml: line ").and_then(|(_, rest)| rest.split_once(": faults[1]: "));
        let line = place.and_then(|(line, _)| line.parse::<usize>().ok());
        assert!(line.is_some_and(|line| line > 5), "with its line: {error}");
        assert!(error.contains("no node sends such messages"), "{error}");
    }
    let error = driven(0.5, &["{at_s: 0.5, what: {silent: scan}}"]).err().unwrap();
    assert!(error.contains("faults[0]: at_s: 0.5 is not before time_limit_s, 0.5"), "{error}");
}
