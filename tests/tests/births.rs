//! Tracks that no detection has begun: of who moves, and of nothing that stands, however the robot drives past it.

use outrider_evaluation::files;
use outrider_msgs::outrider_msgs::WorldModel;
use outrider_suite::drive::drive;
use outrider_suite::{Changes, Files};
use std::collections::BTreeSet;

/// The model that such tracks name.
const CLUSTERS: &str = "lidar_clusters";

/// Drives a scenario, with the defaults of its parameters; who was born of a cluster, by id.
fn born(scenario: &str, seed: u64) -> BTreeSet<u64> {
    let files = Files { changes: Changes { seed: Some(seed), ..Changes::default() }, ..files(scenario) };
    let mut ids = BTreeSet::new();
    let mut observe = |observed: &outrider_suite::lockstep::Observed| {
        if observed.topic.type_name == "outrider_msgs/msg/WorldModel" {
            let world: WorldModel = outrider_msgs::decode(observed.bytes).unwrap();
            ids.extend(world.tracks.iter().filter(|t| t.model_id == CLUSTERS).map(|t| t.id));
        }
    };
    drive(&files, &mut observe, &mut |_| {}).unwrap();
    ids
}

#[test]
fn nobody_is_born_where_nothing_moves() {
    for scenario in [
        "static_clutter/clutter_without_map.yaml",
        "static_clutter/dead_end_without_map.yaml",
        "static_clutter/mapped_clutter.yaml",
        "narrow_passage/passage_of_eighty_centimetres.yaml",
        "narrow_passage/passage_of_one_metre.yaml",
    ] {
        for seed in [1, 2, 3] {
            assert_eq!(born(scenario, seed), BTreeSet::new(), "{scenario}, seed {seed}");
        }
    }
}

#[test]
fn whom_the_detector_never_sees_is_born() {
    assert!(!born("ml_failure/detector_sees_nobody.yaml", 1).is_empty());
}
