//! Tracking on simulated crowds: the same every time, honest about its errors, and no worse than a plain tracker.

#![allow(clippy::unwrap_used, reason = "tests stop at the first fault")]

use outrider_evaluation::root;
use outrider_evaluation::tracking::crowd::Setting;
use outrider_evaluation::tracking::{Line, line};
use outrider_world_model::Config;

fn shipped(setting: Setting) -> Line {
    let path = root().join("config/world_model.yaml");
    let text = outrider_runtime::config::read(&path).unwrap();
    let config: Config = outrider_runtime::config::parse("world_model.yaml", &text).unwrap();
    line(setting, &config.tracks, 1, 30)
}

#[test]
fn the_same_seed_is_the_same_crowd() {
    let setting = Setting { people: 6, ..Setting::MIDDLE };
    assert_eq!(shipped(setting), shipped(setting));
}

#[test]
fn a_crowd_is_followed_better_than_by_the_nearest_neighbour() {
    for setting in [Setting::MIDDLE, Setting { miss: 0.4, false_alarms: 2.0, ..Setting::MIDDLE }] {
        let line = shipped(setting);
        let (ours, plain) = (line.tracker, line.baseline);
        assert!(ours.mota > plain.mota && ours.gospa_m < plain.gospa_m, "{line:?}");
        assert!(ours.mota > 0.7, "{line:?}");
    }
}

/// Four on average when covariances are true, less when they are larger than the errors. People change their way at once
/// here, which no filter foresees.
#[test]
fn errors_are_as_stated() {
    let score = shipped(Setting::MIDDLE).tracker;
    assert!((1.5..4.5).contains(&score.nees) && score.within > 0.9, "{score:?}");
}
