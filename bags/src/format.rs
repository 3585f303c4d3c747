//! The records of an MCAP file as bytes. All integers are little endian; a record is an opcode, a length of eight bytes
//! and its content.

use crate::channels::ChannelText;
use std::collections::BTreeMap;

/// Begins and ends a file.
pub(crate) const MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
/// Opcode and length of a record.
pub(crate) const RECORD_HEADER: usize = 9;
/// Of a message record, what precedes the data: channel, sequence, log time, publish time.
pub(crate) const MESSAGE_HEADER: usize = 22;

/// Opcodes.
pub(crate) mod code {
    pub(crate) const HEADER: u8 = 0x01;
    pub(crate) const FOOTER: u8 = 0x02;
    pub(crate) const SCHEMA: u8 = 0x03;
    pub(crate) const CHANNEL: u8 = 0x04;
    pub(crate) const MESSAGE: u8 = 0x05;
    pub(crate) const CHUNK: u8 = 0x06;
    pub(crate) const MESSAGE_INDEX: u8 = 0x07;
    pub(crate) const CHUNK_INDEX: u8 = 0x08;
    pub(crate) const STATISTICS: u8 = 0x0b;
    pub(crate) const METADATA: u8 = 0x0c;
    pub(crate) const METADATA_INDEX: u8 = 0x0d;
    pub(crate) const SUMMARY_OFFSET: u8 = 0x0e;
    pub(crate) const DATA_END: u8 = 0x0f;
}

/// Appends to a buffer. Lengths are checked by those who hand texts in: none comes near four gigabytes.
pub(crate) trait Put {
    fn bytes(&mut self, bytes: &[u8]);

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn len32(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn text(&mut self, text: &str) {
        self.len32(text.len());
        self.bytes(text.as_bytes());
    }

    fn texts(&mut self, map: &BTreeMap<String, String>) {
        self.len32(map.iter().map(|(k, v)| k.len() + v.len() + 8).sum());
        for (key, value) in map {
            self.text(key);
            self.text(value);
        }
    }
}

impl Put for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends a record whose content `fill` appends; its length is put in afterwards.
pub(crate) fn record(out: &mut Vec<u8>, opcode: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(opcode);
    let at = out.len();
    out.u64(0);
    fill(out);
    let length = (out.len() - at - 8) as u64;
    if let Some(place) = out.get_mut(at..at + 8) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// A message record.
pub(crate) fn message(
    out: &mut Vec<u8>,
    channel: u16,
    sequence: u32,
    log_ns: u64,
    publish_ns: u64,
    data: &[u8],
) {
    out.push(code::MESSAGE);
    out.u64((MESSAGE_HEADER + data.len()) as u64);
    out.u16(channel);
    out.u32(sequence);
    out.u64(log_ns);
    out.u64(publish_ns);
    out.bytes(data);
}

/// The header record of a ROS 2 bag.
pub(crate) fn header(out: &mut Vec<u8>) {
    record(out, code::HEADER, |out| {
        out.text("ros2");
        out.text(concat!("outrider ", env!("CARGO_PKG_VERSION")));
    });
}

/// The schema of a channel.
pub(crate) fn schema(out: &mut Vec<u8>, channel: &ChannelText) {
    record(out, code::SCHEMA, |out| {
        out.u16(channel.schema);
        out.text(&channel.type_name);
        out.text(channel.encoding.name());
        out.text(&channel.definition);
    });
}

/// A channel of CDR messages.
pub(crate) fn channel(
    out: &mut Vec<u8>,
    id: u16,
    schema: u16,
    topic: &str,
    metadata: &BTreeMap<String, String>,
) {
    record(out, code::CHANNEL, |out| {
        out.u16(id);
        out.u16(schema);
        out.text(topic);
        out.text("cdr");
        out.texts(metadata);
    });
}

/// A metadata record.
pub(crate) fn metadata(out: &mut Vec<u8>, name: &str, entries: &BTreeMap<String, String>) {
    record(out, code::METADATA, |out| {
        out.text(name);
        out.texts(entries);
    });
}

/// What a chunk says of its content, in the chunk record and in its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkHead {
    pub start_ns: u64,
    pub end_ns: u64,
    /// Uncompressed.
    pub size: u64,
    /// CRC-32 of the uncompressed records.
    pub crc: u32,
    /// `""` or `"zstd"`.
    pub compression: &'static str,
}

/// A chunk record.
pub(crate) fn chunk(out: &mut Vec<u8>, head: &ChunkHead, records: &[u8]) {
    record(out, code::CHUNK, |out| {
        out.u64(head.start_ns);
        out.u64(head.end_ns);
        out.u64(head.size);
        out.u32(head.crc);
        out.text(head.compression);
        out.u64(records.len() as u64);
        out.bytes(records);
    });
}

/// The index of one channel's messages in a chunk: log times and offsets within the uncompressed records.
pub(crate) fn message_index(out: &mut Vec<u8>, channel: u16, entries: &[(u64, u64)]) {
    record(out, code::MESSAGE_INDEX, |out| {
        out.u16(channel);
        out.len32(entries.len() * 16);
        for (time, offset) in entries {
            out.u64(*time);
            out.u64(*offset);
        }
    });
}

/// Where a chunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub head: ChunkHead,
    pub compressed: u64,
    /// Offset of the chunk record and its whole length.
    pub offset: u64,
    pub length: u64,
    /// Offset of each channel's message index.
    pub indexes: BTreeMap<u16, u64>,
    pub indexes_length: u64,
}

/// An entry of the chunk index.
pub(crate) fn chunk_index(out: &mut Vec<u8>, place: &ChunkPlace) {
    record(out, code::CHUNK_INDEX, |out| {
        out.u64(place.head.start_ns);
        out.u64(place.head.end_ns);
        out.u64(place.offset);
        out.u64(place.length);
        out.len32(place.indexes.len() * 10);
        for (channel, offset) in &place.indexes {
            out.u16(*channel);
            out.u64(*offset);
        }
        out.u64(place.indexes_length);
        out.text(place.head.compression);
        out.u64(place.compressed);
        out.u64(place.head.size);
    });
}

/// What the statistics record tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub schemas: u16,
    pub channels: u32,
    pub metadata: u32,
    pub chunks: u32,
    pub bounds_ns: Option<(u64, u64)>,
    pub messages: BTreeMap<u16, u64>,
}

/// The statistics record.
pub(crate) fn statistics(out: &mut Vec<u8>, statistics: &Statistics) {
    let (start, end) = statistics.bounds_ns.unwrap_or((0, 0));
    record(out, code::STATISTICS, |out| {
        out.u64(statistics.messages.values().sum());
        out.u16(statistics.schemas);
        out.u32(statistics.channels);
        out.u32(0);
        out.u32(statistics.metadata);
        out.u32(statistics.chunks);
        out.u64(start);
        out.u64(end);
        out.len32(statistics.messages.len() * 10);
        for (channel, count) in &statistics.messages {
            out.u16(*channel);
            out.u64(*count);
        }
    });
}

/// An entry of the metadata index.
pub(crate) fn metadata_index(out: &mut Vec<u8>, offset: u64, length: u64, name: &str) {
    record(out, code::METADATA_INDEX, |out| {
        out.u64(offset);
        out.u64(length);
        out.text(name);
    });
}

/// Where the records of one kind are in the summary.
pub(crate) fn summary_offset(out: &mut Vec<u8>, opcode: u8, start: u64, length: u64) {
    record(out, code::SUMMARY_OFFSET, |out| {
        out.push(opcode);
        out.u64(start);
        out.u64(length);
    });
}

/// The end of the data section; the CRC is of everything before it.
pub(crate) fn data_end(out: &mut Vec<u8>, crc: u32) {
    record(out, code::DATA_END, |out| out.u32(crc));
}

/// The footer and the closing magic. `summary` begins with the summary section, `start` is its offset in the file.
pub(crate) fn footer(summary: &mut Vec<u8>, start: u64, offsets_start: u64) {
    summary.push(code::FOOTER);
    summary.u64(20);
    summary.u64(start);
    summary.u64(offsets_start);
    let crc = crc32fast::hash(summary);
    summary.u32(crc);
    summary.bytes(MAGIC);
}
