//! Messages gathered into chunks: the part of a bag that is made before anything is written.

use crate::format::{self, ChunkHead, ChunkPlace};
use crate::framing::{MessageRecord, message_head, parse_message, record_header};
use crate::writer::Compression;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The level of Zstandard.
const LEVEL: i32 = 1;
/// Any byte but zero: a buffer of zeros may come from the kernel as pages that are not there yet.
const TOUCH: u8 = 0xa5;

/// A message that new files repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub channel: u16,
    pub sequence: u32,
    pub publish_ns: u64,
    pub data: Arc<[u8]>,
}

/// Message records under way to a chunk.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub records: Vec<u8>,
    /// How many.
    pub messages: usize,
    /// A buffer for the chunk that is made of this.
    pub out: Vec<u8>,
}

impl Batch {
    /// One that need not grow, and whose memory is there.
    pub(crate) fn with_room(bytes: usize) -> Self {
        let mut records = Vec::with_capacity(bytes);
        records.resize(bytes, TOUCH);
        records.clear();
        Self { records, messages: 0, out: Vec::new() }
    }

    /// Empties it; what it grew beyond `room` bytes is given back.
    pub(crate) fn clear(&mut self, room: usize) {
        self.records.clear();
        self.records.shrink_to(room);
        self.messages = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Appends a message.
    pub(crate) fn push(&mut self, channel: u16, sequence: u32, log_ns: u64, publish_ns: u64, data: &[u8]) {
        self.messages += 1;
        format::message(&mut self.records, channel, sequence, log_ns, publish_ns, data);
    }

    /// What a message of so many bytes takes.
    pub(crate) fn cost(data: usize) -> usize {
        format::RECORD_HEADER + format::MESSAGE_HEADER + data
    }

    /// The messages in it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = self.records.get(at..)?;
            let (_, length) = record_header(rest)?;
            let end = format::RECORD_HEADER + usize::try_from(length).ok()?;
            let body = rest.get(format::RECORD_HEADER..end)?;
            let (channel, log_ns) = message_head(body)?;
            let offset = at as u64;
            at += end;
            Some(Entry { channel, log_ns, offset, body })
        })
    }
}

/// A message of a batch.
pub(crate) struct Entry<'a> {
    pub channel: u16,
    pub log_ns: u64,
    /// Of its record.
    pub offset: u64,
    body: &'a [u8],
}

impl Entry<'_> {
    fn kept(&self) -> Option<Kept> {
        let MessageRecord { channel, sequence, publish_time_ns, data, .. } = parse_message(self.body)?;
        Some(Kept { channel, sequence, publish_ns: publish_time_ns, data: data.into() })
    }
}

/// A chunk as it goes to a file: the chunk record, then the message indexes.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    /// With offsets from its own beginning.
    pub place: ChunkPlace,
    /// Messages by channel.
    pub counts: BTreeMap<u16, u64>,
    pub kept: Vec<Kept>,
}

impl Chunk {
    /// Messages in it.
    pub(crate) fn messages(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Makes chunks of batches; keeps the compressor's memory.
pub(crate) struct ChunkMaker {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    compressed: Vec<u8>,
    index: BTreeMap<u16, Vec<(u64, u64)>>,
}

impl ChunkMaker {
    /// A maker for this compression.
    ///
    /// # Errors
    /// When the compressor has no memory.
    pub(crate) fn new(compression: Compression) -> std::io::Result<Self> {
        let compressor = match compression {
            Compression::None => None,
            Compression::Zstd => Some(zstd::bulk::Compressor::new(LEVEL)?),
        };
        Ok(Self { compressor, compressed: Vec::new(), index: BTreeMap::new() })
    }

    /// Makes a chunk; `bytes` is a buffer to use, whatever is in it. The batch keeps its buffers. The messages of channels
    /// that `keeps` names are copied for new files.
    pub(crate) fn make(
        &mut self,
        batch: &Batch,
        mut bytes: Vec<u8>,
        mut keeps: impl FnMut(u16) -> bool,
    ) -> Chunk {
        bytes.clear();
        let (mut start_ns, mut end_ns, mut kept) = (u64::MAX, 0, Vec::new());
        for entry in batch.entries() {
            (start_ns, end_ns) = (start_ns.min(entry.log_ns), end_ns.max(entry.log_ns));
            self.index.entry(entry.channel).or_default().push((entry.log_ns, entry.offset));
            if keeps(entry.channel) {
                kept.extend(entry.kept());
            }
        }
        let mut head = ChunkHead {
            start_ns: if batch.is_empty() { 0 } else { start_ns },
            end_ns,
            size: batch.records.len() as u64,
            crc: crc32fast::hash(&batch.records),
            compression: "",
        };
        let records = self.compress(&batch.records).inspect(|_| head.compression = "zstd");
        let records = records.unwrap_or(&batch.records);
        let compressed = records.len() as u64;
        format::chunk(&mut bytes, &head, records);
        let length = bytes.len() as u64;
        let (mut indexes, mut counts) = (BTreeMap::new(), BTreeMap::new());
        for (channel, entries) in self.index.iter_mut().filter(|(_, entries)| !entries.is_empty()) {
            indexes.insert(*channel, bytes.len() as u64);
            counts.insert(*channel, entries.len() as u64);
            format::message_index(&mut bytes, *channel, entries);
            entries.clear();
        }
        let indexes_length = bytes.len() as u64 - length;
        let place = ChunkPlace { head, compressed, offset: 0, length, indexes, indexes_length };
        Chunk { bytes, place, counts, kept }
    }

    /// `None` when it is to stay as it is, also when the compressor refuses: nothing is lost then.
    fn compress(&mut self, records: &[u8]) -> Option<&[u8]> {
        let compressor = self.compressor.as_mut()?;
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(records.len()));
        compressor.compress_to_buffer(records, &mut self.compressed).ok()?;
        Some(&self.compressed)
    }
}
