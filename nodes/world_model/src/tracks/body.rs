//! What detectors tell of an object's rectangle, brought together over time.

use super::config::BodiesConfig;
use outrider_foundation::data::BodyBox;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2, Stamp};
use std::f64::consts::PI;

/// A rectangle whose middle is farther from where it was believed than this, m, or whose sides are turned farther, rad, is another one: a
/// mean of the two would be neither.
const SAME_M: f64 = 0.3;
const SAME_RAD: f64 = 0.3;
/// So often in a row another one has to be told before it is believed: detectors mistake front for back.
const RIVAL_SIGHTINGS: u8 = 3;

/// A rectangle relative to an object's position; directions are those of the tracks' frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// From the object's position to the middle.
    offset: Point2,
    yaw_rad: f64,
    length_m: f64,
    width_m: f64,
}

impl Shape {
    /// Of an object that was detected at `position`, with this rectangle.
    pub fn told(body: &BodyBox, position: Point2) -> Self {
        let Pose2 { x_m, y_m, yaw_rad } = body.pose;
        let offset = Point2::new(x_m - position.x_m, y_m - position.y_m);
        Self { offset, yaw_rad, length_m: body.length_m, width_m: body.width_m }
    }

    fn is_about(&self, other: &Self) -> bool {
        self.offset.distance_m(other.offset) <= SAME_M
            && turned_rad(self.yaw_rad, other.yaw_rad).abs() <= SAME_RAD
    }

    fn nearer(&self, to: &Self, gain: f64) -> Self {
        let nearer = |from: f64, to: f64| from + gain * (to - from);
        let (x_m, y_m) = (nearer(self.offset.x_m, to.offset.x_m), nearer(self.offset.y_m, to.offset.y_m));
        Self {
            offset: Point2::new(x_m, y_m),
            yaw_rad: wrap_angle(self.yaw_rad + gain * turned_rad(self.yaw_rad, to.yaw_rad)),
            length_m: nearer(self.length_m, to.length_m),
            width_m: nearer(self.width_m, to.width_m),
        }
    }
}

/// The rectangle that is believed to be about an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Body {
    shape: Shape,
    /// When one was told last, this or another.
    told: Stamp,
    /// Another one that was told since this one was, and how often in a row.
    rival: Option<(Shape, u8)>,
}

impl Body {
    /// At the first detection.
    pub fn first(told: Option<Shape>, at: Stamp) -> Option<Self> {
        told.map(|shape| Self { shape, told: at, rival: None })
    }

    /// What is believed after one more detection, with a rectangle or without: other models may tell none.
    pub fn after(
        believed: Option<Self>,
        told: Option<Shape>,
        at: Stamp,
        config: &BodiesConfig,
    ) -> Option<Self> {
        let lasting = believed.filter(|body| at.since(body.told).as_s() <= config.forget_after_s);
        let Some(body) = lasting else { return Self::first(told, at) };
        let Some(told) = told else { return Some(body) };
        if body.shape.is_about(&told) {
            return Self::first(Some(body.shape.nearer(&told, config.gain)), at);
        }
        let (rival, times) = match body.rival {
            Some((rival, times)) if rival.is_about(&told) => (rival.nearer(&told, config.gain), times + 1),
            _ => (told, 1),
        };
        if times >= RIVAL_SIGHTINGS {
            return Self::first(Some(rival), at);
        }
        Some(Self { told: at, rival: Some((rival, times)), ..body })
    }

    /// About an object at `position`.
    pub fn at(&self, position: Point2) -> BodyBox {
        let Shape { offset, yaw_rad, length_m, width_m } = self.shape;
        let pose = Pose2::new(position.x_m + offset.x_m, position.y_m + offset.y_m, yaw_rad);
        BodyBox { pose, length_m, width_m }
    }
}

/// From one direction of a rectangle to another; what points the other way is the same rectangle.
fn turned_rad(from_rad: f64, to_rad: f64) -> f64 {
    libm::remainder(to_rad - from_rad, PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Point2 = Point2::new(2.0, 1.0);

    fn told(x_m: f64, yaw_rad: f64, length_m: f64) -> Shape {
        let body = BodyBox { pose: Pose2::new(x_m, 1.0, yaw_rad), length_m, width_m: 1.0 };
        Shape::told(&body, HERE)
    }

    fn config() -> BodiesConfig {
        BodiesConfig { gain: 0.25, forget_after_s: 1.0, marked_below_mps: 0.2, moves_mps: 0.3 }
    }

    fn at(tenths: i64) -> Stamp {
        Stamp::from_nanos(tenths * 100_000_000)
    }

    /// What is believed after these, a tenth of a second apart.
    fn after(all: impl IntoIterator<Item = Option<Shape>>) -> Option<Body> {
        let all = all.into_iter().zip(0..);
        all.fold(None, |body, (told, i)| Body::after(body, told, at(i), &config()))
    }

    #[test]
    fn it_goes_with_the_object_and_comes_nearer_to_what_is_told() {
        let body = after([told(2.5, 0.1, 3.0), told(2.7, 0.3, 3.4)].map(Some)).unwrap();
        let body = body.at(Point2::new(5.0, 4.0));
        assert!(body.pose.position().distance_m(Point2::new(5.55, 4.0)) < 1e-12);
        assert!((body.pose.yaw_rad - 0.15).abs() < 1e-12 && (body.length_m - 3.1).abs() < 1e-12);
    }

    #[test]
    fn one_that_points_the_other_way_about_the_same_middle_is_the_same() {
        let body = after([told(2.0, 0.1, 3.0), told(2.0, 0.3 - PI, 3.0)].map(Some)).unwrap();
        assert!((body.shape.yaw_rad - 0.15).abs() < 1e-12, "{}", body.shape.yaw_rad);
    }

    #[test]
    fn another_one_is_believed_when_it_is_told_three_times_in_a_row_and_is_no_mean() {
        let one = told(2.7, 0.0, 3.0);
        for other in [told(1.3, 0.0, 3.0), told(2.7, 1.0, 3.0)] {
            let shape = |all: &[Shape]| after(all.iter().copied().map(Some)).unwrap().shape;
            assert_eq!(shape(&[one, other, other]), one);
            assert_eq!(shape(&[one, other, one, other, other]), one, "not in a row");
            assert_eq!(shape(&[one, other, other, other]), other);
        }
    }

    #[test]
    fn it_is_forgotten_when_none_is_told_for_long_and_not_when_another_model_tells_none() {
        let one = Some(told(2.5, 0.0, 3.0));
        let turns = |i: i64| if i % 3 == 0 { one } else { None };
        assert!(after((0..100).map(turns)).is_some());
        assert!(after((0..11).map(|i| if i == 0 { one } else { None })).is_some());
        assert_eq!(after((0..12).map(|i| if i == 0 { one } else { None })), None);
    }
}
