//! Message types as a bag's own schemas tell them (`ros2msg`), and walking over CDR bytes by them: so that every
//! message of a bag can be checked and compared, of types that this program was not built with too.

use std::collections::BTreeMap;
use std::fmt;

/// Messages nest no deeper.
const DEPTH_LIMIT: usize = 32;
/// The most message types of one schema.
const TYPE_LIMIT: usize = 512;
/// What stands between the definitions of a schema.
const SEPARATOR: &str = "================================================================================";

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Bool,
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Text,
    WideText,
    Message(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Many {
    One,
    Fixed(usize),
    Sequence,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    kind: Kind,
    many: Many,
}

/// The package of a type, and its numbered lines.
type Section<'t> = (String, Vec<(usize, &'t str)>);

/// A message type with everything it contains.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The first is the message itself.
    types: Vec<Vec<Field>>,
    /// Names of the fields with the publisher's run and count, where it is a message of ours.
    run: Option<String>,
    number: Option<String>,
    /// There is a stamp somewhere in it.
    stamped: bool,
}

/// A value at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A truth value.
    Bool(bool),
    /// An unsigned number.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A float of either width.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl Value<'_> {
    /// As a number; `None` for text.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(b))),
            Self::Unsigned(u) => Some(u as f64),
            Self::Signed(i) => Some(i as f64),
            Self::Float(f) => Some(f),
            Self::Text(_) => None,
        }
    }

    /// Appends what tells it from other values.
    pub fn bits(self, into: &mut Vec<u8>) {
        match self {
            Self::Bool(b) => into.push(u8::from(b)),
            Self::Unsigned(u) => into.extend_from_slice(&u.to_le_bytes()),
            Self::Signed(i) => into.extend_from_slice(&i.to_le_bytes()),
            Self::Float(f) => into.extend_from_slice(&f.to_bits().to_le_bytes()),
            Self::Text(t) => {
                into.extend_from_slice(&(t.len() as u64).to_le_bytes());
                into.extend_from_slice(t.as_bytes());
            }
        }
    }

    /// The same bits; NaN equals NaN.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Unsigned(v) => write!(f, "{v}"),
            Self::Signed(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v}"),
            Self::Text(v) => {
                let short: String = v.chars().take(60).collect();
                write!(f, "{short:?}{}", if short.len() < v.len() { "…" } else { "" })
            }
        }
    }
}

/// Where a message does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Offset in the message.
    pub offset: usize,
    /// Path of the field.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, field `{}`: {}", self.offset, self.field, self.reason)
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
    /// Reads the text of a schema.
    ///
    /// # Errors
    /// A sentence with the line.
    pub fn parse(type_name: &str, text: &str) -> Result<Self, String> {
        let (package, name) =
            split_type(type_name).ok_or_else(|| format!("`{type_name}` is no type name"))?;
        let mut sections: BTreeMap<String, Section<'_>> = BTreeMap::new();
        let mut current = (format!("{package}/{name}"), package.to_owned());
        sections.insert(current.0.clone(), (current.1.clone(), Vec::new()));
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with(SEPARATOR) {
                continue;
            }
            if let Some(next) = line.strip_prefix("MSG: ") {
                let (package, name) =
                    split_type(next.trim()).ok_or_else(|| format!("line {number}: no type name: {line}"))?;
                current = (format!("{package}/{name}"), package.to_owned());
            }
            if sections.len() > TYPE_LIMIT {
                return Err(format!("line {number}: more than {TYPE_LIMIT} types"));
            }
            let section =
                sections.entry(current.0.clone()).or_insert_with(|| (current.1.clone(), Vec::new()));
            if !line.starts_with("MSG: ") {
                section.1.push((number, line));
            }
        }
        let root = format!("{package}/{name}");
        // The message itself comes first.
        let mut order: Vec<&String> = sections.keys().filter(|k| **k != root).collect();
        order.insert(0, &root);
        let index: BTreeMap<&str, usize> = order.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let mut types = Vec::new();
        for name in &order {
            let Some((package, lines)) = sections.get(*name) else { continue };
            let mut fields = Vec::new();
            for (number, line) in lines {
                let field =
                    field(line, package, &index).map_err(|e| format!("line {number}: {e}: {line}"))?;
                fields.extend(field);
            }
            types.push(fields);
        }
        let mut schema = Self { types, run: None, number: None, stamped: false };
        schema.check_depth()?;
        schema.stamped =
            schema.types.iter().flatten().any(|f| f.name == "stamp" && matches!(f.kind, Kind::Message(_)));
        if package == "outrider_msgs" {
            schema.run = schema.top(&["boot_id", "assurance_boot_id", "gate_boot_id"]);
            schema.number = schema.top(&["sequence", "number", "tick"]);
        }
        Ok(schema)
    }

    fn top(&self, names: &[&str]) -> Option<String> {
        let fields = self.types.first()?;
        let found =
            names.iter().find(|n| fields.iter().any(|f| f.name == **n && f.kind == Kind::Unsigned(8)))?;
        Some((*found).to_owned())
    }

    /// Refuses types that contain themselves.
    fn check_depth(&self) -> Result<(), String> {
        let mut depths = vec![0usize; self.types.len()];
        for _ in 0..DEPTH_LIMIT {
            let before = depths.clone();
            let depth_of = |field: &Field| match field.kind {
                Kind::Message(inner) => before.get(inner).map_or(0, |d| d + 1),
                _ => 0,
            };
            depths = self.types.iter().map(|fields| fields.iter().map(depth_of).max().unwrap_or(0)).collect();
            if depths == before {
                return Ok(());
            }
        }
        Err(format!("types nest deeper than {DEPTH_LIMIT}"))
    }

    /// Whether `data` is exactly one such message.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn check(&self, data: &[u8]) -> Result<(), Misfit> {
        let mut walker = Walker::new(self, data, None)?;
        walker.message(0)?;
        let left = walker.bytes.len().saturating_sub(walker.at);
        // RTPS pads a payload to four bytes.
        if left > 3 { Err(walker.misfit(format!("{left} bytes are left over after it"))) } else { Ok(()) }
    }

    /// Calls `see` with path and value of every leaf, until it says `false`.
    ///
    /// # Errors
    /// The first place that does not fit; what came before was seen.
    pub fn leaves<'d>(
        &self,
        data: &'d [u8],
        see: &mut dyn FnMut(&Path<'_>, Value<'d>) -> bool,
    ) -> Result<(), Misfit> {
        let mut walker = Walker::new(self, data, Some(see))?;
        walker.message(0).map(drop)
    }

    /// Stamp and number of a message.
    ///
    /// # Errors
    /// When the beginning does not fit.
    pub fn head(&self, data: &[u8]) -> Result<Head, Misfit> {
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

/// `pkg/msg/Type` or `pkg/Type`.
fn split_type(name: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [package, name] | [package, _, name] if !package.is_empty() && !name.is_empty() => {
            Some((package, name))
        }
        _ => None,
    }
}

/// One line of a definition; `None` for comments and constants.
fn field(line: &str, package: &str, index: &BTreeMap<&str, usize>) -> Result<Option<Field>, &'static str> {
    let content = line.split('#').next().unwrap_or_default().trim();
    let Some((kind, rest)) = content.split_once(char::is_whitespace) else {
        return if content.is_empty() { Ok(None) } else { Err("a type without a name") };
    };
    let rest = rest.trim();
    let name = rest.split(char::is_whitespace).next().unwrap_or_default();
    if name.contains('=') || rest.get(name.len()..).is_some_and(|r| r.trim_start().starts_with('=')) {
        return Ok(None);
    }
    // A bound of a string, `string<=10[]`, goes with its element.
    let (element, many) = match kind.split_once('[') {
        None => (kind, Many::One),
        Some((element, size)) => match size.strip_suffix(']').ok_or("no end of an array's size")? {
            "" => (element, Many::Sequence),
            bound if bound.starts_with("<=") => (element, Many::Sequence),
            size => (element, Many::Fixed(size.parse().map_err(|_| "no number in an array's size")?)),
        },
    };
    let element = element.split("<=").next().unwrap_or_default();
    let kind = match element {
        "bool" => Kind::Bool,
        "byte" | "char" | "uint8" => Kind::Unsigned(1),
        "uint16" => Kind::Unsigned(2),
        "uint32" => Kind::Unsigned(4),
        "uint64" => Kind::Unsigned(8),
        "int8" => Kind::Signed(1),
        "int16" => Kind::Signed(2),
        "int32" => Kind::Signed(4),
        "int64" => Kind::Signed(8),
        "float32" => Kind::Float(4),
        "float64" => Kind::Float(8),
        "string" => Kind::Text,
        "wstring" => Kind::WideText,
        message => {
            let full = match split_type(message) {
                Some((package, name)) => format!("{package}/{name}"),
                None => format!("{package}/{message}"),
            };
            Kind::Message(*index.get(full.as_str()).ok_or("a type whose definition is not in the schema")?)
        }
    };
    Ok(Some(Field { name: name.to_owned(), kind, many }))
}

/// Where in a message.
pub struct Path<'s> {
    parts: Vec<(&'s str, Option<usize>)>,
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

type See<'v, 'd> = Option<&'v mut dyn FnMut(&Path<'_>, Value<'d>) -> bool>;

struct Walker<'s, 'd, 'v> {
    schema: &'s Schema,
    /// After the encapsulation header: what alignment counts from.
    bytes: &'d [u8],
    at: usize,
    big_endian: bool,
    path: Path<'s>,
    see: See<'v, 'd>,
}

impl<'s, 'd, 'v> Walker<'s, 'd, 'v> {
    fn new(schema: &'s Schema, data: &'d [u8], see: See<'v, 'd>) -> Result<Self, Misfit> {
        let refused =
            |reason: String| Err(Misfit { offset: 0, field: "(encapsulation header)".into(), reason });
        let (big_endian, bytes) = match data {
            [0, 1, _, _, rest @ ..] => (false, rest),
            [0, 0, _, _, rest @ ..] => (true, rest),
            [a, b, _, _, ..] => return refused(format!("{a:#04x} {b:#04x} is not plain CDR")),
            _ => return refused(format!("{} bytes are too few", data.len())),
        };
        Ok(Self { schema, bytes, at: 0, big_endian, path: Path { parts: Vec::new() }, see })
    }

    fn misfit(&self, reason: impl Into<String>) -> Misfit {
        Misfit { offset: self.at + 4, field: self.path.to_string(), reason: reason.into() }
    }

    /// `false`: enough was seen.
    fn message(&mut self, index: usize) -> Result<bool, Misfit> {
        let schema = self.schema;
        let fields = schema.types.get(index).map(Vec::as_slice).unwrap_or_default();
        if fields.is_empty() {
            // ROS gives a type without fields one byte.
            self.take(1)?;
        }
        for field in fields {
            self.path.parts.push((&field.name, None));
            if !self.field(field)? {
                return Ok(false);
            }
            self.path.parts.pop();
        }
        Ok(true)
    }

    fn field(&mut self, field: &Field) -> Result<bool, Misfit> {
        let count = match field.many {
            Many::One => return self.element(&field.kind),
            Many::Fixed(count) => count,
            Many::Sequence => self.unsigned(4)? as usize,
        };
        let left = self.bytes.len().saturating_sub(self.at);
        if count > left {
            return Err(self.misfit(format!("{count} elements are claimed, {left} bytes are there")));
        }
        if self.see.is_none()
            && let Kind::Bool | Kind::Unsigned(_) | Kind::Signed(_) | Kind::Float(_) = field.kind
        {
            return self.skip(&field.kind, count);
        }
        for i in 0..count {
            if let Some(last) = self.path.parts.last_mut() {
                last.1 = Some(i);
            }
            if !self.element(&field.kind)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes over numbers that nobody wants to see.
    fn skip(&mut self, kind: &Kind, count: usize) -> Result<bool, Misfit> {
        let size = match kind {
            Kind::Unsigned(size) | Kind::Signed(size) | Kind::Float(size) => *size,
            _ => 1,
        };
        if count > 0 {
            self.align(size);
            self.take(count.saturating_mul(size))?;
        }
        Ok(true)
    }

    fn element(&mut self, kind: &Kind) -> Result<bool, Misfit> {
        let value = match kind {
            Kind::Message(index) => return self.message(*index),
            Kind::Bool => match self.unsigned(1)? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                other => return Err(self.misfit(format!("{other} is no truth value"))),
            },
            Kind::Unsigned(size) => Value::Unsigned(self.unsigned(*size)?),
            Kind::Signed(size) => {
                let unused = 64 - 8 * *size as u32;
                Value::Signed((self.unsigned(*size)? << unused).cast_signed() >> unused)
            }
            Kind::Float(4) => Value::Float(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            Kind::Float(_) => Value::Float(f64::from_bits(self.unsigned(8)?)),
            Kind::Text => {
                let length = self.unsigned(4)? as usize;
                let bytes = self.take(length)?;
                let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                Value::Text(std::str::from_utf8(text).map_err(|e| self.misfit(e.to_string()))?)
            }
            Kind::WideText => {
                let length = self.unsigned(4)? as usize;
                self.take(length.saturating_mul(2))?;
                Value::Text("(wide text)")
            }
        };
        Ok(match &mut self.see {
            Some(see) => see(&self.path, value),
            None => true,
        })
    }

    fn align(&mut self, size: usize) {
        self.at = self.at.next_multiple_of(size.max(1));
    }

    fn take(&mut self, count: usize) -> Result<&'d [u8], Misfit> {
        let end = self.at.saturating_add(count);
        let bytes = self.bytes;
        let taken = bytes.get(self.at..end).ok_or_else(|| {
            let left = self.bytes.len().saturating_sub(self.at);
            self.misfit(format!("{count} bytes are needed, {left} are there"))
        })?;
        self.at = end;
        Ok(taken)
    }

    fn unsigned(&mut self, size: usize) -> Result<u64, Misfit> {
        self.align(size);
        let big_endian = self.big_endian;
        let bytes = self.take(size)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Ok(if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_msgs::outrider_msgs as ours;
    use outrider_msgs::{Message, encode, sensor_msgs::LaserScan};

    fn schema<T: Message>() -> Schema {
        Schema::parse(T::TYPE_NAME, T::DEFINITION).unwrap()
    }

    fn leaves(schema: &Schema, data: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        schema
            .leaves(data, &mut |p, v| {
                seen.push(format!("{p}={v}"));
                true
            })
            .unwrap();
        seen
    }

    #[test]
    fn every_field_is_seen_with_its_path() {
        let mut tick = ours::Tick { node: "gate".into(), tick: 3, monotonic: -5, ..Default::default() };
        tick.inputs.push(ours::TickInput { input: 2, digest: 9, received: -1 });
        let seen = leaves(&schema::<ours::Tick>(), &encode(&tick).unwrap());
        assert_eq!(seen[0], "node=\"gate\"");
        for wanted in ["tick=3", "monotonic=-5", "inputs[0].input=2", "inputs[0].received=-1"] {
            assert!(seen.iter().any(|s| s == wanted), "{wanted} in {seen:?}");
        }
    }

    #[test]
    fn all_types_of_the_suite_parse_and_their_default_messages_fit() {
        let scan = LaserScan { ranges: vec![1.0; 5], ..Default::default() };
        schema::<LaserScan>().check(&encode(&scan).unwrap()).unwrap();
        schema::<ours::WorldModel>().check(&encode(&ours::WorldModel::default()).unwrap()).unwrap();
        let permit = ours::Permit { sequence: 4, assurance_boot_id: 8, ..Default::default() };
        let head = schema::<ours::Permit>().head(&encode(&permit).unwrap()).unwrap();
        assert_eq!(head, Head { stamp_ns: Some(0), run: 8, number: Some(4) });
    }

    #[test]
    fn misfits_name_offset_and_field() {
        let scan = LaserScan { ranges: vec![1.0; 5], ..Default::default() };
        let mut bytes = encode(&scan).unwrap();
        let whole = bytes.len();
        bytes.truncate(whole - 8);
        let text = schema::<LaserScan>().check(&bytes).unwrap_err().to_string();
        assert!(text.contains("`ranges`") || text.contains("`intensities`"), "{text}");
        bytes.resize(whole + 8, 0);
        let text = schema::<LaserScan>().check(&bytes).unwrap_err().to_string();
        assert!(text.contains("left over"), "{text}");
        assert!(
            schema::<LaserScan>().check(&[0, 7, 0, 0]).unwrap_err().to_string().contains("not plain CDR")
        );
    }

    #[test]
    fn schemas_that_are_none_are_refused_with_the_line() {
        let refusal = |text| Schema::parse("a_msgs/msg/A", text).unwrap_err();
        assert_eq!(refusal("int32 x\nfoo"), "line 2: a type without a name: foo");
        assert!(refusal("B b").contains("not in the schema"));
        assert!(refusal("A a").contains("nest deeper"));
        assert!(Schema::parse("A", "").is_err());
        let fine = "int32 X=3 # constant\nstring<=5[<=3] names\nfloat64[2] f 1.0\nbyte b";
        Schema::parse("a_msgs/msg/A", fine).unwrap();
    }
}
