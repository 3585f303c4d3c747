//! When an actor begins.

use super::RobotNow;
use crate::spec::{Begin, point};
use outrider_foundation::{Point2, Span};

/// Waits for its time and for the robot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    begin: Begin,
    place: Point2,
    began: bool,
}

impl Trigger {
    /// The place that the robot has to come near to is `start` when the specification names none.
    pub(super) fn new(begin: Begin, start: Point2) -> Self {
        Self { begin, place: begin.of.map_or(start, point), began: false }
    }

    /// Whether it has begun at world time `at`; once it has, it has for good.
    pub(super) fn has_begun(&mut self, at: Span, robot: &RobotNow<'_>) -> bool {
        let near = |within_m| robot.pose.position().distance_m(self.place) <= within_m;
        self.began =
            self.began || (at.as_s() >= self.begin.at_s && self.begin.robot_within_m.is_none_or(near));
        self.began
    }
}

/// Waypoints, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Route {
    start: Point2,
    waypoints: Vec<(Point2, f64)>,
    loops: bool,
    next: usize,
    /// It has been at the last one, and goes round again.
    lapped: bool,
    waits_until: Option<Span>,
}

impl Route {
    pub(super) fn new(start: Point2, waypoints: &[Vec<f64>], loops: bool) -> Self {
        let read = |w: &Vec<f64>| {
            let at = |i| w.get(i).copied().unwrap_or_default();
            (Point2::new(at(0), at(1)), at(2))
        };
        let waypoints = waypoints.iter().map(read).collect();
        Self { start, waypoints, loops, next: 0, lapped: false, waits_until: None }
    }

    /// Where it goes now: the last waypoint (or the start) once it has arrived.
    pub(super) fn target(&self) -> Point2 {
        let last = || self.waypoints.last().map_or(self.start, |w| w.0);
        self.waypoints.get(self.next).map_or_else(last, |w| w.0)
    }

    /// Where this leg began.
    pub(super) fn before(&self) -> Point2 {
        let before = match self.next.checked_sub(1) {
            Some(i) => self.waypoints.get(i),
            None => self.waypoints.last().filter(|_| self.lapped),
        };
        before.map_or(self.start, |w| w.0)
    }

    /// Where it begins.
    pub(super) fn start(&self) -> Point2 {
        self.start
    }

    /// From the start to the first waypoint.
    pub(super) fn first_heading_rad(&self) -> f64 {
        let to = self.waypoints.first().map_or(self.start, |w| w.0);
        libm::atan2(to.y_m - self.start.y_m, to.x_m - self.start.x_m)
    }

    /// Which waypoint it goes to, from 0.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// After the last one.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.waypoints.len()
    }

    /// Whether it is the last one, or none is left: there it stops.
    pub(super) fn stops_at_target(&self) -> bool {
        let waits = self.waypoints.get(self.next).is_some_and(|w| w.1 > 0.0);
        waits || (!self.loops && self.next + 1 >= self.waypoints.len())
    }

    /// Waits at the target, and then takes the next one; whether it stands still meanwhile.
    pub(super) fn arrived(&mut self, at: Span) -> bool {
        let Some((_, wait_s)) = self.waypoints.get(self.next) else { return true };
        let until = *self.waits_until.get_or_insert(at + Span::from_s(*wait_s));
        if at < until {
            return true;
        }
        self.waits_until = None;
        self.next += 1;
        if self.loops && self.next >= self.waypoints.len() {
            (self.next, self.lapped) = (0, true);
        }
        self.is_done()
    }

    /// Every leg, with that from the last back to the first when it loops.
    pub(super) fn legs(&self) -> Vec<(Point2, Point2)> {
        let places: Vec<Point2> =
            std::iter::once(self.start).chain(self.waypoints.iter().map(|w| w.0)).collect();
        let mut legs: Vec<_> = places.array_windows::<2>().map(|[a, b]| (*a, *b)).collect();
        if self.loops
            && let (Some(last), Some(first)) = (self.waypoints.last(), self.waypoints.first())
        {
            legs.push((last.0, first.0));
        }
        legs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leg_back_begins_at_the_last_waypoint() {
        let waypoints = [vec![1.0, 0.0], vec![1.0, 1.0]];
        let mut route = Route::new(Point2::default(), &waypoints, true);
        let mut begins = Vec::new();
        for second in 0..4 {
            begins.push(route.before());
            route.arrived(Span::from_s(f64::from(second)));
        }
        let [first, last] = [Point2::new(1.0, 0.0), Point2::new(1.0, 1.0)];
        assert_eq!(begins, [Point2::default(), first, last, first]);
    }
}
