//! A queue of cells by cost: a ring of buckets, each a power of two wide. Takes and gives in constant time.

/// Cells in the order of their cost, to within a bucket's width; the last one put into a bucket comes first, which makes
/// the order a fixed one and takes a search straight on among equals.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// Width of a bucket as a power of two.
    shift: u32,
    ring: Vec<Vec<u32>>,
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

    /// Begins with the bucket of a key, while it is empty.
    pub const fn start(&mut self, first: u64) {
        self.current = first >> self.shift;
    }

    /// Takes an item in. A key beyond what the ring spans goes into its last bucket, and so comes too early, never too late; one
    /// below the bucket that is taken from comes next. Neither happens to a search whose estimate is consistent.
    #[inline]
    pub fn push(&mut self, key: u64, item: u32) {
        let last = self.ring.len() as u64 - 1;
        let number = (key >> self.shift).clamp(self.current, self.current + last);
        if let Some(bucket) = self.ring.get_mut((number & last) as usize) {
            bucket.push(item);
            self.len += 1;
        }
    }

    /// Every key below this has been taken.
    #[inline]
    pub const fn floor(&self) -> u64 {
        self.current << self.shift
    }

    /// Another item of the bucket that the last one came from; when it is empty, that bucket is done with.
    #[inline]
    pub fn pop_same(&mut self) -> Option<u32> {
        let slot = self.current as usize & (self.ring.len() - 1);
        let item = self.ring.get_mut(slot)?.pop();
        if item.is_some() {
            self.len -= 1;
        } else {
            self.current += 1;
        }
        item
    }

    /// An item of the lowest bucket that has one.
    #[inline]
    pub fn pop(&mut self) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        // There is an item in one of the buckets, so one turn of the ring finds it.
        for _ in 0..=self.ring.len() {
            if let Some(item) = self.pop_same() {
                return Some(item);
            }
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
            assert_eq!(order, [6, 3, 1, 5, 2, 4]);
        }
    }

    #[test]
    fn a_key_out_of_span_is_not_lost() {
        let mut open = Buckets::default();
        open.reset(0, 5, 1);
        open.push(900, 7);
        open.push(6, 8);
        assert_eq!((open.pop(), open.floor()), (Some(8), 6));
        assert_eq!(open.pop(), Some(7));
        assert!(open.floor() <= 900);
        assert_eq!(open.pop(), None);
        open.push(2, 9);
        assert_eq!(open.pop(), Some(9));
    }
}
