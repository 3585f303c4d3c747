//! Reading a folder's `metadata.yaml`, of any version, only to see whether it tells of the same bag as its files.

use crate::reader::BagReader;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The most disagreements that are told.
const WARNING_LIMIT: usize = 5;

#[derive(Debug, Deserialize)]
struct Document {
    rosbag2_bagfile_information: Information,
}

#[derive(Debug, Deserialize)]
struct Information {
    #[serde(default)]
    storage_identifier: String,
    #[serde(default)]
    message_count: u64,
    #[serde(default)]
    topics_with_message_count: Vec<TopicCount>,
    #[serde(default)]
    relative_file_paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct TopicCount {
    topic_metadata: Topic,
    message_count: u64,
}

#[derive(Debug, Deserialize)]
struct Topic {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
}

/// Where `text` and the files disagree, one sentence each: what is only odd, and what tells that messages are not there.
pub(crate) fn compare(text: &str, reader: &BagReader) -> (Vec<String>, Vec<String>) {
    let told = match outrider_yaml::from_str::<Document>(text) {
        Ok(document) => document.rosbag2_bagfile_information,
        Err(cause) => {
            let cause: String = cause.to_string().replace('\n', " ").chars().take(200).collect();
            return (vec![format!("metadata.yaml cannot be read, the files are: {cause}")], Vec::new());
        }
    };
    let (mut notes, mut absent) = (Vec::new(), Vec::new());
    if !matches!(told.storage_identifier.as_str(), "mcap" | "") {
        notes.push(format!("metadata.yaml says storage `{}`, the files are MCAP", told.storage_identifier));
    }
    compare_files(&told, reader, &mut notes, &mut absent);
    // Where files are missing, so are their messages, of every topic that was in them.
    let whole = absent.is_empty() && reader.unread_files().is_empty();
    if told.message_count != reader.message_count() {
        let (told, read) = (told.message_count, reader.message_count());
        absent.push(format!("it tells {told} messages, the files have {read}"));
    }
    if whole {
        compare_topics(&told, reader, &mut notes, &mut absent);
    }
    for found in [&mut notes, &mut absent] {
        if let Some(more) = found.len().checked_sub(WARNING_LIMIT).filter(|more| *more > 0) {
            found.truncate(WARNING_LIMIT);
            found.push(format!("metadata.yaml disagrees with the files in {more} more places"));
        }
    }
    (notes, absent)
}

fn compare_files(told: &Information, reader: &BagReader, notes: &mut Vec<String>, absent: &mut Vec<String>) {
    let last = |p: &str| p.rsplit('/').next().unwrap_or(p).trim_end_matches(".zstd").to_owned();
    let name = |p: &Path| p.file_name().map(|n| last(&n.to_string_lossy()));
    let read: Vec<String> = reader.files().filter_map(name).collect();
    // That these cannot be opened is told of them.
    let unread: Vec<String> = reader.unread_files().iter().filter_map(|d| name(&d.path)).collect();
    let listed: Vec<String> = told.relative_file_paths.iter().map(|p| last(p)).collect();
    for file in listed.iter().filter(|f| !read.contains(f) && !unread.contains(f)) {
        absent.push(format!("it lists {file}, which is not there"));
    }
    for file in read.iter().filter(|f| !listed.contains(f)) {
        notes.push(format!("{file} is there but not listed in metadata.yaml; it is read"));
    }
}

fn compare_topics(told: &Information, reader: &BagReader, notes: &mut Vec<String>, absent: &mut Vec<String>) {
    let mut topics: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    for channel in reader.channels() {
        let entry = topics.entry(&channel.topic).or_insert((&channel.type_name, 0));
        entry.1 = entry.1.saturating_add(channel.message_count);
    }
    for told in &told.topics_with_message_count {
        let (topic, type_name) = (told.topic_metadata.name.as_str(), told.topic_metadata.type_name.as_str());
        match topics.remove(topic) {
            None if told.message_count == 0 => {}
            None => absent.push(format!(
                "it tells {} messages of {topic}, which is not in the files",
                told.message_count
            )),
            Some((read, _)) if read != type_name => {
                notes.push(format!("metadata.yaml says {topic} is {type_name}, the files say {read}"));
            }
            Some((_, read)) if read != told.message_count => {
                let told = told.message_count;
                absent.push(format!("it tells {told} messages of {topic}, the files have {read}"));
            }
            Some(_) => {}
        }
    }
    for (topic, (_, read)) in topics {
        match read {
            0 => notes.push(format!("{topic} is in the files but not in metadata.yaml")),
            _ => absent.push(format!("it tells no message of {topic}, the files have {read}")),
        }
    }
}
