//! A double-ended queue in memory that is taken once.

/// Never grows: a full one refuses.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    /// As many as a power of two, so that places are found by a mask.
    slots: Box<[T]>,
    /// Counts up for ever, and round: the place is what the mask leaves of it.
    head: usize,
    /// One after the last.
    tail: usize,
}

/// Slots for `capacity` values.
pub(crate) fn slots_for(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { capacity.checked_next_power_of_two().unwrap_or(usize::MAX) }
}

impl<T: Copy + Default> Ring<T> {
    pub fn new(capacity: usize) -> Self {
        Self { slots: vec![T::default(); slots_for(capacity)].into_boxed_slice(), head: 0, tail: 0 }
    }

    pub fn clear(&mut self) {
        self.head = self.tail;
    }

    /// Bytes on the heap.
    pub fn byte_size(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn get(&self, count: usize) -> Option<&T> {
        self.slots.get(count & self.slots.len().wrapping_sub(1))
    }

    fn set(&mut self, count: usize, value: T) {
        let mask = self.slots.len().wrapping_sub(1);
        if let Some(place) = self.slots.get_mut(count & mask) {
            *place = value;
        }
    }

    fn is_full(&self) -> bool {
        self.tail.wrapping_sub(self.head) == self.slots.len()
    }

    #[inline]
    pub fn front(&self) -> Option<&T> {
        if self.head == self.tail { None } else { self.get(self.head) }
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let value = *self.front()?;
        self.head = self.head.wrapping_add(1);
        Some(value)
    }

    /// Takes out from the front while `useless` says so.
    #[inline]
    pub fn drop_front(&mut self, useless: impl Fn(&T) -> bool) {
        let mut head = self.head;
        while head != self.tail && self.get(head).is_some_and(&useless) {
            head = head.wrapping_add(1);
        }
        self.head = head;
    }

    /// Takes out from the back while `useless` says so, then puts `value` there. False when there is no room.
    #[inline]
    #[must_use]
    pub fn replace_back(&mut self, value: T, useless: impl Fn(&T) -> bool) -> bool {
        let mut tail = self.tail;
        while tail != self.head && self.get(tail.wrapping_sub(1)).is_some_and(&useless) {
            tail = tail.wrapping_sub(1);
        }
        self.tail = tail;
        self.push_back(value)
    }

    /// False when there is no room.
    #[inline]
    #[must_use]
    pub fn push_back(&mut self, value: T) -> bool {
        if self.is_full() {
            return false;
        }
        self.set(self.tail, value);
        self.tail = self.tail.wrapping_add(1);
        true
    }

    /// False when there is no room.
    #[must_use]
    pub fn push_front(&mut self, value: T) -> bool {
        if self.is_full() {
            return false;
        }
        self.head = self.head.wrapping_sub(1);
        self.set(self.head, value);
        true
    }
}
