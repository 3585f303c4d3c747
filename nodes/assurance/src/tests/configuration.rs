//! What refuses to start, and why.

use super::support::{config, digest, robot, zones};
use crate::{AssuranceNode, Config, Faster, Zones};
use outrider_foundation::data::PinnedHashes;

fn refusal(change: impl Fn(&mut Config, &mut Zones)) -> String {
    let (mut c, mut z) = (config(), zones());
    change(&mut c, &mut z);
    let node = AssuranceNode::new(c, z, vec![], &robot(), PinnedHashes::default(), digest, 1);
    node.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn the_shipped_files_are_taken() {
    assert_eq!(refusal(|_, _| {}), "");
    assert!((config().reaction_s(&robot().limits) - 0.18).abs() < 1e-9);
}

#[test]
fn bad_numbers_are_named_with_value_and_range() {
    assert_eq!(
        refusal(|c, _| c.time_to_live_s = 0.061),
        "assurance configuration: time_to_live_s: 0.061 is not within [0.01, 0.06]"
    );
    assert!(refusal(|c, _| c.ages.scan_s = 0.0).contains("ages.scan_s: 0 "));
    assert!(refusal(|c, _| c.ages.odometry_s = f64::NAN).contains("ages.odometry_s: NaN"));
    assert!(refusal(|c, _| c.nominal.v_max_mps = 1.1).contains("nominal.v_max_mps: 1.1"));
    assert!(refusal(|c, _| c.degraded.v_max_mps = 1.05).contains("degraded.v_max_mps"));
    assert!(refusal(|c, _| c.margins.floor_m = 0.09).contains("margins.floor_m"));
    assert!(refusal(|c, _| c.relapse.dwell_max_s = 20.1).contains("relapse.dwell_max_s"));
    assert!(refusal(|c, _| c.scan.contact_beams = 0).contains("contact_beams"));
}

#[test]
fn doubt_that_could_never_be_had_is_refused() {
    assert_eq!(
        refusal(|c, _| c.tracks.conformal.window = 18),
        "assurance configuration: tracks.conformal.window: 18 is less than 19, which this miss_rate needs"
    );
    assert_eq!(refusal(|c, _| c.tracks.conformal.window = 19), "");
    assert!(refusal(|c, _| c.uncertainty.nis.samples_min = 51).contains("51 is not within [0, 50]"));
    let slow = || Faster { class: "cart".into(), accel_mps2: 3.0, speed_mps: 1.5 };
    assert_eq!(
        refusal(|c, _| c.tracks.reachable.faster.push(slow())),
        "assurance configuration: tracks.reachable.faster: cart is slower than all are taken to be"
    );
    let fast = || Faster { speed_mps: 1.7, ..slow() };
    assert_eq!(refusal(|c, _| c.tracks.reachable.faster.push(fast())), "");
}

#[test]
fn unknown_keys_are_refused() {
    let text = include_str!("../../../../config/assurance.yaml").replace("dwell_s", "dwel_s");
    assert!(outrider_yaml::from_str_valid::<Config>(&text).is_err());
    let text = include_str!("../../../../config/zones/warehouse.yaml").replace("v_max_mps", "v_mx_mps");
    assert!(outrider_yaml::from_str_valid::<Zones>(&text).is_err());
}

#[test]
fn zones_that_cannot_be_are_named() {
    let crossing = refusal(|_, z| {
        z.speed[0].polygon_m = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.5, 2.5]];
    });
    assert_eq!(crossing, "zones: doorway: two edges of the polygon cross or touch");
    assert!(refusal(|_, z| z.exclusion[0].polygon_m[0][0] = f64::NAN).contains("battery store"));
    assert!(refusal(|_, z| z.exclusion[0].polygon_m.truncate(2)).contains("three finite corners"));
    assert!(refusal(|_, z| z.speed[0].v_max_mps = f64::NAN).contains("v_max_mps"));
}

/// Where the robot is not localised no zone is kept; it would drive into one, only slower.
#[test]
fn whoever_has_zones_has_to_be_localised() {
    let text = refusal(|c, _| c.localisation_required = false);
    assert!(text.contains("localisation_required: false, but there are zones"), "{text}");
    assert!(
        !refusal(|c, z| (c.localisation_required, z.exclusion) = (false, vec![])).is_empty(),
        "slow ones count"
    );
    let none = || Zones { version: 1, none_because: Some("a bare hall".into()), ..Zones::default() };
    assert_eq!(refusal(|c, z| (c.localisation_required, *z) = (false, none())), "");
}

#[test]
fn an_empty_set_of_zones_can_be_read() {
    let empty: Zones = outrider_yaml::from_str_valid("version: 1\nexclusion: []\nspeed: []\n").unwrap();
    assert_eq!(refusal(|_, z| *z = empty.clone()), "");
}

#[test]
fn zones_that_are_said_to_be_none_have_none() {
    let text = refusal(|_, z| z.none_because = Some("a bare hall".into()));
    assert!(text.contains("none_because") && text.contains("there are zones all the same"), "{text}");
    assert!(
        refusal(|_, z| *z = Zones { none_because: Some(String::new()), ..Zones::default() })
            .contains("none_because")
    );
    let blank = |_: &mut Config, z: &mut Zones| {
        *z = Zones { version: 1, none_because: Some("  ".into()), ..Zones::default() };
    };
    assert!(refusal(blank).contains("none_because: blanks"));
    assert_eq!(
        refusal(
            |_, z| *z = Zones { version: 1, none_because: Some("a bare hall".into()), ..Zones::default() }
        ),
        ""
    );
}
