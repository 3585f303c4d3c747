//! Walking over the bytes of a message.

use super::{Field, Kind, Many, Schema, Value};
use crate::cdr::{Cdr as _, Misfit, Reader};
use std::fmt;

/// Where a message does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMisfit {
    /// Path of the field; empty where it is none.
    pub field: String,
    /// What is wrong, and at which byte.
    pub misfit: Misfit,
}

impl fmt::Display for FieldMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => self.misfit.fmt(f),
            field => write!(f, "field `{field}`: {}", self.misfit),
        }
    }
}

/// What a message says of itself at its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first stamp in it, in nanoseconds.
    pub stamp_ns: Option<i64>,
    /// The publisher's run; 0 where the message tells none.
    pub run: u64,
    /// The publisher's count.
    pub number: Option<u64>,
}

impl Schema {
    /// Whether `data` is exactly one such message.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn check(&self, data: &[u8]) -> Result<(), FieldMisfit> {
        let mut walker = Walker::new(self, data, None)?;
        walker.message(0)?;
        walker.reader.finish().map_err(|misfit| FieldMisfit { field: String::new(), misfit })
    }

    /// Calls `see` with path and value of every leaf, until it says `false`.
    ///
    /// # Errors
    /// The first place that does not fit; what came before was seen.
    pub fn leaves<'d>(
        &self,
        data: &'d [u8],
        see: &mut dyn FnMut(&Path<'_>, Value<'d>) -> bool,
    ) -> Result<(), FieldMisfit> {
        let mut see = |path: &Path<'_>, value: Value<'d>, _: usize| see(path, value);
        let mut walker = Walker::new(self, data, Some(&mut see))?;
        walker.message(0).map(drop)
    }

    /// Whether there are floating-point numbers at a path without indexes, as [`Path::is`] takes it.
    pub fn has_floats(&self, path: &str) -> bool {
        let mut types = vec![0];
        let mut found = false;
        for name in path.split('.') {
            let named =
                |index: &usize| self.types.get(*index).into_iter().flatten().filter(|f| f.name == name);
            let fields: Vec<Kind> = types.iter().flat_map(named).map(|f| f.kind).collect();
            found = fields.iter().any(|kind| matches!(kind, Kind::Float(_)));
            types = fields
                .iter()
                .filter_map(|k| if let Kind::Message(i) = k { Some(*i) } else { None })
                .collect();
        }
        found
    }

    /// Puts what `change` makes of it in the place of every floating-point number at a path without indexes; how many those
    /// are.
    ///
    /// # Errors
    /// The first place that does not fit; nothing is changed then.
    pub fn edit_floats(
        &self,
        data: &mut [u8],
        path: &str,
        change: &mut dyn FnMut(f64) -> f64,
    ) -> Result<usize, FieldMisfit> {
        let mut places = Vec::new();
        let only: Vec<&str> = path.split('.').collect();
        let mut note = |at: &Path<'_>, value: Value<'_>, end: usize| {
            if let (true, Value::Float32(_) | Value::Float64(_)) = (at.parts.len() == only.len(), value) {
                places.push((end, matches!(value, Value::Float64(_)), value.number().unwrap_or_default()));
            }
            true
        };
        let mut walker = Walker::new(self, data, Some(&mut note))?;
        walker.only = Some(&only);
        walker.message(0)?;
        let big = walker.reader.is_big_endian();
        for (end, double, old) in &places {
            let new = change(*old);
            let mut bytes =
                if *double { new.to_le_bytes().to_vec() } else { (new as f32).to_le_bytes().to_vec() };
            if big {
                bytes.reverse();
            }
            if let Some(place) = data.get_mut(end.saturating_sub(bytes.len())..*end) {
                place.copy_from_slice(&bytes);
            }
        }
        Ok(places.len())
    }

    /// Stamp and number of a message.
    ///
    /// # Errors
    /// When the beginning does not fit.
    pub fn head(&self, data: &[u8]) -> Result<Head, FieldMisfit> {
        let mut head = Head::default();
        let mut sec = None;
        let mut see = |path: &Path<'_>, value: Value<'_>| {
            if let Value::Unsigned(v) = value
                && path.parts.len() == 1
            {
                if path.is_last(self.run.as_deref()) {
                    head.run = v;
                } else if path.is_last(self.number.as_deref()) {
                    head.number = Some(v);
                }
            }
            if head.stamp_ns.is_none() {
                match value {
                    Value::Signed(v) if path.ends("stamp", "sec") => sec = Some(v),
                    Value::Unsigned(v) if path.ends("stamp", "nanosec") => {
                        let nanos = i64::try_from(v).unwrap_or(0);
                        head.stamp_ns = sec.map(|s| s.saturating_mul(1_000_000_000).saturating_add(nanos));
                    }
                    _ => {}
                }
            }
            let stamped = head.stamp_ns.is_some() || !self.stamped;
            !(stamped && (self.number.is_none() || head.number.is_some()))
        };
        if !self.stamped && self.number.is_none() {
            return Ok(Head::default());
        }
        self.leaves(data, &mut see)?;
        Ok(head)
    }
}

/// Where in a message.
pub struct Path<'s> {
    pub(super) parts: Vec<(&'s str, Option<usize>)>,
}

impl Path<'_> {
    fn is_last(&self, name: Option<&str>) -> bool {
        name.is_some() && self.parts.last().map(|p| p.0) == name
    }

    fn ends(&self, outer: &str, inner: &str) -> bool {
        matches!(self.parts.as_slice(), [.., (a, _), (b, _)] if *a == outer && *b == inner)
    }

    /// Whether one of its names is one of these.
    pub fn has_any(&self, names: &[String]) -> bool {
        self.parts.iter().any(|(part, _)| names.iter().any(|n| n == part))
    }

    /// The path without the indexes of arrays: `monitors.robustness`.
    pub fn is(&self, wanted: &str) -> bool {
        let mut parts = wanted.split('.');
        self.parts.iter().all(|(name, _)| parts.next() == Some(name)) && parts.next().is_none()
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, index)) in self.parts.iter().enumerate() {
            write!(f, "{}{name}", if i > 0 { "." } else { "" })?;
            if let Some(index) = index {
                write!(f, "[{index}]")?;
            }
        }
        Ok(())
    }
}

/// Path, value, and the offset in the message of what follows it.
type See<'v, 'd> = Option<&'v mut dyn FnMut(&Path<'_>, Value<'d>, usize) -> bool>;

struct Walker<'s, 'd, 'v> {
    schema: &'s Schema,
    reader: Reader<'d>,
    path: Path<'s>,
    see: See<'v, 'd>,
    /// Names from the message down to what `see` is called for alone; `None`: for everything.
    only: Option<&'v [&'v str]>,
}

impl<'s, 'd, 'v> Walker<'s, 'd, 'v> {
    fn new(schema: &'s Schema, data: &'d [u8], see: See<'v, 'd>) -> Result<Self, FieldMisfit> {
        let reader = Reader::open(data).map_err(|misfit| FieldMisfit { field: String::new(), misfit })?;
        Ok(Self { schema, reader, path: Path { parts: Vec::new() }, see, only: None })
    }

    fn misfit(&self, misfit: Misfit) -> FieldMisfit {
        FieldMisfit { field: self.path.to_string(), misfit }
    }

    /// `false`: enough was seen.
    fn message(&mut self, index: usize) -> Result<bool, FieldMisfit> {
        let schema = self.schema;
        let fields = schema.types.get(index).map(Vec::as_slice).unwrap_or_default();
        if fields.is_empty() {
            // ROS gives a type without fields one byte.
            self.reader.skip(1, 1).map_err(|m| self.misfit(m))?;
        }
        for field in fields {
            let unseen = match self.only {
                Some(only) if only.get(self.path.parts.len()) != Some(&field.name.as_str()) => {
                    self.see.take()
                }
                _ => None,
            };
            self.path.parts.push((&field.name, None));
            if !self.field(field)? {
                return Ok(false);
            }
            self.path.parts.pop();
            if unseen.is_some() {
                self.see = unseen;
            }
        }
        Ok(true)
    }

    fn field(&mut self, field: &Field) -> Result<bool, FieldMisfit> {
        let count = match field.count(&mut self.reader).map_err(|m| self.misfit(m))? {
            Some(count) => count,
            None => return self.element(field.kind),
        };
        if self.see.is_none()
            && let Some(size) = field.kind.number_bytes()
            && field.kind != Kind::Bool
        {
            return self.reader.skip(size, count).map_err(|m| self.misfit(m)).map(|()| true);
        }
        for i in 0..count {
            if let Some(last) = self.path.parts.last_mut() {
                last.1 = Some(i);
            }
            if !self.element(field.kind)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn element(&mut self, kind: Kind) -> Result<bool, FieldMisfit> {
        if let Kind::Message(index) = kind {
            return self.message(index);
        }
        let value = kind.read(&mut self.reader).map_err(|m| self.misfit(m))?;
        Ok(match &mut self.see {
            Some(see) => see(&self.path, value, self.reader.message_offset()),
            None => true,
        })
    }
}

impl Field {
    /// How many elements follow; `None` for one that is no array.
    pub(super) fn count(&self, reader: &mut Reader<'_>) -> Result<Option<usize>, Misfit> {
        let least = match self.kind {
            Kind::Text | Kind::WideText => 4,
            // No message takes less.
            kind => kind.number_bytes().unwrap_or(1),
        };
        match self.many {
            Many::One => Ok(None),
            Many::Fixed(count) => reader.check_count(count, least).map(|()| Some(count)),
            Many::Sequence => reader.count(least).map(Some),
        }
    }
}

impl Kind {
    fn number_bytes(self) -> Option<usize> {
        match self {
            Self::Bool => Some(1),
            Self::Unsigned(size) | Self::Signed(size) | Self::Float(size) => Some(size),
            Self::Text | Self::WideText | Self::Message(_) => None,
        }
    }

    /// The next value; a message is none.
    pub(super) fn read<'d>(self, reader: &mut Reader<'d>) -> Result<Value<'d>, Misfit> {
        Ok(match self {
            Self::Bool => Value::Bool(bool::read(reader)?),
            Self::Unsigned(1) => Value::Unsigned(u8::read(reader)?.into()),
            Self::Unsigned(2) => Value::Unsigned(u16::read(reader)?.into()),
            Self::Unsigned(4) => Value::Unsigned(u32::read(reader)?.into()),
            Self::Unsigned(_) => Value::Unsigned(u64::read(reader)?),
            Self::Signed(1) => Value::Signed(i8::read(reader)?.into()),
            Self::Signed(2) => Value::Signed(i16::read(reader)?.into()),
            Self::Signed(4) => Value::Signed(i32::read(reader)?.into()),
            Self::Signed(_) => Value::Signed(i64::read(reader)?),
            Self::Float(4) => Value::Float32(f32::read(reader)?),
            Self::Float(_) => Value::Float64(f64::read(reader)?),
            Self::Text => Value::Text(reader.text()?),
            // A length in units and four bytes a unit: `cdr_serialize` of `std::u16string` in rosidl_typesupport_fastrtps_cpp.
            Self::WideText | Self::Message(_) => {
                let count = reader.count(4)?;
                Value::Wide { units: reader.units(4, count)?, big: reader.is_big_endian() }
            }
        })
    }
}
