//! MOTA (Bernardin and Stiefelhagen 2008), GOSPA (Rahmathullah, García-Fernández and Svensson 2017) with p = 2, c = 1 m and
//! α = 2, changes of identity, and normalised estimation error squared: its mean, and the share within 95 % of χ².

use nalgebra::{Matrix4, Vector4};
use outrider_foundation::Point2;
use outrider_world_model::tracks::assign::Assignment;
use std::collections::BTreeMap;

/// Estimates farther from the truth than this are of nobody, m; the c of GOSPA.
pub const CUT_OFF_M: f64 = 1.0;
/// The most people and the most estimates.
const LIMIT: usize = 256;
/// 95 % of χ² with four degrees of freedom: beyond it an error is larger than stated.
const CHI2_95: f64 = 9.488;

/// What a tracker says of one object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Whose.
    pub id: u64,
    /// Where.
    pub position: Point2,
    /// How fast.
    pub velocity: Point2,
    /// Of x, y, vx, vy, row-major.
    pub covariance: [f64; 16],
}

/// How well it did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Multiple object tracking accuracy.
    pub mota: f64,
    /// Mean over all times, m.
    pub gospa_m: f64,
    /// Times that somebody was given another id.
    pub switches: u64,
    /// Mean normalised error squared of x, y, vx, vy; four when covariances are true.
    pub nees: f64,
    /// Share of single errors within the ellipsoid that is stated to hold 95 %.
    pub within: f64,
}

/// Sums up.
#[derive(Debug)]
pub struct Scorer {
    assignment: Assignment,
    /// Last id of everybody.
    ids: BTreeMap<usize, u64>,
    people: u64,
    missed: u64,
    invented: u64,
    switches: u64,
    times: u64,
    gospa_m: f64,
    nees: f64,
    within: u64,
    matched: u64,
}

impl Default for Scorer {
    fn default() -> Self {
        Self {
            assignment: Assignment::new(LIMIT, LIMIT),
            ids: BTreeMap::new(),
            people: 0,
            missed: 0,
            invented: 0,
            switches: 0,
            times: 0,
            gospa_m: 0.0,
            nees: 0.0,
            within: 0,
            matched: 0,
        }
    }
}

impl Scorer {
    /// A new run: nobody is known.
    pub fn begin(&mut self) {
        self.ids.clear();
    }

    /// Takes one time: position and velocity of everybody, and what is believed.
    pub fn take(&mut self, truth: &[(Point2, Point2)], estimates: &[Estimate]) {
        let half = 0.5 * CUT_OFF_M * CUT_OFF_M;
        self.assignment.begin(truth.len(), estimates.len());
        for (row, (position, _)) in truth.iter().enumerate() {
            self.assignment.miss(row, half);
            for (column, estimate) in estimates.iter().enumerate() {
                let d = estimate.position.distance_m(*position);
                if d < CUT_OFF_M {
                    self.assignment.allow(row, column, d * d - half);
                }
            }
        }
        let chosen: Vec<Option<usize>> = self.assignment.solve().collect();
        let mut sum = 0.0;
        let mut pairs = 0;
        for (row, column) in chosen.into_iter().enumerate() {
            let (Some(person), Some(estimate)) = (truth.get(row), column.and_then(|c| estimates.get(c)))
            else {
                continue;
            };
            pairs += 1;
            let d = estimate.position.distance_m(person.0);
            sum += d * d;
            self.pair(row, person, estimate);
        }
        let (missed, invented) = (truth.len() as u64 - pairs, estimates.len() as u64 - pairs);
        self.people += truth.len() as u64;
        self.missed += missed;
        self.invented += invented;
        self.times += 1;
        self.gospa_m += (sum + half * (missed + invented) as f64).sqrt();
    }

    fn pair(&mut self, row: usize, (position, velocity): &(Point2, Point2), estimate: &Estimate) {
        let before = self.ids.insert(row, estimate.id);
        self.switches += u64::from(before.is_some_and(|id| id != estimate.id));
        let error = Vector4::new(
            estimate.position.x_m - position.x_m,
            estimate.position.y_m - position.y_m,
            estimate.velocity.x_m - velocity.x_m,
            estimate.velocity.y_m - velocity.y_m,
        );
        let inverse = Matrix4::from_row_slice(&estimate.covariance).try_inverse();
        let nees = inverse.map_or(f64::INFINITY, |inverse| error.dot(&(inverse * error)));
        self.nees += nees;
        self.within += u64::from(nees <= CHI2_95);
        self.matched += 1;
    }

    /// All of it.
    pub fn score(&self) -> Score {
        let people = self.people.max(1) as f64;
        let matched = self.matched.max(1) as f64;
        Score {
            mota: 1.0 - (self.missed + self.invented + self.switches) as f64 / people,
            gospa_m: self.gospa_m / self.times.max(1) as f64,
            switches: self.switches,
            nees: self.nees / matched,
            within: self.within as f64 / matched,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(id: u64, x_m: f64) -> Estimate {
        let covariance = std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 });
        Estimate { id, position: Point2::new(x_m, 0.0), velocity: Point2::default(), covariance }
    }

    /// By hand: one met at 0.1 m, one missed, one invented; then the met one is given another id.
    #[test]
    fn scores_by_hand() {
        let truth = [(Point2::default(), Point2::default()), (Point2::new(5.0, 0.0), Point2::default())];
        let mut scorer = Scorer::default();
        scorer.begin();
        scorer.take(&truth, &[estimate(1, 0.1), estimate(2, 9.0)]);
        let score = scorer.score();
        assert!((score.mota - 0.0).abs() < 1e-12 && (score.nees - 1.0).abs() < 1e-9);
        assert!((score.gospa_m - (0.01f64 + 1.0).sqrt()).abs() < 1e-12);
        scorer.take(&truth, &[estimate(7, 0.1), estimate(8, 5.0)]);
        assert_eq!(scorer.score().switches, 1);
        assert!((scorer.score().mota - 0.25).abs() < 1e-12);
    }
}
