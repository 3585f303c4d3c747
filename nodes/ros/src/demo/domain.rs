//! A ROS domain of its own for every run: two demos at once, or a demo beside a robot, never hear each other.

use anyhow::{Context as _, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Domains that every platform's port range has room for; 0 is everybody's default and left alone.
const DOMAINS: std::ops::RangeInclusive<u32> = 1..=101;
/// Tells the restarted program its domain, as `<pid>:<domain>`.
const MARK: &str = "OUTRIDER_DEMO_DOMAIN";

/// Takes a free domain and starts this program anew within it; the second time it returns the domain.
///
/// ROS reads the domain from the environment, and a program can only change its own safely by starting anew. The process id
/// stays. The lock on the domain is inherited by all children, so the domain is free again when the last of them is gone.
///
/// # Errors
/// When all domains are taken or the program cannot be started anew.
pub fn enter() -> anyhow::Result<u32> {
    let own_pid = std::process::id();
    if let Some(domain) = std::env::var(MARK).ok().and_then(|mark| domain_of(&mark, own_pid)) {
        return Ok(domain);
    }
    // Where somebody works already, a robot may listen.
    let taken = std::env::var("ROS_DOMAIN_ID").ok().and_then(|id| id.trim().parse().ok());
    let (domain, lock) = reserve(own_pid, taken)?;
    fcntl_setfd(&lock, FdFlags::empty()).context("keeping the lock on the domain")?;
    let program = std::env::current_exe().context("finding this program")?;
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env("ROS_DOMAIN_ID", domain.to_string())
        .env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        .env(MARK, format!("{own_pid}:{domain}"))
        .exec();
    Err(error).context("starting anew in a ROS domain of its own")
}

/// The domain of a mark that is meant for this process and no stale one of another.
fn domain_of(mark: &str, own_pid: u32) -> Option<u32> {
    let (pid, domain) = mark.split_once(':')?;
    let domain = domain.parse().ok().filter(|d| DOMAINS.contains(d))?;
    (pid.parse() == Ok(own_pid)).then_some(domain)
}

/// The first domain from `seed` on that nobody holds and that is not `taken`, with the lock that holds it.
fn reserve(seed: u32, taken: Option<u32>) -> anyhow::Result<(u32, File)> {
    let count = DOMAINS.end() - DOMAINS.start() + 1;
    for step in 0..count {
        let domain = DOMAINS.start() + seed.wrapping_add(step) % count;
        if taken == Some(domain) {
            continue;
        }
        let path = std::env::temp_dir().join(format!("outrider-domain-{domain}.lock"));
        // A file that cannot be opened belongs to somebody else: taken.
        let Ok(file) = OpenOptions::new().create(true).truncate(false).write(true).open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            return Ok((domain, file));
        }
    }
    bail!(
        "no ROS domain from {} to {} is free: see outrider-domain-*.lock in {}",
        DOMAINS.start(),
        DOMAINS.end(),
        std::env::temp_dir().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_never_share_a_domain() {
        let (a, _hold_a) = reserve(7, None).unwrap();
        let (b, hold_b) = reserve(7, None).unwrap();
        assert_ne!(a, b);
        drop(hold_b);
        let (c, hold_c) = reserve(7, None).unwrap();
        assert_ne!(a, c);
        drop(hold_c);
        let (d, _hold_d) = reserve(7, Some(c)).unwrap();
        assert!(d != a && d != c);
    }

    #[test]
    fn a_mark_of_another_process_or_out_of_range_is_not_believed() {
        assert_eq!(domain_of("12:34", 12), Some(34));
        for bad in ["13:34", "12:0", "12:102", "12:", "12", "", "x:y"] {
            assert_eq!(domain_of(bad, 12), None, "{bad}");
        }
    }
}
