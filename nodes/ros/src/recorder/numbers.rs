//! Losses before the recorder, seen by gaps in numbers: DDS counts the messages of each publisher, and the suite's own
//! messages have numbers of their own for middlewares that do not.

use crate::rcl::Origin;
use outrider_msgs::outrider_msgs::{
    AssuranceState, Command, Decision, DetectionArray, GateState, Grid, GroundTruth, Intervention, Tick,
    WorldModel,
};
use outrider_msgs::{Message, decode};
use outrider_runtime::LossCounter;
use std::collections::BTreeMap;

/// The most publishers of one topic that are counted apart; the one with the lowest id makes room.
const PUBLISHER_LIMIT: usize = 64;

/// Counts one topic.
#[derive(Default)]
pub(super) struct Numbers {
    publishers: BTreeMap<[u8; 16], LossCounter>,
    /// By the messages' own numbers.
    own: LossCounter,
    /// Of publishers that had to make room.
    forgotten: u64,
}

impl Numbers {
    pub(super) fn note(&mut self, type_name: &str, origin: Origin, bytes: &[u8]) {
        if let Some(number) = origin.number {
            if self.publishers.len() >= PUBLISHER_LIMIT && !self.publishers.contains_key(&origin.publisher) {
                self.forgotten += self.publishers.pop_first().map_or(0, |(_, counter)| missing(&counter));
            }
            self.publishers.entry(origin.publisher).or_default().note(0, number);
        } else if let Some((boot, number)) = own_number(type_name, bytes) {
            self.own.note(boot, number);
        }
    }

    /// Messages that must have been sent in between and did not arrive.
    pub(super) fn lost(&self) -> u64 {
        self.publishers.values().map(missing).sum::<u64>() + self.own.lost + self.forgotten
    }
}

/// DDS hands over each number once: one that is not above the last fills a gap.
fn missing(counter: &LossCounter) -> u64 {
    counter.lost.saturating_sub(counter.out_of_order)
}

/// Run and number of a message of the suite that has one.
fn own_number(type_name: &str, bytes: &[u8]) -> Option<(u64, u64)> {
    macro_rules! of {
        ($($kind:ident => |$message:ident| $numbers:expr),* $(,)?) => {
            match type_name {
                $($kind::TYPE_NAME => decode::<$kind>(bytes).ok().map(|$message| $numbers),)*
                _ => None,
            }
        };
    }
    of! {
        Tick => |m| (m.boot_id, m.tick),
        WorldModel => |m| (m.boot_id, m.sequence),
        Command => |m| (m.boot_id, m.sequence),
        Decision => |m| (m.boot_id, m.sequence),
        GateState => |m| (m.boot_id, m.sequence),
        AssuranceState => |m| (m.boot_id, m.sequence),
        Intervention => |m| (m.boot_id, m.sequence),
        DetectionArray => |m| (0, m.sequence),
        GroundTruth => |m| (0, m.sequence),
        Grid => |m| (0, m.sequence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(publisher: u8, number: Option<u64>) -> Origin {
        Origin { source_ns: 0, number, publisher: [publisher; 16] }
    }

    #[test]
    fn gaps_are_counted_by_publisher_and_else_by_the_messages_numbers() {
        let mut numbers = Numbers::default();
        for (publisher, number) in [(1, 5), (2, 90), (1, 6), (2, 93), (1, 9)] {
            numbers.note("std_msgs/msg/Bool", origin(publisher, Some(number)), &[]);
        }
        assert_eq!(numbers.lost(), 4);
        numbers.note("std_msgs/msg/Bool", origin(1, Some(8)), &[]);
        assert_eq!(numbers.lost(), 3, "one came late");
        let mut numbers = Numbers::default();
        for (boot_id, tick) in [(1, 1), (1, 4), (2, 1)] {
            let bytes = outrider_msgs::encode(&Tick { boot_id, tick, ..Tick::default() }).unwrap();
            numbers.note(Tick::TYPE_NAME, origin(1, None), &bytes);
            numbers.note("std_msgs/msg/Bool", origin(1, None), &bytes);
        }
        assert_eq!(numbers.lost(), 2);
    }

    #[test]
    fn more_publishers_than_are_counted_lose_no_count() {
        let mut numbers = Numbers::default();
        for publisher in 0..200 {
            for number in [1, 3] {
                numbers.note("", origin(publisher, Some(number)), &[]);
            }
        }
        assert_eq!((numbers.lost(), numbers.publishers.len()), (200, PUBLISHER_LIMIT));
    }
}
