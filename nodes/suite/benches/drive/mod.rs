//! Assurance and gate as they answer each other while the robot drives: 720 beams, 20 tracks, a braking tail of 20 poses, all
//! properties, the real digests. For timing every step, and for counting its instructions.
#![allow(dead_code, missing_docs)]

use outrider_assurance::{AssuranceNode, Input as ToAssurance, Output as OfAssurance, Zones};
use outrider_foundation::data::{
    AssuranceState, Command, CommandSource, Detection, DetectionSet, Mode, Odometry, OperatorAction,
    OperatorRequest, PinnedHashes, Scan, SourceState, SourceStatus, Track, TrackState, TrajectoryPoint,
    WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Span, Stamp, Stamped, Twist2};
use outrider_gate::{GateNode, Input as ToGate, Output as OfGate};
use outrider_suite::assemble::read_specification;
use outrider_suite::convert::command_digest;
use std::path::{Path, PathBuf};

const PERIOD: Span = Span::from_millis(10);
const TWIST: Twist2 = Twist2::new(0.6, 0.05);
pub const BEAMS: usize = 720;
pub const TRACKS: u64 = 20;
pub const TAIL: usize = 20;

/// The folder `config` above the crate that this is compiled into.
fn folder() -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|path| path.join("config"));
    above.find(|config| config.join("assurance").is_dir()).unwrap()
}

fn config(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

fn assurance(robot: &Robot) -> AssuranceNode {
    let files = outrider_runtime::config::list(&folder().join("assurance"), "stl").unwrap();
    let read = |path: &PathBuf| read_specification(&std::fs::read_to_string(path).unwrap()).unwrap();
    let zones: Zones = outrider_yaml::from_str(&config("zones/warehouse.yaml")).unwrap();
    let hashes = PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] };
    let parameters = outrider_yaml::from_str(&config("assurance.yaml")).unwrap();
    AssuranceNode::new(parameters, zones, files.iter().map(read).collect(), robot, hashes, command_digest, 5)
        .unwrap()
}

/// A hall with shelves: ranges between 2 and 9 m.
pub fn hall_m(angle_rad: f64) -> f64 {
    5.5 + 2.0 * libm::sin(3.0 * angle_rad) + 1.5 * libm::cos(11.0 * angle_rad)
}

/// A corridor, 1.2 m wide and 18 m long.
pub fn corridor_m(angle_rad: f64) -> f64 {
    let (s, c) = libm::sincos(angle_rad);
    (0.6 / s.abs()).min(9.0 / c.abs())
}

/// Other ranges with every scan.
fn scan(stamp: Stamp, cycle: u64, range_m: fn(f64) -> f64) -> Scan {
    let range = |i: usize| {
        let angle = i as f64 / BEAMS as f64 * std::f64::consts::TAU;
        let noise = ((i as u64 * 7919 + cycle * 104_729) % 1000) as f64 * 2e-5;
        (range_m(angle) + noise) as f32
    };
    Scan {
        stamp,
        frame: "laser".into(),
        angle_increment_rad: std::f64::consts::TAU / BEAMS as f64,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m: (0..BEAMS).map(range).collect(),
        ..Scan::default()
    }
}

fn world(stamp: Stamp, sequence: u64, pose: Pose2) -> WorldModel {
    let mut model = WorldModel { stamp, boot_id: 4, sequence, scan_stamp: stamp, ..WorldModel::default() };
    model.ego.frame = FrameId::Map;
    model.ego.localised = true;
    model.ego.pose = pose;
    model.ego.covariance = [1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 1e-4];
    let track = |id: u64| {
        let angle = id as f64 * 0.31;
        let (s, c) = libm::sincos(angle);
        let position = Point2::new(pose.x_m + 5.0 * c, pose.y_m + 5.0 * s);
        Track {
            id,
            state: TrackState::Confirmed,
            class_label: "person".into(),
            position,
            velocity: Point2::new(-0.8 * s, 0.8 * c),
            covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 }),
            radius_m: 0.25,
            prediction_step_s: 0.1,
            prediction: (1..=30)
                .map(|k| Point2::new(position.x_m - 0.08 * f64::from(k) * s, position.y_m))
                .collect(),
            prediction_sigma_m: (1..=30).map(|k| 0.1 + 0.01 * f64::from(k)).collect(),
            ..Track::default()
        }
    };
    model.tracks = (1..=TRACKS).map(track).collect();
    let name = "/detections".into();
    model.sources =
        vec![SourceState { name, status: SourceStatus::Fresh, age_s: 0.1, ..SourceState::default() }];
    model
}

/// The detector sees every track where it is.
fn detections(stamp: Stamp, pose: Pose2, tracks: &[Track]) -> DetectionSet {
    let detection = |track: &Track| Detection {
        position: pose.inverse().apply(track.position),
        covariance: [0.01, 0.0, 0.0, 0.01],
        body: None,
        radius_m: track.radius_m,
        existence: 0.95,
        class_probabilities: vec![1.0],
    };
    DetectionSet {
        stamp,
        frame: "base_link".into(),
        model_id: "people".into(),
        model_version: "1".into(),
        class_labels: vec!["person".into()],
        detections: tracks.iter().map(detection).collect(),
        ..DetectionSet::default()
    }
}

/// From the measured velocity: held for 0.2 s, then braked at 1.2 m/s².
fn command(stamp: Stamp, sequence: u64, measured: Twist2) -> Command {
    let point = |i: usize| {
        let t_s = i as f64 * 0.7 / (TAIL - 1) as f64;
        let braked_s = (t_s - 0.2).max(0.0);
        let (v_mps, w_radps) = (measured.v_mps.max(0.01), measured.w_radps);
        let braked_s = braked_s.min(v_mps / 1.2);
        let keep = 1.0 - braked_s * 1.2 / v_mps;
        let held_s = t_s.min(0.2);
        let way_m = v_mps * (held_s + braked_s) - 0.6 * braked_s * braked_s;
        let pose = Pose2::IDENTITY.advance(measured, way_m / v_mps);
        TrajectoryPoint { t_s, pose, twist: Twist2::new(v_mps * keep, w_radps * keep) }
    };
    Command {
        stamp,
        boot_id: 3,
        sequence,
        source: CommandSource::Planner,
        twist: TWIST,
        braking_tail: (0..TAIL).map(point).collect(),
        data_stamp: stamp,
        world_model_sequence: 1,
        ..Command::default()
    }
}

/// A step of one of the two nodes, by what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The gate, a period without a command.
    Gate,
    /// The gate, a period with a command and its permit.
    Permit,
    /// Assurance, a command judged and permitted.
    Command,
    /// Assurance, the same with odometry, and all properties due.
    All,
    /// Assurance, a scan taken.
    Scan,
    /// Assurance, a world model taken.
    World,
    /// Assurance, everything else.
    Other,
}

/// What stands around every step: a clock, or a counter.
pub trait Meter {
    fn around(&mut self, step: Step, cycle: u64, work: &mut dyn FnMut());
}

/// What came of a drive.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Assurance states in NOMINAL.
    pub nominal: u64,
    /// Periods of the gate with a command in force.
    pub forwarded: u64,
    /// What assurance intervened for.
    pub interventions: Vec<String>,
}

/// Two of five periods bring a command, one every 25 ms as from the planner (`command_period_s`).
const fn has_command(cycle: u64) -> bool {
    matches!(cycle % 5, 1 | 3)
}

/// One with a command and without a scan.
const fn is_all(cycle: u64) -> bool {
    cycle % 10 == 6
}

/// Drives for `cycles` periods of the gate; the outcome is that of those from `warm_up` on.
pub fn drive(range_m: fn(f64) -> f64, warm_up: u64, cycles: u64, meter: &mut impl Meter) -> Outcome {
    let mut pair = Pair::new();
    for cycle in 0..cycles {
        pair.cycle(cycle, range_m, meter);
        if cycle < warm_up {
            pair.outcome = Outcome::default();
        }
    }
    let bad = pair.last.iter().flat_map(|state| &state.monitors);
    let bad: Vec<_> = bad.filter(|m| m.robustness.is_nan() || m.robustness < 0.0).collect();
    assert!(pair.last.as_ref().is_some_and(|state| state.mode == Mode::Nominal), "not NOMINAL: {bad:?}");
    pair.outcome
}

struct Pair {
    assurance: AssuranceNode,
    gate: GateNode,
    now: Now,
    pose: Pose2,
    driven: Twist2,
    to_gate: Vec<ToGate>,
    to_assurance: Vec<ToAssurance>,
    last: Option<AssuranceState>,
    outcome: Outcome,
}

impl Pair {
    fn new() -> Self {
        let robot = Robot::new(example::amr()).unwrap();
        let gate = outrider_yaml::from_str(&config("gate.yaml")).unwrap();
        Self {
            assurance: assurance(&robot),
            gate: GateNode::new(gate, &robot, command_digest, 7).unwrap(),
            now: Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::from_nanos(5_000_000_000) },
            pose: Pose2::new(-3.0, 2.0, 0.0),
            driven: Twist2::ZERO,
            to_gate: Vec::new(),
            to_assurance: Vec::new(),
            last: None,
            outcome: Outcome::default(),
        }
    }

    fn cycle(&mut self, cycle: u64, range_m: fn(f64) -> f64, meter: &mut impl Meter) {
        self.now = Now { mono: self.now.mono + PERIOD, ros: self.now.ros + PERIOD };
        self.pose.yaw_rad += self.driven.w_radps * PERIOD.as_s();
        self.gate_period(cycle, meter);
        let odometry = Odometry {
            stamp: self.now.ros,
            odom_from_base: self.pose,
            twist: self.driven,
            ..Odometry::default()
        };
        if cycle.is_multiple_of(5) {
            self.data(cycle, range_m, odometry, meter);
        } else {
            self.to_assurance.push(ToAssurance::Odometry(odometry));
            // Once in a while all comes at once, and the properties are due as well.
            if !is_all(cycle) {
                let inputs = std::mem::take(&mut self.to_assurance);
                step(&mut self.assurance, self.now, inputs, |work| meter.around(Step::Other, cycle, work));
            }
        }
        if has_command(cycle) {
            self.command(cycle, meter);
        }
    }

    fn gate_period(&mut self, cycle: u64, meter: &mut impl Meter) {
        if cycle.is_multiple_of(100) {
            let request =
                OperatorRequest { stamp: self.now.ros, sequence: cycle, action: OperatorAction::Arm };
            self.to_gate.push(ToGate::Operator(request));
        }
        let permits = self.to_gate.iter().any(|input| matches!(input, ToGate::Permit(_)));
        let what = if permits { Step::Permit } else { Step::Gate };
        let inputs = std::mem::take(&mut self.to_gate);
        for output in step(&mut self.gate, self.now, inputs, |work| meter.around(what, cycle, work)) {
            match output {
                OfGate::Challenge(challenge) => self.to_assurance.push(ToAssurance::Challenge(challenge)),
                OfGate::State(state) => {
                    self.outcome.forwarded += u64::from(state.command_sequence > 0);
                    self.driven = state.twist;
                    self.to_assurance.push(ToAssurance::Gate(state));
                }
                OfGate::Velocity(_) | OfGate::Reply(_) => {}
            }
        }
    }

    /// A scan with odometry, then what the world model makes of it.
    fn data(&mut self, cycle: u64, range_m: fn(f64) -> f64, odometry: Odometry, meter: &mut impl Meter) {
        let stamp = self.now.ros;
        let inputs = vec![ToAssurance::Scan(scan(stamp, cycle, range_m)), ToAssurance::Odometry(odometry)];
        step(&mut self.assurance, self.now, inputs, |work| meter.around(Step::Scan, cycle, work));
        let model = world(stamp, cycle + 1, self.pose);
        let seen = ToAssurance::Detections(detections(stamp, self.pose, &model.tracks));
        let inputs = vec![ToAssurance::WorldModel(model), seen];
        step(&mut self.assurance, self.now, inputs, |work| meter.around(Step::World, cycle, work));
    }

    fn command(&mut self, cycle: u64, meter: &mut impl Meter) {
        let command = command(self.now.ros, cycle + 1, self.driven);
        self.to_assurance.push(ToAssurance::Command(command.clone()));
        let what = if is_all(cycle) { Step::All } else { Step::Command };
        let inputs = std::mem::take(&mut self.to_assurance);
        for output in step(&mut self.assurance, self.now, inputs, |work| meter.around(what, cycle, work)) {
            match output {
                OfAssurance::Permit(permit) => self.to_gate.push(ToGate::Permit(permit)),
                OfAssurance::Recovery(recovery) => self.to_gate.push(ToGate::Command(recovery)),
                OfAssurance::State(state) => {
                    self.outcome.nominal += u64::from(state.mode == Mode::Nominal);
                    self.last = Some(state);
                }
                OfAssurance::Intervention(why) => self.outcome.interventions.push(why.text),
            }
        }
        self.to_gate.push(ToGate::Command(command));
    }
}

/// One step of a node; what it gives out comes after the measured part.
fn step<N: Node>(
    node: &mut N,
    now: Now,
    inputs: Vec<N::Input>,
    measure: impl FnOnce(&mut dyn FnMut()),
) -> Vec<N::Output> {
    let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received: now.mono, value }).collect();
    let mut out = Outbox::new(64);
    measure(&mut || node.step(now, &inputs, &mut out));
    out.drain().collect()
}
