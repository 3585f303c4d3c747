//! Nodes that die, freeze, starve, come back, are there twice, or talk too much.

use super::{Context, Entry, drive, ms};
use crate::faults::fault::{Action, Fault, edited};
use outrider_foundation::Span;
use outrider_msgs::outrider_msgs::{Command, VelocityPublishers};
use outrider_suite::topics;
use outrider_suite::wire::Delivery;

/// How long a frozen node sleeps.
const FROZEN_S: f64 = 2.0;
/// The shell of a gate counts the publishers of the command topic so often.
pub(super) const COUNT_S: f64 = 0.5;
/// A flood: ten thousand messages a second, for a second.
const FLOOD_S: f64 = 1.0;
const FLOOD_GAP: Span = Span::from_nanos(100_000);
/// The planner's own are 25 ms apart.
const FLOOD_COPIES: u64 = 250;
/// Boot ids of those that come later.
const SECOND: u64 = 100;

pub(super) const FAULTS: &[Entry] = &[
    ("assurance_killed", |_| drive(kill("assurance"))),
    ("assurance_frozen", |_| drive(freeze("assurance"))),
    ("assurance_restarted", |c| restart(c, "assurance")),
    ("assurance_starved", |_| drive(starve(&["assurance"]))),
    ("gate_killed", |_| drive(kill("gate"))),
    ("gate_frozen", |_| drive(freeze("gate"))),
    ("gate_restarted", |c| restart(c, "gate")),
    ("gate_duplicated", duplicated),
    ("gate_starved", |_| drive(starve(&["gate"]))),
    ("planner_killed", |_| drive(kill("planner"))),
    ("planner_frozen", |_| drive(freeze("planner"))),
    ("planner_floods", |_| drive(flood())),
    ("planner_starved", |_| drive(starve(&["planner"]))),
    ("world_model_killed", |_| drive(kill("world_model"))),
    ("world_model_frozen", |_| drive(freeze("world_model"))),
    ("world_model_restarted", |c| restart(c, "world_model")),
    ("all_starved", |_| drive(starve(&["world_model", "planner", "assurance", "gate"]))),
];

fn kill(node: &'static str) -> Fault {
    Fault::acts([(0.0, Action::Kill(node))])
}

fn freeze(node: &'static str) -> Fault {
    Fault::acts([(0.0, Action::Freeze(node)), (FROZEN_S, Action::Thaw(node))]).over_after(FROZEN_S)
}

/// As under a machine that is busy with other things.
fn starve(nodes: &[&'static str]) -> Fault {
    let starve = nodes.iter().map(|node| (0.0, Action::Starve(node, ms(200))));
    let thaw = nodes.iter().map(|node| (FROZEN_S, Action::Thaw(node)));
    Fault::acts(starve.chain(thaw)).over_after(FROZEN_S)
}

fn restart(context: &mut Context, node: &'static str) -> anyhow::Result<super::Plan> {
    let files = context.stage.resources(node)?.clone();
    let back_s = context.between(0.1, 0.4);
    drive(Fault::acts([(0.0, Action::Kill(node)), (back_s, Action::Restart(node, files, SECOND))]))
}

/// What a shell tells its gate.
pub(super) fn publishers(count: u32) -> anyhow::Result<Action> {
    let message = VelocityPublishers { count, ..VelocityPublishers::default() };
    Ok(Action::Publish(topics::velocity_publishers(), outrider_msgs::encode(&message)?))
}

fn duplicated(context: &mut Context) -> anyhow::Result<super::Plan> {
    let files = context.stage.resources("gate")?.clone();
    let noticed_s = context.between(0.0, COUNT_S);
    drive(Fault::acts([(0.0, Action::Join("gate", files, SECOND)), (noticed_s, publishers(2)?)]))
}

/// The planner's own commands, each many times over with numbers that go up; afterwards each once, with numbers that fit.
fn flood() -> Fault {
    Fault::hand(|since_s, passage| {
        if since_s < 0.0 || passage.topic != "/cmd_vel_nominal" {
            return Delivery::Pass;
        }
        let copy = |k: u64| {
            let count = |c: &mut Command| c.sequence = c.sequence * (FLOOD_COPIES + 1) + k;
            let later = i64::try_from(k).unwrap_or_default() * FLOOD_GAP.nanos();
            Some((Span::from_nanos(later), edited(passage.bytes, count)?))
        };
        let copies = if since_s < FLOOD_S { FLOOD_COPIES } else { 1 };
        Delivery::Instead((0..copies).filter_map(copy).collect())
    })
}
