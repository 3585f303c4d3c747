//! A made-up run for the tests: through a doorway, with a person crossing, one gate stop and one lost message.

use outrider_bags::{BagWriter, ChannelId, WriterOptions};
use outrider_foundation::{Point2, Pose2};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue};
use outrider_msgs::geometry_msgs::{Pose, PoseStamped};
use outrider_msgs::nav_msgs::{OccupancyGrid, Path as PathMessage};
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::std_msgs::Header;
use outrider_msgs::{Message, encode};
use std::collections::BTreeMap;
use std::path::Path;

/// What is in the bag.
#[derive(Clone, Copy)]
pub struct Made {
    /// `/sim/ground_truth`.
    pub truth: bool,
    /// The run ends after this many seconds.
    pub end_s: f64,
}

/// The whole run.
pub const WHOLE: Made = Made { truth: true, end_s: 38.0 };
pub const START_NS: u64 = 1_700_000_000_000_000_000;
/// From when to when the robot waits for the person, and the gate stops it.
pub const WAIT_S: (f64, f64) = (9.0, 11.5);
pub const GATE_STOP_S: (f64, f64) = (18.0, 19.0);
pub const GOAL: Point2 = Point2::new(17.0, 9.0);
const ROUTE: [Point2; 6] = [
    Point2::new(2.0, 2.0),
    Point2::new(7.0, 2.2),
    Point2::new(8.6, 6.0),
    Point2::new(11.5, 6.0),
    Point2::new(15.5, 6.4),
    GOAL,
];

struct Bag {
    writer: BagWriter,
    ids: BTreeMap<String, ChannelId>,
    sequences: BTreeMap<String, u32>,
}

impl Bag {
    fn put<T: Message>(&mut self, topic: &str, t_s: f64, message: &T) {
        let writer = &mut self.writer;
        let id = *self
            .ids
            .entry(topic.to_owned())
            .or_insert_with(|| writer.add_channel(topic, T::TYPE_NAME, T::DEFINITION, "").unwrap());
        let sequence = self.sequences.entry(topic.to_owned()).or_default();
        *sequence += 1;
        let time = START_NS + (t_s * 1e9) as u64;
        writer.write(id, *sequence, time, time, &encode(message).unwrap()).unwrap();
    }
}

fn stamp(t_s: f64) -> Time {
    let ns = START_NS + (t_s * 1e9) as u64;
    Time { sec: (ns / 1_000_000_000) as i32, nanosec: (ns % 1_000_000_000) as u32 }
}

fn header(t_s: f64, frame: &str) -> Header {
    Header { stamp: stamp(t_s), frame_id: frame.into() }
}

fn pose_message(p: Point2) -> Pose {
    let mut pose = Pose::default();
    (pose.position.x, pose.position.y, pose.orientation.w) = (p.x_m, p.y_m, 1.0);
    pose
}

fn along(route: &[Point2], s_m: f64) -> Pose2 {
    let mut rest = s_m;
    for (a, b) in route.iter().zip(route.iter().skip(1)) {
        let length = a.distance_m(*b);
        let last = *b == route[route.len() - 1];
        if rest <= length || last {
            let share = (rest / length).min(1.0);
            let yaw = (b.y_m - a.y_m).atan2(b.x_m - a.x_m);
            return Pose2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m), yaw);
        }
        rest -= length;
    }
    Pose2::default()
}

/// Length of the whole route.
pub fn route_m() -> f64 {
    ROUTE.iter().zip(ROUTE.iter().skip(1)).map(|(a, b)| a.distance_m(*b)).sum()
}

/// Walls, a doorway, shelves.
fn map(t_s: f64) -> OccupancyGrid {
    let (width, height) = (400usize, 240usize);
    let mut data = vec![0i8; width * height];
    for (i, cell) in data.iter_mut().enumerate() {
        let (x, y) = ((i % width) as f64 * 0.05, (i / width) as f64 * 0.05);
        let wall = !(0.15..19.85).contains(&x) || !(0.15..11.85).contains(&y);
        let dividing = (9.9..10.1).contains(&x) && !(5.3..6.7).contains(&y);
        let shelf = |x0: f64, y0: f64| (x0..x0 + 3.0).contains(&x) && (y0..y0 + 0.8).contains(&y);
        if wall || dividing || shelf(3.0, 3.4) || shelf(3.0, 7.0) || shelf(12.0, 2.4) || shelf(12.0, 8.4) {
            *cell = 100;
        } else if x > 18.0 && y < 1.5 {
            *cell = -1;
        }
    }
    let mut grid = OccupancyGrid { header: header(t_s, "map"), data, ..OccupancyGrid::default() };
    (grid.info.resolution, grid.info.width, grid.info.height) = (0.05, width as u32, height as u32);
    grid
}

fn within(t_s: f64, span: (f64, f64)) -> bool {
    t_s >= span.0 && t_s < span.1
}

/// Writes the bag at `path`.
pub fn write(path: &Path, made: Made) {
    let writer = BagWriter::create(path, &WriterOptions::default()).unwrap();
    let mut bag = Bag { writer, ids: BTreeMap::new(), sequences: BTreeMap::new() };
    bag.put("/map", 0.0, &map(0.0));
    for node in ["world_model", "planner", "assurance", "gate"] {
        let info =
            ours::NodeInfo { node: node.into(), boot_id: 7, build: "0.1.0+abc".into(), ..Default::default() };
        bag.put(&format!("/{node}/info"), 0.0, &info);
    }
    let (mut s_m, mut v) = (0.0f64, 0.0f64);
    let mut command_sequence = 0;
    for i in 0..(made.end_s * 100.0) as u64 {
        let t_s = i as f64 / 100.0;
        if i == 100 {
            let goal = PoseStamped { header: header(t_s, "map"), pose: pose_message(GOAL) };
            bag.put("/goal_pose", t_s, &goal);
            let poses = (0..=100).map(|k| along(&ROUTE, route_m() * f64::from(k) / 100.0).position());
            let poses = poses.map(|p| PoseStamped { pose: pose_message(p), ..Default::default() }).collect();
            bag.put("/plan", t_s, &PathMessage { header: header(t_s, "map"), poses });
        }
        let left_m = (route_m() - s_m).max(0.0);
        let stopped = within(t_s, WAIT_S) || within(t_s, GATE_STOP_S) || t_s < 1.2;
        let wanted = if stopped { 0.0 } else { (1.6 * left_m).sqrt().min(0.9) };
        let wanted = if left_m < 0.003 { 0.0 } else { wanted };
        v += (wanted - v).clamp(-0.02, 0.01);
        s_m += v * 0.01;
        command_sequence += u64::from(i % 4 == 0);
        moment(&mut bag, made, i, Moving { t_s, s_m, v, wanted, left_m, command_sequence });
    }
    bag.writer.finish().unwrap();
}

#[derive(Clone, Copy)]
struct Moving {
    t_s: f64,
    s_m: f64,
    v: f64,
    wanted: f64,
    left_m: f64,
    command_sequence: u64,
}

fn moment(bag: &mut Bag, made: Made, i: u64, m: Moving) {
    let Moving { t_s, wanted, command_sequence, .. } = m;
    let pose = along(&ROUTE, m.s_m);
    let gate_stop = within(t_s, GATE_STOP_S);
    let mode = match t_s {
        t if t < 0.5 => ours::GateState::DISARMED,
        _ if gate_stop => ours::GateState::STOPPING,
        _ => ours::GateState::FORWARDING,
    };
    let gate = ours::GateState {
        header: header(t_s, ""),
        boot_id: 7,
        sequence: i + 1,
        mode,
        reason: if gate_stop { "no valid permit".into() } else { String::new() },
        v: wanted,
        command_sequence,
        // A scan every fifth period, first used 20 + (0 … 29) ms after its stamp.
        data_stamp: stamp(0.05 * (i / 5) as f64 - 0.020 - 0.001 * (i / 5 % 30) as f64),
        accepted: command_sequence,
        stops: u64::from(t_s > GATE_STOP_S.0),
        ..Default::default()
    };
    // One message of the gate never reached the recorder.
    if i != 1234 {
        bag.put("/gate/state", t_s, &gate);
    }
    if i.is_multiple_of(4) {
        assurance_and_planner(bag, i / 4, m);
    }
    if i.is_multiple_of(5) {
        let person = Point2::new(9.0 + 0.4 * (t_s * 0.3).sin(), 6.0 + 3.5 * (t_s * 0.35).cos());
        world(bag, made, i / 5, m, pose, person);
    }
    if i % 100 == 50 {
        let value = |key: &str, value: &str| KeyValue { key: key.into(), value: value.into() };
        let status = DiagnosticStatus {
            name: "outrider: gate".into(),
            message: "forwarding".into(),
            values: vec![value("messages_lost", "4"), value("messages_refused", "2")],
            ..Default::default()
        };
        bag.put("/diagnostics", t_s, &DiagnosticArray { header: header(t_s, ""), status: vec![status] });
    }
}

fn assurance_and_planner(bag: &mut Bag, k: u64, m: Moving) {
    let t_s = m.t_s;
    let waiting = within(t_s, WAIT_S);
    let slack = 0.35 + 0.5 * (t_s * 0.7).sin().abs();
    let reading = |name: &str, robustness: f64, unit: &str| ours::MonitorReading {
        name: name.into(),
        verdict: ours::MonitorReading::OK,
        robustness,
        value: robustness,
        limit: 0.0,
        unit: unit.into(),
    };
    let limiting = if slack > 0.7 { "scan_age" } else { "stopping_distance" };
    let degraded = within(t_s, (GATE_STOP_S.0, 21.0));
    let state = ours::AssuranceState {
        header: header(t_s, ""),
        boot_id: 7,
        sequence: k + 1,
        mode: if degraded { ours::Permit::DEGRADED } else { ours::Permit::NOMINAL },
        speed_limit: 1.0,
        limiting: limiting.into(),
        monitors: vec![reading("stopping_distance", slack, "m"), reading("scan_age", slack * 0.9, "s")],
    };
    bag.put("/assurance/state", t_s, &state);
    if k == (GATE_STOP_S.0 * 25.0) as u64 {
        let event = ours::Intervention {
            header: header(t_s, ""),
            boot_id: 7,
            sequence: 1,
            rule: "scan_age".into(),
            value: 0.31,
            limit: 0.30,
            unit: "s".into(),
            mode_before: ours::Permit::NOMINAL,
            mode_after: ours::Permit::DEGRADED,
            clears_when: "scans come within 0.30 s for 2 s".into(),
            text: "No scan for 0.31 s <the lidar> & its cable".into(),
            ..Default::default()
        };
        bag.put("/assurance/event", t_s, &event);
    }
    let status = match () {
        _ if t_s < 1.0 => ours::Decision::IDLE,
        _ if m.left_m < 0.02 && m.v < 0.01 => ours::Decision::SUCCESS,
        _ => ours::Decision::RUNNING,
    };
    let decision = ours::Decision {
        header: header(t_s, "map"),
        boot_id: 7,
        sequence: k + 1,
        tree_status: status,
        chosen: "follow the path".into(),
        constraint: if waiting { "person #3 at 1.2 m".into() } else { String::new() },
        ..Default::default()
    };
    bag.put("/decision", t_s, &decision);
    let duration = 100_000 + (k % 100) as u32 * 1000;
    let tick = ours::Tick { node: "planner".into(), boot_id: 7, tick: k + 1, duration, ..Default::default() };
    bag.put("/planner/journal", t_s, &tick);
}

fn world(bag: &mut Bag, made: Made, k: u64, m: Moving, pose: Pose2, person: Point2) {
    let Moving { t_s, v, .. } = m;
    if made.truth {
        let actor = ours::GroundTruthActor {
            name: "walker".into(),
            x: person.x_m,
            y: person.y_m,
            radius: 0.25,
            ..Default::default()
        };
        let truth = ours::GroundTruth {
            header: header(t_s, "map"),
            sequence: k + 1,
            x: pose.x_m,
            y: pose.y_m,
            yaw: pose.yaw_rad,
            v,
            actors: vec![actor],
            clearance: (pose.position().distance_m(person) - 0.6).clamp(0.0, 1.4),
            nearest: "walker".into(),
            ..Default::default()
        };
        bag.put("/sim/ground_truth", t_s, &truth);
    }
    let track = ours::Track {
        id: 3,
        state: ours::Track::CONFIRMED,
        x: person.x_m + 0.05,
        y: person.y_m - 0.03,
        covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 }),
        class_label: "person".into(),
        class_probability: 0.9,
        radius: 0.25,
        ..Default::default()
    };
    let model = ours::WorldModel {
        header: header(t_s, "map"),
        boot_id: 7,
        sequence: k + 1,
        ego_x: pose.x_m + 0.02,
        ego_y: pose.y_m,
        ego_yaw: pose.yaw_rad,
        ego_v: v,
        odom_x: pose.x_m,
        odom_y: pose.y_m,
        localised: true,
        tracks: vec![track],
        local: ours::Grid { header: header(t_s, "map"), resolution: 0.05, ..Default::default() },
        ..Default::default()
    };
    bag.put("/world_model", t_s, &model);
}
