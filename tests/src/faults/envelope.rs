//! An independent check of what the gate publishes: no command outside limits, slew and ramp, and none that nobody permitted.
//! It shares no code with the gate.

use super::bounds::Numbers;
use outrider_foundation::data::{Command, CommandSource, Permit};
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Instant, Twist2};
use std::collections::{BTreeMap, VecDeque};

/// Rounding of what the gate computes in another order.
const ROUNDING: f64 = 1e-9;
/// Permits, challenges and commands that are remembered: half a second of them, more than twice of what can matter.
const MEMORY: usize = 64;
/// A flood pushes out what is remembered of commands; so many more of them.
const COMMANDS: usize = 8192;

/// What a gate published before.
#[derive(Clone, Copy, Debug)]
struct Last {
    at: Instant,
    twist: Twist2,
}

/// Watches every gate by its boot id.
pub struct EnvelopeChecker {
    limits: DriveLimits,
    period_s: f64,
    ramp_mps2: f64,
    time_to_live_s: f64,
    /// Greatest speed and turn rate by hand, and the dead man's time.
    by_hand: (f64, f64, f64),
    last: BTreeMap<u64, Last>,
    challenges: VecDeque<(u64, u64, Instant)>,
    permits: VecDeque<Permit>,
    commands: VecDeque<(CommandSource, u64, [u8; 32], Twist2)>,
    teleop: Option<(Instant, Twist2)>,
    /// What was wrong, in order: the first ones as sentences.
    pub violations: Vec<String>,
    /// How many commands were checked.
    pub checked: u64,
}

impl EnvelopeChecker {
    /// For this robot and gate.
    pub fn new(numbers: &Numbers) -> Self {
        Self {
            limits: numbers.robot.limits,
            period_s: numbers.gate_period_s(),
            ramp_mps2: numbers.stop_decel_mps2(),
            time_to_live_s: numbers.time_to_live_s(),
            by_hand: numbers.teleop(),
            last: BTreeMap::new(),
            challenges: VecDeque::new(),
            permits: VecDeque::new(),
            commands: VecDeque::new(),
            teleop: None,
            violations: Vec::new(),
            checked: 0,
        }
    }

    /// A gate asked.
    pub fn challenge(&mut self, gate_boot_id: u64, number: u64, at: Instant) {
        push(&mut self.challenges, (gate_boot_id, number, at), MEMORY);
    }

    /// Assurance itself published this permit; what others make of it is none.
    pub fn permit(&mut self, permit: Permit) {
        push(&mut self.permits, permit, MEMORY);
    }

    /// This command is on its way to a gate, whoever sent it.
    pub fn command(&mut self, command: &Command) {
        let digest = outrider_suite::convert::command_digest(command);
        push(&mut self.commands, (command.source, command.sequence, digest, command.twist), COMMANDS);
    }

    /// Somebody drives by hand.
    pub fn teleop(&mut self, at: Instant, twist: Twist2) {
        self.teleop = Some((at, twist));
    }

    /// A gate published this.
    pub fn published(&mut self, boot_id: u64, at: Instant, twist: Twist2) {
        self.checked += 1;
        let last = self.last.insert(boot_id, Last { at, twist });
        let problem = self.limit_problem(twist).or_else(|| match last {
            None => (twist != Twist2::ZERO).then(|| "a gate begins with a movement".to_owned()),
            Some(last) => self
                .slew_problem(last, at, twist)
                .or_else(|| self.permission_problem(boot_id, last, at, twist)),
        });
        if let Some(problem) = problem {
            self.violations.push(format!(
                "at {:.3} s: ({:.4} m/s, {:.4} rad/s) after ({:.4}, {:.4}): {problem}",
                at.as_s() - 1.0,
                twist.v_mps,
                twist.w_radps,
                last.map_or(0.0, |l| l.twist.v_mps),
                last.map_or(0.0, |l| l.twist.w_radps)
            ));
        }
    }

    fn limit_problem(&self, twist: Twist2) -> Option<String> {
        let l = &self.limits;
        let inside = twist.v_mps <= l.v_max_mps + ROUNDING
            && twist.v_mps >= l.v_min_mps - ROUNDING
            && twist.w_radps.abs() <= l.w_max_radps + ROUNDING;
        (!inside).then(|| "outside of what the drive can do".to_owned())
    }

    fn slew_problem(&self, last: Last, at: Instant, twist: Twist2) -> Option<String> {
        let elapsed_s = at.since(last.at).as_s();
        let gaining_s = elapsed_s.min(self.period_s);
        let (before, now) = (last.twist.v_mps, twist.v_mps);
        if before * now < 0.0 {
            return Some("changes its direction without standing".to_owned());
        }
        let gained = now.abs() - before.abs();
        if gained > self.limits.accel_mps2 * gaining_s + ROUNDING {
            return Some(format!("gains {gained:.4} m/s in {elapsed_s:.3} s"));
        }
        // A late period makes up for the time that it lost, by braking only.
        let brake_mps2 = self.limits.brake_mps2.max(self.ramp_mps2);
        if -gained > brake_mps2 * elapsed_s + ROUNDING {
            return Some(format!("loses {:.4} m/s in {elapsed_s:.3} s", -gained));
        }
        let turned = (twist.w_radps - last.twist.w_radps).abs();
        let stops = ramp_s(twist, &self.limits, brake_mps2) < ramp_s(last.twist, &self.limits, brake_mps2);
        let turn_s = if stops { elapsed_s } else { gaining_s };
        (turned > self.limits.alpha_radps2 * turn_s + ROUNDING)
            .then(|| format!("the turn rate changes by {turned:.4} rad/s in {elapsed_s:.3} s"))
    }

    /// It goes to where a permit or a hand wants it, or down the ramp; else nobody asked for it.
    fn permission_problem(&self, boot_id: u64, last: Last, at: Instant, twist: Twist2) -> Option<String> {
        if self.is_ramp(last, at, twist) || self.is_by_hand(last, at, twist) {
            return None;
        }
        let permitted = |permit: &Permit| {
            let challenge = |c: &&(u64, u64, Instant)| (c.0, c.1) == (boot_id, permit.challenge_number);
            let Some((_, _, asked)) = self.challenges.iter().find(challenge) else { return false };
            let time_to_live_s = permit.time_to_live.as_s().min(self.time_to_live_s);
            let named = |c: &&(CommandSource, u64, [u8; 32], Twist2)| {
                (c.0, c.1, c.2) == (permit.command_source, permit.command_sequence, permit.command_digest)
            };
            permit.gate_boot_id == boot_id
                && at.since(*asked).as_s() <= time_to_live_s + ROUNDING
                && self.commands.iter().filter(named).any(|c| {
                    let e = &permit.envelope;
                    let inside = c.3.v_mps <= e.v_max_mps + ROUNDING
                        && c.3.v_mps >= e.v_min_mps - ROUNDING
                        && c.3.w_radps.abs() <= e.w_max_radps + ROUNDING;
                    inside && is_towards(last.twist, twist, c.3)
                })
        };
        (!self.permits.iter().any(permitted)).then(|| "nobody permitted this".to_owned())
    }

    fn is_by_hand(&self, last: Last, at: Instant, twist: Twist2) -> bool {
        let (v, w, timeout_s) = self.by_hand;
        self.teleop.is_some_and(|(heard, wanted)| {
            let wanted = Twist2::new(wanted.v_mps.clamp(-v, v), wanted.w_radps.clamp(-w, w));
            let late_s = at.since(heard).as_s();
            late_s <= timeout_s + self.period_s + ROUNDING && is_towards(last.twist, twist, wanted)
        })
    }

    fn is_ramp(&self, last: Last, at: Instant, twist: Twist2) -> bool {
        let elapsed_s = at.since(last.at).as_s();
        let before_s = ramp_s(last.twist, &self.limits, self.ramp_mps2);
        let left_s = (before_s - elapsed_s).max(0.0);
        let curve = twist.v_mps * last.twist.w_radps - twist.w_radps * last.twist.v_mps;
        (ramp_s(twist, &self.limits, self.ramp_mps2) - left_s).abs() <= 1e-6 && curve.abs() <= 1e-6
    }
}

/// How long the ramp to standstill is.
fn ramp_s(twist: Twist2, limits: &DriveLimits, decel_mps2: f64) -> f64 {
    (twist.v_mps.abs() / decel_mps2).max(twist.w_radps.abs() / limits.alpha_radps2)
}

/// No component leaves the stretch from where it was to where it is wanted; a change of direction ends at zero first.
fn is_towards(from: Twist2, to: Twist2, wanted: Twist2) -> bool {
    let between = |from: f64, to: f64, wanted: f64| {
        to >= from.min(wanted) - ROUNDING && to <= from.max(wanted) + ROUNDING
    };
    between(from.v_mps, to.v_mps, wanted.v_mps) && between(from.w_radps, to.w_radps, wanted.w_radps)
}

fn push<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
