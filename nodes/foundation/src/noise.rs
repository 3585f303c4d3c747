//! Normal noise for many at once: Philox4x32-10 of [`crate::rng`] in lanes, and Box and Muller's transform in plain `f32`
//! products and sums in a fixed order, never fused, so that every machine and every vector width gives the same bits. One 32-bit
//! word makes a pair: 16 bits for the radius (so that nothing is beyond 4.86 σ) and 16 for the angle.

#![allow(
    clippy::inline_always,
    reason = "inlined into functions of every instruction set, where a call keeps a loop from being vectorised"
)]

use crate::rng::{MULTIPLIER, WEYL};
use std::f32::consts::LN_2;

/// Words that one block of the generator has.
pub const BLOCK: usize = 4;

/// Whose numbers: they are a pure function of this and of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Of the whole run.
    pub seed: u64,
    /// What for: a constant of the caller.
    pub stream: u32,
    /// Counts the times that numbers are drawn.
    pub step: u64,
}

/// The blocks of `L` counters, `stride` apart from `first` on, word by word: those of
/// `philox4x32([first + l·stride, stream, step], seed)`.
#[inline(always)]
pub fn words<const L: usize>(key: Key, first: u32, stride: u32, out: &mut [[u32; L]; BLOCK]) {
    let [o0, o1, o2, o3] = out;
    for l in 0..L {
        let mut c0 = first.wrapping_add(stride.wrapping_mul(l as u32));
        let (mut c1, mut c2, mut c3) = (key.stream, key.step as u32, (key.step >> 32) as u32);
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

/// Natural logarithm of a positive, normal number. Absolute error below 5e-6 for (0, 1], below 1e-5 relative near 1.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // Splits x into 2^e · m with m in [2/3, 4/3).
    let bits = x.to_bits();
    let exponent = bits.wrapping_sub(0x3F2A_AAAB) & 0xFF80_0000;
    let f = f32::from_bits(bits.wrapping_sub(exponent)) - 1.0;
    let e = (exponent as i32 >> 23) as f32;
    let p = -0.198_456_65 * f + 0.226_470_85;
    let p = p * f - 0.247_808_32;
    let p = p * f + 0.332_191_4;
    let p = p * f - 0.500_039_3;
    let p = p * f + 1.000_007_2;
    e * LN_2 + f * p
}

/// Sine and cosine, each divided by √2 and summed and subtracted as Box and Muller need them: for φ in [-π/4, π/4]
/// the pair (sin(φ + π/4), cos(φ + π/4)). Absolute error below 1e-6.
#[inline(always)]
fn eighth_turned(phi: f32) -> (f32, f32) {
    const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let q = phi * phi;
    let s = ((0.008_121_558 * q - 0.166_601_62) * q + 0.999_995) * phi;
    let c = ((-0.001_358_590_9 * q + 0.041_655_027) * q - 0.499_998_57) * q + 1.0;
    ((c + s) * HALF_ROOT, (c - s) * HALF_ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::philox4x32;

    #[test]
    fn the_words_are_those_of_the_one_generator() {
        let key = Key { seed: 0x0123_4567_89AB_CDEF, stream: 0x4D50, step: 0x0000_0007_0000_0009 };
        let mut out = [[0; 8]; BLOCK];
        words(key, 1992, 13, &mut out);
        for l in 0..8 {
            let counter = [1992 + l as u32 * 13, 0x4D50, 9, 7];
            assert_eq!(philox4x32(counter, [0x89AB_CDEF, 0x0123_4567]), out.map(|row| row[l]));
        }
    }

    #[test]
    fn the_numbers_are_normal_and_independent() {
        let mut sums = [0.0f64; 6];
        let (mut beyond, mut count) = (0u32, 0u32);
        for first in 0..500 {
            let mut out = [[0; 40]; BLOCK];
            words(Key { seed: 1, stream: 2, step: first }, 40 * first as u32, 16, &mut out);
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

    fn worst(from: f64, to: f64, error: impl Fn(f32) -> f64) -> f64 {
        let sweep = (0..=20_000).map(|i| (from + (to - from) * f64::from(i) / 20_000.0) as f32);
        sweep.map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_stated_errors_hold() {
        let e = worst(7e-6, 1.0, |x| (f64::from(ln(x)) - libm::log(f64::from(x))).abs());
        assert!(e < 5e-6, "ln {e}");
        let e = worst(0.99, 0.999_999, |x| (f64::from(ln(x)) / libm::log(f64::from(x)) - 1.0).abs());
        assert!(e < 1e-5, "ln near 1 {e}");
        let quarter = std::f64::consts::FRAC_PI_4;
        let e = worst(-quarter, quarter, |x| {
            let (s, c) = eighth_turned(x);
            let (es, ec) = libm::sincos(f64::from(x) + quarter);
            (f64::from(s) - es).abs().max((f64::from(c) - ec).abs())
        });
        assert!(e < 1e-6, "eighth_turned {e}");
    }
}
