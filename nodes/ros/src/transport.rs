//! How the bytes of DDS travel: over UDP, never through Fast DDS's shared memory.
//!
//! A process that dies by `kill -9` while it holds a lock in shared memory blocks every process that publishes to it for up
//! to a second. The gate is one of these. See `docs/decisions/008-no-shared-memory.md`.

use anyhow::Context as _;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Fast DDS over UDP on the loopback interface alone.
const LOOPBACK_PROFILE: &str = include_str!("loopback.xml");
/// The user's own profiles; whoever gives some has decided.
const PROFILES: [&str; 2] = ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
const BUILTIN: &str = "FASTDDS_BUILTIN_TRANSPORTS";
const RANGE: &str = "ROS_AUTOMATIC_DISCOVERY_RANGE";
/// Names of files with the profile above begin so. One in the environment is that of the process that started this one.
const OWN: &str = "outrider-dds-";
/// The file that Fast DDS has still to read.
static UNREAD: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What is to be set in the environment before ROS starts, given what is set.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// Another middleware, or the user has chosen.
    Leave(&'static str),
    /// The profile above; rmw_fastrtps adds shared memory by itself when the range is LOCALHOST.
    Loopback,
    /// Fast DDS's own word for it.
    BuiltinUdp,
}

fn choose(variable: impl Fn(&str) -> Option<String>) -> Choice {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if given("RMW_IMPLEMENTATION").is_some_and(|rmw| !rmw.starts_with("rmw_fastrtps")) {
        return Choice::Leave("not Fast DDS");
    }
    let profiles = PROFILES.iter().find_map(|name| given(name));
    match profiles {
        Some(file) if is_own(&file) => return Choice::Loopback,
        Some(_) => return Choice::Leave("the profiles file that is given"),
        None => {}
    }
    match given(RANGE).as_deref() {
        Some("LOCALHOST") => Choice::Loopback,
        _ if given(BUILTIN).is_some() => Choice::Leave("FASTDDS_BUILTIN_TRANSPORTS as given"),
        _ => Choice::BuiltinUdp,
    }
}

/// Chooses the transport of this process. To be called first of all, while it has one thread.
///
/// # Errors
/// When the profile cannot be handed over.
pub(crate) fn avoid_shared_memory() -> anyhow::Result<()> {
    match choose(|name| std::env::var(name).ok()) {
        Choice::Leave(why) => tracing::info!("DDS transport: {why}"),
        Choice::BuiltinUdp => {
            set(BUILTIN, "UDPv4".into());
            tracing::info!("DDS transport: UDP");
        }
        Choice::Loopback => {
            let path = std::env::temp_dir().join(format!("{OWN}{}.xml", std::process::id()));
            write_new(&path).with_context(|| format!("writing {}", path.display()))?;
            set(PROFILES[0], path.clone().into());
            set(RANGE, "SYSTEM_DEFAULT".into());
            if let Ok(mut unread) = UNREAD.lock() {
                *unread = Some(path);
            }
            tracing::info!("DDS transport: UDP on the loopback interface");
        }
    }
    Ok(())
}

/// Starts ROS with one node. Fast DDS has read its profile then, and the file goes.
///
/// # Errors
/// When ROS cannot be started.
pub(crate) fn start_ros(name: &str) -> anyhow::Result<r2r::Node> {
    let context = r2r::Context::create().context("starting ROS")?;
    let node = r2r::Node::create(context, name, "").context("creating the node");
    if let Some(path) = UNREAD.lock().ok().and_then(|mut unread| unread.take()) {
        let _ = std::fs::remove_file(path);
    }
    node
}

fn is_own(file: &str) -> bool {
    Path::new(file).file_name().is_some_and(|name| name.to_string_lossy().starts_with(OWN))
}

/// Never through a link that somebody laid there. A file of this name is left of an earlier process of this id.
fn write_new(path: &Path) -> std::io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(LOOPBACK_PROFILE.as_bytes())
}

#[allow(unsafe_code, reason = "the only way to tell rmw_fastrtps before it starts")]
fn set(name: &str, value: OsString) {
    // SAFETY: called from `main` before any other thread is started; nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> Choice {
        choose(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn shared_memory_is_avoided_unless_somebody_decided() {
        assert_eq!(with(&[]), Choice::BuiltinUdp);
        assert_eq!(with(&[(RANGE, "SUBNET")]), Choice::BuiltinUdp);
        assert_eq!(with(&[(RANGE, "LOCALHOST")]), Choice::Loopback);
        // There it would be ignored.
        assert_eq!(with(&[(RANGE, "LOCALHOST"), (BUILTIN, "UDPv4")]), Choice::Loopback);
        assert!(matches!(with(&[(BUILTIN, "SHM")]), Choice::Leave(_)));
        assert!(matches!(with(&[(PROFILES[1], "/etc/dds.xml"), (RANGE, "LOCALHOST")]), Choice::Leave(_)));
        assert!(matches!(with(&[("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")]), Choice::Leave(_)));
        assert_eq!(with(&[("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")]), Choice::BuiltinUdp);
    }

    #[test]
    fn a_child_of_a_node_chooses_for_itself() {
        let of_parent = [(PROFILES[0], "/tmp/outrider-dds-12.xml"), (RANGE, "SYSTEM_DEFAULT")];
        assert_eq!(with(&of_parent), Choice::Loopback);
    }
}
