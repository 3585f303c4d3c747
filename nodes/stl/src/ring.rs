//! A double-ended queue in memory that is taken once.

/// Never grows: a full one refuses.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    slots: Box<[T]>,
    head: usize,
    length: usize,
}

impl<T: Copy + Default> Ring<T> {
    pub fn new(capacity: usize) -> Self {
        Self { slots: vec![T::default(); capacity].into_boxed_slice(), head: 0, length: 0 }
    }

    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Bytes on the heap.
    pub fn byte_size(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn slot(&self, offset: usize) -> usize {
        let slot = self.head + offset;
        if slot >= self.slots.len() { slot - self.slots.len() } else { slot }
    }

    pub fn front(&self) -> Option<&T> {
        if self.length == 0 { None } else { self.slots.get(self.head) }
    }

    pub fn back(&self) -> Option<&T> {
        self.slots.get(self.slot(self.length.checked_sub(1)?))
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let value = *self.front()?;
        self.head = self.slot(1);
        self.length -= 1;
        Some(value)
    }

    pub fn pop_back(&mut self) -> Option<T> {
        let value = *self.back()?;
        self.length -= 1;
        Some(value)
    }

    /// False when there is no room.
    #[must_use]
    pub fn push_back(&mut self, value: T) -> bool {
        if self.length == self.slots.len() {
            return false;
        }
        let slot = self.slot(self.length);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
        self.length += 1;
        true
    }

    /// False when there is no room.
    #[must_use]
    pub fn push_front(&mut self, value: T) -> bool {
        if self.length == self.slots.len() {
            return false;
        }
        self.head = self.head.checked_sub(1).unwrap_or(self.slots.len() - 1);
        if let Some(place) = self.slots.get_mut(self.head) {
            *place = value;
        }
        self.length += 1;
        true
    }
}
