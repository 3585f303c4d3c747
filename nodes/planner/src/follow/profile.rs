//! Jerk-limited changes of velocity: the closed form for one axis, one command period at a time.

/// Limits of one axis: of a speed (m) or of a turn rate (rad).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Greatest acceleration away from standstill, /s².
    pub accel: f64,
    /// Greatest deceleration towards standstill, /s².
    pub decel: f64,
    /// Greatest change of either, /s³.
    pub jerk: f64,
}

/// Velocity and acceleration of one axis, as commanded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Profile {
    /// Velocity, /s.
    pub velocity: f64,
    /// Acceleration, /s².
    pub acceleration: f64,
}

impl Profile {
    /// The velocity after `dt_s` on the quickest way to `target` that keeps the limits and arrives without
    /// acceleration. What is asked for twice in a row is reached without running over. From a state that breaks the
    /// limits it comes back into them; numbers that are none leave everything as it is.
    pub fn towards(self, target: f64, dt_s: f64, axis: &Axis) -> Self {
        if !(target.is_finite() && dt_s > 0.0 && dt_s.is_finite()) {
            return self;
        }
        let (v, a) = (self.velocity, self.acceleration);
        let error = target - v;
        // By so much the velocity changes while the acceleration is taken back in whole periods: with n of them left
        // a ramp from n·j·dt sums up to n·(n + 1)/2 · j·dt². The acceleration for this period is the greatest from which that can still be done.
        let per_period = axis.jerk * dt_s;
        let whole = (0.25 + 2.0 * error.abs() / (per_period * dt_s)).sqrt() - 0.5;
        let ramp = if whole > 1.0 {
            // Between two whole numbers of periods the rest is shared out evenly.
            let n = whole.ceil();
            error.abs() / (n * dt_s) + 0.5 * (n - 1.0) * per_period
        } else {
            error.abs() / dt_s
        };
        let speeding_up = error * v >= 0.0 && target.abs() >= v.abs();
        let most = if speeding_up { axis.accel } else { axis.decel };
        let wanted = ramp.min(most).copysign(error);
        let acceleration = a + (wanted - a).clamp(-per_period, per_period);
        let velocity = v + acceleration * dt_s;
        Self { velocity, acceleration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DT_S: f64 = 0.025;
    const AXIS: Axis = Axis { accel: 1.0, decel: 0.8, jerk: 10.0 };

    fn run(mut p: Profile, target: f64, steps: usize, axis: &Axis) -> Vec<Profile> {
        (0..steps)
            .map(|_| {
                p = p.towards(target, DT_S, axis);
                p
            })
            .collect()
    }

    #[test]
    fn it_takes_about_as_long_as_the_closed_form_says() {
        // From rest to v with a and j: v/a + a/j.
        let way = run(Profile::default(), 0.9, 100, &AXIS);
        let arrived = way.iter().position(|p| (p.velocity - 0.9).abs() < 1e-3).unwrap() as f64 * DT_S;
        assert!((arrived - (0.9 + 0.1)).abs() < 0.06, "{arrived}");
        assert!(way.iter().all(|p| p.velocity < 0.9 + 1e-9), "it runs over");
        assert!(way.last().unwrap().acceleration.abs() < 1e-6);
    }

    #[test]
    fn what_is_not_a_number_changes_nothing() {
        let p = Profile { velocity: 0.4, acceleration: 0.2 };
        for (target, dt) in
            [(f64::NAN, 0.02), (1.0, f64::NAN), (f64::INFINITY, 0.02), (1.0, 0.0), (1.0, -1.0)]
        {
            assert_eq!(p.towards(target, dt, &AXIS), p);
        }
    }

    proptest! {
        #[test]
        fn limits_are_kept_and_targets_reached(
            targets in prop::collection::vec(-1.0..1.0f64, 1..6),
            accel in 0.3..3.0f64, decel in 0.3..3.0f64, jerk in 2.0..40.0f64,
        ) {
            let axis = Axis { accel, decel, jerk };
            let mut p = Profile::default();
            for target in targets {
                for q in run(p, target, 400, &axis) {
                    prop_assert!((q.acceleration - p.acceleration).abs() <= jerk * DT_S + 1e-9);
                    prop_assert!(q.acceleration.abs() <= accel.max(decel) + 1e-9);
                    prop_assert!((q.velocity - p.velocity - q.acceleration * DT_S).abs() < 1e-9);
                    p = q;
                }
                prop_assert!((p.velocity - target).abs() < 1e-3, "{} instead of {target}", p.velocity);
                prop_assert!(p.acceleration.abs() < 1e-2);
            }
        }

        #[test]
        fn from_rest_it_never_runs_over(target in -1.0..1.0f64, jerk in 2.0..40.0f64) {
            let axis = Axis { jerk, ..AXIS };
            for p in run(Profile::default(), target, 400, &axis) {
                prop_assert!(p.velocity * target.signum() <= target.abs() + 1e-9, "{p:?} for {target}");
            }
        }
    }
}
