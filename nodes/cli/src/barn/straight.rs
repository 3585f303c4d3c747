//! A controller alone against the simulator: scans and odometry in, velocities out, nothing in between.

use super::data::Task;
use super::setup::Setup;
use super::trial::{Moment, Outcome, Watch};
use anyhow::Context as _;
use outrider_foundation::data::{CommandVelocity, Odometry, Scan};
use outrider_foundation::{Instant, Node as _, Now, Outbox, Pose2, Span, Stamp, Stamped, Twist2};
use outrider_sim::{Input, Output, SimNode, World};
use outrider_suite::files::sim_config;

/// Time from one call of the simulator to the next.
const STEP: Span = Span::from_millis(5);
/// Outputs of one step; far more than there are.
const OUTPUT_LIMIT: usize = 256;
/// A run that has not ended after so many steps never will: twice the time limit of any task.
const STEP_LIMIT: u64 = 200_000;

/// What drives.
pub trait Controller {
    /// A sweep, and the odometry pose that belongs to it.
    fn see(&mut self, scan: &Scan, odometry: &Odometry);
    /// The velocity to have now.
    fn drive(&mut self, t_s: f64, odometry: &Odometry) -> Twist2;
    /// Time between two velocities.
    fn period(&self) -> Span;
    /// What it is doing, in a few words.
    fn state(&self) -> String;
}

/// Goal of a task in the odometry frame, which begins where the robot does.
pub fn goal_in_odometry(task: &Task) -> Pose2 {
    task.start.inverse().then(task.goal)
}

/// Drives a task to its end.
///
/// # Errors
/// When the world or the simulator's configuration is refused.
pub fn run(
    setup: &Setup,
    task: &Task,
    seed: u64,
    controller: &mut dyn Controller,
) -> anyhow::Result<Outcome> {
    let name = format!("world {}", task.world);
    let config = sim_config("sim", &setup.config("sim", task))?;
    let mut world = World::load(&task.sdf).with_context(|| name.clone())?;
    world.replace_people(&task.moving).with_context(|| name.clone())?;
    let mut sim = SimNode::in_world(config, &setup.real, world, task.start, seed).context(name)?;
    let mut watch = Watch::new(task, 0.0);
    let mut out = Outbox::new(OUTPUT_LIMIT);
    let mut odometry = Odometry::default();
    let mut next = Instant::default();
    for step in 0..STEP_LIMIT {
        let now = at(step);
        let t_s = now.mono.since(Instant::default()).as_s();
        let mut inputs = Vec::new();
        if now.mono >= next {
            next = now.mono + controller.period();
            let command = CommandVelocity { stamp: now.ros, twist: controller.drive(t_s, &odometry) };
            inputs.push(Stamped { received: now.mono, value: Input::Velocity(command) });
        }
        sim.step(now, &inputs, &mut out);
        for output in out.drain() {
            match output {
                Output::Odometry(o) => odometry = o,
                Output::Scan(scan) => controller.see(&scan, &odometry),
                Output::Truth(t) => {
                    let moment = Moment {
                        t_s,
                        position: t.pose.position(),
                        clearance_m: t.clearance_m,
                        collisions: t.collisions,
                    };
                    if let Some(end) = watch.see(&moment) {
                        return Ok(Outcome { last_words: controller.state(), ..end });
                    }
                }
                _ => {}
            }
        }
    }
    anyhow::bail!("world {}: no end after {STEP_LIMIT} steps", task.world)
}

fn at(step: u64) -> Now {
    let since = Span::from_nanos(STEP.nanos().saturating_mul(step as i64));
    Now { mono: Instant::default() + since, ros: Stamp::from_nanos(1_700_000_000_000_000_000) + since }
}
