//! What a scan says about whether somebody can be seen at all: who stands behind something is not missed.

use super::clusters::Cluster;
use outrider_foundation::data::{BEAM_LIMIT, Scan};
use outrider_foundation::{Point2, Pose2};

/// Things nearer than an object by more than this, beyond its own radius, stand before it, in m.
const BEFORE_M: f64 = 0.3;

/// Clusters wider than an object by more than this are more than that object, in m,
pub(crate) const WIDER_M: f64 = 0.3;
/// and their hits lie no farther from its outline than this, in m.
pub(crate) const OFF_M: f64 = 0.3;

/// Whether a cluster whose centre lies at `at` can be an object: about where it should be, and no larger.
pub(crate) fn is_met(cluster: &Cluster, at: Point2, centre: Point2, radius_m: f64) -> bool {
    let (dx, dy, reach_m) = (at.x_m - centre.x_m, at.y_m - centre.y_m, radius_m + OFF_M);
    dx * dx + dy * dy <= reach_m * reach_m && cluster.width_m() <= 2.0 * radius_m + WIDER_M
}

/// Whether every beam towards a disc ends before it. `lidar_from_tracks` leads from the centre's frame to the scan's. Beams
/// without an answer hide nothing; where the scan does not look nothing is hidden. At most [`BEAM_LIMIT`] beams are read.
pub(crate) fn is_hidden(scan: &Scan, lidar_from_tracks: Pose2, centre: Point2, radius_m: f64) -> bool {
    let at = lidar_from_tracks.apply(centre);
    let distance_m = at.distance_m(Point2::default());
    let before_m = distance_m - radius_m - BEFORE_M;
    if before_m.is_nan() || before_m <= scan.range_min_m {
        return false;
    }
    let half_rad = libm::atan2(radius_m, distance_m);
    let bearing_rad = libm::atan2(at.y_m, at.x_m);
    let step_rad = scan.angle_increment_rad;
    // From the first beam, in the scan's own direction and within one turn.
    let turn = std::f64::consts::TAU / step_rad.abs();
    let from = ((bearing_rad - scan.angle_min_rad) / step_rad).rem_euclid(turn);
    let half = (half_rad / step_rad.abs()).min(0.5 * turn);
    let (first, last) = ((from - half).ceil(), (from + half).floor());
    let count = (last - first).max(0.0) as usize + 1;
    let mut looked = 0;
    for i in 0..count.min(BEAM_LIMIT) {
        let beam = (first + i as f64).rem_euclid(turn).round() as usize;
        let Some(range_m) = scan.ranges_m.get(beam).map(|r| f64::from(*r)) else { return false };
        let hides = range_m >= scan.range_min_m && range_m <= scan.range_max_m && range_m < before_m;
        if !hides {
            return false;
        }
        looked += 1;
    }
    looked > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// A wall 2 m away over the given bearings, nothing elsewhere.
    fn scan(wall: std::ops::Range<f64>, sign: f64) -> Scan {
        let mut scan = Scan {
            angle_min_rad: -PI * sign,
            angle_increment_rad: sign * 2.0 * PI / 720.0,
            range_min_m: 0.1,
            range_max_m: 12.0,
            ..Scan::default()
        };
        let range = |i| if wall.contains(&scan.angle_rad(i)) { 2.0 } else { f32::INFINITY };
        scan.ranges_m = (0..720).map(range).collect();
        scan
    }

    #[test]
    fn hidden_is_who_is_wholly_behind_something() {
        for sign in [1.0, -1.0] {
            let wall = scan(-0.5..0.5, sign);
            let hidden = |x, y| is_hidden(&wall, Pose2::IDENTITY, Point2::new(x, y), 0.3);
            assert!(hidden(4.0, 0.0) && hidden(4.0, 1.5));
            assert!(!hidden(4.0, 2.2), "half of it looks out");
            assert!(!hidden(1.5, 0.0) && !hidden(2.2, 0.0), "before the wall, or the wall itself");
            assert!(!hidden(-4.0, 0.0) && !hidden(0.0, 0.0));
        }
    }

    #[test]
    fn the_seam_of_the_scan_and_its_frame_are_no_matter() {
        let behind = scan(-4.0..-2.8, 1.0);
        let mut around = behind.clone();
        around.ranges_m.iter_mut().skip(680).for_each(|r| *r = 2.0);
        assert!(!is_hidden(&behind, Pose2::IDENTITY, Point2::new(-4.0, 0.0), 0.3));
        assert!(is_hidden(&around, Pose2::IDENTITY, Point2::new(-4.0, 0.0), 0.3));
        // The lidar stands at (1, 1) and looks along y.
        let lidar_from_tracks = Pose2::new(1.0, 1.0, 0.5 * PI).inverse();
        assert!(is_hidden(&scan(-0.5..0.5, 1.0), lidar_from_tracks, Point2::new(1.0, 5.0), 0.3));
    }

    #[test]
    fn a_wall_is_not_somebody() {
        let of = |width_m: f64| Cluster {
            centre: Point2::default(),
            first: Point2::default(),
            last: Point2::new(width_m, 0.0),
            hits: 9,
            from: 0,
            to: 8,
        };
        let met = |width_m, off_m| is_met(&of(width_m), Point2::new(off_m, 0.0), Point2::default(), 0.3);
        assert!(met(0.5, 0.3) && !met(0.5, 0.7) && !met(1.0, 0.3) && !met(0.5, f64::NAN));
    }

    #[test]
    fn no_answer_hides_nothing() {
        let mut odd = scan(-0.5..0.5, 1.0);
        for nothing in [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, 0.0] {
            odd.ranges_m.fill(nothing);
            assert!(!is_hidden(&odd, Pose2::IDENTITY, Point2::new(4.0, 0.0), 0.3));
        }
        let narrow = Scan { ranges_m: vec![2.0; 10], ..scan(-0.5..0.5, 1.0) };
        assert!(!is_hidden(&narrow, Pose2::IDENTITY, Point2::new(4.0, 0.0), 0.3));
    }
}
