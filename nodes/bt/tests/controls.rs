//! What nodes with children do: one test a rule.

use crate::common::{Bench, run};
use outrider_bt::Status;

#[test]
fn sequence_goes_on_with_the_child_that_runs() {
    let ticks = run("<Sequence><a/><b/><c/></Sequence>", "a=s b=rrs c=s", 4);
    assert_eq!(ticks, ["R a b", "R b", "S b c", "S a b c"]);
}

#[test]
fn sequence_starts_over_after_a_failure() {
    assert_eq!(run("<Sequence><a/><b/></Sequence>", "a=s b=fs", 2), ["F a b", "S a b"]);
}

#[test]
fn sequence_passes_children_that_are_skipped() {
    assert_eq!(run("<Sequence><a/><b/></Sequence>", "a=k b=sk", 2), ["S a b", "K a b"]);
}

#[test]
fn async_sequence_gives_control_back_after_a_child_that_finished_at_once() {
    let ticks = run("<AsyncSequence><a/><b/><c/></AsyncSequence>", "a=s b=rs c=s", 4);
    assert_eq!(ticks, ["R a", "R b", "S b c", "R a"]);
}

#[test]
fn a_tick_that_may_be_repeated_goes_on_at_once_when_a_node_asks_for_it() {
    let mut bench = Bench::new("<AsyncSequence><a/><b/><c/></AsyncSequence>", "a=s b=s c=s");
    let status = bench.tree.tick(outrider_foundation::Instant::from_nanos(0), &mut bench.stage);
    assert_eq!((status, bench.stage.ticked.len()), (Ok(Status::Success), 3));
}

#[test]
fn sequence_with_memory_goes_on_with_the_child_that_failed() {
    let ticks = run("<SequenceWithMemory><a/><b/><c/></SequenceWithMemory>", "a=s b=fs c=s", 4);
    assert_eq!(ticks, ["R a", "F b", "R b", "S c"]);
}

#[test]
fn sequence_with_memory_keeps_its_place_when_it_is_halted() {
    let body = "<ReactiveSequence><p/><SequenceWithMemory><a/><b/></SequenceWithMemory></ReactiveSequence>";
    let ticks = run(body, "p=ssfs a=s b=rrs", 4);
    assert_eq!(ticks, ["R p a", "R p b", "F p !b", "R p b"]);
}

#[test]
fn reactive_sequence_asks_from_the_first_child_in_every_tick() {
    let body = "<ReactiveSequence><p/><a/></ReactiveSequence>";
    assert_eq!(run(body, "p=ssf a=r", 3), ["R p a", "R p a", "F p !a"]);
}

#[test]
fn reactive_sequence_halts_the_others_when_a_child_runs() {
    let body = "<ReactiveSequence><a/><b/></ReactiveSequence>";
    assert_eq!(run(body, "a=srs b=r", 3), ["R a b", "R a !b", "R a b"]);
}

#[test]
fn reactive_sequence_is_skipped_when_all_children_are() {
    assert_eq!(run("<ReactiveSequence><a/><b/></ReactiveSequence>", "a=k b=k", 1), ["K a b"]);
}

#[test]
fn fallback_goes_on_with_the_child_that_runs() {
    let ticks = run("<Fallback><a/><b/><c/></Fallback>", "a=f b=rf c=s", 3);
    assert_eq!(
        ticks,
        ["R a b", "S b c", "F a b"][..2].iter().chain(&["S a b c"]).copied().collect::<Vec<_>>()
    );
}

#[test]
fn fallback_fails_when_all_children_fail_and_is_skipped_when_all_are() {
    assert_eq!(run("<Fallback><a/><b/></Fallback>", "a=fk b=fk", 2), ["F a b", "K a b"]);
}

#[test]
fn async_fallback_gives_control_back_after_a_child_that_failed_at_once() {
    let ticks = run("<AsyncFallback><a/><b/></AsyncFallback>", "a=f b=s", 2);
    assert_eq!(ticks, ["R a", "S b"]);
}

#[test]
fn reactive_fallback_leaves_a_child_when_an_earlier_one_succeeds() {
    let ticks = run("<ReactiveFallback><p/><a/></ReactiveFallback>", "p=ffs a=r", 3);
    assert_eq!(ticks, ["R p a", "R p a", "S p !a"]);
}

#[test]
fn parallel_succeeds_when_enough_children_have() {
    let body = "<Parallel success_count=\"2\" failure_count=\"3\"><a/><b/><c/></Parallel>";
    assert_eq!(run(body, "a=rs b=s c=r", 2), ["R a b c", "S a !c"]);
}

#[test]
fn parallel_fails_when_enough_children_have() {
    let body = "<Parallel failure_count=\"2\" success_count=\"1\"><a/><b/><c/></Parallel>";
    assert_eq!(run(body, "a=f b=rf c=r", 2), ["R a b c", "F b !c"]);
}

#[test]
fn parallel_fails_when_it_can_not_succeed_any_more() {
    let body = "<Parallel success_count=\"2\" failure_count=\"2\"><a/><b/></Parallel>";
    assert_eq!(run(body, "a=f b=r", 1), ["F a"]);
}

#[test]
fn parallel_counts_from_the_number_of_children_when_a_count_is_negative() {
    let body = "<Parallel success_count=\"-2\" failure_count=\"-1\"><a/><b/><c/></Parallel>";
    assert_eq!(run(body, "a=s b=s c=r", 1), ["S a b"]);
    assert_eq!(run(body, "a=f b=f c=f", 1), ["F a b"]);
}

#[test]
fn parallel_with_a_negative_count_takes_skipped_children_for_successes() {
    let body = "<Parallel success_count=\"-1\" failure_count=\"1\"><a/><b/></Parallel>";
    assert_eq!(run(body, "a=s b=k", 1), ["S a b"]);
    let body = "<Parallel success_count=\"2\" failure_count=\"1\"><a/><b/></Parallel>";
    assert_eq!(run(body, "a=s b=k", 1), ["R a b"]);
}

#[test]
fn parallel_with_no_failures_to_wait_for_fails_after_its_first_child() {
    let body = "<Parallel success_count=\"2\" failure_count=\"0\"><a/><b/></Parallel>";
    assert_eq!(run(body, "a=s b=s", 1), ["F a"]);
}

#[test]
fn parallel_with_too_few_children_is_an_error() {
    let body = "<Parallel success_count=\"3\" failure_count=\"1\"><a/><b/></Parallel>";
    let error = Bench::new(body, "a=s b=s").error();
    assert!(error.contains("success_count is 3, but there are 2 children"), "{error}");
}

#[test]
fn parallel_all_waits_for_all_children() {
    let body = "<ParallelAll max_failures=\"1\"><a/><b/></ParallelAll>";
    assert_eq!(run(body, "a=fs b=rss", 3), ["R a b", "F b", "S a b"]);
}

#[test]
fn parallel_all_is_skipped_when_all_children_are() {
    assert_eq!(run("<ParallelAll><a/><b/></ParallelAll>", "a=k b=ks", 2), ["K a b", "S a b"]);
}

#[test]
fn if_then_else_asks_the_condition_once() {
    let body = "<IfThenElse><p/><a/><b/></IfThenElse>";
    assert_eq!(run(body, "p=sf a=rrs b=f", 4), ["R p a", "R a", "S a", "F p b"]);
}

#[test]
fn if_then_else_without_else_fails_and_leaves_the_condition_as_it_is() {
    let mut bench = Bench::new("<IfThenElse><p/><a/></IfThenElse>", "p=f a=s");
    assert_eq!(bench.tick(), "F p");
    assert_eq!(bench.status("p"), Status::Failure);
}

#[test]
fn if_then_else_with_a_condition_that_is_skipped_is_an_error() {
    assert_eq!(run("<IfThenElse><p/><a/><b/></IfThenElse>", "p=k a=s b=s", 1), ["error"]);
}

#[test]
fn while_do_else_asks_the_condition_in_every_tick_and_halts_the_other_branch() {
    let body = "<WhileDoElse><p/><a/><b/></WhileDoElse>";
    assert_eq!(run(body, "p=ssf a=r b=r", 3), ["R p a", "R p a", "R p b !a"]);
}

#[test]
fn while_do_else_with_a_condition_that_is_skipped_is_an_error() {
    assert_eq!(run("<WhileDoElse><p/><a/><b/></WhileDoElse>", "p=k a=s b=s", 1), ["error"]);
}

#[test]
fn switch_takes_the_case_that_is_equal_as_text_integer_or_real_number() {
    for (value, ticked) in
        [("1", "a"), ("1.0", "a"), ("'go'", "b"), ("'1'", "a"), ("7", "c"), ("1.00000001", "a")]
    {
        let body = format!(
            "<Sequence><Script code=\"x := {value}\"/><Switch2 variable=\"{{x}}\" case_1=\"1\" case_2=\"go\"><a/><b/><c/>\
             </Switch2></Sequence>"
        );
        assert_eq!(run(&body, "a=s b=s c=s", 1), [format!("S {ticked}")], "{value}");
    }
}

#[test]
fn switch_takes_the_last_child_when_the_variable_is_missing() {
    let body = "<Switch2 variable=\"{x}\" case_1=\"1\" case_2=\"2\"><a/><b/><c/></Switch2>";
    assert_eq!(run(body, "a=s b=s c=s", 1), ["S c"]);
}

#[test]
fn switch_halts_the_child_that_ran_when_the_case_changes() {
    let body = "<ReactiveSequence><Script code=\"n += 1; x := n\"/><Switch2 variable=\"{x}\" case_1=\"1\" case_2=\"2\">\
                <a/><b/><c/></Switch2></ReactiveSequence>";
    let mut bench = Bench::new(body, "a=r b=r c=s");
    bench.tree.set("n", 0_i64).unwrap();
    assert_eq!(bench.run(3), ["R a", "R b !a", "S c !b"]);
}

#[test]
fn switch_with_the_wrong_number_of_children_is_an_error() {
    assert_eq!(
        run("<Switch2 variable=\"1\" case_1=\"1\" case_2=\"2\"><a/><b/></Switch2>", "a=s b=s", 1),
        ["error"]
    );
}

#[test]
fn try_catch_executes_the_last_child_after_a_failure_and_fails() {
    let body = "<TryCatch><a/><b/><c/></TryCatch>";
    assert_eq!(run(body, "a=s b=rf c=rs", 3), ["R a b", "R b c", "F c"]);
    assert_eq!(run(body, "a=s b=s c=s", 1), ["S a b"]);
    assert_eq!(run(body, "a=k b=k c=s", 1), ["K a b"]);
}

#[test]
fn try_catch_executes_the_last_child_when_halted_if_it_is_told_to() {
    for (told, halted) in [("true", "F p c !a"), ("false", "F p !a")] {
        let body = format!(
            "<ReactiveSequence><p/><TryCatch catch_on_halt=\"{told}\"><a/><c/></TryCatch></ReactiveSequence>"
        );
        assert_eq!(run(&body, "p=sf a=r c=s", 2), ["R p a", halted]);
    }
}
