use super::*;
use crate::config::tests::shipped;
use crate::distance::{DistanceScratch, squared_distance};
use outrider_foundation::rng::Rng;
use proptest::prelude::*;

const RESOLUTION_M: f64 = 0.05;

/// Walls as segments, drawn into a grid of 20 m by 20 m about the origin, with its distance field.
struct World {
    walls: Vec<(Point2, Point2)>,
    distance_sq: Vec<u16>,
}

const SIDE: usize = 400;
const LIMIT: u16 = 60;

impl World {
    fn new(walls: &[(f64, f64, f64, f64)]) -> Self {
        let walls: Vec<_> = walls.iter().map(|w| (Point2::new(w.0, w.1), Point2::new(w.2, w.3))).collect();
        let mut lethal = vec![false; SIDE * SIDE];
        for (a, b) in &walls {
            for i in 0..=4000 {
                let f = f64::from(i) / 4000.0;
                let (x, y) = (a.x_m + f * (b.x_m - a.x_m), a.y_m + f * (b.y_m - a.y_m));
                let (col, row) = ((x + 10.0) / RESOLUTION_M, (y + 10.0) / RESOLUTION_M);
                lethal[row as usize * SIDE + col as usize] = true;
            }
        }
        let mut distance_sq = vec![0; SIDE * SIDE];
        squared_distance(&lethal, SIDE, SIDE, LIMIT, &mut DistanceScratch::default(), &mut distance_sq);
        Self { walls, distance_sq }
    }

    /// A room of 8 m by 6 m with a pillar and a niche: every direction shows.
    fn room() -> Self {
        Self::new(&[
            (-4.0, -3.0, 4.0, -3.0),
            (4.0, -3.0, 4.0, 3.0),
            (4.0, 3.0, -4.0, 3.0),
            (-4.0, 3.0, -4.0, -3.0),
            (1.0, 0.5, 1.5, 0.5),
            (1.5, 0.5, 1.5, 1.0),
            (-2.0, 3.0, -2.0, 2.0),
        ])
    }

    /// Two walls along x, without an end within range.
    fn corridor() -> Self {
        Self::new(&[(-9.9, -1.0, 9.9, -1.0), (-9.9, 1.0, 9.9, 1.0)])
    }

    fn field(&self) -> Field<'_> {
        Field {
            distance_sq: &self.distance_sq,
            limit_sq: LIMIT * LIMIT,
            width: SIDE,
            height: SIDE,
            resolution_m: RESOLUTION_M,
            origin: Point2::new(-10.0, -10.0),
        }
    }

    /// Hits in the base frame from a pose, up to 6 m, with noise.
    fn hits(&self, pose: Pose2, beams: usize, sigma_m: f64, seed: u64) -> Vec<Point2> {
        let mut rng = Rng::new(seed, 0, 0);
        let mut out = Vec::new();
        for i in 0..beams {
            let angle = i as f64 / beams as f64 * std::f64::consts::TAU;
            let (s, c) = libm::sincos(pose.yaw_rad + angle);
            let range = |(a, b): &(Point2, Point2)| {
                let (ex, ey) = (b.x_m - a.x_m, b.y_m - a.y_m);
                let (px, py) = (a.x_m - pose.x_m, a.y_m - pose.y_m);
                let det = c * ey - s * ex;
                let (t, u) = ((px * ey - py * ex) / det, (px * s - py * c) / det);
                (t > 0.0 && (0.0..=1.0).contains(&u)).then_some(t)
            };
            let nearest = self.walls.iter().filter_map(range).fold(f64::INFINITY, f64::min);
            if nearest < 6.0 {
                let r = nearest + sigma_m * rng.normal();
                let (s, c) = libm::sincos(angle);
                out.push(Point2::new(r * c, r * s));
            }
        }
        out
    }
}

fn loose() -> Matrix3<f64> {
    Matrix3::from_diagonal(&Vector3::new(0.04, 0.04, 0.01))
}

fn matcher() -> Matcher {
    Matcher::new(shipped().ego.matching)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_pose_is_found_from_anywhere_near(
        (x, y, yaw) in (-2.0..0.5f64, -2.0..-0.2f64, -3.1..3.1f64),
        (dx, dy, dyaw) in (-0.35..0.35f64, -0.35..0.35f64, -0.25..0.25f64),
        seed in 0..1000u64,
    ) {
        let world = World::room();
        let truth = Pose2::new(x, y, yaw);
        let hits = world.hits(truth, 180, 0.01, seed);
        let expected = Pose2::new(x + dx, y + dy, wrap_angle(yaw + dyaw));
        let found = matcher().fit(&hits, &world.field(), expected, &loose()).unwrap();
        let off_m = found.pose.position().distance_m(truth.position());
        let off_rad = wrap_angle(found.pose.yaw_rad - yaw).abs();
        prop_assert!(off_m < 0.04 && off_rad < 0.015, "{off_m} m, {off_rad} rad: {found:?}");
        prop_assert!(found.hidden == 0 && found.fit > 0.95);
        prop_assert!(found.candidates <= CANDIDATE_LIMIT && found.iterations <= ITERATION_LIMIT);
    }
}

/// What is claimed covers what is wrong, in the worst of rooms: all walls lie on the edges of their cells, to the same side.
#[test]
fn the_covariance_covers_the_error() {
    let world = World::room();
    let mut sum = 0.0;
    for i in 0..200u64 {
        let mut rng = Rng::new(i, 7, 0);
        let truth = Pose2::new(-1.0 + rng.normal() * 0.5, -1.2 + rng.normal() * 0.3, rng.normal());
        let hits = world.hits(truth, 180, 0.01, i);
        let expected =
            Pose2::new(truth.x_m + 0.1 * rng.normal(), truth.y_m + 0.1 * rng.normal(), truth.yaw_rad);
        let found = matcher().fit(&hits, &world.field(), expected, &loose()).unwrap();
        let e = Vector3::new(
            found.pose.x_m - truth.x_m,
            found.pose.y_m - truth.y_m,
            wrap_angle(found.pose.yaw_rad - truth.yaw_rad),
        );
        sum += e.dot(&(found.information * e));
    }
    let nees = sum / 200.0;
    assert!((0.2..6.0).contains(&nees), "NEES {nees}, 3 expected of an exact covariance");
}

/// Along a corridor a scan says nothing: the expected pose stays, and so does its uncertainty.
#[test]
fn a_corridor_invents_no_certainty_along_itself() {
    let world = World::corridor();
    for yaw in [0.0, 0.4, 1.5] {
        let truth = Pose2::new(0.0, 0.2, yaw);
        let hits = world.hits(truth, 180, 0.01, 3);
        let expected = Pose2::new(0.17, 0.1, yaw + 0.04);
        let prior = loose();
        let found = matcher().fit(&hits, &world.field(), expected, &prior).unwrap();
        assert_eq!(found.hidden, 1, "{found:?}");
        let (pose, covariance) = fuse(expected, &prior, &found).unwrap();
        assert!((pose.y_m - 0.2).abs() < 0.03 && wrap_angle(pose.yaw_rad - yaw).abs() < 0.01, "{pose:?}");
        assert!(covariance[(1, 1)].sqrt() < 0.03, "{covariance}");
        assert!(covariance[(0, 0)] > 0.95 * prior[(0, 0)], "{covariance}");
        assert!((pose.x_m - 0.17).abs() < 0.06, "nothing moves along the corridor: {pose:?}");
    }
}

/// A robot that stands and looks at the same walls for ever does not become certain of where they lie in their cells.
#[test]
fn looking_twice_does_not_make_it_truer() {
    let world = World::room();
    let truth = Pose2::new(-1.0, -1.0, 0.3);
    let (mut pose, mut covariance) = (truth, loose());
    for seed in 0..500 {
        let hits = world.hits(truth, 180, 0.01, seed);
        let found = matcher().fit(&hits, &world.field(), pose, &covariance).unwrap();
        (pose, covariance) = fuse(pose, &covariance, &found).unwrap();
    }
    let off_m = pose.position().distance_m(truth.position());
    let sigma_m = (covariance[(0, 0)] + covariance[(1, 1)]).sqrt();
    assert!(off_m < 2.5 * sigma_m && sigma_m > 0.015, "{off_m} m off, {sigma_m} m claimed");
}

#[test]
fn nonsense_is_bounded_and_harmless() {
    let world = World::room();
    let field = world.field();
    let hits = world.hits(Pose2::IDENTITY, 180, 0.0, 1);
    assert_eq!(matcher().fit(&hits[..10], &field, Pose2::IDENTITY, &loose()), None);
    assert_eq!(matcher().fit(&hits, &field, Pose2::new(f64::NAN, 0.0, 0.0), &loose()), None);
    for covariance in [Matrix3::zeros(), Matrix3::identity() * f64::NAN, Matrix3::identity() * 1e12, -loose()]
    {
        let found = matcher().fit(&hits, &field, Pose2::new(0.02, 0.0, 0.0), &covariance).unwrap();
        assert!(found.pose.is_finite() && found.candidates <= CANDIDATE_LIMIT);
    }
    assert_eq!(
        fuse(Pose2::IDENTITY, &-loose(), &matcher().fit(&hits, &field, Pose2::IDENTITY, &loose()).unwrap()),
        None
    );
    // Far outside of the map: nothing fits, nothing moves, nothing is claimed.
    let far = Pose2::new(1e6, 0.0, 0.0);
    let found = matcher().fit(&hits, &field, far, &loose()).unwrap();
    assert!(found.fit == 0.0 && found.hidden == 3 && found.information == Matrix3::zeros());
    let many = vec![Point2::new(1.0, 1.0); 100_000];
    assert_eq!(matcher().fit(&many, &field, Pose2::IDENTITY, &loose()).unwrap().points, POINT_LIMIT);
}
