//! Forklifts, carts and doors: how they move, who sees them, what runs into them.

use crate::stage::{Stage, at, block, config};
use outrider_foundation::data::{Scan, TrueBody};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_sim::Output;

const FAR: Pose2 = Pose2::new(0.0, -50.0, 0.0);
const PERIOD_S: f64 = 0.005;

fn last_scan(all: &[Output]) -> &Scan {
    all.iter().rev().find_map(|o| if let Output::Scan(s) = o { Some(s) } else { None }).unwrap()
}

fn ahead_m(scan: &Scan) -> f64 {
    f64::from(scan.ranges_m[scan.ranges_m.len() / 2])
}

const PERFECT: &str = "events: [{at_s: 0, set: {lidar.noise_sigma_m: 0, lidar.dropout_probability: 0, \
    detector.miss_probability: 0, detector.false_alarm_probability: 0}}]\n";

#[test]
fn a_forklift_drives_its_way_within_its_limits() {
    let yaml =
        "actors: [{name: lift, kind: forklift, start: [0, 0], waypoints: [[6, 0], [6, 6]], speed_mps: 2.0}]";
    let truths = Stage::new("", yaml, FAR).truths(Twist2::ZERO, 20.0);
    let mut fastest = 0.0_f64;
    for pair in truths.windows(2) {
        let (a, b) = (&pair[0].actors[0], &pair[1].actors[0]);
        let turn = outrider_foundation::geometry::wrap_angle(b.pose.yaw_rad - a.pose.yaw_rad);
        assert!((b.v_mps - a.v_mps).abs() <= 0.8 * PERIOD_S + 1e-9, "{} {}", a.v_mps, b.v_mps);
        assert!(turn.abs() <= 0.8 * PERIOD_S + 1e-9, "{turn}");
        fastest = fastest.max(b.v_mps);
    }
    assert!(fastest > 1.6, "{fastest}");
    let end = at(truths.last().unwrap(), "lift");
    assert!(end.position().distance_m(Point2::new(6.0, 6.0)) < 0.35, "{end:?}");
    assert!(truths.last().unwrap().actors[0].v_mps < 0.01);
}

#[test]
fn a_forklift_is_seen_as_a_box_and_measured_as_one() {
    // Its flank is at y = 3 − 0.55 = 2.45; its front at x = 1.1.
    let yaml = format!(
        "{PERFECT}actors: [{{name: lift, kind: forklift, start: [0, 3], yaw_rad: 0}}, \
                        {{name: cart, kind: cart, start: [-6, 0], yaw_rad: 0}}]"
    );
    let start = Pose2::new(0.0, 0.0, std::f64::consts::FRAC_PI_2);
    let mut stage = Stage::new("", &yaml, start);
    let all = stage.drive(Twist2::ZERO, 0.5);
    // The lidar sits 0.1 m ahead of the base, the outline's front 0.35 m.
    assert!((ahead_m(last_scan(&all)) - 2.35).abs() < 1e-4, "{}", ahead_m(last_scan(&all)));
    let truth = stage.sim.truth();
    assert!((truth.clearance_m - 2.1).abs() < 1e-4 && truth.nearest == "lift", "{truth:?}");
    let mut sets = all.iter().filter_map(|o| if let Output::Detections(d) = o { Some(d) } else { None });
    let set = sets.next_back().unwrap();
    let class = |i: usize| {
        let p = &set.detections[i].class_probabilities;
        let best = (0..p.len()).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
        set.class_labels[best].clone()
    };
    assert_eq!((set.detections.len(), class(0), class(1)), (2, "forklift".into(), "other".into()));
}

#[test]
fn forks_are_too_low_for_the_lidar_and_not_for_the_robot() {
    let size = "{length_m: 2, width_m: 1, height_m: 2, forks_m: 1, accel_mps2: 1, turn_radps: 1}";
    let yaml = format!(
        "{PERFECT}actors: [{{name: lift, kind: forklift, start: [5, 0], yaw_rad: 3.14159265, vehicle: {size}}}]"
    );
    let mut stage = Stage::new("", &yaml, Pose2::IDENTITY);
    let all = stage.drive(Twist2::ZERO, 0.2);
    assert!((ahead_m(last_scan(&all)) - 3.9).abs() < 1e-3, "{}", ahead_m(last_scan(&all)));
    let truth = stage.sim.truth();
    assert!((truth.clearance_m - 2.65).abs() < 1e-3, "{}", truth.clearance_m);
    // The truth tells its shape, and the clearance is that to the shape: its forks' tips are at x = 5 - 1 - 1.
    assert_eq!(truth.actors[0].body, Some(TrueBody { length_m: 2.0, width_m: 1.0, forks_m: 1.0 }));
    let corners = truth.actors[0].body.unwrap().corners();
    let x_m = corners.iter().map(|c| truth.actors[0].pose.apply(*c).x_m).fold(f64::INFINITY, f64::min);
    assert!((x_m - 0.35 - truth.clearance_m).abs() < 1e-3, "{x_m}");
}

#[test]
fn a_vehicle_stops_for_what_is_in_its_lane_and_a_blind_one_does_not() {
    let drive = |behaviour: &str| {
        let yaml = format!(
            "actors: [{{name: cart, kind: cart, start: [6, 0], waypoints: [[-6, 0]], behaviour: {behaviour}}}]"
        );
        let mut stage = Stage::new("", &yaml, Pose2::IDENTITY);
        let truths = stage.truths(Twist2::ZERO, 12.0);
        let last = truths.last().unwrap();
        (last.collisions, last.clearance_m, at(last, "cart").x_m)
    };
    let (collisions, clearance_m, x) = drive("yields");
    assert!(collisions == 0 && clearance_m > 0.5 && x > 1.0, "{collisions} {clearance_m} {x}");
    let (collisions, _, x) = drive("blind");
    assert!(collisions == 1 && x < 1.2 && x > 0.5, "{collisions} {x}");
}

#[test]
fn people_keep_off_a_forklift() {
    let yaml = "actors: [{name: lift, kind: forklift, start: [6, 0], waypoints: [[-8, 0]], behaviour: blind}, \
                {name: ann, start: [-4, 0.2], waypoints: [[8, 0.2]]}]";
    let truths = Stage::new("", yaml, FAR).truths(Twist2::ZERO, 14.0);
    for t in &truths {
        let local = at(t, "lift").inverse().apply(at(t, "ann").position());
        let gap = libm::hypot((local.x_m.abs() - 1.1).max(0.0), (local.y_m.abs() - 0.55).max(0.0)) - 0.25;
        assert!(gap > 0.0, "{gap} at {:?}", at(t, "ann"));
    }
    assert!(at(truths.last().unwrap(), "ann").x_m > 7.0);
}

#[test]
fn doors_open_and_close_at_their_times_and_the_lidar_sees_them() {
    // A closed panel across the way at x = 2, from y = −1 to 1.
    let infinity = f64::INFINITY;
    for (kind, open_m) in [("hinged, swing_rad: -1.5707963", infinity), ("sliding", infinity)] {
        let yaml = format!(
            "{PERFECT}doors: [{{name: gate, kind: {kind}, hinge: [2, -1], yaw_rad: 1.5707963, width_m: 2, travel_s: 1, \
             schedule: [{{at_s: 1, open: true}}, {{at_s: 3, open: false}}], every_s: 6}}]"
        );
        let mut stage = Stage::new("", &yaml, Pose2::IDENTITY);
        // How far the lidar sees, and whether the panel of the truth is across the way.
        let mut seen = |for_s: f64| {
            let range_m = ahead_m(last_scan(&stage.drive(Twist2::ZERO, for_s)));
            let truth = stage.sim.truth();
            let [door] = truth.doors.as_slice() else { panic!("{:?}", truth.doors) };
            let y_m = door.corners().into_iter().map(|c| door.pose.apply(c).y_m);
            (range_m, door.name == "gate" && y_m.fold(f64::NEG_INFINITY, f64::max) > 0.9)
        };
        let is_closed = |(range_m, across): (f64, bool)| (range_m - 1.87).abs() < 1e-3 && across;
        // Nothing within reach is infinitely far.
        let is_open = |(range_m, across): (f64, bool)| range_m.total_cmp(&open_m).is_eq() && !across;
        assert!(is_closed(seen(0.9)));
        assert!(is_open(seen(1.6)), "{kind}, open at 2.5 s");
        assert!(is_closed(seen(2.0)), "closed again at 4.5 s");
        assert!(is_open(seen(4.0)), "open in the next round at 8.5 s");
    }
}

#[test]
fn a_closed_door_is_run_into_and_named() {
    let yaml = "doors: [{name: gate, hinge: [2, -1], yaw_rad: 1.5707963, width_m: 2}]";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    let truths = stage.truths(Twist2::new(0.8, 0.0), 5.0);
    let last = truths.last().unwrap();
    assert_eq!((last.collisions, last.nearest.as_str(), last.actors.len()), (1, "gate", 0));
    assert!((last.pose.x_m - (2.0 - 0.03 - 0.35)).abs() < 0.01, "{last:?}");
}

#[test]
fn a_door_opens_for_who_comes_and_waits_for_who_stands_in_it() {
    let door = |forces: bool| {
        format!(
            "doors: [{{name: gate, kind: sliding, hinge: [2, -1], yaw_rad: 1.5707963, width_m: 2, travel_s: 1, \
             opens_within_m: 1.6, closes_after_s: 1, forces: {forces}}}]"
        )
    };
    let mut stage = Stage::new("", &door(false), Pose2::new(-1.0, 0.0, 0.0));
    let truths = stage.truths(Twist2::new(0.5, 0.0), 14.0);
    assert_eq!(truths.last().unwrap().collisions, 0);
    assert!(truths.last().unwrap().pose.x_m > 5.0, "through it: {:?}", truths.last());
    // One that closes by the clock on a robot that stands in it: it waits, or it does not.
    let clocked = |forces: bool| {
        let yaml = format!(
            "doors: [{{name: gate, kind: sliding, hinge: [0, -1], yaw_rad: 1.5707963, width_m: 2, open: true, \
             schedule: [{{at_s: 1, open: false}}], forces: {forces}}}]"
        );
        let mut stage = Stage::new("", &yaml, Pose2::IDENTITY);
        stage.truths(Twist2::ZERO, 6.0).last().unwrap().collisions
    };
    assert_eq!((clocked(false), clocked(true)), (0, 1));
}

#[test]
fn people_wait_at_a_closed_door_and_go_through_when_it_opens() {
    let yaml = "doors: [{name: gate, kind: sliding, hinge: [2, -1], yaw_rad: 1.5707963, width_m: 2, travel_s: 1, \
                schedule: [{at_s: 6, open: true}]}]\n\
                actors: [{name: ann, start: [0, 0], waypoints: [[5, 0]]}]";
    let walls = block("left", 2.0, 3.5, 0.1, 5.0) + &block("right", 2.0, -4.5, 0.1, 7.0);
    let truths = Stage::new(&walls, yaml, FAR).truths(Twist2::ZERO, 14.0);
    for t in &truths {
        let x = at(t, "ann").x_m;
        assert!(t.stamp.as_s() > 6.0 || x < 1.73, "{x} at {}", t.stamp.as_s());
    }
    assert!(at(truths.last().unwrap(), "ann").x_m > 4.5, "{:?}", truths.last());
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let wall = block("wall", 2.0, 0.0, 0.2, 4.0);
    let refusal = |yaml: &str| Stage::refusal(&wall, yaml);
    let text = refusal("actors: [{name: lift, kind: forklift, start: [1, 0], yaw_rad: 0}]");
    assert!(text.starts_with("`lift`: its body at (1, 0) m, 0 rad is in a wall"), "{text}");
    let text = refusal("actors: [{name: lift, kind: forklift, start: [-3, 0], waypoints: [[5, 0]]}]");
    assert_eq!(text, "`lift`: its way from (-3, 0) to (5, 0) m leads through wall");
    let text = refusal("actors: [{name: lift, kind: cart, members: 2, start: [-3, 0]}]");
    assert_eq!(text, "`lift`: members: only people come in groups");
    let text =
        refusal("actors: [{name: lift, kind: cart, person: {radius_m: 0.3, height_m: 1.7}, start: [-3, 0]}]");
    assert_eq!(text, "`lift`: person: `kind` is no person; `vehicle` is for its size");
    let door = |more: &str| {
        refusal(&format!("doors: [{{name: gate, hinge: [-3, 0], yaw_rad: 0, width_m: 1, {more}}}]"))
    };
    for (more, expected) in [
        (
            "opens_within_m: 2, schedule: [{at_s: 1, open: true}]",
            "`gate`: schedule: `opens_within_m` stands in the place of a schedule",
        ),
        ("every_s: 5", "`gate`: every_s: there is no `schedule` that would begin anew"),
        (
            "every_s: 5, schedule: [{at_s: 1, open: true}, {at_s: 7, open: false}]",
            "`gate`: every_s: the step at 7 s never comes: the schedule begins anew every 5 s",
        ),
        ("kind: sliding, swing_rad: 1.0", "`gate`: swing_rad: a sliding door does not swing"),
    ] {
        assert_eq!(door(more), expected);
    }
    let names = |door: &str| {
        let rest = "hinge: [-3, 0], yaw_rad: 0, width_m: 1";
        refusal(&format!("actors: [{{name: ann, start: [-3, 3]}}]\ndoors: [{{name: {door}, {rest}}}]"))
    };
    assert_eq!(names("wall"), "`wall`: name: a model of the world has it already");
    assert_eq!(names("ann"), "`ann`: name: it is taken already by somebody else or a door");
}

/// Across the way at x = 4, shut.
const SHUT: &str = "doors: [{name: gate, kind: sliding, hinge: [4, -2], yaw_rad: 1.5707963, width_m: 4}]\n";

#[test]
fn a_forklift_stops_at_a_shut_door() {
    let lift = "actors: [{name: lift, kind: forklift, start: [0, 0], waypoints: [[9, 0]], \
                vehicle: {length_m: 2.2, width_m: 1.1, height_m: 2.1, forks_m: 1.0, accel_mps2: 0.8, turn_radps: 0.8}}]\n";
    let through = |yaml: &str| {
        let truths = Stage::new("", yaml, FAR).truths(Twist2::ZERO, 12.0);
        at(truths.last().unwrap(), "lift").x_m
    };
    // Its forks reach 2.1 m ahead of its middle, the panel is 6 cm thick.
    let x_m = through(&(lift.to_owned() + SHUT));
    assert!(x_m < 4.0 - 0.03 - 2.1 + 1e-9 && x_m > 1.7, "{x_m}");
    let opens = SHUT.replace("width_m: 4", "width_m: 4, schedule: [{at_s: 2, open: true}]");
    assert!(through(&(lift.to_owned() + &opens)) > 8.5);
}

#[test]
fn a_door_waits_for_a_cart() {
    let closes = |forces: bool| {
        let yaml = format!(
            "doors: [{{name: gate, kind: sliding, hinge: [4, -2], yaw_rad: 1.5707963, width_m: 4, open: true, \
             schedule: [{{at_s: 1, open: false}}], forces: {forces}}}]\n\
             actors: [{{name: cart, kind: cart, start: [4, 0], yaw_rad: 0}}]"
        );
        let truths = Stage::new("", &yaml, FAR).truths(Twist2::ZERO, 6.0);
        truths.last().unwrap().doors[0].pose.y_m
    };
    // Shut it reaches from −2 to 2; the cart's flank is at −0.35.
    assert!(closes(false) + 2.0 < -0.35 && closes(false) + 2.0 > -0.5, "{}", closes(false));
    assert!((closes(true) - 0.0).abs() < 1e-9);
}

#[test]
fn forks_stop_at_the_robot() {
    let yaml = "actors: [{name: lift, kind: forklift, start: [6, 0], waypoints: [[0.5, 0]], behaviour: blind, \
                vehicle: {length_m: 2.2, width_m: 1.1, height_m: 2.1, forks_m: 1.5, accel_mps2: 0.8, turn_radps: 0.8}}]";
    let truths = Stage::new("", yaml, Pose2::IDENTITY).truths(Twist2::ZERO, 12.0);
    let last = truths.last().unwrap();
    // The robot's front is at 0.35 m, the forks reach 2.6 m ahead of the middle.
    let x_m = at(last, "lift").x_m;
    assert!((x_m - (0.35 + 2.6)).abs() < 0.02, "{x_m}");
}

#[test]
fn nobody_appears_in_the_robot() {
    for kind in ["person", "cart"] {
        let yaml =
            format!("actors: [{{name: a, kind: {kind}, start: [1, 0], waypoints: [[1, 5]], appears: true}}]");
        let mut stage = Stage::new("", &yaml, Pose2::new(1.0, 0.0, 0.0));
        let truths = stage.truths(Twist2::ZERO, 2.0);
        assert!(truths.iter().all(|t| t.collisions == 0 && at(t, "a").x_m.abs() > 1000.0), "{kind} waits");
        let truths = stage.truths(Twist2::new(0.8, 0.0), 6.0);
        let last = truths.last().unwrap();
        assert!(last.collisions == 0 && (at(last, "a").x_m - 1.0).abs() < 0.5, "{kind}: {last:?}");
    }
}

#[test]
fn nobody_appears_in_somebody() {
    let comes = |kind: &str| {
        format!("{{name: b, kind: {kind}, start: [5.05, 2], appears: true, begins: {{at_s: 0.5}}}}")
    };
    for (there, kind) in [("person", "person"), ("person", "forklift"), ("cart", "person"), ("cart", "cart")]
    {
        let stays = format!("{{name: a, kind: {there}, start: [5, 2]}}");
        let truths =
            Stage::new("", &format!("actors: [{stays}, {}]", comes(kind)), FAR).truths(Twist2::ZERO, 2.0);
        assert!(at(truths.last().unwrap(), "b").x_m.abs() > 1000.0, "{kind} on {there}");
        // Once the place is free it is there.
        let goes =
            format!("{{name: a, kind: {there}, start: [5, 2], waypoints: [[5, 9]], begins: {{at_s: 1}}}}");
        let truths =
            Stage::new("", &format!("actors: [{goes}, {}]", comes(kind)), FAR).truths(Twist2::ZERO, 9.0);
        assert!((at(truths.last().unwrap(), "b").x_m - 5.05).abs() < 1.0, "{kind} after {there}");
    }
}

/// Every member of a group needs a place, and so do two who appear at the same time.
#[test]
fn all_who_appear_need_a_place() {
    let appears = |name: &str, more: &str| {
        format!("{{name: {name}, {more}, start: [5, 2], yaw_rad: 0, appears: true, begins: {{at_s: 0.5}}}}")
    };
    let there = |actors: &[String], name: &str| {
        let truths =
            Stage::new("", &format!("actors: [{}]", actors.join(", ")), FAR).truths(Twist2::ZERO, 2.0);
        at(truths.last().unwrap(), name).x_m.abs() < 1000.0
    };
    // Members stand side by side, 0.65 m apart: one on either side of the start.
    for y in [2.325, 1.675, 4.0] {
        let stays = format!("{{name: ann, start: [5, {y}]}}");
        assert_eq!(there(&[stays, appears("tour", "members: 2")], "tour_1"), y > 3.0, "{y}");
    }
    for kind in ["kind: person", "kind: cart"] {
        let both = [appears("a", kind), appears("b", kind)];
        assert!(there(&both, "a") && !there(&both, "b"), "{kind}");
    }
}

/// The tip of a panel comes into a corner while it goes away from the middle.
#[test]
fn a_hinged_door_waits_wherever_it_would_touch() {
    for (hinge, yaw, width, swing) in
        [("[0.611, -1.251]", 2.476, 1.054, -1.545), ("[-0.161, -0.343]", -2.756, 1.308, -1.137)]
    {
        let yaml = format!(
            "doors: [{{name: d, hinge: {hinge}, yaw_rad: {yaw}, width_m: {width}, swing_rad: {swing}, travel_s: 3, \
             schedule: [{{at_s: 1, open: true}}]}}]"
        );
        let truths = Stage::new("", &yaml, Pose2::IDENTITY).truths(Twist2::ZERO, 6.0);
        let last = truths.last().unwrap();
        assert_eq!(last.collisions, 0, "{hinge}: {last:?}");
    }
}

#[test]
fn what_is_hidden_is_not_detected() {
    let detections = |width: f64| {
        let yaml = format!("{PERFECT}actors: [{{name: lift, kind: forklift, start: [6, 0], yaw_rad: 0}}]");
        let mut stage = Stage::new(&block("shelf", 4.0, 0.0, 0.2, width), &yaml, Pose2::IDENTITY);
        let all = stage.drive(Twist2::ZERO, 1.0);
        let sets = all.iter().filter_map(|o| if let Output::Detections(d) = o { Some(d) } else { None });
        sets.map(|set| set.detections.len()).sum::<usize>()
    };
    // Its near corners are 0.55 m to either side at 4.9 m: in the shadow of a shelf 0.44 m to either side at 3.9 m.
    assert_eq!(detections(1.4), 0);
    assert!(detections(0.6) > 5);
}

#[test]
fn starts_in_one_another_are_refused() {
    let cart = |name: &str, x: f64| format!("{{name: {name}, kind: cart, start: [{x}, 0], yaw_rad: 0}}");
    let refusal = |actors: &str, more: &str| Stage::refusal("", &format!("actors: [{actors}]\n{more}"));
    let two = refusal(&format!("{}, {}", cart("one", 0.0), cart("two", 1.0)), "");
    assert_eq!(two, "`two`: starts where one is");
    let on_it = refusal(&format!("{{name: ann, start: [0.3, 0.4]}}, {}", cart("one", 0.0)), "");
    assert_eq!(on_it, "`one`: starts where ann is");
    for actor in ["{name: ann, start: [4, 1]}".to_owned(), cart("ann", 4.2)] {
        assert_eq!(refusal(&actor, SHUT), "`ann`: starts where gate is");
    }
    // Side by side, and one who is not there yet.
    let later = "{name: ann, start: [0, 0], appears: true}";
    let apart = format!("actors: [{}, {}, {later}]", cart("one", 0.0), cart("two", 1.3));
    assert!(Stage::try_new("", &apart, FAR, 1).is_ok());
}

#[test]
fn a_way_without_room_to_turn_is_refused() {
    let walls = block("wall", 2.0, -1.2, 12.0, 0.4);
    let lift = |x: f64| {
        format!("actors: [{{name: lift, kind: forklift, start: [{x}, 0], waypoints: [[4, -0.3], [4, 6]]}}]")
    };
    let along = "actors: [{name: lift, kind: forklift, start: [-2, -0.3], waypoints: [[4, -0.3], [4, 6]]}]";
    let text = Stage::refusal(&walls, along);
    assert!(text.starts_with("`lift`: there is no room for its body on its way: at (3."), "{text}");
    // With room it gets there, and so does what goes round in circles.
    let room = block("wall", 2.0, -3.0, 12.0, 0.4);
    assert!(Stage::try_new(&room, &lift(-2.0), FAR, 1).is_ok());
    let round = "actors: [{name: lift, kind: forklift, start: [0, 0], waypoints: [[6, 0, 100], [6, 4], [0, 4]], loops: true}]";
    assert!(Stage::try_new(&room, round, FAR, 1).is_ok());
}

#[test]
fn keys_that_do_nothing_are_refused() {
    for (keys, expected) in [
        ("leaves: true", "leaves: there are no `waypoints` that it would reach"),
        (
            "loops: true, waypoints: [[1, 1], [1, 1, 3]]",
            "loops: there are no two `waypoints` in different places",
        ),
        (
            "behaviour: hostile, leaves: true, waypoints: [[1, 1]]",
            "leaves: who is `hostile` follows no `waypoints`",
        ),
    ] {
        let text = Stage::refusal("", &format!("actors: [{{name: ann, start: [0, 0], {keys}}}]"));
        assert_eq!(text, format!("`ann`: {expected}"));
    }
    let text =
        Stage::refusal("", "doors: [{name: gate, hinge: [0, 0], yaw_rad: 0, width_m: 1, swing_rad: 0}]");
    assert_eq!(text, "`gate`: swing_rad: 0: a hinged door that does not swing never opens");
}

/// Who is touched by a forklift can drive off; into it he cannot.
#[test]
fn the_robot_backs_off_from_what_has_come_up_to_it() {
    let yaml =
        "actors: [{name: lift, kind: forklift, behaviour: blind, start: [4, 0], waypoints: [[-4, 0]]}]\n";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    // Forks and all are at the robot by then, and it has not moved.
    let touched = stage.truths(Twist2::ZERO, 8.0).pop().unwrap();
    assert!(touched.clearance_m < 1e-3 && touched.nearest == "lift", "{touched:?}");
    let x_m = |truths: Vec<outrider_foundation::data::GroundTruth>| truths.last().unwrap().pose.x_m;
    let pushed = x_m(stage.truths(Twist2::new(0.5, 0.0), 1.0));
    assert!(pushed < 2e-3, "{pushed}");
    let free = x_m(stage.truths(Twist2::new(-0.5, 0.0), 2.0));
    assert!(free < -0.3, "{free}");
}

/// At the height of the forks a lidar sees these, and below a vehicle's body nothing.
#[test]
fn a_lidar_sees_what_is_at_its_height() {
    let size = "{length_m: 2, width_m: 1, height_m: 2, forks_m: 1, accel_mps2: 1, turn_radps: 1}";
    let yaml = format!(
        "{PERFECT}actors: [{{name: lift, kind: forklift, start: [5, 0], yaw_rad: 3.14159265, vehicle: {size}}}]"
    );
    for (height_m, nearest_m) in [(0.2, 3.9), (0.1, 2.9), (0.045, 2.9), (0.03, 100.0)] {
        let mut config = config(&yaml);
        config.lidar.height_m = height_m;
        let mut stage = Stage::of(config, "", Pose2::IDENTITY, 1).unwrap();
        let seen_m = ahead_m(last_scan(&stage.drive(Twist2::ZERO, 0.2)));
        assert!((seen_m.min(100.0) - nearest_m).abs() < 1e-3, "{height_m}: {seen_m}");
    }
}

/// What the body is driven over is not near, whether it moves or not.
#[test]
fn forks_below_the_body_do_not_count() {
    let size = "{length_m: 2, width_m: 1, height_m: 2, forks_m: 1, accel_mps2: 1, turn_radps: 1}";
    let yaml = format!(
        "actors: [{{name: lift, kind: forklift, start: [3, 0], yaw_rad: 3.14159265, vehicle: {size}}}]"
    );
    for (ground_m, clearance_m) in [(0.2, 1.65), (0.02, 0.65)] {
        let mut config = config(&yaml);
        config.body.ground_clearance_m = ground_m;
        let truth = Stage::of(config, "", Pose2::IDENTITY, 1).unwrap().sim.truth();
        assert!((truth.clearance_m - clearance_m).abs() < 1e-3, "{}", truth.clearance_m);
    }
}
