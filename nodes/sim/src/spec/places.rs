//! What is special about a model or a piece of the floor.

use super::place;
use garde::Validate;
use outrider_foundation::Point2;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};

/// How the models of a name answer the lidar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// Name of the model in the world file; with `*` at its end, all whose names begin so.
    #[garde(length(min = 1, max = 128))]
    pub model: String,
    /// How.
    #[garde(skip)]
    pub kind: SurfaceKind,
}

/// How a surface answers a beam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurfaceKind {
    /// Answers a beam that meets it squarely (within 10°); any other passes through.
    Glass,
    /// Sends every beam on as a mirror does: what is seen in it seems to stand behind it.
    Mirror,
    /// Swallows every beam that does not meet it within 30° of squarely.
    Dark,
    /// Answers so strongly that the beams beside it read the same range: it looks wider by 1.5° on either side.
    Retro,
}

/// A rectangle of floor, along the axes of the map, on which the wheels slip.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct FloorPatch {
    /// Its corner with the smaller coordinates.
    #[garde(custom(place))]
    pub low: [f64; 2],
    /// The opposite one, greater in both.
    #[garde(custom(place), custom(beyond(&self.low)))]
    pub high: [f64; 2],
    /// What part of the left wheel's way is lost.
    #[garde(custom(within(-1.0, 1.0)))]
    #[serde(default)]
    pub slip_left: f64,
    /// And of the right one's.
    #[garde(custom(within(-1.0, 1.0)))]
    #[serde(default)]
    pub slip_right: f64,
    /// What part of its braking and acceleration the drive reaches there.
    #[garde(custom(within(0.01, 1.0)))]
    #[serde(default = "full")]
    pub grip: f64,
}

/// That a corner is greater than the other one in both coordinates: a patch the other way round would be nowhere.
fn beyond(low: &[f64; 2]) -> impl FnOnce(&[f64; 2], &()) -> garde::Result {
    let low = *low;
    move |high, (): &()| match ["x", "y"].iter().zip(low.iter().zip(high)).find(|(_, (l, h))| l >= h) {
        Some((axis, (l, h))) => {
            let reason = format!("{axis} is {h}, not greater than the {l} of `low` ({low:?}, {high:?})");
            Err(garde::Error::new(reason))
        }
        None => Ok(()),
    }
}

fn full() -> f64 {
    1.0
}

impl FloorPatch {
    /// Whether a point is on it.
    pub(crate) fn holds(&self, p: Point2) -> bool {
        let within = |v: f64, low: f64, high: f64| (low..=high).contains(&v);
        within(p.x_m, self.low[0], self.high[0]) && within(p.y_m, self.low[1], self.high[1])
    }
}

impl Surface {
    /// Whether a model of this name is meant.
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self.model.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == self.model,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_the_wrong_way_round_is_refused_with_its_values() {
        let refusal =
            |yaml: &str| outrider_yaml::from_str_valid::<FloorPatch>(yaml).map_err(|e| e.to_string());
        assert!(refusal("{low: [1, -1], high: [2, 1]}").is_ok());
        let text = refusal("{low: [3, -2], high: [1, 2]}").unwrap_err();
        assert!(text.contains("x is 1, not greater than the 3 of `low` ([3.0, -2.0], [1.0, 2.0])"), "{text}");
        for none in ["{low: [0, 2], high: [1, -2]}", "{low: [0, 0], high: [1, 0]}"] {
            let text = refusal(none).unwrap_err();
            assert!(text.contains("y is"), "{text}");
        }
    }
}
