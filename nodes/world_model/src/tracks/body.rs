//! What detectors tell of an object's rectangle, brought together over time.

use outrider_foundation::data::BodyBox;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2};
use std::f64::consts::PI;

/// A rectangle whose middle is farther from where it was believed than this, m, or whose sides are turned farther, rad, takes the place of
/// it: a mean of the two would be neither.
const SAME_M: f64 = 0.5;
const SAME_RAD: f64 = 0.5;
/// So many detections without one, beyond those with one, forget it: a second or two.
const SIGHTINGS_MAX: u8 = 10;

/// The rectangle about an object, relative to its position; directions are those of the tracks' frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Body {
    /// From the object's position to the middle.
    offset: Point2,
    yaw_rad: f64,
    length_m: f64,
    width_m: f64,
    sightings: u8,
}

impl Body {
    /// Of an object that was detected at `position`, with this rectangle.
    pub fn told(body: &BodyBox, position: Point2) -> Self {
        let Pose2 { x_m, y_m, yaw_rad } = body.pose;
        let offset = Point2::new(x_m - position.x_m, y_m - position.y_m);
        Self { offset, yaw_rad, length_m: body.length_m, width_m: body.width_m, sightings: 1 }
    }

    /// What is believed after one more detection, with a rectangle or without.
    pub fn after(believed: Option<Self>, told: Option<Self>, gain: f64) -> Option<Self> {
        let Some(mut body) = believed else { return told };
        let Some(told) = told else {
            body.sightings = body.sightings.saturating_sub(1);
            return (body.sightings > 0).then_some(body);
        };
        let sightings = body.sightings.saturating_add(1).min(SIGHTINGS_MAX);
        if !body.is_about(&told) {
            return Some(Self { sightings, ..told });
        }
        let nearer = |from: f64, to: f64| from + gain * (to - from);
        Some(Self {
            offset: Point2::new(
                nearer(body.offset.x_m, told.offset.x_m),
                nearer(body.offset.y_m, told.offset.y_m),
            ),
            yaw_rad: wrap_angle(body.yaw_rad + gain * turned_rad(body.yaw_rad, told.yaw_rad)),
            length_m: nearer(body.length_m, told.length_m),
            width_m: nearer(body.width_m, told.width_m),
            sightings,
        })
    }

    fn is_about(&self, other: &Self) -> bool {
        self.offset.distance_m(other.offset) <= SAME_M
            && turned_rad(self.yaw_rad, other.yaw_rad).abs() <= SAME_RAD
    }

    /// About an object at `position`.
    pub fn at(&self, position: Point2) -> BodyBox {
        let middle = Point2::new(position.x_m + self.offset.x_m, position.y_m + self.offset.y_m);
        let pose = Pose2::new(middle.x_m, middle.y_m, self.yaw_rad);
        BodyBox { pose, length_m: self.length_m, width_m: self.width_m }
    }
}

/// From one direction of a rectangle to another; what points the other way is the same rectangle.
fn turned_rad(from_rad: f64, to_rad: f64) -> f64 {
    0.5 * wrap_angle(2.0 * libm::remainder(to_rad - from_rad, PI))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Point2 = Point2::new(2.0, 1.0);

    fn told(x_m: f64, yaw_rad: f64, length_m: f64) -> Body {
        let body = BodyBox { pose: Pose2::new(x_m, 1.0, yaw_rad), length_m, width_m: 1.0 };
        Body::told(&body, HERE)
    }

    #[test]
    fn it_goes_with_the_object_and_comes_nearer_to_what_is_told() {
        let first = Body::after(None, Some(told(2.5, 0.1, 3.0)), 0.25).unwrap();
        let second = Body::after(Some(first), Some(told(2.7, 0.3, 3.4)), 0.25).unwrap();
        let body = second.at(Point2::new(5.0, 4.0));
        assert!(body.pose.position().distance_m(Point2::new(5.55, 4.0)) < 1e-12);
        assert!((body.pose.yaw_rad - 0.15).abs() < 1e-12 && (body.length_m - 3.1).abs() < 1e-12);
    }

    #[test]
    fn one_that_points_the_other_way_about_the_same_middle_is_the_same() {
        let first = told(2.0, 0.1, 3.0);
        let second = Body::after(Some(first), Some(told(2.0, 0.2 - PI, 3.0)), 0.5).unwrap();
        assert!((second.yaw_rad - 0.15).abs() < 1e-12, "{}", second.yaw_rad);
    }

    #[test]
    fn one_elsewhere_takes_its_place_and_is_no_mean() {
        let first = told(2.7, 0.0, 3.0);
        for other in [told(1.3, 0.0, 3.0), told(2.7, 1.0, 3.0)] {
            let second = Body::after(Some(first), Some(other), 0.3).unwrap();
            assert_eq!((second.offset, second.yaw_rad), (other.offset, other.yaw_rad));
        }
    }

    #[test]
    fn who_is_often_detected_without_one_has_none() {
        let mut body = Some(told(2.5, 0.0, 3.0));
        for _ in 0..100 {
            body = Body::after(body, Some(told(2.5, 0.0, 3.0)), 0.3);
        }
        for left in (1..SIGHTINGS_MAX).rev() {
            body = Body::after(body, None, 0.3);
            assert_eq!(body.map(|b| b.sightings), Some(left));
        }
        assert_eq!(Body::after(body, None, 0.3), None);
    }
}
