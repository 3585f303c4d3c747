//! Fuzzing with what any build has: mutates the seeds of `bags/fuzz`, and everything that behaved in a new way, for so
//! many seconds. The bag reader with recovery, and the CDR decoder of every message, run at the same time, a thread each.
//! A panic ends the program with exit code 101 after the input was kept in `bags/fuzz/artifacts`.
//!
//! usage: cargo run --release -p outrider_bags --example fuzz_minute -- [--seconds 60] [--seed N] [--only reader|cdr]

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints, on a clock"
)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

#[path = "../fuzz/src/laws.rs"]
mod laws;
#[path = "../fuzz/src/mutate.rs"]
mod mutate;

use mutate::Mutator;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The address space of the whole program.
const MEMORY_LIMIT: u64 = 4 << 30;
/// One input that takes longer than this is a finding.
const SLOW: Duration = Duration::from_secs(5);

static FAILED: AtomicBool = AtomicBool::new(false);

struct Arguments {
    seconds: u64,
    seed: u64,
    only: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { seconds: 60, seed: 1, only: None };
    let mut rest = std::env::args().skip(1);
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|e| format!("{name} {value}: {e}"));
        match name.as_str() {
            "--seconds" => found.seconds = number()?,
            "--seed" => found.seed = number()?,
            "--only" => found.only = Some(value),
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("fuzz_minute: {reason}");
            return ExitCode::from(2);
        }
    };
    let limit = Rlimit { current: Some(MEMORY_LIMIT), maximum: Some(MEMORY_LIMIT) };
    setrlimit(Resource::As, limit).expect("memory can be limited");
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let scratch = ["/dev/shm", "/tmp"].into_iter().find_map(|d| tempfile::tempdir_in(d).ok());
    let scratch = scratch.expect("a folder for scratch files");
    std::thread::scope(|scope| {
        if wanted("reader") {
            scope.spawn(|| run("reader", &arguments, |bytes| laws::reader(bytes, scratch.path())));
        }
        if wanted("cdr") {
            scope.spawn(|| run("cdr", &arguments, laws::cdr));
        }
    });
    if FAILED.load(Ordering::Relaxed) { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).expect("seeds").map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|p| fs::read(p).expect("a seed")).collect()
}

fn run(name: &str, arguments: &Arguments, law: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let begin = Instant::now();
    let seeds = seeds(name);
    let mut mutator = Mutator::new(arguments.seed, seeds.clone());
    let (mut runs, mut slowest) = (0u64, Duration::ZERO);
    let mut pending = seeds.into_iter();
    while begin.elapsed().as_secs() < arguments.seconds && !FAILED.load(Ordering::Relaxed) {
        // The seeds themselves come first.
        let input = pending.next().unwrap_or_else(|| mutator.next());
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(|| law(&input));
        let took = started.elapsed();
        slowest = slowest.max(took);
        runs += 1;
        if outcome.is_err() || took > SLOW {
            FAILED.store(true, Ordering::Relaxed);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/artifacts").join(name);
            fs::create_dir_all(&folder).expect("a folder for what failed");
            let path = folder.join(format!("seed{}-run{runs}", arguments.seed));
            fs::write(&path, &input).expect("what failed is kept");
            eprintln!("{name}: run {runs} took {took:?} or panicked; the input is {}", path.display());
            return;
        }
    }
    println!("fuzz {name}: {runs} inputs in {} s, the slowest {slowest:?}", arguments.seconds);
}
