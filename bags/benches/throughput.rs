//! Measured: messages of 1 KB through the pipeline into a file, as fast as they are taken and at a recorder's rate.
//!
//! Arguments: after `--out` the folder to write to (default: the system's for temporary files), after `--runs` how many
//! runs, after `--only` one setting, after `--messages` how many in place of its own number; `--fifo` gives the thread that hands over SCHED_FIFO. What is printed is the median
//! run of each setting; the worst is that of all runs. Every run is a process of its own, so that peak memory is that of
//! one run. The threads of the pipeline have the priority that the recorder gives them.
//!
//! Beside every hand-over stands a control: a copy of the same message into a buffer of its own, timed with the same
//! clock just before. It calls nothing and waits for nothing, so what it takes at worst is what the machine does to a
//! thread that does nothing. `preempted` is how long the kernel says the thread waited for a processor during its worst
//! hand-over (/proc/thread-self/schedstat), `own` the longest that a hand-over took without that; flat out the kernel
//! is not asked, for that would be most of the work.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads clocks and files")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may stop at anything odd")]
#![allow(unsafe_code, reason = "rustix has no sched_setscheduler")]

use outrider_bags::{BagReader, Compression, Fsync, Pipeline, PipelineOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Bytes of a message. With its record in the file it takes 31 more, which are not counted.
const SIZE: usize = 1024;
const TOPICS: usize = 30;
/// Different messages: many more than fit into a chunk of any writer, for else it would compress repetitions.
const POOL: usize = 4096;
const RUNS: usize = 5;
const QOS: &str = "- history: keep_last\n  depth: 10\n  reliability: reliable\n  durability: volatile\n";
/// As the recorder has it.
const NICE: i32 = 5;
const FIFO: i32 = 30;

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    compression: Compression,
    messages: u32,
    /// Between two messages; the required rate is 2,000 a second.
    period: Duration,
}

const SETTINGS: [Setting; 4] = [
    Setting { name: "none", compression: Compression::None, messages: 400_000, period: Duration::ZERO },
    Setting { name: "zstd", compression: Compression::Zstd, messages: 400_000, period: Duration::ZERO },
    Setting {
        name: "zstd-2000/s",
        compression: Compression::Zstd,
        messages: 20_000,
        period: Duration::from_micros(500),
    },
    Setting {
        name: "zstd-20000/s",
        compression: Compression::Zstd,
        messages: 100_000,
        period: Duration::from_micros(50),
    },
];

/// Of one run, as it is printed.
const FIGURES: [&str; 10] = [
    "MB/s",
    "ratio",
    "p50 µs",
    "p99 µs",
    "worst µs",
    "preempted",
    "own µs",
    "control µs",
    "RSS MB",
    "refused",
];
/// Those of which the worst run counts.
const WORST: [usize; 4] = [4, 5, 6, 7];

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
    (0..POOL).map(message).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |key: &str| arguments.iter().position(|a| a == key).and_then(|at| arguments.get(at + 1));
    let fifo = arguments.iter().any(|a| a == "--fifo");
    let out = value("--out").map_or_else(std::env::temp_dir, PathBuf::from);
    if let Some(name) = value("--one") {
        let mut setting = *SETTINGS.iter().find(|s| s.name == name).unwrap();
        if let Some(messages) = value("--messages") {
            setting.messages = messages.parse().unwrap();
        }
        return println!("{}", one(&setting, &out, fifo).map(|figure| figure.to_string()).join(" "));
    }
    let runs = value("--runs").map_or(RUNS, |text| text.parse().unwrap());
    let policy = if fifo { "SCHED_FIFO" } else { "SCHED_OTHER" };
    println!(
        "messages of {SIZE} bytes over {TOPICS} topics to {}, {runs} runs, the caller with {policy}",
        out.display()
    );
    let row = |name: &str, cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>10}")).collect();
        println!("{name:<13} {}", cells.join(" "));
    };
    row("writer", &FIGURES.map(str::to_owned));
    for setting in SETTINGS.iter().filter(|s| value("--only").is_none_or(|only| only == s.name)) {
        let mut results: Vec<Vec<f64>> = (0..runs).map(|_| child(setting.name, &out, fifo)).collect();
        results.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let worst_run = results.iter().max_by(|a, b| a[4].total_cmp(&b[4])).unwrap();
        let cells: Vec<String> = (0..FIGURES.len())
            .map(|at| match at {
                // Of the same hand-over.
                4 | 5 => worst_run[at],
                _ if WORST.contains(&at) => results.iter().map(|r| r[at]).fold(0.0, f64::max),
                _ => results[runs / 2][at],
            })
            .zip(FIGURES)
            .map(|(figure, name)| match name {
                "preempted" | "own µs" if setting.period.is_zero() => "-".to_owned(),
                "ratio" | "p50 µs" | "p99 µs" => format!("{figure:.2}"),
                _ => format!("{figure:.0}"),
            })
            .collect();
        row(setting.name, &cells);
    }
}

fn child(setting: &str, out: &Path, fifo: bool) -> Vec<f64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--one", setting, "--out"]).arg(out).args(fifo.then_some("--fifo"));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().split_whitespace().map(|text| text.parse().unwrap()).collect()
}

/// How long this thread has waited for a processor although it could run, by the kernel's account.
struct Waiting(File);

impl Waiting {
    fn open() -> Self {
        Self(File::open("/proc/thread-self/schedstat").unwrap())
    }

    fn us(&self) -> f64 {
        let mut bytes = [0; 80];
        let read = self.0.read_at(&mut bytes, 0).unwrap();
        let text = std::str::from_utf8(&bytes[..read]).unwrap();
        text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
    }
}

/// As the recorder does it.
fn make_way() {
    scheduled(libc::SCHED_BATCH, 0);
    // SAFETY: plain system call; with 0 it is about the calling thread.
    assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) }, 0);
}

fn scheduled(policy: i32, priority: i32) {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the parameters live until the call returns; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    assert_eq!(result, 0, "scheduling policy {policy}: {}", std::io::Error::last_os_error());
}

fn options(setting: &Setting) -> PipelineOptions {
    let number =
        |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    PipelineOptions {
        compression: setting.compression,
        fsync: Fsync::Never,
        workers: number("BENCH_WORKERS", 1),
        chunk_bytes: number("BENCH_CHUNK", 256 << 10),
        on_thread: make_way,
        ..PipelineOptions::default()
    }
}

#[derive(Default)]
struct Timed {
    push_us: Vec<f64>,
    worst: f64,
    worst_preempted: f64,
    worst_own: f64,
    worst_control: f64,
    refused: u32,
}

/// One run.
fn one(setting: &Setting, out: &Path, fifo: bool) -> [f64; FIGURES.len()] {
    let folder = out.join(format!("outrider-bench-{}", std::process::id()));
    let bag = folder.join("bag");
    let mut pipeline = Pipeline::start(&bag, options(setting)).unwrap();
    if fifo {
        scheduled(libc::SCHED_FIFO, FIFO);
    }
    let started = Instant::now();
    let mut timed = hand_over(setting, &mut pipeline);
    pipeline.finish(Duration::from_secs(60)).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let reader = BagReader::open(&bag).unwrap();
    assert_eq!(reader.message_count(), u64::from(setting.messages));
    let file = std::fs::metadata(bag.join("bag_0.mcap")).unwrap().len() as f64;
    std::fs::remove_dir_all(&folder).unwrap();
    let durations = &mut timed.push_us;
    durations.sort_by(f64::total_cmp);
    let bytes = f64::from(setting.messages) * SIZE as f64;
    let at = |share: f64| durations[((durations.len() - 1) as f64 * share) as usize];
    let (p50, p99) = (at(0.5), at(0.99));
    [
        bytes / seconds / 1e6,
        bytes / file,
        p50,
        p99,
        timed.worst,
        timed.worst_preempted,
        timed.worst_own,
        timed.worst_control,
        peak_mb(),
        f64::from(timed.refused),
    ]
}

fn hand_over(setting: &Setting, pipeline: &mut Pipeline) -> Timed {
    let metadata = BTreeMap::from([("offered_qos_profiles".to_owned(), QOS.to_owned())]);
    let definition = "float32[] data";
    let topics: Vec<_> = (0..TOPICS)
        .map(|i| pipeline.add_channel(&format!("/t{i}"), "a/msg/B", definition.into(), &metadata, 0).unwrap())
        .collect();
    let (payloads, mut copy) = (payloads(), vec![1_u8; SIZE]);
    let mut timed = Timed::default();
    // Written before, so that their pages are there.
    timed.push_us.resize(setting.messages as usize * 2, 1.0);
    timed.push_us.clear();
    let waiting = Waiting::open();
    let (paced, started) = (!setting.period.is_zero(), Instant::now());
    let mut next_flush = Duration::from_millis(200);
    for i in 0..setting.messages {
        if paced {
            std::thread::sleep((setting.period * i).saturating_sub(started.elapsed()));
            if started.elapsed() >= next_flush {
                next_flush += Duration::from_millis(200);
                pipeline.flush();
            }
        }
        let (topic, data) = (topics[i as usize % TOPICS], &payloads[i as usize % payloads.len()]);
        let before = Instant::now();
        copy.copy_from_slice(black_box(data));
        black_box(&mut copy);
        timed.worst_control = timed.worst_control.max(before.elapsed().as_nanos() as f64 / 1000.0);
        loop {
            let waited = if paced { waiting.us() } else { 0.0 };
            let before = Instant::now();
            let taken = pipeline.push(topic, i, u64::from(i), u64::from(i), data);
            let took = before.elapsed().as_nanos() as f64 / 1000.0;
            timed.push_us.push(took);
            if took > timed.worst.min(timed.worst_own) {
                let preempted = if paced { (waiting.us() - waited).min(took) } else { 0.0 };
                timed.worst_own = timed.worst_own.max(took - preempted);
                if took > timed.worst {
                    (timed.worst, timed.worst_preempted) = (took, preempted);
                }
            }
            if taken {
                break;
            }
            // A benchmark wants to write all: it waits where a recorder would go on.
            timed.refused += 1;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    timed
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
