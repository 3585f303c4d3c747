//! The path to the goal: planning, judging, cutting and following it.

use super::Navigator;
use super::progress::Progress;
use crate::config::YieldConfig;
use crate::follow::BESIDE_M;
use crate::mission::codes;
use crate::path::Path;
use crate::safety::Moving;
use crate::search::{Disc, Ground, RouteError};
use outrider_bt::Status;
use outrider_foundation::data::{Alternative, ClearRegion, Track, TrackState};
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::{Instant, Point2, Pose2, Span};

/// Added to the discs of people in the search: cells are coarse and the follower cuts curves a little, m.
const DISC_SLACK_M: f64 = 0.05;
/// Before whom there is no way past the robot makes room after this share of the time.
const TOO_NEAR_SHARE: f64 = 0.6;
/// A way over cells comes nearer to somebody than the robot is by up to this, m.
const HALF_CELL_M: f64 = 0.025;
/// Somebody no farther from the outline than this is face to face with the robot, m.
const FACE_TO_FACE_M: f64 = 0.9;
/// A way that is blocked where somebody is no farther off than this is left to him: he may come out of there, m.
const BLOCKER_M: f64 = 2.0;
/// A path that ends short of the goal has been followed when less than this is left, m.
const SHORT_END_M: f64 = 0.3;

/// A path that ends short of the goal is not kept when less than this is left of it, m.
const SHORT_KEEP_M: f64 = 1.5;

/// A search between two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planning {
    /// Asked for in the last tick.
    Wanted {
        /// With the robot's outline from the start.
        by_outline: bool,
    },
    /// Over; whether it found a path.
    Done(bool),
}

/// Most orders to clear a costmap in one tick of the tree.
pub const CLEAR_LIMIT: usize = 16;

impl Navigator {
    /// Asks the world model to forget what scans have marked in its grids, and forgets the path. False when it was asked
    /// [`CLEAR_LIMIT`] times in this tick.
    pub fn clear_costmap(&mut self, local: bool, global: bool, region: ClearRegion) -> bool {
        let order = (local, global, region);
        if !self.clears.contains(&order) {
            if self.clears.len() >= CLEAR_LIMIT {
                return false;
            }
            self.clears.push(order);
        }
        self.forget_path();
        true
    }

    /// What was asked for since this was called last.
    pub fn take_clears(&mut self) -> Vec<(bool, bool, ClearRegion)> {
        std::mem::take(&mut self.clears)
    }

    /// Forgets the path: the next one is planned from nothing.
    pub fn forget_path(&mut self) {
        self.drop_path();
        self.forget_search();
        self.progress = None;
    }

    /// The next path is searched for at once.
    pub(super) fn forget_search(&mut self) {
        (self.planned_at, self.searched_at) = (None, None);
    }

    pub(super) fn drop_path(&mut self) {
        self.plans += u64::from(self.path.take().is_some());
        self.planning = None;
        self.weighed = None;
        self.follower.restart(true);
    }

    /// When the path was last planned or confirmed; while it is free, when that was last tried: a search in vain is as dear as any.
    pub fn planned_at(&self) -> Option<Instant> {
        let in_vain = self.searched_at != self.planned_at;
        if in_vain && self.path_is_valid() { self.searched_at } else { self.planned_at }
    }

    /// The path, when it changed since the last call; without a path an empty list.
    pub fn take_plan(&mut self) -> Option<(FrameId, Vec<Pose2>)> {
        if std::mem::replace(&mut self.plans_told, self.plans) == self.plans {
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

    /// There is a path, the robot is near it, and nothing stands on it within the horizon.
    pub fn path_is_valid(&self) -> bool {
        self.path.is_some()
            && self.world.is_some()
            && self.follower.deviation_m() <= self.config.search.deviation_limit_m
            && self.obstruction_ahead().is_none()
    }

    /// The global grid, when it and the robot share a frame.
    pub(super) fn global_grid(&self) -> Option<&CostGrid> {
        let frame = self.world.as_ref()?.ego.frame;
        self.global.as_ref().filter(|grid| grid.frame == frame)
    }

    /// Where the robot's centre may not be because of objects that stand: their discs and `margin_m`; and where it is to keep
    /// away if it can. What was left standing is kept away from in the same way, but where there is no other way it may be where the grid
    /// lets it.
    fn standing_discs(&self, tracks: &[Track], margin_m: f64) -> Vec<Disc> {
        let &YieldConfig { berth_m, berth_weight, left_standing_weight, .. } = &self.config.yielding;
        let stands = |m: &&Moving<'_>| m.track.state == TrackState::Standing || self.stands_still(m);
        let discs = |m: &Moving<'_>| {
            let radius_m = m.track.radius_m + margin_m;
            let disc = Disc { centre: m.track.position, radius_m, berth_m, berth_weight };
            let dear = |berth_m, berth_weight| Some(Disc { radius_m: 0.0, berth_m, berth_weight, ..disc });
            // As steep as about others.
            let all_m = disc.radius_m + berth_m;
            let all_weight = if berth_m > 0.0 { berth_weight * all_m / berth_m } else { 0.0 };
            match m.track.state {
                TrackState::Standing => [dear(disc.radius_m, left_standing_weight), dear(all_m, all_weight)],
                _ => [Some(self.no_nearer(m, disc)), None],
            }
        };
        Moving::beside(tracks, self.age_s).iter().filter(stands).flat_map(discs).flatten().collect()
    }

    /// The disc of one who stands, without the comfort in it as far as the robot is nearer to him already, and beside him: a way that begins
    /// with a turn away from him is none, for a turn swings an end of the robot towards him. The berth reaches as far as ever.
    fn no_nearer(&self, one: &Moving<'_>, disc: Disc) -> Disc {
        if one.gap_m(self.guard.footprint(), self.pose.inverse()) < BESIDE_M {
            return disc;
        }
        let here_m = disc.centre.distance_m(self.pose.position()) + HALF_CELL_M;
        let least_m = disc.radius_m - self.config.yielding.comfort_margin_m;
        let radius_m = here_m.clamp(least_m, disc.radius_m);
        Disc { radius_m, berth_m: disc.berth_m + disc.radius_m - radius_m, ..disc }
    }

    /// Whether somebody is planned around as one who stands.
    pub(super) fn stands_still(&self, one: &Moving<'_>) -> bool {
        self.world.as_ref().is_some_and(|world| self.standing.has(one.track.id, world.stamp))
    }

    /// Whom the robot, standing itself, has close before its outline counts as standing at once, also when it sets out then: a
    /// path around him is what gets both on.
    pub(super) fn note_faces(&mut self) {
        let Some(at) = self.world.as_ref().map(|world| world.stamp) else { return };
        if self.speed_mps() >= self.config.goal.stopped_mps {
            return;
        }
        for one in self.ahead(FACE_TO_FACE_M).iter().filter(|one| one.stands) {
            self.standing.settle(one.id, at);
        }
    }

    /// As [`Self::compute_path`], but while there is a valid path to drive on the search waits until this tick's command is out
    /// ([`Self::plan_ahead`]): `None` then, and in the next tick what came of it.
    pub fn request_path(&mut self, now: Instant, by_outline: bool) -> Option<bool> {
        let valid = self.path_is_valid();
        match self.planning.take() {
            // What was found between two ticks holds as long as the way is free.
            Some(Planning::Done(found)) if valid => Some(found),
            None if valid => {
                self.planning = Some(Planning::Wanted { by_outline });
                None
            }
            _ => Some(self.compute_path(now, by_outline)),
        }
    }

    /// There is something to plan before the next tick.
    pub fn wants_to_plan(&self) -> bool {
        matches!(self.planning, Some(Planning::Wanted { .. }))
    }

    /// Plans what was asked for in the last tick.
    pub fn plan_ahead(&mut self, now: Instant) {
        if let Some(Planning::Wanted { by_outline }) = self.planning {
            let found = self.compute_path(now, by_outline);
            self.planning = Some(Planning::Done(found));
        }
    }

    /// Whoever asked for a path does not wait for it any more.
    pub fn forget_request(&mut self) {
        self.planning = None;
    }

    /// Plans a path, `by_outline` with the robot's outline and heading from the start; false, with the reason in
    /// [`Self::trouble`], when there is none. A valid path is kept unless the new one is clearly better.
    pub fn compute_path(&mut self, now: Instant, by_outline: bool) -> bool {
        let (Some(goals), Some(world)) = (&self.goals, &self.world) else { return false };
        let goal = goals.next();
        let frame = world.ego.frame;
        // At least what giving way will ask for, or the robot would stop before a detour of its own.
        let yielding = &self.config.yielding;
        let margin_m = self.inscribed_m + yielding.comfort_margin_m + yielding.sigma_cap_m + DISC_SLACK_M;
        let discs = self.standing_discs(&world.tracks, margin_m);
        let map = self.global.as_ref().filter(|grid| grid.frame == frame);
        let local: &CostGrid = &world.local;
        let (base, overlay) = map.map_or((local, None), |map| (map, Some(local)));
        let one_way = if frame == FrameId::Map { self.one_way.as_slice() } else { &[] };
        let ground = Ground { base, overlay, discs: &discs, one_way };
        self.searches = self.searches.saturating_add(1);
        self.searched_at = Some(now);
        let is_somebodys = |at: Point2| {
            let mut others = world.tracks.iter().filter(|track| track.state != TrackState::Standing);
            others.any(|track| track.position.distance_m(at) < BLOCKER_M)
        };
        let route = self.router.route(&ground, frame, self.pose, goal, by_outline).and_then(|route| {
            let left = route.blocked_at.is_some_and(is_somebodys);
            if left { Err(RouteError::NoPath) } else { Ok(route) }
        });
        let route = match route {
            Ok(route) => route,
            Err(error) => {
                self.in_trouble(code_of(&error), error.to_string());
                return false;
            }
        };
        self.expanded = route.expanded;
        self.planned_at = Some(now);
        self.all_is_well();
        let better = self.config.search.better_share;
        let left = self.path.as_ref().map(|old| self.cost_left(old, route.path.complete, goal));
        let keep = left.flatten().is_some_and(|left| route.cost > better * left);
        self.weighed = left.map(|left| weighed(keep, route.cost, left));
        if !keep {
            self.path = Some(route.path);
            self.cut_m = 0.0;
            self.blocked_at = route.blocked_at;
            self.plans += 1;
            self.follower.restart(true);
            if let Some(path) = &self.path {
                self.follower.locate(path, self.pose);
            }
        }
        true
    }

    /// What the path costs from here to the goal, by the rules of the last search; `None` when it is of no use any more. `complete`:
    /// another leads to the goal.
    fn cost_left(&self, path: &Path, complete: bool, goal: Pose2) -> Option<f64> {
        // One that ends short of the goal is kept only for another such, and while enough of it is left.
        let lasts = !complete && self.remaining_m() > SHORT_KEEP_M;
        if !((path.complete || lasts) && self.path_is_valid()) {
            return None;
        }
        let rest_m = if path.complete { 0.0 } else { path.end().position().distance_m(goal.position()) };
        Some(self.router.cost_of(path, self.follower.progress_m())? + rest_m)
    }

    /// Cuts the path so that it ends this far before the goal; false without a path.
    pub fn cut_path(&mut self, distance_m: f64) -> bool {
        let Some(path) = &mut self.path else { return false };
        if distance_m > self.cut_m {
            path.shorten(distance_m - self.cut_m);
            self.cut_m = distance_m;
            self.plans += 1;
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
            let why = match self.blocked_at {
                Some(at) => format!("the only way is blocked at ({:.1}, {:.1})", at.x_m, at.y_m),
                None => "goal is blocked".to_string(),
            };
            self.in_trouble(codes::GOAL_OCCUPIED, why);
            return Status::Failure;
        }
        let (pose, goal) = (self.pose, &self.config.goal);
        let (progress_s, make_room_s) = (goal.progress_timeout_s, goal.make_room_after_s);
        let close = self.ahead(FACE_TO_FACE_M);
        let has_room = close.iter().all(|one| one.gap_m > BESIDE_M);
        let progress = self.progress.get_or_insert(Progress::new(pose, now));
        progress.note(pose, has_room, now);
        let progress = *progress;
        self.faces.note(&close, now);
        let waiting = progress.in_place_for(now).min(self.faces.longest(now));
        if progress.stands_for(now) > Span::from_s(progress_s) {
            return self.follow_fails("no progress along the path".to_string());
        }
        // Who is so near that there is no way past him waits for nothing else.
        let make_room_s = if has_room { make_room_s } else { TOO_NEAR_SHARE * make_room_s };
        if waiting > Span::from_s(make_room_s) && close.iter().any(|one| one.stands) {
            return self.follow_fails("face to face with somebody".to_string());
        }
        self.following = true;
        Status::Running
    }

    /// Following the path has failed: whatever comes next begins with a new one.
    fn follow_fails(&mut self, why: String) -> Status {
        self.in_trouble(codes::FAILED_TO_MAKE_PROGRESS, why);
        self.drop_path();
        self.follower.restart(false);
        self.forget_search();
        self.progress = None;
        Status::Failure
    }

    /// The robot stands where a path ends that was cut.
    fn stands_at(&self, end: Pose2) -> bool {
        let (config, measured) = (&self.config.goal, self.measured());
        end.position().distance_m(self.pose.position()) <= config.xy_tolerance_m
            && measured.v_mps.abs() <= config.stopped_mps
    }

    /// The path is no longer followed.
    pub fn stop_following(&mut self) {
        self.progress = None;
    }

    /// Standing still is not the planner's doing: it does not count as a lack of progress.
    pub fn excuse_standing(&mut self, now: Instant) {
        if let Some(progress) = &mut self.progress {
            progress.excuse(now);
        }
    }
}

/// The path that was not taken: the new one, or the one before.
fn weighed(keep: bool, new: f64, left: Option<f64>) -> Alternative {
    let (name, cost, rejected_because) = match left {
        Some(left) if keep => {
            ("another path", new, format!("not clearly below {left:.2}, what the path still costs"))
        }
        Some(left) => ("the path before", left, format!("the new path costs {new:.2}")),
        None => ("the path before", f64::INFINITY, "of no use any more".to_string()),
    };
    Alternative { name: name.to_string(), cost, rejected_because }
}

/// The number that Nav2 has for it.
const fn code_of(error: &RouteError) -> u16 {
    match error {
        RouteError::Start { .. } => codes::START_OCCUPIED,
        RouteError::Goal => codes::GOAL_OCCUPIED,
        RouteError::Outside => codes::GOAL_OUTSIDE_MAP,
        RouteError::NoPath => codes::NO_VALID_PATH,
        RouteError::Limit { .. } => codes::PLANNING_LIMIT,
    }
}
