//! Iterating over the messages of a bag, in the order of the file or of log time.

use crate::chunk::{self, ChunkHeader, Packing, Unpacker};
use crate::error::BagError;
use crate::framing::{MESSAGE_HEADER, MessageRecord, Next, RECORD_HEADER, op, parse_message, placed_records};
use crate::index::{Kind, Segment, read_into};
use crate::reader::{BagReader, Channel};
use crate::source::ZSTD_MAGIC;
use crate::{MERGE_LIMIT, MESSAGE_LIMIT};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::iter::FusedIterator;
use std::ops::Range;

/// One message as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BagMessage {
    /// Index into [`BagReader::channels`].
    pub channel: usize,
    /// The publisher's count, where it was known.
    pub sequence: u32,
    /// When it was recorded, in nanoseconds since the epoch.
    pub log_time_ns: u64,
    /// When it was published.
    pub publish_time_ns: u64,
    /// The message, CDR with its encapsulation header in our bags.
    pub data: Vec<u8>,
}

/// In which order messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were written.
    File,
    /// By log time; messages of equal time as they were written.
    LogTime,
}

impl MessageRecord<'_> {
    /// The message, of this channel of the reader.
    pub(crate) fn to_message(&self, channel: usize) -> BagMessage {
        BagMessage {
            channel,
            sequence: self.sequence,
            log_time_ns: self.log_time_ns,
            publish_time_ns: self.publish_time_ns,
            data: self.data.to_vec(),
        }
    }
}

/// The messages of a bag; see [`BagReader::messages`].
pub struct Messages<'a> {
    reader: &'a BagReader,
    order: Order,
    /// By channel of the reader: whether its messages are asked for.
    wanted: Vec<bool>,
    /// Messages before this log time are left out.
    from_ns: u64,
    /// File and segment indexes still to be read, in the order of reading; the first is the rank.
    pending: VecDeque<(usize, usize, usize)>,
    loaded: BTreeMap<usize, Loaded>,
    /// Log time and rank of the first message of every loaded segment.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    errors: VecDeque<BagError>,
    open: Option<(usize, File)>,
    unpacker: Unpacker,
    held_bytes: usize,
    overflow_told: bool,
}

impl<'a> Messages<'a> {
    /// Only of those channels of the reader that are `wanted`, and from a log time on. A piece that has none of them is not read.
    pub(crate) fn new(reader: &'a BagReader, order: Order, wanted: Vec<bool>, from_ns: u64) -> Self {
        let all = reader.files.iter().enumerate();
        let segments = all.flat_map(|(f, file)| (0..file.segments.len()).map(move |s| (f, s)));
        let segments = segments.filter(|(f, s)| may_have(reader, *f, *s, &wanted));
        let mut pending: Vec<_> = segments.enumerate().map(|(rank, (f, s))| (rank, f, s)).collect();
        pending.retain(|(_, f, s)| segment(reader, *f, *s).is_some_and(|s| s.end_ns >= from_ns));
        if order == Order::LogTime {
            pending.sort_by_key(|(rank, f, s)| (segment(reader, *f, *s).map_or(0, |s| s.start_ns), *rank));
        }
        Self {
            reader,
            order,
            wanted,
            from_ns,
            pending: pending.into(),
            loaded: BTreeMap::new(),
            heads: BinaryHeap::new(),
            errors: VecDeque::new(),
            open: None,
            unpacker: Unpacker::default(),
            held_bytes: 0,
            overflow_told: false,
        }
    }

    /// Loads what has to be there before the next message can be chosen.
    fn fill(&mut self) {
        while let Some(&(rank, file, index)) = self.pending.front() {
            let Some(segment) = segment(self.reader, file, index) else { return };
            let needed = match (self.order, self.heads.peek()) {
                (_, None) => true,
                (Order::File, Some(_)) => false,
                (Order::LogTime, Some(Reverse((time, _)))) => segment.start_ns <= *time,
            };
            if !needed {
                return;
            }
            if self.held_bytes > MERGE_LIMIT {
                // Too much overlaps in time to be put in order: go on with what is there, and say so once.
                if !std::mem::replace(&mut self.overflow_told, true) {
                    let path = self.reader.files.get(file).map(|f| f.path.clone()).unwrap_or_default();
                    let what = "what overlaps in time (from here on the order is not by log time)".into();
                    let (size, limit) = (self.held_bytes as u64, MERGE_LIMIT as u64);
                    self.errors.push_back(BagError::TooLarge { path, what, size, limit });
                }
                return;
            }
            self.pending.pop_front();
            let mut loaded = Loaded::default();
            if let Err(error) = self.load(file, segment, &mut loaded) {
                self.errors.push_back(error);
            }
            loaded.entries.retain(|e| e.log_time_ns >= self.from_ns);
            if self.order == Order::LogTime {
                loaded.entries.make_contiguous().sort_by_key(|e| e.log_time_ns);
            }
            match loaded.entries.front() {
                Some(first) => {
                    self.heads.push(Reverse((first.log_time_ns, rank)));
                    self.held_bytes = self.held_bytes.saturating_add(loaded.held_bytes());
                    self.loaded.insert(rank, loaded);
                }
                None => self.unpacker.keep(loaded.bytes),
            }
        }
    }

    /// Also where this fails, `loaded` has what came before.
    fn load(&mut self, file: usize, segment: &Segment, loaded: &mut Loaded) -> Result<(), BagError> {
        let (Some(index), Some(map)) = (self.reader.files.get(file), self.reader.channel_maps.get(file))
        else {
            return Ok(());
        };
        let path = index.path.as_path();
        let handle = match self.open.take() {
            Some((open, handle)) if open == file => handle,
            _ => File::open(index.source.path()).map_err(BagError::io(path, "open"))?,
        };
        let (_, handle) = self.open.insert((file, handle));
        if segment.length > crate::RECORD_LIMIT as u64 + RECORD_HEADER as u64 {
            return Err(BagError::TooLarge {
                path: path.to_owned(),
                what: format!("the chunk at byte {}", segment.offset),
                size: segment.length,
                limit: crate::RECORD_LIMIT as u64,
            });
        }
        let mut bytes = self.unpacker.buffer();
        read_into(handle, path, segment.offset, segment.length, &mut bytes)?;
        let records;
        (loaded.bytes, records) = open_segment(segment.kind, bytes, &mut self.unpacker)
            .map_err(|reason| BagError::damaged(path, segment.offset, format!("chunk: {reason}")))?;
        let mut taken = Taken {
            channels: self.reader.channels(),
            wanted: &self.wanted,
            map,
            base: records.start,
            left: segment.messages.unwrap_or(u64::MAX),
            undeclared: BTreeMap::new(),
            packed: None,
            entries: &mut loaded.entries,
        };
        let records = loaded.bytes.get(records).unwrap_or_default();
        let outcome = placed_records(records, |at, opcode, body| taken.take(at, opcode, body));
        let Taken { undeclared, packed, .. } = taken;
        if let Some(reason) = packed {
            self.errors.push_back(BagError::damaged(path, segment.offset, reason));
        }
        // Of a file that was walked over this was told on opening.
        if !undeclared.is_empty() && !index.scanned {
            let list: Vec<String> =
                undeclared.iter().map(|(id, count)| format!("{count} of channel {id}")).collect();
            let reason = format!("messages of channels that are not declared: {}", list.join(", "));
            self.errors.push_back(BagError::damaged(path, segment.offset, reason));
        }
        outcome.map_err(|(at, reason)| match segment.kind {
            Kind::Plain => BagError::damaged(path, segment.offset.saturating_add(at as u64), reason),
            _ => BagError::damaged(path, segment.offset, format!("chunk: {reason}, {at} bytes into it")),
        })
    }
}

/// The records of a segment: bytes, and where in them.
fn open_segment(
    kind: Kind,
    bytes: Vec<u8>,
    unpacker: &mut Unpacker,
) -> Result<(Vec<u8>, Range<usize>), String> {
    if kind == Kind::Plain {
        let all = 0..bytes.len();
        return Ok((bytes, all));
    }
    let body = bytes.get(RECORD_HEADER..).ok_or("it is shorter than a record")?;
    let header = ChunkHeader::parse(body);
    // Of a broken opcode a right CRC makes up for.
    let is_chunk = bytes.first() == Some(&op::CHUNK) || header.as_ref().is_ok_and(|h| h.crc != 0);
    if kind == Kind::Chunk && !is_chunk {
        return Err("there is none where one should be".into());
    }
    let header = header?;
    let records = if kind == Kind::CutChunk {
        chunk::open_cut(&header, body.get(header.header_bytes..).unwrap_or_default())
    } else {
        unpacker.open(body)?
    };
    match records {
        Cow::Owned(records) => {
            unpacker.keep(bytes);
            let all = 0..records.len();
            Ok((records, all))
        }
        // Stored as they are, behind the header.
        Cow::Borrowed(records) => {
            let start = RECORD_HEADER.saturating_add(header.header_bytes);
            let place = start..start.saturating_add(records.len());
            Ok((bytes, place))
        }
    }
}

/// A segment in memory, with what is still to be handed out of it.
#[derive(Default)]
struct Loaded {
    bytes: Vec<u8>,
    entries: VecDeque<Entry>,
}

/// A message in a segment.
struct Entry {
    channel: usize,
    sequence: u32,
    log_time_ns: u64,
    publish_time_ns: u64,
    data: Data,
}

enum Data {
    /// Stored as it is.
    At(Range<usize>),
    /// It was compressed by itself.
    Unpacked(Vec<u8>),
}

impl Loaded {
    fn held_bytes(&self) -> usize {
        let unpacked = |entry: &Entry| match &entry.data {
            Data::At(_) => 0,
            Data::Unpacked(bytes) => bytes.len(),
        };
        self.entries.iter().map(unpacked).fold(self.bytes.len(), usize::saturating_add)
    }

    /// The message, and the bytes that are no longer held.
    fn pop(&mut self) -> Option<(BagMessage, usize)> {
        let entry = self.entries.pop_front()?;
        let (data, released) = match entry.data {
            Data::At(place) => (self.bytes.get(place).unwrap_or_default().to_vec(), 0),
            Data::Unpacked(bytes) => {
                let size = bytes.len();
                (bytes, size)
            }
        };
        let message = BagMessage {
            channel: entry.channel,
            sequence: entry.sequence,
            log_time_ns: entry.log_time_ns,
            publish_time_ns: entry.publish_time_ns,
            data,
        };
        Some((message, released))
    }
}

/// Messages on their way out of a segment.
struct Taken<'a> {
    channels: &'a [Channel],
    wanted: &'a [bool],
    /// Where in the segment's bytes its records begin.
    base: usize,
    map: &'a BTreeMap<u16, usize>,
    left: u64,
    /// Messages by undeclared channel.
    undeclared: BTreeMap<u16, u64>,
    /// Why a compressed message could not be had; the first of them.
    packed: Option<String>,
    entries: &'a mut VecDeque<Entry>,
}

impl Taken<'_> {
    /// `at` tells where among the records the body is.
    fn take(&mut self, at: usize, opcode: u8, body: &[u8]) -> Result<Next, String> {
        if opcode != op::MESSAGE {
            return Ok(Next::Continue);
        }
        let record = parse_message(body).ok_or("a message record that is too short")?;
        let id = record.channel;
        self.left = self.left.saturating_sub(1);
        let next = if self.left == 0 { Next::Stop } else { Next::Continue };
        let Some(channel) = self.map.get(&id) else {
            let count = self.undeclared.entry(id).or_default();
            *count = count.saturating_add(1);
            return Ok(next);
        };
        if self.wanted.get(*channel) != Some(&true) {
            return Ok(next);
        }
        let start = self.base.saturating_add(at).saturating_add(MESSAGE_HEADER);
        let mut data = Data::At(start..start.saturating_add(record.data.len()));
        if record.data.starts_with(ZSTD_MAGIC)
            && let Some(declared) = self.channels.get(*channel).filter(|c| c.message_encoding == "cdr")
        {
            match unpack_message(record.data) {
                Ok(bytes) => data = Data::Unpacked(bytes),
                Err(reason) => {
                    let (topic, time) = (&declared.topic, record.log_time_ns);
                    self.packed
                        .get_or_insert(format!("a compressed message of {topic} at {time} ns: {reason}"));
                    return Ok(next);
                }
            }
        }
        self.entries.push_back(Entry {
            channel: *channel,
            sequence: record.sequence,
            log_time_ns: record.log_time_ns,
            publish_time_ns: record.publish_time_ns,
            data,
        });
        Ok(next)
    }
}

/// rosbag2 compresses messages one by one in `compression_mode: message`. No CDR header begins like a zstd frame.
fn unpack_message(data: &[u8]) -> Result<Vec<u8>, String> {
    match chunk::decompress(Packing::Zstd, data, MESSAGE_LIMIT) {
        (bytes, None) => Ok(bytes),
        (_, Some(reason)) => Err(reason),
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<BagMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        if let Some(error) = self.errors.pop_front() {
            return Some(Err(error));
        }
        let Reverse((_, rank)) = self.heads.pop()?;
        let loaded = self.loaded.get_mut(&rank)?;
        let (message, mut released) = loaded.pop()?;
        match loaded.entries.front() {
            Some(following) => self.heads.push(Reverse((following.log_time_ns, rank))),
            None => {
                let Loaded { bytes, .. } = self.loaded.remove(&rank).unwrap_or_default();
                released = released.saturating_add(bytes.len());
                self.unpacker.keep(bytes);
            }
        }
        self.held_bytes = self.held_bytes.saturating_sub(released);
        Some(Ok(message))
    }
}

impl FusedIterator for Messages<'_> {}

fn segment(reader: &BagReader, file: usize, index: usize) -> Option<&Segment> {
    reader.files.get(file)?.segments.get(index)
}

/// Whether a segment may have messages that are wanted, or that are of no declared channel, which is told.
fn may_have(reader: &BagReader, file: usize, index: usize, wanted: &[bool]) -> bool {
    let Some(listed) = segment(reader, file, index).and_then(|s| s.channels.as_deref()) else { return true };
    let Some(map) = reader.channel_maps.get(file) else { return true };
    listed.iter().any(|id| map.get(id).is_none_or(|channel| wanted.get(*channel) == Some(&true)))
}
