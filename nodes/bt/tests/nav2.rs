//! Nav2's control nodes: one test a rule.

use crate::common::{Bench, run};
use outrider_bt::{RECOVERY_LIMIT, Status};
use outrider_foundation::Instant;

#[test]
fn pipeline_ticks_the_earlier_children_again_while_a_later_one_runs() {
    let body = "<PipelineSequence><a/><b/><c/></PipelineSequence>";
    let ticks = run(body, "a=rsss b=rrs c=rs", 5);
    assert_eq!(ticks, ["R a", "R a b", "R a b", "R a b c", "S a b c"]);
}

#[test]
fn pipeline_goes_on_when_an_earlier_child_runs_again() {
    assert_eq!(
        run("<PipelineSequence><a/><b/></PipelineSequence>", "a=srs b=rrs", 3),
        ["R a b", "R a b", "S a b"]
    );
}

#[test]
fn pipeline_fails_with_any_child_and_halts_the_others() {
    assert_eq!(run("<PipelineSequence><a/><b/></PipelineSequence>", "a=sf b=r", 2), ["R a b", "F a !b"]);
}

#[test]
fn recovery_executes_the_second_child_after_a_failure_and_then_the_first_again() {
    let body = "<RecoveryNode number_of_retries=\"1\"><a/><b/></RecoveryNode>";
    assert_eq!(run(body, "a=rfs b=rs", 3), ["R a", "R a b", "S b a"]);
    assert_eq!(run(body, "a=f b=s", 1), ["F a b a"]);
    assert_eq!(run(body, "a=f b=f", 1), ["F a b"]);
}

#[test]
fn recovery_that_is_skipped_is_a_failure_that_does_not_count() {
    let body = "<RecoveryNode number_of_retries=\"1\"><a/><b/></RecoveryNode>";
    assert_eq!(
        run(body, "a=ffs b=ks", 2),
        ["F a b", "S a b a"][..1].iter().chain(&["S a b a"]).copied().collect::<Vec<_>>()
    );
    assert_eq!(run(body, "a=k b=s", 1), ["K a"]);
}

#[test]
fn recovery_forgets_its_count_when_it_is_halted() {
    let body = "<ReactiveSequence><p/><RecoveryNode number_of_retries=\"1\"><a/><b/></RecoveryNode></ReactiveSequence>";
    let ticks = run(body, "p=sfs a=frfs b=s", 3);
    assert_eq!(ticks, ["R p a b a", "F p !a", "S p a b a"]);
}

#[test]
fn recoveries_give_control_back_after_so_many_rounds_and_go_on_in_the_next_tick() {
    let node = |retries: u32, child: &str| {
        format!("<RecoveryNode number_of_retries=\"{retries}\">{child}<AlwaysSuccess/></RecoveryNode>")
    };
    let body = |retries| node(retries, "<AlwaysFailure/>");
    assert_eq!(run(&body(RECOVERY_LIMIT - 1), "", 1), ["F"]);
    assert_eq!(run(&body(RECOVERY_LIMIT * 3 / 2), "", 2), ["R", "F"]);
    assert_eq!(run(&body(2_000_000_000), "", 3), ["R", "R", "R"]);
    // Those within each other count together.
    assert_eq!(run(&node(2_000_000_000, &node(500, "<AlwaysFailure/>")), "", 2), ["R", "R"]);
    // Ticking on while a node asks for it makes no more of them.
    let tick = |body: &str| {
        let mut bench = Bench::new(body, "");
        bench.tree.tick(Instant::from_nanos(0), &mut bench.stage)
    };
    assert_eq!(tick(&body(RECOVERY_LIMIT * 3 / 2)), Ok(Status::Running));
    assert_eq!(tick(&body(RECOVERY_LIMIT - 1)), Ok(Status::Failure));
}

#[test]
fn round_robin_goes_on_with_the_next_child_when_it_is_executed_again() {
    assert_eq!(run("<RoundRobin><a/><b/></RoundRobin>", "a=s b=s", 3), ["S a", "S b", "S a"]);
    assert_eq!(run("<RoundRobin><a/><b/></RoundRobin>", "a=f b=f", 2), ["F a b", "F a b"]);
    assert_eq!(run("<RoundRobin><a/><b/></RoundRobin>", "a=k b=k", 1), ["K a b"]);
    assert_eq!(run("<RoundRobin><a/><b/></RoundRobin>", "a=rf b=rs", 3), ["R a", "R a b", "S b"]);
}

#[test]
fn rate_controller_ticks_the_child_so_often_and_while_it_runs() {
    let mut bench = Bench::new(
        "<PipelineSequence><RateController hz=\"2\"><a/></RateController><b/></PipelineSequence>",
        "a=srss b=r",
    );
    let ticks: Vec<_> = [0, 100, 500, 600, 700, 1099, 1100].map(|ms| bench.tick_at(ms)).into();
    // It runs between its ticks, and the pipeline goes on.
    assert_eq!(ticks, ["R a b", "R b", "R a b", "R a b", "R b", "R b", "R a b"]);
}

#[test]
fn rate_controller_starts_anew_after_a_halt() {
    let body = "<ReactiveSequence><p/><RateController hz=\"1\"><a/></RateController></ReactiveSequence>";
    let mut bench = Bench::new(body, "p=sfs a=rs");
    assert_eq!([0, 10, 20].map(|ms| bench.tick_at(ms)), ["R p a", "F p !a", "S p a"]);
}

#[test]
fn single_trigger_executes_its_child_once_until_it_starts_anew() {
    let body = "<ReactiveFallback><SingleTrigger><a/></SingleTrigger><b/></ReactiveFallback>";
    assert_eq!(run(body, "a=f b=r", 1), ["R a b"]);
    assert_eq!(
        run(
            "<PipelineSequence><Inverter><SingleTrigger><a/></SingleTrigger></Inverter><b/></PipelineSequence>",
            "a=f b=r",
            2
        ),
        ["R a b", "R a b"]
    );
}

#[test]
fn nonblocking_sequence_ticks_all_children() {
    let body = "<NonblockingSequence><a/><b/></NonblockingSequence>";
    assert_eq!(run(body, "a=rs b=rs", 2), ["R a b", "S a b"]);
    assert_eq!(run(body, "a=rf b=r", 2), ["R a b", "F a !b"]);
    assert_eq!(run(body, "a=k b=s", 1), ["error"]);
}

#[test]
fn persistent_sequence_keeps_its_place_in_an_entry() {
    let body = "<ReactiveSequence><p/><PersistentSequence current_child_idx=\"{i}\"><a/><b/></PersistentSequence></ReactiveSequence>";
    let mut bench = Bench::new(body, "p=sfs a=s b=rs");
    bench.tree.set("i", 0_i32).unwrap();
    assert_eq!(bench.run(3), ["R p a b", "F p !b", "S p b"]);
    assert_eq!(bench.number("i"), 0.0);
}
