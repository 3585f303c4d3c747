//! Picks the command: the wish when its braking tail is clear, else the best of a fixed list, else a stop.
//!
//! A tail is clear when it keeps the margins, or when it comes no nearer to anything than braking at once would, or, to who
//! moves, than resting here: a robot that stands closer than the margin may still turn or drive away. Assurance asks for the same.

use super::cover::FootprintCover;
use super::moving::{Inflation, Moving};
use super::tail::{BrakeModel, braking_tail};
use crate::config::SafetyConfig;
use outrider_foundation::data::{Alternative, TrajectoryPoint};
use outrider_foundation::grid::CostGrid;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Footprint, Point2, Pose2, Robot, Twist2};

/// Distances from obstacles are not resolved beyond this, m.
const CLEARANCE_CAP_M: f64 = 0.5;
/// Leaving a contact has to gain this much by the end of the tail, m.
const ESCAPE_GAIN_M: f64 = 1e-4;
/// So much less than at rest still counts as no nearer, m.
const UNCHANGED_M: f64 = 1e-6;
/// The same at a creep: what the noise of the measured turn rate makes of a way alongside somebody, m. Assurance, which measures for
/// itself, allows `margins.creep_m`, which is twice that.
const UNCHANGED_CREEPING_M: f64 = 1e-3;
/// No faster than this is a creep, as for assurance, m/s.
pub const CREEP_MPS: f64 = 0.1;
/// Slower than this counts as standing, m/s or rad/s.
const STANDING: f64 = 1e-3;

/// The moment that is decided about.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Pose of the base in the grid's frame, now.
    pub pose: Pose2,
    /// The measured velocity.
    pub measured: Twist2,
    /// The velocity that the robot is commanded to have at present.
    pub last: Twist2,
    /// Time since that command, s.
    pub dt_s: f64,
    /// What stands.
    pub grid: &'a CostGrid,
    /// What moves.
    pub moving: &'a [Moving<'a>],
}

/// What the follower would like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Speed to reach.
    pub v_mps: f64,
    /// Turn rate, or curvature when `curve` is set.
    pub turn: f64,
    /// `turn` is a curvature in 1/m: the turn rate follows from the speed.
    pub curve: bool,
}

/// How a tail fares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Least distance to what stands, m; −∞ beyond the grid.
    pub static_m: f64,
    /// The robot's pose at that place.
    pub static_pose: Pose2,
    /// The same at the beginning and at the end only.
    pub static_start_m: f64,
    /// At the end.
    pub static_end_m: f64,
    /// Least distance to a track's disc, m.
    pub track_m: f64,
    /// Least surplus of it over what is asked for: the margin, but no more than the robot would have at rest at that moment,
    /// m. A disc grows with time, so that whoever stands close could otherwise never be left.
    pub track_surplus_m: f64,
    /// Which, as an index into [`Situation::moving`], and when.
    pub track: Option<(usize, f64)>,
}

/// What is in the way: a place, a tracked object, or both; neither when there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blocker {
    /// Where, in the grid's frame.
    pub at: Option<Point2>,
    /// Which track; zero for none.
    pub track_id: u64,
}

impl Blocker {
    /// Something that stands there.
    pub const fn place(at: Point2) -> Self {
        Self { at: Some(at), track_id: 0 }
    }

    /// A tracked object.
    pub const fn track(moving: &Moving<'_>) -> Self {
        Self { at: Some(moving.track.position), track_id: moving.track.id }
    }
}

/// What was picked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The velocity.
    pub twist: Twist2,
    /// Its braking tail.
    pub tail: Vec<TrajectoryPoint>,
    /// In a few words.
    pub chosen: String,
    /// What was tried before.
    pub alternatives: Vec<Alternative>,
    /// What forbids the wish; empty when it was granted.
    pub blocked_by: String,
    /// The same as a place or a track.
    pub blocker: Blocker,
}

/// A wish that is not granted.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What forbids it, in a few words.
    pub blocked_by: String,
    /// The same as a place or a track.
    pub blocker: Blocker,
    /// The command that it came to.
    first: Twist2,
    /// What is left to do: braking, how that fares, and its tail.
    brake: Twist2,
    stop: Option<Judgement>,
    stop_tail: Vec<TrajectoryPoint>,
}

/// A glance at a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// It would be granted.
    pub clear: bool,
    /// Whom it brings nearer than the margin: an index into [`Situation::moving`].
    pub near: Option<usize>,
}

/// Judges and picks.
#[derive(Clone, Debug)]
pub struct Guard {
    footprint: Footprint,
    cover: FootprintCover,
    limits: DriveLimits,
    config: SafetyConfig,
    model: BrakeModel,
    inflation: Inflation,
    scratch: Vec<TrajectoryPoint>,
}

impl Guard {
    /// For a robot, and its outline as discs.
    pub fn new(robot: &Robot, config: &SafetyConfig, cover: FootprintCover) -> Self {
        Self {
            footprint: robot.footprint.clone(),
            cover,
            limits: robot.limits,
            config: config.clone(),
            model: BrakeModel::new(&robot.limits, config.reaction_s, config.brake_share),
            inflation: Inflation {
                sigma_gain: config.sigma_gain,
                sigma_cap_m: config.sigma_cap_m,
                unseen_growth_mps: config.unseen_growth_mps,
            },
            scratch: Vec::new(),
        }
    }

    /// Distance kept from what stands, m.
    pub const fn margin_m(&self) -> f64 {
        self.config.margin_m
    }

    /// The robot's limits.
    pub const fn limits(&self) -> &DriveLimits {
        &self.limits
    }

    /// The outline.
    pub const fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// The outline as discs.
    pub const fn cover(&self) -> &FootprintCover {
        &self.cover
    }

    /// Distance from the outline to what stands, m, as far as it matters; −∞ beyond the grid.
    pub fn clearance_m(&self, grid: &CostGrid, pose: Pose2) -> f64 {
        self.cover.clearance_m(grid, pose, CLEARANCE_CAP_M).unwrap_or(f64::NEG_INFINITY)
    }

    /// The tail of a stop from the measured velocity; needs no knowledge of the world.
    pub fn stop_tail(&self, measured: Twist2) -> Vec<TrajectoryPoint> {
        let mut tail = Vec::new();
        if !braking_tail(measured, Twist2::ZERO, true, &self.model, &mut tail) {
            tail.truncate(1);
            tail.push(TrajectoryPoint { t_s: self.model.reaction_s, ..TrajectoryPoint::default() });
        }
        tail
    }

    /// The velocity one step towards a wish, within the robot's limits.
    pub fn towards(&self, wish: Wish, last: Twist2, dt_s: f64) -> Twist2 {
        let limits = &self.limits;
        let wanted = wish.v_mps.clamp(limits.v_min_mps, limits.v_max_mps);
        let slower = last.v_mps * wanted >= 0.0 && wanted.abs() < last.v_mps.abs();
        let rate = if slower || last.v_mps * wanted < 0.0 { limits.decel_mps2 } else { limits.accel_mps2 };
        let v_mps = step(last.v_mps, wanted, rate * dt_s);
        let w = if wish.curve { v_mps * wish.turn } else { wish.turn };
        let w_radps =
            step(last.w_radps, w.clamp(-limits.w_max_radps, limits.w_max_radps), limits.alpha_radps2 * dt_s);
        Twist2 { v_mps, w_radps }
    }

    /// One step of braking that keeps the curvature.
    fn brake(&self, last: Twist2, dt_s: f64) -> Twist2 {
        let stop_s =
            (last.v_mps.abs() / self.limits.brake_mps2).max(last.w_radps.abs() / self.limits.alpha_radps2);
        let share = if stop_s > dt_s { 1.0 - dt_s / stop_s } else { 0.0 };
        Twist2::new(last.v_mps * share, last.w_radps * share)
    }

    /// Judges the tail of a command, which is left in the scratch buffer. `None` when it is too long to be judged.
    fn judge(&mut self, s: &Situation<'_>, command: Twist2, braking: bool) -> Option<Judgement> {
        let mut tail = std::mem::take(&mut self.scratch);
        let fits = braking_tail(s.measured, command, braking, &self.model, &mut tail);
        let v_mps = command.v_mps.abs();
        let creeps = v_mps > STANDING && v_mps.max(s.measured.v_mps.abs()) <= CREEP_MPS;
        let unchanged_m = if creeps { UNCHANGED_CREEPING_M } else { UNCHANGED_M };
        let judgement = fits.then(|| self.judge_tail(s, &tail, unchanged_m));
        self.scratch = tail;
        judgement
    }

    fn judge_tail(&self, s: &Situation<'_>, tail: &[TrajectoryPoint], unchanged_m: f64) -> Judgement {
        let mut judgement = Judgement {
            static_m: f64::INFINITY,
            static_pose: s.pose,
            static_start_m: f64::INFINITY,
            static_end_m: f64::INFINITY,
            track_m: f64::INFINITY,
            track_surplus_m: f64::INFINITY,
            track: None,
        };
        let margin_m = self.config.track_margin_m;
        for (i, point) in tail.iter().enumerate() {
            let pose = s.pose.then(point.pose);
            let static_m = self.clearance_m(s.grid, pose);
            if i == 0 {
                judgement.static_start_m = static_m;
            }
            judgement.static_end_m = static_m;
            if static_m < judgement.static_m {
                judgement.static_m = static_m;
                judgement.static_pose = pose;
            }
            for (index, moving) in s.moving.iter().enumerate() {
                let track_m = moving.clearance_m(&self.footprint, pose, point.t_s, &self.inflation);
                if track_m < margin_m + judgement.track_surplus_m {
                    let at_rest_m = moving.clearance_m(&self.footprint, s.pose, point.t_s, &self.inflation);
                    let asked_m = margin_m.min(at_rest_m - unchanged_m);
                    judgement.track_surplus_m = judgement.track_surplus_m.min(track_m - asked_m);
                }
                if track_m < judgement.track_m {
                    judgement.track_m = track_m;
                    judgement.track = Some((index, point.t_s));
                }
            }
        }
        judgement
    }

    fn keeps_margins(&self, j: &Judgement) -> bool {
        j.static_m >= self.config.margin_m && j.track_m >= self.config.track_margin_m
    }

    /// Keeps the margins, or comes no nearer than braking at once, and to who moves than resting here; out of contact only by
    /// leaving it.
    fn allowed(&self, j: &Judgement, stop: &Judgement) -> bool {
        let static_ok = if stop.static_m == f64::NEG_INFINITY {
            // Beyond the grid nothing is nearer or farther: there is no contact to leave.
            j.static_m >= self.config.margin_m
        } else if stop.static_m < 0.0 {
            j.static_m >= stop.static_m && j.static_end_m >= j.static_start_m + ESCAPE_GAIN_M
        } else {
            j.static_m >= self.config.margin_m.min(stop.static_m)
        };
        let no_nearer = j.track_m >= self.config.track_margin_m.min(stop.track_m);
        static_ok && (no_nearer || j.track_surplus_m >= 0.0)
    }

    /// What forbids a tail, in a few words, and where it is.
    fn describe(&self, s: &Situation<'_>, j: Option<&Judgement>) -> (String, Blocker) {
        let Some(j) = j else { return ("braking tail too long".to_string(), Blocker::default()) };
        if j.track_m < self.config.track_margin_m
            && let Some((index, _)) = j.track
            && let Some(moving) = s.moving.get(index)
        {
            let none = Inflation { sigma_gain: 0.0, sigma_cap_m: 0.0, unseen_growth_mps: 0.0 };
            let distance_m = moving.clearance_m(&self.footprint, s.pose, 0.0, &none);
            let text = format!("{} at {:.1} m", moving.name(), distance_m.max(0.0));
            return (text, Blocker::track(moving));
        }
        if j.static_m == f64::NEG_INFINITY {
            return ("edge of the local grid".to_string(), Blocker::default());
        }
        let blocker = Blocker::place(j.static_pose.position());
        let way_m = j.static_pose.position().distance_m(s.pose.position());
        if j.static_start_m < 0.0 {
            return ("contact with an obstacle".to_string(), blocker);
        }
        let (x_m, y_m) = (j.static_pose.x_m, j.static_pose.y_m);
        (format!("obstacle {way_m:.2} m ahead at ({x_m:.2}, {y_m:.2})"), blocker)
    }

    /// The command for a wish when its braking tail is clear; nothing else is tried.
    ///
    /// # Errors
    /// What forbids it.
    #[allow(clippy::result_large_err, reason = "one a decision, moved once; a box would be an allocation")]
    pub fn grant(&mut self, s: &Situation<'_>, wish: Wish) -> Result<Choice, Refusal> {
        let first = self.towards(wish, s.last, s.dt_s);
        let first_judgement = self.judge(s, first, false);
        let granted = |guard: &Self| Choice {
            twist: first,
            tail: guard.scratch.clone(),
            chosen: format!("v {:.2} m/s, w {:.2} rad/s", first.v_mps, first.w_radps),
            ..Choice::default()
        };
        if first_judgement.is_some_and(|j| self.keeps_margins(&j)) {
            return Ok(granted(self));
        }
        let brake = self.brake(s.last, s.dt_s);
        let stop = self.judge(s, brake, true);
        let stop_tail = match stop {
            Some(_) => self.scratch.clone(),
            None => self.stop_tail(s.measured),
        };
        let still = first.v_mps.abs() < STANDING && first.w_radps.abs() < STANDING;
        if let (Some(j), Some(stop)) = (first_judgement, stop)
            && (self.allowed(&j, &stop) || still)
        {
            let _ = self.judge(s, first, false);
            return Ok(granted(self));
        }
        let (blocked_by, blocker) = self.describe(s, first_judgement.as_ref());
        Err(Refusal { blocked_by, blocker, first, brake, stop, stop_tail })
    }

    /// How the tail of this velocity fares, were it reached at once.
    pub fn look(&mut self, s: &Situation<'_>, twist: Twist2) -> Look {
        let Some(judgement) = self.judge(s, twist, false) else { return Look { clear: false, near: None } };
        let within = judgement.track_m < self.config.track_margin_m;
        let near = judgement.track.map(|(index, _)| index).filter(|_| within);
        let clear = self.keeps_margins(&judgement) || {
            let brake = self.brake(s.last, s.dt_s);
            self.judge(s, brake, true).is_some_and(|stop| self.allowed(&judgement, &stop))
        };
        Look { clear, near }
    }

    /// Picks the command for a wish.
    pub fn choose(&mut self, s: &Situation<'_>, wish: Wish) -> Choice {
        let refusal = match self.grant(s, wish) {
            Ok(choice) => return choice,
            Err(refusal) => refusal,
        };
        let Refusal { blocked_by, blocker, first, brake, stop, stop_tail } = refusal;
        let mut alternatives = vec![rejected(first, &blocked_by)];
        if let Some(stop) = stop
            && let Some((twist, tail)) = self.best(s, wish, first, &stop, &mut alternatives)
        {
            let chosen = format!("instead v {:.2} m/s, w {:.2} rad/s", twist.v_mps, twist.w_radps);
            return Choice { twist, tail, chosen, alternatives, blocked_by, blocker };
        }
        let chosen = "stop".to_string();
        Choice { twist: brake, tail: stop_tail, chosen, alternatives, blocked_by, blocker }
    }

    /// The cheapest allowed command of the fixed list.
    fn best(
        &mut self,
        s: &Situation<'_>,
        wish: Wish,
        first: Twist2,
        stop: &Judgement,
        alternatives: &mut Vec<Alternative>,
    ) -> Option<(Twist2, Vec<TrajectoryPoint>)> {
        let mut best: Option<(f64, Twist2, Vec<TrajectoryPoint>)> = None;
        let mut tried = vec![first];
        for (candidate, cost) in Self::candidates(wish) {
            let twist = self.towards(candidate, s.last, s.dt_s);
            if tried.contains(&twist) {
                continue;
            }
            tried.push(twist);
            let judgement = self.judge(s, twist, false);
            if !judgement.is_some_and(|j| self.allowed(&j, stop)) {
                let (why, _) = self.describe(s, judgement.as_ref());
                alternatives.push(rejected(twist, &why));
                continue;
            }
            let dearer = if best.as_ref().is_none_or(|(least, _, _)| cost < *least) {
                best.replace((cost, twist, self.scratch.clone())).map(|(cost, twist, _)| (cost, twist))
            } else {
                Some((cost, twist))
            };
            alternatives
                .extend(dearer.map(|(cost, twist)| Alternative { cost, ..rejected(twist, "dearer") }));
        }
        best.map(|(_, twist, tail)| (twist, tail))
    }

    /// Slower ones and other turns, by a fixed cost: braking is dearer than a slight turn, and cheaper than a sharp one.
    fn candidates(wish: Wish) -> Vec<(Wish, f64)> {
        let mut list = Vec::with_capacity(24);
        if wish.curve {
            for (share, slow) in [(1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75)] {
                for (offset, turn) in [(0.0, 0.0), (0.3, 0.45), (-0.3, 0.46), (0.8, 0.9), (-0.8, 0.91)] {
                    let candidate = Wish { v_mps: wish.v_mps * share, turn: wish.turn + offset, curve: true };
                    list.push((candidate, slow + turn));
                }
            }
        } else {
            for (share, cost) in [(0.5, 0.5), (0.25, 0.75)] {
                list.push((Wish { turn: wish.turn * share, ..wish }, cost));
            }
        }
        list
    }
}

fn rejected(twist: Twist2, why: &str) -> Alternative {
    Alternative {
        name: format!("v {:.2} m/s, w {:.2} rad/s", twist.v_mps, twist.w_radps),
        cost: f64::INFINITY,
        rejected_because: why.to_string(),
    }
}

/// `from`, at most `by` nearer to `to`.
fn step(from: f64, to: f64, by: f64) -> f64 {
    from + (to - from).clamp(-by, by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::robot::example;

    #[test]
    fn beyond_the_grid_there_is_no_contact_to_escape_from() {
        let robot = Robot::new(example::amr()).unwrap();
        let config: crate::Config =
            outrider_yaml::from_str_valid(include_str!("../../../../config/planner.yaml")).unwrap();
        let mut guard = Guard::new(&robot, &config.safety, FootprintCover::new(&robot.footprint));
        let grid = CostGrid {
            resolution_m: 0.05,
            width: 80,
            height: 80,
            cost: vec![0; 6400],
            distance_sq: vec![u16::MAX; 6400],
            ..CostGrid::default()
        };
        let drives = |guard: &mut Guard, x_m: f64| {
            let s = Situation {
                pose: Pose2::new(x_m, 2.0, 0.0),
                measured: Twist2::ZERO,
                last: Twist2::ZERO,
                dt_s: 0.025,
                grid: &grid,
                moving: &[],
            };
            let choice = guard.choose(&s, Wish { v_mps: 0.5, turn: 0.0, curve: true });
            (choice.twist != Twist2::ZERO, choice.blocked_by)
        };
        assert_eq!(drives(&mut guard, 2.0), (true, String::new()));
        // Outside, far and near.
        for x_m in [9.0, 4.1] {
            assert_eq!(drives(&mut guard, x_m), (false, "edge of the local grid".to_string()));
        }
    }
}
