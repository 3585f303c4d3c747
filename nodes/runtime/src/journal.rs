//! Digests that tie a bag's messages to the steps that consumed and produced them.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// XXH3-64 of a message's bytes: how a journal record names it.
pub fn payload_digest(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Digest over all outputs of one step, in order.
#[derive(Default)]
pub struct OutputDigest {
    state: Xxh3,
    count: u32,
}

impl OutputDigest {
    /// Adds an output.
    pub fn add(&mut self, output: usize, bytes: &[u8]) {
        self.state.update(&(output as u64).to_le_bytes());
        self.state.update(&(bytes.len() as u64).to_le_bytes());
        self.state.update(bytes);
        self.count = self.count.saturating_add(1);
    }

    /// How many outputs, and their digest.
    pub fn finish(&self) -> (u32, u64) {
        (self.count, self.state.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
