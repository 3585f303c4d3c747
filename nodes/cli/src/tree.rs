//! `outrider tree`: behaviour trees checked, and ticked with scripted leaves.

use anyhow::{Context, bail};
use clap::Subcommand;
use outrider_bt::trace::{Script, Stage, TICK_LIMIT, Trace, failed, register_leaves, registry};
use outrider_bt::{BtError, Include, Library, Registry, Severity, write_model};
use outrider_planner::leaves;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `outrider tree`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a tree and what it includes: errors with line and column, missing ports, and nodes that are never reached.
    Check {
        /// The tree, as BehaviorTree.CPP 4 XML.
        #[arg(value_name = "FILE.xml")]
        file: PathBuf,
    },
    /// Tick a tree whose leaves do what a script says: the planner's, and `Leaf` and `Check`; one line of JSON a tick.
    Trace {
        /// The tree, as BehaviorTree.CPP 4 XML.
        #[arg(value_name = "FILE.xml")]
        file: PathBuf,
        /// JSON: `{"leaf": ["RUNNING", "SUCCESS"]}`, by the leaf's name, which is its kind unless it has the attribute; one status
        /// for every tick of that leaf; the last one repeats.
        #[arg(long, value_name = "SCRIPT.json")]
        script: PathBuf,
        /// How many ticks.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=TICK_LIMIT))]
        ticks: u64,
    },
    /// Print the `TreeNodesModel` of all nodes, which Groot2 loads as a palette.
    Model {
        /// With the nodes that Groot2 knows already.
        #[arg(long)]
        all: bool,
    },
    /// Print `docs/trees.md`: every node with its ports and an example.
    Nodes,
}

/// Runs `outrider tree`.
///
/// # Errors
/// When a file can not be read, or with file, line and column of what is wrong with it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Check { file } => check(&file),
        Action::Trace { file, script, ticks } => trace(&file, &script, ticks, &mut std::io::stdout().lock()),
        Action::Model { all } => {
            print!("{}", write_model(&leaves::registry(), all));
            Ok(ExitCode::SUCCESS)
        }
        Action::Nodes => {
            print!("{}", leaves::documentation());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Included files: by path, or in the share folder of a ROS package.
fn included(include: &Include) -> Result<String, String> {
    let path = match &include.package {
        None => include.path.clone(),
        Some(package) => {
            let prefixes = std::env::var("AMENT_PREFIX_PATH").unwrap_or_default();
            let share = std::env::split_paths(&prefixes).map(|prefix| prefix.join("share").join(package));
            let found = share.map(|share| share.join(&include.path)).find(|path| path.exists());
            found.ok_or_else(|| {
                format!("{} of package {package} is not below AMENT_PREFIX_PATH", include.path.display())
            })?
        }
    };
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(file: &Path) -> anyhow::Result<Result<Library, BtError>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    Ok(Library::read(&file.display().to_string(), &text, &mut included))
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let library = match read(file)? {
        Ok(library) => library,
        Err(BtError::Load { file, at, message }) => {
            println!("{file}:{at}: error: {message}");
            return Ok(ExitCode::FAILURE);
        }
        Err(other) => return Err(other.into()),
    };
    let mut registry = leaves::registry();
    let declared = library.declared();
    let unknown = declared.iter().filter(|manifest| registry.manifest(&manifest.id).is_none()).count();
    for manifest in declared {
        registry.declare(manifest);
    }
    let problems = library.check(&registry);
    for problem in &problems {
        println!("{problem}");
    }
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let trees = library.trees().count();
    let known =
        if unknown > 0 { format!(", {unknown} nodes known by their model only") } else { String::new() };
    println!("{}: {trees} trees, {errors} errors, {warnings} warnings{known}", file.display());
    Ok(if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn trace(file: &Path, script: &Path, ticks: u64, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(script).with_context(|| format!("{}", script.display()))?;
    let name = script.display().to_string();
    let script = Script::from_json(&text).with_context(|| name.clone())?;
    let mut registry: Registry<Stage> = registry();
    register_leaves(&mut registry, &leaves::registry());
    let tree = read(file)?.and_then(|library| library.build(&registry, &library.main()?));
    let tree = match tree {
        Ok(tree) => tree,
        Err(error) => {
            // BehaviorTree.CPP throws before the first tick.
            writeln!(out, "{}", failed(0, &error))?;
            return Err(error.into());
        }
    };
    for (number, line) in (0..ticks).zip(Trace::new(tree, &script).context(name)?) {
        writeln!(out, "{line}")?;
        if let Some(error) = line.get("error").and_then(serde_json::Value::as_str) {
            bail!("{}: tick {number}: {error}", file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
