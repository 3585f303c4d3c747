//! Direction zones as paths keep them: into them and within them only their way, or straight out.
//!
//! Assurance is what enforces them (`direction_zone`), on the motion of every command. A path keeps a little more, so that whoever follows
//! it does not miss by a little what assurance asks for.

use super::cells::NEIGHBOURS;
use outrider_foundation::Point2;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::polygon::Polygon;
use outrider_foundation::zones::{DirectionZone, ZoneError, outline};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// So far around a zone nothing leads against it: a path is not followed to the millimetre, m.
const MARGIN_M: f64 = 0.2;
/// What is farther off a zone's direction leads against it, rad.
const AGAINST_RAD: f64 = FRAC_PI_2 + 0.1;
/// A path keeps this much less than the tolerance, rad; half of it at least stays.
const SLACK_RAD: f64 = 0.1;
/// Straight out: so much of a way leads away from the zone's middle. Of the grid's directions one always does.
const STRAIGHT_OUT: f64 = 0.85;
/// And what assurance asks for.
const STRAIGHT_OUT_DRIVEN: f64 = 0.7;
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
    /// What assurance permits.
    limit_rad: f64,
    /// What a path keeps.
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
        let limit_rad = zone.tolerance_rad;
        let mut one_way = Self { name, polygon, heading_rad, limit_rad, tolerance_rad, steps: 0 };
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
        (!self.is_beyond(p, 0.0)).then(|| self.polygon.signed_distance_m(p)).filter(|m| *m <= MARGIN_M)
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

    /// The same by its outline: exact, and dearer.
    pub fn is_far(&self, p: Point2, reach_m: f64) -> bool {
        self.is_beyond(p, reach_m) || self.polygon.signed_distance_m(p) > MARGIN_M + reach_m
    }

    /// Whether a path may lead in a direction of length 1, which is so far off the zone's, at a place so far from it.
    fn permits_at(&self, p: Point2, distance_m: f64, way: (f64, f64), off_rad: f64) -> bool {
        let most_rad = if distance_m > 0.0 { AGAINST_RAD } else { self.tolerance_rad };
        off_rad <= most_rad || self.leads_out(p, distance_m, way)
    }

    /// In which of the grid's directions a cell may be entered; bits in the order of [`NEIGHBOURS`].
    fn steps_into(&self, centre: Point2, distance_m: f64) -> u8 {
        let mut open = self.steps;
        for (bit, (dc, dr)) in NEIGHBOURS.iter().enumerate() {
            if open >> bit & 1 == 1 {
                continue;
            }
            let (x, y) = (f64::from(*dc), f64::from(*dr));
            let length = f64::from(dc.abs() + dr.abs()).sqrt();
            let is_open = self.permits_at(centre, distance_m, (x / length, y / length), self.off_rad(x, y));
            open |= u8::from(is_open) << bit;
        }
        open
    }

    /// Whether assurance would stop a straight move from one place to another, looked at every `step_m`: inside the zone it is neither the
    /// zone's way nor straight out.
    pub fn refuses(&self, from: Point2, to: Point2, step_m: f64) -> bool {
        let Some(line) = Line::new(from, to, step_m) else { return false };
        if self.off_rad(line.way.0, line.way.1) <= self.limit_rad {
            return false;
        }
        let start_m = self.polygon.signed_distance_m(from);
        let mut before_m = start_m;
        line.places().any(|(p, travelled_m)| {
            let here_m = self.polygon.signed_distance_m(p);
            let is_inside = std::mem::replace(&mut before_m, here_m).min(here_m) < 0.0;
            let leaves = start_m < 0.0 && here_m - start_m >= STRAIGHT_OUT_DRIVEN * travelled_m;
            is_inside && !leaves
        })
    }
}

/// A straight line and where it is looked at.
struct Line {
    from: Point2,
    /// Of length 1.
    way: (f64, f64),
    length_m: f64,
    steps: u32,
}

impl Line {
    fn new(from: Point2, to: Point2, step_m: f64) -> Option<Self> {
        let length_m = from.distance_m(to);
        let way = ((to.x_m - from.x_m) / length_m, (to.y_m - from.y_m) / length_m);
        let steps = ((length_m / step_m).ceil() as u32).clamp(1, super::smooth::SAMPLE_LIMIT);
        (length_m > 0.0).then_some(Self { from, way, length_m, steps })
    }

    /// Places along it with the way until there.
    fn places(&self) -> impl Iterator<Item = (Point2, f64)> + '_ {
        (0..=self.steps).map(|i| {
            let way_m = self.length_m * f64::from(i) / f64::from(self.steps);
            (Point2::new(self.from.x_m + way_m * self.way.0, self.from.y_m + way_m * self.way.1), way_m)
        })
    }
}

/// In which of the grid's directions a cell may be entered; bits in the order of [`NEIGHBOURS`]. Inside a zone the margins of others, as of
/// the lane beside it, do not count.
pub fn steps_into(zones: &[OneWay], centre: Point2) -> u8 {
    let near = || zones.iter().filter_map(|zone| Some((zone, zone.distance_m(centre)?)));
    let is_inside = near().any(|(_, distance_m)| distance_m <= 0.0);
    let counts = near().filter(|(_, distance_m)| !is_inside || *distance_m <= 0.0);
    counts.fold(u8::MAX, |open, (zone, distance_m)| open & zone.steps_into(centre, distance_m))
}

/// Whether a path may lead straight from one place to another, looked at every `step_m`.
pub fn permits(zones: &[OneWay], from: Point2, to: Point2, step_m: f64) -> bool {
    let Some(line) = Line::new(from, to, step_m) else { return true };
    let is_inside = |p: Point2| zones.iter().any(|zone| zone.polygon.contains(p));
    zones.iter().all(|zone| {
        let off_rad = zone.off_rad(line.way.0, line.way.1);
        let is_clear = off_rad <= zone.tolerance_rad || zone.is_beyond(from, line.length_m);
        is_clear
            || line.places().all(|(p, _)| {
                zone.distance_m(p).is_none_or(|distance_m| {
                    zone.permits_at(p, distance_m, line.way, off_rad) || distance_m > 0.0 && is_inside(p)
                })
            })
    })
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

    fn permits(lane: &OneWay, from: Point2, to: Point2) -> bool {
        super::permits(std::slice::from_ref(lane), from, to, 0.025)
    }

    #[test]
    fn along_out_and_past_but_not_against() {
        let lane = lane(0.0, 0.6);
        let permits = |from, to| permits(&lane, from, to);
        assert!(permits(at(-2.0, 0.0), at(8.0, 0.0)) && permits(at(0.0, -0.9), at(3.0, 0.4)));
        assert!(!permits(at(8.0, 0.0), at(-2.0, 0.0)) && !permits(at(3.0, 0.0), at(2.9, 0.0)));
        assert!(!permits(at(1.0, 0.0), at(2.0, 0.6)), "a tenth of a radian short of the tolerance");
        assert!(permits(at(3.0, 0.6), at(3.0, 3.0)) && permits(at(0.3, 0.0), at(-2.0, 0.0)), "straight out");
        assert!(!permits(at(3.0, 0.3), at(3.0, 3.0)), "from far in");
        assert!(
            !permits(at(3.0, 0.3), at(3.0, -3.0)) && !permits(at(3.0, 3.0), at(3.0, 0.5)),
            "across, and in"
        );
        assert!(!permits(at(3.0, 0.5), at(2.0, 0.9)) && !permits(at(3.0, 0.7), at(2.0, 1.7)), "aslant");
        assert!(!permits(at(4.0, 1.1), at(2.0, 1.1)) && permits(at(4.0, 1.25), at(2.0, 1.25)), "the margin");
        assert!(permits(at(3.0, 2.0), at(3.0, 1.1)), "up to it");
        assert!(permits(at(3.0, 0.0), at(3.0, 0.0)) && permits(at(30.0, 0.0), at(20.0, 0.0)));
    }

    #[test]
    fn assurance_refuses_less() {
        let lane = lane(0.0, 0.6);
        let refuses = |from, to| lane.refuses(from, to, 0.025);
        assert!(refuses(at(3.0, 0.0), at(2.7, 0.0)) && refuses(at(6.1, 0.0), at(5.8, 0.0)));
        assert!(
            !refuses(at(3.0, 0.0), at(3.3, 0.0)) && !refuses(at(1.0, 0.0), at(2.0, 0.6)),
            "the zone's way"
        );
        assert!(!refuses(at(3.0, 1.1), at(2.7, 1.1)), "beside it");
        assert!(
            !refuses(at(0.6, 0.0), at(-0.2, 0.0)) && !refuses(at(3.0, 0.0), at(3.0, 1.2)),
            "straight out"
        );
        assert!(!refuses(at(3.0, 0.0), at(3.0, 0.0)));
    }

    #[test]
    fn the_grid_has_directions_for_every_heading() {
        let [east, north, west] = [1, 2, 4];
        let [north_east, north_west, south_west, south_east] = [16, 32, 64, 128];
        let along = |heading, tolerance| lane(heading, tolerance).steps;
        assert_eq!(along(0.0, 0.3), east);
        assert_eq!(along(PI - 1e-5, 0.3), west, "nearly along one");
        assert_eq!(along(0.3, 0.05), east | north_east, "between two");
        assert_eq!(along(0.0, 1.2), east | north_east | south_east);
        let steps = |y| steps_into(&[lane(0.0, 0.3)], at(3.0, y));
        assert_eq!(steps(0.6), east | north, "out to the north");
        assert_eq!(steps(-1.1), !(west | north_west | south_west), "beside it all but against");
        assert_eq!(steps(1.3), u8::MAX, "elsewhere");
    }

    #[test]
    fn lanes_side_by_side_leave_each_other_alone() {
        let polygon_m = vec![[0.0, 1.0], [6.0, 1.0], [6.0, 3.0], [0.0, 3.0]];
        let beside = DirectionZone { name: "back".into(), polygon_m, heading_rad: PI, tolerance_rad: 0.6 };
        let both = [lane(0.0, 0.6), OneWay::new(&beside).unwrap()];
        for (y, heading) in [(0.95, 1), (0.85, 1), (1.05, 4), (1.15, 4)] {
            assert_eq!(steps_into(&both, at(3.0, y)) & 5, heading, "{y}");
        }
        assert!(super::permits(&both, at(1.0, 0.9), at(5.0, 0.9), 0.025));
        assert!(!super::permits(&both, at(5.0, 0.9), at(1.0, 0.9), 0.025));
        assert!(super::permits(&both, at(5.0, 1.1), at(1.0, 1.1), 0.025));
    }
}
