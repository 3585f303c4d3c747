//! `outrider plan`: the planner's search on the grid maps and problems of the MovingAI benchmark.

mod movingai;
#[cfg(test)]
mod tests;

use anyhow::bail;
use movingai::{Problem, read_map, read_problems};
use outrider_foundation::grid::Cell;
use outrider_planner::search::{AStar, Found, PlanGrid};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Grid map, MovingAI format.
    #[arg(long, value_name = "FILE.map")]
    map: PathBuf,
    /// Problems on it with the lengths of the shortest ways, MovingAI format.
    #[arg(long, value_name = "FILE.map.scen")]
    scen: PathBuf,
    /// Only the problems of this bucket.
    #[arg(long, value_name = "N")]
    bucket: Option<u32>,
    /// Gives a problem up after this many expanded cells.
    #[arg(long, value_name = "CELLS", default_value_t = 20_000_000)]
    expansion_limit: u32,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What came out of one problem.
#[derive(Debug, Serialize)]
struct Solved {
    /// Line of the problem in its file.
    line: usize,
    bucket: u32,
    start: [i32; 2],
    goal: [i32; 2],
    /// Length in the file; nothing when it says that there is no way.
    expected: Option<f64>,
    /// Length of the way found.
    found: Option<f64>,
    tolerance: f64,
    equal: bool,
    /// The search was ended by its limit.
    limited: bool,
    time_ms: f64,
    expanded: u32,
    /// Corners of blocks looked at for the estimate.
    corners: u32,
}

/// What came out of all.
#[derive(Debug, Serialize)]
struct Summary {
    problems: usize,
    equal: usize,
    different: usize,
    limited: usize,
    time_ms: f64,
    time_ms_p50: f64,
    time_ms_p99: f64,
    expanded: u64,
}

#[derive(Debug, Serialize)]
struct Result {
    map: String,
    scen: String,
    width: u32,
    height: u32,
    problems: Vec<Solved>,
    summary: Summary,
}

/// Solves every problem. The exit code is 0 when every length is the expected one, else 1.
///
/// # Errors
/// Names file, line and value of what is not as it should be.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let grid = read_map(&args.map)?;
    let mut problems = read_problems(&args.scen, &grid)?;
    if let Some(bucket) = args.bucket {
        problems.retain(|problem| problem.bucket == bucket);
    }
    if problems.is_empty() {
        match args.bucket {
            Some(bucket) => bail!("{}: no problem in bucket {bucket}", args.scen.display()),
            None => bail!("{}: no problems", args.scen.display()),
        }
    }
    let mut astar = AStar::default();
    let solved: Vec<Solved> =
        problems.iter().map(|problem| solve(&mut astar, &grid, problem, args.expansion_limit)).collect();
    let result = Result {
        map: args.map.display().to_string(),
        scen: args.scen.display().to_string(),
        width: grid.width,
        height: grid.height,
        summary: summary(&solved),
        problems: solved,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        print!("{}", text(&result));
    }
    Ok(if result.summary.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn solve(astar: &mut AStar, grid: &PlanGrid, problem: &Problem, limit: u32) -> Solved {
    let begin = Instant::now();
    // The start is free: the file was checked.
    let way = astar.search(grid, problem.start, problem.goal, limit).unwrap_or_default();
    let time_ms = begin.elapsed().as_secs_f64() * 1e3;
    let found = length(&way);
    let equal = match (problem.expected, found) {
        (Some(expected), Some(found)) => (expected - found).abs() <= problem.tolerance,
        (None, None) => !way.limited,
        _ => false,
    };
    let pair = |cell: Cell| [cell.col, cell.row];
    Solved {
        line: problem.line,
        bucket: problem.bucket,
        start: pair(problem.start),
        goal: pair(problem.goal),
        expected: problem.expected,
        found,
        tolerance: problem.tolerance,
        equal,
        limited: way.limited,
        time_ms,
        expanded: way.expanded,
        corners: way.settled,
    }
}

/// Octile length of a way that leads to the goal, counted from its cells.
fn length(way: &Found) -> Option<f64> {
    let diagonal = |pair: &&[Cell]| matches!(pair, [a, b] if a.col != b.col && a.row != b.row);
    let steps = way.cells.len().saturating_sub(1);
    let diagonals = way.cells.windows(2).filter(diagonal).count();
    way.reached.then(|| (steps - diagonals) as f64 + diagonals as f64 * std::f64::consts::SQRT_2)
}

fn summary(solved: &[Solved]) -> Summary {
    let mut times: Vec<f64> = solved.iter().map(|s| s.time_ms).collect();
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get(((times.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    let equal = solved.iter().filter(|s| s.equal).count();
    Summary {
        problems: solved.len(),
        equal,
        different: solved.len() - equal,
        limited: solved.iter().filter(|s| s.limited).count(),
        time_ms: times.iter().sum(),
        time_ms_p50: at(0.5),
        time_ms_p99: at(0.99),
        expanded: solved.iter().map(|s| u64::from(s.expanded)).sum(),
    }
}

fn text(result: &Result) -> String {
    let mut out = format!(
        "{:>6} {:>6}  {:<13}{:<13} {:>13} {:>13} {:>9} {:>9} {:>8}\n",
        "line", "bucket", "start", "goal", "expected", "found", "ms", "expanded", "corners"
    );
    let number = |value: Option<f64>| value.map_or("no way".to_owned(), |v| format!("{v:.5}"));
    for s in &result.problems {
        let verdict = match (s.equal, s.limited) {
            (true, _) => "",
            (false, true) => "  GAVE UP at the expansion limit",
            (false, false) => "  DIFFERENT",
        };
        let place = |[x, y]: [i32; 2]| format!("({x}, {y})");
        out += &format!(
            "{:>6} {:>6}  {:<13}{:<13} {:>13} {:>13} {:>9.3} {:>9} {:>8}{verdict}\n",
            s.line,
            s.bucket,
            place(s.start),
            place(s.goal),
            number(s.expected),
            number(s.found),
            s.time_ms,
            s.expanded,
            s.corners
        );
    }
    let sum = &result.summary;
    out += &format!(
        "{} ({} x {}): {} problems, {} equal, {} different; {:.1} ms, p50 {:.3} ms, p99 {:.3} ms; {} cells expanded\n",
        result.map,
        result.width,
        result.height,
        sum.problems,
        sum.equal,
        sum.different,
        sum.time_ms,
        sum.time_ms_p50,
        sum.time_ms_p99,
        sum.expanded
    );
    out + "equal: off by no more than half a unit of the last digit written (six digits at least) and 2e-8 of the length\n"
}
