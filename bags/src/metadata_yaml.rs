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

/// All that the file says.
#[derive(Clone, Debug)]
pub(crate) struct BagSummary<'a> {
    pub file_name: &'a str,
    pub ros_distro: &'a str,
    pub start_ns: u64,
    pub end_ns: u64,
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
    let duration_ns = summary.end_ns.saturating_sub(summary.start_ns);
    let file = quoted(summary.file_name);
    let start_ns = summary.start_ns;
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
    let _ = write!(
        out,
        "\n  compression_format: \"\"\n  compression_mode: \"\"\n  relative_file_paths:\n    - {file}\n  files:\n    \
         - path: {file}\n      starting_time:\n        nanoseconds_since_epoch: {start_ns}\n      duration:\n        \
         nanoseconds: {duration_ns}\n      message_count: {total}\n  custom_data: ~\n  ros_distro: {distro}\n",
        distro = quoted(summary.ros_distro),
    );
    out
}
