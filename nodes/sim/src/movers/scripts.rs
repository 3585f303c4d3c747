//! People who follow a script and wait for the robot when it is in their way.

use super::RobotNow;
use crate::config::PersonConfig;
use crate::world::{Actor, Motion};
use outrider_foundation::Span;

pub(super) struct Scripts {
    motions: Vec<Motion>,
    /// How long each person has waited for the robot: so far is it behind its script.
    waited: Vec<Span>,
}

impl Scripts {
    pub(super) fn new(people: usize) -> Self {
        Self { motions: Vec::new(), waited: vec![Span::ZERO; people] }
    }

    pub(super) fn motions(&self) -> &[Motion] {
        &self.motions
    }

    pub(super) fn step(
        &mut self,
        at: Span,
        period: Span,
        config: &PersonConfig,
        actors: &[Actor],
        robot: &RobotNow<'_>,
    ) {
        let base_from_world = robot.pose.inverse();
        let gap_m = |motion: &Motion| {
            let local = base_from_world.apply(motion.pose.position());
            robot.footprint.signed_distance_m(local) - config.radius_m
        };
        let mut motions = Vec::with_capacity(self.waited.len());
        for (i, (actor, waited)) in actors.iter().zip(&mut self.waited).enumerate() {
            let next = actor.motion_at((at - *waited).as_s());
            // Whoever would come too near stands still instead, and goes on with the script later.
            let held = self.motions.get(i).filter(|before| {
                let next_m = gap_m(&next);
                let within_m = config.waits_within_m;
                within_m > 0.0 && next_m < within_m && next_m < gap_m(before)
            });
            if held.is_some() {
                *waited = *waited + period;
            }
            motions.push(held.map_or(next, |before| Motion { v_mps: 0.0, ..*before }));
        }
        self.motions = motions;
    }
}
