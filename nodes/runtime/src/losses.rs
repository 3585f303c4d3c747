//! Message loss is made visible: internal messages are numbered, gaps are counted.

/// A gap that no loss makes: whoever numbers like that has begun anew, or was never set.
const LEAP: u64 = 1 << 32;

/// Counts gaps in the sequence of one publisher's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossCounter {
    last: Option<(u64, u64)>,
    /// Messages that came since the last number and could not be read.
    unread: u64,
    /// Messages that must have been sent in between and were not seen.
    pub lost: u64,
    /// Messages whose number was not above the last.
    pub out_of_order: u64,
    /// Times that the publisher began anew.
    pub restarts: u64,
}

impl LossCounter {
    /// Notes a message of run `boot_id` with number `sequence`.
    pub fn note(&mut self, boot_id: u64, sequence: u64) {
        let unread = std::mem::take(&mut self.unread);
        match self.last {
            Some((boot, last)) if boot == boot_id => {
                if sequence <= last {
                    self.out_of_order = self.out_of_order.saturating_add(1);
                    return;
                }
                match sequence - last - 1 {
                    LEAP.. => self.restarts = self.restarts.saturating_add(1),
                    gap => self.lost = self.lost.saturating_add(gap.saturating_sub(unread)),
                }
            }
            Some(_) => self.restarts = self.restarts.saturating_add(1),
            // What came before the first is not known to be lost: the subscription may be younger than the publisher.
            None => {}
        }
        self.last = Some((boot_id, sequence));
    }

    /// Notes a message that came and of which no number is known, so that the gap it leaves is no loss.
    pub fn excuse(&mut self) {
        self.unread = self.unread.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(noted: &[(u64, u64)]) -> LossCounter {
        let mut counter = LossCounter::default();
        noted.iter().for_each(|(boot, sequence)| counter.note(*boot, *sequence));
        counter
    }

    #[test]
    fn gaps_repeats_and_restarts_are_told_apart() {
        let counter = after(&[(1, 5), (1, 6), (1, 9), (1, 9), (2, 1), (2, 2)]);
        assert_eq!((counter.lost, counter.out_of_order, counter.restarts), (2, 1, 1));
    }

    #[test]
    fn a_number_that_was_never_set_is_no_loss() {
        let counter = after(&[(0, 0), (0, u64::MAX)]);
        assert_eq!((counter.lost, counter.restarts), (0, 1));
        let counter = after(&[(0, 0), (0, LEAP)]);
        assert_eq!((counter.lost, counter.restarts), (LEAP - 1, 0));
    }

    #[test]
    fn what_came_and_could_not_be_read_is_no_loss() {
        let mut counter = after(&[(1, 5)]);
        (0..3).for_each(|_| counter.excuse());
        counter.note(1, 10);
        assert_eq!(counter.lost, 1);
        counter.note(1, 12);
        assert_eq!(counter.lost, 2);
    }
}
