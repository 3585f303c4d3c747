//! The gate between everything and the robot.

use super::{convert, healthy, no_such_input, sim, take, topics};
use outrider_foundation::Span;
use outrider_foundation::data::{Command, CommandSource, CommandVelocity};
use outrider_gate::{GateNode, Input, Output};
use outrider_msgs::std_msgs::Bool;
use outrider_msgs::{CodecError, geometry_msgs, outrider_msgs as ours};
use outrider_runtime::{Binding, Decoded, Diagnosis, Sink, Topic, emit, header};

/// Binds the gate.
pub struct GateBinding {
    /// TwistStamped, else Twist.
    pub stamped_command: bool,
}

/// A command from the topic of `source`; one that claims another source is refused.
fn command(bytes: &[u8], source: CommandSource) -> Result<Decoded<Input>, String> {
    let c: Command = take(bytes, convert::command_from_message)?;
    if c.source != source {
        return Err(format!("source: {:?} on the topic of {source:?}", c.source));
    }
    let (boot_id, sequence) = (c.boot_id, c.sequence);
    Ok(Decoded::numbered(Input::Command(c), boot_id, sequence))
}

fn twist_message(velocity: &CommandVelocity) -> geometry_msgs::Twist {
    let mut twist = geometry_msgs::Twist::default();
    twist.linear.x = velocity.twist.v_mps;
    twist.angular.z = velocity.twist.w_radps;
    twist
}

impl Binding for GateBinding {
    type Core = GateNode;

    fn inputs(&self) -> Vec<Topic> {
        vec![
            topics::cmd_vel_nominal(),
            topics::cmd_vel_recovery(),
            topics::permit(),
            topics::teleop(),
            topics::e_stop(),
            topics::operator_request(),
            topics::velocity_publishers(),
            topics::assurance_state(),
        ]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::cmd_vel(self.stamped_command),
            topics::challenge(),
            topics::gate_state(),
            topics::operator_reply(),
        ]
    }

    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<Input>, String> {
        match input {
            0 => command(bytes, CommandSource::Planner),
            1 => command(bytes, CommandSource::Recovery),
            2 => {
                let p = take(bytes, convert::permit_from_message)?;
                let (boot_id, sequence) = (p.assurance_boot_id, p.sequence);
                Ok(Decoded::numbered(Input::Permit(p), boot_id, sequence))
            }
            3 => {
                let teleop = take(bytes, |m: geometry_msgs::TwistStamped| {
                    sim::velocity(convert::stamp_from(&m.header.stamp)?, &m.twist)
                })?;
                Ok(Decoded::one(Input::Teleop { stamp: teleop.stamp, twist: teleop.twist }))
            }
            4 => Ok(Decoded::one(Input::EStop(take(bytes, |m: Bool| Ok(m.data))?))),
            5 => Ok(Decoded::one(Input::Operator(take(bytes, convert::operator_request_from_message)?))),
            6 => {
                let count = take(bytes, |m: ours::VelocityPublishers| Ok(m.count))?;
                Ok(Decoded::one(Input::VelocityPublishers(count)))
            }
            7 => {
                // The readings are not the gate's business.
                let m = outrider_msgs::decode_without_records(bytes).map_err(|e| e.to_string())?;
                let state = convert::assurance_state_from_message(m)?;
                let said = Input::Assurance { mode: state.mode, limiting: state.limiting.as_str().into() };
                Ok(Decoded::numbered(said, state.boot_id, state.sequence))
            }
            _ => no_such_input(input),
        }
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::Velocity(v) if self.stamped_command => {
                let message = geometry_msgs::TwistStamped {
                    header: header(v.stamp, convert::BASE),
                    twist: twist_message(&v),
                };
                emit(sink, 0, &message)
            }
            Output::Velocity(v) => emit(sink, 0, &twist_message(&v)),
            Output::Challenge(c) => emit(sink, 1, &convert::challenge_to_message(&c)),
            Output::State(s) => emit(sink, 2, &convert::gate_state_to_message(&s)),
            Output::Reply(r) => emit(sink, 3, &convert::operator_reply_to_message(&r)),
        }
    }

    fn diagnose(&self, core: &GateNode) -> Diagnosis {
        // Its state is published every period in full; this is what is not in it.
        let values = core.diagnostics().map(|(key, value)| (key.to_owned(), value.to_string()));
        healthy("running", values.to_vec())
    }

    /// A driver may go on with what it was told last.
    fn may_end(&self, core: &GateNode) -> bool {
        core.stands()
    }

    fn way_down(&self, core: &GateNode) -> Span {
        core.way_down()
    }
}
