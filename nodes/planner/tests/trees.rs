//! The trees that come with the planner, and the page of its nodes.

use outrider_bt::{Library, NoFiles};
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
