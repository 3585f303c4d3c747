//! What every process of the suite does alike: logging, signals, and abort on panic.

use crate::priority::be_ordinary;
use crate::rcl::check_arguments;
use crate::transport::{Asking, avoid_shared_memory};
use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::env::VarError;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

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
    leave(0, None);
}

/// [`leave_soon`] of what ends with an error, to be called before ROS is left: the error is told also where that never ends.
pub(crate) fn fail_soon(error: &anyhow::Error) {
    leave(1, Some(format!("{error:#}")));
}

fn leave(code: i32, why: Option<String>) {
    be_ordinary();
    std::thread::spawn(move || {
        std::thread::sleep(LEAVING_LIMIT);
        if let Some(why) = why {
            tracing::error!("{why}");
        }
        tracing::warn!("leaving ROS takes too long: ended without");
        end_at_once(code);
    });
}

/// Without the handlers that C and C++ have for the end of a process: they might wait for the same.
#[allow(unsafe_code, reason = "there is no other way to leave them out")]
fn end_at_once(code: i32) {
    // SAFETY: ends the process; nothing of it is used after that.
    unsafe { libc::_exit(code) }
}

/// A flag that SIGINT, SIGTERM and SIGHUP set; the last one only where it is heeded at all (nohup).
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up) {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("installing signal handlers")?;
    }
    Ok(flag)
}

#[allow(unsafe_code, reason = "neither rustix nor signal_hook tells it")]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: zeros are a valid sigaction; nothing is changed, only what holds is written into it.
    unsafe {
        let mut holds: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut holds) == 0 && holds.sa_sigaction == libc::SIG_IGN
    }
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
    let (filter, problem) = log_filter(std::env::var(EnvFilter::DEFAULT_ENV));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// What to log, and what is wrong with what was given.
fn log_filter(given: Result<String, VarError>) -> (EnvFilter, Option<String>) {
    let parsed = match given {
        Err(VarError::NotPresent) => return (EnvFilter::new("info"), None),
        Err(error) => Err(error.to_string()),
        Ok(text) => EnvFilter::try_new(&text).map_err(|error| format!("`{text}`: {error}")),
    };
    match parsed {
        Ok(filter) => (filter, None),
        Err(why) => (EnvFilter::new("info"), Some(format!("RUST_LOG is taken as info: {why}"))),
    }
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
    const FAILS: &str = "OUTRIDER_TEST_FAILS";
    const HANGS_UP: &str = "OUTRIDER_TEST_HANGS_UP";

    /// How a test of this file ends in a process of its own, in which this variable is set.
    fn again(test: &str, variable: &str) -> ExitStatus {
        again_with(test, variable, "1")
    }

    fn again_with(test: &str, variable: &str, value: &str) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("process::tests::{test}"), "--nocapture"])
            .env(variable, value)
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

    /// In a process of its own, as above.
    #[test]
    fn a_process_that_failed_and_cannot_leave_ros_ends_as_a_failure() {
        if std::env::var_os(FAILS).is_some() {
            fail_soon(&anyhow::anyhow!("on purpose"));
            loop {
                std::hint::spin_loop();
            }
        }
        let child = again("a_process_that_failed_and_cannot_leave_ros_ends_as_a_failure", FAILS);
        assert_eq!(child.code(), Some(1), "{child:?}");
    }

    /// In a process of its own, which hangs up on itself: once as from a terminal, once as nohup starts it.
    #[test]
    fn a_terminal_that_closes_stops_a_process_in_order_unless_it_is_to_stay() {
        if let Some(how) = std::env::var_os(HANGS_UP) {
            if how == "ignored" {
                // SAFETY: no handler is installed; in a process that does nothing else.
                #[allow(unsafe_code, reason = "as nohup does")]
                unsafe {
                    libc::signal(SIGHUP, libc::SIG_IGN)
                };
            }
            let flag = stop_flag().unwrap();
            signal_hook::low_level::raise(SIGHUP).unwrap();
            std::process::exit(if flag.load(std::sync::atomic::Ordering::Relaxed) { 3 } else { 4 });
        }
        let test = "a_terminal_that_closes_stops_a_process_in_order_unless_it_is_to_stay";
        assert_eq!(again_with(test, HANGS_UP, "heeded").code(), Some(3));
        assert_eq!(again_with(test, HANGS_UP, "ignored").code(), Some(4));
    }

    #[test]
    fn a_log_filter_that_cannot_be_is_told() {
        let told = |text: &str| log_filter(Ok(text.to_owned())).1;
        assert!(log_filter(Err(VarError::NotPresent)).1.is_none());
        assert_eq!(told("debug,outrider_ros=trace"), None);
        let why = told("outrider_ros=loud").unwrap();
        assert!(why.contains("RUST_LOG") && why.contains("`outrider_ros=loud`"), "{why}");
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
