//! The report over a made-up run whose numbers are known.

use super::example::{GATE_STOP_S, Made, WAIT_S, WHOLE, route_m, write};
use super::*;
use outrider_bags::{BagWriter, WriterOptions};
use std::path::Path;

fn summary_of(path: &Path) -> (Recording, RunSummary) {
    let recording = Recording::read(path).unwrap();
    let summary = RunSummary::new(&recording, 0.30);
    (recording, summary)
}

fn made(made: Made) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.mcap");
    write(&path, made);
    (dir, path)
}

fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}

#[test]
fn the_numbers_of_a_run_are_right() {
    let (_dir, path) = made(WHOLE);
    let (_, s) = summary_of(&path);
    assert!(s.reached(), "{:?}", s.goal);
    assert_eq!((s.goal.planner.as_str(), s.basis.as_str(), s.goal.goals), ("success", "truth", 1));
    near(s.driven_m, route_m(), 0.05);
    near(s.top_speed_mps, 0.9, 1e-9);
    assert_eq!(s.collisions, Some(0));
    assert_eq!(s.least_clearance.as_ref().unwrap().nearest, "walker");
    // Ages are 20 + (0 … 29) ms, sampled at every new scan.
    let ages = s.scan_to_command_ms.unwrap();
    near(ages.p50, 34.0, 1.1);
    near(ages.max, 49.0, 1e-3);
    // Of 760 scans 10 passed while disarmed and some 20 while stopping.
    assert!((725..=735).contains(&ages.count), "{}", ages.count);
    near(s.gate_mode_s["stopping"], GATE_STOP_S.1 - GATE_STOP_S.0, 0.02);
    near(s.gate_mode_s["disarmed"], 0.5, 0.02);
    near(s.assurance_mode_s["degraded"], 3.0, 0.05);
    assert_eq!((s.messages_lost, s.inputs_lost), (1, 4));
    let gate = s.topics.iter().find(|t| t.topic == "/gate/state").unwrap();
    assert_eq!((gate.lost, gate.count), (Some(1), 3799));
    near(gate.rate_hz, 100.0, 0.1);
    assert_eq!(s.topics.iter().find(|t| t.topic == "/map").unwrap().lost, None);
    let planner = s.nodes.iter().find(|n| n.node == "planner").unwrap();
    let us = planner.step_us.unwrap();
    assert_eq!((us.p50, us.p99, us.count, planner.starts), (147.0, 198.0, 950, 1));
    let gate = s.nodes.iter().find(|n| n.node == "gate").unwrap();
    assert_eq!((gate.inputs_lost, gate.inputs_refused, gate.health.as_str()), (Some(4), Some(2), "ok"));
    assert_eq!(s.notes, Vec::<String>::new());
}

#[test]
fn every_stop_has_its_reason() {
    let (_dir, path) = made(WHOLE);
    let (_, s) = summary_of(&path);
    assert_eq!(s.stops.len(), 2, "{:?}", s.stops);
    let (wait, stop) = (&s.stops[0], &s.stops[1]);
    assert_eq!((wait.kind, wait.reason.as_str()), (StopKind::Wait, "planner: person #3 at 1.2 m"));
    assert!(wait.t_s > WAIT_S.0 && wait.t_s + wait.duration_s < WAIT_S.1 + 0.2);
    assert_eq!((stop.kind, stop.mode.as_str()), (StopKind::Gate, "stopping"));
    assert_eq!(stop.reason, "no valid permit");
    assert_eq!(stop.because, "No scan for 0.31 s <the lidar> & its cable");
    near(stop.t_s, GATE_STOP_S.0, 0.02);
    near(stop.duration_s, 1.0, 0.02);
    near(stop.speed_mps, 0.9, 0.05);
    assert_eq!(s.interventions.len(), 1);
    assert_eq!((s.interventions[0].value, s.interventions[0].mode_after.as_str()), (Some(0.31), "degraded"));
}

#[test]
fn a_run_that_ends_on_the_way_has_not_reached_its_goal() {
    let (_dir, path) = made(Made { end_s: 15.0, ..WHOLE });
    let (_, s) = summary_of(&path);
    assert!(!s.reached());
    assert_eq!(s.goal.time_to_goal_s, None);
    assert!(s.goal.verdict.contains("m from the goal, 0.30 m are allowed"), "{}", s.goal.verdict);
    assert!(s.to_text().contains("NOT REACHED"));
}

#[test]
fn standing_beside_the_goal_is_not_reaching_it_whatever_the_planner_says() {
    let (_dir, path) = made(WHOLE);
    let mut recording = Recording::read(&path).unwrap();
    recording.goals[0].pose.x_m += 0.4;
    let s = RunSummary::new(&recording, 0.30);
    assert!(!s.reached() && s.goal.stood_s > 0.5 && s.goal.planner == "success");
    near(s.goal.distance_m.unwrap(), 0.4, 0.02);
    assert!(RunSummary::new(&recording, 0.45).reached());
    // Nor does the planner's failure go unheard.
    recording.decisions.last_mut().unwrap().status = outrider_msgs::outrider_msgs::Decision::FAILURE;
    assert!(!RunSummary::new(&recording, 0.45).reached());
}

#[test]
fn standing_at_the_goal_takes_half_a_second() {
    let (_dir, path) = made(WHOLE);
    let arrived_s = {
        let goal = summary_of(&path).1.goal;
        goal.given_s + goal.time_to_goal_s.unwrap()
    };
    let (_dir, path) = made(Made { end_s: arrived_s + 0.3, ..WHOLE });
    let (_, s) = summary_of(&path);
    assert!(!s.reached());
    assert!(s.goal.verdict.contains("stood only"), "{}", s.goal.verdict);
}

#[test]
fn a_real_robot_has_no_ground_truth() {
    let (_dir, path) = made(Made { truth: false, ..WHOLE });
    let (recording, s) = summary_of(&path);
    assert!(s.reached());
    assert_eq!((s.basis.as_str(), s.collisions, s.least_clearance.clone()), ("world_model", None, None));
    near(s.driven_m, route_m(), 0.05);
    assert_eq!(
        s.notes,
        ["no /sim/ground_truth in the bag: true way, clearance and collisions cannot be shown"]
    );
    let html = page::render(&recording, &s).unwrap();
    assert!(html.contains("no ground truth") && !html.contains("Clearance, true"));
    assert!(s.to_text().contains("clearance        not known: no ground truth"));
}

#[test]
fn the_page_needs_nothing_else_and_texts_cannot_break_it() {
    let (_dir, path) = made(WHOLE);
    let (recording, s) = summary_of(&path);
    let html = page::render(&recording, &s).unwrap();
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    // No address of any kind, but the inline image.
    for outside in ["http:", "https:", "//cdn", "<link", "src=", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("data:image/png;base64,").count(), 1);
    assert!(!html.contains("<the lidar>"));
    assert!(html.contains("&lt;the lidar&gt;") || html.contains("&#60;the lidar&#62;"));
    for part in ["Goal reached", "Speed [m/s]", "Clearance, true [m]", "time since the start of the bag [s]"]
    {
        assert!(html.contains(part), "{part}");
    }
    for word in ["NaN", "inf\"", "inf "] {
        assert!(!html.contains(&format!("{word}L")) && !html.contains(&format!("=\"{word}")), "{word}");
    }
}

#[test]
fn a_cut_bag_and_an_odd_one_still_give_a_report() {
    let (dir, path) = made(WHOLE);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (recording, s) = summary_of(&path);
    assert!(s.bag.recovered && !s.bag.damage.is_empty() && s.driven_m > 3.0);
    assert!(page::render(&recording, &s).unwrap().contains("no sound end"));
    // Only an unknown topic, and one whose messages are rubbish.
    let odd = dir.path().join("odd.mcap");
    let mut writer = BagWriter::create(&odd, &WriterOptions::default()).unwrap();
    let a = writer.add_channel("/x", "a_msgs/msg/B", "int32 b", "").unwrap();
    let b = writer.add_channel("/gate/state", "outrider_msgs/msg/GateState", "", "").unwrap();
    writer.write(a, 1, 5, 5, &[0, 1, 0, 0, 7]).unwrap();
    writer.write(b, 1, 5, 5, &[0, 1, 0, 0, 7]).unwrap();
    writer.finish().unwrap();
    let (recording, s) = summary_of(&odd);
    assert!(s.to_text().contains("goal             NONE"));
    assert!(s.to_text().contains("driven           0.0 m"));
    assert_eq!(s.goal.verdict, "no goal was given");
    assert!(s.notes.iter().any(|n| n.starts_with("/gate/state: 1 of 1 messages cannot be decoded")));
    assert!(page::render(&recording, &s).unwrap().contains("Not known: nothing of assurance"));
}

#[test]
fn files_and_exit_codes() {
    let (dir, path) = made(Made { end_s: 6.0, ..WHOLE });
    let args = |require_reached| Args {
        source: path.clone(),
        out: Some(dir.path().join("r.html")),
        baseline: None,
        policy: None,
        json: Some(dir.path().join("r.json")),
        tolerance: 0.30,
        require_reached,
    };
    assert_eq!(run(args(false)).unwrap(), ExitCode::SUCCESS);
    assert_eq!(run(args(true)).unwrap(), ExitCode::from(2));
    let json = fs::read_to_string(dir.path().join("r.json")).unwrap();
    let back: RunSummary = serde_json::from_str(&json).unwrap();
    assert_eq!(back.goal.planner, "running");
    let missing = Args { source: dir.path().join("none.mcap"), ..args(false) };
    assert!(run(missing).unwrap_err().to_string().contains("none.mcap: cannot open"));
    let empty = dir.path().join("empty.mcap");
    BagWriter::create(&empty, &WriterOptions::default()).unwrap().finish().unwrap();
    let error = run(Args { source: empty, ..args(false) }).unwrap_err().to_string();
    assert!(error.ends_with("there is no message in this bag"), "{error}");
    assert!(run(Args { tolerance: f64::NAN, ..args(false) }).is_err());
}

#[test]
fn belief_is_shown_beside_truth_at_the_moments_that_the_rules_pick() {
    let (_dir, path) = made(WHOLE);
    let recording = Recording::read(&path).unwrap();
    let pictures = belief::pictures(&recording);
    // The track is always as far off: the first time counts. It is never lost.
    assert_eq!(pictures.len(), 2);
    let nearest = recording.truth.iter().map(|t| t.clearance_m).fold(f64::INFINITY, f64::min) + 0.6;
    let said = format!("the nearest encounter of the run, walker {nearest:.2} m from the robot");
    assert!(pictures[0].caption.contains(&said), "{} {said}", pictures[0].caption);
    assert!(pictures[0].caption.contains("The robot believed itself 0.02 m and 0.0° from where it was"));
    // As seen from the robot, which is 0.02 m off itself: (0.03, -0.03).
    let row = &pictures[0].rows[0];
    assert_eq!(row[..5], ["3", "person 90 %", "confirmed", "walker", "0.042"].map(String::from));
    assert!(pictures[0].drawings[0].contains("<ellipse class=\"sure\""));
    // To scale: 17 m over 1028 px, and 2.45 standard deviations of 0.1 m.
    assert!(pictures[0].drawings[0].contains("rx=\"14.8\" ry=\"14.8\""), "{}", pictures[0].drawings[0]);
    let (_dir, path) = made(Made { truth: false, ..WHOLE });
    let recording = Recording::read(&path).unwrap();
    assert!(belief::pictures(&recording).is_empty());
    let html = page::render(&recording, &RunSummary::new(&recording, 0.3)).unwrap();
    assert!(!html.contains("What it believed beside what was true"));
}

#[test]
fn who_is_lost_is_shown_as_a_disc_that_holds_them_or_not() {
    use outrider_msgs::outrider_msgs as ours;
    let header = |sec| outrider_msgs::std_msgs::Header {
        stamp: outrider_msgs::builtin_interfaces::Time { sec, nanosec: 0 },
        frame_id: "odom".into(),
    };
    let picture = |x: f64| {
        let mut recording = Recording::default();
        let actor = ours::GroundTruthActor { name: "<anna>".into(), x, radius: 0.25, ..Default::default() };
        let truth = ours::GroundTruth { header: header(1), actors: vec![actor], ..Default::default() };
        let track = ours::Track {
            id: 4,
            state: ours::Track::REACHABLE,
            reachable: 1.5,
            age: 2.0,
            x: 3.0,
            ..Default::default()
        };
        let mut model = ours::WorldModel { header: header(1), tracks: vec![track], ..Default::default() };
        (model.local.header, model.local.resolution) = (header(1), 0.05);
        recording.glimpses.take_truth(0.0, &truth);
        recording.glimpses.take_model(0.0, &model);
        belief::pictures(&recording).remove(0)
    };
    let inside = picture(4.0);
    assert!(inside.caption.contains("is 1.00 m from there, within it"), "{}", inside.caption);
    assert!(inside.caption.contains("did not know its place on the map"));
    assert_eq!(inside.rows[0][2..5], ["only its reach is known", "<anna>", "within 1.50"].map(String::from));
    assert!(inside.drawings.iter().all(|d| d.contains("class=\"reach\"") && !d.contains("<anna>")));
    let outside = picture(5.0);
    assert!(outside.caption.contains("is 2.00 m from there, outside of it"), "{}", outside.caption);
    assert_eq!(outside.rows[0][3], "nobody within");
    assert!(outside.rows[1][3].starts_with("<anna> (5.0 m away)"));
}
