//! The planner between the world model and assurance.

use super::{convert, healthy, no_such_input, take, topics, warning};
use outrider_msgs::CodecError;
use outrider_msgs::std_msgs::{Bool, Header};
use outrider_planner::{Input, Output, PlannerNode};
use outrider_runtime::{Binding, Decoded, Diagnosis, Inputs, Sink, Topic, emit};

/// RViz is shown every n-th trajectory.
const SHOW_EVERY: u64 = 4;

/// Binds the planner.
pub struct PlannerBinding;

impl Binding for PlannerBinding {
    type Core = PlannerNode;

    fn inputs(&self) -> Vec<Topic> {
        vec![
            topics::world_model(),
            topics::global_grid(),
            topics::goal_pose(),
            topics::cancel(),
            topics::assurance_state(),
            topics::gate_state(),
            topics::alive(),
            topics::mission_request(),
            topics::external_command(),
        ]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::cmd_vel_nominal(),
            topics::decision(),
            topics::plan(),
            topics::trajectory(),
            topics::tree_transitions(),
            topics::clear_costmap(),
            topics::mission_reply(),
            topics::mission_state(),
        ]
    }

    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<Input>, String> {
        match input {
            0 => {
                let w = take(bytes, convert::world_model_from_message)?;
                let (boot_id, sequence) = (w.boot_id, w.sequence);
                Ok(Decoded::numbered(Input::WorldModel(w), boot_id, sequence))
            }
            1 => Ok(Decoded::one(Input::GlobalGrid(take(bytes, convert::grid_from_message)?))),
            2 => Ok(Decoded::one(Input::Goal(take(bytes, convert::goal_from_message)?))),
            3 => {
                let cancel = take(bytes, |m: Bool| Ok(m.data))?;
                let inputs = if cancel { Inputs::One(Input::Cancel) } else { Inputs::Many(Vec::new()) };
                Ok(Decoded { inputs, sequence: None })
            }
            4 => {
                // Its mode and its speed limit count here; the readings it comes from are not taken apart.
                let m = outrider_msgs::decode_without_records(bytes).map_err(|e| e.to_string())?;
                let state = convert::assurance_state_from_message(m)?;
                let (boot_id, sequence) = (state.boot_id, state.sequence);
                Ok(Decoded::numbered(Input::Assurance(state), boot_id, sequence))
            }
            5 => {
                let state = take(bytes, convert::gate_state_from_message)?;
                let (boot_id, sequence) = (state.boot_id, state.sequence);
                Ok(Decoded::numbered(Input::Gate(state), boot_id, sequence))
            }
            6 => Ok(Decoded::one(take(bytes, |_: Header| Ok(Input::Alive))?)),
            7 => Ok(Decoded::one(Input::Mission(take(bytes, convert::mission_request_from_message)?))),
            8 => {
                let (stamp, twist) = take(bytes, convert::external_command_from_message)?;
                Ok(Decoded::one(Input::External { stamp, twist }))
            }
            _ => no_such_input(input),
        }
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::Command(c) => {
                emit(sink, 0, &convert::command_to_message(&c))?;
                if c.sequence % SHOW_EVERY == 0 {
                    emit(sink, 3, &convert::trajectory_message(&c))?;
                }
                Ok(())
            }
            Output::Decision(d) => emit(sink, 1, &convert::decision_to_message(&d)),
            Output::Plan { stamp, frame, poses } => {
                emit(sink, 2, &convert::path_message(stamp, frame, &poses))
            }
            Output::Tree(changes) => emit(sink, 4, &convert::tree_changes_to_message(&changes)),
            Output::Clear(order) => emit(sink, 5, &convert::clear_to_message(&order)),
            Output::MissionReply(r) => emit(sink, 6, &convert::mission_reply_to_message(&r)),
            Output::Mission(s) => emit(sink, 7, &convert::mission_state_to_message(&s)),
        }
    }

    fn diagnose(&self, core: &PlannerNode) -> Diagnosis {
        let values = core.diagnostics().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        match (core.stuck(), core.external_failing()) {
            (Some(why), _) => warning(format!("stuck: {why}"), values),
            (None, Some(why)) => {
                warning(format!("the own controller drives, not the external planner: {why}"), values)
            }
            (None, None) => healthy("running", values),
        }
    }
}
