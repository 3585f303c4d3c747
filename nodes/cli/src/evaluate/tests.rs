//! Suites, stores and runs: nothing is lost, and the same runs give the same bytes.

mod stores;

use super::store::{Status, read};
use super::suite::{Choice, Plan, Setup};
use super::*;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A short drive along an aisle, with two values of a parameter and two seeds.
const SHORT: &str = "\
id: short
description: A metre along an aisle.
family: static_clutter
criticality: {class: critical, rationale: an example}
world: worlds/warehouse.sdf
zones: zones/warehouse.yaml
start: {x_m: -8.9, y_m: -4.3, yaw_rad: 0.0}
goal: {x_m: $goal_x, y_m: -4.3, yaw_rad: 0.0}
goal_tolerance_m: 0.3
time_limit_s: 15.0
people: []
seeds: [1, 2]
parameters:
  goal_x: {choices: [-8.0, -7.8]}
criteria:
  stl: [{name: calm, formula: velocity_mps < 1.05}]
";

fn setup(settings: &[&str]) -> Setup {
    Setup {
        config: Path::new(ROOT).join("config"),
        settings: settings.iter().map(|s| Setting::from_argument(s).unwrap()).collect(),
    }
}

fn suite(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn plan(folder: &Path, choice: &Choice) -> anyhow::Result<Plan> {
    Plan::new(folder, choice, &setup(&[]))
}

#[test]
fn a_plan_tells_the_world_from_what_ships() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let world = |setup: &Setup| {
        let plan = Plan::new(folder.path(), &Choice::default(), setup).unwrap();
        assert!(plan.runs.iter().all(|run| run.world_hash == plan.runs[0].world_hash));
        plan.runs[0].world_hash.clone()
    };
    let as_it_is = world(&setup(&[]));
    for ships in [
        &["planner.follow.cruise_mps=0.5", "robot.limits.v_max_mps=1.1"][..],
        &["assurance.detections_required=false"],
    ] {
        assert_eq!(world(&setup(ships)), as_it_is, "{ships:?}");
    }
    for true_too in
        ["sim.detector.miss_probability=0", "robot.limits.brake_mps2=2", "real_robot.limits.brake_mps2=2"]
    {
        assert_ne!(world(&setup(&["gate.stop_decel_mps2=2", true_too])), as_it_is, "{true_too}");
    }
    // A folder of configuration of its own: comments are nothing, numbers are.
    let own = tempfile::tempdir().unwrap();
    let config = own.path().join("config");
    copy_tree(&Path::new(ROOT).join("config"), &config);
    let (file, of_own) = (config.join("sim.yaml"), Setup { config, settings: Vec::new() });
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# A comment.\n{text}")).unwrap();
    assert_eq!(world(&of_own), as_it_is);
    fs::write(&file, text.replace("miss_probability: 0.05", "miss_probability: 0.0")).unwrap();
    assert_ne!(world(&of_own), as_it_is);
    fs::write(&file, text).unwrap();
    assert_eq!(world(&of_own), as_it_is);
    // A run is judged by the zones.
    let zones = of_own.config.join("zones/warehouse.yaml");
    fs::write(&zones, fs::read_to_string(&zones).unwrap().replace("v_max_mps: 0.6", "v_max_mps: 0.9"))
        .unwrap();
    assert_ne!(world(&of_own), as_it_is);
}

#[test]
fn a_folder_a_list_and_a_file_are_suites() {
    let other = SHORT.replace("id: short", "id: other").replace("class: critical", "class: minor");
    let folder = suite(&[
        ("a/short.yaml", SHORT),
        ("b/other.yml", &other),
        ("zones/no_scenario.yaml", "version: 1"),
        ("a/notes.txt", "no scenario"),
        ("a/.#short.yaml", "the lock of an editor"),
        ("list.suite", "scenarios: [a, b/other.yml]\n"),
    ]);
    let ids = |path: &Path, choice: &Choice| -> Vec<String> {
        plan(path, choice).unwrap().members.iter().map(|m| m.scenario.id.clone()).collect()
    };
    let all = Choice::default();
    assert_eq!(ids(folder.path(), &all), ["other", "short"]);
    assert_eq!(ids(&folder.path().join("list.suite"), &all), ["other", "short"]);
    assert_eq!(ids(&folder.path().join("a/short.yaml"), &all), ["short"]);
    let critical = Choice { classes: vec![CriticalityClass::Critical], ..Choice::default() };
    assert_eq!(ids(folder.path(), &critical), ["short"]);
    let refused = |choice: Choice| plan(folder.path(), &choice).unwrap_err().to_string();
    assert!(
        refused(Choice { families: vec![Family::Crowd], ..Choice::default() })
            .contains("no scenario is left")
    );
    assert!(
        refused(Choice { ids: vec!["third".into()], ..Choice::default() }).contains("no scenario `third`")
    );
    fs::write(folder.path().join("b/again.yaml"), SHORT).unwrap();
    let twice = refused(Choice::default());
    assert!(twice.contains("the id `short` is that of") && twice.contains("again.yaml"), "{twice}");
    fs::write(folder.path().join("b/again.yaml"), SHORT.replace("$goal_x", "$goal")).unwrap();
    assert!(refused(Choice::default()).contains("again.yaml: line 8: `$goal` is no parameter"));
    fs::write(folder.path().join("list.suite"), "scenarios: [c.yaml]\n").unwrap();
    let error = plan(&folder.path().join("list.suite"), &Choice::default()).unwrap_err().to_string();
    assert!(error.contains("there is no `c.yaml`"), "{error}");
}

#[test]
fn keys_tell_everything_apart_that_goes_into_a_run() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let keys = |text: &str, settings: &[&str]| -> Vec<String> {
        fs::write(folder.path().join("short.yaml"), text).unwrap();
        let plan = Plan::new(folder.path(), &Choice::default(), &setup(settings)).unwrap();
        plan.runs.iter().map(|r| r.key.clone()).collect()
    };
    let plain = keys(SHORT, &[]);
    assert_eq!(plain.len(), 4);
    assert_eq!(plain.iter().collect::<BTreeSet<_>>().len(), 4, "parameters and seeds");
    assert_eq!(plain, keys(SHORT, &[]));
    let none = |other: Vec<String>| other.iter().all(|k| !plain.contains(k));
    assert!(none(keys(&SHORT.replace("A metre", "One metre"), &[])), "the scenario's text");
    assert!(none(keys(SHORT, &["planner.follow.cruise_mps=0.8"])), "a setting");
    assert!(none(keys(&format!("{SHORT}configuration: {{sim.lidar.beams: 360}}\n"), &[])), "its own setting");
}

#[test]
fn settings_that_are_refused_stop_the_suite_before_anything_runs() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let error = Plan::new(folder.path(), &Choice::default(), &setup(&["planner.follow.cruize_mps=0.8"]));
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("--set planner.follow.cruize_mps=0.8: ") && error.contains("cruize_mps"),
        "{error}"
    );
}

/// What cannot be started, strike or be expected, and what would have no effect.
#[test]
fn what_cannot_be_run_is_told_when_it_is_planned() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let told = |more: &str, settings: &[&str]| {
        fs::write(folder.path().join("short.yaml"), format!("{SHORT}{more}")).unwrap();
        Plan::new(folder.path(), &Choice::default(), &setup(settings)).map(|plan| plan.left_out)
    };
    for (more, why) in [
        ("events: [{at_s: 0.1, set: {lidar.nope: 1}}]\n", "`lidar.nope`: there is no such key"),
        ("faults: [{at_s: 0.1, what: {drop: {topic: scan, to: gate}}}]\n", "no node sends such messages"),
        (
            "expect: {must_not: [{what: {intervention: braking_acheived}}]}\n",
            "expect.must_not: intervention: assurance has no rule `braking_acheived`; it has ",
        ),
    ] {
        let error = format!("{:#}", told(more, &[]).unwrap_err());
        assert!(error.contains("short.yaml: line ") && error.contains(why), "{error}");
    }
    for rule in ["braking_achieved", "stopping_distance", "e_stop", "way_out"] {
        told(&format!("expect: {{must_not: [{{what: {{intervention: {rule}}}}}]}}\n"), &[]).unwrap();
    }
    for (more, settings, why) in [
        ("", &["sim.truth.rate_hz=3.0"][..], "sim.truth.rate_hz: 3, an evaluation measures at 20 Hz"),
        (
            "",
            &["sim.truth.phase_s=9.9"],
            "sim.truth.phase_s: 9.9, an evaluation sees a run from its beginning, at 0 s",
        ),
        (
            "events: [{at_s: 0, set: {truth.rate_hz: 3.0}}]\n",
            &[],
            "events: `truth.rate_hz`: an evaluation rests",
        ),
        (
            "",
            &["sim.events=[{at_s: 0, set: {truth: {rate_hz: 20.0, phase_s: 9.9}}}]"],
            "sim.events: `truth`: an evaluation rests on the truth",
        ),
    ] {
        let error = format!("{:#}", told(more, settings).unwrap_err());
        assert!(error.contains("short.yaml: ") && error.contains(why), "{error}");
    }
    let error = told("", &["robot.limits.v_max_mps=0.3"]).unwrap_err();
    assert!(format!("{error:#}").contains("follow.cruise_mps"), "{error:#}");
    let own = "configuration: {planner.follow.cruise_mps: 0.3}\n";
    let warned = told(own, &["planner.follow.cruise_mps=0.6"]).unwrap();
    assert!(
        warned[0].ends_with("its own `configuration` goes over --set planner.follow.cruise_mps=0.6"),
        "{warned:?}"
    );
    assert_eq!(told(own, &["planner.follow.goal_tolerance_m=0.2"]).unwrap_or_default(), [""; 0]);
}

/// Every file but those that a clock measured.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for sub in ["", "runs", "worlds"] {
        for entry in fs::read_dir(folder.join(sub)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_file() && name != "timings.jsonl" {
                all.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn args(suite: &Path, out: &Path, more: &[&str]) -> Args {
    use clap::Parser as _;
    let config = Path::new(ROOT).join("config");
    let paths = [suite, out, &config].map(|p| p.to_str().unwrap().to_owned());
    let mut words = vec!["outrider", "evaluate", &paths[0], "--out", &paths[1], "--config", &paths[2]];
    words.extend(more);
    match crate::Cli::parse_from(words).command {
        crate::Command::Evaluate(args) => args,
        other => panic!("{other:?}"),
    }
}

/// Real runs: in one go with two jobs; in two shards, one of them interrupted, and taken together.
#[test]
fn the_same_suite_gives_the_same_bytes_however_it_is_run() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let out = tempfile::tempdir().unwrap();
    let [whole, first, second, merged] = ["whole", "first", "second", "merged"].map(|n| out.path().join(n));
    run(args(folder.path(), &whole, &["--jobs", "2", "--replay", "all"])).unwrap();
    let (results, timings) = read(&whole).unwrap();
    assert_eq!((results.len(), timings.len()), (4, 4));
    for result in &results {
        assert!(result.passed, "{result:?}");
        assert!(
            result.reproduced.as_ref().is_some_and(|r| r.identical && r.steps > 100),
            "{:?}",
            result.reproduced
        );
        let metrics = result.metrics.as_ref().unwrap();
        assert_eq!(metrics.completeness, Some(1.0));
        assert!(
            metrics.data_age_s.p95.is_some_and(|age| (0.0..0.2).contains(&age)),
            "{:?}",
            metrics.data_age_s
        );
        assert!(result.stl["calm"].is_some_and(|r| r > 0.0));
        assert!(metrics.path_efficiency.is_some_and(|e| e > 0.5), "{metrics:?}");
    }
    assert_ne!(results[0].digest, results[1].digest, "another seed");
    run(args(folder.path(), &first, &["--jobs", "1", "--replay", "all", "--shard", "1/2"])).unwrap();
    run(args(folder.path(), &second, &["--jobs", "1", "--replay", "all", "--shard", "2/2"])).unwrap();
    assert_eq!(read(&first).unwrap().0.len(), 2);
    let from = [first.to_str().unwrap(), second.to_str().unwrap()];
    run(args(folder.path(), &merged, &["--replay", "all", "--from", from[0], "--from", from[1]])).unwrap();
    assert_eq!(bytes(&whole), bytes(&merged));
}

/// What a key was made of must not change under it.
#[test]
fn a_file_that_changes_or_goes_while_it_is_evaluated_is_no_result() {
    let folder = suite(&[("short.yaml", SHORT), ("config/zones.yaml", "")]);
    let config = folder.path().join("config");
    copy_tree(&Path::new(ROOT).join("config"), &config);
    let setup = Setup { config: config.clone(), settings: Vec::new() };
    let plan = Plan::new(&folder.path().join("short.yaml"), &Choice::default(), &setup).unwrap();
    let planned = &plan.runs[0];
    let member = plan.member(planned).unwrap();
    let make =
        || run::run(&setup, member, planned, false).map(|f| f.result.status).map_err(|e| format!("{e:#}"));
    assert_eq!(make(), Ok(Status::Done));
    let spoil = |path: &Path, change: &dyn Fn(&Path)| {
        let text = fs::read(path).unwrap();
        change(path);
        let said = make().unwrap_err();
        fs::write(path, text).unwrap();
        said
    };
    let append = |path: &Path| fs::write(path, fs::read_to_string(path).unwrap() + "# more\n").unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let said = spoil(&config.join("planner.yaml"), &append);
    assert!(said.contains("the configuration, or what"), "{said}");
    let said = spoil(&member.path, &append);
    assert!(said.contains("short.yaml has changed while it was evaluated"), "{said}");
    let said = spoil(&config.join("worlds/warehouse.sdf"), &remove);
    assert!(said.contains("warehouse.sdf: No such file"), "{said}");
    assert_eq!(make(), Ok(Status::Done));
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), &to).map(drop).unwrap()
        }
    }
}

/// Each run is in one shard, and no shard has much more to make or to replay than another.
#[test]
fn shards_share_everything_out() {
    let more = |id: &str, seeds: usize| {
        let seeds: Vec<String> = (1..=seeds).map(|s| s.to_string()).collect();
        SHORT.replace("id: short", &format!("id: {id}")).replace("[1, 2]", &format!("[{}]", seeds.join(", ")))
    };
    let texts: Vec<(String, String)> =
        (1..=5).map(|n| (format!("{n}.yaml"), more(&format!("short_{n}"), n))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = suite(&files);
    let plan = plan(folder.path(), &Choice::default()).unwrap();
    for of in 1..=7 {
        let shards: Vec<Vec<&Planned>> = (1..=of)
            .map(|i| mine(&args(folder.path(), Path::new("out"), &["--shard", &format!("{i}/{of}")]), &plan))
            .collect();
        let mut keys: Vec<&str> = shards.iter().flatten().map(|r| r.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((keys.len(), shards.iter().map(Vec::len).sum()), (plan.runs.len(), plan.runs.len()));
        let spread = |count: &dyn Fn(&Vec<&Planned>) -> usize| {
            let counts: Vec<usize> = shards.iter().map(count).collect();
            counts.iter().max().unwrap() - counts.iter().min().unwrap()
        };
        assert!(spread(&|shard| shard.len()) <= 1, "{of}");
        assert!(spread(&|shard| shard.iter().filter(|r| r.first).count()) <= 1, "{of}");
    }
}

#[test]
fn what_an_interruption_leaves_is_told() {
    let folder = suite(&[("short.yaml", SHORT)]);
    let out = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), &Choice::default()).unwrap();
    let left = |more: &[&str], stopped: bool| {
        let stop = AtomicBool::new(stopped);
        evaluate(&args(folder.path(), out.path(), more), &setup(&[]), &plan, out.path(), &stop).unwrap().left
    };
    assert_eq!(left(&["--replay", "none"], true), 4);
    assert_eq!(left(&["--replay", "none", "--shard", "1/2"], false), 0);
    // The shard is whole, whatever others are to make.
    assert_eq!(left(&["--replay", "none", "--shard", "1/2"], true), 0);
    assert_eq!(left(&["--replay", "none"], false), 0);
    // All are there, and none is replayed.
    assert_eq!(left(&["--replay", "all"], true), 4);
}

#[test]
fn what_goes_wrong_in_a_run_is_its_result() {
    // With the first seed the robot starts before a wall, with the second in it.
    let text = SHORT
        .replace("x_m: -8.9, y_m: -4.3", "x_m: $start_x, y_m: -4.3")
        .replace("$goal_x", "-8.0")
        .replace("goal_x: {choices: [-8.0, -7.8]}", "start_x: {uniform: {low: -10.0, high: -8.8}}");
    let folder = suite(&[("short.yaml", SHORT), ("walled.yaml", &text.replace("id: short", "id: walled"))]);
    let out = tempfile::tempdir().unwrap();
    run(args(folder.path(), out.path(), &["--replay", "none"])).unwrap();
    let (results, _) = read(out.path()).unwrap();
    assert_eq!(results.len(), 6);
    for result in &results {
        let walled = result.scenario == "walled" && result.seed == 2;
        assert_eq!(result.status, if walled { Status::Error } else { Status::Done });
        assert_eq!(result.passed, !walled);
        assert!(
            !walled || result.message.as_ref().is_some_and(|m| m.contains("in contact with")),
            "{result:?}"
        );
    }
}

/// What is done to the suite from a scenario, each in a run of its own that says what has to come of it.
#[test]
fn faults_and_operators_do_what_a_scenario_says() {
    let base = SHORT
        .replace("$goal_x", "-2.0")
        .replace("seeds: [1, 2]\nparameters:\n  goal_x: {choices: [-8.0, -7.8]}\n", "")
        .replace("time_limit_s: 15.0", "time_limit_s: 8.0");
    let scenario =
        |id: &str, more: &str| (format!("{id}.yaml"), base.replace("id: short", &format!("id: {id}")) + more);
    let files = [
        scenario(
            "nobody_arms",
            "arming: never\nexpect: {outcome: refused, must_not: [{what: moving, after_s: 0.0}]}\n",
        ),
        scenario(
            "the_planner_is_cut_off",
            "faults: [{at_s: 4.0, what: {partition: [planner]}}]\nexpect:\n  outcome: stopped\n  must: [{what: moving, \
             after_s: 3.0, within_s: 1.0}, {what: standing, after_fault: 0, within_s: 1.5}]\n  must_not: [{what: moving, after_fault: 0, after_s: 1.5}]\n",
        ),
        scenario(
            "the_scan_is_lost",
            "faults: [{at_s: 4.0, what: {drop: {topic: scan}}}]\nexpect:\n  outcome: stopped\n  must: [{what: {mode: safe_stop}, \
             after_fault: 0, within_s: 0.5}]\n  over_after_standing_s: 1.5\n",
        ),
        scenario(
            "somebody_takes_over",
            "arming: once\nfaults: [{at_s: 4.0, for_s: 1.0, what: {teleop: {v_mps: 0.3, w_radps: 0.0}}}]\nexpect:\n  outcome: stopped\n  \
             must: [{what: {gate: teleop}, after_fault: 0, within_s: 0.5}, {what: {gate: disarmed}, after_fault: 0, after_s: 1.0, within_s: 1.0}]\n",
        ),
        scenario("it_expects_too_much", "expect: {must_not: [{what: moving}]}\n"),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = suite(&files);
    let out = tempfile::tempdir().unwrap();
    run(args(folder.path(), out.path(), &["--replay", "all"])).unwrap();
    let (results, _) = read(out.path()).unwrap();
    assert_eq!(results.len(), 5);
    for result in &results {
        let why = text::why(result);
        assert_eq!(result.passed, result.scenario != "it_expects_too_much", "{}: {why}", result.scenario);
        let again = result.reproduced.as_ref().unwrap();
        assert!(again.identical, "{}: {again:?}", result.scenario);
        if !result.passed {
            assert!(why.contains("\"moving\" happened at"), "{why}");
        }
        if result.scenario == "nobody_arms" {
            let record = fs::read_to_string(out.path().join("runs").join(format!("{}.json", result.key)));
            assert!(record.unwrap().contains("\"goal given\""), "the goal waits for nobody");
        }
        if result.scenario == "the_scan_is_lost" {
            let metrics = result.metrics.as_ref().unwrap();
            assert!(metrics.elapsed_s < 7.9, "over once it stands: {metrics:?}");
        }
    }
}

#[test]
fn what_a_world_lacks_of_its_file_is_said_with_file_and_line() {
    let world = "<sdf version=\"1.9\"><world name=\"hall\">\n<model name=\"statue\"><static>true</static><link name=\"l\">\n\
                 <collision name=\"c\"><geometry>\n<mesh><uri>statue.dae</uri></mesh>\n</geometry></collision>\n\
                 </link></model>\n<include><uri>model://nowhere</uri></include>\n</world></sdf>";
    let worlds = suite(&[("hall.sdf", world)]);
    let sdf = worlds.path().join("hall.sdf").display().to_string();
    let folder = suite(&[("short.yaml", &SHORT.replace("worlds/warehouse.sdf", &sdf))]);
    let said = plan(folder.path(), &Choice::default()).unwrap().left_out;
    let starts = [format!("{sdf}:4: <mesh>: left out: "), format!("{sdf}:7: <include>: ")];
    assert_eq!(said.len(), 2, "once each, however many runs there are: {said:?}");
    assert!(said.iter().zip(&starts).all(|(line, start)| line.starts_with(start)), "{said:?}");
    let whole = suite(&[("short.yaml", SHORT)]);
    assert_eq!(plan(whole.path(), &Choice::default()).unwrap().left_out, [""; 0]);
}

/// Models that a world includes, and those that these include.
#[test]
fn what_a_world_includes_is_drawn() {
    let model = |name: &str, size: &str, more: &str| {
        format!(
            "<sdf version=\"1.9\"><model name=\"{name}\"><static>true</static><link name=\"l\"><collision name=\"c\">\
             <geometry><box><size>{size}</size></box></geometry></collision></link>{more}</model></sdf>"
        )
    };
    let include =
        |name: &str, pose: &str| format!("<include><uri>model://{name}</uri><pose>{pose}</pose></include>");
    let statue = model("statue", "1 1 2", &include("post", "0 2 0 0 0 0"));
    let world = include("statue", "-4 -4.3 1 0 0 0");
    let world = format!("<sdf version=\"1.9\"><world name=\"hall\">{world}</world></sdf>");
    let worlds = suite(&[
        ("hall.sdf", &world),
        ("models/statue/model.sdf", &statue),
        ("models/post/model.sdf", &model("post", "0.2 0.2 2", "")),
    ]);
    let sdf = worlds.path().join("hall.sdf").display().to_string();
    let folder = suite(&[("short.yaml", &SHORT.replace("worlds/warehouse.sdf", &sdf))]);
    assert_eq!(plan(folder.path(), &Choice::default()).unwrap().left_out, [""; 0]);
    let out = tempfile::tempdir().unwrap();
    run(args(folder.path(), out.path(), &["--seeds", "1"])).unwrap();
    let drawn = fs::read_dir(out.path().join("worlds")).unwrap().next().unwrap().unwrap().path();
    let drawn: serde_json::Value = serde_json::from_str(&fs::read_to_string(drawn).unwrap()).unwrap();
    let corners = serde_json::json!([
        [[-4.5, -4.8], [-3.5, -4.8], [-3.5, -3.8], [-4.5, -3.8]],
        [[-4.1, -2.4], [-3.9, -2.4], [-3.9, -2.2], [-4.1, -2.2]]
    ]);
    assert_eq!(drawn["outlines"], corners);
}
