//! The nodes as child processes: started, watched and ended, and none left behind.

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long a node has to end after SIGTERM before SIGKILL: more than a gate needs that drives at full speed (two seconds with the
/// shipped configuration; one that brakes for longer says so), and leaving ROS may take two more.
const END_LIMIT: Duration = Duration::from_secs(10);
const END_POLL: Duration = Duration::from_millis(10);
/// The end of a log that is shown when its node died.
const TAIL_LINES: usize = 5;
const TAIL_BYTES: u64 = 4096;
/// The node that is ended last, so that its bag has the end of all others.
const LAST: &str = "recorder";

struct ChildNode {
    name: String,
    child: Child,
    log: PathBuf,
    ended: bool,
}

/// A node that ended although nobody asked it to.
#[derive(Clone, Debug)]
pub struct Death {
    /// Which node.
    pub name: String,
    /// Exit code or signal, in words.
    pub status: String,
    /// Its log file.
    pub log: PathBuf,
    /// The last lines of it.
    pub tail: Vec<String>,
}

/// The child processes of a run.
pub struct Children {
    bin_dir: PathBuf,
    log_dir: PathBuf,
    list: Vec<ChildNode>,
}

impl Children {
    /// None yet; programs are looked for in `bin_dir`, logs go to `log_dir`.
    pub fn new(bin_dir: PathBuf, log_dir: PathBuf) -> Self {
        Self { bin_dir, log_dir, list: Vec::new() }
    }

    /// Starts a node.
    ///
    /// It makes a session of its own, so that ^C reaches the demo alone, which decides in which order nodes end; the kernel
    /// ends it when the demo dies (see `die_with_parent`).
    ///
    /// # Errors
    /// When there is no such program or it cannot be started.
    pub fn start(&mut self, name: &str, parameters: &[(&str, String)]) -> anyhow::Result<()> {
        let program = self.bin_dir.join(name);
        let log = self.log_dir.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let errors = output.try_clone().context("sharing the log file")?;
        let mut command = Command::new(&program);
        command.arg("--ros-args");
        for (key, value) in parameters {
            command.arg("-p").arg(format!("{key}:={value}"));
        }
        command
            .env("OUTRIDER_DIE_WITH_PARENT", std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        self.list.push(ChildNode { name: name.to_owned(), child, log, ended: false });
        Ok(())
    }

    /// The first node that has ended by itself.
    pub fn dead(&mut self) -> Option<Death> {
        self.list.iter_mut().filter(|c| !c.ended).find_map(|c| {
            let status = match c.child.try_wait() {
                Ok(None) => return None,
                Ok(Some(status)) => describe(status),
                Err(error) => format!("cannot be watched: {error}"),
            };
            c.ended = true;
            Some(Death { name: c.name.clone(), status, log: c.log.clone(), tail: tail(&c.log) })
        })
    }

    /// Names and process ids of those that run.
    pub fn running(&self) -> Vec<(String, u32)> {
        self.list.iter().filter_map(|c| Some((c.name.clone(), c.child.id()?))).collect()
    }

    /// Ends all and waits for each: SIGTERM, after a while SIGKILL, the recorder last. Returns what did not go well.
    pub async fn end(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        for last in [false, true] {
            let chosen = |c: &&mut ChildNode| (c.name == LAST) == last && !c.ended;
            for child in self.list.iter_mut().filter(chosen) {
                signal(child, Signal::TERM);
            }
            let deadline = Instant::now() + END_LIMIT;
            for child in self.list.iter_mut().filter(chosen) {
                match end_one(child, deadline).await {
                    Ok(status) if status.success() => {}
                    Ok(status) => complaints.push(format!("{}: {}", child.name, describe(status))),
                    Err(error) => complaints.push(format!("{}: {error:#}", child.name)),
                }
                child.ended = true;
            }
        }
        complaints
    }
}

async fn end_one(child: &mut ChildNode, deadline: Instant) -> anyhow::Result<ExitStatus> {
    while Instant::now() < deadline {
        if let Some(status) = child.child.try_wait()? {
            return Ok(status);
        }
        tokio::time::sleep(END_POLL).await;
    }
    signal(child, Signal::KILL);
    child.child.wait().await.context("waiting for its end")
}

/// A process that was waited for has no id any more: nobody else's is ever hit.
fn signal(child: &ChildNode, signal: Signal) {
    let pid = child.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(signal)) => format!("ended by signal {signal}"),
        _ => format!("ended: {status}"),
    }
}

/// The last lines of a file; none when it cannot be read.
fn tail(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    lines.iter().skip(first).map(|line| (*line).to_owned()).collect()
}
