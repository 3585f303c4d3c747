//! Where to.

use super::{ActiveGoal, Navigator};
use crate::goals::{GOAL_LIMIT, Goals};
use outrider_foundation::Pose2;
use outrider_foundation::geometry::wrap_angle;

impl Navigator {
    /// Sets or clears the goal; whatever belongs to the last one is forgotten.
    pub fn set_goal(&mut self, goal: Option<ActiveGoal>) {
        self.goals = goal.map(Goals::new);
        self.maneuver = None;
        self.drop_path();
        self.forget_search();
        self.progress = None;
        self.all_is_well();
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

    /// Way left to the goal: along the path to the next pose, and straight from pose to pose from there on, m.
    pub fn left_m(&self) -> f64 {
        self.remaining_m() + self.goals.as_ref().map_or(0.0, Goals::beyond_next_m)
    }

    /// The robot is at rest, as far as is measured.
    pub fn stands(&self) -> bool {
        let (measured, config) = (self.measured(), &self.config.goal);
        measured.v_mps.abs() <= config.stopped_mps && measured.w_radps.abs() <= config.stopped_radps
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

    /// The goal is given in a frame that the robot's pose is not known in.
    pub fn goal_out_of_reach(&self) -> bool {
        let frame = self.world.as_ref().map(|w| w.ego.frame);
        self.goal().is_some_and(|goal| Some(goal.frame) != frame)
    }

    /// The robot stands at the goal.
    pub fn goal_reached(&self) -> bool {
        let (Some(goals), config) = (&self.goals, &self.config.goal) else { return false };
        let goal = goals.last();
        if goals.left() > 1 {
            return false;
        }
        let turn_rad = wrap_angle(goal.pose.yaw_rad - self.pose.yaw_rad);
        goal.pose.position().distance_m(self.pose.position()) <= config.xy_tolerance_m
            && turn_rad.abs() <= config.yaw_tolerance_rad
            && self.stands()
    }
}
