//! Canonical bytes of what is digested or authenticated: its encoding as a message, straight into a hash.
//!
//! The same bytes as those of `outrider_msgs::encode`, which the tests of `command_digest` and `permit_code` hold them equal to;
//! written here once more because a gate's step has a microsecond, of which the general encoder takes half: this one copies a
//! point of a trajectory at once, and neither takes anything from the heap.

use outrider_foundation::Stamp;
use outrider_foundation::data::TrajectoryPoint;
use sha2::digest::Update;

/// A hash likes many blocks at once.
const PIECE: usize = 1024;
/// Plain CDR, little endian.
const HEADER: [u8; 4] = [0, 1, 0, 0];
/// A message is padded to this many bytes.
const ALIGNMENT: usize = 4;
/// The widest number, in bytes.
const WIDEST: usize = 8;

/// Writes a message field by field, each number at a multiple of its size after the header.
pub(super) struct Canonical<'a, H> {
    hash: &'a mut H,
    buffer: [u8; PIECE],
    used: usize,
    /// Bytes after the header so far.
    count: usize,
}

impl<'a, H: Update> Canonical<'a, H> {
    pub(super) fn new(hash: &'a mut H) -> Self {
        let mut writer = Self { hash, buffer: [0; PIECE], used: 0, count: 0 };
        writer.bytes(&HEADER);
        writer.count = 0;
        writer
    }

    /// Bytes as they are.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if self.used + bytes.len() > PIECE {
            self.pass_on();
        }
        match self.buffer.get_mut(self.used..self.used + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.used += bytes.len();
            }
            None => self.hash.update(bytes),
        }
        self.count += bytes.len();
    }

    #[inline]
    fn align(&mut self, size: usize) {
        let padding = self.count.next_multiple_of(size) - self.count;
        if padding > 0 {
            self.bytes([0; WIDEST].get(..padding).unwrap_or_default());
        }
    }

    /// A number, as its little-endian bytes.
    #[inline]
    pub(super) fn number<const N: usize>(&mut self, bytes: [u8; N]) {
        self.align(N);
        self.bytes(&bytes);
    }

    /// Several.
    pub(super) fn floats(&mut self, values: &[f64]) {
        for value in values {
            self.number(value.to_le_bytes());
        }
    }

    /// How many elements follow.
    fn length(&mut self, length: usize) {
        self.number(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }

    /// With the zero behind it.
    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len().saturating_add(1));
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }

    pub(super) fn time(&mut self, stamp: Stamp) {
        let time = outrider_runtime::time_message(stamp);
        self.number(time.sec.to_le_bytes());
        self.number(time.nanosec.to_le_bytes());
    }

    pub(super) fn header(&mut self, stamp: Stamp, frame: &str) {
        self.time(stamp);
        self.text(frame);
    }

    pub(super) fn points(&mut self, points: &[TrajectoryPoint]) {
        self.length(points.len());
        if !points.is_empty() {
            self.align(WIDEST);
        }
        for p in points {
            let numbers = [p.t_s, p.pose.x_m, p.pose.y_m, p.pose.yaw_rad, p.twist.v_mps, p.twist.w_radps];
            let mut bytes = [0; 6 * WIDEST];
            for (to, number) in bytes.as_chunks_mut::<WIDEST>().0.iter_mut().zip(numbers) {
                *to = number.to_le_bytes();
            }
            self.bytes(&bytes);
        }
    }

    /// The end of the message.
    pub(super) fn finish(mut self) {
        self.align(ALIGNMENT);
        self.pass_on();
    }

    fn pass_on(&mut self) {
        self.hash.update(self.buffer.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}
