//! Gaps, zones and ways by hand.

use super::place;
use crate::evaluation::place::{Mover, covering, shortest_m};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_msgs::nav_msgs::OccupancyGrid;

fn mover(x_m: f64, y_m: f64, vx_mps: f64, vy_mps: f64) -> Mover {
    Mover { at: Point2::new(x_m, y_m), vx_mps, vy_mps, radius_m: 0.25 }
}

#[test]
fn gaps_and_times_to_collision_by_hand() {
    let place = place();
    let at = Pose2::new(0.0, 0.0, 0.0);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 0.051, "{a} is not {b}, within a step");
    close(place.person_gap_m(at, &[mover(2.0, 0.0, 0.0, 0.0), mover(0.0, 1.0, 0.0, 0.0)]), 0.5);
    close(place.person_gap_m(at, &[mover(0.3, 0.0, 0.0, 0.0)]), 0.0);
    let ttc = |v: f64, m: Mover| place.time_to_collision_s(at, Twist2::new(v, 0.0), &[m]);
    // 3 m less 0.25 and 0.25: 2.5 m at 1 m/s; with steps of 0.05 s.
    close(ttc(1.0, mover(3.0, 0.0, 0.0, 0.0)).unwrap(), 2.5);
    close(ttc(1.0, mover(3.0, 0.0, -1.0, 0.0)).unwrap(), 1.25);
    assert_eq!(ttc(1.0, mover(3.0, 0.0, 1.0, 0.0)), None, "as fast ahead");
    assert_eq!(ttc(1.0, mover(3.0, 0.6, 0.0, 0.0)), None, "beside the way");
    close(ttc(1.0, mover(3.0, 3.0, 0.0, -1.0)).unwrap(), 2.6);
    assert_eq!(ttc(-0.3, mover(3.0, 0.0, 0.0, 0.0)), None, "away");
    assert!(ttc(0.1, mover(2.0, 0.0, 0.0, 0.0)).is_none(), "in 15 s");
}

#[test]
fn a_vehicle_is_covered_by_its_discs_and_by_little_more() {
    let pose = Pose2::new(1.0, 2.0, 0.7);
    let (radius_m, centres) = covering(pose, 2.2, 1.1, 0.5);
    let gap = |x: f64, y: f64| {
        let p = pose.apply(Point2::new(x, y));
        centres.iter().map(|c| c.distance_m(p) - radius_m).fold(f64::INFINITY, f64::min)
    };
    for i in 0..=54 {
        let x = -1.1 + 0.05 * f64::from(i);
        assert!(gap(x, 0.55) <= 1e-9 && gap(x, -0.55) <= 1e-9 && gap(x, 0.0) <= 1e-9, "{x}");
        assert!(gap(x, 0.605) > 0.0 && gap(x, -0.605) > 0.0, "{x}");
    }
    assert!(gap(1.66, 0.0) > -0.4 && gap(2.1, 0.0) > 0.0 && gap(-1.6, 0.0) > 0.0);
}

#[test]
fn zones_by_hand() {
    let place = place();
    let gap = |x: f64, y: f64, yaw: f64| place.exclusion_gap_m(Pose2::new(x, y, yaw)).0;
    assert!((gap(9.0, 0.0, 0.0) - 0.75).abs() < 1e-9);
    assert!((gap(9.7, 1.3, 0.0) - libm::hypot(0.05, 0.05)).abs() < 1e-9);
    assert!(gap(9.76, 0.0, 0.0).abs() < 1e-12 && gap(11.0, 0.0, 1.0).abs() < 1e-12);
    // Turned by an eighth the corner, 0.3536 m ahead, comes first.
    assert!((gap(9.0, 0.0, std::f64::consts::FRAC_PI_4) - (1.0 - 0.125f64.sqrt())).abs() < 1e-9);
    assert_eq!(place.speed_limit_mps(Point2::new(5.0, 0.0)), Some((0.5, "door")));
    assert_eq!(place.speed_limit_mps(Point2::new(5.0, 1.5)), None);
}

#[test]
fn the_shortest_way_goes_round_walls() {
    let mut map = OccupancyGrid::default();
    (map.info.width, map.info.height, map.info.resolution) = (100, 100, 0.1);
    map.data = vec![0; 10_000];
    let way = |map: &OccupancyGrid, radius_m: f64| {
        shortest_m(map, radius_m, Point2::new(1.05, 5.05), Point2::new(9.05, 5.05))
    };
    assert!((way(&map, 0.2).unwrap() - 8.0).abs() < 0.01);
    let slope = shortest_m(&map, 0.2, Point2::new(1.05, 1.05), Point2::new(9.05, 4.05)).unwrap();
    let straight = libm::hypot(8.0, 3.0);
    assert!(slope >= straight - 1e-3 && slope < 1.028 * straight, "{slope}");
    // A wall from the lower edge up to y = 8 at x = 5.
    for row in 0..80 {
        map.data[row * 100 + 50] = 100;
    }
    let round = way(&map, 0.2).unwrap();
    let corner = libm::hypot(4.0, 3.2) + libm::hypot(4.0, 3.2);
    assert!((round - corner).abs() < 0.03 * corner, "{round} against {corner}");
    assert_eq!(way(&map, 2.5), None, "too wide for what is left");
    for row in 80..100 {
        map.data[row * 100 + 50] = 100;
    }
    assert_eq!(way(&map, 0.2), None);
}
