//! People who decide where they walk.
//!
//! Everybody wants to walk straight to the next waypoint, members of a group as the group's middle does, and takes the
//! velocity nearest to that which [`super::orca`] permits. A leg that a wall blocks from where somebody has been
//! pushed to is taken up again where it is nearest. Decisions are made twenty times a second, all from the same moment;
//! between them everybody walks straight on, and no step is made into a wall, another person or, but for a touch, the
//! robot.

use super::begin::{Route, Trigger};
use super::orca::{Encounter, HalfPlane, V2, choose};
use super::walls::Walls;
use super::{AWAY_M, RobotNow};
use crate::error::SimError;
use crate::rays::Disc;
use crate::spec::{ActorSpec, Behaviour, point};
use crate::world::{Motion, Outline};
use outrider_foundation::{Point2, Pose2, Span};

/// Time in which people who have come too near to each other part.
const PARTS_S: f64 = 0.5;
/// Time from one decision to the next.
const DECISION: Span = Span::from_millis(50);
/// How far ahead people look for each other, for the robot, and for walls.
const PEOPLE_HORIZON_S: f64 = 2.0;
const ROBOT_HORIZON_S: f64 = 3.0;
const WALL_HORIZON_S: f64 = 0.4;
/// Nobody farther off is looked at.
const NEIGHBOUR_M: f64 = 6.0;
/// Room that people like to keep to each other and to the robot, where there is some.
const COMFORT_M: f64 = 0.05;
/// How hard people change their pace when they want to.
const ACCEL_MPS2: f64 = 2.0;
/// How much faster than they like they walk to get out of the way.
const HURRY: f64 = 1.3;
/// Everybody keeps a little to the right, in rad: who meets head-on parts the same way.
const TO_THE_RIGHT_RAD: f64 = -0.03;
/// Who walks faster than this looks where they go. The truth tells speeds along that: slower ones are as good as none.
const LOOKS_MPS: f64 = 0.01;
/// A waypoint is reached from so far.
const ARRIVES_M: f64 = 0.3;
/// The least gap to the robot that who sees it keeps by own steps.
const KEEPS_M: f64 = 0.05;
/// How deep who does not see it steps into it: more than it moves in a period, so that it is caught when it backs off.
const DEEPEST_M: f64 = 0.01;
/// What is kept clear of walls, against rounding.
const TOUCH_M: f64 = 0.001;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waits,
    Walks,
    Gone,
}

/// Somebody, or several who keep together.
struct Party {
    route: Route,
    trigger: Trigger,
    behaviour: Behaviour,
    speed_mps: f64,
    appears: bool,
    leaves: bool,
    phase: Phase,
}

struct Walker {
    party: usize,
    radius_m: f64,
    at: Point2,
    velocity: V2,
    yaw_rad: f64,
    present: bool,
}

/// Everybody on foot with a behaviour.
pub(super) struct Crowd {
    parties: Vec<Party>,
    walkers: Vec<Walker>,
    decided: Option<Span>,
}

/// What walkers see besides each other.
pub(super) struct Surroundings<'a> {
    pub(super) robot: RobotNow<'a>,
    pub(super) walls: &'a Walls,
    /// Panels of doors.
    pub(super) panels: &'a [Outline],
    /// Who does not give way to people: those who follow a script, and vehicles, as discs with velocities.
    pub(super) others: &'a [(Disc, V2)],
    /// How many of these follow a script: they come first.
    pub(super) scripted: usize,
}

impl Surroundings<'_> {
    /// Whether neither the robot nor any of the others nor a door is in a place.
    fn leave_free(&self, at: Point2, radius_m: f64) -> bool {
        let apart = |(disc, _): &(Disc, V2)| disc.centre.distance_m(at) >= disc.radius_m + radius_m;
        self.robot.gap_m(at, radius_m) >= KEEPS_M
            && self.others.iter().all(apart)
            && self.panels.iter().all(|panel| panel.nearest(at).0 >= radius_m)
    }
}

impl Crowd {
    /// With the name of every walker.
    pub(super) fn new(
        specs: &[&ActorSpec],
        default_radius_m: f64,
        walls: &Walls,
    ) -> Result<(Self, Vec<String>), SimError> {
        let mut crowd = Self { parties: Vec::new(), walkers: Vec::new(), decided: None };
        let mut names: Vec<String> = Vec::new();
        for spec in specs {
            let radius_m = spec.person.map_or(default_radius_m, |p| p.radius_m);
            let start = point(spec.start);
            let route = Route::new(start, &spec.waypoints, spec.loops);
            walls.check_route(&spec.name, &route, radius_m)?;
            let yaw_rad = spec.yaw_rad.unwrap_or_else(|| route.first_heading_rad());
            let party = crowd.parties.len();
            for (name, at) in spec.names().into_iter().zip(places(spec, start, yaw_rad, radius_m, walls)?) {
                let velocity = V2::default();
                let present = !spec.appears;
                let apart = |w: &Walker| w.at.distance_m(at) >= w.radius_m + radius_m;
                let taken = crowd.walkers.iter().position(|w| present && w.present && !apart(w));
                if let Some(other) = taken.and_then(|other| names.get(other)) {
                    let reason = format!("starts where {other} is");
                    return Err(SimError::Actor { name: spec.name.clone(), reason });
                }
                names.push(name);
                crowd.walkers.push(Walker { party, radius_m, at, velocity, yaw_rad, present });
            }
            crowd.parties.push(Party {
                trigger: Trigger::new(spec.begins, start),
                route,
                behaviour: spec.behaviour,
                speed_mps: spec.speed_mps(),
                appears: spec.appears,
                leaves: spec.leaves,
                phase: Phase::Waits,
            });
        }
        Ok((crowd, names))
    }

    pub(super) fn motions(&self) -> impl Iterator<Item = Motion> + '_ {
        self.walkers.iter().enumerate().map(|(i, w)| {
            if w.present {
                Motion { pose: Pose2::new(w.at.x_m, w.at.y_m, w.yaw_rad), v_mps: w.velocity.norm() }
            } else {
                // Everybody has a place of their own out there.
                Motion { pose: Pose2::new(AWAY_M, -10.0 * (i + 1) as f64, 0.0), v_mps: 0.0 }
            }
        })
    }

    pub(super) fn radius_m(&self, walker: usize) -> f64 {
        self.walkers.get(walker).map_or(0.0, |w| w.radius_m)
    }

    /// One physics period of `dt_s` that ends at `at`.
    pub(super) fn step(&mut self, at: Span, dt_s: f64, seen: &Surroundings<'_>) {
        if self.decided.is_none_or(|last| at - last >= DECISION) {
            self.decided = Some(at);
            self.decide(at, seen);
        }
        for i in 0..self.walkers.len() {
            self.walk(i, dt_s, seen);
        }
    }

    /// Middle of a party and how many they are.
    fn middle(&self, party: usize) -> (Point2, f64) {
        let (mut x, mut y, mut n) = (0.0, 0.0, 0.0);
        for w in self.walkers.iter().filter(|w| w.party == party) {
            (x, y, n) = (x + w.at.x_m, y + w.at.y_m, n + 1.0);
        }
        (Point2::new(x / f64::max(n, 1.0), y / f64::max(n, 1.0)), n)
    }

    fn decide(&mut self, at: Span, seen: &Surroundings<'_>) {
        let middles: Vec<(Point2, f64)> = (0..self.parties.len()).map(|p| self.middle(p)).collect();
        // Places that somebody takes who appears in this decision.
        let mut taken: Vec<(Point2, f64)> = Vec::new();
        for (index, (party, (middle, members))) in self.parties.iter_mut().zip(&middles).enumerate() {
            let waits = party.appears && party.phase == Phase::Waits;
            let own = || self.walkers.iter().filter(|w| w.party == index).map(|w| (w.at, w.radius_m));
            // Nobody appears where somebody is.
            let free = !waits || {
                let there = self.walkers.iter().filter(|w| w.party != index && w.present);
                let there: Vec<_> = there.map(|w| (w.at, w.radius_m)).chain(taken.iter().copied()).collect();
                let apart = |at: Point2, radius_m: f64| {
                    there.iter().all(|(other, other_m)| other.distance_m(at) >= other_m + radius_m)
                };
                own().all(|(at, radius_m)| seen.leave_free(at, radius_m) && apart(at, radius_m))
            };
            party.advance(at, free, *middle, *members, &seen.robot);
            if waits && party.is_there() {
                taken.extend(own());
            }
        }
        let mut chosen = Vec::with_capacity(self.walkers.len());
        for (i, walker) in self.walkers.iter().enumerate() {
            let known = self.parties.get(walker.party).zip(middles.get(walker.party));
            let velocity = known.filter(|_| walker.present).map(|(party, (middle, members))| {
                let wanted = party.wanted(walker, *middle, *members, seen);
                self.permitted(i, walker, party, wanted, seen)
            });
            chosen.push(velocity.unwrap_or_default());
        }
        for (walker, velocity) in self.walkers.iter_mut().zip(chosen) {
            walker.present = self.parties.get(walker.party).is_some_and(Party::is_there);
            walker.velocity = velocity;
            if velocity.norm() > LOOKS_MPS {
                walker.yaw_rad = libm::atan2(velocity.y, velocity.x);
            }
        }
    }

    /// The velocity for the time until the next decision.
    fn permitted(&self, i: usize, me: &Walker, party: &Party, wanted: V2, seen: &Surroundings<'_>) -> V2 {
        let speed = HURRY * party.speed_mps;
        let walls = seen.walls.near(me.at, me.radius_m + speed * WALL_HORIZON_S);
        let panels = seen.panels.iter().map(|p| p.nearest(me.at));
        let hard: Vec<HalfPlane> = walls.chain(panels).filter_map(|at| wall(me, at)).collect();
        let mut soft = Vec::new();
        let mut meet = |disc: Disc, velocity: V2, horizon_s: f64, share: f64| {
            let offset = between(me.at, disc.centre);
            if offset.norm() < NEIGHBOUR_M + disc.radius_m {
                let reach_m = me.radius_m + disc.radius_m + COMFORT_M;
                let encounter = Encounter { offset, own: me.velocity, other: velocity, reach_m, share };
                soft.push(encounter.half_plane(horizon_s, PARTS_S));
            }
        };
        for (_, other) in self.walkers.iter().enumerate().filter(|(j, w)| *j != i && w.present) {
            meet(Disc { centre: other.at, radius_m: other.radius_m }, other.velocity, PEOPLE_HORIZON_S, 0.5);
        }
        for (disc, velocity) in seen.others {
            meet(*disc, *velocity, PEOPLE_HORIZON_S, 1.0);
        }
        let share = match party.behaviour {
            Behaviour::Yields => Some(1.0),
            Behaviour::Shares => Some(0.5),
            Behaviour::Blind | Behaviour::Hostile => None,
        };
        if let Some(share) = share {
            let robot = seen.robot.footprint.circumscribed_m();
            let disc = Disc { centre: seen.robot.pose.position(), radius_m: robot };
            meet(disc, seen.robot.velocity(), ROBOT_HORIZON_S, share);
        }
        choose(wanted, speed, &hard, &soft)
    }

    /// One step, unless it leads into somebody; as much of it as brings nobody who sees the robot too near to it.
    fn walk(&mut self, i: usize, dt_s: f64, seen: &Surroundings<'_>) {
        let Some(me) = self.walkers.get(i).filter(|w| w.present) else { return };
        let step = me.velocity.scaled(dt_s);
        let at = |part: f64| Point2::new(me.at.x_m + part * step.x, me.at.y_m + part * step.y);
        let sees = self.parties.get(me.party).is_some_and(Party::sees_the_robot);
        let least_m = if sees { KEEPS_M } else { -DEEPEST_M };
        let (now_m, then_m) = (seen.robot.gap_m(me.at, me.radius_m), seen.robot.gap_m(at(1.0), me.radius_m));
        let part = if then_m < least_m && then_m < now_m {
            ((now_m - least_m) / (now_m - then_m)).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let next = at(part);
        let others = self.walkers.iter().enumerate().filter(|(j, w)| *j != i && w.present);
        let walkers = others.map(|(_, w)| Disc { centre: w.at, radius_m: w.radius_m });
        let scripted = seen.others.iter().take(seen.scripted).map(|(disc, _)| *disc);
        let bumps = walkers.chain(scripted).any(|other| {
            let after = other.centre.distance_m(next);
            after < other.radius_m + me.radius_m && after < other.centre.distance_m(me.at)
        });
        if let Some(me) = self.walkers.get_mut(i) {
            if bumps || part < 1.0 {
                me.velocity = V2::default();
            }
            if !bumps {
                me.at = next;
            }
        }
    }
}

impl Party {
    fn is_there(&self) -> bool {
        match self.phase {
            Phase::Waits => !self.appears,
            Phase::Walks => true,
            Phase::Gone => false,
        }
    }

    fn sees_the_robot(&self) -> bool {
        matches!(self.behaviour, Behaviour::Yields | Behaviour::Shares)
    }

    /// Begins, takes the next waypoint, leaves.
    fn advance(&mut self, at: Span, free: bool, middle: Point2, members: f64, robot: &RobotNow<'_>) {
        if self.phase == Phase::Waits && self.trigger.has_begun(at, robot) && free {
            self.phase = Phase::Walks;
        }
        let near_m = ARRIVES_M + 0.2 * (members - 1.0);
        let follows = self.phase == Phase::Walks && self.behaviour != Behaviour::Hostile;
        if follows && middle.distance_m(self.route.target()) <= near_m {
            self.route.arrived(at);
            if self.leaves && self.route.is_done() {
                self.phase = Phase::Gone;
            }
        }
    }

    /// Where this one of the party would walk, were there nobody else.
    fn wanted(&self, me: &Walker, middle: Point2, members: f64, seen: &Surroundings<'_>) -> V2 {
        let hunts = self.behaviour == Behaviour::Hostile && self.phase == Phase::Walks;
        let (target, stops) = match self.phase {
            Phase::Walks if hunts => (seen.robot.pose.position(), false),
            Phase::Walks => (self.route.target(), self.route.stops_at_target()),
            _ => (self.route.start(), true),
        };
        let target =
            if hunts || self.phase == Phase::Waits || seen.walls.is_free(me.at, target, 0.9 * me.radius_m) {
                target
            } else {
                back_to_the_leg(me.at, self.route.before(), target)
            };
        let way = between(me.at, target);
        let far_m = way.norm();
        let slack_m = if members > 1.0 { 0.35 * members } else { 0.05 };
        let speed = if stops {
            self.speed_mps.min((2.0 * (far_m - slack_m).max(0.0)).sqrt())
        } else {
            self.speed_mps
        };
        let ahead = if far_m > 1e-6 { way.scaled(1.0 / far_m) } else { V2::default() };
        let aside = ahead + ahead.left().scaled(TO_THE_RIGHT_RAD);
        let mut wish = aside.scaled(speed);
        if members > 1.0 {
            // Who is ahead waits a little, who is behind hurries, and nobody strays.
            let off = between(middle, me.at);
            wish = wish.scaled((1.0 - 0.6 * off.dot(ahead)).clamp(0.3, HURRY));
            let stray_m = off.norm() - 0.4 * members;
            if stray_m > 0.0 {
                wish = wish - off.scaled(0.8 * stray_m.min(1.0) / off.norm());
            }
        }
        me.velocity + (wish - me.velocity).limited(ACCEL_MPS2 * DECISION.as_s())
    }
}

/// What a wall permits, from its distance and its nearest point: no nearer than touching within the horizon. It is
/// sound because outlines are convex: all of the wall lies behind the line through that point.
fn wall(me: &Walker, (distance_m, nearest): (f64, Point2)) -> Option<HalfPlane> {
    let outward = between(me.at, nearest).scaled(1.0 / distance_m);
    let room_m = (distance_m - me.radius_m - TOUCH_M).max(0.0);
    // Within it, as a door that forces its way may leave somebody, every way is out.
    (distance_m > 0.0).then_some(HalfPlane { outward, most: room_m / WALL_HORIZON_S })
}

fn between(from: Point2, to: Point2) -> V2 {
    V2::new(to.x_m - from.x_m, to.y_m - from.y_m)
}

/// The leg's point half a metre beyond the one that is nearest.
fn back_to_the_leg(at: Point2, from: Point2, to: Point2) -> Point2 {
    let leg = between(from, to);
    let length_m = leg.norm().max(1e-9);
    let along_m = (between(from, at).dot(leg) / length_m + 0.5).clamp(0.0, length_m);
    let part = along_m / length_m;
    Point2::new(from.x_m + part * leg.x, from.y_m + part * leg.y)
}

/// Places for all members of a party: side by side, else one behind the other.
fn places(
    spec: &ActorSpec,
    start: Point2,
    yaw_rad: f64,
    radius_m: f64,
    walls: &Walls,
) -> Result<Vec<Point2>, SimError> {
    let from_start = Pose2::new(start.x_m, start.y_m, yaw_rad);
    let apart_m = 2.0 * radius_m + 0.15;
    let row: Vec<Point2> = (0..spec.members)
        .map(|i| from_start.apply(Point2::new(0.0, apart_m * (0.5 * (spec.members - 1) as f64 - i as f64))))
        .collect();
    let file: Vec<Point2> =
        (0..spec.members).map(|i| from_start.apply(Point2::new(-apart_m * i as f64, 0.0))).collect();
    let free = |all: &[Point2]| all.iter().all(|p| walls.is_free(*p, *p, radius_m));
    match [row, file].into_iter().find(|all| free(all)) {
        Some(all) => Ok(all),
        None => Err(SimError::Actor {
            name: spec.name.clone(),
            reason: format!(
                "no room for {} at ({}, {}) m, neither side by side nor one behind the other",
                spec.members, start.x_m, start.y_m
            ),
        }),
    }
}
