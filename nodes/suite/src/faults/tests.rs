//! Faults as a file has them.

use super::{Fault, FaultyWire};
use crate::Scenario;
use crate::lockstep::START;
use crate::wire::{Delivery, Passage, Wire};
use outrider_foundation::{Now, Span};
use outrider_msgs::nav_msgs::Odometry;
use outrider_runtime::config;

fn parsed(faults: &str) -> Result<Scenario, String> {
    let text = include_str!("../../../../tests/scenarios/warehouse_crossing.yaml");
    config::parse("with faults", &format!("{text}faults:\n{faults}")).map_err(|e| e.to_string())
}

#[test]
fn a_fault_that_cannot_be_is_refused() {
    let sound =
        parsed("  - {at_s: 1.0, for_s: 2.0, what: {frozen: odom}}\n  - {at_s: 0.0, what: e_stop_pressed}\n");
    assert_eq!(sound.unwrap().faults.len(), 2);
    for (fault, word) in [
        ("{at_s: 1.0, what: {frozen: tf}}", "`tf` can be silent only"),
        ("{at_s: 1.0, what: {not_a_number: detections}}", "`detections` can be silent only"),
        ("{at_s: -1.0, what: e_stop_pressed}", "at_s"),
        (
            "{at_s: 1.0, for_s: -1.0, what: e_stop_pressed}",
            "-1 is not within [0.001, 3600] for `faults[0].for_s`",
        ),
        (
            "{at_s: 1.0, for_s: 0.0, what: {silent: scan}}",
            "0 is not within [0.001, 3600] for `faults[0].for_s`",
        ),
        ("{at_s: 1.0, what: {node_killed: sim}}", "sim"),
        ("{at_s: 1.0, what: {silent: sonar}}", "sonar"),
        ("{at_s: 1.0, until: 2.0, what: e_stop_pressed}", "until"),
        (
            "{at_s: 1.0, what: {drop: {topic: sonar}}}",
            "fault 0: topic: there is no topic `sonar` between nodes",
        ),
        ("{at_s: 1.0, what: {drop: {topic: scan, probability: 1.5}}}", "1.5 is not within [0, 1]"),
        ("{at_s: 1.0, what: {drop: {to: camera}}}", "camera"),
        ("{at_s: 1.0, what: {bias: {field: x}}}", "`field` needs a `topic`"),
        (
            "{at_s: 1.0, what: {spoil: {topic: odom, field: twist.linear.x}}}",
            "nav_msgs/msg/Odometry has no floating-point numbers at `twist.linear.x`",
        ),
        ("{at_s: 1.0, what: {teleop: {v_mps: 0.3, w_radps: 0.0}}}", "`teleop` needs `for_s`"),
        ("{at_s: 1.0, what: {partition: []}}", "partition"),
        (
            "{at_s: 1.0, what: {duplicate: {topic: odom, copies: 0}}}",
            "0 is not within [1, 100] for `faults[0].what",
        ),
    ] {
        let error = parsed(&format!("  - {fault}\n")).unwrap_err();
        assert!(error.contains(word), "{fault}: {error}");
    }
    let many = "  - {at_s: 1.0, what: e_stop_pressed}\n".repeat(super::FAULT_LIMIT + 1);
    assert!(parsed(&many).unwrap_err().contains("101 faults, the limit is 100"));
}

/// Each makes copies of the copies of those before it.
#[test]
fn faults_that_duplicate_are_bounded_together() {
    let fault = |topic: &str, at_s: f64| {
        format!("  - {{at_s: {at_s}, for_s: 1.0, what: {{duplicate: {{{topic}copies: 40}}}}}}\n")
    };
    let (odom, scan, all) = ("topic: odom, ", "topic: /scan, ", "");
    let refused = |faults: [String; 2]| parsed(&faults.concat()).err();
    for other in [fault(odom, 1.9), fault(all, 0.1)] {
        let error = refused([fault(odom, 1.0), other]).unwrap();
        assert!(error.contains("make up to 1681 of one message, the limit is 1000"), "{error}");
    }
    for apart in [fault(odom, 2.0), fault(scan, 1.0)] {
        assert_eq!(refused([fault(odom, 1.0), apart]), None);
    }
    let to = |listener: &str| fault(&format!("topic: odom, to: {listener}, "), 1.0);
    assert_eq!(refused([to("world_model"), to("assurance")]), None);
    // Two that never meet, and one that meets both.
    let long = "  - {at_s: 0, what: {duplicate: {topic: odom, copies: 20}}}\n".to_owned();
    assert_eq!(parsed(&[long, fault(odom, 1.0), fault(odom, 5.0)].concat()).err(), None);
}

#[test]
fn a_fault_is_over_at_its_end_whatever_sums_are_in_binary() {
    let fault = &faults("{at_s: 1.1, for_s: 2.2, what: {silent: scan}}")[0];
    assert!(fault.strikes_at(1.1) && fault.strikes_at(3.2999) && !fault.strikes_at(3.3));
}

fn faults(text: &str) -> Vec<Fault> {
    parsed(&format!("  - {text}\n")).unwrap().faults
}

fn odometry(v: f64) -> Vec<u8> {
    let mut message = Odometry::default();
    message.twist.twist.linear.x = v;
    outrider_msgs::encode(&message).unwrap()
}

fn speed(bytes: &[u8]) -> f64 {
    outrider_msgs::decode::<Odometry>(bytes).unwrap().twist.twist.linear.x
}

fn carry(wire: &mut FaultyWire, at_s: f64, ends: (&str, &str), bytes: &[u8]) -> Delivery {
    let by = Span::from_s(at_s);
    let now = Now { mono: START.mono + by, ros: START.ros + by };
    wire.carry(&Passage { now, topic: "/odom", from: ends.0, to: ends.1, bytes })
}

const ENDS: (&str, &str) = ("sim", "world_model");

#[test]
fn a_fault_strikes_its_time_its_topic_and_its_ends_alone() {
    let mut wire =
        FaultyWire::new(&faults("{at_s: 1.0, for_s: 1.0, what: {drop: {topic: odom, to: world_model}}}"), 1);
    let bytes = odometry(0.5);
    for (at_s, ends, struck) in [
        (0.99, ENDS, false),
        (1.0, ENDS, true),
        (1.99, ENDS, true),
        (2.0, ENDS, false),
        (1.5, ("sim", "assurance"), false),
    ] {
        let expected = if struck { Delivery::DROP } else { Delivery::Pass };
        assert_eq!(carry(&mut wire, at_s, ends, &bytes), expected, "{at_s} {ends:?}");
    }
    let mut other = FaultyWire::new(&faults("{at_s: 0.0, what: {drop: {topic: /scan}}}"), 1);
    assert_eq!(carry(&mut other, 1.0, ENDS, &bytes), Delivery::Pass);
    let mut cut = FaultyWire::new(&faults("{at_s: 0.0, what: {partition: [sim, gate]}}"), 1);
    assert_eq!(carry(&mut cut, 1.0, ENDS, &bytes), Delivery::DROP);
    assert_eq!(carry(&mut cut, 1.0, ("sim", "gate"), &bytes), Delivery::Pass);
    assert_eq!(carry(&mut cut, 1.0, ("planner", "world_model"), &bytes), Delivery::Pass);
}

#[test]
fn a_share_is_struck_and_the_seed_tells_which() {
    let drop = faults("{at_s: 0.0, what: {drop: {topic: odom, probability: 0.3}}}");
    let pattern = |seed| {
        let mut wire = FaultyWire::new(&drop, seed);
        let bytes = odometry(0.5);
        (0..1000).map(|_| carry(&mut wire, 1.0, ENDS, &bytes) == Delivery::DROP).collect::<Vec<_>>()
    };
    let lost = pattern(1).iter().filter(|lost| **lost).count();
    assert!((250..350).contains(&lost), "{lost}");
    assert_eq!(pattern(1), pattern(1));
    assert_ne!(pattern(1), pattern(2));
}

#[test]
fn each_kind_does_what_it_says() {
    let struck = |text: &str| {
        let mut wire = FaultyWire::new(&faults(text), 1);
        assert_eq!(carry(&mut wire, 0.5, ENDS, &odometry(0.1)), Delivery::Pass);
        match carry(&mut wire, 1.5, ENDS, &odometry(0.5)) {
            Delivery::Instead(copies) => copies,
            Delivery::Pass => panic!("{text} did not strike"),
        }
    };
    let by = |copies: &[(Span, Vec<u8>)]| copies.iter().map(|(by, _)| by.as_s()).collect::<Vec<_>>();
    let delayed = struck("{at_s: 1.0, what: {delay: {topic: odom, by_s: 0.2, jitter_s: 0.1}}}");
    assert!((0.2..0.3).contains(&by(&delayed)[0]) && delayed.len() == 1 && delayed[0].1 == odometry(0.5));
    let reordered = struck("{at_s: 1.0, what: {reorder: {topic: odom, within_s: 0.4}}}");
    assert!((0.0..0.4).contains(&by(&reordered)[0]));
    let frozen = struck("{at_s: 1.0, what: {freeze: {topic: odom}}}");
    assert_eq!(frozen, [(Span::ZERO, odometry(0.1))], "the last one before");
    let biased =
        struck("{at_s: 1.0, what: {bias: {topic: odom, field: twist.twist.linear.x, scale: 2.0, add: 0.1}}}");
    assert!((speed(&biased[0].1) - 1.1).abs() < 1e-12);
    let spoilt = struck("{at_s: 1.0, what: {spoil: {topic: odom, field: twist.twist.linear.x}}}");
    assert!(speed(&spoilt[0].1).is_nan());
    let copies = struck("{at_s: 1.0, what: {duplicate: {topic: odom, copies: 2, every_s: 0.01}}}");
    assert_eq!(by(&copies), [0.0, 0.01, 0.02]);
}

fn wire(faults: &[&str]) -> FaultyWire {
    let lines: String = faults.iter().map(|fault| format!("  - {fault}\n")).collect();
    FaultyWire::new(&parsed(&lines).unwrap().faults, 1)
}

#[test]
fn what_is_frozen_from_the_beginning_repeats_the_first_message() {
    let mut frozen = wire(&["{at_s: 0.0, what: {freeze: {topic: odom}}}"]);
    assert_eq!(carry(&mut frozen, 0.0, ENDS, &odometry(0.1)), Delivery::Pass);
    for v in [0.2, 0.3] {
        let again = Delivery::Instead(vec![(Span::ZERO, odometry(0.1))]);
        assert_eq!(carry(&mut frozen, 0.5, ENDS, &odometry(v)), again);
    }
}

#[test]
fn what_is_frozen_repeats_what_those_before_it_left() {
    let biased = "{at_s: 0.0, what: {bias: {topic: odom, field: twist.twist.linear.x, add: 0.5}}}";
    let lost = "{at_s: 1.0, for_s: 1.0, what: {drop: {topic: odom}}}";
    let frozen = "{at_s: 2.0, what: {freeze: {topic: odom}}}";
    let repeats = |faults: &[&str]| {
        let mut wire = wire(faults);
        for at_s in [0.5, 1.5] {
            carry(&mut wire, at_s, ENDS, &odometry(at_s));
        }
        match carry(&mut wire, 2.5, ENDS, &odometry(2.5)) {
            Delivery::Instead(copies) => copies.iter().map(|(_, bytes)| speed(bytes)).collect::<Vec<_>>(),
            Delivery::Pass => panic!("{faults:?} did not strike"),
        }
    };
    assert_eq!(repeats(&[frozen]), [1.5]);
    assert_eq!(repeats(&[lost, frozen]), [0.5], "the last that was not lost");
    assert_eq!(repeats(&[frozen, lost]), [1.5], "what is lost behind it does not matter to it");
    assert_eq!(repeats(&[biased, frozen]), [2.0]);
    assert_eq!(repeats(&[frozen, biased]), [2.0]);
    let mut from_the_first = wire(&[biased, "{at_s: 0.0, what: {freeze: {topic: odom}}}"]);
    for v in [0.1, 0.2] {
        let Delivery::Instead(copies) = carry(&mut from_the_first, 0.5, ENDS, &odometry(v)) else {
            panic!("it is biased")
        };
        assert!((speed(&copies[0].1) - 0.6).abs() < 1e-12);
    }
}

#[test]
fn faults_of_one_wire_strike_one_after_the_other() {
    let late = "{at_s: 0.0, what: {delay: {topic: odom, by_s: 0.2}}}";
    let lost = "{at_s: 1.0, for_s: 1.0, what: {drop: {topic: odom}}}";
    let cut = "{at_s: 1.0, for_s: 1.0, what: {partition: [sim]}}";
    let biased = "{at_s: 0.0, what: {bias: {topic: odom, field: twist.twist.linear.x, add: 0.1}}}";
    let twice = "{at_s: 0.0, what: {duplicate: {topic: odom, copies: 1, every_s: 0.05}}}";
    for (first, second) in [(late, lost), (lost, late), (biased, cut), (cut, biased), (lost, twice)] {
        let mut both = wire(&[first, second]);
        assert_eq!(carry(&mut both, 1.5, ENDS, &odometry(0.5)), Delivery::DROP, "{first} {second}");
        assert_ne!(carry(&mut both, 2.5, ENDS, &odometry(0.5)), Delivery::DROP, "{first} {second}");
    }
    let Delivery::Instead(copies) = carry(&mut wire(&[late, biased, twice, late]), 0.0, ENDS, &odometry(0.5))
    else {
        panic!("none of four struck")
    };
    let told: Vec<(f64, f64)> = copies.iter().map(|(by, bytes)| (by.as_s(), speed(bytes))).collect();
    assert_eq!(told, [(0.4, 0.6), (0.45, 0.6)]);
}

/// As over DDS: what is published when the delay is over comes behind what is under way.
#[test]
fn what_comes_after_a_delay_does_not_overtake_it() {
    let arrivals = |fault: &str| {
        let mut wire = wire(&[fault]);
        let mut arrives = |at_s: f64, ends: (&str, &str)| match carry(&mut wire, at_s, ends, &odometry(0.5)) {
            Delivery::Pass => at_s,
            Delivery::Instead(copies) => at_s + copies[0].0.as_s(),
        };
        [(0.5, ENDS), (1.9, ENDS), (2.1, ENDS), (2.2, ("sim", "assurance")), (2.39, ENDS), (2.5, ENDS)]
            .map(|(at_s, ends)| (1000.0 * arrives(at_s, ends)).round() as i64)
    };
    let late = "{at_s: 1.0, for_s: 1.0, what: {delay: {topic: odom, to: world_model, by_s: 0.5}}}";
    assert_eq!(arrivals(late), [500, 2400, 2400, 2200, 2400, 2500]);
    let some = late.replace("by_s: 0.5", "by_s: 0.5, probability: 0.999999");
    assert_eq!(arrivals(&some), [500, 2400, 2100, 2200, 2390, 2500], "others overtake it anyhow");
    let jitter = late.replace("by_s: 0.5", "by_s: 0.5, jitter_s: 0.1");
    assert_eq!(arrivals(&jitter)[2..], [2100, 2200, 2390, 2500]);
}
