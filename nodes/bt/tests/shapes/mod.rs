//! Trees of any size for the benchmark and for counting allocations.
#![allow(dead_code, missing_docs)]

use std::fmt::Write;

/// What the nodes of a tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Sequences, fallbacks and inverters over leaves.
    Plain,
    /// Half of the leaves with a port that is an entry of the blackboard.
    Ports,
    /// Ports, and scripts before or after every second leaf.
    Scripts,
    /// A reactive sequence over conditions, ticked from the first in every tick.
    Reactive,
}

pub const ALL: [Shape; 4] = [Shape::Plain, Shape::Ports, Shape::Scripts, Shape::Reactive];

/// A tree of about `nodes` nodes, all of which are ticked in every tick. Its last leaf `end` runs.
pub fn tree(shape: Shape, nodes: usize) -> String {
    let mut body = String::new();
    let mut count = 5;
    let mut number = 0;
    while count + 5 <= nodes {
        let (a, b, c) = (number, number + 1, number + 2);
        number += 3;
        count += 5;
        let _ = match shape {
            Shape::Plain => write!(
                body,
                "<Fallback><Inverter><Leaf name=\"l{a}\"/></Inverter><Leaf name=\"l{b}\"/></Fallback><Leaf name=\"l{c}\"/>"
            ),
            Shape::Reactive => write!(
                body,
                "<Fallback><Inverter><Check name=\"l{a}\"/></Inverter><Check name=\"l{b}\"/></Fallback><Check name=\"l{c}\"/>"
            ),
            Shape::Ports => write!(
                body,
                "<Fallback><ForceFailure><Switch2 variable=\"{{x}}\" case_1=\"1\" case_2=\"2\"><Leaf name=\"l{a}\"/>\
                 <Leaf name=\"l{b}\"/><AlwaysFailure/></Switch2></ForceFailure><Leaf name=\"l{c}\"/></Fallback>"
            ),
            Shape::Scripts => write!(
                body,
                "<Fallback _post=\"y = x + 1\"><Inverter><Leaf name=\"l{a}\" _skipIf=\"x &gt; 3 || y &lt; 0\"/></Inverter>\
                 <ScriptCondition code=\"x * 2 + 1 &gt; y - 5\"/></Fallback><Leaf name=\"l{c}\" _onSuccess=\"y += 1\"/>"
            ),
        };
    }
    let outer = if shape == Shape::Reactive { "ReactiveSequence" } else { "Sequence" };
    format!(
        "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\"><KeepRunningUntilFailure>\
         <{outer}><RunOnce><Script code=\"x := 1; y := 1\"/></RunOnce>{body}<Leaf name=\"end\"/></{outer}></KeepRunningUntilFailure></BehaviorTree></root>"
    )
}
