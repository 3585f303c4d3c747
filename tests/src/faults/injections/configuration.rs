//! Files that change under way, and files that cannot be.

use super::{Context, Entry, Plan, drive};
use crate::faults::fault::{Action, Fault};
use anyhow::Context as _;
use outrider_msgs::nav_msgs::OccupancyGrid;

/// Boot ids of those that come later.
const SECOND: u64 = 100;

/// Times that may not be zero: node, the line as it is, and the key that the refusal has to name.
const TIMES: [(&str, &str, &str); 10] = [
    ("gate", "period_s: 0.01", "period_s"),
    ("gate", "max_time_to_live_s: 0.06", "max_time_to_live_s"),
    ("gate", "  timeout_s: 0.25", "timeout_s"),
    ("assurance", "time_to_live_s: 0.06", "time_to_live_s"),
    ("assurance", "  scan_s: 0.15", "scan_s"),
    ("assurance", "  odometry_s: 0.1", "odometry_s"),
    ("assurance", "  world_model_s: 0.25", "world_model_s"),
    ("assurance", "  challenge_s: 0.05", "challenge_s"),
    ("planner", "  world_model_timeout_s: 0.3", "world_model_timeout_s"),
    ("planner", "  alive_timeout_s: 0.04", "alive_timeout_s"),
];

pub(super) const FAULTS: &[Entry] = &[
    ("parameter_change", |c| other_assurance(c, "config", "v_max_mps: 0.5", "v_max_mps: 0.4")),
    ("zone_swap", |c| other_assurance(c, "zones", "v_max_mps: 0.7", "v_max_mps: 0.6")),
    ("map_swap", map_swap),
    ("empty_zones", |c| {
        let mut stage = c.stage.clone();
        let none = "version: 1\nexclusion: []\nspeed: []\n".to_owned();
        stage.replace("assurance", "zones", none, "empty zones".to_owned());
        Ok(Plan::Arm(Box::new(stage), Fault::default()))
    }),
    ("zero_timeout", zero_timeout),
];

/// Assurance is started again with one number changed.
fn other_assurance(c: &mut Context, role: &str, from: &str, to: &str) -> anyhow::Result<Plan> {
    let mut stage = c.stage.clone();
    stage.edit("assurance", role, from, to)?;
    let files = stage.resources("assurance")?.clone();
    let back_s = c.between(0.1, 0.4);
    let restart = Action::Restart("assurance", files, SECOND);
    drive(Fault::acts([(0.0, Action::Kill("assurance")), (back_s, restart)]))
}

/// The map of some other place: everything a metre to the side, or nothing there at all.
fn map_swap(c: &mut Context) -> anyhow::Result<Plan> {
    let change: fn(&mut OccupancyGrid) =
        if c.repetition % 2 == 0 { |map| map.info.origin.position.y += 1.0 } else { |map| map.data.fill(0) };
    drive(Fault::acts([(0.0, Action::ChangeMap(change))]))
}

fn zero_timeout(c: &mut Context) -> anyhow::Result<Plan> {
    let turn = c.repetition as usize % TIMES.len();
    let (node, line, key) = TIMES.get(turn).copied().context("no such time")?;
    let mut stage = c.stage.clone();
    let zero = line.split_once(':').map_or_else(String::new, |(key, _)| format!("{key}: 0.0"));
    stage.edit(node, "config", line, &zero)?;
    let file = format!("{node}.yaml");
    Ok(Plan::Start(Box::new(stage), node, vec![file, key.to_owned(), "0".to_owned()]))
}
