//! Bags at the raw level: rosbag2-compatible MCAP files of CDR messages, written so that a killed recorder loses at
//! most what came after its last [`BagWriter::flush`], and read so that every complete message of a damaged or
//! truncated file comes back. Knows no message types: bytes in, bytes out.
//!
//! What rosbag2 (Jazzy) wants of such a file: profile `ros2`; on every channel the message encoding `cdr` and a
//! schema named `pkg/msg/Type` of encoding `ros2msg` or `ros2idl`; for a folder a `metadata.yaml` (version 9) beside the file.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the shell that reads and writes files; no core depends on it"
)]

mod batch;
mod channels;
mod chunk;
mod definition;
mod error;
mod file;
mod folder;
mod format;
mod framing;
mod index;
mod messages;
mod metadata_yaml;
mod pipeline;
#[cfg(test)]
mod pipeline_tests;
mod reader;
mod records;
mod recovery;
mod resync;
mod ring;
mod rosbag_metadata;
mod scan;
mod source;
mod stages;
mod summary;
#[cfg(test)]
mod tests;
mod verify;
mod volume;
mod writer;

pub use definition::{Definition, SchemaEncoding};
pub use error::{BagError, Damage};
pub use index::OVERLAP_NS;
pub use messages::{BagMessage, Messages, Order};
pub use pipeline::{
    Fsync, Pipeline, PipelineOptions, PipelineStatus, QUEUE_CHUNKS, REQUEST_LIMIT, SnapshotLimits,
    SnapshotReply, Split,
};
pub use reader::{Attachment, BagReader, Channel, Metadata};
pub use recovery::{Recovery, recover};
pub use verify::{FileFacts, Finding, Verified, compressions, verify_file};
pub use volume::{Disk, Volume, VolumeFile};
pub use writer::{BagWriter, ChannelId, Compression, WriterOptions};

/// The longest message or definition that is written, in bytes.
pub const MESSAGE_LIMIT: usize = 64 << 20;
/// The longest single record (message, schema, whole chunk before or after decompression) that is read, in bytes.
/// A longer claim in a file is damage, and nothing is allocated for it.
pub const RECORD_LIMIT: usize = 128 << 20;
/// The longest summary section that is read, in bytes; beyond it a file is scanned instead.
pub const SUMMARY_LIMIT: u64 = 256 << 20;
/// The longest file that is decompressed from `.mcap.zstd`, in bytes.
pub const UNPACKED_LIMIT: u64 = 16 << 30;
/// The most bytes of metadata records, and of a `metadata.yaml`, that are kept.
pub const METADATA_LIMIT: usize = 64 << 20;
/// The most bytes of messages that are held at once while overlapping chunks are merged by time.
pub const MERGE_LIMIT: usize = 1 << 30;
/// The most channels of one bag.
pub const CHANNEL_LIMIT: usize = 10_000;
/// The most files of one folder.
pub const FILE_LIMIT: usize = 10_000;
/// The most findings of damage that are kept apart; more are counted in the last one.
pub const DAMAGE_LIMIT: usize = 1_000;
