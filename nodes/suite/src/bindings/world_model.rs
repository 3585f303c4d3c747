//! The world model between sensors and everybody else.

use super::{convert, healthy, no_such_input, take, topics};
use outrider_msgs::CodecError;
use outrider_runtime::{Binding, Decoded, Diagnosis, Sink, Topic, emit, header};
use outrider_world_model::{Input, Output, WorldModelNode};

/// RViz is shown every n-th local grid,
const SHOW_EVERY: u64 = 10;
/// and the markers of every n-th world model: scans come with 10 to 40 Hz, so these with at most 10 Hz.
const MARKERS_EVERY: u64 = 4;

/// Binds the world model.
pub struct WorldModelBinding;

impl Binding for WorldModelBinding {
    type Core = WorldModelNode;

    fn inputs(&self) -> Vec<Topic> {
        vec![
            topics::scan(),
            topics::odom(),
            topics::imu(),
            topics::tf(),
            topics::tf_static(),
            topics::map(),
            topics::detections(),
            topics::clear_costmap(),
        ]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::world_model(),
            topics::global_grid(),
            topics::costmap(),
            topics::markers(),
            topics::alive(),
        ]
    }

    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<Input>, String> {
        let one = |input| Ok(Decoded::one(input));
        match input {
            0 => one(Input::Scan(take(bytes, convert::scan_from_message)?)),
            1 => one(Input::Odometry(take(bytes, convert::odometry_from_message)?)),
            2 => one(Input::Imu(take(bytes, convert::imu_from_message)?)),
            3 | 4 => {
                let kind = if input == 3 { Input::Transform } else { Input::StaticTransform };
                let transforms = take(bytes, convert::transforms_from_message)?;
                Ok(Decoded { inputs: transforms.into_iter().map(kind).collect(), sequence: None })
            }
            5 => one(Input::Map(take(bytes, convert::map_from_message)?)),
            6 => {
                let set = take(bytes, convert::detections_from_message)?;
                let sequence = set.sequence;
                Ok(Decoded::numbered(Input::Detections(set), 0, sequence))
            }
            7 => {
                let order = take(bytes, convert::clear_from_message)?;
                Ok(Decoded::numbered(Input::Clear(order), order.boot_id, order.sequence))
            }
            _ => no_such_input(input),
        }
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: &Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::WorldModel(w) => {
                emit(sink, 0, &convert::world_model_to_message(w))?;
                if w.sequence % SHOW_EVERY == 0 {
                    emit(sink, 2, &convert::costmap_message(&w.local))?;
                }
                if w.sequence % MARKERS_EVERY == 0 {
                    emit(sink, 3, &convert::marker_message(w))?;
                }
                Ok(())
            }
            Output::Alive(stamp) => emit(sink, 4, &header(*stamp, "")),
            Output::GlobalGrid(grid) => emit(sink, 1, &convert::grid_to_message(grid)),
        }
    }

    fn diagnose(&self, core: &WorldModelNode) -> Diagnosis {
        healthy("running", core.diagnostics().into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}
