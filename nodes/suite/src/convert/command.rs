//! Goals, commands and decisions.

use super::canonical::Canonical;
use super::world::{from_code, to_code};
use super::{
    Checked, at_most, finite, frame_from, frame_name, header, pose_from, pose_message, stamp_from, within,
};
use outrider_foundation::data::{
    Alternative, Command, CommandSource, Decision, Digest, Goal, TRAJECTORY_LIMIT, TrajectoryPoint,
    TreeStatus,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Pose2, Stamp, Twist2};
use outrider_msgs::{geometry_msgs, nav_msgs, outrider_msgs as ours};
use sha2::{Digest as _, Sha256};

/// A goal.
pub fn goal_from_message(m: geometry_msgs::PoseStamped) -> Checked<Goal> {
    Ok(Goal {
        stamp: stamp_from(&m.header.stamp)?,
        frame: frame_from(&m.header.frame_id)?,
        pose: pose_from("pose", &m.pose)?,
    })
}

/// A goal as its message.
pub fn goal_to_message(g: &Goal) -> geometry_msgs::PoseStamped {
    geometry_msgs::PoseStamped { header: header(g.stamp, frame_name(g.frame)), pose: pose_message(g.pose) }
}

pub(super) const SOURCES: [(CommandSource, u8); 2] =
    [(CommandSource::Planner, ours::Command::PLANNER), (CommandSource::Recovery, ours::Command::RECOVERY)];

/// Sideways and tilting velocities are zero up to this.
const EXTERNAL_ROUNDING: f64 = 1e-6;

const TREE: [(TreeStatus, u8); 4] = [
    (TreeStatus::Idle, ours::Decision::IDLE),
    (TreeStatus::Running, ours::Decision::RUNNING),
    (TreeStatus::Success, ours::Decision::SUCCESS),
    (TreeStatus::Failure, ours::Decision::FAILURE),
];

/// A command.
pub fn command_from_message(m: ours::Command) -> Checked<Command> {
    Ok(Command {
        stamp: stamp_from(&m.header.stamp)?,
        boot_id: m.boot_id,
        sequence: m.sequence,
        source: from_code("source", m.source, &SOURCES)?,
        twist: Twist2 { v_mps: within("v", m.v, -100.0, 100.0)?, w_radps: within("w", m.w, -100.0, 100.0)? },
        trajectory: points_from("trajectory", &m.trajectory)?,
        braking_tail: points_from("braking_tail", &m.braking_tail)?,
        data_stamp: stamp_from(&m.data_stamp)?,
        world_model_sequence: m.world_model_sequence,
        goal_id: m.goal_id,
        reason: m.reason,
    })
}

/// A command as its message.
pub fn command_to_message(c: &Command) -> ours::Command {
    ours::Command {
        header: header(c.stamp, super::BASE),
        boot_id: c.boot_id,
        sequence: c.sequence,
        source: to_code(c.source, &SOURCES),
        v: c.twist.v_mps,
        w: c.twist.w_radps,
        trajectory: c.trajectory.iter().map(point_to).collect(),
        braking_tail: c.braking_tail.iter().map(point_to).collect(),
        data_stamp: outrider_runtime::time_message(c.data_stamp),
        world_model_sequence: c.world_model_sequence,
        goal_id: c.goal_id,
        reason: c.reason.clone(),
    }
}

/// What an external planner would drive: a velocity in the base's frame, along what a robot with two wheels can do.
pub fn external_command_from_message(m: geometry_msgs::TwistStamped) -> Checked<(Stamp, Twist2)> {
    let (linear, angular) = (&m.twist.linear, &m.twist.angular);
    let frame = frame_from(&m.header.frame_id)?;
    if frame != FrameId::Base {
        return Err(format!("header.frame_id: `{}` is not {}", m.header.frame_id, super::BASE));
    }
    let none =
        [("linear.y", linear.y), ("linear.z", linear.z), ("angular.x", angular.x), ("angular.y", angular.y)];
    for (field, value) in none {
        within(field, value, -EXTERNAL_ROUNDING, EXTERNAL_ROUNDING)?;
    }
    let twist = Twist2 { v_mps: finite("linear.x", linear.x)?, w_radps: finite("angular.z", angular.z)? };
    Ok((stamp_from(&m.header.stamp)?, twist))
}

/// SHA-256 over a command's canonical bytes: its encoding as a message. Takes nothing from the heap.
pub fn command_digest(command: &Command) -> Digest {
    let mut hash = Sha256::new();
    let mut to = Canonical::new(&mut hash);
    to.header(command.stamp, super::BASE);
    to.number(command.boot_id.to_le_bytes());
    to.number(command.sequence.to_le_bytes());
    to.bytes(&[to_code(command.source, &SOURCES)]);
    to.floats(&[command.twist.v_mps, command.twist.w_radps]);
    to.points(&command.trajectory);
    to.points(&command.braking_tail);
    to.time(command.data_stamp);
    to.number(command.world_model_sequence.to_le_bytes());
    to.number(command.goal_id.to_le_bytes());
    to.text(&command.reason);
    to.finish();
    hash.finalize().into()
}

fn points_from(field: &str, points: &[ours::TrajectoryPoint]) -> Checked<Vec<TrajectoryPoint>> {
    at_most(field, points.len(), TRAJECTORY_LIMIT)?;
    let one = |(i, p): (usize, &ours::TrajectoryPoint)| -> Checked<TrajectoryPoint> {
        // The name is put together for a bad number only: there are hundreds of numbers in a command.
        let number = |name: &str, value: f64| match value.is_finite() {
            true => Ok(value),
            false => finite(format_args!("{field}[{i}].{name}"), value),
        };
        Ok(TrajectoryPoint {
            t_s: number("t", p.t)?,
            pose: Pose2 { x_m: number("x", p.x)?, y_m: number("y", p.y)?, yaw_rad: number("yaw", p.yaw)? },
            twist: Twist2 { v_mps: number("v", p.v)?, w_radps: number("w", p.w)? },
        })
    };
    // Room for all at once: collecting results does not know how many there will be.
    let mut checked = Vec::with_capacity(points.len());
    for point in points.iter().enumerate() {
        checked.push(one(point)?);
    }
    Ok(checked)
}

fn point_to(p: &TrajectoryPoint) -> ours::TrajectoryPoint {
    ours::TrajectoryPoint {
        t: p.t_s,
        x: p.pose.x_m,
        y: p.pose.y_m,
        yaw: p.pose.yaw_rad,
        v: p.twist.v_mps,
        w: p.twist.w_radps,
    }
}

/// A decision as its message.
pub fn decision_to_message(d: &Decision) -> ours::Decision {
    let alternative = |a: &Alternative| ours::Alternative {
        name: a.name.clone(),
        cost: a.cost,
        rejected_because: a.rejected_because.clone(),
    };
    ours::Decision {
        header: header(d.stamp, super::BASE),
        boot_id: d.boot_id,
        sequence: d.sequence,
        command_sequence: d.command_sequence,
        world_model_sequence: d.world_model_sequence,
        goal_id: d.goal_id,
        tree_status: to_code(d.tree_status, &TREE),
        active_node: d.active_node.clone(),
        chosen: d.chosen.clone(),
        alternatives: d.alternatives.iter().map(alternative).collect(),
        constraint: d.constraint.clone(),
        distance_remaining: d.distance_remaining_m,
        position_sigma: d.position_sigma_m,
    }
}

/// Poses as a path for RViz.
pub fn path_message(stamp: Stamp, frame: FrameId, poses: &[Pose2]) -> nav_msgs::Path {
    let name = frame_name(frame);
    let one = |p: &Pose2| geometry_msgs::PoseStamped { header: header(stamp, name), pose: pose_message(*p) };
    nav_msgs::Path { header: header(stamp, name), poses: poses.iter().map(one).collect() }
}

/// What a command leads to, and its braking tail behind, as a path in the base frame for RViz.
pub fn trajectory_message(c: &Command) -> nav_msgs::Path {
    let poses: Vec<Pose2> = if c.trajectory.is_empty() { &c.braking_tail } else { &c.trajectory }
        .iter()
        .map(|p| p.pose)
        .collect();
    path_message(c.stamp, FrameId::Base, &poses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let point =
            TrajectoryPoint { t_s: 0.5, pose: Pose2::new(0.1, 0.0, 0.2), twist: Twist2::new(0.2, 0.1) };
        Command {
            stamp: Stamp::from_nanos(9_000_000_001),
            boot_id: 4,
            sequence: 11,
            twist: Twist2::new(0.5, -0.25),
            trajectory: vec![point; 2],
            braking_tail: vec![point; 3],
            data_stamp: Stamp::from_nanos(8_950_000_000),
            reason: "follow path".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_command_survives_with_its_digest() {
        let bytes = outrider_msgs::encode(&command_to_message(&command())).unwrap();
        let back = command_from_message(outrider_msgs::decode(&bytes).unwrap()).unwrap();
        assert_eq!(back, command());
        assert_eq!(command_digest(&back), command_digest(&command()));
    }

    /// The digest is that of the bytes on the wire, whatever the length of the parts.
    #[test]
    fn the_digest_is_that_of_the_encoding() {
        for length in 0..40 {
            let mut c = command();
            c.reason = "r".repeat(length);
            c.trajectory.truncate(length % 3);
            c.braking_tail = vec![TrajectoryPoint { t_s: 0.1, ..Default::default() }; length];
            (c.world_model_sequence, c.goal_id) = (length as u64, 3);
            let bytes = outrider_msgs::encode(&command_to_message(&c)).unwrap();
            assert_eq!(command_digest(&c), Digest::from(Sha256::digest(bytes)));
        }
    }

    #[test]
    fn the_digest_sees_every_field() {
        let base = command_digest(&command());
        let edits: [fn(&mut Command); 6] = [
            |c| c.twist.v_mps += 1e-12,
            |c| c.sequence += 1,
            |c| c.source = CommandSource::Recovery,
            |c| c.braking_tail[2].twist.v_mps = 0.0,
            |c| c.boot_id += 1,
            |c| c.reason.push(' '),
        ];
        for edit in edits {
            let mut changed = command();
            edit(&mut changed);
            assert_ne!(command_digest(&changed), base);
        }
    }

    #[test]
    fn an_external_command_is_a_finite_velocity_of_the_base_ahead_and_about() {
        assert_eq!(crate::topics::external_command().name, outrider_planner::EXTERNAL_TOPIC);
        let message = |edit: fn(&mut geometry_msgs::TwistStamped)| {
            let mut m = geometry_msgs::TwistStamped {
                header: header(Stamp::from_nanos(7_000_000_001), "base_link"),
                ..Default::default()
            };
            (m.twist.linear.x, m.twist.angular.z) = (0.5, -0.25);
            edit(&mut m);
            external_command_from_message(m)
        };
        assert_eq!(message(|_| ()), Ok((Stamp::from_nanos(7_000_000_001), Twist2::new(0.5, -0.25))));
        type Edit = fn(&mut geometry_msgs::TwistStamped);
        let refused: [(Edit, &str); 6] = [
            (|m| m.twist.linear.x = f64::NAN, "linear.x: NaN is not a finite number"),
            (|m| m.twist.angular.z = f64::INFINITY, "angular.z: inf is not a finite number"),
            (|m| m.twist.linear.y = 0.1, "linear.y: 0.1 is not within"),
            (|m| m.twist.angular.x = f64::NAN, "angular.x: NaN is not within"),
            (|m| m.header.frame_id = "map".into(), "header.frame_id: `map` is not base_link"),
            (|m| m.header.stamp.nanosec = 1_000_000_000, "stamp.nanosec: 1000000000"),
        ];
        for (edit, why) in refused {
            assert!(message(edit).unwrap_err().starts_with(why), "{why}");
        }
    }

    #[test]
    fn commands_that_are_no_numbers_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, 1e308] {
            let mut m = command_to_message(&command());
            m.v = bad;
            assert!(command_from_message(m).unwrap_err().starts_with("v: "));
        }
        let mut m = command_to_message(&command());
        m.braking_tail[1].yaw = f64::NAN;
        assert_eq!(command_from_message(m).unwrap_err(), "braking_tail[1].yaw: NaN is not a finite number");
    }
}
