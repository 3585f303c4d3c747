//! Finding the next sane record behind a broken one, and telling whether a record is where one should be.

use crate::chunk::{ChunkHeader, HEADER_LIMIT};
use crate::error::BagError;
use crate::framing::{MAGIC, message_head, op, plausible, record_header};
use crate::index::read_at;
use crate::records::{self, Record};
use crate::scan::{HEADER, Scan};
use std::fs::File;
use std::path::Path;

/// Bytes of the file that are held for looking at headers, and for a search.
const WINDOW_BYTES: u64 = 16 << 10;
const SEARCH_BYTES: usize = 256 << 10;
/// A declaration longer than this is no place to go on at.
const DECLARATION_LIMIT: u64 = 1 << 20;
/// A broken file is looked over at most so many times its length, and this many bytes more.
const WORK_TIMES: u64 = 16;
const WORK_BYTES: u64 = 1 << 30;

pub(crate) fn work_limit(length: u64) -> u64 {
    length.saturating_mul(WORK_TIMES).saturating_add(WORK_BYTES)
}

/// A piece of the file.
#[derive(Default)]
pub(crate) struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Up to `wanted` bytes at `offset`; fewer at the end of the file.
    fn get(
        &mut self,
        file: &mut File,
        path: &Path,
        length: u64,
        (offset, wanted): (u64, usize),
        read: &mut u64,
    ) -> Result<&[u8], BagError> {
        let end = offset.saturating_add(wanted as u64).min(length);
        let held_end = self.at.saturating_add(self.bytes.len() as u64);
        if offset < self.at || end > held_end {
            let size = length.saturating_sub(offset).min(WINDOW_BYTES.max(wanted as u64));
            self.bytes = if size == 0 { Vec::new() } else { read_at(file, path, offset, size)? };
            self.at = offset;
            *read = size;
        }
        let from = usize::try_from(offset - self.at).unwrap_or(usize::MAX);
        let to = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..to).unwrap_or_default())
    }
}

impl Scan<'_> {
    pub(crate) fn bytes(&mut self, offset: u64, wanted: usize) -> Result<&[u8], BagError> {
        let mut read = 0;
        let bytes = self.window.get(self.file, &self.path, self.length, (offset, wanted), &mut read)?;
        self.work_left = self.work_left.saturating_sub(read);
        Ok(bytes)
    }

    /// Whether a record, or the end of the file, is at `offset`.
    pub(crate) fn followed(&mut self, offset: u64) -> Result<bool, BagError> {
        if self.zero_tail() && offset >= self.data_end {
            // Where what is lost reads as zeros, only a record's last byte tells that it is all there.
            return Ok(offset == self.data_end || offset == self.length);
        }
        let Some((opcode, length)) = self.header_at(offset)? else { return Ok(offset <= self.length) };
        if plausible(opcode, length) {
            return Ok(true);
        }
        let body_at = offset.saturating_add(HEADER);
        if opcode == op::CHUNK && ChunkHeader::parse(self.bytes(body_at, HEADER_LIMIT)?).is_ok() {
            // Its length may be what is broken,
            return Ok(true);
        }
        // or its opcode.
        let next = body_at.saturating_add(length);
        Ok(opcode != 0
            && next < self.length
            && self.header_at(next)?.is_some_and(|(opcode, length)| plausible(opcode, length)))
    }

    /// The header of the chunk at `offset` if it is one and its two lengths agree. The opcode is not looked at.
    pub(crate) fn consistent_chunk(&mut self, offset: u64) -> Result<Option<ChunkHeader>, BagError> {
        let Some((_, claimed)) = self.header_at(offset)? else { return Ok(None) };
        let body_at = offset.saturating_add(HEADER);
        let head = self.bytes(body_at, HEADER_LIMIT)?;
        let times = (head.first_chunk::<8>(), head.get(8..).and_then(<[u8]>::first_chunk::<8>));
        let (Some(start), Some(end)) = times else { return Ok(None) };
        let ordered = u64::from_le_bytes(*start) <= u64::from_le_bytes(*end);
        let Ok(header) = ChunkHeader::parse(head) else { return Ok(None) };
        let agree = header.stored.checked_add(header.header_bytes as u64) == Some(claimed);
        let fits = plausible(op::CHUNK, claimed) && header.unpacked > 0;
        Ok((ordered && agree && fits).then_some(header))
    }

    /// The first chunk at or behind `from`.
    pub(crate) fn find_chunk(&mut self, from: u64) -> Result<Option<u64>, BagError> {
        self.search(from, |opcode| opcode == op::CHUNK)
    }

    /// The first place at or behind `from` where the walk can go on.
    pub(crate) fn resync(&mut self, from: u64) -> Result<Option<u64>, BagError> {
        // Within what was a chunk there are messages too, but nothing vouches for them.
        let plain = !self.is_chunked()?;
        self.search(from, |opcode| match opcode {
            op::MESSAGE => plain,
            op::CHUNK | op::SCHEMA | op::CHANNEL | op::METADATA | op::DATA_END | op::FOOTER => true,
            _ => false,
        })
    }

    fn search(&mut self, from: u64, wanted: impl Fn(u8) -> bool) -> Result<Option<u64>, BagError> {
        let mut at = from;
        while at < self.length && self.work_left > 0 {
            let block = self.bytes(at, SEARCH_BYTES)?;
            let candidates: Vec<u64> = block
                .windows(HEADER as usize)
                .enumerate()
                .filter(|(_, w)| {
                    record_header(w)
                        .is_some_and(|(opcode, length)| wanted(opcode) && plausible(opcode, length))
                })
                .map(|(i, _)| at.saturating_add(i as u64))
                .collect();
            let advance = (block.len() as u64).saturating_sub(HEADER - 1).max(1);
            for candidate in candidates {
                if self.is_sane(candidate)? {
                    return Ok(Some(candidate));
                }
            }
            at = at.saturating_add(advance);
        }
        Ok(None)
    }

    /// Whether all of the record at `offset` speaks for it being one.
    fn is_sane(&mut self, offset: u64) -> Result<bool, BagError> {
        let Some((opcode, length)) = self.header_at(offset)? else { return Ok(false) };
        let body_at = offset.saturating_add(HEADER);
        let next = body_at.saturating_add(length);
        match opcode {
            op::CHUNK => Ok(self.consistent_chunk(offset)?.is_some()),
            op::DATA_END => {
                let behind = self.header_at(next)?;
                let known = [op::SCHEMA, op::CHANNEL, op::STATISTICS, op::CHUNK_INDEX, op::FOOTER];
                Ok(length == 4 && behind.is_some_and(|(o, l)| known.contains(&o) && plausible(o, l)))
            }
            op::FOOTER => Ok(length == 20 && self.bytes(next, MAGIC.len())? == MAGIC),
            op::MESSAGE => {
                let head = message_head(self.bytes(body_at, 22)?);
                let declared = head.is_some_and(|(id, _)| self.builder.index.channels.contains_key(&id));
                Ok(declared && next <= self.length && self.followed(next)?)
            }
            _ if length > DECLARATION_LIMIT || next > self.length => Ok(false),
            _ => {
                self.work_left = self.work_left.saturating_sub(length);
                let body = self.bytes(body_at, usize::try_from(length).unwrap_or(0))?;
                let exact = records::parse(opcode, body).ok().flatten().and_then(|r| declared_size(&r))
                    == Some(length);
                Ok(exact && self.followed(next)?)
            }
        }
    }
}

/// How long a declaration's record is by its content, when all of its names are ones that occur.
fn declared_size(record: &Record<'_>) -> Option<u64> {
    let map = |m: &std::collections::BTreeMap<String, String>| -> usize {
        m.iter().map(|(k, v)| k.len().saturating_add(v.len()).saturating_add(8)).sum()
    };
    let size = match record {
        Record::Schema { id, name, encoding, text } if *id != 0 && !name.is_empty() => {
            14 + name.len() + encoding.len() + text.len()
        }
        Record::Channel { topic, encoding, metadata, .. } if !topic.is_empty() && !encoding.is_empty() => {
            16 + topic.len() + encoding.len() + map(metadata)
        }
        Record::Metadata { name, entries } if !name.is_empty() => 8 + name.len() + map(entries),
        _ => return None,
    };
    u64::try_from(size).ok()
}
