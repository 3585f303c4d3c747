//! Distances between the swept outline and the rectangles about what is no disc: forks and loads, which the scan does not show.

use crate::clearance::{FAR_M, UNCHANGED_M};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::MotionPoint;
use crate::tracks::{Met, TrackRules, predicted};
use outrider_foundation::data::{BodyBox, Track, TrackState};
use outrider_foundation::geometry::sides;
use outrider_foundation::{Footprint, Point2};

/// Least distance that a motion keeps from the rectangles about objects, which go with their predicted centres.
///
/// By the margin alone, as from what the scan shows: what an object may do is the discs' business. And as there, no more is asked for than the
/// robot would have at rest. Tentative tracks do not count; of those that are out of sight there is no rectangle.
pub(crate) fn judge(
    motion: &[MotionPoint],
    footprint: &Footprint,
    tracks: &[Track],
    rules: TrackRules<'_>,
) -> (Reading, Option<Met>) {
    let margin_m = rules.config.margin_m;
    let mut worst = Reading::new(Rule::Tracks, FAR_M - margin_m, FAR_M, margin_m);
    let mut met = None;
    let known = tracks.iter().filter(|t| t.state != TrackState::Tentative);
    for (track, body) in known.filter_map(|track| Some((track, track.body?))) {
        let reach_m = footprint.circumscribed_m() + 0.5 * libm::hypot(body.length_m, body.width_m);
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
            let required_m = margin_m.min(resting.distance_m - UNCHANGED_M);
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

/// From an outline to a rectangle.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// Negative where they overlap: how far they would have to be moved apart, the shortest way.
    distance_m: f64,
    /// The place on the rectangle that is nearest, in the outline's frame, where they do not.
    nearest: Option<Point2>,
}

impl Gap {
    /// Of a rectangle with these corners, counter-clockwise, in the outline's frame.
    fn between(footprint: &Footprint, corners: &[Point2; 4]) -> Self {
        let outline = footprint.corners();
        // Two convex shapes are apart when a side of one has all of the other before it (separating axis theorem).
        let [ours_m, theirs_m] =
            [farthest_before_a_side_m(outline, corners), farthest_before_a_side_m(corners, outline)];
        // What is no number stays none, for whoever judges the distance.
        let apart_m = if ours_m.is_nan() || ours_m > theirs_m { ours_m } else { theirs_m };
        if apart_m.is_nan() || apart_m <= 0.0 {
            return Self { distance_m: apart_m, nearest: None };
        }
        // Then one of the two nearest places is a corner.
        let of_corners = corners.iter().map(|corner| (footprint.signed_distance_m(*corner), *corner));
        let of_sides = outline.iter().flat_map(|corner| {
            sides(corners).map(move |(a, b)| {
                let on_side = nearest_on(a, b, *corner);
                (on_side.distance_m(*corner), on_side)
            })
        });
        let least = of_corners.chain(of_sides).min_by(|a, b| a.0.total_cmp(&b.0));
        Self { distance_m: least.map_or(f64::NAN, |l| l.0), nearest: least.map(|l| l.1) }
    }
}

/// The greatest distance, over the sides of one convex outline, that all of another keeps before it; negative when none has all before it.
fn farthest_before_a_side_m(of: &[Point2], other: &[Point2]) -> f64 {
    let before_m = |(a, b): (Point2, Point2)| {
        let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
        let length_m = libm::hypot(dx, dy);
        let before = |p: &Point2| ((p.x_m - a.x_m) * dy - (p.y_m - a.y_m) * dx) / length_m;
        other
            .iter()
            .map(before)
            .fold(f64::INFINITY, |least, m| if m < least || m.is_nan() { m } else { least })
    };
    sides(of).map(before_m).fold(f64::NEG_INFINITY, |most, m| if m > most || m.is_nan() { m } else { most })
}

/// The place of the side from `a` to `b` that is nearest to `p`.
fn nearest_on(a: Point2, b: Point2, p: Point2) -> Point2 {
    let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
    let length_sq = dx * dx + dy * dy;
    let along = ((p.x_m - a.x_m) * dx + (p.y_m - a.y_m) * dy) / length_sq;
    let along = if length_sq > 0.0 { along.clamp(0.0, 1.0) } else { 0.0 };
    Point2::new(a.x_m + along * dx, a.y_m + along * dy)
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
    use proptest::prelude::*;

    fn footprint() -> Footprint {
        Footprint::rectangle(0.4, 0.3, 0.5).unwrap()
    }

    fn forks(x_m: f64, y_m: f64, yaw_rad: f64) -> BodyBox {
        BodyBox { pose: Pose2::new(x_m, y_m, yaw_rad), length_m: 3.6, width_m: 1.1 }
    }

    /// Places all along the sides.
    fn along(corners: &[Point2]) -> Vec<Point2> {
        let place = |a: Point2, b: Point2, i: u32| {
            let share = f64::from(i) / 200.0;
            Point2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m))
        };
        sides(corners).flat_map(|(a, b)| (0..200).map(move |i| place(a, b, i))).collect()
    }

    proptest! {
        #[test]
        fn the_gap_is_that_of_the_nearest_places(x in -4.0..4.0f64, y in -4.0..4.0f64, yaw in -4.0..4.0f64) {
            let (footprint, corners) = (footprint(), forks(x, y, yaw).corners());
            let gap = Gap::between(&footprint, &corners);
            let (ours, theirs) = (along(footprint.corners()), along(&corners));
            let least_m = ours.iter().flat_map(|a| theirs.iter().map(|b| a.distance_m(*b))).fold(f64::INFINITY, f64::min);
            let overlap = theirs.iter().any(|p| footprint.contains(*p))
                || ours.iter().map(|p| Pose2::new(x, y, yaw).inverse().apply(*p)).any(|p| p.x_m.abs() < 1.8 && p.y_m.abs() < 0.55);
            if overlap {
                prop_assert!(gap.distance_m <= 0.0 && gap.nearest.is_none(), "{gap:?}");
            } else {
                prop_assert!(gap.distance_m <= least_m + 1e-9 && gap.distance_m > least_m - 0.02, "{gap:?} {least_m}");
                let nearest = gap.nearest.unwrap();
                prop_assert!((footprint.signed_distance_m(nearest) - gap.distance_m).abs() < 1e-9);
            }
        }
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
        let config = crate::tests::config().tracks;
        let rules = TrackRules {
            config: &config,
            bounds: &[],
            base_from_tracks: Rigid::IDENTITY,
            age_s: 0.0,
            reaction_s: 0.1,
        };
        let motion: Vec<_> = (0..=20)
            .map(|i| 0.1 * f64::from(i))
            .map(|t_s| MotionPoint::new(t_s, Pose2::new(v_mps * t_s, 0.0, 0.0), Twist2::new(v_mps, 0.0)))
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

    #[test]
    fn what_is_no_number_is_no_clearance() {
        let nowhere = truck(forks(f64::NAN, 0.0, 0.0), Point2::default());
        assert!(!judged(&nowhere, 0.3).0.robustness.is_finite());
        assert!(!is_sound(nowhere.body.as_ref()) && is_sound(None));
    }
}
