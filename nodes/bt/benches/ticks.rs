//! What one tick costs: this engine, `bonsai-bt` and py_trees on trees of the same size in one run, and what loading a file
//! costs. Prints a table.
//!
//! py_trees runs in the Python that `OUTRIDER_PY_TREES_PYTHON` names (`pip install py_trees` there); without one its column
//! stays empty.

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock, starts a program, and stops at the first fault"
)]

mod plain;
#[path = "../tests/shapes/mod.rs"]
mod shapes;

use bonsai_bt::{BT, Behavior, Event, Status as Bonsai, UpdateArgs};
use outrider_bt::{Library, NoFiles, Tree};
use outrider_foundation::Instant;
use plain::registry;
use shapes::Shape;
use std::hint::black_box;
use std::time::Instant as Clock;

const TICKS: usize = 20_000;
/// A clock takes longer than a node: so many ticks are measured together.
const BATCH: usize = 10;

/// Median and 99th percentile of one call, ns.
fn measure(mut call: impl FnMut()) -> (f64, f64) {
    for _ in 0..TICKS / 10 {
        call();
    }
    let mut times: Vec<f64> = (0..TICKS / BATCH)
        .map(|_| {
            let start = Clock::now();
            for _ in 0..BATCH {
                call();
            }
            start.elapsed().as_nanos() as f64 / BATCH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn own(shape: Shape, nodes: usize) -> (usize, (f64, f64)) {
    let mut tree = Tree::parse(&shapes::tree(shape, nodes), &registry()).unwrap();
    let (mut sum, mut now) = (0, 0);
    let cost = measure(|| {
        now += 1_000_000;
        black_box(tree.tick_exactly_once(Instant::from_nanos(now), &mut sum).unwrap());
    });
    black_box(sum);
    (tree.len(), cost)
}

/// The plain tree in bonsai-bt. A tree that has finished has to be reset there, which is part of the cost.
fn bonsai(nodes: usize) -> (f64, f64) {
    let group = || {
        Behavior::Sequence(vec![
            Behavior::Select(vec![Behavior::Invert(Box::new(Behavior::Action(0))), Behavior::Action(0)]),
            Behavior::Action(0),
        ])
    };
    let body = (0..nodes / 6).map(|_| group()).collect();
    let mut tree: BT<u8, ()> = BT::new(Behavior::Sequence(body), ());
    let mut sum = 0_u64;
    let cost = measure(|| {
        let event = Event::from(UpdateArgs { dt: 0.01 });
        black_box(tree.tick(&event, &mut |_args, _| {
            sum += 1;
            (Bonsai::Success, 0.0)
        }));
        tree.reset_bt();
    });
    black_box(sum);
    cost
}

fn load() -> (f64, f64) {
    let xml = shapes::tree(Shape::Scripts, 50);
    let registry = registry();
    measure(|| {
        let library = Library::read("tree.xml", &xml, &mut NoFiles).unwrap();
        black_box(library.build(&registry, "M").unwrap());
    })
}

/// Median cost of a tick in py_trees, µs, for 10, 50 and 200 nodes.
fn py_trees() -> Option<Vec<String>> {
    let python = std::env::var("OUTRIDER_PY_TREES_PYTHON").ok()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/py_trees_ticks.py");
    let output = std::process::Command::new(python).arg(script).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// One tree alone, for a profiler: `-- Scripts 50`.
fn single(shape: &str, nodes: &str) -> Option<()> {
    let shape = shapes::ALL.into_iter().find(|known| format!("{known:?}") == shape)?;
    let (count, (p50, p99)) = own(shape, nodes.parse().ok()?);
    println!("{shape:?}, {count} nodes: {p50:.0} / {p99:.0} ns");
    Some(())
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [shape, nodes] = words.as_slice()
        && single(shape, nodes).is_some()
    {
        return;
    }
    let python = py_trees().unwrap_or_default();
    println!("| tree | nodes | p50 | p99 | bonsai-bt p50 / p99 | py_trees p50 |");
    println!("|---|---|---|---|---|---|");
    for shape in shapes::ALL {
        for (at, nodes) in [10, 50, 200].into_iter().enumerate() {
            let (count, (p50, p99)) = own(shape, nodes);
            let (bonsai, other) = if shape == Shape::Plain {
                let (p50, p99) = bonsai(nodes);
                let python = python.get(at).map_or("–".to_owned(), |us| format!("{us} µs"));
                (format!("{p50:.0} / {p99:.0} ns"), python)
            } else {
                ("–".to_owned(), "–".to_owned())
            };
            println!("| {shape:?} | {count} | {p50:.0} ns | {p99:.0} ns | {bonsai} | {other} |");
        }
    }
    let (p50, p99) = load();
    // On a shared x86-64 machine with two cores: not of this run.
    println!("\nelsewhere, 50 nodes, p50: BehaviorTree.CPP 4.10 12.5 µs, 26 to 38 µs with ports and scripts");
    println!("\nloading a file of 50 nodes with scripts: {:.1} / {:.1} µs", p50 / 1e3, p99 / 1e3);
}
