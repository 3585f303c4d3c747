//! The trees that come with the planner, and the page of its nodes.

use outrider_bt::{Library, NoFiles, Tree};
use outrider_planner::leaves;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_tree_of_the_repository_is_without_a_fault() {
    let mut count = 0;
    for folder in ["config/trees", "tests/trees"] {
        for file in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let library = Library::read(&path.display().to_string(), &text, &mut NoFiles).unwrap();
            assert_eq!(library.check(&leaves::registry()), Vec::new());
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} trees");
}

/// `outrider tree nodes > docs/trees.md` writes the page anew.
#[test]
fn the_page_of_all_nodes_is_that_of_the_registry() {
    let page = std::fs::read_to_string(root().join("docs/trees.md")).unwrap();
    let written = leaves::documentation();
    let differs = page.lines().zip(written.lines()).find(|(old, new)| old != new);
    assert_eq!(differs, None, "docs/trees.md: the first line that differs");
    assert_eq!(page.len(), written.len(), "docs/trees.md");
    for manifest in leaves::registry().manifests() {
        assert!(
            !manifest.doc.is_empty() && manifest.example.contains(&*manifest.id)
                || manifest.id.starts_with("Switch")
                || manifest.id.starts_with("Loop"),
            "{}",
            manifest.id
        );
        assert!(manifest.ports.iter().all(|port| !port.doc.is_empty()), "{}", manifest.id);
    }
}

/// A SpeedController with these numbers is refused in its line, or not: what is said.
fn speed_controller(numbers: &str) -> String {
    let xml = format!(
        "<root BTCPP_format=\"4\">\n<BehaviorTree ID=\"M\">\n<SpeedController {numbers}><FollowPath/></SpeedController>\n</BehaviorTree></root>"
    );
    Tree::parse(&xml, &leaves::registry()).err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn rates_and_speeds_that_cannot_be_are_refused() {
    for (numbers, wanted) in [
        ("min_rate=\"0\"", "port `min_rate` is 0, not between 0.001 and 1000"),
        ("max_rate=\"-1\"", "port `max_rate` is -1, not between"),
        ("min_rate=\"2\"", "port `min_rate` is 2, above `max_rate`, which is 1"),
        ("min_speed=\"0.8\"", "port `min_speed` is 0.8, above `max_speed`, which is 0.5"),
        ("min_speed=\"nan\"", "port `min_speed` is NaN, not between -100 and 100"),
        ("min_speed=\"-inf\" max_speed=\"inf\"", "port `min_speed` is -inf, not between"),
    ] {
        let said = speed_controller(numbers);
        assert!(said.contains("line 3") && said.contains(wanted), "{numbers}: {said}");
    }
    // What is in the blackboard is looked at when it is used.
    for sound in ["", "min_rate=\"{rate}\"", "min_speed=\"0.5\" max_speed=\"0.5\""] {
        assert_eq!(speed_controller(sound), "");
    }
}

/// Every example on the page is a node that can be built.
#[test]
fn the_examples_of_the_page_have_the_ports_of_their_nodes() {
    for manifest in leaves::registry().manifests() {
        let opening = manifest.example.split_once('>').map_or("", |(start, _)| start);
        // What stands between the quotes of one value and the next.
        let names = opening.split('"').step_by(2).filter_map(|before| before.trim().strip_suffix('='));
        let names = names.filter_map(|before| before.split_whitespace().last());
        for name in names.filter(|_| manifest.id != "SubTree") {
            assert!(manifest.ports.iter().any(|port| port.name == name), "{}: {name}", manifest.example);
        }
    }
}
