//! Fuzzing with what any build has: mutates the seeds of `bags/fuzz`, and everything that behaved in a new way, for so
//! many seconds. The bag reader with recovery, and the CDR decoder of every message, run at the same time, a thread each.
//! A panic ends the program with exit code 101 after the input was kept in `bags/fuzz/artifacts`; 2 when it cannot run.
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
    match fuzz() {
        Ok(()) if FAILED.load(Ordering::Relaxed) => ExitCode::from(101),
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("fuzz_minute: {reason}");
            ExitCode::from(2)
        }
    }
}

fn fuzz() -> Result<(), String> {
    let arguments = arguments()?;
    let limit = Rlimit { current: Some(MEMORY_LIMIT), maximum: Some(MEMORY_LIMIT) };
    setrlimit(Resource::As, limit)
        .map_err(|e| format!("memory cannot be limited to {MEMORY_LIMIT} bytes: {e}"))?;
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let scratch = ["/dev/shm", "/tmp"].into_iter().find_map(|d| tempfile::tempdir_in(d).ok());
    let scratch = scratch.ok_or("no folder for scratch files can be made in /dev/shm or /tmp")?;
    std::thread::scope(|scope| {
        let reader = wanted("reader")
            .then(|| scope.spawn(|| run("reader", &arguments, |bytes| laws::reader(bytes, scratch.path()))));
        let cdr = wanted("cdr").then(|| scope.spawn(|| run("cdr", &arguments, laws::cdr)));
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
            thread.join().unwrap_or_else(|_| Err("a thread panicked outside of what is fuzzed".to_owned()))
        };
        // Both are waited for, whatever the first one says.
        let ends: Vec<_> = [reader, cdr].into_iter().flatten().map(ended).collect();
        ends.into_iter().collect()
    })
}

fn seeds(name: &str) -> Result<Vec<Vec<u8>>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let failed = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    let entries = fs::read_dir(&folder).map_err(|e| failed(&folder, e))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(|e| failed(&folder, e))?;
    paths.sort();
    paths.iter().map(|path| fs::read(path).map_err(|e| failed(path, e))).collect()
}

fn keep(name: &str, file: &str, input: &[u8]) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/artifacts").join(name);
    let path = folder.join(file);
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
    kept.map_err(|e| format!("the input that failed cannot be kept in {}: {e}", path.display()))?;
    Ok(path)
}

fn run(
    name: &str,
    arguments: &Arguments,
    law: impl Fn(&[u8]) + std::panic::RefUnwindSafe,
) -> Result<(), String> {
    let begin = Instant::now();
    let seeds = seeds(name)?;
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
            let path = keep(name, &format!("seed{}-run{runs}", arguments.seed), &input)?;
            eprintln!("{name}: run {runs} took {took:?} or panicked; the input is {}", path.display());
            return Ok(());
        }
    }
    println!("fuzz {name}: {runs} inputs in {} s, the slowest {slowest:?}", arguments.seconds);
    Ok(())
}
