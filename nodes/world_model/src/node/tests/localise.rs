//! Where the node says that the robot is.

use super::*;
use crate::config::{InitialPose, OwnMatching};

/// A room on the map, 10 m by 8 m about the origin, with walls of one cell.
pub(super) fn room_map() -> OccupancyMap {
    let (width, height) = (220u32, 180u32);
    let wall = |i: u32| {
        let (col, row) = (i % width, i / width);
        (10..=210).contains(&col)
            && (10..=170).contains(&row)
            && (col == 10 || col == 210 || row == 10 || row == 170)
    };
    OccupancyMap {
        stamp: ros(0),
        frame: "map".into(),
        resolution_m: 0.05,
        width,
        height,
        origin: Point2::new(-5.525, -4.525),
        cells: (0..width * height).map(|i| if wall(i) { 100 } else { 0 }).collect(),
    }
}

/// A scan of that room from a pose of the base in the map.
pub(super) fn room_scan(ms: i64, map_from_base: Pose2) -> Scan {
    let lidar = map_from_base.then(Pose2::new(0.1, 0.0, 0.0));
    let increment = 2.0 * PI / BEAMS as f64;
    let range = |i: usize| {
        let (s, c) = libm::sincos(lidar.yaw_rad - PI + i as f64 * increment);
        let to = |speed: f64, at: f64, wall: f64| (speed.signum() * wall - at) / speed;
        to(c, lidar.x_m, 5.0).min(to(s, lidar.y_m, 4.0)) as f32
    };
    Scan {
        stamp: ros(ms),
        frame: "laser".into(),
        angle_min_rad: -PI,
        angle_increment_rad: increment,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m: (0..BEAMS).map(range).collect(),
        ..Scan::default()
    }
}

pub(super) fn localising(change: impl Fn(&mut crate::config::MatchingConfig)) -> World {
    let mut config = shipped();
    change(&mut config.ego.matching);
    let mut world = World::new();
    world.node = WorldModelNode::new(config, &amr(), 7).unwrap();
    world.step(0, vec![Input::Map(room_map())]);
    world
}

impl World {
    /// Drives in the room from one time to another; the odometry begins at the origin, the robot at `start` in the map.
    fn run_in_room(&mut self, from_ms: i64, to_ms: i64, start: Pose2, transform: Option<Pose2>) {
        for ms in (from_ms..to_ms).step_by(10) {
            let mut inputs = Vec::new();
            if ms % 50 == 0 {
                inputs.push(Input::Scan(room_scan(ms, start.then(self.pose))));
                if let Some(map_from_odom) = transform {
                    inputs.push(Input::Transform(TransformStamped {
                        stamp: ros(ms),
                        parent: "map".into(),
                        child: "odom".into(),
                        parent_from_child: map_from_odom,
                    }));
                }
            }
            if ms % 20 == 0 {
                inputs.push(Input::Odometry(self.odometry(ms)));
            }
            self.step(ms, inputs);
            self.pose = self.pose.advance(self.twist, 0.01);
        }
    }
}

pub(super) const START: InitialPose =
    InitialPose { x_m: 1.05, y_m: 0.45, yaw_rad: 0.25, position_sigma_m: 0.1, yaw_sigma_rad: 0.05 };

#[test]
fn without_a_localiser_scans_are_matched_with_the_map_from_the_initial_pose_on() {
    let mut world = localising(|m| m.initial_pose = Some(START));
    world.twist = Twist2::new(0.4, 0.3);
    let start = Pose2::new(1.0, 0.5, 0.3);
    world.run_in_room(10, 3000, start, None);
    let model = world.last();
    assert!(model.ego.localised && model.ego.frame == FrameId::Map);
    let at = Pose2::IDENTITY.advance(world.twist, model.stamp.since(ros(0)).as_s() - 0.01);
    let truth = start.then(at);
    assert!(model.ego.pose.position().distance_m(truth.position()) < 0.05, "{:?} {truth:?}", model.ego.pose);
    assert_eq!(world.source("localisation"), (SourceStatus::Fresh, String::new()));
    // The wall is where the map has it.
    assert!(model.local.distance_at_m(Point2::new(5.0, model.ego.pose.y_m)).unwrap_or(0.0) < 0.06);
    // A localiser that speaks is believed instead.
    world.run_in_room(3000, 3200, start, Some(Pose2::new(9.0, 0.0, 0.0)));
    assert!(world.last().ego.pose.x_m > 5.0);
}

#[test]
fn with_no_initial_pose_nothing_is_claimed() {
    let mut world = localising(|_| {});
    world.run_in_room(10, 500, Pose2::new(1.0, 0.5, 0.3), None);
    assert!(!world.last().ego.localised);
    let (status, reason) = world.source("localisation");
    assert_eq!(
        (status, reason.contains("own matching has not begun")),
        (SourceStatus::Missing, true),
        "{reason}"
    );
}

#[test]
fn own_matching_takes_over_from_a_localiser_that_falls_silent_when_it_may() {
    for (own, takes_over) in
        [(OwnMatching::UntilALocaliserSpeaks, false), (OwnMatching::WhenTheLocaliserIsSilent, true)]
    {
        let mut world = localising(|m| m.own = own);
        world.twist = Twist2::new(0.3, 0.0);
        let start = Pose2::new(-2.0, 0.0, 0.0);
        world.run_in_room(10, 1000, start, Some(start));
        assert!(world.last().ego.localised && world.source("localisation").0 == SourceStatus::Fresh);
        world.run_in_room(1000, 3000, start, None);
        let (status, reason) = world.source("localisation");
        assert_eq!(world.last().ego.localised, takes_over);
        if takes_over {
            assert_eq!(status, SourceStatus::Fresh);
            assert!((world.last().ego.pose.x_m - (-2.0 + 0.3 * 2.94)).abs() < 0.04, "{:?}", world.last().ego);
        } else {
            assert!(status == SourceStatus::Stale && reason.starts_with("lost: transform is "), "{reason}");
        }
    }
}

#[test]
fn a_localiser_whose_word_does_not_fit_the_map_makes_it_lost() {
    let mut world = localising(|_| {});
    let start = Pose2::new(-2.0, 0.0, 0.0);
    world.run_in_room(10, 1000, start, Some(start));
    assert!(world.last().ego.localised);
    world.run_in_room(1000, 2500, start, Some(Pose2::new(-0.5, 0.8, 0.6)));
    let (status, reason) = world.source("localisation");
    assert!(status == SourceStatus::Invalid && reason.starts_with("lost: "), "{reason}");
    assert!(!world.last().ego.localised && world.last().ego.frame == FrameId::Odom);
    world.run_in_room(2500, 3500, start, Some(start));
    assert!(world.last().ego.localised, "{:?}", world.source("localisation"));
    assert_eq!(world.count("times_lost"), 1);
}

/// AMCL stamps its word ahead, 1.0 s by default.
#[test]
fn a_localiser_that_stamps_ahead_is_believed_from_its_first_word_on() {
    let mut world = World::new();
    world.run(0, 200);
    world.step_once(200, vec![World::localisation(1200, 5.0)]);
    world.run(210, 310);
    assert!(world.last().ego.localised && world.source("localisation").0 == SourceStatus::Fresh);
    assert!((world.last().ego.pose.x_m - 5.0).abs() < 1e-9);
}

#[test]
fn localisation_is_fresh_only_where_the_robot_is_localised() {
    let mut world = World::new();
    world.step(0, vec![World::localisation(0, 5.0)]);
    world.step(100, vec![World::localisation(100, 5.0)]);
    assert!(!world.last().ego.localised, "there is no odometry");
    let (status, reason) = world.source("localisation");
    assert_eq!(status, SourceStatus::Invalid);
    assert_eq!(reason, "lost: odom to base_link: nothing received, asked for 1000.100 s");
    assert!(world.node.complaint().unwrap().starts_with("localisation: lost: odom to base_link"));
}

#[test]
fn what_is_wrong_is_said_while_it_is() {
    let mut world = World::new();
    world.run(0, 500);
    assert_eq!(world.node.complaint(), None);
    world.step(1000, vec![]);
    let told = world.node.complaint().unwrap();
    assert_eq!(told, "/scan: 0.550 s old, limit 0.15 s; /odom: 0.520 s old, limit 0.1 s");
    world.run(1000, 1100);
    assert_eq!(world.node.complaint(), None);
    // The localiser speaks, and falls silent.
    world.step(1100, vec![World::localisation(1100, 5.0)]);
    world.run(1110, 2000);
    assert!(world.node.complaint().unwrap().starts_with("localisation: lost: transform is "));
    let mount = |x_m| TransformStamped {
        parent: "base_link".into(),
        child: "laser".into(),
        parent_from_child: Pose2::new(x_m, 0.0, 0.0),
        ..TransformStamped::default()
    };
    world.run(2000, 2100);
    world.step(2100, vec![World::localisation(2100, 5.0), Input::StaticTransform(mount(0.3))]);
    assert!(world.node.complaint().unwrap().ends_with("are 0.200 m and 0.000 rad apart"));
    let size = |width| Input::Resize(GridSize { width, height: 200, resolution_m: 0.05 });
    world.step(2100, vec![Input::StaticTransform(mount(0.1)), size(9000)]);
    assert_eq!(world.node.complaint(), None, "an order that was refused is over");
}

#[test]
fn a_transform_that_could_not_be_decoded_is_a_fault_only_where_it_is_needed() {
    let refused = |parent: &str, child: &str| Input::TransformRefused {
        parent: parent.into(),
        child: child.into(),
        reason: format!("{parent} from {child}: tilted"),
    };
    let mut world = World::new();
    world.run(0, 500);
    world.step(500, vec![World::localisation(500, 5.0), refused("camera", "camera_optical")]);
    world.run(510, 560);
    assert_eq!((world.count("transforms_refused"), world.source("/tf").0), (1, SourceStatus::Fresh));
    assert_eq!(world.node.complaint(), None);
    for (parent, child) in [("odom", "base_link"), ("base_link", "laser")] {
        world.step(560, vec![refused(parent, child)]);
        assert_eq!(world.node.complaint(), Some(format!("{parent} from {child}: tilted")));
        let good = TransformStamped {
            stamp: ros(560),
            parent: parent.into(),
            child: child.into(),
            parent_from_child: Pose2::new(0.1, 0.0, 0.0),
        };
        world.step(560, vec![Input::StaticTransform(good)]);
        assert_eq!(world.node.complaint(), None);
    }
    world.step(570, vec![refused("map", "odom")]);
    world.run(580, 660);
    assert_eq!(world.source("/tf"), (SourceStatus::Invalid, "map from odom: tilted".into()));
}

#[test]
fn a_transform_from_the_future_does_not_shut_out_those_that_come_after_it() {
    let mut world = World::new();
    let turret = |ms, yaw_rad| {
        Input::Transform(TransformStamped {
            stamp: ros(ms),
            parent: "base_link".into(),
            child: "turret".into(),
            parent_from_child: Pose2::new(0.0, 0.0, yaw_rad),
        })
    };
    world.step(0, vec![turret(0, 0.1)]);
    world.step(50, vec![turret(3_600_000, 0.9)]);
    world.step(100, vec![turret(100, 0.2)]);
    let found = world.node.transforms.lookup("base_link", "turret", ros(100)).unwrap();
    assert!((found.yaw_rad - 0.2).abs() < 1e-12, "{found:?}");
    assert_eq!(world.count("transforms_refused"), 1);
}

#[test]
fn odometry_whose_covariance_is_none_is_refused_and_the_last_pose_stays() {
    let mut world = World::new();
    world.run(0, 500);
    let mut bad = world.odometry(500);
    bad.pose_covariance[1] = 1.0;
    bad.pose_covariance[3] = 1.0;
    world.step(500, vec![Input::Odometry(bad)]);
    world.step(600, vec![]);
    let (status, reason) = world.source("/odom");
    assert!(status == SourceStatus::Invalid && reason.contains("not positive semidefinite"), "{reason}");
    assert_eq!(world.last().ego.odom_from_base, Pose2::IDENTITY);
}

#[test]
fn detections_in_a_camera_that_tf_static_places_are_used() {
    let mut world = World::new();
    let mount = TransformStamped {
        stamp: ros(0),
        parent: "base_link".into(),
        child: "camera".into(),
        parent_from_child: Pose2::new(0.2, 0.0, PI / 2.0),
    };
    world.step(0, vec![Input::StaticTransform(mount)]);
    world.run(10, 500);
    for ms in (500..900).step_by(100) {
        world.run(ms, ms + 100);
        let mut set = world.detections(ms, &[]);
        set.frame = "camera".into();
        set.detections = vec![Detection {
            position: Point2::new(2.0, 0.0),
            covariance: [0.01, 0.0, 0.0, 0.01],
            body: None,
            radius_m: 0.3,
            existence: 0.9,
            class_probabilities: vec![1.0],
        }];
        world.step(ms + 95, vec![Input::Detections(set)]);
    }
    world.run(900, 1000);
    let track = world.last().tracks.first().unwrap();
    assert!(track.position.distance_m(Point2::new(0.2, 2.0)) < 0.1, "{track:?}");
    // A lidar that tf_static puts elsewhere than the robot's description is told of.
    let mount = TransformStamped {
        parent: "base_link".into(),
        child: "laser".into(),
        parent_from_child: Pose2::new(0.3, 0.0, 0.0),
        ..TransformStamped::default()
    };
    world.step(1000, vec![Input::StaticTransform(mount)]);
    assert_eq!(world.count("lidar_place_disagrees"), 1);
}
