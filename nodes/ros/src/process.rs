//! What every process of the suite does alike: logging, signals, and abort on panic.

use crate::transport::{Asking, avoid_shared_memory};
use anyhow::Context as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    match avoid_shared_memory(asking).and_then(|()| stop_flag()).and_then(|stop| run(&stop)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
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
    use std::process::{Command, Stdio};

    const CHILD: &str = "OUTRIDER_TEST_PANICS";

    /// In a process of its own: this test, started again.
    #[test]
    fn a_panic_in_any_thread_ends_the_process_at_once() {
        if std::env::var_os(CHILD).is_some() {
            install_panic_abort();
            let _ = std::thread::spawn(|| panic!("on purpose")).join();
            // Not reached.
            std::process::exit(0);
        }
        let name = "process::tests::a_panic_in_any_thread_ends_the_process_at_once";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(child.signal(), Some(rustix::process::Signal::ABORT.as_raw()), "{child:?}");
    }
}
