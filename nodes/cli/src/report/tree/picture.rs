//! The tree as an outline, a row a node, with what each was over time; and the data that the page's script moves through.

use super::super::recording::Recording;
use super::super::svg::{Layout, Scale, escape, text, ticks};
use super::steps::{NodeRow, Step, sentence};
use anyhow::Context;
use outrider_msgs::outrider_msgs::TreeTransition;
use outrider_suite::words::{tree_cause, tree_status};
use serde::Serialize;
use std::fmt::Write;

/// The most nodes that are drawn.
const ROW_LIMIT: usize = 150;
/// The most steps that the page's script knows.
const STEP_LIMIT: usize = 3_000;
/// The script finds the state of all nodes at the latest so many steps back.
const SNAPSHOT_EVERY: usize = 100;
/// The most changes that one mark tells of.
const TOLD: usize = 3;
const ROW: f64 = 18.0;
const HEAD: f64 = 22.0;
const RIGHT: f64 = 12.0;
/// Width of the least mark.
const COLUMN: f64 = 2.0;

/// What the page shows of the tree.
#[derive(Default)]
pub struct TreeView {
    /// The picture in both layouts; none when there is nothing to show.
    pub drawings: Vec<String>,
    /// JSON for the script.
    pub data: String,
    /// What is not shown.
    pub left_out: Vec<String>,
    /// How many steps there are.
    pub steps: usize,
    /// Those of them that the script knows: after which the tree was another than before.
    pub known: usize,
}

/// For the script: one entry each a step that it knows.
#[derive(Serialize)]
struct Data {
    /// Name and depth of every node.
    nodes: Vec<String>,
    /// Time since the start of the bag, s.
    t: Vec<f64>,
    /// Step of the planner.
    tick: Vec<u64>,
    goal: Vec<u64>,
    /// Why the whole tree ended; empty when it did not.
    ended: Vec<String>,
    /// Node, before, after, cause, by; five numbers a change.
    changes: Vec<Vec<u16>>,
    /// Status of every node after the step, a digit each; empty where the changes tell it.
    all: Vec<String>,
    statuses: Vec<&'static str>,
    causes: Vec<&'static str>,
}

impl TreeView {
    /// Of a recording.
    ///
    /// # Errors
    /// When the data do not become JSON, which cannot be.
    pub fn new(recording: &Recording) -> anyhow::Result<Self> {
        let (nodes, steps) = (recording.tree.nodes(), recording.tree.steps());
        if steps.is_empty() || nodes.is_empty() {
            return Ok(Self::default());
        }
        let untold = |(name, count)| {
            format!("{count} steps of the behaviour tree {name} are not drawn: most are of another")
        };
        let mut left_out: Vec<String> = recording.tree.others().map(untold).collect();
        let mut tell = |all: usize, shown: usize, what: &str| {
            if all > shown {
                left_out.push(format!("of {all} {what} of the behaviour tree the first {shown} are shown"));
            }
        };
        let count =
            steps.len().saturating_add(usize::try_from(recording.tree.left_out()).unwrap_or(usize::MAX));
        tell(nodes.len(), ROW_LIMIT, "nodes");
        tell(count, steps.len(), "steps");
        let kept = lasting(steps);
        tell(kept.len(), STEP_LIMIT, "steps of the slider");
        let kept = kept.get(..STEP_LIMIT).unwrap_or(&kept);
        let json = serde_json::to_string(&data(kept, &nodes)).context("the tree's steps")?;
        let rows: Vec<Vec<Run>> = (0..nodes.len().min(ROW_LIMIT)).map(|node| runs(steps, node)).collect();
        let drawings = Layout::ALL.into_iter().map(|layout| draw(recording, &nodes, &rows, layout)).collect();
        // A closing tag in a name must not end the script.
        Ok(Self {
            drawings,
            data: json.replace("</", "<\\/"),
            left_out,
            steps: steps.len(),
            known: kept.len(),
        })
    }
}

/// The steps after which the tree is another than before, or has ended. What comes and goes within a step, as conditions do with
/// every tick, is in the picture only.
fn lasting(steps: &[Step]) -> Vec<&Step> {
    let before = std::iter::once(None).chain(steps.iter().map(Some));
    let pairs = steps.iter().zip(before);
    let lasts = |(step, before): &(&Step, Option<&Step>)| {
        let same = before.is_some_and(|before| before.message.statuses == step.message.statuses);
        !same || step.breaks || !step.message.ended.is_empty()
    };
    pairs.filter(lasts).map(|(step, _)| step).collect()
}

fn data(steps: &[&Step], nodes: &[NodeRow]) -> Data {
    let digits = |step: &Step| step.message.statuses.iter().map(|s| char::from(b'0' + s.min(&9))).collect();
    let all = |(at, step): (usize, &&Step)| {
        let needed = at % SNAPSHOT_EVERY == 0 || step.breaks || step.message.dropped > 0;
        if needed { digits(step) } else { String::new() }
    };
    let numbers = |c: &TreeTransition| [c.node, c.before.into(), c.after.into(), c.cause.into(), c.by];
    Data {
        nodes: nodes.iter().map(|row| row.label.clone()).collect(),
        t: steps.iter().map(|step| (step.t_s * 1e3).round() / 1e3).collect(),
        tick: steps.iter().map(|step| step.message.tick).collect(),
        goal: steps.iter().map(|step| step.message.goal_id).collect(),
        ended: steps.iter().map(|step| step.message.ended.clone()).collect(),
        changes: steps
            .iter()
            .map(|step| step.message.transitions.iter().flat_map(numbers).collect())
            .collect(),
        all: steps.iter().enumerate().map(all).collect(),
        statuses: (TreeTransition::IDLE..=TreeTransition::FAILURE).map(tree_status).collect(),
        causes: (TreeTransition::TICK..=TreeTransition::TREE).map(tree_cause).collect(),
    }
}

/// For how long a node had a status.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    status: u8,
    from_s: f64,
    /// Infinite for one that goes on.
    until_s: f64,
    /// Step and place of the change that it began with; none where that is not in the bag.
    begun: Option<(usize, usize)>,
}

/// All statuses of a node but idle, one after the other.
fn runs(steps: &[Step], node: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut begin = |t_s: f64, status: u8, begun: Option<(usize, usize)>| {
        if let Some(last) = runs.last_mut().filter(|run| run.until_s.is_infinite()) {
            if last.status == status {
                return;
            }
            last.until_s = t_s;
        }
        if status != TreeTransition::IDLE {
            runs.push(Run { status, from_s: t_s, until_s: f64::INFINITY, begun });
        }
    };
    for (at, step) in steps.iter().enumerate() {
        let changes = step.message.transitions.iter().enumerate();
        for (place, change) in changes.filter(|(_, change)| usize::from(change.node) == node + 1) {
            begin(step.t_s, change.after, Some((at, place)));
        }
        // Also of what was not listed or is not in the bag.
        begin(step.t_s, step.message.statuses.get(node).copied().unwrap_or_default(), None);
    }
    runs
}

/// A mark in a row: some columns of one colour.
struct Mark {
    from: usize,
    until: usize,
    status: u8,
    /// Of the runs.
    first: usize,
    count: usize,
}

/// The runs of a node as marks that are wide enough to be seen: of several statuses in one column the worst counts.
fn marks(runs: &[Run], columns: usize, column: impl Fn(f64) -> usize) -> Vec<Mark> {
    let mut cells: Vec<(u8, usize)> = vec![(0, 0); columns];
    let mut counts = vec![0_usize; columns];
    for (at, run) in runs.iter().enumerate() {
        let first = column(run.from_s).min(columns.saturating_sub(1));
        let last = column(run.until_s).max(first.saturating_add(1)).min(columns);
        for cell in cells.iter_mut().take(last).skip(first) {
            if run.status > cell.0 {
                *cell = (run.status, at);
            }
        }
        if let Some(count) = counts.get_mut(first) {
            *count += 1;
        }
    }
    let mut marks: Vec<Mark> = Vec::new();
    for (at, ((status, run), count)) in cells.into_iter().zip(counts).enumerate() {
        match marks.last_mut().filter(|mark| mark.until == at && mark.status == status) {
            // A status that comes again at once is one mark, unless it is long enough to be told apart.
            Some(mark) => {
                mark.until = at + 1;
                mark.count += count;
            }
            None if status != 0 => marks.push(Mark { from: at, until: at + 1, status, first: run, count }),
            None => {}
        }
    }
    marks
}

fn draw(recording: &Recording, nodes: &[NodeRow], rows: &[Vec<Run>], layout: Layout) -> String {
    let (left, indent, letters) = match layout {
        Layout::Wide => (330.0, 12.0, 6.6),
        Layout::Narrow => (178.0, 6.0, 6.6),
    };
    let right = layout.width() - RIGHT;
    let time = Scale { from: 0.0, to: recording.duration_s.max(1e-3), at: left, until: right };
    let height = HEAD + ROW * rows.len() as f64 + 6.0;
    let mut out = format!(
        "<svg class=\"tree {}\" viewBox=\"0 0 {:.0} {height:.0}\" data-at=\"{left}\" data-until=\"{right}\" data-to=\"{}\" \
         role=\"img\" aria-label=\"Statuses of the behaviour tree over time\">",
        layout.class(),
        layout.width(),
        time.to
    );
    let (values, digits) = ticks(0.0, time.to, if layout == Layout::Wide { 8 } else { 4 });
    for value in values {
        let x = time.map(value);
        let _ = write!(out, "<path class=\"grid\" d=\"M{x:.1} {HEAD}V{height:.0}\"/>");
        out.push_str(&text("tick", x, HEAD - 7.0, "middle", &format!("{value:.digits$} s")));
    }
    for (at, (node, runs)) in nodes.iter().zip(rows).enumerate() {
        let y = HEAD + ROW * at as f64;
        outline(&mut out, nodes, at, indent, y);
        let x = 10.0 + indent * f64::from(node.depth);
        let room = ((left - x - 16.0) / letters).max(3.0) as usize;
        let _ = write!(
            out,
            "<circle class=\"node\" data-node=\"{at}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4.5\"/>",
            y + 0.5 * ROW
        );
        out.push_str(&label(node, x + 9.0, y + 0.5 * ROW + 4.0, room));
        bars(&mut out, recording, nodes, node, runs, &time, y);
    }
    let _ = write!(out, "<path class=\"cursor\" d=\"M0 {HEAD}V{height:.0}\" visibility=\"hidden\"/></svg>");
    out
}

/// The line from a node up to the one above it.
fn outline(out: &mut String, nodes: &[NodeRow], at: usize, indent: f64, y: f64) {
    let Some(depth) = nodes.get(at).map(|node| node.depth).filter(|depth| *depth > 0) else { return };
    let above = nodes.iter().take(at).rposition(|node| node.depth < depth).unwrap_or(0);
    let x = 10.0 + indent * f64::from(depth - 1);
    let (top, middle) = (HEAD + ROW * (above as f64 + 0.5) + 5.0, y + 0.5 * ROW);
    let _ = write!(out, "<path class=\"branch\" d=\"M{x:.1} {top:.1}V{middle:.1}h{:.1}\"/>", indent - 5.0);
}

/// Name and kind, as far as there is room.
fn label(node: &NodeRow, x: f64, y: f64, room: usize) -> String {
    let whole =
        if node.kind.is_empty() { node.label.clone() } else { format!("{} {}", node.label, node.kind) };
    let shown: String = if whole.chars().count() > room {
        whole.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    } else {
        whole.clone()
    };
    let name: String = shown.chars().take(node.label.chars().count()).collect();
    let rest: String = shown.chars().skip(node.label.chars().count()).collect();
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\"><title>{}</title>{}<tspan class=\"tick\">{}</tspan></text>",
        escape(&whole),
        escape(&name),
        escape(&rest)
    )
}

fn bars(
    out: &mut String,
    recording: &Recording,
    nodes: &[NodeRow],
    node: &NodeRow,
    runs: &[Run],
    time: &Scale,
    y: f64,
) {
    let columns = ((time.until - time.at) / COLUMN) as usize;
    // Time is never below zero, and what goes on ends with the picture.
    let column = |t_s: f64| ((time.map(t_s.min(time.to)) - time.at) / COLUMN) as usize;
    for mark in marks(runs, columns, column) {
        let x = time.at + COLUMN * mark.from as f64;
        let told = runs.iter().skip(mark.first).take(mark.count.clamp(1, TOLD));
        let mut words: Vec<String> = told.map(|run| tell(run, recording, nodes, &node.label)).collect();
        if mark.count > TOLD {
            words.push(format!("and {} more", mark.count - TOLD));
        }
        let _ = write!(
            out,
            "<rect class=\"m-{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            tree_status(mark.status),
            y + 3.0,
            COLUMN * (mark.until - mark.from) as f64,
            ROW - 6.0,
            escape(&words.join("; "))
        );
    }
}

fn tell(run: &Run, recording: &Recording, nodes: &[NodeRow], name: &str) -> String {
    let step = run.begun.and_then(|(at, place)| Some((recording.tree.steps().get(at)?, place)));
    let change = step.and_then(|(step, place)| Some((step, step.message.transitions.get(place)?)));
    match change {
        Some((step, change)) => {
            format!("{:.2} s, {name}: {}", run.from_s, sentence(change, &step.message.ended, nodes))
        }
        None => format!("{:.2} s, {name}: {} already", run.from_s, tree_status(run.status)),
    }
}
