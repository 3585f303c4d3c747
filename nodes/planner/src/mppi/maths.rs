//! Small polynomial approximations for loops over lanes: plain `f32` products and sums in a fixed order, never fused, so
//! that every machine and every vector width gives the same bits. Coefficients are least-maximum fits of our own.

// A loop over lanes may not call anything.
#![allow(clippy::inline_always, reason = "a call that is left in a loop keeps it from being vectorised")]

/// Adding this to a number of [0, 2²²) leaves it, rounded to the nearest, in the low bits.
pub const ROUND: f32 = 12_582_912.0;

/// `eˣ` for x in [-80, 80], clamped to it. Relative error below 2e-6 for [-20, 0].
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = if x < -80.0 { -80.0 } else { x };
    let x = if x > 80.0 { 80.0 } else { x };
    let y = x * std::f32::consts::LOG2_E;
    // Rounding to the nearest whole number.
    let shifted = y + ROUND;
    let f = y - (shifted - ROUND);
    let whole = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    let p = 0.001_341 * f + 0.009_676_036;
    let p = p * f + 0.055_502_973;
    let p = p * f + 0.240_221_07;
    let p = p * f + 0.693_147_24;
    let p = p * f + 1.000_000_1;
    f32::from_bits(p.to_bits().wrapping_add(whole << 23))
}

/// Greatest turn in one step that [`small_turn`] is good for, rad.
pub const SMALL_TURN_RAD: f32 = 0.3;

/// Sine and cosine of a small angle. Absolute error below 2e-6 up to [`SMALL_TURN_RAD`].
#[inline(always)]
pub fn small_turn(a: f32) -> (f32, f32) {
    let q = a * a;
    ((q * (1.0 / 120.0) - 1.0 / 6.0) * q * a + a, (q * (1.0 / 24.0) - 0.5) * q + 1.0)
}

/// `z`, times `factor` where it is below zero. By parts, not by a choice: with one, AVX2 decisions took a third longer.
#[inline(always)]
pub fn steeper_below(z: f32, factor: f32) -> f32 {
    let above = if z > 0.0 { z } else { 0.0 };
    let below = if -z > 0.0 { -z } else { 0.0 };
    above - below * factor
}

/// Upper tail of the standard normal distribution: the probability of more than z. Absolute error below 1e-6
/// (Abramowitz and Stegun 26.2.19 is good to 1.5e-7; the rest is rounding).
#[inline(always)]
pub fn upper_tail(z: f32) -> f32 {
    let a = z.abs();
    let a = if a > 6.0 { 6.0 } else { a };
    let p = 5.383e-6 * a + 4.889_06e-5;
    let p = p * a + 3.800_36e-5;
    let p = p * a + 0.003_277_626_3;
    let p = p * a + 0.021_141_006;
    let p = p * a + 0.049_867_347;
    let p = p * a + 1.0;
    let (p2, one) = (p * p, 1.0);
    let p4 = p2 * p2;
    let p8 = p4 * p4;
    let tail = 0.5 * (one / (p8 * p8));
    if z < 0.0 { one - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(from: f64, to: f64) -> impl Iterator<Item = f32> {
        (0..=20_000).map(move |i| (from + (to - from) * f64::from(i) / 20_000.0) as f32)
    }

    fn worst(from: f64, to: f64, error: impl Fn(f32) -> f64) -> f64 {
        sweep(from, to).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_stated_errors_hold() {
        let e = worst(-20.0, 0.0, |x| (f64::from(exp(x)) / libm::exp(f64::from(x)) - 1.0).abs());
        assert!(e < 2e-6, "exp {e}");
        let most = f64::from(SMALL_TURN_RAD);
        let e = worst(-most, most, |x| {
            let (s, c) = small_turn(x);
            let (es, ec) = libm::sincos(f64::from(x));
            (f64::from(s) - es).abs().max((f64::from(c) - ec).abs())
        });
        assert!(e < 2e-6, "small_turn {e}");
        let e = worst(-8.0, 8.0, |z| {
            (f64::from(upper_tail(z)) - 0.5 * libm::erfc(f64::from(z) / std::f64::consts::SQRT_2)).abs()
        });
        assert!(e < 1e-6, "upper_tail {e}");
    }

    #[test]
    fn the_ends_are_finite() {
        for x in [-1e30, -80.0, 0.0, 80.0, 1e30] {
            assert!(exp(x).is_finite() && exp(x) > 0.0);
        }
        assert!(upper_tail(f32::INFINITY) < 1e-8 && upper_tail(f32::NEG_INFINITY) > 0.999_999);
    }
}
