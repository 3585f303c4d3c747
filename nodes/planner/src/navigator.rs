//! What the leaves of the tree work on: what is known now, the goal, the path, and the parts that work on them.

use crate::config::Config;
use crate::follow::{Follower, Outlook, Steering, Turning, turning};
use crate::goals::{GOAL_LIMIT, Goals};
use crate::maneuver::{Maneuver, UnderWay};
use crate::path::Path;
use crate::safety::{Choice, Guard, Moving, Situation, Wish};
use crate::search::{Disc, Router};
use outrider_bt::Status;
use outrider_foundation::data::{TrajectoryPoint, WorldModel};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::zones::{ZoneError, Zones};
use outrider_foundation::{Instant, Now, Pose2, Robot, Span, Twist2};

/// Points of the path nearer than this are under the robot already: they say nothing about the way ahead, m.
const UNDERFOOT_M: f64 = 0.2;
/// Added to the discs of people in the search: cells are coarse and the follower cuts curves a little, m.
const DISC_SLACK_M: f64 = 0.05;
/// Moving or turning by this counts as getting on, m and rad.
const PROGRESS: f64 = 0.15;
/// Speed of making room ahead for a turn, m/s.
const MAKE_ROOM_MPS: f64 = 0.1;
/// A path that ends short of the goal has been followed when less than this is left, m.
const SHORT_END_M: f64 = 0.3;

/// A goal that is being driven to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActiveGoal {
    /// Counts the goals, from 1.
    pub id: u64,
    /// Frame of the pose.
    pub frame: FrameId,
    /// Where to.
    pub pose: Pose2,
}

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

/// Everything that the leaves of the tree work on.
pub struct Navigator {
    config: Config,
    inscribed_m: f64,
    router: Router,
    follower: Follower,
    guard: Guard,
    outlook: Outlook,
    world: Option<WorldModel>,
    global: Option<CostGrid>,
    pose: Pose2,
    age_s: f64,
    goals: Option<Goals>,
    path: Option<Path>,
    planned_at: Option<Instant>,
    following: bool,
    maneuver: Option<UnderWay>,
    /// What is left of the maneuver that was asked for in this tick.
    maneuver_left: Option<f64>,
    /// So much of the path's end was cut off, m.
    cut_m: f64,
    /// Why there is no path, or why it cannot be followed; empty when all is well.
    trouble: String,
    plan_changed: bool,
    /// Where and when the robot last got on.
    progress: Option<(Pose2, Instant)>,
    /// Searches done and cells expanded in the last one.
    searches: u64,
    expanded: u32,
}

impl Navigator {
    /// For a robot.
    pub fn new(config: &Config, robot: &Robot) -> Self {
        let (follow, limits) = (&config.follow, &robot.limits);
        let unseen_mps = config.safety.unseen_growth_mps;
        Self {
            inscribed_m: robot.footprint.inscribed_m(),
            router: Router::new(&config.search, robot.footprint.inscribed_m()),
            follower: Follower::new(follow, &config.goal, limits),
            guard: Guard::new(robot, &config.safety),
            outlook: Outlook::new(follow, &config.yielding, unseen_mps, &robot.footprint, limits),
            config: config.clone(),
            world: None,
            global: None,
            pose: Pose2::IDENTITY,
            age_s: 0.0,
            goals: None,
            path: None,
            planned_at: None,
            following: false,
            maneuver: None,
            maneuver_left: None,
            cut_m: 0.0,
            trouble: String::new(),
            plan_changed: false,
            progress: None,
            searches: 0,
            expanded: 0,
        }
    }

    /// Keeps the speed limits of these zones, slowing down before them.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn set_zones(&mut self, zones: &Zones) -> Result<(), ZoneError> {
        self.outlook.set_zones(zones, self.config.modes.limit_share)
    }

    /// The newest world model.
    pub const fn world(&self) -> Option<&WorldModel> {
        self.world.as_ref()
    }

    /// Takes over a world model. A path in another frame than the robot's is forgotten.
    pub fn set_world(&mut self, world: &WorldModel) {
        match &mut self.world {
            Some(kept) => kept.clone_from(world),
            None => self.world = Some(world.clone()),
        }
        if self.path.as_ref().is_some_and(|path| path.frame != world.ego.frame) {
            self.drop_path();
        }
    }

    /// Takes over a global grid.
    pub fn set_global(&mut self, grid: &CostGrid) {
        match &mut self.global {
            Some(kept) => kept.clone_from(grid),
            None => self.global = Some(grid.clone()),
        }
    }

    /// Sets or clears the goal; whatever belongs to the last one is forgotten.
    pub fn set_goal(&mut self, goal: Option<ActiveGoal>) {
        self.goals = goal.map(Goals::new);
        self.maneuver = None;
        self.drop_path();
        self.planned_at = None;
        self.progress = None;
        self.trouble.clear();
        self.follower.restart(false);
    }

    /// The goal that the drive ends at.
    pub fn goal(&self) -> Option<ActiveGoal> {
        self.goals.as_ref().map(Goals::last)
    }

    /// Drives to other poses before or instead of the goal that was sent, in its frame; the last one becomes the goal.
    /// No poses: the goal that was sent. False when there is no goal, or there are more than [`GOAL_LIMIT`].
    pub fn set_goals(&mut self, poses: &[Pose2]) -> bool {
        let Some(goals) = self.goals.as_mut().filter(|_| poses.len() <= GOAL_LIMIT) else { return false };
        let sent = goals.sent();
        if !goals.set(poses) {
            let _ = goals.set(&[sent]);
        }
        self.forget_path();
        true
    }

    /// The pose that was sent as the goal, whatever the tree makes of it.
    pub fn sent_goal(&self) -> Option<Pose2> {
        self.goals.as_ref().map(Goals::sent)
    }

    /// Poses that are left to be driven to.
    pub fn goals_left(&self) -> usize {
        self.goals.as_ref().map_or(0, Goals::left)
    }

    /// Forgets the poses on the way that the robot has come near to.
    pub fn pass_goals(&mut self, radius_m: f64) {
        let here = self.pose.position();
        if self.goals.as_mut().is_some_and(|goals| goals.pass(here, radius_m) > 0) {
            self.forget_path();
        }
    }

    /// Forgets the path: the next one is planned from nothing.
    pub fn forget_path(&mut self) {
        self.drop_path();
        self.planned_at = None;
        self.progress = None;
    }

    /// Why things do not go on; empty when they do.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    /// When the path was last planned or confirmed.
    pub const fn planned_at(&self) -> Option<Instant> {
        self.planned_at
    }

    /// The path, when it changed since the last call; without a path an empty list.
    pub fn take_plan(&mut self) -> Option<(FrameId, Vec<Pose2>)> {
        if !std::mem::take(&mut self.plan_changed) {
            return None;
        }
        let frame = self.world.as_ref().map_or(FrameId::default(), |w| w.ego.frame);
        Some(self.path.as_ref().map_or((frame, Vec::new()), |path| (path.frame, path.poses.clone())))
    }

    /// Searches done, and cells expanded in the last one.
    pub const fn search_counts(&self) -> (u64, u32) {
        (self.searches, self.expanded)
    }

    /// Way left along the path, m; infinite without one.
    pub fn remaining_m(&self) -> f64 {
        self.path
            .as_ref()
            .map_or(f64::INFINITY, |path| (path.length_m() - self.follower.progress_m()).max(0.0))
    }

    fn drop_path(&mut self) {
        self.plan_changed |= self.path.take().is_some();
        self.follower.restart(true);
    }

    /// Moves the robot to `now` and the goal into its frame. Call before every tick.
    pub fn observe(&mut self, now: Now) {
        let Some(world) = &self.world else { return };
        let limit_s = self.config.timing.extrapolation_limit_s;
        self.age_s = now.ros.since(world.stamp).as_s().clamp(0.0, limit_s);
        self.pose = world.ego.pose.advance(world.ego.twist, self.age_s);
        if let Some(goals) = &mut self.goals {
            let (ego, pose) = (&world.ego, self.pose);
            match (goals.last().frame, ego.frame) {
                (FrameId::Base, FrameId::Map | FrameId::Odom) => {
                    goals.convert(ego.frame, |goal| pose.then(goal));
                }
                (FrameId::Odom, FrameId::Map) => {
                    let map_from_odom = ego.pose.then(ego.odom_from_base.inverse());
                    goals.convert(ego.frame, |goal| map_from_odom.then(goal));
                }
                _ => {}
            }
        }
        if let Some(path) = &self.path {
            self.follower.locate(path, self.pose);
        }
        self.following = false;
        self.maneuver_left = None;
    }

    /// The goal is given in a frame that the robot's pose is not known in.
    pub fn goal_out_of_reach(&self) -> bool {
        let frame = self.world.as_ref().map(|w| w.ego.frame);
        self.goal().is_some_and(|goal| Some(goal.frame) != frame)
    }

    fn measured(&self) -> Twist2 {
        self.world.as_ref().map_or(Twist2::ZERO, |w| w.ego.twist)
    }

    /// The robot stands at the goal.
    pub fn goal_reached(&self) -> bool {
        let (Some(goals), config) = (&self.goals, &self.config.goal) else { return false };
        let (goal, measured) = (goals.last(), self.measured());
        if goals.left() > 1 {
            return false;
        }
        let turn_rad = wrap_angle(goal.pose.yaw_rad - self.pose.yaw_rad);
        goal.pose.position().distance_m(self.pose.position()) <= config.xy_tolerance_m
            && turn_rad.abs() <= config.yaw_tolerance_rad
            && measured.v_mps.abs() <= config.stopped_mps
            && measured.w_radps.abs() <= config.stopped_radps
    }

    /// There is a path, the robot is near it, and nothing stands on it within the horizon.
    pub fn path_is_valid(&self) -> bool {
        let (Some(path), Some(world)) = (&self.path, &self.world) else { return false };
        if self.follower.deviation_m() > self.config.search.deviation_limit_m {
            return false;
        }
        let progress_m = self.follower.progress_m();
        let horizon_m = progress_m + self.config.search.validity_horizon_m;
        let moving = Moving::all(&world.tracks, self.age_s);
        let margin_m = self.inscribed_m + self.config.safety.track_margin_m;
        let standing: Vec<Disc> = self.standing_discs(&moving, margin_m);
        let ahead = path.poses.iter().zip(&path.arc_m);
        let mut ahead = ahead.filter(|(_, s)| **s > progress_m + UNDERFOOT_M && **s <= horizon_m);
        ahead.all(|(pose, _)| {
            let p = pose.position();
            let known =
                world.local.distance_at_m(p).or_else(|| self.global_grid().and_then(|g| g.distance_at_m(p)));
            known.is_none_or(|distance_m| distance_m >= self.inscribed_m)
                && standing.iter().all(|disc| disc.centre.distance_m(p) > disc.radius_m)
        })
    }

    /// The global grid, when it and the robot share a frame.
    fn global_grid(&self) -> Option<&CostGrid> {
        let frame = self.world.as_ref()?.ego.frame;
        self.global.as_ref().filter(|grid| grid.frame == frame)
    }

    /// Where the robot's centre may not be because of objects that stand: their discs and `margin_m`.
    fn standing_discs(&self, moving: &[Moving<'_>], margin_m: f64) -> Vec<Disc> {
        let standing = moving.iter().filter(|m| m.stands(self.config.yielding.standing_mps));
        standing.map(|m| Disc { centre: m.track.position, radius_m: m.track.radius_m + margin_m }).collect()
    }

    /// Plans a path; false, with the reason in [`Self::trouble`], when there is none. A valid path is kept unless the new one is clearly better.
    pub fn compute_path(&mut self, now: Instant) -> bool {
        let (Some(goals), Some(world)) = (&self.goals, &self.world) else { return false };
        let goal = goals.next();
        let frame = world.ego.frame;
        let moving = Moving::all(&world.tracks, self.age_s);
        // At least what giving way will ask for, or the robot would stop before a detour of its own.
        let yielding = &self.config.yielding;
        let margin_m = self.inscribed_m + yielding.comfort_margin_m + yielding.sigma_cap_m + DISC_SLACK_M;
        let discs = self.standing_discs(&moving, margin_m);
        match self.global.as_ref().filter(|grid| grid.frame == frame) {
            Some(map) => self.router.prepare(map, Some(&world.local), &discs, goal.position()),
            None => self.router.prepare(&world.local, None, &discs, goal.position()),
        }
        self.searches = self.searches.saturating_add(1);
        let route = match self.router.plan(frame, self.pose.position(), goal) {
            Ok(route) => route,
            Err(error) => {
                self.trouble = error.to_string();
                return false;
            }
        };
        self.expanded = route.expanded;
        self.planned_at = Some(now);
        self.trouble.clear();
        let better = self.config.search.better_share;
        let keep = self.path.as_ref().is_some_and(|old| {
            let usable = old.complete && self.path_is_valid();
            let left = self.router.cost_of(old, self.follower.progress_m());
            usable && left.is_some_and(|left| route.cost > better * left)
        });
        if !keep {
            self.path = Some(route.path);
            self.cut_m = 0.0;
            self.plan_changed = true;
            self.follower.restart(true);
            if let Some(path) = &self.path {
                self.follower.locate(path, self.pose);
            }
        }
        true
    }

    /// Asks for the path to be followed in this tick; succeeds when the robot stands at the goal.
    pub fn follow_path(&mut self, now: Instant) -> Status {
        if self.goal_reached() {
            return Status::Success;
        }
        let Some(path) = &self.path else { return Status::Failure };
        if self.cut_m > 0.0 && self.stands_at(path.end()) {
            return Status::Success;
        }
        if !path.complete && path.length_m() - self.follower.progress_m() < SHORT_END_M {
            self.trouble = "goal is blocked".to_string();
            return Status::Failure;
        }
        let (from, since) = *self.progress.get_or_insert((self.pose, now));
        let moved_m = from.position().distance_m(self.pose.position());
        if moved_m > PROGRESS || wrap_angle(from.yaw_rad - self.pose.yaw_rad).abs() > PROGRESS {
            self.progress = Some((self.pose, now));
        } else if now.since(since) > Span::from_s(self.config.goal.progress_timeout_s) {
            self.trouble = "no progress along the path".to_string();
            self.drop_path();
            self.planned_at = None;
            self.progress = None;
            return Status::Failure;
        }
        self.following = true;
        Status::Running
    }

    /// The robot stands where a path ends that was cut.
    fn stands_at(&self, end: Pose2) -> bool {
        let (config, measured) = (&self.config.goal, self.measured());
        end.position().distance_m(self.pose.position()) <= config.xy_tolerance_m
            && measured.v_mps.abs() <= config.stopped_mps
    }

    /// Cuts the path so that it ends this far before the goal; false without a path.
    pub fn cut_path(&mut self, distance_m: f64) -> bool {
        let Some(path) = &mut self.path else { return false };
        if distance_m > self.cut_m {
            path.shorten(distance_m - self.cut_m);
            self.cut_m = distance_m;
            self.plan_changed = true;
        }
        true
    }

    /// Begins a maneuver, or goes on with the one that is under way, in this tick; succeeds at its end.
    pub fn maneuver(&mut self, what: Maneuver, starts: bool) -> Status {
        let (pose, known) = (self.pose, self.maneuver.filter(|_| !starts));
        let mut maneuver = known.unwrap_or(UnderWay::new(what, pose));
        let left = maneuver.left(pose);
        if UnderWay::is_over(left) {
            self.maneuver = None;
            return Status::Success;
        }
        self.maneuver = Some(maneuver);
        self.maneuver_left = Some(left);
        Status::Running
    }

    /// The maneuver is over, or given up.
    pub fn end_maneuver(&mut self) {
        self.maneuver = None;
        self.maneuver_left = None;
    }

    /// Rate at which the robot turns on the spot, rad/s.
    pub const fn spin_radps(&self) -> f64 {
        self.config.follow.rotate_radps
    }

    /// The path is no longer followed.
    pub fn stop_following(&mut self) {
        self.progress = None;
    }

    /// Standing still is not the planner's doing: it does not count as a lack of progress.
    pub fn excuse_standing(&mut self, now: Instant) {
        if let Some((_, since)) = &mut self.progress {
            *since = now;
        }
    }

    /// Where the robot is now, in the frame of the world model.
    pub const fn pose(&self) -> Pose2 {
        self.pose
    }

    /// The tree asked for the path to be followed, or for a maneuver.
    pub const fn is_driving(&self) -> bool {
        self.following || self.maneuver_left.is_some()
    }

    /// The measured speed, m/s.
    pub fn speed_mps(&self) -> f64 {
        self.measured().v_mps.abs()
    }

    /// A stop that rests on no knowledge of the world, from the last velocity known.
    pub fn blind_stop(&self, reason: String) -> Proposal {
        let tail = self.guard.stop_tail(self.measured());
        let choice = Choice { tail, chosen: "stop".to_string(), ..Choice::default() };
        Proposal { trajectory: choice.tail.clone(), choice, constraint: reason.clone(), reason }
    }

    /// The command for this moment. `hold` is the reason for standing still; without it the path is followed.
    pub fn propose(&mut self, drive: &Drive, hold: Option<String>) -> Proposal {
        let Some(world) = &self.world else { return self.blind_stop("no world model".to_string()) };
        let moving = Moving::all(&world.tracks, self.age_s);
        let situation = Situation {
            pose: self.pose,
            measured: world.ego.twist,
            last: drive.last,
            dt_s: drive.dt_s,
            grid: &world.local,
            moving: &moving,
        };
        if let (Some(maneuver), Some(left), None) = (self.maneuver, self.maneuver_left, &hold) {
            let follow = &self.config.follow;
            let slowing = |most: f64, share: f64| most * share;
            let wish = maneuver.wish(
                left,
                slowing(self.guard.limits().decel_mps2, follow.decel_share),
                slowing(self.guard.limits().alpha_radps2, follow.rotate_decel_share),
            );
            let most = Twist2::new(drive.v_max_mps, drive.w_max_radps);
            let choice = self.guard.choose(&situation, UnderWay::limited(wish, most));
            let constraint = choice.blocked_by.clone();
            let reason = match constraint.as_str() {
                "" => maneuver.reason(left),
                blocked => format!("{}: {blocked}", choice.chosen),
            };
            return Proposal { trajectory: choice.tail.clone(), choice, reason, constraint };
        }
        let path = self.path.as_ref().filter(|_| hold.is_none());
        let Some(path) = path else {
            let choice = self.guard.choose(&situation, Wish::default());
            let reason = hold.unwrap_or_else(|| "no path".to_string());
            let constraint = choice.blocked_by.clone();
            return Proposal { trajectory: choice.tail.clone(), choice, reason, constraint };
        };
        let clearance_m = self.guard.clearance_m(&world.local, self.pose);
        let steering = self.follower.steer(path, self.pose, world.ego.twist, clearance_m);
        let from_m = self.follower.progress_m();
        let (wish, limit) = if steering.rotating {
            turn(&steering, drive, &situation, &self.guard, self.config.follow.reverse_mps)
        } else {
            limited(&steering, drive, &situation, path, from_m, &self.outlook, &self.guard)
        };
        let choice = self.guard.choose(&situation, wish);
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
        Proposal { choice, trajectory, reason, constraint }
    }
}

/// What binds a wish in the end.
struct Binding {
    reason: String,
    /// It says better what the robot does than "following the path".
    telling: bool,
}

/// A turn on the spot where there is room, else making room for it.
fn turn(
    steering: &Steering,
    drive: &Drive,
    s: &Situation<'_>,
    guard: &Guard,
    reverse_mps: f64,
) -> (Wish, Binding) {
    let wish = steering.wish;
    let may_move = !steering.at_goal;
    match turning(guard, s.grid, s.pose, steering.error_rad, may_move, reverse_mps > 0.0) {
        Turning::Spin { by_rad } => {
            let turn = wish.turn.abs().min(drive.w_max_radps).copysign(by_rad);
            let reason = format!("turning to {}", steering.limit);
            (Wish { turn, ..wish }, Binding { reason, telling: true })
        }
        Turning::MakeRoom { way_m, curvature } => {
            let v_mps = if way_m < 0.0 { -reverse_mps } else { MAKE_ROOM_MPS };
            let reason = format!("making room to turn: {way_m:.2} m");
            let v_mps = v_mps.clamp(-drive.v_max_mps, drive.v_max_mps);
            (Wish { v_mps, turn: curvature, curve: true }, Binding { reason, telling: true })
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
    let mut binding = Binding { reason: steering.limit.to_string(), telling: false };
    let mut apply = |wish: &mut Wish, v_mps: f64, reason: &str, telling: bool| {
        if v_mps < wish.v_mps {
            wish.v_mps = v_mps;
            binding = Binding { reason: reason.to_string(), telling };
        }
    };
    let bend = wish.turn.abs().max(1e-9);
    apply(&mut wish, drive.v_max_mps.min(drive.w_max_radps / bend), &drive.why, false);
    let v_mps = s.measured.v_mps.max(s.last.v_mps);
    if let Some(limit) = outlook.zones().ahead(path, from_m, wish.v_mps.max(v_mps)) {
        apply(&mut wish, limit.v_mps, &limit.reason, false);
    }
    if let Some(limit) = outlook.blocked(path, from_m, wish.v_mps.max(v_mps), s.grid, guard) {
        apply(&mut wish, limit.v_mps, &limit.reason, true);
    }
    if let Some(limit) = outlook.give_way(path, from_m, s.pose, v_mps, wish.v_mps, s.moving) {
        apply(&mut wish, limit.v_mps, &limit.reason, true);
    }
    (wish, binding)
}
