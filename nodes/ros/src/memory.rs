//! Keeps a node's resident memory to what it needs while it runs, not what its start needed.
//!
//! Figures: `docs/decisions/012-resident-memory.md`. Nothing here changes what a node does.

use rustix::mm::{Advice, madvise};
use std::ops::Range;

/// Blocks of this size and more go back to the kernel when they are freed, and so does more than this that is free at the end
/// of the heap, bytes. Left alone it grows with the largest block ever freed, and the heap with it. Eight times glibc's own
/// value: a world model has 120 KB and more, and the heap grew and shrank, page by page, with every one.
const BLOCK: i32 = 1 << 20;

/// Holds the heap to what is in use. To be called first of all.
#[allow(unsafe_code, reason = "glibc has no safe way to be told")]
pub(crate) fn keep_heap_tight() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` only sets numbers; one thread runs.
    unsafe {
        let _ = libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
        let _ = libc::mallopt(libc::M_TRIM_THRESHOLD, BLOCK);
    }
}

/// Gives back the pages of code that were needed until now; whatever is needed again comes from the page cache, at a minor
/// fault for every 64 KiB. The libraries of ROS and DDS are 140, and most of what is touched of them is for finding types,
/// parameters and settings. Where memory is locked nothing happens. Returns how many bytes of code there are, used or not.
#[allow(unsafe_code, reason = "the kernel has no safe way to be told")]
pub(crate) fn give_back_code_of_the_start() -> usize {
    let Ok(smaps) = std::fs::read_to_string("/proc/self/smaps") else { return 0 };
    let mut told = 0;
    for range in code(&smaps) {
        // SAFETY: a mapping of a file that cannot be written to and was not: its pages come back as they were.
        let given = unsafe { madvise(range.start as *mut _, range.len(), Advice::LinuxDontNeed) };
        told += if given.is_ok() { range.len() } else { 0 };
    }
    told
}

/// The executable mappings of files of which no page has been changed, in the words of `/proc/PID/smaps`.
fn code(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((from, to)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).ok();
            let of_a_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
            let code = second == "r-xp" && of_a_file;
            mapping = address(from).zip(address(to)).filter(|(from, to)| code && from < to);
        } else if first == "Anonymous:" {
            let unchanged = mapping.take().filter(|_| second == "0");
            found.extend(unchanged.map(|(from, to)| from..to));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55d0c0000000-55d0c0100000 r--p 00000000 fe:00 100 /opt/world_model
Rss:  1024 kB
Anonymous:             0 kB
55d0c0100000-55d0c0300000 r-xp 00100000 fe:00 100 /opt/world model
Rss:  2048 kB
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 101 /usr/lib/libpatched.so
Anonymous:             4 kB
7f0000002000-7f0000003000 rwxp 00000000 fe:00 102 /usr/lib/libwritable.so
Anonymous:             0 kB
7f0000004000-7f0000005000 r-xp 00000000 00:00 0
Anonymous:             0 kB
7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
7f0000006000-7f0000007000 r-xp 00000000 fe:00 103 /usr/lib/libc.so.6
";

    #[test]
    fn only_unchanged_code_of_files_is_given_back() {
        assert_eq!(code(SMAPS), vec![0x55d0_c010_0000..0x55d0_c030_0000; 1]);
        let whole = format!("{SMAPS}Anonymous: 0 kB\n");
        assert_eq!(code(&whole).last(), Some(&(0x7f00_0000_6000..0x7f00_0000_7000)));
        assert!(code("no smaps\nAnonymous: 0 kB\n").is_empty());
    }

    #[test]
    fn a_process_goes_on_when_its_code_was_given_back() {
        let resident = || {
            let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let lines = smaps.lines().filter(|line| line.starts_with("Rss:"));
            lines
                .map(|line| line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
                .sum::<u64>()
        };
        keep_heap_tight();
        // Other tests of this process may touch as much in between, but not every time.
        let less = || {
            let before = resident();
            assert!(give_back_code_of_the_start() > 0);
            resident() < before
        };
        assert!((0..20).any(|_| less()));
    }
}
