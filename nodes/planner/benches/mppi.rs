//! What a decision of the sampling controller costs, with fresh noise for every one: CPU time p50 and p99 of the whole, of
//! its parts, and with every instruction set that this machine has. `--count N` only makes N decisions, for counting instructions.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and stops at the first fault"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::sampling::{Place, controller};
use outrider_foundation::{Pose2, Twist2};
use outrider_planner::mppi::{Level, Part};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

const DECISIONS: usize = 4_000;
const WARM_UP: usize = 200;

fn cpu_us() -> f64 {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    at.tv_sec as f64 * 1e6 + at.tv_nsec as f64 * 1e-3
}

fn row(name: &str, mut work: impl FnMut()) {
    let mut times: Vec<f64> = (0..DECISIONS + WARM_UP)
        .map(|_| {
            let begin = cpu_us();
            work();
            cpu_us() - begin
        })
        .skip(WARM_UP)
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("| {name} | {:.0} / {:.0} | {:.0} |", at(0.5), at(0.99), times[0]);
}

fn main() {
    let place = Place::busy();
    let moving = place.moving();
    let request = place.request(&moving, Pose2::new(-0.05, 0.02, 0.1), Twist2::new(0.5, 0.1));
    let alone = place.request(&[], Pose2::new(-0.05, 0.02, 0.1), Twist2::new(0.5, 0.1));
    let mut mppi = controller();
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--count") {
        for _ in 0..arguments[at + 1].parse::<u32>().unwrap() {
            black_box(mppi.decide(black_box(&request)));
        }
        return;
    }
    println!("| 2000 × 56, three people, CPU time of one thread | p50 / p99, µs | least |\n|---|--:|--:|");
    for level in Level::available() {
        mppi.set_level(level);
        row(&format!("decision, {level:?}"), || {
            black_box(mppi.decide(black_box(&request)));
        });
    }
    let undecided = Place::undecided();
    let moving = undecided.moving();
    let mixtures = undecided.request(&moving, Pose2::new(-0.05, 0.02, 0.1), Twist2::new(0.5, 0.1));
    row("decision, three people who may go on, stop or turn", || {
        black_box(mppi.decide(black_box(&mixtures)));
    });
    row("decision, nobody near", || {
        black_box(mppi.decide(black_box(&alone)));
    });
    black_box(mppi.decide(&request));
    for part in [Part::Field, Part::Noise, Part::Rollouts, Part::Mean] {
        row(&format!("{part:?}"), || mppi.again(black_box(&request), part));
    }
    // On a shared x86-64 machine with two cores: not of this run.
    println!("| elsewhere: Nav2's MPPI, its own source, 8 critics, 2000 × 56 | 4000 / – | – |");
}
