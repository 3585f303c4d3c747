//! The records of a file: an opcode, a length of 64 bits, that many bytes. Every length is checked before it is used.

use crate::RECORD_LIMIT;
use crate::messages::BagMessage;
use mcap::records::Record;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

/// Bytes of an opcode and a length.
pub(crate) const RECORD_HEADER: usize = 9;

/// Opcodes of the MCAP specification that matter here.
pub(crate) mod op {
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const STATISTICS: u8 = 0x0b;
    pub const METADATA: u8 = 0x0c;
    pub const METADATA_INDEX: u8 = 0x0d;
    pub const DATA_END: u8 = 0x0f;
}

/// Opcode and length at the start of `bytes`; `None` when there are fewer than [`RECORD_HEADER`].
pub(crate) fn record_header(bytes: &[u8]) -> Option<(u8, u64)> {
    let (opcode, rest) = bytes.split_first()?;
    let length = rest.first_chunk::<8>()?;
    Some((*opcode, u64::from_le_bytes(*length)))
}

/// A message record's channel id within its file, and the message.
pub(crate) fn parse_message(body: &[u8]) -> Option<(u16, BagMessage)> {
    let (channel, rest) = body.split_first_chunk::<2>()?;
    let (sequence, rest) = rest.split_first_chunk::<4>()?;
    let (log_time, rest) = rest.split_first_chunk::<8>()?;
    let (publish_time, data) = rest.split_first_chunk::<8>()?;
    let message = BagMessage {
        channel: usize::MAX,
        sequence: u32::from_le_bytes(*sequence),
        log_time_ns: u64::from_le_bytes(*log_time),
        publish_time_ns: u64::from_le_bytes(*publish_time),
        data: data.to_vec(),
    };
    Some((u16::from_le_bytes(*channel), message))
}

/// Parses one of the small record types that the reader needs; `None` for all others.
pub(crate) fn parse_small(opcode: u8, body: &[u8]) -> Result<Option<Record<'_>>, String> {
    match opcode {
        op::SCHEMA
        | op::CHANNEL
        | op::CHUNK_INDEX
        | op::STATISTICS
        | op::METADATA
        | op::METADATA_INDEX
        | op::FOOTER => mcap::parse_record(opcode, body).map(Some).map_err(|e| e.to_string()),
        _ => Ok(None),
    }
}

/// What a run over records is told to do next.
pub(crate) enum Next {
    Continue,
    Stop,
}

/// Calls `visit` with every record of `bytes`, which must hold whole plain records.
pub(crate) fn plain_records(
    bytes: &[u8],
    mut visit: impl FnMut(u8, &[u8]) -> Result<Next, String>,
) -> Result<(), String> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (opcode, length) = record_header(rest).ok_or("a record's header is cut")?;
        let end = usize::try_from(length).ok().and_then(|l| l.checked_add(RECORD_HEADER));
        let record = end.and_then(|end| rest.get(RECORD_HEADER..end));
        let body = record.ok_or_else(|| format!("a record claims {length} bytes"))?;
        if matches!(visit(opcode, body)?, Next::Stop) {
            return Ok(());
        }
        rest = rest.get(RECORD_HEADER.saturating_add(body.len())..).unwrap_or_default();
    }
    Ok(())
}

/// What is checked before the records of [`stream_records`] are handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// A whole chunk against its CRC.
    Chunk,
    /// The data-end record, summary and footer against the summary's CRC.
    Summary,
    /// Nothing: what is there of a cut chunk.
    Nothing,
}

/// Calls `visit` with every record that `bytes` yields, decompressing chunks.
///
/// Returns what stopped it, if anything; the records before were good.
pub(crate) fn stream_records(
    bytes: &[u8],
    check: Check,
    mut visit: impl FnMut(u8, &[u8]) -> Result<Next, String>,
) -> Result<(), String> {
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(check != Check::Summary)
        .with_prevalidate_chunk_crcs(check == Check::Chunk)
        .with_validate_summary_section_crc(check == Check::Summary)
        .with_record_length_limit(RECORD_LIMIT);
    let mut reader = LinearReader::new_with_options(options);
    let mut rest = bytes;
    while let Some(event) = reader.next_event() {
        match event.map_err(|e| e.to_string())? {
            LinearReadEvent::ReadRequest(wanted) => {
                // Never more than is there: a claimed length allocates nothing.
                let (head, tail) = rest.split_at(wanted.min(rest.len()));
                reader.insert(head.len()).get_mut(..head.len()).ok_or("no buffer")?.copy_from_slice(head);
                reader.notify_read(head.len());
                rest = tail;
            }
            LinearReadEvent::Record { data, opcode } => {
                if matches!(visit(opcode, data)?, Next::Stop) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
