//! Direction zones, through the node.

use super::driving::drive;
use super::support::{ROUND, Rig, Scene, config, passes};
use crate::{Config, DirectionZone, Zones};
use outrider_foundation::data::{Mode, Verdict};
use outrider_foundation::{Pose2, Span, Twist2};
use proptest::prelude::*;
use std::f64::consts::{FRAC_PI_2, PI};

/// Eastwards only: x from 0 to 6, y from −1 to 1.
fn aisle() -> Zones {
    let polygon_m = vec![[0.0, -1.0], [6.0, -1.0], [6.0, 1.0], [0.0, 1.0]];
    let zone =
        DirectionZone { name: "one-way aisle".into(), polygon_m, heading_rad: 0.0, tolerance_rad: 0.6 };
    Zones { version: 1, direction: vec![zone], ..Zones::default() }
}

fn rig(pose: Pose2) -> Rig {
    let config = Config { dwell_s: 0.2, ..config() };
    let mut rig = Rig::in_zones(config, &aisle(), Scene::wall(30.0, 0.0), vec![]);
    rig.pose = pose;
    rig.rest(Span::from_s(0.5));
    assert_eq!(rig.mode(), Mode::Nominal);
    rig
}

/// Whether a motion passes that goes on from here.
fn goes(x: f64, y: f64, yaw: f64, twist: Twist2) -> bool {
    let mut rig = rig(Pose2::new(x, y, yaw));
    rig.set_off(twist);
    let passed = passes(&rig.propose(twist));
    let verdict = rig.reading("direction_zone").verdict;
    assert_eq!(passed, verdict == Verdict::Ok, "{:#?}", rig.state());
    passed
}

const AHEAD: Twist2 = Twist2::new(0.5, 0.0);
const BACK: Twist2 = Twist2::new(-0.2, 0.0);

#[test]
fn along_but_not_against() {
    assert!(goes(3.0, 0.0, 0.0, AHEAD) && goes(3.0, 0.0, 0.5, AHEAD) && goes(3.0, 0.0, -0.5, AHEAD));
    assert!(!goes(3.0, 0.0, PI, AHEAD) && !goes(3.0, 0.0, 0.7, Twist2::new(0.2, 0.0)));
    assert!(
        !goes(3.0, 0.0, 0.0, BACK) && goes(3.0, 0.0, PI, BACK),
        "backwards it travels against its heading"
    );
    assert!(goes(3.0, 0.0, PI, Twist2::new(0.0, 0.8)), "turning on the spot is free");
    assert!(goes(3.0, 3.0, PI, AHEAD), "elsewhere");
}

#[test]
fn it_may_be_left_straight_but_not_driven_through() {
    assert!(goes(0.3, 0.0, PI, AHEAD) && goes(0.3, 0.0, 0.0, BACK), "entered by a little, and out again");
    assert!(goes(3.0, 0.6, FRAC_PI_2, AHEAD), "out to the side");
    assert!(!goes(3.0, 0.6, 0.75 * PI + 0.1, AHEAD), "aslant is through");
    assert!(!goes(3.0, -0.6, FRAC_PI_2, Twist2::new(0.3, 0.0)), "farther in");
}

#[test]
fn at_rest_a_first_step_the_wrong_way_is_seen() {
    for v in [0.02, 0.05, 0.5] {
        let mut rig = rig(Pose2::new(3.0, 0.0, PI));
        rig.wait(ROUND);
        rig.data();
        assert!(passes(&rig.propose(Twist2::ZERO)));
        assert!(!passes(&rig.propose(Twist2::new(v, 0.0))), "{v}");
        let why = rig.interventions().pop().unwrap();
        assert_eq!((why.rule.as_str(), why.unit.as_str()), ("direction_zone", "rad"));
        assert_eq!(why.subformula, "zone one-way aisle");
        assert!((why.value - PI).abs() < 1e-6 && (why.limit - 0.6).abs() < 1e-9, "{why:?}");
        assert!(why.text.contains("direction_zone (zone one-way aisle) is 3.142 rad, the limit is 0.600"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A planner that knows no zones drives at the wrong end: the base stops before it.
    #[test]
    fn it_is_not_entered_against_its_direction(v in 0.1..1.0f64, y in -0.6..0.6f64, off in -0.3..0.3f64) {
        let mut rig = rig(Pose2::new(7.0, y, PI + off));
        let (mut least_x, mut most_v) = (f64::INFINITY, 0.0_f64);
        drive(&mut rig, |rig| {
            least_x = least_x.min(rig.pose.x_m);
            most_v = most_v.max(rig.twist.v_mps);
            Twist2::new(v.min(rig.twist.v_mps + 0.1), 0.0)
        }, Span::from_s(1.5 + 1.2 / v));
        prop_assert!(least_x > 6.0 && least_x < 6.6 && most_v > 0.05, "{least_x} {most_v}");
    }
}
