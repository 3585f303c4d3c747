//! A world model that lies about who moves: nobody gives way to what is not told, and the grid and the scan have to do.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files")]

use outrider_evaluation::root;
use outrider_foundation::{Instant, Now};
use outrider_msgs::outrider_msgs::{Tick, Track, WorldModel};
use outrider_runtime::{Diagnosis, HostedNode, NodeSpec, OutputDigest, Outputs, Topic, payload_digest};
use outrider_suite::drive::{DriveResult, drive_wrapped};
use outrider_suite::{Changes, Files};

type Lie = fn(&mut WorldModel);

/// The world model, but for what it says of tracks.
struct Liar {
    node: Box<dyn HostedNode>,
    lie: Lie,
}

impl HostedNode for Liar {
    fn spec(&self) -> &NodeSpec {
        self.node.spec()
    }
    fn inputs(&self) -> &[Topic] {
        self.node.inputs()
    }
    fn outputs(&self) -> &[Topic] {
        self.node.outputs()
    }
    fn deliver(&mut self, input: usize, received: Instant, bytes: &[u8]) {
        self.node.deliver(input, received, bytes);
    }
    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        let lie = self.lie;
        let mut all = OutputDigest::default();
        let tick = self.node.step(now, &mut |output, mut bytes, _| {
            if output == 0 {
                let mut model: WorldModel = outrider_msgs::decode(&bytes).unwrap();
                lie(&mut model);
                bytes = outrider_msgs::encode(&model).unwrap();
            }
            let digest = payload_digest(&bytes);
            all.add(output, digest);
            outputs(output, bytes, digest);
        });
        (tick.outputs, tick.output_digest) = all.finish();
        tick
    }
    fn has_input(&self) -> bool {
        self.node.has_input()
    }
    fn next_wakeup(&self) -> Option<Instant> {
        self.node.next_wakeup()
    }
    fn diagnose(&self) -> Diagnosis {
        self.node.diagnose()
    }
}

fn run(scenario: &str, lie: Lie) -> DriveResult {
    let files = Files {
        config: root().join("config"),
        scenario: Some(root().join("tests/scenarios").join(scenario)),
        tree: None,
        zones: None,
        permit_key: None,
        changes: Changes::default(),
    };
    let mut wrap = |node: Box<dyn HostedNode>| -> Box<dyn HostedNode> {
        if node.spec().name == "world_model" { Box::new(Liar { node, lie }) } else { node }
    };
    drive_wrapped(&files, &mut wrap, &mut |_| {}, &mut |_| {}).unwrap()
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
