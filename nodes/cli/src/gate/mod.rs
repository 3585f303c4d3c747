//! `outrider gate`: whether a candidate may be released, by its results and those of a baseline.

pub mod judge;
pub mod policy;
#[cfg(test)]
mod tests;
mod text;

use anyhow::Context as _;
use judge::{Evidence, Finding, Verdict, judge};
use policy::Policy;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Known to be not good enough.
const STOPPED: u8 = 1;
/// Not known to be good enough.
const NOT_JUDGED: u8 = 2;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: 0 released; 1 stopped, for the reasons that are printed; 2 it cannot be judged: results are missing, stale, of several
builds or cannot be read. The verdict is written to gate.md, gate.json and gate.junit.xml in the candidate's folder, or in --out.")]
pub struct Args {
    /// Results folder of what is in use now; `-` for none: then absolute limits alone count, and that is said.
    baseline: PathBuf,
    /// Results folder of what is to be released.
    candidate: PathBuf,
    /// The policy.
    #[arg(long, default_value = "config/release_gate.yaml")]
    policy: PathBuf,
    /// Folder for the verdict [default: the candidate's].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Prints the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// Judges, prints and writes the verdict. For the exit code see `--help`.
///
/// # Errors
/// Never: what goes wrong is printed and gives exit code 2.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let code = match gate(&args) {
        Ok(verdict) => match verdict.finding() {
            Finding::Good => 0,
            Finding::Bad => STOPPED,
            Finding::Unknown => NOT_JUDGED,
        },
        Err(error) => {
            eprintln!("STOPPED, cannot be judged: {error:#}");
            NOT_JUDGED
        }
    };
    Ok(ExitCode::from(code))
}

fn gate(args: &Args) -> anyhow::Result<Verdict> {
    let policy = Policy::read(&args.policy)?;
    let baseline = match args.baseline.as_path() {
        none if none == Path::new("-") => None,
        folder => Some(Evidence::read(folder).context("baseline")?),
    };
    let candidate = Evidence::read(&args.candidate).context("candidate")?;
    let verdict = judge(&policy, baseline.as_ref(), &candidate);
    let out = args.out.as_deref().unwrap_or(&args.candidate);
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    write("gate.md", text::markdown(&verdict, &args.policy.display().to_string()))?;
    write("gate.json", serde_json::to_string_pretty(&verdict)? + "\n")?;
    write("gate.junit.xml", text::junit(&verdict, &candidate.results))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        print!("{}", text::text(&verdict));
    }
    Ok(verdict)
}
