//! What goes wrong on the way, what stands there, and what was tried against it.

use super::Navigator;
use super::progress::Close;
use crate::mission::{Attempts, codes};
use crate::safety::{Blocker, Moving};
use outrider_foundation::Point2;
use outrider_foundation::data::Outcome;

/// Points of the path nearer than this are under the robot already: they say nothing about the way ahead, m.
const UNDERFOOT_M: f64 = 0.2;

impl Navigator {
    /// Why things do not go on; empty when they do.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    /// The same as a code of [`codes`].
    pub const fn trouble_code(&self) -> u16 {
        self.trouble_code
    }

    pub(super) fn in_trouble(&mut self, code: u16, text: String) {
        self.trouble_code = code;
        self.trouble = text;
    }

    /// The tree asks for something that there is not.
    pub fn refuse(&mut self, code: u16, text: String) {
        self.in_trouble(code, text);
    }

    pub(super) fn all_is_well(&mut self) {
        self.trouble_code = codes::NONE;
        self.trouble.clear();
    }

    /// A leaf that may be a recovery has ended. It was one when it ran because of trouble.
    pub fn tried(&mut self, leaf: &str, outcome: Outcome) {
        if !self.trouble.is_empty() {
            let detail = if outcome == Outcome::Failed { self.forbidden.as_str() } else { "" };
            self.attempts.note(leaf, outcome, detail);
        }
    }

    /// What was tried in this mission.
    pub const fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// The robot has got on: what was tried before says nothing any more.
    pub fn got_on(&mut self) {
        self.attempts.got_on();
    }

    /// Another mission begins.
    pub fn forget_attempts(&mut self) {
        self.attempts = Attempts::default();
    }

    /// A tracked object stands before or beside the robot, not behind it, and no farther from its outline than this, m. Whoever stands
    /// on the goal is waited for: to make room would not help.
    pub fn somebody_ahead(&self, within_m: f64) -> bool {
        self.ahead(within_m).iter().any(|one| one.stands)
    }

    /// Who is before or beside the robot like that, standing or not; who is no longer seen is not among them.
    pub(super) fn ahead(&self, within_m: f64) -> Vec<Close> {
        let Some(world) = &self.world else { return Vec::new() };
        let (base_from_world, standing_mps) = (self.pose.inverse(), self.config.yielding.standing_mps);
        let goal = self.goals.as_ref().map(|goals| goals.next().position());
        let reach_m = self.inscribed_m + self.config.safety.track_margin_m;
        let on_goal = |moving: &Moving<'_>| {
            goal.is_some_and(|goal| moving.track.position.distance_m(goal) <= moving.track.radius_m + reach_m)
        };
        let close = |moving: &Moving<'_>| {
            let at = base_from_world.apply(moving.track.position);
            let gap_m = moving.gap_m(self.guard.footprint(), base_from_world);
            let ahead = moving.is_seen() && !on_goal(moving) && at.x_m > -at.y_m.abs() && gap_m <= within_m;
            ahead.then(|| Close { id: moving.track.id, stands: moving.stands(standing_mps), gap_m })
        };
        Moving::all(&world.tracks, self.age_s).iter().filter_map(close).collect()
    }

    /// What stands at a place, as far as the robot's centre may not be there.
    fn standing_at(&self, p: Point2, moving: &[Moving<'_>], margin_m: f64) -> Option<Blocker> {
        let local = self.world.as_ref().and_then(|world| world.local.distance_at_m(p));
        let known = local.or_else(|| self.global_grid().and_then(|grid| grid.distance_at_m(p)));
        if known.is_some_and(|distance_m| distance_m < self.inscribed_m) {
            return Some(Blocker::place(p));
        }
        let covers = |m: &&Moving<'_>| {
            m.track.position.distance_m(p) <= m.track.radius_m + margin_m && self.stands_still(m)
        };
        moving.iter().find(covers).map(Blocker::track)
    }

    /// What stands on the path within the horizon.
    pub(super) fn obstruction_ahead(&self) -> Option<Blocker> {
        let (path, world) = (self.path.as_ref()?, self.world.as_ref()?);
        let progress_m = self.follower.progress_m();
        let horizon_m = progress_m + self.config.search.validity_horizon_m;
        let moving = Moving::all(&world.tracks, self.age_s);
        let margin_m = self.inscribed_m + self.config.safety.track_margin_m;
        let ahead = path.poses.iter().zip(&path.arc_m);
        let mut ahead = ahead.filter(|(_, s)| **s > progress_m + UNDERFOOT_M && **s <= horizon_m);
        ahead.find_map(|(pose, _)| self.standing_at(pose.position(), &moving, margin_m))
    }

    /// What the trouble is about: it stands on the path, or on the goal; the default when neither is known.
    pub fn obstruction(&self) -> Blocker {
        let on_goal = || {
            let (goals, world) = (self.goals.as_ref()?, self.world.as_ref()?);
            let moving = Moving::all(&world.tracks, self.age_s);
            let margin_m = self.inscribed_m + self.config.safety.track_margin_m;
            self.standing_at(goals.next().position(), &moving, margin_m)
        };
        self.obstruction_ahead().or_else(on_goal).unwrap_or_default()
    }
}
