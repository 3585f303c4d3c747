//! The slow way out: so that a robot that stands where it may not be is not wedged there for ever.
//!
//! A robot in an exclusion zone, or nearer to something than the margin, is stopped by the very rules that keep it away
//! from such places. When the planner has wanted to go on for a while and was refused, one of a few fixed slow motions
//! takes it out: one that brings it nearer to nothing that is too near already, and farther from what wedges it. It is
//! reckoned and verified anew for every command, runs within an envelope of its own, and ends when the ordinary rules
//! are kept again, when nobody wants to go any more, or when it has cost its distance. Then an operator has to drive.

use crate::backup::{Backup, Controller};
use crate::clearance::FAR_M;
use crate::cloud::Seen;
use crate::command_checks::{Bench, Purpose};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::is_zero;
use crate::zones::Near as _;
use outrider_foundation::data::Envelope;
use outrider_foundation::{Instant, Point2, Pose2, Span, Twist2};

/// How far ahead a candidate is looked at first, s. Of those that lead on for less, the reaction time decides.
const AHEAD_S: f64 = 2.0;
/// A candidate has to gain at least this much, m.
const GAIN_MIN_M: f64 = 0.002;
/// It ends when there is so much more room than what is asked for, m: then it does not begin again at once.
const CLEAR_M: f64 = 0.02;
/// Times that it may begin before somebody has to see to it.
const TRY_LIMIT: u32 = 10;
/// Longest time between two commands that counts, s.
const STEP_LIMIT_S: f64 = 0.1;

/// What wedges the robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wedge {
    pub part: Part,
    /// Distance from it.
    pub value_m: f64,
    /// Distance that is asked for.
    pub limit_m: f64,
}

/// Why a way out has ended, or was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clear,
    /// An ordinary command passes again.
    Passed,
    NotWanted,
    EmergencyStop,
    Disarmed,
    /// A rule that has nothing to do with the place.
    Fault(Rule),
    NoWay,
    Spent,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Note {
    /// It begins, with this velocity, after this time of refusals.
    Begins(Wedge, Twist2, f64),
    /// It has ended after this way.
    Ended(End, f64),
    /// There is none.
    None(Wedge, End),
}

/// A proposal that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Somebody wants to go: it is a planner's genuine command, and not to stand.
    pub wanted: bool,
    /// What forbids every way out.
    pub forbidden: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Drive {
    candidate: usize,
    twist: Twist2,
    last: Instant,
}

/// Whether it drives, and what has led to that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WayOut {
    /// First and last of the refusals that follow each other closely.
    refused: Option<(Instant, Instant)>,
    drive: Option<Drive>,
    /// Way of the outline's fastest corner since a command of the planner has passed.
    spent_m: f64,
    tries: u32,
    /// What was told last of there being none.
    told: Option<End>,
}

impl WayOut {
    /// Whether it goes on although an ordinary command would pass: one that is the other way passes as long as the robot
    /// still moves out, and would only undo it.
    pub fn goes_on(&self, bench: &Bench<'_>, moves: bool) -> bool {
        self.drive.is_some() && moves && Site::new(bench).wedge(bench, CLEAR_M).is_some()
    }

    /// A proposal, or as much of it as the limits allow, was permitted.
    pub fn permitted(&mut self, moves: bool) -> Option<Note> {
        let spent_m = self.spent_m;
        if moves {
            let was = std::mem::take(self);
            return was.drive.map(|_| Note::Ended(End::Passed, spent_m));
        }
        self.drive.take().map(|_| Note::Ended(End::NotWanted, spent_m))
    }

    /// Ends it when its planner has fallen silent, or `stopped` in an emergency.
    pub fn expire(&mut self, now: Instant, silence: Span, stopped: bool) -> Option<Note> {
        let drive = self.drive?;
        let end = if stopped { End::EmergencyStop } else { End::NotWanted };
        (stopped || now.since(drive.last) > silence).then(|| self.end(end)).flatten()
    }

    /// What to do about a refused proposal: the next command of the way out, if there is to be one. `bench` has its envelope.
    pub fn step(&mut self, bench: &Bench<'_>, refused: Refused) -> (Option<Backup>, Option<Note>) {
        let (now, config) = (bench.now.mono, &bench.config.way_out);
        self.spend(bench);
        if refused.forbidden == Some(End::Disarmed) {
            // An operator has been there since.
            let note = self.end(End::Disarmed);
            *self = Self::default();
            return (None, note);
        }
        if !refused.wanted {
            return (None, self.end(End::NotWanted));
        }
        let gap = Span::from_s(bench.config.episode_gap_s);
        let since = self.refused.filter(|(_, last)| now.since(*last) <= gap).map_or(now, |(since, _)| since);
        self.refused = Some((since, now));
        if let Some(end) = refused.forbidden {
            return (None, self.start_anew(end));
        }
        let extra_m = if self.drive.is_some() { CLEAR_M } else { 0.0 };
        let site = Site::new(bench);
        let Some(wedge) = site.wedge(bench, extra_m) else {
            return (None, self.start_anew(End::Clear));
        };
        let waited_s = now.since(since).as_s();
        let rests = is_zero(bench.known.twist(bench.config));
        if self.drive.is_none() && (!rests || waited_s < config.after_s) {
            return (None, None);
        }
        if self.spent_m >= config.distance_max_m || (self.drive.is_none() && self.tries >= TRY_LIMIT) {
            return (None, self.give_up(wedge, End::Spent));
        }
        let Some((candidate, backup)) = site.choose(bench, wedge.part, self.drive.map(|d| d.candidate))
        else {
            return (None, self.give_up(wedge, End::NoWay));
        };
        let begins = self.drive.is_none();
        self.drive = Some(Drive { candidate, twist: backup.twist, last: now });
        if begins {
            self.tries = self.tries.saturating_add(1);
            self.told = None;
        }
        let note = begins.then_some(Note::Begins(wedge, backup.twist, waited_s));
        (Some(backup), note)
    }

    /// The way since the last command, by what was commanded or by what is measured, whichever is more.
    fn spend(&mut self, bench: &Bench<'_>) {
        let Some(drive) = self.drive else { return };
        let corner_m = bench.robot.footprint.circumscribed_m();
        let speed = |t: Twist2| t.v_mps.abs() + corner_m * t.w_radps.abs();
        let dt_s = bench.now.mono.since(drive.last).as_s().clamp(0.0, STEP_LIMIT_S);
        self.spent_m += dt_s * speed(drive.twist).max(speed(bench.known.odometry.twist));
    }

    /// Only refusals that a way out could help are waited for.
    fn start_anew(&mut self, end: End) -> Option<Note> {
        let note = self.end(end);
        self.refused = None;
        note
    }

    /// Ends it when it drives; it has to be asked for anew.
    fn end(&mut self, end: End) -> Option<Note> {
        self.drive.take()?;
        self.refused = None;
        Some(Note::Ended(end, self.spent_m))
    }

    /// Ends it, or says once that there is none; asks again after the same time.
    fn give_up(&mut self, wedge: Wedge, end: End) -> Option<Note> {
        let known = self.told == Some(end);
        self.told = Some(end);
        let ended = self.end(end);
        self.refused = None;
        ended.or((!known).then_some(Note::None(wedge, end)))
    }
}

/// Limits of a way out: no wider than those of the mode, unless that is a stop.
pub(crate) fn envelope(bench: &Bench<'_>, stopped: bool) -> Envelope {
    let (of_mode, limits, config) = (bench.envelope, &bench.robot.limits, &bench.config.way_out);
    let wide = if stopped {
        (limits.v_max_mps, limits.v_min_mps, limits.w_max_radps)
    } else {
        (of_mode.v_max_mps, of_mode.v_min_mps, of_mode.w_max_radps)
    };
    Envelope {
        v_max_mps: wide.0.min(config.v_max_mps),
        v_min_mps: wide.1.max(-config.v_max_mps),
        w_max_radps: wide.2.min(config.w_max_radps),
        ..of_mode
    }
}

/// The candidates, in the order in which equals are taken: ahead, back, arcs, turns on the spot.
fn candidates(e: &Envelope) -> [Twist2; 8] {
    let (v, back, w) = (e.v_max_mps, e.v_min_mps, e.w_max_radps);
    [(v, 0.0), (back, 0.0), (v, w), (v, -w), (back, w), (back, -w), (0.0, w), (0.0, -w)]
        .map(|(v_mps, w_radps)| Twist2 { v_mps, w_radps })
}

/// Where the robot stands.
struct Site {
    points: Vec<Point2>,
    /// With a pose in the map only.
    map_from_base: Option<Pose2>,
}

impl Site {
    fn new(bench: &Bench<'_>) -> Self {
        let seen = bench.known.points_at(bench.now.ros);
        let apply = |seen: Seen<'_>| {
            seen.cloud.points().iter().map(|p| seen.base_from_points.apply(*p)).collect::<Vec<_>>()
        };
        let points = seen.map(apply).unwrap_or_default();
        let base_from_world = bench.known.base_from_world(bench.now.ros);
        let map_from_base = base_from_world.filter(|_| bench.known.world.localised).map(Pose2::inverse);
        Self { points, map_from_base }
    }

    /// What the robot is too near to: zones first, the one that is short of its distance by most.
    fn wedge(&self, bench: &Bench<'_>, extra_m: f64) -> Option<Wedge> {
        // What an unsure position adds beyond as much again is no reason to move: moving does not make it surer.
        let limit_m = bench.zone_margin_m().min(2.0 * bench.config.margins.zone_m);
        let of_zone = |(index, (_, polygon)): (usize, &(String, outrider_foundation::polygon::Polygon))| {
            let at = polygon.nearness(&bench.robot.footprint, self.map_from_base?, FAR_M);
            Some(Wedge { part: Part::Exclusion(index), value_m: at.distance_m, limit_m })
        };
        let zones = bench.zones.exclusion.iter().enumerate().filter_map(of_zone);
        let value_m = self.nearest_m(bench, Pose2::IDENTITY);
        let scan = Wedge { part: Part::Text("scan"), value_m, limit_m: bench.config.margins.scan_m };
        let nearest = zones.min_by(|a, b| a.value_m.total_cmp(&b.value_m));
        nearest.into_iter().chain([scan]).find(|w| w.value_m < w.limit_m + extra_m)
    }

    /// Distance of the nearest scan point from the outline at a pose.
    fn nearest_m(&self, bench: &Bench<'_>, pose: Pose2) -> f64 {
        let pose_from_base = pose.inverse().for_many();
        let footprint = &bench.robot.footprint;
        self.points.iter().fold(FAR_M, |least_m, point| {
            let p = pose_from_base.apply(*point);
            if footprint.is_surely_farther(p, least_m.max(0.0)) {
                return least_m;
            }
            least_m.min(footprint.signed_distance_m(p))
        })
    }

    /// Distance from what wedges the robot at a pose; for a zone that of the base, which turning does not change.
    fn distance_m(&self, bench: &Bench<'_>, part: Part, pose: Pose2) -> f64 {
        match (part, self.map_from_base) {
            (Part::Exclusion(index), Some(map_from_base)) => {
                let place = map_from_base.apply(pose.position());
                bench.zones.exclusion.get(index).map_or(f64::NAN, |(_, p)| p.signed_distance_m(place))
            }
            _ => self.nearest_m(bench, pose),
        }
    }

    /// The candidate that is taken as long as it leads on, else the one that leads farthest.
    fn choose(&self, bench: &Bench<'_>, part: Part, taken: Option<usize>) -> Option<(usize, Backup)> {
        let candidates = candidates(&bench.envelope);
        let here_m = self.distance_m(bench, part, Pose2::IDENTITY);
        let reaction_s = bench.config.reaction_s(&bench.robot.limits);
        for ahead_s in [AHEAD_S.max(reaction_s), reaction_s] {
            let mut best: Option<(f64, usize, Backup)> = None;
            let order = taken.into_iter().chain(0..candidates.len());
            for (index, twist) in order.filter_map(|i| Some((i, *candidates.get(i)?))) {
                let Some(motion) = bench.motion(twist, ahead_s).filter(|_| !is_zero(twist)) else { continue };
                let end = motion.last().map_or(Pose2::IDENTITY, |m| m.pose);
                let gain_m = self.distance_m(bench, part, end) - here_m;
                if gain_m.is_nan() || gain_m <= best.as_ref().map_or(GAIN_MIN_M, |(most_m, ..)| *most_m) {
                    continue;
                }
                let passes = |r: &[Reading]| r.iter().all(Reading::is_ok);
                if !passes(&bench.judge_motion_as(twist, Some(&motion), Purpose::WayOut)) {
                    continue;
                }
                // What the gate may do with the permit.
                let motion = bench.motion(twist, reaction_s);
                let readings = bench.judge_motion_as(twist, motion.as_deref(), Purpose::WayOut);
                if !passes(&readings) {
                    continue;
                }
                let controller = Controller::WayOut;
                let backup = Backup { controller, twist, envelope: bench.envelope, readings };
                if Some(index) == taken {
                    return Some((index, backup));
                }
                best = Some((gain_m, index, backup));
            }
            if let Some((_, index, backup)) = best {
                return Some((index, backup));
            }
        }
        None
    }
}
