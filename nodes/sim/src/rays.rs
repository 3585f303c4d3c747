//! Rays in the plane of the lidar.
//!
//! A sweep does not search along every beam: it projects every outline into the fan of beams and tests exactly those
//! beams that can hit it. That visits each edge once, needs no index to be rebuilt for people who move, and the order
//! of work does not matter, because the nearest hit of a beam is a minimum. So polygons are taken near ones first, and one that
//! lies behind what its beams have hit already is left out: what a lidar sees among many things is few of them.

mod surfaces;

use crate::spec::SurfaceKind;
use crate::world::Outline;
use outrider_foundation::{Point2, Pose2};
use std::f64::consts::{PI, TAU};
use std::ops::Range;
use surfaces::{Special, join};

/// Rays this far (as a fraction) beyond the end of an edge still hit it, so that none slips between two edges.
const EDGE_SLACK: f64 = 1e-9;
/// An edge that is seen under more than this angle passes through the lidar, as far as rounding can tell.
const THROUGH_RAD: f64 = PI - 1e-6;

/// How much nearer than reckoned a thing may be found to be, as a fraction and in m: far more than rounding does.
const NEAR_SLACK: f64 = 1e-6;

/// A disc in the plane, in the world frame: a person, or the cut of something round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disc {
    /// Its centre.
    pub centre: Point2,
    /// Its radius.
    pub radius_m: f64,
}

/// What moves, in the world frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moving<'a> {
    /// Round things.
    pub discs: &'a [Disc],
    /// Rectangles, counter-clockwise.
    pub boxes: &'a [[Point2; 4]],
}

impl<'a, const N: usize> From<&'a [Disc; N]> for Moving<'a> {
    fn from(discs: &'a [Disc; N]) -> Self {
        Self { discs, boxes: &[] }
    }
}

/// The beams of a sweep in the lidar's frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Fan {
    angle_min_rad: f64,
    increment_rad: f64,
    /// Unit vectors.
    directions: Vec<Point2>,
}

impl Fan {
    /// `beams` directions from `angle_min_rad`, `increment_rad` apart.
    pub fn new(angle_min_rad: f64, increment_rad: f64, beams: usize) -> Self {
        let direction = |i: usize| {
            let (s, c) = libm::sincos(angle_min_rad + i as f64 * increment_rad);
            Point2::new(c, s)
        };
        Self { angle_min_rad, increment_rad, directions: (0..beams).map(direction).collect() }
    }

    /// Angle of the first beam.
    pub fn angle_min_rad(&self) -> f64 {
        self.angle_min_rad
    }

    /// Angle from one beam to the next.
    pub fn increment_rad(&self) -> f64 {
        self.increment_rad
    }

    /// Some of its beams.
    pub(crate) fn sector(&self, beams: Range<usize>) -> Self {
        Self {
            angle_min_rad: self.angle_min_rad + beams.start as f64 * self.increment_rad,
            increment_rad: self.increment_rad,
            directions: self.directions.get(beams).unwrap_or_default().to_vec(),
        }
    }

    /// How many beams.
    pub fn beams(&self) -> usize {
        self.directions.len()
    }

    /// The beams within an angle of `width_rad` to the left of `start_rad`, and one more on both sides; beyond a full
    /// turn they may be in two pieces.
    fn within(&self, start_rad: f64, width_rad: f64) -> [Range<usize>; 2] {
        let turned = (start_rad - self.angle_min_rad) % TAU;
        let from_first = if turned < 0.0 { turned + TAU } else { turned };
        [from_first, from_first - TAU].map(|first| {
            let low = (first / self.increment_rad).floor() - 1.0;
            let high = ((first + width_rad) / self.increment_rad).ceil() + 2.0;
            // Casts saturate at zero.
            (low as usize).min(self.beams())..(high as usize).min(self.beams())
        })
    }
}

/// Everything static in the lidar's plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RayScene {
    /// Corners of all polygons.
    corners: Vec<Point2>,
    /// Which corners belong to each polygon.
    polygons: Vec<Range<usize>>,
    /// A circle around each polygon.
    around: Vec<Disc>,
    discs: Vec<Disc>,
    /// What does not answer as a wall does.
    surfaces: Vec<Special>,
}

impl RayScene {
    /// From outlines in the world frame.
    pub fn new(outlines: &[Outline]) -> Self {
        Self::with_surfaces(outlines.iter().map(|o| (o, None)))
    }

    /// From outlines in the world frame, some of which do not answer as walls do.
    pub fn with_surfaces<'a>(outlines: impl IntoIterator<Item = (&'a Outline, Option<SurfaceKind>)>) -> Self {
        let mut scene = Self::default();
        for (outline, kind) in outlines {
            if let Some(kind) = kind {
                let body = scene.surfaces.len();
                scene.surfaces.push(Special { outline: outline.clone(), kind, body });
                continue;
            }
            match outline {
                Outline::Disc { centre, radius_m } => {
                    scene.discs.push(Disc { centre: *centre, radius_m: *radius_m });
                }
                Outline::Polygon(corners) => {
                    let start = scene.corners.len();
                    scene.corners.extend_from_slice(corners);
                    scene.polygons.push(start..scene.corners.len());
                    scene.around.push(around(corners));
                }
            }
        }
        join(&mut scene.surfaces);
        scene
    }

    /// Distance along one ray to the nearest thing; infinite when there is none. Tests everything: the slow and simple
    /// way. Surfaces answer as walls do.
    pub fn cast<'a>(&self, origin: Point2, angle_rad: f64, moving: impl Into<Moving<'a>>) -> f64 {
        let (s, c) = libm::sincos(angle_rad);
        let ahead = Point2::new(c, s);
        let walls = self.hit_walls(origin, ahead, moving.into(), usize::MAX);
        self.surfaces.iter().map(|s| s.hit(origin, ahead).0).fold(walls, f64::min)
    }

    /// Whether anything lies between two points, but for the moving thing of number `except`, discs before boxes. Glass
    /// is looked through.
    pub(crate) fn blocked(&self, from: Point2, to: Point2, moving: Moving<'_>, except: usize) -> bool {
        let between = minus(to, from);
        let angle_rad = libm::atan2(between.y_m, between.x_m);
        let (s, c) = libm::sincos(angle_rad);
        let ahead = Point2::new(c, s);
        let walls = self.hit_walls(from, ahead, moving, except);
        let opaque = self.surfaces.iter().filter(|s| s.kind != SurfaceKind::Glass);
        opaque.map(|s| s.hit(from, ahead).0).fold(walls, f64::min) < from.distance_m(to)
    }

    fn hit_walls(&self, origin: Point2, ahead: Point2, moving: Moving<'_>, except: usize) -> f64 {
        let mut nearest_m = f64::INFINITY;
        let first_box = moving.discs.len();
        let boxes = moving.boxes.iter().enumerate().filter(|(i, _)| first_box + i != except);
        let moving_edges = boxes.flat_map(|(_, corners)| edges(corners));
        for (a, b) in self.polygons.iter().flat_map(|p| edges(self.polygon(p))).chain(moving_edges) {
            nearest_m = nearest_m.min(hit_edge(minus(a, origin), minus(b, origin), ahead));
        }
        let discs = moving.discs.iter().enumerate().filter(|(i, _)| *i != except).map(|(_, d)| d);
        for disc in self.discs.iter().chain(discs) {
            nearest_m = nearest_m.min(hit_disc(minus(disc.centre, origin), disc.radius_m, ahead));
        }
        nearest_m
    }

    /// Distance along every beam of `fan` to the nearest thing within `range_m`, into `ranges_m`; infinite when there
    /// is none. `moving` is in the world frame.
    pub fn sweep<'a>(
        &self,
        world_from_lidar: Pose2,
        fan: &Fan,
        range_m: f64,
        moving: impl Into<Moving<'a>>,
        ranges_m: &mut Vec<f64>,
    ) {
        let moving = moving.into();
        ranges_m.clear();
        ranges_m.resize(fan.beams(), f64::INFINITY);
        let lidar_from_world = world_from_lidar.inverse();
        let (s, c) = libm::sincos(lidar_from_world.yaw_rad);
        let to_lidar = |p: Point2| {
            Point2::new(
                lidar_from_world.x_m + c * p.x_m - s * p.y_m,
                lidar_from_world.y_m + s * p.x_m + c * p.y_m,
            )
        };
        for (near_m, polygon, around) in self.near_first(world_from_lidar.position(), range_m) {
            let centre = to_lidar(around.centre);
            if !is_hidden(near_m, centre, around.radius_m, fan, ranges_m) {
                sweep_polygon(self.polygon(polygon).iter().map(|p| to_lidar(*p)), fan, range_m, ranges_m);
            }
        }
        for corners in moving.boxes {
            sweep_polygon(corners.iter().map(|p| to_lidar(*p)), fan, range_m, ranges_m);
        }
        for disc in self.discs.iter().chain(moving.discs) {
            sweep_disc(to_lidar(disc.centre), disc.radius_m, fan, range_m, ranges_m);
        }
        self.sweep_surfaces(world_from_lidar, fan, range_m, moving, ranges_m);
        for range in ranges_m.iter_mut().filter(|r| **r > range_m) {
            *range = f64::INFINITY;
        }
    }

    /// Polygons within range: how near they are at least, which corners, and the circle around them.
    fn near_first(&self, lidar: Point2, range_m: f64) -> Vec<(f64, &Range<usize>, &Disc)> {
        let with_distance = |(polygon, around)| {
            let around: &Disc = around;
            (around.centre.distance_m(lidar) - around.radius_m, polygon, around)
        };
        let all = self.polygons.iter().zip(&self.around).map(with_distance);
        let mut near: Vec<_> = all.filter(|(near_m, ..)| *near_m <= farther(range_m)).collect();
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        near
    }

    fn polygon(&self, corners: &Range<usize>) -> &[Point2] {
        self.corners.get(corners.clone()).unwrap_or_default()
    }
}

/// A circle around corners.
fn around(corners: &[Point2]) -> Disc {
    let share = 1.0 / corners.len().max(1) as f64;
    let (x_m, y_m) = corners.iter().fold((0.0, 0.0), |(x, y), p| (x + share * p.x_m, y + share * p.y_m));
    let centre = Point2::new(x_m, y_m);
    Disc { centre, radius_m: corners.iter().map(|p| p.distance_m(centre)).fold(0.0, f64::max) }
}

fn farther(distance_m: f64) -> f64 {
    distance_m + NEAR_SLACK * (1.0 + distance_m)
}

/// Whether everything within a circle, `near_m` away at least, lies behind what all beams that can meet it have hit.
/// `centre` in the lidar's frame.
fn is_hidden(near_m: f64, centre: Point2, radius_m: f64, fan: &Fan, ranges_m: &[f64]) -> bool {
    if near_m <= NEAR_SLACK {
        return false;
    }
    let half_rad = libm::asin(radius_m / (near_m + radius_m)) + EDGE_SLACK;
    let pieces = fan.within(libm::atan2(centre.y_m, centre.x_m) - half_rad, 2.0 * half_rad);
    let mut ranges = pieces.into_iter().flat_map(|piece| ranges_m.get(piece).unwrap_or_default());
    ranges.all(|range| near_m > farther(*range))
}

fn edges(corners: &[Point2]) -> impl Iterator<Item = (Point2, Point2)> + '_ {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

fn minus(a: Point2, b: Point2) -> Point2 {
    Point2::new(a.x_m - b.x_m, a.y_m - b.y_m)
}

fn cross(a: Point2, b: Point2) -> f64 {
    a.x_m * b.y_m - a.y_m * b.x_m
}

/// Where a ray from the origin hits the edge from `a` to `b`; infinite for nowhere.
fn hit_edge(a: Point2, b: Point2, ahead: Point2) -> f64 {
    let edge = minus(b, a);
    let across = cross(ahead, edge);
    let along_m = cross(a, edge) / across;
    let part = cross(a, ahead) / across;
    // A ray along the edge divides by zero: all comparisons fail, and the neighbouring edges stop it.
    if along_m >= 0.0 && (-EDGE_SLACK..=1.0 + EDGE_SLACK).contains(&part) { along_m } else { f64::INFINITY }
}

/// Where a ray from the origin hits a disc; its far side from within, infinite for nowhere.
fn hit_disc(centre: Point2, radius_m: f64, ahead: Point2) -> f64 {
    let along_m = centre.x_m * ahead.x_m + centre.y_m * ahead.y_m;
    let off_m = cross(centre, ahead);
    let half_sq = radius_m * radius_m - off_m * off_m;
    if half_sq < 0.0 {
        return f64::INFINITY;
    }
    let half_m = half_sq.sqrt();
    [along_m - half_m, along_m + half_m].into_iter().find(|d| *d >= 0.0).unwrap_or(f64::INFINITY)
}

/// `corners` in the lidar's frame.
fn sweep_polygon(corners: impl Iterator<Item = Point2>, fan: &Fan, range_m: f64, ranges_m: &mut [f64]) {
    let mut seen = corners.map(|p| (p, libm::atan2(p.y_m, p.x_m)));
    let Some(first) = seen.next() else { return };
    let mut from = first;
    for to in seen.chain(std::iter::once(first)) {
        let (a, b) = (from.0, to.0);
        let edge = minus(b, a);
        let far =
            outrider_foundation::geometry::segment_distance_sq(a, b, Point2::default()) > range_m * range_m;
        if !far {
            let turn_rad = outrider_foundation::geometry::wrap_angle(to.1 - from.1);
            let start_rad = if turn_rad < 0.0 { to.1 } else { from.1 };
            let whole = turn_rad.abs() > THROUGH_RAD;
            let pieces = if whole { [0..fan.beams(), 0..0] } else { fan.within(start_rad, turn_rad.abs()) };
            for piece in pieces {
                sweep_edge(a, edge, fan, piece, ranges_m);
            }
        }
        from = to;
    }
}

/// The inner loop: [`hit_edge`] for a row of beams.
fn sweep_edge(a: Point2, edge: Point2, fan: &Fan, beams: Range<usize>, ranges_m: &mut [f64]) {
    let offset = cross(a, edge);
    let (Some(directions), Some(ranges)) = (fan.directions.get(beams.clone()), ranges_m.get_mut(beams))
    else {
        return;
    };
    for (ahead, range) in directions.iter().zip(ranges) {
        let inverse = 1.0 / cross(*ahead, edge);
        let along_m = offset * inverse;
        let part = cross(a, *ahead) * inverse;
        if along_m >= 0.0 && (-EDGE_SLACK..=1.0 + EDGE_SLACK).contains(&part) && along_m < *range {
            *range = along_m;
        }
    }
}

/// `centre` in the lidar's frame.
fn sweep_disc(centre: Point2, radius_m: f64, fan: &Fan, range_m: f64, ranges_m: &mut [f64]) {
    let distance_m = libm::hypot(centre.x_m, centre.y_m);
    if distance_m - radius_m > range_m {
        return;
    }
    let pieces = if distance_m <= radius_m {
        [0..fan.beams(), 0..0]
    } else {
        let half_rad = libm::asin(radius_m / distance_m);
        fan.within(libm::atan2(centre.y_m, centre.x_m) - half_rad, 2.0 * half_rad)
    };
    for piece in pieces {
        let (Some(directions), Some(ranges)) = (fan.directions.get(piece.clone()), ranges_m.get_mut(piece))
        else {
            continue;
        };
        for (ahead, range) in directions.iter().zip(ranges) {
            *range = range.min(hit_disc(centre, radius_m, *ahead));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use outrider_foundation::geometry::segment_distance_sq;
    use proptest::prelude::*;
    use std::f64::consts::FRAC_PI_2;

    fn square(x: f64, y: f64, half: f64, yaw: f64) -> Outline {
        let pose = Pose2::new(x, y, yaw);
        let corners = [(-half, -half), (half, -half), (half, half), (-half, half)];
        Outline::Polygon(corners.iter().map(|(u, v)| pose.apply(Point2::new(*u, *v))).collect())
    }

    #[test]
    fn known_distances() {
        let ball = Outline::Disc { centre: Point2::new(0.0, 5.0), radius_m: 1.0 };
        let scene = RayScene::new(&[square(4.0, 0.0, 1.0, 0.0), ball]);
        let origin = Point2::default();
        assert_relative_eq!(scene.cast(origin, 0.0, &[]), 3.0);
        // The near face seen at an angle: 3 / cos.
        assert_relative_eq!(scene.cast(origin, 0.3, &[]), 3.0 / libm::cos(0.3), epsilon = 1e-12);
        assert_relative_eq!(scene.cast(origin, FRAC_PI_2, &[]), 4.0, epsilon = 1e-12);
        // Beside the centre by d: √(25 cos²) − √(1 − 25 sin²).
        let off = 0.1;
        let expected = 5.0 * libm::cos(off) - (1.0 - 25.0 * libm::sin(off) * libm::sin(off)).sqrt();
        assert_relative_eq!(scene.cast(origin, FRAC_PI_2 + off, &[]), expected, epsilon = 1e-12);
        assert!(scene.cast(origin, PI, &[]).is_infinite());
        let person = Disc { centre: Point2::new(-2.0, 0.0), radius_m: 0.25 };
        assert_relative_eq!(scene.cast(origin, PI, &[person]), 1.75, epsilon = 1e-12);
        assert!(scene.blocked(origin, Point2::new(6.0, 0.0), Moving::default(), 0));
        assert!(!scene.blocked(origin, Point2::new(2.9, 0.0), Moving::default(), 0));
        assert!(!scene.blocked(origin, Point2::new(6.0, 3.0), Moving::default(), 0));
    }

    #[test]
    fn from_within_the_inside_is_seen() {
        let scene = RayScene::new(&[square(0.0, 0.0, 1.0, 0.0)]);
        let fan = Fan::new(-PI, TAU / 8.0, 8);
        let mut ranges = Vec::new();
        scene.sweep(
            Pose2::IDENTITY,
            &fan,
            10.0,
            &[Disc { centre: Point2::default(), radius_m: 0.5 }],
            &mut ranges,
        );
        assert!(ranges.iter().all(|r| (r - 0.5).abs() < 1e-12), "{ranges:?}");
        scene.sweep(Pose2::IDENTITY, &fan, 10.0, &[], &mut ranges);
        let expected = [1.0, 2.0_f64.sqrt()];
        for (i, r) in ranges.iter().enumerate() {
            assert_relative_eq!(*r, expected[i % 2], epsilon = 1e-9);
        }
        scene.sweep(Pose2::IDENTITY, &fan, 1.2, &[], &mut ranges);
        assert_eq!(ranges.iter().filter(|r| r.is_infinite()).count(), 4);
    }

    #[test]
    fn on_an_edge_every_beam_ends_at_once() {
        let scene = RayScene::new(&[square(1.0, 0.0, 1.0, 0.0)]);
        let mut ranges = Vec::new();
        scene.sweep(Pose2::new(0.0, 0.3, 0.0), &Fan::new(-PI, TAU / 64.0, 64), 10.0, &[], &mut ranges);
        // Two beams run along the edge; where they end is open.
        assert!(ranges.iter().filter(|r| **r < 1e-9).count() >= 62, "{ranges:?}");
    }

    fn scenes() -> impl Strategy<Value = Vec<Outline>> {
        let at = (-8.0..8.0f64, -8.0..8.0f64, 0.1..2.0f64, -4.0..4.0f64, any::<bool>());
        prop::collection::vec(at, 1..12).prop_map(|all| {
            let outline = |(x, y, size, yaw, round)| {
                if round {
                    Outline::Disc { centre: Point2::new(x, y), radius_m: size }
                } else {
                    square(x, y, size, yaw)
                }
            };
            all.into_iter().map(outline).collect()
        })
    }

    fn inside(outline: &Outline, p: Point2) -> bool {
        match outline {
            Outline::Disc { centre, radius_m } => centre.distance_m(p) < *radius_m,
            Outline::Polygon(c) => edges(c).all(|(a, b)| cross(minus(b, a), minus(p, a)) > 0.0),
        }
    }

    fn boundary_distance(outline: &Outline, p: Point2) -> f64 {
        match outline {
            Outline::Disc { centre, radius_m } => (centre.distance_m(p) - radius_m).abs(),
            Outline::Polygon(c) => {
                edges(c).map(|(a, b)| segment_distance_sq(a, b, p)).fold(f64::INFINITY, f64::min).sqrt()
            }
        }
    }

    /// A sweep that leaves nothing out.
    fn sweep_all(scene: &RayScene, pose: Pose2, fan: &Fan, range_m: f64) -> Vec<f64> {
        let mut ranges = vec![f64::INFINITY; fan.beams()];
        let inverse = pose.inverse();
        for polygon in &scene.polygons {
            let corners = scene.polygon(polygon).iter().map(|p| inverse.apply(*p));
            sweep_polygon(corners, fan, range_m, &mut ranges);
        }
        for disc in &scene.discs {
            sweep_disc(inverse.apply(disc.centre), disc.radius_m, fan, range_m, &mut ranges);
        }
        ranges.into_iter().map(|r| if r > range_m { f64::INFINITY } else { r }).collect()
    }

    fn bits(ranges: &[f64]) -> Vec<u64> {
        ranges.iter().map(|r| r.to_bits()).collect()
    }

    #[test]
    fn what_is_left_out_among_many_boxes_changes_no_bit() {
        let one = |i: usize| {
            square((i % 25) as f64 * 1.5 - 18.0, (i / 25) as f64 * 1.5 - 15.0, 0.25, (i % 7) as f64)
        };
        let scene = RayScene::new(&(0..500).map(one).collect::<Vec<_>>());
        let mut ranges = Vec::new();
        for i in 0..400 {
            let pose =
                Pose2::new(-8.0 + 0.0375 * f64::from(i), -4.0 + 0.01 * f64::from(i), 0.0625 * f64::from(i));
            let fan = Fan::new(-0.75 * PI, 1.5 * PI / 719.0, 720);
            scene.sweep(pose, &fan, 20.0, &[], &mut ranges);
            assert_eq!(bits(&ranges), bits(&sweep_all(&scene, pose, &fan, 20.0)), "{pose:?}");
        }
    }

    proptest! {
        /// Polygons that are left out would have changed no bit, for any fan.
        #[test]
        fn what_is_left_out_changes_no_bit(
            outlines in scenes(), x in -9.0..9.0f64, y in -9.0..9.0f64, yaw in -4.0..4.0f64,
            start in -4.0..4.0f64, fov in 0.1..TAU, beams in 2..200usize, range_m in 1.0..20.0f64,
        ) {
            let scene = RayScene::new(&outlines);
            let (pose, fan) = (Pose2::new(x, y, yaw), Fan::new(start, fov / beams as f64, beams));
            let mut ranges = Vec::new();
            scene.sweep(pose, &fan, range_m, &[], &mut ranges);
            prop_assert_eq!(bits(&ranges), bits(&sweep_all(&scene, pose, &fan, range_m)));
        }

        /// A sweep finds what testing everything finds, for any fan.
        #[test]
        fn a_sweep_equals_brute_force(
            outlines in scenes(), x in -9.0..9.0f64, y in -9.0..9.0f64, yaw in -4.0..4.0f64,
            start in -4.0..4.0f64, fov in 0.1..TAU, beams in 2..200usize, person in (-8.0..8.0f64, -8.0..8.0f64),
        ) {
            let scene = RayScene::new(&outlines);
            let moving = [Disc { centre: Point2::new(person.0, person.1), radius_m: 0.25 }];
            let fan = Fan::new(start, fov / beams as f64, beams);
            let pose = Pose2::new(x, y, yaw);
            let mut ranges = Vec::new();
            scene.sweep(pose, &fan, 12.0, &moving, &mut ranges);
            for (i, swept) in ranges.iter().enumerate() {
                let angle = yaw + start + i as f64 * fan.increment_rad();
                let single = scene.cast(pose.position(), angle, &moving);
                let single = if single > 12.0 { f64::INFINITY } else { single };
                // A beam that grazes a corner may go either way by rounding; then a hair's turn changes it too.
                let grazing = [1e-9, -1e-9].iter().any(|d| {
                    let near = scene.cast(pose.position(), angle + d, &moving);
                    (near - single).abs() > 1e-4 || (near > 12.0) != (single > 12.0)
                });
                let same = (swept.is_infinite() && single.is_infinite()) || (swept - single).abs() < 1e-6;
                prop_assert!(grazing || same, "beam {i}: {swept} {single}");
            }
        }

        /// Marching along the ray: nothing but free space before the hit, a boundary at it.
        #[test]
        fn a_ray_ends_at_the_first_boundary(outlines in scenes(), angle in -4.0..4.0f64) {
            let origin = Point2::new(20.0 * libm::cos(angle), 20.0 * libm::sin(angle));
            let inward = angle + PI;
            let scene = RayScene::new(&outlines);
            let hit = scene.cast(origin, inward, &[]);
            let at = |d: f64| Pose2::new(origin.x_m, origin.y_m, inward).apply(Point2::new(d, 0.0));
            let length = hit.min(40.0);
            for i in 0..400 {
                let p = at(length * f64::from(i) / 400.0 - 1e-6);
                prop_assert!(!outlines.iter().any(|o| inside(o, p)), "inside before the hit at {hit}");
            }
            if hit.is_finite() {
                prop_assert!(outlines.iter().any(|o| boundary_distance(o, at(hit)) < 1e-6));
            }
        }
    }
}
