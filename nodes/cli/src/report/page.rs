//! The page: one HTML file with everything in it.

use super::belief::{self, Picture};
use super::plots;
use super::png::map_data_uri;
use super::recording::Recording;
use super::scene::{self, COLOURS};
use super::stats::Percentiles;
use super::stops::StopKind;
use super::summary::RunSummary;
use super::svg::Layout;
use super::tree::TreeView;
use super::way::Way;
use anyhow::Context;
use askama::Template;
use outrider_suite::words::{gate_mode, mode};
use serde::Serialize;

/// The most rows of one table.
const ROW_LIMIT: usize = 300;
/// The most moments that the cursor knows.
const MOMENTS: usize = 1_200;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    summary: &'a RunSummary,
    tiles: Vec<Tile>,
    map_uri: String,
    scenes: Vec<String>,
    pictures: Vec<Picture>,
    tree: TreeView,
    plots: Vec<String>,
    kinds: Vec<String>,
    speed_steps: Vec<String>,
    speed_top: String,
    stops: Vec<Row>,
    interventions: Vec<Row>,
    topics: Vec<Row>,
    nodes: Vec<Row>,
    left_out: Vec<String>,
    has: Has,
    moments: String,
}

/// What the bag has, so that the page never says "none" where it is not known.
struct Has {
    truth: bool,
    gate: bool,
    assurance: bool,
    plan: bool,
    tracks: bool,
}

/// One number at the top.
struct Tile {
    label: &'static str,
    value: String,
    unit: &'static str,
    note: String,
    /// `good`, `bad` or empty.
    class: &'static str,
}

/// One row of a table, cell by cell.
type Row = Vec<String>;

/// What the cursor shows: one entry each a moment.
#[derive(Serialize)]
struct Moments {
    t: Vec<f64>,
    x: Vec<Option<f64>>,
    y: Vec<Option<f64>>,
    yaw: Vec<Option<f64>>,
    v: Vec<Option<f64>>,
    cmd: Vec<Option<f64>>,
    clear: Vec<Option<f64>>,
    near: Vec<usize>,
    robust: Vec<Option<f64>>,
    limit: Vec<usize>,
    gate: Vec<usize>,
    mode: Vec<usize>,
    texts: Vec<String>,
}

/// The page as text.
///
/// # Errors
/// When the template fails, which a test would have told.
pub fn render(recording: &Recording, summary: &RunSummary) -> anyhow::Result<String> {
    let way = Way::of(recording);
    let moments = serde_json::to_string(&moments(recording, &way)).context("moments")?;
    let scenes = Layout::ALL.into_iter().filter_map(|l| scene::draw(recording, &way, summary, l)).collect();
    let tree = TreeView::new(recording)?;
    let mut left_out = left_out(summary);
    left_out.extend(tree.left_out.iter().cloned());
    let page = Page {
        title: title(&recording.path),
        summary,
        tiles: tiles(summary, !recording.gate.is_empty()),
        map_uri: recording.map.as_ref().map(map_data_uri).unwrap_or_default(),
        scenes,
        pictures: belief::pictures(recording),
        plots: Layout::ALL.into_iter().map(|l| plots::draw(recording, &way, summary, l)).collect(),
        kinds: plots::kind_names(recording),
        speed_steps: (0..COLOURS).map(scene::hex).collect(),
        speed_top: format!("{:.2}", summary.top_speed_mps),
        stops: stop_rows(summary),
        interventions: intervention_rows(summary),
        topics: topic_rows(summary),
        nodes: node_rows(summary),
        left_out,
        tree,
        has: Has {
            truth: !recording.truth.is_empty(),
            gate: !recording.gate.is_empty(),
            assurance: !recording.assurance.is_empty() || !recording.events.is_empty(),
            plan: !recording.plans.is_empty(),
            tracks: !recording.tracks.is_empty(),
        },
        // A closing tag in a name must not end the script.
        moments: moments.replace("</", "<\\/"),
    };
    page.render().context("cannot fill the page")
}

/// The last part of the path; with the one before it when it is as short as `bag`.
fn title(path: &str) -> String {
    let mut parts = path.trim_end_matches('/').rsplit('/').filter(|p| !p.is_empty());
    let last = parts.next().unwrap_or(path);
    match parts.next() {
        Some(before) if last.len() < 8 => format!("{before}/{last}"),
        _ => last.to_owned(),
    }
}

fn tiles(s: &RunSummary, has_gate: bool) -> Vec<Tile> {
    let tile = |label, value: Option<String>, unit, note: String, class| {
        let (value, unit) = value.map_or(("–".to_owned(), ""), |v| (v, unit));
        Tile { label, value, unit, note, class }
    };
    let bad = |is_bad: bool| if is_bad { "bad" } else { "" };
    let least = s.least_clearance.as_ref();
    let ages = s.scan_to_command_ms.as_ref();
    vec![
        tile(
            "Time to goal",
            s.goal.time_to_goal_s.map(|t| format!("{t:.1}")),
            "s",
            format!("run of {:.1} s", s.bag.duration_s),
            "",
        ),
        tile("Driven", Some(format!("{:.1}", s.driven_m)), "m", format!("by {}", basis(&s.basis)), ""),
        tile(
            "Top speed",
            Some(format!("{:.2}", s.top_speed_mps)),
            "m/s",
            format!("mean {:.2} m/s", mean_speed(s)),
            "",
        ),
        tile(
            "Collisions",
            s.collisions.map(|c| c.to_string()),
            "",
            if s.collisions.is_some() { "ground truth".into() } else { "no ground truth".into() },
            match s.collisions {
                Some(0) => "good",
                Some(_) => "bad",
                None => "",
            },
        ),
        tile(
            "Least clearance",
            least.map(|l| format!("{:.2}", l.clearance_m)),
            "m",
            least.map_or("no ground truth".into(), |l| format!("{} at {:.1} s", l.nearest, l.t_s)),
            bad(least.is_some_and(|l| l.clearance_m <= 0.0)),
        ),
        tile(
            "Scan to command, p99",
            ages.map(|p| format!("{:.0}", p.p99)),
            "ms",
            ages.map_or("nothing forwarded".into(), |p| match &s.computed_ms {
                Some(c) => format!("p50 {:.0}, max {:.0} ms; computing p99 {:.2} ms", p.p50, p.max, c.p99),
                None => format!("p50 {:.0}, max {:.0} ms", p.p50, p.max),
            }),
            "",
        ),
        tile(
            "Stops",
            has_gate.then(|| s.stops.iter().filter(|x| x.kind == StopKind::Gate).count().to_string()),
            "",
            format!("interventions: {}, waits: {}", s.interventions.len(), waits(s)),
            "",
        ),
        tile(
            "Messages lost",
            s.topics.iter().any(|t| t.lost.is_some()).then(|| (s.messages_lost + s.inputs_lost).to_string()),
            "",
            format!("to the bag {}, to nodes {}", s.messages_lost, s.inputs_lost),
            bad(s.messages_lost > 0 || s.inputs_lost > 0),
        ),
    ]
}

fn waits(s: &RunSummary) -> usize {
    s.stops.iter().filter(|x| x.kind == StopKind::Wait).count()
}

fn mean_speed(s: &RunSummary) -> f64 {
    let time_s = s.goal.time_to_goal_s.unwrap_or(s.bag.duration_s - s.goal.given_s);
    if time_s > 0.0 { s.driven_m / time_s } else { 0.0 }
}

fn basis(basis: &str) -> &'static str {
    match basis {
        "truth" => "ground truth",
        "world_model" => "the world model",
        "odometry" => "odometry",
        _ => "nothing",
    }
}

fn stop_rows(s: &RunSummary) -> Vec<Row> {
    let rows = s.stops.iter().take(ROW_LIMIT).enumerate().map(|(i, stop)| {
        let what = match stop.kind {
            StopKind::Gate => format!("gate: {}", stop.mode),
            StopKind::Wait => "waits".to_owned(),
        };
        vec![
            (i + 1).to_string(),
            format!("{:.2}", stop.t_s),
            format!("{:.2}", stop.duration_s),
            what,
            format!("{:.2}", stop.speed_mps),
            stop.reason.clone(),
            stop.because.clone(),
        ]
    });
    rows.collect()
}

fn intervention_rows(s: &RunSummary) -> Vec<Row> {
    let rows = s.interventions.iter().take(ROW_LIMIT).map(|i| {
        let number = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.3} {}", i.unit));
        vec![
            format!("{:.2}", i.t_s),
            format!("{} → {}", i.mode_before, i.mode_after),
            i.rule.clone(),
            number(i.value),
            number(i.limit),
            i.text.clone(),
            i.clears_when.clone(),
        ]
    });
    rows.collect()
}

fn topic_rows(s: &RunSummary) -> Vec<Row> {
    let rows = s.topics.iter().take(ROW_LIMIT).map(|t| {
        vec![
            t.topic.clone(),
            t.type_name.clone(),
            t.count.to_string(),
            format!("{:.1}", t.rate_hz),
            format!("{:.3}", t.longest_gap_s),
            t.lost.map_or("–".into(), |l| l.to_string()),
            size(t.bytes),
        ]
    });
    rows.collect()
}

fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e4 => format!("{b:.0} B"),
        b if b < 1e7 => format!("{:.1} kB", b / 1e3),
        b => format!("{:.1} MB", b / 1e6),
    }
}

fn node_rows(s: &RunSummary) -> Vec<Row> {
    let rows = s.nodes.iter().take(ROW_LIMIT).map(|n| {
        let us = |pick: fn(&Percentiles) -> f64| {
            n.step_us.as_ref().map_or("–".into(), |p| format!("{:.0}", pick(p)))
        };
        let count = |v: Option<u64>| v.map_or("–".into(), |v| v.to_string());
        vec![
            n.node.clone(),
            n.steps.to_string(),
            us(|p| p.p50),
            us(|p| p.p99),
            us(|p| p.max),
            n.outputs_dropped.to_string(),
            count(n.inputs_lost),
            count(n.inputs_refused),
            n.starts.to_string(),
            if n.health.is_empty() { "–".into() } else { format!("{}: {}", n.health, n.message) },
            n.build.clone(),
        ]
    });
    rows.collect()
}

/// Sentences on what the page does not show.
fn left_out(s: &RunSummary) -> Vec<String> {
    let lists = [
        ("stops", s.stops.len()),
        ("interventions", s.interventions.len()),
        ("topics", s.topics.len()),
        ("nodes", s.nodes.len()),
    ];
    let long = lists.into_iter().filter(|(_, n)| *n > ROW_LIMIT);
    long.map(|(what, n)| format!("of {n} {what} the first {ROW_LIMIT} are shown; the JSON has all")).collect()
}

/// The last of `series` at or before `t_s`.
fn before<T>(series: &[T], t_s: f64, time: impl Fn(&T) -> f64) -> Option<&T> {
    let after = series.partition_point(|s| time(s) <= t_s);
    series.get(after.checked_sub(1)?)
}

/// Index of a text, which is added when it is new.
fn intern(texts: &mut Vec<String>, text: &str) -> usize {
    texts.iter().position(|t| t == text).unwrap_or_else(|| {
        texts.push(text.to_owned());
        texts.len() - 1
    })
}

fn moments(recording: &Recording, way: &Way) -> Moments {
    let count = MOMENTS.min((recording.duration_s * 20.0) as usize + 1).max(2);
    let round = |v: f64, unit: f64| v.is_finite().then(|| (v / unit).round() * unit).map(tidy);
    let mut m = Moments {
        t: vec![],
        x: vec![],
        y: vec![],
        yaw: vec![],
        v: vec![],
        cmd: vec![],
        clear: vec![],
        near: vec![],
        robust: vec![],
        limit: vec![],
        gate: vec![],
        mode: vec![],
        texts: vec![String::new()],
    };
    for i in 0..count {
        let t_s = recording.duration_s * i as f64 / (count - 1) as f64;
        let pose = before(&way.samples, t_s, |s| s.t_s);
        let truth = before(&recording.truth, t_s, |s| s.t_s);
        let gate = before(&recording.gate, t_s, |s| s.t_s);
        let assurance = before(&recording.assurance, t_s, |s| s.t_s);
        let command = before(&recording.commands, t_s, |s| s.0);
        let commanded = gate.map(|g| g.twist.v_mps).or(command.map(|c| c.1.v_mps));
        m.t.push(tidy((t_s * 1e3).round() / 1e3));
        m.x.push(pose.and_then(|s| round(s.pose.x_m, 0.01)));
        m.y.push(pose.and_then(|s| round(s.pose.y_m, 0.01)));
        m.yaw.push(pose.and_then(|s| round(s.pose.yaw_rad, 0.01)));
        m.v.push(pose.and_then(|s| round(s.twist.v_mps, 0.001)));
        m.cmd.push(commanded.and_then(|v| round(v, 0.001)));
        m.clear.push(truth.and_then(|s| round(s.clearance_m, 0.001)));
        m.near.push(intern(&mut m.texts, truth.map_or("", |s| s.nearest.as_str())));
        m.robust.push(assurance.and_then(|a| round(a.robustness, 0.001)));
        m.limit.push(intern(&mut m.texts, assurance.map_or("", |a| a.limiting.as_str())));
        m.gate.push(intern(&mut m.texts, gate.map_or("", |g| gate_mode(g.mode))));
        m.mode.push(intern(&mut m.texts, assurance.map_or("", |a| mode(a.mode))));
    }
    m
}

/// Without the tail of digits that a rounded number gets in binary.
fn tidy(v: f64) -> f64 {
    format!("{v:.3}").parse().unwrap_or(v)
}
