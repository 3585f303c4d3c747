//! What every process of the suite does alike: logging, signals, and abort on panic.

use anyhow::Context as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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

/// Asks the kernel to end this process when its parent dies, if `OUTRIDER_DIE_WITH_PARENT` is set: whoever starts
/// children wants none left behind, even after `kill -9` of itself.
pub fn die_with_parent() {
    if std::env::var_os("OUTRIDER_DIE_WITH_PARENT").is_some() {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    }
}
