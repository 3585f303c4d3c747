//! What follows the data of a file, held against what was seen of it.

use super::{FILE_MAGIC, FOOTER_CHECKED, Pass, Summary};
use crate::SUMMARY_LIMIT;
use crate::error::BagError;
use crate::framing::RECORD_HEADER;
use mcap::records::{self, Record, op};

impl Pass<'_> {
    pub(super) fn data_end(&mut self, offset: u64, crc: u32) {
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
    pub(super) fn group(&mut self, offset: u64, opcode: u8) {
        let Some(summary) = &mut self.summary else { return };
        summary.groups.entry(opcode).or_insert((offset, 0));
    }

    pub(super) fn summary_record(&mut self, offset: u64, opcode: u8, size: usize, record: Record<'_>) {
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

    pub(super) fn count(&mut self, add: impl FnOnce(&mut Summary)) {
        if let Some(summary) = &mut self.summary {
            add(summary);
        }
    }

    pub(super) fn summary_offset(&mut self, offset: u64, group: &records::SummaryOffset) {
        let Some(summary) = &mut self.summary else { return };
        summary.offsets_start.get_or_insert(offset);
        if group.group_length == 0 {
            // Some writers name groups that have no record too: there is nothing that could begin elsewhere.
            return;
        }
        let found = summary.groups.get(&group.group_opcode).map(|g| g.0);
        if found != Some(group.group_start) {
            let reason = format!(
                "it says that the group of type {:#04x} begins at byte {}",
                group.group_opcode, group.group_start
            );
            let truth = found.map_or("there is none".to_owned(), |at| format!("it does at byte {at}"));
            self.find(offset, None, format!("{reason}; {truth}"));
        }
    }

    pub(super) fn chunk_index(&mut self, offset: u64, index: &records::ChunkIndex) {
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

    pub(super) fn statistics(&mut self, offset: u64, s: records::Statistics) {
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

    pub(super) fn footer(&mut self, offset: u64, bytes: &[u8]) {
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

    pub(super) fn closing_magic(&mut self) -> Result<(), BagError> {
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
