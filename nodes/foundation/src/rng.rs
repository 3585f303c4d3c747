//! The one source of randomness: counter-based, so that a number depends on its key alone, not on who asked before.
//!
//! Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

use std::f64::consts::PI;

pub(crate) const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox4x32-10.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// A stream of random numbers that is a pure function of (seed, stream, step) and of how many were drawn.
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    stream: u32,
    step: u64,
    block: u32,
    buffer: [u32; 4],
    used: usize,
}

impl Rng {
    /// A stream for one purpose (`stream`, a constant of the caller) at one step.
    pub fn new(seed: u64, stream: u32, step: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], stream, step, block: 0, buffer: [0; 4], used: 4 }
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used >= self.buffer.len() {
            let counter = [self.block, self.stream, self.step as u32, (self.step >> 32) as u32];
            self.buffer = philox4x32(counter, self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let value = self.buffer.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        value
    }

    /// Uniform in [0, 1) with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        uniform_of([self.next_u32(), self.next_u32()])
    }

    /// Standard normal (Box–Muller; one of the pair is used, so that each draw takes four words).
    pub fn normal(&mut self) -> f64 {
        normal_of([self.uniform(), self.uniform()])
    }
}

/// What [`Rng::uniform`] makes of two words.
fn uniform_of([high, low]: [u32; 2]) -> f64 {
    (u64::from(high >> 5) * (1 << 26) + u64::from(low >> 6)) as f64 / (1u64 << 53) as f64
}

/// What [`Rng::normal`] makes of two uniform numbers.
fn normal_of([a, b]: [f64; 2]) -> f64 {
    (-2.0 * libm::log(1.0 - a)).sqrt() * libm::cos(2.0 * PI * b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the authors' Random123 library (`kat_vectors`, philox 4x32 10).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_number_depends_on_its_key_alone() {
        let draw = |seed, stream, step| Rng::new(seed, stream, step).next_u32();
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(2, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 3, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 2, 4));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = Rng::new(7, 0, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
