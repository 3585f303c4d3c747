//! What must hold for any bytes. The libFuzzer targets beside this and `bags/examples/fuzz_minute.rs` use it.

use outrider_bags::{BagError, BagReader, Order, WriterOptions, recover};
use std::fs;
use std::path::Path;

/// More messages than this are not read: a small input cannot hold them.
const MESSAGE_LIMIT: usize = 1_000_000;

/// Any bytes as a bag, in a scratch folder: nothing panics, what is read fits the counts, what is recovered is whole.
pub fn reader(bytes: &[u8], scratch: &Path) {
    let path = scratch.join("any.mcap");
    fs::write(&path, bytes).expect("the scratch folder can be written");
    let reader = match BagReader::open(&path) {
        Ok(reader) => reader,
        Err(BagError::NotABag { .. } | BagError::Damaged(_) | BagError::TooLarge { .. }) => return,
        Err(other) => panic!("a file that is there: {other}"),
    };
    let (mut good, mut lost) = (0usize, 0usize);
    for item in reader.messages(Order::File).take(MESSAGE_LIMIT) {
        match item {
            Ok(message) => {
                assert!(reader.channel(message.channel).is_some(), "a message of no channel");
                good += 1;
            }
            Err(_) => lost += 1,
        }
    }
    assert!(good < MESSAGE_LIMIT, "{good} messages out of {} bytes", bytes.len());
    if reader.recovered() {
        assert!(reader.damage().next().is_some(), "recovered without a word");
        assert_eq!(lost, 0, "what a walk found is read without another error");
        assert_eq!(reader.message_count(), good as u64, "the walk and the reading count alike");
    }
    let by_time: Vec<u64> = reader.messages(Order::LogTime).flatten().map(|m| m.log_time_ns).collect();
    assert_eq!(by_time.len(), good, "both orders give the same messages");
    assert!(by_time.is_sorted() || !reader.recovered(), "by time");
    let whole = scratch.join("whole.mcap");
    let _ = fs::remove_file(&whole);
    let done = recover(&path, &whole, &WriterOptions::default()).expect("any bag can be recovered");
    assert_eq!(done.messages + done.left_out, good as u64, "recovered, or told to be left out");
    let again = BagReader::open(&whole).expect("what was recovered is a bag");
    assert!(!again.recovered() && again.damage().next().is_none(), "what was recovered is whole");
    assert_eq!(again.message_count(), done.messages);
}

/// The name of a type, a line break, then any bytes as its CDR: nothing panics, and what is decoded survives encoding.
/// A name that is none chooses a type too.
pub fn cdr(bytes: &[u8]) {
    let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(0);
    let (name, bytes) = bytes.split_at(end);
    let bytes = bytes.get(1..).unwrap_or_default();
    let catalogue = outrider_msgs::CATALOGUE;
    let known = catalogue.iter().position(|(n, _)| n.as_bytes() == name);
    let sum: usize = name.iter().map(|b| *b as usize).sum();
    let choice = known.unwrap_or(sum % catalogue.len());
    let mut index = 0usize;
    macro_rules! check {
        ($package:ident, $name:ident) => {{
            if index == choice {
                check_type::<outrider_msgs::$package::$name>(bytes);
            }
            index += 1;
        }};
    }
    outrider_msgs::for_each_message!(check);
    assert_eq!(index, catalogue.len(), "every choice is a type");
}

fn check_type<T: outrider_msgs::Message>(bytes: &[u8]) {
    let Ok(message) = outrider_msgs::decode::<T>(bytes) else { return };
    let encoded = outrider_msgs::encode(&message).expect("what was decoded can be encoded");
    let again: T = outrider_msgs::decode(&encoded).expect("what was encoded can be decoded");
    let twice = outrider_msgs::encode(&again).expect("once more");
    assert_eq!(encoded, twice, "{}: bytes change on a second trip", T::TYPE_NAME);
    // An empty string without its final zero is taken, and gets one: that, and padding, is all that is added.
    let limit = 3 * bytes.len() + 16;
    assert!(encoded.len() <= limit, "{}: {} bytes out of {}", T::TYPE_NAME, encoded.len(), bytes.len());
}
