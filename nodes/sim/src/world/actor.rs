//! People on foot: scripted trajectories, followed without looking out.

use outrider_foundation::Pose2;
use outrider_foundation::geometry::wrap_angle;

/// Who goes no farther between two waypoints stands.
const STANDS_M: f64 = 1e-3;

/// A pose that an actor passes at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waypoint {
    /// Since the start of the script.
    pub time_s: f64,
    /// In the actor's frame.
    pub pose: Pose2,
}

/// Where an actor is and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// `world_from_body`; who moves looks where he goes.
    pub pose: Pose2,
    /// Speed along its path.
    pub v_mps: f64,
}

/// A person with a script (SDF `<actor>`).
///
/// Between waypoints the position is interpolated linearly; Gazebo rounds corners with a spline, and at the waypoints both agree.
/// The heading is that of the way, whatever the script says, for it tells everybody which way the velocity points; who stands
/// turns along the shorter arc.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// Its name.
    pub name: String,
    /// What the waypoints are relative to.
    pub world_from_script: Pose2,
    /// By time; times never fall. Equal times are a jump from one trajectory to the next.
    pub waypoints: Vec<Waypoint>,
    /// Starts again at its end.
    pub repeats: bool,
    /// Waits this long before each run.
    pub delay_start_s: f64,
    /// Starts at all.
    pub auto_start: bool,
}

impl Actor {
    /// Pose and speed `t_s` after the start of the world.
    pub fn motion_at(&self, t_s: f64) -> Motion {
        let local = self.local_motion(self.script_time_s(t_s));
        Motion { pose: self.world_from_script.then(local.pose), v_mps: local.v_mps }
    }

    /// Time within the run of the script; negative while waiting.
    fn script_time_s(&self, t_s: f64) -> f64 {
        if !self.auto_start {
            return -1.0;
        }
        let duration_s = self.waypoints.last().map_or(0.0, |w| w.time_s);
        let cycle_s = self.delay_start_s + duration_s;
        let within_s = if self.repeats && cycle_s > 0.0 { t_s % cycle_s } else { t_s };
        within_s - self.delay_start_s
    }

    fn local_motion(&self, t_s: f64) -> Motion {
        let next = self.waypoints.partition_point(|w| w.time_s <= t_s);
        let before = next.checked_sub(1).and_then(|i| self.waypoints.get(i));
        match (before, self.waypoints.get(next)) {
            (Some(a), Some(b)) => between(a, b, t_s),
            (Some(end), None) | (None, Some(end)) => Motion { pose: end.pose, v_mps: 0.0 },
            (None, None) => Motion::default(),
        }
    }
}

/// `a.time_s <= t_s < b.time_s`.
fn between(a: &Waypoint, b: &Waypoint, t_s: f64) -> Motion {
    let length_s = b.time_s - a.time_s;
    let part = (t_s - a.time_s) / length_s;
    let (x_m, y_m) = (b.pose.x_m - a.pose.x_m, b.pose.y_m - a.pose.y_m);
    let way_m = libm::hypot(x_m, y_m);
    let yaw_rad = if way_m > STANDS_M {
        libm::atan2(y_m, x_m)
    } else {
        wrap_angle(a.pose.yaw_rad + part * wrap_angle(b.pose.yaw_rad - a.pose.yaw_rad))
    };
    let pose = Pose2::new(a.pose.x_m + part * x_m, a.pose.y_m + part * y_m, yaw_rad);
    Motion { pose, v_mps: way_m / length_s }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use std::f64::consts::{FRAC_PI_2, PI};

    fn walker() -> Actor {
        let at = |time_s, x, yaw| Waypoint { time_s, pose: Pose2::new(x, 0.0, yaw) };
        Actor {
            name: "walker".into(),
            world_from_script: Pose2::new(1.0, 2.0, FRAC_PI_2),
            waypoints: vec![at(0.0, 0.0, 3.0), at(2.0, 3.0, -3.0), at(3.0, 3.0, 0.0)],
            repeats: true,
            delay_start_s: 1.0,
            auto_start: true,
        }
    }

    #[test]
    fn poses_are_interpolated_between_waypoints() {
        let m = walker().motion_at(2.0);
        assert_relative_eq!(m.pose.x_m, 1.0, epsilon = 1e-12);
        assert_relative_eq!(m.pose.y_m, 3.5, epsilon = 1e-12);
        assert_relative_eq!(m.v_mps, 1.5);
        // He goes along x, wherever the script has him look; the script's frame is turned by π/2.
        assert_relative_eq!(m.pose.yaw_rad, FRAC_PI_2, epsilon = 1e-12);
        // Where he stands he turns from −3 to 0, which is 1.5 half way there.
        let m = walker().motion_at(3.5);
        assert_relative_eq!(m.v_mps, 0.0);
        assert_relative_eq!(m.pose.yaw_rad, FRAC_PI_2 - 1.5, epsilon = 1e-12);
    }

    #[test]
    fn scripts_wait_repeat_or_end() {
        let mut a = walker();
        let (waits, goes) = (a.motion_at(0.5), a.motion_at(1.0));
        assert_eq!((waits.pose.position(), waits.v_mps), (goes.pose.position(), 0.0));
        assert_eq!(a.motion_at(2.0), a.motion_at(6.0));
        a.repeats = false;
        assert_relative_eq!(a.motion_at(60.0).pose.y_m, 5.0);
        assert_relative_eq!(a.motion_at(60.0).v_mps, 0.0);
        a.auto_start = false;
        assert_relative_eq!(a.motion_at(60.0).pose.y_m, 2.0);
        a.waypoints.truncate(1);
        (a.auto_start, a.repeats, a.delay_start_s) = (true, true, 0.0);
        assert_relative_eq!(a.motion_at(7.0).pose.y_m, 2.0);
        a.waypoints.clear();
        assert_relative_eq!(a.motion_at(7.0).pose.yaw_rad, FRAC_PI_2);
        assert!(a.motion_at(7.0).pose.yaw_rad < PI);
    }
}
