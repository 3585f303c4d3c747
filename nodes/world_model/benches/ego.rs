//! What the ego part costs: a step of odometry with two inertial messages, a scan of 720 beams against a map, and against
//! 50 m by 50 m of own scans with a distance field made anew. Prints p50 and p99.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

#[path = "../tests/room/mod.rs"]
mod room;

use outrider_foundation::{Pose2, Stamp, Twist2};
use outrider_world_model::matching::OwnMapConfig;
use outrider_world_model::{Against, LogOddsConfig};
use room::{against_map, imu, localizer, odometry, scan};
use std::hint::black_box;
use std::time::Instant;

const WARM_UP_MS: i64 = 2_000;
const BEAMS: usize = 720;

#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add<T>(&mut self, count: bool, work: impl FnOnce() -> T) {
        let started = Instant::now();
        black_box(work());
        if count {
            self.0.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }

    fn print(mut self, name: &str) {
        self.0.sort_by(f64::total_cmp);
        let at = |share: f64| self.0[(share * (self.0.len() - 1) as f64) as usize];
        println!("{name:<44} p50 {:>9.2} µs   p99 {:>9.2} µs   ({} times)", at(0.5), at(0.99), self.0.len());
    }
}

fn run(name: &str, against: Against, to_ms: i64) {
    let mut localizer = localizer(against);
    let (mut step, mut ask, mut match_scan) = (Times::default(), Times::default(), Times::default());
    let twist = Twist2::new(0.2, 0.25);
    for ms in (0..to_ms).step_by(20) {
        let pose = Pose2::IDENTITY.advance(twist, ms as f64 * 1e-3);
        let (o, i, j) = (odometry(ms, pose, twist), imu(ms, twist), imu(ms + 10, twist));
        let count = ms >= WARM_UP_MS;
        step.add(count, || {
            localizer.take_odometry(&o);
            localizer.take_imu(&i, Some(0.0));
            localizer.take_imu(&j, Some(0.0));
        });
        ask.add(count, || localizer.by_matching(Stamp::from_nanos((ms + 5) * 1_000_000)));
        if ms % 60 == 0 {
            let s = scan(ms, pose, BEAMS);
            match_scan.add(count, || localizer.take_scan(&s).unwrap());
        }
    }
    step.print(&format!("{name}: odometry and two inertial messages"));
    ask.print(&format!("{name}: the pose at a time"));
    match_scan.print(&format!("{name}: a scan of {BEAMS} beams"));
}

fn main() {
    run("map of 220x180", against_map(), 60_000);
    let log_odds = LogOddsConfig { hit: 1.5, miss: 0.4, min: -1.0, max: 3.5, occupied: 0.4 };
    run("own scans", Against::OwnScans(OwnMapConfig { cells: 1000, resolution_m: 0.05, log_odds }), 20_000);
}
