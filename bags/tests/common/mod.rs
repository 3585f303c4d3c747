//! What the tests of damaged bags share: a bag whose every record's place is known, found by a walk that has nothing to
//! do with the reader under test.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests; not every one uses all of it")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "tests read and write files")]

use outrider_bags::{BagReader, BagWriter, Compression, Order, WriterOptions};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Topic, sequence, log time, data.
pub type Written = (String, u32, u64, Vec<u8>);

/// Numbers that look random and are the same every time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 20) % limit as u64) as usize
    }
}

/// CDR of a string that compresses neither to nothing nor not at all, padded as on the wire.
pub fn payload(i: u32, size: usize) -> Vec<u8> {
    let mut dice = Dice::new(u64::from(i));
    let mut data = vec![0, 1, 0, 0];
    data.extend(((size + 1) as u32).to_le_bytes());
    data.extend(
        (0..size).map(|k| if k % 4 == 0 { b'a' + (i % 26) as u8 } else { b' ' + dice.below(90) as u8 }),
    );
    data.push(0);
    data.resize(data.len().next_multiple_of(4), 0);
    data
}

/// Writes `count` messages over three topics, with metadata between; returns them.
pub fn write(mut writer: BagWriter, count: u32, size: usize) -> Vec<Written> {
    let qos = "- history: keep_last\n  depth: 10\n";
    let topics = ["/a", "/b", "/c"];
    let ids = topics.map(|t| writer.add_channel(t, "std_msgs/msg/String", "string data", qos).unwrap());
    let mut written = Vec::new();
    for i in 0..count {
        let which = (i % 7 % 3) as usize;
        let time = 1_700_000_000_000_000_000 + u64::from(i) * 1_000_000;
        let data = payload(i, size / 2 + (i as usize * 37) % size);
        writer.write(ids[which], i, time, time - 1, &data).unwrap();
        written.push((topics[which].to_owned(), i, time, data));
        if i == count / 2 {
            writer.write_metadata("half", BTreeMap::from([("at".into(), i.to_string())])).unwrap();
        }
    }
    writer.finish().unwrap();
    written
}

pub fn options(compression: Compression, chunk_bytes: u32) -> WriterOptions {
    WriterOptions { compression, chunk_bytes, ..WriterOptions::default() }
}

/// A chunk of a sound file.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub offset: usize,
    pub data_at: usize,
    pub end: usize,
    pub packed: bool,
    /// Index of its first message, and where each one ends, counted in decompressed bytes.
    pub first: usize,
    pub ends: Vec<usize>,
}

fn number(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Offset, opcode and end of every record of a sound file.
pub fn records(bytes: &[u8]) -> Vec<(usize, u8, usize)> {
    let (mut at, mut found) = (8, Vec::new());
    while at < bytes.len() - 8 {
        let end = at + 9 + number(bytes, at + 1);
        found.push((at, bytes[at], end));
        at = end;
    }
    found
}

/// The chunks of a sound file.
pub fn chunks(bytes: &[u8]) -> Vec<Chunk> {
    let mut found: Vec<Chunk> = Vec::new();
    for (offset, _, end) in records(bytes).into_iter().filter(|(_, op, _)| *op == 6) {
        let name = u32::from_le_bytes(bytes[offset + 37..offset + 41].try_into().unwrap()) as usize;
        let data_at = offset + 9 + 40 + name;
        let inner = unpack(&bytes[data_at..end], name > 0);
        let (mut at, mut ends) = (0, Vec::new());
        while at < inner.len() {
            let next = at + 9 + number(&inner, at + 1);
            if inner[at] == 5 {
                ends.push(next);
            }
            at = next;
        }
        let first = found.last().map_or(0, |c| c.first + c.ends.len());
        found.push(Chunk { offset, data_at, end, packed: name > 0, first, ends });
    }
    found
}

fn unpack(data: &[u8], packed: bool) -> Vec<u8> {
    if packed { zstd::decode_all(data).unwrap() } else { data.to_vec() }
}

/// How many decompressed bytes the whole blocks among the first `have` bytes of a zstd frame make up, and where the
/// compressed blocks end: the frame is ended by hand behind its last whole block and decoded as one.
pub fn whole_blocks(frame: &[u8], have: usize) -> (usize, Vec<usize>) {
    let descriptor = frame[4];
    assert_eq!(descriptor & 0b111, 0, "no dictionary, no checksum");
    let single = descriptor >> 5 & 1 == 1;
    let size_bytes = [usize::from(single), 2, 4, 8][(descriptor >> 6) as usize];
    let mut at = 5 + usize::from(!single) + size_bytes;
    let (mut last, mut ends) = (None, Vec::new());
    while at + 3 <= frame.len() {
        let header = u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], 0]);
        let kind = header >> 1 & 3;
        let size = if kind == 1 { 1 } else { (header >> 3) as usize };
        let end = at + 3 + size;
        if end <= have {
            last = Some((at, end));
        }
        ends.push(end);
        at = end;
        if header & 1 == 1 {
            break;
        }
    }
    let Some((block, end)) = last else { return (0, ends) };
    let mut ended = frame[..end].to_vec();
    ended[block] |= 1;
    if size_bytes > 0 {
        // The frame tells its size: it is made one that does not.
        let body = ended.split_off(5 + usize::from(!single) + size_bytes);
        ended.truncate(4);
        ended.extend([0, 0x70]); // no size, a window of 16 MiB
        ended.extend(body);
    }
    (zstd::decode_all(&ended[..]).unwrap().len(), ends)
}

/// How many messages a file cut at `cut` holds in full; of a compressed chunk those in whole blocks.
pub fn complete(bytes: &[u8], chunks: &[Chunk], cut: usize) -> usize {
    let Some(chunk) = chunks.iter().rev().find(|c| c.offset < cut) else { return 0 };
    let have = cut.min(chunk.end).saturating_sub(chunk.data_at);
    let unpacked = match chunk.packed {
        true => whole_blocks(&bytes[chunk.data_at..chunk.end], have).0,
        false => have,
    };
    chunk.first + chunk.ends.iter().filter(|end| **end <= unpacked).count()
}

/// What a reader gives, in the form of what was written, and all that it complains of.
pub fn read_all(path: &Path) -> (Vec<Written>, Vec<String>) {
    let reader = BagReader::open(path).unwrap();
    let mut told: Vec<String> = reader.damage().map(ToString::to_string).collect();
    told.extend(reader.warnings().iter().cloned());
    let mut good = Vec::new();
    for item in reader.messages(Order::File) {
        match item {
            Ok(m) => {
                let topic = reader.channel(m.channel).unwrap().topic.clone();
                good.push((topic, m.sequence, m.log_time_ns, m.data));
            }
            Err(e) => told.push(e.to_string()),
        }
    }
    (good, told)
}

/// Which of `written` are in `good`, which must hold nothing else and keep their order.
pub fn which(good: &[Written], written: &[Written], what: &str) -> Vec<bool> {
    let mut there = vec![false; written.len()];
    let mut from = 0;
    for message in good {
        let at = written[from..].iter().position(|w| w == message);
        let at = at.unwrap_or_else(|| {
            panic!("{what}: a message that was never written, or not here: {}", message.1)
        });
        there[from + at] = true;
        from += at + 1;
    }
    there
}

/// Writes `bytes` and reads them.
pub fn read_bytes(path: &Path, bytes: &[u8]) -> (Vec<Written>, Vec<String>) {
    fs::write(path, bytes).unwrap();
    read_all(path)
}
