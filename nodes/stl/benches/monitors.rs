//! What one update costs: this engine, `r2u2_core` and RTAMT on the same data in one run. Prints the table of
//! `docs/monitoring.md`.
//!
//! RTAMT runs in the Python that `OUTRIDER_ORACLE_PYTHON` names (`make bench-stl` sets it); without one its column stays
//! empty.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock, starts a program, and stops at the first fault"
)]

#[path = "../tests/r2u2/mod.rs"]
mod r2u2;
mod traces;

use outrider_foundation::Instant;
use outrider_stl::State;
use r2u2::Formula;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant as Clock;
use traces::{PERIOD, monitor, permitted, slow, trace};

const REPETITIONS: usize = 11;
/// Samples of a trace, at the least; more when the window is longer.
const SAMPLES: usize = 100_000;
/// RTAMT's cost grows with the window: it gets fewer samples, and none of the longest windows.
const RTAMT_SAMPLES: usize = 1_500;
const RTAMT_LONGEST_S: u32 = 10;

struct Property {
    name: &'static str,
    text: fn(u32) -> String,
    r2u2: fn(u32) -> Formula,
}

const PROPERTIES: [Property; 2] = [
    Property {
        name: "historically[0:W](speed < 1.0)",
        text: slow,
        r2u2: |window_s| historically(window_s, Formula::Less { signal: 0, limit: 1.0 }),
    },
    Property {
        name: "historically[0:W](speed > 0.05 -> once[0:0.3](permit > 0.5))",
        text: permitted,
        r2u2: |window_s| {
            let permitted = Formula::Greater { signal: 1, limit: 0.5 };
            let lately = Formula::Once { from: 0, to: 30, of: Box::new(permitted) };
            let moves = Formula::Greater { signal: 0, limit: 0.05 };
            historically(window_s, Formula::Implies(Box::new(moves), Box::new(lately)))
        },
    },
];

fn historically(window_s: u32, of: Formula) -> Formula {
    Formula::Historically { from: 0, to: window_s * 100, of: Box::new(of) }
}

/// Nanoseconds an update: least, median, greatest of the repetitions.
fn timed(updates: usize, mut repetition: impl FnMut()) -> [f64; 3] {
    let mut taken: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let begin = Clock::now();
            repetition();
            begin.elapsed().as_nanos() as f64 / updates as f64
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    [taken[0], taken[REPETITIONS / 2], taken[REPETITIONS - 1]]
}

fn ours(text: &str, trace: &[[f64; 2]]) -> [f64; 3] {
    let mut monitor = monitor(text);
    let mut satisfied = 0_usize;
    let taken = timed(trace.len(), || {
        monitor.reset();
        for (i, [speed, permit]) in trace.iter().enumerate() {
            let at = Instant::from_nanos(PERIOD.nanos() * i as i64);
            let verdict = monitor.update(at, &[Some(*speed), Some(*permit)]);
            satisfied += usize::from(verdict.state == State::Ok);
        }
    });
    std::hint::black_box(satisfied);
    taken
}

fn of_r2u2(formula: &Formula, trace: &[[f64; 2]]) -> [f64; 3] {
    let binary = r2u2::encode(formula);
    let mut satisfied = 0_usize;
    let taken = timed(trace.len(), || {
        let mut engine = r2u2_core::get_monitor(&binary);
        for [speed, permit] in trace {
            r2u2_core::load_float_signal(&mut engine, 0, *speed);
            r2u2_core::load_float_signal(&mut engine, 1, *permit);
            assert!(r2u2_core::monitor_step(&mut engine), "no room in the engine");
            satisfied += r2u2_core::get_output_buffer(&engine).iter().filter(|o| o.verdict.truth).count();
        }
    });
    std::hint::black_box(satisfied);
    taken
}

fn of_rtamt(python: &str, text: &str, trace: &Path) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/rtamt_time.py");
    let output = std::process::Command::new(python)
        // A sourced ROS has a Python path of its own.
        .args(["-E", script, "--period-ms", "10", "--spec", text, "--trace"])
        .arg(trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["ns_per_update_median"].as_f64().unwrap()
}

fn main() {
    let python = std::env::var("OUTRIDER_ORACLE_PYTHON").ok();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.csv");
    let mut csv = String::from("t_s,speed,permit\n");
    for (i, [speed, permit]) in trace(RTAMT_SAMPLES).iter().enumerate() {
        writeln!(csv, "{},{speed},{permit}", i as f64 * PERIOD.as_s()).unwrap();
    }
    std::fs::write(&file, csv).unwrap();
    println!("ns an update at 100 Hz, median of {REPETITIONS} (least–greatest); RTAMT: median of 5");
    for property in &PROPERTIES {
        println!("\n{}", property.name);
        println!("| W, s | outrider_stl | bytes | r2u2_core (Boolean) | RTAMT | RTAMT / outrider_stl |");
        println!("|---|---|---|---|---|---|");
        for window_s in [1, 10, 100, 1000] {
            // Three times the longest window, so that it is full most of the time.
            let trace = trace(SAMPLES.max(window_s as usize * 300));
            let text = (property.text)(window_s);
            let [least, median, most] = ours(&text, &trace);
            let theirs = of_r2u2(&(property.r2u2)(window_s), &trace);
            let rtamt = python.as_deref().filter(|_| window_s <= RTAMT_LONGEST_S);
            let (rtamt, ratio) = rtamt.map_or((String::new(), String::new()), |python| {
                let ns = of_rtamt(python, &text, &file);
                (format!("{ns:.0}"), format!("{:.0}", ns / median))
            });
            println!(
                "| {window_s} | {median:.1} ({least:.1}–{most:.1}) | {} | {:.0} ({:.0}–{:.0}) | {rtamt} | {ratio} |",
                monitor(&text).byte_size(),
                theirs[1],
                theirs[0],
                theirs[2],
            );
        }
    }
}
