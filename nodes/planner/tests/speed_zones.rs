//! The planner slows down before a speed zone, gently, and drives on behind it.

// Helpers of an integration test are outside of #[test] functions.

use crate::common::{Loop, hall, planner};
use outrider_foundation::Pose2;
use outrider_foundation::data::TreeStatus;
use outrider_foundation::zones::{SpeedZone, Zones};

fn zones(v_max_mps: f64) -> Zones {
    let polygon_m = vec![[5.0, 0.0], [7.0, 0.0], [7.0, 8.0], [5.0, 8.0]];
    let zone = SpeedZone { name: "crossing".into(), polygon_m, v_max_mps };
    Zones { version: 1, speed: vec![zone], ..Zones::default() }
}

/// Drives through the zone: greatest speed inside and behind it, greatest braking, and whether a reason named the zone.
fn drive(zones: &Zones) -> (f64, f64, f64, bool) {
    let mut l = Loop::new(hall(), Pose2::new(1.0, 4.0, 0.0));
    l.node = planner().with_zones(zones).unwrap();
    l.goal(Pose2::new(11.0, 4.0, 0.0));
    let (mut inside_mps, mut behind_mps, mut braking_mps2, mut before_mps) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0);
    for _ in 0..8000 {
        l.tick();
        let v_mps = l.twist.v_mps;
        match l.pose.x_m {
            x if (5.0..=7.0).contains(&x) => inside_mps = inside_mps.max(v_mps),
            x if x > 7.0 => behind_mps = behind_mps.max(v_mps),
            _ => braking_mps2 = braking_mps2.max((before_mps - v_mps) / crate::common::STEP_S),
        }
        before_mps = v_mps;
    }
    assert_eq!(l.status(), TreeStatus::Success, "\n{}", l.trace(0.5));
    let named = l.decisions.iter().any(|d| d.constraint.contains("speed zone crossing"));
    (inside_mps, behind_mps, braking_mps2, named)
}

#[test]
fn it_is_slow_in_the_zone_and_quick_behind_it() {
    let (inside_mps, behind_mps, braking_mps2, named) = drive(&zones(0.4));
    assert!((0.3..=0.4).contains(&inside_mps), "{inside_mps} m/s inside");
    assert!(behind_mps > 0.7, "{behind_mps} m/s behind");
    assert!(braking_mps2 < 0.9, "{braking_mps2} m/s²: more than an ordinary slow-down");
    assert!(named);
}

#[test]
fn without_zones_it_is_not() {
    let (inside_mps, _, _, named) = drive(&Zones { version: 1, ..Zones::default() });
    assert!(inside_mps > 0.8 && !named, "{inside_mps} m/s");
}

#[test]
fn a_zone_that_cannot_be_is_named() {
    let mut zones = zones(0.4);
    zones.speed[0].polygon_m = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.5, 2.5]];
    let error = planner().with_zones(&zones).err().unwrap().to_string();
    assert_eq!(error, "zones: crossing: two edges of the polygon cross or touch");
}
