//! Instructions of the work that the latency rests on, counted by Callgrind and held against `tests/gate/instructions.yaml`.
//! Exit code 1 when something takes more than its tolerance allows. `make bench-instructions`, `make instructions-baseline`.
//!
//!     instructions [NAME…]          counts (only these) and compares
//!     instructions --write          counts and writes the references anew
//!     instructions --kernel NAME    does the work once, as Callgrind sees it

#![allow(
    missing_docs,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads files, starts programs and stops at the first fault"
)]

#[path = "../../../nodes/suite/benches/drive/mod.rs"]
mod drive;
#[path = "../../../nodes/planner/benches/halls/mod.rs"]
mod halls;
mod kernels;
#[path = "../../../nodes/suite/benches/people/mod.rs"]
mod people;
#[path = "../../../nodes/bt/benches/plain/mod.rs"]
mod plain;
#[path = "../../../nodes/planner/tests/common/mod.rs"]
mod planning;
#[path = "../../../nodes/bt/tests/shapes/mod.rs"]
mod shapes;
#[path = "../../../nodes/stl/benches/traces/mod.rs"]
mod traces;

use anyhow::{Context as _, ensure};
use kernels::{Counter, KERNELS, Kernel};
use outrider_evaluation::instructions::{
    Counted, FILE, References, Verdict, callgrind_total, compare, renewed, table,
};
use outrider_evaluation::root;
use planning::sampling;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;

fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--kernel", name] => child(name),
        ["--write"] => write(),
        names => judge(names),
    }
}

/// Under Callgrind: does the work, and tells how many calls were counted.
fn child(name: &str) -> anyhow::Result<ExitCode> {
    let (_, run) = KERNELS.iter().find(|(known, _)| *known == name).context("no such work")?;
    ensure!(
        outrider_planner::mppi::Level::available().contains(&outrider_planner::mppi::Level::Avx2),
        "this machine has no AVX2, for which the references were counted"
    );
    let mut counter = Counter::default();
    run(&mut counter);
    println!("{}", counter.calls);
    Ok(ExitCode::SUCCESS)
}

fn write() -> anyhow::Result<ExitCode> {
    let counted = count(&KERNELS)?;
    // One that is there and cannot be read has tolerances that would be lost.
    let old = if root().join(FILE).exists() { references()? } else { References::default() };
    print!("{}", table(&compare(&counted, &old)));
    std::fs::write(root().join(FILE), renewed(&counted, &old))?;
    println!("written: {FILE}");
    Ok(ExitCode::SUCCESS)
}

fn judge(names: &[&str]) -> anyhow::Result<ExitCode> {
    let wanted: Vec<Kernel> =
        KERNELS.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)).collect();
    ensure!(!wanted.is_empty(), "no such work; there are {:?}", KERNELS.map(|(name, _)| name));
    let mut references = references()?;
    references.instructions.retain(|name, _| names.is_empty() || names.contains(&name.as_str()));
    let rows = compare(&count(&wanted)?, &references);
    print!("{}", table(&rows));
    let verdicts: Vec<Verdict> = rows.iter().map(|row| row.verdict()).collect();
    for row in rows.iter().filter(|row| !matches!(row.verdict(), Verdict::Same)) {
        println!("{}", row.sentence());
    }
    let failed = verdicts.iter().filter(|verdict| verdict.fails()).count();
    if failed == 0 {
        println!("instructions: {} within their references", rows.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "instructions: {failed} of {} FAILED. Where they go: callgrind_annotate {}/NAME.out\n\
         Meant? Then `make instructions-baseline`, and commit {FILE} with the reason.",
        rows.len(),
        folder()?.display()
    );
    Ok(ExitCode::FAILURE)
}

fn references() -> anyhow::Result<References> {
    let text = outrider_runtime::config::read(&root().join(FILE))?;
    Ok(outrider_runtime::config::parse(FILE, &text)?)
}

/// Beside the program, below the target folder.
fn folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the program is not in a target folder")?;
    Ok(target.join("instructions"))
}

/// As many at once as there are processors: a count does not depend on what else runs.
fn count(kernels: &[Kernel]) -> anyhow::Result<Vec<Counted>> {
    let folder = folder()?;
    std::fs::create_dir_all(&folder)?;
    let next = Mutex::new(0..kernels.len());
    let results = Mutex::new(Vec::new());
    let worker = || {
        while let Some(i) = { next.lock().unwrap().next() } {
            let counted = callgrind(kernels[i].0, &folder);
            results.lock().unwrap().push((i, counted));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    let mut results = results.into_inner()?;
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, counted)| counted).collect()
}

/// Nothing of the caller's environment gets in: it moves the stack, and with it how some copies are done.
fn callgrind(name: &str, folder: &Path) -> anyhow::Result<Counted> {
    let file = folder.join(format!("{name}.out"));
    let output = Command::new(valgrind()?)
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*outrider_counted*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["--kernel", name])
        .env_clear()
        .current_dir(root())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}\n{told}", output.status);
    let calls: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("no count of calls")?;
    let total = callgrind_total(&std::fs::read_to_string(&file)?).context("no total in Callgrind's file")?;
    ensure!(calls > 0 && total > 0, "{name}: {calls} calls, {total} instructions");
    Ok(Counted { name: name.to_owned(), count: total / calls })
}

/// Looked for here, as the program that it starts gets no `PATH`.
fn valgrind() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("valgrind")).find(|file| file.is_file());
    found.context("no valgrind on PATH: install the package valgrind")
}
