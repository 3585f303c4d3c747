//! One action on ROS: its three services and two topics.

use super::book::{Answer, Book, WAIT_LIMIT, cancel, status};
use super::kinds::{Goal, Kind};
use super::{Desk, Who};
use crate::qos::profile;
use crate::shell::next_of;
use anyhow::Context as _;
use futures::Stream;
use outrider_foundation::data::MissionId;
use outrider_foundation::{Now, Stamp};
use outrider_msgs::outrider_msgs::{MissionReply, MissionRequest, MissionState};
use outrider_runtime::{HostedNode, Qos};
use r2r::action_msgs::msg::{GoalInfo, GoalStatus, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::unique_identifier_msgs::msg::UUID;
use r2r::{ServiceRequest, WrappedActionTypeSupport, WrappedServiceTypeSupport};

type Action<K> = <K as Kind>::Action;
type SendGoal<K> = <Action<K> as WrappedActionTypeSupport>::SendGoal;
type GetResult<K> = <Action<K> as WrappedActionTypeSupport>::GetResult;
type FeedbackMessage<K> = <Action<K> as WrappedActionTypeSupport>::FeedbackMessage;
pub(super) type Calls<S> = Box<dyn Stream<Item = ServiceRequest<S>> + Unpin>;

/// What the planner's shell does with an action, whatever its types.
pub(super) trait Serve {
    /// Hands new calls to the planner.
    fn receive(&mut self, index: usize, desk: &mut Desk, now: Now, core: &mut dyn HostedNode);
    /// Refuses new calls.
    fn refuse(&mut self, why: &str);
    /// The planner has answered a goal.
    fn answer_goal(&mut self, call: u64, reply: &MissionReply);
    /// The planner has answered a cancellation.
    fn answer_cancel(&mut self, call: u64, reply: &MissionReply);
    /// How a mission stands.
    fn note(&mut self, state: &MissionState);
}

pub(super) struct Server<K: Kind> {
    goals: Calls<SendGoal<K>>,
    results: Calls<GetResult<K>>,
    cancels: Calls<CancelGoal::Service>,
    feedback: r2r::Publisher<FeedbackMessage<K>>,
    status: r2r::Publisher<GoalStatusArray>,
    book: Book<Goal<K>, ServiceRequest<GetResult<K>>>,
    /// Calls that the planner has not answered yet, by the number of the request.
    asked: Vec<Asked<K>>,
    cancelling: Vec<Cancelling>,
}

/// A goal that was sent: number of the request, its id, what it is, and the call.
type Asked<K> = (u64, MissionId, Goal<K>, ServiceRequest<SendGoal<K>>);

/// A call to cancel goals, and what the planner has said of each.
struct Cancelling {
    call: ServiceRequest<CancelGoal::Service>,
    open: Vec<u64>,
    done: Vec<GoalInfo>,
}

impl<K: Kind> Server<K> {
    pub(super) fn connect(ros: &mut r2r::Node) -> anyhow::Result<Self> {
        let name = |part: &str| format!("{}/_action/{part}", K::NAME);
        let services = r2r::QosProfile::services_default;
        let why = || format!("serving the action {}", K::NAME);
        let goals = ros.create_service::<SendGoal<K>>(&name("send_goal"), services()).with_context(why)?;
        let results =
            ros.create_service::<GetResult<K>>(&name("get_result"), services()).with_context(why)?;
        let cancels =
            ros.create_service::<CancelGoal::Service>(&name("cancel_goal"), services()).with_context(why)?;
        Ok(Self {
            goals: Box::new(goals),
            results: Box::new(results),
            cancels: Box::new(cancels),
            feedback: ros.create_publisher(&name("feedback"), profile(Qos::RELIABLE)).with_context(why)?,
            status: ros.create_publisher(&name("status"), profile(Qos::LATCHED)).with_context(why)?,
            book: Book::new(),
            asked: Vec::new(),
            cancelling: Vec::new(),
        })
    }

    fn take_goals(&mut self, index: usize, desk: &mut Desk, now: Now, core: &mut dyn HostedNode) {
        while let Some(call) = next_of(&mut self.goals) {
            let (uuid, goal) = Action::<K>::destructure_goal_request_msg(call.message.clone());
            let id = id_of(&uuid);
            let known = self.book.has(&id) || self.asked.iter().any(|(_, other, _, _)| *other == id);
            if known || id == MissionId::default() || desk.is_full() {
                tracing::warn!("{}: a goal is rejected: its id is known or none, or too many wait", K::NAME);
                respond(call, Action::<K>::make_goal_response_msg(false, time(now.ros)));
                continue;
            }
            let request = MissionRequest { mission_id: id, ..K::request(&goal) };
            let number = desk.ask(request, Who::Goal(index), now, core);
            self.asked.push((number, id, goal, call));
        }
    }

    fn take_cancels(&mut self, index: usize, desk: &mut Desk, now: Now, core: &mut dyn HostedNode) {
        while let Some(call) = next_of(&mut self.cancels) {
            let info = &call.message.goal_info;
            let until =
                Stamp::from_nanos(i64::from(info.stamp.sec) * 1_000_000_000 + i64::from(info.stamp.nanosec));
            let meant = match self.book.to_cancel(&id_of(&info.goal_id), until) {
                Ok(meant) if !desk.is_full() => meant,
                refused => {
                    let return_code = refused.err().unwrap_or(cancel::REJECTED);
                    respond(call, CancelGoal::Response { return_code, goals_canceling: Vec::new() });
                    continue;
                }
            };
            let action = MissionRequest::CANCEL;
            let ask = |mission_id| {
                let request = MissionRequest { action, mission_id, ..MissionRequest::default() };
                desk.ask(request, Who::Cancel(index), now, core)
            };
            let open = meant.into_iter().map(ask).collect();
            self.cancelling.push(Cancelling { call, open, done: Vec::new() });
        }
    }

    fn take_results(&mut self) {
        while let Some(call) = next_of(&mut self.results) {
            let id = id_of(&Action::<K>::destructure_result_request_msg(call.message.clone()));
            match self.book.result(&id, call) {
                Answer::Later => {}
                Answer::Unknown(call) => respond_result::<K>(call, status::UNKNOWN, None),
                Answer::TooMany(call) => {
                    tracing::warn!(
                        "{}: a call for a result is refused: {WAIT_LIMIT} wait for that goal",
                        K::NAME
                    );
                    respond_result::<K>(call, status::UNKNOWN, None);
                }
                Answer::Now(call, entry) => {
                    let end = entry.end.as_ref().map(|end| (end, &entry.goal));
                    respond_result::<K>(call, entry.status, end);
                }
            }
        }
    }

    fn tell_status(&self) {
        let one = |entry: &super::book::Entry<_, _>| GoalStatus {
            goal_info: GoalInfo { goal_id: uuid(&entry.id), stamp: time(entry.stamp) },
            status: entry.status,
        };
        let array = GoalStatusArray { status_list: self.book.entries().map(one).collect() };
        warn(self.status.publish(&array), "status");
    }
}

impl<K: Kind> Serve for Server<K> {
    fn receive(&mut self, index: usize, desk: &mut Desk, now: Now, core: &mut dyn HostedNode) {
        self.take_goals(index, desk, now, core);
        self.take_cancels(index, desk, now, core);
        self.take_results();
    }

    fn refuse(&mut self, why: &str) {
        while let Some(call) = next_of(&mut self.goals) {
            tracing::warn!("{}: a goal is rejected: {why}", K::NAME);
            respond(call, Action::<K>::make_goal_response_msg(false, time(Stamp::default())));
        }
        while let Some(call) = next_of(&mut self.cancels) {
            let return_code = cancel::REJECTED;
            respond(call, CancelGoal::Response { return_code, goals_canceling: Vec::new() });
        }
        self.take_results();
    }

    fn answer_goal(&mut self, number: u64, reply: &MissionReply) {
        let Some(at) = self.asked.iter().position(|(other, ..)| *other == number) else { return };
        let (_, id, goal, call) = self.asked.remove(at);
        let stamp = stamp_of(reply);
        respond(call, Action::<K>::make_goal_response_msg(reply.accepted, time(stamp)));
        if reply.accepted {
            self.book.accept(id, stamp, goal);
            self.tell_status();
        } else {
            tracing::warn!("{}: a goal is rejected ({}): {}", K::NAME, reply.error_code, reply.message);
        }
    }

    fn answer_cancel(&mut self, number: u64, reply: &MissionReply) {
        let Some(at) = self.cancelling.iter().position(|c| c.open.contains(&number)) else { return };
        let Some(cancelling) = self.cancelling.get_mut(at) else { return };
        cancelling.open.retain(|other| *other != number);
        if reply.accepted {
            let stamp =
                self.book.entries().find(|entry| entry.id == reply.mission_id).map(|entry| entry.stamp);
            let stamp = time(stamp.unwrap_or_default());
            cancelling.done.push(GoalInfo { goal_id: uuid(&reply.mission_id), stamp });
        }
        if cancelling.open.is_empty() {
            let Cancelling { call, done, .. } = self.cancelling.remove(at);
            let return_code = if done.is_empty() { cancel::REJECTED } else { cancel::NONE };
            respond(call, CancelGoal::Response { return_code, goals_canceling: done });
        }
    }

    fn note(&mut self, state: &MissionState) {
        let Some((entry, changed, answered)) = self.book.note(state) else { return };
        let end = entry.end.as_ref().map(|end| (end, &entry.goal));
        for call in answered {
            respond_result::<K>(call, entry.status, end);
        }
        if end.is_none() {
            let message = Action::<K>::make_feedback_msg(uuid(&state.mission_id), K::feedback(state));
            warn(self.feedback.publish(&message), "feedback");
        }
        if changed {
            self.tell_status();
        }
    }
}

fn respond_result<K: Kind>(
    call: ServiceRequest<GetResult<K>>,
    status: i8,
    end: Option<(&MissionState, &Goal<K>)>,
) {
    respond(call, Action::<K>::make_result_response_msg(status, K::result(end)));
}

pub(super) fn respond<S: WrappedServiceTypeSupport + 'static>(
    call: ServiceRequest<S>,
    response: S::Response,
) {
    warn(call.respond(response), "an answer");
}

fn warn(done: r2r::Result<()>, what: &str) {
    if let Err(error) = done {
        tracing::warn!("sending {what} failed: {error}");
    }
}

fn id_of(uuid: &UUID) -> MissionId {
    uuid.uuid.as_slice().try_into().unwrap_or_default()
}

fn uuid(id: &MissionId) -> UUID {
    UUID { uuid: id.to_vec() }
}

fn time(stamp: Stamp) -> Time {
    let time = outrider_runtime::time_message(stamp);
    Time { sec: time.sec, nanosec: time.nanosec }
}

fn stamp_of(reply: &MissionReply) -> Stamp {
    let time = &reply.header.stamp;
    Stamp::from_nanos(i64::from(time.sec) * 1_000_000_000 + i64::from(time.nanosec))
}
