//! The summary at the end of a file: what it lists is believed only when its CRC, its counts and the places of the
//! chunks fit together.

use crate::framing::{MAGIC, Next, RECORD_HEADER, kind_name, op, plain_records, record_header};
use crate::index::{Builder, Kind, Segment, read_at};
use crate::reader::Attachment;
use crate::records::{self, ChunkIndex, Record, Statistics};
use crate::{RECORD_LIMIT, SUMMARY_LIMIT};
use std::fs::File;

/// Footer record and closing magic.
const FOOTER_BYTES: u64 = 9 + 20 + 8;
/// Data-end record.
const DATA_END_BYTES: u64 = 9 + 4;
/// The most records that are walked over between chunks; with more, the file has no useful index.
const GAP_RECORDS_LIMIT: usize = 100_000;

/// What the summary is good for.
pub(crate) enum Summary {
    /// It tells everything.
    Complete,
    /// Nothing is wrong with it, but it does not list all there is.
    Incomplete,
}

/// Where something is wrong, and what.
pub(crate) type Unsound = (u64, String);

#[derive(Default)]
struct Lists {
    chunks: Vec<ChunkIndex>,
    statistics: Option<Statistics>,
    metadata_at: Vec<(u64, u64)>,
    /// A CRC covers all this.
    covered: bool,
}

impl Builder {
    /// Fills the index from the summary section.
    pub(crate) fn read_summary(&mut self, file: &mut File, length: u64) -> Result<Summary, Unsound> {
        let at_end = |reason: &str| (length, reason.to_owned());
        let footer_at = length.checked_sub(FOOTER_BYTES).ok_or_else(|| at_end("too short for a footer"))?;
        let (summary_start, summary_crc) =
            self.read_footer(file, footer_at).map_err(|reason| (footer_at, reason))?;
        let start = if summary_start == 0 { footer_at } else { summary_start };
        let first = MAGIC.len() as u64 + DATA_END_BYTES;
        if start < first || start > footer_at {
            return Err((
                footer_at,
                format!("the footer says the summary is at byte {start}, which lies outside"),
            ));
        }
        let data_end_at = start - DATA_END_BYTES;
        let size = length - data_end_at;
        if size > SUMMARY_LIMIT {
            return Err((start, format!("the summary is {size} bytes long, the limit is {SUMMARY_LIMIT}")));
        }
        let path = self.index.path.clone();
        let bytes = read_at(file, &path, data_end_at, size).map_err(|e| (data_end_at, e.to_string()))?;
        let sections = bytes.split_at_checked(DATA_END_BYTES as usize);
        let (data_end, summary) = sections.ok_or_else(|| at_end("too short for a footer"))?;
        check_crc(summary, summary_crc).map_err(|reason| (start, reason))?;
        if summary_start == 0 {
            return Ok(Summary::Incomplete);
        }
        if data_end.first() != Some(&op::DATA_END) {
            // A record of another length may stand there; then the data section is walked over.
            return Ok(Summary::Incomplete);
        }
        let records = summary.get(..summary.len().saturating_sub(FOOTER_BYTES as usize)).unwrap_or_default();
        let mut lists = self.read_lists(records, start)?;
        lists.covered = summary_crc != 0;
        self.take_lists(file, lists, start, data_end_at)
    }

    fn read_footer(&mut self, file: &mut File, footer_at: u64) -> Result<(u64, u32), String> {
        let path = self.index.path.clone();
        let tail = read_at(file, &path, footer_at, FOOTER_BYTES).map_err(|e| e.to_string())?;
        let (record, magic) = tail.split_at_checked(tail.len() - MAGIC.len()).ok_or("no footer")?;
        if magic != MAGIC || record_header(record) != Some((op::FOOTER, 20)) {
            return Err("the file does not end as an MCAP file does".into());
        }
        match records::parse(op::FOOTER, record.get(RECORD_HEADER..).unwrap_or_default())? {
            Some(Record::Footer { summary_start, summary_crc }) => Ok((summary_start, summary_crc)),
            _ => Err("the footer cannot be read".into()),
        }
    }

    fn read_lists(&mut self, records: &[u8], start: u64) -> Result<Lists, Unsound> {
        let mut lists = Lists::default();
        let outcome = plain_records(records, |opcode, body| {
            match records::parse(opcode, body)? {
                Some(Record::ChunkIndex(c)) => lists.chunks.push(c),
                Some(Record::Statistics(s)) => lists.statistics = Some(s),
                Some(Record::MetadataIndex { offset, length }) => lists.metadata_at.push((offset, length)),
                Some(Record::AttachmentIndex { offset, log_time, create_time, size, name, media_type }) => {
                    self.index.attachments.push(Attachment {
                        name: name.to_owned(),
                        media_type: media_type.to_owned(),
                        log_time_ns: log_time,
                        create_time_ns: create_time,
                        offset,
                        size,
                    });
                }
                Some(Record::Schema { .. } | Record::Channel { .. }) => self.learn(opcode, body, start)?,
                Some(_) => return Err(format!("a {} in the summary", kind_name(opcode))),
                None => {}
            }
            Ok(Next::Continue)
        });
        outcome.map_err(|(at, reason)| (start.saturating_add(at as u64), reason))?;
        Ok(lists)
    }

    fn take_lists(
        &mut self,
        file: &mut File,
        mut lists: Lists,
        start: u64,
        data_end_at: u64,
    ) -> Result<Summary, Unsound> {
        let Some(statistics) = lists.statistics else { return Ok(Summary::Incomplete) };
        let lists_all = lists.chunks.len() as u64 == u64::from(statistics.chunks)
            && self.index.channels.len() as u64 == u64::from(statistics.channels)
            && lists.metadata_at.len() as u64 == u64::from(statistics.metadata)
            && self.index.attachments.len() as u64 == u64::from(statistics.attachments)
            && self.has_all_schemas()
            && !(lists.chunks.is_empty() && statistics.messages > 0)
            // Counts by channel may be left out: they are counted then.
            && !(statistics.counts.is_empty() && statistics.messages > 0);
        if !lists_all {
            return Ok(Summary::Incomplete);
        }
        lists.chunks.sort_by_key(|c| c.offset);
        let mut gaps = Gaps { at: MAGIC.len() as u64, records: 0 };
        for chunk in &mut lists.chunks {
            let (offset, size) = (chunk.offset, chunk.length);
            let end = offset.checked_add(size).filter(|end| *end <= data_end_at);
            let end =
                end.ok_or_else(|| (start, format!("it names a chunk at byte {offset} that lies outside")))?;
            if offset < gaps.at {
                return Err((start, format!("it names chunks that overlap, the second at byte {offset}")));
            }
            if !gaps.walk(self, file, offset)? {
                return Ok(Summary::Incomplete);
            }
            // Its message indexes follow; when their length is wrong, they are walked over like anything else.
            let indexes_end = end.saturating_add(chunk.indexes_length);
            gaps.at = if indexes_end <= data_end_at { indexes_end } else { end };
            self.index.segments.push(Segment {
                kind: Kind::Chunk,
                offset,
                length: size,
                start_ns: chunk.start_ns,
                end_ns: chunk.end_ns,
                messages: None,
                // A list that no CRC covers does not keep anyone from looking.
                channels: lists
                    .covered
                    .then(|| std::mem::take(&mut chunk.channels))
                    .filter(|c| !c.is_empty()),
            });
        }
        if !gaps.walk(self, file, data_end_at)? {
            return Ok(Summary::Incomplete);
        }
        self.counts = statistics.counts;
        if statistics.messages > 0 {
            self.index.bounds_ns = Some((statistics.start_ns, statistics.end_ns));
        }
        for (offset, size) in lists.metadata_at {
            self.read_metadata(file, offset, size);
        }
        Ok(Summary::Complete)
    }

    fn read_metadata(&mut self, file: &mut File, offset: u64, size: u64) {
        let path = self.index.path.clone();
        let record = if size > RECORD_LIMIT as u64 {
            Err(format!("a metadata record claims {size} bytes, the limit is {RECORD_LIMIT}"))
        } else {
            read_at(file, &path, offset, size).map_err(|e| e.to_string())
        };
        let learnt = record.and_then(|bytes| match record_header(&bytes) {
            Some((op::METADATA, length)) if length.checked_add(RECORD_HEADER as u64) == Some(size) => {
                self.learn(op::METADATA, bytes.get(RECORD_HEADER..).unwrap_or_default(), offset)
            }
            _ => Err("no metadata record where the summary names one".into()),
        });
        if let Err(reason) = learnt {
            self.note(offset, reason);
        }
    }
}

/// What lies between the chunks: nothing that has messages, if the summary is complete.
struct Gaps {
    at: u64,
    records: usize,
}

impl Gaps {
    /// Walks to `end`. False when there are plain messages.
    fn walk(&mut self, builder: &mut Builder, file: &mut File, end: u64) -> Result<bool, Unsound> {
        let path = builder.index.path.clone();
        while self.at < end {
            let unsound = |reason: String| (self.at, reason);
            let rest = end - self.at;
            let bytes = read_at(file, &path, self.at, rest.min(RECORD_HEADER as u64))
                .map_err(|e| unsound(e.to_string()))?;
            let (opcode, length) = record_header(&bytes)
                .ok_or_else(|| unsound("no record before the next chunk that it names".into()))?;
            let size = length.saturating_add(RECORD_HEADER as u64);
            if opcode == 0 || size > rest {
                return Err(unsound(format!(
                    "a {} of {length} bytes before the next chunk that it names",
                    kind_name(opcode)
                )));
            }
            self.records = self.records.saturating_add(1);
            if opcode == op::CHUNK {
                return Err(unsound("there is a chunk that it does not list".into()));
            }
            if opcode == op::MESSAGE || self.records > GAP_RECORDS_LIMIT {
                return Ok(false);
            }
            if opcode == op::HEADER && length <= RECORD_LIMIT as u64 {
                let body = read_at(file, &path, self.at.saturating_add(RECORD_HEADER as u64), length)
                    .map_err(|e| unsound(e.to_string()))?;
                builder.learn(opcode, &body, self.at).map_err(unsound)?;
            }
            self.at = self.at.saturating_add(size);
        }
        Ok(true)
    }
}

/// `summary` reaches from the first record of the summary to the closing magic.
fn check_crc(summary: &[u8], crc: u32) -> Result<(), String> {
    let covered = summary.len().checked_sub(MAGIC.len() + 4);
    let covered = covered.and_then(|end| summary.get(..end)).ok_or("no footer")?;
    let found = crc32fast::hash(covered);
    if crc == 0 || crc == found {
        return Ok(());
    }
    Err(format!("wrong CRC of the summary: {found:#010x}, the footer says {crc:#010x}"))
}
