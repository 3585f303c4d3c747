//! Making a whole bag of what can be read of a damaged one.

use crate::error::BagError;
use crate::reader::BagReader;
use crate::writer::{BagWriter, ChannelId, WriterOptions};
use std::collections::BTreeMap;
use std::path::Path;

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Messages written.
    pub messages: u64,
    /// Messages that a ROS 2 bag cannot hold: not CDR, without a ros2msg schema, of a topic or type that is no name, too long.
    pub left_out: u64,
    /// What could not be read, one sentence each.
    pub damage: Vec<String>,
}

/// Copies every message that can be read from `src` to a new bag `dst`: a file when its name ends in `.mcap`, else a folder.
///
/// What comes back:
/// - of a file that ends at any byte, as a kill or a power loss leaves it: every message whose record is complete. Of a
///   compressed chunk that is cut these are the records in its whole compressed blocks (zstd: of up to 128 KiB each);
///   what [`BagWriter::flush`] closed is in whole chunks. Zeros up to the end count as not there;
/// - of a file with damage inside: every chunk whose CRC is right, also when the lengths, the opcode or the index that
///   lead to it are broken. A chunk with a wrong CRC is left out as a whole, for nobody can tell which of its messages
///   is wrong; so no message is taken that is not as it was written. The last chunk of a file that is cut has no CRC
///   that could be checked: its messages are taken, and it is told;
/// - of a folder: all of that, in the order in which it was taken ([`BagReader::taking_order`]).
///
/// Every loss is in [`Recovery::damage`].
///
/// # Errors
/// When `src` is no bag at all, or `dst` exists or cannot be written. Damage in `src` is reported, not an error.
pub fn recover(
    src: impl AsRef<Path>,
    dst: impl AsRef<Path>,
    options: &WriterOptions,
) -> Result<Recovery, BagError> {
    let reader = BagReader::open(src)?;
    let dst = dst.as_ref();
    let mut writer = if dst.extension().is_some_and(|e| e == "mcap") {
        BagWriter::create(dst, options)?
    } else {
        BagWriter::create_folder(dst, options)?
    };
    let mut result = Recovery::default();
    result.damage.extend(reader.warnings().iter().cloned());
    result.damage.extend(reader.damage().map(ToString::to_string));
    let attachments = reader.attachments().count();
    if attachments > 0 {
        result
            .damage
            .push(format!("{attachments} attachments are left out: only messages and metadata are copied"));
    }
    for metadata in reader.metadata() {
        writer.write_metadata(&metadata.name, metadata.entries.clone())?;
    }
    let mut ids: BTreeMap<usize, ChannelId> = BTreeMap::new();
    for (index, channel) in reader.channels().iter().enumerate() {
        if let Some(reason) = channel.foreign() {
            result.damage.push(reason);
        } else {
            let (topic, type_name) = (&channel.topic, &channel.type_name);
            let definition = channel.definition().unwrap_or_default();
            match writer.add_channel_with(topic, type_name, definition, &channel.metadata) {
                Ok(id) => drop(ids.insert(index, id)),
                Err(refused) => tolerate(refused, &mut result)?,
            }
        }
    }
    for message in reader.messages(reader.taking_order()) {
        match message {
            Ok(m) => match ids.get(&m.channel) {
                Some(id) => match writer.write(*id, m.sequence, m.log_time_ns, m.publish_time_ns, &m.data) {
                    Ok(()) => result.messages = result.messages.saturating_add(1),
                    Err(refused) => {
                        tolerate(refused, &mut result)?;
                        result.left_out = result.left_out.saturating_add(1);
                    }
                },
                None => result.left_out = result.left_out.saturating_add(1),
            },
            Err(error) => note(&error, &mut result),
        }
    }
    writer.finish()?;
    Ok(result)
}

/// What the source holds may be refused: that is damage. That the new bag cannot be written is not.
fn tolerate(error: BagError, result: &mut Recovery) -> Result<(), BagError> {
    match error {
        BagError::Invalid { .. } | BagError::TooLarge { .. } => {
            note(&error, result);
            Ok(())
        }
        other => Err(other),
    }
}

fn note(error: &BagError, result: &mut Recovery) {
    if result.damage.len() < crate::DAMAGE_LIMIT {
        result.damage.push(error.to_string());
    }
}
