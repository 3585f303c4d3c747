//! The threads of a pipeline and what lies between them: rings with room for every buffer there is, so that none is ever
//! full and nobody waits for another.

use crate::batch::{Batch, Chunk, ChunkMaker};
use crate::channels::{KnownChannels, SharedChannels};
use crate::error::BagError;
use crate::file::MetadataText;
use crate::folder::Folder;
use crate::pipeline::{PipelineOptions, QUEUE_CHUNKS, REQUEST_LIMIT};
use rtrb::{Consumer, Producer, RingBuffer};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Thread};
use std::time::Duration;

/// The stages look around so often when nothing comes.
const TEND_PERIOD: Duration = Duration::from_millis(100);

/// What the writer is asked for.
pub(crate) enum Request {
    Metadata(MetadataText, bool),
    Split,
    Snapshot(SyncSender<Result<u64, String>>),
}

/// A batch under its number.
type Job = (u64, Batch);
type Made = (u64, Chunk, Batch);
/// To be done when all chunks before this number are.
type Due = (u64, Request);

#[derive(Default)]
struct InFlight {
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

struct Worker {
    jobs: Producer<Job>,
    thread: Thread,
}

/// The caller's end of the stages.
pub(crate) struct Stages {
    /// Chunks go round.
    workers: Vec<Worker>,
    requests: Producer<Due>,
    writer: Thread,
    /// Of the next chunk.
    number: u64,
    /// Empty buffers; the one used last is taken first, for it is in the cache.
    spares: Vec<Batch>,
    returned: Consumer<Batch>,
    in_flight: Arc<InFlight>,
    done: Receiver<Result<(), BagError>>,
}

impl Stages {
    pub(crate) fn start(
        folder: Folder,
        dir: &Path,
        options: &PipelineOptions,
        channels: &SharedChannels,
    ) -> Result<Self, BagError> {
        let count = options.workers.max(1);
        let buffers = (options.queue_bytes / options.chunk_bytes.max(1)).clamp(count + 2, QUEUE_CHUNKS);
        // One more is the open chunk of the caller.
        let room = buffers + 1;
        let (made_ends, made): (Vec<_>, Vec<_>) = (0..count).map(|_| RingBuffer::<Made>::new(room)).unzip();
        let (requests, request_end) = RingBuffer::new(REQUEST_LIMIT);
        let (give_back, returned) = RingBuffer::new(room);
        let (tell_done, done) = sync_channel(1);
        let in_flight = Arc::new(InFlight::default());
        let (there, first, chunk_bytes) = (in_flight.clone(), options.on_thread, options.chunk_bytes);
        let writer = spawn("bag-writer", dir, move || {
            first();
            let ends = WriterEnds { made, requests: request_end, give_back };
            let _ = tell_done.send(write_chunks(folder, ends, &there, chunk_bytes));
        })?;
        let mut workers = Vec::with_capacity(count);
        for made in made_ends {
            let maker =
                ChunkMaker::new(options.compression).map_err(BagError::io(dir, "start the compressor"))?;
            let (jobs, job_end) = RingBuffer::new(room);
            let (writer, known) = (writer.clone(), KnownChannels::new(channels.clone()));
            let thread = spawn("bag-chunks", dir, move || {
                first();
                make_chunks(maker, job_end, made, &writer, known);
                writer.unpark();
            })?;
            workers.push(Worker { jobs, thread });
        }
        let spares = (0..buffers).map(|_| Batch::with_room(options.chunk_bytes)).collect();
        Ok(Self { workers, requests, writer, number: 0, spares, returned, in_flight, done })
    }

    /// Sends a batch on and puts an empty one in its place. False, and nothing changed, when there is no room.
    pub(crate) fn send(&mut self, batch: &mut Batch, options: &PipelineOptions) -> bool {
        let (bytes, messages) = (batch.records.len(), batch.messages);
        let flying = self.in_flight.bytes.load(Ordering::Acquire);
        let flying_messages = self.in_flight.messages.load(Ordering::Acquire);
        // One that is larger than the queue passes when it is alone.
        let fits = flying == 0
            || (flying + bytes <= options.queue_bytes
                && flying_messages + messages <= options.queue_messages);
        if !fits {
            return false;
        }
        // As many as there are buffers, at most.
        while let Ok(spare) = self.returned.pop() {
            self.spares.push(spare);
        }
        let turn = usize::try_from(self.number).unwrap_or(0) % self.workers.len().max(1);
        let Some(worker) = self.workers.get_mut(turn).filter(|worker| !worker.jobs.is_abandoned()) else {
            return false;
        };
        let Some(spare) = self.spares.pop() else { return false };
        self.in_flight.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.in_flight.messages.fetch_add(messages, Ordering::AcqRel);
        let job = (self.number, std::mem::replace(batch, spare));
        if let Err(rtrb::PushError::Full((_, back))) = worker.jobs.push(job) {
            // Not reached: there is room for all buffers.
            self.spares.push(std::mem::replace(batch, back));
            self.in_flight.bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.in_flight.messages.fetch_sub(messages, Ordering::AcqRel);
            return false;
        }
        self.number += 1;
        worker.thread.unpark();
        true
    }

    /// False when too many wait already.
    pub(crate) fn request(&mut self, request: Request) -> bool {
        let taken = self.requests.push((self.number, request)).is_ok();
        self.writer.unpark();
        taken
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.in_flight.bytes.load(Ordering::Acquire)
    }

    /// Nothing more comes; where the writer tells when it has ended.
    pub(crate) fn end(&mut self) -> &Receiver<Result<(), BagError>> {
        // The stages end when nobody sends any more.
        for Worker { jobs, thread } in self.workers.drain(..) {
            drop(jobs);
            thread.unpark();
        }
        &self.done
    }
}

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<Thread, BagError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(|handle| handle.thread().clone()).map_err(BagError::io(dir, "start a thread"))
}

/// The middle stage.
fn make_chunks(
    mut maker: ChunkMaker,
    mut jobs: Consumer<Job>,
    mut made: Producer<Made>,
    writer: &Thread,
    mut known: KnownChannels,
) {
    loop {
        // Asked before looking: what was sent last is seen then.
        let ended = jobs.is_abandoned();
        let Ok((number, mut batch)) = jobs.pop() else {
            if ended {
                return;
            }
            thread::park_timeout(TEND_PERIOD);
            continue;
        };
        let bytes = std::mem::take(&mut batch.out);
        let chunk = maker.make(&batch, bytes, |id| known.get(id).is_some_and(|channel| channel.keep > 0));
        if made.push((number, chunk, batch)).is_err() {
            return;
        }
        writer.unpark();
    }
}

struct WriterEnds {
    made: Vec<Consumer<Made>>,
    requests: Consumer<Due>,
    give_back: Producer<Batch>,
}

/// The last stage: in the order of the numbers, whichever worker was faster.
fn write_chunks(
    mut folder: Folder,
    mut ends: WriterEnds,
    in_flight: &InFlight,
    chunk_bytes: usize,
) -> Result<(), BagError> {
    let mut next = 0_u64;
    // No more chunks wait here for one with a lower number than there are buffers.
    let mut early: BTreeMap<u64, (Chunk, Batch)> = BTreeMap::new();
    let mut requests: VecDeque<Due> = VecDeque::new();
    loop {
        // Asked before looking: what was sent last is seen then.
        let ended = ends.made.iter().all(Consumer::is_abandoned);
        let mut came = false;
        for ring in &mut ends.made {
            while let Ok((number, chunk, batch)) = ring.pop() {
                early.insert(number, (chunk, batch));
                came = true;
            }
        }
        // After the chunks: what was asked for before one of them is here by now.
        while let Ok(due) = ends.requests.pop() {
            requests.push_back(due);
            came = true;
        }
        loop {
            while let Some((_, request)) = requests.pop_front_if(|(after, _)| *after <= next) {
                serve(&mut folder, request);
            }
            let Some((chunk, mut batch)) = early.remove(&next) else { break };
            next += 1;
            let (bytes, messages) = (batch.records.len(), batch.messages);
            batch.out = folder.take(chunk).unwrap_or_default();
            in_flight.bytes.fetch_sub(bytes, Ordering::AcqRel);
            in_flight.messages.fetch_sub(messages, Ordering::AcqRel);
            batch.clear(chunk_bytes);
            // There is room for all; when nobody is there any more it is freed.
            let _ = ends.give_back.push(batch);
            folder.tend();
        }
        folder.tend();
        if ended && !came {
            // A chunk that never came is not waited for any more.
            let Some(first) = early.keys().next().copied().or(requests.front().map(|(after, _)| *after))
            else {
                return folder.finish();
            };
            next = first;
        } else if !came {
            thread::park_timeout(TEND_PERIOD);
        }
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
