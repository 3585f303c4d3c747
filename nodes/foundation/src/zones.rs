//! `config/zones/*.yaml`: where the robot may not go, where it must be slow, and where it may drive one way only. Frame
//! `map`.

use crate::geometry::Point2;
use crate::polygon::{CORNER_LIMIT, Polygon};
use crate::validate::within;
use garde::Validate;
use serde::{Deserialize, Serialize};

/// A set of zones. An empty one can be read; the gate is told by its hash, and does not arm on it.
///
/// Reading and geometry stand here because several nodes need them. What follows from a zone is each node's own:
/// assurance judges every motion by the exact outline, the world model makes cells of it, the planner a speed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Zones {
    /// Version of the set, for people.
    #[garde(range(min = 1))]
    pub version: u32,
    /// Where no part of the robot may be.
    #[garde(dive, length(max = ZONE_LIMIT))]
    pub exclusion: Vec<ExclusionZone>,
    /// Where it must be slow.
    #[garde(dive, length(max = ZONE_LIMIT))]
    pub speed: Vec<SpeedZone>,
    /// Where it may drive one way only.
    #[serde(default)]
    #[garde(dive, length(max = ZONE_LIMIT))]
    pub direction: Vec<DirectionZone>,
    /// Somebody's word that there are no zones here, and why: such a set has none. Then no pose in the map is asked for, and
    /// the gate arms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(min = 1, max = 200)))]
    pub none_because: Option<String>,
}

impl Zones {
    /// No zone of any kind, and nobody said that there is to be none.
    pub fn is_empty(&self) -> bool {
        !self.has_zones() && self.none_because.is_none()
    }

    /// Any zone of any kind.
    pub fn has_zones(&self) -> bool {
        !(self.exclusion.is_empty() && self.speed.is_empty() && self.direction.is_empty())
    }
}

/// Where no part of the robot may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ExclusionZone {
    /// For records.
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// Corners `[x, y]` in the map frame, m; a polygon whose edges do not cross.
    #[garde(length(min = 3, max = CORNER_LIMIT), custom(simple))]
    pub polygon_m: Vec<[f64; 2]>,
}

/// Where the robot must be slow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SpeedZone {
    /// For records.
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// Corners `[x, y]` in the map frame, m; a polygon whose edges do not cross.
    #[garde(length(min = 3, max = CORNER_LIMIT), custom(simple))]
    pub polygon_m: Vec<[f64; 2]>,
    /// Greatest speed while the robot's base is inside, m/s.
    #[garde(custom(within(0.05, 10.0)))]
    pub v_max_mps: f64,
}

/// Where the robot may drive one way only.
///
/// Wherever a motion has the robot's base inside, it has to travel along the heading, within the tolerance; a robot that
/// drives backwards travels against its own heading. Standing and turning on the spot are free. Against its direction a
/// zone may be left but not driven through: by a robot whose base is inside already, as long as it heads for the
/// nearest edge, more or less straight. So whoever was put down there, or has entered by a hand's breadth, can get out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct DirectionZone {
    /// For records.
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// Corners `[x, y]` in the map frame, m; a polygon whose edges do not cross.
    #[garde(length(min = 3, max = CORNER_LIMIT), custom(simple))]
    pub polygon_m: Vec<[f64; 2]>,
    /// Direction of travel in the map frame, rad from its x axis.
    #[garde(custom(within(-3.15, 3.15)))]
    pub heading_rad: f64,
    /// Greatest difference from it either way, rad.
    #[garde(custom(within(0.05, 3.15)))]
    pub tolerance_rad: f64,
}

/// The most zones of a kind.
pub const ZONE_LIMIT: usize = 64;

/// A zone whose outline is no polygon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("zones: {name}: {problem}")]
pub struct ZoneError {
    /// The zone's name.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The outline of a zone as a polygon.
///
/// # Errors
/// Names the zone, and says what is wrong with its corners.
pub fn outline(name: &str, polygon_m: &[[f64; 2]]) -> Result<Polygon, ZoneError> {
    polygon(polygon_m).map_err(|problem| ZoneError { name: name.to_owned(), problem })
}

fn polygon(polygon_m: &[[f64; 2]]) -> Result<Polygon, &'static str> {
    Polygon::new(polygon_m.iter().map(|[x, y]| Point2::new(*x, *y)).collect())
}

/// So that whoever reads the file learns of it with the line.
#[expect(clippy::ptr_arg, reason = "garde hands over the field")]
fn simple(polygon_m: &Vec<[f64; 2]>, _context: &()) -> garde::Result {
    polygon(polygon_m).map(|_| ()).map_err(garde::Error::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_polygon_is_refused_with_its_key() {
        let crossing = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.5, 2.5]];
        let zone = ExclusionZone { name: "store".into(), polygon_m: crossing.clone() };
        let zones = Zones { version: 1, exclusion: vec![zone], ..Zones::default() };
        let report = zones.validate().unwrap_err().to_string();
        assert!(
            report.contains("exclusion[0].polygon_m: two edges of the polygon cross or touch"),
            "{report}"
        );
        let error = outline("store", &crossing).unwrap_err().to_string();
        assert_eq!(error, "zones: store: two edges of the polygon cross or touch");
    }
}
