//! What the planner has beside topics: Nav2's actions, and services to pause and resume.
//!
//! Calls reach the core as messages that are published too, so that the bag has every input of the planner. Its replies and states
//! answer the calls.

mod book;
mod kinds;
mod server;

use crate::shell::{advertise, next_of, publish};
use crate::waiting::{PATIENCE, Waiting};
use kinds::{ThroughPoses, ToPose, Waypoints};
use outrider_foundation::Now;
use outrider_msgs::outrider_msgs::{MissionReply, MissionRequest, MissionState};
use outrider_runtime::{HostedNode, Topic, header};
use outrider_suite::topics;
use r2r::ServiceRequest;
use r2r::std_srvs::srv::Trigger;
use server::{Calls, Serve, Server, respond};

/// Calls that wait for the planner; beyond it they are refused.
const CALL_LIMIT: usize = 16;
const TOO_MANY: &str = "too many calls at once";

/// Who waits for the planner's answer.
enum Who {
    /// A goal of this action.
    Goal(usize),
    /// A cancellation at this action.
    Cancel(usize),
    /// A service.
    Service(ServiceRequest<Trigger::Service>),
}

/// Asks the planner.
struct Desk {
    requests: r2r::PublisherUntyped,
    input: usize,
    last: u64,
    waiting: Waiting<Who>,
    errors: u64,
}

impl Desk {
    fn is_full(&self) -> bool {
        self.waiting.is_full()
    }

    /// Gives the number of the request.
    fn ask(&mut self, request: MissionRequest, who: Who, now: Now, core: &mut dyn HostedNode) -> u64 {
        self.last += 1;
        let request = MissionRequest { header: header(now.ros, ""), sequence: self.last, ..request };
        match outrider_msgs::encode(&request) {
            Ok(bytes) => {
                publish(&self.requests, &bytes, &mut self.errors);
                core.deliver(self.input, now.mono, &bytes);
            }
            Err(error) => tracing::error!("encoding a mission request: {error}"),
        }
        self.waiting.insert(self.last, now.mono, who);
        self.last
    }
}

pub(crate) struct MissionExtras {
    actions: Vec<Box<dyn Serve>>,
    services: Vec<(u8, Calls<Trigger::Service>)>,
    desk: Desk,
    reply_output: usize,
    state_output: usize,
}

impl MissionExtras {
    pub(crate) fn connect(ros: &mut r2r::Node, core: &dyn HostedNode) -> anyhow::Result<Self> {
        let mut services: Vec<(u8, Calls<Trigger::Service>)> = Vec::new();
        let named = [(MissionRequest::PAUSE, "planner/pause"), (MissionRequest::RESUME, "planner/resume")];
        for (action, name) in named {
            let stream = ros.create_service::<Trigger::Service>(name, r2r::QosProfile::services_default())?;
            services.push((action, Box::new(stream)));
        }
        let index = |list: &[Topic], topic: &Topic| list.iter().position(|t| t.name == topic.name);
        let unbound = || anyhow::anyhow!("the planner's binding has no mission topics");
        Ok(Self {
            actions: vec![
                Box::new(Server::<ToPose>::connect(ros)?),
                Box::new(Server::<ThroughPoses>::connect(ros)?),
                Box::new(Server::<Waypoints>::connect(ros)?),
            ],
            services,
            desk: Desk {
                requests: advertise(ros, &topics::mission_request())?,
                input: index(core.inputs(), &topics::mission_request()).ok_or_else(unbound)?,
                last: 0,
                waiting: Waiting::at_most(CALL_LIMIT),
                errors: 0,
            },
            reply_output: index(core.outputs(), &topics::mission_reply()).ok_or_else(unbound)?,
            state_output: index(core.outputs(), &topics::mission_state()).ok_or_else(unbound)?,
        })
    }

    /// Hands calls to the core.
    pub(crate) fn receive(&mut self, now: Now, core: &mut dyn HostedNode) {
        for (number, who) in self.desk.waiting.overdue(now.mono) {
            let message = format!("no answer within {} s", PATIENCE.as_s());
            let reply = MissionReply { request_sequence: number, message, ..MissionReply::default() };
            self.answer(who, &reply);
        }
        for (index, action) in self.actions.iter_mut().enumerate() {
            action.receive(index, &mut self.desk, now, core);
        }
        for (action, calls) in &mut self.services {
            while let Some(call) = next_of(calls) {
                if self.desk.is_full() {
                    respond(call, refusal(TOO_MANY));
                    continue;
                }
                let request = MissionRequest { action: *action, ..MissionRequest::default() };
                self.desk.ask(request, Who::Service(call), now, core);
            }
        }
    }

    /// Answers the calls that an output is about.
    pub(crate) fn observe(&mut self, output: usize, bytes: &[u8]) {
        if output == self.reply_output
            && let Ok(reply) = outrider_msgs::decode::<MissionReply>(bytes)
        {
            if let Some(who) = self.desk.waiting.answered(reply.request_sequence) {
                self.answer(who, &reply);
            }
        } else if output == self.state_output
            && let Ok(state) = outrider_msgs::decode::<MissionState>(bytes)
        {
            self.actions.iter_mut().for_each(|action| action.note(&state));
        }
    }

    /// Answers every call that has come, with why nothing is done.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.actions.iter_mut().for_each(|action| action.refuse(why));
        for (_, calls) in &mut self.services {
            while let Some(call) = next_of(calls) {
                respond(call, refusal(why));
            }
        }
    }

    fn answer(&mut self, who: Who, reply: &MissionReply) {
        let number = reply.request_sequence;
        match who {
            Who::Service(call) => {
                respond(call, Trigger::Response { success: reply.accepted, message: reply.message.clone() });
            }
            Who::Goal(index) => {
                if let Some(action) = self.actions.get_mut(index) {
                    action.answer_goal(number, reply);
                }
            }
            Who::Cancel(index) => {
                if let Some(action) = self.actions.get_mut(index) {
                    action.answer_cancel(number, reply);
                }
            }
        }
    }
}

fn refusal(why: &str) -> Trigger::Response {
    Trigger::Response { success: false, message: why.to_owned() }
}
