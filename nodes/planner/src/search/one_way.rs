//! Direction zones as paths keep them: into them and within them only their way, or straight out.
//!
//! Assurance is what enforces them (`direction_zone`), on the motion of every command. A path keeps a little more, so that whoever follows
//! it does not miss by a little what assurance asks for.

use super::cells::NEIGHBOURS;
use outrider_foundation::Point2;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::polygon::Polygon;
use outrider_foundation::zones::{DirectionZone, ZoneError, outline};
use std::f64::consts::FRAC_PI_4;

/// So far around a zone its direction holds as well: a path is not followed to the millimetre, m.
const MARGIN_M: f64 = 0.2;
/// A path keeps this much less than the tolerance, rad; half of it at least stays.
const SLACK_RAD: f64 = 0.1;
/// Straight out: so much of a way leads away from the zone's middle, as assurance has it.
const STRAIGHT_OUT: f64 = 0.7;
/// Farther in than this a path does not lead straight out, but on to the zone's end: to the side and on again is not the zone's way, m.
const DEEP_M: f64 = 0.5;
/// How far is looked ahead for that, m.
const LOOK_M: f64 = 0.05;
/// Of the grid's eight directions those within less than this of the zone's are open whatever the tolerance: one where the zone runs along
/// one of them, else the two beside it, so that a way which goes in both by turns leads through.
const NEXT_RAD: f64 = FRAC_PI_4 - 0.05;

/// Where paths lead in one direction only.
#[derive(Clone, Debug, PartialEq)]
pub struct OneWay {
    name: String,
    polygon: Polygon,
    heading_rad: f64,
    tolerance_rad: f64,
    /// The grid's directions that lie within the tolerance, or next to the heading; bits in the order of [`NEIGHBOURS`].
    steps: u8,
}

impl OneWay {
    /// From a zone of a file.
    ///
    /// # Errors
    /// When its outline is none.
    pub fn new(zone: &DirectionZone) -> Result<Self, ZoneError> {
        let polygon = outline(&zone.name, &zone.polygon_m)?;
        let tolerance_rad = (zone.tolerance_rad - SLACK_RAD).max(0.5 * zone.tolerance_rad);
        let (name, heading_rad) = (zone.name.clone(), zone.heading_rad);
        let mut one_way = Self { name, polygon, heading_rad, tolerance_rad, steps: 0 };
        for (bit, (dc, dr)) in NEIGHBOURS.iter().enumerate() {
            let off_rad = one_way.off_rad(f64::from(*dc), f64::from(*dr));
            one_way.steps |= u8::from(off_rad <= tolerance_rad || off_rad < NEXT_RAD) << bit;
        }
        Ok(one_way)
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far a direction is off the zone's, rad.
    fn off_rad(&self, x: f64, y: f64) -> f64 {
        wrap_angle(libm::atan2(y, x) - self.heading_rad).abs()
    }

    /// Signed distance from the zone, m; `None` where its direction does not hold.
    fn distance_m(&self, p: Point2) -> Option<f64> {
        let (centre, radius_m) = self.polygon.bounds();
        let is_near = p.distance_m(centre) <= radius_m + MARGIN_M;
        is_near.then(|| self.polygon.signed_distance_m(p)).filter(|m| *m <= MARGIN_M)
    }

    /// Whether a way in a direction of length 1 leads straight out, at a place so far from the zone.
    fn leads_out(&self, p: Point2, distance_m: f64, (x, y): (f64, f64)) -> bool {
        let ahead = Point2::new(p.x_m + LOOK_M * x, p.y_m + LOOK_M * y);
        let out_m = self.polygon.signed_distance_m(ahead) - distance_m;
        distance_m > -DEEP_M && out_m >= STRAIGHT_OUT * LOOK_M
    }

    /// Whether nothing of it is within this of a place.
    pub fn is_beyond(&self, p: Point2, reach_m: f64) -> bool {
        let (centre, radius_m) = self.polygon.bounds();
        p.distance_m(centre) > radius_m + MARGIN_M + reach_m
    }

    /// In which of the grid's directions a cell may be entered; bits in the order of [`NEIGHBOURS`].
    pub fn steps_into(&self, centre: Point2) -> u8 {
        let Some(distance_m) = self.distance_m(centre) else { return u8::MAX };
        let mut open = self.steps;
        for (bit, (dc, dr)) in NEIGHBOURS.iter().enumerate() {
            let length = f64::from(dc.abs() + dr.abs()).sqrt();
            let way = (f64::from(*dc) / length, f64::from(*dr) / length);
            let is_shut = open >> bit & 1 == 0;
            open |= u8::from(is_shut && self.leads_out(centre, distance_m, way)) << bit;
        }
        open
    }

    /// Whether a straight line may be driven from one place to another, looked at every `step_m`.
    pub fn permits(&self, from: Point2, to: Point2, step_m: f64) -> bool {
        let (x_m, y_m) = (to.x_m - from.x_m, to.y_m - from.y_m);
        let length_m = from.distance_m(to);
        if length_m <= 0.0 || self.is_beyond(from, length_m) || self.off_rad(x_m, y_m) <= self.tolerance_rad {
            return true;
        }
        let way = (x_m / length_m, y_m / length_m);
        let steps = ((length_m / step_m).ceil() as u32).clamp(1, super::smooth::SAMPLE_LIMIT);
        (0..=steps).all(|i| {
            let share = f64::from(i) / f64::from(steps);
            let p = Point2::new(from.x_m + share * x_m, from.y_m + share * y_m);
            self.distance_m(p).is_none_or(|distance_m| self.leads_out(p, distance_m, way))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// x from 0 to 6, y from −1 to 1.
    fn lane(heading_rad: f64, tolerance_rad: f64) -> OneWay {
        let polygon_m = vec![[0.0, -1.0], [6.0, -1.0], [6.0, 1.0], [0.0, 1.0]];
        OneWay::new(&DirectionZone { name: "lane".into(), polygon_m, heading_rad, tolerance_rad }).unwrap()
    }

    const fn at(x_m: f64, y_m: f64) -> Point2 {
        Point2::new(x_m, y_m)
    }

    #[test]
    fn along_out_and_past_but_not_against() {
        let lane = lane(0.0, 0.6);
        let permits = |from, to| lane.permits(from, to, 0.025);
        assert!(permits(at(-2.0, 0.0), at(8.0, 0.0)) && permits(at(0.0, -0.9), at(3.0, 0.4)));
        assert!(!permits(at(8.0, 0.0), at(-2.0, 0.0)) && !permits(at(3.0, 0.0), at(2.9, 0.0)));
        assert!(!permits(at(1.0, 0.0), at(2.0, 0.7)), "a tenth of a radian short of the tolerance");
        assert!(permits(at(3.0, 0.6), at(3.0, 3.0)) && permits(at(0.3, 0.0), at(-2.0, 0.0)), "straight out");
        assert!(
            !permits(at(3.0, 0.3), at(3.0, -3.0)) && !permits(at(3.0, 3.0), at(3.0, 0.5)),
            "across, and in"
        );
        assert!(!permits(at(3.0, 0.5), at(2.0, 0.9)), "aslant is against");
        assert!(!permits(at(4.0, 1.1), at(2.0, 1.1)) && permits(at(4.0, 1.25), at(2.0, 1.25)), "the margin");
        assert!(permits(at(3.0, 0.0), at(3.0, 0.0)) && permits(at(30.0, 0.0), at(20.0, 0.0)));
    }

    #[test]
    fn the_grid_has_directions_for_every_heading() {
        let [east, north, west, south] = [1, 2, 4, 8];
        let [north_east, north_west, south_west, south_east] = [16, 32, 64, 128];
        let along = |heading, tolerance| lane(heading, tolerance).steps;
        assert_eq!(along(0.0, 0.3), east);
        assert_eq!(along(PI - 1e-5, 0.3), west, "nearly along one");
        assert_eq!(along(0.3, 0.05), east | north_east, "between two");
        assert_eq!(along(0.0, 1.2), east | north_east | south_east);
        let steps = |y| lane(0.0, 0.3).steps_into(at(3.0, y));
        assert_eq!(steps(0.6), east | north_east | north | north_west, "out to the north");
        assert_eq!(steps(-1.1), east | south_east | south | south_west, "away from it");
        assert_eq!(steps(1.3), u8::MAX, "elsewhere");
    }
}
