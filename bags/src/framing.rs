//! The records of a file: an opcode, a length of 64 bits, that many bytes. Every length is checked before it is used.

use crate::RECORD_LIMIT;

/// Bytes of an opcode and a length.
pub(crate) const RECORD_HEADER: usize = 9;
/// First and last bytes of a file.
pub(crate) const MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";

/// Opcodes of the MCAP specification that matter here.
pub(crate) mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const MESSAGE_INDEX: u8 = 0x07;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const ATTACHMENT: u8 = 0x09;
    pub const ATTACHMENT_INDEX: u8 = 0x0a;
    pub const STATISTICS: u8 = 0x0b;
    pub const METADATA: u8 = 0x0c;
    pub const METADATA_INDEX: u8 = 0x0d;
    pub const SUMMARY_OFFSET: u8 = 0x0e;
    pub const DATA_END: u8 = 0x0f;
}

/// Opcode and length at the start of `bytes`; `None` when there are fewer than [`RECORD_HEADER`].
pub(crate) fn record_header(bytes: &[u8]) -> Option<(u8, u64)> {
    let (opcode, rest) = bytes.split_first()?;
    let length = rest.first_chunk::<8>()?;
    Some((*opcode, u64::from_le_bytes(*length)))
}

/// Whether a record of this kind can be this long at all.
pub(crate) fn plausible(opcode: u8, length: u64) -> bool {
    let least = match opcode {
        op::HEADER | op::METADATA => 8,
        op::FOOTER => 20,
        op::SCHEMA => 14,
        op::CHANNEL => 16,
        op::MESSAGE => 22,
        op::CHUNK => 40,
        op::MESSAGE_INDEX => 6,
        op::CHUNK_INDEX => 64,
        op::ATTACHMENT => 36,
        op::ATTACHMENT_INDEX => 48,
        op::STATISTICS => 46,
        op::METADATA_INDEX => 20,
        op::SUMMARY_OFFSET => 17,
        op::DATA_END => 4,
        _ => return false,
    };
    // An attachment may be longer than what is read at once: it is skipped.
    length >= least && (opcode == op::ATTACHMENT || length <= RECORD_LIMIT as u64)
}

/// Bytes of a message record before its data.
pub(crate) const MESSAGE_HEADER: usize = 2 + 4 + 8 + 8;

/// A message record, taken apart; nothing is copied.
pub(crate) struct MessageRecord<'a> {
    /// Channel id within the file.
    pub channel: u16,
    pub sequence: u32,
    pub log_time_ns: u64,
    pub publish_time_ns: u64,
    pub data: &'a [u8],
}

/// Takes the body of a message record apart.
pub(crate) fn parse_message(body: &[u8]) -> Option<MessageRecord<'_>> {
    let (channel, rest) = body.split_first_chunk::<2>()?;
    let (sequence, rest) = rest.split_first_chunk::<4>()?;
    let (log_time, rest) = rest.split_first_chunk::<8>()?;
    let (publish_time, data) = rest.split_first_chunk::<8>()?;
    Some(MessageRecord {
        channel: u16::from_le_bytes(*channel),
        sequence: u32::from_le_bytes(*sequence),
        log_time_ns: u64::from_le_bytes(*log_time),
        publish_time_ns: u64::from_le_bytes(*publish_time),
        data,
    })
}

/// Channel id and log time of a message record; copies nothing.
pub(crate) fn message_head(body: &[u8]) -> Option<(u16, u64)> {
    let channel = body.first_chunk::<2>()?;
    let log_time = body.get(6..)?.first_chunk::<8>()?;
    (body.len() >= 22).then_some((u16::from_le_bytes(*channel), u64::from_le_bytes(*log_time)))
}

/// What a record is called in reports.
pub(crate) fn kind_name(opcode: u8) -> String {
    let name = match opcode {
        op::HEADER => "header record",
        op::FOOTER => "footer record",
        op::SCHEMA => "schema record",
        op::CHANNEL => "channel record",
        op::MESSAGE => "message record",
        op::CHUNK => "chunk",
        op::MESSAGE_INDEX => "message index",
        op::CHUNK_INDEX => "chunk index",
        op::ATTACHMENT => "attachment",
        op::ATTACHMENT_INDEX => "attachment index",
        op::STATISTICS => "statistics record",
        op::METADATA => "metadata record",
        op::METADATA_INDEX => "metadata index",
        op::SUMMARY_OFFSET => "summary offset",
        op::DATA_END => "data-end record",
        _ => return format!("record (type {opcode:#04x})"),
    };
    name.to_owned()
}

/// What a run over records is told to do next.
pub(crate) enum Next {
    Continue,
    Stop,
}

/// Calls `visit` with every record of `bytes`, which must hold whole plain records.
///
/// # Errors
/// With the offset in `bytes` of the record that stopped it, and why.
pub(crate) fn plain_records(
    bytes: &[u8],
    mut visit: impl FnMut(u8, &[u8]) -> Result<Next, String>,
) -> Result<(), (usize, String)> {
    placed_records(bytes, |_, opcode, body| visit(opcode, body))
}

/// As [`plain_records`]; `visit` is also told where in `bytes` the body of the record begins.
///
/// # Errors
/// As [`plain_records`].
pub(crate) fn placed_records(
    bytes: &[u8],
    mut visit: impl FnMut(usize, u8, &[u8]) -> Result<Next, String>,
) -> Result<(), (usize, String)> {
    let mut at = 0usize;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (opcode, length) = record_header(rest).ok_or((at, "a record's header is cut".to_owned()))?;
        let end = usize::try_from(length).ok().and_then(|l| l.checked_add(RECORD_HEADER));
        let record = end.and_then(|end| rest.get(RECORD_HEADER..end));
        let Some(body) = record else {
            let have = rest.len().saturating_sub(RECORD_HEADER);
            let reason = format!("a {} claims {length} bytes, there are {have}", kind_name(opcode));
            return Err((at, reason));
        };
        let body_at = at.saturating_add(RECORD_HEADER);
        if matches!(visit(body_at, opcode, body).map_err(|reason| (at, reason))?, Next::Stop) {
            return Ok(());
        }
        at = body_at.saturating_add(body.len());
    }
    Ok(())
}
