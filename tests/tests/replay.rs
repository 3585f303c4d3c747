//! Determinism and its checks: two runs of one seed give the same bag, a bag gives every decision again, and whatever breaks
//! this is found and named.

use outrider_evaluation::altered::Altered;
use outrider_evaluation::short_drive;
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_runtime::HostedNode;
use outrider_suite::drive::drive;
use outrider_suite::lockstep::Lockstep;
use outrider_suite::replay::{
    Evidence, Kind, Outcome, Replay, Source as _, assembled, replay_all, resources_of,
};
use outrider_suite::{NODES, assemble, read_resources};
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Every drive of these tests is so short.
const DRIVE_S: f64 = 4.0;

/// A sound drive.
fn sound() -> Evidence {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = Evidence::default();
    drive(&short_drive(folder.path(), DRIVE_S).unwrap(), &mut |observed| evidence.see(observed), &mut |_| {})
        .unwrap();
    evidence
}

fn replayed(evidence: &Evidence) -> Replay {
    replay_all(evidence, &mut |info| assembled(info, None))
}

fn of<'a>(replay: &'a Replay, node: &str) -> &'a Outcome {
    replay.outcomes.iter().find(|o| o.node == node).unwrap()
}

#[test]
fn a_run_is_the_same_twice_and_every_decision_replays() {
    let (first, second) = (sound(), sound());
    assert_eq!(first.digest(), second.digest());
    let replay = replayed(&first);
    assert_eq!(replay.outcomes.len(), NODES.len());
    for outcome in &replay.outcomes {
        assert!(outcome.is_identical() && outcome.not_run == 0, "{outcome:?}");
    }
}

/// What is seeded into a sound node: each kind is something that a core may not have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seeded {
    /// The order of iteration over a hash map decides.
    HashOrder,
    /// The time of day decides.
    WallClock,
    /// Something that outlives the node decides.
    HiddenState,
}

thread_local! {
    static HIDDEN: Cell<u32> = const { Cell::new(0) };
}

impl Seeded {
    fn verdict(self) -> f64 {
        match self {
            Self::HashOrder => {
                let map: HashMap<u8, ()> = (0..16).map(|key| (key, ())).collect();
                f64::from(*map.keys().next().unwrap())
            }
            Self::WallClock => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                f64::from(now.subsec_nanos())
            }
            Self::HiddenState => HIDDEN.with(|hidden| {
                hidden.set(hidden.get() + 1);
                f64::from(hidden.get())
            }),
        }
    }

    /// A gate that writes it into every velocity: into linear.y, which nobody reads.
    fn into(self, gate: Box<dyn HostedNode>) -> Box<dyn HostedNode> {
        Altered::around(gate, move |bytes| {
            let mut twist: TwistStamped = outrider_msgs::decode(bytes).unwrap();
            twist.twist.linear.y = self.verdict();
            *bytes = outrider_msgs::encode(&twist).unwrap();
        })
    }
}

/// A run of the suite in which the gate is not sound.
fn unsound(seeded: Seeded) -> Evidence {
    let folder = tempfile::tempdir().unwrap();
    let files = short_drive(folder.path(), DRIVE_S).unwrap();
    let nodes = (1..).zip(NODES).map(|(boot, name)| {
        let node = assemble(name, read_resources(name, &files).unwrap(), boot).unwrap();
        if name == "gate" { seeded.into(node) } else { node }
    });
    let mut suite = Lockstep::of(nodes.collect());
    let mut evidence = Evidence::default();
    while suite.elapsed_s() < 1.0 {
        suite.advance(&mut |observed| evidence.see(observed)).unwrap();
    }
    evidence
}

/// Both checks see each kind, and the replay names node, topic and field.
#[test]
fn a_nondeterminism_that_is_seeded_is_caught_and_named() {
    for seeded in [Seeded::HashOrder, Seeded::WallClock, Seeded::HiddenState] {
        let (first, second) = (unsound(seeded), unsound(seeded));
        assert_ne!(first.digest(), second.digest(), "{seeded:?}: the same run twice");
        let replay = replay_all(&first, &mut |info| {
            let node = assembled(info, None)?;
            Ok(if info.node == "gate" { seeded.into(node) } else { node })
        });
        for outcome in &replay.outcomes {
            assert!(outcome.stopped.is_empty(), "{outcome:?}");
            assert_eq!(outcome.is_identical(), outcome.node != "gate", "{seeded:?}: {outcome:?}");
        }
        let difference = of(&replay, "gate").difference.as_ref().unwrap();
        assert!(difference.outputs.proven, "{difference:?}");
        let [output] = difference.outputs.different.as_slice() else { panic!("{difference:?}") };
        assert_eq!((output.topic.as_str(), output.kind), ("/cmd_vel", Kind::Changed));
        assert_eq!(output.fields.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["twist.linear.y"]);
    }
}

/// The recorded value is that of the bag, the replayed one that of the changed node, and they stand at the right step.
#[test]
fn the_first_difference_is_told_field_by_field() {
    let evidence = sound();
    let replay = replay_all(&evidence, &mut |info| {
        let mut info = info.clone();
        for (role, content) in info.resource_names.iter().zip(&mut info.resource_contents) {
            match (info.node.as_str(), role.as_str()) {
                // Permits bear the hash of the configuration: of the first one these bytes differ, and nothing else.
                ("assurance", "config") => content.push_str("\n# another text\n"),
                // And the gate does not take permits for what its robot cannot do.
                ("gate", "robot") => *content = content.replace("accel_mps2: 1.0", "accel_mps2: 0.5"),
                _ => {}
            }
        }
        assembled(&info, None)
    });
    let first = |node: &str| {
        let outcome = of(&replay, node);
        assert!(outcome.identical < outcome.steps && outcome.stopped.is_empty(), "{outcome:?}");
        let difference = outcome.difference.clone().unwrap();
        assert!(difference.outputs.proven, "{difference:?}");
        difference
    };
    let permit = first("assurance");
    assert!(
        permit.inputs.iter().any(|i| i.topic.starts_with("/cmd_vel_") && i.sequence.is_some()),
        "{permit:?}"
    );
    let output = permit.outputs.different.iter().find(|o| o.topic == "/assurance/permit").unwrap();
    assert!(output.sequence.is_some() && (1..=32).contains(&output.fields_in_all), "{output:?}");
    assert!(output.fields.iter().all(|f| f.path.starts_with("parameters_hash[")), "{output:?}");

    let state = first("gate");
    // It could not be armed.
    let output = state.outputs.different.iter().find(|o| o.topic == "/gate/operator_reply").unwrap();
    assert!(output.kind == Kind::Changed, "{output:?}");
    assert!(output.fields.iter().any(|f| f.path == "success" && f.recorded != f.replayed), "{output:?}");
    for other in replay.outcomes.iter().filter(|o| !["assurance", "gate"].contains(&o.node.as_str())) {
        assert!(other.is_identical(), "{other:?}");
    }
}

#[test]
fn what_a_bag_lacks_is_said_exactly() {
    let stopped = |keep: &dyn Fn(&str, u64) -> bool| {
        let mut evidence = sound();
        evidence.retain(|topic, number, _| keep(topic, number));
        let replay = replayed(&evidence);
        of(&replay, "gate").clone()
    };
    let gap = stopped(&|topic, number| topic != "/gate/journal" || number != 100);
    assert!(gap.stopped.contains("tick 100 is not in the bag"), "{gap:?}");
    assert_eq!((gap.steps, gap.identical), (99, 99));
    assert!(gap.not_run > 100 && gap.difference.is_none(), "{gap:?}");

    let topic = stopped(&|topic, number| topic != "/assurance/permit" || number < 20);
    assert!(topic.stopped.contains("a message of /assurance/permit that tick"), "{topic:?}");
    assert!(topic.steps > 0 && topic.identical == topic.steps && topic.not_run > 0, "{topic:?}");

    let info = stopped(&|topic, _| topic != "/gate/info");
    assert!(info.stopped.contains("no gate/info of this run"), "{info:?}");
    assert_eq!(info.steps, 0);

    let journal = stopped(&|topic, _| topic != "/gate/journal");
    assert!(journal.stopped.contains("no gate/journal of this run"), "{journal:?}");
    assert!(!journal.is_identical());
}

/// A node without journal is run from topics: it takes the same messages, and most of what comes out is alike.
#[test]
fn a_node_is_run_from_topics() {
    use outrider_suite::replay::{Names, run_from_topics};
    let mut evidence = sound();
    evidence.retain(|topic, _, _| !topic.ends_with("/journal"));
    let mut infos = Vec::new();
    let _ = evidence.read(&|_, _| true, &mut |record| {
        if record.type_name == "outrider_msgs/msg/NodeInfo" {
            infos.push(
                outrider_msgs::decode::<outrider_msgs::outrider_msgs::NodeInfo>(&record.bytes).unwrap(),
            );
        }
        ControlFlow::Continue(())
    });
    let info = infos.iter().find(|i| i.node == "world_model").unwrap();
    let mut node = assemble("world_model", resources_of(info, None).unwrap(), info.boot_id).unwrap();
    let names = Names { inputs: info.inputs.clone(), outputs: info.outputs.clone() };
    let result = run_from_topics(&evidence, node.as_mut(), &names);
    assert!(result.stopped.is_empty() && result.steps > 100, "{result:?}");
    let world = result.topics.iter().find(|t| t.topic == "/world_model").unwrap();
    assert!(world.recorded > 20 && world.replayed.abs_diff(world.recorded) <= 2, "{world:?}");
    assert!(world.compared + 2 >= world.recorded, "{world:?}");
}
