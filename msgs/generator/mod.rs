//! From `.msg` text (the ROS 2 interface definition language) to Rust.

mod parse;

use parse::{Array, Base, Definition, Field};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// One `.msg` file.
pub struct Source {
    /// Package it belongs to.
    pub package: String,
    /// File name without ending.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why nothing was generated.
#[derive(Debug)]
pub struct Error(pub String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

type Catalogue = BTreeMap<(String, String), (Definition, String)>;

/// Rust modules, one a package, with one struct a message.
pub fn generate(sources: &[Source]) -> Result<String, Error> {
    let mut catalogue = Catalogue::new();
    for source in sources {
        let definition = parse::definition(source)?;
        let key = (source.package.clone(), source.name.clone());
        if catalogue.insert(key, (definition, source.text.clone())).is_some() {
            return Err(Error(format!("{}/msg/{}.msg is there twice", source.package, source.name)));
        }
    }
    let mut out = String::new();
    let packages: BTreeSet<&String> = catalogue.keys().map(|(package, _)| package).collect();
    for package in packages {
        let _ = writeln!(out, "/// Messages of the package `{package}`.\npub mod {package} {{");
        for ((_, name), (definition, _)) in catalogue.iter().filter(|((p, _), _)| p == package) {
            message(&mut out, package, name, definition, &catalogue)?;
        }
        out.push_str("}\n");
    }
    let _ = writeln!(
        out,
        "/// Every message: type name and full definition.\npub const CATALOGUE: &[(&str, &str)] = &["
    );
    for (package, name) in catalogue.keys() {
        let path = format!("{package}::{name}");
        let _ = writeln!(
            out,
            "    (<{path} as crate::Message>::TYPE_NAME, <{path} as crate::Message>::DEFINITION),"
        );
    }
    out.push_str("];\n");
    out.push_str("/// Calls a macro with every message type, as `$call!(package, Name);`.\n#[macro_export]\nmacro_rules! for_each_message {\n    ($call:ident) => {\n");
    for (package, name) in catalogue.keys() {
        let _ = writeln!(out, "        $call!({package}, {name});");
    }
    out.push_str("    };\n}\n");
    Ok(out)
}

fn message(
    out: &mut String,
    package: &str,
    name: &str,
    definition: &Definition,
    catalogue: &Catalogue,
) -> Result<(), Error> {
    let _ = writeln!(
        out,
        "/// `{package}/msg/{name}`\n#[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]\n#[allow(missing_docs, non_snake_case)]\npub struct {name} {{"
    );
    for field in &definition.fields {
        check_known(field, package, name, catalogue)?;
        if let Some(attribute) = attribute(field) {
            let _ = writeln!(out, "    {attribute}");
        }
        let _ = writeln!(out, "    pub r#{}: {},", field.name, rust_type(field, package));
    }
    // An empty structure travels as one byte, as ROS 2's generators have it.
    if definition.fields.is_empty() {
        out.push_str("    pub structure_needs_at_least_one_member: u8,\n");
    }
    let _ = writeln!(out, "}}\nimpl Default for {name} {{\n    fn default() -> Self {{\n        Self {{");
    for field in &definition.fields {
        let _ = writeln!(out, "            r#{}: {},", field.name, default_value(field));
    }
    if definition.fields.is_empty() {
        out.push_str("            structure_needs_at_least_one_member: 0,\n");
    }
    out.push_str("        }\n    }\n}\n");
    if !definition.constants.is_empty() {
        let _ = writeln!(out, "#[allow(missing_docs)]\nimpl {name} {{");
        for constant in &definition.constants {
            let _ = writeln!(
                out,
                "    pub const {}: {} = {};",
                constant.name, constant.rust_type, constant.value
            );
        }
        out.push_str("}\n");
    }
    cdr(out, package, name, definition);
    let text = full_definition(package, name, catalogue);
    let _ = writeln!(
        out,
        "impl crate::Message for {name} {{\n    const TYPE_NAME: &'static str = \"{package}/msg/{name}\";\n    const DEFINITION: &'static str = {text:?};\n}}"
    );
    Ok(())
}

/// Reading and writing, field by field.
fn cdr(out: &mut String, package: &str, name: &str, definition: &Definition) {
    let mut fields: Vec<(String, String)> = definition
        .fields
        .iter()
        .map(|field| (format!("r#{}", field.name), rust_type(field, package)))
        .collect();
    if fields.is_empty() {
        fields.push(("structure_needs_at_least_one_member".to_owned(), "u8".to_owned()));
    }
    let (mut least, mut read, mut write) = (String::new(), String::new(), String::new());
    for (index, (field, kind)) in fields.iter().enumerate() {
        let plus = if index > 0 { " + " } else { "" };
        let _ = write!(least, "{plus}<{kind} as crate::Cdr>::LEAST");
        let _ = writeln!(read, "            {field}: crate::Cdr::read(reader)?,");
        let _ = writeln!(write, "        crate::Cdr::write(&self.{field}, writer);");
    }
    let _ = writeln!(
        out,
        "impl crate::Cdr for {name} {{\n    const LEAST: usize = {least};\n    \
         fn read(reader: &mut crate::Reader<'_>) -> Result<Self, crate::Misfit> {{\n        Ok(Self {{\n{read}        }})\n    }}\n    \
         fn write(&self, writer: &mut crate::Writer<'_>) {{\n{write}    }}\n}}"
    );
}

fn check_known(field: &Field, package: &str, name: &str, catalogue: &Catalogue) -> Result<(), Error> {
    if let Base::Message { package: p, name: n } = &field.base {
        let key = (p.clone().unwrap_or_else(|| package.to_owned()), n.clone());
        if !catalogue.contains_key(&key) {
            return Err(Error(format!(
                "{package}/msg/{name}.msg: {}: unknown type {}/{}",
                field.name, key.0, key.1
            )));
        }
    }
    Ok(())
}

fn element_type(base: &Base, package: &str) -> String {
    match base {
        Base::Primitive(rust) => (*rust).to_owned(),
        Base::Text => "String".to_owned(),
        Base::Message { package: p, name } => format!("super::{}::{name}", p.as_deref().unwrap_or(package)),
    }
}

fn rust_type(field: &Field, package: &str) -> String {
    let element = element_type(&field.base, package);
    match field.array {
        Array::None => element,
        Array::Fixed(count) => format!("[{element}; {count}]"),
        Array::Sequence => format!("Vec<{element}>"),
    }
}

/// Serde needs help with long arrays.
fn attribute(field: &Field) -> Option<&'static str> {
    match &field.array {
        Array::Fixed(count) if *count > 32 => Some("#[serde(with = \"::serde_big_array::BigArray\")]"),
        _ => None,
    }
}

fn default_value(field: &Field) -> String {
    match (&field.array, &field.default) {
        (Array::None, Some(value)) if field.base == Base::Text => format!("{value:?}.to_owned()"),
        (Array::None, Some(value)) => format!("{value} as _"),
        (Array::Fixed(_), _) => match field.base {
            Base::Primitive("bool") => format!("[false; {}]", field.count()),
            Base::Primitive(rust) => format!("[0 as {rust}; {}]", field.count()),
            _ => "::std::array::from_fn(|_| Default::default())".to_owned(),
        },
        _ => "Default::default()".to_owned(),
    }
}

/// The text of a message with that of everything it contains, as rosbag2 stores it (`ros2msg`).
fn full_definition(package: &str, name: &str, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    let mut queue = vec![(package.to_owned(), name.to_owned())];
    let mut next = 0;
    while let Some(key) = queue.get(next).cloned() {
        let Some((definition, source)) = catalogue.get(&key) else { break };
        if next > 0 {
            let _ = write!(text, "{}\nMSG: {}/{}\n", "=".repeat(80), key.0, key.1);
        }
        text.push_str(source);
        for field in &definition.fields {
            if let Base::Message { package: p, name: n } = &field.base {
                let dependency = (p.clone().unwrap_or_else(|| key.0.clone()), n.clone());
                if !queue.contains(&dependency) {
                    queue.push(dependency);
                }
            }
        }
        next += 1;
    }
    text
}
