//! Forklifts and carts: boxes that drive from waypoint to waypoint within their acceleration and turn rate.

use super::begin::{Route, Trigger};
use super::orca::V2;
use super::walls::Walls;
use super::{AWAY_M, RobotNow, rectangle};
use crate::error::SimError;
use crate::rays::Disc;
use crate::spec::{ActorSpec, Behaviour, VehicleSize, point};
use crate::world::{Motion, Outline, overlap};
use outrider_foundation::data::TrueBody;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2, Span, Twist2};

/// A waypoint is reached from so far, by its middle.
const ARRIVES_M: f64 = 0.3;
/// How fast it turns to the target, per rad of error.
const TURN_PER_S: f64 = 2.0;
/// It drives on only when the target is this much ahead; else it turns where it stands.
const AHEAD_RAD: f64 = 0.6;
/// Room that it keeps before and beside itself to whoever is in its lane.
const GAP_AHEAD_M: f64 = 1.0;
const GAP_BESIDE_M: f64 = 0.2;

/// The way is tried once before the run, in steps of this length,
const TRIAL_STEP_S: f64 = 0.01;
/// at the most so many of them;
const TRIAL_STEPS: usize = 60_000;
/// after so many in which nothing moves it stands for good.
const STUCK_STEPS: usize = 200;

/// What may stand in a vehicle's way.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) people: &'a [Disc],
    pub(super) walls: &'a Walls,
    /// Of doors.
    pub(super) panels: &'a [[Point2; 4]],
    /// Of vehicles that are there, its own among them.
    pub(super) bodies: &'a [[Point2; 4]],
}

#[derive(Clone)]
pub(super) struct Vehicle {
    pub(super) size: VehicleSize,
    route: Route,
    trigger: Trigger,
    behaviour: Behaviour,
    speed_mps: f64,
    appears: bool,
    leaves: bool,
    begun: bool,
    gone: bool,
    pose: Pose2,
    twist: Twist2,
}

impl Vehicle {
    pub(super) fn new(spec: &ActorSpec, walls: &Walls) -> Result<Self, SimError> {
        let refuse = |reason: String| SimError::Actor { name: spec.name.clone(), reason };
        let size = spec.vehicle.unwrap_or_else(|| VehicleSize::of(spec.kind));
        let start = point(spec.start);
        let route = Route::new(start, &spec.waypoints, spec.loops);
        walls.check_route(&spec.name, &route, 0.5 * size.width_m)?;
        let yaw_rad = spec.yaw_rad.unwrap_or_else(|| route.first_heading_rad());
        let vehicle = Self {
            size,
            trigger: Trigger::new(spec.begins, start),
            route,
            behaviour: spec.behaviour,
            speed_mps: spec.speed_mps(),
            appears: spec.appears,
            leaves: spec.leaves,
            begun: false,
            gone: false,
            pose: Pose2::new(start.x_m, start.y_m, yaw_rad),
            twist: Twist2::ZERO,
        };
        if vehicle.meets(walls, vehicle.pose) {
            let at = format!("({}, {}) m, {yaw_rad} rad", start.x_m, start.y_m);
            return Err(refuse(format!("its body at {at} is in a wall")));
        }
        if let Some(Pose2 { x_m, y_m, yaw_rad }) = vehicle.trial(walls) {
            let at = format!("({x_m:.2}, {y_m:.2}) m, {yaw_rad:.2} rad");
            return Err(refuse(format!("there is no room for its body on its way: at {at} it meets a wall")));
        }
        Ok(vehicle)
    }

    /// Where it would stand for good, with nobody in its way.
    fn trial(&self, walls: &Walls) -> Option<Pose2> {
        let mut trial = self.clone();
        let (mut at, mut stuck, mut laps) = (Span::ZERO, 0, 0);
        if trial.behaviour == Behaviour::Hostile {
            return None;
        }
        for _ in 0..TRIAL_STEPS {
            let target = trial.route.next();
            let wanted = trial.wanted(at, None, false);
            laps += usize::from(trial.route.next() < target);
            if trial.route.is_done() || (laps > 0 && trial.route.next() > 0) {
                return None;
            }
            // Nobody waits for what waits at a waypoint.
            let waits = wanted == Twist2::ZERO && trial.twist == Twist2::ZERO;
            at = at + if waits { Span::from_s(3600.0) } else { Span::from_s(TRIAL_STEP_S) };
            let (next, twist) = trial.next(wanted, TRIAL_STEP_S);
            if trial.meets(walls, next) {
                stuck += 1;
                trial.twist = Twist2::ZERO;
            } else {
                stuck = 0;
                (trial.pose, trial.twist) = (next, twist);
            }
            if stuck >= STUCK_STEPS {
                return Some(trial.pose);
            }
        }
        None
    }

    pub(super) fn is_there(&self) -> bool {
        !self.gone && (self.begun || !self.appears)
    }

    pub(super) fn motion(&self, index: usize) -> Motion {
        if self.is_there() {
            return Motion { pose: self.pose, v_mps: self.twist.v_mps };
        }
        Motion { pose: Pose2::new(-AWAY_M, 20.0 * (index + 1) as f64, 0.0), v_mps: 0.0 }
    }

    /// Half the diagonal of the body.
    pub(super) fn radius_m(&self) -> f64 {
        0.5 * libm::hypot(self.size.length_m, self.size.width_m)
    }

    /// Discs that cover it, with its velocity, for people to keep clear of.
    pub(super) fn discs(&self) -> impl Iterator<Item = (Disc, V2)> + '_ {
        let width_m = self.size.width_m;
        let count = (self.size.length_m / width_m).ceil().clamp(1.0, 8.0);
        let apart_m = self.size.length_m / count;
        let radius_m = 0.5 * libm::hypot(apart_m, width_m);
        let (s, c) = libm::sincos(self.pose.yaw_rad);
        let velocity = V2::new(self.twist.v_mps * c, self.twist.v_mps * s);
        let there = if self.is_there() { count as usize } else { 0 };
        (0..there).map(move |i| {
            let along_m = apart_m * (i as f64 + 0.5) - 0.5 * self.size.length_m;
            (Disc { centre: self.pose.apply(Point2::new(along_m, 0.0)), radius_m }, velocity)
        })
    }

    fn corners(&self, pose: Pose2) -> [Point2; 4] {
        rectangle(pose, self.size.length_m, self.size.width_m)
    }

    fn meets(&self, walls: &Walls, pose: Pose2) -> bool {
        walls.overlaps(&self.corners(pose), pose.position(), self.radius_m())
    }

    /// The forks, where it has any: too low for walls of racks, not for the robot.
    fn forks(&self, pose: Pose2) -> Option<[Point2; 4]> {
        let VehicleSize { length_m, width_m, forks_m, .. } = self.size;
        let ahead = pose.then(Pose2::new(0.5 * (length_m + forks_m), 0.0, 0.0));
        (forks_m > 0.0).then(|| rectangle(ahead, forks_m, TrueBody::FORKS_SHARE * width_m))
    }

    /// All that it consists of.
    fn parts(&self, pose: Pose2) -> impl Iterator<Item = [Point2; 4]> {
        std::iter::once(self.corners(pose)).chain(self.forks(pose))
    }

    /// The same where it is, if it is there.
    pub(super) fn outlines(&self) -> impl Iterator<Item = [Point2; 4]> {
        let there = self.is_there();
        self.parts(self.pose).filter(move |_| there)
    }

    /// Whether it touches an outline when it is there.
    fn touches(&self, pose: Pose2, outline: &[Point2]) -> bool {
        self.parts(pose).any(|part| overlap(&part, outline))
    }

    /// One physics period of `dt_s` that ends at `at`.
    pub(super) fn step(&mut self, at: Span, dt_s: f64, robot: &RobotNow<'_>, way: &Way<'_>) {
        if self.gone {
            return;
        }
        if !self.begun {
            // Nobody appears where somebody is.
            self.begun = self.trigger.has_begun(at, robot) && (!self.appears || self.has_room(robot, way));
        }
        if !self.begun {
            return;
        }
        let hunted = (self.behaviour == Behaviour::Hostile).then(|| robot.pose.position());
        let yields = matches!(self.behaviour, Behaviour::Yields | Behaviour::Shares);
        let taken = yields && self.lane_is_taken(robot, way.people);
        let wanted = self.wanted(at, hunted, taken);
        let (next, twist) = self.next(wanted, dt_s);
        if self.pushes(next, robot) || self.meets(way.walls, next) || self.runs_into(next, way.panels) {
            self.twist = Twist2::ZERO;
        } else {
            (self.pose, self.twist) = (next, twist);
        }
    }

    /// Whether nobody and nothing that moves is in its place.
    fn has_room(&self, robot: &RobotNow<'_>, way: &Way<'_>) -> bool {
        let touches = |disc: &Disc| {
            let outline = Outline::Disc { centre: disc.centre, radius_m: disc.radius_m };
            self.parts(self.pose).any(|part| outline.meets_polygon(&part))
        };
        !self.touches(self.pose, &robot.corners())
            && !way.people.iter().any(touches)
            && !way.bodies.iter().chain(way.panels).any(|body| self.touches(self.pose, body))
    }

    /// Where it comes to in `dt_s`, and how fast it is then.
    fn next(&self, wanted: Twist2, dt_s: f64) -> (Pose2, Twist2) {
        let towards = |now: f64, to: f64, most: f64| now + (to - now).clamp(-most, most);
        let v_mps = towards(self.twist.v_mps, wanted.v_mps, self.size.accel_mps2 * dt_s);
        // Turns as quickly as it is told; its rate is limited, its angular acceleration is not.
        let twist = Twist2::new(v_mps, wanted.w_radps);
        (self.pose.advance(twist, dt_s), twist)
    }

    /// Whether a step leads into the robot, or deeper into it.
    fn pushes(&self, next: Pose2, robot: &RobotNow<'_>) -> bool {
        let (outline, middle) = (robot.corners(), robot.pose.position());
        let nearer = || next.position().distance_m(middle) < self.pose.position().distance_m(middle);
        self.touches(next, &outline) && (nearer() || !self.touches(self.pose, &outline))
    }

    /// Whether a step leads into a panel that it does not touch yet.
    fn runs_into(&self, next: Pose2, panels: &[[Point2; 4]]) -> bool {
        panels.iter().any(|panel| self.touches(next, panel) && !self.touches(self.pose, panel))
    }

    /// The velocity that it would like: it hunts a place, or goes on with its way, unless somebody stands in its lane.
    fn wanted(&mut self, at: Span, hunted: Option<Point2>, lane_is_taken: bool) -> Twist2 {
        let hunts = hunted.is_some();
        if !hunts && self.pose.position().distance_m(self.route.target()) <= ARRIVES_M {
            let stands = self.route.arrived(at);
            self.gone = self.leaves && self.route.is_done();
            if stands {
                return Twist2::ZERO;
            }
        }
        let target = hunted.unwrap_or_else(|| self.route.target());
        let local = self.pose.inverse().apply(target);
        let far_m = libm::hypot(local.x_m, local.y_m);
        let error_rad = wrap_angle(libm::atan2(local.y_m, local.x_m));
        let w_radps = (TURN_PER_S * error_rad).clamp(-self.size.turn_radps, self.size.turn_radps);
        if lane_is_taken {
            return Twist2::ZERO;
        }
        let stops = !hunts && self.route.stops_at_target();
        let braking = (2.0 * 0.8 * self.size.accel_mps2 * (far_m - 0.5 * ARRIVES_M).max(0.0)).sqrt();
        let fast = if stops { self.speed_mps.min(braking) } else { self.speed_mps };
        // The sharper the bend, the slower; sideways it only turns.
        let bend = (1.0 - error_rad.abs() / AHEAD_RAD).max(0.0);
        Twist2::new(fast * bend, w_radps)
    }

    fn lane_is_taken(&self, robot: &RobotNow<'_>, people: &[Disc]) -> bool {
        let v = self.twist.v_mps;
        let front_m = 0.5 * self.size.length_m + self.size.forks_m;
        let reach_m = front_m + v * v / (2.0 * self.size.accel_mps2) + GAP_AHEAD_M;
        let beside_m = 0.5 * self.size.width_m + GAP_BESIDE_M;
        let own_from_world = self.pose.inverse();
        let taken = |disc: &Disc| {
            let p = own_from_world.apply(disc.centre);
            p.x_m > 0.0 && p.x_m - disc.radius_m < reach_m && p.y_m.abs() - disc.radius_m < beside_m
        };
        taken(&robot.disc()) || people.iter().any(taken)
    }
}
