//! Doors.

use super::{RobotNow, rectangle};
use crate::rays::Disc;
use crate::spec::{DoorKind, DoorSpec, point};
use crate::world::Outline;
use outrider_foundation::gap::apart_m;
use outrider_foundation::{Point2, Pose2, Span};

/// The room that a door which waits leaves to whoever is in its way.
const ROOM_M: f64 = 0.03;
/// A panel that slides past somebody comes no nearer, but for rounding.
const NEARER_M: f64 = 1e-9;
/// For how long one that opens by itself stays open when nobody is near any more, unless its file says.
const STAYS_OPEN_S: f64 = 3.0;

pub(super) struct Door {
    pub(super) spec: DoorSpec,
    /// From closed (0) to open (1).
    part: f64,
    /// When somebody was last near enough to open it.
    last_near: Option<Span>,
}

impl Door {
    pub(super) fn new(spec: DoorSpec) -> Self {
        let part = if spec.open { 1.0 } else { 0.0 };
        Self { spec, part, last_near: None }
    }

    /// Middle and direction of the panel.
    pub(super) fn pose(&self) -> Pose2 {
        self.pose_at(self.part)
    }

    pub(super) fn corners(&self) -> [Point2; 4] {
        self.corners_at(self.part)
    }

    fn pose_at(&self, part: f64) -> Pose2 {
        let spec = &self.spec;
        let (turned, along_m) = match spec.kind {
            DoorKind::Hinged => (spec.yaw_rad + part * spec.swing_rad, 0.5 * spec.width_m),
            DoorKind::Sliding => (spec.yaw_rad, spec.width_m * (0.5 - part)),
        };
        let hinge = point(spec.hinge);
        let middle = Pose2::new(hinge.x_m, hinge.y_m, turned).apply(Point2::new(along_m, 0.0));
        Pose2::new(middle.x_m, middle.y_m, turned)
    }

    fn corners_at(&self, part: f64) -> [Point2; 4] {
        rectangle(self.pose_at(part), self.spec.width_m, self.spec.thickness_m)
    }

    /// One physics period of `dt_s` that ends at `at`; `bodies` are those of vehicles.
    pub(super) fn step(
        &mut self,
        at: Span,
        dt_s: f64,
        robot: &RobotNow<'_>,
        people: &[Disc],
        bodies: &[[Point2; 4]],
    ) {
        let to = if self.should_be_open(at, robot, people) { 1.0 } else { 0.0 };
        let most = dt_s / self.spec.travel_s;
        let next = self.part + (to - self.part).clamp(-most, most);
        if (next - self.part).abs() > 0.0 && (self.spec.forces || self.is_free(next, robot, people, bodies)) {
            self.part = next;
        }
    }

    fn should_be_open(&mut self, at: Span, robot: &RobotNow<'_>, people: &[Disc]) -> bool {
        let spec = &self.spec;
        if let Some(within_m) = spec.opens_within_m {
            let middle = self.pose_at(0.0).position();
            let near = |p: Point2| p.distance_m(middle) <= within_m;
            if near(robot.pose.position()) || people.iter().any(|d| near(d.centre)) {
                self.last_near = Some(at);
            }
            let waits = Span::from_s(spec.closes_after_s.unwrap_or(STAYS_OPEN_S));
            return self.last_near.map_or(self.spec.open && self.part >= 1.0, |last| at - last <= waits);
        }
        let now_s = match spec.every_s {
            Some(every_s) => at.as_s() % every_s,
            None => at.as_s(),
        };
        let passed = spec.schedule.iter().rev().find(|step| step.at_s <= now_s);
        // Before the first step of a round it is as the round before left it.
        let last_round =
            spec.every_s.filter(|every_s| at.as_s() >= *every_s).and_then(|_| spec.schedule.last());
        passed.or(last_round).map_or(spec.open, |step| step.open)
    }

    /// Whether the panel meets nobody at that position that it does not meet already.
    fn is_free(&self, part: f64, robot: &RobotNow<'_>, people: &[Disc], bodies: &[[Point2; 4]]) -> bool {
        let panel =
            |part| rectangle(self.pose_at(part), self.spec.width_m + ROOM_M, self.spec.thickness_m + ROOM_M);
        let outline = |corners: [Point2; 4]| Outline::Polygon(corners.to_vec());
        let (now_outline, next_outline) = (outline(panel(self.part)), outline(panel(part)));
        let (panel_now, panel_next) = (self.corners_at(self.part), self.corners_at(part));
        let hits_body = |body: &[Point2]| {
            let after_m = apart_m(&panel_next, body);
            after_m < 0.5 * ROOM_M && after_m < apart_m(&panel_now, body) - NEARER_M
        };
        let hits = |d: &Disc| {
            let after_m = next_outline.nearest(d.centre).0;
            after_m < d.radius_m && after_m < now_outline.nearest(d.centre).0 - NEARER_M
        };
        !hits_body(&robot.corners()) && !people.iter().any(hits) && !bodies.iter().any(|b| hits_body(b))
    }
}
