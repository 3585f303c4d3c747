//! Bits flipped and blocks lost anywhere in a bag: what is not hit comes back, what is hit is never taken for good, and
//! every loss is told.

use crate::common::{Chunk, Dice, Written, chunks, options, read_bytes, which, write};
use outrider_bags::{BagWriter, Compression};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// A bag as it was written, and without its summary as a kill leaves it.
struct Example {
    bytes: Vec<u8>,
    written: Vec<Written>,
    chunks: Vec<Chunk>,
}

fn examples(dir: &Path) -> Vec<(String, Example)> {
    let mut all = Vec::new();
    for compression in [Compression::None, Compression::Zstd] {
        let path = dir.join(format!("{compression:?}.mcap"));
        let written = write(BagWriter::create(&path, &options(compression, 8 << 10)).unwrap(), 300, 300);
        let bytes = fs::read(&path).unwrap();
        let places = chunks(&bytes);
        assert!(places.len() > 8);
        let end = places[places.len() - 1].end;
        let killed =
            Example { bytes: bytes[..end].to_vec(), written: written.clone(), chunks: places.clone() };
        all.push((format!("{compression:?} killed"), killed));
        all.push((format!("{compression:?} whole"), Example { bytes, written, chunks: places }));
    }
    all
}

/// Reads `bytes`, in which `hit` is damaged. Only messages of the chunks that are hit may be missing.
fn check(example: &Example, bytes: &[u8], hit: Range<usize>, path: &Path, what: &str) -> bool {
    let (good, told) = read_bytes(path, bytes);
    let there = which(&good, &example.written, what);
    for chunk in &example.chunks {
        let is_hit = chunk.offset < hit.end && hit.start < chunk.end;
        let messages = &there[chunk.first..chunk.first + chunk.ends.len()];
        assert!(
            is_hit || messages.iter().all(|t| *t),
            "{what}: chunk at {} was not hit: {told:?}",
            chunk.offset
        );
    }
    let lost = there.iter().any(|t| !*t);
    assert!(!lost || !told.is_empty(), "{what}: a loss without a word");
    lost
}

#[test]
fn a_flipped_bit_costs_at_most_its_chunk_and_never_makes_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped.mcap");
    let (mut tried, mut with_loss) = (0, 0);
    for (i, (name, example)) in examples(dir.path()).iter().enumerate() {
        let mut dice = Dice::new(i as u64);
        // Every bit of the header of a chunk in the middle, and random ones.
        let third = &example.chunks[3];
        let mut bits: Vec<usize> = (third.offset * 8..third.data_at * 8).collect();
        // The first chunk alone declares the channels of a killed bag; it has a test of its own.
        let from = if name.contains("killed") { example.chunks[0].end } else { 8 };
        bits.extend((0..400).map(|_| from * 8 + dice.below((example.bytes.len() - from) * 8)));
        for bit in bits {
            let mut bytes = example.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let what = format!("{name}, bit {} of byte {}", bit % 8, bit / 8);
            let lost = check(example, &bytes, bit / 8..bit / 8 + 1, &path, &what);
            tried += 1;
            with_loss += usize::from(lost);
            if (third.offset..third.offset + 9).contains(&(bit / 8)) {
                assert!(!lost, "{what}: opcode and length of a chunk are made up for");
            }
        }
    }
    println!("{tried} flips, {with_loss} with a loss");
    assert!(tried > 2000 && with_loss > 500, "{tried} {with_loss}");
}

#[test]
fn a_killed_bag_keeps_its_channels_when_the_chunk_that_declares_them_is_hit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped.mcap");
    for (name, example) in examples(dir.path()).iter().filter(|(n, _)| n.contains("killed")) {
        let first = &example.chunks[0];
        let mut dice = Dice::new(9);
        let mut kept = 0;
        // Behind the declarations, which are in the first few hundred bytes.
        let from = first.data_at + (first.end - first.data_at) / 2;
        for _ in 0..100 {
            let at = from + dice.below(first.end - from);
            let mut bytes = example.bytes.clone();
            bytes[at] ^= 1 << dice.below(8);
            let (good, told) = read_bytes(&path, &bytes);
            let there = which(&good, &example.written, name);
            assert!(!told.is_empty());
            let others = &there[first.ends.len()..];
            kept += usize::from(others.iter().all(|t| *t));
            assert!(
                kept > 0 || others.iter().any(|t| *t) || name.contains("Zstd"),
                "{name} at {at}: {told:?}"
            );
        }
        println!("{name}: {kept} of 100 keep every other chunk");
        assert!(kept == 100 || name.contains("Zstd"), "{name}: {kept}");
    }
}

#[test]
fn a_lost_block_costs_the_chunks_it_touches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lost.mcap");
    let mut tried = 0;
    for (i, (name, example)) in examples(dir.path()).iter().enumerate() {
        let mut dice = Dice::new(40 + i as u64);
        for round in 0..160 {
            let size = [512, 4096][round % 2];
            let from = if name.contains("killed") { example.chunks[0].end } else { 512 };
            let at = (from + dice.below(example.bytes.len() - from)) / size * size;
            let at = at.max(from.next_multiple_of(size));
            let end = (at + size).min(example.bytes.len());
            if at >= end {
                continue;
            }
            let mut bytes = example.bytes.clone();
            match round % 4 {
                0 | 1 => bytes[at..end].fill(0),
                _ => bytes[at..end].iter_mut().for_each(|b| *b = dice.below(256) as u8),
            }
            let what = format!("{name}, {size} bytes at {at}, round {round}");
            check(example, &bytes, at..end, &path, &what);
            tried += 1;
        }
    }
    println!("{tried} lost blocks");
    assert!(tried > 500, "{tried}");
}

#[test]
fn bytes_that_are_missing_or_too_many_cost_only_their_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shifted.mcap");
    for (i, (name, example)) in examples(dir.path()).iter().enumerate() {
        let mut dice = Dice::new(70 + i as u64);
        for round in 0..100 {
            let from = example.chunks[0].end;
            let at = from + dice.below(example.bytes.len() - from - 200);
            let size = 1 + dice.below(150);
            let mut bytes = example.bytes.clone();
            if round % 2 == 0 {
                bytes.drain(at..at + size);
            } else {
                let more: Vec<u8> = (0..size).map(|_| dice.below(256) as u8).collect();
                bytes.splice(at..at, more);
            }
            check(
                example,
                &bytes,
                at..at + size,
                &path,
                &format!("{name}, {size} bytes at {at}, round {round}"),
            );
        }
    }
}
