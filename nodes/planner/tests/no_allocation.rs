//! A decision of the sampling controller takes nothing from the heap once it has warmed up.

use crate::common::sampling::{Place, controller};
use crate::counting::allocations;
use outrider_foundation::{Pose2, Twist2};

#[test]
fn a_decision_of_the_sampling_controller_allocates_nothing() {
    let (mut mppi, place) = (controller(), Place::busy());
    let moving = place.moving();
    for i in 0..20 {
        let pose = Pose2::new(0.05 * f64::from(i), 0.02, 0.1);
        let request = place.request(&moving, pose, Twist2::new(0.5, 0.1));
        let count = allocations(|| {
            std::hint::black_box(mppi.decide(&request));
        });
        assert!(i < 2 || count == 0, "decision {i}: {count}");
    }
}
