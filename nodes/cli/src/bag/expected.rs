//! Which signals a bag of the suite has to hold, and how often: from the configuration of the nodes that the bag itself
//! tells (`<node>/info`), else from the interface table of the design.

use super::survey::Survey;
use outrider_runtime::config;
use outrider_suite::topics;
use serde_json::Value;
use std::collections::BTreeMap;

/// How a signal is to be there.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// At least this often, Hz, and where that is written.
    Rate(f64, String),
    /// At least once.
    Once,
}

/// The least part of a wanted rate that counts as present.
pub const RATE_SHARE: f64 = 0.8;

/// Every signal that has to be there for what happened to be understood and run again, by topic. Events (`/goal_pose`,
/// `/e_stop`, `/assurance/event`, …), which a good run may lack, and pictures for RViz are none of them.
pub fn required(survey: &Survey) -> BTreeMap<String, Wanted> {
    let configs = Configs::of(survey);
    let rate = |node: &str, at: &[&str], fallback_hz: f64| configs.rate(node, at, fallback_hz);
    let mut wanted = BTreeMap::new();
    let mut want = |topic: outrider_runtime::Topic, what: Wanted| {
        wanted.insert(topic.absolute_name(), what);
    };
    let scan = rate("sim", &["/lidar/timing/rate_hz"], 10.0);
    want(topics::scan(), scan.clone());
    want(topics::world_model(), scan);
    want(topics::odom(), rate("sim", &["/odometry/timing/rate_hz"], 20.0));
    want(topics::imu(), rate("sim", &["/imu/timing/rate_hz"], 20.0));
    want(topics::tf(), rate("sim", &["/odometry/timing/rate_hz"], 10.0));
    want(topics::detections(), rate("sim", &["/detector/timing/rate_hz"], 5.0));
    want(topics::tf_static(), Wanted::Once);
    want(topics::map(), Wanted::Once);
    want(topics::global_grid(), Wanted::Once);
    want(topics::alive(), rate("world_model", &["/alive_period_s"], 100.0));
    let command = rate("planner", &["/timing/command_period_s"], 40.0);
    want(topics::cmd_vel_nominal(), command.clone());
    want(topics::decision(), command);
    want(topics::assurance_state(), rate("assurance", &["/state_period_s"], 10.0));
    want(topics::permit(), rate("planner", &["/timing/command_period_s"], 40.0));
    let gate = rate("gate", &["/period_s"], 100.0);
    want(topics::challenge(), gate.clone());
    want(topics::gate_state(), gate.clone());
    want(topics::cmd_vel_stamped(), gate);
    want(topics::diagnostics(), Wanted::Rate(1.0, "design: once a second".into()));
    let simulated = survey.runs.keys().any(|(node, _)| node == "sim");
    if simulated {
        want(topics::ground_truth(), rate("sim", &["/truth/rate_hz"], 10.0));
    }
    for node in outrider_suite::NODES.into_iter().filter(|n| *n != "sim" || simulated) {
        want(topics::info(node), Wanted::Once);
        want(topics::journal(node), Wanted::Once);
    }
    wanted
}

/// Configurations of the nodes, as the bag tells them.
struct Configs(BTreeMap<String, Value>);

impl Configs {
    fn of(survey: &Survey) -> Self {
        let mut found = BTreeMap::new();
        for ((node, _), run) in &survey.runs {
            let Some(info) = &run.info else { continue };
            let mut resources = info.resource_names.iter().zip(&info.resource_contents);
            if let Some((role, text)) = resources.find(|(role, _)| *role == "config")
                && let Ok(value) = config::parse_unchecked::<Value>(role, text)
            {
                found.insert(node.clone(), value);
            }
        }
        Self(found)
    }

    /// The rate at the first of these places; a key that ends in `_s` is a period.
    fn rate(&self, node: &str, places: &[&str], fallback_hz: f64) -> Wanted {
        let found = places.iter().find_map(|place| {
            let number = self.0.get(node)?.pointer(place)?.as_f64()?;
            let hz = if place.ends_with("_s") { 1.0 / number } else { number };
            let key = place.trim_start_matches('/').replace('/', ".");
            hz.is_finite().then(|| Wanted::Rate(hz, format!("{node}: {key}")))
        });
        found.unwrap_or_else(|| Wanted::Rate(fallback_hz, "design: least".into()))
    }
}
