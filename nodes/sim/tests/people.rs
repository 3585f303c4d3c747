//! People with a behaviour: they arrive, keep off walls, each other and the robot, and do the same every time.

use crate::stage::{Stage, at, block, world};
use outrider_foundation::data::{GroundTruth, TrueActor};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_sim::{Outline, World};
use proptest::prelude::*;

const FAR: Pose2 = Pose2::new(0.0, -50.0, 0.0);

fn overlaps(truth: &GroundTruth) -> Option<String> {
    let all = &truth.actors;
    let touches = |a: &TrueActor, b: &TrueActor| {
        a.pose.position().distance_m(b.pose.position()) < a.radius_m + b.radius_m - 1e-6
    };
    let pairs = all.iter().enumerate().flat_map(|(i, a)| all.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| touches(a, b)).map(|(a, b)| format!("{} in {}", a.name, b.name))
}

/// Distance of a point from an outline; zero inside.
fn distance_m(outline: &Outline, p: Point2) -> f64 {
    match outline {
        Outline::Disc { centre, radius_m } => (centre.distance_m(p) - radius_m).max(0.0),
        Outline::Polygon(corners) => {
            let sides: Vec<_> = outrider_foundation::geometry::sides(corners).collect();
            let left = |(a, b): &(Point2, Point2)| {
                (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m) > 0.0
            };
            if sides.iter().all(left) {
                return 0.0;
            }
            let square =
                |(a, b): &(Point2, Point2)| outrider_foundation::geometry::segment_distance_sq(*a, *b, p);
            sides.iter().map(square).fold(f64::INFINITY, f64::min).sqrt()
        }
    }
}

#[test]
fn a_ring_of_people_who_change_sides_arrives_without_a_touch() {
    let mut yaml = String::from("actors:\n");
    for i in 0..8 {
        let (s, c) = libm::sincos(std::f64::consts::TAU * f64::from(i) / 8.0);
        let (x, y) = (4.0 * c, 4.0 * s);
        yaml += &format!("  - {{name: p{i}, start: [{x}, {y}], waypoints: [[{}, {}]]}}\n", -x, -y);
    }
    let truths = Stage::new("", &yaml, FAR).truths(Twist2::ZERO, 20.0);
    for t in &truths {
        assert_eq!(overlaps(t), None);
    }
    let last = truths.last().unwrap();
    for i in 0..8 {
        let (s, c) = libm::sincos(std::f64::consts::TAU * f64::from(i) / 8.0);
        let end = at(last, &format!("p{i}")).position();
        assert!(end.distance_m(Point2::new(-4.0 * c, -4.0 * s)) < 0.4, "p{i} ends at {end:?}");
    }
    // And they did walk at their own pace: nobody is there in half the time that it takes.
    let early = &truths[truths.len() / 8];
    assert!(at(early, "p0").position().distance_m(Point2::new(-4.0, 0.0)) > 3.0);
}

#[test]
fn a_group_keeps_together_and_arrives() {
    let yaml =
        "actors: [{name: visitors, members: 3, start: [0, 0], waypoints: [[8, 0], [8, 6]], speed_mps: 1.0}]";
    let truths = Stage::new(&block("pillar", 4.0, 0.9, 0.6, 0.6), yaml, FAR).truths(Twist2::ZERO, 20.0);
    let names = ["visitors_1", "visitors_2", "visitors_3"];
    for t in &truths {
        assert_eq!(overlaps(t), None);
        let spread = names.iter().flat_map(|a| names.iter().map(move |b| (a, b)));
        let spread = spread.map(|(a, b)| at(t, a).position().distance_m(at(t, b).position()));
        assert!(spread.fold(0.0, f64::max) < 3.0, "{t:?}");
    }
    for name in names {
        assert!(at(truths.last().unwrap(), name).position().distance_m(Point2::new(8.0, 6.0)) < 1.5);
    }
}

#[test]
fn who_sees_the_robot_walks_round_it_and_who_does_not_runs_into_it() {
    let walker = |behaviour: &str| {
        format!("actors: [{{name: ann, start: [4, 0], waypoints: [[-4, 0]], behaviour: {behaviour}}}]")
    };
    let drive = |behaviour: &str| {
        let mut stage = Stage::new("", &walker(behaviour), Pose2::IDENTITY);
        let truths = stage.truths(Twist2::ZERO, 12.0);
        let least = truths.iter().map(|t| t.clearance_m).fold(f64::INFINITY, f64::min);
        let last = truths.last().unwrap().clone();
        (least, last.collisions, at(&last, "ann").x_m)
    };
    let (least, collisions, x) = drive("yields");
    assert!(least > 0.04 && collisions == 0 && x < -3.5, "{least} {collisions} {x}");
    let (least, collisions, x) = drive("blind");
    assert!(least <= 0.0 && collisions == 1 && x > 0.5, "{least} {collisions} {x}");
}

#[test]
fn the_hostile_come_after_the_robot() {
    let yaml = "actors: [{name: joe, start: [3, 3], behaviour: hostile, speed_mps: 1.5, begins: {at_s: 1}}]";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    let truths = stage.truths(Twist2::new(-0.3, 0.0), 10.0);
    assert!(at(&truths[190], "joe") == at(&truths[0], "joe"), "waits for its time");
    // The robot backs off, and he comes again.
    assert!(truths.last().unwrap().collisions >= 1);
    assert_eq!(truths.last().unwrap().nearest, "joe");
}

#[test]
fn somebody_steps_out_when_the_robot_comes() {
    let yaml = "actors: [{name: ann, start: [4, 2], waypoints: [[4, -3]], leaves: true, appears: true, \
                begins: {at_s: 0.5, robot_within_m: 3.0, of: [4, 0]}}]";
    let mut stage = Stage::new(&block("shelf", 2.0, 1.0, 3.0, 0.5), yaml, Pose2::IDENTITY);
    let truths = stage.truths(Twist2::new(0.5, 0.0), 12.0);
    for t in &truths {
        let ann = at(t, "ann");
        if t.pose.x_m < 0.98 {
            assert!(ann.x_m > 1000.0, "not there yet: {ann:?}");
        } else if t.pose.x_m > 1.1 && t.pose.x_m < 1.3 {
            assert!(ann.position().distance_m(Point2::new(4.0, 2.0)) < 1.0, "{ann:?}");
        }
    }
    assert!(at(truths.last().unwrap(), "ann").x_m > 1000.0, "gone again");
}

#[test]
fn waypoints_are_waited_at_and_gone_round_again() {
    let yaml =
        "actors: [{name: ann, start: [0, 0], waypoints: [[3, 0, 4], [0, 0]], loops: true, speed_mps: 1.0}]";
    let truths = Stage::new("", yaml, FAR).truths(Twist2::ZERO, 24.0);
    let x = |s: f64| at(&truths[(s * 200.0) as usize], "ann").x_m;
    assert!(
        x(4.5) > 2.6 && x(7.0) > 2.6 && x(11.0) < 1.0 && x(15.5) > 2.6,
        "{} {} {} {}",
        x(4.5),
        x(7.0),
        x(11.0),
        x(15.5)
    );
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let wall = block("wall", 2.0, 0.0, 0.2, 4.0);
    let refusal = |actor: &str| Stage::refusal(&wall, &format!("actors: [{actor}]"));
    let text = refusal("{name: ann, start: [2, 1]}");
    assert_eq!(text, "`ann`: its start (2, 1) m is in wall");
    let text = refusal("{name: ann, start: [0, 0], waypoints: [[0, 3], [4, 1]]}");
    assert_eq!(text, "`ann`: its way from (0, 3) to (4, 1) m leads through wall");
    let models = wall.clone() + &block("south", 0.0, -1.0, 10.0, 0.2);
    let text = Stage::refusal(&models, "actors: [{name: tour, members: 8, start: [1.5, 0], yaw_rad: 1.57}]");
    assert!(text.starts_with("`tour`: no room for 8 at (1.5, 0) m"), "{text}");
    let text = refusal("{name: ann, start: [0, 0]}, {name: bob, start: [0.3, 0.3]}");
    assert_eq!(text, "`bob`: starts where ann is");
    let names = "{name: ann, start: [0, 0]}, {name: ann, start: [0, 2]}";
    assert!(refusal(names).contains("actors: the name `ann` is taken twice"), "{}", refusal(names));
    let names = "{name: a, members: 2, start: [0, 0]}, {name: a_1, start: [0, 3]}";
    assert_eq!(refusal(names), "`a_1`: name: it is taken already by somebody else or a door");
    for (keys, expected) in [
        (
            "vehicle: {length_m: 1, width_m: 1, height_m: 1, accel_mps2: 1, turn_radps: 1}",
            "`ann`: vehicle: `kind` is a person; `person` is for its size",
        ),
        (
            "waypoints: [[0, 3]], loops: true, leaves: true",
            "`ann`: leaves: with `loops` it never reaches a last waypoint",
        ),
        ("loops: true", "`ann`: loops: there are no two `waypoints` in different places"),
        (
            "begins: {of: [1, 1]}",
            "`ann`: of: `begins` has no `robot_within_m` that would be reckoned from there",
        ),
    ] {
        assert_eq!(refusal(&format!("{{name: ann, start: [0, 0], {keys}}}")), expected);
    }
    let crowd: String =
        (0..9).map(|i| format!("{{name: g{i}, members: 8, start: [{}, 5]}},", -9 * i)).collect();
    assert!(refusal(&crowd).contains("actors: 72 of them, more than the limit of 64"), "{}", refusal(&crowd));
}

/// One who follows a script goes to and fro where a crowd wants to cross: he may walk into them, and they do not step into him.
#[test]
fn nobody_steps_into_who_follows_a_script() {
    let script = "<actor name='post'><script><trajectory id='0' type='t'><waypoint><time>0</time><pose>-2 0 0 0 0 0</pose>\
                  </waypoint><waypoint><time>3</time><pose>2 0.3 0 0 0 0</pose></waypoint><waypoint><time>6</time>\
                  <pose>-2 0 0 0 0 0</pose></waypoint></trajectory></script></actor>";
    let walkers = (0..10).map(|i| {
        let (s, c) = libm::sincos(f64::from(i) * std::f64::consts::TAU / 10.0);
        format!(
            "{{name: p{i}, start: [{}, {}], waypoints: [[{}, {}]]}}",
            3.0 * c,
            3.0 * s,
            -3.0 * c,
            -3.0 * s
        )
    });
    let yaml = format!("actors: [{}]", walkers.collect::<Vec<_>>().join(", "));
    let truths = Stage::new(script, &yaml, FAR).truths(Twist2::ZERO, 12.0);
    let mut met = 0;
    for pair in truths.windows(2) {
        let post = at(&pair[1], "post").position();
        for (before, after) in pair[0].actors.iter().zip(&pair[1].actors).filter(|(a, _)| a.name != "post") {
            let [before_m, after_m] = [before, after].map(|a| a.pose.position().distance_m(post));
            met += usize::from(after_m < 2.0 * after.radius_m);
            let deeper = after_m < 2.0 * after.radius_m && after_m < before_m - 1e-12;
            assert!(!deeper, "{}: {before_m} to {after_m}", after.name);
        }
    }
    assert!(met > 0, "he walks into nobody");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Nobody walks through walls or each other, whatever the crowd; and the same seed gives the same walk.
    #[test]
    fn nobody_walks_through_anything(
        people in prop::collection::vec(((-6.0..6.0f64, -4.0..4.0f64), (-6.0..6.0f64, -4.0..4.0f64), 0.4..1.8f64), 2..12),
    ) {
        let models: String = [
            block("shelf_a", -2.0, 0.0, 1.0, 5.0), block("shelf_b", 2.0, 1.0, 3.0, 0.8), block("shelf_c", 3.0, -2.0, 0.6, 2.0),
            block("north", 0.0, 5.0, 14.0, 0.2), block("south", 0.0, -5.0, 14.0, 0.2),
        ].concat();
        let outlines = World::load(&world(&models)).unwrap().outlines(1.0);
        let free = |p: (f64, f64)| outlines.iter().all(|o| distance_m(o, Point2::new(p.0, p.1)) > 0.3);
        let mut yaml = String::from("actors:\n");
        let mut taken: Vec<Point2> = Vec::new();
        let mut count = 0;
        for (i, (start, to, speed)) in people.iter().enumerate() {
            let s = Point2::new(start.0, start.1);
            if !free(*start) || taken.iter().any(|t| t.distance_m(s) < 0.6) {
                continue;
            }
            let line = format!(
                "  - {{name: p{i}, start: [{}, {}], waypoints: [[{}, {}], [{}, {}]], loops: true, speed_mps: {speed}}}\n",
                start.0, start.1, to.0, to.1, start.0, start.1
            );
            // Those whose way leads through a shelf are refused, which is another test.
            if Stage::try_new(&models, &format!("actors:\n{line}"), FAR, 1).is_ok() {
                (yaml, count) = (yaml + &line, count + 1);
                taken.push(s);
            }
        }
        prop_assume!(count >= 2);
        let truths = Stage::new(&models, &yaml, FAR).truths(Twist2::ZERO, 8.0);
        let again = Stage::new(&models, &yaml, FAR).truths(Twist2::ZERO, 8.0);
        prop_assert_eq!(format!("{:?}", truths), format!("{:?}", again));
        for t in &truths {
            prop_assert_eq!(overlaps(t), None);
            for a in &t.actors {
                let near = outlines.iter().map(|o| distance_m(o, a.pose.position())).fold(f64::INFINITY, f64::min);
                prop_assert!(near > a.radius_m - 1e-6, "{} is {near} m from a wall", a.name);
            }
        }
    }
}

/// The truth tells a speed along where somebody looks, however slowly they walk.
#[test]
fn who_walks_slowly_looks_where_they_go() {
    let slow = "actors: [{name: slow, start: [0, 0], yaw_rad: 0.0, waypoints: [[0, 5]], speed_mps: 0.08}]";
    let truths = Stage::new("", slow, FAR).truths(Twist2::ZERO, 3.0);
    let (begin, end) = (&truths[200], truths.last().unwrap());
    let walked_m = at(end, "slow").y_m - at(begin, "slow").y_m;
    let told = |t: &GroundTruth| t.actors[0].v_mps * libm::sin(t.actors[0].pose.yaw_rad) / 200.0;
    let told_m: f64 = truths[200..truths.len() - 1].iter().map(told).sum();
    assert!(walked_m > 0.1 && (walked_m - told_m).abs() < 0.002, "{walked_m} m walked, {told_m} m told");
}
