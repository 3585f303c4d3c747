//! The world model behind its border, given bytes as a robot's network would give them: whatever cannot be is refused with a reason in
//! `/world_model` and `/diagnostics`, what was believed before stays, and the next good message heals.

use outrider_foundation::data::{DETECTION_LIMIT, Detection, DetectionSet, Odometry, Scan, TransformStamped};
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Now, Point2, Pose2, Stamp, Twist2};
use outrider_msgs::diagnostic_msgs::DiagnosticStatus;
use outrider_msgs::nav_msgs::Odometry as OdometryMessage;
use outrider_msgs::outrider_msgs::{DetectionArray, SourceState, Track, WorldModel};
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::tf2_msgs::TFMessage;
use outrider_msgs::{Message, decode, encode};
use outrider_runtime::config::Resources;
use outrider_runtime::{Host, HostedNode, NodeSpec};
use outrider_suite::bindings::WorldModelBinding;
use outrider_suite::convert::{
    detections_to_message, odometry_to_message, scan_to_message, transforms_to_message,
};
use outrider_world_model::{Config, WorldModelNode};

const BEAMS: usize = 360;
/// Of the world model's inputs.
const SCAN: usize = 0;
const ODOMETRY: usize = 1;
const TF: usize = 3;
const TF_STATIC: usize = 4;
const DETECTIONS: usize = 6;

fn stamp(ms: i64) -> Stamp {
    Stamp::from_nanos((1_000_000 + ms) * 1_000_000)
}

fn odometry(ms: i64) -> OdometryMessage {
    odometry_to_message(&Odometry {
        stamp: stamp(ms),
        odom_from_base: Pose2::new(0.5e-3 * ms as f64, 0.0, 0.0),
        pose_covariance: [1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 1e-4],
        twist: Twist2::new(0.5, 0.0),
        twist_variance: [1e-3; 2],
    })
}

/// A round room, 4 m about the lidar.
fn scan(ms: i64) -> LaserScan {
    let scan = Scan {
        stamp: stamp(ms),
        frame: "laser".into(),
        angle_min_rad: -3.1,
        angle_increment_rad: 6.2 / (BEAMS - 1) as f64,
        range_min_m: 0.1,
        range_max_m: 12.0,
        ranges_m: vec![4.0; BEAMS],
        ..Scan::default()
    };
    scan_to_message(&scan, 0.05)
}

fn detections(ms: i64) -> DetectionArray {
    let detection = Detection {
        position: Point2::new(2.0, 1.0),
        covariance: [0.01, 0.0, 0.0, 0.01],
        body: None,
        radius_m: 0.25,
        existence: 0.95,
        class_probabilities: vec![1.0],
    };
    detections_to_message(&DetectionSet {
        stamp: stamp(ms),
        frame: "odom".into(),
        sequence: ms.unsigned_abs(),
        class_labels: vec!["person".into()],
        detections: vec![detection],
        ..DetectionSet::default()
    })
}

struct World {
    host: Host<WorldModelBinding>,
    told: WorldModel,
}

impl World {
    /// After a second in which everything was as it should be.
    fn after_a_second() -> Self {
        let robot = Robot::new(example::amr()).unwrap();
        let config: Config =
            outrider_yaml::from_str(include_str!("../../../config/world_model.yaml")).unwrap();
        let binding = WorldModelBinding::new(&config, &robot);
        let core = WorldModelNode::new(config, &robot, 7).unwrap();
        let spec = NodeSpec { name: "world_model".into(), boot_id: 7, resources: Resources::new() };
        let mut world = Self { host: Host::new(spec, binding, core), told: WorldModel::default() };
        (0..1000).step_by(10).for_each(|ms| world.good(ms));
        world.good(1000);
        assert_eq!((world.told.tracks.len(), world.refused()), (1, 0));
        assert_eq!(world.told.tracks[0].state, Track::CONFIRMED);
        world
    }

    fn give<M: Message>(&mut self, input: usize, ms: i64, message: &M) {
        self.host.deliver(input, Instant::from_nanos(ms * 1_000_000), &encode(message).unwrap());
    }

    fn step(&mut self, ms: i64) {
        let now = Now { mono: Instant::from_nanos(ms * 1_000_000), ros: stamp(ms) };
        let told = &mut self.told;
        self.host.step(now, &mut |output, bytes, _| {
            if output == 0 {
                *told = decode(&bytes).unwrap();
            }
        });
    }

    /// What is due at a time: odometry at 50 Hz, scans at 20 Hz, detections at 10 Hz.
    fn good(&mut self, ms: i64) {
        if ms % 20 == 0 {
            self.give(ODOMETRY, ms, &odometry(ms));
        }
        if ms % 100 == 0 {
            self.give(DETECTIONS, ms, &detections(ms));
        }
        if ms % 50 == 0 {
            self.give(SCAN, ms, &scan(ms));
        }
        self.step(ms);
    }

    fn source(&self, name: &str) -> &SourceState {
        self.told.sources.iter().find(|s| s.name == name).unwrap()
    }

    /// By the border and by the core together, as `/diagnostics` and `/world_model` have it.
    fn refused(&self) -> u64 {
        self.told.sources.iter().map(|s| s.rejected).sum()
    }

    fn diagnostic(&self, key: &str) -> String {
        let values = self.host.diagnose().values;
        values.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()).unwrap_or_default()
    }
}

/// Gives something bad at 1.01 s, and looks at what is told at 1.1 s by the heartbeat, when nothing else has come.
fn bad<M: Message>(input: usize, message: &M, reason: &str) {
    let mut world = World::after_a_second();
    let topic = world.host.inputs()[input].absolute_name();
    let before = world.told.clone();
    world.give(input, 1010, message);
    world.step(1010);
    world.step(1105);
    let source = world.source(&topic);
    assert_eq!(source.status, SourceState::INVALID, "{topic}, {reason}: {source:?}");
    assert!(source.reason.contains(reason), "{reason} is not in: {}", source.reason);
    assert_eq!((source.rejected, world.refused()), (1, 1), "{reason}");
    // Everything else is as it was: the same person, who is as old as they are, the same walls, and the way since then.
    let told = &world.told;
    assert!(told.sequence > before.sequence && told.scan_stamp == before.scan_stamp, "{reason}");
    assert_eq!((told.tracks.len(), told.tracks[0].id), (1, before.tracks[0].id), "{reason}");
    assert!((told.tracks[0].age - 0.105).abs() < 1e-9, "{reason}: {}", told.tracks[0].age);
    assert!(
        (told.odom_x - 0.5 * 1.105).abs() < 0.01 && told.ego_covariance[0] > before.ego_covariance[0],
        "{reason}"
    );
    let walls = |w: &WorldModel| w.local.cost.iter().filter(|c| **c == 254).count();
    assert!(walls(told) > 0 && walls(told).abs_diff(walls(&before)) <= walls(&before) / 10, "{reason}");
    // The next good ones heal.
    (1110..=1300).step_by(10).for_each(|ms| world.good(ms));
    assert_eq!(world.source(&topic).status, SourceState::FRESH, "{reason}");
    assert_eq!(world.told.tracks[0].id, before.tracks[0].id);
}

#[test]
fn scans_that_cannot_be() {
    let mut m = scan(1005);
    m.ranges.clear();
    bad(SCAN, &m, "a scan without beams");
    let mut m = scan(1005);
    m.angle_increment *= 1.5;
    bad(SCAN, &m, "360 beams where the angles say 240.3");
    let mut m = scan(1005);
    m.angle_increment = 0.0;
    bad(SCAN, &m, "angle_increment: 0 is zero");
    let mut m = scan(1005);
    m.ranges = vec![4.0; 100_000];
    bad(SCAN, &m, "100000 elements are more than 8192");
    let mut m = scan(1005);
    m.header.frame_id = "camera".into();
    bad(SCAN, &m, "frame 'camera', expected 'laser'");
    bad(SCAN, &scan(1000), "repeats");
    bad(SCAN, &scan(400), "backwards by 0.600 s");
    bad(SCAN, &scan(3_601_010), "3600.000 s in the future");
}

#[test]
fn odometry_that_cannot_be() {
    let mut m = odometry(1005);
    m.header.frame_id = "map".into();
    bad(ODOMETRY, &m, "`map` is not odom");
    let mut m = odometry(1005);
    (m.pose.covariance[1], m.pose.covariance[6]) = (0.5, 0.5);
    bad(ODOMETRY, &m, "not positive semidefinite");
    let mut m = odometry(1005);
    m.pose.covariance[7] = -1.0;
    bad(ODOMETRY, &m, "negative variance -1");
    bad(ODOMETRY, &odometry(1000), "repeats");
    bad(ODOMETRY, &odometry(400), "backwards by 0.600 s");
    bad(ODOMETRY, &odometry(3_601_010), "in the future");
}

#[test]
fn detections_that_cannot_be() {
    let changed = |change: &dyn Fn(&mut DetectionArray)| {
        let mut m = detections(1005);
        change(&mut m);
        m
    };
    bad(DETECTIONS, &changed(&|m| m.header.frame_id = "camera".into()), "frame 'camera' is not known");
    let flat = [0.01, 0.02, 0.02, 0.01];
    bad(
        DETECTIONS,
        &changed(&|m| m.detections[0].covariance = flat),
        "detections[0].covariance: [0.01, 0.02, 0.02, 0.01] is not positive definite",
    );
    bad(DETECTIONS, &changed(&|m| m.detections[0].covariance = [0.0; 4]), "not positive definite");
    let flood = changed(&|m| m.detections = vec![m.detections[0].clone(); 10_000]);
    bad(DETECTIONS, &flood, &format!("detections: 10000 elements are more than {DETECTION_LIMIT}"));
    bad(DETECTIONS, &detections(1000), "repeats");
    bad(DETECTIONS, &detections(3_601_010), "in the future");
    bad(DETECTIONS, &detections(450), "0.550 s older than the newest: too late to be taken in");
    bad(DETECTIONS, &detections(-10_000), "asked for 990.000 s, the history begins at 1000.000 s");
}

/// Transforms of one message, those whose child is in `tilted` upside down.
fn transforms(ms: i64, frames: &[(&str, &str)], tilted: &[&str]) -> TFMessage {
    let one = |(parent, child): &(&str, &str)| TransformStamped {
        stamp: stamp(ms),
        parent: (*parent).into(),
        child: (*child).into(),
        parent_from_child: Pose2::new(0.1, 0.0, 0.0),
    };
    let mut m = transforms_to_message(&frames.iter().map(one).collect::<Vec<_>>());
    for t in m.transforms.iter_mut().filter(|t| tilted.contains(&t.child_frame_id.as_str())) {
        (t.transform.rotation.x, t.transform.rotation.w) = (1.0, 0.0);
    }
    m
}

/// Every robot has frames that are tilted. They take nothing along, and only those that the robot's place rests on are a fault.
#[test]
fn tilted_transforms_are_refused_one_by_one() {
    let mut world = World::after_a_second();
    let mount = [("base_link", "wheel"), ("base_link", "imu"), ("base_link", "laser")];
    world.give(TF_STATIC, 1010, &transforms(1010, &mount, &["wheel"]));
    world.give(
        TF,
        1010,
        &transforms(1010, &[("mast", "camera_optical"), ("map", "odom")], &["camera_optical"]),
    );
    (1010..=1100).step_by(10).for_each(|ms| world.good(ms));
    assert_eq!((world.diagnostic("transforms_refused"), world.refused()), ("2".to_owned(), 0));
    assert_eq!(world.source("/tf").status, SourceState::FRESH);
    assert_eq!(world.host.diagnose().level, DiagnosticStatus::OK, "{}", world.host.diagnose().message);
    world.give(TF_STATIC, 1105, &transforms(1105, &mount, &["laser"]));
    world.give(TF, 1105, &transforms(1105, &[("map", "odom")], &["odom"]));
    (1110..=1200).step_by(10).for_each(|ms| world.good(ms));
    assert_eq!(world.source("/tf").status, SourceState::INVALID);
    let told = world.host.diagnose();
    assert_eq!(told.level, DiagnosticStatus::WARN);
    assert!(told.message.contains("base_link from laser: rotation: tilted by 3.14 rad"), "{}", told.message);
}

/// A flood of floods is bounded work too: each is refused before any of its detections is looked at, and `/diagnostics` counts them.
#[test]
fn a_flood_of_floods_is_counted() {
    let mut world = World::after_a_second();
    let before = world.host.diagnose().level;
    let mut flood = detections(1005);
    flood.detections = vec![flood.detections[0].clone(); 10_000];
    (0..20).for_each(|_| world.give(DETECTIONS, 1010, &flood));
    world.step(1010);
    world.step(1105);
    assert_eq!(world.source("/detections").rejected, 20);
    assert_eq!(world.diagnostic("messages_refused"), "20");
    assert!(world.diagnostic("last_refusal").starts_with("/detections: detections: 10000 elements"));
    assert_eq!((world.diagnostic("detections_beyond_limit"), world.told.tracks.len()), ("0".to_owned(), 1));
    // All is well again, and that something was refused is not forgotten.
    (1110..=1300).step_by(10).for_each(|ms| world.good(ms));
    assert_eq!(world.source("/detections").status, SourceState::FRESH);
    assert_eq!((before, world.host.diagnose().level), (DiagnosticStatus::OK, DiagnosticStatus::WARN));
}
