//! The example of a policy in the process: it steers at a point of the path and looks at nothing else. What keeps it off
//! walls and people are the checks behind it.

use super::{ExternalPlanner, View};
use outrider_foundation::Twist2;

/// Its name in `external.source`.
pub(super) const NAME: &str = "carrot";
/// So far ahead along the path, m.
const AHEAD_M: f64 = 0.7;
/// Turn rate per radian of bearing, 1/s.
const GAIN_PER_S: f64 = 1.5;
/// The last of the way is driven with this share of it a second, 1/s.
const APPROACH_PER_S: f64 = 0.8;

/// Steers at a point of the path.
pub(super) struct Carrot;

impl ExternalPlanner for Carrot {
    fn name(&self) -> &str {
        NAME
    }

    fn propose(&mut self, view: &View<'_>) -> Result<Twist2, String> {
        let carrot = view.pose.inverse().apply(view.path.at(view.from_m + AHEAD_M).position());
        let bearing_rad = libm::atan2(carrot.y_m, carrot.x_m);
        let left_m = (view.path.length_m() - view.from_m).max(0.0);
        // Across the way it turns rather than drives.
        let v_mps = view.most.v_mps.min(APPROACH_PER_S * left_m + 0.05) * libm::cos(bearing_rad).max(0.0);
        let most_radps = view.most.w_radps;
        Ok(Twist2::new(v_mps, (GAIN_PER_S * bearing_rad).clamp(-most_radps, most_radps)))
    }
}
