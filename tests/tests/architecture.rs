//! The architecture as ARCHITECTURE.md states it, checked over `cargo metadata` and the sources.

use outrider_evaluation::fence::{CORES, Packages, forbidden_words};
use outrider_evaluation::root;
use std::path::{Path, PathBuf};
use std::process::Command;

fn metadata() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_core_reaches_what_it_may_not() {
    let packages = Packages::from_metadata(&metadata()).unwrap();
    assert_eq!(packages.violations(), Vec::<String>::new());
    for core in CORES {
        assert!(packages.reach(core).contains("outrider_foundation"), "{core} is not in the workspace");
    }
}

/// The check above can fail: the same metadata with one forbidden edge is refused.
#[test]
fn a_forbidden_edge_is_found() {
    for (core, target) in [
        ("outrider_gate", "tokio"),
        ("outrider_planner", "outrider_sim"),
        ("outrider_foundation", "outrider_msgs"),
        ("outrider_stl", "tempfile"),
        ("outrider_stl", "outrider_gate"),
        ("outrider_bt", "outrider_planner"),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&metadata()).unwrap();
        let id = |name: &str| {
            let all = json["packages"].as_array().unwrap();
            all.iter().find(|p| p["name"] == name).unwrap()["id"].clone()
        };
        let (from, to) = (id(core), id(target));
        for node in json["resolve"]["nodes"].as_array_mut().unwrap() {
            if node["id"] == from {
                let edge = serde_json::json!({"name": "x", "pkg": to, "dep_kinds": [{"kind": null}]});
                node["deps"].as_array_mut().unwrap().push(edge);
            }
        }
        let violations = Packages::from_metadata(&json.to_string()).unwrap().violations();
        let sentence = format!("{core} reaches {target}");
        assert!(violations.contains(&sentence), "{sentence} is not in {violations:?}");
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let test_only = path.file_name().is_some_and(|n| n == "tests" || n == "tests.rs");
        if path.is_dir() && !test_only {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") && !test_only {
            into.push(path);
        }
    }
}

#[test]
fn no_core_names_a_clock_a_thread_a_file_or_a_hash_map() {
    let mut files = Vec::new();
    for folder in ["foundation", "stl", "bt", "world_model", "planner", "assurance", "gate", "sim"] {
        rust_files(&root().join("nodes").join(folder).join("src"), &mut files);
    }
    assert!(files.len() > 30, "only {} files", files.len());
    for file in files {
        let mut words = forbidden_words(&std::fs::read_to_string(&file).unwrap());
        // The one door to wider vector instructions: two calls, each behind the question whether the processor has them.
        if file.ends_with("planner/src/mppi/simd.rs") {
            let doors = words.extract_if(.., |(_, word)| word.starts_with("unsafe")).count();
            assert_eq!(doors, 2, "{}", file.display());
        }
        assert!(words.is_empty(), "{}: {words:?}", file.display());
    }
}

#[test]
fn a_forbidden_word_is_found() {
    assert_eq!(forbidden_words("fn f() {}\nlet t = std::time::Instant::now();\n"), [(2, "std::time")]);
    assert_eq!(forbidden_words("// std::time is not used\n#[cfg(test)]\nuse std::fs;\n"), []);
}

#[test]
fn source_files_stay_readable() {
    let mut files = Vec::new();
    for folder in ["nodes", "bags/src", "msgs/src", "msgs/generator", "tests/src", "tests/tests"] {
        rust_files(&root().join(folder), &mut files);
    }
    let long = |file: &&PathBuf| std::fs::read_to_string(file).unwrap().lines().count() > 600;
    let too_long: Vec<_> = files.iter().filter(long).collect();
    assert!(too_long.is_empty(), "over 600 lines: {too_long:?}");
}

/// `autotests` is off where a package's tests are one program: a file that `tests/main.rs` does not name would never run.
#[test]
fn no_file_of_tests_is_left_out() {
    let json: serde_json::Value = serde_json::from_str(&metadata()).unwrap();
    let mut files = 0;
    for package in json["packages"].as_array().unwrap().iter().filter(|p| p["source"].is_null()) {
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("tests");
        let Ok(main) = std::fs::read_to_string(folder.join("main.rs")) else { continue };
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, is_rust) =
                (path.file_stem().unwrap().to_str().unwrap(), path.extension().is_some_and(|e| e == "rs"));
            if is_rust && name != "main" {
                files += 1;
                assert!(
                    main.lines().any(|l| l == format!("mod {name};")),
                    "{} is in no program",
                    path.display()
                );
            }
        }
    }
    assert!(files > 40, "only {files} files");
}

/// Whoever adds a property finds it in the documentation, and shows that it can be violated.
#[test]
fn every_property_is_documented_and_tried_both_ways() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (page, tests) = (read("docs/monitoring.md"), read("nodes/assurance/src/tests/properties.rs"));
    let files: Vec<_> = std::fs::read_dir(root().join("config/assurance")).unwrap().collect();
    assert!(files.len() >= 11, "{files:?}");
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let requirement = text.lines().find_map(|l| l.strip_prefix("@requirement(\"")).unwrap();
        let requirement = requirement.trim_end_matches("\")");
        assert!(
            page.contains(&format!("| `{name}` | {requirement} |")),
            "{name} is not in docs/monitoring.md"
        );
        assert!(tests.contains(&format!("fn {name}()")), "{name} has no test");
    }
}
