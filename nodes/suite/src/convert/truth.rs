//! Ground truth of the simulator.

use super::header;
use outrider_foundation::data::{GroundTruth, TrueActor};
use outrider_msgs::outrider_msgs as ours;

/// Ground truth as its message.
pub fn truth_to_message(t: &GroundTruth) -> ours::GroundTruth {
    let actor = |a: &TrueActor| ours::GroundTruthActor {
        name: a.name.clone(),
        x: a.pose.x_m,
        y: a.pose.y_m,
        yaw: a.pose.yaw_rad,
        v: a.v_mps,
        radius: a.radius_m,
    };
    ours::GroundTruth {
        header: header(t.stamp, super::MAP),
        sequence: t.sequence,
        x: t.pose.x_m,
        y: t.pose.y_m,
        yaw: t.pose.yaw_rad,
        v: t.twist.v_mps,
        w: t.twist.w_radps,
        actors: t.actors.iter().map(actor).collect(),
        clearance: t.clearance_m,
        nearest: t.nearest.clone(),
        collisions: t.collisions,
    }
}
