//! Where a scan fits a map: a bounded search about the expected pose, then Gauss–Newton on the map's distance field.
//!
//! A direction in which the hits say almost nothing, as along a corridor, is left as it was expected, and no certainty is
//! claimed in it (after Zhang, Kaess and Singh, "On degeneracy of optimization-based state estimation problems", 2016).

mod field;
mod own_map;

pub use field::{Distance, Field};
pub use own_map::{OwnMap, OwnMapConfig};

use crate::config::MatchingConfig;
use nalgebra::{Matrix3, Vector3};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2};

/// The most hits that one match looks at.
pub const POINT_LIMIT: usize = 256;
/// Of these the search looks at so many at most.
const SEARCH_POINT_LIMIT: usize = 64;
/// The most poses that the search tries: 15 along each side and 31 headings.
pub const CANDIDATE_LIMIT: usize = 15 * 15 * 31;
/// The most steps of Gauss–Newton.
pub const ITERATION_LIMIT: usize = 20;
/// The search's spacing, in m and rad.
const SEARCH_STEP_M: f64 = 0.08;
const SEARCH_STEP_RAD: f64 = 0.035;
/// Hits farther from the map than this many kernels say nothing.
const CUT_KERNELS: f64 = 4.0;
/// One step goes no farther, in m and rad.
const STEP_MAX_M: f64 = 0.2;
const STEP_MAX_RAD: f64 = 0.1;
/// A smaller step is the last, in m and rad.
const STEP_MIN: f64 = 1e-4;
/// What the search gives up of its score, at most 1, for every unit of squared Mahalanobis distance from what was expected.
const SCORE_PER_CHI2: f64 = 0.01;

/// Where a scan fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The robot's pose in the field's frame.
    pub pose: Pose2,
    /// What the hits say about it, without what was expected: inverse covariance of x, y, yaw; zero in directions they do not
    /// show.
    pub information: Matrix3<f64>,
    /// However many scans say the same, x, y and yaw are known no better than this: variances by the map's cells, zero where
    /// the hits do not show.
    pub floor: Vector3<f64>,
    /// Directions that they do not show, 0 to 3.
    pub hidden: u8,
    /// Share of the hits that fit.
    pub fit: f64,
    /// Root mean square distance of those that fit, in m.
    pub residual_m: f64,
    /// Hits that were looked at.
    pub points: usize,
    /// Poses tried by the search.
    pub candidates: usize,
    /// Steps of Gauss–Newton.
    pub iterations: usize,
}

/// The matcher, with its buffers.
#[derive(Clone, Debug)]
pub struct Matcher {
    config: MatchingConfig,
    turned: Vec<Point2>,
}

/// Sums over the hits at one pose.
struct Sums {
    hessian: Matrix3<f64>,
    gradient: Vector3<f64>,
    weight: f64,
}

impl Matcher {
    /// With nothing in its buffers.
    pub fn new(config: MatchingConfig) -> Self {
        Self { config, turned: Vec::with_capacity(SEARCH_POINT_LIMIT) }
    }

    /// Fits hits, given in the base frame, to a field, about an expected pose with its covariance.
    ///
    /// `None` with too few hits. Whether the fit is good enough is the caller's to judge. Takes at most [`CANDIDATE_LIMIT`]
    /// poses and [`ITERATION_LIMIT`] steps.
    pub fn fit(
        &mut self,
        points: &[Point2],
        field: &Field<'_>,
        expected: Pose2,
        covariance: &Matrix3<f64>,
    ) -> Option<Match> {
        let points = points.get(..POINT_LIMIT.min(points.len())).unwrap_or(points);
        if points.len() < self.config.points_min as usize || !expected.is_finite() {
            return None;
        }
        let (start, candidates) = self.search(points, field, expected, covariance);
        let lever_m = lever_m(points);
        let (pose, iterations) = self.refine(points, field, start, lever_m);
        let (fit, residual_m) = self.judge(points, field, pose);
        let (information, floor, hidden) = self.information(points, field, pose, lever_m, residual_m);
        Some(Match {
            pose,
            information,
            floor,
            hidden,
            fit,
            residual_m,
            points: points.len(),
            candidates,
            iterations,
        })
    }

    /// How well hits fit a field at a pose, without moving it: the share that fits and their root mean square distance.
    pub fn judge(&self, points: &[Point2], field: &Field<'_>, pose: Pose2) -> (f64, f64) {
        let (sin, cos) = libm::sincos(pose.yaw_rad);
        let (mut fitting, mut sum) = (0.0, 0.0);
        for p in points {
            let (rx, ry) = (cos * p.x_m - sin * p.y_m, sin * p.x_m + cos * p.y_m);
            let distance = field.distance(Point2::new(pose.x_m + rx, pose.y_m + ry));
            if let Some(d) = distance.filter(|d| d.distance_m <= self.config.fit_m) {
                fitting += 1.0;
                sum += d.distance_m * d.distance_m;
            }
        }
        (fitting / points.len().max(1) as f64, (sum / f64::max(fitting, 1.0)).sqrt())
    }

    /// The best of the poses about the expected one, on a lattice as wide as three sigma within limits.
    fn search(
        &mut self,
        points: &[Point2],
        field: &Field<'_>,
        expected: Pose2,
        covariance: &Matrix3<f64>,
    ) -> (Pose2, usize) {
        let c = &self.config;
        let count = |variance: f64, max: f64, step: f64, limit: f64| {
            let reach = (3.0 * variance.max(0.0).sqrt()).min(max);
            // NaN becomes zero.
            (reach / step).ceil().clamp(0.0, limit) as i32
        };
        let nx = count(covariance[(0, 0)], c.search_max_m, SEARCH_STEP_M, 7.0);
        let ny = count(covariance[(1, 1)], c.search_max_m, SEARCH_STEP_M, 7.0);
        let nyaw = count(covariance[(2, 2)], c.search_max_rad, SEARCH_STEP_RAD, 15.0);
        if (nx, ny, nyaw) == (0, 0, 0) {
            return (expected, 1);
        }
        let prior = covariance.try_inverse().unwrap_or_else(Matrix3::zeros);
        let every = points.len().div_ceil(SEARCH_POINT_LIMIT).max(1);
        let reach_cells = (c.kernel_m * CUT_KERNELS / field.resolution_m).max(1.0);
        let per_sq = 1.0 / (reach_cells * reach_cells);
        let (mut best, mut best_score, mut tried) = (expected, f64::NEG_INFINITY, 0);
        for k in -nyaw..=nyaw {
            let dyaw = f64::from(k) * SEARCH_STEP_RAD;
            let (sin, cos) = libm::sincos(expected.yaw_rad + dyaw);
            self.turned.clear();
            let hits = points.iter().step_by(every).take(SEARCH_POINT_LIMIT);
            self.turned.extend(hits.map(|p| {
                Point2::new(
                    expected.x_m + cos * p.x_m - sin * p.y_m,
                    expected.y_m + sin * p.x_m + cos * p.y_m,
                )
            }));
            let share = 1.0 / self.turned.len().max(1) as f64;
            for i in -nx..=nx {
                for j in -ny..=ny {
                    let (dx, dy) = (f64::from(i) * SEARCH_STEP_M, f64::from(j) * SEARCH_STEP_M);
                    let mut sum = 0.0;
                    for p in &self.turned {
                        let sq = field.cell_sq(Point2::new(p.x_m + dx, p.y_m + dy));
                        sum += sq.map_or(0.0, |sq| (1.0 - f64::from(sq) * per_sq).max(0.0));
                    }
                    let off = Vector3::new(dx, dy, dyaw);
                    let score = sum * share - SCORE_PER_CHI2 * off.dot(&(prior * off));
                    tried += 1;
                    if score > best_score {
                        best_score = score;
                        let yaw_rad = wrap_angle(expected.yaw_rad + dyaw);
                        best = Pose2::new(expected.x_m + dx, expected.y_m + dy, yaw_rad);
                    }
                }
            }
        }
        (best, tried)
    }

    fn refine(&self, points: &[Point2], field: &Field<'_>, start: Pose2, lever_m: f64) -> (Pose2, usize) {
        let mut pose = start;
        for iteration in 1..=ITERATION_LIMIT {
            let sums = self.sums(points, field, pose);
            let (seen, _) = self.seen(&sums, lever_m);
            // Only along the directions that are seen: the others keep what was expected.
            let scaled = Vector3::new(sums.gradient.x, sums.gradient.y, sums.gradient.z / lever_m);
            let step = -(seen * scaled);
            let (dx, dy) = (step.x, step.y);
            let dyaw = step.z / lever_m;
            let length = libm::hypot(dx, dy);
            let factor =
                f64::min(1.0, STEP_MAX_M / length.max(1e-12)).min(STEP_MAX_RAD / dyaw.abs().max(1e-12));
            if !factor.is_finite() || !length.is_finite() {
                return (pose, iteration);
            }
            pose = Pose2::new(
                pose.x_m + factor * dx,
                pose.y_m + factor * dy,
                wrap_angle(pose.yaw_rad + factor * dyaw),
            );
            if length < STEP_MIN && dyaw.abs() < STEP_MIN {
                return (pose, iteration);
            }
        }
        (pose, ITERATION_LIMIT)
    }

    /// Robust sums (Geman and McClure's weight, cut off far away) in x, y, yaw.
    fn sums(&self, points: &[Point2], field: &Field<'_>, pose: Pose2) -> Sums {
        let kernel_sq = self.config.kernel_m * self.config.kernel_m;
        let cut_m = CUT_KERNELS * self.config.kernel_m;
        let (sin, cos) = libm::sincos(pose.yaw_rad);
        let mut sums = Sums { hessian: Matrix3::zeros(), gradient: Vector3::zeros(), weight: 0.0 };
        for p in points {
            let (rx, ry) = (cos * p.x_m - sin * p.y_m, sin * p.x_m + cos * p.y_m);
            let Some(d) = field.distance(Point2::new(pose.x_m + rx, pose.y_m + ry)) else { continue };
            if d.distance_m > cut_m {
                continue;
            }
            let near = 1.0 / (1.0 + d.distance_m * d.distance_m / kernel_sq);
            let weight = near * near;
            let jacobian =
                Vector3::new(d.gradient.x_m, d.gradient.y_m, d.gradient.y_m * rx - d.gradient.x_m * ry);
            sums.hessian += weight * jacobian * jacobian.transpose();
            sums.gradient += weight * d.distance_m * jacobian;
            sums.weight += weight;
        }
        sums
    }

    /// The inverse of the Hessian, yaw counted in metres at `lever_m`, over the directions that the hits show; and the Hessian
    /// over these alone.
    fn seen(&self, sums: &Sums, lever_m: f64) -> (Matrix3<f64>, Matrix3<f64>) {
        let scale = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, 1.0 / lever_m));
        let eigen = (scale * sums.hessian * scale).symmetric_eigen();
        let least = (self.config.degenerate_share * sums.weight).max(1e-9);
        let (mut inverse, mut kept) = (Matrix3::zeros(), Matrix3::zeros());
        for (value, vector) in eigen.eigenvalues.iter().zip(eigen.eigenvectors.column_iter()) {
            if *value >= least {
                let outer = vector * vector.transpose();
                inverse += outer / *value;
                kept += outer * *value;
            }
        }
        (inverse, kept)
    }

    fn information(
        &self,
        points: &[Point2],
        field: &Field<'_>,
        pose: Pose2,
        lever_m: f64,
        residual_m: f64,
    ) -> (Matrix3<f64>, Vector3<f64>, u8) {
        let sums = self.sums(points, field, pose);
        let (inverse, kept) = self.seen(&sums, lever_m);
        let sigma_m = self.config.hit_sigma_m.max(residual_m);
        // A wall lies anywhere within its cell: uniform, and the same for every hit on it.
        let cell_var = field.resolution_m * field.resolution_m / 12.0;
        let scaled = kept / (sigma_m * sigma_m * self.config.hits_as_one);
        let with_cells = (Matrix3::identity() + scaled * cell_var)
            .try_inverse()
            .map_or_else(Matrix3::zeros, |inverse| scaled * inverse);
        let unscale = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, lever_m));
        let information = unscale * with_cells * unscale;
        // The projector onto what is seen.
        let shown = (kept * inverse).diagonal() * cell_var;
        let floor = Vector3::new(shown.x, shown.y, shown.z / (lever_m * lever_m));
        let rank = kept.symmetric_eigenvalues().iter().filter(|v| **v > 1e-10).count();
        let hidden = 3u8.saturating_sub(rank.min(3) as u8);
        (0.5 * (information + information.transpose()), floor, hidden)
    }
}

/// Root mean square distance of the hits from the robot: what a radian is in metres.
fn lever_m(points: &[Point2]) -> f64 {
    let sum: f64 = points.iter().map(|p| p.x_m * p.x_m + p.y_m * p.y_m).sum();
    (sum / points.len().max(1) as f64).sqrt().max(0.1)
}

/// How far from the map a hit still says something, in m: up to there the field has to be exact.
pub fn reach_m(config: &MatchingConfig) -> f64 {
    f64::max(CUT_KERNELS * config.kernel_m, config.fit_m)
}

/// What was expected and what the hits say, together: pose and covariance. `None` when the expected covariance is not
/// positive definite.
pub fn fuse(expected: Pose2, covariance: &Matrix3<f64>, found: &Match) -> Option<(Pose2, Matrix3<f64>)> {
    let prior = covariance.cholesky()?.inverse();
    let mut posterior = (prior + found.information).cholesky()?.inverse();
    let difference = Vector3::new(
        found.pose.x_m - expected.x_m,
        found.pose.y_m - expected.y_m,
        wrap_angle(found.pose.yaw_rad - expected.yaw_rad),
    );
    let step = posterior * (found.information * difference);
    for (i, least) in found.floor.iter().enumerate() {
        posterior[(i, i)] = posterior[(i, i)].max(*least);
    }
    let pose =
        Pose2::new(expected.x_m + step.x, expected.y_m + step.y, wrap_angle(expected.yaw_rad + step.z));
    pose.is_finite().then_some((pose, 0.5 * (posterior + posterior.transpose())))
}

#[cfg(test)]
mod tests;
