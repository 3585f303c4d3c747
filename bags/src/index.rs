//! What lies where in one file, and the gathering of it. Two ways lead there: the file's own summary
//! ([`crate::summary`]) when that is sound, else a walk over all of it ([`crate::scan`]).

use crate::error::{BagError, Damage};
use crate::framing::{MAGIC, kind_name, op};
use crate::reader::{Attachment, Channel, Metadata};
use crate::records::{self, Record};
use crate::source::Source;
use crate::summary::Summary;
use crate::{DAMAGE_LIMIT, METADATA_LIMIT};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

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
    /// Log time of its last message.
    pub end_ns: u64,
    /// How many messages are good; `None` for all.
    pub messages: Option<u64>,
    /// Ids of the channels that have messages in it; `None` when that is not known.
    pub channels: Option<Box<[u16]>>,
}

/// The contents of one file.
#[derive(Debug)]
pub(crate) struct FileIndex {
    /// What is named in reports.
    pub path: PathBuf,
    pub source: Source,
    pub profile: String,
    pub library: String,
    pub segments: Vec<Segment>,
    /// By the ids of the file.
    pub channels: BTreeMap<u16, Channel>,
    pub metadata: Vec<Metadata>,
    pub attachments: Vec<Attachment>,
    pub damage: Vec<Damage>,
    /// The file is cut or damaged so that it had to be walked over.
    pub recovered: bool,
    /// It was walked over, and what was found wrong is told already.
    pub scanned: bool,
    /// First and last log time; `None` without messages.
    pub bounds_ns: Option<(u64, u64)>,
}

/// How our own writer, which never sorts, begins the name of its library.
const OWN_LIBRARY: &str = "outrider ";
/// So many chunks have to be there for their order to tell anything.
const CHUNKS_TELLING: usize = 8;
/// Of so many chunks one may begin before the one before it ends.
const CHUNKS_A_JUMP: usize = 8;
/// Chunks that overlap by less are in order, ns.
pub const OVERLAP_NS: u64 = 1_000_000_000;

impl FileIndex {
    /// Whether its messages lie in the order in which they were taken, and are not grouped by topic, say: those of our own
    /// writer do where there are few chunks, and those of anyone where each chunk begins where the one before ended, but for
    /// some jumps of the clock.
    pub(crate) fn is_as_taken(&self) -> bool {
        // With more it has to show: what it wrote may be a copy of a bag that was not in order.
        if self.segments.len() < CHUNKS_TELLING {
            return self.library.starts_with(OWN_LIBRARY);
        }
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        let back = pairs.filter(|(a, b)| b.start_ns.saturating_add(OVERLAP_NS) < a.end_ns).count();
        back.saturating_mul(CHUNKS_A_JUMP) <= self.segments.len()
    }
}

/// Indexes what `source` holds; reports name it `path`.
pub(crate) fn index_file(path: &Path, source: Source, damage: Vec<Damage>) -> Result<FileIndex, BagError> {
    let mut file = File::open(source.path()).map_err(BagError::io(path, "open"))?;
    let length = file.metadata().map_err(BagError::io(path, "read the size"))?.len();
    let not_a_bag = |reason: String| BagError::NotABag { path: path.to_owned(), reason };
    if length < MAGIC.len() as u64 {
        return Err(not_a_bag(format!("{length} bytes are too short for an MCAP file")));
    }
    if read_at(&mut file, path, 0, MAGIC.len() as u64)? != MAGIC {
        return Err(not_a_bag("does not begin as an MCAP file does".into()));
    }
    let mut builder = Builder::new(path, source);
    builder.given = damage.len();
    builder.index.damage = damage;
    match builder.read_summary(&mut file, length) {
        Ok(Summary::Complete) => return Ok(builder.finish()),
        Ok(Summary::Incomplete) => {
            builder.restart();
            builder.scan(&mut file, length)?;
            // Legal: such a file only has no index. What else was found tells whether it is damaged.
            builder.index.recovered = !builder.index.damage.is_empty();
        }
        Err((offset, reason)) => {
            builder.restart();
            builder.index.recovered = true;
            builder.note(offset, format!("no sound summary ({reason}): read from front to end instead"));
            builder.scan(&mut file, length)?;
        }
    }
    Ok(builder.finish())
}

/// Reads `length` bytes at `offset`; the caller has checked the length.
pub(crate) fn read_at(file: &mut File, path: &Path, offset: u64, length: u64) -> Result<Vec<u8>, BagError> {
    let mut bytes = Vec::new();
    read_into(file, path, offset, length, &mut bytes)?;
    Ok(bytes)
}

/// As [`read_at`], into an empty buffer.
pub(crate) fn read_into(
    file: &mut File,
    path: &Path,
    offset: u64,
    length: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), BagError> {
    file.seek(SeekFrom::Start(offset)).map_err(BagError::io(path, "seek"))?;
    bytes.reserve(usize::try_from(length.min(1 << 20)).unwrap_or(0));
    file.take(length).read_to_end(bytes).map_err(BagError::io(path, "read"))?;
    if bytes.len() as u64 == length {
        return Ok(());
    }
    Err(BagError::damaged(path, offset, format!("the file ends within {length} bytes that should be here")))
}

/// Name, encoding and text of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SchemaText {
    name: String,
    encoding: String,
    text: String,
}

impl SchemaText {
    fn new(name: &str, encoding: &str, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        Self { name: name.to_owned(), encoding: encoding.to_owned(), text }
    }
}

/// An index in the making.
pub(crate) struct Builder {
    pub index: FileIndex,
    schemas: BTreeMap<u16, SchemaText>,
    /// Schema of every channel.
    schema_ids: BTreeMap<u16, u16>,
    /// Messages by channel id, declared or not.
    pub counts: BTreeMap<u16, u64>,
    /// Channels and schemas that come from a chunk that does not check out.
    doubtful: Vec<(u8, Vec<u8>)>,
    metadata_bytes: usize,
    /// How many findings came with the file, before it was looked into.
    given: usize,
    unnoted: u64,
}

impl Builder {
    fn new(path: &Path, source: Source) -> Self {
        let index = FileIndex {
            path: path.to_owned(),
            source,
            profile: String::new(),
            library: String::new(),
            segments: Vec::new(),
            channels: BTreeMap::new(),
            metadata: Vec::new(),
            attachments: Vec::new(),
            damage: Vec::new(),
            recovered: false,
            scanned: false,
            bounds_ns: None,
        };
        Self {
            index,
            schemas: BTreeMap::new(),
            schema_ids: BTreeMap::new(),
            counts: BTreeMap::new(),
            doubtful: Vec::new(),
            metadata_bytes: 0,
            given: 0,
            unnoted: 0,
        }
    }

    /// Forgets what an unsound summary said, but not what was wrong before it was looked at.
    fn restart(&mut self) {
        let source = std::mem::take(&mut self.index.source);
        let mut damage = std::mem::take(&mut self.index.damage);
        let (path, given) = (std::mem::take(&mut self.index.path), self.given);
        damage.truncate(given);
        *self = Self::new(&path, source);
        self.given = given;
        self.index.damage = damage;
        self.index.scanned = true;
    }

    pub(crate) fn note(&mut self, offset: u64, reason: String) {
        if self.index.damage.len() < DAMAGE_LIMIT {
            self.index.damage.push(Damage { path: self.index.path.clone(), offset, reason });
            return;
        }
        self.unnoted = self.unnoted.saturating_add(1);
        if let Some(last) = self.index.damage.last_mut() {
            last.reason = format!("and {} more findings after this", self.unnoted);
        }
    }

    /// Takes in a header, schema, channel or metadata record; of two with the same id the first stays.
    ///
    /// `offset` is that of the record, or of the chunk or section that it is in.
    pub(crate) fn learn(&mut self, opcode: u8, body: &[u8], offset: u64) -> Result<(), String> {
        match records::parse(opcode, body)? {
            Some(Record::Header { profile, library }) => {
                self.index.profile = profile.to_owned();
                self.index.library = library.to_owned();
            }
            Some(Record::Schema { id, name, encoding, text }) => {
                self.learn_schema(id, SchemaText::new(name, encoding, text), offset);
            }
            Some(Record::Channel { id, schema, topic, encoding, metadata }) => {
                self.learn_channel(id, schema, (topic, encoding, metadata), offset);
            }
            Some(Record::Metadata { name, entries }) => self.learn_metadata(name, entries, offset),
            _ => {}
        }
        Ok(())
    }

    fn learn_schema(&mut self, id: u16, schema: SchemaText, offset: u64) {
        match self.schemas.get(&id) {
            Some(known) if *known != schema => {
                let (first, second) = (known.name.clone(), schema.name);
                self.note(
                    offset,
                    format!(
                        "schema {id} is declared twice, as {first} and otherwise as {second}: the first stays"
                    ),
                );
            }
            Some(_) => {}
            None => {
                self.schemas.insert(id, schema);
            }
        }
    }

    fn learn_channel(
        &mut self,
        id: u16,
        schema_id: u16,
        (topic, encoding, metadata): (&str, &str, BTreeMap<String, String>),
        offset: u64,
    ) {
        let schema = self.schemas.get(&schema_id).cloned().unwrap_or_default();
        let new = Channel {
            topic: topic.to_owned(),
            type_name: schema.name,
            definition: schema.text,
            schema_encoding: schema.encoding,
            message_encoding: encoding.to_owned(),
            metadata,
            message_count: 0,
        };
        match self.index.channels.get(&id) {
            Some(known) => {
                let same = (&known.topic, &known.message_encoding) == (&new.topic, &new.message_encoding)
                    && self.schema_ids.get(&id) == Some(&schema_id);
                if !same {
                    let (first, second) = (known.topic.clone(), new.topic);
                    self.note(
                        offset,
                        format!("channel {id} is declared twice, as {first} and otherwise as {second}: the first stays"),
                    );
                }
            }
            None => {
                if schema_id != 0 && !self.schemas.contains_key(&schema_id) {
                    let (topic, schema) = (new.topic.clone(), schema_id);
                    self.note(offset, format!("{topic} has schema {schema}, which is not there"));
                }
                self.schema_ids.insert(id, schema_id);
                self.index.channels.insert(id, new);
            }
        }
    }

    fn learn_metadata(&mut self, name: &str, entries: BTreeMap<String, String>, offset: u64) {
        let size: usize = entries.iter().map(|(k, v)| k.len().saturating_add(v.len())).sum();
        let held = self.metadata_bytes.saturating_add(size).saturating_add(name.len());
        if held > METADATA_LIMIT {
            self.note(offset, format!("metadata of more than {METADATA_LIMIT} bytes: the rest is left out"));
            return;
        }
        self.metadata_bytes = held;
        self.index.metadata.push(Metadata { name: name.to_owned(), entries });
    }

    /// Keeps a declaration out of a chunk that does not check out, in case there is no better one.
    pub(crate) fn doubt(&mut self, opcode: u8, body: &[u8]) {
        let held: usize = self.doubtful.iter().map(|(_, b)| b.len()).sum();
        if matches!(opcode, op::SCHEMA | op::CHANNEL) && held.saturating_add(body.len()) <= METADATA_LIMIT {
            self.doubtful.push((opcode, body.to_vec()));
        }
    }

    /// Whether the schema of every channel is known.
    pub(crate) fn has_all_schemas(&self) -> bool {
        self.schema_ids.values().all(|id| *id == 0 || self.schemas.contains_key(id))
    }

    /// Counts a message.
    pub(crate) fn count(&mut self, channel: u16, messages: u64) {
        let count = self.counts.entry(channel).or_default();
        *count = count.saturating_add(messages);
    }

    pub(crate) fn widen_bounds(&mut self, start_ns: u64, end_ns: u64) {
        let (start, end) = self.index.bounds_ns.unwrap_or((start_ns, end_ns));
        self.index.bounds_ns = Some((start.min(start_ns), end.max(end_ns)));
    }

    /// Settles what is only known at the end.
    fn finish(mut self) -> FileIndex {
        self.settle_doubtful();
        for (id, count) in std::mem::take(&mut self.counts) {
            match self.index.channels.get_mut(&id) {
                Some(channel) => channel.message_count = channel.message_count.saturating_add(count),
                None if self.index.scanned => {
                    let reason = format!("{count} messages of channel {id}, which is not declared: left out");
                    self.note(MAGIC.len() as u64, reason);
                }
                None => {}
            }
        }
        self.index
    }

    /// Without its declaration a channel's messages are lost, so a likely one is better than none; it is told.
    fn settle_doubtful(&mut self) {
        let doubtful = std::mem::take(&mut self.doubtful);
        let missing = |b: &Self, id: u16| b.counts.contains_key(&id) && !b.index.channels.contains_key(&id);
        for (opcode, body) in &doubtful {
            if let Ok(Some(Record::Schema { id, name, encoding, text })) = records::parse(*opcode, body) {
                self.schemas.entry(id).or_insert(SchemaText::new(name, encoding, text));
            }
        }
        for (opcode, body) in &doubtful {
            if let Ok(Some(Record::Channel { id, schema, topic, encoding, metadata })) =
                records::parse(*opcode, body)
                && missing(self, id)
                && self.schemas.contains_key(&schema)
                && !topic.chars().any(char::is_control)
            {
                let kind = kind_name(op::CHANNEL);
                let reason =
                    format!("the {kind} of channel {id} ({topic}) comes from a chunk whose CRC is wrong");
                self.note(MAGIC.len() as u64, reason);
                self.learn_channel(id, schema, (topic, encoding, metadata), 0);
            }
        }
    }
}
