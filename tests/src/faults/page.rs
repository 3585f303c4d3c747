//! The page: one file, nothing loaded from anywhere.

use super::catalogue::{Catalogue, Row};
use super::table::{Line, NOT_RUN};
use askama::Template;

#[derive(Template)]
#[template(path = "faults.html")]
struct Page {
    ok: usize,
    missed: usize,
    not_run: usize,
    total: usize,
    repetitions: u64,
    tiles: Vec<Tile>,
    groups: Vec<Group>,
}

struct Tile {
    label: &'static str,
    value: String,
    note: &'static str,
    class: &'static str,
}

struct Group {
    name: String,
    ok: usize,
    cells: Vec<Cells>,
}

struct Cells {
    id: String,
    world: String,
    what: String,
    why: String,
    class: &'static str,
    verdict: String,
    expected: String,
    count: String,
    speed: String,
    reaction: String,
    stop: Measure,
    way: Measure,
    clearance: String,
    bad: Vec<String>,
    reason: String,
    note: String,
}

/// A measured value beside its bound.
struct Measure {
    value: String,
    bound: String,
    /// Of the bound, in per cent, for a bar.
    share: Option<u32>,
    class: &'static str,
}

/// The page of these lines.
///
/// # Errors
/// When the template cannot be filled.
pub fn render(lines: &[Line], catalogue: &Catalogue) -> anyhow::Result<String> {
    let ok = lines.iter().filter(|line| line.is_ok()).count();
    let not_run = lines.iter().filter(|line| line.get("verdict") == NOT_RUN).count();
    let sum = |column: &str| lines.iter().filter_map(|line| line.number(column)).sum::<f64>() as u64;
    let tile = |label, column, note| {
        let value = sum(column);
        Tile { label, value: value.to_string(), note, class: if value == 0 { "good" } else { "bad" } }
    };
    let repetitions = sum("repetition_count");
    let tiles = vec![
        tile("Collisions", "collisions", "with anything, after a fault"),
        tile("Commands outside", "envelope_violations", "of limits, slew, ramp or permits"),
        tile("Restarts", "restarts", "without anybody having armed"),
    ];
    let mut groups: Vec<Group> = Vec::new();
    for line in lines {
        let name = line.get("group").to_owned();
        let index = groups.iter().position(|g| g.name == name).unwrap_or(groups.len());
        if index == groups.len() {
            groups.push(Group { name, ok: 0, cells: Vec::new() });
        }
        if let Some(group) = groups.get_mut(index) {
            group.ok += usize::from(line.is_ok());
            group.cells.push(cells(line, catalogue.rows.iter().find(|row| row.id == line.get("row"))));
        }
    }
    let total = lines.len();
    let page = Page { ok, missed: total - ok - not_run, not_run, total, repetitions, tiles, groups };
    Ok(page.render()?)
}

fn cells(line: &Line, row: Option<&Row>) -> Cells {
    let text = |column: &str| line.get(column).to_owned();
    let class = match line.get("verdict") {
        _ if line.is_ok() => "ok",
        NOT_RUN => "open",
        _ => "miss",
    };
    let bad = [("collisions", "collisions"), ("envelope_violations", "outside"), ("restarts", "restarts")]
        .into_iter()
        .filter(|(column, _)| line.number(column).is_some_and(|n| n > 0.0))
        .map(|(column, word)| format!("{} {word}", line.get(column)))
        .collect();
    Cells {
        id: text("row"),
        world: text("world"),
        what: row.map_or_else(String::new, |row| row.what.clone()),
        why: row.map_or_else(String::new, |row| row.why.clone()),
        class,
        verdict: text("verdict"),
        expected: text("expected").replace('_', " "),
        count: text("repetition_count"),
        speed: text("speed_mps_max"),
        reaction: reaction(line),
        stop: measure(line.number("stop_ms_p100").map(|ms| ms / 1e3), line.number("bound_s")),
        way: measure(line.number("distance_m_p100"), line.number("bound_m")),
        clearance: text("least_clearance_m"),
        bad,
        reason: text("reason"),
        note: text("note"),
    }
}

fn reaction(line: &Line) -> String {
    match (line.get("reaction_ms_p50"), line.get("reaction_ms_p100")) {
        ("", "") => String::new(),
        (p50, p100) => format!("{p50} / {p100}"),
    }
}

fn measure(value: Option<f64>, bound: Option<f64>) -> Measure {
    let text = |number: Option<f64>| number.map_or_else(String::new, |n| format!("{n:.2}"));
    let share = value.zip(bound).map(|(value, bound)| (100.0 * value / bound).round());
    let class = if share.is_some_and(|s| s > 100.0) { "over" } else { "" };
    let share = share.filter(|s| s.is_finite()).map(|s| s.clamp(0.0, 100.0) as u32);
    Measure { value: text(value), bound: text(bound), share, class }
}
