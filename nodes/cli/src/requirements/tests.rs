#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use super::*;
use std::fs;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn told(change: impl Fn(&mut Trace)) -> Vec<String> {
    let mut trace = Trace::read(&repository()).unwrap();
    change(&mut trace);
    trace.problems(&repository())
}

fn says(problems: &[String], part: &str) {
    assert!(problems.iter().any(|p| p.contains(part)), "{part}: {problems:?}");
}

#[test]
fn every_requirement_is_shown_by_what_is_there() {
    assert_eq!(told(|_| ()), Vec::<String>::new());
}

/// With the options whose defaults lead nowhere outside of the repository.
#[test]
fn what_is_not_there_is_told_with_the_option_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (root, nowhere) = (folder.path().to_str().unwrap(), folder.path().join("config"));
    let nowhere = nowhere.to_str().unwrap();
    let scenario = repository().join("tests/scenarios/missions.yaml");
    let scenario = scenario.to_str().unwrap();
    for (words, wanted) in [
        (["requirements", "--root", root].as_slice(), "--root names the repository"),
        (&["sim", scenario, "--config", nowhere], "--config names the configuration folder"),
        (&["tracking", scenario, "--config", nowhere], "--config names the configuration folder"),
        (&["barn", root, "--config", nowhere], "--config names the configuration folder"),
        (&["scenarios", root, "--config", nowhere], "--config names the configuration folder"),
        (&["scenarios", root, "--config", root, "--policy", nowhere], "--policy names the release policy"),
    ] {
        let line = ["outrider"].iter().chain(words);
        let said = <crate::Cli as clap::Parser>::parse_from(line).run().unwrap_err().to_string();
        assert!(said.contains("it is not there; ") && said.ends_with(wanted), "{said}");
    }
}

#[test]
fn the_matrix_is_what_would_be_written() {
    let page = fs::read_to_string(repository().join("docs/traceability.md")).unwrap();
    let trace = Trace::read(&repository()).unwrap();
    assert!(page == page::text(&trace), "run `outrider requirements --write docs`");
}

#[test]
fn what_is_wrong_with_requirements_is_told() {
    says(&told(|t| t.requirements.push(t.requirements[0].clone())), "it is there twice");
    says(
        &told(|t| {
            t.requirements[0].id = "OUT-NEW-1".to_owned();
            t.requirements[0].verified_by.tests.clear();
        }),
        "OUT-NEW-1: no scenario and no test shows it",
    );
    let verified = |change: &dyn Fn(&mut VerifiedBy)| told(|t| change(&mut t.requirements[0].verified_by));
    says(&verified(&|v| v.scenarios.push("nothing".to_owned())), "there is no scenario `nothing`");
    says(&verified(&|v| drop(v.scenarios.pop())), "is missing in its list");
    says(&verified(&|v| v.tests.push("README.md::nothing".to_owned())), "README.md has no test `nothing`");
    says(&verified(&|v| v.tests.push("nowhere.rs::nothing".to_owned())), "nowhere.rs: ");
    says(&verified(&|v| v.tests.push("nothing".to_owned())), "a test is FILE::FUNCTION");
    says(&verified(&|v| v.gate.push("pass_rate.none".to_owned())), "has no key `pass_rate.none`");
    says(
        &told(|t| t.library.standard[0].scenario.requirements.push("OUT-NO-1".to_owned())),
        "there is no requirement `OUT-NO-1`",
    );
    says(
        &told(|t| t.properties.extend([("x.stl".to_owned(), "OUT-NO-2".to_owned())])),
        "config/assurance/x.stl: there is no requirement `OUT-NO-2`",
    );
}

#[test]
fn only_tests_are_tests() {
    let text = "#[test]\n// why\n#[cold]\nfn one() {}\nfn two() {}\n    #[test]\n    fn three() {}\n";
    assert!(rust_test(text, "one") && rust_test(text, "three"));
    assert!(!rust_test(text, "two") && !rust_test(text, "on"));
    let text = "#[ignore]\n#[test]\nfn one() {}\n#[test]\n#[ignore = \"slow\"]\nfn two() {}\n#[test]\nfn three() {}\n";
    assert!(!rust_test(text, "one") && !rust_test(text, "two") && rust_test(text, "three"));
    let text = "class T:\n    def test_one(self):\n        pass\ndef helper():\n    pass\n";
    assert!(python_test(text, "test_one") && !python_test(text, "helper") && !python_test(text, "test_on"));
}
