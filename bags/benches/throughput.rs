//! Measured: messages of 1 KB through the pipeline into a file, as fast as they are taken.
//!
//! Arguments: the folder to write to (default: the system's for temporary files), and after `--runs` how many runs. What is
//! printed is the median run of each setting; the worst hand-over is the worst of all runs. Every run is a process of its
//! own, so that peak memory is that of one run.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads clocks and files")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may stop at anything odd")]

use outrider_bags::{BagReader, Compression, Fsync, Pipeline, PipelineOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Bytes of a message. With its record in the file it takes 31 more, which are not counted.
const SIZE: usize = 1024;
const TOPICS: usize = 30;
const RUNS: usize = 5;
const MESSAGES: u32 = 400_000;
const QOS: &str = "- history: keep_last\n  depth: 10\n  reliability: reliable\n  durability: volatile\n";

/// Like a scan or odometry: numbers that change slowly, whose last bits are noise. The same bytes in `peers.py`.
fn payloads() -> Vec<Vec<u8>> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let message = |_| -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        let base = 1.0 + next() as f32 / 65_536.0;
        while bytes.len() < SIZE {
            let value = base + (next() % 4096) as f32 * 0.000_244_140_62;
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    };
    (0..256).map(message).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |key: &str| arguments.iter().position(|a| a == key).and_then(|at| arguments.get(at + 1));
    if let Some(setting) = value("--one") {
        return one(setting, Path::new(value("--out").unwrap()));
    }
    let runs = value("--runs").map_or(RUNS, |text| text.parse().unwrap());
    let out = value("--out").map_or_else(std::env::temp_dir, PathBuf::from);
    println!("{MESSAGES} messages of {SIZE} bytes over {TOPICS} topics to {}, {runs} runs", out.display());
    println!(
        "{:<12} {:>8} {:>8} {:>12} {:>12} {:>12} {:>8} {:>9}",
        "writer", "MB/s", "ratio", "p50 µs", "p99 µs", "worst µs", "RSS MB", "refused"
    );
    for setting in ["none", "zstd", "zstd-paced"] {
        let mut results: Vec<Vec<f64>> = (0..runs).map(|_| child(setting, &out)).collect();
        results.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let median = &results[runs / 2];
        let worst = results.iter().map(|r| r[4]).fold(0.0, f64::max);
        println!(
            "{setting:<12} {:>8.0} {:>8.2} {:>12.2} {:>12.2} {worst:>12.0} {:>8.0} {:>9.0}",
            median[0], median[1], median[2], median[3], median[5], median[6]
        );
    }
}

fn child(setting: &str, out: &Path) -> Vec<f64> {
    let program = std::env::current_exe().unwrap();
    let done = Command::new(program).args(["--one", setting, "--out"]).arg(out).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().split_whitespace().map(|text| text.parse().unwrap()).collect()
}

/// One run; prints its figures. `zstd-paced` writes 20,000 messages a second, ten times what a robot is required to.
fn one(setting: &str, out: &Path) {
    let folder = out.join(format!("outrider-bench-{}", std::process::id()));
    let bag = folder.join("bag");
    let compression = if setting == "none" { Compression::None } else { Compression::Zstd };
    let workers = std::env::var("BENCH_WORKERS").map_or(1, |text| text.parse().unwrap());
    let chunk_bytes = std::env::var("BENCH_CHUNK").map_or(256 << 10, |text| text.parse().unwrap());
    let options = PipelineOptions {
        compression,
        fsync: Fsync::Never,
        workers,
        chunk_bytes,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::start(&bag, options).unwrap();
    let metadata = BTreeMap::from([("offered_qos_profiles".to_owned(), QOS.to_owned())]);
    let definition = "float32[] data";
    let topics: Vec<_> = (0..TOPICS)
        .map(|i| pipeline.add_channel(&format!("/t{i}"), "a/msg/B", definition, &metadata, 0).unwrap())
        .collect();
    let payloads = payloads();
    let count = if setting == "zstd-paced" { 60_000 } else { MESSAGES };
    let mut durations = Vec::with_capacity(count as usize);
    let mut refused = 0_u64;
    let started = Instant::now();
    for i in 0..count {
        if setting == "zstd-paced" {
            let due = Duration::from_micros(50 * u64::from(i));
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        let (topic, data) = (topics[i as usize % TOPICS], &payloads[i as usize % payloads.len()]);
        loop {
            let before = Instant::now();
            let taken = pipeline.push(topic, i, u64::from(i), u64::from(i), data);
            durations.push(before.elapsed().as_nanos() as f64 / 1000.0);
            if taken {
                break;
            }
            // A benchmark wants to write all: it waits where a recorder would go on.
            refused += 1;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    pipeline.finish(Duration::from_secs(60)).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let reader = BagReader::open(&bag).unwrap();
    assert_eq!(reader.message_count(), u64::from(count));
    let file = std::fs::metadata(bag.join("bag_0.mcap")).unwrap().len() as f64;
    std::fs::remove_dir_all(&folder).unwrap();
    durations.sort_by(f64::total_cmp);
    let bytes = f64::from(count) * SIZE as f64;
    let at = |share: f64| durations[((durations.len() - 1) as f64 * share) as usize];
    println!(
        "{} {} {} {} {} {} {refused}",
        bytes / seconds / 1e6,
        bytes / file,
        at(0.5),
        at(0.99),
        at(1.0),
        peak_mb()
    );
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
