//! A write pipeline that never lets its caller wait: messages are gathered into chunks on the caller's thread, compressed
//! on others, and written by one more.
//!
//! Between the stages lies one bounded queue ([`PipelineOptions::queue_bytes`], [`PipelineOptions::queue_messages`],
//! [`QUEUE_CHUNKS`]). When it is full, the newest message is dropped and counted by topic. A chunk goes on at the latest
//! with the next [`Pipeline::flush`]: call it every 200 ms and a kill loses no more than that.

use crate::batch::{Batch, Chunk, ChunkMaker};
use crate::error::BagError;
use crate::file::{ChannelText, MetadataText};
use crate::folder::{Channels, Folder, lock};
use crate::volume::{Disk, Volume};
use crate::writer::{ChannelId, Compression, check_names};
use crate::{CHANNEL_LIMIT, MESSAGE_LIMIT};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The most chunks between the stages, however small.
pub const QUEUE_CHUNKS: usize = 1024;
/// The most requests (metadata, splits, snapshots) that wait; one more is refused.
pub const REQUEST_LIMIT: usize = 64;
/// Buffers kept for use again.
const SPARES: usize = 8;
/// The last stage looks around so often when nothing comes.
const TEND_PERIOD: Duration = Duration::from_millis(100);

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
    /// Most bytes on their way.
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

enum Request {
    Metadata(MetadataText, bool),
    Split,
    Snapshot(SyncSender<Result<u64, String>>),
}

#[allow(clippy::large_enum_variant, reason = "the large one is the rule")]
enum ToWriter {
    Chunk(u64, Chunk, Batch),
    /// To be done when all chunks before this number are.
    Request(u64, Request),
}

#[derive(Default)]
struct InFlight {
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

/// Writes a folder of MCAP files without ever waiting for it.
pub struct Pipeline {
    dir: PathBuf,
    options: PipelineOptions,
    batch: Batch,
    /// Of the next chunk.
    number: u64,
    jobs: SyncSender<(u64, Batch)>,
    requests: SyncSender<ToWriter>,
    /// Requests that the channel had no room for.
    waiting: VecDeque<ToWriter>,
    spares: Receiver<Batch>,
    in_flight: Arc<InFlight>,
    channels: Channels,
    keeps: Vec<bool>,
    dropped: Vec<u64>,
    schemas: BTreeMap<(String, Arc<str>), u16>,
    status: Arc<Mutex<PipelineStatus>>,
    done: Receiver<Result<(), BagError>>,
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
        let channels = Channels::default();
        let status =
            Arc::new(Mutex::new(PipelineStatus { path: dir.to_owned(), ..PipelineStatus::default() }));
        let mut folder = Folder::new(volume, dir, name, &options, channels.clone(), status.clone())
            .map_err(BagError::io(dir, "start the compressor"))?;
        folder.start()?;
        let (jobs, job_end) = sync_channel(QUEUE_CHUNKS);
        let (requests, request_end) = sync_channel(QUEUE_CHUNKS);
        let (spare, spares) = sync_channel(SPARES);
        let (tell_done, done) = sync_channel(1);
        let in_flight = Arc::new(InFlight::default());
        let job_end = Arc::new(Mutex::new(job_end));
        for _ in 0..options.workers.max(1) {
            let maker =
                ChunkMaker::new(options.compression).map_err(BagError::io(dir, "start the compressor"))?;
            let (jobs, writer, first) = (job_end.clone(), requests.clone(), options.on_thread);
            spawn("bag-chunks", dir, move || {
                first();
                make_chunks(maker, &jobs, &writer);
            })?;
        }
        let (in_flight_there, first) = (in_flight.clone(), options.on_thread);
        spawn("bag-writer", dir, move || {
            first();
            let _ = tell_done.send(write_chunks(folder, &request_end, &spare, &in_flight_there));
        })?;
        let batch = Batch::with_room(options.chunk_bytes);
        Ok(Self {
            dir: dir.to_owned(),
            options,
            batch,
            number: 0,
            jobs,
            requests,
            waiting: VecDeque::new(),
            spares,
            in_flight,
            channels,
            keeps: Vec::new(),
            dropped: Vec::new(),
            schemas: BTreeMap::new(),
            status,
            done,
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
        definition: &str,
        metadata: &BTreeMap<String, String>,
        keep: usize,
    ) -> Result<ChannelId, BagError> {
        check_names(topic, type_name, metadata.get(crate::writer::QOS_KEY).map_or("", String::as_str))?;
        if definition.len() > MESSAGE_LIMIT {
            return Err(self.too_large("a definition", definition.len(), MESSAGE_LIMIT));
        }
        let mut channels = lock(&self.channels);
        if channels.len() >= CHANNEL_LIMIT {
            drop(channels);
            return Err(self.too_large("the list of topics", CHANNEL_LIMIT + 1, CHANNEL_LIMIT));
        }
        // Zero is no schema in MCAP. There are no more schemas than channels.
        let next = u16::try_from(self.schemas.len() + 1).unwrap_or(u16::MAX);
        let definition: Arc<str> = definition.into();
        let schema = *self.schemas.entry((type_name.to_owned(), definition.clone())).or_insert(next);
        let (topic, type_name) = (topic.to_owned(), type_name.to_owned());
        let metadata = metadata.clone();
        let id = u16::try_from(channels.len()).unwrap_or(u16::MAX);
        channels.push(Arc::new(ChannelText { topic, type_name, definition, metadata, schema, keep }));
        drop(channels);
        self.keeps.push(keep > 0);
        self.dropped.push(0);
        Ok(ChannelId(id))
    }

    fn too_large(&self, what: &str, size: usize, limit: usize) -> BagError {
        let (size, limit) = (size as u64, limit as u64);
        BagError::TooLarge { path: self.dir.clone(), what: what.to_owned(), size, limit }
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
        let (Some(keep), Some(dropped)) = (self.keeps.get(at).copied(), self.dropped.get_mut(at)) else {
            return false;
        };
        let full = self.batch.records.len() + Batch::cost(data.len()) > self.options.chunk_bytes;
        if data.len() > MESSAGE_LIMIT {
            *dropped += 1;
            return false;
        }
        if full && !self.seal() {
            if let Some(dropped) = self.dropped.get_mut(at) {
                *dropped += 1;
            }
            return false;
        }
        self.batch.push(channel.0, sequence, log_ns, publish_ns, data);
        if keep {
            let (data, channel) = (data.into(), channel.0);
            self.batch.kept.push(crate::batch::Kept { channel, sequence, publish_ns, data });
        }
        true
    }

    /// Sends the open chunk on, also when it is not full.
    pub fn flush(&mut self) {
        self.seal();
        while let Some(request) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) =
                self.requests.try_send(request)
            {
                self.waiting.push_front(back);
                return;
            }
        }
    }

    /// True when the open chunk is empty afterwards.
    fn seal(&mut self) -> bool {
        if self.batch.is_empty() {
            return true;
        }
        let (bytes, messages) = (self.batch.records.len(), self.batch.entries.len());
        let flying = self.in_flight.bytes.load(Ordering::Acquire);
        let flying_messages = self.in_flight.messages.load(Ordering::Acquire);
        // One that is larger than the queue passes when it is alone.
        let fits = flying == 0
            || (flying + bytes <= self.options.queue_bytes
                && flying_messages + messages <= self.options.queue_messages);
        if !fits {
            return false;
        }
        self.in_flight.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.in_flight.messages.fetch_add(messages, Ordering::AcqRel);
        let spare = self.spares.try_recv().unwrap_or_else(|_| Batch::with_room(self.options.chunk_bytes));
        let batch = std::mem::replace(&mut self.batch, spare);
        match self.jobs.try_send((self.number, batch)) {
            Ok(()) => {
                self.number += 1;
                true
            }
            Err(TrySendError::Full((_, back)) | TrySendError::Disconnected((_, back))) => {
                self.batch = back;
                self.in_flight.bytes.fetch_sub(bytes, Ordering::AcqRel);
                self.in_flight.messages.fetch_sub(messages, Ordering::AcqRel);
                false
            }
        }
    }

    /// A metadata record, in the open file and, with `repeat`, in all later ones, where it takes the place of an older one
    /// of this name. False when too much waits already.
    pub fn metadata(&mut self, name: &str, entries: BTreeMap<String, String>, repeat: bool) -> bool {
        self.request(Request::Metadata((name.to_owned(), entries), repeat))
    }

    /// Begins a new file with the next message. False when too much waits already.
    pub fn split(&mut self) -> bool {
        self.seal();
        self.request(Request::Split)
    }

    /// In snapshot mode writes what is in memory to a file of its own. `None` when too much waits already.
    pub fn snapshot(&mut self) -> Option<SnapshotReply> {
        self.seal();
        let (reply, answer) = sync_channel(1);
        self.request(Request::Snapshot(reply)).then_some(answer)
    }

    fn request(&mut self, request: Request) -> bool {
        if self.waiting.len() >= REQUEST_LIMIT {
            return false;
        }
        self.waiting.push_back(ToWriter::Request(self.number, request));
        self.flush();
        true
    }

    /// Bytes on their way to the file.
    pub fn queued_bytes(&self) -> usize {
        self.in_flight.bytes.load(Ordering::Acquire)
    }

    /// How it is doing.
    pub fn status(&self) -> PipelineStatus {
        let mut status = lock(&self.status).clone();
        for (channel, dropped) in (0_u16..).zip(&self.dropped).filter(|(_, dropped)| **dropped > 0) {
            *status.lost.entry(channel).or_default() += dropped;
        }
        status
    }

    /// Messages lost in the pipeline, by topic; only topics that lost some.
    pub fn losses(&self) -> BTreeMap<String, u64> {
        let mut losses = BTreeMap::new();
        let channels = lock(&self.channels);
        for (channel, lost) in self.status().lost {
            if let Some(text) = channels.get(usize::from(channel)) {
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
        while !(self.seal() && self.waiting.is_empty()) && Instant::now() < deadline {
            self.flush();
            thread::sleep(Duration::from_millis(1));
        }
        let left: Vec<u16> = self.batch.entries.iter().map(|(channel, _, _)| *channel).collect();
        for channel in left {
            if let Some(dropped) = self.dropped.get_mut(usize::from(channel)) {
                *dropped += 1;
            }
        }
        let Self { jobs, requests, done, dir, .. } = &mut self;
        // The stages end when nobody sends any more.
        drop(std::mem::replace(jobs, sync_channel(1).0));
        drop(std::mem::replace(requests, sync_channel(1).0));
        let result = match done.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(result) => result,
            Err(_) => {
                let cause = std::io::ErrorKind::TimedOut.into();
                Err(BagError::Io { path: dir.clone(), action: "finish in time", cause })
            }
        };
        result.map(|()| self.status())
    }
}

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<(), BagError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(BagError::io(dir, "start a thread"))
}

/// The middle stage.
fn make_chunks(mut maker: ChunkMaker, jobs: &Mutex<Receiver<(u64, Batch)>>, writer: &SyncSender<ToWriter>) {
    loop {
        let job = lock(jobs).recv();
        let Ok((number, mut batch)) = job else { return };
        let bytes = std::mem::take(&mut batch.out);
        let chunk = maker.make(&mut batch, bytes);
        if writer.send(ToWriter::Chunk(number, chunk, batch)).is_err() {
            return;
        }
    }
}

/// The last stage: in the order of the numbers, whichever worker was faster.
fn write_chunks(
    mut folder: Folder,
    incoming: &Receiver<ToWriter>,
    spare: &SyncSender<Batch>,
    in_flight: &InFlight,
) -> Result<(), BagError> {
    let mut next = 0_u64;
    // At most one chunk a worker waits here for one with a lower number.
    let mut early: BTreeMap<u64, (Chunk, Batch)> = BTreeMap::new();
    let mut requests: VecDeque<(u64, Request)> = VecDeque::new();
    loop {
        match incoming.recv_timeout(TEND_PERIOD) {
            Ok(ToWriter::Chunk(number, chunk, batch)) => drop(early.insert(number, (chunk, batch))),
            Ok(ToWriter::Request(after, request)) => requests.push_back((after, request)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return folder.finish(),
        }
        loop {
            while requests.front().is_some_and(|(after, _)| *after <= next) {
                if let Some((_, request)) = requests.pop_front() {
                    serve(&mut folder, request);
                }
            }
            let Some((chunk, mut batch)) = early.remove(&next) else { break };
            next += 1;
            let (bytes, messages) = (batch.records.len(), batch.entries.len());
            batch.out = folder.take(chunk).unwrap_or_default();
            in_flight.bytes.fetch_sub(bytes, Ordering::AcqRel);
            in_flight.messages.fetch_sub(messages, Ordering::AcqRel);
            batch.clear();
            // No more room for spares: freed.
            let _ = spare.try_send(batch);
        }
        folder.tend();
    }
}

fn serve(folder: &mut Folder, request: Request) {
    match request {
        Request::Metadata(metadata, repeat) => folder.metadata(metadata, repeat),
        Request::Split => folder.split(),
        Request::Snapshot(reply) => {
            // Whoever asked may be gone.
            let _ = reply.try_send(folder.snapshot());
        }
    }
}
