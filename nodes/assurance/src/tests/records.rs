//! Every record says what, by how much, what of, on which messages, and what would clear it; and there are few of them.

use super::properties::specifications;
use super::support::{ROUND, Rig, Scene, config, passes, zones};
use crate::backup::Controller;
use crate::explain::Evidence;
use crate::mode::{Cause, Change, Latch};
use crate::monitor::{Part, Property, Reading, Rule};
use crate::properties::Properties;
use crate::sensing::Knowledge;
use crate::source::Arrival;
use crate::zones::ZoneMap;
use crate::{Config, Input};
use outrider_foundation::data::{Challenge, Command, GateState, Intervention, Mode, Verdict};
use outrider_foundation::{Span, Twist2};

/// The built-in rules, one after the other: a new one has to be put in here.
fn following(rule: Rule) -> Option<Rule> {
    use Rule as R;
    Some(match rule {
        R::ScanAge => R::ScanCoverage,
        R::ScanCoverage => R::OdometryAge,
        R::OdometryAge => R::WorldModelAge,
        R::WorldModelAge => R::MeasuredSpeed,
        R::MeasuredSpeed => R::MeasuredTurnRate,
        R::MeasuredTurnRate => R::StoppingDistance,
        R::StoppingDistance => R::Contact,
        R::Contact => R::Localised,
        R::Localised => R::DetectionsAge,
        R::DetectionsAge => R::ChallengeAge,
        R::ChallengeAge => R::CommandAge,
        R::CommandAge => R::CommandDataAge,
        R::CommandDataAge => R::CommandSequence,
        R::CommandSequence => R::Speed,
        R::Speed => R::TurnRate,
        R::TurnRate => R::CommandClearance,
        R::CommandClearance => R::Certificate,
        R::Certificate => R::TailShape,
        R::TailShape => R::TailClearance,
        R::TailClearance => R::Tracks,
        R::Tracks => R::Reach,
        R::Reach => R::ExclusionZones,
        R::ExclusionZones => R::ZoneSpeed,
        R::ZoneSpeed => R::DirectionZone,
        R::DirectionZone | R::Property(_) => return None,
    })
}

fn rules() -> Vec<Rule> {
    let built_in = std::iter::successors(Some(Rule::ScanAge), |rule| following(*rule));
    let severity = |i: usize| specifications()[i].severity;
    let property = |i: usize| Rule::Property(Property { index: i as u8, severity: severity(i) });
    built_in.chain((0..specifications().len()).map(property)).collect()
}

struct Bench {
    known: Knowledge,
    zones: ZoneMap,
    properties: Properties,
    command: Command,
    challenge: Challenge,
    gate: GateState,
    rig: Rig,
}

impl Bench {
    fn new() -> Self {
        let mut rig = Rig::new(Scene::wall(9.0, 0.0));
        let (mut known, config, now) = (Knowledge::default(), config(), rig.now);
        let arrival = Arrival { received: now.mono, latest: now.ros };
        known.scan.take(&rig.scan(), arrival, &rig.robot, &config.scan);
        known.odometry.take(&rig.odometry(), arrival, &rig.robot.limits);
        known.world.take(&rig.world_model(), arrival, &config);
        Self {
            known,
            zones: ZoneMap::new(&zones()).unwrap(),
            properties: Properties::new(specifications(), Span::from_s(config.monitor_period_s)).unwrap(),
            command: rig.command(Twist2::new(0.3, 0.0)),
            challenge: Challenge { stamp: rig.now.ros, gate_boot_id: 7, number: 41 },
            gate: GateState { sequence: 42, ..rig.gate_state() },
            rig,
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            now: self.rig.now,
            boot_id: 5,
            sequence: 9,
            known: &self.known,
            zones: &self.zones,
            properties: &self.properties,
            command: Some(&self.command),
            challenge: Some(self.challenge),
            gate: Some(&self.gate),
        }
    }
}

fn complete(record: &Intervention) {
    assert!(
        !record.rule.is_empty() && !record.clears_when.is_empty() && !record.text.is_empty(),
        "{record:?}"
    );
    assert_eq!((record.boot_id, record.sequence), (5, 9));
    let causes: Vec<(&str, u64)> = record.causes.iter().map(|c| (c.topic.as_str(), c.sequence)).collect();
    // Drivers' messages carry stamps alone.
    let expected = [
        ("/scan", 0),
        ("/odom", 0),
        ("/world_model", 1),
        ("/cmd_vel_nominal", 1),
        ("/gate/challenge", 41),
        ("/gate/state", 42),
    ];
    assert_eq!(causes, expected);
    assert!(record.causes.iter().all(|c| c.stamp.nanos() > 0), "{record:?}");
}

#[test]
fn of_every_rule() {
    let bench = Bench::new();
    let mut names = vec![];
    for rule in rules() {
        let property = matches!(rule, Rule::Property(_));
        let part = if property { Part::None } else { Part::Text("a part") };
        let violated = Reading::new(rule, -1.0, 2.0, 1.0).part(part);
        let refusal = bench.evidence().refusal(&violated, Mode::Nominal, Controller::Brake.text());
        complete(&refusal);
        assert!(!refusal.unit.is_empty() || rule.is_logical() || property, "{rule:?}");
        assert!((refusal.value - 2.0).abs() + (refusal.limit - 1.0).abs() < 1e-12, "{refusal:?}");
        assert!(
            refusal.text.contains(&refusal.rule) && refusal.text.contains("Instead: brake"),
            "{refusal:?}"
        );
        assert!(property || refusal.text.contains("2.000") && refusal.text.contains("1.000"), "{refusal:?}");
        assert!(refusal.subformula == if property { "" } else { "a part" });
        assert_eq!((refusal.mode_before, refusal.mode_after), (Mode::Nominal, Mode::Nominal));
        let invalid =
            Reading { verdict: Verdict::Invalid, robustness: f64::NAN, value: f64::NAN, ..violated };
        let change = Change { before: Mode::Nominal, after: Mode::SafeStop, cause: Cause::Rule(invalid) };
        let change = bench.evidence().change(&change);
        complete(&change);
        assert_eq!((change.mode_before, change.mode_after), (Mode::Nominal, Mode::SafeStop));
        assert!(change.text.contains("cannot be judged") && change.text.contains("SAFE_STOP after NOMINAL"));
        names.push(change.rule);
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(
        (names.len(), count),
        (25 + specifications().len(), 25 + specifications().len()),
        "names of their own"
    );
}

#[test]
fn of_every_latch() {
    let bench = Bench::new();
    let clears = [Latch::Pressed, Latch::Unreadable, Latch::Contact, Latch::Gate].map(|latch| {
        let change = Change { before: Mode::Degraded, after: Mode::EStop, cause: Cause::Latch(latch) };
        let record = bench.evidence().change(&change);
        complete(&record);
        assert!(record.text.starts_with("E_STOP after DEGRADED: "), "{record:?}");
        record.clears_when
    });
    for (i, a) in clears.iter().enumerate() {
        assert!(!clears[i + 1..].contains(a), "each has a condition of its own: {a}");
    }
}

#[test]
fn of_every_backup_controller() {
    let all = [Controller::SlowDown, Controller::Brake, Controller::WayOut, Controller::Hold];
    for (i, a) in all.iter().enumerate() {
        assert!(!a.text().is_empty() && all[i + 1..].iter().all(|b| a.text() != b.text()));
    }
}

#[test]
fn a_flood_of_refusals_is_one_record_a_rule() {
    let mut rig = Rig::with(Config { dwell_s: 0.2, ..config() }, Scene::wall(0.6, 0.0));
    rig.rest(Span::from_s(0.5));
    assert_eq!(rig.mode(), Mode::Nominal);
    rig.outputs.clear();
    let proposals = [(0.0, 1.3), (0.9, 0.0), (1.4, 0.0), (0.6, 0.4)].map(|(v, w)| Twist2::new(v, w));
    let (mut records, mut refused) = (vec![], 0);
    for _ in 0..2_500 {
        rig.wait(Span::from_millis(10));
        rig.data();
        let commands = proposals.map(|twist| {
            let mut command = rig.command(twist);
            command.data_stamp =
                if refused % 8 == 0 { command.data_stamp - Span::from_s(1.0) } else { command.data_stamp };
            refused += 1;
            Input::Command(command)
        });
        assert!(!passes(&rig.send(commands.into())));
        records.extend(rig.interventions());
        rig.outputs.clear();
    }
    assert_eq!(refused, 10_000);
    let mut rules: Vec<_> = records.iter().map(|r| r.rule.clone()).collect();
    let count = rules.len();
    rules.sort();
    rules.dedup();
    assert!(count >= 2 && count == rules.len(), "{rules:?} of {count}");
}

#[test]
fn in_safe_stop_the_record_that_led_there_speaks_for_all_until_it_is_over() {
    let mut rig = Rig::moving(Scene::wall(12.0, 0.0), Twist2::new(0.8, 0.0));
    rig.twist = Twist2::new(1.2, 0.0);
    let refuse = |rig: &mut Rig| {
        rig.wait(ROUND);
        rig.data();
        assert!(!passes(&rig.propose(Twist2::new(0.5, 0.0))));
    };
    refuse(&mut rig);
    assert_eq!(rig.mode(), Mode::SafeStop);
    (0..50).for_each(|_| refuse(&mut rig));
    let [led_there] = &rig.interventions()[..] else { panic!("{:#?}", rig.interventions()) };
    assert_eq!((led_there.rule.as_str(), led_there.mode_after), ("measured_speed", Mode::SafeStop));
    assert!((led_there.value - 1.2).abs() < 1e-9 && !led_there.clears_when.is_empty());
    // That is over; now the pose is lost, and nobody has been told.
    (rig.twist, rig.localised) = (Twist2::ZERO, false);
    (0..50).for_each(|_| refuse(&mut rig));
    let records = rig.interventions();
    let [_, lost] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((lost.rule.as_str(), lost.mode_before), ("localised", Mode::SafeStop));
    assert!(lost.text.contains("Instead: hold"), "{lost:?}");
}

#[test]
fn who_starts_in_safe_stop_is_told_why_it_does_not_go() {
    let mut rig = Rig::new(Scene::wall(12.0, 0.0));
    rig.localised = false;
    rig.rest(Span::from_s(0.5));
    assert!(rig.interventions().is_empty(), "nobody has asked");
    for i in 0..60 {
        rig.wait(ROUND);
        rig.data();
        rig.propose(Twist2::new(0.3, 0.0));
        assert!(i > 35 || rig.interventions().is_empty(), "not of what is over in a moment");
    }
    assert_eq!(rig.interventions().len(), 1);
    assert_eq!(rig.interventions()[0].rule, "localised");
}
