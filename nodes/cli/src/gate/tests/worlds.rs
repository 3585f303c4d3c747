//! What was tried in another world is no evidence.

use super::*;

/// Released would be what a simulator that sees everything, and brakes that never fail, let pass.
#[test]
fn a_world_that_the_baseline_was_not_made_in_is_no_evidence() {
    let easier = ["real_robot.limits.brake_mps2=3", "sim.detector.miss_probability=0"].map(str::to_owned);
    let (verdict, names) = stopped_by(|e| e.manifest.settings = easier.to_vec());
    assert_eq!((verdict.finding(), names), (Finding::Unknown, vec!["evidence.settings".to_owned()]));
    let words =
        "another test: made with --set real_robot.limits.brake_mps2=3, sim.detector.miss_probability=0;";
    assert!(reason(&verdict, "evidence.settings").starts_with(words), "{}", text::text(&verdict));
    // What ships may be set, and limits that the robot is ordered to keep; what else its file says is so in the simulation too.
    let set = |word: &str| stopped_by(|e| e.manifest.settings = vec![word.to_owned()]).1;
    assert_eq!(set("robot.limits.v_max_mps=0.8"), [""; 0]);
    assert_eq!(set("planner.follow.cruise_mps=0.8"), [""; 0]);
    assert_eq!(set("robot.limits.brake_mps2=3"), ["evidence.settings"]);
    assert_eq!(set("robot.footprint_m=[]"), ["evidence.settings"]);
    let made = |folder: &str, settings: &[String]| {
        let mut evidence = Evidence { digest: folder.to_owned(), ..evidence(0.01) };
        evidence.manifest.settings = settings.to_vec();
        evidence
    };
    let judged = |baseline: Option<&[String]>, candidate: &[String]| {
        let baseline = baseline.map(|settings| made("b", settings));
        judge((&policy(), "policy.yaml"), baseline.as_ref(), &made("c", candidate)).finding()
    };
    assert_eq!(judged(Some(&easier), &easier), Finding::Unknown, "both easier");
    assert_eq!(judged(Some(&easier), &easier[1..]), Finding::Unknown);
    assert_eq!(judged(Some(&easier[1..]), &easier), Finding::Unknown);
    assert_eq!(judged(None, &easier), Finding::Unknown);
    // The same of a folder of configuration, where no setting tells of it: of one scenario, and of a baseline of before worlds were told.
    let move_to = |e: &mut Evidence, world: &str| {
        e.results.iter_mut().filter(|r| r.scenario == "s03").for_each(|r| r.world_hash = world.to_owned());
    };
    let elsewhere = |world: &str| stopped_by(|e| move_to(e, world));
    let (verdict, names) = elsewhere("easier");
    assert_eq!((verdict.finding(), names), (Finding::Unknown, vec!["evidence.world".to_owned()]));
    assert!(
        reason(&verdict, "evidence.world").contains("of 1 of the baseline's scenarios"),
        "{}",
        text::text(&verdict)
    );
    assert_eq!(elsewhere("").1, ["evidence.world"]);
    // A scenario whose text has changed has no pair that could hide anything.
    let changed = stopped_by(|e| {
        e.manifest.scenarios[3].hash = "new".to_owned();
        move_to(e, "easier");
        e.results.iter_mut().filter(|r| r.scenario == "s03").for_each(|r| r.scenario_hash = "new".to_owned());
    });
    assert_eq!(changed.1, [""; 0]);
    // Who is worse there is stopped for that.
    let (verdict, names) = stopped_by(|e| {
        e.manifest.settings = vec!["sim.lidar.latency_s=0.06".to_owned()];
        e.results.iter_mut().for_each(|r| metrics(r).data_age_s.p95 = Some(0.062));
    });
    assert_eq!(verdict.finding(), Finding::Bad);
    assert_eq!(names, ["latency.data_age", "regression.data_age_s.p95"]);
}
