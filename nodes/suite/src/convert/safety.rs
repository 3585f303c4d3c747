//! Permits, challenges, modes, monitors and the gate.

use super::canonical::Canonical;
use super::command::SOURCES;
use super::world::{from_code, to_code};
use super::{Checked, at_most, duration_message, finite, header, span_from, stamp_from};
use hmac::{Hmac, KeyInit as _, Mac as _};
use outrider_foundation::Twist2;
use outrider_foundation::data::{
    AssuranceState, CausalRef, Challenge, Digest, Envelope, GateMode, GateState, Intervention, Mode,
    MonitorReading, OperatorAction, OperatorReply, OperatorRequest, Permit, PinnedHashes, Verdict,
};
use outrider_msgs::outrider_msgs as ours;
use sha2::{Digest as _, Sha256};

const MODES: [(Mode, u8); 4] = [
    (Mode::Nominal, ours::Permit::NOMINAL),
    (Mode::Degraded, ours::Permit::DEGRADED),
    (Mode::SafeStop, ours::Permit::SAFE_STOP),
    (Mode::EStop, ours::Permit::E_STOP),
];

const VERDICTS: [(Verdict, u8); 4] = [
    (Verdict::Unknown, ours::MonitorReading::UNKNOWN),
    (Verdict::Ok, ours::MonitorReading::OK),
    (Verdict::Violated, ours::MonitorReading::VIOLATED),
    (Verdict::Invalid, ours::MonitorReading::INVALID),
];

const GATE_MODES: [(GateMode, u8); 5] = [
    (GateMode::Disarmed, ours::GateState::DISARMED),
    (GateMode::Stopping, ours::GateState::STOPPING),
    (GateMode::Forwarding, ours::GateState::FORWARDING),
    (GateMode::Teleop, ours::GateState::TELEOP),
    (GateMode::EStop, ours::GateState::E_STOP),
];

const ACTIONS: [(OperatorAction, u8); 3] = [
    (OperatorAction::Arm, ours::OperatorRequest::ARM),
    (OperatorAction::Reset, ours::OperatorRequest::RESET),
    (OperatorAction::End, ours::OperatorRequest::END),
];

/// A challenge.
pub fn challenge_from_message(m: ours::Challenge) -> Checked<Challenge> {
    Ok(Challenge { stamp: stamp_from(&m.header.stamp)?, gate_boot_id: m.gate_boot_id, number: m.number })
}

/// A challenge as its message.
pub fn challenge_to_message(c: &Challenge) -> ours::Challenge {
    ours::Challenge { header: header(c.stamp, ""), gate_boot_id: c.gate_boot_id, number: c.number }
}

/// A permit. Numbers are judged by the gate itself, except that they must be numbers.
pub fn permit_from_message(m: ours::Permit) -> Checked<Permit> {
    let envelope = Envelope {
        v_min_mps: finite("v_min", m.v_min)?,
        v_max_mps: finite("v_max", m.v_max)?,
        w_max_radps: finite("w_max", m.w_max)?,
        accel_mps2: finite("accel", m.accel)?,
        decel_mps2: finite("decel", m.decel)?,
        alpha_radps2: finite("alpha", m.alpha)?,
        jerk_mps3: finite("jerk", m.jerk)?,
    };
    Ok(Permit {
        stamp: stamp_from(&m.header.stamp)?,
        version: m.version,
        assurance_boot_id: m.assurance_boot_id,
        gate_boot_id: m.gate_boot_id,
        challenge_number: m.challenge_number,
        sequence: m.sequence,
        command_source: from_code("command_source", m.command_source, &SOURCES)?,
        command_sequence: m.command_sequence,
        command_digest: m.command_digest,
        mode: from_code("mode", m.mode, &MODES)?,
        envelope,
        time_to_live: span_from(&m.time_to_live),
        hashes: PinnedHashes {
            specification: m.specification_hash,
            parameters: m.parameters_hash,
            zones: m.zones_hash,
        },
        inputs_digest: m.inputs_digest,
        robustness: finite("robustness", m.robustness)?,
        limiting: m.limiting,
        mac: m.mac,
    })
}

/// A permit as its message.
pub fn permit_to_message(p: &Permit) -> ours::Permit {
    ours::Permit {
        header: header(p.stamp, ""),
        version: p.version,
        assurance_boot_id: p.assurance_boot_id,
        gate_boot_id: p.gate_boot_id,
        challenge_number: p.challenge_number,
        sequence: p.sequence,
        command_source: to_code(p.command_source, &SOURCES),
        command_sequence: p.command_sequence,
        command_digest: p.command_digest,
        mode: to_code(p.mode, &MODES),
        v_min: p.envelope.v_min_mps,
        v_max: p.envelope.v_max_mps,
        w_max: p.envelope.w_max_radps,
        accel: p.envelope.accel_mps2,
        decel: p.envelope.decel_mps2,
        alpha: p.envelope.alpha_radps2,
        jerk: p.envelope.jerk_mps3,
        time_to_live: duration_message(p.time_to_live),
        specification_hash: p.hashes.specification,
        parameters_hash: p.hashes.parameters,
        zones_hash: p.hashes.zones,
        inputs_digest: p.inputs_digest,
        robustness: p.robustness,
        limiting: p.limiting.clone(),
        mac: p.mac,
    }
}

/// HMAC-SHA-256 of a permit under a key block: over its canonical bytes, its encoding as a message, with zeros for the code
/// itself. Takes nothing from the heap.
pub fn permit_code(key: &[u8; 64], p: &Permit) -> Digest {
    let (e, time_to_live) = (&p.envelope, duration_message(p.time_to_live));
    let mut code = Hmac::<Sha256>::new(key.into());
    let mut to = Canonical::new(&mut code);
    to.header(p.stamp, "");
    to.number(p.version.to_le_bytes());
    to.number(p.assurance_boot_id.to_le_bytes());
    to.number(p.gate_boot_id.to_le_bytes());
    to.number(p.challenge_number.to_le_bytes());
    to.number(p.sequence.to_le_bytes());
    to.bytes(&[to_code(p.command_source, &SOURCES)]);
    to.number(p.command_sequence.to_le_bytes());
    to.bytes(&p.command_digest);
    to.bytes(&[to_code(p.mode, &MODES)]);
    to.floats(&[e.v_min_mps, e.v_max_mps, e.w_max_radps, e.accel_mps2, e.decel_mps2]);
    to.floats(&[e.alpha_radps2, e.jerk_mps3]);
    to.number(time_to_live.sec.to_le_bytes());
    to.number(time_to_live.nanosec.to_le_bytes());
    for digest in [p.hashes.specification, p.hashes.parameters, p.hashes.zones, p.inputs_digest] {
        to.bytes(&digest);
    }
    to.number(p.robustness.to_le_bytes());
    to.text(&p.limiting);
    to.bytes(&Digest::default());
    to.finish();
    code.finalize().into_bytes().into()
}

/// The key block of a secret (RFC 2104): zeros behind it, or behind its digest when it is longer than a block.
pub fn key_block(secret: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    let digest: Digest = Sha256::digest(secret).into();
    let key = if secret.len() > block.len() { digest.as_slice() } else { secret };
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}

/// Mode and monitors.
pub fn assurance_state_from_message(m: ours::AssuranceState) -> Checked<AssuranceState> {
    at_most("monitors", m.monitors.len(), 64)?;
    let monitor = |r: ours::MonitorReading| {
        Ok(MonitorReading {
            verdict: from_code("monitors.verdict", r.verdict, &VERDICTS)?,
            name: r.name,
            robustness: r.robustness,
            value: r.value,
            limit: r.limit,
            unit: r.unit,
        })
    };
    Ok(AssuranceState {
        stamp: stamp_from(&m.header.stamp)?,
        boot_id: m.boot_id,
        sequence: m.sequence,
        mode: from_code("mode", m.mode, &MODES)?,
        speed_limit_mps: speed_limit(m.speed_limit)?,
        limiting: m.limiting,
        monitors: m.monitors.into_iter().map(monitor).collect::<Checked<_>>()?,
    })
}

/// Infinity is none.
fn speed_limit(mps: f64) -> Checked<f64> {
    let is_limit = mps > 0.0;
    is_limit.then_some(mps).ok_or_else(|| format!("speed_limit: {mps} m/s is none to drive at"))
}

/// Mode and monitors as their message.
pub fn assurance_state_to_message(s: AssuranceState) -> ours::AssuranceState {
    let monitor = |r: MonitorReading| ours::MonitorReading {
        name: r.name,
        verdict: to_code(r.verdict, &VERDICTS),
        robustness: r.robustness,
        value: r.value,
        limit: r.limit,
        unit: r.unit,
    };
    ours::AssuranceState {
        header: header(s.stamp, ""),
        boot_id: s.boot_id,
        sequence: s.sequence,
        mode: to_code(s.mode, &MODES),
        speed_limit: s.speed_limit_mps,
        limiting: s.limiting,
        monitors: s.monitors.into_iter().map(monitor).collect(),
    }
}

/// Why assurance intervened, as its message.
pub fn intervention_to_message(i: &Intervention) -> ours::Intervention {
    let cause = |c: &CausalRef| ours::CausalRef {
        topic: c.topic.clone(),
        sequence: c.sequence,
        stamp: outrider_runtime::time_message(c.stamp),
    };
    ours::Intervention {
        header: header(i.stamp, ""),
        boot_id: i.boot_id,
        sequence: i.sequence,
        rule: i.rule.clone(),
        subformula: i.subformula.clone(),
        value: i.value,
        limit: i.limit,
        unit: i.unit.clone(),
        causes: i.causes.iter().map(cause).collect(),
        mode_before: to_code(i.mode_before, &MODES),
        mode_after: to_code(i.mode_after, &MODES),
        clears_when: i.clears_when.clone(),
        text: i.text.clone(),
    }
}

/// What the gate does.
pub fn gate_state_from_message(m: ours::GateState) -> Checked<GateState> {
    Ok(GateState {
        stamp: stamp_from(&m.header.stamp)?,
        boot_id: m.boot_id,
        sequence: m.sequence,
        mode: from_code("mode", m.mode, &GATE_MODES)?,
        reason: m.reason.into(),
        twist: Twist2 { v_mps: finite("v", m.v)?, w_radps: finite("w", m.w)? },
        command_source: from_code("command_source", m.command_source, &SOURCES)?,
        command_sequence: m.command_sequence,
        permit_sequence: m.permit_sequence,
        permit_age_s: if m.permit_age.is_nan() { f64::INFINITY } else { m.permit_age },
        data_stamp: stamp_from(&m.data_stamp)?,
        clamped: m.clamped,
        accepted: m.accepted,
        rejected: m.rejected,
        stops: m.stops,
        late_periods: m.late_periods,
    })
}

/// What the gate does, as its message.
pub fn gate_state_to_message(g: &GateState) -> ours::GateState {
    ours::GateState {
        header: header(g.stamp, super::BASE),
        boot_id: g.boot_id,
        sequence: g.sequence,
        mode: to_code(g.mode, &GATE_MODES),
        reason: g.reason.clone().into_owned(),
        v: g.twist.v_mps,
        w: g.twist.w_radps,
        command_source: to_code(g.command_source, &SOURCES),
        command_sequence: g.command_sequence,
        permit_sequence: g.permit_sequence,
        permit_age: g.permit_age_s,
        data_stamp: outrider_runtime::time_message(g.data_stamp),
        clamped: g.clamped,
        accepted: g.accepted,
        rejected: g.rejected,
        stops: g.stops,
        late_periods: g.late_periods,
    }
}

/// A service call to the gate.
pub fn operator_request_from_message(m: ours::OperatorRequest) -> Checked<OperatorRequest> {
    Ok(OperatorRequest {
        stamp: stamp_from(&m.header.stamp)?,
        sequence: m.sequence,
        action: from_code("action", m.action, &ACTIONS)?,
    })
}

/// A service call to the gate as its message.
pub fn operator_request_to_message(r: &OperatorRequest) -> ours::OperatorRequest {
    ours::OperatorRequest {
        header: header(r.stamp, ""),
        sequence: r.sequence,
        action: to_code(r.action, &ACTIONS),
    }
}

/// The gate's answer as its message.
pub fn operator_reply_to_message(r: &OperatorReply) -> ours::OperatorReply {
    ours::OperatorReply {
        header: header(r.stamp, ""),
        request_sequence: r.request_sequence,
        success: r.success,
        message: r.message.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::data::CommandSource;
    use outrider_foundation::{Span, Stamp};

    #[test]
    fn a_permit_survives() {
        let permit = Permit {
            stamp: Stamp::from_nanos(1),
            version: Permit::VERSION,
            gate_boot_id: 5,
            challenge_number: 6,
            sequence: 7,
            command_source: CommandSource::Recovery,
            command_digest: [3; 32],
            mode: Mode::Degraded,
            time_to_live: Span::from_millis(60),
            hashes: PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] },
            robustness: 0.5,
            limiting: "speed".into(),
            mac: [4; 32],
            ..Default::default()
        };
        assert_eq!(permit_from_message(permit_to_message(&permit)).unwrap(), permit);
        let mut m = permit_to_message(&permit);
        m.v_max = f64::INFINITY;
        assert_eq!(permit_from_message(m).unwrap_err(), "v_max: inf is not a finite number");
    }

    fn permit() -> Permit {
        Permit {
            stamp: Stamp::from_nanos(5_000_000_009),
            version: Permit::VERSION,
            assurance_boot_id: 3,
            gate_boot_id: 5,
            challenge_number: 6,
            sequence: 7,
            command_sequence: 8,
            command_digest: [3; 32],
            envelope: Envelope { v_max_mps: 1.0, jerk_mps3: 10.0, ..Default::default() },
            time_to_live: Span::from_millis(60),
            hashes: PinnedHashes { specification: [1; 32], parameters: [2; 32], zones: [3; 32] },
            inputs_digest: [4; 32],
            robustness: 0.5,
            limiting: "speed".into(),
            ..Default::default()
        }
    }

    /// RFC 2104 by hand, over the bytes on the wire, whatever code the permit carries already.
    #[test]
    fn the_code_is_that_of_the_encoding() {
        for (secret, length) in [([7_u8; 32].as_slice(), 0), (&[7; 64], 5), (&[9; 65], 20)] {
            let mut p = permit();
            p.limiting = "l".repeat(length);
            let bytes = outrider_msgs::encode(&permit_to_message(&p)).unwrap();
            let key = key_block(secret);
            let pad = |byte: u8, text: &[u8]| -> Digest {
                let padded: Vec<u8> = key.iter().map(|k| k ^ byte).chain(text.iter().copied()).collect();
                Sha256::digest(padded).into()
            };
            p.mac = [1; 32];
            assert_eq!(permit_code(&key, &p), pad(0x5c, &pad(0x36, &bytes)));
        }
        assert_eq!(key_block(&[9; 65])[..32], <Digest>::from(Sha256::digest([9; 65])));
    }

    #[test]
    fn the_code_sees_every_field_and_the_key() {
        let (key, base) = (key_block(&[7; 32]), permit());
        let edits: [fn(&mut Permit); 16] = [
            |p| p.stamp = Stamp::from_nanos(0),
            |p| p.version += 1,
            |p| p.assurance_boot_id += 1,
            |p| p.gate_boot_id += 1,
            |p| p.challenge_number += 1,
            |p| p.sequence += 1,
            |p| p.command_source = CommandSource::Recovery,
            |p| p.command_sequence += 1,
            |p| p.command_digest[31] ^= 1,
            |p| p.mode = Mode::Nominal,
            |p| p.envelope.alpha_radps2 += 1e-12,
            |p| p.time_to_live = Span::from_millis(59),
            |p| p.hashes.zones[0] ^= 1,
            |p| p.inputs_digest[0] ^= 1,
            |p| p.robustness = 0.25,
            |p| p.limiting.push(' '),
        ];
        for (number, edit) in edits.iter().enumerate() {
            let mut changed = base.clone();
            edit(&mut changed);
            assert_ne!(permit_code(&key, &changed), permit_code(&key, &base), "edit {number}");
        }
        assert_ne!(permit_code(&key_block(&[8; 32]), &base), permit_code(&key, &base));
    }

    #[test]
    fn modes_and_states_survive() {
        for (mode, _) in GATE_MODES {
            let state = GateState { mode, permit_age_s: f64::INFINITY, ..Default::default() };
            assert_eq!(gate_state_from_message(gate_state_to_message(&state)).unwrap(), state);
        }
        for (mode, _) in MODES {
            let state = AssuranceState { mode, speed_limit_mps: 0.4, ..Default::default() };
            assert_eq!(
                assurance_state_from_message(assurance_state_to_message(state.clone())).unwrap(),
                state
            );
        }
        for action in [OperatorAction::Arm, OperatorAction::Reset, OperatorAction::End] {
            let request = OperatorRequest { action, sequence: 2, ..Default::default() };
            let message = operator_request_to_message(&request);
            assert_eq!(operator_request_from_message(message).unwrap(), request);
        }
    }
}
