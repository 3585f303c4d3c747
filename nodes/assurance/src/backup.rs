//! The backup controller (Simplex: Sha, "Using simplicity to control complexity", IEEE Software 2001): what instead of a
//! proposal that does not pass.
//!
//! A proposal that is merely too fast is slowed down along its own curve, when that passes every rule about motion. In
//! every other case the robot brakes along the curve that it is on: the gate takes a zero velocity down its braking ramp.

use crate::command_checks::Bench;
use crate::monitor::{Reading, Rule};
use crate::motion::{Phase, is_zero, reckon};
use outrider_foundation::Twist2;
use outrider_foundation::data::{Command, Mode, TRAJECTORY_LIMIT, TrajectoryPoint};

/// What is to be done instead, and how it was judged.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    pub twist: Twist2,
    pub reason: &'static str,
    pub readings: Vec<Reading>,
}

/// Chooses; `readings` are those of the proposal.
pub(crate) fn choose(bench: &Bench<'_>, proposal: &Command, readings: &[Reading], mode: Mode) -> Backup {
    if matches!(mode, Mode::Nominal | Mode::Degraded)
        && let Some(twist) = slowed(bench, proposal.twist, readings)
    {
        let readings = bench.judge_motion(twist);
        if readings.iter().all(Reading::is_ok) {
            return Backup { twist, reason: "the proposal, slowed down to the limit", readings };
        }
    }
    let readings = bench.judge_motion(Twist2::ZERO);
    Backup { twist: Twist2::ZERO, reason: "brake along the curve", readings }
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
        reason: backup.reason.to_owned(),
    }
}
