//! `config/zones/*.yaml`: where the robot may not go, where it must be slow, and where it may drive one way only. Frame
//! `map`.

use crate::AssuranceError;
use garde::Validate;
use outrider_foundation::geometry::{segment_distance_sq, sides};
use outrider_foundation::validate::within;
use outrider_foundation::{Footprint, Point2, Pose2};
use serde::{Deserialize, Serialize};

/// A set of zones. An empty one can be read; the gate is told by its hash, and does not arm on it.
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

    fn has_zones(&self) -> bool {
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
    #[garde(length(min = 3, max = CORNER_LIMIT))]
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
    #[garde(length(min = 3, max = CORNER_LIMIT))]
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
    #[garde(length(min = 3, max = CORNER_LIMIT))]
    pub polygon_m: Vec<[f64; 2]>,
    /// Direction of travel in the map frame, rad from its x axis.
    #[garde(custom(within(-3.15, 3.15)))]
    pub heading_rad: f64,
    /// Greatest difference from it either way, rad.
    #[garde(custom(within(0.05, 3.15)))]
    pub tolerance_rad: f64,
}

/// The most zones of a kind.
const ZONE_LIMIT: usize = 64;
/// The most corners of a zone.
const CORNER_LIMIT: usize = 64;
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
        zones.validate().map_err(|report| AssuranceError::Zone {
            name: "zones".into(),
            problem: report.to_string().trim().to_owned(),
        })?;
        if zones.none_because.is_some() && zones.has_zones() {
            return Err(AssuranceError::Zone {
                name: "none_because".into(),
                problem: "there are zones all the same".into(),
            });
        }
        let exclusion = zones.exclusion.iter().map(|z| Ok((z.name.clone(), polygon(&z.name, &z.polygon_m)?)));
        let speed =
            zones.speed.iter().map(|z| Ok((z.name.clone(), polygon(&z.name, &z.polygon_m)?, z.v_max_mps)));
        let direction = zones.direction.iter().map(|z| {
            let one_way = OneWay { heading_rad: z.heading_rad, tolerance_rad: z.tolerance_rad };
            Ok((z.name.clone(), polygon(&z.name, &z.polygon_m)?, one_way))
        });
        Ok(Self {
            none: zones.none_because.is_some(),
            exclusion: exclusion.collect::<Result<_, _>>()?,
            speed: speed.collect::<Result<_, _>>()?,
            direction: direction.collect::<Result<_, _>>()?,
        })
    }
}

fn polygon(name: &str, corners_m: &[[f64; 2]]) -> Result<Polygon, AssuranceError> {
    let corners = corners_m.iter().map(|[x, y]| Point2::new(*x, *y)).collect();
    Polygon::new(corners)
        .map_err(|problem| AssuranceError::Zone { name: name.to_owned(), problem: problem.to_owned() })
}

/// A simple polygon, convex or not.
#[derive(Clone, Debug)]
pub(crate) struct Polygon {
    corners: Vec<Point2>,
    centre: Point2,
    radius_m: f64,
}

impl Polygon {
    fn new(corners: Vec<Point2>) -> Result<Self, &'static str> {
        if corners.len() < 3 || corners.iter().any(|c| !c.is_finite()) {
            return Err("a polygon needs three finite corners or more");
        }
        if area_m2(&corners).abs() < 1e-4 {
            return Err("the polygon has no area");
        }
        let sides: Vec<_> = sides(&corners).collect();
        for (i, a) in sides.iter().enumerate() {
            // Neighbours share a corner.
            let last = if i == 0 { sides.len() - 1 } else { sides.len() };
            if sides.iter().take(last).skip(i + 2).any(|b| cross(*a, *b)) {
                return Err("two edges of the polygon cross");
            }
        }
        let share = 1.0 / corners.len() as f64;
        let sum = corners.iter().fold(Point2::default(), |s, c| Point2::new(s.x_m + c.x_m, s.y_m + c.y_m));
        let centre = Point2::new(sum.x_m * share, sum.y_m * share);
        let radius_m = corners.iter().map(|c| c.distance_m(centre)).fold(0.0, f64::max);
        Ok(Self { corners, centre, radius_m })
    }

    pub fn corners(&self) -> &[Point2] {
        &self.corners
    }

    /// Whether a point lies inside (even-odd rule).
    pub fn contains(&self, p: Point2) -> bool {
        let crossings = sides(&self.corners).filter(|(a, b)| {
            (a.y_m > p.y_m) != (b.y_m > p.y_m)
                && p.x_m < a.x_m + (p.y_m - a.y_m) / (b.y_m - a.y_m) * (b.x_m - a.x_m)
        });
        crossings.count() % 2 == 1
    }

    /// Signed distance of a point, negative inside.
    pub fn signed_distance_m(&self, p: Point2) -> f64 {
        let sq =
            sides(&self.corners).map(|(a, b)| segment_distance_sq(a, b, p)).fold(f64::INFINITY, f64::min);
        if self.contains(p) { -sq.sqrt() } else { sq.sqrt() }
    }

    /// Signed distance of the robot's outline at a pose; see [`Nearness::distance_m`].
    pub fn distance_to_footprint_m(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> f64 {
        self.nearness(footprint, map_from_base, far_m).distance_m
    }

    /// How near the robot's outline at a pose is to the zone. Does not look closer when they are farther than `far_m` apart.
    pub fn nearness(&self, footprint: &Footprint, map_from_base: Pose2, far_m: f64) -> Nearness {
        let apart_m = map_from_base.position().distance_m(self.centre);
        let bound_m = apart_m - self.radius_m - footprint.circumscribed_m();
        if bound_m > far_m {
            return Nearness { distance_m: bound_m, depth_m: 0.0 };
        }
        let base_from_map = map_from_base.inverse();
        let of_zone: Vec<_> = self.corners.iter().map(|c| base_from_map.apply(*c)).collect();
        let outline: Vec<_> =
            footprint.corners().iter().map(|c| self.signed_distance_m(map_from_base.apply(*c))).collect();
        let corners = outline.into_iter().chain(of_zone.iter().map(|c| footprint.signed_distance_m(*c)));
        if area_m2(&clip(&of_zone, footprint.corners())).abs() > NO_AREA_M2 {
            let base_m = self.signed_distance_m(map_from_base.position());
            let distance_m = (base_m - footprint.circumscribed_m()).min(-INSIDE_M);
            return Nearness { distance_m, depth_m: -corners.fold(0.0, f64::min) };
        }
        Nearness { distance_m: corners.map(f64::abs).fold(f64::INFINITY, f64::min), depth_m: 0.0 }
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

fn area_m2(corners: &[Point2]) -> f64 {
    sides(corners).map(|(a, b)| 0.5 * (a.x_m * b.y_m - b.x_m * a.y_m)).sum()
}

/// Whether two segments cross in their insides.
fn cross((a, b): (Point2, Point2), (c, d): (Point2, Point2)) -> bool {
    let side = |p: Point2, q: Point2, r: Point2| {
        (q.x_m - p.x_m) * (r.y_m - p.y_m) - (q.y_m - p.y_m) * (r.x_m - p.x_m)
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
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
    fn points_and_a_polygon_that_is_not_convex() {
        let l = l_shape();
        assert!(l.contains(Point2::new(0.5, 3.0)) && l.contains(Point2::new(3.0, 0.5)));
        assert!(!l.contains(Point2::new(2.0, 2.0)) && !l.contains(Point2::new(-0.1, 0.5)));
        assert!((l.signed_distance_m(Point2::new(2.0, 2.0)) - 1.0).abs() < 1e-12);
        assert!((l.signed_distance_m(Point2::new(0.5, 3.0)) + 0.5).abs() < 1e-12);
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

    #[test]
    fn polygons_that_cannot_be() {
        let new = |c: &[(f64, f64)]| Polygon::new(c.iter().map(|(x, y)| Point2::new(*x, *y)).collect()).err();
        assert!(new(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]).is_some(), "crossing");
        assert!(new(&[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.5, 2.5)]).is_some(), "crossing, with an area");
        assert!(new(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]).is_some(), "no area");
        assert!(new(&[(0.0, 0.0), (f64::NAN, 1.0), (2.0, 0.0)]).is_some());
        assert!(new(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]).is_none());
    }
}
