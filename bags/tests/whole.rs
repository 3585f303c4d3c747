//! What belongs to a bag beside the messages of its files: that they are all there, and in which order they were taken.

use crate::common::{options, write};
use outrider_bags::{
    BagReader, BagWriter, Compression, Order, Verified, WriterOptions, compressions, recover, verify_file,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn damage(bag: &Path) -> Vec<String> {
    BagReader::open(bag).unwrap().damage().map(ToString::to_string).collect()
}

/// A folder whose `metadata.yaml` lists a second file.
fn split_bag(dir: &Path) -> PathBuf {
    let bag = dir.join("run");
    write(BagWriter::create_folder(&bag, &WriterOptions::default()).unwrap(), 30, 100);
    fs::copy(bag.join("run_0.mcap"), bag.join("run_1.mcap")).unwrap();
    let yaml = fs::read_to_string(bag.join("metadata.yaml")).unwrap();
    let both = yaml
        .replacen("    - \"run_0.mcap\"\n", "    - \"run_0.mcap\"\n    - \"run_1.mcap\"\n", 1)
        .replace("message_count: 30", "message_count: 60");
    let of_topic = |yaml: String, (from, to): (u32, u32)| {
        yaml.replace(&format!("message_count: {from}\n"), &format!("message_count: {to}\n"))
    };
    let counts = BagReader::open(bag.join("run_0.mcap")).unwrap();
    let counts: BTreeSet<u64> = counts.channels().iter().map(|c| c.message_count).collect();
    let both = counts.iter().rev().fold(both, |yaml, n| of_topic(yaml, (*n as u32, 2 * *n as u32)));
    fs::write(bag.join("metadata.yaml"), both).unwrap();
    bag
}

#[test]
fn a_file_that_is_missing_or_cannot_be_opened_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let bag = split_bag(dir.path());
    assert_eq!(damage(&bag), Vec::<String>::new());
    let second = bag.join("run_1.mcap");
    for (bytes, wanted) in [
        (&b""[..], "0 bytes are too short for an MCAP file"),
        (b"short", "5 bytes are too short for an MCAP file"),
        (b"no MCAP file at all", "does not begin as an MCAP file does"),
    ] {
        fs::write(&second, bytes).unwrap();
        let told = damage(&bag);
        assert_eq!(told[0], format!("{}: {wanted}", second.display()));
        assert!(told[1].ends_with("metadata.yaml: it tells 60 messages, the files have 30"), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
        let reader = BagReader::open(&bag).unwrap();
        assert_eq!((reader.unread_files().len(), reader.warnings()), (1, &[][..]));
    }
    fs::remove_file(&second).unwrap();
    let told = damage(&bag);
    assert!(told[0].ends_with("metadata.yaml: it lists run_1.mcap, which is not there"), "{told:?}");
    // Without a description nobody knows of it.
    fs::remove_file(bag.join("metadata.yaml")).unwrap();
    assert_eq!(damage(&bag), Vec::<String>::new());
    assert!(
        BagReader::open(&bag).unwrap().warnings()[0].contains("not there; the files are read without it")
    );
}

#[test]
fn counts_that_are_not_those_of_the_description_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    write(BagWriter::create_folder(&bag, &WriterOptions::default()).unwrap(), 30, 100);
    let yaml = bag.join("metadata.yaml");
    let text = fs::read_to_string(&yaml).unwrap();
    fs::write(&yaml, text.replacen("message_count: 30", "message_count: 31", 1)).unwrap();
    assert!(damage(&bag)[0].ends_with("metadata.yaml: it tells 31 messages, the files have 30"));
    fs::write(&yaml, text.replace("name: \"/a\"", "name: \"/other\"")).unwrap();
    let told = damage(&bag);
    assert!(told[0].contains("messages of /other, which is not in the files"), "{told:?}");
    assert!(told[1].contains("it tells no message of /a"), "{told:?}");
}

#[test]
fn a_topic_with_two_definitions_keeps_both() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("x");
    fs::create_dir(&bag).unwrap();
    for (i, definition) in ["uint32 n", "uint8 pad\nuint32 n"].into_iter().enumerate() {
        let path = bag.join(format!("x_{i}.mcap"));
        let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
        let id = writer.add_channel("/a", "a_msgs/msg/A", definition, "").unwrap();
        writer.write(id, i as u32, i as u64, 0, &[0, 1, 0, 0, 7, 0, 0, 0]).unwrap();
        writer.finish().unwrap();
    }
    let of = |path: &Path| -> Vec<(u32, String)> {
        let reader = BagReader::open(path).unwrap();
        let messages = reader.messages(Order::File).map(Result::unwrap);
        messages.map(|m| (m.sequence, reader.channel(m.channel).unwrap().definition.clone())).collect()
    };
    let wanted = vec![(0, "uint32 n".to_owned()), (1, "uint8 pad\nuint32 n".to_owned())];
    assert_eq!(of(&bag), wanted);
    let whole = dir.path().join("whole.mcap");
    recover(&bag, &whole, &WriterOptions::default()).unwrap();
    assert_eq!(of(&whole), wanted);
}

fn findings(path: &Path) -> (u64, Vec<String>) {
    let mut found = Vec::new();
    let facts = verify_file(path, &mut |told| {
        if let Verified::Finding(f) = told {
            found.push(format!("{} {}", f.offset, f.reason));
        }
    });
    (facts.unwrap().messages, found)
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

#[test]
fn a_file_that_names_groups_without_a_record_is_sound() {
    let (messages, found) = findings(&golden("foreign.mcap"));
    assert!(messages > 0);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_packed_file_is_verified() {
    let packed = golden("packed/packed.mcap.zstd");
    assert_eq!(findings(&packed), (50, vec![]));
    assert_eq!(compressions(&BagReader::open(&packed).unwrap()).len(), 1);
    // One that ends early inside is told, with what came out of it.
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("x.mcap.zstd");
    let bytes = fs::read(&packed).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 20]).unwrap();
    let (_, found) = findings(&cut);
    assert!(found.iter().any(|f| f.contains("zstd: ")), "{found:?}");
}

/// A file by a writer that is not ours, with chunks of one message each at these log times.
fn foreign(path: &Path, times_s: &[u64]) {
    let file = fs::File::create(path).unwrap();
    let options = mcap::WriteOptions::new().profile("ros2").chunk_size(Some(1)).compression(None);
    let mut writer = options.create(file).unwrap();
    let schema = writer.add_schema("std_msgs/msg/Bool", "ros2msg", b"bool data").unwrap();
    let channel_id = writer.add_channel(schema, "/a", "cdr", &BTreeMap::new()).unwrap();
    for (i, s) in times_s.iter().enumerate() {
        let log_time = s * 1_000_000_000;
        let sequence = i as u32;
        let header = mcap::records::MessageHeader { channel_id, sequence, log_time, publish_time: log_time };
        writer.write_to_known_channel(&header, &[0, 1, 0, 0, 1]).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn the_order_of_taking_is_that_of_the_file_of_one_recorder() {
    let dir = tempfile::tempdir().unwrap();
    let order = |path: &Path| BagReader::open(path).unwrap().taking_order();
    let own = dir.path().join("own");
    write(BagWriter::create_folder(&own, &options(Compression::None, 4096)).unwrap(), 30, 100);
    assert_eq!(order(&own), Order::File);
    fs::copy(own.join("own_0.mcap"), own.join("own_1.mcap")).unwrap();
    assert_eq!(order(&own), Order::File);
    fs::rename(own.join("own_1.mcap"), own.join("other_1.mcap")).unwrap();
    assert_eq!(order(&own), Order::LogTime, "two recorders");
    let other = dir.path().join("x.mcap");
    foreign(&other, &[20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
    assert_eq!(order(&other), Order::File);
    foreign(&other, &[20, 21, 22, 23, 24, 5, 6, 7, 8, 9]);
    assert_eq!(order(&other), Order::File, "the clock was set once");
    foreign(&other, &[20, 22, 24, 10, 12, 14, 1, 3, 5, 7]);
    assert_eq!(order(&other), Order::LogTime, "grouped");
    foreign(&other, &[20, 10, 11]);
    assert_eq!(order(&other), Order::LogTime, "too few to tell");
}

/// A file by our own writer, with chunks of one message each at these log times.
fn ours(path: &Path, topic: &str, times_s: &[u64]) {
    let _ = fs::remove_file(path);
    let mut writer = BagWriter::create(path, &options(Compression::None, 4096)).unwrap();
    let id = writer.add_channel(topic, "std_msgs/msg/Bool", "bool data", "").unwrap();
    for s in times_s {
        writer.write(id, *s as u32, s * 1_000_000_000, 0, &[0, 1, 0, 0, 1]).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_file_that_bears_our_name_may_be_a_copy_of_what_was_not_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let order = |times_s: &[u64]| {
        ours(&path, "/a", times_s);
        BagReader::open(&path).unwrap().taking_order()
    };
    assert_eq!(order(&[20, 21, 22, 23, 24, 5, 6, 7, 8, 9]), Order::File, "the clock was set once");
    assert_eq!(order(&[20, 22, 24, 10, 12, 14, 1, 3, 5, 7]), Order::LogTime);
    assert_eq!(order(&[20, 10, 11]), Order::File);
}

#[test]
fn what_two_recorders_took_is_recovered_in_the_order_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("both");
    fs::create_dir(&bag).unwrap();
    ours(&bag.join("one_0.mcap"), "/a", &[1, 3, 5, 7, 9]);
    ours(&bag.join("two_0.mcap"), "/b", &[2, 4, 6, 8, 10]);
    let whole = dir.path().join("whole.mcap");
    recover(&bag, &whole, &WriterOptions::default()).unwrap();
    let reader = BagReader::open(&whole).unwrap();
    let sequences: Vec<u32> = reader.messages(Order::File).map(|m| m.unwrap().sequence).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<u32>>());
}

#[test]
fn files_that_were_recorded_at_the_same_time_are_of_two_recorders() {
    let dir = tempfile::tempdir().unwrap();
    let order = |files: [(&str, &[u64]); 2]| {
        let bag = dir.path().join("bag");
        let _ = fs::remove_dir_all(&bag);
        fs::create_dir(&bag).unwrap();
        files.iter().for_each(|(name, times_s)| ours(&bag.join(name), "/a", times_s));
        BagReader::open(&bag).unwrap().taking_order()
    };
    assert_eq!(order([("pc_1.mcap", &[1, 10]), ("pc_2.mcap", &[2, 9])]), Order::LogTime);
    assert_eq!(order([("pc.mcap", &[1, 10]), ("pc_1.mcap", &[2, 9])]), Order::LogTime);
    // Files that follow one another, the first ones of which are gone.
    assert_eq!(order([("pc_1.mcap", &[1, 10]), ("pc_2.mcap", &[9, 19])]), Order::File);
    // The clock was set back at the split.
    assert_eq!(order([("pc_0.mcap", &[1, 10]), ("pc_1.mcap", &[2, 9])]), Order::File);
}
