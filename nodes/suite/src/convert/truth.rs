//! Ground truth of the simulator.

use super::{Checked, all_finite, at_most, header, stamp_from, within};
use outrider_foundation::data::{GroundTruth, TrueActor};
use outrider_foundation::{Pose2, Twist2};
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

/// The most moving objects of one message.
const ACTOR_LIMIT: usize = 1024;

/// Ground truth.
pub fn truth_from_message(m: ours::GroundTruth) -> Checked<GroundTruth> {
    at_most("actors", m.actors.len(), ACTOR_LIMIT)?;
    let [x_m, y_m, yaw_rad] = all_finite("pose", [m.x, m.y, m.yaw])?;
    let [v_mps, w_radps] = all_finite("twist", [m.v, m.w])?;
    let actor = |a: ours::GroundTruthActor| {
        let [x_m, y_m, yaw_rad, v_mps] =
            all_finite(format_args!("actors.{}", a.name), [a.x, a.y, a.yaw, a.v])?;
        let radius_m = within(format_args!("actors.{}.radius", a.name), a.radius, 0.0, 100.0)?;
        Ok(TrueActor { name: a.name, pose: Pose2 { x_m, y_m, yaw_rad }, v_mps, radius_m })
    };
    Ok(GroundTruth {
        stamp: stamp_from(&m.header.stamp)?,
        sequence: m.sequence,
        pose: Pose2 { x_m, y_m, yaw_rad },
        twist: Twist2 { v_mps, w_radps },
        actors: m.actors.into_iter().map(actor).collect::<Checked<_>>()?,
        clearance_m: m.clearance,
        nearest: m.nearest,
        collisions: m.collisions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_survives_and_what_is_no_number_is_named() {
        let actor =
            TrueActor { name: "anna".into(), pose: Pose2::new(1.0, 2.0, 0.5), v_mps: 1.2, radius_m: 0.25 };
        let truth = GroundTruth { actors: vec![actor], nearest: "shelf".into(), ..Default::default() };
        assert_eq!(truth_from_message(truth_to_message(&truth)).unwrap(), truth);
        let mut m = truth_to_message(&truth);
        m.actors[0].y = f64::NAN;
        assert!(truth_from_message(m).unwrap_err().starts_with("actors.anna[1]"));
    }
}
