//! What the world model costs, beside what it may cost: 720 beams, 20 people, 200 x 200 cells of 5 cm. Prints p50 and p99 of
//! every part and of the whole step.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

use outrider_foundation::data::{Detection, DetectionSet, Odometry, Scan};
use outrider_foundation::grid::COST_FREE;
use outrider_foundation::rng::Rng;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::track_field::TrackField;
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Stamp, Stamped, Twist2};
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::{decode, encode};
use outrider_suite::convert::{scan_from_message, scan_to_message};
use outrider_world_model::beams::{Beam, Body, Reach, Sweep, beams};
use outrider_world_model::distance::{DistanceScratch, limit_cells, squared_distance};
use outrider_world_model::inflation::InflationTable;
use outrider_world_model::obstacles::ObstacleLayer;
use outrider_world_model::tracks::Tracker;
use outrider_world_model::tracks::clusters::Clusters;
use outrider_world_model::{Config, Input, WorldModelNode};
use std::hint::black_box;
use std::time::Instant as Clock;

const BEAMS: usize = 720;
const PEOPLE: usize = 20;
const CELLS: usize = 200;
const WARM_UP: u64 = 200;
const CYCLES: u64 = 5_000;
const TWIST: Twist2 = Twist2::new(0.8, 0.2);

fn config() -> Config {
    serde_saphyr::from_str(include_str!("../../../config/world_model.yaml")).unwrap()
}

/// Where somebody is: on circles, in pairs that pass each other now and then.
fn person(i: usize, t_s: f64) -> Point2 {
    let (s, c) = libm::sincos(0.4 * t_s * if i.is_multiple_of(2) { 1.0 } else { -1.0 } + i as f64);
    let (around_s, around_c) = libm::sincos((i / 2) as f64 * 0.628);
    Point2::new(5.0 * around_c + 1.5 * c, 5.0 * around_s + 1.5 * s)
}

fn stamp(cycle: u64) -> Stamp {
    Stamp::from_nanos(1_000_000_000 + cycle as i64 * 100_000_000)
}

/// A hall with shelves, and the people in it.
fn scan(cycle: u64) -> Scan {
    let mut rng = Rng::new(2, 0, cycle);
    let per_beam = std::f64::consts::TAU / BEAMS as f64;
    let mut range = |i: usize| {
        let angle = i as f64 * per_beam;
        let wall = 5.5 + 2.0 * libm::sin(3.0 * angle) + 1.5 * libm::cos(11.0 * angle);
        wall + 0.01 * rng.normal()
    };
    let mut ranges_m: Vec<f32> = (0..BEAMS).map(|i| range(i) as f32).collect();
    for i in 0..PEOPLE {
        let at = person(i, cycle as f64 * 0.1);
        let distance_m = at.distance_m(Point2::default()).max(0.5);
        let (middle, half) =
            (libm::atan2(at.y_m, at.x_m) / per_beam, libm::atan(0.25 / distance_m) / per_beam);
        for beam in (middle - half).ceil() as i64..=(middle + half).floor() as i64 {
            let held = &mut ranges_m[beam.rem_euclid(BEAMS as i64) as usize];
            *held = held.min((distance_m - 0.25) as f32);
        }
    }
    Scan {
        stamp: stamp(cycle),
        frame: "laser".into(),
        angle_increment_rad: per_beam,
        time_increment_s: 5e-5,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m,
        ..Scan::default()
    }
}

fn set(cycle: u64) -> DetectionSet {
    let mut rng = Rng::new(1, 0, cycle);
    let mut detection = |i: usize| {
        let at = person(i, cycle as f64 * 0.1);
        Detection {
            position: Point2::new(at.x_m + 0.08 * rng.normal(), at.y_m + 0.08 * rng.normal()),
            covariance: [0.0064, 0.0, 0.0, 0.0064],
            radius_m: 0.25,
            existence: 0.95,
            class_probabilities: vec![0.9, 0.05, 0.05],
        }
    };
    DetectionSet {
        stamp: stamp(cycle),
        frame: "odom".into(),
        model_id: "net".into(),
        model_version: "1".into(),
        class_labels: vec!["person".into(), "forklift".into(), "other".into()],
        detections: (0..PEOPLE).map(&mut detection).collect(),
        ..DetectionSet::default()
    }
}

/// Times of one row, and what they may be at p50 and p99, µs.
struct Row {
    name: &'static str,
    allowed_us: (f64, f64),
    times_ns: Vec<u64>,
}

impl Row {
    fn new(name: &'static str, p50_us: f64, p99_us: f64) -> Self {
        Self { name, allowed_us: (p50_us, p99_us), times_ns: Vec::new() }
    }

    fn time<T>(&mut self, cycle: u64, work: impl FnOnce() -> T) -> T {
        let begin = Clock::now();
        let done = black_box(work());
        if cycle >= WARM_UP {
            self.times_ns.push(begin.elapsed().as_nanos() as u64);
        }
        done
    }

    fn print(mut self) {
        self.times_ns.sort_unstable();
        let at = |share: f64| self.times_ns[((self.times_ns.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        let (p50, p99) = (at(0.5), at(0.99));
        let verdict = if p50 <= self.allowed_us.0 && p99 <= self.allowed_us.1 { "within" } else { "BEYOND" };
        println!(
            "| {} | {} | {p50:.1} / {p99:.1} | {} / {} | {verdict} |",
            self.name,
            self.times_ns.len(),
            self.allowed_us.0,
            self.allowed_us.1
        );
    }
}

fn main() {
    let robot = Robot::new(example::amr()).unwrap();
    println!("| {BEAMS} beams, {PEOPLE} people | times | p50 / p99, µs | allowed | |\n|---|--:|--:|--:|---|");
    parts(&robot).into_iter().for_each(Row::print);
    field(1000, "distance field and inflation, 1000 x 1000", 3000.0, 200).print();
    track_layer(&robot).into_iter().for_each(Row::print);
    whole(&robot).print();
}

/// The track layer made of 20 tracks, and asked as a sampling controller asks: 1000 places at one time each.
fn track_layer(robot: &Robot) -> [Row; 2] {
    let mut make = Row::new("track layer, 20 tracks, 7 slices: made", 20.0, 40.0);
    let mut ask = Row::new("track layer: cost of 1000 places and times", 100.0, 200.0);
    let config = config();
    let mut field = TrackField::new(config.track_layer, robot);
    let mut tracker = Tracker::new(config.tracks);
    for cycle in 0..CYCLES {
        let set = set(cycle);
        tracker.observe(&set, Pose2::IDENTITY, Point2::default()).unwrap();
        tracker.age(set.stamp);
        let tracks = tracker.tracks(set.stamp, Pose2::IDENTITY);
        make.time(cycle, || field.set(black_box(&tracks)));
        let mut rng = Rng::new(4, 0, cycle);
        let mut within = |low: f64, high: f64| low + (high - low) * rng.uniform();
        let places: Vec<_> = (0..1000)
            .map(|_| (Point2::new(within(-5.0, 5.0), within(-5.0, 5.0)), within(0.0, 3.0)))
            .collect();
        ask.time(cycle, || places.iter().map(|(p, t_s)| u64::from(field.cost_at(*p, *t_s))).sum::<u64>());
    }
    [make, ask]
}

fn parts(robot: &Robot) -> Vec<Row> {
    let config = config();
    let mut read = Row::new("decode, deskew, cluster", 15.0, 40.0);
    let mut follow = Row::new("gate, assign, 20 IMM updates", 40.0, 100.0);
    let mut mark = Row::new("clear and mark", 60.0, 130.0);
    let mut layer = ObstacleLayer::new(CELLS as u32, CELLS as u32, 0.05, &config.costmap.log_odds);
    let (mut clusters, mut straight) = (Clusters::default(), Vec::<Beam>::new());
    let mut tracker = Tracker::new(config.tracks);
    let body = Body {
        footprint: &robot.footprint,
        margin_m: config.costmap.footprint_margin_m,
        base_from_lidar: robot.base_from_lidar,
    };
    let reach = Reach { mark_max_m: config.costmap.mark_max_m, clear_max_m: config.costmap.clear_max_m };
    let sweep = Sweep { first: Pose2::IDENTITY, last: Pose2::IDENTITY.advance(TWIST, 0.036) };
    layer.recentre(Point2::default());
    for cycle in 0..CYCLES {
        let bytes = encode(&scan_to_message(&scan(cycle), 0.1)).unwrap();
        read.time(cycle, || {
            let message: LaserScan = decode(black_box(&bytes)).unwrap();
            let scan = scan_from_message(message).unwrap();
            beams(&scan, sweep, body, reach, &[], &mut straight);
            clusters.find(&straight);
        });
        mark.time(cycle, || layer.integrate(black_box(&straight)));
        let set = set(cycle);
        follow.time(cycle, || tracker.observe(black_box(&set), Pose2::IDENTITY, Point2::default()).unwrap());
        tracker.age(set.stamp);
    }
    vec![read, follow, mark, field(CELLS, "distance field and inflation, 200 x 200", 90.0, CYCLES)]
}

/// Obstacles as a scan leaves them: outlines of walls, one cell in forty.
fn field(cells: usize, name: &'static str, p50_us: f64, cycles: u64) -> Row {
    let config = config();
    let mut row = Row::new(name, p50_us, if cells == CELLS { 2.0 * p50_us } else { p50_us });
    let table =
        InflationTable::new(0.35, config.inflation.radius_m, config.inflation.cost_scaling_per_m, 0.05);
    let limit = limit_cells(config.inflation.distance_limit_m, 0.05);
    let (mut scratch, mut out) = (DistanceScratch::default(), vec![0; cells * cells]);
    let mut cost = vec![0u8; cells * cells];
    for cycle in 0..cycles + WARM_UP {
        let mut rng = Rng::new(3, 0, cycle);
        let mut lethal = vec![false; cells * cells];
        for _ in 0..cells / 20 {
            let (x, y) = (rng.next_u32() as usize % cells, rng.next_u32() as usize % cells);
            for i in 0..cells / 4 {
                let at = if x > y { (x, (y + i) % cells) } else { ((x + i) % cells, y) };
                lethal[at.1 * cells + at.0] = true;
            }
        }
        row.time(cycle, || {
            squared_distance(black_box(&lethal), cells, cells, limit, &mut scratch, &mut out);
            cost.fill(COST_FREE);
            table.inflate(&out, &mut cost);
        });
        black_box(&cost);
    }
    row
}

/// A scan, odometry and detections in, a world model out.
fn whole(robot: &Robot) -> Row {
    let mut row = Row::new("the whole step", 250.0, 500.0);
    let mut node = WorldModelNode::new(config(), robot, 1).unwrap();
    let mut out = Outbox::new(64);
    for cycle in 0..CYCLES {
        let at = stamp(cycle);
        let mono = Instant::from_nanos(at.nanos());
        let now = Now { mono, ros: at };
        let (s, c) = libm::sincos(0.05 * cycle as f64 * 0.1);
        let pose = Pose2::new(1.5 * c, 1.5 * s, 0.0);
        let odometry = Odometry { stamp: at, odom_from_base: pose, ..Odometry::default() };
        let stamped = |value| Stamped { received: mono, value };
        let early = [stamped(Input::Odometry(odometry))];
        let inputs = [stamped(Input::Detections(set(cycle))), stamped(Input::Scan(scan(cycle)))];
        node.step(now, &early, &mut out);
        out.drain().for_each(drop);
        row.time(cycle, || node.step(now, black_box(&inputs), &mut out));
        if cycle + 1 == CYCLES {
            let told = out.drain().find_map(|o| match o {
                outrider_world_model::Output::WorldModel(model) => Some(model),
                _ => None,
            });
            let told = told.unwrap();
            let faults: Vec<_> = told.sources.iter().map(|s| (&s.name, s.rejected)).collect();
            assert!(told.tracks.len() >= PEOPLE, "{} tracks, {faults:?}", told.tracks.len());
        } else {
            out.drain().for_each(drop);
        }
    }
    row
}
