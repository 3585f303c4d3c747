//! `outrider stl`: a formula over a trace, and specification files checked.

mod trace;

use anyhow::Context;
use clap::Subcommand;
use outrider_foundation::{Instant, Span};
use outrider_runtime::config;
use outrider_stl::{Formula, Limits, Monitor, Specification, State, Verdict};
use outrider_suite::assemble;
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
    #[arg(
        long,
        value_name = "FORMULA",
        allow_hyphen_values = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
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
    /// Check specification files against the language and against the signals that assurance gives, and print what each
    /// needs.
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
    let (picked, mut monitor) = prepare(args, &trace)?;
    print(args.explain, &trace, &picked, &mut monitor)?;
    Ok(ExitCode::SUCCESS)
}

/// The monitor, and which columns of the trace it takes.
fn prepare(args: &Args, trace: &Trace) -> anyhow::Result<(Vec<usize>, Monitor)> {
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
    let limits = Limits {
        period: trace.period(),
        max_gap: args.max_gap.map(seconds).transpose()?.or(declared),
        samples_max: trace.rows.len(),
        memory_max_bytes: MEMORY_MAX_BYTES,
    };
    let monitor = Monitor::new(formula, &limits).map_err(|e| anyhow::anyhow!("formula:{e}"))?;
    Ok((picked, monitor))
}

fn seconds(gap_s: f64) -> anyhow::Result<Span> {
    anyhow::ensure!(gap_s.is_finite() && gap_s > 0.0, "--max-gap: {gap_s} s is not a time above zero");
    Ok(Span::from_s(gap_s))
}

/// A reader that goes away (`| head`) is no fault.
fn unless_unread(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

fn print(explain: bool, trace: &Trace, picked: &[usize], monitor: &mut Monitor) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    unless_unread(write(&mut out, explain, trace, picked, monitor).and_then(|()| out.flush()))
}

fn write(
    out: &mut impl Write,
    explain: bool,
    trace: &Trace,
    picked: &[usize],
    monitor: &mut Monitor,
) -> std::io::Result<()> {
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
    Ok(())
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
            Ok(line) => {
                unless_unread(writeln!(std::io::stdout(), "{}: {line}", path.display()))?;
            }
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
    let specification = assemble::read_specification(&config::read(path)?)
        .map_err(|e| anyhow::anyhow!("{}:{e}", path.display()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        spec: Option<&str>,
        file: Option<&Path>,
        trace: &str,
        max_gap: Option<f64>,
    ) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, trace)?;
        let args = Args {
            action: None,
            spec: spec.map(str::to_owned),
            file: file.map(Path::to_owned),
            trace: None,
            max_gap,
            explain: true,
        };
        let trace = Trace::read(&path)?;
        let (picked, mut monitor) = prepare(&args, &trace)?;
        let mut out = vec![];
        write(&mut out, args.explain, &trace, &picked, &mut monitor)?;
        Ok(String::from_utf8(out)?)
    }

    /// The page shows what the program prints.
    #[test]
    fn the_example_of_the_documentation() {
        let page = include_str!("../../../../docs/monitoring.md");
        let (_, rest) = page.split_once("$ cat trace.csv\n").unwrap();
        let (trace, rest) = rest.split_once("$ outrider stl --spec '").unwrap();
        let (spec, rest) = rest.split_once("' --trace trace.csv --max-gap 0.2 --explain\n").unwrap();
        let (printed, _) = rest.split_once("```").unwrap();
        assert_eq!(run(Some(spec), None, trace, Some(0.2)).unwrap(), printed);
    }

    #[test]
    fn a_specification_file_over_a_trace() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/assurance/sensor_age.stl"));
        let mut trace = "t_s,odometry_age_s,other,scan_age_s\n".to_owned();
        for i in 0..60 {
            trace.push_str(&format!("{},0.01,7,{}\n", f64::from(i) * 0.02, if i == 40 { 0.2 } else { 0.05 }));
        }
        let printed = run(None, Some(file), &trace, None).unwrap();
        let row = |i: usize| printed.lines().nth(i + 1).unwrap();
        assert!(row(24).contains(",unknown,"), "{}", row(24));
        assert!(row(25).contains(",ok,\"odometry_age_s < 0.1\","), "{}", row(25));
        assert!(row(59).ends_with(",violated,\"scan_age_s < 0.15\",0.8,"), "{}", row(59));
        let gap = trace.replace("0.5,0.01", "0.71,0.01");
        let printed = run(None, Some(file), &gap, None).unwrap();
        assert!(printed.contains("gap longer than declared"), "the file's max_gap holds");
    }

    #[test]
    fn errors_name_file_or_formula_and_column() {
        let trace = "t_s,x\n0,1\n";
        let error = |spec| run(Some(spec), None, trace, None).unwrap_err().to_string();
        assert_eq!(
            error("x < y"),
            "--spec:1:5: there is no signal, constant or definition `y`; there are: x"
        );
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/assurance/sensor_age.stl"));
        let lacks = run(None, Some(file), trace, None).unwrap_err().to_string();
        assert!(lacks.ends_with("trace.csv: no column `scan_age_s`; there are: x"), "{lacks}");
        let bad = run(Some("x < 2"), None, trace, Some(0.0)).unwrap_err().to_string();
        assert_eq!(bad, "--max-gap: 0 s is not a time above zero");
    }
}
