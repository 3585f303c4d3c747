//! A queue of cells by cost: a ring of buckets, each a power of two wide. Takes and gives in constant time.

/// Cells in the order of their cost, to within a bucket's width; the last one put into a bucket comes first, which makes
/// the order a fixed one and takes a search straight on among equals.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// Width of a bucket as a power of two.
    shift: u32,
    ring: Vec<Vec<(u32, u32)>>,
    /// Number of the bucket that is taken from, counted from cost zero.
    current: u64,
    len: usize,
}

impl Buckets {
    /// Empties it: buckets of `2^shift` from `first` on, enough for keys up to `span` above the lowest one.
    pub fn reset(&mut self, shift: u32, first: u64, span: u64) {
        let count = ((span >> shift) + 2).next_power_of_two() as usize;
        for bucket in &mut self.ring {
            bucket.clear();
        }
        self.ring.resize(count, Vec::new());
        self.shift = shift;
        self.current = first >> shift;
        self.len = 0;
    }

    /// Takes an item in. A key beyond what the ring spans goes into its last bucket, and so comes too early, never too late; one
    /// below the bucket that is taken from comes next. Neither happens to a search whose estimate is consistent.
    pub fn push(&mut self, key: u64, item: u32) {
        let last = self.current + self.ring.len() as u64 - 1;
        let number = key >> self.shift;
        let (bucket, rest) = if number > last {
            (last, 0)
        } else {
            // The rest of a key is below 2^shift, and that fits.
            (number.max(self.current), (key - (number << self.shift)) as u32)
        };
        let slot = bucket as usize & (self.ring.len() - 1);
        if let Some(bucket) = self.ring.get_mut(slot) {
            bucket.push((item, rest));
            self.len += 1;
        }
    }

    /// Every key below this has been taken.
    pub const fn floor(&self) -> u64 {
        self.current << self.shift
    }

    /// Another item of the bucket that the last one came from; when it is empty, that bucket is done with.
    pub fn pop_same(&mut self) -> Option<(u64, u32)> {
        let slot = self.current as usize & (self.ring.len() - 1);
        let Some((item, rest)) = self.ring.get_mut(slot)?.pop() else {
            self.current += 1;
            return None;
        };
        self.len -= 1;
        Some((self.floor() + u64::from(rest), item))
    }

    /// An item of the lowest bucket and its key (a lower bound when it went in out of span).
    pub fn pop(&mut self) -> Option<(u64, u32)> {
        if self.len == 0 {
            return None;
        }
        // There is an item in one of the buckets, so one turn of the ring finds it.
        for _ in 0..=self.ring.len() {
            let slot = self.current as usize & (self.ring.len() - 1);
            if let Some((item, rest)) = self.ring.get_mut(slot)?.pop() {
                self.len -= 1;
                return Some(((self.current << self.shift) + u64::from(rest), item));
            }
            self.current += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_by_bucket_and_the_latest_of_a_bucket_first() {
        let mut open = Buckets::default();
        for _ in 0..2 {
            open.reset(2, 9, 20);
            for (key, item) in [(9, 1), (17, 2), (10, 3), (29, 4), (18, 5), (8, 6)] {
                open.push(key, item);
            }
            let order: Vec<_> = std::iter::from_fn(|| open.pop()).collect();
            assert_eq!(order, [(8, 6), (10, 3), (9, 1), (18, 5), (17, 2), (29, 4)]);
        }
    }

    #[test]
    fn a_key_out_of_span_is_not_lost() {
        let mut open = Buckets::default();
        open.reset(0, 5, 1);
        open.push(900, 7);
        open.push(6, 8);
        assert_eq!(open.pop(), Some((6, 8)));
        assert!(open.pop().is_some_and(|(key, item)| item == 7 && key <= 900));
        assert_eq!(open.pop(), None);
        open.push(2, 9);
        assert!(open.pop().is_some_and(|(_, item)| item == 9));
    }
}
