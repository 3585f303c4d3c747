//! Digests that tie a bag's messages to the steps that consumed and produced them.

use std::hash::Hasher as _;
use twox_hash::XxHash3_64;

/// XXH3-64 of a message's bytes: how a journal record names it.
pub fn payload_digest(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// So much is digested at once: what is less altogether needs no state, which is dear to begin.
const AT_ONCE_BYTES: usize = 2048;

/// Digest over all outputs of one step, in order.
#[derive(Default)]
pub struct OutputDigest {
    /// Of what came before `waiting`, if anything did.
    state: Option<XxHash3_64>,
    waiting: Vec<u8>,
    count: u32,
}

impl OutputDigest {
    /// Adds an output.
    pub fn add(&mut self, output: usize, bytes: &[u8]) {
        self.waiting.extend_from_slice(&(output as u64).to_le_bytes());
        self.waiting.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        if self.waiting.len() + bytes.len() <= AT_ONCE_BYTES {
            self.waiting.extend_from_slice(bytes);
        } else {
            let state = self.state.get_or_insert_default();
            state.write(&self.waiting);
            state.write(bytes);
            self.waiting.clear();
        }
        self.count = self.count.saturating_add(1);
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.state = None;
        self.waiting.clear();
        self.count = 0;
    }

    /// How many outputs, and their digest.
    pub fn finish(&self) -> (u32, u64) {
        let digest = self.state.as_ref().map_or_else(
            || payload_digest(&self.waiting),
            |state| {
                let mut state = state.clone();
                state.write(&self.waiting);
                state.finish()
            },
        );
        (self.count, digest)
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

    /// However much there is of it, and whatever came before: that of all the bytes in a row.
    #[test]
    fn outputs_are_digested_as_if_in_one_piece() {
        let bytes: Vec<u8> = (0..9000_u32).map(|i| (i % 251) as u8).collect();
        let mut digest = OutputDigest::default();
        for lengths in
            [&[][..], &[0], &[5, 300, 7], &[2015, 1], &[2032], &[2033, 3], &[3000, 8, 2500, 9000, 40]]
        {
            digest.clear();
            let mut all = Vec::new();
            for (i, length) in lengths.iter().enumerate() {
                digest.add(i, &bytes[..*length]);
                all.extend_from_slice(&i.to_le_bytes());
                all.extend_from_slice(&length.to_le_bytes());
                all.extend_from_slice(&bytes[..*length]);
            }
            assert_eq!(digest.finish(), (lengths.len() as u32, payload_digest(&all)), "{lengths:?}");
        }
    }

    #[test]
    fn order_place_and_content_count() {
        let digest = |parts: &[(usize, &[u8])]| {
            let mut d = OutputDigest::default();
            parts.iter().for_each(|(i, b)| d.add(*i, b));
            d.finish()
        };
        let a = digest(&[(0, b"ab"), (1, b"c")]);
        assert_eq!(a, digest(&[(0, b"ab"), (1, b"c")]));
        assert_ne!(a, digest(&[(1, b"c"), (0, b"ab")]));
        assert_ne!(a, digest(&[(0, b"a"), (1, b"bc")]));
        assert_ne!(a, digest(&[(0, b"ab"), (2, b"c")]));
    }
}
