//! OMPL on the same problems: a Python beside this program plans, this program judges the paths by its own costs.

use crate::halls::{RESOLUTION_M, SIDE};
use outrider_foundation::Point2;
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_planner::path::Path;
use outrider_planner::search::{FORBIDDEN, Ground, PlanGrid, Route, Router};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// A problem and our answer to it.
pub type Solved = (Point2, Point2, Route);

/// What a planner did with one problem: CPU time in ms, and its path where it found one.
struct Answer {
    planner: String,
    problem: usize,
    cpu_ms: f64,
    points: Vec<Point2>,
}

impl Answer {
    /// `planner;problem;cpu_ms;x,y x,y …`
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(';');
        let (planner, problem, cpu_ms) = (fields.next()?, fields.next()?, fields.next()?);
        let point = |text: &str| {
            let (x, y) = text.split_once(',')?;
            Some(Point2::new(x.parse().ok()?, y.parse().ok()?))
        };
        Some(Self {
            planner: planner.to_owned(),
            problem: problem.parse().ok()?,
            cpu_ms: cpu_ms.parse().ok()?,
            points: fields.next()?.split_whitespace().map(point).collect::<Option<_>>()?,
        })
    }
}

fn start(python: &str, grid: &PlanGrid, routes: &[Solved]) -> std::io::Result<Child> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/ompl/plans.py");
    // A sourced ROS has a Python path of its own.
    let mut child = Command::new(python)
        .args(["-E", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut to = child.stdin.take().unwrap();
    writeln!(to, "{SIDE} {RESOLUTION_M} {}", routes.len())?;
    for (from, goal, _) in routes {
        writeln!(to, "{} {} {} {}", from.x_m, from.y_m, goal.x_m, goal.y_m)?;
    }
    let free: Vec<u8> = grid.travel.iter().map(|t| u8::from(*t != FORBIDDEN)).collect();
    to.write_all(&free)?;
    Ok(child)
}

/// A row for each planner, as they come.
pub fn compare(costs: &CostGrid, grid: &PlanGrid, router: &mut Router, routes: &[Solved]) {
    let Ok(python) = std::env::var("OUTRIDER_OMPL_PYTHON") else { return };
    let lengths = routes.iter().map(|(_, _, route)| route.path.length_m());
    let own = (mean(lengths), mean(routes.iter().map(|(_, _, route)| route.cost)));
    println!("  on every 12th: ours, length {:.2} m, cost {:.2} m of free space (means)", own.0, own.1);
    let mut child = start(&python, grid, routes).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answers: Vec<Answer> = lines.map(|line| Answer::parse(&line.unwrap()).unwrap()).collect();
    assert!(child.wait().unwrap().success(), "benches/ompl/plans.py failed");
    for of in answers.chunk_by(|a, b| a.planner == b.planner) {
        row(of, costs, router, routes);
    }
}

fn row(answers: &[Answer], costs: &CostGrid, router: &mut Router, routes: &[Solved]) {
    let times_ns = answers.iter().map(|a| (a.cpu_ms * 1e6) as u64).collect();
    let (mut lengths, mut prices, mut touching) = (Vec::new(), Vec::new(), 0);
    for answer in answers.iter().filter(|a| !a.points.is_empty()) {
        let (_, goal, ours) = &routes[answer.problem];
        let path = Path::new(FrameId::Map, &answer.points, None).unwrap();
        lengths.push(path.length_m() / ours.path.length_m());
        router.prepare(&Ground { base: costs, overlay: None, discs: &[], one_way: &[] }, *goal);
        match router.cost_of(&path, 0.0) {
            Some(cost) => prices.push(cost / ours.cost),
            None => touching += 1,
        }
    }
    let about = format!(
        "{} of {} solved, length {:.3} of ours, cost {:.3} of ours (means), {touching} through forbidden cells",
        lengths.len(),
        answers.len(),
        mean(lengths.iter().copied()),
        mean(prices.iter().copied()),
    );
    super::report(&answers[0].planner, times_ns, &about);
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    values.sum::<f64>() / count as f64
}
