//! Ground truth of the simulator.

use super::{Checked, all_finite, at_most, header, stamp_from, within};
use outrider_foundation::data::{GroundTruth, TrueActor, TrueBody, TrueDoor};
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
        length: a.body.map_or(0.0, |b| b.length_m),
        width: a.body.map_or(0.0, |b| b.width_m),
        forks: a.body.map_or(0.0, |b| b.forks_m),
    };
    let door = |d: &TrueDoor| ours::GroundTruthDoor {
        name: d.name.clone(),
        x: d.pose.x_m,
        y: d.pose.y_m,
        yaw: d.pose.yaw_rad,
        length: d.length_m,
        width: d.width_m,
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
        doors: t.doors.iter().map(door).collect(),
        clearance: t.clearance_m,
        nearest: t.nearest.clone(),
        collisions: t.collisions,
    }
}

/// The most moving objects of one message.
const ACTOR_LIMIT: usize = 1024;
/// The most doors of one message.
const DOOR_LIMIT: usize = 1024;
/// The greatest radius, length or width, m.
const SIZE_LIMIT_M: f64 = 100.0;

/// The body of an actor that is no disc.
pub(crate) fn body_of(a: &ours::GroundTruthActor) -> Option<TrueBody> {
    let body = TrueBody { length_m: a.length, width_m: a.width, forks_m: a.forks };
    (a.length > 0.0 && a.width > 0.0).then_some(body)
}

fn door_from_message(d: ours::GroundTruthDoor) -> Checked<TrueDoor> {
    let [x_m, y_m, yaw_rad] = all_finite(format_args!("doors.{}", d.name), [d.x, d.y, d.yaw])?;
    let size = |what, value| within(format_args!("doors.{}.{what}", d.name), value, 0.0, SIZE_LIMIT_M);
    let (length_m, width_m) = (size("length", d.length)?, size("width", d.width)?);
    Ok(TrueDoor { name: d.name, pose: Pose2 { x_m, y_m, yaw_rad }, length_m, width_m })
}

/// Ground truth.
pub fn truth_from_message(m: ours::GroundTruth) -> Checked<GroundTruth> {
    at_most("actors", m.actors.len(), ACTOR_LIMIT)?;
    at_most("doors", m.doors.len(), DOOR_LIMIT)?;
    let [x_m, y_m, yaw_rad] = all_finite("pose", [m.x, m.y, m.yaw])?;
    let [v_mps, w_radps] = all_finite("twist", [m.v, m.w])?;
    let actor = |a: ours::GroundTruthActor| {
        let [x_m, y_m, yaw_rad, v_mps] =
            all_finite(format_args!("actors.{}", a.name), [a.x, a.y, a.yaw, a.v])?;
        let size = |what, value| within(format_args!("actors.{}.{what}", a.name), value, 0.0, SIZE_LIMIT_M);
        let radius_m = size("radius", a.radius)?;
        for (what, value) in [("length", a.length), ("width", a.width), ("forks", a.forks)] {
            size(what, value)?;
        }
        let body = body_of(&a);
        Ok(TrueActor { name: a.name, pose: Pose2 { x_m, y_m, yaw_rad }, v_mps, radius_m, body })
    };
    Ok(GroundTruth {
        stamp: stamp_from(&m.header.stamp)?,
        sequence: m.sequence,
        pose: Pose2 { x_m, y_m, yaw_rad },
        twist: Twist2 { v_mps, w_radps },
        actors: m.actors.into_iter().map(actor).collect::<Checked<_>>()?,
        doors: m.doors.into_iter().map(door_from_message).collect::<Checked<_>>()?,
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
        let actor = TrueActor {
            name: "anna".into(),
            pose: Pose2::new(1.0, 2.0, 0.5),
            v_mps: 1.2,
            radius_m: 0.25,
            body: None,
        };
        let body = Some(TrueBody { length_m: 2.2, width_m: 1.2, forks_m: 1.1 });
        let forklift = TrueActor { name: "forklift".into(), body, ..actor.clone() };
        let pose = Pose2::new(4.0, 0.0, 1.5);
        let doors = vec![TrueDoor { name: "gate".into(), pose, length_m: 1.2, width_m: 0.06 }];
        let actors = vec![actor, forklift];
        let truth = GroundTruth { actors, doors, nearest: "shelf".into(), ..Default::default() };
        assert_eq!(truth_from_message(truth_to_message(&truth)).unwrap(), truth);
        let refused = |spoil: fn(&mut ours::GroundTruth)| {
            let mut m = truth_to_message(&truth);
            spoil(&mut m);
            truth_from_message(m).unwrap_err()
        };
        assert!(refused(|m| m.actors[0].y = f64::NAN).starts_with("actors.anna[1]"));
        assert!(refused(|m| m.actors[1].forks = -1.0).starts_with("actors.forklift.forks: -1"));
        assert!(refused(|m| m.doors[0].yaw = f64::INFINITY).starts_with("doors.gate[2]"));
        assert!(refused(|m| m.doors[0].width = 1e9).starts_with("doors.gate.width: 1000000000"));
    }
}
