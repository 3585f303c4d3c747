//! Chunks held in memory, bounded by bytes and by time.

use crate::batch::Chunk;
use std::collections::VecDeque;

pub(crate) struct Ring {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    messages: u64,
    byte_limit: usize,
    span_limit_ns: u64,
}

impl Ring {
    pub(crate) fn new(byte_limit: usize, span_limit_ns: u64) -> Self {
        Self { chunks: VecDeque::new(), bytes: 0, messages: 0, byte_limit, span_limit_ns }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    pub(crate) fn front(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// Appends a chunk and gives back what has no place any more: the oldest while there are too many bytes, and
    /// whatever lies wholly before the span.
    pub(crate) fn push(&mut self, mut chunk: Chunk) -> Vec<Chunk> {
        chunk.bytes.shrink_to_fit();
        self.add(&chunk);
        let newest_ns = chunk.place.head.end_ns;
        self.chunks.push_back(chunk);
        let mut gone = Vec::new();
        while let Some(oldest) = self.chunks.front() {
            let old = newest_ns.saturating_sub(oldest.place.head.end_ns) > self.span_limit_ns;
            if self.bytes <= self.byte_limit && !old {
                break;
            }
            gone.extend(self.pop());
        }
        gone
    }

    pub(crate) fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.bytes = self.bytes.saturating_sub(cost(&chunk));
        self.messages = self.messages.saturating_sub(chunk.messages());
        Some(chunk)
    }

    /// Undoes [`Self::pop`].
    pub(crate) fn put_back(&mut self, chunk: Chunk) {
        self.add(&chunk);
        self.chunks.push_front(chunk);
    }

    fn add(&mut self, chunk: &Chunk) {
        self.bytes += cost(chunk);
        self.messages += chunk.messages();
    }
}

fn cost(chunk: &Chunk) -> usize {
    chunk.bytes.len() + chunk.kept.iter().map(|kept| kept.data.len()).sum::<usize>()
}
