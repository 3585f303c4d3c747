//! What has to happen, or may not, and when.

use super::*;

fn occurrence(
    what: Happening,
    after_s: Option<f64>,
    after_fault: Option<usize>,
    within_s: Option<f64>,
) -> Occurrence {
    Occurrence { what, after_s, after_fault, after_event: None, within_s }
}

#[test]
fn what_must_and_must_not_happen_has_a_window() {
    let fault = |at_s: f64| {
        let text = format!("{{at_s: {at_s}, what: {{silent: scan}}}}");
        outrider_runtime::config::parse::<crate::faults::Fault>("fault", &text).unwrap()
    };
    let checks = |must: Vec<Occurrence>, must_not: Vec<Occurrence>| {
        let mut made = Made::new(|s| {
            s.faults = vec![fault(1.0)];
            s.expect = Expect { must, must_not, ..Expect::default() };
        });
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.mode(0.0, ours::Permit::NOMINAL);
        made.drive(0.0, 1.4, 0.5, &[]);
        made.mode(1.4, ours::Permit::SAFE_STOP);
        made.gate(1.4, ours::GateState::STOPPING);
        let event = ours::Intervention { rule: "scan_fresh".into(), ..Default::default() };
        made.see(1.4, &topics::assurance_event(), "assurance", &event);
        made.drive(1.4, 2.0, 0.3, &[]);
        made.drive(2.0, 4.0, 0.0, &[]);
        made.verdict().1.failures.into_iter().map(|f| f.check).collect::<Vec<_>>()
    };
    let safe_stop = || Happening::Mode(AssuranceMode::SafeStop);
    assert!(checks(vec![occurrence(safe_stop(), None, Some(0), Some(0.5))], vec![]).is_empty());
    assert_eq!(checks(vec![occurrence(safe_stop(), None, Some(0), Some(0.3))], vec![]), ["expect.must[0]"]);
    assert!(
        checks(vec![occurrence(Happening::Mode(AssuranceMode::Degraded), None, None, None)], vec![])
            .is_empty(),
        "a stricter one"
    );
    assert_eq!(
        checks(vec![occurrence(Happening::Mode(AssuranceMode::EStop), None, None, None)], vec![]),
        ["expect.must[0]"]
    );
    assert!(
        checks(vec![occurrence(Happening::Intervention("scan_fresh".into()), None, None, None)], vec![])
            .is_empty()
    );
    assert_eq!(
        checks(vec![occurrence(Happening::Intervention("odom_fresh".into()), None, None, None)], vec![]),
        ["expect.must[0]"]
    );
    assert!(checks(vec![occurrence(Happening::Standing, Some(1.1), Some(0), None)], vec![]).is_empty());
    let moving = |after_s: f64| occurrence(Happening::Moving, Some(after_s), Some(0), None);
    assert!(checks(vec![], vec![moving(1.1)]).is_empty(), "it stands from 2.0 s on");
    assert_eq!(checks(vec![], vec![moving(0.9)]), ["expect.must_not[0]"]);
    assert_eq!(
        checks(vec![], vec![occurrence(Happening::Gate(GateDoes::Stopping), None, None, None)]),
        ["expect.must_not[0]"]
    );
    assert!(checks(vec![], vec![occurrence(Happening::Contact, None, None, None)]).is_empty());
}

/// The run was over: nothing is known of what comes later, good or bad.
#[test]
fn what_begins_after_the_end_is_told() {
    let what = || Happening::Standing;
    for at_s in [5.0, 1.0] {
        let mut made = Made::new(|s| {
            s.time_limit_s = 20.0;
            s.expect.must = vec![occurrence(what(), Some(at_s), None, None)];
            s.expect.must_not = vec![occurrence(Happening::Moving, Some(at_s), None, None)];
        });
        made.gate(0.0, FORWARDING);
        made.goal(0.0);
        made.drive(0.0, 1.0, 0.5, &[]);
        made.drive(1.0, 3.0, 0.0, &[]);
        let texts: Vec<String> = made.verdict().1.failures.into_iter().map(|f| f.text).collect();
        if at_s > 3.0 {
            assert_eq!(texts.len(), 2, "{texts:?}");
            assert!(
                texts.iter().all(|t| t.ends_with("the run was over at 3.000 s, before 5.000 s")),
                "{texts:?}"
            );
        } else {
            assert_eq!(texts, [""; 0]);
        }
    }
}

fn stl(name: &str, formula: &str) -> NamedFormula {
    NamedFormula { name: name.into(), formula: formula.into() }
}

/// What is asked of the drive cannot be said of a run that had none.
#[test]
fn without_a_goal_nothing_holds_that_begins_with_it() {
    let checks = |goal: bool| {
        let mut made = Made::new(|s| {
            let what = |after_s| occurrence(Happening::Moving, after_s, None, None);
            s.expect = Expect {
                outcome: Outcome::Any,
                must_not: vec![what(None), what(Some(0.0))],
                ..Expect::default()
            };
            s.criteria = Criteria {
                least_clearance_m: Some(0.1),
                least_person_gap_m: Some(0.1),
                drive_time_max_s: Some(10.0),
                stops_max: Some(3),
                near_misses_max: Some(3),
                speed_max_mps: Some(0.5),
                modes_allowed: vec![AssuranceMode::SafeStop],
                stl: vec![
                    stl("calm", "driving > 0.5 -> velocity_mps < 1.0"),
                    stl("whenever", "velocity_mps < 1.0"),
                ],
                ..Criteria::default()
            };
        });
        if goal {
            made.goal(0.0);
        }
        made.mode(0.0, ours::Permit::SAFE_STOP);
        made.drive(0.0, 2.0, 0.0, &[]);
        made.verdict().1.failures.into_iter().map(|f| format!("{}: {}", f.check, f.text)).collect::<Vec<_>>()
    };
    assert_eq!(checks(true), [""; 0]);
    let told = |check: &str| format!("criteria.{check}: the goal was never given");
    let of_the_drive = [
        "least_person_gap_m",
        "drive_time_max_s",
        "speed_max_mps",
        "stops_max",
        "near_misses_max",
        "modes_allowed",
    ];
    let expected: Vec<String> =
        std::iter::once("expect.must_not[0]: \"moving\": the goal was never given".into())
            .chain(of_the_drive.iter().map(|check| told(check)))
            .chain([told("stl.calm")])
            .collect();
    assert_eq!(checks(false), expected);
}
