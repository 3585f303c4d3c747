//! What assurance makes of the zones (`config/zones/*.yaml`, frame `map`): exact distances of the robot's outline. How the
//! file is read, and polygons as such, stand in the foundation; the world model has cells of the same zones, and nothing
//! here relies on them.

use crate::AssuranceError;
use garde::Validate as _;
use outrider_foundation::geometry::{least, sides};
use outrider_foundation::polygon::{Polygon, area_m2};
use outrider_foundation::zones::{ZoneError, Zones, outline};
use outrider_foundation::{Footprint, Point2, Pose2};

/// Areas below are none, m².
const NO_AREA_M2: f64 = 1e-9;
/// Overlapping is at least this far inside, m: below everything that is measured, above rounding.
const INSIDE_M: f64 = 1e-6;

/// A set of zones that has been checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZoneMap {
    /// There are none, by somebody's word: where the robot is in the map does not matter.
    pub none: bool,
    pub exclusion: Vec<(String, Polygon)>,
    pub speed: Vec<(String, Polygon, f64)>,
    pub direction: Vec<(String, Polygon, OneWay)>,
}

/// Direction of travel in the map frame, and how far from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneWay {
    pub heading_rad: f64,
    pub tolerance_rad: f64,
}

impl ZoneMap {
    pub fn new(zones: &Zones) -> Result<Self, AssuranceError> {
        // Outlines first: their errors say which zone, by its name.
        let exclusion = zones.exclusion.iter().map(|z| Ok((z.name.clone(), outline(&z.name, &z.polygon_m)?)));
        let speed =
            zones.speed.iter().map(|z| Ok((z.name.clone(), outline(&z.name, &z.polygon_m)?, z.v_max_mps)));
        let direction = zones.direction.iter().map(|z| {
            let one_way = OneWay { heading_rad: z.heading_rad, tolerance_rad: z.tolerance_rad };
            Ok((z.name.clone(), outline(&z.name, &z.polygon_m)?, one_way))
        });
        let made = Self {
            none: zones.none_because.is_some(),
            exclusion: exclusion.collect::<Result<_, ZoneError>>()?,
            speed: speed.collect::<Result<_, ZoneError>>()?,
            direction: direction.collect::<Result<_, ZoneError>>()?,
        };
        zones.validate().map_err(|report| AssuranceError::Zones(report.to_string().trim().to_owned()))?;
        if zones.none_because.is_some() && zones.has_zones() {
            return Err(AssuranceError::Zones("none_because: there are zones all the same".to_owned()));
        }
        if zones.none_because.as_ref().is_some_and(|why| why.trim().is_empty()) {
            return Err(AssuranceError::Zones("none_because: blanks are no reason".to_owned()));
        }
        Ok(made)
    }

    /// Without a pose in the map no zone is kept: who has zones may not drive without one.
    pub fn check_localisation(zones: &Zones, required: bool) -> Result<(), AssuranceError> {
        if required || !zones.has_zones() {
            return Ok(());
        }
        let problem = "localisation_required: false, but there are zones, which nobody keeps without a pose in the map: \
                       require it, or say in the zones file that there are none (none_because)";
        Err(AssuranceError::Zones(problem.to_owned()))
    }
}

/// How near an outline is to a zone.
pub(crate) trait Near {
    /// Signed distance of the robot's outline at a pose; see [`Nearness::distance_m`].
    fn distance_to_footprint_m(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> f64;

    /// How near the robot's outline at a pose is to the zone. Does not look closer when they are farther than `far_m` apart.
    fn nearness(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> Nearness;
}

impl Near for Polygon {
    fn distance_to_footprint_m(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> f64 {
        self.nearness(footprint, map_from_base, far_m).distance_m
    }

    fn nearness(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> Nearness {
        let (centre, radius_m) = self.bounds();
        let apart_m = map_from_base.position().distance_m(centre);
        let bound_m = apart_m - radius_m - footprint.circumscribed_m();
        if bound_m > far_m {
            return Nearness { distance_m: bound_m, depth_m: 0.0 };
        }
        let base_from_map = map_from_base.inverse();
        let of_zone: Vec<_> = self.corners().iter().map(|c| base_from_map.apply(*c)).collect();
        let outline: Vec<_> =
            footprint.corners().iter().map(|c| self.signed_distance_m(map_from_base.apply(*c))).collect();
        let corners = outline.into_iter().chain(of_zone.iter().map(|c| footprint.signed_distance_m(*c)));
        if area_m2(&clip(&of_zone, footprint.corners())).abs() > NO_AREA_M2 {
            let base_m = self.signed_distance_m(map_from_base.position());
            let distance_m = (base_m - footprint.circumscribed_m()).min(-INSIDE_M);
            return Nearness { distance_m, depth_m: -corners.fold(0.0, f64::min) };
        }
        Nearness { distance_m: least(corners.map(f64::abs)), depth_m: 0.0 }
    }
}

/// How near an outline is to a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nearness {
    /// Distance between them; a lower bound when they are far apart. When they overlap it is negative: what the base is
    /// short of the distance at which the outline is clear whichever way it turns. So it tells directions apart however
    /// deep the robot is inside: only coming nearer to the edge makes it greater.
    pub distance_m: f64,
    /// How deep the deepest corner is inside, of the outline in the zone or of the zone in the outline; zero when they do
    /// not overlap. Turning on the spot changes it, which the distance does not tell.
    pub depth_m: f64,
}

/// The part of a polygon inside a convex one with counter-clockwise corners (Sutherland and Hodgman, "Reentrant polygon
/// clipping", CACM 1974). The parts of one that is not convex stay joined by edges without area.
fn clip(polygon: &[Point2], window: &[Point2]) -> Vec<Point2> {
    let mut left = polygon.to_vec();
    for (a, b) in sides(window) {
        let inside = |p: Point2| (b.x_m - a.x_m) * (p.y_m - a.y_m) - (b.y_m - a.y_m) * (p.x_m - a.x_m);
        let mut kept = vec![];
        for (p, q) in sides(&left) {
            let (of_p, of_q) = (inside(p), inside(q));
            if of_p >= 0.0 {
                kept.push(p);
            }
            if of_p * of_q < 0.0 {
                let share = of_p / (of_p - of_q);
                kept.push(Point2::new(p.x_m + share * (q.x_m - p.x_m), p.y_m + share * (q.y_m - p.y_m)));
            }
        }
        left = kept;
    }
    left
}

/// A zone that is not convex, moved along x.
#[cfg(test)]
pub(crate) fn l_shape(by_m: f64) -> Polygon {
    let corners = [(0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0)];
    Polygon::new(corners.iter().map(|(x, y)| Point2::new(x + by_m, *y)).collect()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn l_shape() -> Polygon {
        super::l_shape(0.0)
    }

    #[test]
    fn outline_and_polygon() {
        let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
        let d = |x, y, yaw| l_shape().distance_to_footprint_m(&footprint, Pose2::new(x, y, yaw), 10.0);
        assert!((d(3.0, 2.0, 0.0) - 0.75).abs() < 1e-12);
        assert!((d(3.0, 2.0, std::f64::consts::FRAC_PI_2) - 0.65).abs() < 1e-12);
        let depth = |x, y| l_shape().nearness(&footprint, Pose2::new(x, y, 0.0), 10.0).depth_m;
        assert!((depth(3.0, 1.15) - 0.1).abs() < 1e-9, "a corner by a tenth of a metre");
        assert!((depth(1.2, 1.15) - libm::hypot(0.15, 0.1)).abs() < 1e-9, "the zone's inner corner");
        assert!(depth(3.0, 2.0).abs() < 1e-9, "apart");
        let clear_m = footprint.circumscribed_m();
        assert!((d(0.5, 3.0, 0.0) + 0.5 + clear_m).abs() < 1e-9, "half a metre inside");
        assert!((d(3.0, 1.15, 0.0) - 0.15 + clear_m).abs() < 1e-9, "the base is outside");
        let thin = [(-3.0, -0.05), (3.0, -0.05), (3.0, 0.05), (-3.0, 0.05)];
        let thin = Polygon::new(thin.iter().map(|(x, y)| Point2::new(*x, *y)).collect()).unwrap();
        assert!(thin.distance_to_footprint_m(&footprint, Pose2::IDENTITY, 10.0) < 0.0, "across");
        assert!(l_shape().distance_to_footprint_m(&footprint, Pose2::new(90.0, 0.0, 0.0), 10.0) > 10.0);
    }

    proptest! {
        /// However deep inside, some way leads out, and the distance tells it; and it is negative exactly when they overlap.
        #[test]
        fn the_distance_tells_directions_apart(x in -1.0..5.0f64, y in -1.0..5.0f64, yaw in -3.1..3.1f64) {
            let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
            let at = |x: f64, y: f64| l_shape().nearness(&footprint, Pose2::new(x, y, yaw), 10.0);
            let here = at(x, y);
            prop_assert!(here.depth_m >= 0.0 && (here.distance_m < 0.0 || here.depth_m <= 0.0));
            if here.distance_m < 0.0 {
                let (step, turns) = (0.01, (0..64).map(|i| f64::from(i) * 0.1));
                let best = turns
                    .map(|a| at(x + step * libm::cos(a), y + step * libm::sin(a)).distance_m)
                    .fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(best > here.distance_m + 0.6 * step, "{best} {here:?}");
            }
        }
    }
}
