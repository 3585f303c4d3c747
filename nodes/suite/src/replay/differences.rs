//! Two messages of one type compared field by field, whatever type they are and whichever build wrote them.

use outrider_msgs::{Schema, Tree};

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
pub fn differences(recorded: &Tree, replayed: &Tree, limit: usize) -> (Vec<FieldDifference>, usize) {
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
    fn walk(&mut self, path: String, recorded: &Tree, replayed: &Tree) {
        if recorded.same(replayed) {
            return;
        }
        match (recorded, replayed) {
            (Tree::Fields(a), Tree::Fields(b)) => {
                for ((name, x), (_, y)) in a.iter().zip(b) {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.walk(format!("{path}{dot}{name}"), x, y);
                }
            }
            (Tree::List(a), Tree::List(b)) => {
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
    let schema = match Schema::parse(type_name, definition) {
        Ok(schema) => schema,
        Err(reason) => return bytes_differ(recorded, replayed, &reason),
    };
    match (schema.tree(recorded), schema.tree(replayed)) {
        (Ok(a), Ok(b)) => {
            let (fields, total) = differences(&a, &b, limit);
            if total == 0 && recorded != replayed {
                bytes_differ(recorded, replayed, "")
            } else {
                (fields, total)
            }
        }
        (Err(misfit), _) | (_, Err(misfit)) => bytes_differ(recorded, replayed, &misfit.to_string()),
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
    use outrider_msgs::{Message as _, encode};

    #[test]
    fn differences_are_named_by_field_and_index() {
        let one = Command { v: 0.5, trajectory: vec![TrajectoryPoint::default(); 3], ..Default::default() };
        let mut other = one.clone();
        other.v = 0.25;
        other.trajectory.pop();
        other.trajectory[1].v = 1.0;
        other.header.stamp.sec = -7;
        let schema = Schema::parse(Command::TYPE_NAME, Command::DEFINITION).unwrap();
        let (one, other) = (encode(&one).unwrap(), encode(&other).unwrap());
        let (fields, total) = differences(&schema.tree(&one).unwrap(), &schema.tree(&other).unwrap(), 3);
        let told: Vec<_> =
            fields.iter().map(|f| format!("{}: {} -> {}", f.path, f.recorded, f.replayed)).collect();
        assert_eq!(told, ["header.stamp.sec: 0 -> -7", "v: 0.5 -> 0.25", "trajectory (length): 3 -> 2"]);
        assert_eq!(total, 4);
    }
}
