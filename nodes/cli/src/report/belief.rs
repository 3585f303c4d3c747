//! What was believed beside what was true, from above, at moments that a rule picks.

use super::glimpses::{Glimpse, followed};
use super::labels::Labels;
use super::recording::Recording;
use super::scene::{BOTTOM, Canvas};
use super::svg::{Layout, Scale, escape, path};
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::geometry::{Ellipse, wrap_angle};
use outrider_foundation::grid::{COST_LETHAL, FrameId};
use outrider_foundation::{Point2, Pose2};
use outrider_suite::quality::moments::Moment;
use outrider_suite::quality::score::{Estimate, nees};
use std::fmt::Write;

/// What is shown at least, in m: width and height.
const WIDE_M: (f64, f64) = (17.0, 9.0);
const NARROW_M: (f64, f64) = (9.0, 9.0);
/// Room about robot and person where they are far from each other.
const ROOM_M: f64 = 1.5;
/// The most people and tracks that are drawn and listed.
const SHOWN: usize = 64;
/// Two moments this near to each other are one.
const SAME_S: f64 = 0.3;
/// Radius of the robot where its outline is not known.
const ROBOT_M: f64 = 0.3;

/// One moment on the page.
pub struct Picture {
    /// When, why and what.
    pub caption: String,
    /// For either width.
    pub drawings: Vec<String>,
    /// Track, class, state, who it is, error, normalised error, unseen for.
    pub rows: Vec<Vec<String>>,
}

/// The nearest encounter, the largest error and the widest reach; one picture for those that are the same moment. Empty without
/// truth.
pub fn pictures(recording: &Recording) -> Vec<Picture> {
    let glimpses = &recording.glimpses;
    let all = [
        ("nearest", glimpses.nearest.as_ref().map(|g| (g, of_nearest(g)))),
        ("widest", glimpses.widest.as_ref().map(|g| (g, of_widest(g)))),
        ("reach", glimpses.lost.as_ref().map(|g| (g, of_lost(g)))),
    ];
    let mut groups: Vec<(&str, &Glimpse, Vec<String>)> = Vec::new();
    for (id, glimpse, why) in all.into_iter().filter_map(|(id, both)| both.map(|(g, why)| (id, g, why))) {
        let same =
            |other: &Glimpse| (other.t_s - glimpse.t_s).abs() <= SAME_S && other.person == glimpse.person;
        match groups.iter_mut().find(|(_, other, _)| same(other)) {
            Some((_, _, reasons)) => reasons.push(why),
            None => groups.push((id, glimpse, vec![why])),
        }
    }
    let drawn = groups.into_iter().map(|(id, g, reasons)| picture(recording, g, &reasons.join("; and "), id));
    drawn.collect()
}

fn name_of(glimpse: &Glimpse) -> &str {
    glimpse.moment.truth.actors.get(glimpse.person).map_or("nobody", |a| a.name.as_str())
}

fn of_nearest(g: &Glimpse) -> String {
    format!(
        "the nearest encounter of the run, {} {:.2} m from the robot (middle to middle)",
        name_of(g),
        g.value_m
    )
}

fn of_widest(g: &Glimpse) -> String {
    let own = followed(&g.moment).into_iter().find(|(person, _)| *person == g.person);
    let track = own.and_then(|(_, track)| g.moment.model.tracks.get(track));
    let (id, age_s) = track.map_or((0, 0.0), |t| (t.id, t.age_s));
    format!(
        "the largest error of the run, track {id}, unseen for {age_s:.1} s, {:.2} m from {} whom it follows",
        g.value_m,
        name_of(g)
    )
}

fn of_lost(g: &Glimpse) -> String {
    let lost = g.moment.model.tracks.iter().filter(|t| t.state == TrackState::Reachable);
    let track = lost.max_by(|a, b| a.reachable_m.total_cmp(&b.reachable_m));
    let target = g.moment.targets.get(g.person);
    let (Some(track), Some(target)) = (track, target) else { return String::new() };
    let off_m = target.position.distance_m(track.position);
    let place = if off_m <= track.reachable_m { "within it" } else { "outside of it" };
    format!(
        "the widest reach of the run, track {}, unseen for {:.1} s, known to be within {:.2} m of its place; {}, who is nearest, is \
         {off_m:.2} m from there, {place}",
        track.id,
        track.age_s,
        track.reachable_m,
        name_of(g)
    )
}

fn picture(recording: &Recording, glimpse: &Glimpse, why: &str, id: &str) -> Picture {
    let moment = &glimpse.moment;
    let mut caption = format!("At {:.2} s: {why}.", glimpse.t_s);
    if moment.model.ego.frame == FrameId::Map {
        let (believed, robot) = (moment.model.ego.pose, moment.truth.pose);
        let off_m = believed.position().distance_m(robot.position());
        let off_deg = wrap_angle(believed.yaw_rad - robot.yaw_rad).to_degrees().abs();
        let _ =
            write!(caption, " The robot believed itself {off_m:.2} m and {off_deg:.1}° from where it was.");
    } else {
        caption.push_str(" The robot did not know its place on the map.");
    }
    let drawings = Layout::ALL.into_iter().map(|layout| draw(recording, glimpse, layout, id)).collect();
    Picture { caption, drawings, rows: rows(moment) }
}

/// One row for every track that is more than a first impression, and for everybody who has none.
fn rows(moment: &Moment) -> Vec<Vec<String>> {
    let pairs = followed(moment);
    let mut known: Vec<usize> = pairs.iter().map(|(person, _)| *person).collect();
    let mut rows = Vec::new();
    let name = |person: usize| moment.truth.actors.get(person).map(|a| a.name.clone()).unwrap_or_default();
    for (index, track) in moment.model.tracks.iter().enumerate().take(SHOWN) {
        let own = pairs.iter().find(|(_, t)| *t == index).map(|(person, _)| *person);
        let target = own.and_then(|person| moment.targets.get(person));
        let (who, error, normalised) = match (own, target, track.state) {
            (Some(person), Some(target), _) => {
                let error_m = target.position.distance_m(track.position);
                let nees = Estimate::of(track).map_or(f64::NAN, |e| nees(target, &e));
                (name(person), format!("{error_m:.3}"), format!("{nees:.1}"))
            }
            (_, _, TrackState::Reachable) => {
                let within = moment.targets.iter().enumerate();
                let within =
                    within.filter(|(_, t)| t.position.distance_m(track.position) <= track.reachable_m);
                let within: Vec<usize> = within.map(|(person, _)| person).collect();
                known.extend(&within);
                let names: Vec<String> = within.into_iter().map(name).collect();
                let who = if names.is_empty() { "nobody within".into() } else { names.join(", ") };
                (who, format!("within {:.2}", track.reachable_m), "–".into())
            }
            (_, _, TrackState::Tentative) => continue,
            _ => ("nobody".into(), "–".into(), "–".into()),
        };
        let class = format!("{} {:.0} %", track.class_label, 100.0 * track.class_probability);
        let unseen = format!("{:.2}", track.age_s);
        rows.push(vec![
            track.id.to_string(),
            class,
            state(track.state).into(),
            who,
            error,
            normalised,
            unseen,
        ]);
    }
    let robot = moment.truth.pose.position();
    for (person, actor) in moment.truth.actors.iter().enumerate().take(SHOWN) {
        if !known.contains(&person) {
            let far = format!("{} ({:.1} m away)", actor.name, actor.pose.position().distance_m(robot));
            let dash = || "–".to_owned();
            rows.push(vec![dash(), dash(), "no track".into(), far, dash(), dash(), dash()]);
        }
    }
    rows
}

fn state(state: TrackState) -> &'static str {
    match state {
        TrackState::Tentative => "tentative",
        TrackState::Confirmed => "confirmed",
        TrackState::Coasting => "coasting",
        TrackState::Reachable => "only its reach is known",
        TrackState::Standing => "left standing",
    }
}

fn draw(recording: &Recording, glimpse: &Glimpse, layout: Layout, id: &str) -> String {
    let moment = &glimpse.moment;
    let robot = moment.truth.pose.position();
    let about = moment.truth.actors.get(glimpse.person).map_or(robot, |a| a.pose.position());
    let middle = Point2::new(0.5 * (robot.x_m + about.x_m), 0.5 * (robot.y_m + about.y_m));
    let least = if layout == Layout::Wide { WIDE_M } else { NARROW_M };
    let needed = ((robot.x_m - about.x_m).abs() + 2.0 * ROOM_M, (robot.y_m - about.y_m).abs() + 2.0 * ROOM_M);
    let grow = (needed.0 / least.0).max(needed.1 / least.1).max(1.0);
    let (span_x, span_y) = (least.0 * grow, least.1 * grow);
    let left = if layout == Layout::Wide { 44.0 } else { 30.0 };
    let per_m = (layout.width() - left - 8.0) / span_x;
    let (low_x, low_y) = (middle.x_m - 0.5 * span_x, middle.y_m - 0.5 * span_y);
    let x = Scale { from: low_x, to: low_x + span_x, at: left, until: left + span_x * per_m };
    let y = Scale { from: low_y, to: low_y + span_y, at: span_y * per_m + 8.0, until: 8.0 };
    let mut drawing = Drawing {
        canvas: Canvas { x, y, body: String::new() },
        labels: Labels::new([x.at, y.until, x.until, y.at]),
        moment,
        per_m,
    };
    drawing.canvas.ground(recording.map.as_ref(), layout, id);
    let class = layout.class();
    let _ = write!(drawing.canvas.body, "<g clip-path=\"url(#{id}-{class})\">");
    drawing.obstacles();
    drawing.beliefs();
    drawing.doors();
    drawing.people();
    drawing.robot(&recording.outline);
    drawing.names();
    drawing.canvas.body.push_str("</g>");
    drawing.canvas.scale_bar(layout);
    let (width, height) = (layout.width(), y.at + BOTTOM);
    let body = drawing.canvas.body;
    format!(
        "<svg class=\"belief {class}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" \
         aria-label=\"belief beside truth at {:.2} s\">{body}</svg>",
        glimpse.t_s
    )
}

struct Drawing<'a> {
    canvas: Canvas,
    labels: Labels,
    moment: &'a Moment,
    per_m: f64,
}

impl Drawing<'_> {
    /// Where a point of the belief is drawn.
    fn believed(&self, p: Point2) -> (f64, f64) {
        self.canvas.at(self.moment.world_from_model.apply(p))
    }

    fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.moment.model.tracks.iter().filter(|t| t.state != TrackState::Tentative).take(SHOWN)
    }

    /// Cells of the local grid that are obstacles, a line for every run of them.
    fn obstacles(&mut self) {
        let grid = &self.moment.model.local;
        let (width, size_m) = (grid.width as usize, grid.resolution_m);
        if width == 0 {
            return;
        }
        let mut runs = Vec::new();
        for (row, cells) in grid.cost.chunks(width).enumerate() {
            let y_m = grid.origin.y_m + (row as f64 + 0.5) * size_m;
            let place =
                |column: usize| self.believed(Point2::new(grid.origin.x_m + column as f64 * size_m, y_m));
            let mut from = 0;
            for run in cells.chunk_by(|a, b| (*a == COST_LETHAL) == (*b == COST_LETHAL)) {
                if run.first() == Some(&COST_LETHAL) {
                    runs.push(vec![place(from), place(from + run.len())]);
                }
                from += run.len();
            }
        }
        // A little wider than the cell, so that no ground shines through between rows.
        let stroke = (1.15 * size_m * self.per_m).max(1.0);
        let drawn =
            path("obstacle", &runs).replacen("<path", &format!("<path stroke-width=\"{stroke:.1}\""), 1);
        self.canvas.body.push_str(&drawn);
    }

    fn beliefs(&mut self) {
        let mut out = String::new();
        for track in self.tracks() {
            let (cx, cy) = self.believed(track.position);
            let (left, top) = (cx - 5.0, cy - 5.0);
            let middle =
                format!("<path class=\"track-mid\" d=\"M{left:.1} {cy:.1}h10M{cx:.1} {top:.1}v10\"/>");
            if track.state == TrackState::Reachable {
                let r = track.reachable_m * self.per_m;
                let _ = write!(
                    out,
                    "<circle class=\"reach\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\"/>{middle}"
                );
                continue;
            }
            self.ahead(track, &mut out);
            let [xx, xy, _, _, _, yy, ..] = track.covariance;
            if let Some(e) = Ellipse::of_covariance(xx, xy, yy, Ellipse::SIGMAS_95) {
                // The picture's y points down.
                let turn = -(e.yaw_rad + self.moment.world_from_model.yaw_rad).to_degrees();
                let (a, b) = (e.major_m * self.per_m, e.minor_m * self.per_m);
                let _ = write!(
                    out,
                    "<ellipse class=\"sure\" rx=\"{a:.1}\" ry=\"{b:.1}\" transform=\"translate({cx:.1} {cy:.1}) rotate({turn:.1})\"/>"
                );
            }
            if let Some(body) = track.body {
                let corners = body.corners().map(|corner| self.believed(corner));
                let points = corners.map(|(x, y)| format!("{x:.1},{y:.1}")).join(" ");
                let _ = write!(out, "<polygon class=\"track-body\" points=\"{points}\"/>");
            }
            let r = track.radius_m * self.per_m;
            let _ = write!(
                out,
                "<circle class=\"track-body\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\"/>{middle}"
            );
        }
        self.canvas.body.push_str(&out);
    }

    /// The predicted way, and two standard deviations about it after every second.
    fn ahead(&self, track: &Track, out: &mut String) {
        let way =
            std::iter::once(&track.position).chain(&track.prediction).map(|p| self.believed(*p)).collect();
        out.push_str(&path("ahead", &[way]));
        let steps = (1.0 / track.prediction_step_s).round();
        if !(1.0..=1000.0).contains(&steps) {
            return;
        }
        let ends = track.prediction.iter().zip(&track.prediction_sigma_m).skip(steps as usize - 1);
        for (p, sigma_m) in ends.step_by(steps as usize) {
            let ((x, y), r) = (self.believed(*p), 2.0 * sigma_m * self.per_m);
            let _ = write!(out, "<circle class=\"spread\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>");
        }
    }

    /// An outline about a true pose.
    fn polygon(&self, class: &str, pose: Pose2, corners: &[Point2]) -> String {
        let corners = corners.iter().map(|corner| self.canvas.at(pose.apply(*corner)));
        let points: Vec<String> = corners.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        format!("<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "))
    }

    fn doors(&mut self) {
        for door in self.moment.truth.doors.iter().take(SHOWN) {
            let panel = self.polygon("door", door.pose, &door.corners());
            self.canvas.body.push_str(&panel);
        }
    }

    /// Everybody as they are, and where a second leads them.
    fn people(&mut self) {
        for actor in self.moment.truth.actors.iter().take(SHOWN) {
            let ((x, y), r) = (self.canvas.at(actor.pose.position()), actor.radius_m * self.per_m);
            let (s, c) = libm::sincos(actor.pose.yaw_rad);
            let (dx, dy) = (actor.v_mps * c * self.per_m, -actor.v_mps * s * self.per_m);
            let body = match actor.body {
                Some(body) => self.polygon("person-body", actor.pose, &body.corners()),
                None => {
                    format!("<circle class=\"person-body\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>")
                }
            };
            let _ = write!(
                self.canvas.body,
                "{body}<path class=\"person-way\" d=\"M{x:.1} {y:.1}l{dx:.1} {dy:.1}\"/>\
                 <circle class=\"person-end\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"><title>{}</title></circle>",
                escape(&actor.name)
            );
        }
    }

    fn robot(&mut self, outline: &[Point2]) {
        let pose = self.moment.truth.pose;
        let (x, y) = self.canvas.at(pose.position());
        if outline.is_empty() {
            let r = ROBOT_M * self.per_m;
            let _ = write!(
                self.canvas.body,
                "<circle class=\"robot-body\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\"/>"
            );
        } else {
            let body = self.polygon("robot-body", pose, outline);
            self.canvas.body.push_str(&body);
        }
        // A second's way, and at least a stub that shows the heading.
        let ahead = pose.then(Pose2::new(self.moment.truth.twist.v_mps.max(0.35), 0.0, 0.0)).position();
        let (ax, ay) = self.canvas.at(ahead);
        let _ = write!(self.canvas.body, "<path class=\"robot-way\" d=\"M{x:.1} {y:.1}L{ax:.1} {ay:.1}\"/>");
        self.labels.keep_off(x, y, 0.4 * self.per_m);
    }

    /// Names last, so that nothing lies over them.
    fn names(&mut self) {
        let inside = |(x, y): (f64, f64), canvas: &Canvas| {
            (canvas.x.at..=canvas.x.until).contains(&x) && (canvas.y.until..=canvas.y.at).contains(&y)
        };
        let people = self.moment.truth.actors.iter().take(SHOWN).map(|a| {
            (self.canvas.at(a.pose.position()), a.radius_m * self.per_m, "label name-true", a.name.clone())
        });
        let tracks = self.tracks().map(|t| {
            let name = match t.state {
                TrackState::Coasting | TrackState::Reachable => {
                    format!("track {}, unseen {:.1} s", t.id, t.age_s)
                }
                _ => format!("track {}", t.id),
            };
            (self.believed(t.position), t.radius_m * self.per_m, "label name-believed", name)
        });
        let mut all: Vec<_> = people.chain(tracks).collect();
        all.retain(|(at, ..)| inside(*at, &self.canvas));
        for ((x, y), r, ..) in &all {
            self.labels.keep_off(*x, *y, *r);
        }
        let ways: Vec<_> =
            self.tracks().flat_map(|t| t.prediction.iter().map(|p| self.believed(*p))).collect();
        ways.into_iter().for_each(|(x, y)| self.labels.keep_off(x, y, 3.0));
        for ((x, y), r, class, name) in all {
            let drawn = self.labels.put(class, x, y, r, &name);
            self.canvas.body.push_str(&drawn);
        }
    }
}
