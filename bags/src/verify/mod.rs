//! Holding a whole file against itself: every checksum, every index, every count. One record is in memory at a time.

mod pass;

use crate::error::BagError;
use crate::framing::{RECORD_HEADER, record_header};
use crate::messages::BagMessage;
use crate::reader::{BagReader, Channel};
use mcap::records::op;
use pass::{FILE_MAGIC, Pass};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Byte offset of the record.
    pub offset: u64,
    /// The topic, where there is one.
    pub topic: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Messages.
    pub messages: u64,
    /// First and last log time.
    pub bounds_ns: Option<(u64, u64)>,
    /// Messages by topic and type.
    pub topics: BTreeMap<(String, String), u64>,
    /// Chunks.
    pub chunks: u64,
    /// Chunks that carry no checksum.
    pub chunks_without_crc: u64,
    /// Attachments.
    pub attachments: u64,
    /// The data section carries a checksum.
    pub data_crc: bool,
    /// The summary carries one.
    pub summary_crc: bool,
}

/// What is told while a file is gone through.
pub enum Verified<'a> {
    /// Something is wrong.
    Finding(Finding),
    /// A channel was declared.
    Channel(&'a Channel, u64),
    /// A message; its offset is that of its record or its chunk.
    Message(&'a Channel, u64, &'a BagMessage),
}

/// Compressions of the first chunk of every file, each once: `none`, `zstd`, `lz4`; empty without chunks.
pub fn compressions(reader: &BagReader) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for file in &reader.files {
        if let Some(name) = first_compression(file.source.path())
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

fn first_compression(path: &Path) -> Option<String> {
    /// Chunks come early: after the header and perhaps metadata.
    const RECORDS_TRIED: usize = 10_000;
    let mut file = BufReader::new(File::open(path).ok()?);
    file.seek(SeekFrom::Start(FILE_MAGIC.len() as u64)).ok()?;
    for _ in 0..RECORDS_TRIED {
        let mut header = [0; RECORD_HEADER];
        file.read_exact(&mut header).ok()?;
        let (opcode, length) = record_header(&header)?;
        if opcode == op::CHUNK {
            let mut fields = [0; 32 + 8];
            file.read_exact(&mut fields).ok()?;
            let name_bytes = u32::from_le_bytes(*fields.get(28..)?.first_chunk()?) as usize;
            let name = fields.get(32..32usize.checked_add(name_bytes)?)?;
            let name = String::from_utf8_lossy(name).into_owned();
            return Some(if name.is_empty() { "none".to_owned() } else { name });
        }
        file.seek_relative(i64::try_from(length).ok()?).ok()?;
    }
    None
}

/// Goes through one file from the first to the last byte; one that is compressed as a whole is decompressed first, and offsets
/// count what came out.
///
/// # Errors
/// When it cannot be read. What is wrong in it is told to `tell`.
pub fn verify_file(path: &Path, tell: &mut dyn FnMut(Verified<'_>)) -> Result<FileFacts, BagError> {
    let mut pass = Pass::new(path, tell)?;
    pass.run()?;
    Ok(pass.facts)
}
#[cfg(test)]
mod tests {
    use super::pass::FOOTER_CHECKED;
    use super::*;
    use crate::{BagWriter, Compression, WriterOptions};

    fn write(path: &Path, compression: Compression) {
        let options = WriterOptions { compression, chunk_bytes: 1024, ..WriterOptions::default() };
        let mut writer = BagWriter::create(path, &options).unwrap();
        let a = writer.add_channel("/a", "std_msgs/msg/Bool", "bool data", "").unwrap();
        let b = writer.add_channel("/b", "std_msgs/msg/String", "string data", "").unwrap();
        for i in 0..60u32 {
            let time = 1_000 + u64::from(i) * 10;
            writer
                .write(if i % 3 == 0 { b } else { a }, i, time, time, &[0, 1, 0, 0, 1, 0, 0, i as u8])
                .unwrap();
        }
        writer.write_metadata("m", BTreeMap::from([("k".into(), "v".into())])).unwrap();
        writer.finish().unwrap();
    }

    fn findings(path: &Path) -> (FileFacts, Vec<String>) {
        let mut found = Vec::new();
        let facts = verify_file(path, &mut |v| {
            if let Verified::Finding(f) = v {
                found.push(format!("{} {:?} {}", f.offset, f.topic, f.reason));
            }
        });
        (facts.unwrap(), found)
    }

    #[test]
    fn a_whole_file_has_no_finding() {
        for compression in [Compression::None, Compression::Zstd] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.mcap");
            write(&path, compression);
            let (facts, found) = findings(&path);
            assert_eq!(found, Vec::<String>::new());
            assert_eq!((facts.messages, facts.bounds_ns), (60, Some((1_000, 1_590))));
            assert!(facts.chunks > 1 && facts.chunks_without_crc == 0 && facts.data_crc && facts.summary_crc);
            let expected = if compression == Compression::None { "none" } else { "zstd" };
            assert_eq!(compressions(&BagReader::open(&path).unwrap()), [expected]);
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::Zstd);
        let whole = std::fs::read(&path).unwrap();
        let bad = dir.path().join("bad.mcap");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&bad, &bytes).unwrap();
            assert!(!findings(&bad).1.is_empty(), "byte {at} of {}", whole.len());
        }
    }

    #[test]
    fn every_cut_and_every_surplus_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::None);
        let mut whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(!findings(&path).1.is_empty(), "{length} bytes of {}", whole.len());
        }
        whole.push(0);
        std::fs::write(&path, &whole).unwrap();
        assert!(findings(&path).1[0].contains("1 bytes follow the end"));
    }

    #[test]
    fn counts_that_lie_are_found_behind_a_sound_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        write(&path, Compression::None);
        let mut bytes = std::fs::read(&path).unwrap();
        let footer = bytes.len() - 8 - 29;
        let start = u64::from_le_bytes(*bytes[footer + 9..].first_chunk().unwrap()) as usize;
        // The statistics' first field is the count of messages.
        let mut at = start;
        while bytes[at] != op::STATISTICS {
            at += 9 + u64::from_le_bytes(*bytes[at + 1..].first_chunk().unwrap()) as usize;
        }
        bytes[at + 9] += 1;
        let crc = crc32fast::hash(&bytes[start..footer + FOOTER_CHECKED]);
        bytes[footer + FOOTER_CHECKED..footer + FOOTER_CHECKED + 4].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let found = findings(&path).1;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("the statistics claim 61 messages, there are 60"), "{found:?}");
    }
}
