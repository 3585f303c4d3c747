//! The pipeline: everything comes back, whatever splits, fails or is slow; and what does not is counted.

use crate::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

/// A disk with so many bytes left, and slow while `slow` is set.
#[derive(Clone, Default)]
struct Small {
    left: Arc<AtomicUsize>,
    slow: Arc<AtomicBool>,
    disk: Disk,
}

struct SmallFile(fs::File, Small);

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.1.slow.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1));
        }
        let left = self.1.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // As a full disk does it: the part that fits is written.
        let written = self.0.write(&bytes[..bytes.len().min(left)])?;
        self.1.left.fetch_sub(written, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl VolumeFile for SmallFile {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Volume for Small {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn VolumeFile>> {
        let file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(SmallFile(file, self.clone())))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn write_whole(&mut self, path: &Path, text: &str) -> io::Result<()> {
        self.disk.write_whole(path, text)
    }
}

fn options(chunk_bytes: usize) -> PipelineOptions {
    PipelineOptions { chunk_bytes, ..PipelineOptions::default() }
}

fn qos() -> BTreeMap<String, String> {
    BTreeMap::from([("offered_qos_profiles".into(), "- depth: 1\n".into())])
}

fn string_channel(pipeline: &mut Pipeline, topic: &str, keep: usize) -> ChannelId {
    pipeline.add_channel(topic, "std_msgs/msg/String", "string data".into(), &qos(), keep).unwrap()
}

fn data(i: u32) -> Vec<u8> {
    (0..50 + i % 900).map(|k| (k.wrapping_mul(k ^ i) >> 2) as u8).collect()
}

/// Waits until it is so; a test that waits in vain fails.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        sleep(Duration::from_millis(2));
    }
}

/// (topic, sequence, log time, data) in the order of the files.
type Seen = (String, u32, u64, Vec<u8>);

fn read(path: &Path) -> Vec<Seen> {
    let reader = BagReader::open(path).unwrap();
    let topic = |c: usize| reader.channel(c).unwrap().topic.clone();
    reader
        .messages(Order::File)
        .map(|m| m.unwrap())
        .map(|m| (topic(m.channel), m.sequence, m.log_time_ns, m.data))
        .collect()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let name = dir.file_name().unwrap().to_str().unwrap();
    (0..).map(|i| dir.join(format!("{name}_{i}.mcap"))).take_while(|p| p.exists()).collect()
}

/// What the library of the format's makers says: every CRC and length is right.
pub(crate) fn foreign_check(path: &Path) -> (u64, usize) {
    use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
    let bytes = fs::read(path).unwrap();
    let options = LinearReaderOptions::default()
        .with_validate_chunk_crcs(true)
        .with_validate_data_section_crc(true)
        .with_validate_summary_section_crc(true);
    let mut reader = LinearReader::new_with_options(options);
    let (mut at, mut messages) = (0, 0);
    while let Some(event) = reader.next_event() {
        match event.unwrap() {
            LinearReadEvent::ReadRequest(wanted) => {
                let length = wanted.min(bytes.len() - at);
                reader.insert(length).copy_from_slice(&bytes[at..at + length]);
                reader.notify_read(length);
                at += length;
            }
            LinearReadEvent::Record { opcode, .. } => messages += u64::from(opcode == 5),
        }
    }
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let stats = summary.stats.clone().unwrap();
    assert_eq!(stats.message_count, messages);
    assert_eq!(stats.chunk_count as usize, summary.chunk_indexes.len());
    assert_eq!(stats.channel_count as usize, summary.channels.len());
    assert_eq!(stats.metadata_count as usize, summary.metadata_indexes.len());
    let mut by_index = 0;
    for chunk in &summary.chunk_indexes {
        for entries in summary.read_message_indexes(&bytes, chunk).unwrap().values() {
            for entry in entries {
                let message = summary.seek_message(&bytes, chunk, entry).unwrap();
                assert_eq!(message.log_time, entry.log_time);
                by_index += 1;
            }
        }
    }
    assert_eq!(by_index, messages);
    for index in &summary.metadata_indexes {
        mcap::read::metadata(&bytes, index).unwrap();
    }
    (messages, summary.chunk_indexes.len())
}

#[test]
fn files_are_right_for_the_format_s_own_library() {
    for (compression, workers) in [(Compression::None, 1), (Compression::Zstd, 1), (Compression::Zstd, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let bag = dir.path().join("run");
        let mut pipeline =
            Pipeline::start(&bag, PipelineOptions { compression, workers, ..options(4096) }).unwrap();
        assert!(pipeline.metadata("run", BTreeMap::from([("seed".into(), "7".into())]), true));
        let ids = [string_channel(&mut pipeline, "/a", 0), string_channel(&mut pipeline, "/b", 0)];
        let expected: Vec<Seen> = (0..2000)
            .map(|i| {
                let (topic, time) = ((i % 3 == 0) as usize, 1000 + u64::from(i));
                assert!(pipeline.push(ids[topic], i, time, time - 1, &data(i)));
                (["/a", "/b"][topic].to_owned(), i, time, data(i))
            })
            .collect();
        let status = pipeline.finish(SOON).unwrap();
        assert_eq!((status.messages_written, status.files, status.lost.len()), (2000, 1, 0));
        assert_eq!(read(&bag), expected, "{workers} workers");
        let (messages, chunks) = foreign_check(&files(&bag)[0]);
        assert_eq!(messages, 2000);
        assert!(chunks > 100);
        let reader = BagReader::open(&bag).unwrap();
        assert!(!reader.recovered());
        assert_eq!(reader.metadata().next().unwrap().entries["seed"], "7");
        assert_eq!(reader.channels()[0].metadata, qos());
    }
}

#[test]
fn every_file_of_a_split_bag_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let split = Split { bytes: Some(40_000), duration_ns: None };
    let mut pipeline =
        Pipeline::start(&bag, PipelineOptions { split, compression: Compression::None, ..options(4096) })
            .unwrap();
    assert!(pipeline.metadata("run", BTreeMap::from([("seed".into(), "7".into())]), true));
    let latched = string_channel(&mut pipeline, "/map", 2);
    let plain = string_channel(&mut pipeline, "/scan", 0);
    for i in 0..3 {
        assert!(pipeline.push(latched, i, 10 + u64::from(i), 5, &data(i)));
    }
    for i in 0..500 {
        assert!(pipeline.push(plain, i, 1000 + u64::from(i), 1000, &data(i)));
    }
    pipeline.finish(SOON).unwrap();
    let files = files(&bag);
    assert!(files.len() > 3);
    let mut plain_seen = Vec::new();
    for (index, file) in files.iter().enumerate() {
        assert!(fs::metadata(file).unwrap().len() < 45_000, "{file:?}");
        let (messages, _) = foreign_check(file);
        let seen = read(file);
        assert_eq!(seen.len() as u64, messages);
        let (maps, scans): (Vec<_>, Vec<_>) = seen.into_iter().partition(|m| m.0 == "/map");
        // The newest two are repeated, as young as the file.
        let expected: &[u32] = if index == 0 { &[0, 1, 2] } else { &[1, 2] };
        assert_eq!(maps.iter().map(|m| m.1).collect::<Vec<_>>(), expected);
        assert!(index == 0 || maps.iter().all(|m| m.2 == scans[0].2));
        plain_seen.extend(scans.iter().map(|m| m.1));
        let reader = BagReader::open(file).unwrap();
        assert_eq!(reader.metadata().count(), 1);
        assert_eq!(reader.channels().len(), 2);
    }
    assert_eq!(plain_seen, (0..500).collect::<Vec<_>>());
    let yaml = fs::read_to_string(bag.join("metadata.yaml")).unwrap();
    let total = 503 + 2 * (files.len() - 1);
    assert!(yaml.contains(&format!("\n  message_count: {total}\n")), "{yaml}");
    assert_eq!(yaml.matches("    - path: \"run_").count(), files.len());
    assert_eq!(yaml.matches("\n    - \"run_").count(), files.len());
    assert_eq!(read(&bag).len(), total);
}

#[test]
fn a_bag_is_split_by_time_and_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let split = Split { bytes: None, duration_ns: Some(1000) };
    let mut pipeline = Pipeline::start(&bag, PipelineOptions { split, ..options(1 << 20) }).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    for (i, time) in [5000, 5999, 6000, 6100, 6200].into_iter().enumerate() {
        assert!(pipeline.push(id, i as u32, time, time, b"1234"));
        pipeline.flush();
        if time == 6100 {
            assert!(pipeline.split());
        }
    }
    pipeline.finish(SOON).unwrap();
    let sequences: Vec<Vec<u32>> =
        files(&bag).iter().map(|f| read(f).iter().map(|m| m.1).collect()).collect();
    assert_eq!(sequences, [vec![0, 1], vec![2, 3], vec![4]]);
}

#[test]
fn a_snapshot_has_the_last_seconds_and_what_was_latched_before() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let snapshot = Some(SnapshotLimits { bytes: 1 << 20, seconds_ns: 1000 });
    let mut pipeline = Pipeline::start(&bag, PipelineOptions { snapshot, ..options(1 << 20) }).unwrap();
    let map = string_channel(&mut pipeline, "/map", 1);
    let id = string_channel(&mut pipeline, "/a", 0);
    let push = |pipeline: &mut Pipeline, range: std::ops::Range<u32>| {
        for i in range {
            assert!(pipeline.push(id, i, u64::from(i) * 100, 1, &data(i)));
            pipeline.flush();
            until("there is a buffer for the next chunk", || pipeline.queued_bytes() == 0);
        }
    };
    assert!(pipeline.push(map, 7, 0, 0, b"the map"));
    push(&mut pipeline, 0..50);
    assert!(files(&bag).is_empty());
    // Chunks of one message: from 3900 to 4900.
    assert_eq!(pipeline.snapshot().unwrap().recv_timeout(SOON).unwrap(), Ok(11));
    push(&mut pipeline, 50..53);
    // Nothing twice.
    assert_eq!(pipeline.snapshot().unwrap().recv_timeout(SOON).unwrap(), Ok(3));
    push(&mut pipeline, 53..60);
    let status = pipeline.finish(SOON).unwrap();
    assert_eq!((status.snapshots, status.lost.len()), (2, 0));
    let seen: Vec<Vec<(String, u32)>> =
        files(&bag).iter().map(|f| read(f).into_iter().map(|m| (m.0, m.1)).collect()).collect();
    let a = |range: std::ops::Range<u32>| {
        let first = std::iter::once(("/map".to_owned(), 7));
        first.chain(range.map(|i| ("/a".to_owned(), i))).collect::<Vec<_>>()
    };
    assert_eq!(seen, [a(39..50), a(50..53)]);
    for file in files(&bag) {
        foreign_check(&file);
    }
}

#[test]
fn the_ring_of_a_snapshot_is_bounded_by_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let snapshot = Some(SnapshotLimits { bytes: 10_000, seconds_ns: u64::MAX });
    let compression = Compression::None;
    let mut pipeline =
        Pipeline::start(&bag, PipelineOptions { snapshot, compression, ..options(2000) }).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    for i in 0..1000 {
        assert!(pipeline.push(id, i, u64::from(i), 1, &data(i)));
    }
    pipeline.flush();
    until("all is in the ring", || pipeline.queued_bytes() == 0);
    assert!((5_000..=10_000).contains(&pipeline.status().ring_bytes), "{}", pipeline.status().ring_bytes);
    assert!(pipeline.snapshot().unwrap().recv_timeout(SOON).unwrap().unwrap() > 3);
    assert_eq!(read(&bag_file(&bag, 0)).last().unwrap().1, 999);
}

fn bag_file(bag: &Path, index: usize) -> std::path::PathBuf {
    files(bag)[index].clone()
}

#[test]
fn a_slow_disk_costs_counted_messages_and_never_time() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let small = Small::default();
    small.left.store(usize::MAX, Ordering::Relaxed);
    let tight = PipelineOptions { queue_bytes: 20_000, compression: Compression::None, ..options(4000) };
    let mut pipeline = Pipeline::start_on(Box::new(small.clone()), &bag, tight).unwrap();
    let ids = [string_channel(&mut pipeline, "/a", 0), string_channel(&mut pipeline, "/b", 0)];
    small.slow.store(true, Ordering::Relaxed);
    // The disk does not move at all, and this ends: nothing waits for it.
    let mut expected = [Vec::new(), Vec::new()];
    let mut dropped = [0_u64; 2];
    for i in 0..1000_u32 {
        let at = (i % 4 == 0) as usize;
        if pipeline.push(ids[at], i, 1, 1, &data(i)) { expected[at].push(i) } else { dropped[at] += 1 }
    }
    assert!(dropped[0] > 500 && dropped[1] > 150, "{dropped:?}");
    assert!(pipeline.queued_bytes() <= 20_000);
    let counted = BTreeMap::from([("/a".to_owned(), dropped[0]), ("/b".to_owned(), dropped[1])]);
    assert_eq!(pipeline.losses(), counted);
    small.slow.store(false, Ordering::Relaxed);
    let status = pipeline.finish(SOON).unwrap();
    assert_eq!(status.lost.values().sum::<u64>() + status.messages_written, 1000);
    let seen = read(&bag);
    for (at, topic) in ["/a", "/b"].iter().enumerate() {
        let sequences: Vec<u32> = seen.iter().filter(|m| m.0 == *topic).map(|m| m.1).collect();
        assert_eq!(sequences, expected[at]);
    }
}

#[test]
fn a_disk_that_hangs_for_good_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let small = Small::default();
    small.left.store(usize::MAX, Ordering::Relaxed);
    let mut pipeline =
        Pipeline::start_on(Box::new(small.clone()), dir.path().join("run"), options(4000)).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    small.slow.store(true, Ordering::Relaxed);
    assert!(pipeline.push(id, 0, 1, 1, b"x"));
    let error = pipeline.finish(Duration::from_millis(50)).unwrap_err().to_string();
    assert!(error.contains("cannot finish in time"), "{error}");
    small.slow.store(false, Ordering::Relaxed);
}

#[test]
fn a_full_disk_keeps_what_is_written_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let small = Small::default();
    small.left.store(30_000, Ordering::Relaxed);
    let tight = PipelineOptions { stall_bytes: 15_000, compression: Compression::None, ..options(4000) };
    let mut pipeline = Pipeline::start_on(Box::new(small.clone()), &bag, tight).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    let mut next = 0;
    let mut push = |pipeline: &mut Pipeline, count: u32| {
        for _ in 0..count {
            assert!(pipeline.push(id, next, 1 + u64::from(next), 1, &data(next)));
            next += 1;
        }
        pipeline.flush();
        until("the queue is empty", || pipeline.queued_bytes() == 0);
    };
    push(&mut pipeline, 400);
    let status = pipeline.status();
    assert!(status.stalled.is_some() && status.stalls == 1, "{status:?}");
    assert!(status.ring_bytes <= 15_000 && status.ring_messages > 5, "{status:?}");
    let lost = status.lost.values().sum::<u64>();
    assert_eq!(status.messages_written + lost + status.ring_messages, 400);
    assert!(lost > 50);
    assert_eq!(pipeline.losses(), BTreeMap::from([("/a".to_owned(), lost)]));
    // What is there can be read while the disk is full, to the last whole chunk.
    let first: Vec<u32> = read(&bag_file(&bag, 0)).iter().map(|m| m.1).collect();
    assert_eq!(first, (0..status.messages_written as u32).collect::<Vec<_>>());
    small.left.store(usize::MAX, Ordering::Relaxed);
    until("it goes on", || pipeline.status().stalled.is_none());
    push(&mut pipeline, 50);
    let status = pipeline.finish(SOON).unwrap();
    assert_eq!(status.messages_written + lost, 450);
    let files = files(&bag);
    assert_eq!(files.len(), 2);
    for file in &files {
        foreign_check(file);
    }
    let second: Vec<u32> = read(&files[1]).iter().map(|m| m.1).collect();
    assert_eq!(second, (first.len() as u32 + lost as u32..450).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_stays_full_is_said_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let small = Small::default();
    small.left.store(20_000, Ordering::Relaxed);
    let mut pipeline = Pipeline::start_on(Box::new(small), &bag, options(4000)).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    let noise =
        |i: u32| (0..500_u32).map(move |k| (k.wrapping_add(i).wrapping_mul(2_654_435_761) >> 13) as u8);
    for i in 0..200 {
        pipeline.push(id, i, 1, 1, &noise(i).collect::<Vec<u8>>());
    }
    let error = pipeline.finish(SOON).unwrap_err().to_string();
    assert!(
        error.contains("cannot write everything") && error.contains("1 files without a summary"),
        "{error}"
    );
    let seen: Vec<u32> = read(&bag_file(&bag, 0)).iter().map(|m| m.1).collect();
    assert!(seen.len() > 10);
    assert_eq!(seen, (0..seen.len() as u32).collect::<Vec<_>>());
}

/// A file system of its own, if one may be made here.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path());
        command.stderr(std::process::Stdio::null());
        command.status().is_ok_and(|s| s.success()).then_some(Self(dir))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_file_system_of_the_kernel_is_survived_too() {
    let Some(mounted) = Tmpfs::mount("256k") else {
        eprintln!("skipped: mounting a tmpfs is not permitted here");
        return;
    };
    let bag = mounted.0.path().join("run");
    let ballast = mounted.0.path().join("ballast");
    fs::write(&ballast, vec![0; 192 << 10]).unwrap();
    let plain = PipelineOptions { compression: Compression::None, ..options(8000) };
    let mut pipeline = Pipeline::start(&bag, plain).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    for i in 0..400 {
        assert!(pipeline.push(id, i, 1 + u64::from(i), 1, &data(i)));
    }
    pipeline.flush();
    until("it is full", || pipeline.status().stalled.is_some() && pipeline.queued_bytes() == 0);
    let reason = pipeline.status().stalled.unwrap();
    assert!(reason.contains("No space left"), "{reason}");
    let written = pipeline.status().messages_written;
    assert_eq!(read(&bag_file(&bag, 0)).len() as u64, written);
    fs::remove_file(&ballast).unwrap();
    until("it goes on", || pipeline.status().stalled.is_none());
    let status = pipeline.finish(SOON).unwrap();
    assert_eq!((status.messages_written, status.lost.len()), (400, 0));
    assert_eq!(read(&bag).iter().map(|m| m.1).collect::<Vec<_>>(), (0..400).collect::<Vec<_>>());
}

#[test]
fn what_was_flushed_is_there_without_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let mut pipeline = Pipeline::start(&bag, options(1 << 20)).unwrap();
    let id = string_channel(&mut pipeline, "/a", 0);
    for i in 0..100 {
        assert!(pipeline.push(id, i, 1, 1, &data(i)));
        if i == 79 {
            pipeline.flush();
        }
    }
    until("it is written", || pipeline.queued_bytes() == 0);
    // As a kill leaves it; and cut anywhere it still gives whole messages only.
    let copy = dir.path().join("copy.mcap");
    fs::copy(bag_file(&bag, 0), &copy).unwrap();
    let sequences: Vec<u32> = read(&copy).iter().map(|m| m.1).collect();
    assert_eq!(sequences, (0..80).collect::<Vec<_>>());
}

#[test]
fn a_bag_is_not_begun_over_another_and_bad_names_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("run");
    let mut first = Pipeline::start(&bag, options(1000)).unwrap();
    let error = first.add_channel("no slash", "a/msg/B", "".into(), &qos(), 0).unwrap_err().to_string();
    assert!(error.contains("no slash"), "{error}");
    let error = Pipeline::start(&bag, options(1000)).err().unwrap().to_string();
    assert!(error.contains("run_0.mcap"), "{error}");
    // Nothing at all is a bag too.
    first.finish(SOON).unwrap();
    assert_eq!(foreign_check(&bag_file(&bag, 0)), (0, 0));
}

#[derive(Clone, Debug)]
enum Action {
    Push(u8, u16),
    Flush,
    Split,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        20 => (0_u8..4, 0_u16..3000).prop_map(|(topic, size)| Action::Push(topic, size)),
        2 => Just(Action::Flush),
        1 => Just(Action::Split),
    ];
    prop::collection::vec(action, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_done_everything_comes_back(
        actions in actions(), chunk in 1_usize..5000, workers in 1_usize..4, limit in 1_u64..100_000, zstd: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let bag = dir.path().join("run");
        let compression = if zstd { Compression::Zstd } else { Compression::None };
        let split = Split { bytes: Some(limit), duration_ns: None };
        let chosen = PipelineOptions { compression, workers, split, ..options(chunk) };
        let mut pipeline = Pipeline::start(&bag, chosen).unwrap();
        let ids: Vec<ChannelId> =
            (0..4).map(|i| string_channel(&mut pipeline, &format!("/t{i}"), 0)).collect();
        let mut expected: Vec<Seen> = Vec::new();
        for (i, action) in (0_u32..).zip(&actions) {
            match action {
                Action::Push(topic, size) => {
                    let bytes = vec![i as u8; usize::from(*size)];
                    prop_assert!(pipeline.push(ids[usize::from(*topic)], i, u64::from(i), 0, &bytes));
                    expected.push((format!("/t{topic}"), i, u64::from(i), bytes));
                }
                Action::Flush => pipeline.flush(),
                Action::Split => until("room for a request", || pipeline.split()),
            }
        }
        pipeline.finish(SOON).unwrap();
        prop_assert_eq!(read(&bag), expected);
        for file in files(&bag) {
            foreign_check(&file);
        }
    }
}
