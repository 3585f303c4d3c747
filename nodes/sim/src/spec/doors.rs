//! Doors: panels that open and close.

use super::place;
use garde::Validate;
use outrider_foundation::validate::{maybe_within, within};
use serde::{Deserialize, Serialize};

/// A door of one panel. SI units, radians, map frame. It is seen by the lidar and can be run into, and is not on the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct DoorSpec {
    /// Unique name, as the truth tells it for what is nearest.
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// How it moves.
    #[garde(skip)]
    #[serde(default)]
    pub kind: DoorKind,
    /// The end of the closed panel that the hinge is at, or that a sliding panel moves towards and beyond.
    #[garde(custom(place))]
    #[schemars(inner(range(min = -1000.0, max = 1000.0)))]
    pub hinge: [f64; 2],
    /// Direction of the closed panel from there.
    #[garde(custom(within(-6.3, 6.3)))]
    #[schemars(range(min = -6.3, max = 6.3))]
    pub yaw_rad: f64,
    /// Length of the panel.
    #[garde(custom(within(0.2, 20.0)))]
    #[schemars(range(min = 0.2, max = 20.0))]
    pub width_m: f64,
    /// Thickness of it.
    #[garde(custom(within(0.01, 1.0)))]
    #[schemars(range(min = 0.01, max = 1.0))]
    #[serde(default = "thickness")]
    pub thickness_m: f64,
    /// Height of it.
    #[garde(custom(within(0.1, 10.0)))]
    #[schemars(range(min = 0.1, max = 10.0))]
    #[serde(default = "height")]
    pub height_m: f64,
    /// How far a hinged door opens, to the left when positive.
    #[garde(custom(within(-3.2, 3.2)))]
    #[schemars(range(min = -3.2, max = 3.2))]
    #[serde(default = "swing")]
    pub swing_rad: f64,
    /// Time from closed to open and back.
    #[garde(custom(within(0.1, 120.0)))]
    #[schemars(range(min = 0.1, max = 120.0))]
    #[serde(default = "travel")]
    pub travel_s: f64,
    /// Open at first.
    #[garde(skip)]
    #[serde(default)]
    pub open: bool,
    /// What it does at which time; times rise.
    #[garde(dive, length(max = 64), custom(rising))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<DoorStep>,
    /// The schedule begins anew so often.
    #[garde(custom(maybe_within(0.5, 3600.0)))]
    #[schemars(range(min = 0.5, max = 3600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_s: Option<f64>,
    /// Opens for the robot or a person (not for a vehicle) this near to the middle of the closed panel, in place of a schedule.
    #[garde(custom(maybe_within(0.1, 50.0)))]
    #[schemars(range(min = 0.1, max = 50.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_within_m: Option<f64>,
    /// And closes when nobody has been so near for this long; 3 s when left out.
    #[garde(custom(maybe_within(0.0, 600.0)))]
    #[schemars(range(min = 0.0, max = 600.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_after_s: Option<f64>,
    /// Moves on whatever stands in its way; otherwise it waits.
    #[garde(skip)]
    #[serde(default)]
    pub forces: bool,
}

fn thickness() -> f64 {
    0.06
}

fn height() -> f64 {
    2.1
}

fn swing() -> f64 {
    std::f64::consts::FRAC_PI_2
}

fn travel() -> f64 {
    2.0
}

impl DoorSpec {
    /// A key that has no meaning beside the others, and why.
    pub fn misfit(&self) -> Option<(&'static str, String)> {
        if self.opens_within_m.is_some() && !self.schedule.is_empty() {
            return Some(("schedule", "`opens_within_m` stands in the place of a schedule".to_owned()));
        }
        // What is left out and what is the default are one and the same in a recorded scenario.
        if self.kind == DoorKind::Sliding && (self.swing_rad - swing()).abs() > 0.0 {
            return Some(("swing_rad", "a sliding door does not swing".to_owned()));
        }
        if self.kind == DoorKind::Hinged && self.swing_rad.abs() <= 0.0 {
            return Some(("swing_rad", "0: a hinged door that does not swing never opens".to_owned()));
        }
        if self.opens_within_m.is_none() && self.closes_after_s.is_some() {
            let why = "there is no `opens_within_m` by which it would open";
            return Some(("closes_after_s", why.to_owned()));
        }
        let every_s = self.every_s?;
        let Some(last) = self.schedule.last() else {
            return Some(("every_s", "there is no `schedule` that would begin anew".to_owned()));
        };
        (last.at_s >= every_s).then(|| {
            let why = format!(
                "the step at {} s never comes: the schedule begins anew every {every_s} s",
                last.at_s
            );
            ("every_s", why)
        })
    }
}

/// How a door moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorKind {
    /// Turns about its hinge.
    #[default]
    Hinged,
    /// Moves along itself, past its hinge.
    Sliding,
}

/// What a door is told at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct DoorStep {
    /// When.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub at_s: f64,
    /// Open or close.
    #[garde(skip)]
    pub open: bool,
}

#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn rising(steps: &Vec<DoorStep>, _: &()) -> garde::Result {
    match steps.windows(2).find(|pair| matches!(pair, [a, b] if b.at_s <= a.at_s)) {
        Some([_, late]) => Err(garde::Error::new(format!("at_s: {} does not follow", late.at_s))),
        _ => Ok(()),
    }
}
