//! `metadata.yaml` of a rosbag2 folder, version 9 (Jazzy): written by hand because its layout is fixed and small.

use std::fmt::Write;

/// One topic of the bag.
#[derive(Clone, Debug)]
pub(crate) struct TopicSummary {
    pub topic: String,
    pub type_name: String,
    pub qos_yaml: String,
    pub type_hash: String,
    pub messages: u64,
}

/// One file of the bag.
#[derive(Clone, Debug)]
pub(crate) struct FileSummary {
    pub name: String,
    pub start_ns: u64,
    pub end_ns: u64,
    pub messages: u64,
}

/// All that the file says.
#[derive(Clone, Debug)]
pub(crate) struct BagSummary<'a> {
    pub files: &'a [FileSummary],
    pub ros_distro: &'a str,
    pub topics: &'a [TopicSummary],
}

/// A JSON string is a YAML double-quoted one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A block list two levels below the key, or an empty one beside it.
fn indented_list(yaml: &str, indent: &str) -> String {
    if yaml.trim().is_empty() || yaml.trim() == "[]" {
        return " []".into();
    }
    yaml.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("\n{indent}{line}")).collect()
}

pub(crate) fn render(summary: &BagSummary<'_>) -> String {
    let total: u64 = summary.topics.iter().map(|t| t.messages).sum();
    let filled = || summary.files.iter().filter(|f| f.messages > 0);
    let start_ns = filled().map(|f| f.start_ns).min().unwrap_or(0);
    let duration_ns = filled().map(|f| f.end_ns).max().unwrap_or(0).saturating_sub(start_ns);
    let mut out = format!(
        "rosbag2_bagfile_information:\n  version: 9\n  storage_identifier: mcap\n  duration:\n    \
         nanoseconds: {duration_ns}\n  starting_time:\n    nanoseconds_since_epoch: {start_ns}\n  \
         message_count: {total}\n"
    );
    out.push_str("  topics_with_message_count:");
    if summary.topics.is_empty() {
        out.push_str(" []");
    }
    for topic in summary.topics {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n    - topic_metadata:\n        name: {name}\n        type: {type_name}\n        \
             serialization_format: cdr\n        offered_qos_profiles:{qos}\n        \
             type_description_hash: {hash}\n      message_count: {messages}",
            name = quoted(&topic.topic),
            type_name = quoted(&topic.type_name),
            qos = indented_list(&topic.qos_yaml, "          "),
            hash = quoted(&topic.type_hash),
            messages = topic.messages,
        );
    }
    out.push_str("\n  compression_format: \"\"\n  compression_mode: \"\"\n  relative_file_paths:");
    if summary.files.is_empty() {
        out.push_str(" []");
    }
    for file in summary.files {
        let _ = write!(out, "\n    - {}", quoted(&file.name));
    }
    out.push_str("\n  files:");
    if summary.files.is_empty() {
        out.push_str(" []");
    }
    for file in summary.files {
        let _ = write!(
            out,
            "\n    - path: {name}\n      starting_time:\n        nanoseconds_since_epoch: {start}\n      \
             duration:\n        nanoseconds: {duration}\n      message_count: {messages}",
            name = quoted(&file.name),
            start = file.start_ns,
            duration = file.end_ns.saturating_sub(file.start_ns),
            messages = file.messages,
        );
    }
    let _ = write!(out, "\n  custom_data: ~\n  ros_distro: {}\n", quoted(summary.ros_distro));
    out
}
