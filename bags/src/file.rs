//! One MCAP file that is being written: whatever fails, what was written before stays whole.

use crate::batch::Chunk;
use crate::channels::ChannelText;
use crate::format::{self, ChunkPlace, Statistics, code};
use crate::volume::VolumeFile;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// A metadata record as it is in every file.
pub(crate) type MetadataText = (String, BTreeMap<String, String>);

/// A file that is being written.
pub(crate) struct McapFile {
    file: Box<dyn VolumeFile>,
    /// Bytes that are whole.
    length: u64,
    crc: crc32fast::Hasher,
    /// Not all of what was tried could be cut away again: the file is lost for writing.
    torn: bool,
    schemas: BTreeSet<u16>,
    channels: BTreeSet<u16>,
    /// Schema and channel records, for the summary.
    schema_records: Vec<u8>,
    channel_records: Vec<u8>,
    chunk_indexes: Vec<u8>,
    metadata_indexes: Vec<u8>,
    pub statistics: Statistics,
}

impl McapFile {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(file: Box<dyn VolumeFile>) -> io::Result<Self> {
        let mut begun = Self {
            file,
            length: 0,
            crc: crc32fast::Hasher::new(),
            torn: false,
            schemas: BTreeSet::new(),
            channels: BTreeSet::new(),
            schema_records: Vec::new(),
            channel_records: Vec::new(),
            chunk_indexes: Vec::new(),
            metadata_indexes: Vec::new(),
            statistics: Statistics::default(),
        };
        let mut bytes = format::MAGIC.to_vec();
        format::header(&mut bytes);
        begun.append(&bytes)?;
        Ok(begun)
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// All of it or nothing: what could be written of it is cut away.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.cut(self.length)?;
            self.torn = false;
        }
        if let Err(error) = self.file.write_all(bytes) {
            self.torn = self.file.cut(self.length).is_err();
            return Err(error);
        }
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Declares a channel, once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn declare(&mut self, id: u16, channel: &ChannelText) -> io::Result<()> {
        if self.channels.contains(&id) {
            return Ok(());
        }
        let (mut schema, mut bytes) = (Vec::new(), Vec::new());
        if !self.schemas.contains(&channel.schema) {
            format::schema(&mut schema, channel);
        }
        format::channel(&mut bytes, id, channel.schema, &channel.topic, &channel.metadata);
        self.append(&[schema.as_slice(), bytes.as_slice()].concat())?;
        if self.schemas.insert(channel.schema) {
            self.statistics.schemas = self.statistics.schemas.saturating_add(1);
        }
        self.channels.insert(id);
        self.statistics.channels = self.statistics.channels.saturating_add(1);
        self.schema_records.extend_from_slice(&schema);
        self.channel_records.extend_from_slice(&bytes);
        Ok(())
    }

    /// Appends a metadata record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn metadata(&mut self, (name, entries): &MetadataText) -> io::Result<()> {
        let mut bytes = Vec::new();
        format::metadata(&mut bytes, name, entries);
        let offset = self.length;
        self.append(&bytes)?;
        format::metadata_index(&mut self.metadata_indexes, offset, bytes.len() as u64, name);
        self.statistics.metadata = self.statistics.metadata.saturating_add(1);
        Ok(())
    }

    /// Appends a chunk whose channels are declared.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        let base = self.length;
        self.append(&chunk.bytes)?;
        let indexes = chunk.place.indexes.iter().map(|(id, at)| (*id, base + at)).collect();
        let place = ChunkPlace { offset: base, indexes, ..chunk.place.clone() };
        format::chunk_index(&mut self.chunk_indexes, &place);
        let statistics = &mut self.statistics;
        statistics.chunks = statistics.chunks.saturating_add(1);
        for (channel, count) in &chunk.counts {
            *statistics.messages.entry(*channel).or_default() += count;
        }
        let (first, last) = (place.head.start_ns, place.head.end_ns);
        let (start, end) = statistics.bounds_ns.unwrap_or((first, last));
        statistics.bounds_ns = Some((start.min(first), end.max(last)));
        Ok(())
    }

    /// Waits until the device has everything.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// Writes the summary. Where that fails the file is as before, and can be tried again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        format::data_end(&mut bytes, self.crc.clone().finalize());
        let data_end = bytes.len();
        let start = self.length + data_end as u64;
        let mut summary = Vec::new();
        let mut statistics = Vec::new();
        format::statistics(&mut statistics, &self.statistics);
        let mut groups = Vec::new();
        for (opcode, records) in [
            (code::SCHEMA, &self.schema_records),
            (code::CHANNEL, &self.channel_records),
            (code::STATISTICS, &statistics),
            (code::CHUNK_INDEX, &self.chunk_indexes),
            (code::METADATA_INDEX, &self.metadata_indexes),
        ] {
            if !records.is_empty() {
                groups.push((opcode, start + summary.len() as u64, records.len() as u64));
                summary.extend_from_slice(records);
            }
        }
        let offsets_start = start + summary.len() as u64;
        for (opcode, at, length) in groups {
            format::summary_offset(&mut summary, opcode, at, length);
        }
        format::footer(&mut summary, start, offsets_start);
        bytes.extend_from_slice(&summary);
        self.append(&bytes)?;
        Ok(())
    }
}
