//! Random trees of scripted leaves: what holds for every tick of every tree.

use crate::common::{script, wrap};
use outrider_bt::trace::{Stage, registry};
use outrider_bt::{Cause, Library, NoFiles, ScriptSource, Status, Tree};
use outrider_foundation::Instant;
use proptest::prelude::*;

/// Names of leaves are given when the tree is complete.
fn body() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        6 => Just(String::new()),
        1 => Just(" _skipIf=\"@x > 3\"".to_owned()),
        1 => Just(" _failureIf=\"@x == 2\"".to_owned()),
        1 => Just(" _while=\"@x < 5\"".to_owned()),
        1 => Just(" _onHalted=\"@x += 1\"".to_owned()),
        1 => Just(" _post=\"@x = @x > 8 ? 0 : @x + 1\"".to_owned()),
    ];
    let leaf = prop_oneof![
        4 => condition.clone().prop_map(|c| format!("<LEAF{c}/>")),
        1 => Just("<AlwaysSuccess/>".to_owned()),
        1 => Just("<AlwaysFailure/>".to_owned()),
        1 => Just("<Script code=\"@x := @x + 1\"/>".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let control = prop::sample::select(vec![
            "Sequence", "AsyncSequence", "SequenceWithMemory", "ReactiveSequence", "Fallback", "AsyncFallback",
            "ReactiveFallback", "ParallelAll", "PipelineSequence", "RoundRobin", "TryCatch",
        ]);
        let decorator = prop::sample::select(vec![
            ("Inverter", ""), ("ForceSuccess", ""), ("ForceFailure", ""), ("Repeat", " num_cycles=\"3\""),
            ("RetryUntilSuccessful", " num_attempts=\"2\""), ("KeepRunningUntilFailure", ""), ("RunOnce", ""),
            ("Timeout", " msec=\"250\""), ("Delay", " delay_msec=\"150\""), ("RateController", " hz=\"4\""),
            ("Precondition", " if=\"@x < 6\" else=\"SKIPPED\""),
        ]);
        prop_oneof![
            3 => (control, condition.clone(), prop::collection::vec(inner.clone(), 2..4))
                .prop_map(|(name, c, children)| format!("<{name}{c}>{}</{name}>", children.concat())),
            2 => (decorator, condition.clone(), inner.clone())
                .prop_map(|((name, ports), c, child)| format!("<{name}{ports}{c}>{child}</{name}>")),
            1 => prop::collection::vec(inner, 3).prop_map(|c| format!("<IfThenElse>{}</IfThenElse>", c.concat())),
        ]
    })
}

fn statuses() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['r', 's', 'f', 'k']), 1..6).prop_map(String::from_iter)
}

/// The tree's text and its script.
fn case() -> impl Strategy<Value = (String, String)> {
    (body(), prop::collection::vec(statuses(), 40)).prop_map(|(body, statuses)| {
        let mut parts = body.split("<LEAF");
        let mut out = parts.next().unwrap_or_default().to_owned();
        let mut leaves = String::new();
        for (number, part) in parts.enumerate() {
            out += &format!("<Leaf name=\"l{number}\"{part}");
            leaves += &format!("l{number}={} ", statuses[number % statuses.len()]);
        }
        (wrap(&out), leaves)
    })
}

/// `None` for a tree that is refused: a reactive node takes no more than one asynchronous child.
fn start(xml: &str, leaves: &str) -> Option<(Tree<Stage>, Stage)> {
    let mut tree = match Tree::parse(xml, &registry()) {
        Ok(tree) => tree,
        Err(refused) => {
            assert!(refused.to_string().contains("more than one asynchronous child"), "{refused}");
            return None;
        }
    };
    tree.set("x", 0_i64).unwrap();
    let stage = Stage::new(&tree, &script(leaves)).unwrap();
    tree.keep_journal(10_000);
    Some((tree, stage))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn halted_children_ran_and_skipped_is_never_kept((xml, leaves) in case()) {
        let Some((mut tree, mut stage)) = start(&xml, &leaves) else { return Ok(()) };
        let parents: Vec<usize> = tree.nodes().map(|(info, _)| info.parent.unwrap_or(0) as usize).collect();
        let leaf: Vec<bool> = tree.nodes().map(|(info, _)| info.leaf).collect();
        let keeps: Vec<bool> = tree.nodes().map(|(info, _)| info.id == "SequenceWithMemory").collect();
        for tick in 0..30 {
            stage.clear();
            tree.forget_journal();
            let before: Vec<Status> = tree.nodes().map(|(_, status)| status).collect();
            let now = Instant::from_nanos(tick * 100_000_000);
            let Ok(root) = tree.tick_exactly_once(now, &mut stage) else { return Ok(()) };
            let after: Vec<Status> = tree.nodes().map(|(_, status)| status).collect();
            prop_assert!(!after.contains(&Status::Skipped), "SKIPPED is kept");
            prop_assert!(root != Status::Idle);
            if root.is_completed() {
                prop_assert_eq!(after[0], Status::Idle);
            }
            let (journal, dropped) = tree.journal();
            prop_assert_eq!(dropped, 0);
            let mut known = before.clone();
            let mut decided = vec![false; known.len()];
            for change in journal {
                // The journal is complete: every change starts where the last one ended.
                prop_assert_eq!(known[change.node as usize], change.from);
                known[change.node as usize] = change.to;
                // No leaf is ticked after the node above it has decided.
                let node = change.node as usize;
                decided[node] = change.cause == Cause::Tick && change.to.is_completed();
                let late = node > 0 && leaf[node] && change.cause == Cause::Tick && decided[parents[node]];
                prop_assert!(!late, "leaf {node} was ticked after its parent had decided");
                prop_assert!(change.to != Status::Skipped);
                // Only what runs is halted.
                if matches!(change.cause, Cause::Halt | Cause::While | Cause::Timeout | Cause::Tree) {
                    prop_assert_eq!(change.from, Status::Running);
                    prop_assert_eq!(change.to, Status::Idle);
                }
                prop_assert!(change.cause != Cause::Tree, "the tree was not halted");
            }
            prop_assert_eq!(&known, &after);
            for leaf in &stage.halted {
                let ran = before[*leaf as usize] == Status::Running || stage.ticked.contains(leaf);
                prop_assert!(ran, "a leaf was halted that did not run");
            }
            // No leaf runs below a node that is idle. (What is skipped while it runs keeps its status, and only
            // SequenceWithMemory, when it fails, leaves the children before the one that failed as they are.)
            for (node, status) in after.iter().enumerate() {
                if *status == Status::Running && node > 0 && leaf[node] && !keeps[parents[node]] {
                    prop_assert!(after[parents[node]] != Status::Idle, "{node} runs below an idle node");
                }
            }
        }
        let halted = tree.halt(Instant::from_nanos(i64::MAX), &mut stage);
        prop_assert!(halted.is_err() || tree.nodes().all(|(_, status)| status != Status::Running));
    }

    #[test]
    fn a_tree_is_the_same_twice((xml, leaves) in case()) {
        let run = || {
            let (mut tree, mut stage) = start(&xml, &leaves)?;
            let mut seen = Vec::new();
            for tick in 0..20 {
                let result = tree.tick_exactly_once(Instant::from_nanos(tick * 100_000_000), &mut stage);
                let failed = result.is_err();
                seen.push((result, tree.journal().0.to_vec()));
                if failed {
                    break;
                }
            }
            Some((seen, stage.ticked, stage.halted))
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn any_text_is_a_tree_or_an_error_with_a_place(text in "[<>/=\"'&;! a-zA-Z0-9{}\\-\\n]{0,200}") {
        for text in [text.clone(), wrap(&text)] {
            if let Ok(library) = Library::read("any", &text, &mut NoFiles) {
                let _ = library.check::<Stage>(&registry());
            }
        }
    }

    #[test]
    fn any_text_is_a_script_or_an_error_with_a_place(text in "[-+*/&|^~!<>=?:();.'@ a-c0-9xe]{0,60}") {
        if let Err(outrider_bt::BtError::Script { at, .. }) = ScriptSource::parse(&text) {
            prop_assert!(at <= text.len());
        }
    }
}
