//! Which orders are accepted.

use super::codes;
use outrider_foundation::data::{MISSION_POSE_LIMIT, MissionKind, MissionOrder};
use outrider_foundation::grid::FrameId;

/// Farthest that a pose may be from the origin of its frame, m.
pub const FARTHEST_M: f64 = 1e5;

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A code of [`super::codes`].
    pub code: u16,
    /// In words.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Checks all of an order but its tree.
///
/// # Errors
/// Says what is wrong, with the value and the limit.
pub fn check(order: &MissionOrder) -> Result<(), Refusal> {
    let count = order.poses.len();
    if count == 0 {
        return Err(Refusal::new(codes::UNKNOWN, "goal refused: no pose"));
    }
    if count > MISSION_POSE_LIMIT {
        let message = format!("goal refused: {count} poses are more than {MISSION_POSE_LIMIT}");
        return Err(Refusal::new(codes::UNKNOWN, message));
    }
    if order.poses.iter().any(|pose| !pose.is_finite()) {
        return Err(Refusal::new(codes::UNKNOWN, "goal refused: not finite"));
    }
    let far = |v: f64| v.abs() > FARTHEST_M;
    if let Some(pose) = order.poses.iter().find(|pose| far(pose.x_m) || far(pose.y_m)) {
        let message = format!("goal refused: ({}, {}) m is farther than {FARTHEST_M} m", pose.x_m, pose.y_m);
        return Err(Refusal::new(codes::UNKNOWN, message));
    }
    if let MissionKind::Waypoints { first, .. } = order.kind {
        if first as usize >= count {
            let message = format!("goal refused: it begins with waypoint {first}, and there are {count}");
            return Err(Refusal::new(codes::UNKNOWN, message));
        }
        if order.frame == FrameId::Base {
            let message = "goal refused: waypoints may not be given relative to the robot, which moves";
            return Err(Refusal::new(codes::TF_ERROR, message));
        }
    }
    Ok(())
}
