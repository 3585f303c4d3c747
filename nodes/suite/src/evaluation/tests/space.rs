//! Gaps, zones and ways by hand.

use super::place;
use crate::evaluation::place::{Mover, shortest_m};
use outrider_foundation::data::BodyBox;
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_msgs::nav_msgs::OccupancyGrid;

fn mover(x_m: f64, y_m: f64, vx_mps: f64, vy_mps: f64) -> Mover {
    Mover::disc(Point2::new(x_m, y_m), [vx_mps, vy_mps], 0.25)
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
fn of_a_vehicle_its_rectangle_counts_and_nothing_beside_it() {
    let place = place();
    // The robot reaches 0.25 m to every side.
    let at = Pose2::new(0.0, 0.0, 0.0);
    let truck = |x: f64, y: f64, yaw: f64, v: [f64; 2]| {
        Mover::rectangle(BodyBox { pose: Pose2::new(x, y, yaw), length_m: 3.0, width_m: 1.0 }, v)
    };
    let still = [0.0; 2];
    let gap = |m: Mover| place.person_gap_m(at, &[m]);
    let exact = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    exact(gap(truck(2.0, 0.0, 0.0, still)), 0.25);
    exact(gap(truck(0.0, -1.0, 0.0, still)), 0.25);
    exact(gap(truck(2.0, 1.0, 0.0, still)), libm::hypot(0.25, 0.25));
    // Its corner comes first, and then the robot's.
    exact(gap(truck(2.0, 0.5f64.sqrt(), std::f64::consts::FRAC_PI_4, still)), 1.75 - 2.0f64.sqrt());
    exact(
        gap(truck(1.5, 1.5, -std::f64::consts::FRAC_PI_4, still)),
        4.5f64.sqrt() - 0.5 - 0.25 * 2.0f64.sqrt(),
    );
    exact(gap(truck(0.0, 0.6, 0.0, still)), 0.0);
    // Across, no corner of one in the other.
    exact(gap(Mover::rectangle(BodyBox { length_m: 3.0, width_m: 0.1, ..BodyBox::default() }, still)), 0.0);
    let ttc = |v: f64, m: Mover| place.time_to_collision_s(at, Twist2::new(v, 0.0), &[m]);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 0.051, "{a} is not {b}, within a step");
    close(ttc(1.0, truck(4.0, 0.0, 0.0, still)).unwrap(), 2.25);
    close(ttc(1.0, truck(4.0, 0.0, 0.0, [-1.0, 0.0])).unwrap(), 1.125);
    assert_eq!(ttc(1.0, truck(4.0, 0.8, 0.0, still)), None, "beside the way");
    close(ttc(0.0, truck(0.0, 3.0, 0.0, [0.0, -1.0])).unwrap(), 2.25);
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
