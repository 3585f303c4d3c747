//! What a step of assurance and of the gate costs while the robot drives: 720 beams, 20 tracks, a braking tail of 20 poses,
//! all properties. Prints p50 and p99. The two answer each other as they do on a robot, with the real digests. Once in a hall
//! with nothing near, and once in a corridor that is little wider than the robot, where most of the scan is near.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

mod drive;

use drive::{BEAMS, Meter, Step, TAIL, TRACKS, corridor_m, drive, hall_m};
use std::time::Instant as Clock;

const CYCLES: u64 = 20_000;
const WARM_UP: u64 = 500;

/// Times of every kind of step, ns.
#[derive(Default)]
struct Times(Vec<(Step, u64)>);

impl Meter for Times {
    fn around(&mut self, step: Step, cycle: u64, work: &mut dyn FnMut()) {
        let begin = Clock::now();
        work();
        let taken_ns = begin.elapsed().as_nanos() as u64;
        if cycle >= WARM_UP {
            self.0.push((step, taken_ns));
        }
    }
}

impl Times {
    fn print(&self, what: &str, of: &[Step]) {
        let mut times: Vec<u64> = self.0.iter().filter(|(step, _)| of.contains(step)).map(|t| t.1).collect();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        println!("| {what} | {} | {:.1} | {:.1} | {:.1} |", times.len(), at(0.5), at(0.99), at(1.0));
    }
}

fn main() {
    println!("{BEAMS} beams, {TRACKS} tracks, {TAIL} poses");
    let only = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    for (place, range_m) in [("hall", hall_m as fn(f64) -> f64), ("corridor", corridor_m)] {
        if only.as_deref().is_none_or(|only| only == place) {
            table(place, range_m);
        }
    }
}

fn table(place: &str, range_m: fn(f64) -> f64) {
    let mut times = Times::default();
    let outcome = drive(range_m, WARM_UP, CYCLES, &mut times);
    outcome.interventions.iter().for_each(|why| println!("{why}"));
    let (nominal, forwarded) = (outcome.nominal, outcome.forwarded);
    println!("\n{place}: {nominal} states in NOMINAL, {forwarded} periods with a command in force");
    println!("| step | times | p50, µs | p99, µs | greatest, µs |\n|---|---|---|---|---|");
    times.print("gate, all periods", &[Step::Gate, Step::Permit]);
    times.print("gate, a period without a command", &[Step::Gate]);
    times.print("gate, a period with a command and its permit", &[Step::Permit]);
    times.print("assurance, a command judged and permitted", &[Step::Command]);
    times.print("assurance, the same with odometry, and all properties due", &[Step::All]);
    times.print("assurance, a scan taken", &[Step::Scan]);
    times.print("assurance, everything else", &[Step::Other]);
}
