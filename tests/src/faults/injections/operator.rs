//! What people do: the emergency stop, and driving by hand.

use super::{Context, Entry, Plan, drive};
use crate::faults::fault::{Action, Fault};
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_msgs::std_msgs::Bool;
use outrider_suite::topics;

/// The button is released after.
const RELEASED_S: f64 = 1.0;
/// By hand for so long, so fast, so often.
const BY_HAND_S: f64 = 0.5;
const BY_HAND_MPS: f64 = 0.3;
const BY_HAND_PERIOD_S: f64 = 0.05;

pub(super) const FAULTS: &[Entry] = &[
    ("e_stop_pressed", |_| drive(Fault::acts([(0.0, button(true)?)]))),
    ("e_stop_released", |_| {
        drive(Fault::acts([(0.0, button(true)?), (RELEASED_S, button(false)?)]).over_after(RELEASED_S))
    }),
    ("e_stop_bounces", bounces),
    ("e_stop_garbled", |_| {
        let released = (RELEASED_S, button(false)?);
        drive(
            Fault::acts([(0.0, Action::Publish(topics::e_stop(), vec![0, 1, 0, 0])), released])
                .over_after(RELEASED_S),
        )
    }),
    ("teleop_ends", |_| {
        let mut message = TwistStamped::default();
        message.twist.linear.x = BY_HAND_MPS;
        by_hand(&message)
    }),
    ("teleop_nan", |_| {
        let mut message = TwistStamped::default();
        message.twist.linear.x = f64::NAN;
        by_hand(&message)
    }),
    ("teleop_too_fast", |_| {
        let mut message = TwistStamped::default();
        (message.twist.linear.x, message.twist.angular.z) = (50.0, -50.0);
        by_hand(&message)
    }),
];

fn button(pressed: bool) -> anyhow::Result<Action> {
    Ok(Action::Publish(topics::e_stop(), outrider_msgs::encode(&Bool { data: pressed })?))
}

/// A bad contact.
fn bounces(context: &mut Context) -> anyhow::Result<Plan> {
    let mut actions = vec![(0.0, button(true)?)];
    let mut at_s = 0.0;
    for i in 0..10 {
        at_s += context.between(0.0005, 0.02);
        actions.push((at_s, button(i % 2 == 1)?));
    }
    actions.push((RELEASED_S, button(false)?));
    drive(Fault::acts(actions).over_after(RELEASED_S))
}

fn by_hand(message: &TwistStamped) -> anyhow::Result<Plan> {
    let bytes = outrider_msgs::encode(message)?;
    let count = (BY_HAND_S / BY_HAND_PERIOD_S).round() as u32;
    let one = |i: u32| (BY_HAND_PERIOD_S * f64::from(i), Action::Publish(topics::teleop(), bytes.clone()));
    drive(Fault::acts((0..=count).map(one)).over_after(BY_HAND_S))
}
