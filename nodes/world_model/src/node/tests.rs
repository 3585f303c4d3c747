use super::*;
use crate::config::tests::{amr, shipped};
use outrider_foundation::data::{Detection, SourceStatus, TrackState};
use outrider_foundation::grid::{COST_FREE, COST_INSCRIBED, COST_LETHAL, COST_UNKNOWN};
use outrider_foundation::{Point2, Twist2};
use std::f64::consts::PI;

mod bodies;
mod clear;
mod global;
mod localise;
mod resize;
mod restart;
mod zones;

/// ROS time of the monotonic clock's zero.
const EPOCH_MS: i64 = 1_000_000;
const BEAMS: usize = 720;

fn now(ms: i64) -> Now {
    Now { mono: Instant::from_nanos(ms * 1_000_000), ros: ros(ms) }
}

fn ros(ms: i64) -> Stamp {
    Stamp::from_nanos((EPOCH_MS + ms) * 1_000_000)
}

struct World {
    node: WorldModelNode,
    /// Where the robot truly is in odom, driven by [`World::run`].
    pose: Pose2,
    twist: Twist2,
    /// Discs that the lidar sees, in odom.
    things: Vec<(Point2, f64)>,
    out: Vec<Output>,
}

impl World {
    fn new() -> Self {
        Self {
            node: WorldModelNode::new(shipped(), &amr(), 7).unwrap(),
            pose: Pose2::IDENTITY,
            twist: Twist2::ZERO,
            things: Vec::new(),
            out: Vec::new(),
        }
    }

    /// A step, and the one that it asks for at once.
    fn step(&mut self, ms: i64, inputs: Vec<Input>) {
        self.step_once(ms, inputs);
        if self.node.next_wakeup().is_some_and(|at| at <= now(ms).mono) {
            self.step_once(ms, Vec::new());
        }
    }

    fn step_once(&mut self, ms: i64, inputs: Vec<Input>) {
        let inputs: Vec<_> =
            inputs.into_iter().map(|value| Stamped { received: now(ms).mono, value }).collect();
        let mut outbox = Outbox::new(16);
        self.node.step(now(ms), &inputs, &mut outbox);
        self.out.extend(outbox.drain());
    }

    fn models(&self) -> Vec<&WorldModel> {
        self.out.iter().filter_map(|o| if let Output::WorldModel(m) = o { Some(m) } else { None }).collect()
    }

    fn grids(&self) -> Vec<&CostGrid> {
        self.out.iter().filter_map(|o| if let Output::GlobalGrid(g) = o { Some(g) } else { None }).collect()
    }

    fn last(&self) -> &WorldModel {
        self.models().last().unwrap()
    }

    fn source(&self, name: &str) -> (SourceStatus, String) {
        let state = self.last().sources.iter().find(|s| s.name == name).unwrap();
        (state.status, state.reason.clone())
    }

    fn count(&self, name: &str) -> u64 {
        let list = self.node.diagnostics();
        list.iter().find(|(n, _)| *n == name).unwrap().1.parse().unwrap()
    }

    fn odometry(&self, ms: i64) -> Odometry {
        Odometry {
            stamp: ros(ms),
            odom_from_base: self.pose,
            pose_covariance: [1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 1e-4],
            twist: self.twist,
            twist_variance: [1e-3; 2],
        }
    }

    /// A scan from where the robot is: range to the nearest disc.
    fn scan(&self, ms: i64) -> Scan {
        let odom_from_lidar = self.pose.then(Pose2::new(0.1, 0.0, 0.0));
        let mut scan = Scan {
            stamp: ros(ms),
            frame: "laser".into(),
            angle_min_rad: -PI,
            angle_increment_rad: 2.0 * PI / BEAMS as f64,
            range_min_m: 0.1,
            range_max_m: 12.0,
            ..Scan::default()
        };
        for i in 0..BEAMS {
            let (s, c) = libm::sincos(odom_from_lidar.yaw_rad + scan.angle_rad(i));
            let mut range_m = f64::INFINITY;
            for (centre, radius_m) in &self.things {
                let (dx, dy) = (centre.x_m - odom_from_lidar.x_m, centre.y_m - odom_from_lidar.y_m);
                let (along, across) = (dx * c + dy * s, dx * s - dy * c);
                if along > 0.0 && across.abs() < *radius_m {
                    range_m = range_m.min(along - (radius_m * radius_m - across * across).sqrt());
                }
            }
            scan.ranges_m.push(range_m as f32);
        }
        scan
    }

    fn localisation(ms: i64, x_m: f64) -> Input {
        Input::Transform(TransformStamped {
            stamp: ros(ms),
            parent: "map".into(),
            child: "odom".into(),
            parent_from_child: Pose2::new(x_m, 0.0, 0.0),
        })
    }

    fn detections(&self, ms: i64, people: &[Point2]) -> DetectionSet {
        let base_from_odom = self.pose.inverse();
        DetectionSet {
            stamp: ros(ms),
            frame: "base_link".into(),
            class_labels: vec!["person".into()],
            detections: people
                .iter()
                .map(|p| Detection {
                    position: base_from_odom.apply(*p),
                    covariance: [0.01, 0.0, 0.0, 0.01],
                    body: None,
                    radius_m: 0.3,
                    existence: 0.9,
                    class_probabilities: vec![1.0],
                })
                .collect(),
            ..DetectionSet::default()
        }
    }

    /// Drives from one time to another: odometry at 50 Hz, scans at 20 Hz.
    fn run(&mut self, from_ms: i64, to_ms: i64) {
        for ms in (from_ms..to_ms).step_by(10) {
            let mut inputs = Vec::new();
            // The scan comes first on purpose.
            if ms % 50 == 0 {
                inputs.push(Input::Scan(self.scan(ms)));
            }
            if ms % 20 == 0 {
                inputs.push(Input::Odometry(self.odometry(ms)));
            }
            self.step(ms, inputs);
            self.pose = self.pose.advance(self.twist, 0.01);
        }
    }
}

fn map() -> OccupancyMap {
    OccupancyMap { stamp: ros(0), ..crate::static_map::tests::map(0.05) }
}

#[test]
fn one_world_model_per_scan() {
    let mut world = World::new();
    world.things.push((Point2::new(2.0, 0.0), 0.2));
    world.run(0, 1000);
    let models = world.models();
    assert_eq!(models.len(), 20);
    assert!(
        models.iter().zip(1..).all(|(m, n)| m.sequence == n && m.boot_id == 7 && m.stamp == m.scan_stamp)
    );
    assert!(models.iter().all(|m| m.local.is_consistent() && m.global_sequence == 0 && !m.ego.localised));
    let last = world.last();
    assert_eq!(last.local.frame, FrameId::Odom);
    assert_eq!(last.local.cost_at(Point2::new(1.82, 0.01)), COST_LETHAL);
    assert_eq!(last.local.cost_at(Point2::new(1.62, 0.01)), COST_INSCRIBED);
    assert_eq!(last.local.cost_at(Point2::new(0.0, 0.01)), COST_FREE);
    assert_eq!(last.local.cost_at(Point2::new(3.5, 0.0)), COST_UNKNOWN);
    assert_eq!(world.source("/scan").0, SourceStatus::Fresh);
    assert_eq!(world.source("/odom").0, SourceStatus::Fresh);
    assert_eq!(world.source("/map"), (SourceStatus::Missing, "nothing received (optional)".into()));
}

#[test]
fn obstacles_stay_where_they_are_while_the_robot_drives_and_turns() {
    let mut world = World::new();
    world.things.push((Point2::new(3.0, 0.5), 0.05));
    world.twist = Twist2::new(0.8, 0.6);
    world.run(0, 2000);
    let grid = &world.last().local;
    assert!(grid.distance_at_m(Point2::new(3.0, 0.5)).unwrap() < 0.08);
    let lethal = grid.cost.iter().filter(|c| **c == COST_LETHAL).count();
    assert!((1..=12).contains(&lethal), "{lethal} lethal cells");
    // The robot is in the middle of its grid.
    let cell = grid.cell_of(world.last().ego.pose.position());
    assert_eq!((cell.col, cell.row), (100, 100));
}

#[test]
fn nothing_heard_is_told_by_heartbeats() {
    let mut world = World::new();
    assert_eq!(world.node.next_wakeup(), Some(Instant::default()));
    world.step(0, vec![]);
    assert!(world.models().is_empty());
    world.step(99, vec![]);
    assert!(world.models().is_empty());
    // Next is the heartbeat, before the next sign of life.
    assert_eq!(world.node.next_wakeup(), Some(now(100).mono));
    world.step(100, vec![]);
    world.step(100, vec![]);
    assert_eq!(world.models().len(), 1);
    let model = world.last();
    assert!(model.sources.iter().all(|s| s.status == SourceStatus::Missing));
    assert!(model.ego.covariance[0] >= 1e6 && !model.ego.localised);
    assert!(model.local.cost.iter().all(|c| *c == COST_UNKNOWN));
}

#[test]
fn a_sign_of_life_comes_every_period_whatever_else_happens() {
    let mut world = World::new();
    for ms in 0..100 {
        world.step(ms, vec![]);
    }
    let alive = |o: &&Output| matches!(o, Output::Alive(_));
    assert_eq!(world.out.iter().filter(alive).count(), 10);
    assert_eq!(world.out.iter().find(alive), Some(&Output::Alive(now(0).ros)));
    assert!(world.node.next_wakeup() <= Some(now(100).mono));
}

#[test]
fn silence_goes_from_fresh_to_stale_and_uncertainty_grows() {
    let mut world = World::new();
    world.twist = Twist2::new(0.5, 0.0);
    world.run(0, 1000);
    let (scan_stamp, fresh) = (world.last().scan_stamp, world.last().ego.covariance);
    for ms in (1000..2000).step_by(10) {
        world.step(ms, vec![]);
    }
    let model = world.last();
    assert_eq!(world.models().len(), 20 + 10);
    assert_eq!(model.scan_stamp, scan_stamp);
    assert_eq!(world.source("/scan"), (SourceStatus::Stale, "1.000 s old, limit 0.15 s".into()));
    assert_eq!(world.source("/odom").0, SourceStatus::Stale);
    assert!(model.ego.covariance[0] > fresh[0] + 0.01 && model.ego.covariance[8] > fresh[8] + 0.005);
    let silent: Vec<_> = world.models().iter().skip(20).map(|m| m.ego.covariance[0]).collect();
    assert!(silent.windows(2).all(|w| w[1] > w[0]));
    // And back again.
    world.run(2000, 2300);
    assert_eq!(world.source("/scan").0, SourceStatus::Fresh);
    assert!(world.models().windows(2).all(|w| w[0].stamp <= w[1].stamp));
}

#[test]
fn scans_are_used_only_where_the_pose_is_known() {
    let mut world = World::new();
    let scan = world.scan(0);
    world.step(0, vec![Input::Scan(scan)]);
    world.step(100, vec![]);
    assert_eq!(
        world.source("/scan"),
        (SourceStatus::Invalid, "odom to base_link: nothing received, asked for 1000.000 s".into())
    );
    world.run(100, 200);
    assert_eq!(world.source("/scan").0, SourceStatus::Fresh);
    // Odometry stops: scans are still placed for a while by the last twist, then refused.
    for ms in (200..600).step_by(50) {
        let scan = world.scan(ms);
        world.step(ms, vec![Input::Scan(scan)]);
    }
    let (status, reason) = world.source("/scan");
    assert_eq!(status, SourceStatus::Invalid);
    assert!(reason.contains("the newest is of 1000.180 s, more than 0.2 s before"), "{reason}");
}

#[test]
fn bad_inputs_are_refused_with_a_reason_and_the_next_good_one_heals() {
    let mut world = World::new();
    world.run(0, 500);
    let bad: Vec<(Input, &str, &str)> = vec![
        (Input::Scan(Scan { ranges_m: vec![], ..world.scan(490) }), "/scan", "0 beams"),
        (Input::Scan(Scan { frame: "camera".into(), ..world.scan(490) }), "/scan", "frame 'camera'"),
        (Input::Scan(world.scan(100)), "/scan", "backwards by 0.350 s"),
        (Input::Scan(world.scan(560)), "/scan", "0.070 s in the future"),
        (Input::Odometry(world.odometry(100)), "/odom", "backwards"),
        (Input::Odometry(world.odometry(1000)), "/odom", "future"),
        (
            Input::Odometry(Odometry { twist_variance: [-1.0, 0.0], ..world.odometry(490) }),
            "/odom",
            "negative",
        ),
        (
            Input::Odometry(Odometry { twist: Twist2::new(f64::NAN, 0.0), ..world.odometry(490) }),
            "/odom",
            "finite",
        ),
        (Input::Imu(Imu { stamp: ros(5000), ..Imu::default() }), "/imu", "future"),
        (Input::Map(OccupancyMap { width: 3, ..map() }), "/map", "3 by 200 cells"),
        (
            Input::Detections(DetectionSet { frame: "camera".into(), ..world.detections(480, &[]) }),
            "/detections",
            "frame 'camera' is not known, asked for 1000.480 s; the buffer holds nothing",
        ),
        (
            Input::Detections(DetectionSet { frame: "map".into(), ..world.detections(480, &[]) }),
            "/detections",
            "not localised",
        ),
        (Input::Rejected { topic: "/imu".into(), reason: "NaN".into() }, "/imu", "NaN"),
    ];
    for (input, topic, reason) in bad {
        let mut world = World { node: world.node.clone(), out: Vec::new(), things: Vec::new(), ..world };
        world.step(490, vec![input]);
        world.step(1000, vec![]);
        let (status, told) = world.source(topic);
        assert!(status == SourceStatus::Invalid && told.contains(reason), "{topic}: {told}");
        world.run(1000, 1100);
        assert_eq!(world.source("/scan").0, SourceStatus::Fresh);
        assert_eq!(world.source("/odom").0, SourceStatus::Fresh);
    }
    world.step(490, vec![Input::Rejected { topic: "/odd".into(), reason: String::new() }]);
    assert_eq!(world.count("rejected_of_unknown_topic"), 1);
}

#[test]
fn localised_while_the_localiser_speaks() {
    let mut world = World::new();
    world.run(0, 200);
    world.step(205, vec![World::localisation(200, 5.0)]);
    world.run(210, 600);
    let model = world.last();
    assert!(model.ego.localised && model.ego.frame == FrameId::Map && model.local.frame == FrameId::Map);
    assert_eq!((model.ego.pose.x_m, model.ego.odom_from_base.x_m), (5.0, 0.0));
    // A bad transform makes the source invalid, yet the good ones before it still count.
    world.step(600, vec![Input::Rejected { topic: "tf".into(), reason: "NaN".into() }]);
    world.run(610, 660);
    assert!(world.last().ego.localised && world.source("/tf").0 == SourceStatus::Invalid);
    world.run(660, 1000);
    assert!(!world.last().ego.localised && world.last().local.frame == FrameId::Odom);
    assert_eq!(world.count("frame_changes_that_cleared_the_grid"), 2);
    // Other transforms do not count.
    let mut other = World::new();
    let odom_from_base =
        TransformStamped { parent: "odom".into(), child: "base_link".into(), ..Default::default() };
    other.step(0, vec![Input::Transform(odom_from_base)]);
    assert_eq!(other.count("transforms_ignored"), 1);
}

#[test]
fn the_global_grid_comes_with_the_map_and_takes_in_what_scans_find() {
    let mut world = World::new();
    world.step(0, vec![Input::Map(map()), Input::Map(map())]);
    assert_eq!(world.grids().len(), 1);
    assert_eq!((world.grids()[0].sequence, world.grids()[0].frame), (1, FrameId::Map));
    assert_eq!(world.grids()[0].cost_at(Point2::new(4.02, 0.0)), COST_LETHAL);
    // A pallet in the way: within the map at (2, 0), 1 m ahead.
    world.things.push((Point2::new(1.0, 0.0), 0.2));
    for ms in (20..3000).step_by(100) {
        world.step(ms, vec![World::localisation(ms, 1.0)]);
        world.run(ms, ms + 100);
    }
    let grids = world.grids();
    assert_eq!(grids.len(), 2, "the pallet stands still, so one grid tells of it");
    assert_eq!((grids[1].sequence, world.last().global_sequence), (2, 2));
    assert_eq!(grids[1].cost_at(Point2::new(1.82, 0.01)), COST_LETHAL);
    assert_eq!(grids[0].cost_at(Point2::new(1.82, 0.01)), COST_FREE);
    // The map is in the local grid too.
    assert_eq!(world.last().local.cost_at(Point2::new(4.02, -1.0)), COST_LETHAL);
}

#[test]
fn who_is_tracked_leaves_no_trail() {
    let lethal_cells = |detect: bool, watch: bool| {
        let mut world = World::new();
        let mut config = shipped();
        config.tracks.cluster_birth.enabled = watch;
        world.node = WorldModelNode::new(config, &amr(), 7).unwrap();
        for ms in (0..1500).step_by(50) {
            let person = Point2::new(2.0, -1.0 + 1.2e-3 * ms as f64);
            world.things = vec![(person, 0.25)];
            let mut inputs = vec![Input::Odometry(world.odometry(ms)), Input::Scan(world.scan(ms))];
            if detect && ms % 100 == 0 {
                inputs.push(Input::Detections(world.detections(ms, &[person])));
            }
            world.step(ms, inputs);
        }
        let model = world.last();
        assert_eq!(
            model.tracks.iter().filter(|t| t.state == TrackState::Confirmed).count(),
            usize::from(detect || watch)
        );
        model.local.cost.iter().filter(|c| **c == COST_LETHAL).count()
    };
    assert_eq!((lethal_cells(true, false), lethal_cells(true, true)), (0, 0));
    assert_eq!(lethal_cells(false, true), 0, "nobody detects them, but they walk");
    assert!(lethal_cells(false, false) > 0, "an undetected person is an obstacle");
}

#[test]
fn who_walks_away_undetected_is_cleared_within_two_scans() {
    let mut world = World::new();
    world.things = vec![(Point2::new(2.0, 0.0), 0.25)];
    world.run(0, 1000);
    assert!(world.last().local.distance_at_m(Point2::new(1.77, 0.0)).unwrap() < 0.06);
    world.things.clear();
    world.run(1000, 1100);
    assert!(world.last().local.cost.iter().all(|c| *c != COST_LETHAL));
}

#[test]
fn detections_are_placed_where_the_robot_was_at_their_stamp() {
    let mut world = World::new();
    world.twist = Twist2::new(1.0, 0.5);
    let person = Point2::new(4.0, 1.0);
    for ms in (0..2000).step_by(20) {
        if ms % 100 == 0 {
            let mut set = world.detections(ms, &[person]);
            // They come 80 ms late.
            let odometry = Input::Odometry(world.odometry(ms));
            world.step(ms, vec![odometry]);
            for late in [20, 40, 60, 80] {
                world.pose = world.pose.advance(world.twist, 0.02);
                let odometry = Input::Odometry(world.odometry(ms + late));
                world.step(ms + late, vec![odometry]);
            }
            set.sequence = 1;
            world.step(ms + 81, vec![Input::Detections(set)]);
            world.pose = world.pose.advance(world.twist, 0.02);
        }
    }
    world.run(2000, 2100);
    let track = &world.last().tracks[0];
    assert!(track.position.distance_m(person) < 0.02, "{:?}", track.position);
    assert!(libm::hypot(track.velocity.x_m, track.velocity.y_m) < 0.05);
}

#[test]
fn a_step_back_of_the_ros_clock_begins_anew() {
    let mut world = World::new();
    world.things = vec![(Point2::new(2.0, 0.0), 0.25)];
    world.step(0, vec![Input::Map(map())]);
    world.run(0, 1000);
    // The simulation is reset: monotonic time goes on, ROS time starts over.
    for i in 0..10 {
        let at = Now { mono: now(1000 + 50 * i).mono, ros: ros(50 * i) };
        let inputs: Vec<_> = [Input::Odometry(world.odometry(50 * i)), Input::Scan(world.scan(50 * i))]
            .map(|value| Stamped { received: at.mono, value })
            .into();
        let mut out = Outbox::new(4);
        world.node.step(at, &inputs, &mut out);
        world.out.extend(out.drain());
    }
    assert_eq!(world.count("clock_resets"), 1);
    assert_eq!(world.last().stamp, ros(450));
    assert_eq!(world.source("/scan").0, SourceStatus::Fresh);
    assert_eq!(world.source("/map").0, SourceStatus::Fresh, "it is there as before");
}

#[test]
fn a_reset_of_the_odometry_clears_what_was_placed_by_it() {
    let mut world = World::new();
    world.things = vec![(Point2::new(2.0, 0.0), 0.25)];
    world.run(0, 500);
    world.things.clear();
    world.pose = Pose2::new(1.5, 1.0, 0.0);
    world.run(500, 520);
    assert_eq!(world.count("odometry_resets"), 1);
    assert!(world.last().local.cost.iter().all(|c| *c != COST_LETHAL));
}

#[test]
fn a_backlog_of_scans_is_cut_and_counted() {
    let mut world = World::new();
    world.run(0, 20);
    let inputs: Vec<_> = (1..10).map(|i| Input::Scan(world.scan(10 * i))).collect();
    world.step(100, inputs);
    assert_eq!(world.count("scans_left_out"), 9 - SCANS_PER_STEP_LIMIT as u64);
    let taken: Vec<_> = world.models().iter().skip(1).map(|m| m.scan_stamp).collect();
    assert_eq!(taken, [60, 70, 80, 90].map(ros));
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let drive = || {
        let mut world = World::new();
        world.twist = Twist2::new(0.7, 0.4);
        world.things = vec![(Point2::new(2.0, 0.5), 0.25), (Point2::new(-1.0, 1.5), 0.4)];
        world.step(0, vec![Input::Map(map())]);
        for ms in (20..2000).step_by(100) {
            let people = [Point2::new(1.0, 1e-3 * ms as f64), Point2::new(3.0, -1.0)];
            let detections = Input::Detections(world.detections(ms - 20, &people));
            world.step(ms, vec![World::localisation(ms, 1.0), detections]);
            world.run(ms, ms + 100);
        }
        world.out
    };
    let (a, b) = (drive(), drive());
    assert!(a.len() > 40 && a == b);
}

#[test]
fn a_configuration_that_cannot_be_refuses_to_start() {
    let mut config = shipped();
    config.heartbeat_s = 0.0;
    let error = WorldModelNode::new(config, &amr(), 1).unwrap_err().to_string();
    assert_eq!(error, "configuration: heartbeat_s: 0 is not within [0.01, 1]");
}
