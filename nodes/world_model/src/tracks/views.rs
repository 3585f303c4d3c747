//! What the last scans saw free: a few of them are kept, as they were, so that somebody who is seen somewhere can be held
//! against what was seen there a moment before.

use crate::beams::sweep_s;
use outrider_foundation::data::Scan;
use outrider_foundation::{Point2, Pose2, Span, Stamp};

/// How many are kept; the oldest makes room for the newest.
pub(crate) const VIEW_LIMIT: usize = 12;
/// From one to the next, in s.
const PERIOD_S: f64 = 0.1;
/// Beams have to end beyond a place by so much for it to be free, in m,
const BEYOND_M: f64 = 0.12;
/// and by so much more for every metre to it: what turning is not told of.
const BEYOND_PER_M: f64 = 0.02;

/// One scan in the tracks' frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub stamp: Stamp,
    /// Where the lidar was at the first beam, and how far it came up to the last.
    origin: Point2,
    way: Point2,
    /// Direction of the first beam, and from one to the next, the robot's turning included.
    bearing_rad: f64,
    step_rad: f64,
    range_min_m: f64,
    range_max_m: f64,
    ranges_m: Vec<f32>,
}

impl View {
    fn take(&mut self, scan: &Scan, odom_from_lidar: Pose2, way: Point2, turning_radps: f64) {
        let count = scan.ranges_m.len();
        let turn_rad = turning_radps * sweep_s(scan) / count.saturating_sub(1).max(1) as f64;
        self.stamp = scan.stamp;
        self.origin = odom_from_lidar.position();
        self.way = way;
        self.bearing_rad = odom_from_lidar.yaw_rad + scan.angle_min_rad;
        self.step_rad = scan.angle_increment_rad + turn_rad;
        (self.range_min_m, self.range_max_m) = (scan.range_min_m, scan.range_max_m);
        self.ranges_m.clear();
        self.ranges_m.extend_from_slice(&scan.ranges_m);
    }

    /// Whether all beams about a place passed it, two on either side; `None` where they do not tell.
    pub fn free(&self, place: Point2) -> Option<bool> {
        let turn = std::f64::consts::TAU / self.step_rad.abs();
        let (dx, dy) = (place.x_m - self.origin.x_m, place.y_m - self.origin.y_m);
        let beam = self.beam_to(dx, dy, turn);
        let share = beam / self.ranges_m.len().max(1) as f64;
        let (dx, dy) = (dx - share * self.way.x_m, dy - share * self.way.y_m);
        let beam = self.beam_to(dx, dy, turn).floor();
        let distance_m = (dx * dx + dy * dy).sqrt();
        let beyond_m = distance_m + BEYOND_M + BEYOND_PER_M * distance_m;
        let mut free = true;
        for offset in [-1.0, 0.0, 1.0, 2.0] {
            let index = (beam + offset).rem_euclid(turn).round() as usize;
            let range_m = f64::from(*self.ranges_m.get(index)?);
            if range_m.is_nan() || range_m < self.range_min_m {
                return None;
            }
            free &= range_m.min(self.range_max_m) >= beyond_m;
        }
        Some(free)
    }

    fn beam_to(&self, dx: f64, dy: f64, turn: f64) -> f64 {
        ((libm::atan2(dy, dx) - self.bearing_rad) / self.step_rad).rem_euclid(turn)
    }
}

/// The last views, by number.
#[derive(Clone, Debug)]
pub(crate) struct Views {
    ring: Vec<View>,
    /// How many were ever taken since the last [`Views::clear`]: the number of the next.
    taken: u64,
}

impl Views {
    /// None yet.
    pub fn new() -> Self {
        Self { ring: vec![View::default(); VIEW_LIMIT], taken: 0 }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.taken = 0;
    }

    /// Keeps a scan when it is time for one; its number. `odom_from_lidar` holds at its first beam; up to the last the lidar goes
    /// on by `way` and turns.
    pub fn take(
        &mut self,
        scan: &Scan,
        odom_from_lidar: Pose2,
        way: Point2,
        turning_radps: f64,
    ) -> Option<u64> {
        let due = |newest: &View| scan.stamp.since(newest.stamp) >= Span::from_s(PERIOD_S - 1e-3);
        if !self.newest().is_none_or(due) {
            return None;
        }
        let number = self.taken;
        self.taken += 1;
        let view = self.ring.get_mut((number % VIEW_LIMIT as u64) as usize)?;
        view.take(scan, odom_from_lidar, way, turning_radps);
        Some(number)
    }

    fn newest(&self) -> Option<&View> {
        self.get(self.taken.checked_sub(1)?)
    }

    /// The one of a number, while it is kept.
    pub fn get(&self, number: u64) -> Option<&View> {
        let kept = number < self.taken && self.taken - number <= VIEW_LIMIT as u64;
        self.ring.get((number % VIEW_LIMIT as u64) as usize).filter(|_| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{PI, TAU};

    /// A wall 3 m away over ±0.5 rad about straight ahead, nothing elsewhere, taken from (1, 2) with the lidar looking along y.
    fn views() -> Views {
        let mut scan = Scan {
            angle_min_rad: -PI,
            angle_increment_rad: TAU / 720.0,
            range_min_m: 0.1,
            range_max_m: 12.0,
            ..Scan::default()
        };
        let range = |i| if scan.angle_rad(i).abs() < 0.5 { 3.0 } else { f32::INFINITY };
        scan.ranges_m = (0..720).map(range).collect();
        scan.ranges_m[0] = f32::NAN;
        let mut views = Views::new();
        assert_eq!(views.take(&scan, Pose2::new(1.0, 2.0, 0.5 * PI), Point2::default(), 0.0), Some(0));
        views
    }

    #[test]
    fn a_place_is_free_when_beams_pass_it() {
        let views = views();
        let free = |x, y| views.get(0).unwrap().free(Point2::new(x, y));
        assert_eq!(free(1.0, 4.0), Some(true));
        assert_eq!(free(1.0, 4.95), Some(false), "the wall itself");
        assert_eq!(free(1.0, 7.0), Some(false), "behind it");
        assert_eq!(free(4.0, 2.0), Some(true), "no answer is a long way free");
        assert_eq!(free(14.0, 2.0), Some(false), "but not for ever");
        assert_eq!(free(1.0, 0.0), None, "no number is no answer");
    }

    #[test]
    fn the_sweep_is_taken_into_account() {
        let mut scan = Scan {
            angle_min_rad: -PI,
            angle_increment_rad: TAU / 720.0,
            time_increment_s: 1e-4,
            range_min_m: 0.1,
            range_max_m: 12.0,
            ranges_m: vec![5.0; 720],
            ..Scan::default()
        };
        scan.ranges_m[600] = 1.0;
        let mut views = Views::new();
        views.take(&scan, Pose2::IDENTITY, Point2::new(0.072, 0.0), 1.0).unwrap();
        // By then the robot has gone 6 cm and turned by 0.06 rad, which is seven beams.
        let there = Pose2::new(0.06, 0.0, 0.06).apply({
            let (s, c) = libm::sincos(scan.angle_rad(600));
            Point2::new(2.0 * c, 2.0 * s)
        });
        assert_eq!(views.get(0).unwrap().free(there), Some(false));
        let mut still = Views::new();
        still.take(&scan, Pose2::IDENTITY, Point2::default(), 0.0).unwrap();
        assert_eq!(still.get(0).unwrap().free(there), Some(true));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut views = views();
        let view = |ms: i64| Scan {
            stamp: Stamp::from_nanos(ms * 1_000_000),
            angle_increment_rad: 0.01,
            ..Scan::default()
        };
        assert_eq!(views.take(&view(50), Pose2::IDENTITY, Point2::default(), 0.0), None, "not yet");
        for i in 1..=12 {
            let number = views.take(&view(100 * i), Pose2::IDENTITY, Point2::default(), 0.0);
            assert_eq!(number, Some(i.unsigned_abs()));
        }
        assert!(views.get(0).is_none() && views.get(1).is_some() && views.get(13).is_none());
        views.clear();
        assert!(views.get(12).is_none());
    }
}
