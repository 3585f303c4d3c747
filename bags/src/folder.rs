//! The pipeline's last stage: chunks into the files of a folder. Splits them, keeps the ring of snapshots, and goes on
//! when there is no room.

use crate::batch::{Batch, Chunk, ChunkMaker, Kept};
use crate::channels::{KnownChannels, SharedChannels, lock, merged_topics};
use crate::error::BagError;
use crate::file::{McapFile, MetadataText};
use crate::metadata_yaml::{BagSummary, FileSummary, render};
use crate::pipeline::{Fsync, PipelineOptions, PipelineStatus};
use crate::ring::Ring;
use crate::volume::Volume;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// While nothing can be written it is tried again so often.
pub(crate) const RETRY_PERIOD: Duration = Duration::from_millis(1000);
/// Files whose summary could not be written are kept in mind for a later trial; the oldest goes first.
const UNFINISHED_LIMIT: usize = 8;
/// Files are split up to this number; from there on the last goes on, however long it gets. The rest of what a folder may hold
/// is for snapshots, and for going on after a full disk.
pub(crate) const SPLIT_LIMIT: usize = crate::FILE_LIMIT - 1000;
/// What new files repeat, all topics together, in bytes; the oldest of a topic goes first.
const KEPT_BYTES_LIMIT: usize = 32 << 20;

struct Open {
    file: McapFile,
    path: PathBuf,
    first_ns: Option<u64>,
}

pub(crate) struct Folder {
    volume: Box<dyn Volume>,
    dir: PathBuf,
    name: String,
    options: PipelineOptions,
    channels: KnownChannels,
    status: Arc<Mutex<PipelineStatus>>,
    maker: ChunkMaker,
    open: Option<Open>,
    unfinished: VecDeque<Open>,
    next_index: usize,
    files: Vec<FileSummary>,
    totals: BTreeMap<u16, u64>,
    repeated: Vec<MetadataText>,
    kept: BTreeMap<u16, VecDeque<Kept>>,
    ring: Ring,
    stalled: bool,
    next_try: Instant,
    next_sync: Instant,
    split_wanted: bool,
}

impl Folder {
    pub(crate) fn new(
        volume: Box<dyn Volume>,
        dir: &Path,
        name: &str,
        options: &PipelineOptions,
        channels: SharedChannels,
        status: Arc<Mutex<PipelineStatus>>,
    ) -> io::Result<Self> {
        let ring = match &options.snapshot {
            Some(limits) => Ring::new(limits.bytes, limits.seconds_ns),
            None => Ring::new(options.stall_bytes, u64::MAX),
        };
        let now = Instant::now();
        Ok(Self {
            volume,
            dir: dir.to_owned(),
            name: name.to_owned(),
            options: options.clone(),
            channels: KnownChannels::new(channels),
            status,
            maker: ChunkMaker::new(options.compression)?,
            open: None,
            unfinished: VecDeque::new(),
            next_index: 0,
            files: Vec::new(),
            totals: BTreeMap::new(),
            repeated: Vec::new(),
            kept: BTreeMap::new(),
            ring,
            stalled: false,
            next_try: now,
            next_sync: now,
            split_wanted: false,
        })
    }

    /// Opens the first file, so that a folder that cannot be written is known at once.
    pub(crate) fn start(&mut self) -> Result<(), BagError> {
        if self.options.snapshot.is_some() {
            return Ok(());
        }
        self.open_next(0).map_err(BagError::io(&self.dir, "create the first file"))
    }

    /// Takes a chunk; gives its buffer back when it is not needed any more.
    pub(crate) fn take(&mut self, mut chunk: Chunk) -> Option<Vec<u8>> {
        if self.options.snapshot.is_none() && !self.stalled {
            match self.write(&chunk) {
                Ok(()) => {
                    let bytes = std::mem::take(&mut chunk.bytes);
                    self.absorb(&mut chunk.kept);
                    return Some(bytes);
                }
                Err(error) => self.stall(&error),
            }
        }
        let is_loss = self.options.snapshot.is_none();
        for mut gone in self.ring.push(chunk) {
            self.absorb(&mut gone.kept);
            if is_loss {
                self.count_lost(&gone);
            }
        }
        let mut status = lock(&self.status);
        (status.ring_bytes, status.ring_messages) = (self.ring.bytes(), self.ring.messages());
        None
    }

    /// What is to be done from time to time.
    pub(crate) fn tend(&mut self) {
        let now = Instant::now();
        if self.stalled && now >= self.next_try {
            self.resume();
        }
        if let Fsync::Every(period) = self.options.fsync
            && now >= self.next_sync
            && !self.stalled
        {
            self.next_sync = now + period;
            if let Some(Err(error)) = self.open.as_mut().map(|open| open.file.sync()) {
                self.stall(&error);
            }
        }
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.split_if_due(chunk)?;
        if self.open.is_none() {
            self.open_next(chunk.place.head.start_ns)?;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        for id in chunk.counts.keys() {
            if let Some(channel) = self.channels.get(*id) {
                open.file.declare(*id, channel)?;
            }
        }
        open.file.chunk(chunk)?;
        open.first_ns.get_or_insert(chunk.place.head.start_ns);
        let mut status = lock(&self.status);
        status.messages_written += chunk.messages();
        status.bytes_written += chunk.bytes.len() as u64;
        Ok(())
    }

    fn split_if_due(&mut self, chunk: &Chunk) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let Some(first_ns) = open.first_ns else { return Ok(()) };
        let (split, head) = (&self.options.split, &chunk.place.head);
        let long = split.bytes.is_some_and(|limit| open.file.length() + chunk.bytes.len() as u64 > limit);
        let old = split.duration_ns.is_some_and(|limit| head.start_ns.saturating_sub(first_ns) >= limit);
        if long || old || self.split_wanted {
            self.split_wanted = false;
            if self.next_index >= SPLIT_LIMIT {
                self.tell_no_more_splits();
                return Ok(());
            }
            self.close();
            self.open_next(head.start_ns)?;
        }
        Ok(())
    }

    /// The next chunk begins a new file, if there may be another.
    pub(crate) fn split(&mut self) {
        self.split_wanted = self.next_index < SPLIT_LIMIT;
        if !self.split_wanted {
            self.tell_no_more_splits();
        }
    }

    /// Comes with every chunk: what else is wrong is not to be hidden by it.
    fn tell_no_more_splits(&self) {
        let problem = || format!("no more splits after {SPLIT_LIMIT} files: the last one goes on");
        lock(&self.status).problem.get_or_insert_with(problem);
    }

    /// A new file that stands alone. When it cannot be begun, nothing of it is left.
    fn open_next(&mut self, first_ns: u64) -> io::Result<()> {
        if self.next_index >= crate::FILE_LIMIT {
            return Err(io::Error::other(format!(
                "the folder has {} files, the most there may be",
                crate::FILE_LIMIT
            )));
        }
        let path = self.dir.join(format!("{}_{}.mcap", self.name, self.next_index));
        let file = self.volume.create(&path)?;
        match self.begin(file, first_ns) {
            Ok(file) => {
                self.next_index += 1;
                let mut status = lock(&self.status);
                status.path.clone_from(&path);
                status.files += 1;
                drop(status);
                self.open = Some(Open { file, path, first_ns: None });
                Ok(())
            }
            Err(error) => {
                // One that stays is empty but for its declarations; the next has another name then.
                if self.volume.remove(&path).is_err() {
                    self.next_index += 1;
                }
                Err(error)
            }
        }
    }

    fn begin(&mut self, file: Box<dyn crate::volume::VolumeFile>, first_ns: u64) -> io::Result<McapFile> {
        let mut file = McapFile::begin(file)?;
        for metadata in &self.repeated {
            file.metadata(metadata)?;
        }
        for (id, channel) in (0_u16..).zip(self.channels.all()) {
            file.declare(id, channel)?;
        }
        let mut batch = Batch::default();
        for kept in self.kept.values().flatten() {
            batch.push(kept.channel, kept.sequence, first_ns, kept.publish_ns, &kept.data);
        }
        if !batch.is_empty() {
            file.chunk(&self.maker.make(&batch, Vec::new(), |_| false))?;
        }
        Ok(file)
    }

    /// Ends the open file. One whose summary cannot be written is whole but for that, and is tried again later.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.close_one(open);
        }
    }

    fn close_one(&mut self, mut open: Open) {
        let synced = |open: &mut Open| match self.options.fsync {
            Fsync::Never => Ok(()),
            Fsync::OnClose | Fsync::Every(_) => open.file.sync(),
        };
        match open.file.finish().and_then(|()| synced(&mut open)) {
            Ok(()) => self.enlist(&open),
            Err(error) => {
                lock(&self.status).problem = Some(format!("{}: {error}", open.path.display()));
                self.unfinished.push_back(open);
                if self.unfinished.len() > UNFINISHED_LIMIT
                    && let Some(oldest) = self.unfinished.pop_front()
                {
                    self.enlist(&oldest);
                }
            }
        }
    }

    fn enlist(&mut self, open: &Open) {
        let (start_ns, end_ns) = open.file.statistics.bounds_ns.unwrap_or((0, 0));
        let messages = open.file.statistics.messages.values().sum();
        let name = open.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        self.files.push(FileSummary { name, start_ns, end_ns, messages });
        for (channel, count) in &open.file.statistics.messages {
            *self.totals.entry(*channel).or_default() += count;
        }
    }

    /// Nothing can be written. What comes goes to the ring until it can again.
    fn stall(&mut self, error: &io::Error) {
        self.close();
        self.stalled = true;
        self.next_try = Instant::now() + RETRY_PERIOD;
        let mut status = lock(&self.status);
        status.stalls += 1;
        status.stalled = Some(error.to_string());
    }

    /// Tries to go on: first the summaries that are missing, then a new file with what was held back.
    fn resume(&mut self) {
        self.next_try = Instant::now() + RETRY_PERIOD;
        for open in std::mem::take(&mut self.unfinished) {
            self.close_one(open);
        }
        match self.pour() {
            Ok(()) => {
                self.stalled = false;
                let mut status = lock(&self.status);
                status.stalled = None;
                status.problem = None;
            }
            Err(error) => {
                self.close();
                lock(&self.status).stalled = Some(error.to_string());
            }
        }
        let mut status = lock(&self.status);
        (status.ring_bytes, status.ring_messages) = (self.ring.bytes(), self.ring.messages());
    }

    /// The ring into files; what cannot be written stays in it. A file is opened in any case.
    fn pour(&mut self) -> io::Result<()> {
        if self.open.is_none() && self.options.snapshot.is_none() {
            self.open_next(self.ring.front().map_or(0, |chunk| chunk.place.head.start_ns))?;
        }
        while let Some(chunk) = self.ring.pop() {
            if let Err(error) = self.write(&chunk) {
                self.ring.put_back(chunk);
                return Err(error);
            }
            let mut kept = chunk.kept;
            self.absorb(&mut kept);
        }
        Ok(())
    }

    /// Writes the ring into a file of its own.
    pub(crate) fn snapshot(&mut self) -> Result<u64, String> {
        if self.options.snapshot.is_none() {
            return Err("the recorder writes everything: there is no snapshot to take".to_owned());
        }
        for open in std::mem::take(&mut self.unfinished) {
            self.close_one(open);
        }
        let messages = self.ring.messages();
        let poured = self.pour();
        self.close();
        let mut status = lock(&self.status);
        (status.ring_bytes, status.ring_messages) = (self.ring.bytes(), self.ring.messages());
        match poured {
            Ok(()) => {
                status.snapshots += 1;
                status.stalled = None;
                Ok(messages)
            }
            Err(error) => {
                status.stalled = Some(error.to_string());
                Err(error.to_string())
            }
        }
    }

    /// Writes a metadata record now and, with `repeat`, into every later file, in place of one of the same name.
    pub(crate) fn metadata(&mut self, metadata: MetadataText, repeat: bool) {
        if let Some(open) = self.open.as_mut().filter(|_| !self.stalled)
            && let Err(error) = open.file.metadata(&metadata)
        {
            self.stall(&error);
        }
        if repeat {
            self.repeated.retain(|(name, _)| *name != metadata.0);
            self.repeated.push(metadata);
        }
    }

    fn absorb(&mut self, kept: &mut Vec<Kept>) {
        for message in kept.drain(..) {
            let depth = self.channels.get(message.channel).map_or(0, |channel| channel.keep);
            let queue = self.kept.entry(message.channel).or_default();
            queue.push_back(message);
            while queue.len() > depth {
                queue.pop_front();
            }
        }
        let bytes = |kept: &BTreeMap<u16, VecDeque<Kept>>| -> usize {
            kept.values().flatten().map(|message| message.data.len()).sum()
        };
        while bytes(&self.kept) > KEPT_BYTES_LIMIT {
            let longest =
                self.kept.values_mut().max_by_key(|queue| queue.iter().map(|m| m.data.len()).sum::<usize>());
            if longest.and_then(VecDeque::pop_front).is_none() {
                return;
            }
        }
    }

    fn count_lost(&self, chunk: &Chunk) {
        let mut status = lock(&self.status);
        for (channel, count) in &chunk.counts {
            *status.lost.entry(*channel).or_default() += count;
        }
    }

    /// Ends everything. What is held back is tried once more; what cannot be written is counted as lost.
    pub(crate) fn finish(&mut self) -> Result<(), BagError> {
        if self.stalled {
            self.resume();
        }
        self.close();
        for open in std::mem::take(&mut self.unfinished) {
            self.close_one(open);
        }
        if self.options.snapshot.is_none() {
            while let Some(chunk) = self.ring.pop() {
                self.count_lost(&chunk);
            }
        }
        let without_summary = self.unfinished.len();
        for open in std::mem::take(&mut self.unfinished) {
            self.enlist(&open);
        }
        self.files.sort_by_key(|file| file.start_ns);
        self.write_metadata_yaml()?;
        if without_summary == 0 && !self.stalled {
            return Ok(());
        }
        let reason = lock(&self.status).stalled.clone().unwrap_or_default();
        let cause = io::Error::other(format!(
            "{reason} ({without_summary} files without a summary; they can be read)"
        ));
        Err(BagError::Io { path: self.dir.clone(), action: "write everything", cause })
    }

    fn write_metadata_yaml(&mut self) -> Result<(), BagError> {
        let path = self.dir.join("metadata.yaml");
        let totals = |id: u16| self.totals.get(&id).copied().unwrap_or(0);
        let channels = (0_u16..).zip(self.channels.all());
        let topics = merged_topics(channels.map(|(id, channel)| (channel, totals(id))));
        let summary =
            BagSummary { files: &self.files, ros_distro: &self.options.ros_distro, topics: &topics };
        self.volume.write_whole(&path, &render(&summary)).map_err(BagError::io(&path, "write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Split;
    use crate::volume::Disk;

    #[test]
    fn after_the_last_split_the_last_file_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let split = Split { bytes: Some(1), duration_ns: None };
        let options = PipelineOptions { split, ..PipelineOptions::default() };
        let status = Arc::<Mutex<PipelineStatus>>::default();
        let channels = SharedChannels::default();
        let mut folder =
            Folder::new(Box::new(Disk), dir.path(), "x", &options, channels, status.clone()).unwrap();
        folder.next_index = SPLIT_LIMIT - 2;
        folder.start().unwrap();
        for i in 0..5 {
            let mut batch = Batch::default();
            batch.push(0, i, u64::from(i), 0, b"x");
            let chunk = folder.maker.make(&batch, Vec::new(), |_| false);
            assert!(folder.take(chunk).is_some(), "message {i} is written");
        }
        let status = lock(&status).clone();
        assert_eq!((status.files, status.messages_written, &status.stalled), (2, 5, &None));
        assert!(status.problem.is_some_and(|p| p.contains("the last one goes on")));
    }

    #[test]
    fn a_split_beyond_the_last_is_told_and_hides_no_other_problem() {
        let dir = tempfile::tempdir().unwrap();
        let status = Arc::<Mutex<PipelineStatus>>::default();
        let (options, channels) = (PipelineOptions::default(), SharedChannels::default());
        let mut folder =
            Folder::new(Box::new(Disk), dir.path(), "x", &options, channels, status.clone()).unwrap();
        folder.next_index = SPLIT_LIMIT - 1;
        folder.split();
        assert!(folder.split_wanted);
        folder.next_index = SPLIT_LIMIT;
        folder.split();
        assert!(!folder.split_wanted);
        assert!(lock(&status).problem.clone().is_some_and(|p| p.contains("the last one goes on")));
        lock(&status).problem = Some("another".to_owned());
        folder.split();
        folder.split_wanted = true;
        folder.start().unwrap();
        for i in 0..2 {
            let mut batch = Batch::default();
            batch.push(0, i, 0, 0, b"x");
            let chunk = folder.maker.make(&batch, Vec::new(), |_| false);
            folder.take(chunk);
        }
        assert_eq!(lock(&status).problem.as_deref(), Some("another"));
    }
}
