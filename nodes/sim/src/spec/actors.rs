//! People, forklifts and carts that decide where they go.

use super::{WAYPOINT_LIMIT, maybe_place, place};
use garde::Validate;
use outrider_foundation::validate::{count_within, maybe_within, within};
use serde::{Deserialize, Serialize};

/// Somebody or something that moves by its own behaviour. SI units, radians, map frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ActorSpec {
    /// Unique name, as in the truth; members of a group get `_1`, `_2` and so on behind it.
    #[garde(length(min = 1, max = 60))]
    pub name: String,
    /// What it is.
    #[garde(skip)]
    #[serde(default)]
    pub kind: ActorKind,
    /// How many people: more than one keep together.
    #[garde(custom(count_within(1, 8)))]
    #[schemars(range(min = 1, max = 8))]
    #[serde(default = "one")]
    pub members: usize,
    /// Where it is at first.
    #[garde(custom(place))]
    #[schemars(inner(range(min = -1000.0, max = 1000.0)))]
    pub start: [f64; 2],
    /// Which way it looks at first; by default to the first waypoint.
    #[garde(custom(maybe_within(-6.3, 6.3)))]
    #[schemars(range(min = -6.3, max = 6.3))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yaw_rad: Option<f64>,
    /// Where it goes, one after the other: `[x, y]`, or `[x, y, seconds to wait there]`.
    #[garde(length(max = WAYPOINT_LIMIT), custom(legs))]
    #[schemars(inner(length(min = 2, max = 3)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waypoints: Vec<Vec<f64>>,
    /// After the last waypoint to the first one again.
    #[garde(skip)]
    #[serde(default)]
    pub loops: bool,
    /// Gone once it has reached the last waypoint.
    #[garde(skip)]
    #[serde(default)]
    pub leaves: bool,
    /// How fast it likes to go; by default 1.2 m/s on foot, 1.5 m/s on wheels.
    #[garde(custom(maybe_within(0.05, 8.0)))]
    #[schemars(range(min = 0.05, max = 8.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<f64>,
    /// What it makes of the robot.
    #[garde(skip)]
    #[serde(default)]
    pub behaviour: Behaviour,
    /// When it begins to move.
    #[garde(dive)]
    #[serde(default)]
    pub begins: Begin,
    /// Not there before it begins; and it begins only once nobody is in its place.
    #[garde(skip)]
    #[serde(default)]
    pub appears: bool,
    /// Size of a person, if not that of `person` in sim.yaml.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonSize>,
    /// Size and abilities of a vehicle, if not those of its kind.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<VehicleSize>,
}

fn one() -> usize {
    1
}

#[allow(clippy::ptr_arg, reason = "garde wants it so")]
fn legs(all: &Vec<Vec<f64>>, context: &()) -> garde::Result {
    for (i, w) in all.iter().enumerate() {
        let wait_s = w.get(2).copied().unwrap_or(0.0);
        if !(2..=3).contains(&w.len()) || !(0.0..=3600.0).contains(&wait_s) {
            return Err(garde::Error::new(format!(
                "waypoint {i} is no [x, y] and no [x, y, 0 to 3600 s to wait]"
            )));
        }
        let at = w.get(..2).unwrap_or_default();
        place(at, context).map_err(|e| garde::Error::new(format!("waypoint {i}: {e}")))?;
    }
    Ok(())
}

/// What an actor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// On foot: an upright cylinder, optimal reciprocal collision avoidance.
    #[default]
    Person,
    /// A box on wheels that the detector knows as a forklift.
    Forklift,
    /// A box on wheels that the detector knows as `other`.
    Cart,
}

/// What an actor makes of the robot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Keeps out of its way as if it would never yield itself. A vehicle stops for whatever stands in its lane.
    #[default]
    Yields,
    /// Expects it to do half of the avoiding. A vehicle: as `yields`.
    Shares,
    /// Does not see it. A vehicle stops for nothing.
    Blind,
    /// Goes for it, wherever it is; waypoints only tell which way it looks at first.
    Hostile,
}

/// When an actor or a door begins: at a time, and, if asked, not before the robot has come near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Since the start.
    #[garde(custom(within(0.0, 3600.0)))]
    #[schemars(range(min = 0.0, max = 3600.0))]
    #[serde(default)]
    pub at_s: f64,
    /// The robot's base comes as near as this.
    #[garde(custom(maybe_within(0.1, 1000.0)))]
    #[schemars(range(min = 0.1, max = 1000.0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robot_within_m: Option<f64>,
    /// To this place; by default the actor's start.
    #[garde(custom(maybe_place))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<[f64; 2]>,
}

/// Size of a person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct PersonSize {
    /// Radius.
    #[garde(custom(within(0.05, 1.0)))]
    #[schemars(range(min = 0.05, max = 1.0))]
    pub radius_m: f64,
    /// Height.
    #[garde(custom(within(0.1, 3.0)))]
    #[schemars(range(min = 0.1, max = 3.0))]
    pub height_m: f64,
}

/// Size and abilities of a vehicle: a box about its middle, driven like a unicycle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct VehicleSize {
    /// Length of the body.
    #[garde(custom(within(0.2, 20.0)))]
    #[schemars(range(min = 0.2, max = 20.0))]
    pub length_m: f64,
    /// Width of it.
    #[garde(custom(within(0.2, 10.0)))]
    #[schemars(range(min = 0.2, max = 10.0))]
    pub width_m: f64,
    /// Height of it.
    #[garde(custom(within(0.1, 10.0)))]
    #[schemars(range(min = 0.1, max = 10.0))]
    pub height_m: f64,
    /// Length of forks ahead of the body, 4 to 12 cm over the floor: too low for the lidar, not for the robot.
    #[garde(custom(within(0.0, 5.0)))]
    #[schemars(range(min = 0.0, max = 5.0))]
    #[serde(default)]
    pub forks_m: f64,
    /// Acceleration and braking.
    #[garde(custom(within(0.1, 10.0)))]
    #[schemars(range(min = 0.1, max = 10.0))]
    pub accel_mps2: f64,
    /// Greatest turn rate.
    #[garde(custom(within(0.05, 5.0)))]
    #[schemars(range(min = 0.05, max = 5.0))]
    pub turn_radps: f64,
}

impl VehicleSize {
    /// What a kind of vehicle is like when nothing else is said.
    pub fn of(kind: ActorKind) -> Self {
        let (length_m, width_m, height_m) =
            if kind == ActorKind::Cart { (1.2, 0.7, 1.0) } else { (2.2, 1.1, 2.1) };
        Self { length_m, width_m, height_m, forks_m: 0.0, accel_mps2: 0.8, turn_radps: 0.8 }
    }
}

impl ActorSpec {
    /// A key that has no meaning beside the others, and why.
    pub fn misfit(&self) -> Option<(&'static str, String)> {
        let person = self.kind == ActorKind::Person;
        let hostile = self.behaviour == Behaviour::Hostile;
        let misfits = [
            (person && self.vehicle.is_some(), "vehicle", "`kind` is a person; `person` is for its size"),
            (!person && self.person.is_some(), "person", "`kind` is no person; `vehicle` is for its size"),
            (!person && self.members > 1, "members", "only people come in groups"),
            (self.loops && self.leaves, "leaves", "with `loops` it never reaches a last waypoint"),
            (self.loops && self.is_one_place(), "loops", "there are no two `waypoints` in different places"),
            (
                self.leaves && self.waypoints.is_empty(),
                "leaves",
                "there are no `waypoints` that it would reach",
            ),
            (self.leaves && hostile, "leaves", "who is `hostile` follows no `waypoints`"),
            (self.loops && hostile, "loops", "who is `hostile` follows no `waypoints`"),
            (
                self.begins.of.is_some() && self.begins.robot_within_m.is_none(),
                "of",
                "`begins` has no `robot_within_m` that would be reckoned from there",
            ),
        ];
        misfits.into_iter().find(|(wrong, ..)| *wrong).map(|(_, key, why)| (key, why.to_owned()))
    }

    /// Whether all waypoints are one place.
    fn is_one_place(&self) -> bool {
        let mut places = self.waypoints.iter().map(|w| w.get(..2));
        let first = places.next();
        places.all(|place| Some(place) == first)
    }

    /// The names in the truth: one for each member.
    pub fn names(&self) -> Vec<String> {
        match self.members {
            1 => vec![self.name.clone()],
            count => (1..=count).map(|i| format!("{}_{i}", self.name)).collect(),
        }
    }

    /// How fast it likes to go.
    pub(crate) fn speed_mps(&self) -> f64 {
        self.speed_mps.unwrap_or(if self.kind == ActorKind::Person { 1.2 } else { 1.5 })
    }
}
