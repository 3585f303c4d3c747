//! Whether a command's braking tail is one that the robot can follow.

use crate::config::Tail;
use crate::monitor::{Part, Reading, Rule};
use outrider_foundation::data::{TRAJECTORY_LIMIT, TrajectoryPoint};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Pose2, Twist2};

/// Rates and turns may exceed limits by this factor: rounding, and other steps of integration.
const SLACK: f64 = 1.1;
/// The first point may lie this far from the base at the command's stamp, in m, rad and s.
const START: f64 = 0.02;
/// Velocities below are zero at the end, in m/s and rad/s.
const END: f64 = 1e-3;

/// Starts as the robot moves, follows its own velocities, brakes no harder than the robot can, ends at rest.
///
/// The robustness is what is left of the tolerance for the first velocity; any other fault counts −1.
pub(crate) fn judge(
    tail: &[TrajectoryPoint],
    measured: Twist2,
    limits: &DriveLimits,
    config: &Tail,
) -> Reading {
    let fault = |text| Reading::new(Rule::TailShape, -1.0, 1.0, 0.0).part(Part::Text(text));
    let (Some(first), Some(last)) = (tail.first(), tail.last()) else {
        return fault("there is none");
    };
    if tail.len() > TRAJECTORY_LIMIT {
        return fault("too many points");
    }
    if tail.iter().any(|p| !(p.t_s.is_finite() && p.pose.is_finite() && p.twist.is_finite())) {
        return Reading::invalid(Rule::TailShape, f64::NAN, 0.0).part(Part::Text("a number is not finite"));
    }
    let start = [first.t_s, first.pose.x_m, first.pose.y_m, first.pose.yaw_rad];
    if start.iter().any(|n| n.abs() > START) {
        return fault("it does not start at the robot");
    }
    if last.twist.v_mps.abs() > END || last.twist.w_radps.abs() > END {
        return fault("it does not end at rest");
    }
    // Reckoned from the first point on: a tail that is told a little too short between any two points is far too short as a whole.
    let mut reckoned = first.pose;
    for (a, b) in tail.iter().zip(tail.iter().skip(1)) {
        if let Some(text) = segment_fault(a, b, limits, config) {
            return fault(text);
        }
        reckoned = reckoned.advance(mean(a.twist, b.twist), b.t_s - a.t_s);
        let (off_m, off_rad) = apart(reckoned, b.pose);
        if off_m > config.pose_tolerance_m || off_rad > config.pose_tolerance_rad {
            return fault("its poses do not follow its velocities");
        }
    }
    let v_off = (first.twist.v_mps - measured.v_mps).abs() / config.start_tolerance_mps;
    let w_off = (first.twist.w_radps - measured.w_radps).abs() / config.start_tolerance_radps;
    let off = v_off.max(w_off);
    let reading = Reading::at_most(Rule::TailShape, off, 1.0);
    if reading.is_ok() {
        reading
    } else {
        reading.part(Part::Text("it does not start at the robot's velocity"))
    }
}

fn segment_fault(
    a: &TrajectoryPoint,
    b: &TrajectoryPoint,
    limits: &DriveLimits,
    config: &Tail,
) -> Option<&'static str> {
    let dt_s = b.t_s - a.t_s;
    if dt_s.is_nan() || dt_s <= 0.0 {
        return Some("time does not increase");
    }
    let (moved_m, turned_rad) = apart(a.pose, b.pose);
    if moved_m > config.spacing_max_m || turned_rad > config.spacing_max_rad {
        return Some("its points are too far apart");
    }
    let (v, w) = (a.twist, b.twist);
    // Through zero the whole change counts: a robot at rest is measured to creep either way.
    let reverses = v.v_mps * w.v_mps < 0.0;
    let braked = if reverses { (v.v_mps - w.v_mps).abs() } else { v.v_mps.abs() - w.v_mps.abs() };
    if braked > SLACK * limits.brake_mps2 * dt_s + END {
        return Some("it brakes harder than the robot can");
    }
    // Braking along a curve takes the turn rate down with the speed.
    let curvature = v.w_radps.abs() / v.v_mps.abs().max(END);
    let turn_rate = limits.alpha_radps2.max(curvature * limits.brake_mps2);
    if (v.w_radps - w.w_radps).abs() > SLACK * turn_rate * dt_s + END {
        return Some("its turn rate changes faster than the robot's can");
    }
    None
}

fn mean(a: Twist2, b: Twist2) -> Twist2 {
    Twist2::new(0.5 * (a.v_mps + b.v_mps), 0.5 * (a.w_radps + b.w_radps))
}

/// How far two poses are apart, and how much they are turned.
fn apart(a: Pose2, b: Pose2) -> (f64, f64) {
    (a.position().distance_m(b.position()), wrap_angle(b.yaw_rad - a.yaw_rad).abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::{Phase, reckon};
    use crate::tests::config;
    use outrider_foundation::robot::example;

    fn tail(twist: Twist2) -> Vec<TrajectoryPoint> {
        let motion =
            reckon(twist, &[Phase { target: twist, duration_s: 0.3 }], &example::amr().limits).unwrap();
        motion.iter().map(|m| TrajectoryPoint { t_s: m.t_s, pose: m.pose, twist: m.twist }).collect()
    }

    fn part(change: impl Fn(&mut Vec<TrajectoryPoint>)) -> Reading {
        let twist = Twist2::new(0.8, 0.6);
        let mut tail = tail(twist);
        change(&mut tail);
        judge(&tail, twist, &example::amr().limits, &config().tail)
    }

    #[test]
    fn a_sound_tail_passes() {
        assert!(part(|_| {}).is_positive());
        let spin = Twist2::new(0.0, 1.2);
        assert!(judge(&tail(spin), spin, &example::amr().limits, &config().tail).is_positive());
        // Measured to roll back a little, about to drive forward.
        let mut creeping = tail(Twist2::new(0.1, 0.0));
        let creep = TrajectoryPoint { twist: Twist2::new(-0.01, 0.0), ..TrajectoryPoint::default() };
        creeping[0] = creep;
        creeping[1].twist.v_mps = 0.02;
        assert!(segment_fault(&creep, &creeping[1], &example::amr().limits, &config().tail).is_none());
        creeping[1].twist.v_mps = 0.5;
        assert!(segment_fault(&creep, &creeping[1], &example::amr().limits, &config().tail).is_some());
        let rest = [TrajectoryPoint::default()];
        assert!(judge(&rest, Twist2::ZERO, &example::amr().limits, &config().tail).is_positive());
    }

    #[test]
    fn every_fault_is_named() {
        let fault = |text: &str, change: fn(&mut Vec<TrajectoryPoint>)| {
            let reading = part(change);
            assert!(!reading.is_ok());
            let Part::Text(named) = reading.part else { panic!("{reading:?}") };
            assert!(named.contains(text), "{named} instead of {text}");
        };
        fault("none", Vec::clear);
        fault("at rest", |t| t.truncate(5));
        fault("too many", |t| t.resize(300, TrajectoryPoint::default()));
        fault("not finite", |t| t[3].pose.x_m = f64::NAN);
        fault("start at the robot", |t| t[0].pose.y_m = 0.1);
        fault("start at the robot", |t| t[0].t_s = 0.1);
        fault("time does not increase", |t| t[3].t_s = t[2].t_s);
        fault("too far apart", |t| t.iter_mut().skip(9).for_each(|p| p.pose.x_m += 0.3));
        fault("do not follow", |t| t.iter_mut().skip(9).for_each(|p| p.pose.y_m += 0.06));
        fault("do not follow", |t| t.iter_mut().for_each(|p| p.pose.x_m *= 0.6));
        fault("do not follow", |t| t.iter_mut().for_each(|p| p.pose.yaw_rad *= 0.5));
        fault("brakes harder", |t| t.iter_mut().skip(12).for_each(|p| p.twist = Twist2::ZERO));
        fault("turn rate", |t| t.iter_mut().skip(12).for_each(|p| p.twist.w_radps = 0.0));
        fault("do not follow", |t| t.iter_mut().take(7).for_each(|p| p.twist.v_mps = 0.4));
    }

    /// It may be one that another robot could follow, or this one a second ago.
    #[test]
    fn it_starts_as_fast_as_the_robot_is() {
        let (told, is) = (Twist2::new(0.4, 0.6), Twist2::new(0.8, 0.6));
        let reading = judge(&tail(told), is, &example::amr().limits, &config().tail);
        let Part::Text(named) = reading.part else { panic!("{reading:?}") };
        assert!(!reading.is_ok() && named.contains("velocity"), "{reading:?}");
        assert!(judge(&tail(told), told, &example::amr().limits, &config().tail).is_positive());
    }
}
