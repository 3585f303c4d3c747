//! Verdicts on made-up results: each fault of a candidate is stopped, and for its own reason.

mod worlds;

use super::evidence::Evidence;
use super::judge::{Finding, Verdict, judge};
use super::policy::Policy;
use super::text;
use crate::evaluate::store::{
    FORMAT, Manifest, PlannedEntry, Reproduced, RunResult, RunTiming, Status, StepTimes,
};
use crate::evaluate::suite::{ScenarioEntry, build};
use outrider_runtime::config;
use outrider_suite::evaluation::{Failure, Measures, Percentiles, Violation};
use outrider_suite::scenario::expect::Outcome;
use outrider_suite::scenario::{CriticalityClass, Values};
use std::collections::BTreeMap;

const POLICY: &str = include_str!("../../../../config/release_gate.yaml");
/// Scenarios and seeds of each.
const SCENARIOS: u64 = 25;
const SEEDS: u64 = 3;

/// The shipped one, with as many critical situations as there are scenarios here.
fn policy() -> Policy {
    let mut policy: Policy = config::parse("release_gate.yaml", POLICY).unwrap();
    policy.coverage.list.truncate(SCENARIOS as usize);
    policy
}

/// A sound run; numbers differ from run to run, and a little from folder to folder.
fn result(scenario: u64, seed: u64, wobble: f64) -> RunResult {
    let unlike = |i: u64| (((scenario * 31 + seed * 17 + i * 7) % 10) as f64 - 4.5) * wobble;
    let covers = policy().coverage.list[scenario as usize].id.clone();
    RunResult {
        key: format!("{scenario}-{seed}"),
        scenario: format!("s{scenario:02}"),
        file: format!("s{scenario:02}.yaml"),
        family: None,
        class: Some(CriticalityClass::Critical),
        requirements: vec![],
        covers: vec![covers],
        scenario_hash: format!("h{scenario}"),
        parameters: Values::new(),
        seed,
        build: build().to_owned(),
        config_hash: "c".to_owned(),
        world_hash: "w".to_owned(),
        status: Status::Done,
        message: None,
        outcome: Some(Outcome::Reached),
        passed: true,
        failures: vec![],
        violations: vec![],
        stl: BTreeMap::new(),
        metrics: Some(Measures {
            drive_time_s: 20.0 + scenario as f64 + unlike(1),
            least_person_gap_m: Some(0.5 + 0.01 * unlike(2)),
            least_clearance_m: Some(0.3),
            path_efficiency: Some(0.9),
            interventions: 2,
            data_age_s: Percentiles { p50: Some(0.01), p95: Some(0.02), p99: Some(0.03) },
            completeness: Some(1.0),
            ..Measures::default()
        }),
        digest: Some("d".to_owned()),
        reproduced: (seed == 1).then(again),
    }
}

fn evidence(wobble: f64) -> Evidence {
    let all = (0..SCENARIOS).flat_map(|s| (1..=SEEDS).map(move |seed| (s, seed)));
    let results: Vec<RunResult> = all.map(|(s, seed)| result(s, seed, wobble)).collect();
    let timing = |r: &RunResult| RunTiming {
        key: r.key.clone(),
        call: Some(1),
        wall_s: 1.0,
        times_real: 30.0,
        steps: BTreeMap::new(),
        decision: StepTimes {
            count: 100,
            total_s: 0.05,
            p50_us: 500.0,
            p95_us: 800.0,
            p99_us: 1000.0,
            max_us: 2000.0,
        },
    };
    let entry = |s: u64| ScenarioEntry {
        id: format!("s{s:02}"),
        file: format!("s{s:02}.yaml"),
        hash: format!("h{s}"),
        description: String::new(),
        family: None,
        class: Some(CriticalityClass::Critical),
        rationale: None,
        covers: vec![],
        requirements: vec![],
        faults: Some(0),
        expect: serde_json::Value::Null,
        criteria: serde_json::Value::Null,
    };
    let planned = |r: &RunResult| PlannedEntry {
        key: r.key.clone(),
        scenario: r.scenario.clone(),
        seed: r.seed,
        parameters: Values::new(),
    };
    Evidence {
        folder: "candidate".to_owned(),
        digest: "e".to_owned(),
        manifest: Manifest {
            format: FORMAT,
            suite: "suite".to_owned(),
            build: build().to_owned(),
            config_hash: "c".to_owned(),
            settings: vec![],
            chosen: vec![],
            scenarios: (0..SCENARIOS).map(entry).collect(),
            planned: results.iter().map(planned).collect(),
        },
        timings: results.iter().map(timing).collect(),
        results,
    }
}

fn again() -> Reproduced {
    Reproduced { how: "replay".to_owned(), identical: true, steps: 100, difference: None }
}

fn metrics(result: &mut RunResult) -> &mut Measures {
    result.metrics.as_mut().unwrap()
}

/// As if some runs had not been asked for.
fn leave_out(evidence: &mut Evidence, which: fn(&RunResult) -> bool) {
    let gone: Vec<String> = evidence.results.iter().filter(|r| which(r)).map(|r| r.key.clone()).collect();
    evidence.results.retain(|r| !gone.contains(&r.key));
    evidence.timings.retain(|t| !gone.contains(&t.key));
    evidence.manifest.planned.retain(|p| !gone.contains(&p.key));
    let left: Vec<String> = evidence.results.iter().map(|r| r.scenario.clone()).collect();
    evidence.manifest.scenarios.retain(|s| left.contains(&s.id));
}

/// The verdict on a sound candidate that was changed, and the names of the checks that stop it.
fn stopped_by(change: impl FnOnce(&mut Evidence)) -> (Verdict, Vec<String>) {
    let mut candidate = evidence(0.01);
    change(&mut candidate);
    let baseline = Evidence { digest: "b".to_owned(), ..evidence(0.0) };
    let verdict = judge((&policy(), "policy.yaml"), Some(&baseline), &candidate);
    let names =
        verdict.checks.iter().filter(|c| c.finding != Finding::Good).map(|c| c.name.clone()).collect();
    (verdict, names)
}

fn reason(verdict: &Verdict, name: &str) -> String {
    verdict.checks.iter().find(|c| c.name == name).map(|c| c.reason.clone()).unwrap_or_default()
}

#[test]
fn a_sound_candidate_is_released_and_so_is_a_better_one() {
    let (verdict, names) = stopped_by(|_| {});
    assert_eq!((verdict.finding(), names), (Finding::Good, vec![]), "{}", text::text(&verdict));
    let better = |e: &mut Evidence| {
        for r in &mut e.results {
            metrics(r).drive_time_s -= 3.0;
            metrics(r).least_person_gap_m = Some(0.7);
            metrics(r).interventions = 0;
        }
    };
    assert_eq!(stopped_by(better).0.finding(), Finding::Good);
    let alone = judge((&policy(), "policy.yaml"), None, &evidence(0.0));
    assert_eq!(alone.finding(), Finding::Good);
    assert!(text::text(&alone).contains("nothing is said about regressions"));
}

#[test]
fn each_fault_is_stopped_for_its_own_reason() {
    type Change = fn(&mut Evidence);
    let cases: [(Change, &[&str], &str); 11] = [
        (
            |e| e.results.iter_mut().take(2).for_each(|r| r.passed = false),
            &["pass_rate.critical"],
            "73 of 75 runs passed, 97.3 %",
        ),
        (
            |e| {
                let v = Violation { rule: "collision".into(), at_s: 3.0, text: "touched anna".into() };
                e.results[7].violations.push(v);
            },
            &["hard_constraints"],
            "1, the most is 0: collision in s02 seed 2 at 3.00 s: touched anna",
        ),
        (
            |e| e.results.iter_mut().for_each(|r| metrics(r).data_age_s.p95 = Some(0.13)),
            &["latency.data_age", "regression.data_age_s.p95"],
            "0.130 s, the most is 0.05 s",
        ),
        (
            |e| e.timings.iter_mut().for_each(|t| t.decision.p99_us = 25_000.0),
            &["latency.decision"],
            "25.000 ms, the most is 20 ms",
        ),
        (
            |e| e.timings.iter_mut().take(4).for_each(|t| t.decision.p99_us = 25_000.0),
            &["latency.decision"],
            "25.000 ms, the most is 20 ms",
        ),
        (
            |e| e.results.iter_mut().take(4).for_each(|r| metrics(r).data_age_s.p95 = Some(0.13)),
            &["latency.data_age"],
            "0.130 s, the most is 0.05 s",
        ),
        (
            |e| e.results.iter_mut().for_each(|r| metrics(r).least_person_gap_m = Some(0.4)),
            &["regression.least_person_gap_m"],
            "changed by -0.1",
        ),
        (
            |e| e.results.iter_mut().step_by(4).for_each(|r| metrics(r).near_misses = 1),
            &["regression.near_misses"],
            "changed by +0.25",
        ),
        (
            |e| e.results.iter_mut().filter(|r| r.scenario.as_str() < "s03").for_each(|r| r.covers.clear()),
            &["coverage"],
            "22 of 25 critical situations were tried, 88.0 %",
        ),
        (
            |e| e.results[0].reproduced.as_mut().unwrap().identical = false,
            &["replay_reproducibility"],
            "24 identical bit for bit; others: s00 seed 1",
        ),
        (
            |e| metrics(&mut e.results[5]).completeness = Some(0.9),
            &["telemetry_completeness"],
            "90.00 % of a run's forwarded commands",
        ),
    ];
    for (change, expected, words) in cases {
        let (verdict, names) = stopped_by(change);
        assert_eq!(names, expected, "{}", text::text(&verdict));
        assert_eq!(verdict.finding(), Finding::Bad);
        assert!(reason(&verdict, expected[0]).contains(words), "{}", reason(&verdict, expected[0]));
    }
}

#[test]
fn many_failures_are_a_regression_of_success_as_well() {
    let (verdict, names) = stopped_by(|e| e.results.iter_mut().take(12).for_each(|r| r.passed = false));
    assert_eq!(names, ["pass_rate.critical", "pass_rate.all", "regression.success"]);
    assert!(reason(&verdict, "regression.success").starts_with("12 pairs pass no more, 0 do now"));
}

#[test]
fn what_is_sure_and_does_not_matter_does_not_stop() {
    let (_, names) = stopped_by(|e| {
        e.results.iter_mut().for_each(|r| metrics(r).drive_time_s += 0.3);
    });
    assert!(names.is_empty(), "{names:?}");
    let (_, names) = stopped_by(|e| {
        e.results.iter_mut().for_each(|r| metrics(r).drive_time_s += 0.7);
    });
    assert_eq!(names, ["regression.drive_time_s"]);
}

#[test]
fn what_matters_and_is_not_sure_does_not_stop() {
    // Three of 75: it might as well be chance.
    let (_, names) = stopped_by(|e| e.results.iter_mut().take(3).for_each(|r| metrics(r).near_misses = 1));
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn missing_stale_and_mixed_results_are_never_released() {
    type Change = fn(&mut Evidence);
    let cases: [(Change, &[&str], &str); 23] = [
        (
            |e| e.results.retain(|r| r.key != "4-2"),
            &["evidence.candidate", "evidence.left_out"],
            "missing: 1 of 75 runs have no result: s04 seed 2",
        ),
        (
            |e| e.results[3].build = "0.0.9+old".to_owned(),
            &["evidence.candidate"],
            "mixed: results of several builds: 0.0.9+old, ",
        ),
        (
            |e| {
                e.results.iter_mut().for_each(|r| r.build = "0.0.9+old".to_owned());
                e.manifest.build = "0.0.9+old".to_owned();
            },
            &["evidence.build"],
            "stale: results of 0.0.9+old, this program is",
        ),
        (
            |e| e.manifest.scenarios[2].hash = "changed".to_owned(),
            &["evidence.candidate"],
            "stale: the scenario has changed since: s02",
        ),
        (|e| e.results[0].key = "other".to_owned(), &["evidence.candidate"], "missing: 1 of 75"),
        (
            |e| e.results.push(result(4, 2, 0.0)),
            &["evidence.candidate"],
            "doubled: 1 results are of runs that have one already: s04 seed 2",
        ),
        (
            |e| {
                let failure = Failure { check: "criteria.x".into(), text: "0.1".into() };
                e.results[1].failures.push(failure);
            },
            &["evidence.candidate"],
            "impossible: the result contradicts itself: s00 seed 2",
        ),
        (|e| e.results[1].metrics = None, &["evidence.candidate"], "contradicts itself: s00 seed 2"),
        (
            |e| e.results[1].reproduced = Some(Reproduced { steps: 0, ..again() }),
            &["evidence.candidate"],
            "contradicts itself: s00 seed 2",
        ),
        (
            |e| e.results[1].reproduced = Some(Reproduced { difference: Some("x".into()), ..again() }),
            &["evidence.candidate"],
            "contradicts itself: s00 seed 2",
        ),
        (
            |e| {
                let m = metrics(&mut e.results[1]);
                (m.gate_s, m.completeness) = ([("forwarding".to_owned(), 20.0)].into(), None);
            },
            &["evidence.candidate"],
            "contradicts itself: s00 seed 2",
        ),
        (
            |e| e.results[1].class = Some(CriticalityClass::Major),
            &["evidence.candidate"],
            "stale: the class is another one than in suite.json: s00 seed 2",
        ),
        (
            |e| {
                let stranger = RunTiming { key: "other".to_owned(), ..e.timings[0].clone() };
                e.timings.push(stranger);
            },
            &["evidence.candidate"],
            "stale: 1 lines of timings.jsonl are of no planned run: other",
        ),
        (
            |e| e.timings.push(e.timings[0].clone()),
            &["evidence.candidate"],
            "doubled: 1 runs have more than one line in timings.jsonl: 0-1",
        ),
        (|e| e.digest = "b".to_owned(), &["evidence.baseline"], "the very results of the candidate"),
        (
            |e| e.timings.truncate(74),
            &["evidence.candidate"],
            "missing: 1 runs have no line in timings.jsonl: s24 seed 3",
        ),
        (
            |e| leave_out(e, |r| r.scenario == "s03"),
            &["evidence.left_out"],
            "missing: 3 of the baseline's 75 runs were not made again: s03 seed 1, s03 seed 2, s03 seed 3; who",
        ),
        (|e| leave_out(e, |r| r.seed == 3), &["evidence.left_out"], "missing: 25 of the baseline's 75 runs"),
        (
            |e| e.manifest.chosen = vec!["--only s00".to_owned(), "--seeds 3".to_owned()],
            &["evidence.suite"],
            "missing: only a part of suite was run, --only s00; what",
        ),
        (
            |e| e.results.iter_mut().for_each(|r| metrics(r).path_efficiency = None),
            &["regression.path_efficiency"],
            "missing: no pair has this measure",
        ),
        (
            |e| e.results.iter_mut().for_each(|r| r.scenario_hash = format!("new {}", r.scenario_hash)),
            &["evidence.candidate", "evidence.left_out", "evidence.pairs"],
            "stale: the scenario has changed since",
        ),
        (
            |e| {
                e.results.iter_mut().for_each(|r| r.class = Some(CriticalityClass::Major));
                e.manifest.scenarios.iter_mut().for_each(|s| s.class = Some(CriticalityClass::Major));
            },
            &["pass_rate.critical", "coverage"],
            "missing: 0 runs, at least 20 are needed",
        ),
        (
            |e| e.results.iter_mut().for_each(|r| r.reproduced = None),
            &["replay_reproducibility"],
            "missing: 0 runs of 0 of 25 scenarios",
        ),
    ];
    for (change, expected, words) in cases {
        let (verdict, names) = stopped_by(change);
        assert_eq!(names, expected, "{}", text::text(&verdict));
        assert_eq!(verdict.finding(), Finding::Unknown);
        assert!(reason(&verdict, expected[0]).contains(words), "{}", reason(&verdict, expected[0]));
    }
}

#[test]
fn a_few_slow_runs_do_not_stop() {
    let (_, names) = stopped_by(|e| {
        e.timings.iter_mut().take(3).for_each(|t| t.decision.p99_us = 5e6);
        e.results.iter_mut().take(3).for_each(|r| metrics(r).data_age_s.p95 = Some(0.5));
    });
    assert!(names.is_empty(), "{names:?}");
}

/// Its pairs are lost, and the rest is judged.
#[test]
fn a_scenario_that_has_changed_is_not_left_out() {
    let (verdict, names) = stopped_by(|e| {
        e.results.retain(|r| r.key != "3-3");
        e.timings.retain(|t| t.key != "3-3");
        e.manifest.planned.retain(|p| p.key != "3-3");
        e.manifest.scenarios[3].hash = "new".to_owned();
        e.results.iter_mut().filter(|r| r.scenario == "s03").for_each(|r| r.scenario_hash = "new".to_owned());
    });
    assert!(names.is_empty(), "{names:?}");
    assert_eq!(verdict.pairs, 72);
}

#[test]
fn the_verdict_says_of_which_configuration_and_what_the_list_lacks() {
    let (verdict, names) = stopped_by(|e| {
        e.manifest.settings = vec!["assurance.detections_required=false".to_owned()];
        e.manifest.chosen = vec!["--seeds 3".to_owned()];
        e.results[0].covers.push("person_croses".to_owned());
    });
    assert!(names.is_empty(), "{names:?}");
    assert!(reason(&verdict, "coverage").ends_with("; not in the list: person_croses"));
    let told = "configuration c, with assurance.detections_required=false, chosen by --seeds 3)";
    let pages = [text::text(&verdict), text::markdown(&verdict), text::junit(&verdict, &[])];
    assert!(pages.iter().all(|page| page.contains(told)), "{}", pages[0]);
}

#[test]
fn a_panic_is_told_and_stops() {
    let (verdict, names) = stopped_by(|e| {
        let r = &mut e.results[1];
        (r.status, r.passed, r.message) = (Status::Panic, false, Some("index out of bounds".to_owned()));
        (r.outcome, r.metrics) = (None, None);
    });
    assert_eq!(names, ["runs"], "one of 75 is within the pass rate");
    assert!(reason(&verdict, "runs").contains("s00 seed 2: index out of bounds"));
}

#[test]
fn the_verdict_is_a_page_and_junit() {
    let (verdict, _) = stopped_by(|e| {
        e.results[0].passed = false;
        e.results[0].failures.push(Failure { check: "criteria.x".into(), text: "0.1 < 0.2 & \"so\"".into() });
        e.results[0].violations.push(Violation { rule: "collision".into(), at_s: 1.0, text: "a | b".into() });
    });
    let page = text::markdown(&verdict);
    assert!(page.starts_with("# STOPPED: hard_constraints\n"), "{page}");
    assert!(
        page.lines().take(12).any(|line| line.starts_with("| BAD | hard_constraints | 1, the most is 0")),
        "{page}"
    );
    assert!(page.contains("a \\| b") && page.lines().count() < 60);
    let mut failing = result(0, 1, 0.0);
    failing.passed = false;
    failing.failures.push(Failure { check: "criteria.x".into(), text: "0.1 < 0.2\u{ffff} & \"so\"".into() });
    let xml = text::junit(&verdict, &[failing, result(1, 1, 0.0)]);
    let tree = roxmltree::Document::parse(&xml).unwrap();
    let suites: Vec<_> = tree.descendants().filter(|n| n.has_tag_name("testsuite")).collect();
    assert_eq!(suites[1].attribute("tests"), Some("2"));
    assert_eq!(suites[1].attribute("failures"), Some("1"));
    let failure = suites[1].descendants().find(|n| n.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("message"), Some("criteria.x: 0.1 < 0.2 & \"so\""));
    assert_eq!(suites[0].descendants().filter(|n| n.has_tag_name("failure")).count(), 1);
    let properties: Vec<_> = suites[0].descendants().filter_map(|n| n.attribute("value")).collect();
    assert_eq!(properties[1..], ["e", verdict.baseline.as_deref().unwrap(), "policy.yaml"]);
    assert!(page.contains("\n- Results with the digest e\n- Policy: policy.yaml\n"), "{page}");
}

/// What a build server takes for a failure would stop what was released.
#[test]
fn runs_that_a_policy_lets_fail_are_skipped_ones() {
    let (verdict, names) = stopped_by(|e| e.results[0].passed = false);
    assert!(names.is_empty(), "{names:?}");
    let mut failing = result(0, 1, 0.0);
    failing.passed = false;
    failing.failures.push(Failure { check: "criteria.x".into(), text: "0.1".into() });
    let xml = text::junit(&verdict, &[failing, result(1, 1, 0.0)]);
    let tree = roxmltree::Document::parse(&xml).unwrap();
    assert!(!tree.descendants().any(|n| n.has_tag_name("failure")), "{xml}");
    let skipped: Vec<_> = tree.descendants().filter(|n| n.has_tag_name("skipped")).collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].attribute("message"), Some("within what the policy allows: criteria.x: 0.1"));
    assert!(xml.contains("name=\"runs\" tests=\"2\" failures=\"0\" skipped=\"1\""), "{xml}");
}

#[test]
fn a_share_is_told_so_that_one_sees_on_which_side_of_the_limit_it_is() {
    assert_eq!(super::judge::percent(97.0 / 99.0, 0.98), "97.98 %");
    assert_eq!(super::judge::percent(0.98, 0.98), "98.0 %");
    assert_eq!(super::judge::percent(0.5, 0.98), "50.0 %");
}

#[test]
fn a_policy_that_cannot_be_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(POLICY.contains(from), "{from}");
        config::parse::<Policy>("p.yaml", &POLICY.replace(from, to)).unwrap_err().to_string()
    };
    assert!(refused("measure: tet_s", "measure: tets").contains("there is no measure `tets`"));
    assert!(
        refused("measure: tet_s", "measure: mode_s.nominl").contains("there is no measure `mode_s.nominl`")
    );
    assert!(refused("measure: tet_s", "measure: near_misses").contains("`near_misses` is there twice"));
    assert!(refused("id: crowd", "id: person_crosses").contains("`person_crosses` is there twice"));
    let of_mode = POLICY.replace("measure: tet_s", "measure: mode_s.degraded");
    assert!(config::parse::<Policy>("p.yaml", &of_mode).is_ok());
    assert!(refused("critical_min: 0.98", "critical_min: 1.5").contains("1.5 is not within [0, 1]"));
    assert!(refused("critical_runs_min: 20", "critical_runs_min: 0").contains("critical_runs_min"));
    assert!(refused("version: 1", "version: 2").contains("version"));
    assert!(refused("completeness_min: 0.99", "completness_min: 0.99").contains("completness_min"));
}

/// Whoever reads the files alone, a build server say, finds no older verdict.
#[test]
fn what_cannot_be_read_has_a_verdict_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("gate.md"), "# RELEASED").unwrap();
    let code = super::run(super::Args {
        baseline: "-".into(),
        candidate: dir.path().join("none"),
        policy: concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/release_gate.yaml").into(),
        out: Some(out.clone()),
        json: false,
    });
    assert_eq!(code.unwrap(), std::process::ExitCode::from(super::NOT_JUDGED));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(read("gate.md").starts_with("# STOPPED, cannot be judged: evidence.readable\n"));
    assert!(read("gate.json").contains("no results of `outrider evaluate`"));
    assert!(read("gate.junit.xml").contains("failures=\"1\""));
}

/// What broke in the baseline is nothing to be compared with.
#[test]
fn a_baseline_of_broken_runs_compares_nothing() {
    let mut baseline = Evidence { digest: "b".to_owned(), ..evidence(0.0) };
    for broken in baseline.results.iter_mut().skip(1) {
        (broken.status, broken.passed, broken.metrics) = (Status::Error, false, None);
    }
    let verdict = judge((&policy(), "policy.yaml"), Some(&baseline), &evidence(0.01));
    assert_eq!(verdict.finding(), Finding::Unknown, "{}", text::text(&verdict));
    assert!(reason(&verdict, "evidence.pairs").starts_with("stale: 1 of the candidate's "));
}
