//! A message is handed over without a single allocation, whatever the threads behind it do meanwhile.

#![allow(unsafe_code, reason = "an allocator that counts")]

use outrider_bags::{Pipeline, PipelineOptions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    CALLS.with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: the system's allocator, unchanged; the counter is a constant-initialised cell of the thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_hand_over_allocates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = PipelineOptions { chunk_bytes: 16 << 10, workers: 2, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::start(dir.path().join("bag"), options).unwrap();
    let topics: Vec<_> = (0..4)
        .map(|i| {
            let (topic, keep) = (format!("/t{i}"), i % 2);
            pipeline.add_channel(&topic, "a/msg/B", "uint8[] data".into(), &BTreeMap::new(), keep).unwrap()
        })
        .collect();
    let message = [7; 1000];
    let before = CALLS.with(Cell::get);
    let mut taken = 0;
    for i in 0..20_000_u32 {
        taken += u64::from(pipeline.push(topics[i as usize % 4], i, u64::from(i), 0, &message));
        if i % 1000 == 0 {
            pipeline.flush();
        }
    }
    assert_eq!(CALLS.with(Cell::get) - before, 0);
    while pipeline.queued_bytes() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // What is longer than a chunk has to have room made: the counter does count.
    assert!(pipeline.push(topics[0], 0, 0, 0, &[7; 40 << 10]) && CALLS.with(Cell::get) > before);
    let status = pipeline.finish(Duration::from_secs(60)).unwrap();
    assert_eq!(status.messages_written + status.lost.values().sum::<u64>(), 20_001);
    assert_eq!(status.messages_written, taken + 1);
}
