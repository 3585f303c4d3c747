//! What lies where in one file: from its summary when that is sound, else by walking over all of it.

use crate::error::{BagError, Damage};
use crate::framing::{
    Check, Next, RECORD_HEADER, op, parse_message, parse_small, plain_records, record_header, stream_records,
};
use crate::reader::{Channel, Metadata};
use crate::{DAMAGE_LIMIT, RECORD_LIMIT, SUMMARY_LIMIT};
use mcap::records::Record;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
/// Footer record and closing magic.
const FOOTER_BYTES: u64 = 9 + 20 + 8;
/// Data-end record.
const DATA_END_BYTES: u64 = 9 + 4;
/// Plain records are read this many bytes at a time, or one record if that is longer.
const PLAIN_RUN_BYTES: u64 = 4 << 20;

/// How the records of a segment are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One chunk record.
    Chunk,
    /// The first bytes of a chunk record.
    CutChunk,
    /// Records outside any chunk.
    Plain,
}

/// A piece of the file that is read at once.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub kind: Kind,
    pub offset: u64,
    pub length: u64,
    pub start_ns: u64,
    /// How many messages are good; `None` for all.
    pub messages: Option<u64>,
}

/// The contents of one file.
#[derive(Debug)]
pub(crate) struct FileIndex {
    pub path: PathBuf,
    pub segments: Vec<Segment>,
    /// By the ids of the file.
    pub channels: BTreeMap<u16, Channel>,
    pub metadata: Vec<Metadata>,
    pub damage: Vec<Damage>,
    /// There was no sound summary.
    pub recovered: bool,
    /// First and last log time; `None` without messages.
    pub bounds_ns: Option<(u64, u64)>,
}

/// Indexes `path`.
pub(crate) fn index_file(path: &Path) -> Result<FileIndex, BagError> {
    let mut file = File::open(path).map_err(BagError::io(path, "open"))?;
    let length = file.metadata().map_err(BagError::io(path, "read the size"))?.len();
    let not_a_bag = |reason: &str| BagError::NotABag { path: path.to_owned(), reason: reason.to_owned() };
    if length < MAGIC.len() as u64 {
        return Err(not_a_bag("too short for an MCAP file"));
    }
    if read_at(&mut file, path, 0, MAGIC.len() as u64)? != MAGIC {
        return Err(not_a_bag("does not begin as an MCAP file does"));
    }
    let mut builder = Builder::new(path);
    match builder.read_summary(&mut file, length) {
        Ok(()) => Ok(builder.index),
        Err(reason) => {
            let mut builder = Builder::new(path);
            builder.index.recovered = true;
            builder.note(length, format!("no sound summary ({reason}): read from front to end instead"));
            builder.scan(&mut file, length)?;
            Ok(builder.index)
        }
    }
}

/// Reads `length` bytes at `offset`; the caller has checked the length.
pub(crate) fn read_at(file: &mut File, path: &Path, offset: u64, length: u64) -> Result<Vec<u8>, BagError> {
    file.seek(SeekFrom::Start(offset)).map_err(BagError::io(path, "seek"))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(BagError::io(path, "read"))?;
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    Err(BagError::damaged(path, offset, format!("the file ends within {length} bytes that should be here")))
}

/// Name, encoding and text of a schema.
type SchemaText = (String, String, String);

struct Builder {
    index: FileIndex,
    schemas: BTreeMap<u16, SchemaText>,
    unnoted: u64,
}

impl Builder {
    fn new(path: &Path) -> Self {
        let index = FileIndex {
            path: path.to_owned(),
            segments: Vec::new(),
            channels: BTreeMap::new(),
            metadata: Vec::new(),
            damage: Vec::new(),
            recovered: false,
            bounds_ns: None,
        };
        Self { index, schemas: BTreeMap::new(), unnoted: 0 }
    }

    fn note(&mut self, offset: u64, reason: String) {
        if self.index.damage.len() < DAMAGE_LIMIT {
            self.index.damage.push(Damage { path: self.index.path.clone(), offset, reason });
            return;
        }
        self.unnoted = self.unnoted.saturating_add(1);
        if let Some(last) = self.index.damage.last_mut() {
            last.reason = format!("and {} more findings after this", self.unnoted);
        }
    }

    /// Takes a schema or channel in; of two with the same id the first stays.
    fn learn(&mut self, opcode: u8, body: &[u8]) -> Result<(), String> {
        match parse_small(opcode, body)? {
            Some(Record::Schema { header, data }) => {
                let text = String::from_utf8_lossy(&data).into_owned();
                self.schemas.entry(header.id).or_insert((header.name, header.encoding, text));
            }
            Some(Record::Channel(channel)) => {
                let (type_name, schema_encoding, definition) =
                    self.schemas.get(&channel.schema_id).cloned().unwrap_or_default();
                self.index.channels.entry(channel.id).or_insert(Channel {
                    topic: channel.topic,
                    type_name,
                    definition,
                    schema_encoding,
                    message_encoding: channel.message_encoding,
                    metadata: channel.metadata,
                    message_count: 0,
                });
            }
            Some(Record::Metadata(m)) => {
                self.index.metadata.push(Metadata { name: m.name, entries: m.metadata })
            }
            _ => {}
        }
        Ok(())
    }

    /// Fills the index from the summary section.
    fn read_summary(&mut self, file: &mut File, length: u64) -> Result<(), String> {
        let path = self.index.path.clone();
        let footer_at = length.checked_sub(FOOTER_BYTES).ok_or("too short for a footer")?;
        let tail = read_at(file, &path, footer_at, FOOTER_BYTES).map_err(|e| e.to_string())?;
        let (record, magic) = tail.split_at_checked(tail.len() - MAGIC.len()).ok_or("no footer")?;
        if magic != MAGIC || record_header(record) != Some((op::FOOTER, 20)) {
            return Err("the file does not end as an MCAP file does".into());
        }
        let Ok(Some(Record::Footer(footer))) =
            parse_small(op::FOOTER, record.get(RECORD_HEADER..).unwrap_or_default())
        else {
            return Err("the footer cannot be read".into());
        };
        let start = footer.summary_start.checked_sub(DATA_END_BYTES).ok_or("it has no summary")?;
        let size =
            length.checked_sub(start).filter(|_| start < footer_at).ok_or("the summary lies outside")?;
        if size > SUMMARY_LIMIT {
            return Err(format!("the summary is {size} bytes long, the limit is {SUMMARY_LIMIT}"));
        }
        let bytes = read_at(file, &path, start, size).map_err(|e| e.to_string())?;
        if bytes.first() != Some(&op::DATA_END) {
            return Err("no end of the data before it".into());
        }
        self.take_summary(file, &bytes, length)
    }

    fn take_summary(&mut self, file: &mut File, bytes: &[u8], length: u64) -> Result<(), String> {
        let mut chunks = Vec::new();
        let mut metadata_at = Vec::new();
        let mut statistics = None;
        stream_records(bytes, Check::Summary, |opcode, body| {
            match parse_small(opcode, body)? {
                Some(Record::ChunkIndex(c)) => chunks.push(c),
                Some(Record::Statistics(s)) => statistics = Some(s),
                Some(Record::MetadataIndex(m)) => metadata_at.push((m.offset, m.length)),
                _ => self.learn(opcode, body)?,
            }
            Ok(Next::Continue)
        })?;
        let statistics = statistics.ok_or("it has no statistics")?;
        if chunks.len() as u64 != u64::from(statistics.chunk_count)
            || (chunks.is_empty() && statistics.message_count > 0)
        {
            return Err("it does not list all chunks".into());
        }
        for chunk in chunks {
            let (offset, size) = (chunk.chunk_start_offset, chunk.chunk_length);
            if offset.checked_add(size).is_none_or(|end| end > length) {
                return Err(format!("it names a chunk at byte {offset} that lies outside"));
            }
            self.index.segments.push(Segment {
                kind: Kind::Chunk,
                offset,
                length: size,
                start_ns: chunk.message_start_time,
                messages: None,
            });
        }
        self.index.segments.sort_by_key(|s| s.offset);
        for (id, count) in &statistics.channel_message_counts {
            if let Some(channel) = self.index.channels.get_mut(id) {
                channel.message_count = *count;
            }
        }
        if statistics.message_count > 0 {
            self.index.bounds_ns = Some((statistics.message_start_time, statistics.message_end_time));
        }
        for (offset, size) in metadata_at {
            self.read_metadata(file, offset, size);
        }
        Ok(())
    }

    fn read_metadata(&mut self, file: &mut File, offset: u64, size: u64) {
        let path = self.index.path.clone();
        let record = if size > RECORD_LIMIT as u64 {
            Err(format!("a metadata record claims {size} bytes"))
        } else {
            read_at(file, &path, offset, size).map_err(|e| e.to_string())
        };
        let learnt = record.and_then(|bytes| {
            plain_records(&bytes, |opcode, body| {
                self.learn(opcode, body)?;
                Ok(Next::Stop)
            })
        });
        if let Err(reason) = learnt {
            self.note(offset, reason);
        }
    }

    /// Walks over all records from the front.
    fn scan(&mut self, file: &mut File, length: u64) -> Result<(), BagError> {
        let path = self.index.path.clone();
        let mut offset = MAGIC.len() as u64;
        while offset < length {
            let rest = length - offset;
            let header = read_at(file, &path, offset, rest.min(RECORD_HEADER as u64))?;
            let Some((opcode, claimed)) = record_header(&header) else {
                self.note(offset, format!("{rest} bytes of a record's header, then the end"));
                return Ok(());
            };
            if opcode == 0 {
                self.note(offset, "no record: zero bytes, as a power loss leaves them".into());
                return Ok(());
            }
            if opcode == op::FOOTER {
                return Ok(());
            }
            let size = claimed.saturating_add(RECORD_HEADER as u64);
            let cut = size > rest;
            if opcode == op::CHUNK {
                self.scan_chunk(file, offset, size.min(rest), cut)?;
            }
            if cut {
                let what = format!("a record (type {opcode:#04x}) claims {claimed} bytes");
                self.note(
                    offset,
                    format!("{what}, the file has {}", rest.saturating_sub(RECORD_HEADER as u64)),
                );
                return Ok(());
            }
            if matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE | op::METADATA) {
                self.scan_plain(file, offset, size)?;
            }
            offset = offset.saturating_add(size);
        }
        Ok(())
    }

    fn scan_chunk(&mut self, file: &mut File, offset: u64, size: u64, cut: bool) -> Result<(), BagError> {
        // A cut chunk may claim anything: its first part is tried.
        let size = if cut { size.min(RECORD_LIMIT as u64) } else { size };
        if size > RECORD_LIMIT as u64 {
            self.note(offset, format!("a chunk of {size} bytes, the limit is {RECORD_LIMIT}: left out"));
            return Ok(());
        }
        let path = self.index.path.clone();
        let bytes = read_at(file, &path, offset, size)?;
        let (kind, check) = if cut { (Kind::CutChunk, Check::Nothing) } else { (Kind::Chunk, Check::Chunk) };
        let mut tally = Tally::default();
        let outcome =
            stream_records(&bytes, check, |opcode, body| self.take_scanned(&mut tally, opcode, body));
        if let (Err(reason), false) = (&outcome, cut) {
            self.note(offset, format!("chunk: {reason}"));
        }
        self.add_segment(kind, offset, size, &tally);
        Ok(())
    }

    fn scan_plain(&mut self, file: &mut File, offset: u64, size: u64) -> Result<(), BagError> {
        if size > RECORD_LIMIT as u64 {
            self.note(offset, format!("a record of {size} bytes, the limit is {RECORD_LIMIT}: left out"));
            return Ok(());
        }
        let path = self.index.path.clone();
        let bytes = read_at(file, &path, offset, size)?;
        let mut tally = Tally::default();
        let outcome = plain_records(&bytes, |opcode, body| self.take_scanned(&mut tally, opcode, body));
        if let Err(reason) = outcome {
            self.note(offset, reason);
        }
        let last = self.index.segments.last_mut();
        match last.filter(|s| {
            s.kind == Kind::Plain
                && s.offset + s.length == offset
                && s.length < PLAIN_RUN_BYTES
                && tally.messages > 0
        }) {
            Some(run) => {
                run.length = run.length.saturating_add(size);
                run.start_ns = run.start_ns.min(tally.start_ns);
                run.messages = run.messages.map(|m| m.saturating_add(tally.messages));
                self.widen_bounds(&tally);
            }
            None => self.add_segment(Kind::Plain, offset, size, &tally),
        }
        Ok(())
    }

    fn take_scanned(&mut self, tally: &mut Tally, opcode: u8, body: &[u8]) -> Result<Next, String> {
        if opcode != op::MESSAGE {
            self.learn(opcode, body)?;
            return Ok(Next::Continue);
        }
        let (id, message) = parse_message(body).ok_or("a message record that is too short")?;
        let channel = self.index.channels.get_mut(&id);
        let channel = channel.ok_or_else(|| format!("a message of channel {id}, which is not declared"))?;
        channel.message_count = channel.message_count.saturating_add(1);
        tally.add(message.log_time_ns);
        Ok(Next::Continue)
    }

    fn add_segment(&mut self, kind: Kind, offset: u64, length: u64, tally: &Tally) {
        if tally.messages == 0 {
            return;
        }
        self.widen_bounds(tally);
        let (start_ns, messages) = (tally.start_ns, Some(tally.messages));
        self.index.segments.push(Segment { kind, offset, length, start_ns, messages });
    }

    fn widen_bounds(&mut self, tally: &Tally) {
        if tally.messages == 0 {
            return;
        }
        let (start, end) = self.index.bounds_ns.unwrap_or((tally.start_ns, tally.end_ns));
        self.index.bounds_ns = Some((start.min(tally.start_ns), end.max(tally.end_ns)));
    }
}

/// Messages of one segment.
#[derive(Default)]
struct Tally {
    messages: u64,
    start_ns: u64,
    end_ns: u64,
}

impl Tally {
    fn add(&mut self, log_time_ns: u64) {
        self.start_ns = if self.messages == 0 { log_time_ns } else { self.start_ns.min(log_time_ns) };
        self.end_ns = self.end_ns.max(log_time_ns);
        self.messages = self.messages.saturating_add(1);
    }
}
