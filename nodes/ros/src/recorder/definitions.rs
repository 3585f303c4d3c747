//! Definitions of message types as schemas have them, from the `.msg` files of the workspaces that are sourced; where one is
//! lacking, from the `.idl` files, as rosbag2 does it.

use crate::prefixes::prefixes;
use outrider_bags::SchemaEncoding;
use std::collections::{BTreeMap, VecDeque};

/// The most types that one may contain.
const DEPENDENCY_LIMIT: usize = 1000;
/// The longest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

const PRIMITIVES: [&str; 17] = [
    "bool", "byte", "char", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32",
    "int64", "uint64", "string", "wstring", "time", "duration",
];

/// A language with the text of a type and of all that it contains.
pub(super) type Found = (SchemaEncoding, String);

/// The definition of a type with all that it contains; else what is missing.
pub(super) fn definition(type_name: &str) -> Result<Found, String> {
    if let Some(text) = outrider_msgs::definition_of(type_name) {
        return Ok((SchemaEncoding::Ros2Msg, text.to_owned()));
    }
    gather_any(type_name, installed)
}

/// In `.msg` if that is all there, else in `.idl`.
fn gather_any(root: &str, read: impl Fn(SchemaEncoding, &str) -> Option<String>) -> Result<Found, String> {
    let of = |encoding| gather(encoding, root, |name| read(encoding, name)).map(|text| (encoding, text));
    of(SchemaEncoding::Ros2Msg).or_else(|why| of(SchemaEncoding::Ros2Idl).map_err(|_| why))
}

/// The text of one type's file, if a package that is installed has it.
fn installed(encoding: SchemaEncoding, type_name: &str) -> Option<String> {
    let (package, kind, name) = parts(type_name)?;
    prefixes().find_map(|prefix| {
        let folder = prefix.join("share").join(package).join(kind);
        let whole = |extension: &str, base: &str| {
            let path = folder.join(format!("{base}.{extension}"));
            let small = std::fs::metadata(&path).is_ok_and(|meta| meta.len() <= FILE_LIMIT);
            small.then(|| std::fs::read_to_string(&path).ok()).flatten()
        };
        if encoding == SchemaEncoding::Ros2Idl {
            return whole("idl", name);
        }
        whole("msg", name).or_else(|| match kind {
            "srv" => section(&whole("srv", strip(name, &["_Request", "_Response"])?)?, suffix_index(name)),
            "action" => action_part(name, |base| whole("action", base)),
            _ => None,
        })
    })
}

fn strip<'a>(name: &'a str, suffixes: &[&str]) -> Option<&'a str> {
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))
}

fn suffix_index(name: &str) -> usize {
    usize::from(name.ends_with("_Response"))
}

/// Of a file whose parts are divided by `---`.
fn section(text: &str, index: usize) -> Option<String> {
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if line.trim() == "---" {
            sections.push(String::new());
        } else if let Some(last) = sections.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    sections.get(index).cloned()
}

/// What ROS 2 makes of an action: goal, result, feedback, and the messages around them.
fn action_part(name: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    const GOAL_ID: &str = "unique_identifier_msgs/UUID goal_id\n";
    let part = |suffix, index| name.strip_suffix(suffix).and_then(|base| section(&read(base)?, index));
    if let Some(base) = name.strip_suffix("_FeedbackMessage") {
        return Some(format!("{GOAL_ID}{base}_Feedback feedback\n"));
    }
    if let Some(base) = name.strip_suffix("_SendGoal_Request") {
        return Some(format!("{GOAL_ID}{base}_Goal goal\n"));
    }
    if name.ends_with("_SendGoal_Response") {
        return Some("bool accepted\nbuiltin_interfaces/Time stamp\n".to_owned());
    }
    if name.ends_with("_GetResult_Request") {
        return Some(GOAL_ID.to_owned());
    }
    if let Some(base) = name.strip_suffix("_GetResult_Response") {
        return Some(format!("int8 status\n{base}_Result result\n"));
    }
    part("_Goal", 0).or_else(|| part("_Result", 1)).or_else(|| part("_Feedback", 2))
}

fn parts(type_name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = type_name.split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (parts.next().is_none() && [found.0, found.1, found.2].into_iter().all(plain)).then_some(found)
}

/// Root first, then every type it contains once, each after a line of `=`; in IDL the root has such a line too.
fn gather(
    encoding: SchemaEncoding,
    root: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut waiting = VecDeque::from([root.to_owned()]);
    let mut seen: BTreeMap<String, ()> = BTreeMap::from([(root.to_owned(), ())]);
    while let Some(type_name) = waiting.pop_front() {
        let text = read(&type_name).ok_or_else(|| format!("no definition of {type_name} is installed"))?;
        let (package, _, name) = parts(&type_name).ok_or_else(|| format!("`{type_name}` is no type"))?;
        let (heading, others) = match encoding {
            SchemaEncoding::Ros2Msg => (format!("MSG: {package}/{name}"), contained(&type_name, &text)),
            SchemaEncoding::Ros2Idl => (format!("IDL: {type_name}"), included(&text)),
        };
        if type_name != root || encoding == SchemaEncoding::Ros2Idl {
            out.push_str(&format!("{}\n{heading}\n", "=".repeat(80)));
        }
        out.push_str(text.trim_end());
        out.push('\n');
        for contained in others {
            if seen.len() >= DEPENDENCY_LIMIT {
                return Err(format!("{root} contains more than {DEPENDENCY_LIMIT} types"));
            }
            if seen.insert(contained.clone(), ()).is_none() {
                waiting.push_back(contained);
            }
        }
    }
    Ok(out)
}

/// Full names of the types of a definition's fields.
fn contained(type_name: &str, text: &str) -> Vec<String> {
    let Some((package, kind, _)) = parts(type_name) else { return Vec::new() };
    let fields = text.lines().filter_map(|line| line.split('#').next()?.split_whitespace().next());
    let names = fields.map(|field| field.split(['[', '<']).next().unwrap_or_default());
    let others = names.filter(|name| !name.is_empty() && !PRIMITIVES.contains(name));
    // A constant's type is primitive, and a default value comes after the name.
    let full = others.map(|name| match name.split('/').collect::<Vec<_>>().as_slice() {
        [own] if own.contains('_') && kind == "action" => format!("{package}/action/{own}"),
        // As the oldest definitions have it.
        ["Header"] => "std_msgs/msg/Header".to_owned(),
        [own] => format!("{package}/msg/{own}"),
        [package, name] => format!("{package}/msg/{name}"),
        _ => name.to_owned(),
    });
    full.collect()
}

/// Full names of the types whose files an IDL file includes.
fn included(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| {
        let path = line.trim().strip_prefix("#include")?.trim();
        let inner = path.strip_prefix(['"', '<'])?.strip_suffix(['"', '>'])?;
        inner.strip_suffix(".idl").map(str::to_owned)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<String> {
        let text = match name {
            "a/msg/Root" => {
                "# Header no\nHeader header\nB[] bs\nc/D d\nstring<=5 text \"x\"\nuint8 K=1\nB again\n"
            }
            "std_msgs/msg/Header" => "builtin_interfaces/Time stamp\nstring frame_id\n",
            "builtin_interfaces/msg/Time" => "int32 sec\nuint32 nanosec\n\n",
            "a/msg/B" => "string<=3[<=4] names\nfloat64[9] m",
            "c/msg/D" => "a/B b\n",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn of_msg(root: &str, read: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        gather(SchemaEncoding::Ros2Msg, root, read)
    }

    #[test]
    fn what_is_not_all_there_as_msg_is_taken_as_idl() {
        let idl = |name: &str| match name {
            "a/msg/Root" => Some("#include \"a/msg/Only.idl\"\nmodule a { };\n".to_owned()),
            "a/msg/Only" => Some("  #include <c/msg/D.idl>\nmodule a { };\n\n".to_owned()),
            "c/msg/D" => Some("module c { };\n".to_owned()),
            _ => None,
        };
        let both = |encoding, name: &str| match (encoding, name) {
            (SchemaEncoding::Ros2Msg, "a/msg/Root") => Some("a/Only only\n".to_owned()),
            (SchemaEncoding::Ros2Msg, _) => None,
            (SchemaEncoding::Ros2Idl, name) => idl(name),
        };
        let (encoding, text) = gather_any("a/msg/Root", both).unwrap();
        assert_eq!(encoding, SchemaEncoding::Ros2Idl);
        let line = "=".repeat(80);
        let part = |name: &str| format!("{line}\nIDL: {name}\n{}\n", idl(name).unwrap().trim_end());
        assert_eq!(text, ["a/msg/Root", "a/msg/Only", "c/msg/D"].map(part).concat());
        let error = gather_any("a/msg/Other", both).unwrap_err();
        assert_eq!(error, "no definition of a/msg/Other is installed");
    }

    #[test]
    fn messages_have_an_idl_file_too_where_ros_is_sourced() {
        if installed(SchemaEncoding::Ros2Idl, "std_msgs/msg/Header").is_some() {
            let found = gather(SchemaEncoding::Ros2Idl, "std_msgs/msg/Header", |n| {
                installed(SchemaEncoding::Ros2Idl, n)
            });
            let text = found.unwrap();
            assert!(text.starts_with(&"=".repeat(80)), "{text}");
            assert!(text.contains("\nIDL: builtin_interfaces/msg/Time\n"), "{text}");
        }
    }

    #[test]
    fn a_definition_has_every_type_once() {
        let line = "=".repeat(80);
        let expected = format!(
            "{}{line}\nMSG: std_msgs/Header\n{}{line}\nMSG: a/B\n{}\n{line}\nMSG: c/D\n{}{line}\nMSG: \
             builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n",
            read("a/msg/Root").unwrap(),
            read("std_msgs/msg/Header").unwrap(),
            read("a/msg/B").unwrap(),
            read("c/msg/D").unwrap(),
        );
        assert_eq!(of_msg("a/msg/Root", read).unwrap(), expected);
        let missing = |name: &str| if name == "c/msg/D" { None } else { read(name) };
        assert_eq!(of_msg("a/msg/Root", missing).unwrap_err(), "no definition of c/msg/D is installed");
        assert_eq!(
            of_msg("../../etc/passwd", read).unwrap_err(),
            "no definition of ../../etc/passwd is installed"
        );
        assert!(parts("../msg/passwd").is_none());
    }

    #[test]
    fn it_says_what_the_crate_of_messages_says() {
        // Where ROS is sourced; the files of the crate are of the same release.
        if let Ok(text) = of_msg("sensor_msgs/msg/LaserScan", |name| installed(SchemaEncoding::Ros2Msg, name))
        {
            let ours = outrider_msgs::definition_of("sensor_msgs/msg/LaserScan").unwrap();
            let headings = |text: &str| -> Vec<String> {
                let mut all: Vec<_> =
                    text.lines().filter(|l| l.starts_with("MSG: ")).map(str::to_owned).collect();
                all.sort();
                all
            };
            assert_eq!(headings(&text), headings(ours));
        }
    }

    #[test]
    fn services_and_actions_have_parts() {
        let file = "int32 order\n---\nint32[] sequence\n---\nint32[] partial\n";
        assert_eq!(section(file, 1).unwrap(), "int32[] sequence\n");
        let read = |base: &str| (base == "Fib").then(|| file.to_owned());
        assert_eq!(action_part("Fib_Feedback", read).unwrap(), "int32[] partial\n");
        let message = action_part("Fib_FeedbackMessage", read).unwrap();
        assert_eq!(
            contained("x/action/Fib_FeedbackMessage", &message),
            ["unique_identifier_msgs/msg/UUID", "x/action/Fib_Feedback"]
        );
        assert!(action_part("Other_Goal", read).is_none());
    }
}
