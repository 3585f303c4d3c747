//! The small records of a file, taken apart. No length is believed before the bytes are there: a text that claims 4 GB
//! allocates nothing.

use crate::framing::{kind_name, op};
use std::collections::BTreeMap;

/// A record that the reader makes use of.
#[derive(Clone, Debug)]
pub(crate) enum Record<'a> {
    Header {
        profile: &'a str,
        library: &'a str,
    },
    Footer {
        summary_start: u64,
        summary_crc: u32,
    },
    Schema {
        id: u16,
        name: &'a str,
        encoding: &'a str,
        text: &'a [u8],
    },
    Channel {
        id: u16,
        schema: u16,
        topic: &'a str,
        encoding: &'a str,
        metadata: BTreeMap<String, String>,
    },
    ChunkIndex(ChunkIndex),
    AttachmentIndex {
        offset: u64,
        log_time: u64,
        create_time: u64,
        size: u64,
        name: &'a str,
        media_type: &'a str,
    },
    Statistics(Statistics),
    Metadata {
        name: &'a str,
        entries: BTreeMap<String, String>,
    },
    MetadataIndex {
        offset: u64,
        length: u64,
    },
}

/// Where a chunk is.
#[derive(Clone, Debug)]
pub(crate) struct ChunkIndex {
    pub start_ns: u64,
    pub end_ns: u64,
    pub offset: u64,
    pub length: u64,
    /// Bytes of the message indexes behind it.
    pub indexes_length: u64,
    /// Ids of the channels that it has messages of; none when it does not say.
    pub channels: Box<[u16]>,
}

/// What there is.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    pub messages: u64,
    pub channels: u32,
    pub attachments: u32,
    pub metadata: u32,
    pub chunks: u32,
    pub start_ns: u64,
    pub end_ns: u64,
    pub counts: BTreeMap<u16, u64>,
}

/// Takes a record apart; `None` for kinds that the reader makes no use of. What follows the fields is left alone.
pub(crate) fn parse(opcode: u8, body: &[u8]) -> Result<Option<Record<'_>>, String> {
    let mut fields = Fields(body);
    let record = match opcode {
        op::HEADER => header(&mut fields),
        op::FOOTER => footer(&mut fields),
        op::SCHEMA => schema(&mut fields),
        op::CHANNEL => channel(&mut fields),
        op::CHUNK_INDEX => chunk_index(&mut fields),
        op::ATTACHMENT_INDEX => attachment_index(&mut fields),
        op::STATISTICS => statistics(&mut fields),
        op::METADATA => metadata(&mut fields),
        op::METADATA_INDEX => metadata_index(&mut fields),
        _ => return Ok(None),
    };
    record.map(Some).map_err(|reason| format!("a {} cannot be read: {reason}", kind_name(opcode)))
}

fn header<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    Ok(Record::Header { profile: f.text()?, library: f.text()? })
}

fn footer<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    let summary_start = f.long()?;
    f.long()?;
    Ok(Record::Footer { summary_start, summary_crc: f.int()? })
}

fn schema<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    Ok(Record::Schema { id: f.short()?, name: f.text()?, encoding: f.text()?, text: f.bytes()? })
}

fn channel<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    let (id, schema) = (f.short()?, f.short()?);
    Ok(Record::Channel { id, schema, topic: f.text()?, encoding: f.text()?, metadata: f.map()? })
}

fn chunk_index<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    let (start_ns, end_ns) = (f.long()?, f.long()?);
    let (offset, length) = (f.long()?, f.long()?);
    let mut list = Fields(f.bytes()?);
    let mut channels = Vec::new();
    while !list.0.is_empty() {
        channels.push(list.short()?);
        list.long()?;
    }
    let channels = channels.into_boxed_slice();
    Ok(Record::ChunkIndex(ChunkIndex {
        start_ns,
        end_ns,
        offset,
        length,
        indexes_length: f.long()?,
        channels,
    }))
}

fn attachment_index<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    let (offset, _) = (f.long()?, f.long()?);
    let (log_time, create_time, size) = (f.long()?, f.long()?, f.long()?);
    Ok(Record::AttachmentIndex {
        offset,
        log_time,
        create_time,
        size,
        name: f.text()?,
        media_type: f.text()?,
    })
}

fn statistics<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    let messages = f.long()?;
    f.short()?;
    let (channels, attachments, metadata, chunks) = (f.int()?, f.int()?, f.int()?, f.int()?);
    let (start_ns, end_ns) = (f.long()?, f.long()?);
    let mut list = Fields(f.bytes()?);
    let mut counts = BTreeMap::new();
    while !list.0.is_empty() {
        counts.insert(list.short()?, list.long()?);
    }
    Ok(Record::Statistics(Statistics {
        messages,
        channels,
        attachments,
        metadata,
        chunks,
        start_ns,
        end_ns,
        counts,
    }))
}

fn metadata<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    Ok(Record::Metadata { name: f.text()?, entries: f.map()? })
}

fn metadata_index<'a>(f: &mut Fields<'a>) -> Result<Record<'a>, String> {
    Ok(Record::MetadataIndex { offset: f.long()?, length: f.long()? })
}

/// The bytes of a record that are not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or("it is cut")?;
        self.0 = rest;
        Ok(*head)
    }

    fn short(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn int(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn long(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let claimed = self.int()?;
        let size = usize::try_from(claimed).unwrap_or(usize::MAX);
        let have = self.0.len();
        let split = self.0.split_at_checked(size);
        let (head, rest) = split.ok_or_else(|| format!("a text claims {claimed} bytes, there are {have}"))?;
        self.0 = rest;
        Ok(head)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|e| format!("a text is not UTF-8 from byte {}", e.valid_up_to()))
    }

    fn map(&mut self) -> Result<BTreeMap<String, String>, String> {
        let mut list = Fields(self.bytes()?);
        let mut entries = BTreeMap::new();
        while !list.0.is_empty() {
            let (key, value) = (list.text()?, list.text()?);
            entries.insert(key.to_owned(), value.to_owned());
        }
        Ok(entries)
    }
}
