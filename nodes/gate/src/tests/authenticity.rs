//! Permits with an authentication code, where a key is configured.

use super::support::{AUTHENTICATOR, Rig, STRANGER};
use crate::Input;
use outrider_foundation::Twist2;
use outrider_foundation::data::{GateMode, OperatorAction, Permit, PermitAuthenticator};

const SLOW: Twist2 = Twist2::new(0.2, 0.1);
const REFUSED: &str = "permit refused: its authentication code is not that of the gate's key";

fn with_key() -> Rig {
    let mut rig = Rig::new();
    rig.gate = rig.gate.with_authenticator(AUTHENTICATOR);
    rig
}

/// A pair whose permit was made complete by `sign`.
fn offer(rig: &mut Rig, sign: impl Fn(&mut Permit)) {
    let command = rig.command(SLOW);
    let mut permit = rig.permit(&command);
    sign(&mut permit);
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
}

fn sign(permit: &mut Permit) {
    permit.mac = AUTHENTICATOR.code(permit);
}

fn armed_with_key() -> Rig {
    let mut rig = with_key();
    offer(&mut rig, sign);
    assert!(rig.operator(OperatorAction::Arm).success);
    rig
}

#[test]
fn a_permit_with_its_code_passes() {
    let mut rig = armed_with_key();
    offer(&mut rig, sign);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
}

#[test]
fn a_permit_without_its_code_is_refused() {
    type Forge = fn(&mut Permit);
    let forgeries: [Forge; 5] = [
        |_| {},
        |p| p.mac = STRANGER.code(p),
        |p| {
            sign(p);
            p.mac[0] ^= 1;
        },
        |p| {
            sign(p);
            p.mac[31] ^= 0x80;
        },
        |p| {
            sign(p);
            p.envelope.v_max_mps -= 0.1;
        },
    ];
    for forge in forgeries {
        let mut rig = armed_with_key();
        offer(&mut rig, forge);
        let state = rig.period();
        assert_eq!((state.mode, &*state.reason), (GateMode::Stopping, REFUSED));
        assert_eq!(state.twist, Twist2::ZERO);
        // Nor does it serve for arming, and whoever arms learns why.
        let mut rig = with_key();
        offer(&mut rig, forge);
        let reply = rig.operator(OperatorAction::Arm);
        assert!(!reply.success && reply.message.ends_with(REFUSED), "{reply:?}");
    }
}

/// A forged permit must not even disarm, nor use a sequence up.
#[test]
fn a_permit_without_its_code_changes_nothing() {
    let mut rig = armed_with_key();
    offer(&mut rig, |p| {
        p.assurance_boot_id += 1;
        p.sequence = u64::MAX;
    });
    assert_eq!(rig.period().mode, GateMode::Stopping);
    offer(&mut rig, |p| {
        p.sequence = u64::MAX;
    });
    offer(&mut rig, sign);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
}

#[test]
fn a_gate_without_a_key_ignores_codes() {
    let mut rig = Rig::armed();
    offer(&mut rig, |p| p.mac = [9; 32]);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
}

/// What could not be computed is nobody's code.
#[test]
fn a_code_of_zeros_is_none() {
    let broken = PermitAuthenticator::new([7; 64], |_, _| [0; 32]);
    let mut rig = Rig::new();
    rig.gate = rig.gate.with_authenticator(broken);
    offer(&mut rig, |_| {});
    assert!(!rig.operator(OperatorAction::Arm).success);
}

#[test]
fn a_key_is_not_shown() {
    assert_eq!(format!("{AUTHENTICATOR:?}"), "PermitAuthenticator");
    assert!(!format!("{:?}", with_key().gate).contains("7, 7, 7"));
}
