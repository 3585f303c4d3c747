//! Fresh normal noise for every sample, axis and time: Philox4x32-10 of [`outrider_foundation::rng`] in lanes, and Box and
//! Muller's transform. One 32-bit word makes the pair for one sample and time: 16 bits for the radius (so that nothing
//! is beyond 4.86 σ) and 16 for the angle.

#![allow(clippy::inline_always, reason = "inlined into functions of every instruction set")]

use super::maths::{eighth_turned, ln};

/// Which stream of the generator this is.
pub const STREAM: u32 = 0x4D50_5049;
/// Times that one block of the generator serves.
pub const BLOCK: usize = 4;
/// Blocks a sample has: times at most [`BLOCK`] times as many.
pub const BLOCKS: u32 = 16;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Whose numbers: a pure function of this, of the sample and of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Of the whole run.
    pub seed: u64,
    /// Counts the decisions.
    pub step: u64,
}

/// Words for [`BLOCK`] times of `L` samples from `first` on: those of `philox4x32([16·sample + block, STREAM, step], seed)`.
#[inline(always)]
pub fn words<const L: usize>(key: Key, first: u32, block: u32, out: &mut [[u32; L]; BLOCK]) {
    let [o0, o1, o2, o3] = out;
    for l in 0..L {
        let sample = first.wrapping_add(l as u32);
        let mut c0 = sample.wrapping_mul(BLOCKS).wrapping_add(block);
        let (mut c1, mut c2, mut c3) = (STREAM, key.step as u32, (key.step >> 32) as u32);
        let (mut k0, mut k1) = (key.seed as u32, (key.seed >> 32) as u32);
        for _ in 0..10 {
            let p0 = u64::from(MULTIPLIER[0]).wrapping_mul(u64::from(c0));
            let p1 = u64::from(MULTIPLIER[1]).wrapping_mul(u64::from(c2));
            (c0, c1, c2, c3) =
                ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        o0[l] = c0;
        o1[l] = c1;
        o2[l] = c2;
        o3[l] = c3;
    }
}

/// Two independent standard normals from a word.
#[inline(always)]
pub fn normals(word: u32) -> (f32, f32) {
    // In (0, 1): (k + ½) / 2¹⁶, by way of the bits of a number in [1, 2).
    let fraction = |bits16: u32| f32::from_bits(0x3F80_0000 | bits16 << 7 | 0x40) - 1.0;
    let radius_sq = -2.0 * ln(fraction(word & 0xFFFF));
    let radius = (if radius_sq > 0.0 { radius_sq } else { 0.0 }).sqrt();
    // 14 bits within a quarter turn, and two for the signs.
    let quarter = f32::from_bits(0x3F80_0000 | (word >> 16 & 0x3FFF) << 9 | 0x100) - 1.5;
    let (s, c) = eighth_turned(quarter * std::f32::consts::FRAC_PI_2);
    let signed = |value: f32, sign: u32| f32::from_bits(value.to_bits() ^ sign);
    (radius * signed(c, word & 0x8000_0000), radius * signed(s, (word << 1) & 0x8000_0000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::rng::philox4x32;

    #[test]
    fn the_words_are_those_of_the_one_generator() {
        let key = Key { seed: 0x0123_4567_89AB_CDEF, step: 0x0000_0007_0000_0009 };
        let mut out = [[0; 8]; BLOCK];
        words(key, 1992, 13, &mut out);
        for l in 0..8 {
            let counter = [(1992 + l as u32) * 16 + 13, STREAM, 9, 7];
            assert_eq!(philox4x32(counter, [0x89AB_CDEF, 0x0123_4567]), out.map(|row| row[l]));
        }
    }

    #[test]
    fn the_numbers_are_normal_and_independent() {
        let mut sums = [0.0f64; 6];
        let (mut beyond, mut count) = (0u32, 0u32);
        for first in 0..500 {
            let mut out = [[0; 40]; BLOCK];
            words(Key { seed: 1, step: first }, 40 * first as u32, 3, &mut out);
            for word in out.iter().flatten() {
                let (a, b) = normals(*word);
                let (a, b) = (f64::from(a), f64::from(b));
                let moments = [a, b, a * a, b * b, a * b, a.powi(4) + b.powi(4)];
                sums.iter_mut().zip(moments).for_each(|(s, m)| *s += m);
                beyond += u32::from(a.abs() > 1.959_96) + u32::from(b.abs() > 1.959_96);
                count += 1;
            }
        }
        let [ma, mb, va, vb, ab, fourth] = sums.map(|s| s / f64::from(count));
        for (name, value, expected, within) in [
            ("mean", ma, 0.0, 0.012),
            ("mean", mb, 0.0, 0.012),
            ("variance", va, 1.0, 0.018),
            ("variance", vb, 1.0, 0.018),
            ("covariance", ab, 0.0, 0.012),
            ("fourth moment", fourth / 2.0, 3.0, 0.12),
            ("beyond 1.96 σ", f64::from(beyond) / f64::from(2 * count), 0.05, 0.002),
        ] {
            assert!((value - expected).abs() < within, "{name} {value} instead of {expected}");
        }
    }

    #[test]
    fn no_word_makes_anything_but_a_small_number() {
        for low in 0..=0xFFFF_u32 {
            let (a, b) = normals(low | low.rotate_left(19));
            assert!(a.abs() < 4.9 && b.abs() < 4.9, "{low}: {a} {b}");
        }
    }
}
