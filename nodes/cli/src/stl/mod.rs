//! `outrider stl`: a formula over a trace, and specification files checked.

mod trace;

use anyhow::Context;
use clap::Subcommand;
use outrider_foundation::{Instant, Span};
use outrider_runtime::config;
use outrider_stl::{Formula, Limits, Monitor, Specification, State, Verdict};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trace::Trace;

/// Memory of the windows of one formula; a trace bounds them as well.
const MEMORY_MAX_BYTES: usize = 1 << 30;

/// Arguments of `outrider stl`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The formula, over the columns of the trace.
    #[arg(long, value_name = "FORMULA", required_unless_present = "file", conflicts_with = "file")]
    spec: Option<String>,
    /// A specification file in place of the formula.
    #[arg(long, value_name = "FILE.stl")]
    file: Option<PathBuf>,
    /// CSV with a header: the first column is `t_s`, the others are signals. An empty cell is a missing sample.
    #[arg(long, value_name = "FILE.csv", required = true)]
    trace: Option<PathBuf>,
    /// The longest time between two samples, in seconds: after a longer one nothing can be said until the windows have
    /// passed. By default that of the specification file; with a formula alone, none.
    #[arg(long, value_name = "S")]
    max_gap: Option<f64>,
    /// Three more columns: the subformula that decided, when it did, and why a verdict is invalid.
    #[arg(long)]
    explain: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check specification files, and print what each needs.
    Check {
        /// Files.
        #[arg(required = true, value_name = "FILE.stl")]
        files: Vec<PathBuf>,
    },
}

/// Runs `outrider stl`.
///
/// # Errors
/// When a file cannot be read, or with line and column of what is wrong with a formula or a trace.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match &args.action {
        Some(Action::Check { files }) => check(files),
        None => evaluate(&args),
    }
}

fn evaluate(args: &Args) -> anyhow::Result<ExitCode> {
    let trace = Trace::read(args.trace.as_deref().context("--trace is missing")?)?;
    let columns: Vec<&str> = trace.signals.iter().map(String::as_str).collect();
    let (formula, declared) = match &args.file {
        None => {
            let text = args.spec.as_deref().unwrap_or_default();
            (Formula::parse(text, &columns).map_err(|e| anyhow::anyhow!("--spec:{e}"))?, None)
        }
        Some(path) => {
            let specification = read_specification(path)?;
            (specification.formula, Some(specification.max_gap))
        }
    };
    let picked = trace.columns(formula.signals())?;
    let given = args.max_gap.map(seconds).transpose()?;
    let limits = Limits {
        period: trace.period(),
        max_gap: given.or(declared),
        samples_max: trace.rows.len(),
        memory_max_bytes: MEMORY_MAX_BYTES,
    };
    let mut monitor = Monitor::new(formula, &limits).map_err(|e| anyhow::anyhow!("formula:{e}"))?;
    print(args.explain, &trace, &picked, &mut monitor)?;
    Ok(ExitCode::SUCCESS)
}

fn seconds(gap_s: f64) -> anyhow::Result<Span> {
    anyhow::ensure!(gap_s.is_finite() && gap_s > 0.0, "--max-gap: {gap_s} s is not a time above zero");
    Ok(Span::from_s(gap_s))
}

/// A reader that goes away (`| head`) is no fault.
fn print(explain: bool, trace: &Trace, picked: &[usize], monitor: &mut Monitor) -> anyhow::Result<()> {
    let written = write(explain, trace, picked, monitor);
    match written {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

fn write(explain: bool, trace: &Trace, picked: &[usize], monitor: &mut Monitor) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "t_s,robustness,state{}", if explain { ",responsible,at_s,reason" } else { "" })?;
    let mut values = vec![None; picked.len()];
    for row in &trace.rows {
        for (value, column) in values.iter_mut().zip(picked) {
            *value = row.values.get(*column).copied().flatten();
        }
        let verdict = monitor.update(Instant::from_nanos(row.nanos), &values);
        write!(out, "{},{},{}", row.time, number(verdict.robustness), word(verdict.state))?;
        if explain {
            write!(out, ",{}", explanation(monitor.formula(), &verdict))?;
        }
        writeln!(out)?;
    }
    out.flush()
}

const fn word(state: State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Ok => "ok",
        State::Violated => "violated",
        State::Invalid(_) => "invalid",
    }
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { value.to_string() }
}

fn explanation(formula: &Formula, verdict: &Verdict) -> String {
    let reason = match verdict.state {
        State::Invalid(reason) => reason.name(),
        State::Unknown => "not warmed up",
        State::Ok | State::Violated => "",
    };
    let responsible = formula.text_of(verdict.responsible).replace('"', "\"\"");
    let one_line = responsible.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("\"{one_line}\",{},{reason}", verdict.at.as_s())
}

fn read_specification(path: &Path) -> anyhow::Result<Specification> {
    let text = config::read(path)?;
    Specification::parse(&text).map_err(|e| anyhow::anyhow!("{}:{e}", path.display()))
}

fn check(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut wrong = 0_usize;
    for path in files {
        match check_one(path) {
            Ok(line) => println!("{}: {line}", path.display()),
            Err(error) => {
                eprintln!("outrider: {error:#}");
                wrong = wrong.saturating_add(1);
            }
        }
    }
    if wrong > 0 {
        eprintln!("outrider: {wrong} of {} files are wrong", files.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn check_one(path: &Path) -> anyhow::Result<String> {
    let specification = read_specification(path)?;
    let limits = specification.limits();
    let monitor = Monitor::new(specification.formula, &limits)
        .map_err(|e| anyhow::anyhow!("{}:{e}", path.display()))?;
    Ok(format!(
        "ok: {} ({}, {}); {} s of past, {} bytes; signals: {}",
        specification.name,
        specification.requirement,
        specification.severity.name(),
        monitor.horizon().time.as_s(),
        monitor.byte_size(),
        monitor.formula().signals().join(", "),
    ))
}
