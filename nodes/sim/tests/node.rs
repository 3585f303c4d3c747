//! The simulator as a node: driving, contact, time, determinism.

use outrider_foundation::data::{CommandVelocity, GroundTruth};
use outrider_foundation::robot::example::amr;
use outrider_foundation::{
    Instant, Node, Now, Outbox, Pose2, Robot, RobotDescription, Span, Stamp, Stamped, Twist2,
};
use outrider_sim::{Config, Input, Output, SimError, SimNode};

const WAREHOUSE: &str = include_str!("../../../config/worlds/warehouse.sdf");
const CONFIG: &str = include_str!("../../../config/sim.yaml");
const ROBOT: &str = include_str!("../../../config/robot.yaml");
const START: Pose2 = Pose2::new(-8.9, -4.3, 0.0);
/// Not zero on either clock, so that mixing them up shows.
const MONO: i64 = 5_000_000_000;
const ROS: i64 = 1_700_000_000_000_000_000;

fn config() -> Config {
    outrider_yaml::from_str_valid(CONFIG).unwrap()
}

fn robot() -> Robot {
    let description: RobotDescription = outrider_yaml::from_str(ROBOT).unwrap();
    Robot::new(description).unwrap()
}

fn world(body: &str) -> String {
    format!("<sdf version='1.9'><world name='w'>{body}</world></sdf>")
}

/// A wall whose near face is at x = 2.
fn wall() -> String {
    world(
        "<model name='wall'><static>true</static><pose>2.5 0 0.5 0 0 0</pose><link name='l'><collision name='c'>\
         <geometry><box><size>1 8 1</size></box></geometry></collision></link></model>",
    )
}

struct Bench {
    sim: SimNode,
    now_ns: i64,
}

impl Bench {
    fn new(sdf: &str, start: Pose2, seed: u64) -> Self {
        Self::with(config(), sdf, start, seed)
    }

    fn with(config: Config, sdf: &str, start: Pose2, seed: u64) -> Self {
        Self { sim: SimNode::new(config, &robot(), sdf, start, seed).unwrap(), now_ns: 0 }
    }

    fn now(&self) -> Now {
        Now { mono: Instant::from_nanos(MONO + self.now_ns), ros: Stamp::from_nanos(ROS + self.now_ns) }
    }

    fn step(&mut self, inputs: &[Input]) -> Vec<Output> {
        let now = self.now();
        let inputs: Vec<_> =
            inputs.iter().map(|i| Stamped { received: now.mono, value: i.clone() }).collect();
        let mut out = Outbox::new(100_000);
        self.sim.step(now, &inputs, &mut out);
        assert_eq!(out.dropped(), 0);
        out.drain().collect()
    }

    /// Sends a command every 10 ms for so many of them.
    fn drive(&mut self, twist: Twist2, commands: usize) -> Vec<Output> {
        let mut all = Vec::new();
        for _ in 0..commands {
            all.extend(self.step(&[velocity(twist)]));
            self.now_ns += 10_000_000;
        }
        all
    }
}

fn velocity(twist: Twist2) -> Input {
    Input::Velocity(CommandVelocity { stamp: Stamp::default(), twist })
}

fn count(all: &[Output], which: fn(&Output) -> bool) -> usize {
    all.iter().filter(|o| which(o)).count()
}

#[test]
fn everything_comes_at_its_rate_and_in_ros_time() {
    let mut bench = Bench::new(WAREHOUSE, START, 1);
    assert_eq!(bench.sim.next_wakeup(), Some(Instant::default()));
    let mut all = bench.drive(Twist2::new(0.5, 0.1), 100);
    all.extend(bench.step(&[]));
    assert_eq!(bench.sim.next_wakeup(), Some(Instant::from_nanos(MONO + 1_005_000_000)));
    // One second, both ends included.
    assert_eq!(count(&all, |o| matches!(o, Output::Scan(_))), 21);
    assert_eq!(count(&all, |o| matches!(o, Output::Odometry(_))), 51);
    assert_eq!(count(&all, |o| matches!(o, Output::Imu(_))), 51);
    assert_eq!(count(&all, |o| matches!(o, Output::Truth(_))), 21);
    assert_eq!(count(&all, |o| matches!(o, Output::Map(_))), 1);
    assert_eq!(count(&all, |o| matches!(o, Output::StaticTransforms(_))), 1);
    // Pictures at 0.0 to 0.9 s, 80 ms late.
    assert_eq!(count(&all, |o| matches!(o, Output::Detections(_))), 10);
    let transforms = all.iter().filter_map(|o| if let Output::Transforms(t) = o { Some(t) } else { None });
    assert_eq!(transforms.clone().count(), 51);
    assert_eq!(transforms.flatten().filter(|t| t.parent == "map").count(), 11);
    let stamps: Vec<i64> = all
        .iter()
        .filter_map(|o| if let Output::Scan(s) = o { Some(s.stamp.nanos() - ROS) } else { None })
        .collect();
    assert_eq!(stamps, (0..21).map(|i| i * 50_000_000).collect::<Vec<_>>());
    let Some(Output::Scan(scan)) = all.iter().find(|o| matches!(o, Output::Scan(_))) else { panic!() };
    assert!(scan.frame == "laser" && scan.ranges_m.len() == 720);
    // Ahead of the start along the aisle the first thing is the dividing wall's near face, at x = 1.9.
    let ahead = f64::from(scan.ranges_m[360]) + START.x_m + 0.1;
    assert!((ahead - 1.9).abs() < 0.06, "{ahead}");
    let Some(Output::Truth(last)) = all.last() else { panic!() };
    assert_eq!((last.sequence, last.stamp.nanos()), (21, ROS + 1_000_000_000));
}

#[test]
fn what_the_robot_goes_without_is_not_published() {
    use outrider_sim::Absent;
    let of = |absent: Vec<Absent>| {
        let mut bench = Bench::with(Config { absent, ..config() }, WAREHOUSE, START, 1);
        let all = bench.drive(Twist2::new(0.5, 0.1), 100);
        let localised =
            |o: &Output| matches!(o, Output::Transforms(t) if t.iter().any(|t| t.child == "odom"));
        let maps = count(&all, |o| matches!(o, Output::Map(_)));
        let detections = count(&all, |o| matches!(o, Output::Detections(_)));
        (count(&all, localised) > 0, maps > 0, detections > 0)
    };
    assert_eq!(of(vec![]), (true, true, true));
    assert_eq!(of(vec![Absent::Localiser]), (false, true, true));
    assert_eq!(of(vec![Absent::Map, Absent::Detector]), (true, false, false));
}

#[test]
fn a_straight_drive_follows_the_arithmetic() {
    let mut bench = Bench::new(&world(""), Pose2::IDENTITY, 1);
    bench.drive(Twist2::new(0.5, 0.0), 200);
    bench.step(&[]);
    let truth = bench.sim.truth();
    // 2 s at 0.5 m/s, less half the 0.5 s of acceleration and the dead time: 0.5 · (2 − 0.25 − 0.02). The lag hides
    // behind the limited acceleration.
    assert!((truth.pose.x_m - 0.865).abs() < 0.002, "{}", truth.pose.x_m);
    assert!((truth.twist.v_mps - 0.5).abs() < 1e-9 && truth.pose.y_m.abs() < 1e-12);
    assert_eq!((truth.clearance_m, truth.nearest.as_str()), (SimNode::CLEARANCE_LIMIT_M, ""));
    // Silence: after the timeout it brakes to a standstill.
    bench.now_ns += 2_000_000_000;
    bench.step(&[]);
    assert!(bench.sim.truth().twist.v_mps.abs() < 1e-6);
}

#[test]
fn what_cannot_be_read_stops_and_is_counted() {
    let mut bench = Bench::new(&world(""), Pose2::IDENTITY, 1);
    bench.drive(Twist2::new(0.5, 0.0), 100);
    bench.drive(Twist2::new(f64::NAN, 0.0), 80);
    assert!(bench.sim.truth().twist.v_mps.abs() < 1e-6);
    assert_eq!(bench.sim.counters().refused_commands, 80);
    bench.drive(Twist2::new(0.5, 0.0), 100);
    let rejected = Input::Rejected { topic: "/cmd_vel".into(), reason: "short".into() };
    bench.step(&[rejected]);
    bench.now_ns += 450_000_000;
    bench.step(&[]);
    assert!(bench.sim.truth().twist.v_mps < 0.1, "{:?}", bench.sim.truth().twist);
    assert_eq!(bench.sim.counters().rejected_inputs, 1);
    assert!(bench.sim.truth().pose.is_finite());
}

#[test]
fn a_wall_stops_the_robot_and_counts_once() {
    let mut bench = Bench::new(&wall(), Pose2::IDENTITY, 1);
    bench.drive(Twist2::new(0.8, 0.0), 100);
    let before = bench.sim.truth();
    assert!((before.clearance_m - (2.0 - 0.35 - before.pose.x_m)).abs() < 1e-4, "{before:?}");
    assert_eq!((before.nearest.as_str(), before.collisions), ("wall", 0));
    bench.drive(Twist2::new(0.8, 0.0), 300);
    let hit = bench.sim.truth();
    assert_eq!((hit.collisions, hit.nearest.as_str(), hit.twist), (1, "wall", Twist2::ZERO));
    assert!(hit.clearance_m <= 0.0 && hit.pose.x_m <= 1.65 && hit.pose.x_m > 1.64, "{hit:?}");
    // Letting go and pushing again in contact is the same contact; backing off and coming again is another.
    bench.drive(Twist2::ZERO, 50);
    bench.drive(Twist2::new(0.2, 0.0), 50);
    assert_eq!(bench.sim.truth().collisions, 1);
    bench.drive(Twist2::new(-0.3, 0.0), 200);
    assert!(bench.sim.truth().clearance_m > 0.3);
    bench.drive(Twist2::new(0.8, 0.0), 300);
    assert_eq!(bench.sim.truth().collisions, 2);
}

/// Each thing counts, and each is let go by itself.
#[test]
fn a_second_wall_counts_while_the_first_is_near() {
    let block = |name: &str, pose: &str, size: &str| {
        format!(
            "<model name='{name}'><static>true</static><pose>{pose} 0.5 0 0 0</pose><link name='l'><collision name='c'>\
             <geometry><box><size>{size} 1</size></box></geometry></collision></link></model>"
        )
    };
    // 5 mm beside the robot, and half a metre before it.
    let (beside, across) = (block("beside", "0 -0.755", "20 1"), block("across", "1.35 2", "1 8"));
    let mut bench = Bench::new(&world(&(beside + &across)), Pose2::IDENTITY, 1);
    bench.drive(Twist2::new(0.0, -0.3), 100);
    assert_eq!((bench.sim.truth().collisions, bench.sim.truth().nearest.as_str()), (1, "beside"));
    let is_askew = |bench: &Bench| bench.sim.truth().pose.yaw_rad < -0.001;
    (0..500).for_each(|_| drop(is_askew(&bench).then(|| bench.drive(Twist2::new(0.0, 0.05), 1))));
    bench.drive(Twist2::ZERO, 50);
    bench.drive(Twist2::new(0.4, 0.0), 300);
    let hit = bench.sim.truth();
    assert_eq!((hit.collisions, hit.nearest.as_str()), (2, "across"), "{hit:?}");
    bench.drive(Twist2::new(-0.3, 0.0), 100);
    let back = bench.sim.truth();
    assert!((0.0..0.01).contains(&back.clearance_m) && back.nearest == "beside", "{back:?}");
    bench.drive(Twist2::new(0.4, 0.0), 300);
    assert_eq!(bench.sim.truth().collisions, 3);
}

const ANN: &str = "<actor name='ann'><script><loop>false</loop><trajectory id='0' type='walk'>\
     <waypoint><time>0</time><pose>0 3 0 0 0 0</pose></waypoint>\
     <waypoint><time>6</time><pose>0 -3 0 0 0 0</pose></waypoint></trajectory></script></actor>";

fn truths(outputs: Vec<Output>) -> Vec<GroundTruth> {
    outputs.into_iter().filter_map(|o| if let Output::Truth(t) = o { Some(t) } else { None }).collect()
}

#[test]
fn a_blind_person_who_runs_into_the_robot_counts() {
    let mut config = config();
    config.person.waits_within_m = 0.0;
    let mut bench = Bench::with(config, &world(ANN), Pose2::IDENTITY, 1);
    let truths = truths(bench.drive(Twist2::ZERO, 620));
    for t in &truths {
        let [ann] = t.actors.as_slice() else { panic!() };
        let expected = (ann.pose.y_m.abs() - 0.25 - 0.25).max(0.0);
        assert!((t.clearance_m - expected).abs() < 2e-3, "{t:?}");
        assert_eq!(t.nearest, "ann");
    }
    assert_eq!(truths.last().map(|t| t.collisions), Some(1));
}

#[test]
fn a_person_waits_for_a_robot_in_the_way_and_goes_on_when_it_has_gone() {
    let mut bench = Bench::new(&world(ANN), Pose2::IDENTITY, 1);
    let waiting = truths(bench.drive(Twist2::ZERO, 620));
    let (least, last) = (waiting.iter().map(|t| t.clearance_m), waiting.last().unwrap());
    assert!((least.fold(f64::INFINITY, f64::min) - 0.5).abs() < 0.01, "{last:?}");
    assert_eq!((last.collisions, last.actors[0].v_mps), (0, 0.0));
    let after = truths(bench.drive(Twist2::new(0.5, 0.0), 1200));
    assert!((after.last().unwrap().actors[0].pose.y_m + 3.0).abs() < 1e-6, "arrives in the end");
    assert_eq!(after.last().unwrap().collisions, 0);
}

#[test]
fn the_published_frames_lead_back_to_the_truth() {
    let mut bench = Bench::new(WAREHOUSE, START, 3);
    let all = bench.drive(Twist2::new(0.4, 0.2), 600);
    let mut odom_from_base = Pose2::IDENTITY;
    let mut checked = 0;
    let mut truths = all.iter().filter_map(|o| if let Output::Truth(t) = o { Some(t) } else { None });
    for o in &all {
        let Output::Transforms(transforms) = o else { continue };
        for t in transforms {
            if t.parent == "odom" {
                odom_from_base = t.parent_from_child;
                continue;
            }
            let Some(truth) = truths.find(|g| g.stamp == t.stamp) else { break };
            let map_from_base = t.parent_from_child.then(odom_from_base);
            assert!(map_from_base.position().distance_m(truth.pose.position()) < 0.1);
            assert!((map_from_base.yaw_rad - truth.pose.yaw_rad).abs() < 0.03);
            checked += 1;
        }
    }
    assert_eq!(checked, 60);
    assert_ne!(odom_from_base.position(), START.inverse().then(bench.sim.truth().pose).position());
}

/// Everything that comes of a drive, as text: NaN equals NaN there, and every digit of a number shows.
fn transcript(seed: u64, steps_ms: &[i64]) -> String {
    let mut bench = Bench::new(WAREHOUSE, START, seed);
    let mut text = String::new();
    let mut commanded = -1;
    for ms in steps_ms.iter().cycle() {
        // Commands at fixed times, whatever the rhythm of the calls.
        let inputs = if bench.now_ns / 100_000_000 > commanded {
            commanded = bench.now_ns / 100_000_000;
            vec![velocity(Twist2::new(0.6, 0.3 * libm::sin(commanded as f64 * 0.2)))]
        } else {
            Vec::new()
        };
        for o in bench.step(&inputs) {
            text.push_str(&format!("{o:?}\n"));
        }
        if bench.now_ns >= 3_000_000_000 {
            return text;
        }
        bench.now_ns += ms * 1_000_000;
    }
    text
}

#[test]
fn the_same_seed_gives_the_same_bits_another_does_not() {
    let one = transcript(7, &[5]);
    assert!(one == transcript(7, &[5]), "the same calls");
    assert!(one == transcript(7, &[1, 2, 2]), "another rhythm of calls, the same arrivals");
    let other = transcript(8, &[5]);
    for kind in ["Scan(", "Odometry(", "Imu(", "Transforms(", "Detections("] {
        let of_kind =
            |text: &str| text.lines().filter(|l| l.starts_with(kind)).map(String::from).collect::<Vec<_>>();
        let (a, b) = (of_kind(&one), of_kind(&other));
        assert!(a.len() == b.len() && a.len() > 10, "{kind}");
        assert!(a.iter().zip(&b).skip(2).all(|(a, b)| a != b), "another seed, the same {kind}");
    }
}

/// Where a call comes late, what was measured meanwhile comes in parts and not less.
#[test]
fn what_does_not_fit_is_left_for_the_next_call() {
    let mut prompt = Bench::new(WAREHOUSE, START, 1);
    let mut expected = prompt.step(&[]);
    for _ in 0..400 {
        prompt.now_ns += 5_000_000;
        expected.extend(prompt.step(&[]));
    }
    let mut late = Bench::new(WAREHOUSE, START, 1);
    let mut all = late.step(&[]);
    late.now_ns = prompt.now_ns;
    let mut calls = 0;
    while late.sim.next_wakeup().is_some_and(|at| at <= late.now().mono) {
        let mut out = Outbox::new(64);
        late.sim.step(late.now(), &[], &mut out);
        assert_eq!(out.dropped(), 0);
        all.extend(out.drain());
        calls += 1;
    }
    assert!((5..40).contains(&calls), "{calls}");
    // As text: beams without a return are not numbers.
    assert!(format!("{all:?}") == format!("{expected:?}"));
    assert_eq!(late.sim.counters().skipped_periods, 0);
}

/// Somebody sets the clock, or the computer slept: stamps go with it.
#[test]
fn stamps_go_with_a_clock_that_is_set() {
    for (by_ms, steps) in [(60_000, 1), (-60_000, 1), (99, 0)] {
        for publish_clock in [false, true] {
            let mut bench = Bench::with(Config { publish_clock, ..config() }, WAREHOUSE, START, 1);
            bench.step(&[]);
            bench.now_ns += 5_000_000;
            let now = Now { ros: bench.now().ros + Span::from_millis(by_ms), ..bench.now() };
            for _ in 0..2 {
                bench.sim.step(now, &[], &mut Outbox::new(100));
            }
            let follows = steps > 0 && !publish_clock;
            assert_eq!(bench.sim.counters().clock_steps, u64::from(follows));
            let expected = if follows { now.ros } else { bench.now().ros };
            assert_eq!(bench.sim.truth().stamp, expected, "{by_ms}");
        }
    }
}

/// What wanders does so by the time that the world has gone through.
#[test]
fn no_error_wanders_farther_because_a_clock_is_set() {
    let errors = |by_s: i64| {
        let mut config = config();
        config.localiser.drift_per_s = [0.1, 0.0, 0.0];
        config.imu.gyro_walk_sigma_radps = 0.01;
        let mut bench = Bench::with(config, WAREHOUSE, START, 1);
        bench.drive(Twist2::ZERO, 50);
        let mut all = Vec::new();
        for _ in 0..50 {
            let now = Now { ros: bench.now().ros + Span::from_s(by_s as f64), ..bench.now() };
            let mut out = Outbox::new(1000);
            bench.sim.step(now, &[], &mut out);
            bench.now_ns += 10_000_000;
            all.extend(out.drain());
        }
        assert_eq!(bench.sim.counters().clock_steps, u64::from(by_s != 0));
        let of = |o: Output| match o {
            Output::Imu(imu) => vec![imu.yaw_rate_radps],
            Output::Transforms(all) => all.iter().map(|t| t.parent_from_child.x_m).collect(),
            _ => vec![],
        };
        all.into_iter().flat_map(of).collect::<Vec<f64>>()
    };
    assert_eq!(errors(60), errors(0));
    assert_eq!(errors(-60), errors(0));
}

/// A command takes effect by its arrival, not by when the call came: one late call equals many on time.
#[test]
fn commands_act_from_their_arrival() {
    let command = |i: i64| velocity(Twist2::new(0.2 * i as f64, 0.1));
    let mut prompt = Bench::new(WAREHOUSE, START, 1);
    for i in 0..5 {
        prompt.now_ns = i * 37_000_000;
        prompt.step(&[command(i)]);
    }
    prompt.now_ns = 300_000_000;
    prompt.step(&[]);
    let mut late = Bench::new(WAREHOUSE, START, 1);
    late.step(&[command(0)]);
    late.now_ns = 300_000_000;
    let arrived = |i: i64| Instant::from_nanos(MONO + i * 37_000_000);
    let inputs: Vec<_> = (1..5).map(|i| Stamped { received: arrived(i), value: command(i) }).collect();
    late.sim.step(late.now(), &inputs, &mut Outbox::new(1000));
    assert_eq!(prompt.sim.truth(), late.sim.truth());
    assert!(late.sim.truth().twist.v_mps > 0.1);
}

#[test]
fn late_calls_are_caught_up_to_a_limit() {
    let mut bench = Bench::new(WAREHOUSE, START, 1);
    bench.step(&[]);
    let limit_ns = SimNode::CATCH_UP_LIMIT as i64 * 5_000_000;
    bench.now_ns = limit_ns + 1_000_000_000;
    bench.step(&[]);
    assert_eq!(bench.sim.counters().skipped_periods, 200);
    // Stamps keep up with the clock; the next boundary is in the future.
    assert_eq!(bench.sim.truth().stamp.nanos(), ROS + bench.now_ns);
    assert_eq!(bench.sim.next_wakeup(), Some(Instant::from_nanos(MONO + bench.now_ns + 5_000_000)));
    // The clock running backwards or standing still does nothing.
    bench.now_ns -= 3_000_000_000;
    assert_eq!(bench.step(&[]), []);
    bench.now_ns = i64::MAX - MONO;
    let now = Now { mono: Instant::from_nanos(i64::MAX), ros: Stamp::default() };
    bench.sim.step(now, &[], &mut Outbox::new(10));
    bench.sim.step(Now { mono: Instant::from_nanos(i64::MIN), ..now }, &[], &mut Outbox::new(10));
}

#[test]
fn the_clock_is_published_when_asked() {
    let config = Config { publish_clock: true, ..config() };
    let mut sim = SimNode::new(config, &robot(), WAREHOUSE, START, 1).unwrap();
    let mut out = Outbox::new(1000);
    for ms in [0, 25] {
        let now = Now { mono: Instant::from_nanos(ms * 1_000_000), ros: Stamp::from_nanos(ms * 1_000_000) };
        sim.step(now, &[], &mut out);
    }
    let clocks =
        out.items().iter().filter_map(|o| if let Output::Clock(s) = o { Some(s.nanos()) } else { None });
    assert_eq!(clocks.collect::<Vec<_>>(), (0..6).map(|i| i * 5_000_000).collect::<Vec<_>>());
}

#[test]
fn bad_starts_are_refused() {
    let refusal = |start| match SimNode::new(config(), &robot(), &wall(), start, 1) {
        Err(e @ SimError::Start { .. }) => e.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    };
    assert!(refusal(Pose2::new(1.8, 0.0, 0.0)).contains("in contact with wall"));
    assert!(refusal(Pose2::new(2.5, 0.0, 0.0)).contains("in contact with wall"));
    assert!(refusal(Pose2::new(f64::NAN, 0.0, 0.0)).contains("not finite"));
    let mut bad = config();
    bad.physics_period_s = 0.0;
    assert!(matches!(SimNode::new(bad, &robot(), &wall(), Pose2::IDENTITY, 1), Err(SimError::Config(_))));
}

/// Not a check, a measurement: `cargo test --release -p outrider_sim -- --ignored --nocapture speed`.
#[test]
#[ignore = "prints how fast the simulator runs on this machine"]
#[allow(clippy::disallowed_types, clippy::disallowed_methods)]
fn speed() {
    let mut bench = Bench::new(WAREHOUSE, START, 1);
    let begin = std::time::Instant::now();
    let outputs = bench.drive(Twist2::new(0.6, 0.3), 3000).len();
    let wall_s = begin.elapsed().as_secs_f64();
    println!("30 s simulated in {wall_s:.3} s, {:.0} times real time, {outputs} outputs", 30.0 / wall_s);
}

#[test]
fn the_shipped_robot_is_the_example() {
    assert_eq!(robot().description, amr());
    assert_eq!(Span::from_s(config().physics_period_s).nanos(), 5_000_000);
}

/// A lidar that turns all the time, also where periods of the physics do not fit into its own.
#[test]
fn a_sweep_may_take_all_of_its_period() {
    for (rate_hz, scans) in [(20.0, 39..=40), (30.0, 59..=60)] {
        let mut config = config();
        (config.lidar.timing.rate_hz, config.lidar.sweep_s) = (rate_hz, 1.0 / rate_hz);
        let mut bench = Bench::with(config, WAREHOUSE, START, 1);
        let all = bench.drive(Twist2::ZERO, 200);
        let complete = all.iter().filter(|o| matches!(o, Output::Scan(s) if s.ranges_m.len() == 720)).count();
        assert!(scans.contains(&complete), "{rate_hz}: {complete}");
    }
}
