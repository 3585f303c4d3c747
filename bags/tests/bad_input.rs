//! Input that is no sound bag gets an error, or a finding, that names the file, the byte and what is wrong there.

use crate::common::{options, read_bytes, records, write};
use outrider_bags::{BagReader, BagWriter, Compression, MESSAGE_LIMIT, Order, WriterOptions, recover};
use std::fs;
use std::path::Path;

const MAGIC: &[u8] = b"\x89MCAP0\r\n";

fn record(opcode: u8, body: &[u8]) -> Vec<u8> {
    claiming(opcode, body.len() as u64, body)
}

fn claiming(opcode: u8, length: u64, body: &[u8]) -> Vec<u8> {
    [&[opcode][..], &length.to_le_bytes(), body].concat()
}

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u32).to_le_bytes()[..], value.as_bytes()].concat()
}

fn schema(id: u16, name: &str) -> Vec<u8> {
    record(3, &[&id.to_le_bytes()[..], &text(name), &text("ros2msg"), &text("string data")].concat())
}

fn channel(id: u16, schema: u16, topic: &str) -> Vec<u8> {
    let head = [id.to_le_bytes(), schema.to_le_bytes()].concat();
    record(4, &[head, text(topic), text("cdr"), vec![0; 4]].concat())
}

fn message(channel: u16, time: u64) -> Vec<u8> {
    let mut body = channel.to_le_bytes().to_vec();
    body.extend(7u32.to_le_bytes());
    body.extend(time.to_le_bytes());
    body.extend(time.to_le_bytes());
    body.extend([0, 1, 0, 0, 2, 0, 0, 0, b'x', 0, 0, 0]);
    record(5, &body)
}

fn chunk(packing: &str, unpacked: u64, crc: u32, data: &[u8]) -> Vec<u8> {
    let mut body = [0u64.to_le_bytes(), 9u64.to_le_bytes(), unpacked.to_le_bytes()].concat();
    body.extend(crc.to_le_bytes());
    body.extend(text(packing));
    body.extend((data.len() as u64).to_le_bytes());
    body.extend(data);
    record(6, &body)
}

fn whole_chunk(packing: &str, records: &[u8]) -> Vec<u8> {
    let data = match packing {
        "zstd" => zstd::encode_all(records, 1).unwrap(),
        _ => records.to_vec(),
    };
    chunk(packing, records.len() as u64, crc32fast::hash(records), &data)
}

/// Messages read, and everything that was said, of a file of these records.
fn read(parts: &[Vec<u8>]) -> (usize, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let (good, told) = read_bytes(&path, &[MAGIC, &parts.concat()].concat());
    // Whatever it is, it can be recovered.
    recover(&path, dir.path().join("whole"), &WriterOptions::default()).unwrap();
    (good.len(), told)
}

#[track_caller]
fn says(told: &[String], wanted: &str) {
    assert!(told.iter().any(|t| t.contains(wanted)), "no `{wanted}` in {told:#?}");
}

#[test]
fn what_is_no_bag_at_all_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        BagReader::open(&path).unwrap_err().to_string()
    };
    assert!(refused("zero.mcap", b"").ends_with("zero.mcap: 0 bytes are too short for an MCAP file"));
    assert!(refused("short.mcap", &MAGIC[..7]).ends_with("7 bytes are too short for an MCAP file"));
    assert!(refused("text.mcap", b"hello, hello").ends_with("does not begin as an MCAP file does"));
    let sqlite = refused("old.db3", b"SQLite format 3\0 and more");
    assert!(
        sqlite.contains("old.db3: a sqlite3 bag, only MCAP is read; convert it: `rosbags-convert --src "),
        "{sqlite}"
    );
    let options = "output_bags: [{uri: NEW, storage_id: mcap, all_topics: true}]";
    let command = format!("`ros2 bag convert -i {} -o out.yaml`", dir.path().join("old.db3").display());
    assert!(sqlite.contains(&command) && sqlite.contains(&format!("holds `{options}` (")), "{sqlite}");
    let parsed: serde_json::Value = outrider_yaml::from_str(options).unwrap();
    assert_eq!(
        parsed["output_bags"][0]["all_topics"], true,
        "what is printed is the YAML that it is meant to be"
    );
    let ros1 = refused("old.bag", b"#ROSBAG V2.0\n and more");
    assert!(
        ros1.contains("old.bag: a ROS 1 bag, only MCAP is read; convert it: `rosbags-convert --src "),
        "{ros1}"
    );
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    assert!(BagReader::open(&folder).unwrap_err().to_string().ends_with("no .mcap file in this folder"));
    fs::write(folder.join("folder_0.db3"), b"").unwrap();
    assert!(BagReader::open(&folder).unwrap_err().to_string().contains("folder_0.db3: a sqlite3 bag"));
    assert!(
        BagReader::open(dir.path().join("none")).unwrap_err().to_string().contains("none: cannot open: ")
    );
    assert!(refused("x.mcap.zstd", &[0x28, 0xb5, 0x2f, 0xfd, 9, 9]).contains("0 bytes are too short"));
}

#[test]
fn only_the_magic_is_an_empty_bag_that_was_cut() {
    let (good, told) = read(&[]);
    assert_eq!(good, 0);
    says(&told, "x.mcap at byte 8: no sound summary (too short for a footer)");
}

#[test]
fn lengths_that_cannot_be_are_named_with_their_place() {
    const CLAIM: u64 = 4 << 30;
    for (opcode, name) in
        [(3, "schema record"), (4, "channel record"), (5, "message record"), (12, "metadata record")]
    {
        for claim in [CLAIM, u64::MAX, 1 << 63] {
            let good = whole_chunk(
                "",
                &[schema(1, "std_msgs/msg/String"), channel(1, 1, "/a"), message(1, 3)].concat(),
            );
            let (read, told) = read(&[claiming(opcode, claim, &[7; 80]), good]);
            says(&told, &format!("at byte 8: a {name} claims {claim} bytes, the file has "));
            assert_eq!(read, 1, "the chunk behind it is found: {told:?}");
        }
    }
    let mut endless = chunk("zstd", 100, 5, &[1; 30]);
    endless[1..9].copy_from_slice(&CLAIM.to_le_bytes());
    endless[9 + 36..9 + 44].copy_from_slice(&CLAIM.to_le_bytes());
    let (_, told) = read(&[endless]);
    says(
        &told,
        "at byte 8: a chunk claims 4294967296 bytes, the file has 74: its first 0 messages are kept, unchecked",
    );
    let (_, told) = read(&[claiming(6, CLAIM, &[0; 60])]);
    says(&told, "at byte 8: a chunk without a CRC whose two lengths disagree");
    let string = [&[1, 0][..], &0xffff_fff0u32.to_le_bytes(), b"abc", &[0; 12]].concat();
    let (_, told) = read(&[record(3, &string), message(1, 1)]);
    says(&told, "at byte 8: a schema record cannot be read: a text claims 4294967280 bytes, there are 15");
    let (_, told) = read(&[record(12, &string), message(1, 1)]);
    says(&told, "at byte 8: a metadata record cannot be read: a text claims ");
    let (_, told) = read(&[record(9, &[0xff; 40]), message(1, 1)]);
    says(&told, "at byte 8: the head of an attachment cannot be read");
    let inner =
        [schema(1, "std_msgs/msg/String"), channel(1, 1, "/a"), message(1, 3), claiming(5, CLAIM, &[0; 31])]
            .concat();
    let (good, told) = read(&[whole_chunk("zstd", &inner)]);
    says(&told, "at byte 8: chunk: a message record claims 4294967296 bytes, there are 31");
    assert_eq!(good, 1, "what is before it is good");
}

#[test]
fn what_a_chunk_decompresses_to_is_bounded() {
    let (_, told) = read(&[chunk("zstd", 1 << 40, 1, &zstd::encode_all(&[0; 99][..], 1).unwrap())]);
    says(&told, "at byte 8: chunk: it claims 1099511627776 bytes when decompressed, the limit is 134217728");
    // A claim that is small, and a gigabyte of zeros.
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
    assert!(bomb.len() < 1 << 20);
    let (_, told) = read(&[chunk("zstd", 1000, 1, &bomb)]);
    says(&told, "at byte 8: chunk: zstd: it decompresses to more than 1000 bytes");
    let (_, told) = read(&[chunk("lz4", 1000, 1, b"no lz4 at all, really")]);
    says(&told, "at byte 8: chunk: lz4: ");
    let (_, told) = read(&[chunk("snap", 10, 1, &[0; 20])]);
    says(&told, "at byte 8: a chunk of compression `snap`: only zstd, lz4 and none are known");
    let (_, told) = read(&[chunk("", 10, 0, &[0; 20]), message(1, 1)]);
    says(&told, "at byte 8: chunk: it holds 20 bytes, its header says 10");
}

#[test]
fn a_compressed_message_is_bounded_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let mut writer = BagWriter::create(&path, &WriterOptions::default()).unwrap();
    let id = writer.add_channel("/a", "std_msgs/msg/String", "string data", "").unwrap();
    let bomb =
        zstd::encode_all(std::io::Read::take(std::io::repeat(0), MESSAGE_LIMIT as u64 + 1), 1).unwrap();
    let good = [0u8, 1, 0, 0, 1, 0, 0, 0];
    for (i, data) in [zstd::encode_all(&good[..], 1).unwrap(), bomb, good.to_vec()].iter().enumerate() {
        writer.write(id, i as u32, i as u64, 5, data).unwrap();
    }
    writer.finish().unwrap();
    let reader = BagReader::open(&path).unwrap();
    let (mut read, mut told) = (Vec::new(), Vec::new());
    for item in reader.messages(Order::File) {
        match item {
            Ok(m) => read.push((m.sequence, m.data)),
            Err(e) => told.push(e.to_string()),
        }
    }
    assert_eq!(read, [(0, good.to_vec()), (2, good.to_vec())]);
    says(&told, "a compressed message of /a at 1 ns: zstd: it decompresses to more than 67108864 bytes");
}

#[test]
fn ids_that_do_not_fit_are_told() {
    let declared = [schema(1, "std_msgs/msg/String"), channel(1, 1, "/a")].concat();
    let (good, told) =
        read(&[whole_chunk("", &[declared.clone(), message(1, 1), message(9, 2), message(1, 3)].concat())]);
    says(&told, "1 messages of channel 9, which is not declared: left out");
    assert_eq!(good, 2);
    let twice =
        [declared.clone(), schema(1, "std_msgs/msg/Bool"), channel(1, 1, "/b"), message(1, 1)].concat();
    let (good, told) = read(&[whole_chunk("", &twice)]);
    says(
        &told,
        "schema 1 is declared twice, as std_msgs/msg/String and otherwise as std_msgs/msg/Bool: the first stays",
    );
    says(&told, "channel 1 is declared twice, as /a and otherwise as /b: the first stays");
    assert_eq!(good, 1);
    let (good, told) = read(&[whole_chunk("", &[channel(1, 77, "/a"), message(1, 1)].concat())]);
    says(&told, "/a has schema 77, which is not there");
    assert_eq!(good, 1);
}

fn sound(dir: &Path, compression: Compression) -> Vec<u8> {
    let path = dir.join("sound.mcap");
    let _ = fs::remove_file(&path);
    write(BagWriter::create(&path, &options(compression, 4096)).unwrap(), 60, 200);
    fs::read(path).unwrap()
}

#[test]
fn a_wrong_crc_is_named_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    for compression in [Compression::None, Compression::Zstd] {
        let bytes = sound(dir.path(), compression);
        let all = records(&bytes);
        let (second, ..) = all.iter().filter(|r| r.1 == 6).nth(1).copied().unwrap();
        let mut wrong = bytes.clone();
        wrong[second + 9 + 24] ^= 1;
        let (good, told) = read_bytes(&path, &wrong);
        assert!(good.len() < 60);
        says(&told, &format!("x.mcap at byte {second}: chunk: wrong CRC: 0x"));
        // The summary's own.
        let statistics = all.iter().find(|r| r.1 == 11).unwrap().0;
        let mut wrong = bytes.clone();
        wrong[statistics + 9] ^= 1;
        let (good, told) = read_bytes(&path, &wrong);
        assert_eq!(good.len(), 60, "the data are sound");
        says(&told, "no sound summary (wrong CRC of the summary: 0x");
    }
}

#[test]
fn a_summary_that_lies_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let bytes = sound(dir.path(), Compression::None);
    let all = records(&bytes);
    let indexes: Vec<usize> = all.iter().filter(|r| r.1 == 8).map(|r| r.0).collect();
    let metadata_index = all.iter().find(|r| r.1 == 13).unwrap().0;
    let chunk_start = |at: usize| at + 9 + 16;
    // What is changed where, and what is said; the CRC is made to fit.
    let mut cases: Vec<(usize, u64, String)> = vec![
        (chunk_start(indexes[1]), 8, "it names chunks that overlap, the second at byte ".into()),
        (chunk_start(indexes[1]), u64::MAX, "there is a chunk that it does not list".into()),
        (chunk_start(indexes[0]) + 8, u64::MAX, "that lies outside".into()),
        (chunk_start(indexes[0]) + 8, 30, "".into()),
        (metadata_index + 9, 12, "at byte 12: no metadata record where the summary names one".into()),
        (
            metadata_index + 17,
            u64::MAX,
            "a metadata record claims 18446744073709551615 bytes, the limit is".into(),
        ),
    ];
    let footer = all.last().unwrap().0;
    cases.push((
        footer + 9,
        u64::MAX,
        "the footer says the summary is at byte 18446744073709551615, which lies outside".into(),
    ));
    cases.push((footer + 9, 3, "the footer says the summary is at byte 3, which lies outside".into()));
    for (at, value, wanted) in cases {
        let mut lying = bytes.clone();
        lying[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let start = u64::from_le_bytes(lying[footer + 9..footer + 17].try_into().unwrap()) as usize;
        if start < footer {
            let crc = crc32fast::hash(&lying[start.max(8)..footer + 25]);
            lying[footer + 25..footer + 29].copy_from_slice(&crc.to_le_bytes());
        }
        let (good, told) = read_bytes(&path, &lying);
        assert_eq!(good.len(), 60, "the data are sound: {told:?}");
        says(&told, &wanted);
    }
}

#[test]
fn a_summary_without_counts_by_channel_is_none_that_lies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.mcap");
    let mut bytes = sound(dir.path(), Compression::None);
    let (at, _, end) = records(&bytes).into_iter().find(|r| r.1 == 11).unwrap();
    // Behind the seven numbers are the counts; without them the list has no bytes. Nor has the summary a CRC then.
    let counts_at = at + 9 + 42;
    bytes.drain(counts_at + 4..end);
    bytes[counts_at..counts_at + 4].fill(0);
    bytes[at + 1..at + 9].copy_from_slice(&46_u64.to_le_bytes());
    let length = bytes.len();
    bytes[length - 12..length - 8].fill(0);
    let (good, told) = read_bytes(&path, &bytes);
    assert_eq!((good.len(), told), (60, vec![]));
    let reader = BagReader::open(&path).unwrap();
    assert_eq!((reader.message_count(), reader.recovered()), (60, false));
}
