//! MOTA (Bernardin and Stiefelhagen 2008), GOSPA (Rahmathullah, García-Fernández and Svensson 2017) with p = 2, c = 1 m and
//! α = 2, changes of identity, and normalised estimation error squared: its mean, and the share within 95 % of χ².

use nalgebra::{Matrix4, Vector4};
use outrider_foundation::Point2;
use outrider_foundation::data::{Track, TrackState};
use outrider_world_model::tracks::assign::Assignment;
use std::collections::BTreeMap;

/// Estimates farther from the truth than this are of nobody, m; the c of GOSPA.
pub const CUT_OFF_M: f64 = 1.0;
/// What somebody costs who is not met, and an estimate of nobody: half of c squared.
const HALF_M2: f64 = 0.5 * CUT_OFF_M * CUT_OFF_M;
/// The most people and the most estimates of one time.
pub const PEOPLE_LIMIT: usize = 256;
/// Cost of somebody who is not met, above that of any estimate that is near enough,
const MISSED: f64 = 1e3;
/// and what it is worth to be met by the same one as before: more than any nearness, and more than one who is missed.
const KEPT: f64 = 1e4;
/// Numbers in an error: x, y, vx, vy.
const NUMBERS: f64 = 4.0;
/// Errors of one and the same track count once in so many pictures: those between are much like them.
const APART: u64 = 20;

/// Somebody as they really are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    /// Nobody else has this number.
    pub number: u64,
    /// Where, in the frame of the estimates.
    pub position: Point2,
    /// How fast, in m/s.
    pub velocity: Point2,
}

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

impl Estimate {
    /// Of a track that tells where somebody is: confirmed, and seen within its time to live, or left standing.
    pub fn of(track: &Track) -> Option<Self> {
        let told = matches!(track.state, TrackState::Confirmed | TrackState::Coasting | TrackState::Standing);
        let Track { id, position, velocity, covariance, .. } = *track;
        told.then_some(Self { id, position, velocity, covariance })
    }
}

/// How well it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Score {
    /// Multiple object tracking accuracy: one less missed, invented and switched for everybody at every time; not a number where
    /// there was nobody.
    pub mota: f64,
    /// Everybody at every time,
    pub people: u64,
    /// of these not met by any estimate;
    pub missed: u64,
    /// and estimates of nobody.
    pub invented: u64,
    /// Mean over all times, m.
    pub gospa_m: f64,
    /// Times that somebody was given another id.
    pub switches: u64,
    /// Normalised errors squared of x, y, vx, vy, of all who are met,
    pub nees: Nees,
    /// and of those who are met beyond doubt: nobody else, and no other estimate, within 1 m for two seconds. Of the others it
    /// tells how well they are told apart rather than whether the filter's covariances are true.
    pub nees_apart: Nees,
}

impl Score {
    /// MOTA as it stands in tables.
    pub fn mota_shown(&self) -> String {
        if self.mota.is_nan() { "–".to_owned() } else { format!("{:.1} %", 100.0 * self.mota) }
    }
}

/// Normalised estimation errors squared: four on average when covariances are true.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Nees {
    /// Mean.
    pub mean: f64,
    /// Of so many errors, 2 s apart.
    pub count: u64,
    /// Sum of their squared deviations from the mean.
    pub squares: f64,
}

impl Nees {
    /// Takes one more. With one that is infinite so is the mean from then on.
    pub fn push(&mut self, nees: f64) {
        self.count += 1;
        if !nees.is_finite() || !self.mean.is_finite() {
            (self.mean, self.squares) = (f64::INFINITY, f64::INFINITY);
            return;
        }
        // Welford's.
        let before = nees - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (nees - self.mean);
    }

    /// Where the mean lies with 95 % when covariances are true: that of a χ² with four degrees of freedom for every error, by
    /// its normal approximation, which is good from some hundreds on.
    pub fn band(&self) -> (f64, f64) {
        let half = 1.96 * (2.0 * NUMBERS / self.count.max(1) as f64).sqrt();
        (NUMBERS - half, NUMBERS + half)
    }

    /// Where, by how much these errors differ, their true mean lies with 95 %. Wider than the band where errors are not Gaussian: those
    /// of several ways to move, mixed, are not, and four is their mean nevertheless when covariances are true. `None` for
    /// fewer than two errors.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let spare = self.count.checked_sub(1).filter(|spare| *spare > 0)?;
        let half = 1.96 * (self.squares / spare as f64 / self.count as f64).sqrt();
        Some((self.mean - half, self.mean + half))
    }

    /// Whether four lies in that.
    pub fn holds_true(&self) -> bool {
        self.interval().is_some_and(|(least, most)| (least..=most).contains(&NUMBERS))
    }

    /// The interval as it stands in tables.
    pub fn spread(&self) -> String {
        let Some((least, most)) = self.interval() else { return "–".to_owned() };
        format!("{least:.2} to {most:.2}{}", if self.holds_true() { "" } else { ", not 4" })
    }

    /// Whether it lies there.
    pub fn is_within(&self) -> bool {
        let (least, most) = self.band();
        (least..=most).contains(&self.mean)
    }

    /// The mean, whether it lies in its band, and the band; as it stands in tables.
    pub fn banded(&self) -> String {
        if self.count == 0 {
            return "–".to_owned();
        }
        let (least, most) = self.band();
        format!("{} ({least:.2} to {most:.2})", self.marked())
    }

    /// The same without the band.
    pub fn marked(&self) -> String {
        if self.count == 0 {
            return "–".to_owned();
        }
        format!("{:.2} {}", self.mean, if self.is_within() { "in" } else { "out" })
    }
}

/// Whose error was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Of the target.
    pub number: u64,
    /// Of the estimate.
    pub id: u64,
    /// Met beyond doubt, as in [`Score::nees_apart`].
    pub apart: bool,
}

/// Sums up.
#[derive(Debug)]
pub struct Scorer {
    assignment: Assignment,
    /// Last id of everybody.
    ids: BTreeMap<u64, u64>,
    people: u64,
    missed: u64,
    invented: u64,
    switches: u64,
    times: u64,
    gospa_m: f64,
    nees: Nees,
    nees_apart: Nees,
    /// For how many pictures somebody has been apart.
    apart: BTreeMap<u64, u64>,
    judged: Vec<Judged>,
}

impl Default for Scorer {
    fn default() -> Self {
        Self {
            assignment: Assignment::new(PEOPLE_LIMIT, PEOPLE_LIMIT),
            ids: BTreeMap::new(),
            people: 0,
            missed: 0,
            invented: 0,
            switches: 0,
            times: 0,
            gospa_m: 0.0,
            nees: Nees::default(),
            nees_apart: Nees::default(),
            apart: BTreeMap::new(),
            judged: Vec::new(),
        }
    }
}

impl Scorer {
    /// A new run: nobody is known.
    pub fn begin(&mut self) {
        self.ids.clear();
        self.apart.clear();
    }

    /// Takes one time: everybody, and what is believed. Returns who is followed by what, as indices into both.
    pub fn take(&mut self, truth: &[Target], estimates: &[Estimate]) -> Vec<(usize, usize)> {
        let followed = self.count(truth, estimates);
        let met = nearest(&mut self.assignment, truth, estimates);
        let pair = |(t, e): &(usize, usize)| Some((truth.get(*t)?, estimates.get(*e)?));
        let met: Vec<_> = met.iter().filter_map(pair).collect();
        let sum: f64 = met.iter().map(|(p, e)| e.position.distance_m(p.position).powi(2)).sum();
        let unmet = truth.len() + estimates.len() - 2 * met.len();
        self.gospa_m += (sum + HALF_M2 * unmet as f64).sqrt();
        for person in truth {
            let count = self.apart.entry(person.number).or_default();
            *count = if is_apart(person, truth, estimates) { *count + 1 } else { 0 };
        }
        // Who does not count for a while may meet anybody meanwhile.
        self.apart.retain(|number, _| truth.iter().any(|person| person.number == *number));
        self.judged.clear();
        if self.times.is_multiple_of(APART) {
            for (person, estimate) in met {
                let nees = nees(person, estimate);
                self.nees.push(nees);
                let apart = self.apart.get(&person.number).is_some_and(|count| *count >= APART);
                if apart {
                    self.nees_apart.push(nees);
                }
                self.judged.push(Judged { number: person.number, id: estimate.id, apart });
            }
        }
        self.times += 1;
        followed
    }

    /// Whose errors were taken at the last time.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// Who was met by an estimate before stays met by it while it is near; the others are met anew (Bernardin and Stiefelhagen).
    fn count(&mut self, truth: &[Target], estimates: &[Estimate]) -> Vec<(usize, usize)> {
        let ids = &self.ids;
        let cost = |person: &Target, estimate: &Estimate, d: f64| {
            let kept = if ids.get(&person.number) == Some(&estimate.id) { KEPT } else { 0.0 };
            d * d - kept
        };
        let followed = meet(&mut self.assignment, truth, estimates, MISSED, cost);
        for (t, e) in &followed {
            let (Some(person), Some(estimate)) = (truth.get(*t), estimates.get(*e)) else { continue };
            let before = self.ids.insert(person.number, estimate.id);
            self.switches += u64::from(before.is_some_and(|id| id != estimate.id));
        }
        self.people += truth.len() as u64;
        self.missed += (truth.len() - followed.len()) as u64;
        self.invented += (estimates.len() - followed.len()) as u64;
        followed
    }

    /// All of it.
    pub fn score(&self) -> Score {
        let mistakes = (self.missed + self.invented + self.switches) as f64;
        Score {
            mota: if self.people == 0 { f64::NAN } else { 1.0 - mistakes / self.people as f64 },
            people: self.people,
            missed: self.missed,
            invented: self.invented,
            gospa_m: self.gospa_m / self.times.max(1) as f64,
            switches: self.switches,
            nees: self.nees,
            nees_apart: self.nees_apart,
        }
    }
}

/// Error of position and velocity by its stated covariance; infinite where that is none: singular, negative in any direction, or not
/// symmetric.
pub fn nees(person: &Target, estimate: &Estimate) -> f64 {
    let error = Vector4::new(
        estimate.position.x_m - person.position.x_m,
        estimate.position.y_m - person.position.y_m,
        estimate.velocity.x_m - person.velocity.x_m,
        estimate.velocity.y_m - person.velocity.y_m,
    );
    let covariance = Matrix4::from_row_slice(&estimate.covariance);
    // The factors are those of the lower half alone. What is no number is not equal.
    let tolerance = 1e-9 * covariance.amax();
    let symmetric = (covariance - covariance.transpose()).iter().all(|apart| apart.abs() <= tolerance);
    let factors = covariance.cholesky().filter(|_| symmetric);
    factors.map_or(f64::INFINITY, |factors| error.dot(&factors.solve(&error)))
}

/// Whether nobody else and no second estimate is near somebody.
fn is_apart(person: &Target, truth: &[Target], estimates: &[Estimate]) -> bool {
    let near = |at: Point2| at.distance_m(person.position) < CUT_OFF_M;
    truth.iter().filter(|other| near(other.position)).count() == 1
        && estimates.iter().filter(|estimate| near(estimate.position)).count() == 1
}

/// Who is meant by what, as indices: the pairs within [`CUT_OFF_M`] with the least sum of squared distances, each that is left alone
/// costing as GOSPA has it.
pub fn nearest(assignment: &mut Assignment, truth: &[Target], estimates: &[Estimate]) -> Vec<(usize, usize)> {
    meet(assignment, truth, estimates, HALF_M2, |_, _, d| d * d - HALF_M2)
}

/// The pairs with the least sum of costs. `cost` is told person, estimate and their distance in m.
fn meet(
    assignment: &mut Assignment,
    truth: &[Target],
    estimates: &[Estimate],
    miss: f64,
    cost: impl Fn(&Target, &Estimate, f64) -> f64,
) -> Vec<(usize, usize)> {
    assignment.begin(truth.len(), estimates.len());
    for (row, person) in truth.iter().enumerate() {
        assignment.miss(row, miss);
        for (column, estimate) in estimates.iter().enumerate() {
            let d = estimate.position.distance_m(person.position);
            if d < CUT_OFF_M {
                assignment.allow(row, column, cost(person, estimate, d));
            }
        }
    }
    let rows = truth.len();
    assignment.solve().enumerate().take(rows).filter_map(|(row, column)| Some((row, column?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::Rng;

    fn estimate(id: u64, x_m: f64) -> Estimate {
        let covariance = std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 });
        Estimate { id, position: Point2::new(x_m, 0.0), velocity: Point2::default(), covariance }
    }

    /// By hand: one met at 0.1 m, one missed, one invented; then the met one is given another id.
    #[test]
    fn scores_by_hand() {
        let at =
            |number, x_m| Target { number, position: Point2::new(x_m, 0.0), velocity: Point2::default() };
        let truth = [at(1, 0.0), at(2, 5.0)];
        let mut scorer = Scorer::default();
        scorer.begin();
        assert_eq!(scorer.take(&truth, &[estimate(1, 0.1), estimate(2, 9.0)]), [(0, 0)]);
        let score = scorer.score();
        assert_eq!((score.people, score.missed, score.invented), (2, 1, 1));
        assert!((score.mota - 0.0).abs() < 1e-12 && (score.nees.mean - 1.0).abs() < 1e-9);
        assert!((score.gospa_m - (0.01f64 + 1.0).sqrt()).abs() < 1e-12);
        scorer.take(&truth, &[estimate(7, 0.1), estimate(8, 5.0)]);
        assert_eq!(scorer.score().switches, 1);
        assert!((scorer.score().mota - 0.25).abs() < 1e-12);
    }

    /// With nobody there is nothing of which a share is missed or invented.
    #[test]
    fn without_people_there_is_no_accuracy() {
        let mut scorer = Scorer::default();
        scorer.begin();
        scorer.take(&[], &[estimate(1, 0.0), estimate(2, 3.0)]);
        let score = scorer.score();
        assert!(score.mota.is_nan() && score.invented == 2, "{score:?}");
        assert_eq!(score.mota_shown(), "–");
        assert_eq!(Score { mota: 0.954, ..score }.mota_shown(), "95.4 %");
    }

    /// Whoever says less than nothing of an error is not right by it.
    #[test]
    fn errors_by_a_covariance_that_is_none_are_infinite() {
        let of = |diagonal: [f64; 4]| {
            let covariance = std::array::from_fn(|i| if i % 5 == 0 { diagonal[i / 5] } else { 0.0 });
            nees(&Target::default(), &Estimate { covariance, ..estimate(1, 2.0) })
        };
        assert!((of([1.0; 4]) - 4.0).abs() < 1e-12 && (of([4.0, 1.0, 1.0, 1.0]) - 1.0).abs() < 1e-12);
        for none in [[-1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, f64::NAN]] {
            assert!(of(none).is_infinite() && of(none) > 0.0, "{none:?}");
        }
        // One that is not symmetric is none either, whichever half is meant.
        for (at, value) in [(1, f64::NAN), (4, f64::NAN), (1, 0.5), (8, 0.5)] {
            let mut covariance = std::array::from_fn(|i| if i % 5 == 0 { 1.0 } else { 0.0 });
            covariance[at] = value;
            let estimate = Estimate { covariance, ..estimate(1, 2.0) };
            assert!(nees(&Target::default(), &estimate).is_infinite(), "{at}: {value}");
        }
    }

    /// Who was out of sight may have met anybody there.
    #[test]
    fn who_does_not_count_for_a_while_is_not_apart_at_once() {
        let at =
            |number, x_m| Target { number, position: Point2::new(x_m, 0.0), velocity: Point2::default() };
        let mut scorer = Scorer::default();
        scorer.begin();
        (0..=2 * APART).for_each(|_| drop(scorer.take(&[at(1, 0.0)], &[estimate(1, 0.1)])));
        assert_eq!(scorer.score().nees_apart.count, 2);
        (1..2 * APART).for_each(|_| drop(scorer.take(&[], &[])));
        (0..=APART).for_each(|_| drop(scorer.take(&[at(1, 0.0)], &[estimate(2, 0.1)])));
        assert_eq!((scorer.score().nees.count, scorer.score().nees_apart.count), (5, 3));
    }

    /// Once a covariance is singular the mean is infinite for good, and no number that is none.
    #[test]
    fn a_singular_covariance_is_seen_in_the_mean() {
        let mut nees = Nees::default();
        [4.0, f64::INFINITY, 4.0, f64::INFINITY, 3.0].into_iter().for_each(|one| nees.push(one));
        assert_eq!((nees.mean, nees.count), (f64::INFINITY, 5));
    }

    /// The band is that of χ²: 95 % of means of honest errors lie in it.
    #[test]
    fn honest_errors_lie_in_the_band() {
        let mut rng = Rng::new(7, 0, 0);
        let (mut inside, mut honest) = (0, 0);
        for _ in 0..400 {
            let count = 200;
            let mut one = || (0..4).map(|_| rng.normal().powi(2)).sum::<f64>();
            let mut nees = Nees::default();
            (0..count).for_each(|_| nees.push(one()));
            inside += u32::from(nees.is_within());
            honest += u32::from(nees.holds_true());
        }
        assert!((366..=394).contains(&inside), "{inside} of 400");
        assert!((366..=394).contains(&honest), "{honest} of 400");
    }

    /// Errors that are narrow with nine tenths and wide with the rest, and whose covariance is told truly: their mean is four, and it
    /// leaves the band of χ² much oftener than one time in twenty, but not its own interval.
    #[test]
    fn honest_errors_that_are_not_gaussian_leave_the_band_and_not_their_interval() {
        let mut rng = Rng::new(8, 0, 0);
        let (mut inside, mut honest) = (0, 0);
        for _ in 0..400 {
            let mut nees = Nees::default();
            for _ in 0..1000 {
                let scale: f64 = if rng.uniform() < 0.9 { 0.5 } else { 5.5 };
                nees.push(scale * (0..4).map(|_| rng.normal().powi(2)).sum::<f64>());
            }
            inside += u32::from(nees.is_within());
            honest += u32::from(nees.holds_true());
        }
        assert!(inside < 280, "{inside} of 400");
        assert!((364..=396).contains(&honest), "{honest} of 400");
    }

    #[test]
    fn one_error_has_no_interval() {
        let mut nees = Nees::default();
        assert_eq!((nees.spread().as_str(), nees.banded().as_str()), ("–", "–"));
        nees.push(3.0);
        assert_eq!(nees.interval(), None);
        nees.push(5.0);
        let (least, most) = nees.interval().unwrap();
        assert!((least - (4.0 - 1.96)).abs() < 1e-12 && (most - (4.0 + 1.96)).abs() < 1e-12);
    }
}
