//! Message types as their definitions tell them (`ros2msg`), and walking over CDR bytes by them: so that every message of a
//! bag can be checked, shown and compared, of types that this program was not built with too.

mod tree;
mod value;
mod walk;

use std::collections::BTreeMap;

pub use tree::Tree;
pub use value::Value;
pub use walk::{FieldMisfit, Head, Path};

/// Messages nest no deeper.
const DEPTH_LIMIT: usize = 32;
/// The most message types of one schema.
const TYPE_LIMIT: usize = 512;
/// What stands between the definitions of a schema.
const SEPARATOR: &str = "================================================================================";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Bool,
    /// A number of so many bytes.
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Text,
    WideText,
    /// The type with this index.
    Message(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Many {
    One,
    Fixed(usize),
    Sequence,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    kind: Kind,
    many: Many,
}

/// The package of a type, and its numbered lines.
type Section<'t> = (String, Vec<(usize, &'t str)>);

/// A message type with everything it contains.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The first is the message itself.
    types: Vec<Vec<Field>>,
    /// Names of the fields with the publisher's run and count, where it is a message of ours.
    run: Option<String>,
    number: Option<String>,
    /// There is a stamp somewhere in it.
    stamped: bool,
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
                if sections.contains_key(&current.0) {
                    return Err(format!("line {number}: a second definition of {}", current.0));
                }
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
            let mut fields: Vec<Field> = Vec::new();
            for (number, line) in lines {
                let field =
                    field(line, package, &index).map_err(|e| format!("line {number}: {e}: {line}"))?;
                if field.as_ref().is_some_and(|new| fields.iter().any(|f| f.name == new.name)) {
                    return Err(format!("line {number}: a second field of this name: {line}"));
                }
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
            size => match size.parse() {
                Ok(0) => return Err("an array of no elements"),
                Ok(count) => (element, Many::Fixed(count)),
                Err(_) => return Err("no number in an array's size"),
            },
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
            // By itself `Header` has always been that of std_msgs.
            let found = index.get(full.as_str());
            let found = found.or_else(|| index.get("std_msgs/Header").filter(|_| message == "Header"));
            Kind::Message(*found.ok_or("a type whose definition is not in the schema")?)
        }
    };
    Ok(Some(Field { name: name.to_owned(), kind, many }))
}

#[cfg(test)]
mod tests;
