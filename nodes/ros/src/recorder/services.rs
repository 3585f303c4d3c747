//! The services of the recorder, with the names and types of rosbag2's.

use futures::{FutureExt as _, Stream, StreamExt as _};
use outrider_bags::{Pipeline, SnapshotReply};
use r2r::ServiceRequest;
use r2r::rosbag2_interfaces::srv::{IsPaused, Pause, Resume, Snapshot, SplitBagfile};
use std::sync::mpsc::TryRecvError;

/// Snapshots that are being written; one more is refused.
const SNAPSHOT_LIMIT: usize = 8;

type Calls<S> = Box<dyn Stream<Item = ServiceRequest<S>> + Unpin>;

pub(super) struct Services {
    snapshot: Calls<Snapshot::Service>,
    split: Calls<SplitBagfile::Service>,
    pause: Calls<Pause::Service>,
    resume: Calls<Resume::Service>,
    is_paused: Calls<IsPaused::Service>,
    /// Answers that are awaited; without a call: of an event.
    under_way: Vec<(SnapshotReply, Option<ServiceRequest<Snapshot::Service>>)>,
    pub paused: bool,
}

impl Services {
    pub(super) fn offer(ros: &mut r2r::Node) -> anyhow::Result<Self> {
        let qos = r2r::QosProfile::services_default;
        Ok(Self {
            snapshot: Box::new(ros.create_service::<Snapshot::Service>("~/snapshot", qos())?),
            split: Box::new(ros.create_service::<SplitBagfile::Service>("~/split_bagfile", qos())?),
            pause: Box::new(ros.create_service::<Pause::Service>("~/pause", qos())?),
            resume: Box::new(ros.create_service::<Resume::Service>("~/resume", qos())?),
            is_paused: Box::new(ros.create_service::<IsPaused::Service>("~/is_paused", qos())?),
            under_way: Vec::new(),
            paused: false,
        })
    }

    /// Does what was asked for, and answers what is done.
    pub(super) fn serve(&mut self, pipeline: &mut Pipeline) {
        while let Some(call) = next(&mut self.pause) {
            self.paused = true;
            tracing::info!("recorder: paused");
            told(call.respond(Pause::Response::default()));
        }
        while let Some(call) = next(&mut self.resume) {
            self.paused = false;
            tracing::info!("recorder: going on");
            told(call.respond(Resume::Response::default()));
        }
        while let Some(call) = next(&mut self.is_paused) {
            told(call.respond(IsPaused::Response { paused: self.paused }));
        }
        while let Some(call) = next(&mut self.split) {
            if !pipeline.split() {
                tracing::warn!("recorder: no split: too much waits");
            }
            told(call.respond(SplitBagfile::Response::default()));
        }
        while let Some(call) = next(&mut self.snapshot) {
            self.take_snapshot(pipeline, Some(call));
        }
        self.answer();
    }

    pub(super) fn take_snapshot(
        &mut self,
        pipeline: &mut Pipeline,
        call: Option<ServiceRequest<Snapshot::Service>>,
    ) {
        let reply = if self.under_way.len() < SNAPSHOT_LIMIT { pipeline.snapshot() } else { None };
        match (reply, call) {
            (Some(reply), call) => self.under_way.push((reply, call)),
            (None, Some(call)) => told(call.respond(Snapshot::Response { success: false })),
            (None, None) => tracing::warn!("recorder: no snapshot: too much waits"),
        }
    }

    /// Those that asked for a snapshot are told when it is in its file.
    fn answer(&mut self) {
        for (reply, call) in std::mem::take(&mut self.under_way) {
            let result = match reply.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.under_way.push((reply, call));
                    continue;
                }
                Err(TryRecvError::Disconnected) => Err("the writer has ended".to_owned()),
                Ok(result) => result,
            };
            match &result {
                Ok(messages) => tracing::info!("recorder: snapshot of {messages} messages"),
                Err(why) => tracing::warn!("recorder: no snapshot: {why}"),
            }
            if let Some(call) = call {
                told(call.respond(Snapshot::Response { success: result.is_ok() }));
            }
        }
    }
}

fn next<S: r2r::WrappedServiceTypeSupport + 'static>(calls: &mut Calls<S>) -> Option<ServiceRequest<S>> {
    calls.next().now_or_never().flatten()
}

fn told(result: r2r::Result<()>) {
    if let Err(error) = result {
        tracing::warn!("recorder: answering a service call: {error}");
    }
}
