//! The site of a made-up evaluation whose numbers are known.

use super::synthetic::{CRITICAL, PASSED, PLANNED, write as write_results};
use super::*;
use serde_json::{Value, json};

fn made(better: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_results(dir.path(), better);
    dir
}

const POLICY: &str = include_str!("../../../../../config/release_gate.yaml");

fn wish() -> Wish {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/release_gate.yaml");
    Wish { policy: Some(policy), ..Wish::default() }
}

fn page(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join("report").join(name)).unwrap()
}

/// Changes every run of the results.
fn alter(dir: &Path, change: impl Fn(&mut Value)) {
    let results = dir.join("results.jsonl");
    let mut text = String::new();
    for line in fs::read_to_string(&results).unwrap().lines() {
        let mut run: Value = serde_json::from_str(line).unwrap();
        change(&mut run);
        text += &format!("{run}\n");
    }
    fs::write(results, text).unwrap();
}

/// What becomes of disengagements in these runs, when this is the number of every scenario's faults.
fn disengagements(runs: &[&str], faults: [u32; 4]) -> (Option<bool>, String) {
    let dir = made(false);
    let suite = dir.path().join("suite.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&suite).unwrap()).unwrap();
    for (scenario, faults) in value["scenarios"].as_array_mut().unwrap().iter_mut().zip(faults) {
        scenario["faults"] = json!(faults);
    }
    fs::write(suite, value.to_string()).unwrap();
    alter(dir.path(), |run| {
        if runs.iter().any(|key| run["key"] == *key) {
            run["metrics"]["disengagements"] = json!(2);
        }
    });
    let summary = make(dir.path(), &wish()).unwrap();
    let kpi = summary.kpis.into_iter().find(|k| k.id == "disengagements").unwrap();
    (kpi.met, kpi.note)
}

#[test]
fn disengagements_that_faults_provoke_do_not_count() {
    let (met, note) = disengagements(&["a01", "b01"], [1, 0, 0, 0]);
    assert!(note.starts_with("runs with one: 1 of 5 without a fault; 2 by faults; 4 in all"), "{note}");
    assert_eq!(met, Some(false));
    let (met, note) = disengagements(&["a01"], [1, 0, 0, 0]);
    assert!(note.starts_with("runs with one: 0 of 5 without a fault; 2 by faults; 2 in all"), "{note}");
    assert_eq!(met, Some(true));
}

#[test]
fn the_key_figures_are_right() {
    let dir = made(false);
    let summary = make(dir.path(), &wish()).unwrap();
    assert_eq!((summary.runs, summary.missing, summary.passed, summary.broken), (PLANNED - 1, 1, PASSED, 2));
    let kpi = |id: &str| summary.kpis.iter().find(|k| k.id == id).unwrap();
    let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 0.05, "{a:?} is not {b}");
    let critical = kpi("critical_pass_rate");
    near(critical.value, 100.0 * CRITICAL.1 as f64 / CRITICAL.0 as f64);
    // Wilson's interval of 7 of 9.
    near(critical.low, 45.3);
    near(critical.high, 93.7);
    assert_eq!((critical.met, critical.sure), (Some(false), Some(true)), "98 % is beyond the interval");
    let situations = POLICY.lines().filter(|line| line.trim_start().starts_with("- {id: ")).count();
    near(kpi("coverage").value, 100.0 * 2.0 / situations as f64);
    assert!(
        kpi("coverage").note.contains(&format!("2 of {situations}; open: person_stands_in_way, ")),
        "{}",
        kpi("coverage").note
    );
    // All of 15 runs are to reach the goal; one was not made, two broke, and one stopped.
    near(kpi("success").value, 100.0 * 11.0 / 15.0);
    assert_eq!((kpi("success").met, kpi("success").sure), (Some(false), Some(true)), "95 % are asked for");
    near(kpi("disengagements").value, 0.0);
    assert_eq!(kpi("disengagements").met, None, "who knows which scenarios have faults");
    assert_eq!((kpi("violations").value, kpi("violations").met), (Some(1.0), Some(false)));
    // Of 11 runs with times the slowest.
    near(kpi("decision_latency_p95").value, 3.0);
    assert_eq!(kpi("decision_latency_p95").met, Some(true));
    assert_eq!((kpi("completeness").value, kpi("completeness").met), (Some(100.0), Some(true)));
    assert_eq!(
        (kpi("replay_reproducibility").value, kpi("replay_reproducibility").met),
        (Some(100.0), Some(true))
    );
    near(kpi("lead_time").value, 11.0 * 1.2 / 60.0);
    assert_eq!(kpi("lead_time").met, None, "not the suite of which it was promised");
    assert!(
        summary.notes.iter().any(|n| n.contains("1 of 15 planned runs have no result")),
        "{:?}",
        summary.notes
    );
    // The same in the file for programs.
    let json: Value = serde_json::from_str(&page(dir.path(), "summary.json")).unwrap();
    assert_eq!(json["kpis"][0]["target"], json!({"at_least": 98.0}));
    assert_eq!(json["failing"][0]["scenario"], "steps_out");
}

#[test]
fn a_failure_is_told_first_with_its_moment() {
    let dir = made(false);
    let summary = make(dir.path(), &wish()).unwrap();
    let order: Vec<(&str, usize)> = summary.failing.iter().map(|f| (f.scenario.as_str(), f.failed)).collect();
    assert_eq!(order, [("steps_out", 2), ("lidar_late", 3)]);
    let first = &summary.failing[0].reasons[0];
    assert!(first.is_violation && first.check == "collision" && first.runs[0].at_s == Some(12.34));
    let stl = summary.failing[0].reasons.iter().find(|r| r.check.contains("stl")).unwrap();
    assert_eq!((stl.count, stl.runs[0].at_s), (2, Some(9.4)));
    let broken: Vec<&str> = summary.failing[1].reasons.iter().map(|r| r.check.as_str()).collect();
    assert_eq!(broken, ["error", "panic", "expect.outcome"]);
    let index = page(dir.path(), "index.html");
    let failed = index.find("What failed, and why").unwrap();
    assert!(failed < index.find("Critical runs passed").unwrap());
    assert!(index.contains("scenarios/steps_out.html#run=a02&amp;t=12.34"));
    // The failing scenarios stand first in the table, those that were not run next.
    let at = |id: &str| index.find(&format!("<th scope=\"row\"><a href=\"scenarios/{id}.html\">")).unwrap();
    assert!(
        at("steps_out") < at("lidar_late") && at("lidar_late") < at("plain") && at("plain") < at("crosses")
    );
    assert!(index.contains("panicked at core.rs:1: index out of bounds"));
    assert!(!index.contains("walker </script>"), "texts of runs are escaped");
}

#[test]
fn a_page_has_its_own_runs_alone_and_no_text_breaks_out() {
    let dir = made(false);
    make(dir.path(), &wish()).unwrap();
    let text = page(dir.path(), "scenarios/steps_out.html");
    assert!(text.contains("&#60;b&#62;late") || text.contains("&lt;b&gt;late"), "descriptions are escaped");
    let begin = text.find("id=\"data\">").unwrap() + 10;
    let data = &text[begin..begin + text[begin..].find("</script>").unwrap()];
    let data: Value = serde_json::from_str(data).unwrap();
    let keys: Vec<&str> =
        data["runs"].as_array().unwrap().iter().map(|r| r["key"].as_str().unwrap()).collect();
    // Those that failed first: the first is chosen.
    assert_eq!(keys, ["a01", "a02", "a03", "a11", "a12", "a13"]);
    assert_eq!(data["modes"], json!(["nominal", "degraded", "safe stop", "e-stop"]));
    assert_eq!(
        data["runs"][1]["causes"][0],
        json!([12.34, "collision: the moving robot touched walker </script>"])
    );
    // Two combinations by three seeds make a grid; drawn parameters do not.
    assert!(text.contains("gap 0.5, speed 1.2"));
    assert!(!page(dir.path(), "scenarios/lidar_late.html").contains("<th>parameters</th>"));
    let broken = page(dir.path(), "scenarios/lidar_late.html");
    assert!(broken.contains("\"shown\":false,\"message\":\"panic: panicked"), "a panic is shown as such");
    let script = page(dir.path(), "runs/a02.js");
    assert!(script.starts_with("outrider.run(\"a02\",{") && script.ends_with("});\n"));
    assert!(script.contains("\"t\":[0,0.2,0.4,0.6,0.8,1,"), "numbers are short");
    assert!(page(dir.path(), "worlds/0ace.js").starts_with("outrider.world(\"0ace\","));
    assert!(!dir.path().join("report/runs/c01.js").exists());
}

#[test]
fn a_baseline_shows_what_changed() {
    let (dir, before) = (made(false), made(true));
    let all = Wish { baseline: Some(before.path().to_owned()), ..wish() };
    let summary = make(dir.path(), &all).unwrap();
    let b = summary.baseline.unwrap();
    // Of three that differ all are worse: one in eight by chance.
    assert!((b.p_worse - 0.125).abs() < 1e-9);
    assert_eq!((b.pairs, b.broken, b.mended, b.build.as_str()), (14, 3, 0, "0.8.0 (made)"));
    let index = page(dir.path(), "index.html");
    assert!(index.contains("2 of 6 pass no more"));
    // The least clearance fell from 0.31 to 0.01.
    assert!(index.contains("<small class=\"worse\">−0.30</small>"));
    let scenario = page(dir.path(), "scenarios/steps_out.html");
    assert!(scenario.contains("<td class=\"w worse\">passed</td>"));
    assert!(scenario.contains("<small class=\"worse\">−0.39</small>"));
    // The other way round nothing is worse.
    let all = Wish { baseline: Some(dir.path().to_owned()), ..wish() };
    let b = make(before.path(), &all).unwrap().baseline.unwrap();
    assert_eq!((b.broken, b.mended), (0, 3));
}

#[test]
fn the_verdict_of_the_gate_is_on_top() {
    let dir = made(false);
    let gate = json!({"candidate": "made (0.9.0 (made))", "baseline": null, "runs": 14, "pairs": 0, "checks": [
        {"name": "coverage", "finding": "good", "reason": "3 of 3"},
        {"name": "hard_constraints", "finding": "bad", "reason": "1, the most is 0"}]});
    fs::write(dir.path().join("gate.json"), gate.to_string()).unwrap();
    let summary = make(dir.path(), &wish()).unwrap();
    assert_eq!(summary.headline(), "Stopped by hard_constraints: 9 of 15 runs passed");
    let index = page(dir.path(), "index.html");
    assert!(index.contains("<span class=\"verdict \">Stopped</span>"));
    assert!(index.find("1, the most is 0").unwrap() < index.find("3 of 3").unwrap());
}

/// Released is what the verdict was of, and nothing else.
#[test]
fn a_verdict_on_other_results_is_told_and_not_shown() {
    let dir = made(true);
    let release = |evidence: &str| {
        let checks = json!([{"name": "coverage", "finding": "good", "reason": "3 of 3"}]);
        let gate = json!({"candidate": "made (0.8.0 (made))", "evidence": evidence, "checks": checks});
        fs::write(dir.path().join("gate.json"), gate.to_string()).unwrap();
        make(dir.path(), &wish()).unwrap()
    };
    let own = crate::evaluate::store::digest(dir.path()).unwrap();
    assert!(release(&own).gate.is_some_and(|g| g.released));
    for other in ["", "0123"] {
        let summary = release(other);
        assert!(summary.gate.is_none(), "{other}");
        assert!(
            summary.notes.iter().any(|n| n.contains("of other results than these")),
            "{:?}",
            summary.notes
        );
    }
    let mut times = fs::read_to_string(dir.path().join("timings.jsonl")).unwrap();
    times.push(' ');
    fs::write(dir.path().join("timings.jsonl"), times).unwrap();
    assert!(release(&own).gate.is_none());
}

/// To a browser the start of a comment and of a script within one would hide the scripts that follow.
#[test]
fn tags_and_comments_in_a_text_are_none_of_the_page() {
    let dir = made(false);
    make(dir.path(), &wish()).unwrap();
    let scripts = |page: &str| (page.matches("<script").count(), page.matches("<!--").count());
    let before = scripts(&page(dir.path(), "scenarios/lidar_late.html"));
    let results = dir.path().join("results.jsonl");
    let text = fs::read_to_string(&results).unwrap();
    assert!(text.contains("panicked"));
    fs::write(&results, text.replace("panicked", "<!-- <script> panicked")).unwrap();
    make(dir.path(), &wish()).unwrap();
    let after = page(dir.path(), "scenarios/lidar_late.html");
    assert!(
        scripts(&after) == before && after.contains("script> panicked"),
        "{before:?} {:?}",
        scripts(&after)
    );
}

/// Values that look alike in three decimals are three cases, and what was not made has not passed.
#[test]
fn small_values_differ_and_a_missing_run_is_none_that_passed() {
    let dir = made(false);
    alter(dir.path(), |run| {
        if run["scenario"] == "lidar_late" {
            let late = run["seed"].as_f64().unwrap() * 1e-4;
            (run["parameters"], run["seed"]) = (json!({"late": late}), json!(1));
        }
    });
    make(dir.path(), &wish()).unwrap();
    let late = page(dir.path(), "scenarios/lidar_late.html");
    for name in ["late 0.0001", "late 0.0002", "late 0.0004"].map(|n| format!("<th scope=\"row\">{n}</th>")) {
        assert!(late.contains(&name), "{name} is not in {late}");
    }
    let plain = page(dir.path(), "scenarios/plain.html");
    assert!(plain.contains("Every run that was made passed.") && !plain.contains("Every run passed."));
    // Sorted by what passed: failing, not run, passed.
    let index = page(dir.path(), "index.html");
    let key = |id: &str| {
        let row = &index[index.find(&format!("<a href=\"scenarios/{id}.html\">{id}</a></th>")).unwrap()..];
        let begin = row.find("data-v=\"").unwrap() + 8;
        row[begin..begin + row[begin..].find('"').unwrap()].parse::<f64>().unwrap()
    };
    let order = ["lidar_late", "steps_out", "plain", "crosses"].map(key);
    assert!(order.is_sorted() && order[2] > 1.0, "{order:?}");
}

#[test]
fn pages_of_an_earlier_report_go() {
    let dir = made(false);
    let out = dir.path().join("site");
    let all = Wish { out: Some(out.clone()), ..wish() };
    make(dir.path(), &all).unwrap();
    let old = out.join("scenarios/old.html");
    fs::write(&old, "").unwrap();
    fs::write(out.join("scenarios/notes.txt"), "").unwrap();
    make(dir.path(), &all).unwrap();
    assert!(!old.exists() && out.join("scenarios/notes.txt").exists());
    assert!(out.join("scenarios/steps_out.html").exists());
}

#[test]
fn bad_data_is_told_and_the_rest_shown() {
    let dir = made(false);
    let path = dir.path().join("results.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"key\": \"torn");
    fs::write(&path, text).unwrap();
    fs::remove_file(dir.path().join("suite.json")).unwrap();
    fs::remove_file(dir.path().join("timings.jsonl")).unwrap();
    fs::remove_file(dir.path().join("worlds/0ace.json")).unwrap();
    fs::write(dir.path().join("runs/a11.json"), "{").unwrap();
    fs::remove_file(dir.path().join("runs/a12.json")).unwrap();
    let summary = make(dir.path(), &wish()).unwrap();
    assert_eq!(summary.runs, PLANNED - 1);
    for part in [
        "results.jsonl:15: EOF",
        "suite.json is missing",
        "steps_out seed 1 cannot be shown",
        "2 runs have no record",
        "worlds/0ace.json is missing: 9 runs",
    ] {
        assert!(summary.notes.iter().any(|n| n.contains(part)), "{part}: {:?}", summary.notes);
    }
    assert!(page(dir.path(), "index.html").contains("suite.json is missing"));
    fs::write(&path, "").unwrap();
    let error = make(dir.path(), &wish()).unwrap_err().to_string();
    assert!(error.ends_with("no scenario and no run"), "{error}");
}

#[test]
fn names_of_pages_are_plain_and_differ() {
    let mut taken = BTreeSet::new();
    assert_eq!(page_name("a/../b c", &mut taken), "a____b_c.html");
    assert_eq!(page_name("a/.._b c", &mut taken), "a____b_c-2.html");
    assert_eq!(page_name("", &mut taken), "_.html");
    assert!(is_plain("0a-_.x") && !is_plain("../x") && !is_plain("") && !is_plain("a/b"));
}
