//! What another configuration of a node would have changed, given the inputs that were recorded.
//!
//! Open loop: after the first difference the recorded inputs are those of a world that did not see it, and prove nothing
//! about the one that would have.

use super::differences::message_differences;
use super::feed::Step;
use super::recorded::{Kind, OutputDifference, sequence};
use super::stepper::{Buffers, ConsumedInput, consumed};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_msgs::{Schema, Tree, Value};

/// The most fields of one output that are told of the first difference.
const LINES: usize = 12;

/// Types with the fields that say what was decided.
const DECISIVE: &[(&str, &[&str])] = &[
    ("outrider_msgs/msg/Command", &["v", "w", "reason"]),
    ("outrider_msgs/msg/Decision", &["tree_status", "active_node", "chosen", "constraint"]),
    ("outrider_msgs/msg/TreeTransitions", &["ended"]),
    ("outrider_msgs/msg/ClearCostmap", &["local_grid", "global_grid", "kind", "distance"]),
    ("outrider_msgs/msg/AssuranceState", &["mode", "limiting"]),
    ("outrider_msgs/msg/Permit", &["mode", "v_max", "command_source", "limiting"]),
    ("outrider_msgs/msg/Intervention", &["rule", "mode_before", "mode_after"]),
    ("outrider_msgs/msg/GateState", &["mode", "reason", "command_source"]),
    ("geometry_msgs/msg/TwistStamped", &["twist.linear.x", "twist.angular.z"]),
    ("geometry_msgs/msg/Twist", &["linear.x", "angular.z"]),
];

/// The first time that a field differed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FirstChange {
    /// In which step.
    pub tick: u64,
    /// When its journal record was recorded, ns.
    pub log_time_ns: u64,
    /// With the configuration of the bag.
    pub recorded: String,
    /// With the other one.
    pub other: String,
}

/// A decisive field over all steps.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FieldEffect {
    /// Which.
    pub path: String,
    /// Steps in which it differed.
    pub steps: u64,
    /// The first of them.
    pub first: Option<FirstChange>,
    /// The greatest difference, where it is a number.
    pub greatest: Option<f64>,
}

/// An output over all steps.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TopicEffect {
    /// Its topic.
    pub topic: String,
    /// Its type.
    pub type_name: String,
    /// Messages with the configuration of the bag.
    pub recorded: u64,
    /// Messages with the other one.
    pub other: u64,
    /// Steps in which they differed.
    pub steps: u64,
    /// The first of them.
    pub first_tick: Option<u64>,
    /// Its decisive fields: in each step in which a message came out, those of the newest messages.
    pub fields: Vec<FieldEffect>,
    /// The newest message of either, encoded.
    #[serde(skip)]
    newest: [Vec<u8>; 2],
}

/// The first step that would have been another.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FirstEffect {
    /// Its number.
    pub tick: u64,
    /// Its time on the node's monotonic clock, ns.
    pub monotonic_ns: i64,
    /// When its journal record was recorded, ns.
    pub log_time_ns: u64,
    /// The messages that it consumed.
    pub inputs: Vec<ConsumedInput>,
    /// What came out differently.
    pub outputs: Vec<OutputDifference>,
}

/// All that would have changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Effect {
    /// Steps compared.
    pub steps: u64,
    /// Of these with other outputs.
    pub different: u64,
    /// The first of them.
    pub first: Option<FirstEffect>,
    /// By output.
    pub topics: Vec<TopicEffect>,
    #[serde(skip)]
    info: NodeInfo,
    #[serde(skip)]
    schemas: Vec<Option<Schema>>,
}

impl Effect {
    /// Of no step yet, on the outputs of this node.
    pub fn new(info: &NodeInfo) -> Self {
        let topic = |(topic, type_name): (&String, &String)| {
            let paths = decisive(type_name).iter();
            let field =
                |path: &&str| FieldEffect { path: (*path).to_owned(), steps: 0, first: None, greatest: None };
            TopicEffect {
                topic: topic.clone(),
                type_name: type_name.clone(),
                recorded: 0,
                other: 0,
                steps: 0,
                first_tick: None,
                fields: paths.map(field).collect(),
                newest: [Vec::new(), Vec::new()],
            }
        };
        let schema = |type_name: &String| {
            if decisive(type_name).is_empty() {
                return None;
            }
            Schema::parse(type_name, outrider_msgs::definition_of(type_name)?).ok()
        };
        Self {
            steps: 0,
            different: 0,
            first: None,
            topics: info.outputs.iter().zip(&info.output_types).map(topic).collect(),
            schemas: info.output_types.iter().map(schema).collect(),
            info: info.clone(),
        }
    }

    pub(super) fn compare(&mut self, step: &Step, recorded: &Buffers, other: &Buffers) {
        self.steps += 1;
        let same = recorded.iter().eq(other.iter());
        if !same {
            self.different += 1;
            if self.first.is_none() {
                self.first = Some(self.first_effect(step, recorded, other));
            }
        }
        for (output, topic) in self.topics.iter_mut().enumerate() {
            let (was, is) = (messages(recorded, output), messages(other, output));
            topic.recorded += was.len() as u64;
            topic.other += is.len() as u64;
            if was != is {
                topic.steps += 1;
                topic.first_tick = topic.first_tick.or(Some(step.tick.tick));
            }
            if let Some(schema) = self.schemas.get(output).and_then(Option::as_ref) {
                topic.note(step, &was, &is, schema);
            }
        }
    }

    fn first_effect(&self, step: &Step, recorded: &Buffers, other: &Buffers) -> FirstEffect {
        let mut outputs = Vec::new();
        for (output, topic) in self.topics.iter().enumerate() {
            let definition = outrider_msgs::definition_of(&topic.type_name).unwrap_or_default();
            let (was, is) = (messages(recorded, output), messages(other, output));
            for index in 0..was.len().max(is.len()) {
                let (kind, bytes) = match (was.get(index), is.get(index)) {
                    (Some(a), Some(b)) if a == b => continue,
                    (Some(a), Some(_)) => (Kind::Changed, *a),
                    (Some(a), None) => (Kind::Missing, *a),
                    (None, Some(b)) => (Kind::Extra, *b),
                    (None, None) => break,
                };
                let (fields, fields_in_all) = match (was.get(index), is.get(index)) {
                    (Some(a), Some(b)) => message_differences(&topic.type_name, definition, a, b, LINES),
                    _ => (Vec::new(), 0),
                };
                let sequence = sequence(&topic.type_name, definition, bytes);
                outputs.push(OutputDifference {
                    topic: topic.topic.clone(),
                    kind,
                    sequence,
                    fields,
                    fields_in_all,
                });
            }
        }
        FirstEffect {
            tick: step.tick.tick,
            monotonic_ns: step.tick.monotonic,
            log_time_ns: step.log_time_ns,
            inputs: consumed(&self.info, step),
            outputs,
        }
    }
}

impl TopicEffect {
    fn note(&mut self, step: &Step, was: &[&[u8]], is: &[&[u8]], schema: &Schema) {
        for (newest, messages) in self.newest.iter_mut().zip([was, is]) {
            if let Some(last) = messages.last() {
                newest.clear();
                newest.extend_from_slice(last);
            }
        }
        let [was_newest, is_newest] = &self.newest;
        if (was.is_empty() && is.is_empty()) || was_newest == is_newest {
            return;
        }
        let (was, is) = (schema.tree(was_newest).ok(), schema.tree(is_newest).ok());
        for field in &mut self.fields {
            let (a, b) = (pick(was.as_ref(), &field.path), pick(is.as_ref(), &field.path));
            let same = match (a, b) {
                (Some(a), Some(b)) => a.same(b),
                (None, None) => true,
                _ => false,
            };
            if same {
                continue;
            }
            field.steps += 1;
            if let (Some(a), Some(b)) = (a.and_then(Value::number), b.and_then(Value::number)) {
                let by = (a - b).abs();
                field.greatest = Some(field.greatest.map_or(by, |g| g.max(by)));
            }
            if field.first.is_none() {
                let show = |value: Option<Value>| {
                    value.map_or("nothing".to_owned(), |v| shown(&self.type_name, &field.path, v))
                };
                field.first = Some(FirstChange {
                    tick: step.tick.tick,
                    log_time_ns: step.log_time_ns,
                    recorded: show(a),
                    other: show(b),
                });
            }
        }
    }
}

fn pick<'a>(tree: Option<&'a Tree<'_>>, path: &str) -> Option<Value<'a>> {
    tree?.get(path)?.value()
}

fn messages(buffers: &Buffers, output: usize) -> Vec<&[u8]> {
    buffers.iter().filter(|(o, _)| *o == output).map(|(_, bytes)| bytes).collect()
}

fn decisive(type_name: &str) -> &'static [&'static str] {
    DECISIVE.iter().find(|(name, _)| *name == type_name).map_or(&[], |(_, paths)| paths)
}

/// Modes and states by their names.
fn shown(type_name: &str, path: &str, value: Value) -> String {
    let names: &[&str] = match (type_name, path) {
        ("outrider_msgs/msg/GateState", "mode") => {
            &["DISARMED", "STOPPING", "FORWARDING", "TELEOP", "E_STOP"]
        }
        ("outrider_msgs/msg/Decision", "tree_status") => &["IDLE", "RUNNING", "SUCCESS", "FAILURE"],
        (_, "mode" | "mode_before" | "mode_after") => &["NOMINAL", "DEGRADED", "SAFE_STOP", "E_STOP"],
        (_, "command_source") => &["PLANNER", "RECOVERY"],
        _ => &[],
    };
    let name = match value {
        Value::Unsigned(number) => usize::try_from(number).ok().and_then(|n| names.get(n)),
        _ => None,
    };
    name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
}
