//! The permit contract: a valid pair passes in either order, and every tampered one is refused.

use super::support::{PERIOD, Rig, TTL, envelope};
use crate::Input;
use outrider_foundation::data::{Command, CommandSource, GateMode, Permit};
use outrider_foundation::{Span, Twist2};

const SLOW: Twist2 = Twist2::new(0.2, 0.1);

/// Offers a pair after `tamper` to an armed gate that stands: it must be refused with this reason, and the robot stand.
fn refused(reason: &str, tamper: impl Fn(&mut Command, &mut Permit)) {
    for permit_first in [false, true] {
        let mut rig = Rig::armed();
        let (accepted, rejected) = (rig.state().accepted, rig.state().rejected);
        let mut command = rig.command(SLOW);
        let mut permit = rig.permit(&command);
        tamper(&mut command, &mut permit);
        let (c, p) = (Input::Command(command), Input::Permit(permit));
        rig.send(if permit_first { vec![p, c] } else { vec![c, p] });
        let state = rig.period();
        assert_eq!(state.mode, GateMode::Stopping, "{reason}");
        assert_eq!(state.twist, Twist2::ZERO);
        assert!(state.reason.contains(reason), "{:?} instead of {reason:?}", state.reason);
        assert!(state.rejected > rejected, "{reason}: refusals are counted");
        assert!(state.accepted <= accepted + 1, "only the pair that was armed with");
    }
}

#[test]
fn a_valid_pair_passes_in_either_order() {
    for permit_first in [false, true] {
        let mut rig = Rig::armed();
        let command = rig.command(SLOW);
        let permit = rig.permit(&command);
        let (c, p) = (Input::Command(command.clone()), Input::Permit(permit));
        rig.send(vec![if permit_first { p.clone() } else { c.clone() }]);
        rig.wait(Span::from_millis(3));
        rig.send(vec![if permit_first { c } else { p }]);
        let state = rig.period();
        assert_eq!(state.mode, GateMode::Forwarding);
        assert_eq!(state.command_sequence, command.sequence);
        assert!(state.twist.v_mps > 0.0 && state.clamped, "slewing is reported as a clamp");
    }
}

#[test]
fn tampered_permits_are_refused() {
    refused("version", |_, p| p.version += 1);
    refused("another run of the gate", |_, p| p.gate_boot_id += 1);
    refused("challenge that is unknown", |_, p| p.challenge_number += 1);
    refused("challenge that is unknown", |_, p| p.challenge_number = 0);
    refused("permit refused: its sequence", |_, p| p.sequence = 0);
    refused("permit refused: its sequence", |_, p| p.sequence -= 1);
    refused("armed with", |_, p| p.hashes.specification = [9; 32]);
    refused("armed with", |_, p| p.hashes.parameters = [9; 32]);
    refused("armed with", |_, p| p.hashes.zones = [9; 32]);
    refused("digest", |_, p| p.command_digest[31] ^= 1);
    refused("time to live is not positive", |_, p| p.time_to_live = Span::from_millis(-1));
    refused("time to live is not positive", |_, p| p.time_to_live = Span::ZERO);
    refused("not finite", |_, p| p.robustness = f64::NAN);
    refused("not finite", |_, p| p.envelope.v_max_mps = f64::NAN);
    refused("not finite", |_, p| p.envelope.jerk_mps3 = f64::INFINITY);
    refused("envelope exceeds", |_, p| p.envelope.v_max_mps += 0.1);
    refused("envelope exceeds", |_, p| p.envelope.v_min_mps -= 0.1);
    refused("envelope exceeds", |_, p| p.envelope.w_max_radps = -1.0);
    refused("envelope exceeds", |_, p| p.envelope.accel_mps2 += 0.1);
    refused("envelope exceeds", |_, p| p.envelope.decel_mps2 += 0.1);
    refused("envelope exceeds", |_, p| p.envelope.alpha_radps2 += 0.1);
    refused("envelope exceeds", |_, p| p.envelope.jerk_mps3 += 0.1);
    refused("outside its permit's envelope", |_, p| p.envelope.v_max_mps = 0.19);
    refused("outside its permit's envelope", |_, p| p.envelope.w_max_radps = 0.09);
}

#[test]
fn tampered_commands_are_refused() {
    refused("digest", |c, _| c.twist.v_mps += 1e-9);
    refused("digest", |c, _| c.reason = "other".into());
    refused("not finite", |c, _| c.twist.v_mps = f64::NAN);
    refused("not finite", |c, _| c.twist.w_radps = f64::INFINITY);
    refused("command refused: its sequence", |c, p| {
        c.sequence = 1;
        p.command_sequence = 1;
        p.command_digest = super::support::digest(c);
    });
}

#[test]
fn a_false_command_under_the_same_name_does_not_use_up_the_permit() {
    for false_first in [false, true] {
        let mut rig = Rig::armed();
        let command = rig.command(SLOW);
        let permit = Input::Permit(rig.permit(&command));
        let mut other = command.clone();
        other.twist.v_mps = 0.9;
        let (command, other) = (Input::Command(command), Input::Command(other));
        rig.send(if false_first { vec![other, permit, command] } else { vec![permit, other, command] });
        let state = rig.period();
        assert_eq!((state.mode, state.rejected), (GateMode::Forwarding, 1));
    }
}

#[test]
fn one_permit_permits_one_command_once() {
    let mut rig = Rig::armed();
    let command = rig.command(SLOW);
    let permit = rig.permit(&command);
    rig.send(vec![Input::Command(command.clone()), Input::Permit(permit.clone())]);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
    let rejected = rig.state().rejected;
    // The same again, and the same under a new permit.
    rig.send(vec![Input::Command(command.clone()), Input::Permit(permit)]);
    let again = rig.permit(&command);
    rig.send(vec![Input::Command(command), Input::Permit(again)]);
    rig.wait(TTL);
    assert_eq!(rig.period().mode, GateMode::Stopping);
    assert!(rig.state().rejected >= rejected + 2);
}

#[test]
fn a_permit_holds_from_its_challenge_not_from_its_arrival() {
    let mut rig = Rig::armed();
    let command = rig.command(SLOW);
    let permit = rig.permit(&command);
    let asked = rig.now.mono;
    for _ in 0..4 {
        rig.period();
    }
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    while rig.now.mono.since(asked) < TTL {
        assert_eq!(rig.period().mode, GateMode::Forwarding, "{:?}", rig.now.mono.since(asked));
    }
    assert_eq!(rig.period().mode, GateMode::Stopping);
}

#[test]
fn a_permit_that_comes_too_late_is_refused() {
    let mut rig = Rig::armed();
    let command = rig.command(SLOW);
    let permit = rig.permit(&command);
    for _ in 0..7 {
        rig.period();
    }
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    let state = rig.period();
    assert_eq!((state.mode, state.rejected), (GateMode::Stopping, 1));
    assert!(state.reason.contains("time to live"));
}

#[test]
fn no_permit_holds_longer_than_the_gate_allows() {
    let mut rig = Rig::armed();
    let command = rig.command(SLOW);
    let mut permit = rig.permit(&command);
    permit.time_to_live = Span::from_s(1e9);
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    rig.wait(TTL + PERIOD);
    assert_eq!(rig.period().mode, GateMode::Stopping);
}

#[test]
fn what_waits_is_bounded_and_what_is_dropped_is_counted() {
    let mut rig = Rig::armed();
    for _ in 0..20 {
        let command = rig.command(SLOW);
        rig.send(vec![Input::Command(command)]);
    }
    assert_eq!(rig.period().rejected, 12);
    let mut rig = Rig::armed();
    for _ in 0..20 {
        let command = rig.command(SLOW);
        let permit = rig.permit(&command);
        rig.send(vec![Input::Permit(permit)]);
    }
    assert_eq!(rig.period().rejected, 12);
}

#[test]
fn a_planner_that_was_restarted_counts_afresh() {
    let mut rig = Rig::driving(SLOW);
    rig.command_sequence = 0;
    let mut command = rig.command(SLOW);
    command.boot_id += 1;
    let permit = rig.permit(&command);
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    assert_eq!(rig.period().command_sequence, 1);
}

#[test]
fn the_envelope_bounds_the_acceleration() {
    let mut rig = Rig::armed();
    let command = rig.command(SLOW);
    let mut permit = rig.permit(&command);
    permit.envelope.accel_mps2 = 0.5 * envelope().accel_mps2;
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    assert!((rig.period().twist.v_mps - 0.005).abs() < 1e-12);
}

/// What assurance has answered later goes before what it answered earlier, whoever proposed it.
#[test]
fn an_overtaken_permit_is_void() {
    let mut rig = Rig::armed();
    let mut late = rig.command(Twist2::new(0.9, 0.0));
    late.source = CommandSource::Recovery;
    let of_late = rig.permit(&late);
    let command = rig.command(SLOW);
    let permit = rig.permit(&command);
    rig.send(vec![Input::Permit(of_late), Input::Permit(permit), Input::Command(command)]);
    rig.send(vec![Input::Command(late)]);
    let state = rig.period();
    assert_eq!((state.mode, state.command_source), (GateMode::Forwarding, CommandSource::Planner));
    assert!(state.twist.v_mps > 0.0);
}

#[test]
fn no_source_can_use_a_sequence_twice() {
    for source in [CommandSource::Planner, CommandSource::Recovery] {
        let mut rig = Rig::armed();
        let mut command = rig.command(SLOW);
        command.source = source;
        let permit = rig.permit(&command);
        rig.send(vec![Input::Command(command.clone()), Input::Permit(permit)]);
        let before = rig.period();
        command.twist.v_mps = 0.9;
        let permit = rig.permit(&command);
        rig.send(vec![Input::Command(command), Input::Permit(permit)]);
        let state = rig.period();
        assert_eq!((state.accepted, state.rejected), (before.accepted, before.rejected + 1), "{source:?}");
    }
}
