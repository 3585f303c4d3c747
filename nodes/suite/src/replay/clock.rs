//! How time goes on within a recording, whatever is done to the clock of its recorder meanwhile.

/// A step of the log time that is longer than this, in either direction, is none of time: the clock was set, or nothing was
/// recorded. Shorter than a step of a replay waits for anything, longer than messages stand out of order.
const JUMP_NS: u64 = 2_000_000_000;

/// Ages of messages are reckoned by it. It begins at zero and never goes back; log times are taken in the order of the messages.
#[derive(Debug, Default)]
pub struct RecordingClock {
    newest_log_ns: Option<u64>,
    now_ns: u64,
}

impl RecordingClock {
    /// The time of the next message, ns; of a jump of its log time no more than [`JUMP_NS`] count.
    pub fn see(&mut self, log_time_ns: u64) -> u64 {
        let newest_ns = *self.newest_log_ns.get_or_insert(log_time_ns);
        if log_time_ns > newest_ns {
            self.now_ns = self.now_ns.saturating_add((log_time_ns - newest_ns).min(JUMP_NS));
            self.newest_log_ns = Some(log_time_ns);
        } else if newest_ns - log_time_ns > JUMP_NS {
            // Set back: it goes on from there.
            self.newest_log_ns = Some(log_time_ns);
        }
        self.now_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_evenly_whatever_is_done_to_the_recorders_clock() {
        const S: u64 = 1_000_000_000;
        let mut clock = RecordingClock::default();
        let mut see = |log_s: u64| clock.see(log_s * S) / S;
        // Set forward by a minute, back by 50 s, and on; two messages out of order; nothing for 5 s.
        let log_s = [1000, 1001, 1061, 1062, 1012, 1013, 1012, 1013, 1014, 1019];
        assert_eq!(log_s.map(&mut see), [0, 1, 3, 4, 4, 5, 5, 5, 6, 8]);
    }
}
