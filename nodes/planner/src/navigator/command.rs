//! What is driven now: the path or a maneuver within the limits in force, as a command.

use super::Navigator;
use super::beside::{Instead, Past, past_somebody};
use super::sampling::{Occasion, Sampled, Way};
use super::shaping::Shaping;
use crate::config::ExternalMode;
use crate::follow::{Outlook, SpeedLimit, Steering, Turning, turning};
use crate::maneuver::{Maneuver, UnderWay};
use crate::path::Path;
use crate::safety::{Blocker, CREEP_MPS, Choice, Guard, Moving, Situation, Wish};
use crate::search::OneWay;
use outrider_bt::Status;
use outrider_foundation::data::{Alternative, TrajectoryPoint, WorldModel};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Instant, Now, Pose2, Span, Twist2};

/// Speed of making room ahead for a turn, m/s.
const MAKE_ROOM_MPS: f64 = 0.1;

/// Who closed in so lately still does: slow ones are seen to stand and to move in turn, s.
const CLOSED_IN_S: f64 = 1.0;

/// The last of the way to the goal is the pursuit's, which hits a point better than samples do, m.
const PURSUIT_M: f64 = 0.5;

/// A command in the making.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// The choice, its braking tail and what was considered before.
    pub choice: Choice,
    /// What it is meant to lead to.
    pub trajectory: Vec<TrajectoryPoint>,
    /// What is done, in a few words.
    pub reason: String,
    /// What limits it; empty for nothing.
    pub constraint: String,
    /// What is in the way, as a place or a track.
    pub blocker: Blocker,
    /// Following the path, short of the turn at the goal: the velocity that it is heading for.
    pub target: Option<Twist2>,
}

impl Proposal {
    /// The pursuit's, because the sampling controller has none.
    fn fall_back(&mut self, why: &str, considered: Vec<Alternative>) {
        self.reason = format!("pursuit: {} ({why})", self.reason);
        if self.constraint.is_empty() {
            self.constraint = why.to_string();
        }
        self.choice.alternatives.splice(0..0, considered);
    }
}

/// The velocity that the next command starts from, and the limits in force.
#[derive(Clone, Debug, Default)]
pub struct Drive {
    /// Velocity commanded at present.
    pub last: Twist2,
    /// Time since then, s.
    pub dt_s: f64,
    /// Greatest speed.
    pub v_max_mps: f64,
    /// Greatest turn rate.
    pub w_max_radps: f64,
    /// Why these limits.
    pub why: String,
}

impl Drive {
    /// The same within a lower limit; `None` when it is not lower.
    pub fn below(&self, limit: SpeedLimit) -> Option<Self> {
        let lower = limit.v_mps < self.v_max_mps;
        lower.then(|| Self { v_max_mps: limit.v_mps, why: limit.reason, ..self.clone() })
    }
}

impl Navigator {
    /// Begins a maneuver, or goes on with the one that is under way, in this tick; succeeds at its end. It is measured by odometry: a
    /// jump of the localiser is no way that was driven.
    pub fn maneuver(&mut self, what: Maneuver, starts: bool) -> Status {
        let (pose, known) = (self.odom_pose(), self.maneuver.filter(|_| !starts));
        let mut maneuver = known.unwrap_or(UnderWay::new(what, pose));
        let left = maneuver.left(pose);
        if UnderWay::is_over(left) {
            self.maneuver = None;
            return Status::Success;
        }
        if starts && let Some(zone) = self.wrong_way(what) {
            self.forbidden = format!("it leads the wrong way through {zone}");
            return Status::Failure;
        }
        self.maneuver = Some(maneuver);
        self.maneuver_left = Some(left);
        Status::Running
    }

    /// The zone of one direction through which a maneuver would lead another way: assurance would not let it.
    fn wrong_way(&self, what: Maneuver) -> Option<&str> {
        let Maneuver::Straight { way_m, .. } = what else { return None };
        let world = self.world.as_ref().filter(|world| world.ego.frame == FrameId::Map)?;
        let (from, to) = (self.pose.position(), self.pose.then(Pose2::new(way_m, 0.0, 0.0)).position());
        let step_m = 0.5 * world.local.resolution_m;
        self.one_way.iter().find(|zone| zone.refuses(from, to, step_m)).map(OneWay::name)
    }

    /// The maneuver is over, or given up.
    pub fn end_maneuver(&mut self) {
        self.maneuver = None;
        self.maneuver_left = None;
    }

    /// A stop that rests on no knowledge of the world, from the last velocity known.
    pub fn blind_stop(&self, reason: String) -> Proposal {
        let tail = self.guard.stop_tail(self.measured());
        let choice = Choice { tail, chosen: "stop".to_string(), ..Choice::default() };
        let (trajectory, constraint) = (choice.tail.clone(), reason.clone());
        Proposal { trajectory, choice, constraint, reason, ..Proposal::default() }
    }

    /// The command for this moment. `hold` is the reason for standing still; without it the path is followed.
    pub fn propose(&mut self, drive: &Drive, hold: Option<String>, now: Now) -> Proposal {
        let slower = self.world.as_ref().and_then(|world| {
            let limit = self.outlook.close(self.pose, &Moving::beside(&world.tracks, self.age_s));
            limit.and_then(|limit| drive.below(limit))
        });
        let drive = slower.as_ref().unwrap_or(drive);
        let own = self.propose_own(drive, hold, now.mono);
        let mut proposal = match self.external.mode() {
            ExternalMode::Off => own,
            ExternalMode::Shadow | ExternalMode::Command => self.weigh(own, drive, now),
        };
        proposal.choice.alternatives.extend(self.weighed.take());
        let forced = !proposal.choice.blocked_by.is_empty();
        self.shaping.note(drive.last, proposal.choice.twist, drive.dt_s, forced);
        proposal
    }

    /// The moment, as the guard judges it.
    pub(super) fn situation<'a>(
        &self,
        world: &'a WorldModel,
        drive: &Drive,
        moving: &'a [Moving<'a>],
    ) -> Situation<'a> {
        Situation {
            pose: self.pose,
            measured: world.ego.twist,
            last: drive.last,
            dt_s: drive.dt_s,
            grid: &world.local,
            moving,
        }
    }

    fn propose_own(&mut self, drive: &Drive, hold: Option<String>, now: Instant) -> Proposal {
        let Some(world) = &self.world else { return self.blind_stop("no world model".to_string()) };
        let moving = Moving::all(&world.tracks, self.age_s);
        let situation = self.situation(world, drive, &moving);
        if let (Some(maneuver), Some(left), None) = (self.maneuver, self.maneuver_left, &hold) {
            let follow = &self.config.follow;
            let slowing = |most: f64, share: f64| most * share;
            let wish = maneuver.wish(
                left,
                slowing(self.guard.limits().decel_mps2, follow.decel_share),
                slowing(self.guard.limits().alpha_radps2, follow.rotate_decel_share),
            );
            let most = Twist2::new(drive.v_max_mps, drive.w_max_radps);
            let wish = UnderWay::limited(wish, most);
            let slower =
                past_somebody(&mut self.guard, &situation, wish, None, self.config.yielding.standing_mps);
            let wish = slower.map_or(wish, |past| past.wish);
            let choice = granted(&mut self.guard, &self.shaping, &situation, wish);
            let constraint = choice.blocked_by.clone();
            self.forbidden.clone_from(&constraint);
            let reason = match constraint.as_str() {
                "" => maneuver.reason(left),
                blocked => format!("{}: {blocked}", choice.chosen),
            };
            let (trajectory, blocker) = (choice.tail.clone(), choice.blocker);
            return Proposal { trajectory, choice, reason, constraint, blocker, target: None };
        }
        let path = self.path.as_ref().filter(|_| hold.is_none());
        let Some(path) = path else {
            let choice = self.guard.choose(&situation, Wish::default());
            let reason = hold.unwrap_or_else(|| "no path".to_string());
            let constraint = choice.blocked_by.clone();
            let (trajectory, blocker) = (choice.tail.clone(), choice.blocker);
            return Proposal { trajectory, choice, reason, constraint, blocker, target: None };
        };
        let clearance_m = |pose| self.guard.clearance_m(&world.local, pose);
        let steering = self.follower.steer(path, self.pose, world.ego.twist, clearance_m);
        let from_m = self.follower.progress_m();
        if let Some(limit) = self.outlook.closing_in(self.pose, &moving) {
            self.closed_in = Some((limit, now));
        }
        let recent = |at: Instant| now.since(at) < Span::from_s(CLOSED_IN_S);
        let closes_in = self.closed_in.as_ref().filter(|(_, at)| recent(*at)).map(|(limit, _)| limit);
        let (wish, limit) = if steering.rotating {
            turn(&steering, drive, &situation, closes_in, &self.guard, self.config.follow.reverse_mps)
        } else {
            limited(&steering, drive, &situation, path, from_m, &self.outlook, &self.guard)
        };
        let standing_mps = self.config.yielding.standing_mps;
        let instead = (steering.rotating && !steering.at_goal).then(|| {
            let zone = self.outlook.zones().ahead(path, from_m, CREEP_MPS);
            let v_max_mps = zone.map_or(drive.v_max_mps, |limit| limit.v_mps.min(drive.v_max_mps));
            Instead { by_rad: steering.error_rad, v_max_mps }
        });
        let past = past_somebody(&mut self.guard, &situation, wish, instead, standing_mps);
        let (wish, limit) = past.map_or((wish, limit), |past| (past.wish, past.into()));
        let mut refused = None;
        let ends = path.complete && path.length_m() - from_m < PURSUIT_M;
        match &mut self.sampling {
            Some(sampling) if !steering.rotating && !ends => {
                let occasion = Occasion { world: (world.boot_id, world.sequence), plan: self.plans };
                let beside_mps = steering.beside_mps;
                let way = Way { path, from_m, pursuit: wish, beside_mps, occasion, now };
                match sampling.decide(drive, &situation, way, &self.outlook, &self.shaping, &mut self.guard) {
                    Sampled::Granted(proposal) => return proposal,
                    Sampled::Refused(why, alternatives) => refused = Some((why, alternatives)),
                }
            }
            Some(sampling) => sampling.reset(),
            None => {}
        }
        let choice = granted(&mut self.guard, &self.shaping, &situation, wish);
        let blocked = !choice.blocked_by.is_empty();
        let trajectory = if steering.rotating || blocked {
            choice.tail.clone()
        } else {
            self.outlook.trajectory(path, from_m, self.pose, world.ego.twist, wish.v_mps)
        };
        let (reason, constraint) = if blocked {
            (format!("{}: {}", choice.chosen, choice.blocked_by), choice.blocked_by.clone())
        } else if limit.telling {
            (limit.reason.clone(), limit.reason)
        } else {
            ("following the path".to_string(), limit.reason)
        };
        let blocker = if blocked { choice.blocker } else { limit.blocker };
        let turn = if wish.curve { wish.v_mps * wish.turn } else { wish.turn };
        let target = (!steering.at_goal).then(|| Twist2::new(wish.v_mps, turn));
        let mut proposal = Proposal { choice, trajectory, reason, constraint, blocker, target };
        if let Some((why, alternatives)) = refused {
            proposal.fall_back(&why, alternatives);
        }
        proposal
    }
}

/// The command for a wish on the jerk-limited way there. Where the guard forbids that one, whatever is left is a ramp: no
/// limit of the jerk delays it.
fn granted(guard: &mut Guard, shaping: &Shaping, s: &Situation<'_>, wish: Wish) -> Choice {
    guard.grant(s, shaping.towards(wish, s.last, s.dt_s)).unwrap_or_else(|_| guard.choose(s, wish))
}

/// What binds a wish in the end.
struct Binding {
    reason: String,
    /// It says better what the robot does than "following the path".
    telling: bool,
    /// What is in the way.
    blocker: Blocker,
}

impl From<Past> for Binding {
    fn from(past: Past) -> Self {
        Self { reason: past.reason, telling: true, blocker: past.blocker }
    }
}

/// A turn on the spot where there is room and nobody closes in, else making room for it.
fn turn(
    steering: &Steering,
    drive: &Drive,
    s: &Situation<'_>,
    closes_in: Option<&SpeedLimit>,
    guard: &Guard,
    reverse_mps: f64,
) -> (Wish, Binding) {
    let wish = steering.wish;
    let may_move = !steering.at_goal;
    match turning(guard, s.grid, s.pose, steering.error_rad, may_move, reverse_mps > 0.0) {
        Turning::Spin { by_rad } => {
            if let Some(SpeedLimit { reason, blocker, .. }) = closes_in {
                let binding = Binding { reason: reason.clone(), telling: true, blocker: *blocker };
                return (Wish::default(), binding);
            }
            let turn = wish.turn.abs().min(drive.w_max_radps).copysign(by_rad);
            let reason = format!("turning to {}", steering.limit);
            (Wish { turn, ..wish }, Binding { reason, telling: true, blocker: Blocker::default() })
        }
        Turning::MakeRoom { way_m, curvature } => {
            let v_mps = if way_m < 0.0 { -reverse_mps } else { MAKE_ROOM_MPS };
            let reason = format!("making room to turn: {way_m:.2} m");
            let v_mps = v_mps.clamp(-drive.v_max_mps, drive.v_max_mps);
            let binding = Binding { reason, telling: true, blocker: Blocker::default() };
            (Wish { v_mps, turn: curvature, curve: true }, binding)
        }
    }
}

/// The pursuit's wish within the limits in force, of the path ahead, and of courtesy.
fn limited(
    steering: &Steering,
    drive: &Drive,
    s: &Situation<'_>,
    path: &Path,
    from_m: f64,
    outlook: &Outlook,
    guard: &Guard,
) -> (Wish, Binding) {
    let mut wish = steering.wish;
    let (reason, blocker) = (steering.limit.to_string(), Blocker::default());
    let mut binding = Binding { reason, telling: false, blocker };
    let mut apply = |wish: &mut Wish, v_mps: f64, reason: &str, blocker: Option<Blocker>| {
        if v_mps < wish.v_mps {
            wish.v_mps = v_mps;
            let (telling, blocker) = (blocker.is_some(), blocker.unwrap_or_default());
            binding = Binding { reason: reason.to_string(), telling, blocker };
        }
    };
    let bend = wish.turn.abs().max(1e-9);
    apply(&mut wish, drive.v_max_mps.min(drive.w_max_radps / bend), &drive.why, None);
    let v_mps = s.measured.v_mps.max(s.last.v_mps);
    if let Some(limit) = outlook.zones().ahead(path, from_m, wish.v_mps.max(v_mps)) {
        apply(&mut wish, limit.v_mps, &limit.reason, None);
    }
    if let Some(limit) = outlook.blocked(path, from_m, wish.v_mps.max(v_mps), s.grid, guard) {
        apply(&mut wish, limit.v_mps, &limit.reason, Some(limit.blocker));
    }
    if let Some(limit) = outlook.give_way(path, from_m, s.pose, v_mps, wish.v_mps, s.moving) {
        apply(&mut wish, limit.v_mps, &limit.reason, Some(limit.blocker));
    }
    (wish, binding)
}
