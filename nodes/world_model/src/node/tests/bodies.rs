//! What detectors say is there and the scan does not show.

use super::*;
use outrider_foundation::data::BodyBox;

/// Forks across the way of a robot that drives, 2 m ahead; the scan shows nothing. Whether a cell amid them is lethal, in the local grid, and
/// in the global one.
fn told(body: Option<BodyBox>) -> (bool, bool) {
    let mut world = World::new();
    world.step(0, vec![Input::Map(map()), World::localisation(0, 0.3)]);
    world.twist = Twist2::new(0.3, 0.0);
    for ms in (0..2000).step_by(100) {
        world.run(ms, ms + 100);
        let mut set = world.detections(ms + 90, &[Point2::new(2.0, 2.0)]);
        set.detections[0].body = body.map(|body| body.seen_from(world.pose.inverse()));
        world.step(ms + 99, vec![Input::Detections(set), World::localisation(ms + 99, 0.3)]);
    }
    // Just within its end, in the map.
    let amid = Point2::new(2.61, 0.51);
    let lethal = |grid: &CostGrid| grid.cost_at(amid) == COST_LETHAL;
    (lethal(&world.last().local), lethal(world.grids().last().unwrap()))
}

#[test]
fn a_rectangle_that_no_beam_meets_is_in_both_grids() {
    let forks =
        BodyBox { pose: Pose2::new(2.0, 1.5, std::f64::consts::FRAC_PI_2), length_m: 3.0, width_m: 0.8 };
    assert_eq!(told(Some(forks)), (true, true));
    assert_eq!(told(None), (false, false));
}
