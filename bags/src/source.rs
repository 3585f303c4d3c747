//! Which files a bag is made of, and getting at what is in them.

use crate::error::{BagError, Damage};
use crate::{FILE_LIMIT, METADATA_LIMIT, UNPACKED_LIMIT};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// How a zstd frame begins.
pub(crate) const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const ROS1_MAGIC: &[u8] = b"#ROSBAG V";
/// Bytes that are decompressed at a time.
const STEP_BYTES: usize = 128 << 10;

/// Where the plain bytes of an MCAP file are.
#[derive(Debug, Default)]
pub(crate) enum Source {
    #[default]
    Nowhere,
    /// In the file itself.
    File(PathBuf),
    /// In a file that goes away with this.
    Temporary(tempfile::TempPath),
}

impl Source {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Nowhere => Path::new(""),
            Self::File(path) => path,
            Self::Temporary(path) => path,
        }
    }
}

/// The files of a bag, in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub files: Vec<PathBuf>,
    pub warnings: Vec<String>,
    /// The folder's `metadata.yaml`, and its text.
    pub metadata: Option<(PathBuf, String)>,
}

fn is_packed(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".mcap.zstd")
}

/// The file itself, or all `.mcap` files of a folder: `x_2.mcap` before `x_10.mcap`.
pub(crate) fn find_files(path: &Path) -> Result<Found, BagError> {
    if !path.is_dir() {
        return Ok(Found { files: vec![path.to_owned()], ..Found::default() });
    }
    let (mut plain, mut packed, mut other) = (Vec::new(), Vec::new(), None);
    for entry in std::fs::read_dir(path).map_err(BagError::io(path, "list"))? {
        let file = entry.map_err(BagError::io(path, "list"))?.path();
        match file.extension().and_then(|e| e.to_str()) {
            Some("mcap") if file.is_file() => plain.push(file),
            _ if is_packed(&file) && file.is_file() => packed.push(file),
            Some("db3" | "bag") => other = Some(file),
            _ if file.to_string_lossy().ends_with(".db3.zstd") => other = Some(file),
            _ => {}
        }
        if plain.len().saturating_add(packed.len()) > FILE_LIMIT {
            return Err(BagError::TooLarge {
                path: path.to_owned(),
                what: "the list of its files".into(),
                size: FILE_LIMIT as u64 + 1,
                limit: FILE_LIMIT as u64,
            });
        }
    }
    let mut found = Found::default();
    for file in packed {
        // rosbag2 leaves both behind when it has played such a bag.
        let unpacked = file.with_extension("");
        if plain.contains(&unpacked) {
            found.warnings.push(format!("{}: not read, {} is there too", file.display(), unpacked.display()));
        } else {
            plain.push(file);
        }
    }
    match (plain.is_empty(), other) {
        (true, Some(other)) => return Err(not_mcap(path, &other)),
        (true, None) => {
            let reason = "no .mcap file in this folder".into();
            return Err(BagError::NotABag { path: path.to_owned(), reason });
        }
        (false, Some(other)) => {
            found.warnings.push(format!("{}: not read, it is no MCAP file", other.display()))
        }
        (false, None) => {}
    }
    plain.sort_by(|a, b| (number(a), a).cmp(&(number(b), b)));
    found.files = plain;
    read_metadata(path, &mut found);
    Ok(found)
}

/// The number at the end of a file's name, before its extensions.
fn number(path: &Path) -> u64 {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split_once(".mcap").map_or(name.as_str(), |(stem, _)| stem);
    stem.rsplit('_').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn read_metadata(folder: &Path, found: &mut Found) {
    let path = folder.join("metadata.yaml");
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|f| f.take(METADATA_LIMIT as u64 + 1).read_to_end(&mut bytes));
    match read {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            found.warnings.push(format!("{}: not there; the files are read without it", path.display()));
        }
        Err(cause) => found.warnings.push(format!("{}: cannot read: {cause}", path.display())),
        Ok(size) if size > METADATA_LIMIT => {
            found.warnings.push(format!("{}: longer than {METADATA_LIMIT} bytes, not read", path.display()));
        }
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => found.metadata = Some((path, text)),
            Err(_) => found.warnings.push(format!("{}: not UTF-8, not read", path.display())),
        },
    }
}

/// What to do with a bag that is kept in another way. `bag` is what was asked for, `file` what was found.
fn not_mcap(bag: &Path, file: &Path) -> BagError {
    let (kind, name) = match file.extension().and_then(|e| e.to_str()) {
        Some("bag") => ("ROS 1", file.display()),
        _ => ("sqlite3", bag.display()),
    };
    BagError::NotABag {
        path: file.to_owned(),
        reason: format!(
            "a {kind} bag, only MCAP is read; convert it: `rosbags-convert --src {name} --dst NEW --dst-storage mcap` \
             (pip install rosbags){}",
            if kind == "ROS 1" {
                String::new()
            } else {
                format!(
                    ", or with ROS 2 `ros2 bag convert -i {name} -o out.yaml`, where out.yaml holds \
                     `output_bags: [{{uri: NEW, storage_id: mcap, all_topics: true}}]` (up to Iron: `all: true`)"
                )
            }
        ),
    }
}

/// Gets at the plain bytes of a file; also what was found wrong on the way.
pub(crate) fn open(path: &Path) -> Result<(Source, Vec<Damage>), BagError> {
    let mut file = File::open(path).map_err(BagError::io(path, "open"))?;
    let mut head = Vec::new();
    let limit = SQLITE_MAGIC.len() as u64;
    Read::by_ref(&mut file).take(limit).read_to_end(&mut head).map_err(BagError::io(path, "read"))?;
    if head.starts_with(SQLITE_MAGIC) || head.starts_with(ROS1_MAGIC) {
        return Err(not_mcap(path, path));
    }
    if !head.starts_with(ZSTD_MAGIC) {
        return Ok((Source::File(path.to_owned()), Vec::new()));
    }
    let file = File::open(path).map_err(BagError::io(path, "open"))?;
    let temporary = tempfile::Builder::new().prefix("outrider-bag-").suffix(".mcap").tempfile();
    let temporary = temporary.map_err(BagError::io(path, "make a temporary file for"))?;
    let (out, temporary) = temporary.into_parts();
    let cause = unpack(file, out, path)?;
    let damage = cause.map(|(offset, cause)| Damage {
        path: path.to_owned(),
        offset,
        reason: format!("zstd: {cause} (this many bytes came out of it; offsets count what is decompressed)"),
    });
    Ok((Source::Temporary(temporary), damage.into_iter().collect()))
}

/// Decompresses as far as it goes; the place and reason where that is not all.
fn unpack(file: File, out: File, path: &Path) -> Result<Option<(u64, String)>, BagError> {
    let mut decoder = match zstd::stream::read::Decoder::with_buffer(BufReader::new(file)) {
        Ok(decoder) => decoder,
        Err(cause) => return Ok(Some((0, cause.to_string()))),
    };
    let mut out = BufWriter::new(out);
    let (mut buffer, mut total) = (vec![0u8; STEP_BYTES], 0u64);
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                total = total.saturating_add(count as u64);
                if total > UNPACKED_LIMIT {
                    return Err(BagError::TooLarge {
                        path: path.to_owned(),
                        what: "what it decompresses to".into(),
                        size: total,
                        limit: UNPACKED_LIMIT,
                    });
                }
                let bytes = buffer.get(..count).unwrap_or_default();
                out.write_all(bytes).map_err(BagError::io(path, "write the temporary file of"))?;
            }
            Err(cause) => {
                out.flush().map_err(BagError::io(path, "write the temporary file of"))?;
                return Ok(Some((total, cause.to_string())));
            }
        }
    }
    out.flush().map_err(BagError::io(path, "write the temporary file of"))?;
    Ok(None)
}
