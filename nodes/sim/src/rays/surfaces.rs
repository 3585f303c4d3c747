//! Glass, mirrors and other surfaces that do not answer a lidar as a wall does.

use super::{Fan, Moving, RayScene, edges, hit_disc, hit_edge, minus, sweep_disc, sweep_polygon};
use crate::spec::SurfaceKind;
use crate::world::Outline;
use outrider_foundation::{Point2, Pose2};

/// Cosine of the angle from squarely up to which glass answers: 10°.
const GLASS_COSINE: f64 = 0.984_807_753;
/// And of that up to which something dark answers: 30°.
const DARK_COSINE: f64 = 0.866_025_404;
/// How much wider something retroreflective looks on either side: 1.5°.
const BLOOM_RAD: f64 = 0.026_179_939;
/// Ways that differ by less are the same.
const STRAIGHT_M: f64 = 1e-6;
/// After so many panes and mirrors a beam is lost.
const PASSAGE_LIMIT: usize = 6;

/// The cut of a model with such a surface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Special {
    pub(super) outline: Outline,
    pub(super) kind: SurfaceKind,
    /// Of which body it is a part, as the index of one of its parts.
    pub(super) body: usize,
}

/// Makes one body of the parts that a polyline was cut into: between two that share a side there is no surface.
pub(super) fn join(surfaces: &mut [Special]) {
    for i in 1..surfaces.len() {
        let (before, rest) = surfaces.split_at_mut(i);
        let Some(part) = rest.first_mut() else { return };
        for j in 0..before.len() {
            let Some(other) = before.get(j) else { break };
            if other.body == part.body
                || other.kind != part.kind
                || !share_a_side(&part.outline, &other.outline)
            {
                continue;
            }
            let (joined, into) = (part.body, other.body);
            part.body = into;
            before.iter_mut().filter(|s| s.body == joined).for_each(|s| s.body = into);
        }
    }
}

fn share_a_side(one: &Outline, other: &Outline) -> bool {
    let (Outline::Polygon(one), Outline::Polygon(other)) = (one, other) else { return false };
    let same = |a: Point2, b: Point2| a.distance_m(b) < STRAIGHT_M;
    // Both go round counter-clockwise.
    edges(one).any(|(a, b)| edges(other).any(|(c, d)| same(a, d) && same(b, c)))
}

impl Special {
    /// Distance along a ray, infinite for nowhere, and the surface's normal there, of either sign.
    pub(super) fn hit(&self, origin: Point2, ahead: Point2) -> (f64, Point2) {
        match &self.outline {
            Outline::Disc { centre, radius_m } => {
                let seen = minus(*centre, origin);
                let along_m = hit_disc(seen, *radius_m, ahead);
                let out = Point2::new(along_m * ahead.x_m - seen.x_m, along_m * ahead.y_m - seen.y_m);
                (along_m, Point2::new(out.x_m / radius_m, out.y_m / radius_m))
            }
            Outline::Polygon(corners) => {
                let mut best = (f64::INFINITY, Point2::default());
                for (a, b) in edges(corners) {
                    let along_m = hit_edge(minus(a, origin), minus(b, origin), ahead);
                    if along_m < best.0 {
                        let (edge, length_m) = (minus(b, a), a.distance_m(b));
                        best = (along_m, Point2::new(edge.y_m / length_m, -edge.x_m / length_m));
                    }
                }
                best
            }
        }
    }
}

impl RayScene {
    /// Corrects the beams of a sweep that meet a surface before anything else.
    pub(super) fn sweep_surfaces(
        &self,
        world_from_lidar: Pose2,
        fan: &Fan,
        range_m: f64,
        moving: Moving<'_>,
        ranges_m: &mut [f64],
    ) {
        if self.surfaces.is_empty() {
            return;
        }
        let lidar_from_world = world_from_lidar.inverse();
        let mut first_m = vec![f64::INFINITY; fan.beams()];
        let mut retro_m = first_m.clone();
        for surface in &self.surfaces {
            let into = if surface.kind == SurfaceKind::Retro { &mut retro_m } else { &mut first_m };
            match &surface.outline {
                Outline::Disc { centre, radius_m } => {
                    sweep_disc(lidar_from_world.apply(*centre), *radius_m, fan, range_m, into);
                }
                Outline::Polygon(corners) => {
                    sweep_polygon(corners.iter().map(|p| lidar_from_world.apply(*p)), fan, range_m, into);
                }
            }
        }
        let origin = world_from_lidar.position();
        let beams = ranges_m.iter_mut().zip(&first_m).zip(&mut retro_m).enumerate();
        for (i, ((range, first), retro)) in beams {
            if *first < *range {
                let (s, c) = libm::sincos(
                    world_from_lidar.yaw_rad + fan.angle_min_rad() + i as f64 * fan.increment_rad(),
                );
                *range = self.trace(origin, Point2::new(c, s), moving);
                // What the beam comes to by a mirror, or not at all, answers none the stronger.
                *retro = if (*retro - *range).abs() < STRAIGHT_M { *range } else { f64::INFINITY };
            } else if *retro >= *range {
                *retro = f64::INFINITY;
            }
        }
        let around = (fan.beams() as f64 * fan.increment_rad() - std::f64::consts::TAU).abs() < 1e-6;
        bloom(&retro_m, (BLOOM_RAD / fan.increment_rad()) as usize, around, ranges_m);
    }

    /// Follows one beam through panes and by mirrors; infinite when it is lost.
    fn trace(&self, origin: Point2, ahead: Point2, moving: Moving<'_>) -> f64 {
        let (mut origin, mut ahead, mut way_m) = (origin, ahead, 0.0);
        // The bodies that it has passed and the mirror that it comes from.
        let mut ignored: Vec<usize> = Vec::new();
        for _ in 0..PASSAGE_LIMIT {
            let walls_m = self.hit_walls(origin, ahead, moving, usize::MAX);
            let others = self.surfaces.iter().filter(|s| !ignored.contains(&s.body));
            let hits = others.map(|s| (s.body, s.kind, s.hit(origin, ahead)));
            let nearest = hits.min_by(|a, b| a.2.0.total_cmp(&b.2.0));
            let Some((body, kind, (along_m, normal))) = nearest.filter(|n| n.2.0 < walls_m) else {
                return way_m + walls_m;
            };
            let facing = ahead.x_m * normal.x_m + ahead.y_m * normal.y_m;
            match kind {
                SurfaceKind::Retro => return way_m + along_m,
                SurfaceKind::Glass if facing.abs() >= GLASS_COSINE => return way_m + along_m,
                SurfaceKind::Glass => ignored.push(body),
                SurfaceKind::Dark if facing.abs() >= DARK_COSINE => return way_m + along_m,
                SurfaceKind::Dark => return f64::INFINITY,
                SurfaceKind::Mirror => {
                    way_m += along_m;
                    origin = Point2::new(origin.x_m + along_m * ahead.x_m, origin.y_m + along_m * ahead.y_m);
                    ahead = Point2::new(
                        ahead.x_m - 2.0 * facing * normal.x_m,
                        ahead.y_m - 2.0 * facing * normal.y_m,
                    );
                    ignored = vec![body];
                }
            }
        }
        f64::INFINITY
    }
}

/// Beams up to `beside` away from one that ends at a strong answer end there too; `around`: the last beam is next to the first.
fn bloom(answers_m: &[f64], beside: usize, around: bool, ranges_m: &mut [f64]) {
    let beams = ranges_m.len();
    for (i, answer_m) in answers_m.iter().enumerate().filter(|(_, a)| a.is_finite()) {
        for offset in 0..=2 * beside {
            let place = match (i + offset).checked_sub(beside) {
                Some(place) if place < beams => place,
                Some(place) if around => place - beams,
                None if around => beams + i + offset - beside,
                _ => continue,
            };
            if let Some(range) = ranges_m.get_mut(place) {
                *range = range.min(*answer_m);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use std::f64::consts::{FRAC_PI_4, TAU};

    fn wall(x: f64, y: f64, length_x: f64, length_y: f64) -> Outline {
        let (a, b) = (0.5 * length_x, 0.5 * length_y);
        let corners = [(-a, -b), (a, -b), (a, b), (-a, b)];
        Outline::Polygon(corners.map(|(u, v)| Point2::new(x + u, y + v)).to_vec())
    }

    fn scene(kind: SurfaceKind) -> RayScene {
        // The surface's near face is at x = 2, a wall's behind it at x = 4; another wall at y = 3.
        let (pane, behind, beside) =
            (wall(2.05, 0.0, 0.1, 6.0), wall(4.1, 0.0, 0.2, 20.0), wall(0.0, 3.1, 3.0, 0.2));
        RayScene::with_surfaces([(&pane, Some(kind)), (&behind, None), (&beside, None)])
    }

    fn sweep(scene: &RayScene, moving: Moving<'_>) -> impl Fn(f64) -> f64 + use<> {
        let fan = Fan::new(0.0, TAU / 3600.0, 3600);
        let mut ranges = Vec::new();
        scene.sweep(Pose2::IDENTITY, &fan, 30.0, moving, &mut ranges);
        move |angle: f64| ranges[(angle / fan.increment_rad()).round() as usize]
    }

    #[test]
    fn glass_answers_squarely_and_lets_all_else_through() {
        let range = sweep(&scene(SurfaceKind::Glass), Moving::default());
        assert_relative_eq!(range(0.1), 2.0 / libm::cos(0.1), max_relative = 1e-3);
        assert_relative_eq!(range(0.5), 4.0 / libm::cos(0.5), max_relative = 1e-3);
        assert_relative_eq!(range(TAU / 4.0), 3.0, max_relative = 1e-9);
    }

    /// A polyline comes as triangles: between them there is nothing to answer.
    #[test]
    fn glass_of_several_parts_is_one_piece() {
        let triangle =
            |corners: [(f64, f64); 3]| Outline::Polygon(corners.map(|(x, y)| Point2::new(x, y)).to_vec());
        // A square about (3, 0), cut along the diagonal that a beam at 45° meets squarely.
        let parts = [
            triangle([(2.0, -1.0), (4.0, -1.0), (2.0, 1.0)]),
            triangle([(4.0, -1.0), (4.0, 1.0), (2.0, 1.0)]),
        ];
        let behind = wall(8.1, 0.0, 0.2, 40.0);
        let glass = |part| (part, Some(SurfaceKind::Glass));
        let scene = RayScene::with_surfaces(parts.iter().map(glass).chain([(&behind, None)]));
        let at = |pose: Pose2| {
            let mut ranges = Vec::new();
            scene.sweep(pose, &Fan::new(0.0, TAU / 360.0, 360), 30.0, Moving::default(), &mut ranges);
            ranges[0]
        };
        assert_relative_eq!(at(Pose2::new(1.0, -2.0, FRAC_PI_4)), 7.0 * 2.0_f64.sqrt(), max_relative = 1e-9);
        assert_relative_eq!(at(Pose2::new(0.0, 0.5, 0.0)), 2.0, max_relative = 1e-9);
    }

    #[test]
    fn a_mirror_shows_what_is_before_it() {
        let range = sweep(&scene(SurfaceKind::Mirror), Moving::default());
        // By the mirror at 45° to (2, 2), and on to the wall at y = 3: one metre more in y.
        assert_relative_eq!(range(FRAC_PI_4), 3.0 * 2.0_f64.sqrt(), max_relative = 1e-9);
        // Straight back, past the lidar: nothing; but somebody behind the lidar is seen in it.
        assert!(range(0.0).is_infinite());
        let person = [Disc { centre: Point2::new(-3.0, 0.0), radius_m: 0.25 }];
        let range = sweep(&scene(SurfaceKind::Mirror), (&person).into());
        assert_relative_eq!(range(0.0), 2.0 + 4.75, max_relative = 1e-9);
    }

    #[test]
    fn dark_swallows_and_retro_blooms() {
        let range = sweep(&scene(SurfaceKind::Dark), Moving::default());
        assert_relative_eq!(range(0.5), 2.0 / libm::cos(0.5), max_relative = 1e-3);
        assert!(range(0.6).is_infinite());
        let edge = libm::atan2(3.0, 2.0);
        let range = sweep(&scene(SurfaceKind::Retro), Moving::default());
        // Up to 1.5° past the pane's edge the range is still that of the pane.
        assert!(range(edge + 0.02) < 3.7 && range(edge + 0.03) > 3.0 / libm::sin(edge + 0.03) - 1e-3);
        // A beam that something else stops first does not answer so.
        let person = [Disc { centre: Point2::new(1.0, 0.0), radius_m: 0.2 }];
        assert_relative_eq!(
            sweep(&scene(SurfaceKind::Retro), (&person).into())(0.0),
            0.8,
            max_relative = 1e-9
        );
    }

    /// A pole that answers strongly, behind something that lets nothing through, or round a mirror.
    #[test]
    fn what_a_beam_does_not_come_to_does_not_bloom() {
        let pole = Outline::Disc { centre: Point2::new(4.0, 0.0), radius_m: 0.1 };
        let corners = [(1.9, -1.5), (2.0, -1.5), (3.0, 1.5), (2.9, 1.5)].map(|(x, y)| Point2::new(x, y));
        let panel = Outline::Polygon(corners.to_vec());
        let seen = |kind| {
            let scene = RayScene::with_surfaces([(&panel, Some(kind)), (&pole, Some(SurfaceKind::Retro))]);
            sweep(&scene, Moving::default())(0.0)
        };
        // The panel is met at 18° from squarely: dark answers, so turn it away from the lidar for that.
        assert_relative_eq!(seen(SurfaceKind::Glass), 3.9, max_relative = 1e-9);
        assert!(seen(SurfaceKind::Mirror) > 3.9 + 1e-3 || seen(SurfaceKind::Mirror) < 3.9 - 1e-3);
        let turned = [(1.0, -1.5), (1.1, -1.5), (4.0, 1.5), (3.9, 1.5)].map(|(x, y)| Point2::new(x, y));
        let turned = Outline::Polygon(turned.to_vec());
        let scene =
            RayScene::with_surfaces([(&turned, Some(SurfaceKind::Dark)), (&pole, Some(SurfaceKind::Retro))]);
        assert!(sweep(&scene, Moving::default())(0.0).is_infinite());
    }

    #[test]
    fn a_bloom_goes_on_over_the_seam_of_a_circle() {
        // All of it is on one side of the seam.
        for side in [1.0, -1.0] {
            let (s, c) = libm::sincos(side * 0.015);
            let pole = Outline::Disc { centre: Point2::new(3.0 * c, 3.0 * s), radius_m: 0.03 };
            let scene = RayScene::with_surfaces([(&pole, Some(SurfaceKind::Retro))]);
            let range = sweep(&scene, Moving::default());
            let beside = |angle: f64| range((side * angle).rem_euclid(TAU));
            for angle in [0.015, 0.04, -0.015] {
                assert_relative_eq!(beside(angle), 2.98, max_relative = 1e-2);
            }
            assert!(beside(0.06).is_infinite() && beside(-0.04).is_infinite());
        }
    }

    use super::super::Disc;
}
