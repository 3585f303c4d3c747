//! The world model between sensors and everybody else.

use super::{convert, healthy, no_such_input, take, topics, warning};
use outrider_foundation::Robot;
use outrider_foundation::data::WorldModel;
use outrider_foundation::grid::{COST_FREE, CostGrid};
use outrider_foundation::track_field::TrackField;
use outrider_msgs::nav_msgs::OccupancyGrid;
use outrider_msgs::{CodecError, encode_with_cells};
use outrider_runtime::{Binding, Decoded, Diagnosis, Inputs, Sink, Topic, emit, header};
use outrider_world_model::{Config, Input, Output, WorldModelNode};
use std::cell::RefCell;

/// RViz is shown every n-th local grid,
const SHOW_EVERY: u64 = 10;
/// and the markers of every n-th world model: scans come with 10 to 40 Hz, so these with at most 10 Hz.
const MARKERS_EVERY: u64 = 4;

/// Cells of the local grid along the side of one of the picture of the track layer.
const COARSER: u32 = 2;

/// Binds the world model.
pub struct WorldModelBinding {
    /// Room for the track layer, which is shown of the tracks that go out and is no part of a step.
    tracks: RefCell<TrackField>,
}

impl WorldModelBinding {
    /// For a world model with this configuration.
    pub fn new(config: &Config, robot: &Robot) -> Self {
        Self { tracks: RefCell::new(TrackField::new(config.track_layer, robot)) }
    }

    /// The track layer on the local grid's place, as [`convert::costmap_message`] has it.
    fn track_costs(&self, w: &WorldModel) -> OccupancyGrid {
        let (width, height) = (w.local.width.div_ceil(COARSER), w.local.height.div_ceil(COARSER));
        let resolution_m = w.local.resolution_m * f64::from(COARSER);
        let mut grid = CostGrid {
            stamp: w.stamp,
            frame: w.ego.frame,
            resolution_m,
            width,
            height,
            origin: w.local.origin,
            cost: vec![COST_FREE; width as usize * height as usize],
            ..CostGrid::default()
        };
        let mut field = self.tracks.borrow_mut();
        field.set(&w.tracks);
        field.worst(grid.origin, resolution_m, width as usize, &mut grid.cost);
        convert::costmap_message(&grid)
    }
}

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
            topics::costmap_resize(),
        ]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::world_model(),
            topics::global_grid(),
            topics::costmap(),
            topics::markers(),
            topics::alive(),
            topics::track_costs(),
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
                let each = transforms.into_iter().map(|transform| match transform {
                    Ok(transform) => kind(transform),
                    Err(bad) => {
                        Input::TransformRefused { parent: bad.parent, child: bad.child, reason: bad.reason }
                    }
                });
                Ok(Decoded { inputs: Inputs::Many(each.collect()), sequence: None })
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
            8 => one(Input::Resize(take(bytes, convert::resize_from_message)?)),
            _ => no_such_input(input),
        }
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::WorldModel(w) => {
                let message = convert::world_model_to_message(&w);
                sink(0, encode_with_cells(&message, &w.local.cost, &w.local.distance_sq)?);
                if w.sequence % SHOW_EVERY == 0 {
                    emit(sink, 2, &convert::costmap_message(&w.local))?;
                    emit(sink, 5, &self.track_costs(&w))?;
                }
                if w.sequence % MARKERS_EVERY == 0 {
                    emit(sink, 3, &convert::marker_message(&w))?;
                }
                Ok(())
            }
            Output::Alive(stamp) => emit(sink, 4, &header(stamp, "")),
            Output::GlobalGrid(grid) => {
                sink(1, encode_with_cells(&convert::grid_to_message(&grid), &grid.cost, &grid.distance_sq)?);
                Ok(())
            }
        }
    }

    fn diagnose(&self, core: &WorldModelNode) -> Diagnosis {
        let values = core.diagnostics().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        match core.complaint() {
            Some(why) => warning(why, values),
            None => healthy("running", values),
        }
    }
}
