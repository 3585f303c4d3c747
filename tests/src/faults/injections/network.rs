//! Losses, partitions, topics that never match, and publishers that should not be there.

use super::processes::{COUNT_S, publishers};
use super::{Context, Entry, Plan, drive};
use crate::faults::fault::{Action, Fault};
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_suite::topics;
use outrider_suite::wire::{Delivery, Passage};

const LOSS: f64 = 0.3;
/// A partition heals after.
const HEALED_S: f64 = 2.0;
/// The second publisher goes away after.
const ROGUE_S: f64 = 1.0;
const ROGUE_MPS: f64 = 0.3;

pub(super) const FAULTS: &[Entry] = &[
    ("loss_30_percent", loss),
    ("partition_brain", |_| partition(|node| matches!(node, "planner" | "assurance"))),
    ("partition_gate_and_robot", |_| partition(|node| matches!(node, "gate" | "sim"))),
    ("partition_sensors", |_| {
        drive(
            Fault::wire(|p| if p.from == "sim" { Delivery::DROP } else { Delivery::Pass })
                .over_after(HEALED_S),
        )
    }),
    ("second_command_publisher", second_publisher),
    ("qos_mismatch_scan", |c| never_arrives(c, "/scan")),
    ("qos_mismatch_odometry", |c| never_arrives(c, "/odom")),
    ("qos_mismatch_challenge", |c| never_arrives(c, "/gate/challenge")),
    ("qos_mismatch_permit", |c| never_arrives(c, "/assurance/permit")),
];

fn loss(context: &mut Context) -> anyhow::Result<Plan> {
    let mut rng = context.rng.clone();
    drive(Fault::wire(move |_| if rng.uniform() < LOSS { Delivery::DROP } else { Delivery::Pass }))
}

/// Nothing passes between the nodes of one side and the others.
fn partition(is_there: fn(&str) -> bool) -> anyhow::Result<Plan> {
    let cut =
        move |p: &Passage| if is_there(p.from) == is_there(p.to) { Delivery::Pass } else { Delivery::DROP };
    drive(Fault::wire(cut).over_after(HEALED_S))
}

/// Somebody else drives the robot as well, until an operator finds the plug.
fn second_publisher(context: &mut Context) -> anyhow::Result<Plan> {
    let mut message = TwistStamped::default();
    message.twist.linear.x = ROGUE_MPS;
    let bytes = outrider_msgs::encode(&message)?;
    let noticed_s = context.between(0.0, COUNT_S);
    let mut actions = vec![(noticed_s, publishers(2)?)];
    for i in 0..20 {
        actions.push((0.05 * f64::from(i), Action::Publish(topics::cmd_vel_stamped(), bytes.clone())));
    }
    actions.push((ROGUE_S, publishers(1)?));
    actions.sort_by(|a, b| a.0.total_cmp(&b.0));
    drive(Fault::acts(actions).over_after(ROGUE_S))
}

fn never_arrives(context: &mut Context, topic: &'static str) -> anyhow::Result<Plan> {
    Ok(Plan::Arm(Box::new(context.stage.clone()), Fault::on(topic, |_| Delivery::DROP)))
}
