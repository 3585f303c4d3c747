//! A write pipeline that never lets its caller wait: messages are gathered into chunks on the caller's thread, compressed
//! on others, and written by one more.
//!
//! A message is copied into a buffer that is there and in memory since the start; a full buffer goes on through a ring
//! with room for all buffers there are. So a hand-over takes no lock, allocates nothing and waits for nobody; once a chunk
//! it may wake a thread, which is a system call. Two cases allocate: a message longer than a chunk, and a request.
//!
//! What is on its way is bounded ([`PipelineOptions::queue_bytes`], [`PipelineOptions::queue_messages`], and the buffers:
//! as many as the queue has chunks, [`QUEUE_CHUNKS`] at most). When there is no room, the newest message is dropped and
//! counted by topic. A chunk goes on at the latest with the next [`Pipeline::flush`]: call it every 200 ms and a kill
//! loses no more than that.

use crate::MESSAGE_LIMIT;
use crate::batch::Batch;
use crate::channels::{ChannelList, SharedChannels, lock};
use crate::definition::Definition;
use crate::error::BagError;
use crate::folder::{Folder, SPLIT_LIMIT};
use crate::stages::{Request, Stages};
use crate::volume::{Disk, Volume};
use crate::writer::{ChannelId, Compression};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// The most chunks between the stages, however small.
pub const QUEUE_CHUNKS: usize = 1024;
/// The most requests (metadata, splits, snapshots) that wait; one more is refused.
pub const REQUEST_LIMIT: usize = 64;
/// So often it is tried to read the status before that of last time is given instead: the writer holds it for less.
const STATUS_TRIALS: usize = 1000;

/// When the device is waited for. A kill of the process loses what came after the last flush, whichever it is; these
/// are about the loss of power and a crash of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// Never: the kernel writes when it pleases, 30 s later at the most as Linux is set up.
    Never,
    /// When a file is finished: whole files survive.
    #[default]
    OnClose,
    /// Also so often while writing: no more than this is lost.
    Every(Duration),
}

/// When a new file is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Before a file grows beyond this, in bytes; not counting its summary. A single chunk may be longer.
    pub bytes: Option<u64>,
    /// When messages are this much younger than the file's first, in nanoseconds.
    pub duration_ns: Option<u64>,
}

/// Bounds of the ring in snapshot mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Most bytes, as they would be written.
    pub bytes: usize,
    /// Longest time, in nanoseconds of log time.
    pub seconds_ns: u64,
}

/// How a [`Pipeline`] writes.
#[derive(Clone, Debug)]
pub struct PipelineOptions {
    /// How chunks are stored.
    pub compression: Compression,
    /// A chunk is closed before it holds more than this many bytes.
    pub chunk_bytes: usize,
    /// Threads that make chunks.
    pub workers: usize,
    /// Most bytes on their way. So much memory is taken at the start.
    pub queue_bytes: usize,
    /// Most messages on their way.
    pub queue_messages: usize,
    /// Most bytes held back while nothing can be written; the oldest go first, and are counted.
    pub stall_bytes: usize,
    /// When the device is waited for.
    pub fsync: Fsync,
    /// When a new file is begun.
    pub split: Split,
    /// Keep everything in memory, and write it on [`Pipeline::snapshot`] only.
    pub snapshot: Option<SnapshotLimits>,
    /// ROS distribution named in `metadata.yaml`.
    pub ros_distro: String,
    /// Called first on each thread of the pipeline, to give it its priority.
    pub on_thread: fn(),
}

impl Default for PipelineOptions {
    /// Zstandard, 256 KiB, one worker, a queue of 32 MiB, 16 MiB held back on a full disk, fsync on close, no splits.
    fn default() -> Self {
        Self {
            compression: Compression::Zstd,
            chunk_bytes: 256 << 10,
            workers: 1,
            queue_bytes: 32 << 20,
            queue_messages: 200_000,
            stall_bytes: 16 << 20,
            fsync: Fsync::OnClose,
            split: Split::default(),
            snapshot: None,
            ros_distro: "jazzy".into(),
            on_thread: || {},
        }
    }
}

/// How a pipeline is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PipelineStatus {
    /// The newest file.
    pub path: PathBuf,
    /// Files begun.
    pub files: u64,
    /// Messages in files, without repeated ones.
    pub messages_written: u64,
    /// Bytes of chunks in files.
    pub bytes_written: u64,
    /// Why nothing can be written at present.
    pub stalled: Option<String>,
    /// How often writing has failed.
    pub stalls: u64,
    /// What is wrong with a file whose summary could not be written.
    pub problem: Option<String>,
    /// Bytes in the ring: of snapshot mode, or held back.
    pub ring_bytes: usize,
    /// Messages there.
    pub ring_messages: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Messages lost by channel: dropped before the queue, or from what was held back.
    pub lost: BTreeMap<u16, u64>,
}

/// What came of a snapshot: messages written, or why not.
pub type SnapshotReply = Receiver<Result<u64, String>>;

/// Writes a folder of MCAP files without ever waiting for it.
pub struct Pipeline {
    dir: PathBuf,
    options: PipelineOptions,
    /// The open chunk.
    batch: Batch,
    stages: Stages,
    list: ChannelList,
    shared: SharedChannels,
    /// By channel.
    dropped: Vec<u64>,
    status: Arc<Mutex<PipelineStatus>>,
    seen: PipelineStatus,
}

impl Pipeline {
    /// Begins a folder `<dir>/<name>_0.mcap` ….
    ///
    /// # Errors
    /// When the folder holds a bag already or cannot be written.
    pub fn start(dir: impl AsRef<Path>, options: PipelineOptions) -> Result<Self, BagError> {
        Self::start_on(Box::new(Disk), dir, options)
    }

    /// As [`Self::start`], on other files than the operating system's.
    ///
    /// # Errors
    /// As there.
    pub fn start_on(
        volume: Box<dyn Volume>,
        dir: impl AsRef<Path>,
        options: PipelineOptions,
    ) -> Result<Self, BagError> {
        let dir = dir.as_ref();
        let name = crate::writer::folder_name(dir)?;
        std::fs::create_dir_all(dir).map_err(BagError::io(dir, "create the folder"))?;
        for other in ["metadata.yaml".to_owned(), format!("{name}_0.mcap")] {
            let path = dir.join(other);
            if path.exists() {
                let cause = std::io::ErrorKind::AlreadyExists.into();
                return Err(BagError::Io { path, action: "begin a bag over another", cause });
            }
        }
        let shared = SharedChannels::default();
        let seen = PipelineStatus { path: dir.to_owned(), ..PipelineStatus::default() };
        let status = Arc::new(Mutex::new(seen.clone()));
        let mut folder = Folder::new(volume, dir, name, &options, shared.clone(), status.clone())
            .map_err(BagError::io(dir, "start the compressor"))?;
        folder.start()?;
        let stages = Stages::start(folder, dir, &options, &shared)?;
        Ok(Self {
            dir: dir.to_owned(),
            batch: Batch::with_room(options.chunk_bytes),
            options,
            stages,
            list: ChannelList::default(),
            shared,
            dropped: Vec::new(),
            status,
            seen,
        })
    }

    /// Declares a topic; `metadata` as [`crate::BagWriter::add_channel_with`] has it. The last `keep` messages of it are
    /// repeated at the beginning of every new file: what a late subscriber would get.
    ///
    /// # Errors
    /// When a name or text is one that rosbag2 would not read, or there are too many.
    pub fn add_channel(
        &mut self,
        topic: &str,
        type_name: &str,
        definition: Definition<'_>,
        metadata: &BTreeMap<String, String>,
        keep: usize,
    ) -> Result<ChannelId, BagError> {
        let id = self.list.add(&self.dir, topic, type_name, definition, metadata, keep)?;
        let new = self.list.all().get(self.dropped.len()..).unwrap_or_default();
        lock(&self.shared).extend_from_slice(new);
        self.dropped.resize(self.list.all().len(), 0);
        Ok(ChannelId(id))
    }

    /// Hands a message over; false when it was dropped, which is counted. Never waits. Times are nanoseconds since the epoch.
    pub fn push(
        &mut self,
        channel: ChannelId,
        sequence: u32,
        log_ns: u64,
        publish_ns: u64,
        data: &[u8],
    ) -> bool {
        let at = usize::from(channel.0);
        if at >= self.dropped.len() {
            return false;
        }
        let full = self.batch.records.len() + Batch::cost(data.len()) > self.options.chunk_bytes;
        if data.len() > MESSAGE_LIMIT || (full && !self.seal()) {
            if let Some(dropped) = self.dropped.get_mut(at) {
                *dropped += 1;
            }
            return false;
        }
        self.batch.push(channel.0, sequence, log_ns, publish_ns, data);
        true
    }

    /// Sends the open chunk on, also when it is not full.
    pub fn flush(&mut self) {
        self.seal();
    }

    /// True when the open chunk is empty afterwards.
    fn seal(&mut self) -> bool {
        self.batch.is_empty() || self.stages.send(&mut self.batch, &self.options)
    }

    /// A metadata record, in the open file and, with `repeat`, in all later ones, where it takes the place of an older one
    /// of this name. False when too much waits already.
    pub fn metadata(&mut self, name: &str, entries: BTreeMap<String, String>, repeat: bool) -> bool {
        self.stages.request(Request::Metadata((name.to_owned(), entries), repeat))
    }

    /// Begins a new file with the next message. False when too much waits already, or no more files are begun by a split.
    pub fn split(&mut self) -> bool {
        self.seal();
        // It is asked for in any case: the writer tells why not.
        self.stages.request(Request::Split) && self.status().files < SPLIT_LIMIT as u64
    }

    /// In snapshot mode writes what is in memory to a file of its own. `None` when too much waits already.
    pub fn snapshot(&mut self) -> Option<SnapshotReply> {
        self.seal();
        let (reply, answer) = sync_channel(1);
        self.stages.request(Request::Snapshot(reply)).then_some(answer)
    }

    /// Bytes on their way to the file.
    pub fn queued_bytes(&self) -> usize {
        self.stages.queued_bytes()
    }

    /// How it is doing; as of last time when the writer is changing it and does not get on.
    pub fn status(&mut self) -> PipelineStatus {
        for _ in 0..STATUS_TRIALS {
            match self.status.try_lock() {
                Ok(status) => self.seen.clone_from(&status),
                Err(TryLockError::Poisoned(status)) => self.seen.clone_from(&status.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    std::hint::spin_loop();
                    continue;
                }
            }
            break;
        }
        let mut status = self.seen.clone();
        for (channel, dropped) in (0_u16..).zip(&self.dropped).filter(|(_, dropped)| **dropped > 0) {
            *status.lost.entry(channel).or_default() += dropped;
        }
        status
    }

    /// Messages lost in the pipeline, by topic; only topics that lost some.
    pub fn losses(&mut self) -> BTreeMap<String, u64> {
        let mut losses = BTreeMap::new();
        for (channel, lost) in self.status().lost {
            if let Some(text) = self.list.get(channel) {
                *losses.entry(text.topic.clone()).or_default() += lost;
            }
        }
        losses
    }

    /// Writes what is under way, the summaries and `metadata.yaml`. After `limit` it gives up: files are whole up to
    /// what was written then.
    ///
    /// # Errors
    /// When not everything could be written, or not in time.
    pub fn finish(mut self, limit: Duration) -> Result<PipelineStatus, BagError> {
        let deadline = Instant::now() + limit;
        while !self.seal() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        for entry in self.batch.entries() {
            if let Some(dropped) = self.dropped.get_mut(usize::from(entry.channel)) {
                *dropped += 1;
            }
        }
        let result = match self.stages.end().recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(result) => result,
            Err(_) => {
                let cause = std::io::ErrorKind::TimedOut.into();
                Err(BagError::Io { path: self.dir.clone(), action: "finish in time", cause })
            }
        };
        result.map(|()| self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_beyond_the_limit_of_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut pipeline = Pipeline::start(dir.path().join("x"), PipelineOptions::default()).unwrap();
        assert!(pipeline.split());
        lock(&pipeline.status).files = SPLIT_LIMIT as u64;
        assert!(!pipeline.split());
    }
}
