//! The plots over time: one picture, panels above each other, one time axis.

use super::recording::Recording;
use super::summary::RunSummary;
use super::svg::{Layout, Scale, decimate, escape, path, text, ticks};
use super::way::Way;
use outrider_suite::words::{gate_mode, mode, tree_status};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A line is broken where nothing came for longer than this.
const GAP_S: f64 = 1.0;
const PANEL: f64 = 120.0;
const ROW: f64 = 17.0;
const TITLE: f64 = 26.0;
const RIGHT: f64 = 12.0;
/// Room for the labels of events above all panels.
const HEAD: f64 = 20.0;
/// The most kinds of limiting monitors that have a colour of their own.
const KINDS: usize = 6;
/// Of more bands than this in one row, not every one is drawn.
const BAND_LIMIT: usize = 400;

/// One line of a panel.
struct Line {
    class: &'static str,
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// A value that holds for some time.
struct Band {
    class: String,
    label: String,
    from_s: f64,
    to_s: f64,
}

struct Canvas {
    layout: Layout,
    time: Scale,
    body: String,
    y: f64,
}

/// The plots as one SVG element.
pub fn draw(recording: &Recording, way: &Way, summary: &RunSummary, layout: Layout) -> String {
    let time = Scale {
        from: 0.0,
        to: recording.duration_s.max(1e-3),
        at: layout.left(),
        until: layout.width() - RIGHT,
    };
    let mut canvas = Canvas { layout, time, body: String::new(), y: HEAD };
    canvas.lines("Speed", "m/s", &speed_lines(recording, way), true);
    if !recording.truth.is_empty() {
        let points = recording.truth.iter().map(|t| (t.t_s, t.clearance_m)).collect();
        canvas.lines("Clearance, true", "m", &[line("l-clear", "to the nearest thing", points)], true);
    }
    if !recording.assurance.is_empty() {
        let points = recording.assurance.iter().map(|a| (a.t_s, a.robustness)).collect();
        let unit = robustness_unit(recording);
        canvas.lines("Least robustness", &unit, &[line("l-robust", "distance to violation", points)], false);
    }
    canvas.bands(recording);
    canvas.finish(summary)
}

fn line(class: &'static str, name: &'static str, points: Vec<(f64, f64)>) -> Line {
    Line { class, name, points }
}

fn speed_lines(recording: &Recording, way: &Way) -> Vec<Line> {
    let commanded = if recording.gate.is_empty() {
        recording.commands.iter().map(|(t, twist)| (*t, twist.v_mps)).collect()
    } else {
        recording.gate.iter().map(|g| (g.t_s, g.twist.v_mps)).collect()
    };
    let driven = way.samples.iter().map(|s| (s.t_s, s.twist.v_mps)).collect();
    vec![line("l-cmd", "commanded", commanded), line("l-actual", "driven", driven)]
}

/// The monitors' units, where they are all of one.
fn robustness_unit(recording: &Recording) -> String {
    let mut units = recording.assurance.iter().filter(|a| !a.unit.is_empty()).map(|a| a.unit.as_str());
    let first = units.next().unwrap_or("");
    if units.all(|u| u == first) { first.to_owned() } else { "each monitor's own unit".to_owned() }
}

/// From the least to the greatest value, with zero, a little room, and without a few outliers at the top.
fn value_range(lines: &[Line], whole: bool) -> (f64, f64) {
    let mut values: Vec<f64> =
        lines.iter().flat_map(|l| l.points.iter().map(|p| p.1)).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let top = if whole { values.len().saturating_sub(1) } else { values.len().saturating_mul(98) / 100 };
    let least = values.first().copied().unwrap_or(0.0).min(0.0);
    let most = values.get(top.min(values.len().saturating_sub(1))).copied().unwrap_or(1.0).max(0.0);
    let room = (most - least).max(1e-3) * 0.08;
    (if least < 0.0 { least - room } else { 0.0 }, most + room)
}

impl Canvas {
    fn lines(&mut self, title: &str, unit: &str, lines: &[Line], whole: bool) {
        let (least, most) = value_range(lines, whole);
        let (left, right) = (self.time.at, self.time.until);
        let _ =
            write!(self.body, "{}", text("title", 0.0, self.y + 15.0, "start", &format!("{title} [{unit}]")));
        self.legend(lines);
        self.y += TITLE;
        let value = Scale { from: least, to: most, at: self.y + PANEL, until: self.y };
        let clip = format!("c{:.0}{}", self.y, self.layout.class());
        let _ = write!(
            self.body,
            "<clipPath id=\"{clip}\"><rect x=\"{left}\" y=\"{y}\" width=\"{w}\" height=\"{PANEL}\"/></clipPath>",
            y = self.y,
            w = right - left
        );
        let (marks, digits) = ticks(least, most, 4);
        for mark in marks {
            let y = value.map(mark);
            let class = if mark == 0.0 { "zero" } else { "grid" };
            let _ = write!(
                self.body,
                "<path class=\"{class}\" d=\"M{left} {y:.1}H{right}\"/>{}",
                text("tick", left - 6.0, y + 4.0, "end", &format!("{mark:.digits$}"))
            );
        }
        self.time_grid(self.y, PANEL);
        let gap = GAP_S * (right - left) / (self.time.to - self.time.from);
        let _ = write!(self.body, "<g clip-path=\"url(#{clip})\">");
        for line in lines {
            let points = line.points.iter().map(|(t, v)| (self.time.map(*t), value.map(*v)));
            self.body.push_str(&path(line.class, &decimate(points, gap.max(2.0))));
        }
        self.body.push_str("</g>");
        self.y += PANEL + 8.0;
    }

    /// Names of the lines, right-aligned in the title's row.
    fn legend(&mut self, lines: &[Line]) {
        let mut x = self.time.until;
        if self.layout == Layout::Narrow && lines.len() < 2 {
            return;
        }
        for line in lines.iter().rev() {
            let y = self.y + 11.0;
            // The sample stands to the right of its name: only the place of the next one depends on how wide letters are.
            let _ =
                write!(self.body, "<path class=\"{}\" d=\"M{:.1} {y:.1}H{x:.1}\"/>", line.class, x - 18.0);
            self.body.push_str(&text("tick", x - 24.0, y + 4.0, "end", line.name));
            x -= line.name.chars().count() as f64 * 7.4 + 40.0;
        }
    }

    fn time_grid(&mut self, y: f64, height: f64) {
        for mark in self.time_ticks().0 {
            let x = self.time.map(mark);
            let _ = write!(self.body, "<path class=\"grid\" d=\"M{x:.1} {y:.1}v{height}\"/>");
        }
    }

    fn time_ticks(&self) -> (Vec<f64>, usize) {
        ticks(self.time.from, self.time.to, if self.layout == Layout::Wide { 10 } else { 5 })
    }

    fn bands(&mut self, recording: &Recording) {
        let end_s = recording.duration_s;
        let gate = recording.gate.iter().map(|g| (g.t_s, gate_mode(g.mode)));
        let assurance = recording.assurance.iter().map(|a| (a.t_s, mode(a.mode)));
        let planner = recording.decisions.iter().map(|d| (d.t_s, tree_status(d.status)));
        let kinds = monitor_kinds(recording);
        let limiting = recording.assurance.iter().map(|a| (a.t_s, a.limiting.as_str()));
        let by_mode = |label: &str| format!("m-{}", label.replace(' ', "-"));
        let by_kind = |label: &str| format!("k-{}", kinds.get(label).copied().unwrap_or(KINDS));
        let rows = [
            ("gate", merge(gate, end_s, by_mode)),
            ("assurance", merge(assurance, end_s, by_mode)),
            ("planner", merge(planner, end_s, by_mode)),
            ("limiting", merge(limiting, end_s, by_kind)),
        ];
        if rows.iter().all(|(_, bands)| bands.is_empty()) {
            return;
        }
        self.body.push_str(&text("title", 0.0, self.y + 15.0, "start", "Modes, and the monitor that limits"));
        self.y += TITLE;
        for (name, bands) in rows.iter().filter(|(_, bands)| !bands.is_empty()) {
            self.band_row(name, bands);
        }
        self.y += 6.0;
    }

    fn band_row(&mut self, name: &str, bands: &[Band]) {
        let y = self.y;
        self.body.push_str(&text("tick", self.time.at - 6.0, y + ROW - 5.0, "end", name));
        let mut drawn = f64::NEG_INFINITY;
        for band in bands {
            // With very many, those narrower than a pixel give way.
            if bands.len() > BAND_LIMIT && self.time.map(band.to_s) < drawn + 1.0 {
                continue;
            }
            drawn = self.time.map(band.to_s);
            let (x, until) = (self.time.map(band.from_s), self.time.map(band.to_s));
            let width = (until - x).max(1.0);
            let (from, to, label) = (band.from_s, band.to_s, escape(&band.label));
            let _ = write!(
                self.body,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{h}\">\
                 <title>{name}: {label}, {from:.2} to {to:.2} s</title></rect>",
                class = band.class,
                h = ROW - 3.0
            );
            if width > band.label.chars().count() as f64 * 6.2 + 8.0 {
                self.body.push_str(&text("band", x + 5.0, y + ROW - 6.0, "start", &band.label));
            }
        }
        self.y += ROW;
    }

    /// The axis, the events, the cursor, and the element around it all.
    fn finish(mut self, summary: &RunSummary) -> String {
        let (marks, digits) = self.time_ticks();
        for mark in marks {
            let x = self.time.map(mark);
            self.body.push_str(&text("tick", x, self.y + 12.0, "middle", &format!("{mark:.digits$}")));
        }
        let middle = 0.5 * (self.time.at + self.time.until);
        self.body.push_str(&text(
            "tick",
            middle,
            self.y + 28.0,
            "middle",
            "time since the start of the bag [s]",
        ));
        let bottom = self.y;
        let mut events = Vec::new();
        if summary.goal.pose.is_some() {
            events.push(("e-goal", summary.goal.given_s, "goal".to_owned()));
        }
        if let Some(t) = summary.goal.time_to_goal_s {
            events.push(("e-reached", summary.goal.given_s + t, "there".to_owned()));
        }
        let stops = summary.stops.iter().take(super::scene::MARK_LIMIT).enumerate();
        events.extend(stops.map(|(i, s)| ("e-stop", s.t_s, (i + 1).to_string())));
        for (class, t_s, label) in events {
            let x = self.time.map(t_s);
            let _ = write!(
                self.body,
                "<path class=\"{class}\" d=\"M{x:.1} {HEAD}V{bottom:.1}\"/>{}",
                text(&format!("event {class}-t"), x, HEAD - 6.0, "middle", &label)
            );
        }
        let (width, height) = (self.layout.width(), self.y + 36.0);
        format!(
            "<svg class=\"plots {class}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"plots over time\" \
             data-at=\"{at}\" data-until=\"{until}\" data-to=\"{to}\">{body}\
             <path class=\"cursor\" d=\"M0 {HEAD}V{bottom:.1}\" visibility=\"hidden\"/></svg>",
            class = self.layout.class(),
            at = self.time.at,
            until = self.time.until,
            to = self.time.to,
            body = self.body
        )
    }
}

/// The monitors that limit most of the time, each with the number of its colour.
fn monitor_kinds(recording: &Recording) -> BTreeMap<&str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for a in &recording.assurance {
        *counts.entry(a.limiting.as_str()).or_default() += 1;
    }
    let mut by_count: Vec<_> = counts.into_iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    by_count.into_iter().take(KINDS).enumerate().map(|(i, (name, _))| (name, i)).collect()
}

/// Their names in the order of their colours; a last one stands for all others.
pub fn kind_names(recording: &Recording) -> Vec<String> {
    let kinds = monitor_kinds(recording);
    let mut names: Vec<(usize, String)> = kinds
        .iter()
        .map(|(name, i)| (*i, if name.is_empty() { "not known".to_owned() } else { (*name).to_owned() }))
        .collect();
    names.sort();
    let others = recording.assurance.iter().any(|a| !kinds.contains_key(a.limiting.as_str()));
    names.extend(others.then(|| (KINDS, "others".to_owned())));
    names.into_iter().map(|(_, name)| name).collect()
}

fn merge<'a>(
    samples: impl Iterator<Item = (f64, &'a str)>,
    end_s: f64,
    class: impl Fn(&str) -> String,
) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let mut last_s = f64::NEG_INFINITY;
    for (t_s, label) in samples {
        let silent = t_s - last_s > GAP_S;
        match bands.last_mut() {
            Some(band) if band.label == label && !silent => band.to_s = t_s,
            last => {
                if let (Some(band), false) = (last, silent) {
                    band.to_s = t_s;
                }
                bands.push(Band { class: class(label), label: label.to_owned(), from_s: t_s, to_s: t_s });
            }
        }
        last_s = t_s;
    }
    if let Some(band) = bands.last_mut()
        && end_s - last_s <= GAP_S
    {
        band.to_s = end_s;
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_merge_and_break_at_silence() {
        let samples = [(0.0, "a"), (0.5, "a"), (1.0, "b"), (5.0, "b"), (5.5, "b")];
        let bands = merge(samples.into_iter(), 6.0, str::to_owned);
        let got: Vec<_> = bands.iter().map(|b| (b.label.as_str(), b.from_s, b.to_s)).collect();
        assert_eq!(got, [("a", 0.0, 1.0), ("b", 1.0, 1.0), ("b", 5.0, 6.0)]);
    }

    #[test]
    fn a_range_has_zero_and_leaves_outliers_out() {
        let mut points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), 1.0)).collect();
        points.push((1000.0, 1e6));
        points.push((1001.0, f64::NAN));
        let lines = [line("", "", points)];
        assert!(value_range(&lines, false).1 < 1.2);
        assert!(value_range(&lines, false).0.abs() < 1e-12);
        assert!(value_range(&lines, true).1 > 1e6);
        assert!(value_range(&[line("", "", vec![])], true).1 > 0.0);
    }
}
