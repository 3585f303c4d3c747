//! What it costs to deskew and cluster a scan of 720 beams, and to follow 20 objects: gate, assign, update. Prints p50 and
//! p99.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

use outrider_foundation::data::{Detection, DetectionSet, Scan};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Footprint, Point2, Pose2, Stamp, Twist2};
use outrider_world_model::Config;
use outrider_world_model::beams::{Body, Reach, Sweep, beams};
use outrider_world_model::tracks::Tracker;
use outrider_world_model::tracks::clusters::Clusters;
use std::hint::black_box;
use std::time::Instant as Clock;

const BEAMS: usize = 720;
const PEOPLE: usize = 20;
const CYCLES: u64 = 20_000;
const WARM_UP: u64 = 500;

fn report(name: &str, mut times_ns: Vec<u128>) {
    times_ns.sort_unstable();
    let at = |share: f64| times_ns[((times_ns.len() - 1) as f64 * share) as usize] as f64 * 1e-3;
    println!("{name:<44} p50 {:7.2} us   p99 {:7.2} us   max {:8.2} us", at(0.5), at(0.99), at(1.0));
}

/// A hall with shelves and people: ranges between 2 and 9 m.
fn scan(cycle: u64) -> Scan {
    let range = |i: usize| {
        let angle = i as f64 / BEAMS as f64 * std::f64::consts::TAU;
        let noise = ((i as u64 * 7919 + cycle * 104_729) % 1000) as f64 * 2e-5;
        let person = if i % 36 < 6 { -1.2 } else { 0.0 };
        (5.5 + 2.0 * libm::sin(3.0 * angle) + 1.5 * libm::cos(11.0 * angle) + noise + person) as f32
    };
    Scan {
        frame: "laser".into(),
        angle_increment_rad: std::f64::consts::TAU / BEAMS as f64,
        time_increment_s: 5e-5,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m: (0..BEAMS).map(range).collect(),
        ..Scan::default()
    }
}

/// Twenty people on circles, in pairs that pass each other now and then.
fn set(cycle: u64) -> DetectionSet {
    let mut rng = Rng::new(1, 0, cycle);
    let t = cycle as f64 * 0.1;
    let mut person = |i: usize| {
        let (s, c) = libm::sincos(0.4 * t * if i.is_multiple_of(2) { 1.0 } else { -1.0 } + i as f64);
        let centre = (6.0 * libm::cos((i / 2) as f64 * 0.628), 6.0 * libm::sin((i / 2) as f64 * 0.628));
        Detection {
            position: Point2::new(
                centre.0 + 1.5 * c + 0.08 * rng.normal(),
                centre.1 + 1.5 * s + 0.08 * rng.normal(),
            ),
            covariance: [0.0064, 0.0, 0.0, 0.0064],
            body: None,
            radius_m: 0.25,
            existence: 0.95,
            class_probabilities: vec![0.9, 0.05, 0.05],
        }
    };
    DetectionSet {
        stamp: Stamp::from_nanos(cycle as i64 * 100_000_000),
        model_id: "net".into(),
        model_version: "1".into(),
        class_labels: vec!["person".into(), "forklift".into(), "other".into()],
        detections: (0..PEOPLE).map(&mut person).collect(),
        ..DetectionSet::default()
    }
}

fn time(into: &mut Vec<u128>, cycle: u64, work: impl FnOnce()) {
    let begin = Clock::now();
    work();
    let took = begin.elapsed().as_nanos();
    if cycle >= WARM_UP {
        into.push(took);
    }
}

fn main() {
    let config: Config = outrider_yaml::from_str(include_str!("../../../config/world_model.yaml")).unwrap();
    let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
    let body = Body { footprint: &footprint, margin_m: 0.02, base_from_lidar: Pose2::new(0.1, 0.0, 0.0) };
    let reach = Reach { mark_max_m: 8.0, clear_max_m: 8.0 };
    let sweep = Sweep { first: Pose2::IDENTITY, last: Pose2::IDENTITY.advance(Twist2::new(1.0, 0.4), 0.036) };
    let (mut clusters, mut straight) = (Clusters::default(), Vec::new());
    let mut times = Vec::new();
    for cycle in 0..CYCLES {
        let scan = scan(cycle);
        time(&mut times, cycle, || {
            beams(black_box(&scan), sweep, body, reach, &[], &mut straight);
            clusters.find(&straight);
            black_box(clusters.list());
        });
    }
    println!("{} clusters", clusters.list().len());
    report("deskew and cluster 720 beams", times);
    let mut blind = config.tracks.clone();
    blind.cluster_birth.enabled = false;
    let (mut tracker, mut blind) = (Tracker::new(config.tracks), Tracker::new(blind));
    let (mut updates, mut looks, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut blind_looks = Vec::new();
    for cycle in 0..CYCLES {
        let (set, scan) =
            (set(cycle), Scan { stamp: Stamp::from_nanos(cycle as i64 * 100_000_000), ..scan(cycle) });
        time(&mut updates, cycle, || {
            tracker.observe(black_box(&set), Pose2::IDENTITY, Point2::default()).unwrap()
        });
        time(&mut looks, cycle, || {
            tracker.look(black_box(&scan), &straight, Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO))
        });
        blind.observe(&set, Pose2::IDENTITY, Point2::default()).unwrap();
        time(&mut blind_looks, cycle, || {
            blind.look(black_box(&scan), &straight, Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO))
        });
        tracker.age(set.stamp);
        blind.age(set.stamp);
        time(&mut told, cycle, || drop(black_box(tracker.tracks(set.stamp, Pose2::IDENTITY))));
    }
    let c = tracker.counters();
    println!(
        "{} tracks, {} begun, {} groups joint, {} assigned",
        tracker.tracks(Stamp::default(), Pose2::IDENTITY).len(),
        c.begun,
        c.groups_joint,
        c.groups_assigned
    );
    report("gate, assign, 20 IMM updates", updates);
    report("cluster, who is hidden, who is met, who moves", looks);
    report("the same but for who moves", blind_looks);
    report("20 tracks told, 15 predictions each", told);
}
