//! Processor time and memory that a node asks for, and what it got.

use rustix::mm::MlockAllFlags;
use std::io;

/// What a node asks for, against the 0 of ordinary programs.
const NICENESS: i32 = -15;
/// SCHED_FIFO of the nodes that stop the robot: the gate before assurance, both after the kernel's own threads (50 and more).
const GATE: i32 = 40;
const ASSURANCE: i32 = 30;
/// Three times what a node of these maps: the limit counts every page that could be touched, though few are.
const LOCKED: u64 = 1 << 30;
/// Its number in `linux/capability.h`.
const CAP_IPC_LOCK: u32 = 14;

/// Asks for what the node of this name needs, for this thread and those that it starts; says what it got.
///
/// The gate and assurance ask for SCHED_FIFO and for memory that is never paged out, the others for more processor time than
/// ordinary programs get: a node that waits behind a compiler is late, and a late node means a stop. Where something is not
/// allowed the node runs without. To be called before ROS starts its threads.
pub(crate) fn ask_for_priority(node: &str) -> String {
    let Some(priority) = real_time_priority(node) else { return ordinary() };
    let scheduling = match real_time(priority) {
        Ok(()) => format!("SCHED_FIFO {priority}"),
        Err(error) => format!("{} (no SCHED_FIFO: {error})", ordinary()),
    };
    let memory = match lock_memory() {
        Ok(()) => "memory locked".to_owned(),
        Err(why) => format!("memory not locked ({why})"),
    };
    format!("{scheduling}, {memory}")
}

/// Locks what there is and what will be, where no limit can refuse a part of it later: that would end the process at its next stack.
fn lock_memory() -> Result<(), String> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    suffices(limit, may_lock_all(&status))?;
    // Pages are locked as they are touched: the stacks and arenas that DDS sets aside are mostly never used.
    rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .map_err(|error| error.to_string())
}

/// Whether a limit of so many bytes, if there is one, is enough for a node; without limit for whoever may lock as it likes.
fn suffices(limit: Option<u64>, may_lock_all: bool) -> Result<(), String> {
    match limit {
        Some(bytes) if bytes < LOCKED && !may_lock_all => {
            let (number, unit) = if bytes < 10 << 20 { (bytes >> 10, "KiB") } else { (bytes >> 20, "MiB") };
            Err(format!("memlock is {number} {unit}, wants {} GiB or unlimited", LOCKED >> 30))
        }
        _ => Ok(()),
    }
}

/// Whether a process of this `/proc/PID/status` has `CAP_IPC_LOCK`, to which no limit applies.
fn may_lock_all(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> CAP_IPC_LOCK & 1 == 1)
}

fn real_time_priority(node: &str) -> Option<i32> {
    match node {
        "gate" => Some(GATE),
        "assurance" => Some(ASSURANCE),
        _ => None,
    }
}

/// Whether the node of this name stops the robot: it is to have its memory at hand, whether the kernel lets it be locked or not.
pub(crate) fn stops_the_robot(node: &str) -> bool {
    real_time_priority(node).is_some()
}

fn ordinary() -> String {
    let niceness = match rustix::process::setpriority_process(None, NICENESS) {
        Ok(()) => format!("niceness {NICENESS}"),
        Err(error) => format!("ordinary priority ({error})"),
    };
    // Linux shares the processor between sessions first (sched(7), autogroup); a session that is this node's alone may be
    // given its weight, another's is not ours to change.
    if rustix::process::getsid(None).is_ok_and(|session| session == rustix::process::getpid()) {
        let _ = std::fs::write("/proc/self/autogroup", NICENESS.to_string());
    }
    niceness
}

/// Lets the calling thread make way for all others by so much niceness.
///
/// With SCHED_BATCH besides, so that it never takes the processor from the thread that wakes it: a hand-over to it was
/// once 9 ms long because the woken one ran first. Where something is refused, it is as important as the rest.
pub(crate) fn make_way(niceness: i32) {
    // Linux: of this thread alone.
    let _ = scheduled(libc::SCHED_BATCH, 0);
    let _ = rustix::process::setpriority_process(None, niceness);
}

/// Gives up what was got, for this thread and those that it starts from now on.
pub(crate) fn be_ordinary() {
    let _ = scheduled(libc::SCHED_OTHER, 0);
}

fn real_time(priority: i32) -> io::Result<()> {
    scheduled(libc::SCHED_FIFO, priority)
}

#[allow(unsafe_code, reason = "rustix has no sched_setscheduler")]
fn scheduled(policy: i32, priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: zero names the calling thread; the structure lives until the call returns.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_locked_where_no_limit_can_refuse_a_part_of_it_later() {
        for (limit, may_lock_all, why) in [
            (None, false, None),
            (Some(1 << 30), false, None),
            (Some(128 << 20), false, Some("memlock is 128 MiB, wants 1 GiB or unlimited")),
            (Some(8 << 20), false, Some("memlock is 8192 KiB, wants 1 GiB or unlimited")),
            (Some(0), false, Some("memlock is 0 KiB, wants 1 GiB or unlimited")),
            (Some(64 << 10), true, None),
        ] {
            let said = suffices(limit, may_lock_all).err();
            assert_eq!(said.as_deref(), why, "{limit:?}, {may_lock_all}");
        }
        let status =
            |bits: &str| format!("Name:\tgate\nCapPrm:\t000001ffffffffff\nCapEff:\t{bits}\nSeccomp:\t0\n");
        assert!(may_lock_all(&status("0000000000004000")));
        assert!(!may_lock_all(&status("0000000000800000")), "SYS_NICE alone");
        assert!(!may_lock_all(&status("all")) && !may_lock_all(""));
    }

    /// Whatever is allowed where the test runs: there is a line, and it says what holds.
    #[test]
    fn it_says_what_it_got() {
        let said = std::thread::spawn(|| {
            let said = ask_for_priority("gate");
            // SAFETY: asks about the calling thread.
            #[allow(unsafe_code, reason = "rustix has no sched_getscheduler")]
            let policy = unsafe { libc::sched_getscheduler(0) };
            assert_eq!(said.starts_with("SCHED_FIFO"), policy == libc::SCHED_FIFO, "{said}");
            said
        });
        let said = said.join().unwrap();
        let _ = rustix::mm::munlockall();
        assert!(said.contains("memory locked") || said.contains("memory not locked ("), "{said}");
        assert!(real_time(1_000).is_err(), "there is no such priority");
    }
}
