//! Services on a node and a thread of their own.
//!
//! An answer waits up to 100 ms for the reader of a client that was not found yet (`rmw_send_response`), and meanwhile holds the
//! lock of its service, which `spin_once` takes. Whoever served beside other work would stand still as long.

use crate::priority::be_ordinary;
use anyhow::Context as _;
use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::{ServiceRequest, WrappedServiceTypeSupport};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest wait for a call while one that was handed on waits for its answer: how soon that is sent at the latest.
const TURN: Duration = Duration::from_millis(2);
/// The same while there is none.
const IDLE: Duration = Duration::from_millis(50);
/// After every turn, so that whoever calls without end leaves the processor to others.
const PAUSE: Duration = Duration::from_millis(1);
/// Calls that DDS keeps until a turn takes them, one of each service; by default ten, and of more the oldest get lost.
const KEPT: usize = 100;
/// Answers that wait to be sent; one more is lost, and counted.
const ANSWER_LIMIT: usize = 64;

/// The calls of one service that were handed on.
pub(crate) type Calls<S> = Receiver<ServiceRequest<S>>;
type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Counts {
    refused: AtomicU64,
    lost: AtomicU64,
}

/// Where answers are handed in; never waits.
#[derive(Clone)]
pub(crate) struct Answers {
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
}

impl Answers {
    pub(crate) fn answer<S>(&self, call: ServiceRequest<S>, response: S::Response)
    where
        S: WrappedServiceTypeSupport + 'static,
        S::Response: Send,
    {
        self.hand_in(Box::new(move || respond(call, response)));
    }

    fn hand_in(&self, job: Job) {
        if self.jobs.try_send(job).is_err() && self.counts.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("answers to service calls are lost: {ANSWER_LIMIT} wait to be sent");
        }
    }
}

fn respond<S: WrappedServiceTypeSupport + 'static>(call: ServiceRequest<S>, response: S::Response) {
    if let Err(error) = call.respond(response) {
        tracing::warn!("answering a service call: {error}");
    }
}

/// Services that are not served yet.
pub(crate) struct Offered {
    node: r2r::Node,
    doors: Vec<Box<dyn HandOn>>,
    answers: Answers,
    jobs: Receiver<Job>,
}

impl Offered {
    /// A node for them in this namespace, in the context that the process has.
    ///
    /// # Errors
    /// When ROS cannot.
    pub(crate) fn on_node(name: &str, namespace: &str) -> anyhow::Result<Self> {
        let context = r2r::Context::create().context("starting ROS")?;
        let node = r2r::Node::create(context, name, namespace)
            .with_context(|| format!("creating the node {name}"))?;
        let (jobs, handed_in) = sync_channel(ANSWER_LIMIT);
        let answers = Answers { jobs, counts: Arc::default() };
        Ok(Self { node, doors: Vec::new(), answers, jobs: handed_in })
    }

    /// One more service. Of its calls no more than `limit` wait to be taken; others are answered with `refusal`.
    ///
    /// # Errors
    /// When ROS cannot.
    pub(crate) fn offer<S>(
        &mut self,
        name: &str,
        limit: usize,
        refusal: fn() -> S::Response,
    ) -> anyhow::Result<Calls<S>>
    where
        S: WrappedServiceTypeSupport + 'static,
    {
        let qos = r2r::QosProfile::services_default().keep_last(KEPT);
        let calls = self.node.create_service::<S>(name, qos).with_context(|| format!("serving {name}"))?;
        let (handed_on, taken) = sync_channel(limit);
        let refuse = Box::new(move |call| respond::<S>(call, refusal()));
        self.doors.push(Box::new(Door { calls: Box::new(calls), handed_on, refuse }));
        Ok(taken)
    }

    pub(crate) fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Begins to serve.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn serve(self) -> anyhow::Result<Served> {
        let ended = Arc::new(AtomicBool::new(false));
        let (counts, end) = (Arc::clone(&self.answers.counts), Arc::clone(&ended));
        let thread = std::thread::Builder::new().name("services".to_owned());
        let work = move || ordinary_after(self, |offered| offered.run(&end));
        let thread = thread.spawn(work).context("a thread for services")?;
        Ok(Served { counts, ended, thread: Some(thread) })
    }

    /// With the priority of the thread that starts it. Both take the same locks, the context's at every wait and those of DDS at
    /// every send: held by one who has to wait for the processor himself, they would hold up a gate of real-time priority.
    fn run(&mut self, ended: &AtomicBool) {
        let refused = &self.answers.counts.refused;
        let mut open: u64 = 0;
        while !ended.load(Ordering::Relaxed) {
            self.node.spin_once(if open > 0 { TURN } else { IDLE });
            for door in &mut self.doors {
                let (handed_on, more) = door.hand_on();
                open = open.saturating_add(handed_on);
                if more > 0 && refused.fetch_add(more, Ordering::Relaxed) == 0 {
                    tracing::warn!("service calls are refused: too many at once");
                }
            }
            // Each may take 100 ms: who waits for the end does not wait for all of them.
            for job in self.jobs.try_iter().take_while(|_| !ended.load(Ordering::Relaxed)) {
                open = open.saturating_sub(1);
                job();
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Works at the priority of this thread, and drops what it has worked with at an ordinary one: Fast DDS may wait for ever as it takes
/// a node down, with all of a processor.
fn ordinary_after<T>(mut with: T, work: impl FnOnce(&mut T)) {
    work(&mut with);
    be_ordinary();
}

/// Services that are served, until it is dropped.
pub(crate) struct Served {
    counts: Arc<Counts>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// For `/diagnostics`.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [("calls_refused", of(&self.counts.refused)), ("answers_lost", of(&self.counts.lost))]
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there would have ended the process.
            let _ = thread.join();
        }
    }
}

trait HandOn: Send {
    /// Hands on what has come; gives how many were, and how many did not fit and were refused.
    fn hand_on(&mut self) -> (u64, u64);
}

/// Through which the calls of one service come in.
struct Door<C> {
    calls: Box<dyn Stream<Item = C> + Unpin + Send>,
    handed_on: SyncSender<C>,
    refuse: Box<dyn FnMut(C) + Send>,
}

impl<C: Send> HandOn for Door<C> {
    fn hand_on(&mut self) -> (u64, u64) {
        let (mut handed_on, mut refused) = (0, 0);
        while let Some(call) = self.calls.next().now_or_never().flatten() {
            match self.handed_on.try_send(call) {
                Ok(()) => handed_on += 1,
                Err(TrySendError::Full(call) | TrySendError::Disconnected(call)) => {
                    refused += 1;
                    (self.refuse)(call);
                }
            }
        }
        (handed_on, refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_do_not_fit_are_refused_each_and_counted() {
        let (handed_on, taken) = sync_channel(3);
        let (refused, seen) = sync_channel(10);
        let calls: Box<dyn Stream<Item = u32> + Unpin + Send> = Box::new(futures::stream::iter(1..=5));
        let refuse = Box::new(move |call| refused.try_send(call).unwrap());
        let mut door = Door { calls, handed_on, refuse };
        assert_eq!(door.hand_on(), (3, 2));
        assert_eq!(taken.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [4, 5]);
        door.calls = Box::new(futures::stream::iter([6]));
        assert_eq!(door.hand_on(), (1, 0));
        // Nobody is there any more to take them.
        drop(taken);
        door.calls = Box::new(futures::stream::iter([7]));
        assert_eq!((door.hand_on(), seen.try_iter().collect::<Vec<_>>()), ((0, 1), vec![7]));
    }

    #[allow(unsafe_code, reason = "rustix has no sched_getscheduler")]
    fn policy() -> i32 {
        // SAFETY: asks about the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    struct TellsAtItsEnd(SyncSender<i32>);

    impl Drop for TellsAtItsEnd {
        fn drop(&mut self) {
            self.0.try_send(policy()).unwrap();
        }
    }

    /// With another policy than the ordinary one that anybody may have.
    #[test]
    fn what_is_worked_with_is_dropped_at_an_ordinary_priority() {
        let (told, seen) = sync_channel(1);
        let work = || {
            crate::priority::make_way(0);
            ordinary_after(TellsAtItsEnd(told), |_| assert_eq!(policy(), libc::SCHED_BATCH));
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
        });
        assert_eq!(seen.try_recv(), Ok(libc::SCHED_OTHER));
    }

    #[test]
    fn an_answer_for_which_there_is_no_room_is_counted() {
        let (jobs, handed_in) = sync_channel(2);
        let answers = Answers { jobs, counts: Arc::default() };
        let (sent, seen) = sync_channel(10);
        for number in 1..=5 {
            let sent = sent.clone();
            answers.hand_in(Box::new(move || sent.try_send(number).unwrap()));
        }
        handed_in.try_iter().for_each(|job| job());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2]);
        let served = Served { counts: Arc::clone(&answers.counts), ended: Arc::default(), thread: None };
        assert_eq!(served.counts(), [("calls_refused", 0), ("answers_lost", 3)]);
    }
}
