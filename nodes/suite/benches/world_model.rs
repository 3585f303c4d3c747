//! What the world model costs, beside what it may cost: 720 beams, 20 people, 200 x 200 cells of 5 cm. Prints p50 and p99 of
//! every part and of the whole step.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

mod people;

use outrider_foundation::rng::Rng;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::track_field::TrackField;
use outrider_foundation::{Point2, Pose2};
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::{decode, encode};
use outrider_suite::convert::{scan_from_message, scan_to_message};
use outrider_world_model::tracks::Tracker;
use outrider_world_model::tracks::clusters::Clusters;
use people::{BEAMS, CELLS, Field, PEOPLE, Straightener, Whole, config, layer, scan, set};
use std::hint::black_box;
use std::time::Instant as Clock;

const WARM_UP: u64 = 200;
const CYCLES: u64 = 5_000;

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

/// As measured elsewhere, on a shared x86-64 machine with two cores; p50.
const PEERS: &str = "\nelsewhere: inflation 200 x 200 by Nav2's distance transform 1200 µs, 1000 x 1000 36 000 µs; clearing and marking 720 beams 136 µs";

fn main() {
    let robot = Robot::new(example::amr()).unwrap();
    println!("| {BEAMS} beams, {PEOPLE} people | times | p50 / p99, µs | allowed | |\n|---|--:|--:|--:|---|");
    parts(&robot).into_iter().for_each(Row::print);
    field(1000, "distance field and inflation, 1000 x 1000", 3000.0, 200).print();
    track_layer(&robot).into_iter().for_each(Row::print);
    whole(&robot).print();
    println!("{PEERS}");
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
    let mut read = Row::new("decode, deskew, cluster", 15.0, 40.0);
    let mut follow = Row::new("gate, assign, 20 IMM updates", 40.0, 100.0);
    let mut mark = Row::new("clear and mark", 60.0, 130.0);
    let (mut straight, mut clusters, mut layer) = (Straightener::new(robot), Clusters::default(), layer());
    let mut tracker = Tracker::new(config().tracks);
    for cycle in 0..CYCLES {
        let bytes = encode(&scan_to_message(&scan(cycle), 0.1)).unwrap();
        read.time(cycle, || {
            let message: LaserScan = decode(black_box(&bytes)).unwrap();
            straight.take(&scan_from_message(message).unwrap());
            clusters.find(&straight.beams);
        });
        mark.time(cycle, || layer.integrate(black_box(&straight.beams)));
        let set = set(cycle);
        follow.time(cycle, || tracker.observe(black_box(&set), Pose2::IDENTITY, Point2::default()).unwrap());
        tracker.age(set.stamp);
    }
    vec![read, follow, mark, field(CELLS, "distance field and inflation, 200 x 200", 90.0, CYCLES)]
}

fn field(cells: usize, name: &'static str, p50_us: f64, cycles: u64) -> Row {
    let mut row = Row::new(name, p50_us, if cells == CELLS { 2.0 * p50_us } else { p50_us });
    let mut field = Field::new(cells);
    for cycle in 0..cycles + WARM_UP {
        let lethal = field.lethal(cycle);
        row.time(cycle, || field.fill(black_box(&lethal)));
        black_box(&field.cost);
    }
    row
}

/// A scan, odometry and detections in, a world model out.
fn whole(robot: &Robot) -> Row {
    let mut row = Row::new("the whole step", 250.0, 500.0);
    let mut node = Whole::new(robot);
    for cycle in 0..CYCLES {
        let inputs = node.odometry(cycle);
        row.time(cycle, || node.take(cycle, black_box(&inputs)));
        let told = node.told().unwrap();
        if cycle + 1 == CYCLES {
            let faults: Vec<_> = told.sources.iter().map(|s| (&s.name, s.rejected)).collect();
            assert!(told.tracks.len() >= PEOPLE, "{} tracks, {faults:?}", told.tracks.len());
        }
    }
    row
}
