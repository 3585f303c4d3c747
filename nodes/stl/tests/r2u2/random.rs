//! Random formulas and traces from a seed.

use super::{EVER, Formula, fits};

/// SplitMix64: small, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub const SIGNALS: usize = 3;
/// Quarters: a value lies exactly on a limit often, and otherwise far beyond the engine's tolerance of 1e-5.
const STEP: f64 = 0.25;

/// At most `depth` operators below each other, bounds of at most `longest` samples; one that the engine has
/// room for.
pub fn formula(random: &mut Random, depth: u32, longest: u64) -> Formula {
    loop {
        let formula = any(random, depth, longest);
        if fits(&formula) {
            return formula;
        }
    }
}

fn any(random: &mut Random, depth: u32, longest: u64) -> Formula {
    if depth == 0 || random.one_in(8) {
        return comparison(random);
    }
    let sub = |random: &mut Random| Box::new(any(random, depth - 1, longest));
    let a = sub(random);
    match random.below(8) {
        0 => Formula::Not(a),
        1 => Formula::And(a, sub(random)),
        2 => Formula::Or(a, sub(random)),
        3 => Formula::Implies(a, sub(random)),
        kind => {
            let (from, to) = interval(random, longest, kind < 6);
            match kind {
                4 => Formula::Once { from, to, of: a },
                5 => Formula::Historically { from, to, of: a },
                _ => Formula::Since { from, to, left: a, right: sub(random) },
            }
        }
    }
}

fn interval(random: &mut Random, longest: u64, may_be_ever: bool) -> (u32, u32) {
    if may_be_ever && random.one_in(8) {
        return (0, EVER);
    }
    let to = 1 + random.below(longest);
    let from = if random.one_in(2) { 0 } else { random.below(to + 1) };
    (from as u32, to as u32)
}

fn comparison(random: &mut Random) -> Formula {
    let signal = random.below(SIGNALS as u64) as usize;
    let limit = STEP * (random.below(5) as f64 - 2.0);
    match random.below(4) {
        0 => Formula::Less { signal, limit },
        1 => Formula::LessEqual { signal, limit },
        2 => Formula::Greater { signal, limit },
        _ => Formula::GreaterEqual { signal, limit },
    }
}

/// Rows of all signals; runs of equal values, since windows over white noise are all alike.
pub fn trace(random: &mut Random, rows: usize) -> Vec<Vec<f64>> {
    let hold = 1 + random.below(12);
    let mut row = vec![0.0; SIGNALS];
    let mut next = || {
        for value in &mut row {
            if random.one_in(hold) {
                *value = STEP * (random.below(9) as f64 - 4.0);
            }
        }
        row.clone()
    };
    (0..rows).map(|_| next()).collect()
}
