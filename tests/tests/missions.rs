//! Missions through the whole suite in one process: asked by the scenario, answered and told by the planner, replayed from the bag.

use outrider_evaluation::files;
use outrider_msgs::outrider_msgs::{MissionReply, MissionState};
use outrider_suite::drive::drive;
use outrider_suite::replay::{Evidence, assembled, replay_all};
use outrider_suite::topics;
use std::collections::BTreeMap;

/// What a run told of missions.
#[derive(Default, PartialEq, Debug)]
struct Told {
    replies: Vec<MissionReply>,
    states: Vec<MissionState>,
}

impl Told {
    /// States by the number of the step that asked for the mission, each time that it changed.
    fn statuses(&self) -> BTreeMap<u8, Vec<u8>> {
        let mut all: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for state in self.states.iter().filter(|s| s.status != MissionState::NONE) {
            all.entry(state.mission_id[0]).or_default().push(state.status);
        }
        all.values_mut().for_each(Vec::dedup);
        all
    }
}

fn run() -> (outrider_suite::drive::DriveResult, Told, Evidence) {
    let files = files("missions.yaml");
    let (mut told, mut evidence) = (Told::default(), Evidence::default());
    let mut see = |observed: &outrider_suite::lockstep::Observed<'_>| {
        evidence.see(observed);
        if observed.topic.name == topics::mission_reply().name {
            told.replies.push(outrider_msgs::decode(observed.bytes).unwrap());
        } else if observed.topic.name == topics::mission_state().name {
            told.states.push(outrider_msgs::decode(observed.bytes).unwrap());
        }
    };
    let result = drive(&files, &mut see, &mut |_| {}).unwrap();
    (result, told, evidence)
}

#[test]
fn missions_end_as_they_should_and_every_decision_replays() {
    use MissionState as S;
    let (result, told, evidence) = run();
    assert!(result.reached && result.collisions == 0, "{result:?}\n{:?}", told.statuses());
    assert_eq!(told.replies.len(), 7);
    assert!(told.replies.iter().all(|reply| reply.accepted), "{:?}", told.replies);
    let statuses = told.statuses();
    assert_eq!(statuses[&1], [S::DRIVING, S::PAUSED, S::DRIVING, S::STOPPING, S::CANCELED], "{statuses:?}");
    assert_eq!(statuses[&5], [S::DRIVING, S::SUCCEEDED], "{statuses:?}");
    assert_eq!(statuses[&6], [S::DRIVING, S::ABORTED], "{statuses:?}");
    assert_eq!(statuses[&7], [S::DRIVING, S::SUCCEEDED], "{statuses:?}");
    let of = |id: u8| told.states.iter().filter(move |s| s.mission_id[0] == id);
    let mut left: Vec<u32> = of(5).map(|s| s.poses_remaining).collect();
    left.dedup();
    assert_eq!(left[..3], [3, 2, 1], "{left:?}");
    assert_eq!(of(6).next_back().unwrap().behavior_tree, "navigate_to_pose_with_recovery.xml");
    assert_eq!(of(6).next_back().unwrap().error_msg, "preempted by a newer goal");
    // Standing still because of the pause, and not before the mission was over.
    let paused: Vec<&S> = of(1).filter(|s| s.status == S::PAUSED).collect();
    let (late, last) = (paused[paused.len() / 2 + 2], paused.last().unwrap());
    assert!((late.x - last.x).abs() < 0.05, "it stood from {} to {}", late.x, last.x);

    // As text: what is not known is NaN, which is not equal to itself.
    let (again, told_again, _) = run();
    assert_eq!((result, format!("{told:?}")), (again, format!("{told_again:?}")));

    let replay = replay_all(&evidence, &mut |info| assembled(info, None));
    for outcome in &replay.outcomes {
        assert!(outcome.is_identical(), "{outcome:?}");
    }
    assert_eq!(replay.outcomes.len(), outrider_suite::NODES.len());
}
