//! The topics of a bag that is being written: what every file of it declares.

use crate::definition::{Definition, SchemaEncoding};
use crate::error::BagError;
use crate::metadata_yaml::TopicSummary;
use crate::{CHANNEL_LIMIT, MESSAGE_LIMIT};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Key of the channel metadata that holds the offered QoS profiles.
pub(crate) const QOS_KEY: &str = "offered_qos_profiles";
/// Key of the channel metadata that holds the type's REP-2016 hash.
pub(crate) const HASH_KEY: &str = "topic_type_hash";

/// A lock whose holder died is still a lock: nothing here is left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A channel as it is declared in every file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelText {
    pub topic: String,
    pub type_name: String,
    pub encoding: SchemaEncoding,
    pub definition: Arc<str>,
    pub metadata: BTreeMap<String, String>,
    pub schema: u16,
    /// New files repeat so many of its last messages.
    pub keep: usize,
}

impl ChannelText {
    pub(crate) fn summary(&self, messages: u64) -> TopicSummary {
        let text = |key| self.metadata.get(key).cloned().unwrap_or_default();
        TopicSummary {
            topic: self.topic.clone(),
            type_name: self.type_name.clone(),
            qos_yaml: text(QOS_KEY),
            type_hash: text(HASH_KEY),
            messages,
        }
    }
}

/// All channels there are; their ids are indices.
#[derive(Debug, Default)]
pub(crate) struct ChannelList {
    channels: Vec<Arc<ChannelText>>,
    schemas: BTreeMap<(String, SchemaEncoding, Arc<str>), u16>,
}

impl ChannelList {
    /// Declares a topic; `path` is for errors. The same one declared twice in the same way is one channel.
    ///
    /// # Errors
    /// When a name or text is one that rosbag2 would not read, or there are too many.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        topic: &str,
        type_name: &str,
        definition: Definition<'_>,
        metadata: &BTreeMap<String, String>,
        keep: usize,
    ) -> Result<u16, BagError> {
        check_names(topic, type_name, metadata.get(QOS_KEY).map_or("", String::as_str))?;
        check_size(path, "a definition", definition.text.len(), MESSAGE_LIMIT)?;
        // Zero is no schema in MCAP. There are no more schemas than channels, nor more of those than their limit.
        let next = u16::try_from(self.schemas.len() + 1).unwrap_or(u16::MAX);
        let (encoding, definition) = (definition.encoding, Arc::<str>::from(definition.text));
        let key = (type_name.to_owned(), encoding, definition.clone());
        let schema = self.schemas.get(&key).copied().unwrap_or(next);
        let (topic, type_name) = (topic.to_owned(), type_name.to_owned());
        let metadata = metadata.clone();
        let channel = ChannelText { topic, type_name, encoding, definition, metadata, schema, keep };
        let known = self.channels.iter().position(|other| **other == channel);
        if known.is_none() {
            check_size(path, "the list of topics", self.channels.len() + 1, CHANNEL_LIMIT)?;
            self.schemas.insert(key, schema);
            self.channels.push(Arc::new(channel));
        }
        Ok(u16::try_from(known.unwrap_or(self.channels.len() - 1)).unwrap_or(u16::MAX))
    }

    pub(crate) fn all(&self) -> &[Arc<ChannelText>] {
        &self.channels
    }

    pub(crate) fn get(&self, id: u16) -> Option<&Arc<ChannelText>> {
        self.channels.get(usize::from(id))
    }
}

/// What the threads of a pipeline share.
pub(crate) type SharedChannels = Arc<Mutex<Vec<Arc<ChannelText>>>>;

/// One thread's copy of the channels: the lock is taken for a moment when there is a new one, and never while writing.
pub(crate) struct KnownChannels {
    shared: SharedChannels,
    copy: Vec<Arc<ChannelText>>,
}

impl KnownChannels {
    pub(crate) fn new(shared: SharedChannels) -> Self {
        Self { shared, copy: Vec::new() }
    }

    pub(crate) fn get(&mut self, id: u16) -> Option<&Arc<ChannelText>> {
        if usize::from(id) >= self.copy.len() {
            self.all();
        }
        self.copy.get(usize::from(id))
    }

    /// All there are now.
    pub(crate) fn all(&mut self) -> &[Arc<ChannelText>] {
        let shared = lock(&self.shared);
        let new = shared.get(self.copy.len()..).unwrap_or_default();
        self.copy.extend_from_slice(new);
        drop(shared);
        &self.copy
    }
}

/// # Errors
/// When `size` is beyond `limit`.
pub(crate) fn check_size(path: &Path, what: &str, size: usize, limit: usize) -> Result<(), BagError> {
    if size <= limit {
        return Ok(());
    }
    let (size, limit) = (size as u64, limit as u64);
    Err(BagError::TooLarge { path: path.to_owned(), what: what.to_owned(), size, limit })
}

fn check_names(topic: &str, type_name: &str, qos_yaml: &str) -> Result<(), BagError> {
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

/// `metadata.yaml` has one entry a topic, whatever channels it came over.
pub(crate) fn merged_topics<'a>(
    channels: impl Iterator<Item = (&'a Arc<ChannelText>, u64)>,
) -> Vec<TopicSummary> {
    let mut merged: BTreeMap<(&str, &str), TopicSummary> = BTreeMap::new();
    for (channel, messages) in channels {
        merged
            .entry((&channel.topic, &channel.type_name))
            .and_modify(|topic| topic.messages = topic.messages.saturating_add(messages))
            .or_insert_with(|| channel.summary(messages));
    }
    merged.into_values().collect()
}
