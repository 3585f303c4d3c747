//! Holding a whole file against itself: every checksum, every index, every count. One record is in memory at a time.

use crate::error::BagError;
use crate::framing::{RECORD_HEADER, parse_message, record_header};
use crate::messages::BagMessage;
use crate::reader::{BagReader, Channel};
use crate::{RECORD_LIMIT, SUMMARY_LIMIT};
use mcap::records::{self, Record, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const FILE_MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
/// Bytes of a footer's record that its checksum covers: opcode, length, both offsets.
const FOOTER_CHECKED: usize = RECORD_HEADER + 16;
/// Bytes that are passed over at a time.
const STEP_BYTES: usize = 1 << 20;
/// The most chunks of one file that are held against the summary.
const CHUNK_LIMIT: usize = 1 << 20;

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Byte offset of the record.
    pub offset: u64,
    /// The topic, where there is one.
    pub topic: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Messages.
    pub messages: u64,
    /// First and last log time.
    pub bounds_ns: Option<(u64, u64)>,
    /// Messages by topic and type.
    pub topics: BTreeMap<(String, String), u64>,
    /// Chunks.
    pub chunks: u64,
    /// Chunks that carry no checksum.
    pub chunks_without_crc: u64,
    /// Attachments.
    pub attachments: u64,
    /// The data section carries a checksum.
    pub data_crc: bool,
    /// The summary carries one.
    pub summary_crc: bool,
}

/// What is told while a file is gone through.
pub enum Verified<'a> {
    /// Something is wrong.
    Finding(Finding),
    /// A channel was declared.
    Channel(&'a Channel, u64),
    /// A message; its offset is that of its record or its chunk.
    Message(&'a Channel, u64, &'a BagMessage),
}

/// Compressions of the first chunk of every file, each once: `none`, `zstd`, `lz4`; empty without chunks.
pub fn compressions(reader: &BagReader) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for path in reader.files() {
        if let Some(name) = first_compression(path)
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

fn first_compression(path: &Path) -> Option<String> {
    /// Chunks come early: after the header and perhaps metadata.
    const RECORDS_TRIED: usize = 10_000;
    let mut file = BufReader::new(File::open(path).ok()?);
    file.seek(SeekFrom::Start(FILE_MAGIC.len() as u64)).ok()?;
    for _ in 0..RECORDS_TRIED {
        let mut header = [0; RECORD_HEADER];
        file.read_exact(&mut header).ok()?;
        let (opcode, length) = record_header(&header)?;
        if opcode == op::CHUNK {
            let mut fields = [0; 32 + 8];
            file.read_exact(&mut fields).ok()?;
            let name_bytes = u32::from_le_bytes(*fields.get(28..)?.first_chunk()?) as usize;
            let name = fields.get(32..32usize.checked_add(name_bytes)?)?;
            let name = String::from_utf8_lossy(name).into_owned();
            return Some(if name.is_empty() { "none".to_owned() } else { name });
        }
        file.seek_relative(i64::try_from(length).ok()?).ok()?;
    }
    None
}

/// Goes through one file from the first to the last byte.
///
/// # Errors
/// When it cannot be read. What is wrong in it is told to `tell`.
pub fn verify_file(path: &Path, tell: &mut dyn FnMut(Verified<'_>)) -> Result<FileFacts, BagError> {
    let file = File::open(path).map_err(BagError::io(path, "open"))?;
    let length = file.metadata().map_err(BagError::io(path, "read the size"))?.len();
    let mut pass = Pass {
        path,
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
    };
    pass.run()?;
    Ok(pass.facts)
}

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

struct Pass<'p> {
    path: &'p Path,
    file: BufReader<File>,
    length: u64,
    at: u64,
    tell: &'p mut dyn FnMut(Verified<'_>),
    facts: FileFacts,
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

impl Pass<'_> {
    fn find(&mut self, offset: u64, topic: Option<String>, reason: impl Into<String>) {
        let finding = Finding { path: self.path.to_owned(), offset, topic, reason: reason.into() };
        (self.tell)(Verified::Finding(finding));
    }

    fn run(&mut self) -> Result<(), BagError> {
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
        let Some((id, message)) = parse_message(body) else {
            return self.find(offset, None, "a message record that is too short");
        };
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

    fn data_end(&mut self, offset: u64, crc: u32) {
        if self.summary.is_some() {
            return self.find(offset, None, "a second end of the data");
        }
        self.facts.data_crc = crc != 0;
        let found = self.data_crc.clone().finalize();
        if crc != 0 && found != crc {
            self.find(
                offset,
                None,
                format!("the data do not fit their checksum: {found:08x}, not {crc:08x}"),
            );
        }
        self.summary = Some(Summary { start: self.at, ..Summary::default() });
    }

    /// Notes where the records of one type lie in the summary.
    fn group(&mut self, offset: u64, opcode: u8) {
        let Some(summary) = &mut self.summary else { return };
        summary.groups.entry(opcode).or_insert((offset, 0));
    }

    fn summary_record(&mut self, offset: u64, opcode: u8, size: usize, record: Record<'_>) {
        if self.summary.is_none() {
            if !matches!(record, Record::Header(_)) {
                self.find(
                    offset,
                    None,
                    format!("a record of type {opcode:#04x} that belongs into the summary"),
                );
            }
            return;
        }
        if let Record::SummaryOffset(group) = &record {
            return self.summary_offset(offset, group);
        }
        self.group(offset, opcode);
        match record {
            Record::ChunkIndex(index) => self.chunk_index(offset, &index),
            Record::Statistics(statistics) => self.statistics(offset, statistics),
            Record::MetadataIndex(_) => self.count(|s| s.metadata_indexes += 1),
            Record::AttachmentIndex(_) => self.count(|s| s.attachment_indexes += 1),
            _ => self.find(
                offset,
                None,
                format!("a record of type {opcode:#04x} and {size} bytes in the summary"),
            ),
        }
    }

    fn count(&mut self, add: impl FnOnce(&mut Summary)) {
        if let Some(summary) = &mut self.summary {
            add(summary);
        }
    }

    fn summary_offset(&mut self, offset: u64, group: &records::SummaryOffset) {
        let Some(summary) = &mut self.summary else { return };
        summary.offsets_start.get_or_insert(offset);
        let found = summary.groups.get(&group.group_opcode).map(|g| g.0);
        if found != Some(group.group_start) {
            let reason = format!(
                "it says that the group of type {:#04x} begins at byte {}",
                group.group_opcode, group.group_start
            );
            self.find(offset, None, format!("{reason}; it does at {found:?}"));
        }
    }

    fn chunk_index(&mut self, offset: u64, index: &records::ChunkIndex) {
        self.count(|s| s.chunk_indexes += 1);
        let at = self.chunks.binary_search_by_key(&index.chunk_start_offset, |c| c.offset);
        let Some(chunk) = at.ok().and_then(|i| self.chunks.get(i)) else {
            let reason = format!("it names a chunk at byte {} where none is", index.chunk_start_offset);
            return self.find(offset, None, reason);
        };
        let mut wrong = Vec::new();
        if index.chunk_length != chunk.length {
            wrong.push("length");
        }
        let times = chunk.times_ns.unwrap_or((0, 0));
        if (index.message_start_time, index.message_end_time) != times {
            wrong.push("times");
        }
        if index.compression != chunk.compression
            || (index.compressed_size, index.uncompressed_size) != chunk.sizes
        {
            wrong.push("compression");
        }
        if index.message_index_offsets != chunk.index_offsets
            || index.message_index_length != chunk.index_bytes
        {
            wrong.push("message indexes");
        }
        if !wrong.is_empty() {
            let reason = format!(
                "the index of the chunk at byte {} does not fit it: {}",
                chunk.offset,
                wrong.join(", ")
            );
            self.find(offset, None, reason);
        }
    }

    fn statistics(&mut self, offset: u64, s: records::Statistics) {
        let bounds = self.facts.bounds_ns.unwrap_or((0, 0));
        let facts = &self.facts;
        let claims = [
            ("messages", s.message_count, facts.messages),
            ("channels", u64::from(s.channel_count), self.channels.len() as u64),
            ("schemas", u64::from(s.schema_count), self.schemas.len() as u64),
            ("chunks", u64::from(s.chunk_count), facts.chunks),
            ("attachments", u64::from(s.attachment_count), facts.attachments),
            ("metadata records", u64::from(s.metadata_count), self.metadata),
            ("ns as the first log time", s.message_start_time, bounds.0),
            ("ns as the last log time", s.message_end_time, bounds.1),
        ];
        for (what, claimed, found) in claims {
            if claimed != found {
                self.find(offset, None, format!("the statistics claim {claimed} {what}, there are {found}"));
            }
        }
        let ids: Vec<u16> = self.channels.keys().copied().collect();
        for id in ids {
            let (claimed, found) = (s.channel_message_counts.get(&id), self.counts.get(&id));
            let (claimed, found) = (claimed.copied().unwrap_or(0), found.copied().unwrap_or(0));
            if claimed != found {
                let topic = self.channels.get(&id).map(|c| c.topic.clone());
                self.find(
                    offset,
                    topic,
                    format!("the statistics claim {claimed} messages, there are {found}"),
                );
            }
        }
        self.count(|summary| summary.statistics = Some(s));
    }

    fn footer(&mut self, offset: u64, bytes: &[u8]) {
        self.close_chunk();
        let Ok(Record::Footer(footer)) =
            mcap::parse_record(op::FOOTER, bytes.get(RECORD_HEADER..).unwrap_or_default())
        else {
            return self.find(offset, None, "a footer that is malformed");
        };
        let Some(mut summary) = self.summary.take() else {
            return self.find(offset, None, "a footer without an end of the data before it");
        };
        let none = summary.start == offset;
        let starts = if none { 0 } else { summary.start };
        if footer.summary_start != starts {
            self.find(
                offset,
                None,
                format!("the footer says that the summary begins at byte {}", footer.summary_start),
            );
        }
        if footer.summary_offset_start != summary.offsets_start.unwrap_or(0) {
            let at = footer.summary_offset_start;
            self.find(
                offset,
                None,
                format!("the footer says that the offsets of the summary begin at byte {at}"),
            );
        }
        summary.crc.update(bytes.get(..FOOTER_CHECKED).unwrap_or_default());
        self.facts.summary_crc = footer.summary_crc != 0;
        let found = summary.crc.finalize();
        if footer.summary_crc != 0 && footer.summary_crc != found {
            let reason =
                format!("the summary does not fit its checksum: {found:08x}, not {:08x}", footer.summary_crc);
            self.find(offset, None, reason);
        }
        if offset.saturating_sub(summary.start) > SUMMARY_LIMIT {
            self.find(
                offset,
                None,
                format!("a summary of more than {SUMMARY_LIMIT} bytes: readers scan the file instead"),
            );
        }
        let lists = [
            ("chunks", summary.chunk_indexes as u64, self.facts.chunks),
            ("metadata records", summary.metadata_indexes, self.metadata),
            ("attachments", summary.attachment_indexes, self.facts.attachments),
        ];
        for (what, listed, found) in lists {
            if listed != found {
                self.find(offset, None, format!("the summary lists {listed} {what}, there are {found}"));
            }
        }
        if summary.statistics.is_none() {
            self.find(offset, None, "the summary has no statistics");
        }
    }

    fn closing_magic(&mut self) -> Result<(), BagError> {
        let offset = self.at;
        let mut magic = Vec::new();
        self.read(FILE_MAGIC.len() as u64, &mut magic)?;
        if magic != FILE_MAGIC {
            self.find(offset, None, "the file does not end as an MCAP file does");
        } else if self.at < self.length {
            let more = self.length.saturating_sub(self.at);
            self.find(self.at, None, format!("{more} bytes follow the end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BagWriter, Compression, WriterOptions};

    fn write(path: &Path, compression: Compression) {
        let options = WriterOptions { compression, chunk_bytes: 1024, ..WriterOptions::default() };
        let mut writer = BagWriter::create(path, &options).unwrap();
        let a = writer.add_channel("/a", "std_msgs/msg/Bool", "bool data", "").unwrap();
        let b = writer.add_channel("/b", "std_msgs/msg/String", "string data", "").unwrap();
        for i in 0..60u32 {
            let time = 1_000 + u64::from(i) * 10;
            writer
                .write(if i % 3 == 0 { b } else { a }, i, time, time, &[0, 1, 0, 0, 1, 0, 0, i as u8])
                .unwrap();
        }
        writer.write_metadata("m", BTreeMap::from([("k".into(), "v".into())])).unwrap();
        writer.finish().unwrap();
    }

    fn findings(path: &Path) -> (FileFacts, Vec<String>) {
        let mut found = Vec::new();
        let facts = verify_file(path, &mut |v| {
            if let Verified::Finding(f) = v {
                found.push(format!("{} {:?} {}", f.offset, f.topic, f.reason));
            }
        });
        (facts.unwrap(), found)
    }

    #[test]
    fn a_whole_file_has_no_finding() {
        for compression in [Compression::None, Compression::Zstd] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.mcap");
            write(&path, compression);
            let (facts, found) = findings(&path);
            assert_eq!(found, Vec::<String>::new());
            assert_eq!((facts.messages, facts.bounds_ns), (60, Some((1_000, 1_590))));
            assert!(facts.chunks > 1 && facts.chunks_without_crc == 0 && facts.data_crc && facts.summary_crc);
            let expected = if compression == Compression::None { "none" } else { "zstd" };
            assert_eq!(compressions(&BagReader::open(&path).unwrap()), [expected]);
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::Zstd);
        let whole = std::fs::read(&path).unwrap();
        let bad = dir.path().join("bad.mcap");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&bad, &bytes).unwrap();
            assert!(!findings(&bad).1.is_empty(), "byte {at} of {}", whole.len());
        }
    }

    #[test]
    fn every_cut_and_every_surplus_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::None);
        let mut whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(!findings(&path).1.is_empty(), "{length} bytes of {}", whole.len());
        }
        whole.push(0);
        std::fs::write(&path, &whole).unwrap();
        assert!(findings(&path).1[0].contains("1 bytes follow the end"));
    }

    #[test]
    fn counts_that_lie_are_found_behind_a_sound_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::None);
        let mut bytes = std::fs::read(&path).unwrap();
        let footer = bytes.len() - 8 - 29;
        let start = u64::from_le_bytes(*bytes[footer + 9..].first_chunk().unwrap()) as usize;
        // The statistics' first field is the count of messages.
        let mut at = start;
        while bytes[at] != op::STATISTICS {
            at += 9 + u64::from_le_bytes(*bytes[at + 1..].first_chunk().unwrap()) as usize;
        }
        bytes[at + 9] += 1;
        let crc = crc32fast::hash(&bytes[start..footer + FOOTER_CHECKED]);
        bytes[footer + FOOTER_CHECKED..footer + FOOTER_CHECKED + 4].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let found = findings(&path).1;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("the statistics claim 61 messages, there are 60"), "{found:?}");
    }
}
