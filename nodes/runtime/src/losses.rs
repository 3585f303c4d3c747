//! Message loss is made visible: internal messages are numbered, gaps are counted.

/// Counts gaps in the sequence of one publisher's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossCounter {
    last: Option<(u64, u64)>,
    /// Messages seen.
    pub received: u64,
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
        self.received += 1;
        match self.last {
            Some((boot, last)) if boot == boot_id => {
                if sequence <= last {
                    self.out_of_order += 1;
                    return;
                }
                self.lost = self.lost.saturating_add(sequence - last - 1);
            }
            Some(_) => self.restarts += 1,
            // What came before the first is not known to be lost: the subscription may be younger than the publisher.
            None => {}
        }
        self.last = Some((boot_id, sequence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_repeats_and_restarts_are_told_apart() {
        let mut counter = LossCounter::default();
        for (boot, sequence) in [(1, 5), (1, 6), (1, 9), (1, 9), (2, 1), (2, 2)] {
            counter.note(boot, sequence);
        }
        assert_eq!((counter.received, counter.lost, counter.out_of_order, counter.restarts), (6, 2, 1, 1));
    }
}
