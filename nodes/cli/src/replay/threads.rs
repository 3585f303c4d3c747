//! Every run in a thread of its own, fed by one that joins journals and messages, which is fed by one that reads the bag. What
//! comes out does not depend on who is faster.

use super::what_if::Changes;
use crate::bag::same_definition;
use anyhow::bail;
use outrider_bags::{BagReader, Channel};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_runtime::Secret;
use outrider_suite::replay::{
    Feed, Interest, Outcome, Ready, Record, Source as _, Step, Stepper, Wanted, assembled, conclude, infos,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle, scope};

/// Messages are handed over in bunches of so many, or of so many bytes, whichever comes first.
const READ_BUNCH: usize = 256;
const READ_BUNCH_BYTES: usize = 1 << 20;
/// So many bunches are read ahead; then the reading waits.
const READ_AHEAD: usize = 4;

/// Steps are handed over in bunches of so many.
const BUNCH: usize = 64;
/// So many bunches wait for a thread; then the reading waits for it.
const BUNCHES: usize = 8;
/// The most runs of nodes in one bag, and so the most threads.
const RUNS_LIMIT: usize = 200;

/// The most journal records that cannot be decoded and are told one by one.
const TOLD: usize = 20;

type Finished = (Outcome, Option<Wanted>);

struct Worker<'scope> {
    sender: SyncSender<Vec<Step>>,
    bunch: Vec<Step>,
    handle: ScopedJoinHandle<'scope, Finished>,
}

impl Worker<'_> {
    fn flush(&mut self) {
        if !self.bunch.is_empty() {
            // A thread that has ended could not start its node, and says so in what it returns.
            let _ = self.sender.send(std::mem::take(&mut self.bunch));
        }
    }

    fn finish(mut self) -> Finished {
        self.flush();
        drop(self.sender);
        self.handle.join().unwrap_or_else(|_| {
            let stopped = "the replay itself panicked: see above".to_owned();
            (Outcome { stopped, ..Outcome::default() }, None)
        })
    }
}

/// Replays the chosen nodes, or all. The second part tells of what could not be read.
pub(super) fn replay(
    reader: &BagReader,
    only: &[String],
    key: Option<&Secret>,
    changes: &Changes,
    lines: usize,
) -> anyhow::Result<(Vec<Outcome>, Vec<String>)> {
    if let Some(node) = only.iter().find(|n| !outrider_suite::NODES.contains(&n.as_str())) {
        bail!("there is no node `{node}`; there are {:?}", outrider_suite::NODES);
    }
    let infos = infos(reader);
    if let Some(channel) = defined_otherwise(reader, only, &infos) {
        bail!(
            "{}: {} is defined otherwise in this bag than in this program, so no decision on it can be run again; the version that \
             recorded it, told in `<node>/info`, can",
            channel.topic,
            channel.type_name
        );
    }
    let interest = Interest::of(only, &infos, &reader.topics());
    let mut feed = Feed::new(interest.clone());
    let (mut damage, mut undecodable) = (Vec::new(), 0);
    let finished: Vec<Finished> = scope(|scope| {
        let mut workers: Vec<Option<Worker>> = Vec::new();
        let (sender, receiver) = sync_channel(READ_AHEAD);
        let reading = scope.spawn(|| read(reader, &interest, sender));
        for record in receiver.iter().flatten() {
            if let Err(error) = feed.add(record) {
                undecodable += 1;
                damage.extend((undecodable <= TOLD).then(|| error.to_string()));
            }
            hand_over(&mut feed, &mut workers, scope, key, changes);
        }
        match reading.join() {
            Ok(unread) => damage.extend(unread),
            Err(_) => damage.push("the reading itself panicked: see above".to_owned()),
        }
        feed.finish();
        hand_over(&mut feed, &mut workers, scope, key, changes);
        workers.resize_with(feed.summaries().len(), || None);
        // All are told that there is no more before the first is waited for.
        workers.iter_mut().flatten().for_each(Worker::flush);
        workers.into_iter().map(|worker| worker.map_or_else(Default::default, Worker::finish)).collect()
    });
    damage.extend_from_slice(feed.damage());
    if undecodable > TOLD {
        damage.push(format!("{} more journal records or node infos cannot be decoded", undecodable - TOLD));
    }
    if finished.len() > RUNS_LIMIT {
        damage.push(format!(
            "the bag has {} runs of nodes: more than {RUNS_LIMIT} are not run again",
            finished.len()
        ));
    }
    Ok((conclude(reader, finished, &feed.summaries(), lines), damage))
}

/// What the chosen nodes take or publish and was recorded by a build with another definition of its type.
fn defined_otherwise<'a>(reader: &'a BagReader, only: &[String], infos: &[NodeInfo]) -> Option<&'a Channel> {
    let chosen = infos.iter().filter(|info| only.is_empty() || only.contains(&info.node));
    let types: BTreeSet<&String> = chosen.flat_map(|i| i.input_types.iter().chain(&i.output_types)).collect();
    reader.channels().iter().find(|c| {
        let known = outrider_msgs::definition_of(&c.type_name);
        let other = known.is_some_and(|known| !same_definition(known, &c.definition));
        other && c.message_count > 0 && types.contains(&c.type_name)
    })
}

/// Reads what is of interest, and tells what could not be read.
fn read<'a>(reader: &'a BagReader, interest: &Interest, sender: SyncSender<Vec<Record<'a>>>) -> Vec<String> {
    let (mut bunch, mut bytes) = (Vec::with_capacity(READ_BUNCH), 0);
    let wants = |topic: &str, type_name: &str| interest.takes(topic, type_name);
    let unread = reader.read_as_taken(&wants, &mut |record| {
        bytes += record.bytes.len();
        bunch.push(record);
        if bunch.len() < READ_BUNCH && bytes < READ_BUNCH_BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        match sender.send(std::mem::replace(&mut bunch, Vec::with_capacity(READ_BUNCH))) {
            Ok(()) => ControlFlow::Continue(()),
            // Nobody listens any more.
            Err(_) => ControlFlow::Break(()),
        }
    });
    let _ = sender.send(bunch);
    unread
}

fn hand_over<'scope>(
    feed: &mut Feed,
    workers: &mut Vec<Option<Worker<'scope>>>,
    scope: &'scope Scope<'scope, '_>,
    key: Option<&'scope Secret>,
    changes: &'scope Changes,
) {
    while let Some(ready) = feed.ready() {
        match ready {
            Ready::Start { run, info } if run < RUNS_LIMIT => {
                workers.resize_with(workers.len().max(run + 1), || None);
                let (sender, receiver) = sync_channel(BUNCHES);
                let handle = scope.spawn(move || work(*info, &receiver, key, changes));
                if let Some(place) = workers.get_mut(run) {
                    *place = Some(Worker { sender, bunch: Vec::new(), handle });
                }
            }
            Ready::Start { .. } => {}
            Ready::Step { run, step } => {
                let Some(Some(worker)) = workers.get_mut(run) else { continue };
                worker.bunch.push(step);
                if worker.bunch.len() >= BUNCH {
                    worker.flush();
                }
            }
        }
    }
}

fn work(info: NodeInfo, steps: &Receiver<Vec<Step>>, key: Option<&Secret>, changes: &Changes) -> Finished {
    let node = match assembled(&info, key) {
        Ok(node) => node,
        Err(error) => return (Outcome::not_started(&info, error.to_string()), None),
    };
    let other = if changes.is_empty() { Ok(None) } else { changes.apply(&info, key).map(Some) };
    let other = match other {
        Ok(other) => other,
        Err(error) => return (Outcome::not_started(&info, error.to_string()), None),
    };
    let mut stepper = Stepper::new(info, node, other);
    while let Ok(bunch) = steps.recv() {
        bunch.iter().for_each(|step| stepper.step(step));
    }
    stepper.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_bags::{BagWriter, WriterOptions};
    use outrider_msgs::outrider_msgs::WorldModel;
    use outrider_msgs::{Message, encode};

    /// A bag of a planner, with a world model by this definition.
    fn bag(path: &std::path::Path, definition: &str) -> BagReader {
        let mut writer = BagWriter::create(path, &WriterOptions::default()).unwrap();
        let types = vec![WorldModel::TYPE_NAME.to_owned()];
        let info = NodeInfo { node: "planner".into(), input_types: types, ..NodeInfo::default() };
        let infos =
            writer.add_channel("/planner/info", NodeInfo::TYPE_NAME, NodeInfo::DEFINITION, "").unwrap();
        let models = writer.add_channel("/world_model", WorldModel::TYPE_NAME, definition, "").unwrap();
        writer.write(infos, 0, 1, 1, &encode(&info).unwrap()).unwrap();
        writer.write(models, 0, 2, 2, &encode(&WorldModel::default()).unwrap()).unwrap();
        writer.finish().unwrap();
        BagReader::open(path).unwrap()
    }

    #[test]
    fn a_bag_with_another_definition_is_not_judged() {
        let dir = tempfile::tempdir().unwrap();
        let before = WorldModel::DEFINITION.replace("uint8 components\n", "");
        assert_ne!(before, WorldModel::DEFINITION);
        let old = bag(&dir.path().join("old"), &before);
        let told = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|s| (*s).to_owned()).collect();
            replay(&old, &only, None, &Changes::default(), 1).map_err(|e| e.to_string())
        };
        assert!(
            told(&[])
                .unwrap_err()
                .contains("/world_model: outrider_msgs/msg/WorldModel is defined otherwise")
        );
        assert!(told(&["planner"]).is_err());
        // Whom it is nothing to is run as ever.
        assert!(told(&["gate"]).is_ok());
        let new = bag(&dir.path().join("new"), WorldModel::DEFINITION);
        assert!(replay(&new, &[], None, &Changes::default(), 1).is_ok());
    }
}
