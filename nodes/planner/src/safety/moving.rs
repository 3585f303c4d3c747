//! Tracked objects as discs that move: where they may be at a time to come.

use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2};

/// How uncertainty widens a predicted disc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inflation {
    /// Standard deviations added.
    pub sigma_gain: f64,
    /// But no more than this, m.
    pub sigma_cap_m: f64,
    /// Growth of the disc of an object that is no longer seen, m/s.
    pub unseen_growth_mps: f64,
}

/// A track that has to be reckoned with.
#[derive(Clone, Copy, Debug)]
pub struct Moving<'a> {
    /// The track.
    pub track: &'a Track,
    /// Time that has passed since its world model's stamp, s.
    pub age_s: f64,
    /// It is taken to stay where it is, whatever is predicted.
    pub still: bool,
}

impl<'a> Moving<'a> {
    /// The tracks that count: tentative ones do not.
    pub fn all(tracks: &'a [Track], age_s: f64) -> Vec<Self> {
        let counts = |track: &&Track| track.state != TrackState::Tentative;
        tracks.iter().filter(counts).map(|track| Self { track, age_s, still: false }).collect()
    }

    /// Its speed, m/s.
    pub fn speed_mps(&self) -> f64 {
        libm::hypot(self.track.velocity.x_m, self.track.velocity.y_m)
    }

    /// Its position is known, and it hardly moves.
    pub fn stands(&self, standing_mps: f64) -> bool {
        self.track.state != TrackState::Reachable && self.speed_mps() < standing_mps
    }

    /// For people: "person #3".
    pub fn name(&self) -> String {
        let label = if self.track.class_label.is_empty() { "object" } else { &self.track.class_label };
        format!("{label} #{}", self.track.id)
    }

    /// Centre and radius of the disc that it may be in `t_s` from now.
    pub fn disc_at(&self, t_s: f64, inflation: &Inflation) -> (Point2, f64) {
        let track = self.track;
        let t_s = if self.still { 0.0 } else { (t_s + self.age_s).max(0.0) };
        if track.state == TrackState::Reachable {
            let radius_m = track.radius_m + track.reachable_m + inflation.unseen_growth_mps * t_s;
            return (track.position, radius_m);
        }
        let (centre, sigma_m) = self.predicted(t_s);
        (centre, track.radius_m + (inflation.sigma_gain * sigma_m).min(inflation.sigma_cap_m))
    }

    /// Mean and standard deviation (along its worst axis) of its centre `t_s` from now, m; of one that is no longer seen
    /// the place where it was, as if known.
    pub fn gaussian_at(&self, t_s: f64) -> (Point2, f64) {
        if self.track.state == TrackState::Reachable {
            return (self.track.position, 0.0);
        }
        self.predicted(if self.still { 0.0 } else { (t_s + self.age_s).max(0.0) })
    }

    /// Between the predictions by interpolation; beyond the last one it stays there. Without any: constant velocity.
    fn predicted(&self, t_s: f64) -> (Point2, f64) {
        let track = self.track;
        let [xx, _, _, _, _, yy, ..] = track.covariance;
        let sigma_m = xx.max(yy).max(0.0).sqrt();
        let now = (track.position, sigma_m);
        let step_s = track.prediction_step_s;
        if track.prediction.is_empty() || step_s.is_nan() || step_s <= 0.0 {
            let v = track.velocity;
            return (Point2::new(now.0.x_m + v.x_m * t_s, now.0.y_m + v.y_m * t_s), sigma_m * (1.0 + t_s));
        }
        let entry = |index: usize| match index.checked_sub(1) {
            None => Some(now),
            Some(i) => {
                let sigma_m = track.prediction_sigma_m.get(i).copied().unwrap_or(sigma_m);
                track.prediction.get(i).map(|p| (*p, sigma_m))
            }
        };
        let steps = (t_s / step_s).min(1e6);
        let index = steps as usize;
        let share = steps - index as f64;
        match (entry(index), entry(index + 1)) {
            (Some((a, sa)), Some((b, sb))) => {
                let mix = |from: f64, to: f64| from + share * (to - from);
                (Point2::new(mix(a.x_m, b.x_m), mix(a.y_m, b.y_m)), mix(sa, sb))
            }
            _ => entry(track.prediction.len()).unwrap_or(now),
        }
    }

    /// Signed distance from the outline at `pose` to its disc `t_s` from now. Far away only a lower bound.
    pub fn clearance_m(&self, footprint: &Footprint, pose: Pose2, t_s: f64, inflation: &Inflation) -> f64 {
        let (centre, radius_m) = self.disc_at(t_s, inflation);
        let (dx, dy) = (centre.x_m - pose.x_m, centre.y_m - pose.y_m);
        let rough_m = (dx * dx + dy * dy).sqrt() - footprint.circumscribed_m() - radius_m;
        if rough_m > 1.0 {
            return rough_m;
        }
        let (s, c) = libm::sincos(pose.yaw_rad);
        footprint.signed_distance_m(Point2::new(c * dx + s * dy, c * dy - s * dx)) - radius_m
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Inflation = Inflation { sigma_gain: 2.0, sigma_cap_m: 0.3, unseen_growth_mps: 0.5 };

    fn walker() -> Track {
        Track {
            id: 3,
            state: TrackState::Confirmed,
            class_label: "person".into(),
            position: Point2::new(1.0, 0.0),
            velocity: Point2::new(0.0, 1.0),
            radius_m: 0.25,
            prediction_step_s: 0.5,
            prediction: vec![Point2::new(1.0, 0.5), Point2::new(1.0, 1.0)],
            prediction_sigma_m: vec![0.1, 0.2],
            ..Track::default()
        }
    }

    #[test]
    fn predictions_are_interpolated_and_held() {
        let track = walker();
        let moving = Moving { track: &track, age_s: 0.1, still: false };
        assert_eq!(moving.name(), "person #3");
        let (p, r) = moving.disc_at(0.65, &PLAIN);
        assert!((p.y_m - 0.75).abs() < 1e-12 && (r - 0.55).abs() < 1e-12, "sigma 0.15 twice is 0.3");
        let (p, r) = moving.disc_at(9.0, &PLAIN);
        assert!((p.y_m - 1.0).abs() < 1e-12 && (r - 0.55).abs() < 1e-12, "capped");
    }

    #[test]
    fn without_predictions_velocity_is_used_and_unseen_discs_grow() {
        let mut track = Track { prediction: vec![], ..walker() };
        assert!(
            (Moving { track: &track, age_s: 0.0, still: false }.disc_at(2.0, &PLAIN).0.y_m - 2.0).abs()
                < 1e-12
        );
        track.state = TrackState::Reachable;
        track.reachable_m = 1.0;
        let (p, r) = Moving { track: &track, age_s: 0.0, still: false }.disc_at(2.0, &PLAIN);
        assert_eq!((p, r), (track.position, 2.25));
        track.state = TrackState::Tentative;
        assert!(Moving::all(&[track], 0.0).is_empty());
    }
}
