//! What nodes with one child do, and conditions around a node: one test a rule.

use crate::common::{Bench, run, wrap};
use outrider_bt::{Cause, Status, Transition};

#[test]
fn inverter_swaps_success_and_failure_only() {
    assert_eq!(run("<Inverter><a/></Inverter>", "a=rsfk", 4), ["R a", "F a", "S a", "K a"]);
}

#[test]
fn force_success_and_force_failure_leave_running_and_skipped_alone() {
    assert_eq!(run("<ForceSuccess><a/></ForceSuccess>", "a=rsfk", 4), ["R a", "S a", "S a", "K a"]);
    assert_eq!(run("<ForceFailure><a/></ForceFailure>", "a=rsfk", 4), ["R a", "F a", "F a", "K a"]);
}

#[test]
fn repeat_gives_control_back_after_a_cycle_that_took_no_time() {
    let body = "<Repeat num_cycles=\"3\"><a/></Repeat>";
    assert_eq!(run(body, "a=s", 4), ["R a", "R a", "S a", "R a"]);
}

#[test]
fn repeat_goes_on_at_once_after_a_cycle_that_took_time() {
    let body = "<Repeat num_cycles=\"3\"><a/></Repeat>";
    assert_eq!(run(body, "a=rss", 3), ["R a", "R a a", "S a"]);
}

#[test]
fn repeat_fails_with_its_child_and_keeps_its_count_when_the_child_is_skipped() {
    let body = "<Repeat num_cycles=\"2\"><a/></Repeat>";
    assert_eq!(run(body, "a=sfss", 4), ["R a", "F a", "R a", "S a"]);
    assert_eq!(run(body, "a=sks", 3), ["R a", "K a", "S a"]);
}

#[test]
fn repeat_without_cycles_succeeds_and_with_minus_one_it_never_does() {
    assert_eq!(run("<Repeat num_cycles=\"0\"><a/></Repeat>", "a=s", 1), ["S"]);
    assert_eq!(run("<Repeat num_cycles=\"-1\"><a/></Repeat>", "a=s", 50).last().unwrap(), "R a");
}

#[test]
fn retry_tries_again_after_a_failure_so_many_times() {
    let body = "<RetryUntilSuccessful num_attempts=\"2\"><a/></RetryUntilSuccessful>";
    assert_eq!(run(body, "a=fffs", 4), ["R a", "F a", "R a", "S a"]);
}

#[test]
fn retry_sees_a_limit_that_its_child_changed() {
    let body = "<Sequence><Script code=\"n := 5\"/><RetryUntilSuccessful num_attempts=\"{n}\">\
                <a _onFailure=\"n = 1\"/></RetryUntilSuccessful></Sequence>";
    assert_eq!(run(body, "a=f", 1), ["F a"]);
}

#[test]
fn keep_running_until_failure_runs_after_success_and_after_skipping() {
    let body = "<KeepRunningUntilFailure><a/></KeepRunningUntilFailure>";
    assert_eq!(run(body, "a=rskf", 4), ["R a", "R a", "R a", "F a"]);
}

#[test]
fn delay_waits_before_the_child_and_again_when_it_starts_anew() {
    let mut bench = Bench::new("<Delay delay_msec=\"100\"><a/></Delay>", "a=rs");
    let times = [0, 99, 100, 101, 102, 202];
    let ticks = times.map(|ms| bench.tick_at(ms));
    assert_eq!(ticks, ["R", "R", "R a", "S a", "R", "S a"]);
}

#[test]
fn timeout_halts_a_child_that_runs_too_long() {
    let mut bench = Bench::new("<Timeout msec=\"100\"><a/></Timeout>", "a=r");
    assert_eq!([0, 99, 100, 101].map(|ms| bench.tick_at(ms)), ["R a", "R a", "F !a", "R a"]);
}

#[test]
fn timeout_of_zero_never_comes() {
    let mut bench = Bench::new("<Timeout msec=\"0\"><a/></Timeout>", "a=r");
    assert_eq!([0, 1_000_000].map(|ms| bench.tick_at(ms)), ["R a", "R a"]);
}

#[test]
fn timeout_starts_anew_after_the_child_has_finished() {
    let mut bench = Bench::new("<Timeout msec=\"100\"><a/></Timeout>", "a=rsr");
    assert_eq!([0, 90, 120, 210, 220].map(|ms| bench.tick_at(ms)), ["R a", "S a", "R a", "R a", "F !a"]);
}

#[test]
fn run_once_skips_later_or_gives_the_same_status_again() {
    assert_eq!(run("<RunOnce><a/></RunOnce>", "a=rf", 3), ["R a", "F a", "K"]);
    assert_eq!(run("<RunOnce then_skip=\"false\"><a/></RunOnce>", "a=f", 2), ["F a", "F"]);
}

#[test]
fn run_once_that_is_halted_before_the_end_runs_again() {
    let body = "<ReactiveSequence><p/><RunOnce><a/></RunOnce></ReactiveSequence>";
    assert_eq!(run(body, "p=sfss a=rs", 4), ["R p a", "F p !a", "S p a", "S p"]);
}

#[test]
fn precondition_asks_when_it_starts_and_not_while_the_child_runs() {
    let body = "<Sequence><RunOnce><Script code=\"x := 1\"/></RunOnce><Precondition if=\"x == 1\" else=\"FAILURE\">\
                <a _onSuccess=\"x = 3\"/></Precondition></Sequence>";
    let mut bench = Bench::new(body, "a=rs");
    assert_eq!(bench.tick(), "R a");
    bench.tree.set("x", 2_i64).unwrap();
    assert_eq!(bench.run(2), ["S a", "F"]);
}

#[test]
fn precondition_gives_any_status_instead() {
    for (status, tick) in
        [("SUCCESS", "S"), ("FAILURE", "F"), ("SKIPPED", "K"), ("RUNNING", "R"), ("IDLE", "error")]
    {
        let body = format!("<Precondition if=\"false\" else=\"{status}\"><a/></Precondition>");
        assert_eq!(run(&body, "a=s", 1), [tick]);
    }
}

#[test]
fn skip_unless_updated_and_wait_value_update_look_for_writes() {
    for (node, no) in [("SkipUnlessUpdated", "K"), ("WaitValueUpdate", "R")] {
        let mut bench = Bench::new(&format!("<{node} entry=\"{{x}}\"><a/></{node}>"), "a=srs");
        assert_eq!(bench.tick(), no);
        bench.tree.set("x", 1_i64).unwrap();
        assert_eq!(bench.run(2), ["S a", no]);
        bench.tree.set("x", 1_i64).unwrap();
        // A child that runs goes on.
        assert_eq!(bench.run(3), ["R a", "S a", no]);
    }
}

#[test]
fn was_entry_updated_looks_for_writes() {
    let mut bench = Bench::new("<WasEntryUpdated entry=\"{x}\"/>", "");
    assert_eq!(bench.tick(), "F");
    bench.tree.set("x", 1_i64).unwrap();
    assert_eq!(bench.run(2), ["S", "F"]);
}

#[test]
fn loops_give_every_value_of_a_queue() {
    let body = "<LoopDouble queue=\"1.5;2.5\" value=\"{v}\"><a _onSuccess=\"sum += v\"/></LoopDouble>";
    let mut bench = Bench::new(body, "a=srs");
    bench.tree.set("sum", 0.0).unwrap();
    assert_eq!(bench.run(4), ["R a", "R a", "R a", "S"]);
    assert_eq!(bench.number("sum"), 4.0);
}

#[test]
fn loops_end_with_a_failure_and_say_what_is_asked_for_when_the_queue_is_empty() {
    assert_eq!(run("<LoopInt queue=\"1;2\" value=\"{v}\"><a/></LoopInt>", "a=f", 1), ["F a"]);
    assert_eq!(run("<LoopInt queue=\"\" if_empty=\"SKIPPED\" value=\"{v}\"><a/></LoopInt>", "a=s", 1), ["K"]);
}

#[test]
fn sleep_runs_for_its_time() {
    let mut bench = Bench::new("<Sleep msec=\"100\"/>", "");
    assert_eq!([0, 99, 100, 101].map(|ms| bench.tick_at(ms)), ["R", "R", "S", "R"]);
}

/// `x` is what conditions ask for.
fn around(attributes: &str, leaves: &str) -> Bench {
    let mut bench = Bench::new(&format!("<Fallback><a {attributes}/><AlwaysSuccess/></Fallback>"), leaves);
    bench.tree.set("x", 0_i64).unwrap();
    bench.tree.set("log", "").unwrap();
    bench
}

#[test]
fn preconditions_are_asked_in_their_order_when_a_node_starts() {
    let all = "_while=\"x != 4\" _skipIf=\"x == 3 || x == 4\" _successIf=\"x >= 2\" _failureIf=\"x == 1 || x == 9\"";
    for (x, tick) in [(0, "S a"), (1, "S"), (2, "S"), (3, "S"), (9, "S")] {
        let mut bench = around(all, "a=s");
        bench.tree.set("x", i64::from(x)).unwrap();
        assert_eq!(bench.tick(), tick, "{x}");
    }
    let mut first = around(
        "_failureIf=\"log := 'f'; false\" _skipIf=\"log = log + 'k'; true\" _while=\"log = 'w'; true\"",
        "a=s",
    );
    first.tick();
    assert_eq!(first.text("log"), "fk");
}

#[test]
fn skip_if_is_not_asked_while_the_node_runs() {
    let mut bench = Bench::new("<a _skipIf=\"x == 1\"/>", "a=rs");
    bench.tree.set("x", 0_i64).unwrap();
    assert_eq!(bench.tick(), "R a");
    bench.tree.set("x", 1_i64).unwrap();
    assert_eq!(bench.run(2), ["S a", "K"]);
}

#[test]
fn while_halts_a_node_that_runs_and_skips_it() {
    let mut bench = Bench::new("<a _while=\"x == 0\" _onHalted=\"x = 7\"/>", "a=r");
    bench.tree.set("x", 0_i64).unwrap();
    assert_eq!(bench.tick(), "R a");
    bench.tree.set("x", 1_i64).unwrap();
    assert_eq!(bench.tick(), "K !a");
    assert_eq!((bench.number("x"), bench.status("a")), (7.0, Status::Idle));
}

#[test]
fn scripts_run_after_success_after_failure_and_after_both() {
    let all = "_onSuccess=\"log = log + 's'\" _onFailure=\"log = log + 'f'\" _post=\"log = log + 'p'\" _onHalted=\"log = 'h'\"";
    let mut bench = around(all, "a=rsfk");
    bench.run(4);
    assert_eq!(bench.text("log"), "spfp");
}

#[test]
fn scripts_run_also_after_a_status_that_a_precondition_gave() {
    let mut bench = around("_successIf=\"true\" _onSuccess=\"x = 5\"", "a=f");
    bench.tick();
    assert_eq!(bench.number("x"), 5.0);
}

#[test]
fn skipped_is_never_kept_as_a_status() {
    let mut bench = Bench::new("<Sequence name=\"seq\"><a/></Sequence>", "a=k");
    assert_eq!(bench.tick(), "K a");
    assert_eq!((bench.status("a"), bench.status("seq")), (Status::Idle, Status::Running));
}

#[test]
fn a_condition_that_is_no_truth_value_is_an_error() {
    for script in ["2", "'true'", "-1", "missing", "1 .. 2"] {
        let xml = format!("<a _skipIf=\"{script}\"/>");
        assert_eq!(run(&xml, "a=s", 1), ["error"], "{script}");
    }
}

#[test]
fn the_journal_has_every_change_with_its_cause_and_counts_what_has_no_room() {
    let mut bench = Bench::new("<ReactiveSequence><p/><a/></ReactiveSequence>", "p=sf a=r");
    bench.run(1);
    bench.tree.keep_journal(16);
    bench.run(1);
    let (journal, dropped) = bench.tree.journal();
    let changes: Vec<_> = journal.iter().map(|t| (t.node, t.from, t.to, t.cause)).collect();
    use Status::{Failure, Idle, Running};
    let wanted = [
        (1, Idle, Failure, Cause::Tick),
        (1, Failure, Idle, Cause::Reset),
        (2, Running, Idle, Cause::Halt),
        (0, Running, Failure, Cause::Tick),
        (0, Failure, Idle, Cause::Reset),
    ];
    assert_eq!((changes.as_slice(), dropped), (wanted.as_slice(), 0));
    bench.tree.forget_journal();
    assert_eq!(bench.tree.journal(), (&[][..], 0));
    bench.tree.keep_journal(1);
    bench.run(1);
    let (journal, dropped) = bench.tree.journal();
    assert_eq!(journal.len(), 1);
    assert!(dropped > 0 && journal[0] != Transition { node: 9, ..journal[0] });
    assert!(wrap("<a/>").contains("Leaf"));
}

/// Every change of a second tick, 100 ms after the first, and of a halt of the whole tree, as "node from>to cause".
fn changes(body: &str, leaves: &str) -> String {
    let mut bench = Bench::new(body, leaves);
    bench.tick_at(0);
    bench.tree.keep_journal(64);
    bench.tick_at(100);
    bench.tree.halt(outrider_foundation::Instant::from_nanos(0), &mut bench.stage).unwrap();
    let (journal, _) = bench.tree.journal();
    let tell = |t: &Transition| format!("{} {}>{} {:?}", t.node, t.from, t.to, t.cause);
    journal.iter().map(tell).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_change_by_a_script_before_the_tick_tells_which() {
    let failed = changes("<ForceSuccess><a _failureIf=\"true\"/></ForceSuccess>", "a=r");
    assert!(
        failed.starts_with("0 IDLE>RUNNING Tick, 1 IDLE>FAILURE FailureIf, 1 FAILURE>IDLE Reset"),
        "{failed}"
    );
    let passed = changes("<Inverter><a _successIf=\"true\"/></Inverter>", "a=r");
    assert!(passed.contains("1 IDLE>SUCCESS SuccessIf, 1 SUCCESS>IDLE Reset"), "{passed}");
    // What is skipped changes nothing.
    let skipped = changes("<Inverter><a _skipIf=\"true\"/></Inverter>", "a=r");
    assert_eq!(skipped, "0 RUNNING>IDLE Tree");
}

#[test]
fn a_change_by_a_while_a_timeout_or_a_halt_tells_which() {
    assert_eq!(changes("<Sequence><a/></Sequence>", "a=r"), "1 RUNNING>IDLE Halt, 0 RUNNING>IDLE Tree");
    let body = "<Parallel success_count=\"2\"><Sequence _while=\"@go\"><a/></Sequence><Script code=\"@go = false\"/></Parallel>";
    let left = changes(&format!("<Sequence><Script code=\"@go := true\"/>{body}</Sequence>"), "a=r");
    assert!(left.contains("4 RUNNING>IDLE Halt, 3 RUNNING>IDLE While"), "{left}");
    let late = changes("<Timeout msec=\"50\"><Sequence><a/></Sequence></Timeout>", "a=r");
    let wanted = "2 RUNNING>IDLE Halt, 1 RUNNING>IDLE Timeout, 0 RUNNING>FAILURE Tick, 0 FAILURE>IDLE Reset";
    assert_eq!(late, wanted);
}

#[test]
fn halting_a_tree_that_does_not_run_runs_no_script_for_it() {
    let mut bench = Bench::new("<Sequence _onHalted=\"n += 1\"><a/></Sequence>", "a=r");
    bench.tree.set("n", 0_i64).unwrap();
    let halt = |bench: &mut Bench| {
        bench.tree.halt(outrider_foundation::Instant::from_nanos(0), &mut bench.stage).unwrap();
        bench.number("n")
    };
    assert_eq!(halt(&mut bench), 0.0);
    bench.tick_at(0);
    assert_eq!(halt(&mut bench), 1.0);
    assert_eq!(halt(&mut bench), 1.0);
    // Nor is a leaf told that never ran.
    let mut bench = Bench::new("<a/>", "a=r");
    bench.tree.halt(outrider_foundation::Instant::from_nanos(0), &mut bench.stage).unwrap();
    assert!(bench.stage.halted.is_empty());
}
