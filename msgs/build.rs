//! Generates the Rust structs of all messages from their `.msg` files.

#![allow(clippy::disallowed_methods, reason = "a build script reads and writes files")]

#[path = "generator/mod.rs"]
mod generator;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut sources = Vec::new();
    for package in sorted(&root.join("standard"))? {
        let name = file_stem(&package);
        read_package(&name, &package.join("msg"), &mut sources)?;
    }
    read_package("outrider_msgs", &root.join("msg"), &mut sources)?;
    let code = generator::generate(&sources)?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("messages.rs"), code)?;
    for watched in ["build.rs", "generator", "msg", "standard"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    Ok(())
}

fn read_package(package: &str, folder: &Path, into: &mut Vec<generator::Source>) -> io::Result<()> {
    for file in sorted(folder)? {
        // What an editor leaves beside a file (`Grid.msg~`) is no message.
        if file.extension().is_none_or(|ending| ending != "msg") {
            continue;
        }
        let text = fs::read_to_string(&file)?;
        into.push(generator::Source { package: package.into(), name: file_stem(&file), text });
    }
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
