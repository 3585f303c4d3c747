//! Changes of the configuration over time.

use crate::config::Config;
use crate::error::SimError;
use garde::Validate;
use outrider_foundation::Span;
use outrider_foundation::validate::{key_within, maybe_within, within};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// From a time on, for some time, keys of the configuration have other values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// When.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub at_s: f64,
    /// For how long; by default to the end.
    #[garde(custom(maybe_within(0.001, 3600.0)))]
    #[schemars(range(min = 0.001, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// What: keys as in `sim.yaml` with dots between, such as `drive.gain_left`, and their values.
    #[garde(length(min = 1, max = 64))]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 64))]
    pub set: BTreeMap<String, Value>,
}

/// What only holds from the very start to the end.
const FIXED: [&str; 20] = [
    "physics_period_s",
    "publish_clock",
    "body",
    "drive.wheel_separation_m",
    "lidar.timing",
    "lidar.height_m",
    "lidar.beams",
    "lidar.fov_rad",
    "odometry.timing",
    // Drawn once, at the start.
    "odometry.travel_scale_sigma",
    "odometry.turn_scale_sigma",
    "odometry.turn_bias_sigma_radps",
    "imu.gyro_bias_sigma_radps",
    "imu.timing",
    "localiser.timing",
    "map",
    "detector.timing",
    "person.radius_m",
    "person.height_m",
    "truth",
];
/// What no event changes.
const NEVER: [&str; 4] = ["actors", "doors", "events", "surfaces"];

/// The configuration over time.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// By time: what holds from then on.
    steps: Vec<(Span, Config)>,
    next: usize,
}

impl Timeline {
    /// The configuration that holds at the start, and what comes later.
    ///
    /// # Errors
    /// An event that sets a key that is not there or may not change, or gives it a value that is not allowed.
    pub(crate) fn new(config: &Config) -> Result<(Config, Self), SimError> {
        if config.events.is_empty() {
            return Ok((config.clone(), Self::default()));
        }
        let mut plain = config.clone();
        plain.events.clear();
        let base = serde_json::to_value(&plain).map_err(|e| SimError::Config(e.to_string()))?;
        let mut times: Vec<Span> = vec![Span::ZERO];
        for event in &config.events {
            times.push(Span::from_s(event.at_s));
            times.extend(end(event));
        }
        times.sort();
        times.dedup();
        let mut steps = Vec::with_capacity(times.len());
        let mut first: Option<Value> = None;
        for at in times {
            let (value, changed) = at_time(&base, &config.events, at)?;
            let start = first.get_or_insert_with(|| value.clone());
            refuse_fixed(start, &value, &config.events, at)?;
            changed.check().map_err(|e| of_event(e, &config.events, at))?;
            steps.push((at, changed));
        }
        let initial = steps.first().map_or(plain, |(_, config)| config.clone());
        Ok((initial, Self { steps, next: 1 }))
    }

    /// The configuration that begins to hold at world time `at`, when there is one.
    pub(crate) fn due(&mut self, at: Span) -> Option<&Config> {
        let before = self.next;
        while self.steps.get(self.next).is_some_and(|(begin, _)| *begin <= at) {
            self.next += 1;
        }
        if self.next == before {
            return None;
        }
        self.next.checked_sub(1).and_then(|i| self.steps.get(i)).map(|(_, config)| config)
    }
}

fn end(event: &EventSpec) -> Option<Span> {
    event.for_s.map(|for_s| Span::from_s(event.at_s) + Span::from_s(for_s))
}

fn holds(event: &EventSpec, at: Span) -> bool {
    at >= Span::from_s(event.at_s) && end(event).is_none_or(|end| at < end)
}

/// An error of the configuration that holds from a time on, told of the last event that sets what it is about.
fn of_event(error: SimError, events: &[EventSpec], at: Span) -> SimError {
    let SimError::Config(text) = &error else { return error };
    let in_force = events.iter().enumerate().filter(|(_, event)| holds(event, at));
    let keys = in_force.flat_map(|(index, event)| event.set.keys().map(move |key| (index, event.at_s, key)));
    let about = keys.filter(|(.., key)| text.contains(key.as_str()));
    match about.max_by_key(|(.., key)| text.starts_with(key.as_str())) {
        Some((index, at_s, key)) => {
            let reason = text.strip_prefix(&format!("{key}: ")).unwrap_or(text).to_owned();
            SimError::Event { index, at_s, key: key.clone(), reason }
        }
        None => error,
    }
}

/// Later ones in the list go over earlier ones.
fn at_time(base: &Value, events: &[EventSpec], at: Span) -> Result<(Value, Config), SimError> {
    let mut value = base.clone();
    let mut config = None;
    for (i, event) in events.iter().enumerate() {
        if !holds(event, at) {
            continue;
        }
        for (key, wanted) in &event.set {
            let refuse =
                |reason: String| SimError::Event { index: i, at_s: event.at_s, key: key.clone(), reason };
            if NEVER.iter().any(|n| key_within(key, n)) {
                return Err(refuse("cannot be changed by an event".to_owned()));
            }
            *find(&mut value, key).ok_or_else(|| refuse("there is no such key".to_owned()))? = wanted.clone();
            // One at a time, so that the error is about this one.
            config = Some(Config::deserialize(&value).map_err(|e| refuse(e.to_string()))?);
        }
    }
    let config = match config {
        Some(config) => config,
        None => Config::deserialize(&value).map_err(|e| SimError::Config(e.to_string()))?,
    };
    Ok((value, config))
}

fn find<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    key.split('.').try_fold(value, |inner, part| inner.as_object_mut()?.get_mut(part))
}

fn refuse_fixed(start: &Value, later: &Value, events: &[EventSpec], at: Span) -> Result<(), SimError> {
    let pointer = |key: &str| format!("/{}", key.replace('.', "/"));
    let fixed = FIXED.iter().find(|key| start.pointer(&pointer(key)) != later.pointer(&pointer(key)));
    let (fixed, reason) = match fixed {
        Some(key) => (*key, "can only be set from 0 s to the end"),
        None if map_comes_too_late(start, later) => (
            "absent",
            "the map is published at the start only (map.republish_s: 0): it can only be absent from 0 s to the end",
        ),
        None => return Ok(()),
    };
    let turns = |event: &EventSpec| Span::from_s(event.at_s) == at || end(event) == Some(at);
    let set = events.iter().enumerate().filter(|(_, event)| turns(event)).find_map(|(index, event)| {
        let key = event.set.keys().find(|key| key_within(key, fixed) || key_within(fixed, key))?;
        Some((index, key.clone()))
    });
    // Nothing changes but by an event that begins or ends.
    let (index, key) = set.unwrap_or((0, fixed.to_owned()));
    Err(SimError::Event { index, at_s: at.as_s(), key, reason: reason.to_owned() })
}

/// Whether the map is there at one time and absent at another, and is published once.
fn map_comes_too_late(start: &Value, later: &Value) -> bool {
    let map = serde_json::json!("map");
    let absent =
        |v: &Value| v.pointer("/absent").and_then(Value::as_array).is_some_and(|all| all.contains(&map));
    let once = start.pointer("/map/republish_s").and_then(Value::as_f64).is_some_and(|s| s <= 0.0);
    once && absent(start) != absent(later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::shipped;

    fn events(yaml: &str) -> Vec<EventSpec> {
        outrider_yaml::from_str(yaml).unwrap()
    }

    fn timeline(yaml: &str) -> Result<(Config, Timeline), SimError> {
        Timeline::new(&Config { events: events(yaml), ..shipped() })
    }

    #[test]
    fn values_hold_from_their_time_to_their_end() {
        let (start, mut t) = timeline(
            "[{at_s: 0, set: {lidar.noise_sigma_m: 0.05}}, {at_s: 2, for_s: 3, set: {drive.gain_left: 0.5}}, \
             {at_s: 4, for_s: 2, set: {drive.gain_left: 0.25, absent: [localiser]}}]",
        )
        .unwrap();
        assert_eq!((start.lidar.noise_sigma_m, start.drive.gain_left), (0.05, 1.0));
        let mut gain = |s: f64| t.due(Span::from_s(s)).map(|c| (c.drive.gain_left, c.absent.len()));
        assert_eq!(gain(1.9), None);
        assert_eq!(gain(2.0), Some((0.5, 0)));
        assert_eq!(gain(2.005), None);
        assert_eq!(gain(4.001), Some((0.25, 1)));
        // At 5 s the first one ends; the second one goes on.
        assert_eq!(gain(5.5), Some((0.25, 1)));
        assert_eq!(gain(9.0), Some((1.0, 0)));
        assert_eq!(gain(99.0), None);
    }

    #[test]
    fn without_events_nothing_changes() {
        let (start, mut t) = Timeline::new(&shipped()).unwrap();
        assert_eq!(start, shipped());
        assert!(t.due(Span::from_s(1e3)).is_none());
    }

    #[test]
    fn events_that_cannot_be_are_refused() {
        let refusal = |yaml: &str| timeline(yaml).unwrap_err().to_string();
        let text = refusal("[{at_s: 1, set: {drive.gain_lft: 1}}]");
        assert_eq!(text, "events[0], at 1 s: `drive.gain_lft`: there is no such key");
        assert!(
            refusal("[{at_s: 1, set: {drive.gain_left: fast}}]").contains("`drive.gain_left`: invalid type")
        );
        let text = refusal("[{at_s: 1, set: {drive.gain_left: 99}}]");
        assert_eq!(text, "events[0], at 1 s: `drive.gain_left`: 99 is not within [0, 2]");
        let text = refusal(
            "[{at_s: 1, set: {imu.gyro_bias_radps: 1}}, {at_s: 2, set: {lidar.range_min_m: 9, lidar.range_max_m: 8}}]",
        );
        let expected = "events[1], at 2 s: `lidar.range_max_m`: 8 is not greater than lidar.range_min_m, 9";
        assert_eq!(text, expected);
        assert!(refusal("[{at_s: 1, set: {events: []}}]").contains("cannot be changed by an event"));
        let text = refusal("[{at_s: 1, set: {odometry.turn_scale_sigma: 0.1}}]");
        assert!(text.contains("`odometry.turn_scale_sigma`: can only be set from 0 s to the end"), "{text}");
        let text = refusal("[{at_s: 0, for_s: 4, set: {lidar.beams: 90}}]");
        assert!(text.contains("at 4 s: `lidar.beams`: can only be set from 0 s to the end"), "{text}");
        let text = refusal("[{at_s: 5, set: {absent: [map]}}]");
        assert!(
            text.starts_with("events[0], at 5 s: `absent`: the map is published at the start only"),
            "{text}"
        );
        timeline("[{at_s: 0, set: {absent: [map]}}]").unwrap();
        timeline("[{at_s: 0, set: {map.republish_s: 2.0}}, {at_s: 5, set: {absent: [map]}}]").unwrap();
        assert_eq!(timeline("[{at_s: 0, set: {lidar.beams: 90}}]").unwrap().0.lidar.beams, 90);
    }
}
