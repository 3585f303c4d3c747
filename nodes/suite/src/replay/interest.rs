//! Which messages of a bag a replay needs.

use super::source::Source;
use outrider_msgs::Message as _;
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// What is needed of a bag; by default everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    only: Vec<String>,
    /// Ends of the topics of journals that are passed over.
    journals: Vec<String>,
    /// Topics that any of the nodes takes; `None` when that is not known.
    inputs: Option<BTreeSet<String>>,
    /// Types of inputs that are in the bag under another name, if at all: infos of older runs do not know what topics were
    /// remapped to.
    renamed: BTreeSet<String>,
    /// By node the topics that it alone publishes.
    outputs: BTreeMap<String, BTreeSet<String>>,
}

impl Interest {
    /// In these nodes, or in all when there are none; `infos` is what the bag says of the start of every run ([`infos`]), `topics`
    /// what it has messages of ([`Source::topics`]).
    pub fn of(only: &[String], infos: &[NodeInfo], topics: &BTreeSet<(String, String)>) -> Self {
        let chosen = |info: &&NodeInfo| only.is_empty() || only.contains(&info.node);
        let inputs = infos.iter().filter(chosen).flat_map(|info| info.inputs.iter().cloned()).collect();
        let typed = infos.iter().filter(chosen).flat_map(|info| info.inputs.iter().zip(&info.input_types));
        let absent = typed.filter(|(topic, kind)| !topics.contains(&((*topic).clone(), (*kind).clone())));
        let renamed = absent.map(|(_, type_name)| type_name.clone()).collect();
        let others = infos.iter().filter(|info| !chosen(info));
        let journals = others.map(|info| format!("/{}/journal", info.node)).collect();
        let mut outputs = own_outputs(infos);
        outputs.retain(|node, _| only.is_empty() || only.contains(node));
        Self { only: only.to_vec(), journals, inputs: Some(inputs), renamed, outputs }
    }

    /// Whether messages of this topic and type may be consumed.
    pub fn is_input(&self, topic: &str, type_name: &str) -> bool {
        self.inputs.as_ref().is_none_or(|inputs| inputs.contains(topic)) || self.renamed.contains(type_name)
    }

    /// The topics that a node alone publishes.
    pub fn outputs_of(&self, node: &str) -> impl Iterator<Item = &String> {
        self.outputs.get(node).into_iter().flatten()
    }

    /// Whether one of the nodes, and it alone, publishes this topic.
    pub fn is_own_output(&self, topic: &str) -> bool {
        self.outputs.values().any(|topics| topics.contains(topic))
    }

    /// Whether it is in this node.
    pub fn in_node(&self, node: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|n| n == node)
    }

    /// Whether messages of this topic and type are needed.
    pub fn takes(&self, topic: &str, type_name: &str) -> bool {
        match type_name {
            Tick::TYPE_NAME => !self.journals.iter().any(|journal| topic.ends_with(journal.as_str())),
            NodeInfo::TYPE_NAME => true,
            _ => self.is_input(topic, type_name) || self.is_own_output(topic),
        }
    }
}

/// By node the topics that only this node publishes, whatever else runs: those of Outrider's own types, as far as no other node
/// of the bag has them among its outputs.
pub fn own_outputs(infos: &[NodeInfo]) -> BTreeMap<String, BTreeSet<String>> {
    let mut own: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for info in infos {
        for (topic, type_name) in info.outputs.iter().zip(&info.output_types) {
            let shared = |other: &NodeInfo| other.node != info.node && other.outputs.contains(topic);
            if type_name.starts_with("outrider_msgs/") && !infos.iter().any(shared) {
                own.entry(info.node.clone()).or_default().insert(topic.clone());
            }
        }
    }
    own
}

/// What a bag says of the start of every run. What cannot be read is left out: whoever reads the bag after this is told.
pub fn infos(source: &dyn Source) -> Vec<NodeInfo> {
    let mut infos = Vec::new();
    let _ = source.read(&|_, type_name| type_name == NodeInfo::TYPE_NAME, &mut |record| {
        infos.extend(outrider_msgs::decode::<NodeInfo>(&record.bytes));
        ControlFlow::Continue(())
    });
    infos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_chosen_nodes_take_is_needed() {
        let info = |node: &str, input: &str| NodeInfo {
            node: node.into(),
            inputs: vec![input.into()],
            outputs: vec![format!("/{node}/state"), "/tf".into(), "/shared".into()],
            output_types: ["outrider_msgs/msg/State", "tf2_msgs/msg/TFMessage", "outrider_msgs/msg/A"]
                .map(str::to_owned)
                .to_vec(),
            ..Default::default()
        };
        let infos = [info("gate", "/a"), info("planner", "/b")];
        let one = Interest::of(&["gate".to_owned()], &infos, &BTreeSet::new());
        assert!(one.takes("/a", "a/msg/A") && !one.takes("/b", "b/msg/B"));
        assert!(one.takes("/robot/gate/journal", Tick::TYPE_NAME) && one.takes("/other", Tick::TYPE_NAME));
        assert!(!one.takes("/robot/planner/journal", Tick::TYPE_NAME));
        assert!(one.takes("/planner/info", NodeInfo::TYPE_NAME), "a run may be told of by any info");
        // To see whether it went on when its journal ended.
        assert!(one.takes("/gate/state", "outrider_msgs/msg/State"));
        assert!(["/planner/state", "/tf", "/shared"].iter().all(|t| !one.takes(t, "any")));
        assert!(!one.is_input("/gate/state", "outrider_msgs/msg/State"));
        assert!(one.in_node("gate") && !one.in_node("planner"));
        let all = Interest::of(&[], &infos, &BTreeSet::new());
        assert!(all.takes("/a", "a/msg/A") && all.takes("/b", "b/msg/B") && !all.takes("/c", "c/msg/C"));
        assert!(all.takes("/planner/journal", Tick::TYPE_NAME) && all.in_node("planner"));
        assert!(Interest::default().takes("/c", "c/msg/C"));
    }

    #[test]
    fn an_input_that_is_not_in_the_bag_by_its_name_is_taken_by_its_type() {
        let info = NodeInfo {
            node: "planner".into(),
            inputs: vec!["/a".into(), "/b".into()],
            input_types: vec!["a/msg/A".into(), "b/msg/B".into()],
            ..Default::default()
        };
        let of = |topics: &[(&str, &str)]| {
            let topics = topics.iter().map(|(topic, kind)| (topic.to_string(), kind.to_string())).collect();
            Interest::of(&[], std::slice::from_ref(&info), &topics)
        };
        let renamed = of(&[("/front/a", "a/msg/A"), ("/b", "b/msg/B"), ("/other/b", "b/msg/B")]);
        assert!(renamed.takes("/front/a", "a/msg/A") && renamed.takes("/b", "b/msg/B"));
        assert!(!renamed.takes("/other/b", "b/msg/B") && !renamed.takes("/c", "c/msg/C"));
        // What has its name may be something else.
        assert!(of(&[("/a", "other/msg/A"), ("/front/a", "a/msg/A")]).is_input("/front/a", "a/msg/A"));
    }
}
