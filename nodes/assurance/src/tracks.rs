//! Distances between the swept outline and where moving objects are expected.

use crate::clearance::{FAR_M, UNCHANGED_M};
use crate::doubt::Bound;
use crate::monitor::{Part, Reading, Rule};
use crate::motion::MotionPoint;
use crate::rigid::Rigid;
use outrider_foundation::data::{Track, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2};

/// What is faster than this does not stand, whatever is said of it, m/s.
const STANDING_MPS: f64 = 0.3;

/// What is reckoned with for moving objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackRules<'a> {
    pub config: &'a crate::config::Tracks,
    /// What predictions are wrong by, in the order of the tracks.
    pub bounds: &'a [Bound],
    /// How fast objects have come along over the last second, in the order of the tracks and in their frame; `None` where that is not known.
    pub paces: &'a [Option<Point2>],
    /// `base_from_tracks`: the base at the start of the motion, the frame of the tracks.
    pub base_from_tracks: Rigid,
    /// Time from the stamp of the tracks to the start of the motion.
    pub age_s: f64,
    /// Time that the robot takes to respond.
    pub reaction_s: f64,
    /// So much nearer than at rest a motion at a creep may come, m: what the noise of the measured turn rate makes of one alongside.
    pub creep_m: f64,
}

impl TrackRules<'_> {
    /// So much nearer than at rest this motion may come, m.
    pub fn nearer_m(&self, motion: &[MotionPoint]) -> f64 {
        if creeps(motion) { self.creep_m.max(UNCHANGED_M) } else { UNCHANGED_M }
    }
}

/// No faster than this the robot may leave alongside somebody, m/s.
const CREEP_MPS: f64 = 0.1;

/// Whether a motion is no faster than a creep.
pub(crate) fn creeps(motion: &[MotionPoint]) -> bool {
    motion.iter().all(|m| m.twist.v_mps.abs() <= CREEP_MPS)
}

/// The disc that limits a motion, where it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// Of the robot, in the base frame at the start of the motion.
    pub pose: Pose2,
    /// Of the disc, in the same frame.
    pub centre: Point2,
    pub radius_m: f64,
    pub distance_m: f64,
}

/// Least distance that a motion keeps from the discs in which objects are expected at the same time.
///
/// Only while the robot moves: an object that comes up to a robot at rest is not the robot's doing. For the same reason
/// no more is asked for than the robot would have at rest. Tracks that are still tentative are left to the scan, and so is what was left
/// standing while it does stand.
pub(crate) fn judge(
    motion: &[MotionPoint],
    footprint: &Footprint,
    tracks: &[Track],
    rules: TrackRules<'_>,
) -> (Reading, Option<Met>) {
    let (margin_m, nearer_m) = (rules.config.margin_m, rules.nearer_m(motion));
    let mut worst = Reading::new(Rule::Tracks, FAR_M - margin_m, FAR_M, margin_m);
    let mut met = None;
    let bounds = rules.bounds.iter().copied().chain(std::iter::repeat(Bound::default()));
    for (track, bound) in tracks.iter().zip(bounds).filter(|(t, _)| counts(t)) {
        let disc = Disc::new(track, bound, rules.config);
        // The first pose is where the robot is; a robot at rest has no other.
        for at in motion.iter().skip(1) {
            let (centre, radius_m) = disc.at(rules.age_s + at.t_s);
            let centre = rules.base_from_tracks.apply(centre);
            // Most are too far away to look closer.
            let beyond_m = centre.distance_m(at.pose.position()) - footprint.circumscribed_m() - radius_m;
            if beyond_m - margin_m >= worst.robustness {
                continue;
            }
            let there = at.base_from_future.inverse().apply(centre);
            let moving_m = footprint.signed_distance_m(there) - radius_m;
            let resting_m = footprint.signed_distance_m(centre) - radius_m;
            let required_m = margin_m.min(resting_m - nearer_m);
            let reading = Reading::new(Rule::Tracks, moving_m - required_m, moving_m, required_m);
            if !reading.robustness.is_finite() {
                return (reading.part(Part::Track(track.id)), None);
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::Track(track.id));
                met = Some(Met { pose: at.pose, centre, radius_m, distance_m: moving_m });
            }
        }
    }
    (worst, met)
}

/// Whether a track's disc counts.
fn counts(track: &Track) -> bool {
    match track.state {
        TrackState::Tentative => false,
        TrackState::Standing => libm::hypot(track.velocity.x_m, track.velocity.y_m) > STANDING_MPS,
        TrackState::Confirmed | TrackState::Coasting | TrackState::Reachable => true,
    }
}

/// Where an object is expected.
struct Disc<'a> {
    track: &'a Track,
    bound: Bound,
    config: &'a crate::config::Tracks,
    now_sigma_m: f64,
}

impl<'a> Disc<'a> {
    fn new(track: &'a Track, bound: Bound, config: &'a crate::config::Tracks) -> Self {
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        Self { track, bound, config, now_sigma_m: worst_axis_sigma(xx, xy, yy) }
    }

    /// `t_s` after the stamp of the track: centre and radius, uncertainty included. That is what is stated or what
    /// predictions have been wrong by, the greater. Beyond the caps it is left to the scan, and to the properties that slow
    /// the robot down (`prediction_bound`, `detector_nis`).
    fn at(&self, t_s: f64) -> (Point2, f64) {
        let Self { track, bound, config, now_sigma_m } = self;
        if track.state == TrackState::Reachable {
            let growth_m = config.unseen_growth_mps * t_s.max(0.0);
            return (track.position, track.radius_m + track.reachable_m + growth_m);
        }
        let (centre, sigma_m) = predicted(track, t_s, *now_sigma_m);
        let stated_m = config.sigma_gain * sigma_m.min(config.sigma_cap_m);
        (centre, track.radius_m + stated_m.max(bound.at_m(t_s).min(config.conformal.cap_m)))
    }
}

/// The predicted centre and its standard deviation, interpolated; beyond the prediction at constant velocity.
pub(crate) fn predicted(track: &Track, t_s: f64, now_sigma_m: f64) -> (Point2, f64) {
    let step_s = track.prediction_step_s;
    let go_on = |from: Point2, dt_s: f64| {
        Point2::new(from.x_m + track.velocity.x_m * dt_s, from.y_m + track.velocity.y_m * dt_s)
    };
    if step_s.is_nan() || step_s <= 0.0 || t_s <= 0.0 {
        return (go_on(track.position, t_s), now_sigma_m);
    }
    let ahead = t_s / step_s;
    // Rounded down.
    let steps = ahead as usize;
    // The first prediction lies one step ahead; before it there is the track itself.
    let sample = |index: usize| match index.checked_sub(1) {
        None => Some((track.position, now_sigma_m)),
        Some(i) => Some((*track.prediction.get(i)?, *track.prediction_sigma_m.get(i)?)),
    };
    match (sample(steps), sample(steps.saturating_add(1))) {
        (Some((a, sa)), Some((b, sb))) => {
            let share = ahead - steps as f64;
            let mix = |p: f64, q: f64| p + share * (q - p);
            (Point2::new(mix(a.x_m, b.x_m), mix(a.y_m, b.y_m)), mix(sa, sb))
        }
        _ => {
            let last_s = track.prediction.len() as f64 * step_s;
            let from = track.prediction.last().copied().unwrap_or(track.position);
            let sigma_m = track.prediction_sigma_m.last().copied().unwrap_or(now_sigma_m);
            (go_on(from, t_s - last_s), sigma_m)
        }
    }
}

/// Square root of the greater eigenvalue of a symmetric 2×2 matrix. NaN when it is none of a covariance.
pub(crate) fn worst_axis_sigma(xx: f64, xy: f64, yy: f64) -> f64 {
    let mean = 0.5 * (xx + yy);
    let spread = libm::hypot(0.5 * (xx - yy), xy);
    (mean + spread).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::{Phase, reckon};
    use outrider_foundation::Twist2;
    use outrider_foundation::robot::{Robot, example};

    /// What is stated counts no more than what was found.
    #[test]
    fn discs_grow_when_residuals_do() {
        let config = crate::tests::config().tracks;
        let track = Track { radius_m: 0.25, covariance: [1e-6; 16], ..Track::default() };
        let radius_m = |second_m: f64, t_s| {
            let bound = Bound { half_second_m: 0.5 * second_m, second_m };
            Disc::new(&track, bound, &config).at(t_s).1
        };
        assert!((radius_m(0.0, 1.0) - 0.25).abs() < 0.01, "next to nothing is stated");
        assert!((radius_m(0.3, 1.0) - 0.55).abs() < 1e-9 && (radius_m(0.6, 1.0) - 0.85).abs() < 1e-9);
        assert!((radius_m(0.6, 0.25) - 0.4).abs() < 1e-9, "less where it is nearer in time");
        let capped_m = 0.25 + config.conformal.cap_m;
        assert!((radius_m(5.0, 1.0) - capped_m).abs() < 1e-9, "the rest is the property's");
        let doubtful = Track {
            covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.04 } else { 0.0 }),
            ..track.clone()
        };
        let stated_m = Disc::new(&doubtful, Bound::default(), &config).at(0.0).1;
        assert!((stated_m - 0.65).abs() < 1e-9, "who states more is kept clear of more: {stated_m}");
    }

    #[test]
    fn predictions_are_interpolated_and_carried_on() {
        let track = Track {
            state: TrackState::Confirmed,
            position: Point2::new(1.0, 0.0),
            velocity: Point2::new(0.0, 1.0),
            radius_m: 0.25,
            prediction_step_s: 0.2,
            prediction: vec![Point2::new(1.0, 0.2), Point2::new(1.0, 0.4)],
            prediction_sigma_m: vec![0.1, 0.2],
            ..Track::default()
        };
        let at = |t| predicted(&track, t, 0.0);
        let close = |t: f64, y: f64, sigma: f64| {
            let (p, s) = at(t);
            assert!((p.y_m - y).abs() < 1e-9 && (s - sigma).abs() < 1e-9, "{t}: {p:?} {s}");
        };
        close(0.0, 0.0, 0.0);
        close(0.1, 0.1, 0.05);
        close(0.3, 0.3, 0.15);
        close(0.4, 0.4, 0.2);
        close(1.0, 1.0, 0.2);
    }

    /// Alongside somebody who stands, the noise of a measured turn rate swings an end of the robot towards him.
    #[test]
    fn at_a_creep_a_motion_may_come_nearer_by_next_to_nothing() {
        let config = crate::tests::config().tracks;
        let robot = Robot::new(example::amr()).unwrap();
        let position = Point2::new(-0.2, 0.65);
        let track = Track { state: TrackState::Confirmed, position, radius_m: 0.25, ..Track::default() };
        let robustness = |twist: Twist2| {
            let motion = reckon(twist, &[Phase { target: twist, duration_s: 0.2 }], &robot.limits).unwrap();
            let rules = TrackRules {
                config: &config,
                bounds: &[Bound { half_second_m: 0.4, second_m: 0.9 }],
                paces: &[],
                base_from_tracks: Rigid::IDENTITY,
                age_s: 0.05,
                reaction_s: 0.2,
                creep_m: 0.002,
            };
            judge(&motion, &robot.footprint, std::slice::from_ref(&track), rules).0.robustness
        };
        assert!(robustness(Twist2::new(0.09, -0.01)) > 0.0, "alongside");
        assert!(robustness(Twist2::new(0.12, -0.01)) < 0.0, "no creep");
        assert!(robustness(Twist2::new(0.09, -0.1)) < 0.0, "an end swings to him");
        assert!(robustness(Twist2::new(0.0, -0.1)) < 0.0, "turning on the spot too");
    }
}
