//! A suite with a key: it drives, the key is in no message, and a replay asks for it.

use outrider_evaluation::short_drive;
use outrider_msgs::outrider_msgs::{GateState, OperatorReply, Permit};
use outrider_runtime::Secret;
use outrider_suite::drive::drive;
use outrider_suite::lockstep::Observed;
use outrider_suite::replay::{Evidence, assembled, replay_all};
use outrider_suite::{Files, read_resources};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn key_file(folder: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// A drive of a few seconds.
fn files(folder: &Path, permit_key: Option<PathBuf>) -> Files {
    Files { permit_key, ..short_drive(folder, 5.0).unwrap() }
}

#[test]
fn a_drive_with_a_key_forwards_and_replays_with_the_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let key = b"a key for tests that has more than 32 bytes";
    let right = key_file(folder.path(), "right.key", key, 0o600);
    let wrong = key_file(folder.path(), "wrong.key", &[b'w'; 32], 0o600);
    let (mut evidence, mut forwarded, mut coded, mut leaked) = (Evidence::default(), 0, 0, 0);
    let see = &mut |o: &Observed| {
        leaked += usize::from(o.bytes.windows(16).any(|w| key.starts_with(w)));
        match o.topic.name.as_str() {
            "gate/state" => {
                let state: GateState = outrider_msgs::decode(o.bytes).unwrap();
                forwarded += usize::from(state.mode == GateState::FORWARDING);
            }
            "assurance/permit" => {
                coded += usize::from(outrider_msgs::decode::<Permit>(o.bytes).unwrap().mac != [0; 32]);
            }
            _ => {}
        }
        evidence.see(o);
    };
    drive(&files(folder.path(), Some(right.clone())), see, &mut |_| {}).unwrap();
    assert!(forwarded > 100 && coded > 100, "{forwarded} periods, {coded} codes");
    assert_eq!(leaked, 0, "messages with the key");

    let (right, wrong) = (Secret::read(&right).unwrap(), Secret::read(&wrong).unwrap());
    for outcome in replay_all(&evidence, &mut |info| assembled(info, Some(&right))).outcomes {
        assert!(outcome.is_identical(), "{outcome:?}");
    }
    let record = wrong.record();
    for (key, says) in [(None, "--key"), (Some(&wrong), record.as_str())] {
        for outcome in replay_all(&evidence, &mut |info| assembled(info, key)).outcomes {
            let locked = ["assurance", "gate"].contains(&outcome.node.as_str());
            assert_eq!(outcome.is_identical(), !locked, "{outcome:?}");
            let told = outcome.stopped.contains(&right.record()) && outcome.stopped.contains(says);
            assert!(told || !locked, "{outcome:?}");
        }
    }
}

/// The gate has a key, assurance another or none: nothing is permitted, and whoever arms is told why.
#[test]
fn two_keys_do_not_drive() {
    use outrider_suite::lockstep::Lockstep;
    use outrider_suite::{NODES, assemble, topics};
    let folder = tempfile::tempdir().unwrap();
    let one = key_file(folder.path(), "one.key", &[b'1'; 32], 0o600);
    let two = key_file(folder.path(), "two.key", &[b'2'; 32], 0o600);
    for of_assurance in [None, Some(two)] {
        let node = |(index, name): (u64, &&str)| {
            let key = if *name == "gate" { Some(one.clone()) } else { of_assurance.clone() };
            assemble(name, read_resources(name, &files(folder.path(), key)).unwrap(), index).unwrap()
        };
        let mut suite = Lockstep::of((1..).zip(&NODES).map(node).collect());
        let (mut answers, mut forwarded) = (vec![], 0);
        let mut asked = 0;
        while suite.elapsed_s() < 3.0 {
            let see = &mut |o: &Observed| match o.topic.name.as_str() {
                "gate/operator_reply" => {
                    answers.push(outrider_msgs::decode::<OperatorReply>(o.bytes).unwrap())
                }
                "gate/state" => {
                    let state: GateState = outrider_msgs::decode(o.bytes).unwrap();
                    forwarded += usize::from(state.mode != GateState::DISARMED);
                }
                _ => {}
            };
            if suite.elapsed_s() > 1.0 + f64::from(asked) {
                asked += 1;
                let request =
                    outrider_msgs::outrider_msgs::OperatorRequest { sequence: 1, ..Default::default() };
                suite.publish(&topics::operator_request(), &request, see).unwrap();
            }
            suite.advance(see).unwrap();
        }
        assert_eq!(forwarded, 0);
        assert!(answers.len() == 2 && answers.iter().all(|a| !a.success), "{answers:?}");
        assert!(answers[1].message.contains("authentication code"), "{answers:?}");
    }
}

#[test]
fn a_key_file_that_is_none_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    for (content, mode, says) in
        [([7_u8; 31].as_slice(), 0o600, "31 bytes are no key"), (&[7; 32], 0o640, "its permissions are 640")]
    {
        let path = key_file(folder.path(), "bad.key", content, mode);
        for node in ["assurance", "gate"] {
            let files = files(folder.path(), Some(path.clone()));
            let error = read_resources(node, &files).unwrap_err().to_string();
            assert!(error.contains("bad.key") && error.contains(says), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
