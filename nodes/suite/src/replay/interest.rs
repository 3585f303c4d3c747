//! Which messages of a bag a replay needs.

use super::source::Source;
use outrider_msgs::Message as _;
use outrider_msgs::outrider_msgs::{NodeInfo, Tick};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// What is needed of a bag; by default everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    only: Vec<String>,
    /// Ends of the topics of journals that are passed over.
    journals: Vec<String>,
    /// Types that any of the nodes takes.
    types: Option<BTreeSet<String>>,
}

impl Interest {
    /// In these nodes, or in all when there are none; `infos` is what the bag says of the start of every run ([`infos`]).
    pub fn of(only: &[String], infos: &[NodeInfo]) -> Self {
        let chosen = |info: &&NodeInfo| only.is_empty() || only.contains(&info.node);
        let types = infos.iter().filter(chosen).flat_map(|info| info.input_types.iter().cloned()).collect();
        let others = infos.iter().filter(|info| !chosen(info));
        let journals = others.map(|info| format!("/{}/journal", info.node)).collect();
        Self { only: only.to_vec(), journals, types: Some(types) }
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
            _ => self.types.as_ref().is_none_or(|types| types.contains(type_name)),
        }
    }
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
            input_types: vec![input.into()],
            ..Default::default()
        };
        let infos = [info("gate", "a/msg/A"), info("planner", "b/msg/B")];
        let one = Interest::of(&["gate".to_owned()], &infos);
        assert!(one.takes("/a", "a/msg/A") && !one.takes("/b", "b/msg/B"));
        assert!(one.takes("/robot/gate/journal", Tick::TYPE_NAME) && one.takes("/other", Tick::TYPE_NAME));
        assert!(!one.takes("/robot/planner/journal", Tick::TYPE_NAME));
        assert!(one.takes("/planner/info", NodeInfo::TYPE_NAME), "a run may be told of by any info");
        assert!(one.in_node("gate") && !one.in_node("planner"));
        let all = Interest::of(&[], &infos);
        assert!(all.takes("/a", "a/msg/A") && all.takes("/b", "b/msg/B") && !all.takes("/c", "c/msg/C"));
        assert!(all.takes("/planner/journal", Tick::TYPE_NAME) && all.in_node("planner"));
        assert!(Interest::default().takes("/c", "c/msg/C"));
    }
}
