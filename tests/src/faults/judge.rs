//! Was it as it must be? Every miss is a sentence.

use super::bounds::Numbers;
use super::catalogue::{Expected, Row};
use super::run::bound;
use super::watch::Watch;
use outrider_foundation::Instant;
use outrider_msgs::outrider_msgs::GateState;

/// A robot that rides through goes on at least so far while it is watched, m.
const GOES_ON_M: f64 = 0.5;
/// Grid of the gate and rounding: a command may come so much later than reckoned, s.
const GRID_S: f64 = 1e-6;

/// What came of one repetition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What was not as it must be; empty: all was.
    pub misses: Vec<String>,
    /// From the strike to the first slower command.
    pub reaction_s: Option<f64>,
    /// From the strike to standstill.
    pub stop_s: Option<f64>,
    /// Way from the strike to standstill.
    pub distance_m: Option<f64>,
    /// Speed at the strike.
    pub speed_mps: f64,
    /// Bounds of stop and way at that speed.
    pub bound: Option<(f64, f64)>,
    /// Least clearance since the strike.
    pub least_clearance_m: f64,
    /// Contacts since the strike.
    pub collisions: u32,
    /// Commands that the gate should not have published.
    pub envelope_violations: u64,
    /// Movements that began by themselves.
    pub restarts: u32,
    /// Who gave which reason.
    pub reason: String,
}

/// A node was started that should have refused; `words` is what its refusal has to name.
pub(super) fn start(refusal: Option<String>, words: &[String]) -> Outcome {
    let mut outcome = Outcome { least_clearance_m: f64::NAN, ..Outcome::default() };
    match refusal {
        None => outcome.misses.push("it started".to_owned()),
        Some(text) => {
            let missing = words.iter().filter(|word| !text.contains(word.as_str()));
            outcome.misses =
                missing.map(|word| format!("the refusal does not name `{word}`: {text}")).collect();
            outcome.reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }
    outcome
}

/// The robot never got fast enough: nothing was tried.
pub(super) fn never_struck(watch: &Watch) -> Outcome {
    let reason = watch.gate.as_ref().map_or_else(String::new, |g| g.reason.clone());
    let misses = vec![format!("never driven fast enough to strike; the gate says: {reason}")];
    Outcome { misses, least_clearance_m: f64::NAN, ..Outcome::default() }
}

/// Somebody tried to arm.
pub(super) fn arming(watch: &Watch, row: &Row) -> Outcome {
    let mut outcome = common(watch);
    if watch.replies.is_empty() {
        outcome.misses.push("nobody tried to arm".to_owned());
    }
    if watch.replies.iter().any(|r| r.success) {
        outcome.misses.push("it was armed".to_owned());
    }
    if watch.sent.iter().any(|s| !s.is_zero()) {
        outcome.misses.push("a movement was commanded".to_owned());
    }
    let last = watch.replies.last().map_or_else(String::new, |r| r.message.clone());
    if !because(row, &last) {
        outcome.misses.push(format!("another reason: {last}"));
    }
    outcome.reason = last;
    outcome
}

/// A drive was struck; `over` is when the fault was over.
pub(super) fn drive(watch: &Watch, numbers: &Numbers, row: &Row, over: Option<Instant>) -> Outcome {
    let mut outcome = common(watch);
    outcome.reason = watch.reasons.iter().flatten().cloned().collect::<Vec<_>>().join("; ");
    match row.expected {
        Expected::Stops | Expected::RobotStops | Expected::EStopLatched => {
            stops(&mut outcome, watch, numbers, row, over);
        }
        Expected::RidesThrough => rides(&mut outcome, watch),
        Expected::Degrades => degrades(&mut outcome, watch, numbers, row),
        Expected::StaysSafe => {}
        Expected::RefusesToArm | Expected::RefusesToStart => {
            outcome.misses.push("the fault is one of a drive".to_owned());
        }
    }
    if !because(row, &outcome.reason) {
        outcome.misses.push(format!("another reason: {}", outcome.reason));
    }
    let last = watch.gate.as_ref().map_or("", |g| g.reason.as_str());
    if !last.contains(&row.finally) {
        outcome.misses.push(format!("the gate's reason at the end: {last}"));
    }
    if row.expected == Expected::EStopLatched
        && watch.gate.as_ref().is_none_or(|g| g.mode != GateState::E_STOP)
    {
        outcome.misses.push(format!("the emergency stop is not latched at the end: {last}"));
    }
    outcome
}

fn because(row: &Row, reason: &str) -> bool {
    row.because.is_empty() || row.because.iter().any(|part| reason.contains(part))
}

/// What no fault may lead to.
fn common(watch: &Watch) -> Outcome {
    let before = watch.strike.map_or(0, |s| s.collisions);
    let collisions = watch.truth.as_ref().map_or(0, |t| t.collisions.saturating_sub(before));
    let violations = &watch.envelope.violations;
    let mut misses = Vec::new();
    if collisions > 0 {
        let what = watch.truth.as_ref().map_or("", |t| t.nearest.as_str());
        misses.push(format!("{collisions} collisions, the last near {what}"));
    }
    if let Some(first) = violations.first() {
        misses.push(format!("{} commands out of the envelope, the first {first}", violations.len()));
    }
    if watch.restarts > 0 {
        misses.push(format!("{} movements without anybody having armed", watch.restarts));
    }
    if watch.envelope.checked == 0 {
        misses.push("no command was seen".to_owned());
    }
    Outcome {
        misses,
        speed_mps: watch.strike.map_or(0.0, |s| s.v_mps),
        least_clearance_m: watch.least_clearance_m,
        collisions,
        envelope_violations: violations.len() as u64,
        restarts: watch.restarts,
        ..Outcome::default()
    }
}

fn stops(outcome: &mut Outcome, watch: &Watch, numbers: &Numbers, row: &Row, over: Option<Instant>) {
    let Some(strike) = watch.strike else { return };
    let Some(bound) = bound(numbers, row, strike.v_mps, strike.w_radps) else { return };
    outcome.bound = Some((bound.stop_s, bound.distance_m));
    let since = |at: Instant| at.since(strike.at).as_s();
    let mut check = |what: &str, value: Option<f64>, limit: f64| match value {
        None => outcome.misses.push(format!("no {what}")),
        Some(value) if value <= limit + GRID_S => {}
        Some(value) => outcome.misses.push(format!("{what}: {value:.3}, at most {limit:.3}")),
    };
    let (slower, zero) = (watch.slower_at().map(since), watch.zero_at().map(since));
    let stood = watch.stood_at.map(since);
    if row.expected != Expected::RobotStops {
        check("slower command [s]", slower, bound.reaction_s + numbers.gate_period_s());
        check("commanded zero [s]", zero, bound.zero_s);
    }
    check("standstill [s]", stood, bound.stop_s);
    check("way [m]", stood.map(|_| watch.distance_m), bound.distance_m);
    let again = watch.movements_before(over);
    if again > 0 {
        outcome.misses.push(format!("moved {again} times while the fault was there"));
    }
    // Without its gate the robot reacts by itself; the command that comes later is not what stopped it.
    outcome.reaction_s = slower.filter(|_| row.expected != Expected::RobotStops);
    outcome.stop_s = stood;
    outcome.distance_m = stood.map(|_| watch.distance_m);
}

fn rides(outcome: &mut Outcome, watch: &Watch) {
    if watch.refused_states > 0 {
        outcome.misses.push(format!("the gate did not forward, {} velocities long", watch.refused_states));
    }
    // The planner stops for people, true ones and those that its detector invents.
    let gives_way = watch.reasons.iter().flatten().any(|r| r.starts_with("planner: giving way"));
    if watch.zero_at().is_some() && watch.distance_m < GOES_ON_M && !gives_way {
        outcome.misses.push(format!("stopped after {:.2} m", watch.distance_m));
    }
}

fn degrades(outcome: &mut Outcome, watch: &Watch, numbers: &Numbers, row: &Row) {
    let Some(strike) = watch.strike else { return };
    let reaction_s = numbers.reaction_s(row);
    let since = watch.degraded_at.map(|at| at.since(strike.at).as_s());
    match since {
        None => outcome.misses.push("assurance never was in DEGRADED".to_owned()),
        Some(s) if s > reaction_s => {
            outcome.misses.push(format!("DEGRADED after {s:.3} s, at most {reaction_s:.3}"));
        }
        Some(_) => {}
    }
    outcome.reaction_s = since;
    let limit_mps = numbers.degraded_mps();
    let slow_s = reaction_s + (strike.v_mps - limit_mps).max(0.0) / numbers.stop_decel_mps2() + 0.1;
    let fastest = watch.fastest_since(strike.at + outrider_foundation::Span::from_s(slow_s));
    if fastest > limit_mps + 1e-6 {
        outcome.misses.push(format!("{fastest:.3} m/s commanded in DEGRADED"));
    }
}
