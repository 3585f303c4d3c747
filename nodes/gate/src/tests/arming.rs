//! What keeps the gate from starting, from being armed, and from being kept busy.

use super::support::{GATE_BOOT, PERIOD, Rig, TTL, config, digest, robot};
use crate::{Config, GateNode, Input, Output};
use outrider_foundation::data::{
    CommandSource, GateMode, Mode, OperatorAction, OperatorReply, OperatorRequest,
};
use outrider_foundation::{Span, Twist2};

const SLOW: Twist2 = Twist2::new(0.2, 0.1);

fn says(mode: Mode, limiting: &str) -> Input {
    Input::Assurance { mode, limiting: limiting.into() }
}

fn arm(rig: &mut Rig) -> OperatorReply {
    rig.operator(OperatorAction::Arm)
}

/// Zero, less than zero, too much, and what is no number: each key refuses each.
#[test]
fn no_key_switches_a_guard_off() {
    type Key = (&'static str, fn(&mut Config, f64));
    let keys: [Key; 6] = [
        ("period_s", |c, x| c.period_s = x),
        ("max_time_to_live_s", |c, x| c.max_time_to_live_s = x),
        ("stop_decel_mps2", |c, x| c.stop_decel_mps2 = x),
        ("teleop.v_max_mps", |c, x| c.teleop.v_max_mps = x),
        ("teleop.w_max_radps", |c, x| c.teleop.w_max_radps = x),
        ("teleop.timeout_s", |c, x| c.teleop.timeout_s = x),
    ];
    for (key, set) in keys {
        for value in [0.0, -0.0, -0.01, -1.0, 1e-9, 100.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut c = config();
            set(&mut c, value);
            let error = GateNode::new(c, &robot(), digest, GATE_BOOT).err().map(|e| e.to_string());
            let error = error.unwrap_or_else(|| panic!("{key}: {value} was taken"));
            assert!(error.contains(key), "{error}");
        }
    }
}

#[test]
fn whoever_arms_without_a_permit_is_told_why() {
    let mut rig = Rig::new();
    let silent = "not armed: no fresh permit from assurance (which is silent)";
    assert_eq!(&*arm(&mut rig).message, silent);
    rig.send(vec![says(Mode::SafeStop, "scan_age")]);
    let reply = arm(&mut rig);
    assert!(!reply.success);
    assert_eq!(&*reply.message, "not armed: no fresh permit from assurance (SAFE_STOP, scan_age)");
    rig.send(vec![says(Mode::EStop, "")]);
    assert_eq!(&*arm(&mut rig).message, "not armed: no fresh permit from assurance (E_STOP)");
    rig.wait(Span::from_millis(500));
    rig.send(vec![]);
    assert!(arm(&mut rig).message.ends_with("(E_STOP)"));
    rig.wait(Span::from_millis(1));
    assert_eq!(&*arm(&mut rig).message, silent, "what was said long ago explains nothing");
}

#[test]
fn the_last_refused_permit_is_named_too() {
    let mut rig = Rig::new();
    let command = rig.command(SLOW);
    let mut permit = rig.permit(&command);
    permit.time_to_live = Span::ZERO;
    rig.send(vec![says(Mode::Nominal, "speed"), Input::Command(command), Input::Permit(permit)]);
    assert_eq!(
        &*arm(&mut rig).message,
        "not armed: no fresh permit from assurance (NOMINAL, speed); permit refused: its time to live is not positive"
    );
    rig.wait(Span::from_millis(501));
    assert!(!arm(&mut rig).message.contains("permit refused"));
}

#[test]
fn what_assurance_says_lets_nothing_move() {
    let mut rig = Rig::armed();
    rig.send(vec![says(Mode::Nominal, "speed")]);
    let state = rig.period();
    assert_eq!((state.mode, state.twist), (GateMode::Stopping, Twist2::ZERO));
    assert!(rig.operator(OperatorAction::Reset).success);
    rig.send(vec![says(Mode::Nominal, "speed")]);
    assert!(!arm(&mut rig).success);
}

#[test]
fn a_released_button_clears_nothing_by_itself() {
    let mut rig = Rig::driving(SLOW);
    rig.send(vec![Input::EStop(false)]);
    rig.permitted(SLOW);
    assert_eq!(rig.period().mode, GateMode::Forwarding, "nor does it stop anything");
    rig.send(vec![Input::EStop(true), Input::EStop(false)]);
    for _ in 0..100 {
        rig.permitted(SLOW);
        rig.send(vec![Input::EStop(false)]);
        assert_eq!(rig.period().mode, GateMode::EStop);
    }
    assert_eq!(rig.state().twist, Twist2::ZERO);
    rig.permitted(SLOW);
    assert!(arm(&mut rig).message.contains("latched"));
}

#[test]
fn what_the_gate_was_armed_with_stays_pinned() {
    let mut rig = Rig::driving(SLOW);
    let offer = |rig: &mut Rig| {
        let command = rig.command(SLOW);
        let mut permit = rig.permit(&command);
        permit.hashes.parameters = [9; 32];
        rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    };
    for _ in 0..20 {
        offer(&mut rig);
        rig.period();
    }
    assert_eq!(rig.state().mode, GateMode::Stopping);
    assert!(rig.state().reason.contains("armed with"));
    assert_eq!(&*arm(&mut rig).message, "armed already", "arming again pins nothing anew");
    offer(&mut rig);
    assert_eq!(rig.period().mode, GateMode::Stopping);
    // Reset and armed again: now these are the pins.
    assert!(rig.operator(OperatorAction::Reset).success);
    offer(&mut rig);
    assert!(arm(&mut rig).success);
    offer(&mut rig);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
}

#[test]
fn a_flood_of_commands_is_bounded_and_counted() {
    let mut rig = Rig::armed();
    let commands: Vec<_> = (0..500).map(|_| rig.command(SLOW)).collect();
    let permit = rig.permit(commands.last().unwrap());
    let mut recovery = rig.command(Twist2::new(0.1, 0.0));
    recovery.source = CommandSource::Recovery;
    let of_recovery = rig.permit(&recovery);
    let mut inputs = vec![Input::Command(recovery)];
    inputs.extend(commands.into_iter().map(Input::Command));
    rig.send(inputs);
    assert_eq!(rig.gate.diagnostics(), [("commands passed over", 492)]);
    // The newest is still known, and so is what the other source said before.
    rig.send(vec![Input::Permit(permit)]);
    assert_eq!((rig.period().mode, rig.state().rejected), (GateMode::Forwarding, 492));
    rig.send(vec![Input::Permit(of_recovery)]);
    assert_eq!(rig.period().command_source, CommandSource::Recovery);
}

#[test]
fn a_flood_of_requests_does_not_keep_the_period_from_coming() {
    let mut rig = Rig::driving(SLOW);
    let request = OperatorRequest { stamp: rig.now.ros, sequence: 1, action: OperatorAction::Arm };
    let rejected = rig.state().rejected;
    rig.wait(PERIOD);
    let out = rig.send(vec![Input::Operator(request); 500]);
    let replies = out.iter().filter(|o| matches!(o, Output::Reply(_))).count();
    assert_eq!((replies, out.len()), (8, 11));
    assert_eq!(rig.state().rejected, rejected + 492);
}

#[test]
fn a_permit_for_no_time_is_refused_at_once() {
    let mut rig = Rig::armed();
    rig.wait(PERIOD);
    rig.send(vec![]);
    // Its challenge is as young as can be.
    let command = rig.command(SLOW);
    let mut permit = rig.permit(&command);
    permit.time_to_live = Span::ZERO;
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    let state = rig.period();
    assert_eq!((state.mode, state.rejected), (GateMode::Stopping, 1));
    assert!(TTL > Span::ZERO && state.reason.contains("time to live"));
}

/// A digest that could not be computed must not match one that could not be computed either.
#[test]
fn a_digest_of_zeros_permits_nothing() {
    let mut rig = Rig::new();
    rig.gate = GateNode::new(config(), &robot(), |_| [0; 32], GATE_BOOT).unwrap();
    rig.send(vec![]);
    for permit_first in [false, true] {
        let command = rig.command(SLOW);
        let mut permit = rig.permit(&command);
        permit.command_digest = [0; 32];
        let (c, p) = (Input::Command(command), Input::Permit(permit));
        rig.send(if permit_first { vec![p, c] } else { vec![c, p] });
        assert!(!arm(&mut rig).success);
        assert_eq!(rig.period().accepted, 0);
    }
}
