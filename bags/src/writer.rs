//! Writing: MCAP that rosbag2 opens and that a kill cannot ruin.

use crate::MESSAGE_LIMIT;
use crate::error::BagError;
use crate::metadata_yaml::{BagSummary, FileSummary, TopicSummary, render};
use mcap::records::MessageHeader;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Key of the channel metadata that holds the offered QoS profiles.
pub(crate) const QOS_KEY: &str = "offered_qos_profiles";
/// Key of the channel metadata that holds the type's REP-2016 hash.
pub(crate) const HASH_KEY: &str = "topic_type_hash";

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
    ros_distro: String,
    inner: mcap::Writer<BufWriter<File>>,
    topics: BTreeMap<u16, TopicSummary>,
    bounds_ns: Option<(u64, u64)>,
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
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(BagError::io(&path, "create the file"))?;
        let compression = match options.compression {
            Compression::None => None,
            Compression::Zstd => Some(mcap::Compression::Zstd),
        };
        let inner = mcap::WriteOptions::new()
            .profile("ros2")
            .library(concat!("outrider ", env!("CARGO_PKG_VERSION")))
            .compression(compression)
            .compression_level(1)
            // On the caller's thread: a recorder has a thread of its own for this.
            .compression_threads(0)
            .chunk_size(Some(u64::from(options.chunk_bytes)))
            // A seeking writer leaves a chunk of length u64::MAX behind when it is killed.
            .disable_seeking(true)
            .create(BufWriter::new(file))
            .map_err(BagError::write(&path, "start the file"))?;
        let ros_distro = options.ros_distro.clone();
        Ok(Self { path, metadata_path, ros_distro, inner, topics: BTreeMap::new(), bounds_ns: None })
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
        self.add_channel_with(topic, type_name, definition, &metadata)
    }

    /// As [`Self::add_channel`], with all of the channel's metadata (`offered_qos_profiles`, `topic_type_hash`, …).
    ///
    /// # Errors
    /// As there.
    pub fn add_channel_with(
        &mut self,
        topic: &str,
        type_name: &str,
        definition: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ChannelId, BagError> {
        let qos_yaml = metadata.get(QOS_KEY).map_or("", String::as_str);
        check_names(topic, type_name, qos_yaml)?;
        self.check_size("a definition", definition.len())?;
        let schema = self
            .inner
            .add_schema(type_name, "ros2msg", definition.as_bytes())
            .map_err(BagError::write(&self.path, "write a schema"))?;
        let id = self
            .inner
            .add_channel(schema, topic, "cdr", metadata)
            .map_err(BagError::write(&self.path, "write a channel"))?;
        self.topics.entry(id).or_insert_with(|| TopicSummary {
            topic: topic.to_owned(),
            type_name: type_name.to_owned(),
            qos_yaml: qos_yaml.to_owned(),
            type_hash: metadata.get(HASH_KEY).cloned().unwrap_or_default(),
            messages: 0,
        });
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
        self.check_size("a message", data.len())?;
        let header = MessageHeader {
            channel_id: channel.0,
            sequence,
            log_time: log_time_ns,
            publish_time: publish_time_ns,
        };
        self.inner
            .write_to_known_channel(&header, data)
            .map_err(BagError::write(&self.path, "write a message"))?;
        if let Some(topic) = self.topics.get_mut(&channel.0) {
            topic.messages = topic.messages.saturating_add(1);
        }
        let (start, end) = self.bounds_ns.unwrap_or((log_time_ns, log_time_ns));
        self.bounds_ns = Some((start.min(log_time_ns), end.max(log_time_ns)));
        Ok(())
    }

    /// Appends a metadata record; closes the open chunk.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_metadata(&mut self, name: &str, entries: BTreeMap<String, String>) -> Result<(), BagError> {
        let size = entries.iter().map(|(k, v)| k.len().saturating_add(v.len())).sum();
        self.check_size("a metadata record", size)?;
        self.inner
            .write_metadata(&mcap::records::Metadata { name: name.to_owned(), metadata: entries })
            .map_err(BagError::write(&self.path, "write metadata"))
    }

    /// Closes the open chunk and hands everything to the operating system: a kill of this process after it loses none of it.
    ///
    /// # Errors
    /// When writing fails.
    pub fn flush(&mut self) -> Result<(), BagError> {
        self.inner.flush().map_err(BagError::write(&self.path, "flush"))
    }

    /// Writes the summary and, for a folder, `metadata.yaml`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> Result<(), BagError> {
        self.inner.finish().map_err(BagError::write(&self.path, "write the summary"))?;
        // Only a checked flush tells of a full disk.
        let file = self.inner.into_inner().into_inner();
        let synced = file.map_err(std::io::IntoInnerError::into_error).and_then(|f| f.sync_all());
        synced.map_err(BagError::io(&self.path, "flush the summary"))?;
        let Some(metadata_path) = &self.metadata_path else { return Ok(()) };
        let (start_ns, end_ns) = self.bounds_ns.unwrap_or((0, 0));
        let topics = merged_topics(self.topics.values());
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let messages = topics.iter().map(|t| t.messages).sum();
        let files = [FileSummary { name, start_ns, end_ns, messages }];
        let summary = BagSummary { files: &files, ros_distro: &self.ros_distro, topics: &topics };
        fs::write(metadata_path, render(&summary)).map_err(BagError::io(metadata_path, "write"))
    }

    fn check_size(&self, what: &str, size: usize) -> Result<(), BagError> {
        if size <= MESSAGE_LIMIT {
            return Ok(());
        }
        Err(BagError::TooLarge {
            path: self.path.clone(),
            what: what.to_owned(),
            size: size as u64,
            limit: MESSAGE_LIMIT as u64,
        })
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

/// `metadata.yaml` has one entry a topic, whatever channels it came over.
pub(crate) fn merged_topics<'a>(channels: impl Iterator<Item = &'a TopicSummary>) -> Vec<TopicSummary> {
    let mut merged: BTreeMap<(&str, &str), TopicSummary> = BTreeMap::new();
    for channel in channels {
        merged
            .entry((&channel.topic, &channel.type_name))
            .and_modify(|t| t.messages = t.messages.saturating_add(channel.messages))
            .or_insert_with(|| channel.clone());
    }
    merged.into_values().collect()
}

pub(crate) fn check_names(topic: &str, type_name: &str, qos_yaml: &str) -> Result<(), BagError> {
    let refused = |key, value: &str, reason| {
        Err(BagError::Invalid { key, value: value.chars().take(120).collect(), reason })
    };
    if !topic.starts_with('/') || topic.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refused("topic", topic, "a topic starts with `/` and has no white space");
    }
    let parts: Vec<&str> = type_name.split('/').collect();
    if !matches!(parts.as_slice(), [package, "msg" | "srv" | "action", name] if !package.is_empty() && !name.is_empty())
    {
        return refused("type", type_name, "a type is named `package/msg/Type`");
    }
    let qos = qos_yaml.trim_end();
    if !(qos.is_empty() || qos == "[]" || qos.starts_with("- ")) {
        return refused("qos", qos_yaml, "a YAML block list (`- history: …`) or nothing");
    }
    Ok(())
}
