//! The picture from above: map, plan, driven way by speed, people, stops.

use super::recording::{Map, Recording, Trail};
use super::summary::RunSummary;
use super::svg::{Layout, Scale, escape, path, text, ticks};
use super::way::Way;
use outrider_foundation::{Point2, Pose2};
use std::fmt::Write;

/// The most stops that are marked.
pub const MARK_LIMIT: usize = 40;
/// The most trails of people of one kind.
const TRAIL_LIMIT: usize = 60;
/// The most plans drawn.
const PLAN_SHOWN: usize = 12;
/// A map is shown whole up to this size.
const WHOLE_M: f64 = 60.0;
/// Room around what is shown.
const MARGIN_M: f64 = 1.0;
/// Points closer than this in the picture are left out.
const NEAR_PX: f64 = 1.2;
/// A trail is broken where nothing came for longer than this, or where it jumps.
const GAP_S: f64 = 1.0;
const JUMP_M: f64 = 2.0;
/// Steps of the colour scale.
pub const COLOURS: usize = 10;
/// Room below for the axis.
pub(super) const BOTTOM: f64 = 36.0;

/// What is shown, in metres of the frame of the way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Frame {
    low: Point2,
    high: Point2,
}

/// A picture to scale that is drawn on.
pub(super) struct Canvas {
    /// Metres to the right.
    pub x: Scale,
    /// Metres upwards.
    pub y: Scale,
    /// Elements so far.
    pub body: String,
}

/// The picture as one SVG element; `None` when there is nothing to show.
pub fn draw(recording: &Recording, way: &Way, summary: &RunSummary, layout: Layout) -> Option<String> {
    // A way in the odometry's frame has no place on the map.
    let map = recording.map.as_ref().filter(|_| way.frame != "odom");
    let frame = extent(recording, way, summary, map)?;
    let (left, right) = (if layout == Layout::Wide { 44.0 } else { 30.0 }, 8.0);
    let (span_x, span_y) = (frame.high.x_m - frame.low.x_m, frame.high.y_m - frame.low.y_m);
    // Portrait pictures would be taller than a screen: the scale gives way.
    let per_m = ((layout.width() - left - right) / span_x).min(1.1 * layout.width() / span_y);
    let height = span_y * per_m;
    let x = Scale { from: frame.low.x_m, to: frame.high.x_m, at: left, until: left + span_x * per_m };
    let y = Scale { from: frame.low.y_m, to: frame.high.y_m, at: height + 8.0, until: 8.0 };
    let mut canvas = Canvas { x, y, body: String::new() };
    canvas.ground(map, layout, "floor");
    canvas.plans(recording);
    canvas.people(recording, way.frame != "odom");
    canvas.driven(way, summary.top_speed_mps);
    canvas.marks(way, summary);
    canvas.scale_bar(layout);
    let (width, total) = (layout.width(), height + 8.0 + BOTTOM);
    Some(format!(
        "<svg class=\"scene {class}\" viewBox=\"0 0 {width} {total:.0}\" role=\"img\" \
         aria-label=\"the run seen from above\" data-x=\"{x0},{x1},{px0:.2},{px1:.2}\" \
         data-y=\"{y0},{y1},{py0:.2},{py1:.2}\">{body}<g class=\"robot\" visibility=\"hidden\">\
         <circle r=\"7\"/><path d=\"M0 0H13\"/></g></svg>",
        class = layout.class(),
        x0 = x.from,
        x1 = x.to,
        px0 = x.at,
        px1 = x.until,
        y0 = y.from,
        y1 = y.to,
        py0 = y.at,
        py1 = y.until,
        body = canvas.body
    ))
}

/// The whole map when it is small, else the surroundings of the way.
fn extent(recording: &Recording, way: &Way, summary: &RunSummary, map: Option<&Map>) -> Option<Frame> {
    if let Some(map) = map {
        let (w, h) = (map.width as f64 * map.resolution_m, map.height as f64 * map.resolution_m);
        if w.max(h) <= WHOLE_M {
            let high = Point2::new(map.origin.x_m + w, map.origin.y_m + h);
            return Some(Frame { low: map.origin, high });
        }
    }
    let driven = way.samples.iter().map(|s| s.pose.position());
    let planned = recording.plans.iter().flat_map(|(_, points)| points.iter().copied());
    let mut points = driven.chain(planned).chain(summary.goal.pose.map(Pose2::position));
    let first = points.next()?;
    let (low, high) = points.fold((first, first), |(low, high), p| {
        (
            Point2::new(low.x_m.min(p.x_m), low.y_m.min(p.y_m)),
            Point2::new(high.x_m.max(p.x_m), high.y_m.max(p.y_m)),
        )
    });
    Some(Frame {
        low: Point2::new(low.x_m - MARGIN_M, low.y_m - MARGIN_M),
        high: Point2::new(high.x_m + MARGIN_M, high.y_m + MARGIN_M),
    })
}

impl Canvas {
    /// Where a point is drawn.
    pub fn at(&self, p: Point2) -> (f64, f64) {
        (self.x.map(p.x_m), self.y.map(p.y_m))
    }

    /// Frame, map and axes. What is to end at the frame is clipped by `id`-wide or `id`-narrow.
    pub fn ground(&mut self, map: Option<&Map>, layout: Layout, id: &str) {
        let (w, h) = (self.x.until - self.x.at, self.y.at - self.y.until);
        let (x, y) = (self.x.at, self.y.until);
        let frame = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"");
        let class = layout.class();
        let _ = write!(
            self.body,
            "<clipPath id=\"{id}-{class}\"><rect {frame}/></clipPath><rect class=\"floor\" {frame}/>"
        );
        if let Some(map) = map {
            let (left, bottom) = self.at(map.origin);
            let size = Point2::new(map.width as f64 * map.resolution_m, map.height as f64 * map.resolution_m);
            let (right, top) = self.at(Point2::new(map.origin.x_m + size.x_m, map.origin.y_m + size.y_m));
            // The image itself is one pixel in size and defined once for both pictures.
            let _ = write!(
                self.body,
                "<g clip-path=\"url(#{id}-{class})\"><use class=\"map\" href=\"#map\" \
                 transform=\"translate({left:.2} {top:.2}) scale({:.3} {:.3})\"/></g>",
                right - left,
                bottom - top
            );
        }
        let count = if layout == Layout::Wide { 10 } else { 5 };
        let (marks, digits) = ticks(self.x.from, self.x.to, count);
        for mark in marks {
            let (x, y) = (self.x.map(mark), self.y.at);
            let label = text("tick", x, y + 14.0, "middle", &format!("{mark:.digits$}"));
            let _ = write!(self.body, "<path class=\"axis\" d=\"M{x:.1} {y:.1}v4\"/>{label}");
        }
        let (marks, digits) = ticks(self.y.from, self.y.to, count / 2 + 1);
        for mark in marks {
            let (x, y) = (self.x.at, self.y.map(mark));
            let label = text("tick", x - 6.0, y + 4.0, "end", &format!("{mark:.digits$}"));
            let _ = write!(self.body, "<path class=\"axis\" d=\"M{x:.1} {y:.1}h-4\"/>{label}");
        }
        let middle = 0.5 * (self.x.at + self.x.until);
        self.body.push_str(&text("tick", middle, self.y.at + 29.0, "middle", "x [m]  (y upwards)"));
    }

    fn plans(&mut self, recording: &Recording) {
        // The last one, and of those before it some, evenly.
        let Some(((_, last), before)) = recording.plans.split_last() else { return };
        let step = before.len().div_ceil(PLAN_SHOWN).max(1);
        for (_, points) in before.iter().step_by(step) {
            let piece = self.thinned(points.iter().copied());
            self.body.push_str(&path("plan old", &[piece]));
        }
        let piece = self.thinned(last.iter().copied());
        self.body.push_str(&path("plan", &[piece]));
    }

    fn people(&mut self, recording: &Recording, on_map: bool) {
        if !on_map {
            return;
        }
        let mut tracks: Vec<&Trail> = recording.tracks.values().collect();
        tracks.sort_by_key(|t| std::cmp::Reverse(t.len()));
        for trail in tracks.into_iter().take(TRAIL_LIMIT) {
            let pieces = self.trail_pieces(trail);
            self.body.push_str(&path("believed", &pieces));
        }
        for (name, trail) in recording.actors.iter().take(TRAIL_LIMIT) {
            let pieces = self.trail_pieces(trail);
            self.body.push_str(&path("person", &pieces));
            if let Some((_, end)) = trail.last() {
                let (x, y) = self.at(*end);
                let _ = write!(
                    self.body,
                    "<circle class=\"person-end\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}</title></circle>",
                    escape(name)
                );
                self.body.push_str(&text("label", x + 8.0, y + 4.0, "start", name));
            }
        }
    }

    fn trail_pieces(&self, trail: &Trail) -> Vec<Vec<(f64, f64)>> {
        let mut pieces: Vec<Vec<Point2>> = vec![Vec::new()];
        let mut last: Option<(f64, Point2)> = None;
        for (t_s, p) in trail.iter().filter(|(_, p)| p.is_finite()) {
            if last.is_some_and(|(l_s, l)| t_s - l_s > GAP_S || l.distance_m(*p) > JUMP_M) {
                pieces.push(Vec::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push(*p);
            }
            last = Some((*t_s, *p));
        }
        let thinned = pieces.into_iter().map(|p| self.thinned(p.into_iter()));
        thinned.filter(|p| !p.is_empty()).collect()
    }

    /// Without points that lie too close to tell apart; the ends stay.
    fn thinned(&self, points: impl Iterator<Item = Point2>) -> Vec<(f64, f64)> {
        let mut kept: Vec<(f64, f64)> = Vec::new();
        let mut skipped = None;
        for p in points.map(|p| self.at(p)) {
            let near = kept.last().is_some_and(|k| (k.0 - p.0).abs() + (k.1 - p.1).abs() < NEAR_PX);
            if near {
                skipped = Some(p);
            } else {
                kept.push(p);
                skipped = None;
            }
        }
        kept.extend(skipped);
        kept
    }

    /// One path for each step of the colour scale.
    fn driven(&mut self, way: &Way, top_mps: f64) {
        let colour = |v: f64| ((v.abs() / top_mps.max(1e-6) * COLOURS as f64) as usize).min(COLOURS - 1);
        let mut pieces: Vec<Vec<Vec<(f64, f64)>>> = vec![Vec::new(); COLOURS];
        let mut run: Vec<(f64, f64)> = Vec::new();
        let (mut run_colour, mut last_s, mut last_p) = (0, f64::NEG_INFINITY, None);
        for sample in &way.samples {
            let (p, c) = (self.at(sample.pose.position()), colour(sample.twist.v_mps));
            let jumped = last_p.is_some_and(|l: Point2| l.distance_m(sample.pose.position()) > JUMP_M * 0.5);
            let broken = sample.t_s - last_s > GAP_S || jumped;
            let near = run.last().is_some_and(|l| (l.0 - p.0).abs() + (l.1 - p.1).abs() < NEAR_PX);
            if broken || (c != run_colour && !near) {
                let joint = (!broken).then_some(p);
                run.extend(joint);
                if let Some(bin) = pieces.get_mut(run_colour) {
                    bin.push(std::mem::take(&mut run));
                }
                run.push(p);
                run_colour = c;
            } else if !near {
                run.push(p);
            }
            last_s = sample.t_s;
            last_p = Some(sample.pose.position());
        }
        if let Some(bin) = pieces.get_mut(run_colour) {
            bin.push(run);
        }
        let all: Vec<_> = pieces.iter().flatten().filter(|p| p.len() > 1).cloned().collect();
        self.body.push_str(&path("driven-edge", &all));
        for (c, bin) in pieces.iter_mut().enumerate() {
            bin.retain(|p| p.len() > 1);
            let coloured = path("driven", bin).replacen("<path", &format!("<path stroke=\"{}\"", hex(c)), 1);
            self.body.push_str(&coloured);
        }
    }

    fn marks(&mut self, way: &Way, summary: &RunSummary) {
        if let Some(start) = way.samples.first() {
            let (x, y) = self.at(start.pose.position());
            let _ = write!(
                self.body,
                "<circle class=\"start\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\"><title>start</title></circle>"
            );
            self.body.push_str(&text("label", x + 11.0, y + 16.0, "start", "start"));
        }
        if let Some(goal) = summary.goal.pose {
            let (x, y) = self.at(goal.position());
            let r = (self.x.map(summary.goal.tolerance_m) - self.x.map(0.0)).abs();
            let _ = write!(
                self.body,
                "<circle class=\"goal-area\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>\
                 <path class=\"goal\" d=\"M{x:.1} {y:.1}v-20l13 5l-13 5\"><title>goal</title></path>"
            );
            self.body.push_str(&text("label", x + 11.0, y + 16.0, "start", "goal"));
        }
        if let Some(least) = &summary.least_clearance {
            let (x, y) = self.at(least.pose.position());
            let _ = write!(
                self.body,
                "<path class=\"least\" d=\"M{x:.1} {y:.1}m-7 0l7 -7l7 7l-7 7z\"><title>least clearance: \
                 {:.3} m to {} at {:.2} s</title></path>",
                least.clearance_m,
                escape(&least.nearest),
                least.t_s
            );
        }
        for (i, stop) in summary.stops.iter().take(MARK_LIMIT).enumerate() {
            let Some(pose) = stop.pose else { continue };
            let (x, y) = self.at(pose.position());
            let (number, reason) = (i + 1, escape(&stop.reason));
            let _ = write!(
                self.body,
                "<circle class=\"stop\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"><title>stop {number} at {:.2} s: {reason}\
                 </title></circle>",
                stop.t_s
            );
            self.body.push_str(&text("stop-number", x, y + 4.0, "middle", &number.to_string()));
        }
    }

    /// A length to compare with.
    pub fn scale_bar(&mut self, layout: Layout) {
        let per_m = (self.x.until - self.x.at) / (self.x.to - self.x.from);
        let goal_px = if layout == Layout::Wide { 120.0 } else { 70.0 };
        let lengths = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        let Some(length) = lengths.into_iter().rev().find(|l| l * per_m <= goal_px) else { return };
        let (right, y) = (self.x.until, self.y.at + 24.0);
        let from = right - length * per_m;
        let _ = write!(self.body, "<path class=\"bar\" d=\"M{from:.1} {:.1}v4H{right:.1}v-4\"/>", y - 4.0);
        self.body.push_str(&text("tick", from - 6.0, y + 3.0, "end", &format!("{length} m")));
    }
}

/// Colour of a step of the speed scale, from slow to fast.
pub fn hex(step: usize) -> String {
    const STOPS: [[f64; 3]; 4] =
        [[76.0, 83.0, 214.0], [16.0, 152.0, 173.0], [55.0, 178.0, 77.0], [245.0, 159.0, 0.0]];
    let place = step as f64 / (COLOURS - 1) as f64 * (STOPS.len() - 1) as f64;
    let index = (place as usize).min(STOPS.len() - 2);
    let (low, high) = (STOPS.get(index).copied().unwrap_or_default(), STOPS.get(index + 1).copied());
    let share = place - index as f64;
    let mixed = low.iter().zip(high.unwrap_or_default()).map(|(a, b)| (a + (b - a) * share).round() as u8);
    mixed.fold(String::from("#"), |mut out, part| {
        let _ = write!(out, "{part:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_slow_to_fast() {
        assert_eq!((hex(0).as_str(), hex(COLOURS - 1).as_str()), ("#4c53d6", "#f59f00"));
        assert_eq!(hex(3), "#1098ad");
    }

    #[test]
    fn a_jumping_trail_is_broken() {
        let unit = Scale { from: 0.0, to: 1.0, at: 0.0, until: 100.0 };
        let canvas = Canvas { x: unit, y: unit, body: String::new() };
        let p = Point2::new;
        let trail = vec![(0.0, p(0.0, 0.0)), (0.1, p(0.1, 0.0)), (0.2, p(9.0, 0.0)), (5.0, p(9.1, 0.0))];
        let pieces: Vec<usize> = canvas.trail_pieces(&trail).iter().map(Vec::len).collect();
        assert_eq!(pieces, [2, 1, 1]);
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let unit = Scale { from: 0.0, to: 1.0, at: 0.0, until: 100.0 };
        let canvas = Canvas { x: unit, y: unit, body: String::new() };
        let points = (0..=1000).map(|i| Point2::new(f64::from(i) / 1000.0, 0.0));
        let kept = canvas.thinned(points);
        assert!(kept.len() < 100);
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0.0, 100.0));
    }
}
