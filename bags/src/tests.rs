//! Round trips, truncation at every kind of place, flipped bits, and claims of sizes that are not there.

use crate::framing::op;
use crate::pipeline_tests::foreign_check;
use crate::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// As rosbag2 writes it; shortened.
const QOS: &str = "- history: keep_last
  depth: 10
  reliability: reliable
  durability: volatile
  deadline:
    sec: 9223372036
    nsec: 854775807
";

/// A message as it was written: topic index, sequence, log time, data.
type Written = (usize, u32, u64, Vec<u8>);

fn payload(i: u32) -> Vec<u8> {
    // Compresses neither to nothing nor not at all.
    (0..(100 + i % 700)).map(|k| (k.wrapping_mul(k ^ i) >> 3) as u8).collect()
}

/// Writes `count` messages over two topics; returns them, and (file length, messages) after every flush.
fn write_bag(mut writer: BagWriter, count: u32) -> (Vec<Written>, Vec<(u64, usize)>) {
    let ids = [
        writer.add_channel("/a", "std_msgs/msg/String", "string data", QOS).unwrap(),
        writer.add_channel("/b", "std_msgs/msg/Bool", "bool data", "").unwrap(),
    ];
    let (mut written, mut flushed) = (Vec::new(), Vec::new());
    for i in 0..count {
        let topic = (i % 3 == 0) as usize;
        let time = 1_000_000 + u64::from(i) * 1000;
        writer.write(ids[topic], i, time, time - 1, &payload(i)).unwrap();
        written.push((topic, i, time, payload(i)));
        if i % 40 == 39 {
            writer.flush().unwrap();
            flushed.push((fs::metadata(writer.path()).unwrap().len(), written.len()));
        }
    }
    writer.write_metadata("run", BTreeMap::from([("seed".into(), "7".into())])).unwrap();
    writer.finish().unwrap();
    (written, flushed)
}

fn small_chunks(compression: Compression) -> WriterOptions {
    WriterOptions { compression, chunk_bytes: 4096, ..WriterOptions::default() }
}

/// What a reader gives, in the form of what was written, and its errors.
fn read_all(reader: &BagReader, order: Order) -> (Vec<Written>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for item in reader.messages(order) {
        match item {
            Ok(m) => {
                let topic = (reader.channel(m.channel).unwrap().topic == "/b") as usize;
                good.push((topic, m.sequence, m.log_time_ns, m.data));
            }
            Err(e) => bad.push(e.to_string()),
        }
    }
    (good, bad)
}

fn example(dir: &Path, compression: Compression) -> (PathBuf, Vec<Written>, Vec<(u64, usize)>) {
    let path = dir.join("x.mcap");
    let (written, flushed) = write_bag(BagWriter::create(&path, &small_chunks(compression)).unwrap(), 400);
    (path, written, flushed)
}

#[test]
fn what_was_written_comes_back() {
    for compression in [Compression::None, Compression::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let (path, written, _) = example(dir.path(), compression);
        let (messages, chunks) = foreign_check(&path);
        assert!(messages == 400 && chunks > 30, "{chunks}");
        let reader = BagReader::open(&path).unwrap();
        assert!(!reader.recovered());
        assert_eq!(reader.damage().count(), 0);
        for order in [Order::File, Order::LogTime] {
            assert_eq!(read_all(&reader, order), (written.clone(), vec![]));
        }
        let a = reader.channels().iter().find(|c| c.topic == "/a").unwrap();
        assert_eq!((a.type_name.as_str(), a.definition.as_str()), ("std_msgs/msg/String", "string data"));
        assert_eq!((a.message_encoding.as_str(), a.schema_encoding.as_str()), ("cdr", "ros2msg"));
        assert_eq!(a.metadata["offered_qos_profiles"], QOS);
        assert_eq!((reader.message_count(), a.message_count), (400, 266));
        assert_eq!(reader.bounds_ns(), Some((1_000_000, 1_399_000)));
        let metadata: Vec<_> = reader.metadata().collect();
        assert_eq!((metadata.len(), metadata[0].name.as_str()), (1, "run"));
        assert_eq!(metadata[0].entries["seed"], "7");
    }
}

/// Runs of both topics, so that most chunks have one of them only; the places of the chunks, and of which topics they are.
fn in_turns(path: &Path, compression: Compression) -> Vec<(usize, Vec<u16>)> {
    let mut writer = BagWriter::create(path, &small_chunks(compression)).unwrap();
    let ids = ["/a", "/b"].map(|t| writer.add_channel(t, "std_msgs/msg/Bool", "bool data", "").unwrap());
    for i in 0..1000_u32 {
        writer.write(ids[i as usize / 250 % 2], i, u64::from(i), 0, &payload(i)).unwrap();
    }
    writer.finish().unwrap();
    let bytes = fs::read(path).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let topics = |c: &mcap::records::ChunkIndex| c.message_index_offsets.keys().copied().collect();
    summary.chunk_indexes.iter().map(|c| (c.chunk_start_offset as usize, topics(c))).collect()
}

#[test]
fn chunks_without_a_wanted_topic_are_not_read() {
    for compression in [Compression::None, Compression::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let chunks = in_turns(&path, compression);
        let reader = BagReader::open(&path).unwrap();
        let of = |reader: &BagReader, topic: &str, order| {
            let items: Vec<_> = reader.messages_of(order, |c| c.topic == topic).collect();
            let errors = items.iter().filter(|i| i.is_err()).count();
            (items.into_iter().flatten().map(|m| m.sequence).collect::<Vec<_>>(), errors)
        };
        let turn = |topic| (0..1000).filter(|i| i / 250 % 2 == topic).collect::<Vec<_>>();
        for order in [Order::File, Order::LogTime] {
            assert_eq!(of(&reader, "/a", order), (turn(0), 0));
            assert_eq!(of(&reader, "/b", order), (turn(1), 0));
            assert_eq!(of(&reader, "/c", order), (vec![], 0));
        }
        let only = |id: u16| chunks.iter().find(|(_, topics)| *topics == [id]).unwrap().0;
        let first = chunks[0].1[0];
        let mut bytes = fs::read(&path).unwrap();
        bytes[only(first) + 100] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let reader = BagReader::open(&path).unwrap();
        let (lost, errors) = of(&reader, "/a", Order::LogTime);
        assert!(lost.len() < 500 && errors == 1, "a chunk of /a is broken");
        assert_eq!(of(&reader, "/b", Order::LogTime), (turn(1), 0), "and is not read for /b");
        // Without the summary's CRC nobody vouches for the list of topics.
        let end = bytes.len() - 12;
        bytes[end..end + 4].fill(0);
        fs::write(&path, &bytes).unwrap();
        let reader = BagReader::open(&path).unwrap();
        assert_eq!(of(&reader, "/b", Order::LogTime), (turn(1), 1));
    }
}

#[test]
fn a_folder_has_the_metadata_that_rosbag2_wants() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let (written, _) = write_bag(BagWriter::create_folder(&bag, &WriterOptions::default()).unwrap(), 4);
    assert_eq!(read_all(&BagReader::open(&bag).unwrap(), Order::LogTime).0, written);
    let text = fs::read_to_string(bag.join("metadata.yaml")).unwrap();
    let expected = "rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration:
    nanoseconds: 3000
  starting_time:
    nanoseconds_since_epoch: 1000000
  message_count: 4
  topics_with_message_count:
    - topic_metadata:
        name: \"/a\"
        type: \"std_msgs/msg/String\"
        serialization_format: cdr
        offered_qos_profiles:
          - history: keep_last
            depth: 10
            reliability: reliable
            durability: volatile
            deadline:
              sec: 9223372036
              nsec: 854775807
        type_description_hash: \"\"
      message_count: 2
    - topic_metadata:
        name: \"/b\"
        type: \"std_msgs/msg/Bool\"
        serialization_format: cdr
        offered_qos_profiles: []
        type_description_hash: \"\"
      message_count: 2
  compression_format: \"\"
  compression_mode: \"\"
  relative_file_paths:
    - \"run_0.mcap\"
  files:
    - path: \"run_0.mcap\"
      starting_time:
        nanoseconds_since_epoch: 1000000
      duration:
        nanoseconds: 3000
      message_count: 4
  custom_data: ~
  ros_distro: \"jazzy\"
";
    assert_eq!(text, expected);
}

#[test]
fn a_truncated_file_reads_to_the_last_flush_and_beyond() {
    for compression in [Compression::None, Compression::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let (path, written, flushed) = example(dir.path(), compression);
        let whole = fs::read(&path).unwrap();
        let cut_path = dir.path().join("cut.mcap");
        let mut state = 0x2545_f491_4f6c_dd1du64;
        for round in 0..400 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let cut = match round {
                0 => whole.len() - 1,
                1 => 8,
                _ => 8 + (state >> 33) as usize % (whole.len() - 9),
            };
            fs::write(&cut_path, &whole[..cut]).unwrap();
            let reader = BagReader::open(&cut_path).unwrap();
            assert!(reader.recovered() && reader.damage().count() > 0, "cut at {cut}");
            let (good, bad) = read_all(&reader, Order::File);
            assert_eq!(bad, Vec::<String>::new(), "cut at {cut}: told on opening, not again on reading");
            let sure = flushed.iter().filter(|(length, _)| *length <= cut as u64).map(|(_, n)| *n).max();
            assert!(good.len() >= sure.unwrap_or(0), "cut at {cut}: {} of {sure:?}", good.len());
            assert_eq!(good, written[..good.len()], "cut at {cut}");
            assert_eq!(reader.message_count(), good.len() as u64);
        }
    }
}

#[test]
fn what_was_flushed_is_in_the_file_of_a_writer_that_never_finishes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
    let id = writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap();
    for i in 0..50u32 {
        writer.write(id, i, u64::from(i), u64::from(i), &payload(i)).unwrap();
        if i == 39 {
            writer.flush().unwrap();
        }
    }
    // What is there at this moment is what a kill would leave.
    let left = dir.path().join("left.mcap");
    fs::copy(&path, &left).unwrap();
    let (good, _) = read_all(&BagReader::open(&left).unwrap(), Order::File);
    assert!(good.len() >= 40, "{}", good.len());
    drop(writer);
    let reader = BagReader::open(&path).unwrap();
    assert!(
        !reader.recovered() && reader.message_count() == 50,
        "dropped: the summary is there all the same"
    );
}

#[test]
fn a_chunk_that_is_cut_gives_the_messages_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.mcap");
    let options = WriterOptions { compression: Compression::None, ..WriterOptions::default() };
    let (written, _) = write_bag(BagWriter::create(&path, &options).unwrap(), 30);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..4500]).unwrap();
    let (good, _) = read_all(&BagReader::open(&path).unwrap(), Order::LogTime);
    assert!(good.len() > 10 && good.len() < 30, "{}", good.len());
    assert_eq!(good, written[..good.len()]);
}

#[test]
fn one_flipped_bit_costs_at_most_one_chunk_and_never_alters_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let (path, written, _) = example(dir.path(), Compression::Zstd);
    let whole = fs::read(&path).unwrap();
    let flipped_path = dir.path().join("flipped.mcap");
    let (mut state, mut with_loss) = (88172645463325252u64, 0);
    for _ in 0..500 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let bit = 64 + (state >> 20) as usize % (whole.len() * 8 - 64);
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&flipped_path, &bytes).unwrap();
        let reader = BagReader::open(&flipped_path).unwrap();
        let (good, bad) = read_all(&reader, Order::File);
        let mut rest = written.iter();
        assert!(good.iter().all(|g| rest.any(|w| w == g)), "bit {bit}: a message was altered");
        assert!(written.len() - good.len() <= 40, "bit {bit}: {} messages lost", written.len() - good.len());
        if good.len() < written.len() {
            with_loss += 1;
            assert!(!bad.is_empty() || reader.damage().count() > 0, "bit {bit}: loss without a word");
        }
    }
    assert!(with_loss > 100, "the test must hit chunks: {with_loss}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_garbage_makes_it_panic(
        cut in 8usize..20_000,
        edits in proptest::collection::vec((0usize..20_000, any::<u8>()), 0..20),
        tail in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, _, _) = example(dir.path(), Compression::None);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(cut);
        for (at, value) in edits {
            if let Some(byte) = bytes.get_mut(at.max(8)) { *byte = value; }
        }
        bytes.extend(tail);
        fs::write(&path, &bytes).unwrap();
        let reader = BagReader::open(&path).unwrap();
        let _ = read_all(&reader, Order::LogTime);
        let _ = recover(&path, dir.path().join("new"), &WriterOptions::default()).unwrap();
    }

    #[test]
    fn log_time_order_is_stable_across_chunks(times in proptest::collection::vec(0u64..50, 1..200)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mcap");
        let options = WriterOptions { chunk_bytes: 200, ..WriterOptions::default() };
        let mut writer = BagWriter::create(&path, &options).unwrap();
        let id = writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap();
        for (i, t) in times.iter().enumerate() {
            writer.write(id, i as u32, *t, *t, &[0; 40]).unwrap();
        }
        writer.finish().unwrap();
        let mut expected: Vec<(u64, u32)> = times.iter().enumerate().map(|(i, t)| (*t, i as u32)).collect();
        expected.sort();
        let reader = BagReader::open(&path).unwrap();
        let got: Vec<_> =
            reader.messages(Order::LogTime).map(|m| m.map(|m| (m.log_time_ns, m.sequence)).unwrap()).collect();
        prop_assert_eq!(got, expected);
        // From anywhere: the same without what lies before, in either order.
        for from in [0, 1, 25, 49, 50] {
            for order in [Order::LogTime, Order::File] {
                let all = reader.messages(order).map(Result::unwrap);
                let rest: Vec<_> = reader.messages_from(order, from).map(Result::unwrap).collect();
                prop_assert_eq!(rest, all.filter(|m| m.log_time_ns >= from).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_the_summary_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let (written, _) = write_bag(BagWriter::create(&path, &WriterOptions::default()).unwrap(), 90);
    let whole = fs::read(&path).unwrap();
    let channels = BagReader::open(&path).unwrap().channels().to_vec();
    let footer = whole.len() - 28;
    let start = u64::from_le_bytes(whole[footer..footer + 8].try_into().unwrap()) as usize;
    assert!(whole.len() - start > 500);
    for at in start..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let reader = BagReader::open(&path).unwrap();
        assert_eq!(read_all(&reader, Order::File), (written.clone(), vec![]), "byte {at}");
        assert_eq!(reader.channels(), channels, "byte {at}");
    }
}

#[test]
fn recovery_leaves_out_what_a_bag_cannot_hold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let mut writer = mcap::Writer::new(fs::File::create(&path).unwrap()).unwrap();
    let mut schema = |encoding, text: &str| writer.add_schema("a/msg/B", encoding, text.as_bytes()).unwrap();
    let plain = schema("ros2msg", "bool data");
    let (idl, foreign) = (schema("ros2idl", "module a { };"), schema("jsonschema", "{}"));
    let channels = [
        (plain, "/good", "cdr"),
        (idl, "/idl", "cdr"),
        (foreign, "/foreign", "cdr"),
        (plain, "\u{14}bad", "cdr"),
        (plain, "/text", "json"),
    ];
    for (schema, topic, encoding) in channels {
        let id = writer.add_channel(schema, topic, encoding, &BTreeMap::new()).unwrap();
        let header =
            mcap::records::MessageHeader { channel_id: id, sequence: 1, log_time: 1, publish_time: 1 };
        writer.write_to_known_channel(&header, &[0, 1, 0, 0, 1]).unwrap();
    }
    writer.finish().unwrap();
    let new = dir.path().join("new.mcap");
    let result = recover(&path, &new, &WriterOptions::default()).unwrap();
    assert_eq!((result.messages, result.left_out), (2, 3));
    assert!(result.damage.iter().any(|d| d.starts_with("topic `")), "{:?}", result.damage);
    assert!(result.damage.iter().any(|d| d.contains("`jsonschema`, which ROS 2")), "{:?}", result.damage);
    let reader = BagReader::open(&new).unwrap();
    let schemas = reader.channels().iter().map(|c| (c.topic.as_str(), c.schema_encoding.as_str()));
    assert_eq!(schemas.collect::<Vec<_>>(), [("/good", "ros2msg"), ("/idl", "ros2idl")]);
}

/// A chunk record with any claims.
fn chunk(uncompressed: u64, compressed: u64, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for number in [0, u64::MAX, uncompressed] {
        body.extend(number.to_le_bytes());
    }
    body.extend([0; 8]); // no CRC, no compression
    body.extend(compressed.to_le_bytes());
    body.extend(data);
    record(op::CHUNK, body.len() as u64, &body)
}

fn record(opcode: u8, length: u64, body: &[u8]) -> Vec<u8> {
    [&[opcode][..], &length.to_le_bytes(), body].concat()
}

#[test]
fn claims_of_gigabytes_are_damage() {
    const CLAIM: u64 = 4 << 30;
    let string_claim = [&[1, 0][..], &0xffff_fff0u32.to_le_bytes(), b"abc"].concat();
    let cases = [
        record(op::CHUNK, CLAIM, &[0; 60]),
        record(op::MESSAGE, CLAIM, &[0; 60]),
        record(op::SCHEMA, u64::MAX, &[0; 60]),
        chunk(CLAIM, 40, &record(op::MESSAGE, CLAIM, &[0; 31])),
        chunk(CLAIM, CLAIM, &record(op::MESSAGE, u64::MAX, &[0; 31])),
        record(op::SCHEMA, string_claim.len() as u64, &string_claim),
        record(op::METADATA, string_claim.len() as u64, &string_claim),
        vec![0; 5000],
        vec![op::CHUNK],
    ];
    let dir = tempfile::tempdir().unwrap();
    for (i, case) in cases.iter().enumerate() {
        let path = dir.path().join(format!("{i}.mcap"));
        fs::write(&path, [&b"\x89MCAP0\r\n"[..], case].concat()).unwrap();
        let reader = BagReader::open(&path).unwrap();
        assert_eq!(reader.messages(Order::File).count(), 0, "case {i}");
        let damage: Vec<String> = reader.damage().map(ToString::to_string).collect();
        assert!(damage.len() >= 2 && damage[1].contains("at byte 8"), "case {i}: {damage:?}");
    }
}

#[test]
fn a_file_without_chunks_is_read_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let file = fs::File::create(&path).unwrap();
    let mut writer = mcap::WriteOptions::new().use_chunks(false).profile("ros2").create(file).unwrap();
    let schema = writer.add_schema("std_msgs/msg/Bool", "ros2msg", b"bool data").unwrap();
    let id = writer.add_channel(schema, "/b", "cdr", &BTreeMap::new()).unwrap();
    for i in 0..100u32 {
        let t = u64::from(i);
        let header =
            mcap::records::MessageHeader { channel_id: id, sequence: i, log_time: t, publish_time: t };
        writer.write_to_known_channel(&header, &payload(i)).unwrap();
    }
    writer.finish().unwrap();
    let reader = BagReader::open(&path).unwrap();
    let (good, bad) = read_all(&reader, Order::LogTime);
    assert_eq!((good.len(), bad.len()), (100, 0));
    assert!(good.iter().enumerate().all(|(i, g)| g.1 == i as u32 && g.3 == payload(i as u32)));
    assert_eq!(reader.files[0].segments.len(), 1, "a run of plain records is read at once");
}

#[test]
fn recovery_makes_a_whole_bag() {
    let dir = tempfile::tempdir().unwrap();
    let (path, written, _) = example(dir.path(), Compression::Zstd);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let before = read_all(&BagReader::open(&path).unwrap(), Order::File).0;
    let recovered = dir.path().join("whole");
    let result = recover(&path, &recovered, &WriterOptions::default()).unwrap();
    assert_eq!((result.messages, result.left_out), (before.len() as u64, 0));
    assert!(!result.damage.is_empty());
    let reader = BagReader::open(&recovered).unwrap();
    assert!(!reader.recovered());
    assert_eq!(read_all(&reader, Order::File).0, before);
    assert!(before.len() > 200 && before == written[..before.len()]);
    // A second one would overwrite the first.
    let again = recover(&path, &recovered, &WriterOptions::default()).unwrap_err().to_string();
    assert!(again.contains("whole_0.mcap: cannot create the file"), "{again}");
}

#[test]
fn the_files_of_a_folder_are_read_in_the_order_of_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    for number in [10u32, 2] {
        let path = dir.path().join(format!("x_{number}.mcap"));
        let mut writer = BagWriter::create(path, &WriterOptions::default()).unwrap();
        let id = writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap();
        writer.write(id, number, 5, 5, b"x").unwrap();
        writer.finish().unwrap();
    }
    let reader = BagReader::open(dir.path()).unwrap();
    assert_eq!((reader.channels().len(), reader.message_count()), (1, 2));
    let sequences: Vec<u32> = reader.messages(Order::LogTime).map(|m| m.unwrap().sequence).collect();
    assert_eq!(sequences, [2, 10]);
}

#[test]
fn what_rosbag2_would_not_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
    assert!(writer.add_channel("a", "std_msgs/msg/String", "", "").is_err());
    assert!(writer.add_channel("/a b", "std_msgs/msg/String", "", "").is_err());
    let error = writer.add_channel("/a", "String", "", "").unwrap_err().to_string();
    assert_eq!(error, "type `String` is refused: a type is named `package/msg/Type`");
    assert!(writer.add_channel("/a", "std_msgs/msg/String", "", "depth: 3").is_err());
    let id = writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap();
    assert_eq!(writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap(), id);
    assert_ne!(writer.add_channel("/a", "std_msgs/msg/String", "string data # other", "").unwrap(), id);
    let error = writer.write(ChannelId(2), 1, 1, 1, b"x").unwrap_err().to_string();
    assert_eq!(error, "channel `2` is refused: it is not one of this bag");
    let error = writer.write(id, 1, 1, 1, &vec![0; MESSAGE_LIMIT + 1]).unwrap_err().to_string();
    assert!(error.ends_with("x.mcap: a message is 67108865 bytes long, the limit is 67108864"), "{error}");
    assert!(BagWriter::create(&path, &WriterOptions::default()).is_err(), "an existing file is not touched");
}

#[test]
fn what_is_no_bag_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = |p: &Path| BagReader::open(p).unwrap_err().to_string();
    assert!(error(&dir.path().join("none")).contains("none: cannot open: "));
    assert!(error(dir.path()).ends_with("no .mcap file in this folder"));
    let text = dir.path().join("text.mcap");
    fs::write(&text, "hello, hello").unwrap();
    assert!(error(&text).ends_with("does not begin as an MCAP file does"));
}
