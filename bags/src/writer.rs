//! Writing a bag on the caller's own thread: MCAP that rosbag2 opens and that a kill cannot ruin.

use crate::MESSAGE_LIMIT;
use crate::batch::{Batch, ChunkMaker};
use crate::channels::{ChannelList, QOS_KEY, check_size, merged_topics};
use crate::definition::Definition;
use crate::error::BagError;
use crate::file::McapFile;
use crate::metadata_yaml::{BagSummary, FileSummary, render};
use crate::volume::{Disk, Volume};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How chunks are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are: fastest, largest.
    None,
    /// Zstandard at level 1.
    #[default]
    Zstd,
}

/// How a bag is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// How chunks are stored.
    pub compression: Compression,
    /// A chunk is closed when it holds more than this many bytes before compression.
    pub chunk_bytes: u32,
    /// ROS distribution named in `metadata.yaml`.
    pub ros_distro: String,
}

impl Default for WriterOptions {
    /// Zstandard, 256 KiB: the fastest setting measured whose worst single write stays below 10 ms.
    fn default() -> Self {
        Self { compression: Compression::Zstd, chunk_bytes: 256 << 10, ros_distro: "jazzy".into() }
    }
}

/// A channel of one [`BagWriter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u16);

/// Writes one MCAP file. Call [`Self::flush`] regularly (every 200 ms, say) and [`Self::finish`] at the end.
///
/// Dropped without `finish`, the file still gets its summary, but errors are lost and `metadata.yaml` is not written.
pub struct BagWriter {
    path: PathBuf,
    /// Of a folder; `None` for a single file.
    metadata_path: Option<PathBuf>,
    options: WriterOptions,
    channels: ChannelList,
    file: McapFile,
    maker: ChunkMaker,
    /// The open chunk.
    batch: Batch,
    /// What the last chunk was made in.
    spare: Vec<u8>,
    finished: bool,
}

impl BagWriter {
    /// Creates a single file; an existing one is not touched.
    ///
    /// # Errors
    /// When the file exists or cannot be created.
    pub fn create(path: impl AsRef<Path>, options: &WriterOptions) -> Result<Self, BagError> {
        Self::create_at(path.as_ref().to_owned(), None, options)
    }

    /// Creates a folder as rosbag2 does: `<dir>/<name>_0.mcap` and, when finished, `<dir>/metadata.yaml`.
    ///
    /// # Errors
    /// When the folder holds such a bag already or cannot be created.
    pub fn create_folder(dir: impl AsRef<Path>, options: &WriterOptions) -> Result<Self, BagError> {
        let dir = dir.as_ref();
        let name = folder_name(dir)?;
        fs::create_dir_all(dir).map_err(BagError::io(dir, "create the folder"))?;
        Self::create_at(dir.join(format!("{name}_0.mcap")), Some(dir.join("metadata.yaml")), options)
    }

    fn create_at(
        path: PathBuf,
        metadata_path: Option<PathBuf>,
        options: &WriterOptions,
    ) -> Result<Self, BagError> {
        let file = Disk.create(&path).map_err(BagError::io(&path, "create the file"))?;
        let file = McapFile::begin(file).map_err(BagError::io(&path, "start the file"))?;
        let maker =
            ChunkMaker::new(options.compression).map_err(BagError::io(&path, "start the compressor"))?;
        Ok(Self {
            path,
            metadata_path,
            options: options.clone(),
            channels: ChannelList::default(),
            file,
            maker,
            batch: Batch::default(),
            spare: Vec::new(),
            finished: false,
        })
    }

    /// The MCAP file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Declares a topic. The same topic declared twice in the same way is one channel.
    ///
    /// `type_name` is `pkg/msg/Type`, `definition` its full text with dependencies (`ros2msg`), `qos_yaml` a YAML
    /// list of offered QoS profiles as rosbag2 keeps it (`- history: keep_last …`), or empty.
    ///
    /// # Errors
    /// When a name or text is one that rosbag2 would not read, or writing fails.
    pub fn add_channel(
        &mut self,
        topic: &str,
        type_name: &str,
        definition: &str,
        qos_yaml: &str,
    ) -> Result<ChannelId, BagError> {
        let metadata = BTreeMap::from([(QOS_KEY.to_owned(), qos_yaml.to_owned())]);
        self.add_channel_with(topic, type_name, definition.into(), &metadata)
    }

    /// As [`Self::add_channel`], with all of the channel's metadata (`offered_qos_profiles`, `topic_type_hash`, …).
    ///
    /// # Errors
    /// As there.
    pub fn add_channel_with(
        &mut self,
        topic: &str,
        type_name: &str,
        definition: Definition<'_>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ChannelId, BagError> {
        let id = self.channels.add(&self.path, topic, type_name, definition, metadata, 0)?;
        if let Some(channel) = self.channels.get(id) {
            self.file.declare(id, channel).map_err(BagError::io(&self.path, "write a channel"))?;
        }
        Ok(ChannelId(id))
    }

    /// Appends one message of CDR bytes (with the encapsulation header). Both times are nanoseconds since the epoch.
    ///
    /// # Errors
    /// When the message is longer than [`MESSAGE_LIMIT`], the channel is not of this writer, or writing fails.
    pub fn write(
        &mut self,
        channel: ChannelId,
        sequence: u32,
        log_time_ns: u64,
        publish_time_ns: u64,
        data: &[u8],
    ) -> Result<(), BagError> {
        check_size(&self.path, "a message", data.len(), MESSAGE_LIMIT)?;
        if self.channels.get(channel.0).is_none() {
            let value = channel.0.to_string();
            return Err(BagError::Invalid { key: "channel", value, reason: "it is not one of this bag" });
        }
        self.batch.push(channel.0, sequence, log_time_ns, publish_time_ns, data);
        if self.batch.records.len() > self.options.chunk_bytes as usize {
            self.close_chunk().map_err(BagError::io(&self.path, "write a message"))?;
        }
        Ok(())
    }

    /// Appends a metadata record; closes the open chunk.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_metadata(&mut self, name: &str, entries: BTreeMap<String, String>) -> Result<(), BagError> {
        let size = entries.iter().map(|(k, v)| k.len().saturating_add(v.len())).sum();
        check_size(&self.path, "a metadata record", size, MESSAGE_LIMIT)?;
        let written = self.close_chunk().and_then(|()| self.file.metadata(&(name.to_owned(), entries)));
        written.map_err(BagError::io(&self.path, "write metadata"))
    }

    /// Closes the open chunk and hands everything to the operating system: a kill of this process after it loses none of it.
    ///
    /// # Errors
    /// When writing fails.
    pub fn flush(&mut self) -> Result<(), BagError> {
        self.close_chunk().map_err(BagError::io(&self.path, "flush"))
    }

    /// When it cannot be written, the open chunk stays as it is.
    fn close_chunk(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let chunk = self.maker.make(&self.batch, std::mem::take(&mut self.spare), |_| false);
        let written = self.file.chunk(&chunk);
        self.spare = chunk.bytes;
        written?;
        self.batch.clear(usize::MAX);
        Ok(())
    }

    /// Writes the summary and, for a folder, `metadata.yaml`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> Result<(), BagError> {
        self.end().map_err(BagError::io(&self.path, "write the summary"))?;
        // Only the device tells of some failures.
        self.file.sync().map_err(BagError::io(&self.path, "flush the summary"))?;
        let Some(metadata_path) = &self.metadata_path else { return Ok(()) };
        let statistics = &self.file.statistics;
        let (start_ns, end_ns) = statistics.bounds_ns.unwrap_or((0, 0));
        let count = |id: u16| statistics.messages.get(&id).copied().unwrap_or(0);
        let channels = (0_u16..).zip(self.channels.all());
        let topics = merged_topics(channels.map(|(id, channel)| (channel, count(id))));
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let messages = statistics.messages.values().sum();
        let files = [FileSummary { name, start_ns, end_ns, messages }];
        let summary = BagSummary { files: &files, ros_distro: &self.options.ros_distro, topics: &topics };
        fs::write(metadata_path, render(&summary)).map_err(BagError::io(metadata_path, "write"))
    }

    fn end(&mut self) -> io::Result<()> {
        self.finished = true;
        self.close_chunk()?;
        self.file.finish()
    }
}

impl Drop for BagWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to be told.
            let _ = self.end();
        }
    }
}

/// What the files of a folder are named after.
pub(crate) fn folder_name(dir: &Path) -> Result<&str, BagError> {
    dir.file_name().and_then(|n| n.to_str()).ok_or_else(|| BagError::Invalid {
        key: "folder",
        value: dir.display().to_string(),
        reason: "a bag folder needs a name of its own, in UTF-8",
    })
}
