//! External planners: in shadow nothing changes but the record; in command what is fresh and safe is driven, and nothing
//! else, whatever is proposed.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, TREE, Walker, config, hall, robot, two_rooms};
use outrider_foundation::data::{
    Alternative, AssuranceState, MissionAction, MissionRequest, Mode, TreeStatus,
};
use outrider_foundation::grid::CostGrid;
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Pose2, Span, Twist2};
use outrider_planner::external::{ExternalPlanner, Outcome, Record, View};
use outrider_planner::{Controller, EXTERNAL_TOPIC, ExternalMode, Input, PlannerError, PlannerNode};

const GOAL: Pose2 = Pose2 { x_m: 10.0, y_m: 4.0, yaw_rad: 0.0 };

fn suite(grid: CostGrid, start: Pose2, mode: ExternalMode) -> Loop {
    let mut config = config();
    config.external.mode = mode;
    let mut l = Loop::new(grid, start);
    l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap();
    l.goal(GOAL);
    l
}

/// Runs to the end of the tree with a message every 50 ms: what `says` gives for time and pose.
fn run(l: &mut Loop, limit_s: f64, mut says: impl FnMut(f64, Pose2) -> Option<Twist2>) -> bool {
    for tick in 0..(limit_s / crate::common::STEP_S) as u64 {
        if tick % 10 == 3
            && let Some(twist) = says(l.t_s(), l.pose)
        {
            let stamp = l.now().ros;
            l.send(Input::External { stamp, twist });
        }
        l.tick();
        if tick > 10 && l.status() != TreeStatus::Running {
            return true;
        }
    }
    false
}

fn outcomes(l: &Loop) -> Vec<(Outcome, Option<Twist2>)> {
    let of = |a: &Alternative| Record::read(&a.name, &a.rejected_because);
    l.decisions.iter().filter_map(|d| d.alternatives.iter().find_map(of)).collect()
}

fn count(l: &Loop, wanted: impl Fn(&Outcome) -> bool) -> usize {
    outcomes(l).iter().filter(|(o, _)| wanted(o)).count()
}

fn refused_for(l: &Loop, text: &str) -> usize {
    count(l, |o| matches!(o, Outcome::Refused(why) if why.contains(text)))
}

fn value(l: &Loop, key: &str) -> String {
    l.node.diagnostics().into_iter().find(|(k, _)| *k == key).unwrap().1
}

/// Drives slower than the own controller would, straight ahead.
fn slowly(_: f64, _: Pose2) -> Option<Twist2> {
    Some(Twist2::new(0.4, 0.0))
}

#[test]
fn in_shadow_the_commands_are_those_without_and_the_difference_is_on_record() {
    let drive = |mode| {
        let mut l = suite(hall(), Pose2::new(1.0, 4.0, 0.0), mode);
        assert!(run(&mut l, 40.0, slowly), "{}", l.trace(0.5));
        l.assert_arrived(GOAL, 0.05);
        l
    };
    let (off, shadow) = (drive(ExternalMode::Off), drive(ExternalMode::Shadow));
    assert_eq!(off.commands, shadow.commands);
    assert!(outcomes(&off).is_empty());
    let would = count(&shadow, |o| *o == Outcome::WouldDrive);
    assert!(would > 300, "{would}");
    assert_eq!(count(&shadow, |o| *o == Outcome::Driven), 0);
    // At full speed the own controller goes 0.9 m/s.
    let most = outcomes(&shadow).iter().filter_map(|(_, by)| *by).fold(0.0, |m: f64, by| m.max(by.v_mps));
    assert!((most - 0.5).abs() < 0.02, "{most}");
    assert!(
        value(&shadow, "external difference in speed").contains("most 0.5"),
        "{:?}",
        shadow.node.diagnostics()
    );
    assert_eq!(value(&shadow, "external proposals that would be driven"), would.to_string());
}

#[test]
fn in_command_it_drives_and_the_own_controller_is_on_record() {
    for controller in [Controller::Rpp, Controller::Mppi] {
        let mut l = suite(hall(), Pose2::new(1.0, 4.0, 0.0), ExternalMode::Command);
        let mut config = config();
        (config.controller, config.external.mode) = (controller, ExternalMode::Command);
        l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap();
        assert!(run(&mut l, 60.0, slowly), "{}", l.trace(0.5));
        l.assert_arrived(GOAL, 0.05);
        l.check_commands();
        let fastest = l.commands.iter().map(|(_, c)| c.twist.v_mps).fold(0.0, f64::max);
        // Before the first message the own controller drives for some hundredths of a second.
        assert!((0.39..0.45).contains(&fastest), "{fastest}");
        let driven = count(&l, |o| *o == Outcome::Driven);
        assert!(driven * 10 > l.decisions.len() * 8, "{driven} of {}\n{}", l.decisions.len(), l.trace(0.5));
        let decision = l.decisions.iter().find(|d| d.chosen.contains("external planner drives")).unwrap();
        assert!(decision.alternatives[0].name.starts_with("own controller: v 0."), "{decision:?}");
        assert_eq!(l.node.external_failing(), None);
    }
}

#[test]
fn what_is_stale_early_old_or_beyond_the_limits_is_not_driven() {
    let mut l = suite(hall(), Pose2::new(1.0, 4.0, 0.0), ExternalMode::Command);
    l.run(0.5);
    assert!(refused_for(&l, "nothing received") > 5);
    assert_eq!(l.node.external_failing(), Some("nothing received"));
    let drives = |l: &mut Loop, after_ms: i64, twist: Twist2| {
        let stamp = l.now().ros + Span::from_millis(after_ms);
        l.send(Input::External { stamp, twist });
        l.run(0.03);
        outcomes(l).last().unwrap().0.clone()
    };
    let slow = Twist2::new(0.4, 0.0);
    assert_eq!(drives(&mut l, 0, slow), Outcome::Driven);
    // No newer than what is known already: nothing new, and the one before counts on.
    assert_eq!(drives(&mut l, -100, Twist2::new(-0.3, 0.0)), Outcome::Driven);
    assert_eq!(value(&l, "external messages out of order"), "1");
    l.run(0.3);
    let last = |l: &Loop| outcomes(l).last().unwrap().0.clone();
    assert!(matches!(last(&l), Outcome::Refused(why) if why.starts_with("stale: ")));
    assert!(matches!(drives(&mut l, -250, slow), Outcome::Refused(why) if why.starts_with("stale: 0.2")));
    assert_eq!(drives(&mut l, 0, slow), Outcome::Driven);
    assert!(matches!(drives(&mut l, 90, slow), Outcome::Refused(why) if why.contains("in the future")));
    l.run(0.3);
    for bad in
        [Twist2::new(1.01, 0.0), Twist2::new(-0.31, 0.0), Twist2::new(0.0, -1.3), Twist2::new(f64::NAN, 0.0)]
    {
        assert!(
            matches!(drives(&mut l, 0, bad), Outcome::Refused(why) if why.contains("is not within")),
            "{bad:?}"
        );
    }
    assert_eq!(drives(&mut l, 0, slow), Outcome::Driven);
    // A message that the border refuses takes the one before with it.
    l.send(Input::Rejected { topic: EXTERNAL_TOPIC.into(), reason: "linear.x: NaN".into() });
    l.run(0.03);
    assert!(matches!(last(&l), Outcome::Refused(why) if why == "message refused: linear.x: NaN"));
    assert!(l.run_to_end(40.0));
    l.assert_arrived(GOAL, 0.05);
    l.check_commands();
}

#[test]
fn limits_in_force_slow_it_down_along_the_same_curve() {
    let mut config = config();
    config.external.mode = ExternalMode::Command;
    config.modes.degraded_share = 0.25;
    let mut l = suite(hall(), Pose2::new(2.0, 4.0, 0.0), ExternalMode::Command);
    l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap();
    l.send(Input::Assurance(AssuranceState { mode: Mode::Degraded, ..Default::default() }));
    run(&mut l, 2.0, |_, _| Some(Twist2::new(0.8, 0.4)));
    let twist = l.last().twist;
    assert!((twist.v_mps - 0.25).abs() < 1e-6 && (twist.w_radps - 0.125).abs() < 1e-6, "{twist:?}");
    assert_eq!(l.last().reason, "the external planner drives: DEGRADED");
}

#[test]
fn one_that_drives_at_walls_and_people_touches_nothing() {
    let crosses = |from: Point2, velocity: Point2| Walker { from, velocity, starts_s: 0.0, ends_s: 60.0 };
    for seed in 0..2 {
        for rest_s in [0.0, 1.0] {
            let mut config = config();
            (config.external.mode, config.external.rest_s) = (ExternalMode::Command, rest_s);
            let mut l = suite(two_rooms(), Pose2::new(3.0, 4.0, 0.0), ExternalMode::Command);
            l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap();
            // Stands in the way of who drives at him, not of the path.
            l.walkers = vec![crosses(Point2::new(3.0, 6.5), Point2::new(0.0, 0.0))];
            let mut held = Twist2::ZERO;
            let mut draw = 0;
            let _ = run(&mut l, 20.0, |t_s, _| {
                let part = (t_s / 1.5) as u64;
                if part != draw {
                    draw = part;
                    let mut rng = Rng::new(seed, 1, part);
                    // Mostly at full speed ahead, with any turn.
                    held = Twist2::new(1.0 - 1.3 * rng.uniform().powi(3), 2.4 * (rng.uniform() - 0.5));
                }
                Some(held)
            });
            l.check_commands();
            assert!(l.least_clearance_m > 0.0, "seed {seed}: {} m\n{}", l.least_clearance_m, l.trace(0.5));
            assert!(l.least_person_m > 0.0, "seed {seed}: {} m\n{}", l.least_person_m, l.trace(0.5));
            assert!(count(&l, |o| *o == Outcome::Driven) > 50, "{}", l.trace(1.0));
            assert!(refused_for(&l, "braking tail: ") > 0, "seed {seed}\n{}", l.trace(1.0));
        }
    }
}

/// Straight at the wall: it comes to stand before it, or the own controller drives away from it.
#[test]
fn one_that_drives_at_a_wall_is_refused_and_the_own_controller_takes_over() {
    let mut l = suite(two_rooms(), Pose2::new(2.0, 2.0, 0.0), ExternalMode::Command);
    let at_wall = |_: f64, pose: Pose2| {
        (pose.x_m < 5.8 && pose.y_m < 3.5).then(|| Twist2::new(0.9, -pose.yaw_rad.clamp(-1.0, 1.0)))
    };
    assert!(run(&mut l, 90.0, at_wall), "{}", l.trace(1.0));
    assert!(l.least_clearance_m > 0.0, "{} m", l.least_clearance_m);
    assert!(refused_for(&l, "braking tail: obstacle") > 0 && refused_for(&l, "rests for") > 20);
    l.assert_arrived(GOAL, 0.0);
    l.check_commands();
}

/// Steers at the goal; says why when it has nothing to say.
struct Straight;

impl ExternalPlanner for Straight {
    fn name(&self) -> &str {
        "straight"
    }

    fn propose(&mut self, view: &View<'_>) -> Result<Twist2, String> {
        let goal = view.pose.inverse().apply(view.path.end().position());
        if goal.x_m < 0.8 {
            return Err("too near to the goal for me".into());
        }
        Ok(Twist2::new(view.most.v_mps, libm::atan2(goal.y_m, goal.x_m).clamp(-1.0, 1.0)))
    }
}

#[test]
fn a_policy_in_the_process_goes_the_same_way() {
    let drive = || {
        let mut config = config();
        config.external.mode = ExternalMode::Command;
        let mut l = suite(hall(), Pose2::new(1.0, 4.0, 0.0), ExternalMode::Command);
        l.node = PlannerNode::new(config, &robot(), TREE, 7).unwrap().with_policy(Box::new(Straight));
        assert!(l.run_to_end(40.0), "{}", l.trace(0.5));
        l.assert_arrived(GOAL, 0.05);
        l.check_commands();
        assert!(count(&l, |o| *o == Outcome::Driven) > 300, "{}", l.trace(0.5));
        assert!(refused_for(&l, "too near to the goal for me") > 5, "{}", l.trace(0.5));
        assert_eq!(value(&l, "external planner"), "command (straight)");
        l.outputs
    };
    assert_eq!(drive(), drive());
}

#[test]
fn policies_are_named_in_the_configuration() {
    let mut config = config();
    (config.external.mode, config.external.source) = (ExternalMode::Command, "carrot".into());
    let mut l = suite(two_rooms(), Pose2::new(2.0, 2.0, 0.0), ExternalMode::Command);
    l.node = PlannerNode::new(config.clone(), &robot(), TREE, 7).unwrap();
    assert!(l.run_to_end(60.0), "{}", l.trace(0.5));
    l.assert_arrived(GOAL, 0.0);
    assert!(count(&l, |o| *o == Outcome::Driven) * 2 > l.decisions.len(), "{}", l.trace(0.5));
    config.external.source = "oracle".into();
    let error = PlannerNode::new(config, &robot(), TREE, 7).err().unwrap();
    assert_eq!(error, PlannerError::NoPolicy("oracle".into()));
}

#[test]
fn a_pause_is_the_planners_own() {
    let mut l = suite(hall(), Pose2::new(1.0, 4.0, 0.0), ExternalMode::Command);
    run(&mut l, 2.0, slowly);
    assert!(l.last().twist.v_mps > 0.3);
    let (stamp, action) = (l.now().ros, MissionAction::Pause);
    l.send(Input::Mission(MissionRequest { stamp, sequence: 1, id: [0; 16], action }));
    run(&mut l, 2.0, slowly);
    assert_eq!(l.last().twist, Twist2::ZERO, "{}", l.trace(0.2));
    assert_eq!(l.node.external_failing(), None);
}
