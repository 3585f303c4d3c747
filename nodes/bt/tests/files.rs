//! Reading and checking files: one test a rule.

use crate::common::{expand, refused, wrap};
use outrider_bt::trace::{Stage, registry};
use outrider_bt::{
    BtError, DEPTH_LIMIT, FILE_LIMIT, INCLUDE_LIMIT, Include, Library, NESTING_LIMIT, NoFiles, Tree,
};
use outrider_bt::{Class, Kind, Manifest, NODE_LIMIT, Port, Registry, Severity, write_model};

/// Line, column and message.
fn error(xml: &str) -> (u32, u32, String) {
    match refused(xml) {
        BtError::Load { at, message, .. } => (at.line, at.column, message),
        other => panic!("{other}"),
    }
}

fn error_of(body: &str) -> String {
    refused(&wrap(body)).to_string()
}

#[test]
fn errors_have_line_and_column() {
    let xml = "<root BTCPP_format=\"4\">\n <BehaviorTree ID=\"M\">\n  <Sequence>\n   <Nothing/>\n  </Sequence>\n </BehaviorTree>\n</root>";
    assert_eq!(error(xml), (4, 4, "unknown node <Nothing>".to_owned()));
    let xml = xml.replace(
        "<Nothing/>",
        "<Repeat num_cycles=\"2\" name=\"höhe\" cycles=\"3\"><AlwaysSuccess/></Repeat>",
    );
    assert_eq!(error(&xml).0, 4);
    assert_eq!(error(&xml).1, 39);
    assert!(error(&xml).2.contains("has no port `cycles`; it has: num_cycles"), "{xml}");
}

#[test]
fn what_is_no_xml_is_refused_where_it_ends_being_it() {
    for (xml, line, column, word) in [
        ("", 1, 1, "there is no <root>"),
        ("<root>", 1, 7, "<root> of line 1 is not closed"),
        ("<root>\n</roof>", 2, 1, "expected </root> for line 1, found </roof>"),
        ("<root a=1/>", 1, 9, "must be in quotes"),
        ("<root a/>", 1, 8, "expected `=`"),
        ("<root a='1' a='2'/>", 1, 18, "there twice"),
        ("<root><!-- </root>", 1, 7, "the comment has no end"),
        ("<root></root><root/>", 1, 14, "only one element"),
        ("text<root/>", 1, 1, "text outside"),
        ("<tree/>", 1, 1, "expected <root>"),
        ("<1/>", 1, 2, "the name of an element"),
    ] {
        let found = error(xml);
        assert_eq!((found.0, found.1), (line, column), "{xml}: {}", found.2);
        assert!(found.2.contains(word), "{xml}: {}", found.2);
    }
}

#[test]
fn document_types_and_their_entities_are_refused() {
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><root>&b;</root>";
    let (line, column, message) = error(bomb);
    assert_eq!((line, column), (1, 1));
    assert!(message.contains("entities of its own are not allowed"), "{message}");
}

#[test]
fn less_and_ampersand_in_an_attribute_stand_for_themselves() {
    for script in ["1 < 2 && 3 < 4", "1 &lt; 2 &amp;&amp; 3 &lt; 4", "1 &#60; 2 &#x26;&#38; 3 < 4"] {
        assert_eq!(crate::common::run(&format!("<a _successIf=\"{script}\"/>"), "a=f", 1), ["S"], "{script}");
    }
}

#[test]
fn a_file_has_a_greatest_size_depth_and_number_of_elements() {
    let large = format!("<root>{}</root>", " ".repeat(FILE_LIMIT));
    assert!(error(&large).2.contains("the limit is 4194304"));
    let nested = |depth: usize| {
        wrap(&format!("{}<AlwaysSuccess/>{}", "<Inverter>".repeat(depth), "</Inverter>".repeat(depth)))
    };
    assert!(Tree::<Stage>::parse(&nested(NESTING_LIMIT), &registry()).is_ok());
    assert!(error(&nested(NESTING_LIMIT + 1)).2.contains("nested deeper than 256"));
    assert!(error(&nested(100_000)).2.contains("nested deeper than 256"));
    let wide = wrap(&format!("<Sequence>{}</Sequence>", "<AlwaysSuccess/>".repeat(NODE_LIMIT)));
    assert!(error(&wide).2.contains("more than 10000 nodes"));
    let wider = wrap(&format!("<Sequence>{}</Sequence>", "<AlwaysSuccess/>".repeat(100_000)));
    assert!(error(&wider).2.contains("more than 100000 elements"));
}

#[test]
fn subtrees_do_not_grow_without_limit() {
    let tree = |id: usize, body: String| format!("<BehaviorTree ID=\"T{id}\">{body}</BehaviorTree>");
    let double = |id: usize| {
        tree(id, format!("<Sequence>{0}{0}</Sequence>", format!("<SubTree ID=\"T{}\"/>", id + 1)))
    };
    let bomb: String = (0..40).map(double).collect();
    let xml =
        format!("<root main_tree_to_execute=\"T0\">{bomb}{}</root>", tree(40, "<AlwaysSuccess/>".to_owned()));
    assert!(error(&xml).2.contains("more than 10000 nodes"));
    let chain: String = (0..600).map(|id| tree(id, format!("<SubTree ID=\"T{}\"/>", id + 1))).collect();
    let xml = format!(
        "<root main_tree_to_execute=\"T0\">{chain}{}</root>",
        tree(600, "<AlwaysSuccess/>".to_owned())
    );
    assert!(error(&xml).2.contains(&format!("nested deeper than {DEPTH_LIMIT}")));
}

#[test]
fn a_tree_that_contains_itself_is_refused() {
    let xml = "<root main_tree_to_execute=\"A\"><BehaviorTree ID=\"A\"><SubTree ID=\"B\"/></BehaviorTree>\
               <BehaviorTree ID=\"B\"><SubTree ID=\"A\"/></BehaviorTree></root>";
    assert!(error(xml).2.contains("tree `A` contains itself"));
}

#[test]
fn files_that_are_included_are_limited_in_number() {
    let mut count = 0;
    let mut files = |_: &Include| {
        count += 1;
        Ok(format!("<root><include path=\"{count}.xml\"/></root>"))
    };
    let error = Library::read("m.xml", "<root><include path=\"a.xml\"/></root>", &mut files).unwrap_err();
    assert!(error.to_string().contains(&format!("more than {INCLUDE_LIMIT} files")), "{error}");
}

#[test]
fn numbers_of_children_are_checked() {
    assert!(error_of("<Sequence/>").contains("<Sequence> must have children"));
    assert!(error_of("<Inverter><a/><b/></Inverter>").contains("exactly one child, not 2"));
    assert!(error_of("<Leaf name=\"a\"><b/></Leaf>").contains("<Leaf> must not have children"));
    assert!(error_of("<TryCatch><a/></TryCatch>").contains("at least two children"));
    assert!(error_of("<a/><b/>").contains("exactly one child"));
}

#[test]
fn values_of_ports_are_checked() {
    assert!(
        error_of("<Repeat num_cycles=\"x\"><a/></Repeat>")
            .contains("port `num_cycles`: `x` can not be converted to int")
    );
    assert!(error_of("<Delay delay_msec=\"-1\"><a/></Delay>").contains("unsigned int"));
    assert!(error_of("<a _skipIf=\"1 +\"/>").contains("expected an operand, found the end"));
    assert!(error_of("<Script code=\"1 +\"/>").contains("expected an operand"));
    assert!(error_of("<Script/>").contains("port `code` is missing"));
}

#[test]
fn nodes_may_be_written_with_their_class() {
    let body = "<Control ID=\"Sequence\"><Action ID=\"Leaf\" name=\"a\"/><Condition ID=\"Check\" name=\"p\"/></Control>";
    assert_eq!(crate::common::run(body, "a=s p=s", 1), ["S a p"]);
    assert!(error_of("<Action name=\"a\"/>").contains("<Action> needs the attribute ID"));
    assert!(error_of("<Leaf ID=\"b\" name=\"a\"/>").contains("ID is not allowed in <Leaf>"));
}

#[test]
fn the_tree_to_be_executed_has_to_be_clear() {
    let two = "<root><BehaviorTree ID=\"A\"><AlwaysSuccess/></BehaviorTree><BehaviorTree ID=\"B\"><AlwaysSuccess/></BehaviorTree></root>";
    assert!(error(two).2.contains("main_tree_to_execute must say"));
    let one = "<root><BehaviorTree><AlwaysSuccess/></BehaviorTree></root>";
    assert!(Tree::<Stage>::parse(one, &registry()).is_ok());
    assert!(
        error(
            "<root main_tree_to_execute=\"X\"><BehaviorTree ID=\"A\"><AlwaysSuccess/></BehaviorTree></root>"
        )
        .2
        .contains("there is no tree `X`")
    );
}

/// What `check` says, without the file.
fn check(body: &str) -> Vec<String> {
    let body = expand(body).replace("<root", "<root BTCPP_format=\"4\"");
    let library = Library::read("t.xml", &body, &mut NoFiles).unwrap();
    library.check(&registry()).iter().map(|problem| problem.to_string().replace("t.xml:", "")).collect()
}

#[test]
fn check_finds_all_errors_also_of_trees_that_are_not_used() {
    let found = check(
        "<root main_tree_to_execute=\"M\">\n<BehaviorTree ID=\"M\"><Sequence>\n<Repeat><a/></Repeat>\n<Nope/>\n\
         <RecoveryNode><a/></RecoveryNode></Sequence></BehaviorTree>\n<BehaviorTree ID=\"N\"><b cycles=\"1\"/></BehaviorTree></root>",
    );
    assert_eq!(
        found,
        [
            "3:1: error: <Repeat> needs the port `num_cycles`",
            "4:1: error: unknown node <Nope>",
            "5:1: error: <RecoveryNode> must have 2 children, not 1",
            "6:1: warning: tree `N` is never reached from `M`",
            "6:37: error: <Leaf> has no port `cycles`; it has: none",
        ]
    );
}

#[test]
fn check_finds_nodes_that_are_never_reached() {
    let found = check(
        "<root><BehaviorTree ID=\"M\"><Sequence>\n<Fallback><AlwaysSuccess/>\n<a/></Fallback>\n<ForceFailure><Script code=\"1\"/></ForceFailure>\n<b/>\n\
         <IfThenElse><AlwaysFailure/><c/>\n<d/></IfThenElse></Sequence></BehaviorTree></root>",
    );
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with(
        "3:1: warning: <Leaf> is never reached: <AlwaysSuccess> in line 2 always ends the <Fallback>"
    ));
    assert!(found[1].starts_with("5:1: warning: <Leaf> is never reached: <ForceFailure> in line 4"));
    assert!(found[2].starts_with("6:1: warning: <IfThenElse> is never reached"));
    assert!(found[3].starts_with("6:29: warning: <Leaf> is never reached: the condition is constant"));
    // A condition around a node may change its status.
    assert!(check("<root><BehaviorTree ID=\"M\"><Sequence><AlwaysFailure _skipIf=\"x\"/><a/></Sequence></BehaviorTree></root>").is_empty());
}

#[test]
fn check_takes_nodes_that_the_file_describes() {
    let xml = "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Sequence><Grip force=\"1\" object=\"{o}\"/></Sequence></BehaviorTree>\
               <TreeNodesModel><Action ID=\"Grip\"><input_port name=\"force\"/><input_port name=\"speed\"/><output_port name=\"object\"/></Action></TreeNodesModel></root>";
    let library = Library::read("t.xml", xml, &mut NoFiles).unwrap();
    let mut registry: Registry<Stage> = registry();
    assert!(library.check(&registry).iter().any(|p| p.message == "unknown node <Grip>"));
    for manifest in library.declared() {
        registry.declare(manifest);
    }
    let problems = library.check(&registry);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(
        (problems[0].severity, problems[0].message.as_str()),
        (Severity::Warning, "<Grip> needs the port `speed`")
    );
    assert!(library.build(&registry, "M").err().unwrap().to_string().contains("not known here"));
}

/// What `check` says of one node in a tree, without the place.
fn doubts(node: &str) -> Vec<String> {
    let found = check(&format!("<root><BehaviorTree ID=\"M\">{node}</BehaviorTree></root>"));
    found.iter().map(|problem| problem.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn check_makes_the_leaves_and_tells_why_one_is_refused() {
    let mut registry: Registry<Stage> = registry();
    let port = Port::input("wait_s", Kind::Double, "").or("1.0");
    registry.leaf(Manifest::new("Stand", Class::Action, "", "").ports([port]), |io| {
        if io.is_constant("wait_s") {
            io.number_in("wait_s", 0.05, 10.0)?;
        }
        Err(Box::new(BtError::Value("made".to_owned())))
    });
    let said = |value: &str| {
        let xml = format!(
            "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Stand wait_s=\"{value}\"/></BehaviorTree></root>"
        );
        let library = Library::read("t.xml", &xml, &mut NoFiles).unwrap();
        library.check(&registry).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let error = "t.xml:1:45: error: <Stand>: port `wait_s` is 99, not between 0.05 and 10";
    assert_eq!(said("99"), [error]);
    assert!(said("nan")[0].contains("is NaN, not between"));
    assert!(said("5")[0].contains("made") && said("{s}")[0].contains("made"));
}

#[test]
fn check_warns_of_attributes_that_nobody_reads() {
    let known = "the attribute `_skipif` is not known and does nothing; there is `_skipIf`";
    assert_eq!(doubts("<a _skipif=\"1\"/>"), [format!("warning: {known}")]);
    let found = doubts("<a _autoremap=\"1\" _failWhen=\"1\"/>");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("`_failWhen`") && found[1].contains("_failureIf, _successIf"), "{found:?}");
    let guards = "_failureIf=\"0\" _successIf=\"0\" _skipIf=\"0\" _while=\"1\" _onSuccess=\"1\" _onFailure=\"1\" _post=\"1\" _onHalted=\"1\"";
    assert!(doubts(&format!("<a {guards} _description=\"so\" _fullpath=\"a\" _uid=\"1\"/>")).is_empty());
    let subtree = "<root main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\"><SubTree ID=\"N\" _autoremap=\"1\" _skipif=\"1\" x=\"1\"/></BehaviorTree>\
                   <BehaviorTree ID=\"N\"><a/></BehaviorTree></root>";
    assert_eq!(check(subtree).len(), 1, "{:?}", check(subtree));
}

#[test]
fn check_warns_of_numbers_that_are_cut_off() {
    for (node, port, value, read) in [
        ("<Repeat num_cycles=\"1e3\"><a/></Repeat>", "num_cycles", "1e3", "1"),
        ("<Timeout msec=\"5.9sec\"><a/></Timeout>", "msec", "5.9sec", "5"),
        ("<RateController hz=\"1,5\"><a/></RateController>", "hz", "1,5", "1"),
    ] {
        let wanted =
            format!("warning: port `{port}`: `{value}` counts as {read}: what follows the number is lost");
        assert_eq!(doubts(node), [wanted]);
    }
    for node in [
        "<Repeat num_cycles=\"-1\"><a/></Repeat>",
        "<Repeat num_cycles=\"{1e3}\"><a/></Repeat>",
        "<Repeat num_cycles=\"3 \"><a/></Repeat>",
        "<RateController hz=\"1.5e1\"><a/></RateController>",
    ] {
        assert!(doubts(node).is_empty(), "{node}: {:?}", doubts(node));
    }
}

#[test]
fn check_finds_constants_that_fail_in_every_tick() {
    for (node, wanted) in [
        (
            "<Parallel success_count=\"3\"><a/><b/></Parallel>",
            "error: success_count is 3, but there are 2 children",
        ),
        (
            "<Parallel failure_count=\"3\"><a/><b/></Parallel>",
            "error: failure_count is 3, but there are 2 children",
        ),
        (
            "<ParallelAll max_failures=\"9\"><a/><b/></ParallelAll>",
            "error: max_failures is 9, but there are 2",
        ),
        (
            "<Precondition if=\"1\" else=\"FAIL\"><a/></Precondition>",
            "error: port `else` is `FAIL`: there are RUNNING",
        ),
        ("<Precondition if=\"1\" else=\"IDLE\"><a/></Precondition>", "error: port `else` is `IDLE`"),
        ("<Precondition if=\"\"><a/></Precondition>", "error: port `if`: the script is empty"),
        (
            "<LoopInt queue=\"1\" if_empty=\"no\" value=\"{v}\"><a/></LoopInt>",
            "error: port `if_empty` is `no`",
        ),
        (
            "<LoopInt queue=\"1\" value=\"7\"><a/></LoopInt>",
            "warning: port `value` is written: it needs an entry like {value}, not `7`",
        ),
        ("<ScriptCondition code=\"\"/>", "error: port `code`: the script is empty"),
        ("<RateController hz=\"0\"><a/></RateController>", "warning: port `hz` is 0: a rate is above 0"),
        ("<RateController hz=\"nan\"><a/></RateController>", "warning: port `hz` is nan"),
        (
            "<PersistentSequence current_child_idx=\"0\"><a/><b/></PersistentSequence>",
            "warning: port `current_child_idx` is written: it needs an entry like {current_child_idx}, not `0`",
        ),
    ] {
        let found = doubts(node);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{node}: {found:?}");
    }
    for node in [
        "<Parallel success_count=\"2\" failure_count=\"-5\"><a/><b/></Parallel>",
        "<Parallel success_count=\"{n}\"><a/><b/></Parallel>",
        "<Precondition if=\"1\" else=\"SKIPPED\"><a/></Precondition>",
        "<Precondition if=\"1\" else=\"{s}\"><a/></Precondition>",
        "<Script code=\"\"/>",
        "<PersistentSequence current_child_idx=\"{=}\"><a/><b/></PersistentSequence>",
    ] {
        assert!(doubts(node).is_empty(), "{node}: {:?}", doubts(node));
    }
}

#[test]
fn check_warns_of_another_format_and_of_files_that_the_planner_does_not_take() {
    let mut files = |_: &Include| Ok("<root BTCPP_format=\"4\"/>".to_owned());
    let mut said = |root: &str| {
        let xml = format!("{root}<BehaviorTree ID=\"M\"><AlwaysSuccess/></BehaviorTree></root>");
        let library = Library::read("t.xml", &xml, &mut files).unwrap();
        library.check(&registry()).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(said("<root>"), ["t.xml:1:1: warning: <root> should say BTCPP_format=\"4\""]);
    assert_eq!(
        said("<root BTCPP_format=\"3\">"),
        ["t.xml:1:7: warning: BTCPP_format is `3`: it is read as if it were 4"]
    );
    assert_eq!(
        said("<root BTCPP_format=\"4\"><include path=\"o.xml\"/>"),
        ["t.xml:1:24: warning: the planner takes no <include>: its tree has to be one file"]
    );
}

#[test]
fn a_file_without_a_tree_says_so_and_one_without_a_name_is_told_by_line_and_column() {
    let error = refused("<root BTCPP_format=\"4\"></root>").to_string();
    assert_eq!(error, "line 1, column 1: there is no tree: <root> holds no <BehaviorTree>");
    assert_eq!(check("<root></root>"), ["1:1: error: there is no tree: <root> holds no <BehaviorTree>"]);
}

/// What Groot2 loads as a palette can be read again, and says the same.
#[test]
fn the_model_for_groot_describes_every_node() {
    let registry: Registry<Stage> = registry();
    let library = Library::read("model.xml", &write_model(&registry, true), &mut NoFiles).unwrap();
    let declared = library.declared();
    let own: Vec<_> = registry.manifests().filter(|manifest| manifest.class != Class::SubTree).collect();
    assert_eq!(declared.len(), own.len());
    for (read, own) in declared.iter().zip(own) {
        assert_eq!((&read.id, read.class), (&own.id, own.class));
        let ports = |manifest: &Manifest| -> Vec<_> {
            manifest
                .ports
                .iter()
                .map(|p| (p.name.clone(), p.direction, p.default.clone(), p.doc.clone()))
                .collect()
        };
        assert_eq!(ports(read), ports(own), "{}", own.id);
    }
    let user = write_model(&registry, false);
    assert!(
        user.contains("<Action ID=\"Leaf\"/>")
            && user.contains("PipelineSequence")
            && !user.contains("\"Sequence\"")
    );
}
