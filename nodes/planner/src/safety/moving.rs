//! Tracked objects as discs that move: where they may be at a time to come.

use outrider_foundation::data::{Component, Track, TrackState};
use outrider_foundation::gap::Gap;
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
    /// The tracks that count: tentative ones do not, nor what was left standing, which is in the local grid.
    pub fn all(tracks: &'a [Track], age_s: f64) -> Vec<Self> {
        Self::of(tracks, age_s, |state| !matches!(state, TrackState::Tentative | TrackState::Standing))
    }

    /// Those that nobody hurries past: what was left standing too.
    pub fn beside(tracks: &'a [Track], age_s: f64) -> Vec<Self> {
        Self::of(tracks, age_s, |state| state != TrackState::Tentative)
    }

    fn of(tracks: &'a [Track], age_s: f64, counts: impl Fn(TrackState) -> bool) -> Vec<Self> {
        let those = tracks.iter().filter(|track| counts(track.state));
        those.map(|track| Self { track, age_s, still: false }).collect()
    }

    /// Its speed, m/s.
    pub fn speed_mps(&self) -> f64 {
        libm::hypot(self.track.velocity.x_m, self.track.velocity.y_m)
    }

    /// It is still seen: its position is known.
    pub fn is_seen(&self) -> bool {
        self.track.state != TrackState::Reachable
    }

    /// Its position is known, and it hardly moves.
    pub fn stands(&self, standing_mps: f64) -> bool {
        self.is_seen() && self.speed_mps() < standing_mps
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

    /// How many Gaussians its prediction is a mixture of: none where [`Self::gaussian_at`] says all.
    pub fn components(&self) -> usize {
        let one = self.still || self.track.state == TrackState::Reachable || self.step_s().is_none();
        if one { 0 } else { self.track.components().count() }
    }

    /// The Gaussian number `component` of that mixture `t_s` from now.
    pub fn component_at(&self, component: usize, t_s: f64) -> Option<Component> {
        let times = self.track.components().nth(component)?;
        let (step_s, sooner) = (self.step_s()?, times.first()?.weight);
        let entry = |index: usize| match index.checked_sub(1) {
            // At present all ways to move are still in one place.
            None => Some(Component { weight: sooner, ..self.now() }),
            Some(i) => times.get(i).copied(),
        };
        Some(between(times.len(), (t_s + self.age_s).max(0.0) / step_s, self.now(), entry))
    }

    /// Between the predictions by interpolation; beyond the last one it stays there. Without any: constant velocity.
    fn predicted(&self, t_s: f64) -> (Point2, f64) {
        let (track, now) = (self.track, self.now());
        let Some(step_s) = self.step_s().filter(|_| !track.prediction.is_empty()) else {
            let (v, at) = (track.velocity, now.position);
            return (Point2::new(at.x_m + v.x_m * t_s, at.y_m + v.y_m * t_s), now.sigma_m * (1.0 + t_s));
        };
        let entry = |index: usize| match index.checked_sub(1) {
            None => Some(now),
            Some(i) => {
                let sigma_m = track.prediction_sigma_m.get(i).copied().unwrap_or(now.sigma_m);
                track.prediction.get(i).map(|p| Component { weight: 1.0, position: *p, sigma_m })
            }
        };
        let Component { position, sigma_m, .. } = between(track.prediction.len(), t_s / step_s, now, entry);
        (position, sigma_m)
    }

    /// Where it is at present.
    fn now(&self) -> Component {
        let [xx, _, _, _, _, yy, ..] = self.track.covariance;
        Component { weight: 1.0, position: self.track.position, sigma_m: xx.max(yy).max(0.0).sqrt() }
    }

    /// Time from one prediction to the next, when that is one.
    fn step_s(&self) -> Option<f64> {
        Some(self.track.prediction_step_s).filter(|step_s| *step_s > 0.0)
    }

    /// Signed distance from the outline to it at present, m: to its disc, whose doubt does not count, or to the rectangle about all that
    /// belongs to it, whichever is nearer.
    pub fn gap_m(&self, footprint: &Footprint, base_from_world: Pose2) -> f64 {
        let centre = base_from_world.apply(self.track.position);
        let disc_m = footprint.signed_distance_m(centre) - self.track.radius_m;
        let Some(body) = self.track.body else { return disc_m };
        let body_m = Gap::between(footprint, &body.seen_from(base_from_world).corners()).distance_m;
        disc_m.min(body_m)
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

/// What holds after so many steps: between two entries by interpolation, beyond the last, number `last`, what that says.
fn between(last: usize, steps: f64, now: Component, entry: impl Fn(usize) -> Option<Component>) -> Component {
    let steps = steps.min(1e6);
    let index = steps as usize;
    let share = steps - index as f64;
    let (Some(a), Some(b)) = (entry(index), entry(index + 1)) else { return entry(last).unwrap_or(now) };
    let mix = |from: f64, to: f64| from + share * (to - from);
    Component {
        weight: mix(a.weight, b.weight),
        position: Point2::new(mix(a.position.x_m, b.position.x_m), mix(a.position.y_m, b.position.y_m)),
        sigma_m: mix(a.sigma_m, b.sigma_m),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::data::BodyBox;

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
    fn the_gap_is_to_disc_or_rectangle_whichever_is_nearer() {
        let footprint = Footprint::rectangle(0.3, 0.3, 0.5).unwrap();
        let body = BodyBox { pose: Pose2::new(2.0, 1.0, 0.0), length_m: 1.2, width_m: 0.8 };
        let track = Track { position: Point2::new(2.0, 1.0), radius_m: 0.72, ..walker() };
        let gap_m = |state, body, x_m: f64| {
            let track = Track { state, body, ..track.clone() };
            let moving = Moving { track: &track, age_s: 0.0, still: false };
            moving.gap_m(&footprint, Pose2::new(x_m, 0.0, 0.0).inverse())
        };
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got}, not {want}");
        // Beside its long side: 1 - 0.25 to the middle, less 0.72 or 0.4.
        close(gap_m(TrackState::Standing, None, 2.0), 0.03);
        // Somebody may step out from behind it: the disc that it had without a rectangle counts on.
        close(gap_m(TrackState::Standing, Some(body), 2.0), 0.03);
        close(gap_m(TrackState::Confirmed, Some(body), 2.0), 0.03);
        let forks = BodyBox { pose: Pose2::new(3.0, 1.0, 0.0), length_m: 4.0, ..body };
        close(gap_m(TrackState::Confirmed, Some(forks), 4.5), 0.35);
    }

    #[test]
    fn components_are_interpolated_with_their_weights_and_held() {
        let mut track = walker();
        let part = |weight, y_m, sigma_m| Component { weight, position: Point2::new(1.0, y_m), sigma_m };
        track.mixture =
            vec![part(0.9, 0.6, 0.2), part(0.7, 1.2, 0.4), part(0.1, 0.0, 0.1), part(0.3, 0.0, 0.1)];
        track.covariance[0] = 0.01;
        let moving = Moving { track: &track, age_s: 0.1, still: false };
        assert_eq!(moving.components(), 2);
        let at = |component, t_s| {
            let Component { weight, position, sigma_m } = moving.component_at(component, t_s).unwrap();
            [weight, position.y_m, sigma_m]
        };
        let near = |found: [f64; 3], expected: [f64; 3]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
        };
        near(at(0, 0.15), [0.9, 0.3, 0.15]);
        near(at(0, 0.65), [0.8, 0.9, 0.3]);
        near(at(1, 0.65), [0.2, 0.0, 0.1]);
        near(at(1, 9.0), [0.3, 0.0, 0.1]);
        assert_eq!(moving.component_at(2, 0.5), None);
        // All in all it is where it was.
        assert_eq!(moving.gaussian_at(0.65), Moving { track: &walker(), ..moving }.gaussian_at(0.65));
        assert_eq!(Moving { still: true, ..moving }.components(), 0);
        let lost = Track { state: TrackState::Reachable, ..track.clone() };
        let odd = Track { prediction_step_s: f64::NAN, ..track.clone() };
        assert_eq!([&lost, &odd].map(|track| Moving { track, ..moving }.components()), [0, 0]);
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
