//! Iterating over the messages of a bag, in the order of the file or of log time.

use crate::chunk::{self, ChunkHeader, Packing};
use crate::error::BagError;
use crate::framing::{Next, RECORD_HEADER, op, parse_message, plain_records};
use crate::index::{Kind, Segment, read_at};
use crate::reader::{BagReader, Channel};
use crate::source::ZSTD_MAGIC;
use crate::{MERGE_LIMIT, MESSAGE_LIMIT};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::iter::FusedIterator;

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

/// The messages of a bag; see [`BagReader::messages`].
pub struct Messages<'a> {
    reader: &'a BagReader,
    order: Order,
    /// Messages before this log time are left out.
    from_ns: u64,
    /// File and segment indexes still to be read, in the order of reading; the first is the rank.
    pending: VecDeque<(usize, usize, usize)>,
    loaded: BTreeMap<usize, VecDeque<BagMessage>>,
    /// Log time and rank of the first message of every loaded segment.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    errors: VecDeque<BagError>,
    open: Option<(usize, File)>,
    held_bytes: usize,
    overflow_told: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(reader: &'a BagReader, order: Order, from_ns: u64) -> Self {
        let all = reader.files.iter().enumerate();
        let segments = all.flat_map(|(f, file)| (0..file.segments.len()).map(move |s| (f, s)));
        let mut pending: Vec<_> = segments.enumerate().map(|(rank, (f, s))| (rank, f, s)).collect();
        pending.retain(|(_, f, s)| segment(reader, *f, *s).is_some_and(|s| s.end_ns >= from_ns));
        if order == Order::LogTime {
            pending.sort_by_key(|(rank, f, s)| (segment(reader, *f, *s).map_or(0, |s| s.start_ns), *rank));
        }
        Self {
            reader,
            order,
            from_ns,
            pending: pending.into(),
            loaded: BTreeMap::new(),
            heads: BinaryHeap::new(),
            errors: VecDeque::new(),
            open: None,
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
            let segment = segment.clone();
            let mut messages = VecDeque::new();
            if let Err(error) = self.load(file, &segment, &mut messages) {
                self.errors.push_back(error);
            }
            messages.retain(|m| {
                let wanted = m.log_time_ns >= self.from_ns;
                if !wanted {
                    self.held_bytes = self.held_bytes.saturating_sub(m.data.len());
                }
                wanted
            });
            if self.order == Order::LogTime {
                messages.make_contiguous().sort_by_key(|m| m.log_time_ns);
            }
            if let Some(first) = messages.front() {
                self.heads.push(Reverse((first.log_time_ns, rank)));
                self.loaded.insert(rank, messages);
            }
        }
    }

    fn load(
        &mut self,
        file: usize,
        segment: &Segment,
        messages: &mut VecDeque<BagMessage>,
    ) -> Result<(), BagError> {
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
        let bytes = read_at(handle, path, segment.offset, segment.length)?;
        let records = open_segment(segment.kind, &bytes)
            .map_err(|reason| BagError::damaged(path, segment.offset, format!("chunk: {reason}")))?;
        let mut taken = Taken {
            channels: self.reader.channels(),
            map,
            left: segment.messages.unwrap_or(u64::MAX),
            undeclared: BTreeMap::new(),
            packed: None,
            bytes: 0,
            messages,
        };
        let outcome = plain_records(&records, |opcode, body| taken.take(opcode, body));
        let Taken { undeclared, packed, bytes, .. } = taken;
        self.held_bytes = self.held_bytes.saturating_add(bytes);
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

/// The records of a segment.
fn open_segment(kind: Kind, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let body = bytes.get(RECORD_HEADER..).ok_or("it is shorter than a record")?;
    match kind {
        Kind::Plain => Ok(Cow::Borrowed(bytes)),
        Kind::CutChunk => {
            let header = ChunkHeader::parse(body)?;
            let data = body.get(header.header_bytes..).unwrap_or_default();
            Ok(chunk::open_cut(&header, data))
        }
        Kind::Chunk => {
            let is_chunk = bytes.first() == Some(&op::CHUNK);
            // Of a broken opcode a right CRC makes up for.
            if !is_chunk && !ChunkHeader::parse(body).is_ok_and(|h| h.crc != 0) {
                return Err("there is none where one should be".into());
            }
            chunk::open(body)
        }
    }
}

/// Messages on their way out of a segment.
struct Taken<'a> {
    channels: &'a [Channel],
    map: &'a BTreeMap<u16, usize>,
    left: u64,
    /// Messages by undeclared channel.
    undeclared: BTreeMap<u16, u64>,
    /// Why a compressed message could not be had; the first of them.
    packed: Option<String>,
    bytes: usize,
    messages: &'a mut VecDeque<BagMessage>,
}

impl Taken<'_> {
    fn take(&mut self, opcode: u8, body: &[u8]) -> Result<Next, String> {
        if opcode != op::MESSAGE {
            return Ok(Next::Continue);
        }
        let (id, mut message) = parse_message(body).ok_or("a message record that is too short")?;
        self.left = self.left.saturating_sub(1);
        let next = if self.left == 0 { Next::Stop } else { Next::Continue };
        let Some(channel) = self.map.get(&id) else {
            let count = self.undeclared.entry(id).or_default();
            *count = count.saturating_add(1);
            return Ok(next);
        };
        let declared = self.channels.get(*channel);
        let is_cdr = declared.is_some_and(|c| c.message_encoding == "cdr");
        if is_cdr && message.data.starts_with(ZSTD_MAGIC) {
            match unpack_message(&message.data) {
                Ok(data) => message.data = data,
                Err(reason) => {
                    let topic = declared.map(|c| c.topic.as_str()).unwrap_or_default();
                    let time = message.log_time_ns;
                    self.packed
                        .get_or_insert(format!("a compressed message of {topic} at {time} ns: {reason}"));
                    return Ok(next);
                }
            }
        }
        message.channel = *channel;
        self.bytes = self.bytes.saturating_add(message.data.len());
        self.messages.push_back(message);
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
        let queue = self.loaded.get_mut(&rank)?;
        let message = queue.pop_front()?;
        match queue.front() {
            Some(following) => self.heads.push(Reverse((following.log_time_ns, rank))),
            None => {
                self.loaded.remove(&rank);
            }
        }
        self.held_bytes = self.held_bytes.saturating_sub(message.data.len());
        Some(Ok(message))
    }
}

impl FusedIterator for Messages<'_> {}

fn segment(reader: &BagReader, file: usize, index: usize) -> Option<&Segment> {
    reader.files.get(file)?.segments.get(index)
}
