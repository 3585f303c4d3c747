//! What every process of the suite does alike: logging, signals, and abort on panic.

use crate::priority::be_ordinary;
use crate::rcl::check_arguments;
use crate::transport::{Asking, avoid_shared_memory};
use anyhow::Context as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// `main` of a process: runs until `run` ends or the flag is set that it is handed; logs the error that ends it.
pub fn main_of(name: &str, run: impl FnOnce(&AtomicBool) -> anyhow::Result<()>) -> ExitCode {
    main_asking(Asking::Seldom, name, run)
}

/// [`main_of`] a process whose publishers ask for acknowledgements as it says.
pub(crate) fn main_asking(
    asking: Asking,
    name: &str,
    run: impl FnOnce(&AtomicBool) -> anyhow::Result<()>,
) -> ExitCode {
    crate::memory::keep_heap_tight();
    install_panic_abort();
    init_logging();
    die_with_parent();
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let ready = check_arguments(&arguments).and_then(|()| avoid_shared_memory(asking));
    match ready.and_then(|()| stop_flag()).and_then(|stop| run(&stop)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What has said its last has so long to leave ROS.
const LEAVING_LIMIT: Duration = Duration::from_secs(2);

/// To be called when all is done but leaving ROS: should that take longer than [`LEAVING_LIMIT`], the process ends all the same.
///
/// Fast DDS may wait for ever as it takes a participant down, with all of a processor (eProsima/Fast-DDS#6513), at whatever priority
/// the thread has; so it gets an ordinary one first.
pub(crate) fn leave_soon() {
    be_ordinary();
    std::thread::spawn(|| {
        std::thread::sleep(LEAVING_LIMIT);
        tracing::warn!("leaving ROS takes too long: ended without");
        end_at_once();
    });
}

/// Without the handlers that C and C++ have for the end of a process: they might wait for the same.
#[allow(unsafe_code, reason = "there is no other way to leave them out")]
fn end_at_once() {
    // SAFETY: ends the process; nothing of it is used after that.
    unsafe { libc::_exit(0) }
}

/// A flag that SIGINT and SIGTERM set.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("installing signal handlers")?;
    }
    Ok(flag)
}

/// A panic in any thread ends the process at once: a node that is half alive is worse than one that is gone, because the
/// gate stops the robot for the latter.
pub fn install_panic_abort() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        std::process::abort();
    }));
}

/// Log lines to standard error; `RUST_LOG` chooses, by default `info`.
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Holds the process id of the parent with which this process is to end; any other text: whoever is the parent.
const DIE_WITH_PARENT: &str = "OUTRIDER_DIE_WITH_PARENT";

/// Asks the kernel to end this process when its parent dies, if `OUTRIDER_DIE_WITH_PARENT` is set: whoever starts
/// children wants none left behind, even after `kill -9` of itself.
///
/// Such a child gets a session of its own: ^C at a terminal then reaches only its parent, which ends its children in order.
pub fn die_with_parent() {
    let Some(meant) = std::env::var_os(DIE_WITH_PARENT) else { return };
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    // A parent that died before the kernel was asked is not noticed by it: somebody else is the parent by now.
    let meant: Option<i32> = meant.to_str().and_then(|text| text.parse().ok()).filter(|pid| *pid > 1);
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if meant.is_some_and(|meant| parent != Some(meant)) {
        tracing::error!("the process that started this one is gone");
        std::process::exit(1);
    }
    // Refused where it leads its process group already, and then whoever made it so has seen to it.
    let _ = rustix::process::setsid();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, ExitStatus, Stdio};

    const CHILD: &str = "OUTRIDER_TEST_PANICS";
    const LEAVES: &str = "OUTRIDER_TEST_LEAVES";

    /// How a test of this file ends in a process of its own, in which this variable is set.
    fn again(test: &str, variable: &str) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("process::tests::{test}"), "--nocapture"])
            .env(variable, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }

    /// In a process of its own: this test, started again; its end is as if DDS never let go.
    #[test]
    fn a_process_that_cannot_leave_ros_ends_all_the_same() {
        if std::env::var_os(LEAVES).is_some() {
            leave_soon();
            loop {
                std::hint::spin_loop();
            }
        }
        let child = again("a_process_that_cannot_leave_ros_ends_all_the_same", LEAVES);
        assert_eq!(child.code(), Some(0), "{child:?}");
    }

    /// In a process of its own: this test, started again.
    #[test]
    fn a_panic_in_any_thread_ends_the_process_at_once() {
        if std::env::var_os(CHILD).is_some() {
            install_panic_abort();
            let _ = std::thread::spawn(|| panic!("on purpose")).join();
            // Not reached.
            std::process::exit(0);
        }
        let child = again("a_panic_in_any_thread_ends_the_process_at_once", CHILD);
        assert_eq!(child.signal(), Some(rustix::process::Signal::ABORT.as_raw()), "{child:?}");
    }
}
