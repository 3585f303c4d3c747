//! Walking over a file without a sound summary, from front to end, and on behind what is broken.
//!
//! What is kept of a chunk:
//! - all of it when its CRC is right, also if one of its two lengths, or its opcode, is broken;
//! - of one that the end of the file cuts, or zeros that reach to the end of the file (as a power loss leaves them):
//!   every message whose record is complete; of a compressed one every such record in whole compressed blocks;
//! - nothing else. Which message of a chunk with a wrong CRC is the wrong one, nobody can tell.
//!
//! Behind a record whose length cannot be right the next one is searched for byte by byte ([`Scan::resync`]). Records
//! outside chunks have no CRC of their own: such a message counts when a record follows where its length says.

use crate::RECORD_LIMIT;
use crate::chunk::{self, ChunkHeader, HEADER_LIMIT, Packing, Unpacker};
use crate::error::BagError;
use crate::framing::{
    MAGIC, Next, RECORD_HEADER, kind_name, message_head, op, plain_records, plausible, record_header,
};
use crate::index::{Builder, Kind, Segment, read_at};
use crate::reader::Attachment;
use crate::resync::Window;
use std::fs::File;
use std::path::PathBuf;

/// Plain records are read this many bytes at a time, or one record if that is longer.
const PLAIN_RUN_BYTES: u64 = 4 << 20;
/// So many zero bytes at the end of a file are no data.
const ZERO_TAIL_BYTES: u64 = 8;
/// Bytes of an attachment before its data that are looked at.
const ATTACHMENT_HEAD_BYTES: usize = 8192;
pub(crate) const HEADER: u64 = RECORD_HEADER as u64;

/// A walk over one file.
pub(crate) struct Scan<'a> {
    pub builder: &'a mut Builder,
    pub file: &'a mut File,
    pub path: PathBuf,
    pub length: u64,
    pub window: Window,
    /// One past the last byte that is not zero.
    pub data_end: u64,
    /// Bytes that may still be looked at again.
    pub work_left: u64,
    unpacker: Unpacker,
    /// Whether there are chunks in this file, once it is known.
    chunked: Option<bool>,
    /// Since the last loss no chunk has checked out.
    in_doubt: bool,
    /// Messages between a loss and the next good chunk of a file that has chunks.
    unchecked: u64,
}

enum Step {
    Next(u64),
    Lost(String),
    End,
}

impl Builder {
    /// Walks over all records from the front.
    pub(crate) fn scan(&mut self, file: &mut File, length: u64) -> Result<(), BagError> {
        let path = self.index.path.clone();
        let mut scan = Scan {
            builder: self,
            file,
            path,
            length,
            window: Window::default(),
            data_end: length,
            work_left: crate::resync::work_limit(length),
            unpacker: Unpacker::default(),
            chunked: None,
            in_doubt: false,
            unchecked: 0,
        };
        scan.data_end = scan.find_data_end()?;
        scan.run()
    }
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), BagError> {
        let mut offset = MAGIC.len() as u64;
        while offset < self.length {
            match self.step(offset)? {
                Step::End => break,
                Step::Next(next) => offset = next.max(offset.saturating_add(1)),
                Step::Lost(reason) => {
                    self.in_doubt = true;
                    let found = self.resync(offset.saturating_add(1))?;
                    let skipped = found.unwrap_or(self.length) - offset;
                    let what =
                        if found.is_some() { "bytes skipped" } else { "bytes to the end without a record" };
                    self.builder.note(offset, format!("{reason}; {skipped} {what}"));
                    match found {
                        Some(next) => offset = next,
                        None => break,
                    }
                }
            }
            if self.work_left == 0 {
                self.builder.note(offset, "so broken that the search for records was given up here".into());
                break;
            }
        }
        if self.unchecked > 0 {
            let reason = format!("{} messages of a chunk whose header is lost: left out", self.unchecked);
            self.builder.note(offset.min(self.length), reason);
        }
        Ok(())
    }

    /// The file ends in zeros that may stand for lost data.
    pub(crate) fn zero_tail(&self) -> bool {
        self.length.saturating_sub(self.data_end) >= ZERO_TAIL_BYTES
    }

    /// One past the last byte that is not zero.
    fn find_data_end(&mut self) -> Result<u64, BagError> {
        let mut end = self.length;
        while end > 0 {
            let size = end.min(64 << 10);
            let bytes = read_at(self.file, &self.path, end - size, size)?;
            if let Some(last) = bytes.iter().rposition(|b| *b != 0) {
                return Ok(end - size + last as u64 + 1);
            }
            end -= size;
        }
        Ok(0)
    }

    fn step(&mut self, offset: u64) -> Result<Step, BagError> {
        let rest = self.length - offset;
        let Some((opcode, claimed)) = self.header_at(offset)? else {
            self.builder.note(offset, format!("{rest} bytes of a record's header, then the end"));
            return Ok(Step::End);
        };
        if opcode == 0 {
            return Ok(Step::Lost("no record: zero bytes, as a power loss leaves them".into()));
        }
        if opcode == op::CHUNK {
            return self.chunk(offset, claimed);
        }
        if self.consistent_chunk(offset)?.is_some_and(|header| header.crc != 0) {
            self.builder.note(offset, format!("a {} that is a chunk by its content", kind_name(opcode)));
            return self.chunk(offset, claimed);
        }
        let next = offset.saturating_add(claimed).saturating_add(HEADER);
        if next > self.length {
            let have = rest - HEADER;
            return Ok(Step::Lost(format!(
                "a {} claims {claimed} bytes, the file has {have}",
                kind_name(opcode)
            )));
        }
        if !plausible(opcode, claimed) {
            return self.strange(offset, opcode, claimed);
        }
        if opcode == op::FOOTER {
            let magic = self.bytes(next, MAGIC.len())?.to_vec();
            if magic == MAGIC && next.saturating_add(MAGIC.len() as u64) == self.length {
                return Ok(Step::End);
            }
            if magic.len() < MAGIC.len() {
                self.builder.note(next, "the file ends within its closing magic".into());
                return Ok(Step::End);
            }
            return Ok(Step::Lost("a footer in the middle of the file".into()));
        }
        if !self.followed(next)? {
            return Ok(Step::Lost(format!(
                "a {} of {claimed} bytes, and no record behind it",
                kind_name(opcode)
            )));
        }
        match opcode {
            op::MESSAGE => self.plain_message(offset, claimed)?,
            op::ATTACHMENT => self.attachment(offset)?,
            op::HEADER | op::SCHEMA | op::CHANNEL | op::METADATA => {
                let body = read_at(self.file, &self.path, offset.saturating_add(HEADER), claimed)?;
                if let Err(reason) = self.builder.learn(opcode, &body, offset) {
                    return Ok(Step::Lost(reason));
                }
            }
            _ => {}
        }
        Ok(Step::Next(next))
    }

    /// A record of unknown kind, or of a length that its kind cannot have.
    fn strange(&mut self, offset: u64, opcode: u8, claimed: u64) -> Result<Step, BagError> {
        let name = kind_name(opcode);
        let next = offset.saturating_add(claimed).saturating_add(HEADER);
        if plausible(opcode, u64::from(u16::MAX)) {
            let limit = if claimed > RECORD_LIMIT as u64 {
                format!(", the limit is {RECORD_LIMIT}")
            } else {
                "".into()
            };
            let reason = format!("a {name} claims {claimed} bytes{limit}");
            if claimed > RECORD_LIMIT as u64 && self.followed(next)? {
                self.builder.note(offset, format!("{reason}: left out"));
                return Ok(Step::Next(next));
            }
            return Ok(Step::Lost(reason));
        }
        if !self.followed(next)? {
            return Ok(Step::Lost(format!("a {name}")));
        }
        // A reader skips what it does not know; it may as well be a broken one that it would know.
        self.builder.note(offset, format!("a {name} of {claimed} bytes: skipped"));
        Ok(Step::Next(next))
    }

    fn plain_message(&mut self, offset: u64, claimed: u64) -> Result<(), BagError> {
        if self.in_doubt && self.is_chunked()? {
            self.unchecked = self.unchecked.saturating_add(1);
            return Ok(());
        }
        let head = self.bytes(offset.saturating_add(HEADER), 22)?;
        let Some((channel, log_time_ns)) = message_head(head) else { return Ok(()) };
        self.builder.count(channel, 1);
        let mut tally = Tally::default();
        tally.add(log_time_ns);
        let size = claimed.saturating_add(HEADER);
        let last = self.builder.index.segments.last_mut();
        let run = last.filter(|s| {
            s.kind == Kind::Plain
                && s.offset.saturating_add(s.length) == offset
                && s.length.saturating_add(size) < PLAIN_RUN_BYTES
        });
        match run {
            Some(run) => {
                run.length = run.length.saturating_add(size);
                run.start_ns = run.start_ns.min(log_time_ns);
                run.end_ns = run.end_ns.max(log_time_ns);
                run.messages = run.messages.map(|m| m.saturating_add(1));
                self.builder.widen_bounds(log_time_ns, log_time_ns);
            }
            None => self.add_segment(Kind::Plain, offset, size, &tally),
        }
        Ok(())
    }

    /// Whether this file keeps its messages in chunks.
    pub(crate) fn is_chunked(&mut self) -> Result<bool, BagError> {
        if let Some(known) = self.chunked {
            return Ok(known);
        }
        let plain_first = self.builder.index.segments.first().map(|s| s.kind == Kind::Plain);
        let chunked = match plain_first {
            Some(plain) => !plain,
            None => self.find_chunk(MAGIC.len() as u64)?.is_some(),
        };
        self.chunked = Some(chunked);
        Ok(chunked)
    }

    fn attachment(&mut self, offset: u64) -> Result<(), BagError> {
        let body = self.bytes(offset.saturating_add(HEADER), ATTACHMENT_HEAD_BYTES)?;
        let found = parse_attachment(body, offset);
        match found {
            Some(attachment) => self.builder.index.attachments.push(attachment),
            None => self.builder.note(offset, "the head of an attachment cannot be read".into()),
        }
        Ok(())
    }

    fn chunk(&mut self, offset: u64, claimed: u64) -> Result<Step, BagError> {
        let body_at = offset.saturating_add(HEADER);
        let header = match ChunkHeader::parse(self.bytes(body_at, HEADER_LIMIT)?) {
            Ok(header) => header,
            Err(reason) => return Ok(Step::Lost(reason)),
        };
        let data_at = body_at.saturating_add(header.header_bytes as u64);
        let ends =
            Ends { inner: data_at.saturating_add(header.stored), outer: body_at.saturating_add(claimed) };
        let mut reason = None;
        let candidates = [Some(ends.inner), Some(ends.outer).filter(|o| *o != ends.inner)];
        for end in candidates.into_iter().flatten() {
            if end > self.length || end < data_at {
                let have = self.length.saturating_sub(body_at);
                reason.get_or_insert(format!("a chunk claims {claimed} bytes, the file has {have}"));
                continue;
            }
            if end - body_at > RECORD_LIMIT as u64 {
                reason = Some(format!("a chunk of {} bytes, the limit is {RECORD_LIMIT}", end - body_at));
                continue;
            }
            let body = read_at(self.file, &self.path, body_at, end - body_at)?;
            self.work_left = self.work_left.saturating_sub(end - body_at);
            match self.unpacker.open(&body) {
                Ok(records) if header.crc != 0 || ends.inner == ends.outer => {
                    let tally = self.take_records(&records, offset);
                    self.unpacker.take_back(records);
                    self.add_segment(Kind::Chunk, offset, end - offset, &tally);
                    self.in_doubt = false;
                    return self.after_chunk(offset, end, &ends);
                }
                Ok(_) => reason = Some("a chunk without a CRC whose two lengths disagree".into()),
                Err(why) => reason = Some(format!("chunk: {why}")),
            }
        }
        self.broken_chunk(offset, &header, data_at, &ends, reason.unwrap_or_default())
    }

    /// Where to go on behind a good chunk: at its end as the record's length says, unless that is what is broken.
    fn after_chunk(&mut self, offset: u64, end: u64, ends: &Ends) -> Result<Step, BagError> {
        if ends.outer == end
            || (ends.outer > end && ends.outer <= self.length && self.followed(ends.outer)?)
        {
            return Ok(Step::Next(ends.outer));
        }
        self.builder.note(offset, "the length of this chunk is broken, its content is whole".into());
        Ok(Step::Next(end))
    }

    fn broken_chunk(
        &mut self,
        offset: u64,
        header: &ChunkHeader,
        data_at: u64,
        ends: &Ends,
        reason: String,
    ) -> Result<Step, BagError> {
        let end = ends.inner.min(ends.outer);
        let zero_tail = self.zero_tail();
        let zeroed = zero_tail && end > self.data_end;
        let cut = end > self.length && self.find_chunk(offset.saturating_add(1))?.is_none();
        if (zeroed || cut) && self.data_end > data_at {
            return self.cut_chunk(offset, header, data_at, zero_tail, reason);
        }
        if end <= self.length && end - offset <= RECORD_LIMIT as u64 && end >= data_at {
            let data = read_at(self.file, &self.path, data_at, end - data_at)?;
            // Its messages are not believed; its declarations may be the only ones.
            let _ = plain_records(&chunk::open_cut(header, &data), |opcode, body| {
                self.builder.doubt(opcode, body);
                Ok(Next::Continue)
            });
        }
        self.in_doubt = true;
        for end in [ends.outer, ends.inner] {
            if end >= data_at && end <= self.length && (ends.outer == ends.inner || self.followed(end)?) {
                if !self.followed(end)? {
                    break;
                }
                self.builder.note(offset, reason);
                return Ok(Step::Next(end));
            }
        }
        Ok(Step::Lost(reason))
    }

    /// Keeps what is complete of the last chunk.
    fn cut_chunk(
        &mut self,
        offset: u64,
        header: &ChunkHeader,
        data_at: u64,
        zero_tail: bool,
        reason: String,
    ) -> Result<Step, BagError> {
        let plain = header.packing == Packing::None;
        let end = if zero_tail && !plain { self.data_end } else { self.length };
        let end =
            end.min(data_at.saturating_add(RECORD_LIMIT as u64)).min(data_at.saturating_add(header.stored));
        let data = read_at(self.file, &self.path, data_at, end - data_at)?;
        let records = chunk::open_cut(header, &data);
        let (data_end, length) = (self.data_end, self.length);
        let mut good = 0usize;
        let walked = plain_records(&records, |_, body| {
            let ends_at = good.saturating_add(RECORD_HEADER).saturating_add(body.len());
            let in_file = data_at.saturating_add(ends_at as u64);
            // Where a record ends in zeros that may be lost data, only the exact end of the file speaks for it.
            if plain && zero_tail && in_file > data_end && in_file != length {
                return Ok(Next::Stop);
            }
            good = ends_at;
            Ok(Next::Continue)
        });
        drop(walked);
        let tally = self.take_records(records.get(..good).unwrap_or_default(), offset);
        self.builder
            .note(offset, format!("{reason}: its first {} messages are kept, unchecked", tally.messages));
        self.add_segment(Kind::CutChunk, offset, end - offset, &tally);
        Ok(Step::End)
    }

    /// Takes in the records of a chunk.
    fn take_records(&mut self, records: &[u8], offset: u64) -> Tally {
        let mut tally = Tally::default();
        let outcome = plain_records(records, |opcode, body| {
            if opcode != op::MESSAGE {
                self.builder.learn(opcode, body, offset)?;
                return Ok(Next::Continue);
            }
            let (channel, log_time_ns) = message_head(body).ok_or("a message record that is too short")?;
            self.builder.count(channel, 1);
            tally.add(log_time_ns);
            Ok(Next::Continue)
        });
        if let Err((_, reason)) = outcome {
            self.builder.note(offset, format!("chunk: {reason}"));
        }
        tally
    }

    fn add_segment(&mut self, kind: Kind, offset: u64, length: u64, tally: &Tally) {
        if tally.messages == 0 {
            return;
        }
        self.builder.widen_bounds(tally.start_ns, tally.end_ns);
        let Tally { start_ns, end_ns, messages, .. } = *tally;
        let segment =
            Segment { kind, offset, length, start_ns, end_ns, messages: Some(messages), channels: None };
        self.builder.index.segments.push(segment);
    }

    /// Opcode and length at `offset`; `None` where the file ends before.
    pub(crate) fn header_at(&mut self, offset: u64) -> Result<Option<(u8, u64)>, BagError> {
        Ok(record_header(self.bytes(offset, RECORD_HEADER)?))
    }
}

/// Where a chunk ends: by the length of its data, and by that of its record.
struct Ends {
    inner: u64,
    outer: u64,
}

fn parse_attachment(body: &[u8], offset: u64) -> Option<Attachment> {
    let (log_time, rest) = body.split_first_chunk::<8>()?;
    let (create_time, rest) = rest.split_first_chunk::<8>()?;
    let text = |bytes: &[u8]| -> Option<(String, usize)> {
        let size = usize::try_from(u32::from_le_bytes(*bytes.first_chunk::<4>()?)).ok()?;
        let end = size.checked_add(4)?;
        Some((String::from_utf8(bytes.get(4..end)?.to_vec()).ok()?, end))
    };
    let (name, used) = text(rest)?;
    let rest = rest.get(used..)?;
    let (media_type, used) = text(rest)?;
    let size = rest.get(used..)?.first_chunk::<8>()?;
    Some(Attachment {
        name,
        media_type,
        log_time_ns: u64::from_le_bytes(*log_time),
        create_time_ns: u64::from_le_bytes(*create_time),
        offset,
        size: u64::from_le_bytes(*size),
    })
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
