//! Mode, latch, dwell; permits and recoveries as a sequence.

use super::support::{BOOT, ROUND, Rig, Scene, passes, permit, recovery};
use crate::{Input, Output};
use outrider_foundation::data::{CommandSource, GateMode, Mode, Permit};
use outrider_foundation::{Span, Twist2};
use proptest::prelude::*;

const CRUISE: Twist2 = Twist2::new(0.8, 0.0);

fn open() -> Scene {
    Scene::wall(12.0, 0.0)
}

#[test]
fn up_one_level_at_a_time_after_the_dwell() {
    let mut rig = Rig::new(open());
    let start = rig.now.mono;
    let mut ups = vec![];
    while ups.len() < 2 {
        let before = ups.len();
        rig.rest(ROUND);
        for i in rig.interventions().iter().skip(before) {
            assert_eq!(i.rule, "dwell");
            ups.push((i.mode_after, rig.now.mono.since(start).as_s()));
        }
    }
    let [(first, t1), (second, t2)] = ups[..] else { panic!("{ups:?}") };
    assert_eq!((first, second), (Mode::Degraded, Mode::Nominal));
    assert!((1.0..1.1).contains(&t1) && (1.0..1.1).contains(&(t2 - t1)), "{t1} {t2}");
}

#[test]
fn the_dwell_begins_anew_after_every_fault() {
    let mut rig = Rig::new(open());
    rig.rest(Span::from_s(0.9));
    rig.send(vec![Input::Rejected { topic: "scan".into(), reason: String::new() }]);
    rig.propose(Twist2::ZERO);
    rig.rest(Span::from_s(0.9));
    assert_eq!(rig.mode(), Mode::SafeStop);
    rig.rest(Span::from_s(0.2));
    assert_eq!(rig.mode(), Mode::Degraded);
}

#[test]
fn safe_stop_permits_rest_and_turns_everything_else_into_a_stop() {
    let mut rig = Rig::new(open());
    rig.rest(Span::from_s(0.2));
    rig.wait(ROUND);
    rig.data();
    assert!(passes(&rig.propose(Twist2::ZERO)));
    let outputs = rig.propose(Twist2::new(0.05, 0.0));
    assert_eq!(recovery(&outputs).map(|c| c.twist), Some(Twist2::ZERO));
    let permit = permit(&outputs).unwrap();
    assert_eq!(permit.command_source, CommandSource::Recovery);
    assert!(permit.envelope.v_max_mps <= 0.0 && permit.mode == Mode::SafeStop);
    assert!(rig.interventions().is_empty(), "the mode explains it");
}

#[test]
fn the_emergency_stop_latches_until_released_and_the_gate_is_reset() {
    for stop in [Input::EStop(true), Input::Rejected { topic: "/e_stop".into(), reason: String::new() }] {
        let mut rig = Rig::moving(open(), CRUISE);
        let outputs = rig.send(vec![stop]);
        assert_eq!(rig.mode(), Mode::EStop, "at once");
        assert!(outputs.iter().any(|o| matches!(o, Output::Intervention(i) if i.rule == "e_stop")));
        rig.gate = GateMode::EStop;
        rig.twist = Twist2::ZERO;
        let stays = |rig: &mut Rig| {
            rig.outputs.clear();
            rig.rest(Span::from_s(1.5));
            assert_eq!(rig.mode(), Mode::EStop);
            assert!(permit(&rig.outputs).is_none());
        };
        stays(&mut rig);
        // Disarmed, but still pressed: the button counts.
        if rig.interventions().is_empty() {
            rig.send(vec![Input::EStop(true)]);
            rig.gate = GateMode::Disarmed;
            stays(&mut rig);
            rig.gate = GateMode::EStop;
            rig.wait(ROUND);
            rig.data();
        }
        rig.send(vec![Input::EStop(false)]);
        stays(&mut rig);
        rig.gate = GateMode::Disarmed;
        rig.rest(ROUND);
        assert_eq!(rig.mode(), Mode::SafeStop);
        rig.rest(Span::from_s(2.2));
        assert_eq!(rig.mode(), Mode::Nominal);
    }
}

#[test]
fn contact_latches() {
    let mut rig = Rig::moving(open(), Twist2::new(0.1, 0.0));
    rig.scene = Scene::wall(0.25, 0.0);
    rig.wait(ROUND);
    rig.data();
    rig.propose(Twist2::ZERO);
    assert_eq!(rig.mode(), Mode::SafeStop, "one scan alone may err, but it stops");
    let again = Input::Scan(rig.scan());
    rig.send(vec![again]);
    rig.propose(Twist2::ZERO);
    assert_eq!(rig.mode(), Mode::SafeStop, "the same scan twice is one");
    rig.wait(ROUND);
    rig.data();
    rig.propose(Twist2::ZERO);
    assert_eq!(rig.mode(), Mode::EStop);
    assert!(rig.interventions().iter().any(|i| i.rule == "contact"));
    rig.gate = GateMode::Disarmed;
    rig.rest(Span::from_s(0.5));
    assert_eq!(rig.mode(), Mode::EStop, "while it lasts");
    rig.scene = open();
    rig.rest(Span::from_s(0.1));
    assert_eq!(rig.mode(), Mode::SafeStop);
}

#[test]
fn a_covered_lidar_is_contact() {
    let mut rig = Rig::nominal(open());
    for _ in 0..2 {
        rig.wait(ROUND);
        let mut scan = rig.scan();
        scan.ranges_m.iter_mut().take(40).for_each(|r| *r = f32::NEG_INFINITY);
        rig.data();
        scan.stamp = scan.stamp + Span::from_millis(1);
        rig.send(vec![Input::Scan(scan)]);
        rig.wait(ROUND);
        let mut scan = rig.scan();
        scan.ranges_m.iter_mut().take(40).for_each(|r| *r = 0.05);
        rig.send(vec![Input::Scan(scan)]);
        rig.propose(Twist2::ZERO);
    }
    assert_eq!(rig.mode(), Mode::EStop);
}

#[test]
fn a_ros_clock_that_jumps_back_starts_everything_anew() {
    let mut rig = Rig::moving(open(), CRUISE);
    rig.now.ros = rig.now.ros - Span::from_s(2.0);
    rig.wait(ROUND);
    assert!(permit(&rig.propose(CRUISE)).is_none());
    assert_eq!(rig.mode(), Mode::SafeStop);
    rig.twist = Twist2::ZERO;
    rig.rest(Span::from_s(2.3));
    assert_eq!(rig.mode(), Mode::Nominal, "stamps from before the jump do not block those after it");
}

#[test]
fn one_record_for_an_episode() {
    let mut rig = Rig::moving(open(), CRUISE);
    let refuse = |rig: &mut Rig| {
        rig.wait(ROUND);
        rig.data();
        assert!(!passes(&rig.propose(Twist2::new(0.8, 1.5))));
    };
    for _ in 0..20 {
        refuse(&mut rig);
    }
    assert_eq!(rig.interventions().len(), 1);
    assert_eq!(rig.interventions()[0].rule, "turn_rate");
    assert!(rig.interventions()[0].text.starts_with("Command "));
    for _ in 0..60 {
        rig.wait(ROUND);
        rig.data();
        assert!(passes(&rig.propose(CRUISE)));
    }
    refuse(&mut rig);
    assert_eq!(rig.interventions().len(), 2);
}

#[test]
fn a_burst_of_commands_is_bounded() {
    let mut rig = Rig::moving(open(), CRUISE);
    let commands = (0..20).map(|_| Input::Command(rig.command(CRUISE))).collect();
    let outputs = rig.send(commands);
    let permits: Vec<_> = outputs
        .iter()
        .filter_map(|o| if let Output::Permit(p) = o { Some(p.command_sequence) } else { None })
        .collect();
    let newest = rig.sequence;
    assert_eq!(permits, [newest - 3, newest - 2, newest - 1, newest]);
    assert!(rig.node.diagnostics().contains(&("commands passed over", "16".into())));
}

#[test]
fn permits_answer_the_newest_challenge_and_name_what_they_rest_on() {
    let mut rig = Rig::moving(open(), CRUISE);
    let outputs = rig.propose(CRUISE);
    let first = permit(&outputs).unwrap();
    assert_eq!((first.version, first.assurance_boot_id, first.gate_boot_id), (Permit::VERSION, BOOT, 7));
    assert_eq!(first.challenge_number, rig.challenge);
    assert_eq!((first.command_sequence, first.hashes.zones), (rig.sequence, [3; 32]));
    assert_eq!(first.time_to_live, Span::from_millis(60));
    assert!(first.robustness > 0.0 && !first.limiting.is_empty());
    rig.wait(Span::from_millis(5));
    let (late, challenge) = (Input::Command(rig.command(CRUISE)), rig.next_challenge());
    let second = permit(&rig.send(vec![late, challenge])).unwrap();
    assert_eq!(second.challenge_number, rig.challenge, "also when it arrived with the command");
    assert_ne!(second.inputs_digest, first.inputs_digest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is proposed: sequences increase, one permit a command, and the same inputs give the same outputs.
    #[test]
    fn permits_increase_and_runs_repeat(
        proposals in prop::collection::vec((-0.4..1.2f64, -1.5..1.5f64, 0..5u8), 1..60)
    ) {
        let run = || {
            let mut rig = Rig::nominal(Scene::wall(1.6, 0.3));
            rig.outputs.clear();
            for (v, w, event) in &proposals {
                rig.wait(ROUND);
                rig.twist = Twist2::new(0.5 * v, 0.5 * w);
                match event {
                    0 => drop(rig.send(vec![Input::EStop(false)])),
                    1 => rig.wait(Span::from_millis(60)),
                    _ => drop(rig.data()),
                }
                rig.propose(Twist2::new(*v, *w));
            }
            rig.outputs
        };
        let outputs = run();
        let (mut permits, mut recoveries, mut states) = (None, None, None);
        for output in &outputs {
            let (last, sequence) = match output {
                Output::Permit(p) => {
                    prop_assert!(p.robustness.is_finite());
                    (&mut permits, p.sequence)
                }
                Output::Recovery(c) => (&mut recoveries, c.sequence),
                Output::State(s) => (&mut states, s.sequence),
                Output::Intervention(_) => continue,
            };
            prop_assert!(last.is_none_or(|l| sequence == l + 1));
            *last = Some(sequence);
        }
        prop_assert_eq!(format!("{outputs:?}"), format!("{:?}", run()));
    }
}
