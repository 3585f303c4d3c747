//! The workspaces that are sourced.

use std::path::PathBuf;

/// Where packages are installed, the nearest workspace first.
pub(crate) fn prefixes() -> impl Iterator<Item = PathBuf> {
    let paths = std::env::var_os("AMENT_PREFIX_PATH").unwrap_or_default();
    std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>().into_iter()
}
