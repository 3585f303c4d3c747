//! Messages to domain data and back: the one border where input is validated.
//!
//! `…_from_message` refuses what cannot be: it names the field, the value and the limit. What it lets through is sound.

mod canonical;
mod command;
mod markers;
mod mission;
mod safety;
mod sensing;
mod tree;
mod truth;
mod world;

pub use command::{
    command_digest, command_from_message, command_to_message, decision_to_message,
    external_command_from_message, goal_from_message, goal_to_message, path_message, trajectory_message,
};
pub use markers::{MARKER_LIMIT, marker_message};
pub use mission::{
    mission_reply_to_message, mission_request_from_message, mission_request_to_message,
    mission_state_to_message, mission_status_text,
};
pub use safety::{
    assurance_state_from_message, assurance_state_to_message, challenge_from_message, challenge_to_message,
    gate_state_from_message, gate_state_to_message, intervention_to_message, key_block,
    operator_reply_to_message, operator_request_from_message, operator_request_to_message, permit_code,
    permit_from_message, permit_to_message,
};
pub use sensing::{
    detections_from_message, detections_to_message, imu_from_message, imu_to_message, map_from_message,
    map_to_message, odometry_from_message, odometry_to_message, scan_from_message, scan_to_message,
    transforms_from_message, transforms_to_message,
};
pub use tree::{clear_from_message, clear_to_message, tree_changes_to_message};
pub(crate) use truth::body_of;
pub use truth::{truth_from_message, truth_to_message};
pub use world::{
    costmap_message, grid_from_message, grid_to_message, resize_from_message, world_model_from_message,
    world_model_to_message, world_model_without_cells_from_message,
};

use outrider_foundation::data::BodyBox;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Pose2, Stamp};
use outrider_msgs::builtin_interfaces::{Duration, Time};
use outrider_msgs::geometry_msgs::{Point, Pose, Quaternion};
use outrider_msgs::std_msgs::Header;
use std::fmt::{self, Display, Formatter};

pub(crate) use outrider_foundation::robot::{BASE_FRAME as BASE, MAP_FRAME as MAP, ODOM_FRAME as ODOM};

pub(crate) type Checked<T> = Result<T, String>;

/// A field of an element of a list. What names a field is put together only when something is wrong with it: most messages are right, and
/// there are many.
pub(crate) struct Of(pub &'static str, pub usize, pub &'static str);

impl Display for Of {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}].{}", self.0, self.1, self.2)
    }
}

/// A number that is finite.
pub(crate) fn finite(field: impl Display, value: f64) -> Checked<f64> {
    if value.is_finite() { Ok(value) } else { Err(format!("{field}: {value} is not a finite number")) }
}

/// A number within a closed range; NaN is outside of every range.
pub(crate) fn within(field: impl Display, value: f64, least: f64, most: f64) -> Checked<f64> {
    if value >= least && value <= most {
        Ok(value)
    } else {
        Err(format!("{field}: {value} is not within [{least}, {most}]"))
    }
}

/// All numbers finite.
pub(crate) fn all_finite<const N: usize>(field: impl Display, values: [f64; N]) -> Checked<[f64; N]> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(at) => Err(format!("{field}[{at}]: {:?} is not a finite number", values.get(at))),
    }
}

/// A length within a limit.
pub(crate) fn at_most(field: impl Display, length: usize, limit: usize) -> Checked<()> {
    if length <= limit { Ok(()) } else { Err(format!("{field}: {length} elements are more than {limit}")) }
}

/// A rectangle of an element of a list, from its middle, direction, length and width; a length of 0 says that there is none.
pub(crate) fn body_box_from(list: &'static str, index: usize, told: [f64; 5]) -> Checked<Option<BodyBox>> {
    let of = |name| Of(list, index, name);
    let [x, y, yaw, length, width] = told;
    if length == 0.0 {
        return Ok(None);
    }
    let [x_m, y_m, yaw_rad] = all_finite(of("body"), [x, y, yaw])?;
    let body = BodyBox {
        pose: Pose2::new(x_m, y_m, wrap_angle(yaw_rad)),
        length_m: within(of("body_length"), length, BodyBox::LENGTH_LEAST_M, BodyBox::LENGTH_LIMIT_M)?,
        width_m: within(of("body_width"), width, BodyBox::LENGTH_LEAST_M, BodyBox::LENGTH_LIMIT_M)?,
    };
    Ok(Some(body))
}

/// The same as the numbers of a message.
pub(crate) fn body_box_to(body: Option<BodyBox>) -> [f64; 5] {
    let BodyBox { pose, length_m, width_m } = body.unwrap_or_default();
    [pose.x_m, pose.y_m, pose.yaw_rad, length_m, width_m]
}

pub(crate) fn stamp_from(time: &Time) -> Checked<Stamp> {
    if time.nanosec >= 1_000_000_000 {
        return Err(format!("stamp.nanosec: {} is not below 1000000000", time.nanosec));
    }
    Ok(Stamp::from_nanos(i64::from(time.sec) * 1_000_000_000 + i64::from(time.nanosec)))
}

pub(crate) fn span_from(duration: &Duration) -> outrider_foundation::Span {
    outrider_foundation::Span::from_nanos(
        i64::from(duration.sec) * 1_000_000_000 + i64::from(duration.nanosec),
    )
}

pub(crate) fn duration_message(span: outrider_foundation::Span) -> Duration {
    let time = outrider_runtime::time_message(Stamp::from_nanos(span.nanos()));
    Duration { sec: time.sec, nanosec: time.nanosec }
}

pub(crate) fn frame_name(frame: FrameId) -> &'static str {
    match frame {
        FrameId::Map => MAP,
        FrameId::Odom => ODOM,
        FrameId::Base => BASE,
    }
}

/// The frame of a name, with or without a leading slash.
///
/// # Errors
/// When it is none of the suite's.
pub fn frame_from(name: &str) -> Checked<FrameId> {
    match name.trim_start_matches('/') {
        MAP => Ok(FrameId::Map),
        ODOM => Ok(FrameId::Odom),
        BASE => Ok(FrameId::Base),
        _ => Err(format!("header.frame_id: `{name}` is none of {MAP}, {ODOM}, {BASE}")),
    }
}

pub(crate) fn header(stamp: Stamp, frame: &str) -> Header {
    outrider_runtime::header(stamp, frame)
}

/// Rotation about z; a quaternion that is not normalised within 1 %, or tilts by more than 0.2 rad, is refused.
pub(crate) fn yaw_from(field: impl Display, q: &Quaternion) -> Checked<f64> {
    let [x, y, z, w] = all_finite(&field, [q.x, q.y, q.z, q.w])?;
    let norm_sq = x * x + y * y + z * z + w * w;
    if (norm_sq - 1.0).abs() > 0.02 {
        return Err(format!("{field}: norm² {norm_sq} is not 1"));
    }
    let tilt_cos = 1.0 - 2.0 * (x * x + y * y) / norm_sq;
    if tilt_cos < 0.98 {
        return Err(format!("{field}: tilted by {:.2} rad, more than 0.2", libm_acos(tilt_cos)));
    }
    Ok(libm::atan2(2.0 * (w * z + x * y), norm_sq - 2.0 * (y * y + z * z)))
}

fn libm_acos(value: f64) -> f64 {
    libm::acos(value.clamp(-1.0, 1.0))
}

pub(crate) fn quaternion(yaw_rad: f64) -> Quaternion {
    let (z, w) = libm::sincos(0.5 * yaw_rad);
    Quaternion { x: 0.0, y: 0.0, z, w }
}

pub(crate) fn pose_from(field: impl Display, pose: &Pose) -> Checked<Pose2> {
    let x_m = finite(format_args!("{field}.position.x"), pose.position.x)?;
    let y_m = finite(format_args!("{field}.position.y"), pose.position.y)?;
    Ok(Pose2 { x_m, y_m, yaw_rad: yaw_from(format_args!("{field}.orientation"), &pose.orientation)? })
}

pub(crate) fn pose_message(pose: Pose2) -> Pose {
    Pose { position: Point { x: pose.x_m, y: pose.y_m, z: 0.0 }, orientation: quaternion(pose.yaw_rad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaw_survives_and_nonsense_is_refused() {
        for yaw in [-3.0, -0.5, 0.0, 1.0, 3.1] {
            assert!((yaw_from("q", &quaternion(yaw)).unwrap() - yaw).abs() < 1e-12);
        }
        let zero = Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 0.0 };
        assert_eq!(yaw_from("q", &zero).unwrap_err(), "q: norm² 0 is not 1");
        let upside_down = Quaternion { x: 1.0, y: 0.0, z: 0.0, w: 0.0 };
        assert!(yaw_from("q", &upside_down).unwrap_err().contains("tilted"));
        let nan = Quaternion { x: 0.0, y: f64::NAN, z: 0.0, w: 1.0 };
        assert!(yaw_from("q", &nan).unwrap_err().contains("q[1]"));
    }

    #[test]
    fn stamps_survive() {
        let stamp = Stamp::from_nanos(1_700_000_000_123_456_789);
        assert_eq!(stamp_from(&outrider_runtime::time_message(stamp)).unwrap(), stamp);
        assert!(stamp_from(&Time { sec: 0, nanosec: 1_000_000_000 }).is_err());
    }
}
