//! What changes over time, as the whole simulator shows it.

use crate::stage::{Stage, block};
use outrider_foundation::{Pose2, Twist2};
use outrider_sim::Output;

const FORWARD: Twist2 = Twist2::new(0.5, 0.0);

#[test]
fn a_wheel_is_weak_for_a_time() {
    let yaml = "events: [{at_s: 3, for_s: 2, set: {drive.gain_left: 0.8}}]";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    let truths = stage.truths(FORWARD, 8.0);
    let yaw = |s: f64| truths[(s * 200.0) as usize].pose.yaw_rad;
    // (0.5 − 0.4) m/s over 0.4 m for 2 s: half a radian to the left, and no more.
    assert!(yaw(2.9).abs() < 1e-9 && (yaw(5.1) - 0.5).abs() < 0.01 && (yaw(7.9) - yaw(5.1)).abs() < 1e-9);
}

#[test]
fn an_event_holds_from_its_stamp_to_its_end() {
    let yaml = "events: [{at_s: 1, for_s: 0.5, set: {lidar.bias_m: 0.5, lidar.noise_sigma_m: 0}}]";
    let mut stage = Stage::new(&block("wall", 3.0, 0.0, 1.0, 8.0), yaml, Pose2::IDENTITY);
    for output in stage.drive(Twist2::ZERO, 2.0) {
        let Output::Scan(scan) = output else { continue };
        let biased = (1.0..1.5).contains(&scan.stamp.as_s());
        let (range, expected) = (f64::from(scan.ranges_m[360]), if biased { 2.9 } else { 2.4 });
        assert!(range.is_nan() || (range - expected).abs() < 0.06, "{range} at {}", scan.stamp.as_s());
    }
}

#[test]
fn what_is_lost_comes_back() {
    let yaml = "events: [{at_s: 1, for_s: 1, set: {absent: [localiser, detector], detector.model_version: '2'}}, \
                {at_s: 2.5, set: {detector.model_version: '2'}}]";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    let all = stage.drive(Twist2::ZERO, 4.0);
    let localised = all.iter().filter_map(|o| match o {
        Output::Transforms(t) => t.iter().find(|t| t.parent == "map").map(|t| t.stamp.as_s()),
        _ => None,
    });
    let times: Vec<f64> = localised.collect();
    assert!(times.len() == 30 && times.iter().all(|t| !(0.999..1.999).contains(t)), "{times:?}");
    for output in &all {
        let Output::Detections(d) = output else { continue };
        let version = if d.stamp.as_s() < 2.499 { "1.0.0" } else { "2" };
        assert_eq!(d.model_version, version, "at {}", d.stamp.as_s());
    }
}

#[test]
fn on_a_slippery_floor_the_odometry_runs_ahead() {
    let yaml = "slippery: [{low: [1, -1], high: [2, 1], slip_left: 0.5, slip_right: 0.5, grip: 0.5}]";
    let mut stage = Stage::new("", yaml, Pose2::IDENTITY);
    let all = stage.drive(FORWARD, 10.0);
    let odom =
        all.iter().rev().find_map(|o| if let Output::Odometry(o) = o { Some(o) } else { None }).unwrap();
    // Two metres of wheel for one of way, up to 1 % of scale error and noise.
    let ahead = odom.odom_from_base.x_m - stage.sim.truth().pose.x_m;
    assert!((ahead - 1.0).abs() < 0.2, "{ahead}");
}

#[test]
fn a_surface_that_is_no_model_is_refused() {
    let wall = block("wall", 2.0, 0.0, 0.2, 4.0);
    let text = Stage::refusal(&wall, "surfaces: [{model: 'glas*', kind: glass}]");
    assert_eq!(text, "configuration: surfaces: no model of the world is named `glas*`");
    let seen = |surfaces: &str| {
        let mut stage =
            Stage::new(&(wall.clone() + &block("behind", 5.0, 0.0, 0.2, 9.0)), surfaces, Pose2::IDENTITY);
        let all = stage.drive(Twist2::ZERO, 0.1);
        let scan =
            all.iter().find_map(|o| if let Output::Scan(s) = o { Some(s.clone()) } else { None }).unwrap();
        // 20° to the left.
        f64::from(scan.ranges_m[400])
    };
    assert!((seen("") - 1.8 / libm::cos(0.349)).abs() < 0.1);
    assert!((seen("surfaces: [{model: wall, kind: glass}]") - 4.8 / libm::cos(0.349)).abs() < 0.1);
}
