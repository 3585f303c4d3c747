//! The folder of results.

use super::super::store::{
    Finished, Manifest, Reproduced, RunResult, RunTiming, Status, StepTimes, Store, digest, read,
};
use super::*;

/// The plan of the short suite; nothing reads its files any more.
fn short() -> (Plan, Manifest) {
    let folder = suite(&[("short.yaml", SHORT)]);
    let plan = plan(folder.path(), &Choice::default()).unwrap();
    let manifest = Manifest::of(&plan, &setup(&[])).unwrap();
    (plan, manifest)
}

fn result(planned: &Planned, member: &suite::Member) -> Finished {
    let result = RunResult {
        key: planned.key.clone(),
        scenario: member.scenario.id.clone(),
        file: member.file.clone(),
        family: None,
        class: None,
        requirements: vec![],
        covers: vec![],
        scenario_hash: member.hash.clone(),
        parameters: planned.case.parameters.clone(),
        seed: planned.case.seed,
        build: suite::build().to_owned(),
        config_hash: planned.config_hash.clone(),
        world_hash: planned.world_hash.clone(),
        status: Status::Done,
        message: None,
        outcome: None,
        passed: true,
        failures: vec![],
        violations: vec![],
        stl: std::collections::BTreeMap::new(),
        metrics: None,
        digest: None,
        reproduced: None,
    };
    let timing = RunTiming {
        key: planned.key.clone(),
        call: None,
        wall_s: 1.0,
        times_real: 1.0,
        steps: std::collections::BTreeMap::new(),
        decision: StepTimes::default(),
    };
    let series = Some(serde_json::json!({"key": planned.key, "world": "w"}));
    Finished { result, timing, series, world: Some(("w".to_owned(), serde_json::json!({}))) }
}

#[test]
fn an_interruption_loses_nothing_and_leaves_no_trace() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let whole = out.path().join("whole");
    let (mut store, _) = Store::open(&whole, &manifest, false).unwrap();
    for run in &plan.runs {
        store.add(&result(run, plan.member(run).unwrap())).unwrap();
    }
    store.finish().unwrap();
    // Backwards, torn in the third line, and begun again.
    let torn = out.path().join("torn");
    let (mut store, _) = Store::open(&torn, &manifest, false).unwrap();
    for run in plan.runs.iter().rev().take(3) {
        store.add(&result(run, plan.member(run).unwrap())).unwrap();
    }
    drop(store);
    let path = torn.join("results.jsonl");
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    assert!(read(&torn).unwrap_err().to_string().contains("torn"));
    let (mut store, found) = Store::open(&torn, &manifest, false).unwrap();
    assert_eq!((found.kept, found.torn, found.pruned), (2, 1, 0));
    let missing: Vec<&Planned> = plan.runs.iter().filter(|r| !store.has(&r.key, false)).collect();
    assert_eq!(missing.len(), 2);
    for run in missing {
        store.add(&result(run, plan.member(run).unwrap())).unwrap();
    }
    let (results, timings) = store.finish().unwrap();
    complete(&manifest, &results).unwrap();
    assert_eq!(bytes(&whole), bytes(&torn));
    // Which call made what is told beside, and so is what came from elsewhere.
    let calls = |timings: &[RunTiming]| {
        let mut calls: Vec<_> = timings.iter().map(|t| t.call.unwrap()).collect();
        calls.sort_unstable();
        calls
    };
    assert_eq!(calls(&timings), [1, 1, 2, 2]);
    let (mut store, _) = Store::open(&out.path().join("taken"), &manifest, false).unwrap();
    assert_eq!(store.take_from(&torn, &manifest).unwrap(), 4);
    assert_eq!(calls(&store.finish().unwrap().1), [0; 4]);
    // A line that is broken in the middle is no interruption.
    let text = fs::read_to_string(&path).unwrap().replacen("\"seed\"", "\"sead\"", 1);
    fs::write(&path, text).unwrap();
    let error = Store::open(&torn, &manifest, false).err().unwrap();
    assert!(format!("{error:#}").contains("results.jsonl:1"), "{error:#}");
}

#[test]
fn a_result_without_its_record_is_made_again() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(out.path(), &manifest, false).unwrap();
    let run = &plan.runs[0];
    store.add(&result(run, plan.member(run).unwrap())).unwrap();
    drop(store);
    let record = out.path().join("runs").join(format!("{}.json", run.key));
    let world = out.path().join("worlds/w.json");
    let spoilt: [&dyn Fn(); 3] =
        [&|| fs::remove_file(&record).unwrap(), &|| fs::write(&record, "").unwrap(), &|| {
            fs::remove_file(&world).unwrap()
        }];
    for spoil in spoilt {
        spoil();
        let (mut store, found) = Store::open(out.path(), &manifest, false).unwrap();
        assert!(found.kept == 0 && !store.has(&run.key, false));
        store.add(&result(run, plan.member(run).unwrap())).unwrap();
    }
    assert_eq!(Store::open(out.path(), &manifest, false).unwrap().1.kept, 1);
}

#[test]
fn nobody_else_writes_to_an_open_folder() {
    let (_, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(out.path(), &manifest, false).unwrap();
    let error = Store::open(out.path(), &manifest, true).err().unwrap().to_string();
    assert!(error.contains("another `outrider evaluate` writes to it"), "{error}");
    drop(store);
    Store::open(out.path(), &manifest, false).unwrap();
}

/// A result is not let go for its replay: the better one is kept at the end, wherever it came from.
#[test]
fn what_was_not_replayed_is_run_once_more_for_it() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let [own, other] = ["own", "other"].map(|n| out.path().join(n));
    let run = &plan.runs[0];
    let plain = result(run, plan.member(run).unwrap());
    let mut replayed = plain.clone();
    let how = "replay".to_owned();
    replayed.result.reproduced = Some(Reproduced { how, identical: true, steps: 9, difference: None });
    let (mut store, _) = Store::open(&own, &manifest, false).unwrap();
    store.add(&plain).unwrap();
    assert!(store.has(&run.key, false) && !store.has(&run.key, true));
    let (mut there, _) = Store::open(&other, &manifest, false).unwrap();
    there.add(&replayed).unwrap();
    assert_eq!(store.take_from(&other, &manifest).unwrap(), 1);
    assert!(store.has(&run.key, true));
    let (results, timings) = store.finish().unwrap();
    assert_eq!((results.len(), timings.len()), (1, 1));
    assert_eq!(results[0], replayed.result);
    // The other way round nothing is to be had.
    assert_eq!(there.take_from(&own, &manifest).unwrap(), 0);
}

#[test]
fn results_of_other_runs_are_refused_and_pruned_on_demand() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let old = plan(folder.path(), &Choice::default()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(out.path(), &Manifest::of(&old, &setup(&[])).unwrap(), false).unwrap();
    store.add(&result(&old.runs[0], old.member(&old.runs[0]).unwrap())).unwrap();
    drop(store);
    fs::write(folder.path().join("short.yaml"), SHORT.replace("A metre", "One metre")).unwrap();
    let new = plan(folder.path(), &Choice::default()).unwrap();
    let manifest = Manifest::of(&new, &setup(&[])).unwrap();
    let error = Store::open(out.path(), &manifest, false).err().unwrap().to_string();
    assert!(error.contains("1 results are of other runs (short of build"), "{error}");
    fs::write(out.path().join("gate.json"), "{}").unwrap();
    let (store, found) = Store::open(out.path(), &manifest, true).unwrap();
    assert_eq!((found.kept, found.pruned), (0, 1));
    drop(store);
    assert_eq!(fs::read(out.path().join("results.jsonl")).unwrap(), b"");
    assert_eq!(fs::read_dir(out.path().join("runs")).unwrap().count(), 0, "with its record");
    assert!(!out.path().join("gate.json").exists(), "and the verdict on it");
}

/// It would be one on what was not run.
#[test]
fn a_verdict_ends_with_another_choice_and_with_a_result_that_is_gone() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let all = plan(folder.path(), &Choice::default()).unwrap();
    let manifest = Manifest::of(&all, &setup(&[])).unwrap();
    let more = Choice { seeds: Some(9), ..Choice::default() };
    let more = Manifest::of(&plan(folder.path(), &more).unwrap(), &setup(&[])).unwrap();
    let out = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(out.path(), &manifest, false).unwrap();
    store.add(&result(&all.runs[0], all.member(&all.runs[0]).unwrap())).unwrap();
    drop(store);
    let verdict = out.path().join("gate.json");
    let opened = |manifest: &Manifest| {
        fs::write(&verdict, "{}").unwrap();
        let before = digest(out.path()).unwrap();
        drop(Store::open(out.path(), manifest, false).unwrap());
        (verdict.exists(), digest(out.path()).unwrap() == before)
    };
    assert_eq!(opened(&manifest), (true, true), "nothing has changed");
    assert_eq!(opened(&more), (false, false));
    fs::remove_file(out.path().join(format!("runs/{}.json", all.runs[0].key))).unwrap();
    assert_eq!(opened(&more), (false, false));
}

/// Of two results of one run the one that tells more is kept with its own times, whichever was there first.
#[test]
fn the_better_of_two_results_is_kept() {
    let (plan, manifest) = short();
    let run = &plan.runs[0];
    let of = |rank: usize| {
        let mut one = result(run, plan.member(run).unwrap());
        one.timing.wall_s = rank as f64;
        match rank {
            0 => (one.result.status, one.series, one.world) = (Status::Error, None, None),
            2 => {
                let how = "replay".to_owned();
                let reproduced = Reproduced { how, identical: true, steps: 9, difference: None };
                one.result.reproduced = Some(reproduced);
            }
            _ => {}
        }
        one
    };
    let open = |folder: &Path| Store::open(folder, &manifest, false).unwrap().0;
    for (first, second) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)] {
        let out = tempfile::tempdir().unwrap();
        let [own, other, one] = ["own", "other", "one"].map(|name| out.path().join(name));
        let (mut store, mut from) = (open(&own), open(&other));
        store.add(&of(first)).unwrap();
        from.add(&of(second)).unwrap();
        drop(from);
        assert_eq!(store.take_from(&other, &manifest).unwrap(), usize::from(second > first));
        // The same in one folder.
        let mut both = open(&one);
        both.add(&of(first)).unwrap();
        both.add(&of(second)).unwrap();
        for store in [store, both] {
            let (results, timings) = store.finish().unwrap();
            assert_eq!(results, [of(first.max(second)).result], "{first} {second}");
            assert_eq!(timings.iter().map(|t| t.wall_s).collect::<Vec<_>>(), [first.max(second) as f64]);
        }
    }
}

/// What could not be written stays the last, or a line behind it would be torn as well.
#[test]
fn after_a_line_that_could_not_be_written_there_is_no_other() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(out.path(), &manifest, false).unwrap();
    store.fill_disk();
    let add = |store: &mut Store, run: &Planned| store.add(&result(run, plan.member(run).unwrap()));
    let first = format!("{:#}", add(&mut store, &plan.runs[0]).unwrap_err());
    assert!(first.contains("results.jsonl: No space left on device"), "{first}");
    let second = add(&mut store, &plan.runs[1]).unwrap_err().to_string();
    assert!(second.contains("a line could not be written before"), "{second}");
    drop(store);
    let (_, found) = Store::open(out.path(), &manifest, false).unwrap();
    assert_eq!((found.kept, found.torn), (0, 0));
}

/// What somebody put beside the worlds, or an interruption left there, is none.
#[test]
fn worlds_alone_are_taken_over() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let [own, other] = ["own", "other"].map(|n| out.path().join(n));
    let (mut there, _) = Store::open(&other, &manifest, false).unwrap();
    there.add(&result(&plan.runs[0], plan.member(&plan.runs[0]).unwrap())).unwrap();
    fs::write(other.join("worlds/x.part"), "half").unwrap();
    fs::create_dir_all(other.join("worlds/old.json")).unwrap();
    let (mut store, _) = Store::open(&own, &manifest, false).unwrap();
    assert_eq!(store.take_from(&other, &manifest).unwrap(), 1);
    let worlds = fs::read_dir(own.join("worlds")).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(worlds.collect::<Vec<_>>(), ["w.json"]);
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let (plan, manifest) = short();
    let out = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(out.path(), &manifest, false).unwrap();
    let run = &plan.runs[0];
    // A folder in the record's place: it is written, and cannot get its name.
    fs::create_dir(out.path().join(format!("runs/{}.json", run.key))).unwrap();
    let error = store.add(&result(run, plan.member(run).unwrap())).unwrap_err();
    assert!(format!("{error:#}").contains(&run.key), "{error:#}");
    let left = fs::read_dir(out.path().join("runs")).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), [format!("{}.json", run.key).as_str()]);
}
