//! Arming, stops, take-over, the period.

use super::support::{GATE_BOOT, PERIOD, Rig, TTL, config, digest, limits, robot};
use crate::{Config, GateNode, Input, Output};
use outrider_foundation::data::{GateMode, OperatorAction};
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Node, Span, Stamp, Twist2};

const FAST: Twist2 = Twist2::new(0.8, 0.4);

fn teleop(v: f64, w: f64) -> Input {
    Input::Teleop { stamp: Stamp::default(), twist: Twist2::new(v, w) }
}

#[test]
fn the_shipped_configuration_is_taken() {
    assert!((config().period_s - 0.01).abs() < 1e-12);
}

#[test]
fn bad_configurations_refuse_to_start_and_say_why() {
    let refusal = |change: fn(&mut Config)| {
        let mut c = config();
        change(&mut c);
        GateNode::new(c, &robot(), digest, GATE_BOOT).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(
        refusal(|c| c.teleop.timeout_s = 0.0),
        "gate configuration: teleop.timeout_s: 0 is not within [0.02, 1]"
    );
    assert_eq!(
        refusal(|c| c.max_time_to_live_s = f64::NAN),
        "gate configuration: max_time_to_live_s: NaN is not within [0.01, 0.06]"
    );
    assert!(refusal(|c| c.max_time_to_live_s = 0.061).contains("0.061"));
    assert!(refusal(|c| c.period_s = 0.0).contains("period_s"));
    assert!(refusal(|c| c.stop_decel_mps2 = 1.1).contains("limits.brake_mps2"));
    let unknown = include_str!("../../../../config/gate.yaml").replace("period_s", "perod_s");
    assert!(outrider_yaml::from_str_valid::<Config>(&unknown).is_err());
}

#[test]
fn every_period_publishes_velocity_challenge_and_state() {
    let mut rig = Rig::new();
    for i in 2..50 {
        let due = rig.gate.next_wakeup().unwrap();
        rig.wait(due.since(rig.now.mono));
        let out = rig.send(vec![]);
        assert!(matches!(
            out[..],
            [Output::Velocity(_), Output::Challenge(c), Output::State(_)] if c.number == i && c.gate_boot_id == GATE_BOOT
        ));
        assert_eq!(rig.state().sequence, i);
        rig.wait(Span::from_millis(3));
        assert!(rig.send(vec![]).is_empty(), "an early call is harmless");
    }
    assert_eq!(rig.state().late_periods, 0);
}

#[test]
fn a_late_call_publishes_once_and_keeps_to_the_grid() {
    let mut rig = Rig::new();
    let start = rig.now.mono;
    rig.wait(Span::from_millis(57));
    assert_eq!(rig.send(vec![]).len(), 3);
    assert!(rig.send(vec![]).is_empty());
    assert_eq!(rig.gate.next_wakeup().unwrap().since(start), Span::from_millis(60));
    assert_eq!(rig.state().late_periods, 1);
    assert_eq!(rig.period().late_periods, 1);
}

#[test]
fn it_starts_disarmed_and_ignores_valid_permits_until_armed() {
    let mut rig = Rig::new();
    for _ in 0..50 {
        rig.permitted(FAST);
        let state = rig.period();
        assert_eq!((state.mode, state.twist), (GateMode::Disarmed, Twist2::ZERO));
    }
    assert_eq!(rig.state().reason, "arm to start");
    rig.permitted(FAST);
    assert!(rig.operator(OperatorAction::Arm).success);
    assert_eq!(rig.period().mode, GateMode::Stopping, "the pair from before arming is not used");
    rig.permitted(FAST);
    assert_eq!(rig.period().mode, GateMode::Forwarding);
}

#[test]
fn arming_is_refused_with_a_reason() {
    let refused = |rig: &mut Rig, why: &str| {
        let reply = rig.operator(OperatorAction::Arm);
        assert!(!reply.success && reply.message.contains(why), "{reply:?}");
        assert_eq!(reply.request_sequence, 99);
        assert_ne!(rig.period().mode, GateMode::Stopping);
    };
    refused(&mut Rig::new(), "no fresh permit");
    let mut rig = Rig::new();
    rig.permitted(Twist2::ZERO);
    rig.wait(TTL + PERIOD);
    refused(&mut rig, "no fresh permit");
    for (why, zero) in [("specification", 0), ("parameters", 1), ("zone set", 2)] {
        let mut rig = Rig::new();
        let command = rig.command(Twist2::ZERO);
        let mut permit = rig.permit(&command);
        let h = &mut permit.hashes;
        *[&mut h.specification, &mut h.parameters, &mut h.zones][zero] = [0; 32];
        rig.send(vec![Input::Command(command), Input::Permit(permit)]);
        refused(&mut rig, why);
    }
    let mut rig = Rig::new();
    rig.send(vec![Input::VelocityPublishers(2)]);
    rig.permitted(Twist2::ZERO);
    refused(&mut rig, "another node");
    let mut rig = Rig::new();
    rig.send(vec![Input::EStop(true)]);
    rig.permitted(Twist2::ZERO);
    refused(&mut rig, "emergency stop pressed");
    rig.send(vec![Input::EStop(false)]);
    rig.permitted(Twist2::ZERO);
    refused(&mut rig, "latched");
}

#[test]
fn silence_stops_the_robot_down_the_ramp() {
    let mut rig = Rig::driving(FAST);
    let since = rig.now.mono;
    let mut first_stop = None;
    let mut last = rig.state().twist;
    while last.v_mps > 0.0 {
        let state = rig.period();
        let age = rig.now.mono.since(since);
        if age <= TTL - PERIOD {
            assert_eq!(state.twist, last, "still permitted");
        }
        if state.mode == GateMode::Stopping {
            first_stop.get_or_insert(age);
            assert!((last.v_mps - state.twist.v_mps - 0.012).abs() < 1e-9 || state.twist.v_mps <= 0.0);
            assert!((state.twist.w_radps - 0.5 * state.twist.v_mps).abs() < 1e-9, "along the same curve");
        }
        last = state.twist;
    }
    assert_eq!((&*rig.state().reason, rig.state().stops), ("no permit", 1));
    assert_eq!(first_stop, Some(TTL), "its challenge was a period older than the silence");
    let took_s = rig.now.mono.since(since).as_s();
    assert!(took_s < 0.07 + 0.8 / 1.2 + 0.02, "{took_s}");
}

fn driving_by_hand() -> Rig {
    let mut rig = Rig::armed();
    for _ in 0..60 {
        rig.send(vec![teleop(0.4, 0.8)]);
        rig.period();
    }
    rig
}

/// What its shell relies on when it is told to end: it goes down its ramp from there, waits for nothing that is in force to run
/// out, and no hand, permit or operator keeps it from standing within the time that it names.
#[test]
fn told_to_end_it_goes_down_its_ramp_at_once_and_stands_for_good() {
    for (mut rig, most_ms) in [(Rig::driving(FAST), 667), (driving_by_hand(), 400)] {
        assert!(!rig.gate.stands());
        let (since, mut before) = (rig.now.mono, rig.state().twist);
        let reply = rig.operator(OperatorAction::End);
        assert!(reply.success, "{reply:?}");
        while !rig.gate.stands() {
            rig.send(vec![teleop(0.4, 0.8)]);
            rig.permitted(FAST);
            assert!(!rig.operator(OperatorAction::Arm).success);
            let state = rig.period();
            assert!(state.twist.v_mps < before.v_mps, "from {before:?} to {:?}", state.twist);
            assert_eq!((state.mode, &*state.reason), (GateMode::Disarmed, "told to end"));
            before = state.twist;
        }
        assert_eq!(rig.state().twist, Twist2::ZERO);
        let took = rig.now.mono.since(since);
        assert!(took <= Span::from_millis(most_ms + 20) && took <= rig.gate.way_down(), "{took:?}");
        assert!((0..100).all(|_| rig.period().twist == Twist2::ZERO), "it moved again");
        assert!(rig.operator(OperatorAction::Reset).success);
        rig.permitted(FAST);
        assert_eq!(&*rig.operator(OperatorAction::Arm).message, "not armed: told to end");
    }
    assert!(Rig::new().gate.stands());
}

#[test]
fn an_emergency_stop_is_heard_on_the_way_down() {
    let mut rig = driving_by_hand();
    rig.operator(OperatorAction::End);
    let v_mps = rig.period().twist.v_mps;
    rig.wait(Span::from_millis(2));
    rig.send(vec![Input::EStop(true)]);
    let state = rig.state();
    assert_eq!((state.mode, &*state.reason), (GateMode::EStop, "emergency stop pressed"), "at once");
    assert!(state.twist.v_mps < v_mps && state.twist.v_mps > 0.0, "down the same ramp");
    while !rig.gate.stands() {
        assert_eq!(rig.period().mode, GateMode::EStop);
    }
}

/// The time that it names follows from the robot and the ramp, not from a number of its own.
#[test]
fn the_way_down_takes_no_longer_than_it_says() {
    for (brake_mps2, alpha_radps2) in [(1.2, 2.0), (0.15, 2.0), (1.2, 0.2)] {
        let mut description = example::amr();
        (description.limits.brake_mps2, description.limits.alpha_radps2) = (brake_mps2, alpha_radps2);
        let robot = Robot::new(description).unwrap();
        let mut c = config();
        (c.stop_decel_mps2, c.teleop.v_max_mps, c.teleop.w_max_radps) = (brake_mps2, 2.0, 4.0);
        let mut rig = Rig::new();
        rig.gate = GateNode::new(c, &robot, digest, GATE_BOOT).unwrap();
        rig.send(vec![]);
        let command = rig.command(Twist2::ZERO);
        let mut permit = rig.permit(&command);
        (permit.envelope.decel_mps2, permit.envelope.alpha_radps2) = (brake_mps2, alpha_radps2);
        rig.send(vec![Input::Command(command), Input::Permit(permit)]);
        assert!(rig.operator(OperatorAction::Arm).success);
        let fastest = Twist2::new(robot.limits.v_max_mps, robot.limits.w_max_radps);
        while rig.state().twist != fastest {
            rig.send(vec![teleop(2.0, 4.0)]);
            rig.period();
        }
        let (since, most) = (rig.now.mono, rig.gate.way_down());
        rig.operator(OperatorAction::End);
        while !rig.gate.stands() {
            rig.period();
        }
        let took = rig.now.mono.since(since);
        assert!(took <= most && most <= took + PERIOD + PERIOD + PERIOD + PERIOD, "{took:?} of {most:?}");
    }
}

#[test]
fn the_stop_ramp_makes_up_for_a_stalled_gate() {
    let mut rig = Rig::driving(FAST);
    rig.wait(Span::from_millis(210));
    rig.send(vec![]);
    assert!((rig.state().twist.v_mps - (0.8 - 1.2 * 0.21)).abs() < 1e-9);
}

#[test]
fn an_emergency_stop_needs_release_reset_and_arming() {
    for stop in [
        Input::EStop(true),
        Input::VelocityPublishers(2),
        Input::Rejected { topic: "/e_stop".into(), reason: "bad".into() },
    ] {
        let mut rig = Rig::driving(FAST);
        rig.send(vec![stop.clone()]);
        let drive_on = |rig: &mut Rig, mode| {
            for _ in 0..30 {
                rig.permitted(FAST);
                let before = rig.state().twist.v_mps;
                let state = rig.period();
                assert_eq!(state.mode, mode);
                assert!(state.twist.v_mps < before || before <= 0.0);
            }
        };
        drive_on(&mut rig, GateMode::EStop);
        if !matches!(stop, Input::Rejected { .. }) {
            let reply = rig.operator(OperatorAction::Reset);
            assert!(!reply.success && reply.message.contains("not reset"));
        }
        rig.send(vec![Input::EStop(false), Input::VelocityPublishers(1)]);
        drive_on(&mut rig, GateMode::EStop);
        assert!(!rig.operator(OperatorAction::Arm).success);
        assert!(rig.operator(OperatorAction::Reset).success);
        drive_on(&mut rig, GateMode::Disarmed);
        assert!(rig.operator(OperatorAction::Arm).success);
        rig.permitted(FAST);
        assert_eq!(rig.period().mode, GateMode::Forwarding);
    }
}

/// Who does not even see the gate's own publisher looks at another topic, and would not see a second one.
#[test]
fn a_count_without_the_gates_own_publisher_is_an_emergency_stop_after_a_second() {
    let mut rig = Rig::armed();
    let counted = |rig: &mut Rig, count| {
        rig.send(vec![Input::VelocityPublishers(count)]);
        rig.permitted(FAST);
        rig.period()
    };
    // Found a little later, as anybody else's might be: nothing follows.
    for _ in 0..90 {
        assert_eq!(counted(&mut rig, 0).mode, GateMode::Forwarding);
    }
    for _ in 0..50 {
        assert_eq!(counted(&mut rig, 1).mode, GateMode::Forwarding);
    }
    let before = rig.state().twist.v_mps;
    let state = counted(&mut rig, 0);
    assert_eq!((state.mode, &*state.reason), (GateMode::EStop, "own publisher not found"));
    assert!(state.twist.v_mps < before);
    for action in [OperatorAction::Reset, OperatorAction::Arm] {
        let reply = rig.operator(action);
        assert!(!reply.success && reply.message.contains("own publisher"), "{reply:?}");
    }
    assert_eq!(counted(&mut rig, 1).mode, GateMode::EStop, "until it is reset");
    assert!(rig.operator(OperatorAction::Reset).success);
    rig.permitted(Twist2::ZERO);
    assert!(rig.operator(OperatorAction::Arm).success);
    assert_eq!(counted(&mut rig, 1).mode, GateMode::Forwarding);
}

/// In a simulation, where there is nobody who counts.
#[test]
fn no_count_at_all_is_no_fault() {
    let mut rig = Rig::armed();
    for _ in 0..300 {
        rig.permitted(FAST);
        assert_ne!(rig.period().mode, GateMode::EStop);
    }
}

#[test]
fn a_restart_of_assurance_disarms() {
    let mut rig = Rig::driving(FAST);
    let command = rig.command(FAST);
    let mut permit = rig.permit(&command);
    permit.assurance_boot_id += 1;
    permit.sequence = 1;
    rig.send(vec![Input::Command(command), Input::Permit(permit)]);
    let state = rig.period();
    assert_eq!(state.mode, GateMode::Disarmed);
    assert_eq!(state.reason, "assurance restarted: arm to continue");
    assert!(state.twist.v_mps < FAST.v_mps);
}

#[test]
fn a_take_over_is_limited_and_ends_disarmed() {
    let mut rig = Rig::new();
    rig.send(vec![teleop(0.3, 0.0)]);
    assert_eq!(rig.period().twist, Twist2::ZERO, "refused while disarmed");
    let mut rig = Rig::armed();
    let mut last = 0.0;
    for _ in 0..100 {
        rig.send(vec![teleop(5.0, -5.0)]);
        rig.permitted(FAST);
        let state = rig.period();
        assert_eq!(state.mode, GateMode::Teleop, "the hand goes before permits");
        assert!(state.twist.v_mps - last <= limits().accel_mps2 * 0.01 + 1e-12);
        last = state.twist.v_mps;
    }
    assert_eq!(rig.state().twist, Twist2::new(0.4, -0.8));
    assert!(rig.operator(OperatorAction::Arm).message.contains("take-over active"));
    let since = rig.now.mono;
    while rig.period().mode == GateMode::Teleop {}
    assert!(rig.now.mono.since(since) <= Span::from_millis(270));
    assert_eq!(rig.state().reason, "manual take-over: arm to continue");
    rig.permitted(FAST);
    let state = rig.period();
    assert_eq!(state.mode, GateMode::Disarmed);
    assert!(state.twist.v_mps < 0.4);
}

#[test]
fn a_take_over_keeps_the_drive_limits() {
    let mut rig = Rig::armed();
    for _ in 0..100 {
        rig.send(vec![teleop(-0.4, 0.0)]);
        rig.period();
    }
    assert_eq!(rig.state().twist, Twist2::new(limits().v_min_mps, 0.0));
    assert!(rig.state().clamped);
}

#[test]
fn an_emergency_stop_ends_a_take_over() {
    let mut rig = Rig::armed();
    rig.send(vec![teleop(0.3, 0.0)]);
    rig.period();
    rig.send(vec![Input::EStop(true), Input::EStop(false)]);
    assert!(rig.operator(OperatorAction::Reset).success);
    rig.permitted(Twist2::ZERO);
    assert!(rig.operator(OperatorAction::Arm).success);
    assert_eq!(rig.period().mode, GateMode::Stopping);
}

#[test]
fn a_permit_that_waited_while_disarmed_is_not_used_once_armed() {
    let mut rig = Rig::new();
    rig.permitted(Twist2::ZERO);
    let command = rig.command(FAST);
    let mut permit = rig.permit(&command);
    permit.hashes.zones = [9; 32];
    rig.send(vec![Input::Permit(permit)]);
    assert!(rig.operator(OperatorAction::Arm).success);
    rig.send(vec![Input::Command(command)]);
    assert_eq!(rig.period().mode, GateMode::Stopping);
}

#[test]
fn a_take_over_with_numbers_that_are_none_ends() {
    let mut rig = Rig::armed();
    rig.send(vec![teleop(0.3, 0.0)]);
    rig.period();
    rig.send(vec![teleop(f64::NAN, 0.0)]);
    assert_eq!(rig.period().mode, GateMode::Disarmed);
}

#[test]
fn reversing_goes_through_standstill() {
    let mut rig = Rig::driving(Twist2::new(0.1, 0.0));
    let mut last = 0.1;
    for _ in 0..60 {
        rig.permitted(Twist2::new(-0.2, 0.0));
        let v = rig.period().twist.v_mps;
        assert!(last * v >= 0.0, "{last} to {v}");
        last = v;
    }
    assert!((last + 0.2).abs() < 1e-9);
}

/// A pair that rests on a scan of this time.
fn permitted_from(rig: &mut Rig, twist: Twist2, scan: i64) -> Vec<Output> {
    let mut command = rig.command(twist);
    command.data_stamp = Stamp::from_nanos(scan);
    let permit = rig.permit(&command);
    rig.send(vec![Input::Command(command), Input::Permit(permit)])
}

/// Neither the age of a command nor an emergency stop depends on where in the gate's period it comes; an emergency stop goes before
/// whatever hurried.
#[test]
fn a_newer_scan_and_an_emergency_stop_do_not_wait_for_the_grid() {
    let mut rig = Rig::driving(FAST);
    let start = rig.now.mono;
    let slower = Twist2::new(0.7, 0.4);
    rig.wait(Span::from_millis(3));
    let out = permitted_from(&mut rig, slower, 1);
    assert!(
        matches!(out[..], [Output::Velocity(_), Output::State(_)]),
        "at once, without a challenge: {out:?}"
    );
    let state = rig.state();
    assert_eq!((state.command_sequence, state.data_stamp), (rig.command_sequence, Stamp::from_nanos(1)));
    let brake = limits().brake_mps2;
    assert!(
        (state.twist.v_mps - (0.8 - brake * 0.003)).abs() < 1e-12,
        "by as much as three milliseconds allow"
    );

    rig.wait(Span::from_millis(2));
    assert!(permitted_from(&mut rig, slower, 2).is_empty(), "once a period");
    assert_eq!(rig.gate.next_wakeup().unwrap().since(start), PERIOD);
    let v_mps = rig.period().twist.v_mps;
    assert!((v_mps - (0.8 - brake * 0.01)).abs() < 1e-12, "no more than in one period: {v_mps}");
    assert_eq!((rig.now.mono.since(start), rig.state().late_periods), (PERIOD, 0), "the grid stays");

    rig.wait(Span::from_millis(2));
    assert!(permitted_from(&mut rig, slower, 2).is_empty(), "of the same scan: no hurry");
    rig.wait(Span::from_millis(1));
    assert_eq!(permitted_from(&mut rig, slower, 3).len(), 2);
    rig.wait(Span::from_millis(2));
    assert_eq!(rig.send(vec![Input::EStop(true)]).len(), 2, "though a command has hurried before");
    assert_eq!(rig.state().mode, GateMode::EStop);
    rig.wait(Span::from_millis(2));
    assert!(rig.send(vec![Input::EStop(true)]).is_empty(), "it is known");
}

#[test]
fn nothing_hurries_while_a_hand_drives_but_an_emergency_stop() {
    let mut rig = Rig::armed();
    rig.send(vec![teleop(0.3, 0.0)]);
    rig.period();
    rig.wait(Span::from_millis(3));
    assert!(permitted_from(&mut rig, FAST, 1).is_empty());
    assert_eq!(rig.send(vec![Input::EStop(true)]).len(), 2);
}

/// Lost time is made up for by braking only, whatever is permitted.
#[test]
fn a_late_period_brakes_for_all_of_it_and_accelerates_for_one() {
    let mut rig = Rig::driving(FAST);
    rig.permitted(Twist2::new(0.5, 0.25));
    rig.wait(Span::from_millis(25));
    rig.send(vec![]);
    assert!(
        (rig.state().twist.v_mps - (0.8 - limits().brake_mps2 * 0.025)).abs() < 1e-12,
        "{:?}",
        rig.state()
    );
    rig.permitted(FAST);
    let before = rig.state().twist.v_mps;
    rig.wait(Span::from_millis(25));
    rig.send(vec![]);
    assert!((rig.state().twist.v_mps - before - limits().accel_mps2 * 0.01).abs() < 1e-12);
}

#[test]
fn what_is_urgent_right_after_a_period_comes_a_millisecond_later() {
    let mut rig = Rig::driving(FAST);
    let start = rig.now.mono;
    assert!(permitted_from(&mut rig, FAST, 1).is_empty());
    assert_eq!(rig.wakeup().len(), 2);
    assert_eq!(rig.now.mono.since(start), Span::from_millis(1));
    rig.period();
    rig.wait(Span::from_nanos(9_500_000));
    assert_eq!(permitted_from(&mut rig, FAST, 2).len(), 2);
    rig.period();
    assert_eq!(rig.now.mono.since(start), PERIOD + PERIOD);
    // Stalled, and called again just before the next period is due: that period comes first.
    rig.wait(Span::from_nanos(19_500_000));
    rig.send(vec![]);
    assert!(permitted_from(&mut rig, FAST, 3).is_empty());
    assert_eq!(rig.wakeup().len(), 3);
    assert_eq!(rig.now.mono.since(start), Span::from_millis(40));
}

/// A clock that is set back must not keep the gate silent until it has caught up.
#[test]
fn a_grid_that_lies_far_ahead_is_laid_anew() {
    let mut rig = Rig::new();
    rig.now.mono = rig.now.mono - Span::from_millis(500);
    assert_eq!(rig.send(vec![]).len(), 3);
    assert_eq!(rig.gate.next_wakeup().unwrap(), rig.now.mono + PERIOD);
    let mut rig = Rig::driving(FAST);
    rig.send(vec![Input::EStop(true)]);
    rig.now.mono = rig.now.mono - Span::from_millis(500);
    rig.send(vec![]);
    assert!(
        (rig.state().twist.v_mps - (FAST.v_mps - 1.2 * 0.01)).abs() < 1e-12,
        "a stop goes on by one period"
    );
}
