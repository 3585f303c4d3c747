//! What of a file can be built, but fails in every tick or is probably not what was meant.

use super::check::{Collector, is_port_name};
use super::document::{Attribute, Element};
use super::library::Document;
use crate::kind::Kind;
use crate::node::Conditions;
use crate::port::{Direction, Port};
use crate::registry::Manifest;
use crate::status::Status;
use crate::text;
use crate::value::Value;

/// The version of the XML that trees are written in.
const FORMAT: &str = "4";

/// Attributes that editors write for themselves.
const EDITORS: [&str; 3] = ["_description", "_fullpath", "_uid"];

/// What is said at the top of a file.
pub(super) fn file(document: &Document, out: &mut Collector<'_>) {
    let root = &document.root;
    match root.attribute("BTCPP_format") {
        None => out.warning(root.at, format!("<root> should say BTCPP_format=\"{FORMAT}\"")),
        Some(format) if format.value != FORMAT => {
            let message = format!("BTCPP_format is `{}`: it is read as if it were {FORMAT}", format.value);
            out.warning(format.at, message);
        }
        Some(_) => {}
    }
    for include in root.all("include") {
        out.warning(include.at, "the planner takes no <include>: its tree has to be one file");
    }
}

/// Attributes that nobody reads, and values that are not what they seem to be.
pub(super) fn element(element: &Element, manifest: &Manifest, out: &mut Collector<'_>) {
    let is_subtree = element.name == "SubTree";
    for attribute in &element.attributes {
        let name = attribute.name.as_str();
        let read = is_port_name(name)
            || matches!(name, "name" | "ID")
            || (is_subtree && name == "_autoremap")
            || Conditions::BEFORE.contains(&name)
            || Conditions::AFTER.contains(&name)
            || EDITORS.contains(&name);
        if !read {
            out.warning(attribute.at, unread(name));
        }
    }
    if is_subtree {
        return;
    }
    for (port, attribute) in constants(element, manifest) {
        cut_off(port, attribute, out);
        no_status(port, attribute, out);
        let writes = port.direction == Direction::Output || manifest.id == "PersistentSequence";
        if writes {
            let (name, value) = (&port.name, &attribute.value);
            let message =
                format!("port `{name}` is written: it needs an entry like {{{name}}}, not `{value}`");
            out.warning(attribute.at, message);
        }
    }
    rules(element, manifest, out);
}

fn unread(name: &str) -> String {
    let known = Conditions::BEFORE.into_iter().chain(Conditions::AFTER);
    let near = known.clone().find(|known| known.eq_ignore_ascii_case(name));
    match near {
        Some(near) => format!("the attribute `{name}` is not known and does nothing; there is `{near}`"),
        None => {
            let known: Vec<&str> = known.collect();
            format!("the attribute `{name}` is not known and does nothing; there are: {}", known.join(", "))
        }
    }
}

/// Ports whose value is in the file.
fn constants<'a>(
    element: &'a Element,
    manifest: &'a Manifest,
) -> impl Iterator<Item = (&'a Port, &'a Attribute)> {
    let given = |port: &'a Port| {
        let attribute = element.attribute(&port.name)?;
        text::remapped(&port.name, &attribute.value).is_none().then_some((port, attribute))
    };
    manifest.ports.iter().filter_map(given)
}

/// A number counts as far as it goes: what follows is lost, as in BehaviorTree.CPP.
fn cut_off(port: &Port, attribute: &Attribute, out: &mut Collector<'_>) {
    let value = attribute.value.trim_end();
    let whole = match port.kind {
        Kind::Int | Kind::Unsigned | Kind::UInt16 | Kind::Int64 => text::integer(value).is_some(),
        Kind::UInt64 => value.bytes().all(|byte| byte.is_ascii_digit()),
        Kind::Double => text::real(value).is_some(),
        _ => return,
    };
    let read = match port.kind.parse(value) {
        Ok(Value::Int(read, _)) => read.to_string(),
        Ok(Value::UInt(read)) => read.to_string(),
        Ok(Value::Real(read)) => read.to_string(),
        // An error is told elsewhere.
        _ => return,
    };
    if !whole {
        let name = &port.name;
        let message = format!("port `{name}`: `{value}` counts as {read}: what follows the number is lost");
        out.warning(attribute.at, message);
    }
}

/// A status that a node could not give.
fn no_status(port: &Port, attribute: &Attribute, out: &mut Collector<'_>) {
    if port.kind != Kind::Status {
        return;
    }
    let status = Status::from_name(&attribute.value);
    if status.is_none_or(|status| status == Status::Idle) {
        let (name, value) = (&port.name, &attribute.value);
        let message = format!(
            "port `{name}` is `{value}`: there are RUNNING, SUCCESS, FAILURE and SKIPPED, in capitals"
        );
        out.error(attribute.at, message);
    }
}

/// What the engine's own nodes ask of their constants.
fn rules(element: &Element, manifest: &Manifest, out: &mut Collector<'_>) {
    let children = element.children.len();
    for (port, attribute) in constants(element, manifest) {
        let value = attribute.value.as_str();
        match (&*manifest.id, &*port.name) {
            ("Parallel", "success_count" | "failure_count") | ("ParallelAll", "max_failures") => {
                let count = text::integer_prefix(value).and_then(|count| usize::try_from(count).ok());
                if count.is_some_and(|count| count > children) {
                    let message = format!("{} is {value}, but there are {children} children", port.name);
                    out.error(attribute.at, message);
                }
            }
            ("ScriptCondition", "code") | ("Precondition", "if") if value.is_empty() => {
                out.error(attribute.at, format!("port `{}`: the script is empty", port.name));
            }
            ("RateController", "hz") if real(value).is_some_and(|hz| hz.is_nan() || hz <= 0.0) => {
                out.warning(attribute.at, format!("port `hz` is {value}: a rate is above 0"));
            }
            _ => {}
        }
    }
}

fn real(value: &str) -> Option<f64> {
    text::real_prefix(value).map(|(value, _)| value)
}
