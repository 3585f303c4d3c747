//! Any message as a tree of named values, by the definition that its bag holds: so that two of them can be compared field by
//! field, whatever type they are and whichever build wrote them.

use std::collections::BTreeMap;
use std::fmt;

/// The most values of one message that are taken apart.
const VALUES_LIMIT: usize = 4_000_000;
/// How deep messages may contain each other.
const DEPTH_LIMIT: usize = 32;
/// The CDR header of a message.
const HEADER: usize = 4;

/// A value of a message. Numbers keep what they are: nothing is rounded and a NaN stays one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A whole number of any width.
    Int(i128),
    /// A 32-bit number.
    Float32(f32),
    /// A 64-bit number.
    Float64(f64),
    /// Text.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// A message's fields in their order.
    Fields(Vec<(String, Value)>),
}

impl Value {
    /// A field by its path, as `header.stamp.sec`.
    pub fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| match value {
            Self::Fields(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        })
    }

    /// Same bits: a NaN equals itself, and zero is not minus zero.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float32(a), Self::Float32(b)) => a.to_bits() == b.to_bits(),
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y)),
            (Self::Fields(a), Self::Fields(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((n, x), (m, y))| n == m && x.same(y))
            }
            _ => self == other,
        }
    }

    /// As a number, where it is one.
    #[allow(clippy::cast_precision_loss, reason = "for statistics only")]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float32(f) => Some(f64::from(*f)),
            Self::Float64(f) => Some(*f),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            // The shortest text that reads back to the same bits.
            Self::Float32(v) => write!(f, "{v:?}"),
            Self::Float64(v) => write!(f, "{v:?}"),
            Self::Text(v) => write!(f, "{v:?}"),
            Self::List(v) => write!(f, "{} elements", v.len()),
            Self::Fields(v) => write!(f, "{} fields", v.len()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Bool,
    Whole { bytes: usize, signed: bool },
    Float32,
    Float64,
}

#[derive(Clone, Debug, PartialEq)]
enum Base {
    Number(Number),
    Text,
    Message(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Array {
    None,
    Fixed(usize),
    Sequence,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    base: Base,
    array: Array,
}

/// A message definition with everything it contains (`ros2msg`).
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    root: String,
    types: BTreeMap<String, Vec<Field>>,
}

impl Definition {
    /// Reads the text of a definition, that of the type itself first.
    ///
    /// # Errors
    /// Names the line that cannot be read.
    pub fn parse(type_name: &str, text: &str) -> Result<Self, String> {
        let root = type_name.replace("/msg/", "/");
        let (mut name, mut types) = (root.clone(), BTreeMap::from([(root.clone(), Vec::new())]));
        for line in text.lines() {
            if let Some(next) = line.strip_prefix("MSG: ") {
                next.trim().replace("/msg/", "/").clone_into(&mut name);
                types.entry(name.clone()).or_default();
                continue;
            }
            let content = line.split('#').next().unwrap_or_default().trim();
            if content.is_empty() || content.starts_with("==") {
                continue;
            }
            let refuse = || format!("{name}: the definition's line `{line}` is not understood");
            let (kind, rest) = content.split_once(char::is_whitespace).ok_or_else(refuse)?;
            if rest.split_whitespace().nth(1).is_some_and(|w| w.starts_with('=')) || rest.contains('=') {
                continue;
            }
            let package = name.split('/').next().unwrap_or_default();
            let field = field(kind, rest, package).ok_or_else(refuse)?;
            types.entry(name.clone()).or_default().push(field);
        }
        Ok(Self { root, types })
    }

    /// Takes a message apart.
    ///
    /// # Errors
    /// Says at which byte the content does not fit.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, String> {
        let Some((&[first, second, _, _], content)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(format!("{}: {} bytes are too few for a CDR header", self.root, bytes.len()));
        };
        let little = match (first, second) {
            (0, 1) => true,
            (0, 0) => false,
            _ => return Err(format!("{}: not plain CDR ({first:02x}{second:02x})", self.root)),
        };
        let mut reader = Reader { content, at: 0, little, values: 0 };
        reader
            .message(self, &self.root, 0)
            .map_err(|reason| format!("{}: at byte {}: {reason}", self.root, reader.at + HEADER))
    }

    fn fields(&self, name: &str) -> Option<&[Field]> {
        self.types.get(name).map(Vec::as_slice)
    }
}

fn field(kind: &str, rest: &str, package: &str) -> Option<Field> {
    let name = rest.split_whitespace().next()?.to_owned();
    let (element, array) = match kind.split_once('[') {
        None => (kind, Array::None),
        Some((element, size)) => match size.strip_suffix(']')? {
            "" => (element, Array::Sequence),
            bound if bound.starts_with("<=") => (element, Array::Sequence),
            fixed => (element, Array::Fixed(fixed.parse().ok()?)),
        },
    };
    let base = match (element, number(element)) {
        (_, Some(number)) => Base::Number(number),
        ("string", _) => Base::Text,
        _ if element.starts_with("string<=") => Base::Text,
        ("Header", _) => Base::Message("std_msgs/Header".to_owned()),
        _ if element.contains('/') => Base::Message(element.replace("/msg/", "/")),
        _ if element.starts_with(|c: char| c.is_ascii_uppercase()) => {
            Base::Message(format!("{package}/{element}"))
        }
        _ => return None,
    };
    Some(Field { name, base, array })
}

fn number(kind: &str) -> Option<Number> {
    let whole = |bytes, signed| Some(Number::Whole { bytes, signed });
    match kind {
        "bool" => Some(Number::Bool),
        "byte" | "char" | "uint8" => whole(1, false),
        "int8" => whole(1, true),
        "uint16" => whole(2, false),
        "int16" => whole(2, true),
        "uint32" => whole(4, false),
        "int32" => whole(4, true),
        "uint64" => whole(8, false),
        "int64" => whole(8, true),
        "float32" => Some(Number::Float32),
        "float64" => Some(Number::Float64),
        _ => None,
    }
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
    little: bool,
    values: usize,
}

impl Reader<'_> {
    fn message(&mut self, definition: &Definition, name: &str, depth: usize) -> Result<Value, String> {
        let fields = definition.fields(name).ok_or_else(|| format!("{name} is not defined"))?;
        if depth > DEPTH_LIMIT {
            return Err(format!("messages within messages deeper than {DEPTH_LIMIT}"));
        }
        if fields.is_empty() {
            // An empty structure travels as one byte.
            self.take(1)?;
        }
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let value = match field.array {
                Array::None => self.element(definition, &field.base, depth)?,
                Array::Fixed(count) => self.list(definition, &field.base, count, depth)?,
                Array::Sequence => {
                    let count = self.length()?;
                    self.list(definition, &field.base, count, depth)?
                }
            };
            values.push((field.name.clone(), value));
        }
        Ok(Value::Fields(values))
    }

    fn list(
        &mut self,
        definition: &Definition,
        base: &Base,
        count: usize,
        depth: usize,
    ) -> Result<Value, String> {
        let left = self.content.len().saturating_sub(self.at);
        if count > left {
            return Err(format!("{count} elements do not fit into the {left} bytes that are left"));
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.element(definition, base, depth)?);
        }
        Ok(Value::List(values))
    }

    fn element(&mut self, definition: &Definition, base: &Base, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if self.values > VALUES_LIMIT {
            return Err(format!("more than {VALUES_LIMIT} values"));
        }
        match base {
            Base::Number(number) => self.number(*number),
            Base::Message(name) => self.message(definition, name, depth + 1),
            Base::Text => {
                let length = self.length()?;
                let bytes = self.take(length)?;
                let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                Ok(Value::Text(String::from_utf8_lossy(text).into_owned()))
            }
        }
    }

    fn number(&mut self, number: Number) -> Result<Value, String> {
        Ok(match number {
            Number::Bool => Value::Bool(self.raw(1)? != 0),
            Number::Float32 => {
                Value::Float32(f32::from_bits(u32::try_from(self.raw(4)?).unwrap_or_default()))
            }
            Number::Float64 => Value::Float64(f64::from_bits(self.raw(8)?)),
            Number::Whole { bytes, signed } => {
                let raw = i128::from(self.raw(bytes)?);
                let top = 1_i128 << (8 * bytes - 1);
                Value::Int(if signed && raw >= top { raw - 2 * top } else { raw })
            }
        })
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.raw(4)?).map_err(|e| e.to_string())
    }

    /// An aligned number of so many bytes.
    fn raw(&mut self, bytes: usize) -> Result<u64, String> {
        self.at = self.at.next_multiple_of(bytes);
        let (little, taken) = (self.little, self.take(bytes)?);
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Ok(if little { taken.iter().rev().fold(0, add) } else { taken.iter().fold(0, add) })
    }

    fn take(&mut self, bytes: usize) -> Result<&[u8], String> {
        let end = self.at.saturating_add(bytes);
        let taken =
            self.content.get(self.at..end).ok_or_else(|| format!("the message ends within {bytes} bytes"))?;
        self.at = end;
        Ok(taken)
    }
}

/// One field of a message that differs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldDifference {
    /// Where, as `trajectory[3].pose.x`.
    pub path: String,
    /// Its value as recorded.
    pub recorded: String,
    /// And as replayed.
    pub replayed: String,
}

/// The first `limit` fields that differ, and how many differ in all.
pub fn differences(recorded: &Value, replayed: &Value, limit: usize) -> (Vec<FieldDifference>, usize) {
    let mut found = Found { fields: Vec::new(), limit, total: 0 };
    found.walk(String::new(), recorded, replayed);
    (found.fields, found.total)
}

struct Found {
    fields: Vec<FieldDifference>,
    limit: usize,
    total: usize,
}

impl Found {
    fn walk(&mut self, path: String, recorded: &Value, replayed: &Value) {
        if recorded.same(replayed) {
            return;
        }
        match (recorded, replayed) {
            (Value::Fields(a), Value::Fields(b)) => {
                for ((name, x), (_, y)) in a.iter().zip(b) {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.walk(format!("{path}{dot}{name}"), x, y);
                }
            }
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    self.note(format!("{path} (length)"), a.len().to_string(), b.len().to_string());
                }
                for (index, (x, y)) in a.iter().zip(b).enumerate() {
                    self.walk(format!("{path}[{index}]"), x, y);
                }
            }
            _ => self.note(path, recorded.to_string(), replayed.to_string()),
        }
    }

    fn note(&mut self, path: String, recorded: String, replayed: String) {
        self.total += 1;
        if self.fields.len() < self.limit {
            self.fields.push(FieldDifference { path, recorded, replayed });
        }
    }
}

/// Compares two messages of one type; where they cannot be taken apart, byte by byte.
pub fn message_differences(
    type_name: &str,
    definition: &str,
    recorded: &[u8],
    replayed: &[u8],
    limit: usize,
) -> (Vec<FieldDifference>, usize) {
    let decoded = Definition::parse(type_name, definition)
        .and_then(|definition| Ok((definition.decode(recorded)?, definition.decode(replayed)?)));
    match decoded {
        Ok((a, b)) => {
            let (fields, total) = differences(&a, &b, limit);
            if total == 0 && recorded != replayed {
                bytes_differ(recorded, replayed, "")
            } else {
                (fields, total)
            }
        }
        Err(reason) => bytes_differ(recorded, replayed, &reason),
    }
}

fn bytes_differ(recorded: &[u8], replayed: &[u8], reason: &str) -> (Vec<FieldDifference>, usize) {
    let at = recorded.iter().zip(replayed).take_while(|(a, b)| a == b).count();
    let show = |bytes: &[u8]| {
        bytes.get(at).map_or("ends".to_owned(), |b| format!("{b:#04x} of {} bytes", bytes.len()))
    };
    let path = if reason.is_empty() { format!("byte {at}") } else { format!("byte {at} ({reason})") };
    (vec![FieldDifference { path, recorded: show(recorded), replayed: show(replayed) }], 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_msgs::outrider_msgs::{Command, TrajectoryPoint};
    use outrider_msgs::{Message, definition_of, encode, sensor_msgs};

    fn decode<M: Message>(message: &M) -> Value {
        Definition::parse(M::TYPE_NAME, M::DEFINITION).unwrap().decode(&encode(message).unwrap()).unwrap()
    }

    #[test]
    fn every_known_message_is_taken_apart_to_its_last_byte() {
        macro_rules! each {
            ($package:ident, $name:ident) => {
                let message = outrider_msgs::$package::$name::default();
                let Value::Fields(_) = decode(&message) else { panic!("no fields") };
            };
        }
        outrider_msgs::for_each_message!(each);
    }

    #[test]
    fn numbers_keep_their_bits() {
        let scan =
            sensor_msgs::LaserScan { ranges: vec![0.1, f32::NAN, f32::INFINITY], ..Default::default() };
        let value = decode(&scan);
        let Some(Value::List(ranges)) = value.get("ranges") else { panic!("{value:?}") };
        assert_eq!(ranges[0].to_string(), "0.1");
        assert!(ranges[1].same(&Value::Float32(f32::NAN)) && ranges[2].to_string() == "inf");
        let command = Command { boot_id: u64::MAX, v: -0.0, reason: "because".into(), ..Default::default() };
        let value = decode(&command);
        assert_eq!(value.get("boot_id"), Some(&Value::Int(i128::from(u64::MAX))));
        assert!(!value.get("v").unwrap().same(&Value::Float64(0.0)));
        assert_eq!(value.get("reason"), Some(&Value::Text("because".into())));
    }

    #[test]
    fn differences_are_named_by_field_and_index() {
        let one = Command { v: 0.5, trajectory: vec![TrajectoryPoint::default(); 3], ..Default::default() };
        let mut other = one.clone();
        other.v = 0.25;
        other.trajectory.pop();
        other.trajectory[1].v = 1.0;
        other.header.stamp.sec = -7;
        let (fields, total) = differences(&decode(&one), &decode(&other), 3);
        let told: Vec<_> =
            fields.iter().map(|f| format!("{}: {} -> {}", f.path, f.recorded, f.replayed)).collect();
        assert_eq!(told, ["header.stamp.sec: 0 -> -7", "v: 0.5 -> 0.25", "trajectory (length): 3 -> 2"]);
        assert_eq!(total, 4);
    }

    #[test]
    fn what_does_not_fit_its_definition_is_an_error_with_a_place() {
        let text = definition_of("sensor_msgs/msg/LaserScan").unwrap();
        let definition = Definition::parse("sensor_msgs/msg/LaserScan", text).unwrap();
        let mut bytes = encode(&sensor_msgs::LaserScan::default()).unwrap();
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = definition.decode(&bytes).unwrap_err();
        assert!(error.contains("4294967295 elements"), "{error}");
        assert!(definition.decode(&bytes[..10]).unwrap_err().contains("byte"));
        assert!(definition.decode(&[0, 1]).unwrap_err().contains("2 bytes"));
    }
}
