//! What is written into plain CDR and read out of it. Every generated message is a [`Cdr`], field by field; a sequence of
//! numbers travels in one piece. A length is checked against the bytes that are there before anything is allocated.

/// Why bytes are no such value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// No header.
    #[error("{length} bytes are too few for a CDR header")]
    TooShort {
        /// Bytes there are.
        length: usize,
    },
    /// Another representation than plain CDR.
    #[error("representation identifier {identifier:#06x} is not plain CDR")]
    Representation {
        /// First two bytes.
        identifier: u16,
    },
    /// There are too few.
    #[error("{needed} bytes are needed at offset {offset}, {left} are there")]
    End {
        /// Where in the message, header included.
        offset: usize,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A sequence claims more elements than the bytes behind it can hold.
    #[error("{count} elements are claimed at offset {offset}, {left} bytes are there")]
    Count {
        /// Where in the message, header included.
        offset: usize,
        /// How many are claimed.
        count: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// A truth value that is neither.
    #[error("{value} at offset {offset} is no truth value")]
    Bool {
        /// Where in the message, header included.
        offset: usize,
        /// What stands there.
        value: u8,
    },
    /// Text that is no UTF-8.
    #[error("text at offset {offset} is not UTF-8 from its byte {at} on")]
    Text {
        /// Where in the message, header included.
        offset: usize,
        /// Where within the text.
        at: usize,
    },
    /// More values than are taken apart one by one.
    #[error("more than {limit} values")]
    Values {
        /// How many at most.
        limit: usize,
    },
    /// More bytes than there should be.
    #[error("{surplus} bytes are left over at offset {offset}")]
    Surplus {
        /// Where they begin.
        offset: usize,
        /// How many.
        surplus: usize,
    },
}

/// Bytes of the header before the content; alignment counts from behind it.
pub(crate) const HEADER_BYTES: usize = 4;
/// RTPS pads a payload to this many bytes. We do so ourselves, so that a message has the same bytes, and the same digest,
/// before and after it has been on the wire.
pub(crate) const PADDING: usize = 4;

/// Reads from the content of a message.
pub struct Reader<'a> {
    content: &'a [u8],
    at: usize,
    big_endian: bool,
    /// Sequences of numbers of one or two bytes are passed over.
    without_cells: bool,
    /// Sequences of anything but numbers are passed over.
    without_records: bool,
    /// What is read now is let go of at once: texts need not be kept.
    passing: bool,
}

impl<'a> Reader<'a> {
    /// At the content of a message, of either byte order.
    pub(crate) fn open(message: &'a [u8]) -> Result<Self, Misfit> {
        let Some((&[first, second, _, _], content)) = message.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Misfit::TooShort { length: message.len() });
        };
        let big_endian = match (first, second) {
            (0, 1) => false,
            (0, 0) => true,
            _ => return Err(Misfit::Representation { identifier: u16::from_be_bytes([first, second]) }),
        };
        Ok(Self { content, at: 0, big_endian, without_cells: false, without_records: false, passing: false })
    }

    /// Sequences of numbers of one or two bytes come out empty from now on.
    pub(crate) fn without_cells(self) -> Self {
        Self { without_cells: true, ..self }
    }

    /// Sequences of anything but numbers come out empty from now on.
    pub(crate) fn without_records(self) -> Self {
        Self { without_records: true, ..self }
    }

    /// Nothing but padding is left.
    pub(crate) fn finish(&self) -> Result<(), Misfit> {
        match self.left() {
            surplus if surplus >= PADDING => {
                Err(Misfit::Surplus { offset: self.at.saturating_add(HEADER_BYTES), surplus })
            }
            _ => Ok(()),
        }
    }

    fn left(&self) -> usize {
        self.content.len().saturating_sub(self.at)
    }

    /// Whether its numbers have their high bytes first.
    pub(crate) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Offset in the whole message of what is read next.
    pub(crate) fn message_offset(&self) -> usize {
        HEADER_BYTES + self.at
    }

    #[inline]
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Misfit> {
        let rest = self.content.get(self.at..).unwrap_or_default();
        let Some((taken, _)) = rest.split_at_checked(bytes) else { return Err(self.end(bytes)) };
        self.at = self.at.saturating_add(bytes);
        Ok(taken)
    }

    #[inline]
    fn take_chunk<const SIZE: usize>(&mut self) -> Result<&'a [u8; SIZE], Misfit> {
        self.align(SIZE);
        let found = self.content.get(self.at..).and_then(<[u8]>::first_chunk);
        let Some(chunk) = found else { return Err(self.end(SIZE)) };
        self.at = self.at.saturating_add(SIZE);
        Ok(chunk)
    }

    #[inline]
    fn align(&mut self, size: usize) {
        self.at = self.at.next_multiple_of(size);
    }

    #[cold]
    fn end(&self, needed: usize) -> Misfit {
        Misfit::End { offset: self.at.saturating_add(HEADER_BYTES), needed, left: self.left() }
    }

    /// The length of a sequence whose elements take at least `least` bytes each.
    #[inline]
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Misfit> {
        let count = usize::try_from(u32::read(self)?).unwrap_or(usize::MAX);
        self.check_count(count, least).map_err(|misfit| match misfit {
            Misfit::Count { offset, count, left } => {
                Misfit::Count { offset: offset.saturating_sub(size_of::<u32>()), count, left }
            }
            other => other,
        })?;
        Ok(count)
    }

    /// So many elements of at least `least` bytes each can follow.
    #[inline]
    pub(crate) fn check_count(&self, count: usize, least: usize) -> Result<(), Misfit> {
        let left = self.left();
        if count.saturating_mul(least) > left {
            return Err(Misfit::Count { offset: self.at.saturating_add(HEADER_BYTES), count, left });
        }
        Ok(())
    }

    /// Passes over so many numbers of `size` bytes.
    pub(crate) fn skip(&mut self, size: usize, count: usize) -> Result<(), Misfit> {
        self.units(size, count).map(drop)
    }

    /// The bytes of so many numbers of `size` bytes, as they stand.
    pub(crate) fn units(&mut self, size: usize, count: usize) -> Result<&'a [u8], Misfit> {
        if count == 0 {
            return Ok(&[]);
        }
        self.align(size);
        self.take(count.saturating_mul(size))
    }

    /// Passes over so many records, each of which has to fit.
    fn pass<T: Cdr>(&mut self, count: usize) -> Result<Vec<T>, Misfit> {
        let outer = std::mem::replace(&mut self.passing, true);
        for _ in 0..count {
            T::read(self)?;
        }
        self.passing = outer;
        Ok(Vec::new())
    }

    /// Text, its final zero taken away.
    pub(crate) fn text(&mut self) -> Result<&'a str, Misfit> {
        let length = self.count(1)?;
        let bytes = self.take(length)?;
        self.text_of(bytes)
    }

    /// Passes over a text, which has to be one.
    #[inline]
    fn pass_text(&mut self) -> Result<(), Misfit> {
        let length = self.count(1)?;
        let bytes = self.take(length)?;
        // Nearly always; soon found out.
        if bytes.is_ascii() { Ok(()) } else { self.text_of(bytes).map(|_| ()) }
    }

    /// What has just been taken, as text.
    fn text_of(&self, bytes: &'a [u8]) -> Result<&'a str, Misfit> {
        let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        std::str::from_utf8(text).map_err(|error| {
            let offset = self.at.saturating_add(HEADER_BYTES).saturating_sub(bytes.len());
            Misfit::Text { offset, at: error.valid_up_to() }
        })
    }
}

/// Writes the content of a message, little endian.
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    too_long: bool,
    /// Stand in for the first empty sequence of such numbers.
    lent: Lent<'a>,
}

/// Numbers of others that are written in place of empty sequences, each once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lent<'a> {
    pub(crate) u8: Option<&'a [u8]>,
    pub(crate) u16: Option<&'a [u16]>,
}

impl<'a> Writer<'a> {
    /// `bytes` holds the header and nothing else.
    pub(crate) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes, too_long: false, lent: Lent::default() }
    }

    /// With numbers that are written where the message has none.
    pub(crate) fn lend(self, lent: Lent<'a>) -> Self {
        Self { lent, ..self }
    }

    /// What was lent has all found its place.
    pub(crate) fn all_written(&self) -> bool {
        self.lent.u8.is_none() && self.lent.u16.is_none()
    }

    /// A sequence or text was longer than 32 bits can tell: what was written is no message.
    pub(crate) fn too_long(&self) -> bool {
        self.too_long
    }

    #[inline]
    fn align(&mut self, size: usize) {
        let at = self.bytes.len().saturating_sub(HEADER_BYTES);
        let padding = at.next_multiple_of(size).saturating_sub(at);
        if padding > 0 {
            self.bytes.resize(self.bytes.len().saturating_add(padding), 0);
        }
    }

    #[inline]
    fn count(&mut self, count: usize) {
        let told = u32::try_from(count).unwrap_or_else(|_| {
            self.too_long = true;
            0
        });
        told.write(self);
    }
}

/// A value that travels as CDR.
pub trait Cdr: Sized + 'static {
    /// It takes at least so many bytes.
    const LEAST: usize;

    /// Reads one.
    ///
    /// # Errors
    /// Where the bytes do not fit.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit>;

    /// Writes it.
    fn write(&self, writer: &mut Writer<'_>);

    /// Reads so many in a row; the caller has checked that [`Self::LEAST`] bytes for each are there.
    ///
    /// # Errors
    /// Where the bytes do not fit.
    fn read_many(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Self>, Misfit> {
        if reader.without_records {
            return reader.pass::<Self>(count);
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::read(reader)?);
        }
        Ok(values)
    }

    /// Writes them in a row.
    fn write_many(values: &[Self], writer: &mut Writer<'_>) {
        values.iter().for_each(|value| value.write(writer));
    }

    /// What stands in for an empty sequence.
    #[inline]
    fn lent<'a>(_: &mut Writer<'a>) -> Option<&'a [Self]> {
        None
    }
}

macro_rules! numbers {
    ($($number:ident $(@ $cells:ident)?)*) => {$(
        impl Cdr for $number {
            const LEAST: usize = size_of::<Self>();

            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit> {
                let bytes = *reader.take_chunk()?;
                Ok(if reader.big_endian { Self::from_be_bytes(bytes) } else { Self::from_le_bytes(bytes) })
            }

            #[inline]
            fn write(&self, writer: &mut Writer<'_>) {
                writer.align(Self::LEAST);
                writer.bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read_many(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Self>, Misfit> {
                if count == 0 {
                    return Ok(Vec::new());
                }
                reader.align(Self::LEAST);
                let (chunks, _) = reader.take(count.saturating_mul(Self::LEAST))?.as_chunks();
                if Self::LEAST <= 2 && reader.without_cells {
                    return Ok(Vec::new());
                }
                Ok(if reader.big_endian {
                    chunks.iter().map(|c| Self::from_be_bytes(*c)).collect()
                } else {
                    chunks.iter().map(|c| Self::from_le_bytes(*c)).collect()
                })
            }

            fn write_many(values: &[Self], writer: &mut Writer<'_>) {
                if values.is_empty() {
                    return;
                }
                writer.align(Self::LEAST);
                if cfg!(target_endian = "little") {
                    writer.bytes.extend_from_slice(bytemuck::cast_slice(values));
                    return;
                }
                for value in values {
                    writer.bytes.extend_from_slice(&value.to_le_bytes());
                }
            }

            $(#[inline]
            fn lent<'a>(writer: &mut Writer<'a>) -> Option<&'a [Self]> {
                writer.lent.$cells.take()
            })?
        }
    )*};
}

numbers! { u8 @ u8 i8 u16 @ u16 i16 u32 i32 u64 i64 f32 f64 }

impl Cdr for bool {
    const LEAST: usize = 1;

    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit> {
        match u8::read(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            value => {
                let offset = reader.at.saturating_add(HEADER_BYTES).saturating_sub(1);
                Err(Misfit::Bool { offset, value })
            }
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        u8::from(*self).write(writer);
    }
}

/// A length, the text, and a zero that counts. Writers of other makes leave the zero out of an empty text.
impl Cdr for String {
    const LEAST: usize = 4;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit> {
        if reader.passing {
            reader.pass_text()?;
            return Ok(Self::new());
        }
        reader.text().map(str::to_owned)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.count(self.len().saturating_add(1));
        writer.bytes.extend_from_slice(self.as_bytes());
        writer.bytes.push(0);
    }
}

impl<T: Cdr> Cdr for Vec<T> {
    const LEAST: usize = 4;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit> {
        let count = reader.count(T::LEAST)?;
        T::read_many(reader, count)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let lent = if self.is_empty() { T::lent(writer) } else { None };
        let values = lent.unwrap_or(self);
        writer.count(values.len());
        T::write_many(values, writer);
    }
}

impl<T: Cdr + Default, const N: usize> Cdr for [T; N] {
    const LEAST: usize = T::LEAST * N;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Misfit> {
        let mut values = std::array::from_fn(|_| T::default());
        for value in &mut values {
            *value = T::read(reader)?;
        }
        Ok(values)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        T::write_many(self, writer);
    }
}
