//! The `.msg` format: comments, constants, fields with arrays, bounds and defaults.

use super::{Error, Source};

/// What a field is made of.
#[derive(Debug, PartialEq)]
pub enum Base {
    /// A number or a truth value, by its Rust name.
    Primitive(&'static str),
    /// A string, bounded or not.
    Text,
    /// Another message; without a package: of the same one.
    Message {
        /// Package, if named.
        package: Option<String>,
        /// Message.
        name: String,
    },
}

/// How many of it.
#[derive(Debug, PartialEq)]
pub enum Array {
    /// One.
    None,
    /// Always as many.
    Fixed(usize),
    /// Any number, or up to a bound.
    Sequence,
}

/// One field.
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub base: Base,
    /// How many.
    pub array: Array,
    /// Value that it starts with, as written.
    pub default: Option<String>,
}

impl Field {
    /// How many elements a fixed array has.
    pub fn count(&self) -> usize {
        if let Array::Fixed(count) = self.array { count } else { 1 }
    }
}

/// One constant.
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its Rust type.
    pub rust_type: &'static str,
    /// Its value in Rust.
    pub value: String,
}

/// One message.
#[derive(Default)]
pub struct Definition {
    /// In their order on the wire.
    pub fields: Vec<Field>,
    /// Named values.
    pub constants: Vec<Constant>,
}

/// Reads one file.
pub fn definition(source: &Source) -> Result<Definition, Error> {
    let mut result = Definition::default();
    for (number, line) in source.text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let fail = |what: &str| {
            Error(format!("{}/msg/{}.msg:{}: {what}: {line}", source.package, source.name, number + 1))
        };
        // rosidl reads more than this; what is not read here is refused, not guessed.
        if content.matches(['"', '\'']).count() % 2 == 1 {
            let hash = line.contains('#');
            return Err(fail(if hash {
                "a `#` within a text is not read here"
            } else {
                "quotes that do not close are not read here"
            }));
        }
        let (kind, rest) =
            content.split_once(char::is_whitespace).ok_or_else(|| fail("a type and a name"))?;
        let rest = rest.trim();
        if let Some((name, value)) = rest.split_once('=').filter(|(name, _)| !name.contains(['"', '\''])) {
            result.constants.push(
                constant(kind, name.trim(), value.trim()).ok_or_else(|| fail("no such constant type"))?,
            );
        } else {
            let field = field(kind, rest).ok_or_else(|| fail("not a field"))?;
            if field.default.is_some() && field.array != Array::None {
                return Err(fail("a default of an array is not read here"));
            }
            result.fields.push(field);
        }
    }
    Ok(result)
}

fn constant(kind: &str, name: &str, value: &str) -> Option<Constant> {
    let name = name.to_owned();
    if kind.starts_with("string") {
        let text = value.trim_matches(['"', '\'']);
        return Some(Constant { name, rust_type: "&'static str", value: format!("{text:?}") });
    }
    Some(Constant { name, rust_type: primitive(kind)?, value: value.to_owned() })
}

fn field(kind: &str, rest: &str) -> Option<Field> {
    let (name, default) = match rest.split_once(char::is_whitespace) {
        Some((name, default)) => (name, Some(default.trim().trim_matches(['"', '\'']).to_owned())),
        None => (rest, None),
    };
    let (element, array) = match kind.split_once('[') {
        None => (kind, Array::None),
        Some((element, size)) => {
            let size = size.strip_suffix(']')?;
            let array = if size.is_empty() || size.starts_with("<=") {
                Array::Sequence
            } else {
                Array::Fixed(size.parse().ok()?)
            };
            (element, array)
        }
    };
    Some(Field { name: name.to_owned(), base: base(element)?, array, default })
}

fn base(element: &str) -> Option<Base> {
    if element == "string" || element.starts_with("string<=") {
        return Some(Base::Text);
    }
    if let Some(rust) = primitive(element) {
        return Some(Base::Primitive(rust));
    }
    let (package, name) = match element.split_once('/') {
        Some((package, name)) => (Some(package.to_owned()), name),
        None => (None, element),
    };
    let sound = name.chars().next().is_some_and(|c| c.is_ascii_uppercase());
    sound.then(|| Base::Message { package, name: name.to_owned() })
}

fn primitive(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "bool" => "bool",
        "byte" | "char" | "uint8" => "u8",
        "int8" => "i8",
        "uint16" => "u16",
        "int16" => "i16",
        "uint32" => "u32",
        "int32" => "i32",
        "uint64" => "u64",
        "int64" => "i64",
        "float32" => "f32",
        "float64" => "f64",
        _ => return None,
    })
}
