use super::*;
use crate::config::tests::shipped;
use crate::distance::{DistanceScratch, squared_distance};

const SIDE: usize = 200;
const LIMIT: u16 = 60;

/// A room of 8 m by 6 m on a grid of 10 m by 10 m.
fn room() -> Vec<u16> {
    let mut lethal = vec![false; SIDE * SIDE];
    for row in 20..=140 {
        for col in 20..=180 {
            lethal[row * SIDE + col] = row == 20 || row == 140 || col == 20 || col == 180;
        }
    }
    let mut out = vec![0; lethal.len()];
    squared_distance(&lethal, SIDE, SIDE, LIMIT, &mut DistanceScratch::default(), &mut out);
    out
}

fn field(distance_sq: &[u16]) -> Field<'_> {
    let origin = Point2::new(0.0, 0.0);
    Field { distance_sq, limit_sq: LIMIT * LIMIT, width: SIDE, height: SIDE, resolution_m: 0.05, origin }
}

/// Hits on the room's walls, whose centres are at 1.025, 9.025 and 1.025, 7.025 m, as seen from a pose without turn.
fn seen_from(x_m: f64, y_m: f64) -> Vec<Point2> {
    (0..240)
        .map(|i| {
            let (s, c) = libm::sincos(f64::from(i) / 240.0 * std::f64::consts::TAU);
            let to = |speed: f64, low: f64, high: f64| {
                if speed > 0.0 {
                    high / speed
                } else if speed < 0.0 {
                    low / speed
                } else {
                    f64::INFINITY
                }
            };
            let r = to(c, 1.025 - x_m, 9.025 - x_m).min(to(s, 1.025 - y_m, 7.025 - y_m));
            Point2::new(r * c, r * s)
        })
        .collect()
}

fn reckoned(x_m: f64, variance: f64) -> Reckoned {
    Reckoned { pose: Pose2::new(x_m, 0.0, 0.0), covariance: Matrix3::identity() * variance }
}

fn begun() -> Localisation {
    let mut localisation = Localisation::new(shipped().ego.matching);
    let initial =
        InitialPose { x_m: 4.1, y_m: 4.0, yaw_rad: 0.03, position_sigma_m: 0.1, yaw_sigma_rad: 0.05 };
    localisation.begin_at(&initial, reckoned(0.0, 1e-6));
    localisation
}

#[test]
fn it_follows_the_robot_and_corrects_the_wheels() {
    let room = room();
    let mut localisation = begun();
    for i in 0..20 {
        // The wheels say 10 % too much.
        let now = reckoned(0.11 * f64::from(i), 1e-6 + 1e-4 * f64::from(i));
        let truth = 4.0 + 0.1 * f64::from(i);
        assert!(localisation.observe(&seen_from(truth, 4.0), &field(&room), &now));
        let (pose, covariance) = localisation.carried(&now).unwrap();
        assert!((pose.x_m - truth).abs() < 0.03 && (pose.y_m - 4.0).abs() < 0.03, "{i}: {pose:?}");
        assert!(covariance[(0, 0)] < 0.01, "{covariance}");
    }
    assert_eq!((localisation.lost(), localisation.counters().matched), (None, 20));
}

#[test]
fn scans_that_do_not_fit_make_it_lost_and_those_that_fit_find_it_again() {
    let room = room();
    let mut localisation = begun();
    let now = reckoned(0.0, 1e-6);
    let fitting = seen_from(4.0, 4.0);
    assert!(localisation.observe(&fitting, &field(&room), &now));
    let wrong: Vec<Point2> = fitting.iter().map(|p| Point2::new(0.4 * p.x_m, 0.4 * p.y_m)).collect();
    for i in 1..=25 {
        assert!(!localisation.observe(&wrong, &field(&room), &now));
        assert_eq!(localisation.lost().is_some(), i >= 20, "{i}");
    }
    let told = localisation.lost().unwrap().to_string();
    assert!(told.starts_with("lost: 25 scans in a row do not fit the map, "), "{told}");
    // The pose is the last good one all the time.
    assert!((localisation.carried(&now).unwrap().0.x_m - 4.0).abs() < 0.03);
    for i in 1..=5 {
        localisation.observe(&fitting, &field(&room), &now);
        assert_eq!(localisation.lost().is_none(), i >= 5, "{i}");
    }
    assert_eq!(localisation.counters().times_lost, 1);
}

#[test]
fn without_a_match_the_uncertainty_grows_until_it_is_lost() {
    let room = room();
    let mut localisation = begun();
    for i in 0..100 {
        // Too few hits to match.
        let now = reckoned(0.0, 1e-6 + 0.01 * f64::from(i));
        assert!(!localisation.observe(&seen_from(4.0, 4.0)[..10], &field(&room), &now));
        let sigma_m = position_sigma_m(&localisation.carried(&now).unwrap().1);
        assert_eq!(localisation.lost().is_some(), sigma_m > 0.5, "{i}: {sigma_m}");
    }
    assert!(localisation.lost().unwrap().to_string().starts_with("lost: position uncertain by 1.0"));
    assert_eq!(localisation.counters().too_few_hits, 100);
}

#[test]
fn a_localiser_that_is_wrong_is_found_out() {
    let room = room();
    let mut localisation = Localisation::new(shipped().ego.matching);
    for _ in 0..30 {
        localisation.check(&seen_from(4.0, 4.0), &field(&room), Pose2::new(4.0, 4.0, 0.0));
    }
    let (share, residual_m) = localisation.last_fit().unwrap();
    assert!(share > 0.99 && residual_m < 0.02 && localisation.lost().is_none(), "{share} {residual_m}");
    for _ in 0..20 {
        localisation.check(&seen_from(4.0, 4.0), &field(&room), Pose2::new(5.0, 4.6, 0.5));
    }
    assert!(matches!(localisation.lost(), Some(Lost::ScansDoNotFit { .. })), "{:?}", localisation.last_fit());
}
