//! Random trees of scripted leaves against the traces of BehaviorTree.CPP 4.10.0: 200 of 200 have to be equal.
//!
//! The traces are no part of this repository: `OUTRIDER_DATA` names the folder they are in, and the test says so where there is none.

use outrider_bt::trace::{Script, Trace, registry};
use outrider_bt::{Library, NoFiles};
use serde_json::Value;

/// The trace of a tree, in the form of the oracle.
fn trace(xml: &str, script: &Value, ticks: usize) -> Vec<Value> {
    let library = Library::read("oracle.xml", xml, &mut NoFiles).expect("the tree is read");
    let main = library.main().expect("there is a main tree");
    let tree = library.build(&registry(), &main).expect("the tree is built");
    let script = Script::from_json(&script.to_string()).expect("the script is read");
    let lines = Trace::new(tree, &script).expect("every leaf has a script").take(ticks);
    let without_words = |line: Value| match line.get("error") {
        Some(_) => serde_json::json!({ "tick": line["tick"], "error": true }),
        None => line,
    };
    lines.map(without_words).collect()
}

#[test]
fn random_trees_do_what_behaviortree_cpp_does() {
    let path = std::env::var("OUTRIDER_DATA").map(|data| format!("{data}/behavior_trees/traces.jsonl"));
    let Some(text) = path.ok().and_then(|path| std::fs::read_to_string(path).ok()) else {
        println!("skipped: OUTRIDER_DATA names no folder with behavior_trees/traces.jsonl");
        return;
    };
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("the oracle is JSON");
        let wanted = case["trace"].as_array().expect("a trace is a list");
        let got = trace(case["xml"].as_str().expect("XML is text"), &case["script"], wanted.len());
        count += 1;
        if let Some(at) = (0..wanted.len()).find(|at| got.get(*at) != wanted.get(*at)) {
            wrong.push(format!("{} tick {at}: got {:?}, wanted {}", case["id"], got.get(at), wanted[at]));
        }
    }
    println!("{} of {count} traces are equal", count - wrong.len());
    assert!(count > 0, "the oracle is empty");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
