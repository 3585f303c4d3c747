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

fn estimator() -> EgoEstimator {
    let continuity = Continuity { speed_max_mps: 1.0, turn_max_radps: 1.5, silence_max_s: 0.2 };
    EgoEstimator::new(shipped().ego, continuity)
}

fn driving() -> EgoEstimator {
    let mut ego = estimator();
    for i in 0..6 {
        assert_eq!(ego.push_odometry(&odometry(1000 + 20 * i, 0.02 * i as f64)), None);
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
    let state = estimator().ego(stamp(0), BY, &own());
    assert!(!state.localised && state.covariance[0] >= UNKNOWN_VARIANCE);
}

#[test]
fn a_reset_of_the_odometry_is_seen() {
    let mut ego = driving();
    ego.push_localisation(stamp(1000), Pose2::IDENTITY);
    assert_eq!(ego.push_odometry(&odometry(1120, 5.0)), Some(0.02));
    assert!(ego.sample(stamp(1110)).is_err());
    assert!(ego.map_from_odom(stamp(1120)).is_err());
}

#[test]
fn a_reset_that_turns_only_the_heading_is_seen() {
    let turned = |yaw_rad: f64| {
        let mut next = odometry(1120, 0.12);
        next.odom_from_base.yaw_rad = yaw_rad;
        driving().push_odometry(&next)
    };
    assert_eq!([turned(0.32), turned(0.34), turned(-0.34)], [None, Some(0.02), Some(0.02)]);
    // The short way round.
    let mut ego = driving();
    let at = |ms, yaw_rad| Odometry { odom_from_base: Pose2::new(0.12, 0.0, yaw_rad), ..odometry(ms, 0.0) };
    ego.push_odometry(&at(1120, 3.1));
    assert_eq!(ego.push_odometry(&at(1140, -3.1)), None);
}

#[test]
fn odometry_that_was_silent_for_too_long_may_have_been_reset() {
    let after = |ms, x_m| driving().push_odometry(&odometry(ms, x_m));
    assert_eq!((after(1300, 0.5), after(3600, 0.5)), (None, Some(2.5)));
    assert_eq!(after(3600, 0.15), None, "it stood");
}

/// Odometry at 50 Hz of a robot that drives at `wheels`, with a gyro at 100 Hz that sees `turn`.
fn with_gyro(wheels: impl Fn(i64) -> Twist2, turn: impl Fn(i64) -> f64, to_ms: i64) -> EgoEstimator {
    let mut ego = estimator();
    let mut pose = Pose2::IDENTITY;
    for ms in (0..=to_ms).step_by(10) {
        if ms % 20 == 0 {
            let twist = wheels(ms);
            ego.push_odometry(&Odometry { odom_from_base: pose, twist, ..odometry(ms, 0.0) });
            pose = pose.advance(twist, 0.02);
        }
        ego.push_imu(ImuReading {
            stamp: stamp(ms),
            rate_radps: turn(ms),
            variance: 25e-6,
            accel_mps2: Some(0.0),
        });
    }
    ego
}

#[test]
fn wheels_that_slip_are_told_and_the_pose_in_the_map_follows_the_gyro() {
    let mut ego = with_gyro(|ms| Twist2::new(0.5, if ms < 1000 { 0.0 } else { 0.8 }), |_| 0.0, 2000);
    ego.push_localisation(stamp(900), Pose2::new(5.0, 1.0, 0.0));
    let slip = ego.slip(stamp(2000));
    assert!(slip.turning && !slip.travel, "{slip:?}");
    let state = ego.ego(stamp(2000), BY, &own());
    // The wheels alone would have it turned by 0.8 rad.
    assert!((state.odom_from_base.yaw_rad - 0.8).abs() < 0.02);
    assert!(state.pose.yaw_rad.abs() < 0.05 && (state.pose.x_m - 6.0).abs() < 0.05, "{:?}", state.pose);
    assert!(state.twist.w_radps.abs() < 0.05, "the turn rate is the gyro's: {:?}", state.twist);
    // And the pose in odom, which is the wheels', is known to be worse than the odometry says.
    let odom = ego.ego(stamp(2000), None, &own());
    assert!(odom.covariance[8] > 0.02 + 50.0 * (0.78f64 * 0.02).powi(2), "{:?}", odom.covariance);
    assert!(!with_gyro(|_| Twist2::new(0.5, 0.3), |_| 0.3, 2000).slip(stamp(2000)).turning);
}

#[test]
fn wheels_that_spin_on_the_spot_make_the_way_doubtful() {
    let spins = with_gyro(|ms| Twist2::new(if ms < 1000 { 0.0 } else { 0.8 }, 0.0), |_| 0.0, 1200);
    assert!(spins.slip(stamp(1200)).travel);
    let state = spins.ego(stamp(1200), None, &own());
    assert!(state.covariance[0].sqrt() > 0.9 * state.pose.x_m, "{:?}", state);
}

#[test]
fn the_gyro_may_come_before_or_after_the_wheels_or_not_at_all() {
    let steady = with_gyro(|_| Twist2::new(0.5, 0.3), |_| 0.3, 1000);
    assert!(steady.reckoner_counters().with_gyro >= 48, "{:?}", steady.reckoner_counters());
    let at = |ego: &EgoEstimator, ms| ego.sample_clamped(stamp(ms)).unwrap();
    for ms in [500, 995, 1000, 1100] {
        let sample = at(&steady, ms);
        let off_m = sample.reckoned.pose.position().distance_m(sample.odom_from_base.position());
        assert!(off_m < 2e-3, "{ms}: {off_m}");
    }
    // The gyro falls silent: the wheels go on alone, after they have waited for it.
    let mut ego = steady.clone();
    let mut pose = at(&ego, 1000).odom_from_base;
    for ms in (1020..1300).step_by(20) {
        pose = pose.advance(Twist2::new(0.5, 0.3), 0.02);
        ego.push_odometry(&Odometry { odom_from_base: pose, ..odometry(ms, 0.0) });
        let gap_m = at(&ego, ms).reckoned.pose.position().distance_m(pose.position());
        assert!(gap_m < 3e-3, "{ms}: the newest wheels count at once: {gap_m}");
    }
    assert!(ego.reckoner_counters().without_gyro >= 8, "{:?}", ego.reckoner_counters());
    // Uncertainty at the time a command acts is greater than now.
    let (now, acting) = (at(&ego, 1280), at(&ego, 1330));
    assert!(acting.covariance[0] > now.covariance[0] && acting.covariance[8] > now.covariance[8]);
}

#[test]
fn odometry_without_a_covariance_is_as_certain_as_the_filter() {
    let mut ego = estimator();
    for i in 0..51 {
        let silent = Odometry { pose_covariance: [0.0; 9], ..odometry(20 * i, 0.02 * i as f64) };
        ego.push_odometry(&silent);
    }
    let c = ego.ego(stamp(1000), None, &own()).covariance;
    let config = shipped().ego.filter;
    assert!((c[0].sqrt() - config.travel_sigma_per_sqrt_m).abs() < 2e-3, "one metre driven: {c:?}");
    assert!((c[8].sqrt() - config.turn_sigma_per_sqrt_m).abs() < 2e-3 && c[4] > 0.0, "{c:?}");
}
