//! Messages gathered into chunks: the part of a bag that is made before anything is written.

use crate::format::{self, ChunkHead, ChunkPlace};
use crate::writer::Compression;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The level of Zstandard.
const LEVEL: i32 = 1;

/// A message that new files repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub channel: u16,
    pub sequence: u32,
    pub publish_ns: u64,
    pub data: Arc<[u8]>,
}

/// Message records under way to a chunk, and where each is.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub records: Vec<u8>,
    /// Channel, log time, offset.
    pub entries: Vec<(u16, u64, u64)>,
    pub kept: Vec<Kept>,
    /// A buffer for the chunk that is made of this.
    pub out: Vec<u8>,
}

impl Batch {
    /// One that need not grow.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self {
            records: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(1024),
            kept: Vec::new(),
            out: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.entries.clear();
        self.kept.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends a message.
    pub(crate) fn push(&mut self, channel: u16, sequence: u32, log_ns: u64, publish_ns: u64, data: &[u8]) {
        self.entries.push((channel, log_ns, self.records.len() as u64));
        format::message(&mut self.records, channel, sequence, log_ns, publish_ns, data);
    }

    /// What a message of so many bytes takes.
    pub(crate) fn cost(data: usize) -> usize {
        format::RECORD_HEADER + format::MESSAGE_HEADER + data
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

    /// Makes a chunk; `bytes` is a buffer to use, whatever is in it. The batch keeps its buffers.
    pub(crate) fn make(&mut self, batch: &mut Batch, mut bytes: Vec<u8>) -> Chunk {
        bytes.clear();
        let times = batch.entries.iter().map(|(_, time, _)| *time);
        let (start_ns, end_ns) =
            times.fold((u64::MAX, 0), |(start, end), time| (start.min(time), end.max(time)));
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
        for (channel, time, offset) in &batch.entries {
            self.index.entry(*channel).or_default().push((*time, *offset));
        }
        let (mut indexes, mut counts) = (BTreeMap::new(), BTreeMap::new());
        for (channel, entries) in self.index.iter_mut().filter(|(_, entries)| !entries.is_empty()) {
            indexes.insert(*channel, bytes.len() as u64);
            counts.insert(*channel, entries.len() as u64);
            format::message_index(&mut bytes, *channel, entries);
            entries.clear();
        }
        let indexes_length = bytes.len() as u64 - length;
        let place = ChunkPlace { head, compressed, offset: 0, length, indexes, indexes_length };
        Chunk { bytes, place, counts, kept: std::mem::take(&mut batch.kept) }
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
