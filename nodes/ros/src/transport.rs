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
/// A reliable publisher asks for acknowledgements so often while some are missing; Fast DDS by itself does every 3 s, and sends
/// again only what was asked for.
const HEARTBEAT_NS: u32 = 100_000_000;
/// The same for the player, whose flow control waits for them.
const QUICK_HEARTBEAT_NS: u32 = 10_000_000;
const EMPTY_PROFILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns="http://www.eprosima.com">
  <profiles>
  </profiles>
</dds>
"#;
/// The user's own profiles; whoever gives some has decided.
const PROFILES: [&str; 2] = ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
const BUILTIN: &str = "FASTDDS_BUILTIN_TRANSPORTS";
const RANGE: &str = "ROS_AUTOMATIC_DISCOVERY_RANGE";
/// Its forerunner, which overrides it where it is 1.
const LOCALHOST_ONLY: &str = "ROS_LOCALHOST_ONLY";
/// Names of files with the profile above begin so. One in the environment is that of the process that started this one.
const OWN: &str = "outrider-dds-";
/// The same for the loopback interface alone: whoever finds it no longer finds the range that asked for it.
const OWN_LOOPBACK: &str = "outrider-dds-loopback-";
/// The file that Fast DDS has still to read.
static UNREAD: Mutex<Option<PathBuf>> = Mutex::new(None);

/// How soon reliable publishers of this process ask for acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Soon enough that nothing is overwritten that somebody missed.
    Seldom,
    /// As soon as may be.
    Often,
}

/// What is to be set in the environment before ROS starts, given what is set.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// Another middleware, or profiles of the user's own.
    Leave(&'static str),
    /// The user has chosen among Fast DDS's own.
    AsGiven,
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
        Some(file) if is_own(&file, OWN_LOOPBACK) => return Choice::Loopback,
        Some(file) if is_own(&file, OWN) => {}
        Some(_) => return Choice::Leave("the profiles file that is given"),
        None => {}
    }
    // No other word than 1 means anything to rcl.
    let localhost_only = given(LOCALHOST_ONLY).as_deref() == Some("1");
    match given(RANGE).as_deref() {
        _ if localhost_only => Choice::Loopback,
        Some("LOCALHOST") => Choice::Loopback,
        _ if given(BUILTIN).is_some() => Choice::AsGiven,
        _ => Choice::BuiltinUdp,
    }
}

/// The profiles file that goes with a choice, if one does.
fn profile(choice: &Choice, asking: Asking) -> Option<String> {
    let base = match choice {
        Choice::Leave(_) => return None,
        Choice::Loopback => LOOPBACK_PROFILE,
        Choice::AsGiven | Choice::BuiltinUdp => EMPTY_PROFILE,
    };
    let heartbeat_ns = match asking {
        Asking::Seldom => HEARTBEAT_NS,
        Asking::Often => QUICK_HEARTBEAT_NS,
    };
    let end = "</profiles>";
    Some(base.replacen(end, &format!("{}{end}", writers(heartbeat_ns)), 1))
}

fn writers(heartbeat_ns: u32) -> String {
    format!(
        r#"<data_writer profile_name="outrider_writers" is_default_profile="true">
      <times><heartbeatPeriod><sec>0</sec><nanosec>{heartbeat_ns}</nanosec></heartbeatPeriod></times>
    </data_writer>
  "#
    )
}

/// Chooses the transport of this process. To be called first of all, while it has one thread.
///
/// # Errors
/// When the profile cannot be handed over.
pub(crate) fn avoid_shared_memory(asking: Asking) -> anyhow::Result<()> {
    let choice = choose(|name| std::env::var(name).ok());
    if let Some(text) = profile(&choice, asking) {
        let name = if choice == Choice::Loopback { OWN_LOOPBACK } else { OWN };
        let path = std::env::temp_dir().join(format!("{name}{}.xml", std::process::id()));
        write_new(&path, &text).with_context(|| format!("writing {}", path.display()))?;
        set(PROFILES[0], path.clone().into());
        if let Ok(mut unread) = UNREAD.lock() {
            *unread = Some(path);
        }
    }
    match choice {
        Choice::Leave(why) => tracing::info!("DDS transport: {why}"),
        Choice::AsGiven => tracing::info!("DDS transport: {BUILTIN} as given"),
        Choice::BuiltinUdp => {
            set(BUILTIN, "UDPv4".into());
            tracing::info!("DDS transport: UDP");
        }
        Choice::Loopback => {
            set(RANGE, "SYSTEM_DEFAULT".into());
            // Empty, as if it were not set: of a 0 rcl warns that nothing is limited to this machine.
            set(LOCALHOST_ONLY, "".into());
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

fn is_own(file: &str, prefix: &str) -> bool {
    Path::new(file).file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Never through a link that somebody laid there. A file of this name is left of an earlier process of this id.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
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
        for range in ["SUBNET", "OFF", "SYSTEM_DEFAULT", ""] {
            assert_eq!(with(&[("ROS_LOCALHOST_ONLY", "1"), (RANGE, range)]), Choice::Loopback, "{range}");
        }
        assert_eq!(with(&[("ROS_LOCALHOST_ONLY", "1"), (BUILTIN, "UDPv4")]), Choice::Loopback);
        for off in ["0", "true", ""] {
            assert_eq!(with(&[("ROS_LOCALHOST_ONLY", off)]), Choice::BuiltinUdp, "{off}");
        }
        assert_eq!(with(&[("ROS_LOCALHOST_ONLY", "0"), (RANGE, "LOCALHOST")]), Choice::Loopback);
        assert_eq!(with(&[(BUILTIN, "SHM")]), Choice::AsGiven);
        assert!(matches!(with(&[(PROFILES[1], "/etc/dds.xml"), (RANGE, "LOCALHOST")]), Choice::Leave(_)));
        assert!(matches!(with(&[("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")]), Choice::Leave(_)));
        assert_eq!(with(&[("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")]), Choice::BuiltinUdp);
    }

    #[test]
    fn a_child_of_a_node_chooses_for_itself() {
        let of_parent = [(PROFILES[0], "/tmp/outrider-dds-loopback-12.xml"), (RANGE, "SYSTEM_DEFAULT")];
        assert_eq!(with(&of_parent), Choice::Loopback);
        let of_parent = [(PROFILES[0], "/tmp/outrider-dds-12.xml"), (BUILTIN, "UDPv4")];
        assert_eq!(with(&of_parent), Choice::AsGiven);
    }

    #[test]
    fn how_often_is_asked_is_in_every_profile_but_the_users_own() {
        for (asking, period_ns) in [(Asking::Seldom, HEARTBEAT_NS), (Asking::Often, QUICK_HEARTBEAT_NS)] {
            for choice in [Choice::Loopback, Choice::AsGiven, Choice::BuiltinUdp] {
                let text = profile(&choice, asking).unwrap_or_default();
                let period = format!("<heartbeatPeriod><sec>0</sec><nanosec>{period_ns}</nanosec>");
                assert_eq!(text.matches(&period).count(), 1, "{choice:?}: {text}");
                assert!(text.trim_end().ends_with("</profiles>\n</dds>"), "{choice:?}: {text}");
                assert_eq!(text.contains("127.0.0.1"), choice == Choice::Loopback);
            }
            assert_eq!(profile(&Choice::Leave(""), asking), None);
        }
    }
}
