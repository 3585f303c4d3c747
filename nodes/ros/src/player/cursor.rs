//! Where in the bag the player reads: the messages of the topics that are played, and what latched topics said before.

use super::settings::signed;
use outrider_bags::{BagMessage, BagReader, Messages, Order};
use std::collections::{BTreeMap, BTreeSet};

/// What reading gave.
pub(super) enum Read {
    Message(BagMessage),
    /// One that is not played; read again.
    Passed,
    End,
}

/// How a channel of the bag is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub played: bool,
    /// Its last message is the state of something, and whoever comes late gets it.
    pub latched: bool,
}

pub(super) struct Cursor<'a> {
    bag: &'a BagReader,
    /// By channel.
    roles: Vec<Role>,
    messages: Messages<'a>,
    end_ns: u64,
    /// Log times of latched channels' messages, complete before `known_ns`.
    latched: BTreeMap<usize, BTreeSet<u64>>,
    known_ns: u64,
    /// Everything between there and the place of reading was looked at.
    contiguous: bool,
    /// Pieces of the bag that could not be read, when it was opened and since.
    pub damage: u64,
}

impl<'a> Cursor<'a> {
    /// At the first message of the bag; nothing after `end_ns` is given.
    pub(super) fn new(bag: &'a BagReader, roles: Vec<Role>, end_ns: u64) -> Self {
        let messages = bag.messages(Order::LogTime);
        let (latched, damage) = (BTreeMap::new(), bag.damage().count() as u64);
        Self { bag, roles, messages, end_ns, latched, known_ns: 0, contiguous: true, damage }
    }

    pub(super) fn read(&mut self) -> Read {
        let message = match self.messages.next() {
            None => return Read::End,
            Some(Err(damage)) => {
                tracing::warn!("player: {damage}");
                self.damage = self.damage.saturating_add(1);
                return Read::Passed;
            }
            Some(Ok(message)) => message,
        };
        self.note(&message);
        if message.log_time_ns > self.end_ns {
            return Read::End;
        }
        if self.role(message.channel).played { Read::Message(message) } else { Read::Passed }
    }

    /// Goes to the first message at or after `to_ns`. `tend` is called for every message that is looked at on the way;
    /// when it says false the search for latched values is given up.
    ///
    /// Gives the last message before `to_ns` of every latched channel, oldest first.
    pub(super) fn seek(&mut self, to_ns: u64, tend: &mut dyn FnMut() -> bool) -> Vec<BagMessage> {
        self.messages = self.bag.messages_from(Order::LogTime, to_ns);
        self.contiguous = self.look_up(to_ns, tend);
        let mut found = Vec::new();
        let before = |times: &BTreeSet<u64>| times.range(..to_ns).next_back().copied();
        let wanted: Vec<(usize, u64)> =
            self.latched.iter().filter_map(|(channel, times)| Some((*channel, before(times)?))).collect();
        for (channel, time) in wanted {
            let nearby = self.bag.messages_from(Order::LogTime, time).flatten();
            let same = |m: &BagMessage| m.channel == channel && m.log_time_ns == time;
            found.extend(nearby.take_while(|m| m.log_time_ns <= time).filter(same).last());
        }
        found.sort_by_key(|m| m.log_time_ns);
        found
    }

    /// Learns of all latched messages before `to_ns`; false when it was given up.
    fn look_up(&mut self, to_ns: u64, tend: &mut dyn FnMut() -> bool) -> bool {
        if self.known_ns >= to_ns || self.all_known() {
            return true;
        }
        self.contiguous = false;
        for message in self.bag.messages_from(Order::LogTime, self.known_ns).flatten() {
            if message.log_time_ns >= to_ns || self.all_known() {
                break;
            }
            if !tend() {
                return false;
            }
            self.note(&message);
        }
        self.known_ns = self.known_ns.max(to_ns);
        true
    }

    fn all_known(&self) -> bool {
        let latched = self.roles.iter().zip(self.bag.channels()).enumerate();
        let mut latched = latched.filter(|(_, (role, _))| role.played && role.latched);
        latched.all(|(channel, (_, c))| {
            self.latched.get(&channel).map_or(0, BTreeSet::len) as u64 >= c.message_count
        })
    }

    fn note(&mut self, message: &BagMessage) {
        let role = self.role(message.channel);
        if role.played && role.latched {
            self.latched.entry(message.channel).or_default().insert(message.log_time_ns);
        }
        if self.contiguous {
            self.known_ns = self.known_ns.max(message.log_time_ns);
        }
    }

    fn role(&self, channel: usize) -> Role {
        self.roles.get(channel).copied().unwrap_or_default()
    }
}

/// The position of a message, in the timeline's numbers.
pub(super) fn log_time_ns(message: &BagMessage) -> i64 {
    signed(message.log_time_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_bags::{BagWriter, WriterOptions};
    use proptest::prelude::*;

    /// Channel 0 is latched, 1 is played, 2 is not; `(channel, time, content)`.
    fn bag(messages: &[(usize, u64)]) -> (tempfile::TempDir, BagReader) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mcap");
        let options = WriterOptions { chunk_bytes: 200, ..WriterOptions::default() };
        let mut writer = BagWriter::create(&path, &options).unwrap();
        let ids: Vec<_> = ["/map", "/scan", "/other"]
            .map(|topic| writer.add_channel(topic, "std_msgs/msg/String", "string data", "").unwrap())
            .into();
        for (number, (channel, time)) in (0_u32..).zip(messages) {
            writer.write(ids[*channel], number, *time, *time, &number.to_le_bytes().repeat(8)).unwrap();
        }
        writer.finish().unwrap();
        (folder, BagReader::open(path).unwrap())
    }

    fn roles(bag: &BagReader) -> Vec<Role> {
        let role = |topic: &str| Role { played: topic != "/other", latched: topic == "/map" };
        bag.channels().iter().map(|c| role(&c.topic)).collect()
    }

    fn rest(cursor: &mut Cursor<'_>) -> Vec<u32> {
        let mut found = Vec::new();
        loop {
            match cursor.read() {
                Read::Message(message) => found.push(message.sequence),
                Read::Passed => {}
                Read::End => return found,
            }
        }
    }

    proptest! {
        /// Wherever it was before: after a seek the same follows as from the start, and the latched value is the last.
        #[test]
        fn a_seek_gives_what_was_latched_and_what_follows(
            mut messages in proptest::collection::vec((0_usize..3, 0_u64..300), 1..120),
            seeks in proptest::collection::vec((0_u64..320, 0_usize..40), 1..6),
        ) {
            messages.sort_by_key(|(_, time)| *time);
            let (_folder, bag) = bag(&messages);
            let mut cursor = Cursor::new(&bag, roles(&bag), u64::MAX);
            let all: Vec<(u32, usize, u64)> =
                (0_u32..).zip(&messages).map(|(n, (channel, time))| (n, *channel, *time)).collect();
            for (to, read) in seeks {
                let latched: Vec<u32> = cursor.seek(to, &mut || true).iter().map(|m| m.sequence).collect();
                let last = all.iter().rfind(|(_, channel, time)| *channel == 0 && *time < to);
                prop_assert_eq!(latched, last.iter().map(|(n, ..)| *n).collect::<Vec<_>>());
                (0..read).for_each(|_| { cursor.read(); });
            }
            let to = 150;
            cursor.seek(to, &mut || true);
            let expected: Vec<u32> =
                all.iter().filter(|(_, c, t)| *c != 2 && *t >= to).map(|(n, ..)| *n).collect();
            prop_assert_eq!(rest(&mut cursor), expected);
        }
    }

    #[test]
    fn nothing_after_the_end_is_given() {
        let (_folder, bag) = bag(&[(1, 10), (2, 20), (1, 30), (1, 31)]);
        assert_eq!(rest(&mut Cursor::new(&bag, roles(&bag), 30)), [0, 2]);
    }

    #[test]
    fn a_search_that_is_given_up_is_made_up_for_later() {
        let (_folder, bag) = bag(&[(1, 10), (0, 20), (1, 30), (0, 40), (1, 50)]);
        let mut cursor = Cursor::new(&bag, roles(&bag), u64::MAX);
        assert!(cursor.seek(45, &mut || false).is_empty());
        cursor.read();
        assert_eq!(cursor.seek(45, &mut || true).first().map(|m| m.sequence), Some(3));
    }
}
