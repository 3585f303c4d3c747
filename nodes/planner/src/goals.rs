//! The goals of a drive: poses on the way, and the one that it is about.

use crate::navigator::ActiveGoal;
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Point2, Pose2};
use std::collections::VecDeque;

/// Most poses of one drive; a tree that asks for more is told so.
pub const GOAL_LIMIT: usize = outrider_foundation::data::MISSION_POSE_LIMIT;

/// Where to go, one pose after the other.
#[derive(Clone, Debug)]
pub struct Goals {
    /// Counts the goals that were sent, from 1.
    id: u64,
    /// Frame of all poses.
    frame: FrameId,
    /// The pose that was sent.
    sent: Pose2,
    /// Poses to pass before the last.
    on_the_way: VecDeque<Pose2>,
    /// Where the drive ends.
    last: Pose2,
}

impl Goals {
    /// One goal, as it was sent.
    pub fn new(sent: ActiveGoal) -> Self {
        let on_the_way = VecDeque::new();
        Self { id: sent.id, frame: sent.frame, sent: sent.pose, on_the_way, last: sent.pose }
    }

    /// The goal that the drive ends at.
    pub const fn last(&self) -> ActiveGoal {
        ActiveGoal { id: self.id, frame: self.frame, pose: self.last }
    }

    /// The pose that was sent.
    pub const fn sent(&self) -> Pose2 {
        self.sent
    }

    /// The pose to be driven to next.
    pub fn next(&self) -> Pose2 {
        self.on_the_way.front().copied().unwrap_or(self.last)
    }

    /// Other poses; the last one is the goal. False for none.
    pub fn set(&mut self, poses: &[Pose2]) -> bool {
        let Some((last, before)) = poses.split_last() else { return false };
        self.on_the_way = before.iter().copied().collect();
        self.last = *last;
        true
    }

    /// Forgets poses on the way that are no farther from `here` than `radius_m`; gives how many. The goal itself stays.
    pub fn pass(&mut self, here: Point2, radius_m: f64) -> usize {
        let before = self.on_the_way.len();
        while self.on_the_way.front().is_some_and(|pose| pose.position().distance_m(here) <= radius_m) {
            self.on_the_way.pop_front();
        }
        before.saturating_sub(self.on_the_way.len())
    }

    /// Poses on the way that are left, and the goal.
    pub fn left(&self) -> usize {
        self.on_the_way.len().saturating_add(1)
    }

    /// The straight way from the next pose past the others to the last, m.
    pub fn beyond_next_m(&self) -> f64 {
        let after = self.on_the_way.iter().skip(1).chain([&self.last]);
        let steps = self.on_the_way.iter().zip(after);
        steps.map(|(from, to)| from.position().distance_m(to.position())).sum()
    }

    /// Converts all poses.
    pub fn convert(&mut self, frame: FrameId, map: impl Fn(Pose2) -> Pose2) {
        self.frame = frame;
        let all = self.on_the_way.iter_mut().chain([&mut self.last, &mut self.sent]);
        all.for_each(|pose| *pose = map(*pose));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poses_that_are_near_are_passed_in_their_order_and_the_goal_stays() {
        let pose = |x_m| Pose2::new(x_m, 0.0, 0.0);
        let mut goals = Goals::new(ActiveGoal { id: 1, frame: FrameId::Map, pose: pose(9.0) });
        assert_eq!((goals.next(), goals.left()), (pose(9.0), 1));
        assert!(!goals.set(&[]) && goals.set(&[pose(1.0), pose(3.0), pose(1.5)]));
        assert!((goals.beyond_next_m() - 3.5).abs() < 1e-9);
        // The one at 3 m is passed before the goal counts, which is nearer.
        assert_eq!(goals.pass(Point2::new(1.2, 0.0), 0.5), 1);
        assert_eq!((goals.next(), goals.last().pose, goals.sent()), (pose(3.0), pose(1.5), pose(9.0)));
        assert_eq!((goals.pass(Point2::new(3.0, 0.0), 0.5), goals.pass(Point2::new(1.5, 0.0), 0.5)), (1, 0));
        goals.convert(FrameId::Odom, |p| Pose2::new(p.x_m + 1.0, p.y_m, p.yaw_rad));
        assert_eq!((goals.last().frame, goals.next(), goals.sent()), (FrameId::Odom, pose(2.5), pose(10.0)));
    }
}
