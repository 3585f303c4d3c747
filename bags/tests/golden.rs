//! The golden bags: the bytes are those of the checksums, and the reader finds in them what their makers put in.

use crate::common::read_all;
use outrider_bags::{BagReader, WriterOptions, recover};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// All golden bags together.
const SIZE_LIMIT: u64 = 200_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn expected() -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

#[test]
fn their_bytes_are_those_of_the_checksums() {
    let mut total = 0;
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap();
    let mut listed = BTreeSet::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = fs::read(folder().join(name)).unwrap();
        total += bytes.len() as u64;
        let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found, sum, "{name}");
        listed.insert(name.split('/').next().unwrap().to_owned());
    }
    assert!(total < SIZE_LIMIT, "{total} bytes");
    assert_eq!(listed, expected().into_keys().collect(), "every bag has a checksum");
}

#[test]
fn they_hold_what_was_put_in() {
    for (name, expected) in expected() {
        let path = folder().join(&name);
        let (good, told) = read_all(&path);
        if expected["sound"] == true {
            assert_eq!(told, Vec::<String>::new(), "{name}");
            let mut topics: BTreeMap<String, u64> = BTreeMap::new();
            for (topic, ..) in &good {
                *topics.entry(topic.clone()).or_default() += 1;
            }
            let wanted: BTreeMap<String, u64> = serde_json::from_value(expected["topics"].clone()).unwrap();
            assert_eq!(topics, wanted, "{name}");
        } else {
            assert_eq!(good.len() as u64, expected["messages"].as_u64().unwrap(), "{name}: {told:?}");
            assert!(!told.is_empty(), "{name}: not a word");
        }
        for channel in BagReader::open(&path).unwrap().channels() {
            assert_eq!(channel.foreign(), None, "{name}");
        }
    }
}

#[test]
fn what_is_recovered_of_them_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    for name in expected().into_keys() {
        let whole = dir.path().join(&name).with_extension("");
        let done = recover(folder().join(&name), &whole, &WriterOptions::default()).unwrap();
        let (before, _) = read_all(&folder().join(&name));
        assert_eq!((done.messages, done.left_out), (before.len() as u64, 0), "{name}: {:?}", done.damage);
        assert_eq!(read_all(&whole), (before, vec![]), "{name}");
    }
}

#[test]
fn the_damaged_one_says_where() {
    let (_, told) = read_all(&folder().join("damaged.mcap"));
    assert!(told.iter().any(|t| t.contains("wrong CRC") || t.contains("zstd: ")), "{told:?}");
    assert!(told.iter().all(|t| t.contains("damaged.mcap at byte ")), "{told:?}");
}
