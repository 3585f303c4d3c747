//! The script language: one test a rule.

use crate::common::{Bench, registry_with_enums};
use outrider_bt::{
    BtError, EXPRESSION_DEPTH_LIMIT, EXPRESSION_HEIGHT_LIMIT, JOINED_LIMIT, SCRIPT_LIMIT, ScriptSource,
};

/// Runs a script; the entry `x` afterwards.
fn number(script: &str) -> f64 {
    let mut bench = script_bench(script);
    assert_eq!(bench.tick(), "S", "{script}");
    bench.number("x")
}

fn text(script: &str) -> String {
    let mut bench = script_bench(script);
    assert_eq!(bench.tick(), "S", "{script}");
    bench.text("x")
}

fn fails(script: &str) -> String {
    script_bench(script).error()
}

fn script_bench(script: &str) -> Bench {
    let escaped = script.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    Bench::new(&format!("<Script code=\"{escaped}\"/>"), "")
}

fn place(script: &str) -> usize {
    match ScriptSource::parse(script).unwrap_err() {
        BtError::Script { at, .. } => at,
        other => panic!("{other}"),
    }
}

#[test]
fn operators_bind_as_in_behaviortree_cpp() {
    for (script, value) in [
        ("x := 1 + 2 * 3", 7.0),
        ("x := (1 + 2) * 3", 9.0),
        ("x := 8 / 2 / 2", 2.0),
        ("x := 7 - 2 - 1", 4.0),
        ("x := -2 * 3", -6.0),
        ("x := !0 + 1", 2.0),
        ("x := ~1 + 1", -1.0),
        ("x := 6 & 3 | 8", 10.0),
        ("x := 1 | 2 ^ 3", 0.0),
        ("x := 1 + 1 & 2", 2.0),
        ("x := 6 & 3 == 2", 1.0),
        ("x := 1 < 2 && 2 < 1 || 1 == 1", 1.0),
        ("x := true || false && false", 1.0),
        ("x := false ? 1 : true ? 2 : 3", 2.0),
        ("x := 1 == 2 ? 5 : 6", 6.0),
        ("x := 0x1F", 31.0),
        ("x := 1.5e2", 150.0),
    ] {
        assert_eq!(number(script), value, "{script}");
    }
}

#[test]
fn comparisons_are_chained() {
    for (script, value) in [("x := 1 < 2 < 3", 1.0), ("x := 3 > 2 > 2", 0.0), ("x := 1 == 1 != 2", 1.0)] {
        assert_eq!(number(script), value, "{script}");
    }
}

#[test]
fn numbers_are_equal_within_the_accuracy_of_a_float() {
    assert_eq!(number("x := 0.1 + 0.2 == 0.3"), 1.0);
    assert_eq!(number("x := 1 == 1.000001"), 0.0);
}

#[test]
fn a_number_that_is_none_is_less_and_greater_but_not_equal() {
    for (script, value) in [("0/0 < 1", 1.0), ("0/0 >= 1", 1.0), ("0/0 == 0/0", 0.0), ("0/0 != 0/0", 1.0)] {
        assert_eq!(number(&format!("x := {script}")), value, "{script}");
    }
}

#[test]
fn both_sides_of_and_and_or_are_evaluated() {
    assert!(fails("x := true || missing").contains("no entry `missing`"));
}

#[test]
fn and_and_or_take_truth_values_only() {
    assert!(fails("x := 2 && 1").contains("truth value"));
    assert_eq!(number("x := 0.5 && 1"), 1.0);
}

#[test]
fn colon_equal_makes_an_entry_and_equal_asks_for_one() {
    assert_eq!(number("x := 1; x = 2"), 2.0);
    assert!(fails("x = 1").contains("there is no entry `x` yet"));
    assert!(fails("x += 1").contains("there is no entry `x` yet"));
}

#[test]
fn an_entry_keeps_the_type_of_its_first_value() {
    assert!(fails("x := 1; x = 1.5").contains("integer"));
    assert!(fails("x := 1; x += 0.5").contains("integer"));
    assert_eq!(number("x := 1.0; x = 1.5"), 1.5);
    // A minus makes a real number of an integer.
    assert_eq!(number("x := -1; x = 1.5"), 1.5);
    assert!(fails("x := 'a'; x = 1").contains("can not be written"));
}

#[test]
fn assignments_with_an_operator_change_numbers_and_add_text() {
    for (script, value) in
        [("x := 2; x += 3", 5.0), ("x := 2; x -= 3", -1.0), ("x := 2; x *= 3", 6.0), ("x := 6; x /= 3", 2.0)]
    {
        assert_eq!(number(script), value, "{script}");
    }
    assert_eq!(text("x := 'a'; x += 'b'"), "ab");
    assert!(fails("x := 'a'; x -= 'b'").contains("not for text"));
    assert!(fails("x := 'a'; x += 1").contains("for numbers"));
}

#[test]
fn text_is_joined_by_plus_and_by_two_dots() {
    assert_eq!(text("x := 'a' + 'b'"), "ab");
    assert_eq!(text("x := 'a' .. 'b' .. 1"), "ab1");
    // From left to right: the text is there before the sum.
    assert!(fails("x := 'a' .. 1 + 1").contains("not permitted"));
}

#[test]
fn real_numbers_become_text_with_six_decimals() {
    assert_eq!(text("x := 'a' .. 1.5"), "a1.500000");
    assert_eq!(text("y := 1; x := 'a' .. (y + 1)"), "a2.000000");
}

#[test]
fn two_numbers_that_are_joined_give_nothing() {
    assert!(fails("x := 1 .. 2").contains("not set yet"));
}

#[test]
fn text_is_compared_with_numbers_by_its_number() {
    for (script, value) in [
        ("'2' > 1", 1.0),
        ("'true' == 1", 1.0),
        ("'false' == 0", 1.0),
        ("'b' > 'a'", 1.0),
        ("'10' > '9'", 0.0),
    ] {
        assert_eq!(number(&format!("x := {script}")), value, "{script}");
    }
    assert!(fails("x := 'abc' == 1").contains("`abc`"));
}

#[test]
fn a_text_as_a_condition_counts_by_the_number_it_begins_with() {
    assert_eq!(number("x := '0' ? 1 : 2"), 2.0);
    assert_eq!(number("x := '3 m' ? 1 : 2"), 1.0);
    assert!(fails("x := 'yes' ? 1 : 2").contains("`yes`"));
}

#[test]
fn statements_need_no_semicolon_between_them_and_may_have_several() {
    assert_eq!(number("y := 2 x := y"), 2.0);
    assert_eq!(number("x := 1;; x = 3;"), 3.0);
}

#[test]
fn an_assignment_is_an_expression() {
    assert_eq!(number("x := (y := 3) + 1"), 4.0);
    assert!(fails("1 := 2").contains("no blackboard entry"));
    assert!(fails("y := 1; 1 + y := 2").contains("no blackboard entry"));
}

#[test]
fn bits_are_for_integers() {
    assert!(fails("x := 1.5 & 1").contains("integer"));
    assert_eq!(number("x := 3.0 & 1"), 1.0);
}

#[test]
fn an_integer_that_does_not_fit_is_zero() {
    assert_eq!(number("x := 99999999999999999999"), 0.0);
}

#[test]
fn enumerations_are_numbers_in_scripts_and_in_switches() {
    let body = "<Sequence><Script code=\"x := BLUE; ok := x == BLUE\"/>\
                <Switch2 variable=\"{x}\" case_1=\"RED\" case_2=\"BLUE\"><a/><b/><c/></Switch2></Sequence>";
    let mut bench = Bench::of(&crate::common::wrap(body), &registry_with_enums(), "a=s b=s c=s");
    assert_eq!(bench.tick(), "S b");
    assert_eq!((bench.number("x"), bench.number("ok")), (3.0, 1.0));
}

#[test]
fn errors_have_their_place() {
    for (script, at) in [
        ("", 0),
        ("x :=", 4),
        ("x := )", 5),
        ("x := 1 +* 2", 8),
        ("x := (1", 7),
        ("x := 'a", 5),
        ("x := 3foo", 5),
        ("x := 65.", 5),
        ("; x", 0),
        ("x := #", 5),
        ("x := 1 ? 2", 10),
    ] {
        assert_eq!(place(script), at, "{script}");
    }
}

#[test]
fn a_script_has_a_greatest_length_and_depth() {
    assert!(ScriptSource::parse(&" ".repeat(SCRIPT_LIMIT + 1)).unwrap_err().to_string().contains("64 KiB"));
    let deep = |n: usize| format!("x := {}1{}", "(".repeat(n), ")".repeat(n));
    assert!(ScriptSource::parse(&deep(EXPRESSION_DEPTH_LIMIT / 2)).is_ok());
    let error = ScriptSource::parse(&deep(EXPRESSION_DEPTH_LIMIT * 100)).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 128"), "{error}");
}

#[test]
fn a_sum_has_a_greatest_number_of_terms() {
    let sum = |terms: usize| format!("x := {}1", "1+".repeat(terms - 1));
    assert_eq!(number(&sum(EXPRESSION_HEIGHT_LIMIT - 1)), (EXPRESSION_HEIGHT_LIMIT - 1) as f64);
    let error = ScriptSource::parse(&sum(30_000)).unwrap_err().to_string();
    assert!(error.contains("more than 1000 operations in a row"), "{error}");
}

#[test]
fn joined_text_has_a_greatest_length() {
    let doubled = |times: usize| format!("x := '0123456789abcdef'{}", "; x = x .. x".repeat(times));
    assert_eq!(text(&doubled(12)).len(), JOINED_LIMIT);
    let error = fails(&doubled(13));
    assert!(error.contains("the joined text has 131072 bytes; the limit is 65536"), "{error}");
    let error = fails(&format!("{}; x += 'a'", doubled(12)));
    assert!(error.contains("the joined text has 65537 bytes"), "{error}");
}
