//! Subtrees, blackboards and ports: one test a rule.

use crate::common::{Bench, expand, refused};
use outrider_bt::trace::{Stage, registry};
use outrider_bt::{Include, Kind, Library, Value};

/// A main tree with a subtree `S`.
fn two(main: &str, sub: &str, leaves: &str) -> Bench {
    Bench::file(&xml(main, sub), leaves)
}

fn xml(main: &str, sub: &str) -> String {
    let (main, sub) = (expand(main), expand(sub));
    format!(
        "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\">{main}</BehaviorTree>\
         <BehaviorTree ID=\"S\">{sub}</BehaviorTree></root>"
    )
}

#[test]
fn a_subtree_has_a_blackboard_of_its_own() {
    let body = "<Sequence><Script code=\"x := 1\"/><SubTree ID=\"S\"/></Sequence>";
    assert_eq!(two(body, "<Script code=\"y := x\"/>", "").tick(), "error");
    let mut bench = two(body, "<Script code=\"x := 5\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("x"), 1.0);
}

#[test]
fn an_attribute_with_braces_gives_an_entry_of_the_parent_another_name() {
    let body = "<Sequence><Script code=\"x := 1\"/><SubTree ID=\"S\" inner=\"{x}\"/></Sequence>";
    let mut bench = two(body, "<Script code=\"inner = inner + 6\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("x"), 7.0);
}

#[test]
fn an_entry_that_a_subtree_makes_is_the_parents_if_it_has_a_name_there() {
    let mut bench = two("<SubTree ID=\"S\" inner=\"{made}\"/>", "<Script code=\"inner := 6\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("made"), 6.0);
}

#[test]
fn braces_with_an_equal_sign_mean_the_same_name() {
    let body = "<Sequence><Script code=\"x := 1\"/><SubTree ID=\"S\" x=\"{=}\"/></Sequence>";
    let mut bench = two(body, "<Script code=\"x = 4\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("x"), 4.0);
    let body =
        "<Sequence><Script code=\"num_cycles := 2\"/><Repeat num_cycles=\"{=}\"><a/></Repeat></Sequence>";
    assert_eq!(crate::common::run(body, "a=s", 2), ["R a", "S a"]);
}

#[test]
fn autoremap_shares_all_names_but_private_ones() {
    let body =
        "<Sequence><Script code=\"x := 1; _p := 1\"/><SubTree ID=\"S\" _autoremap=\"true\"/></Sequence>";
    let mut bench = two(body, "<Script code=\"x = 4; _p := 9\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!((bench.number("x"), bench.number("_p")), (4.0, 1.0));
}

#[test]
fn a_constant_belongs_to_the_subtree_also_with_autoremap() {
    let body =
        "<Sequence><Script code=\"x := 1\"/><SubTree ID=\"S\" _autoremap=\"true\" x=\"9\"/></Sequence>";
    let mut bench = two(body, "<Script code=\"y := x\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!((bench.number("x"), bench.number("y")), (1.0, 9.0));
}

#[test]
fn a_constant_that_is_a_number_can_be_reckoned_with() {
    let mut bench =
        two("<SubTree ID=\"S\" a=\"2\" b=\"0.5\" r=\"{r}\"/>", "<Script code=\"r := a + b\"/>", "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("r"), 2.5);
}

#[test]
fn at_means_the_roots_blackboard_in_scripts_and_ports() {
    let body = "<Sequence><Script code=\"n := 2\"/><SubTree ID=\"S\"/></Sequence>";
    let sub =
        "<Sequence><Script code=\"@made := @n + 1\"/><Repeat num_cycles=\"{@n}\"><a/></Repeat></Sequence>";
    let mut bench = two(body, sub, "a=s");
    assert_eq!(bench.run(2), ["R a", "S a"]);
    assert_eq!(bench.number("made"), 3.0);
}

#[test]
fn set_blackboard_writes_values_and_copies_entries() {
    let body = "<Sequence><SetBlackboard value=\"12\" output_key=\"a1\"/><SetBlackboard value=\"13\" output_key=\"a1\"/>\
                <Script code=\"b1 := 7\"/><SetBlackboard value=\"{b1}\" output_key=\"c1\"/></Sequence>";
    let mut bench = Bench::new(body, "");
    assert_eq!(bench.tick(), "S");
    assert_eq!((bench.text("a1").as_str(), bench.number("c1")), ("13", 7.0));
}

#[test]
fn set_blackboard_empties_an_entry_that_a_script_made() {
    let body = "<Sequence><Script code=\"x := 1\"/><SetBlackboard value=\"5\" output_key=\"x\"/></Sequence>";
    let mut bench = Bench::new(body, "");
    assert_eq!(bench.tick(), "S");
    assert!(bench.tree.blackboards().look(0, "x").unwrap().value.is_empty());
}

#[test]
fn set_blackboard_of_an_entry_that_is_not_there_is_an_error() {
    let body = "<SetBlackboard value=\"{y}\" output_key=\"x\"/>";
    // The port itself makes the entry, without a value.
    assert_eq!(crate::common::run(body, "", 1), ["F"]);
}

#[test]
fn unset_blackboard_removes_an_entry() {
    let body =
        "<Sequence><Script code=\"x := 1\"/><UnsetBlackboard key=\"x\"/><Script code=\"x = 2\"/></Sequence>";
    assert_eq!(crate::common::run(body, "", 1), ["error"]);
}

#[test]
fn a_port_reads_text_of_an_entry_as_its_own_type() {
    let body = "<Sequence><Script code=\"n := '2'\"/><Repeat num_cycles=\"{n}\"><a/></Repeat></Sequence>";
    assert_eq!(crate::common::run(body, "a=s", 2), ["R a", "S a"]);
}

#[test]
fn a_port_of_an_entry_without_a_value_is_an_error() {
    let error = Bench::new("<Repeat num_cycles=\"{n}\"><a/></Repeat>", "a=s").error();
    assert!(error.contains("port `num_cycles`: entry `n` is not there or not set yet"), "{error}");
}

#[test]
fn an_entry_has_one_type_for_all_ports() {
    let body =
        "<Sequence><Repeat num_cycles=\"{n}\"><a/></Repeat><Delay delay_msec=\"{n}\"><b/></Delay></Sequence>";
    let error = refused(&crate::common::wrap(body)).to_string();
    assert!(error.contains("entry `n` is of type int; port `delay_msec` is of type unsigned int"), "{error}");
}

#[test]
fn the_model_of_a_subtree_gives_defaults_and_asks_for_ports() {
    let model = |port: &str| {
        let xml = xml("<SubTree ID=\"S\"/>", "<Script code=\"@y := n + 1\"/>");
        xml.replace(
            "</root>",
            &format!("<TreeNodesModel><SubTree ID=\"S\">{port}</SubTree></TreeNodesModel></root>"),
        )
    };
    let mut bench = Bench::file(&model("<input_port name=\"n\" default=\"3\"/>"), "");
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("y"), 4.0);
    let error = refused(&model("<input_port name=\"n\"/>")).to_string();
    assert!(error.contains("subtree `S` needs the port `n`"), "{error}");
}

#[test]
fn a_subtree_is_skipped_and_halted_with_what_is_in_it() {
    let body = "<ReactiveSequence><p/><SubTree ID=\"S\"/></ReactiveSequence>";
    assert_eq!(two(body, "<Sequence><a/></Sequence>", "p=sf a=r").run(2), ["R p a", "F p !a"]);
    assert_eq!(two(body, "<Sequence><a/></Sequence>", "p=k a=k").run(1), ["K p a"]);
}

#[test]
fn paths_have_the_names_of_the_subtrees() {
    let bench = two(
        "<Sequence name=\"top\"><SubTree ID=\"S\"/><SubTree ID=\"S\" name=\"second\"/></Sequence>",
        "<a/>",
        "a=s",
    );
    let paths: Vec<_> = bench.tree.nodes().map(|(info, _)| info.path.clone()).collect();
    assert_eq!(paths, ["top", "S::2", "S::2/a", "second", "second/a"]);
}

#[test]
fn two_subtrees_of_one_name_are_refused() {
    let body = "<Sequence><SubTree ID=\"S\" name=\"n\"/><SubTree ID=\"S\" name=\"n\"/></Sequence>";
    assert!(refused(&xml(body, "<a/>")).to_string().contains("two subtrees have the path `n`"));
}

#[test]
fn included_files_are_looked_for_beside_the_file_and_in_packages() {
    let main = "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\"><include path=\"sub/s.xml\"/>\
                <include ros_pkg=\"robot\" path=\"t.xml\"/><BehaviorTree ID=\"M\"><Sequence><SubTree ID=\"S\"/>\
                <SubTree ID=\"T\"/></Sequence></BehaviorTree></root>";
    let tree = |id: &str| {
        format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"{id}\"><AlwaysSuccess/></BehaviorTree></root>")
    };
    let mut asked = Vec::new();
    let mut files = |include: &Include| {
        asked.push((include.path.display().to_string(), include.package.clone()));
        Ok(tree(if include.package.is_some() { "T" } else { "S" }))
    };
    let library = Library::read("trees/main.xml", main, &mut files).unwrap();
    assert_eq!(library.trees().collect::<Vec<_>>(), ["M", "S", "T"]);
    assert!(library.build::<Stage>(&registry(), "M").is_ok());
    assert_eq!(asked, [("trees/sub/s.xml".to_owned(), None), ("t.xml".to_owned(), Some("robot".to_owned()))]);
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let xml = "<root BTCPP_format=\"4\">\n  <include path=\"a.xml\"/></root>";
    let error = Library::read("a.xml", xml, &mut |_: &Include| Ok(String::new())).unwrap_err();
    assert_eq!(error.to_string(), "a.xml:2:3: a.xml includes itself");
}

#[test]
fn values_that_the_user_sets_are_read_by_scripts() {
    let mut bench = Bench::new("<Script code=\"y := x * 2\"/>", "");
    bench.tree.set("x", Value::from(2.5)).unwrap();
    assert_eq!(bench.tick(), "S");
    assert_eq!(bench.number("y"), 5.0);
    assert_eq!(bench.tree.blackboards().look(0, "x").unwrap().kind, Kind::Double);
}
