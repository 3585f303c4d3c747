use super::*;
use crate::config::tests::shipped;

const BY: Option<LocalisedBy> = Some(LocalisedBy::Localiser);

/// Own matching that has not begun.
fn own() -> Localisation {
    Localisation::new(shipped().ego.matching)
}

fn stamp(ms: i64) -> Stamp {
    Stamp::from_nanos(ms * 1_000_000)
}

fn odometry(ms: i64, x_m: f64) -> Odometry {
    Odometry {
        stamp: stamp(ms),
        odom_from_base: Pose2::new(x_m, 0.0, 0.0),
        pose_covariance: [0.01, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.02],
        twist: Twist2::new(1.0, 0.0),
        twist_variance: [0.01, 0.01],
    }
}

fn driving() -> EgoEstimator {
    let mut ego = EgoEstimator::new(shipped().ego, 1.0);
    for i in 0..6 {
        assert!(!ego.push_odometry(&odometry(1000 + 20 * i, 0.02 * i as f64)));
    }
    ego
}

#[test]
fn poses_are_interpolated_then_reckoned_on() {
    let ego = driving();
    assert!((ego.sample(stamp(1010)).unwrap().odom_from_base.x_m - 0.01).abs() < 1e-12);
    assert!((ego.sample(stamp(1150)).unwrap().odom_from_base.x_m - 0.15).abs() < 1e-12);
    assert!(matches!(ego.sample(stamp(999)), Err(WorldModelError::TooEarly { .. })));
    assert_eq!(
        ego.sample(stamp(1301)).unwrap_err().to_string(),
        "odom to base_link: asked for 1.301 s, the newest is of 1.100 s, more than 0.2 s before"
    );
    // Held at the end of what may be reckoned on.
    assert!((ego.sample_clamped(stamp(9000)).unwrap().odom_from_base.x_m - 0.3).abs() < 1e-12);
}

#[test]
fn covariance_grows_with_age_and_never_stops() {
    let ego = driving();
    let variance = |ms| {
        let c = ego.ego(stamp(ms), None, &own()).covariance;
        (c[0], c[8])
    };
    assert_eq!(variance(1100), (0.01, 0.02));
    let mut last = variance(1100);
    for ms in [1110, 1200, 1500, 5000] {
        let next = variance(ms);
        assert!(next.0 > last.0 && next.1 > last.1);
        last = next;
    }
}

#[test]
fn localised_only_with_a_fresh_localiser() {
    let mut ego = driving();
    assert_eq!(ego.ego(stamp(1100), BY, &own()).frame, FrameId::Odom);
    ego.push_localisation(stamp(1000), Pose2::new(5.0, 1.0, 0.0));
    let state = ego.ego(stamp(1100), BY, &own());
    assert!(state.localised && state.frame == FrameId::Map);
    assert!((state.pose.x_m - 5.1).abs() < 1e-12 && (state.odom_from_base.x_m - 0.1).abs() < 1e-12);
    assert!(ego.ego(stamp(1200), BY, &own()).covariance[0] > state.covariance[0]);
    let state = ego.ego(stamp(1100), None, &own());
    assert!(!state.localised && state.frame == FrameId::Odom);
}

#[test]
fn nothing_known_says_so() {
    let state = EgoEstimator::new(shipped().ego, 1.0).ego(stamp(0), BY, &own());
    assert!(!state.localised && state.covariance[0] >= UNKNOWN_VARIANCE);
}

#[test]
fn a_reset_of_the_odometry_is_seen() {
    let mut ego = driving();
    ego.push_localisation(stamp(1000), Pose2::IDENTITY);
    assert!(ego.push_odometry(&odometry(1120, 5.0)));
    assert!(ego.sample(stamp(1110)).is_err());
    assert!(ego.map_from_odom(stamp(1120)).is_err());
}
