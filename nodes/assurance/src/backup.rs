//! The backup controllers (Simplex: Sha, "Using simplicity to control complexity", IEEE Software 2001): what instead of
//! a proposal that does not pass. In this order:
//!
//! 1. the proposal slowed down along its own curve, when it is merely too fast and passes every rule about motion then;
//! 2. the brake: while the robot moves, the gate takes a zero velocity down its ramp, along the curve that it is on;
//! 3. a slow way out of where the robot may not be, which has been verified (`way_out`);
//! 4. hold: it stays where it is.

use crate::command_checks::Bench;
use crate::monitor::{Reading, Rule};
use crate::motion::{Phase, is_zero, reckon};
use outrider_foundation::Twist2;
use outrider_foundation::data::{Command, Envelope, Mode, TRAJECTORY_LIMIT, TrajectoryPoint};

/// Which one drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    SlowDown,
    Brake,
    WayOut,
    Hold,
}

impl Controller {
    /// Its name and what it does, for records and for the reason of its commands.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SlowDown => "slow-down (the proposal at the speed of the limit)",
            Self::Brake => "brake (along the curve that it is on)",
            Self::WayOut => "way out (slowly out of where it may not be)",
            Self::Hold => "hold (it stays where it is)",
        }
    }
}

/// What is to be done instead, and how it was judged.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    pub controller: Controller,
    pub twist: Twist2,
    /// Within which the gate has to keep it.
    pub envelope: Envelope,
    pub readings: Vec<Reading>,
}

/// The proposal, slowed down; `None` when that does not pass. `readings` are those of the proposal.
pub(crate) fn slow_down(
    bench: &Bench<'_>,
    proposal: &Command,
    readings: &[Reading],
    mode: Mode,
) -> Option<Backup> {
    // Too fast and too old, or from somebody else, is more than too fast: nothing of it is driven.
    let of_message = |r: &&Reading| {
        use Rule::{Certificate, CommandAge, CommandDataAge, CommandSequence, TailShape};
        matches!(r.rule, CommandSequence | CommandAge | CommandDataAge | Certificate | TailShape)
    };
    if !matches!(mode, Mode::Nominal | Mode::Degraded)
        || !readings.iter().filter(of_message).all(Reading::is_ok)
    {
        return None;
    }
    let twist = slowed(bench, proposal.twist, readings)?;
    let readings = bench.judge_motion(twist);
    let passes = readings.iter().all(Reading::is_ok);
    let envelope = bench.envelope;
    passes.then_some(Backup { controller: Controller::SlowDown, twist, envelope, readings })
}

/// Brake, or hold at rest: nothing better is left, whatever its readings say.
pub(crate) fn stop(bench: &Bench<'_>) -> Backup {
    let rests = is_zero(bench.known.twist(bench.config));
    let controller = if rests { Controller::Hold } else { Controller::Brake };
    let readings = bench.judge_motion(Twist2::ZERO);
    Backup { controller, twist: Twist2::ZERO, envelope: bench.envelope, readings }
}

/// The proposal's twist scaled down to the limits that it exceeds; `None` when speed is not what is wrong with it.
fn slowed(bench: &Bench<'_>, twist: Twist2, readings: &[Reading]) -> Option<Twist2> {
    let too_fast = |r: &&Reading| {
        matches!(r.rule, Rule::Speed | Rule::TurnRate | Rule::ZoneSpeed) && !r.is_ok() && r.limit > 0.0
    };
    let share = |r: &Reading| match r.rule {
        Rule::TurnRate => r.limit / twist.w_radps.abs(),
        _ => r.limit / twist.v_mps.abs(),
    };
    let scale = readings.iter().filter(too_fast).map(share).reduce(f64::min)?;
    let scaled = Twist2::new(twist.v_mps * scale, twist.w_radps * scale);
    let e = &bench.envelope;
    (scale.is_finite() && scale < 1.0 && e.v_max_mps > 0.0 && !is_zero(scaled)).then_some(scaled)
}

/// The command of the backup controller, with the motion that it leads to.
pub(crate) fn command(bench: &Bench<'_>, backup: &Backup, boot_id: u64, sequence: u64) -> Command {
    let limits = &bench.robot.limits;
    let hold = Phase { target: backup.twist, duration_s: bench.config.reaction_s(limits) };
    let tail = reckon(bench.known.twist(bench.config), &[hold], limits).unwrap_or_default();
    // What is beyond the limit is thinned out evenly; the end at rest stays.
    let stride = tail.len().div_ceil(TRAJECTORY_LIMIT - 1).max(1);
    let last = tail.len().saturating_sub(1);
    let kept = tail.iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last);
    let tail: Vec<_> =
        kept.map(|(_, m)| TrajectoryPoint { t_s: m.t_s, pose: m.pose, twist: m.twist }).collect();
    Command {
        stamp: bench.now.ros,
        boot_id,
        sequence,
        source: outrider_foundation::data::CommandSource::Recovery,
        twist: backup.twist,
        trajectory: vec![],
        braking_tail: tail,
        data_stamp: bench.known.scan.source.stamp().unwrap_or_default(),
        world_model_sequence: bench.known.world.sequence,
        goal_id: 0,
        reason: backup.controller.text().to_owned(),
    }
}
