//! A bag cut at any byte, or with its tail lost to zeros: every message that is complete comes back, and no other.

use crate::common::{
    Dice, Written, chunks, complete, options, read_all, read_bytes, records, which, whole_blocks, write,
};
use outrider_bags::{BagReader, BagWriter, Compression, WriterOptions, recover};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Random places per bag, beside the interesting ones.
const RANDOM_CUTS: usize = 400;

/// Messages and bytes of bags with many small chunks, and with few of several compressed blocks.
fn bags(dir: &Path) -> Vec<(Vec<Written>, Vec<u8>)> {
    let mut all = Vec::new();
    for compression in [Compression::None, Compression::Zstd] {
        for (chunk_bytes, count, size) in [(8 << 10, 300, 200), (600 << 10, 400, 2500)] {
            let path = dir.join(format!("{}.mcap", all.len()));
            let writer = BagWriter::create(&path, &options(compression, chunk_bytes)).unwrap();
            all.push((write(writer, count, size), fs::read(&path).unwrap()));
        }
    }
    all
}

#[test]
fn a_bag_cut_at_any_byte_gives_every_complete_message() {
    let dir = tempfile::tempdir().unwrap();
    let mut cuts_tried = 0;
    for (i, (written, bytes)) in bags(dir.path()).into_iter().enumerate() {
        let places = chunks(&bytes);
        assert_eq!(places.last().map(|c| c.first + c.ends.len()), Some(written.len()));
        let mut cuts = BTreeSet::new();
        // Around every record, every chunk's header and data, and every compressed block.
        let mut edges: Vec<usize> = records(&bytes).iter().flat_map(|r| [r.0, r.0 + 9, r.2]).collect();
        for chunk in &places {
            edges.push(chunk.data_at);
            match chunk.packed {
                false => edges.extend(chunk.ends.iter().map(|e| chunk.data_at + e)),
                true => {
                    let (_, ends) = whole_blocks(&bytes[chunk.data_at..chunk.end], 0);
                    edges.extend(ends.iter().map(|e| chunk.data_at + e));
                }
            }
        }
        cuts.extend(edges.iter().flat_map(|e| [e.saturating_sub(1), *e, e + 1]));
        let mut dice = Dice::new(i as u64);
        cuts.extend((0..RANDOM_CUTS).map(|_| 8 + dice.below(bytes.len() - 9)));
        let cut_path = dir.path().join("cut.mcap");
        for cut in cuts.into_iter().filter(|c| (8..bytes.len()).contains(c)) {
            let (good, told) = read_bytes(&cut_path, &bytes[..cut]);
            let expected = complete(&bytes, &places, cut);
            assert_eq!(good.len(), expected, "bag {i} cut at {cut}: {told:?}");
            assert_eq!(good, written[..expected], "bag {i} cut at {cut}");
            assert!(!told.is_empty(), "bag {i} cut at {cut}: not a word");
            cuts_tried += 1;
        }
    }
    println!("{cuts_tried} cuts");
    assert!(cuts_tried > 2000, "{cuts_tried}");
}

#[test]
fn zeros_up_to_the_end_are_a_cut_and_never_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for (i, (written, bytes)) in bags(dir.path()).into_iter().enumerate() {
        let places = chunks(&bytes);
        let mut dice = Dice::new(100 + i as u64);
        for round in 0..150 {
            // What a power loss leaves: the size is there, whole sectors are not. The file may end anywhere.
            let end = if round % 3 == 0 { bytes.len() } else { 2048 + dice.below(bytes.len() - 2048) };
            let zero_from = dice.below(end - 512) / 512 * 512;
            let zero_from = zero_from.max(512);
            let mut lost = bytes[..end].to_vec();
            lost[zero_from..].fill(0);
            let (good, told) = read_bytes(&dir.path().join("lost.mcap"), &lost);
            let last = lost.iter().rposition(|b| *b != 0).unwrap() + 1;
            let least = complete(&bytes, &places, last);
            let there = which(&good, &written, &format!("bag {i} zeros from {zero_from} to {end}"));
            let prefix = there.iter().take_while(|t| **t).count();
            let most = complete(&bytes, &places, zero_from);
            assert!(
                (least..=most).contains(&prefix) && prefix == good.len(),
                "bag {i} zeros from {zero_from} to {end}: {prefix} of {least}..={most}: {told:?}"
            );
            assert!(!told.is_empty());
            tried += 1;
        }
    }
    println!("{tried} zeroed tails");
}

#[test]
fn one_cut_file_of_a_split_bag_costs_nothing_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let bag = dir.path().join("bag");
    fs::create_dir(&bag).unwrap();
    let (mut all, mut expected) = (Vec::new(), Vec::new());
    for number in 0..3u32 {
        let path = bag.join(format!("bag_{number}.mcap"));
        let written = write(
            BagWriter::create(&path, &options(Compression::Zstd, 8 << 10)).unwrap(),
            200,
            150 + number as usize,
        );
        if number == 1 {
            let bytes = fs::read(&path).unwrap();
            let cut = bytes.len() / 2;
            fs::write(&path, &bytes[..cut]).unwrap();
            expected.extend_from_slice(&written[..complete(&bytes, &chunks(&bytes), cut)]);
        } else {
            expected.extend_from_slice(&written);
        }
        all.extend(written);
    }
    let recovered = dir.path().join("whole");
    let done = recover(&bag, &recovered, &WriterOptions::default()).unwrap();
    assert!(expected.len() > 400 && expected.len() < all.len(), "{}", expected.len());
    assert_eq!((done.messages, done.left_out), (expected.len() as u64, 0));
    assert!(done.damage.iter().any(|d| d.contains("bag_1.mcap at byte")), "{:?}", done.damage);
    assert!(!done.damage.iter().any(|d| d.contains("bag_0.mcap at byte")), "{:?}", done.damage);
    let (good, told) = read_all(&recovered);
    assert_eq!(good, expected);
    assert_eq!(told, Vec::<String>::new());
    assert!(!BagReader::open(&recovered).unwrap().recovered());
    // One file that is nothing at all any more.
    fs::write(bag.join("bag_2.mcap"), b"").unwrap();
    let done = recover(&bag, dir.path().join("again"), &WriterOptions::default()).unwrap();
    assert_eq!(done.messages, expected.len() as u64 - 200);
    assert!(done.damage.iter().any(|d| d.contains("bag_2.mcap: 0 bytes are too short")), "{:?}", done.damage);
}
