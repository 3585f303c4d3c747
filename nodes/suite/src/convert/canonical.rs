//! Canonical bytes of what is digested or authenticated: the encoding as a message, straight into a hash.
//!
//! Views borrow what a message would own and have its layout; a test holds each equal to the message's own encoding.

use outrider_foundation::Stamp;
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::{CodecError, Message};
use serde::Serialize;
use sha2::digest::Update;
use std::io::{self, Write};

/// A header.
#[derive(Serialize)]
pub(super) struct HeaderView<'a> {
    stamp: Time,
    frame_id: &'a str,
}

impl<'a> HeaderView<'a> {
    pub(super) fn new(stamp: Stamp, frame_id: &'a str) -> Self {
        Self { stamp: outrider_runtime::time_message(stamp), frame_id }
    }
}

/// Feeds the encoding of `view`, which has the layout of the message `M`, to a hash.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn hash_encoding<M: Message, V: Serialize>(
    view: &V,
    hash: &mut impl Update,
) -> Result<(), CodecError> {
    let mut pieces = Pieces { hash, buffer: [0; PIECE], used: 0 };
    outrider_msgs::encode_to::<M, V>(view, &mut pieces)?;
    pieces.pass_on();
    Ok(())
}

/// The encoder writes a few bytes at a time; a hash likes many blocks at once.
const PIECE: usize = 1024;

struct Pieces<'a, H> {
    hash: &'a mut H,
    buffer: [u8; PIECE],
    used: usize,
}

impl<H: Update> Pieces<'_, H> {
    fn pass_on(&mut self) {
        self.hash.update(self.buffer.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

impl<H: Update> Write for Pieces<'_, H> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
