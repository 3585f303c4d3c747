//! A made-up evaluation whose numbers are known: what a folder of results looks like, with everything that can be wrong in it.

use serde_json::{Value, json};
use std::f64::consts::{PI, TAU};
use std::fs;
use std::path::Path;

/// Runs that are planned; one of them is missing.
pub const PLANNED: usize = 15;
/// Runs of critical scenarios, and how many passed.
pub const CRITICAL: (usize, usize) = (9, 7);
/// Passed in all.
pub const PASSED: usize = 9;

fn run(key: &str, scenario: &Value, seed: u64, parameters: Value) -> Value {
    json!({
        "key": key, "scenario": scenario["id"], "file": scenario["file"], "family": scenario["family"],
        "class": scenario["class"], "requirements": scenario["requirements"], "covers": scenario["covers"],
        "scenario_hash": "5ce", "parameters": parameters, "seed": seed, "build": "0.9.0 (made)", "config_hash": "c0f",
        "status": "done", "message": null, "outcome": "reached", "passed": true, "failures": [], "violations": [],
        "stl": {"slow_near_people": 0.12},
        "metrics": {
            "elapsed_s": 36.0, "drive_time_s": 20.0 + seed as f64, "distance_m": 9.0, "least_clearance_m": 0.31, "nearest": "shelf",
            "least_person_gap_m": 0.7, "least_ttc_s": 2.4, "collisions": 0, "near_misses": 0, "stops": 1, "interventions": 3,
            "disengagements": 0, "speed_mean_mps": 0.43, "path_efficiency": 0.91, "jerk_rms_mps3": 0.8,
            "position_error_max_m": 0.04, "data_age_s": {"p50": 0.05, "p95": 0.09, "p99": 0.1}, "completeness": 1.0, "messages": 40000
        },
        "digest": "d19e57", "reproduced": null
    })
}

fn scenario(id: &str, family: &str, class: Value, covers: Value) -> Value {
    json!({
        "id": id, "file": format!("tests/scenarios/{family}/{id}.yaml"), "hash": "5ce",
        "description": "Somebody steps out from behind a shelf, <b>late</b>.", "family": family, "class": class,
        "rationale": "People are hurt here.", "covers": covers, "requirements": ["OUT-DST-1", "OUT-STP-2"],
        "expect": {"outcome": "reached", "must": [{"what": {"mode": "safe_stop"}, "after_fault": 0, "within_s": 0.5}], "must_not": []},
        "criteria": {"collisions_max": 0, "least_clearance_m": 0.05, "stl": [{"name": "slow_near_people", "formula": "person_gap_m < 0.5 -> velocity_mps < 0.4"}]}
    })
}

/// All runs: a critical scenario of six, one of three, a major one with an error and a panic, and one without family or class.
fn runs(scenarios: &[Value]) -> Vec<Value> {
    let mut all = Vec::new();
    for (case, gap) in [0.5, 1.0].into_iter().enumerate() {
        for seed in 1..=3u64 {
            let key = format!("a{case}{seed}");
            all.push(run(&key, &scenarios[0], seed, json!({"gap": gap, "speed": 1.2})));
        }
    }
    for (at, seed) in [(0, 1), (1, 2)] {
        all[at]["passed"] = json!(false);
        all[at]["failures"] = json!([
            {"check": "criteria.least_clearance_m", "text": format!("0.0{seed}1, the least is 0.05")},
            {"check": "criteria.stl.slow_near_people", "text": "violated at 9.400 s, robustness -0.1200"}
        ]);
        all[at]["metrics"]["least_clearance_m"] = json!(0.011);
    }
    all[1]["violations"] =
        json!([{"rule": "collision", "at_s": 12.34, "text": "the moving robot touched walker </script>"}]);
    all[1]["metrics"]["collisions"] = json!(1);
    all[2]["reproduced"] = json!({"how": "replay", "identical": true, "steps": 4000, "difference": null});
    for seed in 1..=3 {
        all.push(run(&format!("b0{seed}"), &scenarios[1], seed, json!({})));
    }
    for seed in 1..=4 {
        let mut one = run(&format!("c0{seed}"), &scenarios[2], seed, json!({"late": 0.1 * seed as f64}));
        match seed {
            1 => (one["status"], one["message"]) = (json!("error"), json!("planner: no such tree")),
            2 => {
                (one["status"], one["message"]) =
                    (json!("panic"), json!("panicked at core.rs:1:\nindex out of bounds"))
            }
            _ => {}
        }
        if seed < 3 {
            (one["passed"], one["metrics"], one["outcome"]) = (json!(false), Value::Null, Value::Null);
            one["digest"] = Value::Null;
        }
        all.push(one);
    }
    all[12]["passed"] = json!(false);
    all[12]["outcome"] = json!("stopped");
    all[12]["failures"] = json!([{"check": "expect.outcome", "text": "stopped instead of reached"}]);
    // Columns that an older program did not have.
    all.push(json!({"key": "d01", "scenario": "plain", "seed": 1, "passed": true, "outcome": "reached", "build": "0.9.0 (made)"}));
    all
}

fn record(key: &str, run: &Value) -> Value {
    let count = 181;
    let t: Vec<f64> = (0..count).map(|i| 0.2 * f64::from(i)).collect();
    let share = |t: f64| (t / 30.0).min(1.0);
    let x = |t: f64| 10.0 * share(t);
    let y = |t: f64| 1.2 * libm::sin(PI * share(t));
    let yaw = |t: f64| libm::atan2(1.2 * PI / 10.0 * libm::cos(PI * share(t)), 1.0);
    let column = |f: &dyn Fn(f64) -> f64| -> Vec<f64> { t.iter().map(|t| f(*t)).collect() };
    let walker_y = |t: f64| 3.0 - 0.25 * t;
    let gap = |t: f64| {
        let (dx, dy) = (x(t) - 4.0, y(t) - walker_y(t));
        (dx * dx + dy * dy).sqrt() - 0.65
    };
    let mode = |t: f64| {
        if (9.0..12.0).contains(&t) {
            1
        } else if (12.0..14.0).contains(&t) {
            2
        } else {
            0
        }
    };
    let some = |v: f64, is: bool| if is { json!(v) } else { Value::Null };
    json!({
        "key": key, "scenario": run["scenario"], "parameters": run["parameters"], "seed": run["seed"], "world": "0ace",
        "start": [0, 0, 0.3], "goal": [10, 0, -0.3], "goal_tolerance": 0.3, "period_s": 0.2,
        "t": t, "x": column(&x), "y": column(&y), "yaw": column(&yaw),
        "v": column(&|t| if t < 30.0 { 0.34 } else { 0.0 }), "w": column(&|_| 0.0),
        "belief": {
            "x": t.iter().map(|t| some(x(*t) + 0.08 * libm::sin(0.5 * t), *t > 0.5)).collect::<Vec<_>>(),
            "y": t.iter().map(|t| some(y(*t) + 0.1, *t > 0.5)).collect::<Vec<_>>(),
            "yaw": column(&yaw), "sigma": column(&|t| 0.05 + 0.002 * t)
        },
        "mode": t.iter().map(|t| mode(*t)).collect::<Vec<_>>(),
        "gate": t.iter().map(|t| match t { t if *t < 0.5 => 0, t if mode(*t) == 2 => 1, _ => 2 }).collect::<Vec<_>>(),
        "clearance": column(&|t| gap(t).clamp(0.0, 0.9)), "person_gap": column(&gap),
        "ttc": t.iter().map(|t| some(12.0 - t, (6.0..11.0).contains(t))).collect::<Vec<_>>(),
        "command_v": column(&|t| if mode(t) == 2 { 0.0 } else { 0.36 }),
        "reason": t.iter().map(|t| if *t < 9.0 { 0 } else if *t < 14.0 { 1 } else { 2 }).collect::<Vec<_>>(),
        "reasons": ["follows the way", "waits for walker 1 </script>", "follows the way again"],
        "actors": [{"name": "walker", "radius": 0.25, "x": column(&|_| 4.0), "y": column(&walker_y), "yaw": column(&|_| -PI / 2.0), "v": column(&|_| 0.25)}],
        "tracks": t.iter().map(|t| if *t > 4.0 { json!([[7, 4.05, walker_y(*t) + 0.06, 0.0, -0.26, 0.3]]) } else { json!([]) }).collect::<Vec<_>>(),
        "events": [{"t": 9.0, "rule": "person_ahead", "text": "0.9 m to walker", "from": 0, "to": 1}, {"t": 12.0, "rule": "clearance", "text": "too near", "from": 1, "to": 2}],
        "marks": [{"t": 0.5, "what": "goal given"}, {"t": 9.0, "what": "mode: degraded"}, {"t": 12.0, "what": "mode: safe stop"}, {"t": 12.34, "what": "contact"}, {"t": 14.0, "what": "mode: nominal"}],
        "faults": [{"from": 8.0, "to": 10.0, "what": {"drop": {"topic": "scan", "to": "world_model", "probability": 0.3}}}]
    })
}

fn world() -> Value {
    let pillar: Vec<[f64; 2]> = (0..24)
        .map(|i| {
            let a = f64::from(i) / 24.0 * TAU;
            [6.0 + 0.4 * libm::cos(a), -1.2 + 0.4 * libm::sin(a)]
        })
        .collect();
    json!({
        "outlines": [[[-2, 3.4], [12, 3.4], [12, 3.6], [-2, 3.6]], [[-2, -2.6], [12, -2.6], [12, -2.4], [-2, -2.4]], pillar],
        "exclusion": [{"name": "pit", "polygon": [[7, 1.8], [9, 1.8], [9, 3], [7, 3]]}],
        "speed": [{"name": "crossing", "polygon": [[3, -2], [5, -2], [5, 3], [3, 3]], "v_max": 0.5}],
        "footprint": [[0.35, 0.25], [-0.35, 0.25], [-0.35, -0.25], [0.35, -0.25]]
    })
}

fn suite() -> Vec<Value> {
    let mut plain = scenario("plain", "recovery", Value::Null, json!([]));
    plain["family"] = Value::Null;
    vec![
        scenario("steps_out", "occluded_pedestrian", json!("critical"), json!(["person_steps_out"])),
        scenario("crosses", "crossing", json!("critical"), json!(["person_crosses"])),
        scenario("lidar_late", "sensor_degradation", json!("major"), json!([])),
        plain,
    ]
}

/// Writes a folder of results. `better` is one in which the runs that failed by a check passed.
pub fn write(folder: &Path, better: bool) {
    let scenarios = suite();
    let mut all = runs(&scenarios);
    if better {
        for one in all.iter_mut().filter(|r| !r["failures"].as_array().is_none_or(Vec::is_empty)) {
            (one["passed"], one["failures"], one["violations"]) = (json!(true), json!([]), json!([]));
            (one["outcome"], one["metrics"]["least_clearance_m"]) = (json!("reached"), json!(0.4));
            one["build"] = json!("0.8.0 (made)");
        }
        all.iter_mut().for_each(|r| r["build"] = json!("0.8.0 (made)"));
    }
    for part in ["runs", "worlds"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let planned = all.iter().map(|r| json!({"key": r["key"], "scenario": r["scenario"], "seed": r["seed"], "parameters": r["parameters"]}));
    let missing = json!({"key": "d02", "scenario": "plain", "seed": 2, "parameters": {}});
    let suite = json!({
        "format": 1, "suite": "tests/scenarios", "build": if better { "0.8.0 (made)" } else { "0.9.0 (made)" }, "config_hash": "c0f",
        "settings": ["planner.follow.cruise_mps=0.5"], "scenarios": scenarios, "planned": planned.chain([missing]).collect::<Vec<_>>()
    });
    fs::write(folder.join("suite.json"), suite.to_string()).unwrap();
    let lines = |values: Vec<Value>| values.iter().map(|v| format!("{v}\n")).collect::<String>();
    let timings = all.iter().filter(|r| r["status"] == "done").enumerate().map(|(i, r)| {
        json!({"key": r["key"], "wall_s": 1.2, "times_real": 30.0, "steps": {}, "decision": {"count": 500, "p50_us": 900.0, "p95_us": 2000.0 + 100.0 * i as f64, "p99_us": 5000.0, "max_us": 9000.0}})
    });
    fs::write(folder.join("timings.jsonl"), lines(timings.collect())).unwrap();
    for one in all.iter().filter(|r| r["status"] == "done") {
        let key = one["key"].as_str().unwrap();
        fs::write(folder.join(format!("runs/{key}.json")), record(key, one).to_string()).unwrap();
    }
    fs::write(folder.join("worlds/0ace.json"), world().to_string()).unwrap();
    fs::write(folder.join("results.jsonl"), lines(all)).unwrap();
}
