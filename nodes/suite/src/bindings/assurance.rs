//! Assurance between the proposals and the gate.

use super::{convert, healthy, no_such_input, take, topics};
use outrider_assurance::{AssuranceNode, Input, Output};
use outrider_foundation::data::CommandSource;
use outrider_msgs::CodecError;
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{Binding, Decoded, Diagnosis, Sink, Topic, emit};

/// Binds assurance.
pub struct AssuranceBinding;

impl Binding for AssuranceBinding {
    type Core = AssuranceNode;

    fn inputs(&self) -> Vec<Topic> {
        vec![
            topics::scan(),
            topics::odom(),
            topics::world_model(),
            topics::cmd_vel_nominal(),
            topics::challenge(),
            topics::e_stop(),
            topics::gate_state(),
            topics::detections(),
        ]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::permit(),
            topics::cmd_vel_recovery(),
            topics::assurance_state(),
            topics::assurance_event(),
        ]
    }

    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<Input>, String> {
        match input {
            0 => Ok(Decoded::one(Input::Scan(take(bytes, convert::scan_from_message)?))),
            1 => Ok(Decoded::one(Input::Odometry(take(bytes, convert::odometry_from_message)?))),
            2 => {
                // It judges by the scan, not by the costmap.
                let m = outrider_msgs::decode_without_cells(bytes).map_err(|e| e.to_string())?;
                let w = convert::world_model_without_cells_from_message(m)?;
                let (boot_id, sequence) = (w.boot_id, w.sequence);
                Ok(Decoded::numbered(Input::WorldModel(w), boot_id, sequence))
            }
            3 => {
                let c = take(bytes, convert::command_from_message)?;
                if c.source != CommandSource::Planner {
                    return Err(format!("source: {:?} has no business here", c.source));
                }
                let (boot_id, sequence) = (c.boot_id, c.sequence);
                Ok(Decoded::numbered(Input::Command(c), boot_id, sequence))
            }
            4 => {
                let c = take(bytes, convert::challenge_from_message)?;
                Ok(Decoded::numbered(Input::Challenge(c), c.gate_boot_id, c.number))
            }
            5 => Ok(Decoded::one(Input::EStop(take(bytes, |m: Bool| Ok(m.data))?))),
            6 => {
                let state = take(bytes, convert::gate_state_from_message)?;
                let (boot_id, sequence) = (state.boot_id, state.sequence);
                Ok(Decoded::numbered(Input::Gate(state), boot_id, sequence))
            }
            7 => {
                let set = take(bytes, convert::detections_from_message)?;
                let sequence = set.sequence;
                Ok(Decoded::numbered(Input::Detections(set), 0, sequence))
            }
            _ => no_such_input(input),
        }
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::Permit(p) => emit(sink, 0, &convert::permit_to_message(&p)),
            Output::Recovery(c) => emit(sink, 1, &convert::command_to_message(&c)),
            Output::State(s) => emit(sink, 2, &convert::assurance_state_to_message(s)),
            Output::Intervention(i) => emit(sink, 3, &convert::intervention_to_message(&i)),
        }
    }

    fn diagnose(&self, core: &AssuranceNode) -> Diagnosis {
        healthy("running", core.diagnostics().into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}
