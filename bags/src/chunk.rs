//! Chunks: their header, their checksum, and what still comes out of one that is cut.

use crate::RECORD_LIMIT;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of a chunk's fields without the name of its compression.
const FIXED_BYTES: usize = 8 + 8 + 8 + 4 + 4 + 8;
/// The longest name of a compression.
const NAME_LIMIT: usize = 4;
/// The longest header of a chunk, without opcode and length.
pub(crate) const HEADER_LIMIT: usize = FIXED_BYTES + NAME_LIMIT;
/// Decompressed bytes are taken this many at a time: a greater claim alone allocates nothing.
const STEP_BYTES: usize = 256 << 10;
/// So many bytes are decompressed in one go, into a buffer that is used again.
const AT_ONCE_BYTES: usize = 8 << 20;
/// So many buffers are kept to be used again.
const SPARES: usize = 4;

/// How the records of a chunk are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Zstd,
    Lz4,
}

/// The fields of a chunk record before its data.
#[derive(Clone, Debug)]
pub(crate) struct ChunkHeader {
    /// Bytes after decompression, as claimed.
    pub unpacked: u64,
    /// CRC-32 of those; 0 for none.
    pub crc: u32,
    pub packing: Packing,
    /// Bytes of the data, as claimed.
    pub stored: u64,
    /// Bytes of these fields.
    pub header_bytes: usize,
}

impl ChunkHeader {
    /// Reads the fields at the start of a chunk record's body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let cut = || "a chunk's header is cut".to_owned();
        let number = |at: usize| -> Result<u64, String> {
            let bytes = body.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or_else(cut)?;
            Ok(u64::from_le_bytes(*bytes))
        };
        let short = |at: usize| -> Result<u32, String> {
            let bytes = body.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or_else(cut)?;
            Ok(u32::from_le_bytes(*bytes))
        };
        let (unpacked, crc, name_bytes) = (number(16)?, short(24)?, short(28)?);
        let name_bytes = usize::try_from(name_bytes).unwrap_or(usize::MAX);
        if name_bytes > NAME_LIMIT {
            return Err(format!("a chunk's compression has a name of {name_bytes} bytes, none is that long"));
        }
        let packing = match body.get(32..32 + name_bytes).ok_or_else(cut)? {
            b"" | b"none" => Packing::None,
            b"zstd" => Packing::Zstd,
            b"lz4" => Packing::Lz4,
            other => {
                let name = String::from_utf8_lossy(other).into_owned();
                return Err(format!("a chunk of compression `{name}`: only zstd, lz4 and none are known"));
            }
        };
        let stored = number(32 + name_bytes)?;
        Ok(Self { unpacked, crc, packing, stored, header_bytes: FIXED_BYTES + name_bytes })
    }
}

/// Opens chunks, one after the other: what that needs is made once.
#[derive(Default)]
pub(crate) struct Unpacker {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    spares: Vec<Vec<u8>>,
}

impl Unpacker {
    /// The records in the body of a chunk record, checked: size and CRC are as the header says.
    ///
    /// Of two lengths that disagree (the one in the header, and that of the body) the one is right whose CRC is.
    pub(crate) fn open<'a>(&mut self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let header = ChunkHeader::parse(body)?;
        let data = body.get(header.header_bytes..).unwrap_or_default();
        if header.crc == 0 && header.stored != data.len() as u64 {
            let (stored, have) = (header.stored, data.len());
            return Err(format!("it has no CRC, and its data claims {stored} bytes where there are {have}"));
        }
        let claimed = usize::try_from(header.stored).ok().and_then(|stored| data.get(..stored));
        let first = match claimed {
            Some(data) => self.unpack(&header, data),
            None => Err(format!("its data claims {} bytes, there are {}", header.stored, data.len())),
        };
        match first {
            Err(_) if header.crc != 0 && claimed.is_none_or(|c| c.len() < data.len()) => {
                self.unpack(&header, data).or(first)
            }
            other => other,
        }
    }

    fn unpack<'a>(&mut self, header: &ChunkHeader, data: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        if header.unpacked > RECORD_LIMIT as u64 {
            return Err(format!(
                "it claims {} bytes when decompressed, the limit is {RECORD_LIMIT}",
                header.unpacked
            ));
        }
        let size = usize::try_from(header.unpacked).unwrap_or(usize::MAX);
        let records = match header.packing {
            Packing::None => Cow::Borrowed(data),
            packing => {
                let (bytes, stopped) = match self.at_once(packing, data, size) {
                    Some(bytes) => (bytes, None),
                    None => decompress(packing, data, size),
                };
                if let Some(reason) = stopped {
                    return Err(reason);
                }
                Cow::Owned(bytes)
            }
        };
        if records.len() != size {
            return Err(format!("it holds {} bytes, its header says {size}", records.len()));
        }
        let crc = crc32fast::hash(&records);
        if header.crc != 0 && header.crc != crc {
            return Err(format!("wrong CRC: {crc:#010x}, its header says {:#010x}", header.crc));
        }
        Ok(records)
    }

    /// Exactly `size` bytes out of sound zstd. For all else there is the long way, which also tells what is wrong.
    fn at_once(&mut self, packing: Packing, data: &[u8], size: usize) -> Option<Vec<u8>> {
        if packing != Packing::Zstd || size > AT_ONCE_BYTES {
            return None;
        }
        let mut bytes = self.buffer();
        bytes.reserve_exact(size);
        match self.zstd.get_or_insert_default().decompress_to_buffer(data, &mut bytes) {
            Ok(count) if count == size => Some(bytes),
            _ => {
                self.keep(bytes);
                None
            }
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.spares.pop().unwrap_or_default()
    }

    /// Keeps a buffer to be used again.
    pub(crate) fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.spares.len() < SPARES && buffer.capacity() <= AT_ONCE_BYTES {
            buffer.clear();
            self.spares.push(buffer);
        }
    }

    /// Takes records back that are done with.
    pub(crate) fn take_back(&mut self, records: Cow<'_, [u8]>) {
        if let Cow::Owned(buffer) = records {
            self.keep(buffer);
        }
    }
}

/// What can be decompressed of the first bytes of a chunk's data: of zstd and lz4 every whole block. Nothing is checked.
pub(crate) fn open_cut<'a>(header: &ChunkHeader, data: &'a [u8]) -> Cow<'a, [u8]> {
    match header.packing {
        Packing::None => Cow::Borrowed(data),
        packing => {
            let size = usize::try_from(header.unpacked).unwrap_or(usize::MAX).min(RECORD_LIMIT);
            Cow::Owned(decompress(packing, data, size).0)
        }
    }
}

/// Decompresses at most `limit` bytes; also what stopped it, if anything.
pub(crate) fn decompress(packing: Packing, data: &[u8], limit: usize) -> (Vec<u8>, Option<String>) {
    match packing {
        Packing::None => (data.get(..limit.min(data.len())).unwrap_or_default().to_vec(), None),
        Packing::Zstd => match zstd::stream::read::Decoder::with_buffer(data) {
            Ok(decoder) => read_up_to(decoder, limit, "zstd"),
            Err(cause) => (Vec::new(), Some(format!("zstd: {cause}"))),
        },
        Packing::Lz4 => match lz4::Decoder::new(data) {
            Ok(decoder) => read_up_to(decoder, limit, "lz4"),
            Err(cause) => (Vec::new(), Some(format!("lz4: {cause}"))),
        },
    }
}

fn read_up_to(mut source: impl Read, limit: usize, name: &str) -> (Vec<u8>, Option<String>) {
    let mut out = Vec::new();
    loop {
        let filled = out.len();
        // One byte beyond the limit tells whether there is more.
        let step = limit.saturating_sub(filled).saturating_add(1).min(STEP_BYTES);
        out.resize(filled.saturating_add(step), 0);
        let read = source.read(out.get_mut(filled..).unwrap_or_default());
        let count = *read.as_ref().unwrap_or(&0);
        out.truncate(filled.saturating_add(count));
        match read {
            Err(cause) => return (out, Some(format!("{name}: {cause}"))),
            Ok(0) => return (out, None),
            Ok(_) if out.len() > limit => {
                out.truncate(limit);
                return (out, Some(format!("{name}: it decompresses to more than {limit} bytes")));
            }
            Ok(_) => {}
        }
    }
}
