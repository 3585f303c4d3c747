//! A small deterministic mutator: the same seed gives the same inputs.

/// Inputs that are made longer than this are cut.
const INPUT_LIMIT: usize = 64 << 10;
/// Numbers that lengths and counts go wrong at.
const NUMBERS: [u64; 14] =
    [0, 1, 4, 8, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 40, u64::MAX];

/// Makes inputs out of seeds.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Inputs like `seeds`, of which there must be one.
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        assert!(!seeds.is_empty(), "there is a seed");
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, seeds }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }

    /// The next input: a seed with one to sixteen changes.
    pub fn next(&mut self) -> Vec<u8> {
        let which = self.below(self.seeds.len());
        let mut bytes = self.seeds[which].clone();
        let changes = 1 << self.below(5);
        for _ in 0..changes {
            self.change(&mut bytes);
        }
        bytes.truncate(INPUT_LIMIT);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let left = bytes.len() - at.min(bytes.len());
        match self.below(11) {
            _ if bytes.is_empty() => bytes.push(self.below(256) as u8),
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = self.below(256) as u8,
            3 | 4 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                let width = [2, 4, 8][self.below(3)].min(left);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            5 => bytes.truncate(at),
            6 => {
                let size = self.below(left.min(600) + 1);
                bytes.drain(at..at + size);
            }
            7 => {
                let size = self.below(left.min(4096) + 1);
                let value = [0, 0xff][self.below(2)];
                bytes[at..at + size].fill(value);
            }
            8 => {
                // A piece of the input once more somewhere else: records twice, ids twice, a length that covers another.
                let size = self.below(left.min(2000) + 1);
                let piece = bytes[at..at + size].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            9 => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len());
                let size = self.below(self.seeds[other].len() - from + 1).min(2000);
                let piece = self.seeds[other][from..from + size].to_vec();
                let to = (at + piece.len()).min(bytes.len());
                bytes.splice(at..to, piece);
            }
            _ => {
                let delta = [1u8, 255, 8, 248][self.below(4)];
                bytes[at] = bytes[at].wrapping_add(delta);
            }
        }
    }
}
