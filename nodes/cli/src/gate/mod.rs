//! `outrider gate`: whether a candidate may be released, by its results and those of a baseline.

pub mod evidence;
pub mod judge;
pub mod policy;
#[cfg(test)]
mod tests;
mod text;

use crate::evaluate::store::{RunResult, VERDICT_FILES};
use anyhow::Context as _;
use evidence::Evidence;
use judge::{Check, Finding, Verdict, judge};
use policy::Policy;
use std::io::Write as _;
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
        Ok(verdict) => match (print(&args, &verdict), verdict.finding()) {
            (Err(error), _) if crate::reader_is_gone(&error) => crate::READER_GONE,
            // Nobody was told, and the code of one who is stopped would say that somebody was.
            (Err(error), _) => {
                eprintln!("the verdict is in the files, and cannot be printed: {error:#}");
                NOT_JUDGED
            }
            (Ok(()), Finding::Good) => 0,
            (Ok(()), Finding::Bad) => STOPPED,
            (Ok(()), Finding::Unknown) => NOT_JUDGED,
        },
        Err(error) => {
            eprintln!("STOPPED, cannot be judged: {error:#}");
            tell_in_files(&args, &error);
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
    let policy_file = args.policy.display().to_string();
    let verdict = judge((&policy, &policy_file), baseline.as_ref(), &candidate);
    std::fs::create_dir_all(out(args)).with_context(|| out(args).display().to_string())?;
    write(args, &verdict, &candidate.results)?;
    Ok(verdict)
}

fn print(args: &Args, verdict: &Verdict) -> anyhow::Result<()> {
    let printed = if args.json { json(verdict)? } else { text::text(verdict) };
    let mut out = std::io::stdout().lock();
    out.write_all(printed.as_bytes())?;
    Ok(out.flush()?)
}

fn out(args: &Args) -> &Path {
    args.out.as_deref().unwrap_or(&args.candidate)
}

fn json(verdict: &Verdict) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(verdict)? + "\n")
}

fn write(args: &Args, verdict: &Verdict, results: &[RunResult]) -> anyhow::Result<()> {
    let texts = [text::markdown(verdict), json(verdict)?, text::junit(verdict, results)];
    for (name, text) in VERDICT_FILES.iter().zip(texts) {
        let path = out(args).join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Whoever reads the files alone must not find an older verdict there. Without a folder there is none.
fn tell_in_files(args: &Args, error: &anyhow::Error) {
    let verdict = Verdict {
        candidate: args.candidate.display().to_string(),
        evidence: String::new(),
        policy: args.policy.display().to_string(),
        baseline: Some(args.baseline.display().to_string()).filter(|folder| folder != "-"),
        runs: 0,
        pairs: 0,
        checks: vec![Check {
            name: "evidence.readable".to_owned(),
            finding: Finding::Unknown,
            reason: format!("{error:#}"),
        }],
    };
    if out(args).is_dir()
        && let Err(error) = write(args, &verdict, &[])
    {
        eprintln!("the verdict is in no file: {error:#}");
    }
}
