//! `metadata.yaml` of a rosbag2 folder, as far as it is held against the files.

use serde::Deserialize;
use std::path::Path;

/// The longest file that is read, in bytes.
const SIZE_LIMIT: u64 = 64 << 20;

#[derive(Debug, Deserialize)]
struct Whole {
    rosbag2_bagfile_information: Description,
}

/// What it says.
#[derive(Debug, Default, Deserialize)]
pub struct Description {
    /// `mcap`, `sqlite3`.
    pub storage_identifier: String,
    /// From the first to the last message.
    pub duration: Duration,
    /// Of the first message.
    pub starting_time: Start,
    /// Of all files.
    pub message_count: u64,
    /// By topic.
    #[serde(default)]
    pub topics_with_message_count: Vec<Topic>,
    /// Names in the folder.
    #[serde(default)]
    pub relative_file_paths: Vec<String>,
    /// Who recorded it; empty in old ones.
    #[serde(default)]
    pub ros_distro: String,
}

/// A length of time.
#[derive(Debug, Default, Deserialize)]
pub struct Duration {
    /// In ns.
    pub nanoseconds: u64,
}

/// A moment.
#[derive(Debug, Default, Deserialize)]
pub struct Start {
    /// In ns.
    pub nanoseconds_since_epoch: u64,
}

/// A topic and how often it is there.
#[derive(Debug, Deserialize)]
pub struct Topic {
    /// What it is.
    pub topic_metadata: TopicMetadata,
    /// Messages.
    pub message_count: u64,
}

/// What a topic is.
#[derive(Debug, Deserialize)]
pub struct TopicMetadata {
    /// With the leading slash.
    pub name: String,
    /// `pkg/msg/Type`.
    #[serde(rename = "type")]
    pub type_name: String,
}

impl Description {
    /// The file of a bag folder; `None` when the bag is a single file or the folder has none.
    pub fn beside(bag: &Path) -> Option<Result<Self, String>> {
        let path = bag.join("metadata.yaml");
        let length = std::fs::metadata(&path).ok()?.len();
        if length > SIZE_LIMIT {
            return Some(Err(format!("{length} bytes long, the limit is {SIZE_LIMIT}")));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        Some(text.and_then(|text| {
            let whole: Whole = outrider_runtime::config::parse_unchecked(&path.display().to_string(), &text)
                .map_err(|e| e.to_string())?;
            Ok(whole.rosbag2_bagfile_information)
        }))
    }
}
