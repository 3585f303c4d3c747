//! The simulator in place of a robot.

use super::{convert, healthy, no_such_input, take, topics, warning};
use outrider_foundation::Stamp;
use outrider_foundation::Twist2;
use outrider_foundation::data::CommandVelocity;
use outrider_msgs::{CodecError, geometry_msgs, rosgraph_msgs};
use outrider_runtime::{Binding, Decoded, Diagnosis, Sink, Topic, emit, time_message};
use outrider_sim::{Input, Output, SimNode};

/// Binds the simulator.
pub struct SimBinding {
    /// TwistStamped, else Twist.
    pub stamped_command: bool,
    /// Time from one scan to the next, for the message's `scan_time`.
    pub scan_period_s: f64,
    /// What of the world's file is not in the simulation, a line each.
    pub left_out: Vec<String>,
}

impl Binding for SimBinding {
    type Core = SimNode;

    fn inputs(&self) -> Vec<Topic> {
        vec![topics::cmd_vel(self.stamped_command)]
    }

    fn outputs(&self) -> Vec<Topic> {
        vec![
            topics::scan(),
            topics::odom(),
            topics::imu(),
            topics::tf(),
            topics::tf_static(),
            topics::map(),
            topics::detections(),
            topics::ground_truth(),
            topics::clock(),
        ]
    }

    fn decode(&self, input: usize, bytes: &[u8]) -> Result<Decoded<Input>, String> {
        let velocity = match (input, self.stamped_command) {
            (0, true) => take(bytes, |m: geometry_msgs::TwistStamped| {
                velocity(convert::stamp_from(&m.header.stamp)?, &m.twist)
            })?,
            (0, false) => take(bytes, |m: geometry_msgs::Twist| velocity(Stamp::default(), &m))?,
            _ => return no_such_input(input),
        };
        Ok(Decoded::one(Input::Velocity(velocity)))
    }

    fn rejected(&self, topic: &str, reason: String) -> Input {
        Input::Rejected { topic: topic.to_owned(), reason }
    }

    fn encode(&self, output: Output, sink: &mut Sink) -> Result<(), CodecError> {
        match output {
            Output::Scan(s) => emit(sink, 0, &convert::scan_to_message(&s, self.scan_period_s)),
            Output::Odometry(o) => emit(sink, 1, &convert::odometry_to_message(&o)),
            Output::Imu(i) => emit(sink, 2, &convert::imu_to_message(&i)),
            Output::Transforms(t) => emit(sink, 3, &convert::transforms_to_message(&t)),
            Output::StaticTransforms(t) => emit(sink, 4, &convert::transforms_to_message(&t)),
            Output::Map(m) => emit(sink, 5, &convert::map_to_message(&m)),
            Output::Detections(d) => emit(sink, 6, &convert::detections_to_message(&d)),
            Output::Truth(t) => emit(sink, 7, &convert::truth_to_message(&t)),
            Output::Clock(stamp) => emit(sink, 8, &rosgraph_msgs::Clock { clock: time_message(stamp) }),
        }
    }

    fn diagnose(&self, core: &SimNode) -> Diagnosis {
        let c = core.counters();
        let mut values = vec![("counters".to_owned(), format!("{c:?}"))];
        if c.skipped_periods > 0 {
            let text = format!("too slow for real time: {} physics periods were left out", c.skipped_periods);
            return warning(text, values);
        }
        if self.left_out.is_empty() {
            return healthy("simulating", values);
        }
        values.extend(self.left_out.iter().map(|line| ("left out of the world".to_owned(), line.clone())));
        warning(format!("simulating a world that lacks {} elements of its file", self.left_out.len()), values)
    }
}

/// A velocity for the wheels; the plane's two numbers must be finite.
pub(super) fn velocity(stamp: Stamp, twist: &geometry_msgs::Twist) -> Result<CommandVelocity, String> {
    let v_mps = convert::finite("linear.x", twist.linear.x)?;
    let w_radps = convert::finite("angular.z", twist.angular.z)?;
    Ok(CommandVelocity { stamp, twist: Twist2 { v_mps, w_radps } })
}
