//! From costs to the next plan: softmax weights and the weighted mean, in one fixed order of summing.

#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "inlined into functions of every instruction set; several arrays run along one counter"
)]

use super::kernel::{LANES, Row, Tile};
use super::maths::exp;

/// A trajectory that weighs less than this, of the best one's weight, weighs nothing.
const LEAST_EXPONENT: f32 = -16.0;
/// Partial sums of the mean.
const SUMS: usize = 8;

/// What the samples say together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Least cost, and whose.
    pub least: f32,
    /// See [`Self::least`].
    pub best: usize,
    /// How many samples the weights amount to: (Σw)²/Σw².
    pub effective: f64,
    /// Samples that touch nothing and keep to the chance constraint.
    pub feasible: usize,
}

/// Weights every sample and writes the weighted mean of the velocities. `None` when no cost is a number.
#[inline(always)]
pub fn reduce(
    tiles: &[Tile],
    v: &[Row],
    w: &[Row],
    per_temperature: f32,
    weights: &mut [Row],
    plan: [&mut [f32]; 2],
) -> Option<Summary> {
    let [plan_v, plan_w] = plan;
    let steps = plan_v.len();
    let mut summary = Summary { least: f32::INFINITY, ..Summary::default() };
    for (i, (tile, row)) in tiles.iter().zip(weights.iter_mut()).enumerate() {
        for l in 0..LANES {
            row[l] = tile.cost(l);
        }
        for l in 0..LANES {
            if row[l] < summary.least {
                (summary.least, summary.best) = (row[l], i * LANES + l);
            }
            summary.feasible += usize::from(tile.is_feasible(l));
        }
    }
    if !summary.least.is_finite() {
        return None;
    }
    let (mut total, mut squares) = (0.0f64, 0.0f64);
    for row in weights.iter_mut() {
        for l in 0..LANES {
            let x = (summary.least - row[l]) * per_temperature;
            // Not a number is not greater either.
            row[l] = if x > LEAST_EXPONENT { exp(x) } else { 0.0 };
        }
        for l in 0..LANES {
            total += f64::from(row[l]);
            squares += f64::from(row[l]) * f64::from(row[l]);
        }
    }
    summary.effective = total * total / squares;
    let per_total = (1.0 / total) as f32;
    for t in 0..steps {
        let (mut sums_v, mut sums_w) = ([0.0f32; SUMS], [0.0f32; SUMS]);
        for (i, row) in weights.iter().enumerate() {
            let (row_v, row_w) = (&v[i * steps + t], &w[i * steps + t]);
            for base in 0..LANES / SUMS {
                for j in 0..SUMS {
                    let l = base * SUMS + j;
                    sums_v[j] += row[l] * row_v[l];
                    sums_w[j] += row[l] * row_w[l];
                }
            }
        }
        plan_v[t] = sums_v.iter().fold(0.0, |a, b| a + b) * per_total;
        plan_w[t] = sums_w.iter().fold(0.0, |a, b| a + b) * per_total;
    }
    Some(summary)
}
