//! What the planner has beside topics: Nav2's actions, and services to pause and resume.
//!
//! Calls reach the core as messages that are published too, so that the bag has every input of the planner. Its replies and states
//! answer the calls.

mod book;
mod kinds;
mod server;

use crate::shell::{advertise, next_of, publish};
use kinds::{ThroughPoses, ToPose, Waypoints};
use outrider_foundation::Now;
use outrider_msgs::outrider_msgs::{MissionReply, MissionRequest, MissionState};
use outrider_runtime::{HostedNode, Topic, header};
use outrider_suite::topics;
use r2r::ServiceRequest;
use r2r::std_srvs::srv::Trigger;
use server::{Calls, Serve, Server, respond};
use std::collections::BTreeMap;

/// Calls that wait for the planner; beyond it they are refused.
const CALL_LIMIT: usize = 16;

/// Who waits for the planner's answer.
enum Waiting {
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
    waiting: BTreeMap<u64, Waiting>,
    errors: u64,
}

impl Desk {
    fn is_full(&self) -> bool {
        self.waiting.len() >= CALL_LIMIT
    }

    /// Gives the number of the request.
    fn ask(&mut self, request: MissionRequest, who: Waiting, now: Now, core: &mut dyn HostedNode) -> u64 {
        self.last += 1;
        let request = MissionRequest { header: header(now.ros, ""), sequence: self.last, ..request };
        match outrider_msgs::encode(&request) {
            Ok(bytes) => {
                publish(&self.requests, &bytes, &mut self.errors);
                core.deliver(self.input, now.mono, &bytes);
                self.waiting.insert(self.last, who);
            }
            Err(error) => tracing::error!("encoding a mission request: {error}"),
        }
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
                waiting: BTreeMap::new(),
                errors: 0,
            },
            reply_output: index(core.outputs(), &topics::mission_reply()).ok_or_else(unbound)?,
            state_output: index(core.outputs(), &topics::mission_state()).ok_or_else(unbound)?,
        })
    }

    /// Hands calls to the core.
    pub(crate) fn receive(&mut self, now: Now, core: &mut dyn HostedNode) {
        for (index, action) in self.actions.iter_mut().enumerate() {
            action.receive(index, &mut self.desk, now, core);
        }
        for (action, calls) in &mut self.services {
            while let Some(call) = next_of(calls) {
                if self.desk.is_full() {
                    let message = "too many calls wait for an answer".to_owned();
                    respond(call, Trigger::Response { success: false, message });
                    continue;
                }
                let request = MissionRequest { action: *action, ..MissionRequest::default() };
                self.desk.ask(request, Waiting::Service(call), now, core);
            }
        }
    }

    /// Answers the calls that an output is about.
    pub(crate) fn observe(&mut self, output: usize, bytes: &[u8]) {
        if output == self.reply_output
            && let Ok(reply) = outrider_msgs::decode::<MissionReply>(bytes)
        {
            self.answer(&reply);
        } else if output == self.state_output
            && let Ok(state) = outrider_msgs::decode::<MissionState>(bytes)
        {
            self.actions.iter_mut().for_each(|action| action.note(&state));
        }
    }

    fn answer(&mut self, reply: &MissionReply) {
        let number = reply.request_sequence;
        match self.desk.waiting.remove(&number) {
            None => {}
            Some(Waiting::Service(call)) => {
                respond(call, Trigger::Response { success: reply.accepted, message: reply.message.clone() });
            }
            Some(Waiting::Goal(index)) => {
                if let Some(action) = self.actions.get_mut(index) {
                    action.answer_goal(number, reply);
                }
            }
            Some(Waiting::Cancel(index)) => {
                if let Some(action) = self.actions.get_mut(index) {
                    action.answer_cancel(number, reply);
                }
            }
        }
    }
}
