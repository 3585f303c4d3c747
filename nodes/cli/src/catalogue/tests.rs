#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use super::*;
use std::fs;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn library() -> Library {
    let root = repository();
    Library::read(&root.join("tests/scenarios"), &root.join("config/release_gate.yaml")).unwrap()
}

#[test]
fn the_library_is_as_it_should_be() {
    assert_eq!(library().problems(), Vec::<String>::new());
}

#[test]
fn the_page_of_the_library_is_what_would_be_written() {
    let page = fs::read_to_string(repository().join("docs/scenarios.md")).unwrap();
    assert!(page == page::text(&library()), "run `outrider scenarios --write docs/scenarios.md`");
}

#[test]
fn sixty_scenarios_in_sixteen_families() {
    let library = library();
    let families: BTreeSet<_> = library.standard.iter().filter_map(|e| e.scenario.family).collect();
    assert!(library.standard.len() >= 60, "{}", library.standard.len());
    assert_eq!(families.len(), 16, "{families:?}");
}

#[test]
fn the_class_follows_from_the_rating() {
    let class = |text: &str| Rating::of(text).map(Rating::class);
    assert_eq!(class("S2 E3 C1: because"), Some(CriticalityClass::Critical));
    assert_eq!(class("S1 E4 C3: because"), Some(CriticalityClass::Major));
    assert_eq!(class("S3 E1 C1: because"), Some(CriticalityClass::Major));
    assert_eq!(class("S1 E2 C1: because"), Some(CriticalityClass::Minor));
    assert_eq!(class("S0 E4 C3: because"), Some(CriticalityClass::Minor));
    for none in ["because", "S4 E1 C1: because", "S1 E0 C1: x", "S1 E1: x", "E1 S1 C1: x", "S1 E1 C1 D1: x"] {
        assert_eq!(Rating::of(none), None, "{none}");
    }
}

/// What the first scenario of the library is told for, after a change.
fn told(change: impl Fn(&mut Library)) -> Vec<String> {
    let mut library = library();
    change(&mut library);
    library.problems()
}

fn says(problems: &[String], part: &str) {
    assert!(problems.iter().any(|p| p.contains(part)), "{part}: {problems:?}");
}

#[test]
fn what_is_wrong_with_a_library_is_told() {
    says(&told(|l| l.standard[0].scenario.id.push('x')), "file and id are to have the same name");
    says(&told(|l| l.standard[0].scenario.family = None), "it has no family");
    says(&told(|l| l.standard[0].file = "elsewhere/x.yaml".to_owned()), "belongs into that folder");
    says(&told(|l| l.standard[0].scenario.requirements.clear()), "it tries no requirement");
    says(&told(|l| l.standard[0].scenario.criticality = None), "it has no criticality");
    says(&told(|l| l.standard.push(l.standard[0].clone())), "is there twice");
    says(&told(|l| l.critical.extend(["nobody".to_owned()])), "`nobody` is no critical scenario");
    says(&told(|l| l.critical.clear()), "nothing in it covers");
    says(&told(|l| l.situations[0].id.push('x')), "no critical scenario covers");
    let rated = |text: &str| {
        let text = text.to_owned();
        told(move |l| l.standard[0].scenario.criticality.as_mut().unwrap().rationale = text.clone())
    };
    says(&rated("why not"), "does not begin with a rating");
    says(&rated("S3 E4 C3: terrible"), "its rating makes it Critical");
    says(
        &told(|l| {
            let criticality = l.standard[0].scenario.criticality.as_mut().unwrap();
            criticality.covers.push("flood".to_owned());
        }),
        "it covers `flood`, which is not in the release policy's list",
    );
}

/// A library of one shipped scenario, after a change.
fn library_of_one(folder: &Path, change: impl Fn(String) -> String) {
    let family = folder.join("crossing");
    fs::create_dir(&family).unwrap();
    let text = fs::read_to_string(repository().join("tests/scenarios/crossing/person_crosses.yaml")).unwrap();
    fs::write(family.join("person_crosses.yaml"), change(text)).unwrap();
    for suite in [STANDARD, CRITICAL] {
        fs::write(folder.join(suite), "scenarios: [crossing]\n").unwrap();
    }
    let policy = fs::read_to_string(repository().join("config/release_gate.yaml")).unwrap();
    fs::write(folder.join("policy.yaml"), policy).unwrap();
}

#[test]
fn files_that_are_not_there_are_told() {
    let config = repository().join("config");
    let here = library();
    assert_eq!(here.unreadable(&repository().join("tests/scenarios"), &config), Vec::<String>::new());
    let folder = tempfile::tempdir().unwrap();
    library_of_one(folder.path(), |text| {
        let world = text.lines().find(|l| l.starts_with("world:")).unwrap();
        text.replace(world, "world: worlds/nix.sdf")
    });
    let policy = folder.path().join("policy.yaml");
    let told = Library::read(folder.path(), &policy).unwrap().unreadable(folder.path(), &config);
    says(&told, "person_crosses.yaml: line ");
    says(&told, ": world: ");
    says(&told, "worlds/nix.sdf: No such file");
    let again = tempfile::tempdir().unwrap();
    library_of_one(again.path(), |text| text + "events: [{at_s: 1.0, set: {lidar.nope: 1}}]\n");
    let policy = again.path().join("policy.yaml");
    let told = Library::read(again.path(), &policy).unwrap().unreadable(again.path(), &config);
    says(&told, "`lidar.nope`: there is no such key");
}

#[test]
fn what_one_value_of_many_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    library_of_one(folder.path(), |text| {
        let world = text.lines().find(|l| l.starts_with("world:")).unwrap();
        let choices = "parameters:\n  w: {choices: [worlds/hall.sdf, worlds/typo.sdf]}";
        text.replace(world, "world: $w").replace("parameters:", choices)
    });
    let read = Library::read(folder.path(), &folder.path().join("policy.yaml")).unwrap();
    let told = read.unreadable(folder.path(), &repository().join("config"));
    says(&told, "worlds/typo.sdf: No such file");
}

#[test]
fn with_something_to_complain_of_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    library_of_one(folder.path(), |text| text.replace("worlds/", "nowhere/"));
    let page = folder.path().join("page.md");
    let args = Args {
        library: folder.path().to_owned(),
        policy: folder.path().join("policy.yaml"),
        config: repository().join("config"),
        write: Some(page.clone()),
    };
    assert_eq!(run(args).unwrap(), ExitCode::FAILURE);
    assert!(!page.exists());
}
