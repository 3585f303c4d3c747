//! What the gate has beside topics: its services, and an eye on who else publishes the robot's command.
//!
//! Both reach the core as messages that are published too, so that the bag has every input of the gate.

use crate::services::{Answers, Calls, Offered, Served};
use crate::shell::{advertise, publish, resolved, resolved_service};
use crate::waiting::{PATIENCE, Waiting};
use outrider_foundation::data::{OperatorAction, OperatorRequest};
use outrider_foundation::{Instant, Now, Span};
use outrider_msgs::outrider_msgs::{OperatorReply, VelocityPublishers};
use outrider_runtime::{HostedNode, Topic, header};
use outrider_suite::{GATE_REPLIES_PER_STEP, convert, topics};
use r2r::ServiceRequest;
use r2r::std_srvs::srv::Trigger;

const PUBLISHERS_PERIOD: Span = Span::from_millis(100);
/// Calls that wait for an answer; beyond it they are refused. What waits is at most what one step answers.
const CALL_LIMIT: usize = GATE_REPLIES_PER_STEP;
/// Has the services, beside the node `gate`: in the same namespace, and by the names that they would have there.
const NODE: &str = "gate_services";
const TOO_MANY: &str = "too many calls at once";

type Call = ServiceRequest<Trigger::Service>;

pub(crate) struct GateExtras {
    calls: Vec<(OperatorAction, Calls<Trigger::Service>)>,
    waiting: Waiting<Call>,
    answers: Answers,
    services: Served,
    desk: Desk,
    publishers: r2r::PublisherUntyped,
    publishers_input: usize,
    reply_output: usize,
    command: Topic,
    next_count: Instant,
}

/// Asks the gate.
struct Desk {
    requests: r2r::PublisherUntyped,
    input: usize,
    last: u64,
    errors: u64,
}

impl Desk {
    /// Gives the number of the request.
    fn ask(&mut self, action: OperatorAction, now: Now, core: &mut dyn HostedNode) -> Option<u64> {
        self.last += 1;
        let request = OperatorRequest { stamp: now.ros, sequence: self.last, action };
        let bytes = outrider_msgs::encode(&convert::operator_request_to_message(&request)).ok()?;
        publish(&self.requests, &bytes, &mut self.errors);
        core.deliver(self.input, now.mono, &bytes);
        Some(request.sequence)
    }
}

impl GateExtras {
    pub(crate) fn connect(ros: &mut r2r::Node, core: &dyn HostedNode) -> anyhow::Result<Self> {
        let mut offered = Offered::on_node(NODE, &ros.namespace()?)?;
        let mut calls = Vec::new();
        for (action, name) in [(OperatorAction::Arm, "gate/arm"), (OperatorAction::Reset, "gate/reset")] {
            let name = resolved_service(ros, name);
            calls.push((action, offered.offer(&name, CALL_LIMIT, || refusal(TOO_MANY))?));
        }
        let index = |list: &[Topic], topic: &Topic| list.iter().position(|t| t.name == topic.name);
        let unbound = || anyhow::anyhow!("the gate's binding has no operator topics");
        let command = core.outputs().iter().find(|t| t.name == topics::cmd_vel(true).name).cloned();
        Ok(Self {
            calls,
            waiting: Waiting::at_most(CALL_LIMIT),
            answers: offered.answers(),
            services: offered.serve()?,
            desk: Desk {
                requests: advertise(ros, &topics::operator_request())?,
                input: index(core.inputs(), &topics::operator_request()).ok_or_else(unbound)?,
                last: 0,
                errors: 0,
            },
            publishers: advertise(ros, &topics::velocity_publishers())?,
            publishers_input: index(core.inputs(), &topics::velocity_publishers()).ok_or_else(unbound)?,
            reply_output: index(core.outputs(), &topics::operator_reply()).ok_or_else(unbound)?,
            command: command.ok_or_else(unbound)?,
            next_count: Instant::default(),
        })
    }

    /// Hands service calls and the number of command publishers to the core.
    pub(crate) fn receive(&mut self, ros: &r2r::Node, now: Now, core: &mut dyn HostedNode) {
        for (_, call) in self.waiting.overdue(now.mono) {
            self.answers.answer(call, refusal(&format!("no answer within {} s", PATIENCE.as_s())));
        }
        for (action, calls) in &self.calls {
            for call in calls.try_iter() {
                if self.waiting.is_full() {
                    self.answers.answer(call, refusal(TOO_MANY));
                    continue;
                }
                if let Some(sequence) = self.desk.ask(*action, now, core) {
                    self.waiting.insert(sequence, now.mono, call);
                }
            }
        }
        if now.mono >= self.next_count {
            self.next_count = now.mono + PUBLISHERS_PERIOD;
            self.count_publishers(ros, now, core);
        }
    }

    /// Tells the core that the process is to end.
    pub(crate) fn tell_to_end(&mut self, now: Now, core: &mut dyn HostedNode) {
        self.desk.ask(OperatorAction::End, now, core);
    }

    fn count_publishers(&mut self, ros: &r2r::Node, now: Now, core: &mut dyn HostedNode) {
        let name = resolved(ros, &self.command);
        let Ok(found) = ros.get_publishers_info_by_topic(&name, false) else { return };
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let message = VelocityPublishers { header: header(now.ros, ""), count };
        if let Ok(bytes) = outrider_msgs::encode(&message) {
            publish(&self.publishers, &bytes, &mut self.desk.errors);
            core.deliver(self.publishers_input, now.mono, &bytes);
        }
    }

    /// Answers the call that an output replies to.
    pub(crate) fn observe(&mut self, output: usize, bytes: &[u8]) {
        if output != self.reply_output {
            return;
        }
        let Ok(reply) = outrider_msgs::decode::<OperatorReply>(bytes) else { return };
        if let Some(call) = self.waiting.answered(reply.request_sequence) {
            let response = Trigger::Response { success: reply.success, message: reply.message };
            self.answers.answer(call, response);
        }
    }

    /// Answers every call that has come, with why nothing is done.
    pub(crate) fn refuse(&mut self, why: &str) {
        for call in self.calls.iter().flat_map(|(_, calls)| calls.try_iter()) {
            self.answers.answer(call, refusal(why));
        }
    }

    /// For `/diagnostics`.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        self.services.counts()
    }
}

fn refusal(why: &str) -> Trigger::Response {
    Trigger::Response { success: false, message: why.to_owned() }
}
