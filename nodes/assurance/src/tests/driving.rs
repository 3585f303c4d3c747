//! What the checks are for: the robot stops before it touches anything, and is not kept from moving without need.

use super::support::{ROUND, Rig, Scene, config, passes, permit, robot};
use crate::{Input, Output};
use outrider_foundation::data::{CommandSource, Mode};
use outrider_foundation::{Point2, Pose2, Span, Twist2};
use proptest::prelude::*;

/// The robot holds its velocity for the reaction time and brakes then, in steps of a millisecond. Least clearance.
fn brute_force_m(scene: &Scene, twist: Twist2) -> f64 {
    let robot = robot();
    let limits = robot.limits;
    let (mut pose, mut twist, mut least_m) = (Pose2::IDENTITY, twist, f64::INFINITY);
    let reaction_s = config().reaction_s(&limits);
    let stop_s = (twist.v_mps.abs() / limits.brake_mps2).max(twist.w_radps.abs() / limits.alpha_radps2);
    let full = twist;
    let steps = ((reaction_s + stop_s) * 1000.0).ceil() as i32;
    for i in 0..=steps {
        let braked_s = (f64::from(i) * 0.001 - reaction_s).max(0.0);
        let left = if stop_s > 0.0 { (1.0 - braked_s / stop_s).max(0.0) } else { 0.0 };
        twist = Twist2::new(full.v_mps * left, full.w_radps * left);
        pose = pose.advance(twist, 0.001);
        if i % 10 == 0 || i == steps {
            least_m = least_m.min(scene.clearance_m(&robot, pose));
        }
    }
    least_m
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// A permitted speed leaves room to stop, and one with room to spare is permitted.
    #[test]
    fn the_stopping_distance_of_a_permitted_speed_lies_within_the_clearance(
        v in 0.05..1.0f64, w in -1.0..1.0f64, wall in 0.5..1.6f64, angle in -0.9..0.9f64
    ) {
        let scene = Scene::wall(wall, angle);
        prop_assume!(scene.clearance_m(&robot(), Pose2::IDENTITY) > 0.05);
        let twist = Twist2::new(v, w);
        let mut rig = Rig::moving(scene.clone(), twist);
        let mut command = rig.command(twist);
        // A tail as short as allowed, so that the motion itself decides.
        command.braking_tail = shortest_tail(twist);
        let permitted = passes(&rig.send(vec![Input::Command(command)]));
        let least_m = brute_force_m(&scene, twist);
        if permitted {
            prop_assert!(least_m > 0.02, "permitted with {least_m}");
        }
        if least_m > 0.05 {
            prop_assert!(permitted, "refused with {least_m}: {:?}", rig.interventions());
        }
    }

    /// A planner that sees nothing drives at a wall or a post: the robot stops before it.
    #[test]
    fn a_blind_planner_hits_nothing(
        v in 0.2..1.0f64, w in -0.6..0.6f64, wall in 1.2..3.5f64, angle in -1.0..1.0f64, post in -0.6..0.6f64
    ) {
        let mut scene = Scene::wall(wall, angle);
        scene.posts.push((Point2::new(0.5 * wall + 0.4, post), 0.1));
        prop_assume!(scene.clearance_m(&robot(), Pose2::IDENTITY) > 0.1);
        let end = drive(&mut Rig::nominal(scene), |_| Twist2::new(v, w), Span::from_s(6.0));
        prop_assert!(end.least_m > 0.0, "{}", end.least_m);
    }
}

/// Braking at once from this velocity.
pub(super) fn shortest_tail(twist: Twist2) -> Vec<outrider_foundation::data::TrajectoryPoint> {
    let motion = crate::motion::reckon(twist, &[], &robot().limits).unwrap();
    motion
        .iter()
        .map(|m| outrider_foundation::data::TrajectoryPoint { t_s: m.t_s, pose: m.pose, twist: m.twist })
        .collect()
}

pub(super) struct Drive {
    pub least_m: f64,
    pub proposals_passed: usize,
    pub recoveries: usize,
}

/// Drives by what is permitted: commands every 25 ms, held by a gate for the time to live, wheels that follow 50 ms
/// later, a noise-free scan every 50 ms.
pub(super) fn drive(rig: &mut Rig, mut planner: impl FnMut(&mut Rig) -> Twist2, span: Span) -> Drive {
    let limits = rig.robot.limits;
    let mut drive = Drive { least_m: f64::INFINITY, proposals_passed: 0, recoveries: 0 };
    let (mut wanted, mut granted) = (Twist2::ZERO, rig.now.mono);
    let mut published = Twist2::ZERO;
    let mut on_the_way = std::collections::VecDeque::from(vec![Twist2::ZERO; 5]);
    let start = rig.now.mono;
    let mut tick = 0;
    while rig.now.mono.since(start) < span {
        rig.wait(Span::from_millis(10));
        tick += 1;
        if tick % 5 == 0 {
            rig.data();
        } else if tick % 2 == 0 {
            let (odometry, challenge) = (rig.odometry(), rig.next_challenge());
            let mut gate = rig.gate_state();
            gate.twist = published;
            rig.send(vec![Input::Odometry(odometry), challenge, Input::Gate(gate)]);
        }
        if tick % 3 == 0 {
            let twist = planner(rig);
            let outputs = rig.propose(twist);
            if let Some(permit) = permit(&outputs) {
                granted = rig.now.mono;
                let recovery = outputs
                    .iter()
                    .find_map(|o| if let Output::Recovery(c) = o { Some(c.twist) } else { None });
                wanted = recovery.unwrap_or(twist);
                match permit.command_source {
                    CommandSource::Planner => drive.proposals_passed += 1,
                    CommandSource::Recovery => drive.recoveries += 1,
                }
            }
        }
        let stale = rig.now.mono.since(granted) > Span::from_millis(60);
        let target = if stale { Twist2::ZERO } else { wanted };
        published = gate_step(published, target, &limits);
        on_the_way.push_back(published);
        rig.twist = on_the_way.pop_front().unwrap();
        rig.pose = rig.pose.advance(rig.twist, 0.01);
        if tick % 5 == 0 {
            drive.least_m = drive.least_m.min(rig.scene.clearance_m(&rig.robot, rig.pose));
        }
    }
    drive
}

/// What the gate does in 10 ms, written down once more.
fn gate_step(from: Twist2, to: Twist2, limits: &outrider_foundation::robot::DriveLimits) -> Twist2 {
    if to == Twist2::ZERO {
        let stop_s = (from.v_mps.abs() / limits.brake_mps2).max(from.w_radps.abs() / limits.alpha_radps2);
        let keep = if stop_s > 0.01 { 1.0 - 0.01 / stop_s } else { 0.0 };
        return Twist2::new(from.v_mps * keep, from.w_radps * keep);
    }
    let v_step = if to.v_mps.abs() > from.v_mps.abs() { 0.01 } else { 0.012 };
    Twist2::new(
        from.v_mps + (to.v_mps - from.v_mps).clamp(-v_step, v_step),
        from.w_radps + (to.w_radps - from.w_radps).clamp(-0.03, 0.03),
    )
}

#[test]
fn in_the_open_nothing_is_refused() {
    let mut rig = Rig::nominal(Scene::wall(30.0, 0.0));
    let end = drive(&mut rig, |rig| Twist2::new((rig.twist.v_mps + 0.05).min(1.0), 0.3), Span::from_s(5.0));
    assert_eq!(end.recoveries, 0, "{:#?}", rig.interventions());
    assert!(end.proposals_passed > 150);
    assert_eq!(rig.mode(), Mode::Nominal);
}

#[test]
fn it_slows_down_for_the_doorway_and_goes_on() {
    let mut rig = Rig::nominal(Scene::default());
    rig.pose = Pose2::new(-1.5, -1.0, 0.0);
    rig.rest(Span::from_s(0.5));
    let mut inside_mps: f64 = 0.0;
    // The planner knows no zones; its last command is the robot's velocity, as it would be after a recovery.
    let end = drive(
        &mut rig,
        |rig| {
            if rig.pose.x_m > 1.0 && rig.pose.x_m < 3.0 {
                inside_mps = inside_mps.max(rig.twist.v_mps);
            }
            Twist2::new((rig.twist.v_mps + 0.05).min(1.0), 0.0)
        },
        Span::from_s(9.0),
    );
    assert!(inside_mps > 0.5 && inside_mps < 0.67, "{inside_mps}");
    assert!(rig.pose.x_m > 4.0, "{}", rig.pose.x_m);
    assert!(end.recoveries > 10 && rig.mode() == Mode::Nominal);
    assert!(rig.interventions().iter().any(|i| i.subformula == "zone doorway"));
}

#[test]
fn before_a_wall_it_can_turn_and_leave() {
    let mut rig = Rig::nominal(Scene::wall(1.5, 0.0));
    let end = drive(&mut rig, |_| Twist2::new(0.6, 0.0), Span::from_s(4.0));
    assert!(end.least_m > 0.01 && end.least_m < 0.3, "{}", end.least_m);
    let back = drive(&mut rig, |_| Twist2::new(-0.2, 0.0), Span::from_s(1.5));
    assert!(back.proposals_passed > 40);
    let turn = drive(&mut rig, |_| Twist2::new(0.0, 0.8), Span::from_s(2.5));
    assert!(turn.proposals_passed > 70, "{:#?}", rig.interventions().last());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However near something is, standing still is permitted, in every mode but E_STOP.
    #[test]
    fn standing_still_is_always_permitted(
        wall in 0.36..0.8f64, angle in -0.2..0.2f64, post in -3.0..3.0f64, noise in -0.039..0.039f64, warm in any::<bool>()
    ) {
        let mut scene = Scene::wall(wall + 0.1, angle);
        scene.posts.push((Point2::new(0.6 * libm::cos(post), 0.6 * libm::sin(post)), 0.1));
        let mut rig = Rig::new(scene);
        rig.rest(if warm { Span::from_s(2.3) } else { Span::from_s(0.1) });
        rig.twist = Twist2::new(noise, 1.2 * noise);
        rig.wait(ROUND);
        rig.data();
        prop_assert!(passes(&rig.propose(Twist2::ZERO)), "{:#?}", rig.state());
    }
}
