//! What a step of assurance and of the gate costs while the robot drives: 720 beams, 20 tracks, a braking tail of 20 poses,
//! all properties. Prints p50 and p99. The two answer each other as they do on a robot, with the real digests. Once in a hall
//! with nothing near, and once in a corridor that is little wider than the robot, where most of the scan is near.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

use outrider_assurance::{AssuranceNode, Input as ToAssurance, Output as OfAssurance, Zones};
use outrider_foundation::data::{
    Command, CommandSource, Detection, DetectionSet, Mode, Odometry, OperatorAction, OperatorRequest,
    PinnedHashes, Scan, SourceState, SourceStatus, Track, TrackState, TrajectoryPoint, WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Span, Stamp, Stamped, Twist2};
use outrider_gate::{GateNode, Input as ToGate, Output as OfGate};
use outrider_suite::assemble::read_specification;
use outrider_suite::convert::command_digest;
use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

const PERIOD: Span = Span::from_millis(10);
const TWIST: Twist2 = Twist2::new(0.6, 0.05);
const BEAMS: usize = 720;
const TRACKS: u64 = 20;
const TAIL: usize = 20;
const CYCLES: u64 = 20_000;
const WARM_UP: u64 = 500;

fn config(file: &str) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

fn assurance(robot: &Robot) -> AssuranceNode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/assurance");
    let files = outrider_runtime::config::list(&folder, "stl").unwrap();
    let read = |path: &PathBuf| read_specification(&std::fs::read_to_string(path).unwrap()).unwrap();
    let zones: Zones = serde_saphyr::from_str(&config("zones/warehouse.yaml")).unwrap();
    let hashes = PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] };
    let parameters = serde_saphyr::from_str(&config("assurance.yaml")).unwrap();
    AssuranceNode::new(parameters, zones, files.iter().map(read).collect(), robot, hashes, command_digest, 5)
        .unwrap()
}

/// A hall with shelves: ranges between 2 and 9 m.
fn hall_m(angle_rad: f64) -> f64 {
    5.5 + 2.0 * libm::sin(3.0 * angle_rad) + 1.5 * libm::cos(11.0 * angle_rad)
}

/// A corridor, 1.2 m wide and 18 m long.
fn corridor_m(angle_rad: f64) -> f64 {
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

#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn print(mut self, what: &str) {
        self.0.sort_unstable();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        println!("| {what} | {} | {:.1} | {:.1} | {:.1} |", self.0.len(), at(0.5), at(0.99), at(1.0));
    }
}

fn step<N: Node>(node: &mut N, now: Now, inputs: Vec<N::Input>, times: &mut Times) -> Vec<N::Output> {
    let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received: now.mono, value }).collect();
    let mut out = Outbox::new(64);
    let begin = Clock::now();
    node.step(now, &inputs, &mut out);
    times.0.push(begin.elapsed().as_nanos() as u64);
    out.drain().collect()
}

fn main() {
    println!("{BEAMS} beams, {TRACKS} tracks, {TAIL} poses");
    let only = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    for (place, range_m) in [("hall", hall_m as fn(f64) -> f64), ("corridor", corridor_m)] {
        if only.as_deref().is_none_or(|only| only == place) {
            drive(place, range_m);
        }
    }
}

/// Two of five periods bring a command, one every 25 ms as from the planner (`command_period_s`).
const fn has_command(cycle: u64) -> bool {
    matches!(cycle % 5, 1 | 3)
}

/// One with a command and without a scan.
const fn is_all(cycle: u64) -> bool {
    cycle % 10 == 6
}

fn drive(place: &str, range_m: fn(f64) -> f64) {
    let robot = Robot::new(example::amr()).unwrap();
    let mut assurance = assurance(&robot);
    let mut gate =
        GateNode::new(serde_saphyr::from_str(&config("gate.yaml")).unwrap(), &robot, command_digest, 7)
            .unwrap();
    let mut now = Now { mono: Instant::from_nanos(1_000_000_000), ros: Stamp::from_nanos(5_000_000_000) };
    let mut pose = Pose2::new(-3.0, 2.0, 0.0);
    let (mut to_gate, mut to_assurance, mut driven) = (vec![], vec![], Twist2::ZERO);
    let [mut of_gate, mut of_permit, mut of_command, mut of_all, mut of_scan, mut of_others, mut unused] =
        std::array::from_fn(|_| Times::default());
    let (mut forwarded, mut nominal) = (0_u64, 0_u64);
    for cycle in 0..CYCLES {
        now = Now { mono: now.mono + PERIOD, ros: now.ros + PERIOD };
        pose = Pose2 { yaw_rad: pose.yaw_rad + driven.w_radps * PERIOD.as_s(), ..pose };
        let measured = cycle >= WARM_UP;
        let into = |times: Times, target: &mut Times| {
            if measured {
                target.0.extend(times.0)
            }
        };
        if cycle % 100 == 0 {
            let request = OperatorRequest { stamp: now.ros, sequence: cycle, action: OperatorAction::Arm };
            to_gate.push(ToGate::Operator(request));
        }
        let mut times = Times::default();
        let permits = to_gate.iter().any(|input| matches!(input, ToGate::Permit(_)));
        for output in step(&mut gate, now, std::mem::take(&mut to_gate), &mut times) {
            match output {
                OfGate::Challenge(challenge) => to_assurance.push(ToAssurance::Challenge(challenge)),
                OfGate::State(state) => {
                    forwarded += u64::from(measured && state.command_sequence > 0);
                    driven = state.twist;
                    to_assurance.push(ToAssurance::Gate(state));
                }
                OfGate::Velocity(_) | OfGate::Reply(_) => {}
            }
        }
        into(times, if permits { &mut of_permit } else { &mut of_gate });
        let odometry =
            Odometry { stamp: now.ros, odom_from_base: pose, twist: driven, ..Odometry::default() };
        let mut times = Times::default();
        if cycle % 5 == 0 {
            let inputs =
                vec![ToAssurance::Scan(scan(now.ros, cycle, range_m)), ToAssurance::Odometry(odometry)];
            drop(step(&mut assurance, now, inputs, &mut times));
            let model = world(now.ros, cycle + 1, pose);
            let seen = ToAssurance::Detections(detections(now.ros, pose, &model.tracks));
            drop(step(&mut assurance, now, vec![ToAssurance::WorldModel(model), seen], &mut unused));
            into(times, &mut of_scan);
        } else {
            to_assurance.push(ToAssurance::Odometry(odometry));
            // Once in a while all comes at once, and the properties are due as well.
            if !is_all(cycle) {
                drop(step(&mut assurance, now, std::mem::take(&mut to_assurance), &mut times));
                into(times, &mut of_others);
            }
        }
        if has_command(cycle) {
            let mut times = Times::default();
            let command = command(now.ros, cycle + 1, driven);
            to_assurance.push(ToAssurance::Command(command.clone()));
            for output in step(&mut assurance, now, std::mem::take(&mut to_assurance), &mut times) {
                match output {
                    OfAssurance::Permit(permit) => to_gate.push(ToGate::Permit(permit)),
                    OfAssurance::Recovery(recovery) => to_gate.push(ToGate::Command(recovery)),
                    OfAssurance::State(state) if cycle >= CYCLES - 5 && state.mode != Mode::Nominal => {
                        let bad =
                            state.monitors.iter().filter(|m| m.robustness.is_nan() || m.robustness < 0.0);
                        panic!("not NOMINAL: {:?}", bad.collect::<Vec<_>>());
                    }
                    OfAssurance::State(state) => {
                        nominal += u64::from(measured && state.mode == Mode::Nominal)
                    }
                    OfAssurance::Intervention(why) if measured => println!("{}", why.text),
                    OfAssurance::Intervention(_) => {}
                }
            }
            to_gate.push(ToGate::Command(command));
            into(times, if is_all(cycle) { &mut of_all } else { &mut of_command });
        }
    }
    println!("\n{place}: {nominal} states in NOMINAL, {forwarded} periods with a command in force");
    println!("| step | times | p50, µs | p99, µs | greatest, µs |\n|---|---|---|---|---|");
    Times([of_gate.0.as_slice(), &of_permit.0].concat()).print("gate, all periods");
    of_gate.print("gate, a period without a command");
    of_permit.print("gate, a period with a command and its permit");
    of_command.print("assurance, a command judged and permitted");
    of_all.print("assurance, the same with odometry, and all properties due");
    of_scan.print("assurance, a scan taken");
    of_others.print("assurance, everything else");
}
