//! The engine's rules, one test a rule.

use super::*;
use crate::error::PlannerError;
use outrider_foundation::{Instant, Span};
use std::collections::BTreeMap;

/// The context of the tests: what every leaf is to return, and what happened.
#[derive(Default)]
struct Script {
    returns: BTreeMap<String, Vec<Status>>,
    log: Vec<String>,
}

struct Scripted {
    name: &'static str,
}

impl Leaf<Script> for Scripted {
    fn tick(&mut self, _now: Instant, script: &mut Script) -> Status {
        script.log.push(self.name.to_string());
        // The last one given is repeated for ever.
        let list = script.returns.get_mut(self.name).unwrap();
        if list.len() > 1 { list.remove(0) } else { list[0] }
    }

    fn halt(&mut self, script: &mut Script) {
        script.log.push(format!("halt {}", self.name));
    }
}

struct Letters;

impl LeafRegistry for Letters {
    type Context = Script;

    fn make(
        &self,
        id: &str,
        _ports: &mut Ports<'_, '_>,
    ) -> Option<Result<Box<dyn Leaf<Script>>, PlannerError>> {
        let name = ["A", "B", "C", "D"].into_iter().find(|name| *name == id)?;
        Some(Ok(Box::new(Scripted { name })))
    }
}

struct Bench {
    tree: Tree<Script>,
    script: Script,
    now: Instant,
}

fn wrap(body: &str) -> String {
    format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"T\">{body}</BehaviorTree></root>")
}

/// `leaves`: a letter, then one of s, f, r, k (skipped), i (idle) for each tick.
fn bench(body: &str, leaves: &[&str]) -> Bench {
    let mut script = Script::default();
    for leaf in leaves {
        let (name, list) = leaf.split_at(1);
        let list = list
            .chars()
            .map(|c| match c {
                's' => Success,
                'f' => Failure,
                'r' => Running,
                'k' => Skipped,
                _ => Status::Idle,
            })
            .collect();
        script.returns.insert(name.to_string(), list);
    }
    Bench { tree: parse(&wrap(body), &Letters).unwrap(), script, now: Instant::default() }
}

impl Bench {
    fn tick(&mut self) -> (Status, String) {
        self.script.log.clear();
        let status = self.tree.tick(self.now, &mut self.script);
        (status, self.script.log.join(","))
    }

    #[track_caller]
    fn expect(&mut self, status: Status, log: &str) {
        assert_eq!(self.tick(), (status, log.to_string()));
    }

    fn wait(&mut self, seconds: f64) {
        self.now = self.now + Span::from_s(seconds);
    }
}

use Status::{Failure, Running, Skipped, Success};

#[test]
fn sequence_goes_on_where_it_was_running() {
    let mut b = bench("<Sequence><A/><B/><C/></Sequence>", &["As", "Brs", "Cs"]);
    b.expect(Running, "A,B");
    b.expect(Success, "B,C");
    b.expect(Success, "A,B,C");
}

#[test]
fn sequence_starts_over_after_a_failure() {
    let mut b = bench("<Sequence><A/><B/></Sequence>", &["As", "Bfs"]);
    b.expect(Failure, "A,B");
    b.expect(Success, "A,B");
}

#[test]
fn sequence_is_skipped_only_when_all_children_are() {
    bench("<Sequence><A/><B/></Sequence>", &["Ak", "Bk"]).expect(Skipped, "A,B");
    bench("<Sequence><A/><B/></Sequence>", &["Ak", "Bs"]).expect(Success, "A,B");
}

#[test]
fn reactive_sequence_asks_the_first_child_every_time_and_halts_the_running_one() {
    let mut b = bench("<ReactiveSequence><A/><B/></ReactiveSequence>", &["Assf", "Br"]);
    b.expect(Running, "A,B");
    b.expect(Running, "A,B");
    b.expect(Failure, "A,halt B");
}

#[test]
fn reactive_sequence_halts_the_other_children_while_one_runs() {
    let mut b = bench("<ReactiveSequence><A/><B/></ReactiveSequence>", &["Asrs", "Br"]);
    b.expect(Running, "A,B");
    b.expect(Running, "A,halt B");
    b.expect(Running, "A,B");
}

#[test]
fn sequence_with_memory_goes_on_with_the_child_that_failed() {
    let mut b = bench("<SequenceWithMemory><A/><B/><C/></SequenceWithMemory>", &["As", "Bfs", "Cs"]);
    b.expect(Failure, "A,B");
    b.expect(Success, "B,C");
    b.expect(Success, "A,B,C");
}

#[test]
fn fallback_stops_at_the_first_success_and_remembers() {
    let mut b = bench("<Fallback><A/><B/><C/></Fallback>", &["Af", "Brs", "Cs"]);
    b.expect(Running, "A,B");
    b.expect(Success, "B");
    b.expect(Success, "A,B");
    bench("<Fallback><A/><B/></Fallback>", &["Af", "Bf"]).expect(Failure, "A,B");
    bench("<Fallback><A/><B/></Fallback>", &["Ak", "Bk"]).expect(Skipped, "A,B");
    bench("<Fallback><A/><B/></Fallback>", &["Ak", "Bf"]).expect(Failure, "A,B");
}

#[test]
fn reactive_fallback_comes_back_to_an_earlier_child() {
    let mut b = bench("<ReactiveFallback><A/><B/></ReactiveFallback>", &["Afs", "Br"]);
    b.expect(Running, "A,B");
    b.expect(Success, "A,halt B");
    bench("<ReactiveFallback><A/><B/></ReactiveFallback>", &["Ak", "Bf"]).expect(Failure, "A,B");
    bench("<ReactiveFallback><A/><B/></ReactiveFallback>", &["Ak", "Bk"]).expect(Skipped, "A,B");
}

#[test]
fn inverter_swaps_and_passes_the_rest() {
    let mut b = bench("<Inverter><A/></Inverter>", &["Asfrk"]);
    b.expect(Failure, "A");
    b.expect(Success, "A");
    b.expect(Running, "A");
    b.expect(Skipped, "A");
}

#[test]
fn force_success_and_force_failure_change_finished_children_only() {
    let mut b = bench("<ForceSuccess><A/></ForceSuccess>", &["Afrk"]);
    b.expect(Success, "A");
    b.expect(Running, "A");
    b.expect(Skipped, "A");
    let mut b = bench("<ForceFailure><A/></ForceFailure>", &["Asr"]);
    b.expect(Failure, "A");
    b.expect(Running, "A");
}

#[test]
fn retry_tries_up_to_its_count_within_one_tick() {
    let body = "<RetryUntilSuccessful num_attempts=\"3\"><A/></RetryUntilSuccessful>";
    bench(body, &["Affs"]).expect(Success, "A,A,A");
    bench(body, &["Af"]).expect(Failure, "A,A,A");
    let mut b = bench(body, &["Afrffs"]);
    b.expect(Running, "A,A");
    b.expect(Failure, "A,A");
    b.expect(Success, "A");
}

#[test]
fn retry_for_ever_ends_its_tick_at_the_wake_limit() {
    let mut b = bench("<RetryUntilSuccessful num_attempts=\"-1\"><A/></RetryUntilSuccessful>", &["Af"]);
    let (status, log) = b.tick();
    assert_eq!((status, log.split(',').count()), (Running, WAKE_LIMIT));
}

#[test]
fn repeat_repeats_and_stops_at_a_failure() {
    let body = "<Repeat num_cycles=\"3\"><A/></Repeat>";
    bench(body, &["As"]).expect(Success, "A,A,A");
    bench(body, &["Asf"]).expect(Failure, "A,A");
    bench(body, &["Ak"]).expect(Skipped, "A");
}

#[test]
fn keep_running_until_failure_does_so() {
    let mut b = bench("<KeepRunningUntilFailure><A/></KeepRunningUntilFailure>", &["Asrf"]);
    b.expect(Running, "A");
    b.expect(Running, "A");
    b.expect(Failure, "A");
}

#[test]
fn timeout_halts_a_child_that_runs_too_long() {
    let mut b = bench("<Timeout msec=\"500\"><A/></Timeout>", &["Ar"]);
    b.expect(Running, "A");
    b.wait(0.4);
    b.expect(Running, "A");
    b.wait(0.1);
    b.expect(Failure, "halt A");
    // It starts afresh.
    b.expect(Running, "A");
    b.wait(0.4);
    b.expect(Running, "A");
    let mut b = bench("<Timeout msec=\"500\"><A/></Timeout>", &["Ars"]);
    b.expect(Running, "A");
    b.wait(0.4);
    b.expect(Success, "A");
}

#[test]
fn rate_controller_ticks_once_a_period_and_while_its_child_runs() {
    let mut b = bench("<RateController hz=\"1\"><A/></RateController>", &["Ar"]);
    b.expect(Running, "A");
    b.expect(Running, "A");
    // Within a pipeline, which keeps it active after a success.
    let body = "<PipelineSequence><RateController hz=\"1\"><A/></RateController><B/></PipelineSequence>";
    let mut b = bench(body, &["As", "Br"]);
    b.expect(Running, "A,B");
    b.wait(0.5);
    b.expect(Running, "B");
    b.wait(0.5);
    b.expect(Running, "A,B");
}

#[test]
fn pipeline_sequence_ticks_earlier_children_again() {
    let mut b = bench("<PipelineSequence><A/><B/><C/></PipelineSequence>", &["Assrf", "Brs", "Cr"]);
    b.expect(Running, "A,B");
    b.expect(Running, "A,B,C");
    b.expect(Running, "A,B,C");
    b.expect(Failure, "A,halt C");
}

#[test]
fn recovery_node_runs_the_second_child_and_tries_again() {
    let mut b = bench("<RecoveryNode number_of_retries=\"1\"><A/><B/></RecoveryNode>", &["Af", "Brs"]);
    b.expect(Running, "A,B");
    b.expect(Failure, "B,A");
    let mut b = bench("<RecoveryNode number_of_retries=\"2\"><A/><B/></RecoveryNode>", &["Afs", "Bs"]);
    b.expect(Success, "A,B,A");
    bench("<RecoveryNode number_of_retries=\"2\"><A/><B/></RecoveryNode>", &["Af", "Bf"])
        .expect(Failure, "A,B");
}

#[test]
fn subtrees_are_put_in_their_place() {
    let text = "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\">
        <BehaviorTree ID=\"M\"><Sequence><SubTree ID=\"S\"/><Action ID=\"C\"/></Sequence></BehaviorTree>
        <BehaviorTree ID=\"S\"><Sequence><A/><B name=\"bee\"/></Sequence></BehaviorTree></root>";
    let mut b = bench("<A/>", &["As", "Br", "Cs"]);
    b.tree = parse(text, &Letters).unwrap();
    assert_eq!((b.tree.len(), b.tree.is_empty()), (5, false));
    b.expect(Running, "A,B");
    assert_eq!(b.tree.active_leaf(), "bee");
    b.tree.halt(&mut b.script);
    assert_eq!(b.script.log.last().unwrap(), "halt B");
    b.expect(Running, "A,B");
}

#[test]
fn a_leaf_that_returns_idle_has_failed() {
    bench("<A/>", &["Ai"]).expect(Failure, "A");
}

/// Line and column are part of every error.
#[test]
fn errors_say_where_and_what() {
    let deep = format!("{}<A/>{}", "<Inverter>".repeat(DEPTH_LIMIT), "</Inverter>".repeat(DEPTH_LIMIT));
    let many = format!("<Sequence>{}</Sequence>", "<A/>".repeat(NODE_LIMIT));
    let cases = [
        ("<root BTCPP_format=\"4\">\n <BehaviorTree ID=\"T\"><A></BehaviorTree></root>".to_string(), "2:"),
        ("<tree/>".to_string(), "1:1: <tree>: expected <root"),
        ("<root BTCPP_format=\"3\"/>".to_string(), "1:1: <root>: expected BTCPP_format=\"4\""),
        ("<root BTCPP_format=\"4\"/>".to_string(), "0 trees"),
        ("<root BTCPP_format=\"4\">\n  <include path=\"x\"/></root>".to_string(), "2:3: <include>: expected"),
        (wrap("\n  <Fly/>"), "2:3: <Fly>: \"Fly\" is not a node"),
        (wrap("\n <A goal=\"{goal}\"/>"), "2:5: <A>: attribute goal=\"…\" is not known"),
        (wrap("<Inverter><A/><B/></Inverter>"), "2 children, expected 1"),
        (wrap("<Sequence/>"), "0 children, expected at least 1"),
        (wrap("<A><B/></A>"), "1 children, expected 0"),
        (wrap("<Timeout><A/></Timeout>"), "attribute msec=\"…\" is missing"),
        (wrap("<RateController hz=\"0\"><A/></RateController>"), "hz=\"0\" is not a number within"),
        (wrap("<RateController hz=\"NaN\"><A/></RateController>"), "hz=\"NaN\" is not a number within"),
        (wrap("<Repeat num_cycles=\"0\"><A/></Repeat>"), "num_cycles=\"0\" is not −1 or a whole number"),
        (wrap("<SubTree ID=\"X\"/>"), "there is no BehaviorTree ID=\"X\""),
        (wrap("<SubTree ID=\"T\"/>"), "tree \"T\" contains itself"),
        (wrap("<SubTree ID=\"T\" goal=\"{g}\"/>"), "attribute goal=\"…\" is not known"),
        (wrap("<A/><B/>"), "expected exactly one node"),
        (wrap(&deep), "nested deeper than 64"),
        (wrap(&many), "more than 1024 nodes"),
        (" ".repeat(XML_LIMIT + 1), "bytes are more than"),
    ];
    for (text, expected) in cases {
        let error = parse(&text, &Letters).err().unwrap().to_string();
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
    }
}
