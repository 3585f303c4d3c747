//! Assurance with a test's own clock, world and planner.

use crate::motion::{Phase, reckon};
use crate::{AssuranceNode, Config, Input, Output, Zones};
use outrider_foundation::data::{
    AssuranceState, Challenge, Command, CommandSource, Detection, DetectionSet, Digest, GateMode, GateState,
    Intervention, Mode, MonitorReading, Odometry, Permit, PinnedHashes, Scan, SourceState, SourceStatus,
    Track, TrajectoryPoint, WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{
    Footprint, Instant, Node, Now, Outbox, Point2, Pose2, Span, Stamp, Stamped, Twist2,
};
use outrider_stl::Specification;
use proptest::prelude::*;
use std::f64::consts::TAU;

pub const BOOT: u64 = 5;
pub const BEAMS: usize = 720;
/// Time from one round of data to the next.
pub const ROUND: Span = Span::from_millis(25);

pub fn config() -> Config {
    outrider_yaml::from_str_valid(include_str!("../../../../config/assurance.yaml")).unwrap()
}

pub fn zones() -> Zones {
    outrider_yaml::from_str_valid(include_str!("../../../../config/zones/warehouse.yaml")).unwrap()
}

pub fn robot() -> Robot {
    Robot::new(example::amr()).unwrap()
}

pub fn digest(command: &Command) -> Digest {
    let mut out = [0; 32];
    let words =
        [command.boot_id, command.sequence, command.twist.v_mps.to_bits(), command.twist.w_radps.to_bits()];
    for (bytes, word) in out.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// A convex outline about the origin.
pub fn convex_outline() -> impl Strategy<Value = Footprint> {
    let radii = prop::collection::vec((0.15..0.6f64, 0.0..0.5f64), 3..10);
    radii.prop_filter_map("not convex", |radii| {
        let step = TAU / radii.len() as f64;
        let corner = |(i, (r, turn)): (usize, &(f64, f64))| {
            let (s, c) = libm::sincos((i as f64 + turn) * step);
            Point2::new(r * c, r * s)
        };
        Footprint::new(radii.iter().enumerate().map(corner).collect()).ok()
    })
}

/// What the lidar sees: walls and posts, in the world.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub walls: Vec<(Point2, Point2)>,
    /// Centre and radius.
    pub posts: Vec<(Point2, f64)>,
}

impl Scene {
    /// A wall across x = `x_m`, turned by `angle_rad` about (x, 0).
    pub fn wall(x_m: f64, angle_rad: f64) -> Self {
        let (s, c) = libm::sincos(angle_rad);
        let end = |k: f64| Point2::new(x_m - k * s, k * c);
        Self { walls: vec![(end(-8.0), end(8.0))], posts: vec![] }
    }

    fn range_m(&self, world_from_lidar: Pose2, angle_rad: f64) -> f64 {
        let (s, c) = libm::sincos(world_from_lidar.yaw_rad + angle_rad);
        let (ox, oy) = (world_from_lidar.x_m, world_from_lidar.y_m);
        let mut best = f64::INFINITY;
        for (a, b) in &self.walls {
            let (ex, ey) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let det = ex * s - ey * c;
            let (dx, dy) = (a.x_m - ox, a.y_m - oy);
            let (t, u) = ((ex * dy - ey * dx) / det, (c * dy - s * dx) / det);
            if t > 0.0 && (0.0..=1.0).contains(&u) {
                best = best.min(t);
            }
        }
        for (p, r) in &self.posts {
            let (dx, dy) = (p.x_m - ox, p.y_m - oy);
            let along = dx * c + dy * s;
            let off_sq = dx * dx + dy * dy - along * along;
            if along > 0.0 && off_sq < r * r {
                best = best.min(along - (r * r - off_sq).sqrt());
            }
        }
        best
    }

    /// Least distance from the outline at a pose; negative behind a wall, which reaches far beyond where robots go.
    pub fn clearance_m(&self, robot: &Robot, pose: Pose2) -> f64 {
        let base_from_world = pose.inverse();
        let posts =
            self.posts.iter().map(|(p, r)| robot.footprint.signed_distance_m(base_from_world.apply(*p)) - r);
        let offset_m = |(a, b): &(Point2, Point2), p: Point2| {
            let (ex, ey) = (b.x_m - a.x_m, b.y_m - a.y_m);
            (ex * (p.y_m - a.y_m) - ey * (p.x_m - a.x_m)) / libm::hypot(ex, ey)
        };
        let walls = self.walls.iter().flat_map(|wall| {
            let side = offset_m(wall, Point2::default()).signum();
            robot.footprint.corners().iter().map(move |c| side * offset_m(wall, pose.apply(*c)))
        });
        walls.chain(posts).fold(f64::INFINITY, f64::min)
    }
}

pub struct Rig {
    pub node: AssuranceNode,
    pub robot: Robot,
    pub now: Now,
    pub scene: Scene,
    pub pose: Pose2,
    /// Odometry has an origin of its own.
    odom_from_world: Pose2,
    pub twist: Twist2,
    pub localised: bool,
    pub tracks: Vec<Track>,
    /// What the localiser has corrected on the map, m to the left.
    pub tracks_moved_m: f64,
    /// Whether detections come.
    pub detector: bool,
    pub gate: GateMode,
    /// What the gate publishes; as the robot moves when none is given.
    pub commanded: Option<Twist2>,
    /// Ranges that the lidar repeats.
    pub frozen: Option<Vec<f32>>,
    pub challenge: u64,
    pub sequence: u64,
    pub outputs: Vec<Output>,
}

impl Rig {
    pub fn new(scene: Scene) -> Self {
        Self::with(config(), scene)
    }

    pub fn with(config: Config, scene: Scene) -> Self {
        Self::watching(config, scene, vec![])
    }

    pub fn watching(config: Config, scene: Scene, specifications: Vec<Specification>) -> Self {
        Self::in_zones(config, &zones(), scene, specifications)
    }

    pub fn in_zones(config: Config, zones: &Zones, scene: Scene, specifications: Vec<Specification>) -> Self {
        let robot = robot();
        let hashes = PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] };
        let node =
            AssuranceNode::new(config, zones.clone(), specifications, &robot, hashes, digest, BOOT).unwrap();
        let now = Now { mono: Instant::from_nanos(9_000_000_000), ros: Stamp::from_nanos(3_000_000_000) };
        Self {
            node,
            robot,
            now,
            scene,
            pose: Pose2::IDENTITY,
            odom_from_world: Pose2::new(3.0, -1.0, 0.7),
            twist: Twist2::ZERO,
            localised: true,
            tracks: vec![],
            tracks_moved_m: 0.0,
            detector: true,
            gate: GateMode::Forwarding,
            commanded: None,
            frozen: None,
            challenge: 0,
            sequence: 0,
            outputs: vec![],
        }
    }

    /// At rest in NOMINAL, after a shorter dwell than the shipped one.
    pub fn nominal(scene: Scene) -> Self {
        let mut rig = Self::with(Config { dwell_s: 0.2, ..config() }, scene);
        rig.rest(Span::from_s(0.5));
        assert_eq!(rig.mode(), Mode::Nominal, "{:#?}", rig.state());
        rig
    }

    /// In NOMINAL, moving since this moment.
    pub fn moving(scene: Scene, twist: Twist2) -> Self {
        let mut rig = Self::nominal(scene);
        rig.set_off(twist);
        rig
    }

    pub fn set_off(&mut self, twist: Twist2) {
        self.wait(ROUND);
        self.twist = twist;
        self.data();
        self.outputs.clear();
    }

    /// Somewhere else at once; the wheels notice nothing.
    pub fn carry_to(&mut self, pose: Pose2) {
        let odom_from_base = self.odom_from_world.then(self.pose);
        self.odom_from_world = odom_from_base.then(pose.inverse());
        self.pose = pose;
    }

    /// Rounds of data with proposals to stand.
    pub fn rest(&mut self, span: Span) {
        let until = self.now.mono + span;
        while self.now.mono < until {
            self.wait(ROUND);
            self.data();
            self.propose(Twist2::ZERO);
        }
    }

    pub fn wait(&mut self, span: Span) {
        self.now.mono = self.now.mono + span;
        self.now.ros = self.now.ros + span;
    }

    pub fn send(&mut self, inputs: Vec<Input>) -> Vec<Output> {
        let received = self.now.mono;
        let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received, value }).collect();
        let mut out = Outbox::new(32);
        self.node.step(self.now, &inputs, &mut out);
        assert_eq!(out.dropped(), 0);
        let outputs: Vec<_> = out.drain().collect();
        self.outputs.extend(outputs.iter().cloned());
        outputs
    }

    /// One round of everything but commands, stamped now.
    pub fn data(&mut self) -> Vec<Output> {
        let mut inputs = vec![
            Input::Scan(self.scan()),
            Input::Odometry(self.odometry()),
            Input::WorldModel(self.world_model()),
            self.next_challenge(),
            Input::Gate(self.gate_state()),
        ];
        if self.detector {
            inputs.push(Input::Detections(self.detections()));
        }
        self.send(inputs)
    }

    pub fn scan(&self) -> Scan {
        let world_from_lidar = self.pose.then(self.robot.base_from_lidar);
        let step = TAU / BEAMS as f64;
        let range = |i: usize| self.scene.range_m(world_from_lidar, i as f64 * step) as f32;
        Scan {
            stamp: self.now.ros,
            frame: "laser".into(),
            angle_min_rad: 0.0,
            angle_increment_rad: step,
            range_min_m: 0.1,
            range_max_m: 20.0,
            ranges_m: self.frozen.clone().unwrap_or_else(|| (0..BEAMS).map(range).collect()),
            ..Scan::default()
        }
    }

    pub fn odometry(&self) -> Odometry {
        let odom_from_base = self.odom_from_world.then(self.pose);
        Odometry { stamp: self.now.ros, odom_from_base, twist: self.twist, ..Odometry::default() }
    }

    pub fn world_model(&mut self) -> WorldModel {
        let mut model = WorldModel { stamp: self.now.ros, boot_id: 4, sequence: 1, ..WorldModel::default() };
        model.scan_stamp = self.now.ros;
        model.ego.frame = if self.localised { FrameId::Map } else { FrameId::Odom };
        model.ego.localised = self.localised;
        // On the map everything is so much farther to the left than in `odom`.
        let map_from_odom = Pose2::new(0.0, self.tracks_moved_m, 0.0);
        model.ego.pose = map_from_odom.then(self.pose);
        model.ego.odom_from_base = self.pose;
        model.ego.covariance = [1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 1e-4];
        model.tracks.clone_from(&self.tracks);
        for track in &mut model.tracks {
            track.position = map_from_odom.apply(track.position);
            for expected in &mut track.prediction {
                *expected = map_from_odom.apply(*expected);
            }
        }
        model.sources = vec![SourceState {
            name: "/detections".into(),
            status: SourceStatus::Fresh,
            age_s: 0.1,
            ..SourceState::default()
        }];
        model
    }

    /// The detector sees every track where it is, and says no more than it knows.
    pub fn detections(&self) -> DetectionSet {
        let base_from_world = self.pose.inverse();
        let detection = |track: &Track| Detection {
            position: base_from_world.apply(track.position),
            covariance: [0.01, 0.0, 0.0, 0.01],
            body: None,
            radius_m: track.radius_m,
            existence: 0.95,
            class_probabilities: vec![1.0],
        };
        DetectionSet {
            stamp: self.now.ros,
            frame: "base_link".into(),
            model_id: "people".into(),
            model_version: "1".into(),
            class_labels: vec!["person".into()],
            detections: self.tracks.iter().map(detection).collect(),
            ..DetectionSet::default()
        }
    }

    pub fn next_challenge(&mut self) -> Input {
        self.challenge += 1;
        Input::Challenge(Challenge { stamp: self.now.ros, gate_boot_id: 7, number: self.challenge })
    }

    pub fn gate_state(&self) -> GateState {
        GateState {
            stamp: self.now.ros,
            boot_id: 7,
            mode: self.gate,
            twist: self.commanded.unwrap_or(self.twist),
            ..GateState::default()
        }
    }

    /// A sound proposal.
    pub fn command(&mut self, twist: Twist2) -> Command {
        self.sequence += 1;
        let hold = Phase { target: twist, duration_s: 0.3 };
        let tail = reckon(self.twist, &[hold], &self.robot.limits).unwrap_or_default();
        let point =
            |m: &crate::motion::MotionPoint| TrajectoryPoint { t_s: m.t_s, pose: m.pose, twist: m.twist };
        Command {
            stamp: self.now.ros,
            boot_id: 3,
            sequence: self.sequence,
            source: CommandSource::Planner,
            twist,
            braking_tail: tail.iter().map(point).collect(),
            data_stamp: self.now.ros,
            ..Command::default()
        }
    }

    pub fn propose(&mut self, twist: Twist2) -> Vec<Output> {
        let command = self.command(twist);
        self.send(vec![Input::Command(command)])
    }

    pub fn state(&self) -> AssuranceState {
        let state = |o: &Output| if let Output::State(s) = o { Some(s.clone()) } else { None };
        self.outputs.iter().rev().find_map(state).unwrap()
    }

    pub fn mode(&self) -> Mode {
        self.state().mode
    }

    pub fn reading(&self, name: &str) -> MonitorReading {
        let state = self.state();
        state.monitors.into_iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no monitor {name}"))
    }

    pub fn interventions(&self) -> Vec<Intervention> {
        let record = |o: &Output| if let Output::Intervention(i) = o { Some(i.clone()) } else { None };
        self.outputs.iter().filter_map(record).collect()
    }
}

pub fn permit(outputs: &[Output]) -> Option<Permit> {
    outputs.iter().find_map(|o| if let Output::Permit(p) = o { Some(p.clone()) } else { None })
}

pub fn recovery(outputs: &[Output]) -> Option<Command> {
    outputs.iter().find_map(|o| if let Output::Recovery(c) = o { Some(c.clone()) } else { None })
}

/// The proposal itself is permitted.
pub fn passes(outputs: &[Output]) -> bool {
    permit(outputs).is_some_and(|p| p.command_source == CommandSource::Planner)
}
