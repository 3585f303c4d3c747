//! Distances between the swept outline and the rectangles about what is no disc: forks and loads, which the scan does not show.

use crate::clearance::FAR_M;
use crate::monitor::{Part, Reading, Rule};
use crate::motion::MotionPoint;
use crate::tracks::{Met, TrackRules, predicted, worst_axis_sigma};
use outrider_foundation::data::{BodyBox, Track, TrackState};
use outrider_foundation::gap::Gap;
use outrider_foundation::{Footprint, Point2};

/// Least distance that a motion keeps from the rectangles about objects, which go with their predicted centres.
///
/// By the margin and what the place is uncertain by now; what an object may do is the discs' business. No more is asked for than the robot
/// would have at rest. Tentative tracks do not count; of those that are out of sight there is no rectangle.
pub(crate) fn judge(
    motion: &[MotionPoint],
    footprint: &Footprint,
    tracks: &[Track],
    rules: TrackRules<'_>,
) -> (Reading, Option<Met>) {
    let (margin_m, nearer_m) = (rules.config.margin_m, rules.nearer_m(motion));
    let mut worst = Reading::new(Rule::Tracks, FAR_M - margin_m, FAR_M, margin_m);
    let mut met = None;
    let known = tracks.iter().filter(|t| t.state != TrackState::Tentative);
    for (track, body) in known.filter_map(|track| Some((track, track.body?))) {
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        let doubt_m = rules.config.sigma_gain * worst_axis_sigma(xx, xy, yy).min(rules.config.sigma_cap_m);
        let reach_m = doubt_m + footprint.circumscribed_m() + 0.5 * libm::hypot(body.length_m, body.width_m);
        // The first pose is where the robot is; a robot at rest has no other.
        for at in motion.iter().skip(1) {
            let (centre, _) = predicted(track, rules.age_s + at.t_s, 0.0);
            let way = Point2::new(centre.x_m - track.position.x_m, centre.y_m - track.position.y_m);
            let there = body.moved(way);
            let middle = rules.base_from_tracks.apply(there.pose.position());
            // Most are too far away to look closer.
            if middle.distance_m(at.pose.position()) - reach_m - margin_m >= worst.robustness {
                continue;
            }
            let corners = there.corners().map(|corner| rules.base_from_tracks.apply(corner));
            let future_from_base = at.base_from_future.inverse();
            let moving = Gap::between(footprint, &corners.map(|corner| future_from_base.apply(corner)));
            let resting = Gap::between(footprint, &corners);
            let required_m = (margin_m + doubt_m).min(resting.distance_m - nearer_m);
            let reading =
                Reading::new(Rule::Tracks, moving.distance_m - required_m, moving.distance_m, required_m);
            if !reading.robustness.is_finite() {
                return (reading.part(Part::Track(track.id)), None);
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::Track(track.id));
                met = moving.nearest.map(|nearest| Met {
                    pose: at.pose,
                    centre: at.base_from_future.apply(nearest),
                    radius_m: 0.0,
                    distance_m: moving.distance_m,
                });
            }
        }
    }
    (worst, met)
}

/// Whether a track's rectangle, if it has one, is one.
pub(crate) fn is_sound(body: Option<&BodyBox>) -> bool {
    body.is_none_or(BodyBox::is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigid::Rigid;
    use outrider_foundation::{Pose2, Twist2};

    fn footprint() -> Footprint {
        Footprint::rectangle(0.4, 0.3, 0.5).unwrap()
    }

    fn forks(x_m: f64, y_m: f64, yaw_rad: f64) -> BodyBox {
        BodyBox { pose: Pose2::new(x_m, y_m, yaw_rad), length_m: 3.6, width_m: 1.1 }
    }

    fn truck(body: BodyBox, velocity: Point2) -> Track {
        Track {
            id: 7,
            state: TrackState::Confirmed,
            position: Point2::new(9.0, 9.0),
            velocity,
            body: Some(body),
            ..Track::default()
        }
    }

    fn judged(track: &Track, v_mps: f64) -> (Reading, Option<Met>) {
        judged_at(track, Twist2::new(v_mps, 0.0))
    }

    fn judged_at(track: &Track, twist: Twist2) -> (Reading, Option<Met>) {
        let config = crate::tests::config().tracks;
        let rules = TrackRules {
            config: &config,
            bounds: &[],
            paces: &[],
            base_from_tracks: Rigid::IDENTITY,
            age_s: 0.0,
            reaction_s: 0.1,
            creep_m: 0.002,
        };
        let motion: Vec<_> = (0..=20)
            .map(|i| 0.1 * f64::from(i))
            .map(|t_s| MotionPoint::new(t_s, Pose2::IDENTITY.advance(twist, t_s), twist))
            .collect();
        judge(&motion, &footprint(), std::slice::from_ref(track), rules)
    }

    #[test]
    fn a_motion_into_forks_is_refused_and_one_past_them_is_not() {
        // Across the way, its tip 0.3 m to the other side of it.
        let ahead = |y_m| truck(forks(1.5, y_m, -1.57), Point2::default());
        let (reading, met) = judged(&ahead(1.5), 0.5);
        assert!(reading.robustness < 0.0, "{reading:?}");
        assert!(met.is_none(), "it leads in, and there is no nearest place");
        let (reading, met) = judged(&ahead(2.2), 0.5);
        // 2.2 - 1.8 - 0.25 to the tip.
        assert!((reading.value - 0.15).abs() < 0.01 && reading.robustness > 0.0, "{reading:?}");
        let met = met.unwrap();
        assert!((met.centre.y_m - 0.4).abs() < 0.01 && met.radius_m == 0.0, "{met:?}");
        let unsure =
            Track { covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 }), ..ahead(2.2) };
        assert!(judged(&unsure, 0.5).0.robustness < 0.0, "0.15 m are less than the margin and twice 0.1 m");
        assert!(judged(&ahead(1.5), 0.1).0.robustness > 0.0, "it ends before it is there");
        let unsure = Track { state: TrackState::Tentative, ..ahead(1.5) };
        assert!(judged(&unsure, 0.5).0.robustness > 1.0);
    }

    #[test]
    fn they_go_with_who_moves_and_the_robot_may_leave_what_it_stands_in() {
        let comes = truck(forks(1.2, 3.2, -1.57), Point2::new(0.0, -1.0));
        assert!(judged(&comes, 0.5).0.robustness < 0.0, "they will be there");
        let goes = truck(forks(1.2, 2.1, -1.57), Point2::new(0.0, 1.0));
        assert!(judged(&goes, 0.5).0.robustness > 0.0, "{:?}", judged(&goes, 0.5));
        let over = truck(forks(-1.9, 0.0, 0.0), Point2::default());
        assert!(judged(&over, 0.3).0.robustness >= 0.0, "out of it: {:?}", judged(&over, 0.3));
        assert!(judged(&over, -0.3).0.robustness < 0.0, "farther in");
    }

    /// As for discs: at a creep alongside, what the noise of the turn rate does counts for nothing.
    #[test]
    fn at_a_creep_the_robot_may_leave_alongside() {
        let beside = truck(forks(0.0, 0.25 + 0.55 + 0.02, 0.0), Point2::default());
        let at = |v_mps, w_radps| judged_at(&beside, Twist2::new(v_mps, w_radps)).0.robustness;
        assert!(at(0.09, -0.002) > 0.0, "{}", at(0.09, -0.002));
        assert!(at(0.12, -0.002) < 0.0 && at(0.09, -0.01) < 0.0);
    }

    #[test]
    fn what_is_no_number_is_no_clearance() {
        let nowhere = truck(forks(f64::NAN, 0.0, 0.0), Point2::default());
        assert!(!judged(&nowhere, 0.3).0.robustness.is_finite());
        assert!(!is_sound(nowhere.body.as_ref()) && is_sound(None));
    }
}
