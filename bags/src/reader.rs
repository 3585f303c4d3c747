//! Opening a bag, whole or damaged.

use crate::definition::{Definition, SchemaEncoding};
use crate::error::{BagError, Damage};
use crate::index::{FileIndex, index_file};
use crate::messages::{Messages, Order};
use crate::rosbag_metadata;
use crate::source::{self, find_files};
use std::collections::BTreeMap;
use std::path::Path;

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

/// A file that travels in the bag. Its data are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Media type, as `text/plain`.
    pub media_type: String,
    /// When it was recorded, in nanoseconds since the epoch.
    pub log_time_ns: u64,
    /// When it was made.
    pub create_time_ns: u64,
    /// Byte offset of its record in the file.
    pub offset: u64,
    /// Bytes of its data.
    pub size: u64,
}

impl Channel {
    /// Whether both declare the same: a message of the one is read as one of the other.
    fn declares_as(&self, other: &Self) -> bool {
        self.topic == other.topic
            && self.type_name == other.type_name
            && self.schema_encoding == other.schema_encoding
            && self.message_encoding == other.message_encoding
            && self.definition == other.definition
            && self.metadata == other.metadata
    }

    /// Why no ROS 2 program can decode this channel's messages; `None` when it can.
    pub fn foreign(&self) -> Option<String> {
        let topic = &self.topic;
        if self.message_encoding != "cdr" {
            return Some(format!(
                "{topic}: messages are encoded as `{}`, only cdr is understood",
                self.message_encoding
            ));
        }
        if SchemaEncoding::of_name(&self.schema_encoding).is_none() {
            let found = &self.schema_encoding;
            return Some(format!("{topic}: the schema is written as `{found}`, which ROS 2 does not know"));
        }
        None
    }

    /// The definition of its type, where it is one of ROS 2; as it is written to another bag.
    pub fn definition(&self) -> Option<Definition<'_>> {
        let encoding = SchemaEncoding::of_name(&self.schema_encoding)?;
        Some(Definition { encoding, text: &self.definition })
    }
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
    warnings: Vec<String>,
    /// Files of the folder that could not be opened.
    unread: Vec<Damage>,
    /// What `metadata.yaml` tells of that is not there.
    absent: Vec<Damage>,
}

impl BagReader {
    /// Opens a `.mcap` file, or a folder with one or more of them; also `.mcap.zstd`, which is decompressed to a
    /// temporary file of at most [`crate::UNPACKED_LIMIT`] bytes.
    ///
    /// Of several files one that cannot be read at all is damage, as long as another can be.
    ///
    /// # Errors
    /// When there is no MCAP file or it cannot be read at all. Damage inside is no error here: see [`Self::damage`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BagError> {
        let found = find_files(path.as_ref())?;
        let (mut files, mut failed) = (Vec::new(), Vec::new());
        for file in &found.files {
            let opened = source::open(file).and_then(|(source, damage)| index_file(file, source, damage));
            match opened {
                Ok(index) => files.push(index),
                Err(error) => failed.push((file, error)),
            }
        }
        if files.is_empty()
            && let Some((_, error)) = failed.pop()
        {
            return Err(error);
        }
        let unread = failed.into_iter().map(|(file, error)| error.into_damage(file)).collect();
        let mut channels: Vec<Channel> = Vec::new();
        let mut channel_maps = Vec::new();
        for file in &files {
            let mut map = BTreeMap::new();
            for (id, channel) in &file.channels {
                let index = channels.iter().position(|c| c.declares_as(channel)).unwrap_or(channels.len());
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
        let (warnings, absent) = (found.warnings, Vec::new());
        let mut reader = Self { files, channels, channel_maps, warnings, unread, absent };
        if let Some((yaml, text)) = found.metadata {
            let (notes, absent) = rosbag_metadata::compare(&text, &reader);
            reader.warnings.extend(notes);
            let damage = |reason| Damage { path: yaml.clone(), offset: 0, reason };
            reader.absent = absent.into_iter().map(damage).collect();
        }
        Ok(reader)
    }

    /// What does not fit together around the files, but costs no message: no `metadata.yaml`, a file of another kind.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Files of the folder that could not be opened. They are among [`Self::damage`] too.
    pub fn unread_files(&self) -> &[Damage] {
        &self.unread
    }

    /// The attachments.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.files.iter().flat_map(|f| &f.attachments)
    }

    /// Profile and library as the first file names them.
    pub fn made_by(&self) -> (&str, &str) {
        self.files.first().map_or(("", ""), |f| (f.profile.as_str(), f.library.as_str()))
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
        self.messages_from(order, 0)
    }

    /// The messages at or after a log time (ns since the epoch). Parts of the file that end before it are not read.
    pub fn messages_from(&self, order: Order, from_ns: u64) -> Messages<'_> {
        Messages::new(self, order, vec![true; self.channels.len()], from_ns)
    }

    /// As [`Self::messages`], of those channels only that are `wanted`. Where a sound summary tells which channels a chunk has
    /// messages of, a chunk without any that is wanted is not read, and not checked.
    pub fn messages_of(&self, order: Order, wanted: impl FnMut(&Channel) -> bool) -> Messages<'_> {
        Messages::new(self, order, self.channels.iter().map(wanted).collect(), 0)
    }

    /// The order in which the messages were taken by their recorder, as far as that is known: that of the files, because the
    /// clock may have been set meanwhile, where they are of one recorder; else that of the log times.
    pub fn taking_order(&self) -> Order {
        let mut stems = self.files().map(|path| named(path).0);
        let first = stems.next();
        let one_recording = stems.all(|other| Some(other) == first);
        // Files of one recording may overlap where the clock was set back; then they have the numbers that a recorder gives.
        let one_recorder = one_recording && (!self.files_overlap() || self.are_numbered());
        if one_recorder && self.files.iter().all(FileIndex::is_as_taken) {
            Order::File
        } else {
            Order::LogTime
        }
    }

    /// Whether two files that follow one another were recorded at the same time, for most of the shorter one.
    fn files_overlap(&self) -> bool {
        let bounds: Vec<(u64, u64)> = self.files.iter().filter_map(|f| f.bounds_ns).collect();
        bounds.iter().zip(bounds.iter().skip(1)).any(|(a, b)| {
            let both = a.1.min(b.1).saturating_sub(a.0.max(b.0));
            both > a.1.saturating_sub(a.0).min(b.1.saturating_sub(b.0)) / 2
        })
    }

    /// Whether the numbers in the files' names go from 0 on without a hole.
    fn are_numbered(&self) -> bool {
        (0_u64..).zip(self.files()).all(|(number, path)| named(path).1 == Some(number))
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

    /// What was found wrong on opening: files that cannot be opened, messages or files that `metadata.yaml` tells of and that
    /// are not there, damage in the files. More may be found on reading.
    pub fn damage(&self) -> impl Iterator<Item = &Damage> {
        self.unread.iter().chain(&self.absent).chain(self.files.iter().flat_map(|f| &f.damage))
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

/// A file's name without its number and extensions, which is that of its recording; and its number.
fn named(path: &Path) -> (String, Option<u64>) {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.split_once(".mcap").map_or(name.as_str(), |(stem, _)| stem);
    let numbered = name.rsplit_once('_').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    let (stem, number) = numbered.map_or((name, None), |(stem, number)| (stem, number.parse().ok()));
    (stem.to_owned(), number)
}
