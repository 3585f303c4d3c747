//! How sure a number is: intervals for shares, and comparisons of paired runs.
//!
//! Everything is exact or seeded, so that the same results give the same verdict.

use outrider_foundation::rng::Rng;
use serde::{Deserialize, Serialize};

/// Up to so many pairs the distribution of Wilcoxon's statistic is counted, beyond it is taken for normal.
const COUNTED_PAIRS: usize = 500;
/// Differences that differ by less are equal: what is left of subtracting numbers with six decimals.
const EQUAL: f64 = 1e-9;
/// Stream of the bootstrap.
const BOOTSTRAP: u32 = 0x626f_6f74;
/// Halvings when an exact bound is looked for: to the last bit.
const HALVINGS: u32 = 60;

/// A share with the interval that it lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many are so.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Share {
    /// Wilson's score interval (1927): good coverage for small numbers, never outside of [0, 1].
    pub fn wilson(hits: u64, of: u64, confidence: f64) -> Self {
        if of == 0 {
            return Self { hits, of, low: 0.0, high: 1.0 };
        }
        let (n, p) = (of as f64, hits as f64 / of as f64);
        let z = normal_quantile(0.5 + 0.5 * confidence);
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let low = if hits == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if hits == of { 1.0 } else { (centre + half).min(1.0) };
        Self { hits, of, low, high }
    }

    /// The interval of Clopper and Pearson (1934): covers with at least the confidence stated, whatever the share is.
    pub fn clopper_pearson(hits: u64, of: u64, confidence: f64) -> Self {
        let tail = 0.5 * (1.0 - confidence);
        // Where the share is `p`, at most `hits` have this probability; it falls as `p` rises.
        let bound = |least: u64, wanted: f64| {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..HALVINGS {
                let middle = 0.5 * (low + high);
                if binomial_cdf(least, of, middle) > wanted { low = middle } else { high = middle }
            }
            0.5 * (low + high)
        };
        let low = if hits == 0 { 0.0 } else { bound(hits - 1, 1.0 - tail) };
        let high = if hits >= of { 1.0 } else { bound(hits, tail) };
        Self { hits, of, low, high }
    }

    /// The share itself; zero of nothing.
    pub fn value(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }
}

/// McNemar's exact test: of the pairs that differ, is it more often the second that fails? One-sided probability of so many or
/// more when both were equal.
pub fn mcnemar_worse(first_only: u64, second_only: u64) -> f64 {
    let of = first_only + second_only;
    // `first_only` passes only in the first: the second is worse there.
    if first_only == 0 { 1.0 } else { 1.0 - binomial_cdf(first_only - 1, of, 0.5) }
}

/// Wilcoxon's signed-rank test of paired differences: one-sided probability of so great a sum of ranks of the positive ones, or
/// a greater, when differences are as often negative as positive. Zeros are left out (Wilcoxon 1945), ties share their ranks; up
/// to 500 pairs the distribution is counted, ties and all. Differences are compared to nine decimals.
pub fn wilcoxon_greater(differences: &[f64]) -> f64 {
    let whole = differences.iter().map(|d| (d / EQUAL).round());
    let mut sorted: Vec<f64> = whole.filter(|d| *d != 0.0 && d.is_finite()).collect();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let count = sorted.len();
    if count == 0 {
        return 1.0;
    }
    // Twice the rank, so that shared ranks are whole numbers.
    let mut ranks = vec![0usize; count];
    let mut begin = 0;
    while begin < count {
        let value = sorted.get(begin).map_or(0.0, |v| v.abs());
        let end = begin + sorted.iter().skip(begin).take_while(|v| v.abs() <= value).count().max(1);
        for rank in ranks.iter_mut().take(end).skip(begin) {
            *rank = begin + 1 + end;
        }
        begin = end;
    }
    // Sums of ranks go by this step.
    let step = ranks.iter().copied().fold(0, greatest_common_divisor).max(1);
    ranks.iter_mut().for_each(|rank| *rank /= step);
    let positive: usize = sorted.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, r)| r).sum();
    if count <= COUNTED_PAIRS { counted_tail(&ranks, positive) } else { normal_tail(&ranks, positive) }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn counted_tail(ranks: &[usize], least: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let mut probability = vec![0.0f64; total + 1];
    if let Some(first) = probability.first_mut() {
        *first = 1.0;
    }
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = sum.checked_sub(*rank).and_then(|s| probability.get(s)).copied().unwrap_or(0.0);
            if let Some(p) = probability.get_mut(sum) {
                *p = 0.5 * (*p + with);
            }
        }
    }
    probability.iter().skip(least).sum::<f64>().min(1.0)
}

fn normal_tail(ranks: &[usize], least: usize) -> f64 {
    let mean: f64 = ranks.iter().map(|r| 0.5 * *r as f64).sum();
    let variance: f64 = ranks.iter().map(|r| 0.25 * (*r as f64) * (*r as f64)).sum();
    // Half a step, for continuity.
    1.0 - normal_cdf((least as f64 - 0.5 - mean) / variance.sqrt())
}

/// Probability that at most `least` of `of` are hits when each is with probability `p`.
pub fn binomial_cdf(least: u64, of: u64, p: f64) -> f64 {
    if least >= of {
        return 1.0;
    }
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let (log_p, log_q) = (libm::log(p), libm::log1p(-p));
    let log_choose = |k: u64| log_factorial(of) - log_factorial(k) - log_factorial(of - k);
    let term = |k: u64| libm::exp(log_choose(k) + k as f64 * log_p + (of - k) as f64 * log_q);
    (0..=least).map(term).sum::<f64>().min(1.0)
}

fn log_factorial(n: u64) -> f64 {
    libm::lgamma(n as f64 + 1.0)
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The value below which a standard normal number lies with probability `p`.
pub fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..HALVINGS + 20 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Median; the mean of the middle two of an even number.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(half.checked_sub(1)?).map(|lower| 0.5 * (lower + upper))
}

/// Percentile interval of the mean by bootstrap, seeded (Efron 1979).
pub fn bootstrap_mean(values: &[f64], rounds: u32, confidence: f64, seed: u64) -> Option<(f64, f64)> {
    if values.is_empty() || rounds == 0 {
        return None;
    }
    let count = values.len();
    let mut means: Vec<f64> = (0..rounds)
        .map(|round| {
            let mut rng = Rng::new(seed, BOOTSTRAP, u64::from(round));
            let draw = |_| values.get((rng.uniform() * count as f64) as usize).copied().unwrap_or_default();
            (0..count).map(draw).sum::<f64>() / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means.get(((share * f64::from(rounds)) as usize).min(means.len() - 1)).copied();
    let tail = 0.5 * (1.0 - confidence);
    Some((at(tail)?, at(1.0 - tail)?))
}

/// Holm's correction (1979): probabilities of several tests, so adjusted that each may be held against the level for all.
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    let of = |i: usize| probabilities.get(i).copied().unwrap_or(1.0);
    order.sort_by(|a, b| of(*a).total_cmp(&of(*b)));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut least: f64 = 0.0;
    for (place, index) in order.iter().enumerate() {
        least = least.max((of(*index) * (probabilities.len() - place) as f64).min(1.0));
        if let Some(p) = adjusted.get_mut(*index) {
            *p = least;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, within: f64) {
        assert!((a - b).abs() <= within, "{a} is not {b} within {within}");
    }

    /// Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, and his own values for both methods.
    #[test]
    fn intervals_of_shares_are_those_of_the_literature() {
        for (hits, of, wilson, exact) in [
            (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
            (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
            (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
            (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
        ] {
            let share = Share::wilson(hits, of, 0.95);
            close(share.low, wilson.0, 5.1e-5);
            close(share.high, wilson.1, 5.1e-5);
            let share = Share::clopper_pearson(hits, of, 0.95);
            close(share.low, exact.0, 5.1e-5);
            close(share.high, exact.1, 5.1e-5);
        }
        let all = Share::clopper_pearson(10, 10, 0.95);
        close(all.low, 0.6915, 5e-5);
        close(all.high, 1.0, 0.0);
        assert_eq!(
            (Share::wilson(0, 0, 0.95).low, Share::wilson(0, 0, 0.95).high),
            (0.0, 1.0),
            "nothing is known"
        );
    }

    /// Coverage, counted: the exact interval never covers less than it states.
    #[test]
    fn the_exact_interval_covers_what_it_states() {
        let of = 30;
        let term =
            |k: u64, p: f64| binomial_cdf(k, of, p) - if k == 0 { 0.0 } else { binomial_cdf(k - 1, of, p) };
        for p in [0.02, 0.1, 0.37, 0.5, 0.9, 0.98] {
            let covers = |k: &u64| {
                let share = Share::clopper_pearson(*k, of, 0.95);
                share.low <= p && p <= share.high
            };
            let coverage: f64 = (0..=of).filter(covers).map(|k| term(k, p)).sum();
            assert!((0.95..1.0).contains(&coverage), "{p}: {coverage}");
        }
    }

    #[test]
    fn mcnemar_counts_the_pairs_that_differ() {
        close(mcnemar_worse(0, 0), 1.0, 0.0);
        close(mcnemar_worse(5, 0), 1.0 / 32.0, 1e-12);
        close(mcnemar_worse(8, 2), 56.0 / 1024.0, 1e-12);
        close(mcnemar_worse(0, 5), 1.0, 0.0);
    }

    /// Small samples by hand: of the 2^n signs, how many give a sum at least as great.
    #[test]
    fn wilcoxon_is_exact_with_ties_and_without() {
        for differences in [
            vec![1.0, 2.0, 3.0, 4.0, -5.0, 6.0],
            vec![0.5, 0.5, -0.5, 1.0, 1.0, 1.0, -2.0, 0.0],
            vec![-1.0, -2.0, 3.0],
        ] {
            let kept: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
            let rank = |v: f64| {
                let below = kept.iter().filter(|o| o.abs() < v.abs()).count() as f64;
                let same = kept.iter().filter(|o| (o.abs() - v.abs()).abs() < 1e-12).count() as f64;
                below + 0.5 * (same + 1.0)
            };
            let sum = |signs: u32| -> f64 {
                kept.iter().enumerate().filter(|(i, _)| signs >> i & 1 == 1).map(|(_, v)| rank(*v)).sum()
            };
            let seen: f64 = kept.iter().filter(|d| **d > 0.0).map(|v| rank(*v)).sum();
            let all = 1u32 << kept.len();
            let as_great = (0..all).filter(|signs| sum(*signs) >= seen - 1e-9).count();
            close(wilcoxon_greater(&differences), as_great as f64 / f64::from(all), 1e-12);
        }
        // Tables of the statistic: of ten pairs a sum of 45 or more has a probability of 0.0420 to the third place.
        let ten: Vec<f64> =
            (1..=10).map(|i| if i == 1 || i == 9 { -f64::from(i) } else { f64::from(i) }).collect();
        close(wilcoxon_greater(&ten), 0.0420, 5e-4);
        close(wilcoxon_greater(&[]), 1.0, 0.0);
    }

    #[test]
    fn counted_and_normal_tails_agree_for_many_pairs() {
        let mut rng = Rng::new(3, 1, 0);
        let differences: Vec<f64> = (0..200).map(|_| rng.normal() + 0.12).collect();
        let counted = wilcoxon_greater(&differences);
        let ranks: Vec<usize> = (1..=200).collect();
        let mut sorted = differences.clone();
        sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let positive = sorted.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, r)| r).sum();
        close(counted, normal_tail(&ranks, positive), 2e-3);
        assert!(counted < 0.2);
    }

    /// 22 worse and 10 better by the same amount: the sign test, whatever subtracting decimals leaves behind the ninth.
    #[test]
    fn differences_that_are_equal_but_for_rounding_share_their_ranks() {
        let starts = [1.15, 3.3, 0.1, 7.85, 2.05];
        let differences: Vec<f64> = (0..40)
            .map(|i| match i {
                0..22 => (starts[i % 5] + 0.6) - starts[i % 5],
                22..32 => starts[i % 5] - (starts[i % 5] + 0.6),
                _ => (starts[i % 5] + 0.1) - (0.1 + starts[i % 5]),
            })
            .collect();
        let other = |d: &f64| d.to_bits() != differences[0].to_bits();
        assert!(differences[..22].iter().any(other), "they are not equal to the last bit");
        close(wilcoxon_greater(&differences), 1.0 - binomial_cdf(21, 32, 0.5), 1e-12);
    }

    /// Of so many ties that they are not counted one by one the sum goes by the rank that all have.
    #[test]
    fn many_ties_are_corrected_by_their_step() {
        let differences: Vec<f64> = (0..601).map(|i| if i < 330 { 1.0 } else { -1.0 }).collect();
        close(wilcoxon_greater(&differences), 1.0 - binomial_cdf(329, 601, 0.5), 2e-4);
    }

    #[test]
    fn false_alarms_are_as_rare_as_stated() {
        let mut alarms = 0;
        for trial in 0..1000 {
            let mut rng = Rng::new(trial, 9, 0);
            let differences: Vec<f64> = (0..25).map(|_| rng.normal()).collect();
            alarms += u32::from(wilcoxon_greater(&differences) < 0.05);
        }
        assert!((30..=70).contains(&alarms), "{alarms} of 1000");
    }

    #[test]
    fn quantiles_medians_and_holm() {
        close(normal_quantile(0.975), 1.959_963_985, 1e-8);
        close(normal_quantile(0.5), 0.0, 1e-9);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (a, b) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(*a, b, 1e-12);
        }
    }

    #[test]
    fn the_bootstrap_is_seeded_and_covers_the_mean() {
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        let (low, high) = bootstrap_mean(&values, 2000, 0.95, 7).unwrap();
        assert_eq!(bootstrap_mean(&values, 2000, 0.95, 7), Some((low, high)));
        // Normal theory: 19.5 ± 1.96 * 11.54 / sqrt(40).
        close(low, 15.9, 0.4);
        close(high, 23.1, 0.4);
        assert_eq!(bootstrap_mean(&[], 10, 0.95, 7), None);
    }
}
