//! Digests that tie a bag's messages to the steps that consumed and produced them.

use twox_hash::XxHash3_64;

/// XXH3-64 of a message's bytes: how a journal record names it.
pub fn payload_digest(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Digest over all outputs of one step, in order: of the digest so far, the output's index and the digest of its bytes, again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputDigest {
    so_far: u64,
    count: u32,
}

impl OutputDigest {
    /// Adds an output by the [`payload_digest`] of its bytes.
    pub fn add(&mut self, output: usize, digest: u64) {
        let mut all = [0; 3 * size_of::<u64>()];
        let numbers = [self.so_far, output as u64, digest];
        all.as_chunks_mut().0.iter_mut().zip(numbers).for_each(|(to, number)| *to = number.to_le_bytes());
        self.so_far = payload_digest(&all);
        self.count = self.count.saturating_add(1);
    }

    /// How many outputs, and their digest; of none it is zero.
    pub fn finish(self) -> (u32, u64) {
        (self.count, self.so_far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(usize, u64); 9] = [
        (1, 0xc44b_dff4_074e_ecdb),
        (3, 0x5f42_99fc_161c_9cbb),
        (8, 0x3a1c_2d7c_85af_88f8),
        (16, 0x8355_e3a6_f617_70db),
        (100, 0x004e_4f92_1a64_bd1c),
        (200, 0xf42a_8864_feaf_0703),
        (300, 0xfdda_6967_cf02_1dbc),
        (1025, 0xe95c_4228_8f28_186e),
        (2000, 0x8d38_fc31_dc9d_9fab),
    ];

    /// What the authors' library (0.8) says for nothing, and for bytes of every length class of the algorithm.
    #[test]
    fn known_answers() {
        assert_eq!(payload_digest(b""), 0x2d06_8005_38d3_94c2);
        let bytes: Vec<u8> = (0..2000_u32).map(|i| (i % 251) as u8).collect();
        for (length, digest) in KNOWN {
            assert_eq!(payload_digest(&bytes[..length]), digest, "{length}");
        }
    }

    #[test]
    fn order_place_and_content_count() {
        let digest = |parts: &[(usize, &[u8])]| {
            let mut d = OutputDigest::default();
            parts.iter().for_each(|(i, b)| d.add(*i, payload_digest(b)));
            d.finish()
        };
        // As any implementation of XXH3-64 has it.
        let once: Vec<u8> = [0, 2, payload_digest(b"ab")].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(digest(&[(2, b"ab")]), (1, payload_digest(&once)));
        assert_eq!(digest(&[]), (0, 0));
        let a = digest(&[(0, b"ab"), (1, b"c")]);
        assert_eq!(a, digest(&[(0, b"ab"), (1, b"c")]));
        assert_ne!(a, digest(&[(1, b"c"), (0, b"ab")]));
        assert_ne!(a, digest(&[(0, b"a"), (1, b"bc")]));
        assert_ne!(a, digest(&[(0, b"ab"), (2, b"c")]));
    }
}
