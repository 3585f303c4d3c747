//! Opening a bag, whole or damaged.

use crate::FILE_LIMIT;
use crate::error::{BagError, Damage};
use crate::index::{FileIndex, index_file};
use crate::messages::{Messages, Order};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A topic as one publisher offered it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Topic name.
    pub topic: String,
    /// `pkg/msg/Type`.
    pub type_name: String,
    /// Text of the schema.
    pub definition: String,
    /// How the schema is written; `ros2msg` in our bags.
    pub schema_encoding: String,
    /// How messages are encoded; `cdr` in our bags.
    pub message_encoding: String,
    /// `offered_qos_profiles`, `topic_type_hash`, …
    pub metadata: BTreeMap<String, String>,
    /// Messages in the bag, as the summary says or as they were counted.
    pub message_count: u64,
}

/// A named set of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its entries.
    pub entries: BTreeMap<String, String>,
}

/// An opened bag: one file, or a folder of them read as one.
///
/// A complete file is opened by its summary; one without a sound summary is walked over from the front, and
/// everything before the first loss, and every chunk that checks out after one, is there ([`Self::recovered`]).
#[derive(Debug)]
pub struct BagReader {
    pub(crate) files: Vec<FileIndex>,
    channels: Vec<Channel>,
    /// For each file: id in the file → index into `channels`.
    pub(crate) channel_maps: Vec<BTreeMap<u16, usize>>,
}

impl BagReader {
    /// Opens a `.mcap` file, or a folder with one or more of them.
    ///
    /// # Errors
    /// When there is no MCAP file or it cannot be read at all. Damage inside is no error here: see [`Self::damage`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BagError> {
        let mut files = Vec::new();
        for file in bag_files(path.as_ref())? {
            files.push(index_file(&file)?);
        }
        let mut channels: Vec<Channel> = Vec::new();
        let mut channel_maps = Vec::new();
        for file in &files {
            let mut map = BTreeMap::new();
            for (id, channel) in &file.channels {
                let same = |c: &Channel| {
                    (&c.topic, &c.type_name, &c.metadata)
                        == (&channel.topic, &channel.type_name, &channel.metadata)
                };
                let index = channels.iter().position(same).unwrap_or(channels.len());
                match channels.get_mut(index) {
                    Some(known) => {
                        known.message_count = known.message_count.saturating_add(channel.message_count)
                    }
                    None => channels.push(channel.clone()),
                }
                map.insert(*id, index);
            }
            channel_maps.push(map);
        }
        Ok(Self { files, channels, channel_maps })
    }

    /// The channels; a message names its own by index.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The channel of a message.
    pub fn channel(&self, index: usize) -> Option<&Channel> {
        self.channels.get(index)
    }

    /// All messages, read piece by piece. An item that is an error tells of a part that was lost; what follows it is good.
    pub fn messages(&self, order: Order) -> Messages<'_> {
        Messages::new(self, order)
    }

    /// Number of messages, as the summaries say or as they were counted.
    pub fn message_count(&self) -> u64 {
        self.channels.iter().fold(0, |sum, c| sum.saturating_add(c.message_count))
    }

    /// First and last log time in nanoseconds; `None` when there are no messages.
    pub fn bounds_ns(&self) -> Option<(u64, u64)> {
        let bounds = self.files.iter().filter_map(|f| f.bounds_ns);
        bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// A file had no sound summary: the recorder was killed, or the file is damaged.
    pub fn recovered(&self) -> bool {
        self.files.iter().any(|f| f.recovered)
    }

    /// What was found wrong on opening. More may be found on reading.
    pub fn damage(&self) -> impl Iterator<Item = &Damage> {
        self.files.iter().flat_map(|f| &f.damage)
    }

    /// The metadata records.
    pub fn metadata(&self) -> impl Iterator<Item = &Metadata> {
        self.files.iter().flat_map(|f| &f.metadata)
    }

    /// The files, in the order of reading.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|f| f.path.as_path())
    }
}

/// The file itself, or all `.mcap` files of a folder: `x_2.mcap` before `x_10.mcap`.
fn bag_files(path: &Path) -> Result<Vec<PathBuf>, BagError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(BagError::io(path, "list"))? {
        let file = entry.map_err(BagError::io(path, "list"))?.path();
        if file.extension().is_some_and(|e| e == "mcap") && file.is_file() {
            found.push(file);
        }
        if found.len() > FILE_LIMIT {
            return Err(BagError::TooLarge {
                path: path.to_owned(),
                what: "the list of its files".into(),
                size: found.len() as u64,
                limit: FILE_LIMIT as u64,
            });
        }
    }
    if found.is_empty() {
        return Err(BagError::NotABag {
            path: path.to_owned(),
            reason: "no .mcap file in this folder".into(),
        });
    }
    let number = |p: &Path| -> u64 {
        let stem = p.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        stem.rsplit('_').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    found.sort_by(|a, b| (number(a), a).cmp(&(number(b), b)));
    Ok(found)
}
