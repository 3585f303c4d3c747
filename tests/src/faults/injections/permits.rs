//! Permits that somebody else sends, or that something happened to.

use super::{Context, Entry, Plan, drive, ms};
use crate::faults::fault::{Fault, edit, edited};
use outrider_foundation::Span;
use outrider_foundation::rng::Rng;
use outrider_msgs::outrider_msgs::{Command, Permit};
use outrider_suite::wire::{Delivery, Passage};
use std::collections::VecDeque;

const TOPIC: &str = "/assurance/permit";
/// So many permits are recorded for a replay: a second of them.
const RECORDED: usize = 40;
/// A faster speed than any permit was given for, within what the drive can do.
const FORGED_MPS: f64 = 1.0;

pub(super) const FAULTS: &[Entry] = &[
    ("permits_replayed", |_| replayed(false)),
    ("permits_replayed_beside", |_| replayed(true)),
    ("permits_duplicated", |_| {
        drive(Fault::on(TOPIC, |p| Delivery::with(p, [1, 2, 5].map(|late| (ms(late), p.bytes.to_vec())))))
    }),
    ("permits_foreign_gate", |_| permits(|m| m.gate_boot_id += 1)),
    ("permits_foreign_assurance", |_| permits(|m| m.assurance_boot_id += 1)),
    ("permits_other_version", |_| permits(|m| m.version += 1)),
    ("permits_envelope_edited", |_| permits(|m| m.v_max = 5.0)),
    ("permits_digest_edited", |_| permits(|m| m.command_digest.iter_mut().for_each(|byte| *byte = !*byte))),
    ("permits_hash_edited", |_| permits(|m| m.parameters_hash.iter_mut().for_each(|byte| *byte ^= 0x10))),
    ("permits_sequence_repeated", |_| permits(|m| m.sequence = 1)),
    ("permits_sequence_taken", |_| sequence_taken()),
    ("permits_time_to_live_edited", |_| live_long()),
    ("permits_bit_flipped", |c| drive(Fault::on(TOPIC, flip_bits(c)))),
    ("permits_late", |_| drive(Fault::on(TOPIC, |p| Delivery::delayed(p, ms(20))))),
    ("permits_too_late", |_| drive(Fault::on(TOPIC, |p| Delivery::delayed(p, ms(70))))),
    ("permits_out_of_order", |_| out_of_order()),
    ("commands_forged", |_| drive(forged())),
    ("recovery_lost", |_| recovery(|_| Delivery::DROP)),
    ("recovery_garbled", |c| {
        let flip = flip_bits(c);
        recovery(flip)
    }),
    ("recovery_refused", |_| recovery(|p| edit(p, |m: &mut Command| m.sequence = 1))),
];

fn permits(change: fn(&mut Permit)) -> anyhow::Result<Plan> {
    drive(Fault::on(TOPIC, move |p| edit(p, change)))
}

/// Permits of the last second before the strike, again: in place of the true ones, or beside them.
fn replayed(beside: bool) -> anyhow::Result<Plan> {
    let mut record: VecDeque<Vec<u8>> = VecDeque::new();
    drive(Fault::hand(move |since_s, passage| {
        if passage.topic != TOPIC {
            return Delivery::Pass;
        }
        if since_s < 0.0 {
            if record.len() >= RECORDED {
                record.pop_front();
            }
            record.push_back(passage.bytes.to_vec());
            return Delivery::Pass;
        }
        record.rotate_left(1.min(record.len()));
        let old = record.front().map(|bytes| (Span::ZERO, bytes.clone()));
        if beside { Delivery::with(passage, old) } else { Delivery::Instead(old.into_iter().collect()) }
    }))
}

/// Somebody says the true permit's words first, with a number that is far ahead.
fn sequence_taken() -> anyhow::Result<Plan> {
    drive(Fault::on(TOPIC, |p| {
        let ahead = edited(p.bytes, |m: &mut Permit| {
            m.sequence += 1_000_000;
            m.command_digest = [7; 32];
        });
        Delivery::with(p, ahead.map(|bytes| (Span::ZERO, bytes)))
    }))
}

/// An hour to live for the last one that came through; none comes after it.
fn live_long() -> anyhow::Result<Plan> {
    let mut sent = false;
    drive(Fault::on(TOPIC, move |p| {
        if std::mem::replace(&mut sent, true) {
            return Delivery::DROP;
        }
        edit(p, |m: &mut Permit| m.time_to_live.sec = 3600)
    }))
}

/// One to sixty-four bits of every message, anywhere behind the encoding's header.
fn flip_bits(context: &mut Context) -> impl FnMut(&Passage) -> Delivery + 'static {
    let mut rng: Rng = context.rng.clone();
    move |passage| {
        let mut bytes = passage.bytes.to_vec();
        let count = 1 + rng.next_u32() % 64;
        for _ in 0..count {
            let bit = rng.next_u32() as usize % (bytes.len() * 8).max(1);
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        Delivery::replaced(bytes)
    }
}

/// Every second one overtakes the one before it.
fn out_of_order() -> anyhow::Result<Plan> {
    let mut count = 0_u64;
    drive(Fault::on(TOPIC, move |p| {
        count += 1;
        if count % 2 == 1 { Delivery::delayed(p, ms(30)) } else { Delivery::Pass }
    }))
}

/// Somebody sends the gate faster commands by the planner's name and number, before the planner's own: permits are for
/// those, not for these.
fn forged() -> Fault {
    Fault::wire(|p| match (p.topic, p.to) {
        ("/cmd_vel_nominal", "gate") => {
            let own = edited(p.bytes, |m: &mut Command| (m.v, m.w) = (FORGED_MPS, 0.0));
            let first = own.map(|bytes| (Span::ZERO, bytes));
            Delivery::Instead(first.into_iter().chain([(Span::from_nanos(1000), p.bytes.to_vec())]).collect())
        }
        _ => Delivery::Pass,
    })
}

/// The planner proposes what cannot be permitted, so that the backup controller has to drive; and its commands do not
/// come through as they are.
fn recovery(mut harm: impl FnMut(&Passage) -> Delivery + 'static) -> anyhow::Result<Plan> {
    drive(Fault::wire(move |p| match p.topic {
        "/cmd_vel_nominal" => edit(p, |m: &mut Command| m.v = 2.0),
        "/cmd_vel_recovery" => harm(p),
        _ => Delivery::Pass,
    }))
}
