//! A world model that lies about who moves: nobody gives way to what is not told, and the grid and the scan have to do.

use outrider_evaluation::altered::Altered;
use outrider_evaluation::files;
use outrider_msgs::outrider_msgs::{Track, WorldModel};
use outrider_runtime::HostedNode;
use outrider_suite::drive::{DriveResult, drive_wrapped};

type Lie = fn(&mut WorldModel);

fn run(scenario: &str, lie: Lie) -> DriveResult {
    let mut wrap = |node: Box<dyn HostedNode>| -> Box<dyn HostedNode> {
        if node.spec().name != "world_model" {
            return node;
        }
        Altered::around(node, move |bytes| {
            let mut model = outrider_msgs::decode(bytes).unwrap();
            lie(&mut model);
            *bytes = outrider_msgs::encode(&model).unwrap();
        })
    };
    drive_wrapped(&files(scenario), &mut wrap, &mut |_| {}, &mut |_| {}).unwrap()
}

fn nobody(model: &mut WorldModel) {
    model.tracks.clear();
}

fn left_standing(model: &mut WorldModel) {
    model.tracks.iter_mut().for_each(|track| track.state = Track::STANDING);
}

fn left_standing_still(model: &mut WorldModel) {
    left_standing(model);
    model.tracks.iter_mut().for_each(|track| (track.vx, track.vy) = (0.0, 0.0));
}

/// Somebody walks ahead in the robot's way in both.
const SCENARIOS: [&str; 2] =
    ["overtaking/person_ahead_stops_suddenly.yaml", "overtaking/slow_person_in_the_corridor.yaml"];

#[test]
fn nobody_is_touched_whatever_is_said_of_who_moves() {
    for scenario in SCENARIOS {
        let truthful = run(scenario, |_| {});
        for lie in [nobody, left_standing, left_standing_still] {
            let result = run(scenario, lie);
            assert_ne!(result.digest, truthful.digest, "the lie was not told");
            assert_eq!(result.collisions, 0, "{result:?}");
            assert!(result.reached && result.least_clearance_m > 0.1, "{result:?}");
        }
    }
}
