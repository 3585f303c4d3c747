//! The page of all nodes.

use crate::port::Direction;
use crate::registry::{Class, Manifest, Registry};
use std::fmt::Write;

/// What stands before the nodes.
const HEAD: &str = "# Behaviour trees

This page is written by `outrider tree nodes` from the registry of nodes; a test holds it to that.

Trees are BehaviorTree.CPP 4 XML, as Groot2 draws it and Nav2 ships it, with the semantics of BehaviorTree.CPP 4.10 as its
code has them. `outrider tree check FILE` finds what is wrong with a tree, `outrider tree trace` ticks one with scripted
leaves, and `outrider tree model` prints the `TreeNodesModel` that Groot2 loads as a palette.

Every node may have the attributes `name`, `_failureIf`, `_successIf`, `_skipIf`, `_while` (scripts that are asked before the
node is ticked, in this order) and `_onSuccess`, `_onFailure`, `_post`, `_onHalted` (scripts that run afterwards). A port is
given a value, an entry of the blackboard `{key}`, the entry of the port's own name `{=}`, or one of the root's `{@key}`.

## Where the code of BehaviorTree.CPP differs from what one would expect

The code counts, here too:

- A node whose children were all skipped returns SKIPPED but stays RUNNING, so that its parent halts it.
- IfThenElse without an else branch leaves its condition's status as it is when it fails. A condition that is skipped is an
  error in IfThenElse and WhileDoElse.
- SequenceWithMemory keeps its place when it is halted, and Precondition does not ask again after a halt while its child ran.
- Parallel with `failure_count=\"0\"` fails after its first child; with a negative `success_count` children that are skipped
  count as successes.
- An entry keeps the type of its first value: after `x := 1` the assignment `x = 1.5` is an error; `x := -1` makes a real
  number. An integer that does not fit into 64 bits is 0. `1 .. 2` has no value.
- A text as the condition of `?:` counts by the number that it begins with, and is an error without one. `&&` and `||`
  evaluate both sides and take 0 and 1 only of integers, and of real numbers none below zero.
- A comparison with a number that is none (0/0) is true but for `==`.
- SetBlackboard empties an entry that a script made without a type when the value is text.
- In an attribute `<` and `&` stand for themselves, as in `_skipIf=\"x < 3 && y > 1\"`.

Where time or halting is not determined there, it is here: a Delay of 0 ms ticks its child at once; a Timeout halts its child in
the tick after its time; halting a whole tree runs `_onHalted` of the nodes that run, once. All RecoveryNodes of a tree together
make at most 100 rounds in a tick: then they give control back, and go on in the next.

## Ticking a tree with scripted leaves

    outrider tree trace config/trees/navigate_to_pose.xml --script script.json --ticks 3

prints a line of JSON for each tick: the root's status, that of every node with a `name`, and which leaves were ticked and halted. The
script gives the statuses of every leaf by its name, which is its kind unless it has the attribute `name`: one for every tick of that
leaf, and the last one repeats. For this tree:

    {\"GoalReached\": [\"FAILURE\", \"FAILURE\", \"SUCCESS\"], \"PathExpiringTimer\": [\"FAILURE\"], \"IsPathValid\": [\"FAILURE\", \"SUCCESS\"],
     \"ComputePathToPose\": [\"SUCCESS\"], \"FollowPath\": [\"RUNNING\"], \"Wait\": [\"SUCCESS\"], \"IsSomebodyAhead\": [\"FAILURE\"],
     \"BackUp\": [\"SUCCESS\"]}

The planner's actions and conditions below can be scripted, and besides them `<Leaf name=\"a\"/>`, an action, and `<Check name=\"b\"/>`, a
condition. A scripted leaf does nothing but give its status: it neither looks at its ports nor writes them, so scripts that read what
such a leaf would write end the tick with an error. The engine's own nodes do what they always do. The planner's decorators
(DistanceController, SpeedController and the like) are not known here. A tick is 0.1 s after the one before, and there are at most a million.
An error ends the trace with its line, and with the exit code 1.

## What a tree did

Every change of a node's status goes out on `/tree_transitions` (`outrider_msgs/TreeTransitions`), one message for each step of
the planner in which something changed. A change has the node's number and path, the status before and after, and its cause: ticked
by its parent; its own `_failureIf`, `_successIf` or `_while`; halted by its parent; the time of a Timeout; made ready again after it
had finished; the whole tree halted, with the reason (a new goal, a cancel, an error with the node that made it) in `ended`. A
node that is skipped keeps its status, so a `_skipIf` by itself changes nothing. The message has the status of all nodes after
the step as well: a view may begin anywhere. At most 1000 changes of a step are listed, the rest is counted in `dropped`.

`tick` is the number of the step in the planner's tick journal (`Tick.tick` on `/planner/journal`). The journal's digest covers the
changes as it does every output: `outrider replay` makes them again and compares them, also from a bag in which the topic is missing.
`outrider report` draws them: the tree, a row a node, what each was over time, why on pointing at it, and a slider over the steps.

Nav2's `nav2_msgs/BehaviorTreeLog` has neither causes nor the step, hence a type of our own.

## Groot2

Groot2 edits these files, with the palette that `outrider tree model` prints. Its live view is not served: it asks for ZeroMQ,
for which there is a C library, or crates that bring an asynchronous runtime with them (`zeromq` 0.7, `rzmq` 0.5), and neither belongs
beside a planner that answers for every command. The report's view takes its place.

## A node of your own

One file in `nodes/planner/src/leaves`, and its name in the list of `mod.rs` there. The file has a `register` that hands the node's
manifest (name, ports, an example) and how to make one to the registry; `wait.rs` is a short one. This page, the palette and
`outrider tree check` know it then.

## Limits

A file has at most 4 MiB and 100 000 elements, nested 256 deep; a tree has at most 10 000 nodes, nested 512 deep with its
subtrees, from at most 64 files; a script has at most 64 KiB, nested 128 deep, with at most 1000 operations that work on each
other's results, and joins text up to 64 KiB. Document types, and entities of one's own with them, are refused. A tick takes nothing
from the heap unless a script makes new text, a loop reads its queue from text, a switch compares a fraction or a number with
text, or a node writes an entry for the first time.

The planner's tree is one file. `outrider tree check` and `outrider tree trace` read what an `<include>` names as well, and the
check warns that the planner will not.

## Nodes
";

/// A page about every node of a registry: what it does, its ports and an example.
pub fn documentation<C>(registry: &Registry<C>) -> String {
    let mut out = HEAD.to_owned();
    let groups = [
        ("Control", Class::Control),
        ("Decorators", Class::Decorator),
        ("Subtrees", Class::SubTree),
        ("Actions", Class::Action),
        ("Conditions", Class::Condition),
    ];
    for (title, class) in groups {
        // Writing to a text can not fail.
        let _ = write!(out, "\n### {title}\n");
        for manifest in registry.manifests().filter(|manifest| manifest.class == class) {
            node(manifest, &mut out);
        }
    }
    out
}

fn node(manifest: &Manifest, out: &mut String) {
    let _ = write!(out, "\n#### {}\n\n{}\n", manifest.id, manifest.doc);
    if !manifest.ports.is_empty() {
        out.push_str("\n| port | | type | default | |\n|---|---|---|---|---|\n");
    }
    for port in &manifest.ports {
        let direction = match port.direction {
            Direction::Input => "in",
            Direction::Output => "out",
            Direction::Both => "in and out",
        };
        let default = match port.default.as_deref() {
            Some("") => "–".to_owned(),
            Some(default) => format!("`{default}`"),
            None if port.direction == Direction::Output => "–".to_owned(),
            None => "has to be given".to_owned(),
        };
        let kind = port.kind.name();
        let _ = writeln!(out, "| `{}` | {direction} | {kind} | {default} | {} |", port.name, port.doc);
    }
    let _ = write!(out, "\n```xml\n{}\n```\n", manifest.example);
}
