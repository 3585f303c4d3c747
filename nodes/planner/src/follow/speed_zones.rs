//! Speed zones ahead on the path: the robot is slow enough before it enters one.
//!
//! The planner keeps them for comfort: it slows down gently and early. That they are kept at all is for assurance, which
//! reads the same file, judges every command by itself, and relies on nothing here.

use super::outlook::SpeedLimit;
use crate::path::Path;
use crate::safety::Blocker;
use outrider_foundation::Point2;
use outrider_foundation::grid::FrameId;
use outrider_foundation::polygon::Polygon;
use outrider_foundation::zones::{ZoneError, Zones, outline};

/// The path is looked at for zones at this spacing, m.
const SPACING_M: f64 = 0.1;
/// The most places of a look ahead.
const PLACE_LIMIT: usize = 200;
/// Slow enough so far before a zone, m: the way of a reaction time, and what localisation may be wrong by.
const LEAD_M: f64 = 0.4;
/// A path so near to a zone leads through it, m: the robot is never quite on its path, and cuts curves.
const BESIDE_M: f64 = 0.15;

/// Where the robot must be slow.
#[derive(Clone, Debug, Default)]
pub struct SpeedZones {
    zones: Vec<(String, Polygon, f64)>,
    decel_mps2: f64,
}

impl SpeedZones {
    /// The speed zones of a set: `share` of their limits is used, and slowing down is planned with `decel_mps2`.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn new(zones: &Zones, share: f64, decel_mps2: f64) -> Result<Self, ZoneError> {
        let made = zones.speed.iter().map(|z| {
            let polygon = outline(&z.name, &z.polygon_m)?;
            Ok((z.name.clone(), polygon, share * z.v_max_mps))
        });
        Ok(Self { zones: made.collect::<Result<_, ZoneError>>()?, decel_mps2 })
    }

    /// The speed from which the robot, `from_m` along a path in the map frame and no faster than `v_mps`, can still slow
    /// down comfortably before every zone ahead.
    pub fn ahead(&self, path: &Path, from_m: f64, v_mps: f64) -> Option<SpeedLimit> {
        if self.zones.is_empty() || path.frame != FrameId::Map {
            return None;
        }
        let reach_m = v_mps * v_mps / (2.0 * self.decel_mps2) + LEAD_M;
        let count = ((reach_m / SPACING_M).ceil() as usize).min(PLACE_LIMIT);
        let mut least: Option<(f64, &str)> = None;
        for i in 0..=count {
            let way_m = i as f64 * SPACING_M;
            let place = path.at(from_m + way_m).position();
            for (name, polygon, zone_mps) in &self.zones {
                let before_mps =
                    (zone_mps * zone_mps + 2.0 * self.decel_mps2 * (way_m - LEAD_M).max(0.0)).sqrt();
                if before_mps < least.map_or(v_mps, |(v, _)| v) && touches(polygon, place) {
                    least = Some((before_mps, name));
                }
            }
        }
        least.map(|(v_mps, name)| SpeedLimit {
            v_mps,
            reason: format!("speed zone {name}"),
            blocker: Blocker::default(),
        })
    }
}

fn touches(polygon: &Polygon, place: Point2) -> bool {
    let (centre, radius_m) = polygon.bounds();
    place.distance_m(centre) <= radius_m + BESIDE_M && polygon.signed_distance_m(place) <= BESIDE_M
}
