//! Going through the records of one file.

mod summary;

use super::{FileFacts, Finding, Verified};
use crate::RECORD_LIMIT;
use crate::error::{BagError, Damage};
use crate::framing::{RECORD_HEADER, parse_message, record_header};
use crate::reader::Channel;
use crate::source::{self, Source};
use mcap::records::{self, Record, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

pub(super) const FILE_MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
/// Bytes of a footer's record that its checksum covers: opcode, length, both offsets.
pub(super) const FOOTER_CHECKED: usize = RECORD_HEADER + 16;
/// Bytes that are passed over at a time.
const STEP_BYTES: usize = 1 << 20;
/// The most chunks of one file that are held against the summary.
const CHUNK_LIMIT: usize = 1 << 20;

/// A chunk as it lies in the file.
struct ChunkFacts {
    offset: u64,
    length: u64,
    times_ns: Option<(u64, u64)>,
    /// By channel: log time and offset within the chunk of every message.
    entries: BTreeMap<u16, Vec<(u64, u64)>>,
    /// By channel: where its index lies.
    index_offsets: BTreeMap<u16, u64>,
    index_bytes: u64,
    compression: String,
    sizes: (u64, u64),
}

pub(super) struct Pass<'p> {
    path: &'p Path,
    /// Where its plain bytes are; a temporary file goes away with this.
    _source: Source,
    file: BufReader<File>,
    length: u64,
    at: u64,
    tell: &'p mut dyn FnMut(Verified<'_>),
    pub facts: FileFacts,
    schemas: BTreeMap<u16, (String, String, String)>,
    channels: BTreeMap<u16, Channel>,
    counts: BTreeMap<u16, u64>,
    /// Without entries: those are dropped when the next chunk begins.
    chunks: Vec<ChunkFacts>,
    current: Option<ChunkFacts>,
    metadata: u64,
    data_crc: crc32fast::Hasher,
    /// From the end of the data on.
    summary: Option<Summary>,
}

#[derive(Default)]
struct Summary {
    start: u64,
    chunk_indexes: usize,
    metadata_indexes: u64,
    attachment_indexes: u64,
    statistics: Option<records::Statistics>,
    groups: BTreeMap<u8, (u64, u64)>,
    crc: crc32fast::Hasher,
    offsets_start: Option<u64>,
}

impl<'p> Pass<'p> {
    pub fn new(path: &'p Path, tell: &'p mut dyn FnMut(Verified<'_>)) -> Result<Self, BagError> {
        let (source, damage) = source::open(path)?;
        for Damage { path, offset, reason } in damage {
            tell(Verified::Finding(Finding { path, offset, topic: None, reason }));
        }
        let file = File::open(source.path()).map_err(BagError::io(path, "open"))?;
        let length = file.metadata().map_err(BagError::io(path, "read the size"))?.len();
        Ok(Self {
            path,
            _source: source,
            file: BufReader::with_capacity(STEP_BYTES, file),
            length,
            at: 0,
            tell,
            facts: FileFacts::default(),
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            counts: BTreeMap::new(),
            chunks: Vec::new(),
            current: None,
            metadata: 0,
            data_crc: crc32fast::Hasher::new(),
            summary: None,
        })
    }
}

impl Pass<'_> {
    fn find(&mut self, offset: u64, topic: Option<String>, reason: impl Into<String>) {
        let finding = Finding { path: self.path.to_owned(), offset, topic, reason: reason.into() };
        (self.tell)(Verified::Finding(finding));
    }

    pub fn run(&mut self) -> Result<(), BagError> {
        let mut magic = Vec::new();
        self.read(FILE_MAGIC.len() as u64, &mut magic)?;
        if magic != FILE_MAGIC {
            self.find(0, None, "the file does not begin as an MCAP file does");
        }
        self.data_crc.update(&magic);
        let mut first = true;
        loop {
            let offset = self.at;
            let mut bytes = Vec::new();
            self.read(RECORD_HEADER as u64, &mut bytes)?;
            let Some((opcode, length)) = record_header(&bytes) else {
                self.find(offset, None, "the file ends without a footer");
                return Ok(());
            };
            let left = self.length.saturating_sub(self.at);
            if length > left {
                let reason =
                    format!("a record (type {opcode:#04x}) claims {length} bytes, the file has {left}");
                self.find(offset, None, reason);
                return Ok(());
            }
            if std::mem::take(&mut first) && opcode != op::HEADER {
                self.find(offset, None, "the first record is no header");
            }
            if length > RECORD_LIMIT as u64 {
                let reason =
                    format!("a record of {length} bytes, the limit is {RECORD_LIMIT}: not looked into");
                self.find(offset, None, reason);
                self.pass_over(&bytes, length)?;
                continue;
            }
            self.read(length, &mut bytes)?;
            if opcode == op::FOOTER {
                self.footer(offset, &bytes);
                return self.closing_magic();
            }
            match &mut self.summary {
                None if opcode == op::DATA_END => {}
                None => self.data_crc.update(&bytes),
                Some(summary) => summary.crc.update(&bytes),
            }
            self.record(offset, opcode, &bytes);
        }
    }

    /// Appends the next bytes of the file, fewer at its end.
    fn read(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), BagError> {
        let read = (&mut self.file).take(count).read_to_end(into).map_err(BagError::io(self.path, "read"))?;
        self.at = self.at.saturating_add(read as u64);
        Ok(())
    }

    fn pass_over(&mut self, header: &[u8], mut length: u64) -> Result<(), BagError> {
        let mut bytes = header.to_vec();
        loop {
            match &mut self.summary {
                None => self.data_crc.update(&bytes),
                Some(summary) => summary.crc.update(&bytes),
            }
            if length == 0 {
                return Ok(());
            }
            let step = length.min(STEP_BYTES as u64);
            bytes.clear();
            self.read(step, &mut bytes)?;
            length = length.saturating_sub(step);
        }
    }

    fn record(&mut self, offset: u64, opcode: u8, bytes: &[u8]) {
        let body = bytes.get(RECORD_HEADER..).unwrap_or_default();
        if opcode == op::MESSAGE {
            return self.message(offset, None, body);
        }
        if opcode != op::MESSAGE_INDEX {
            self.close_chunk();
        }
        let record = match mcap::parse_record(opcode, body) {
            Ok(record) => record,
            Err(e) => {
                return self.find(
                    offset,
                    None,
                    format!("a record (type {opcode:#04x}) that is malformed: {e}"),
                );
            }
        };
        match record {
            Record::Header(h) if h.profile != "ros2" => {
                self.find(offset, None, format!("profile `{}`, not `ros2`", h.profile));
            }
            Record::Schema { header, data } => self.schema(offset, header, &data),
            Record::Channel(channel) => self.channel(offset, channel),
            Record::Chunk { header, .. } => self.chunk(offset, bytes, header),
            Record::MessageIndex(index) => self.message_index(offset, bytes.len(), &index),
            Record::Attachment { crc, .. } => self.attachment(offset, crc, body),
            Record::Metadata(_) => self.metadata += 1,
            Record::DataEnd(end) => self.data_end(offset, end.data_section_crc),
            Record::Unknown { .. } => {
                self.find(offset, None, format!("a record of unknown type {opcode:#04x}"))
            }
            other => self.summary_record(offset, opcode, bytes.len(), other),
        }
    }

    fn schema(&mut self, offset: u64, header: records::SchemaHeader, data: &[u8]) {
        if header.id == 0 {
            self.find(offset, None, "a schema with the number 0, which stands for none");
        }
        self.group(offset, op::SCHEMA);
        let text = String::from_utf8_lossy(data).into_owned();
        let schema = (header.name, header.encoding, text);
        match self.schemas.get(&header.id) {
            Some(known) if *known != schema => {
                self.find(offset, None, format!("schema {} differs from the one before", header.id))
            }
            Some(_) => {}
            None if self.summary.is_some() => {
                self.find(offset, None, format!("schema {} is in the summary, not in the data", header.id))
            }
            None => drop(self.schemas.insert(header.id, schema)),
        }
    }

    fn channel(&mut self, offset: u64, c: records::Channel) {
        self.group(offset, op::CHANNEL);
        let schema = self.schemas.get(&c.schema_id).cloned();
        if schema.is_none() && c.schema_id != 0 {
            self.find(offset, Some(c.topic.clone()), format!("its schema {} is not declared", c.schema_id));
        }
        let (type_name, schema_encoding, definition) = schema.unwrap_or_default();
        let channel = Channel {
            topic: c.topic,
            type_name,
            definition,
            schema_encoding,
            message_encoding: c.message_encoding,
            metadata: c.metadata,
            message_count: 0,
        };
        match self.channels.get(&c.id) {
            Some(known) if *known != channel => {
                let reason = format!("channel {} differs from the one before", c.id);
                self.find(offset, Some(channel.topic), reason);
            }
            Some(_) => {}
            None if self.summary.is_some() => {
                self.find(offset, Some(channel.topic), "declared in the summary, not in the data")
            }
            None => {
                (self.tell)(Verified::Channel(&channel, offset));
                self.channels.insert(c.id, channel);
            }
        }
    }

    /// `within`: offset of the message's record within the chunk that is open.
    fn message(&mut self, offset: u64, within: Option<u64>, body: &[u8]) {
        let Some(record) = parse_message(body) else {
            return self.find(offset, None, "a message record that is too short");
        };
        let (id, message) = (record.channel, record.to_message(usize::MAX));
        let time_ns = message.log_time_ns;
        if let (Some(within), Some(chunk)) = (within, &mut self.current) {
            let (start, end) = chunk.times_ns.unwrap_or((time_ns, time_ns));
            chunk.times_ns = Some((start.min(time_ns), end.max(time_ns)));
            chunk.entries.entry(id).or_default().push((time_ns, within));
        }
        let (start, end) = self.facts.bounds_ns.unwrap_or((time_ns, time_ns));
        self.facts.bounds_ns = Some((start.min(time_ns), end.max(time_ns)));
        self.facts.messages += 1;
        *self.counts.entry(id).or_default() += 1;
        let Some(channel) = self.channels.get(&id) else {
            return self.find(offset, None, format!("a message of channel {id}, which is not declared"));
        };
        *self.facts.topics.entry((channel.topic.clone(), channel.type_name.clone())).or_default() += 1;
        (self.tell)(Verified::Message(channel, offset, &message));
    }

    fn chunk(&mut self, offset: u64, bytes: &[u8], header: records::ChunkHeader) {
        self.facts.chunks += 1;
        if header.uncompressed_crc == 0 {
            self.facts.chunks_without_crc += 1;
        }
        self.current = Some(ChunkFacts {
            offset,
            length: bytes.len() as u64,
            times_ns: None,
            entries: BTreeMap::new(),
            index_offsets: BTreeMap::new(),
            index_bytes: 0,
            compression: header.compression.clone(),
            sizes: (header.compressed_size, header.uncompressed_size),
        });
        let mut checked = true;
        if let Err(reason) = self.chunk_records(offset, bytes) {
            self.find(offset, None, format!("chunk: {reason}"));
            checked = false;
        }
        let Some(chunk) = &self.current else { return };
        let claimed = (header.message_start_time, header.message_end_time);
        if let Some(found) = chunk.times_ns.filter(|found| checked && *found != claimed) {
            let reason = format!(
                "a chunk claims log times {} to {}, it has {} to {}",
                claimed.0, claimed.1, found.0, found.1
            );
            self.find(offset, None, reason);
        }
    }

    fn chunk_records(&mut self, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let options = LinearReaderOptions::default()
            .with_skip_start_magic(true)
            .with_skip_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(RECORD_LIMIT);
        let mut reader = LinearReader::new_with_options(options);
        let mut rest = bytes;
        let mut within = 0u64;
        while let Some(event) = reader.next_event() {
            match event.map_err(|e| e.to_string())? {
                LinearReadEvent::ReadRequest(wanted) => {
                    let (head, tail) = rest.split_at(wanted.min(rest.len()));
                    reader.insert(head.len()).get_mut(..head.len()).ok_or("no buffer")?.copy_from_slice(head);
                    reader.notify_read(head.len());
                    rest = tail;
                }
                LinearReadEvent::Record { data, opcode } => {
                    let size = (RECORD_HEADER as u64).saturating_add(data.len() as u64);
                    match opcode {
                        op::MESSAGE => self.message(offset, Some(within), data),
                        op::SCHEMA | op::CHANNEL => match mcap::parse_record(opcode, data) {
                            Ok(Record::Schema { header, data }) => self.schema(offset, header, &data),
                            Ok(Record::Channel(channel)) => self.channel(offset, channel),
                            Ok(_) => {}
                            Err(e) => self.find(offset, None, format!("in a chunk: {e}")),
                        },
                        other => {
                            self.find(offset, None, format!("a record of type {other:#04x} within a chunk"))
                        }
                    }
                    within = within.saturating_add(size);
                }
            }
        }
        Ok(())
    }

    fn message_index(&mut self, offset: u64, size: usize, index: &records::MessageIndex) {
        let topic = self.channels.get(&index.channel_id).map(|c| c.topic.clone());
        let Some(chunk) = &mut self.current else {
            return self.find(offset, topic, "an index of messages that does not follow a chunk");
        };
        chunk.index_bytes = chunk.index_bytes.saturating_add(size as u64);
        if index.records.is_empty() {
            return;
        }
        chunk.index_offsets.insert(index.channel_id, offset);
        let mut listed: Vec<(u64, u64)> = index.records.iter().map(|e| (e.log_time, e.offset)).collect();
        let mut there = chunk.entries.get(&index.channel_id).cloned().unwrap_or_default();
        listed.sort_unstable();
        there.sort_unstable();
        if listed != there {
            let reason = format!(
                "the index after the chunk at byte {} does not fit it: {} entries for {} messages",
                chunk.offset,
                listed.len(),
                there.len()
            );
            self.find(offset, topic, reason);
        }
    }

    /// What follows a chunk and its indexes.
    fn close_chunk(&mut self) {
        let Some(mut chunk) = self.current.take() else { return };
        // Without any index a file is whole too; with some, all have to be there.
        let unlisted: Vec<u16> =
            chunk.entries.keys().filter(|id| !chunk.index_offsets.contains_key(id)).copied().collect();
        if !chunk.index_offsets.is_empty() {
            for id in unlisted {
                let topic = self.channels.get(&id).map(|c| c.topic.clone());
                self.find(
                    chunk.offset,
                    topic,
                    format!("no index of the messages of channel {id} after the chunk"),
                );
            }
        }
        chunk.entries.clear();
        if self.chunks.len() < CHUNK_LIMIT {
            self.chunks.push(chunk);
        } else if self.chunks.len() == CHUNK_LIMIT {
            let reason = format!(
                "more than {CHUNK_LIMIT} chunks: those from here on are not held against the summary"
            );
            self.find(chunk.offset, None, reason);
        }
    }

    fn attachment(&mut self, offset: u64, crc: u32, body: &[u8]) {
        self.facts.attachments += 1;
        let checked = body.len().checked_sub(4).and_then(|end| body.get(..end)).unwrap_or_default();
        if crc != 0 && crc32fast::hash(checked) != crc {
            self.find(offset, None, "an attachment does not fit its checksum");
        }
    }
}
