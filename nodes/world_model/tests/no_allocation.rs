//! Once its buffers have grown, the ego part takes nothing from the heap: odometry, inertial messages, scans against a map.

use crate::counting::allocations;
use crate::room::{against_map, imu, localizer, odometry, scan};
use outrider_foundation::{Pose2, Stamp, Twist2};
use outrider_world_model::Localizer;
use std::hint::black_box;

fn drive(localizer: &mut Localizer, from_ms: i64, to_ms: i64) -> u64 {
    let twist = Twist2::new(0.2, 0.25);
    let pose = |ms: i64| Pose2::IDENTITY.advance(twist, ms as f64 * 1e-3);
    let mut counted = 0;
    for ms in (from_ms..to_ms).step_by(10) {
        let (o, i, s) = (odometry(ms, pose(ms), twist), imu(ms, twist), scan(ms, pose(ms), 720));
        counted += allocations(|| {
            if ms % 20 == 0 {
                localizer.take_odometry(&o);
            }
            localizer.take_imu(&i, Some(0.0));
            if ms % 50 == 0 {
                assert!(localizer.take_scan(&s).unwrap().taken);
            }
            black_box(localizer.by_matching(Stamp::from_nanos(ms * 1_000_000)));
        });
    }
    counted
}

#[test]
fn a_step_allocates_nothing() {
    let mut localizer = localizer(against_map());
    assert!(drive(&mut localizer, 0, 1000) > 0, "the first steps do, so the count works");
    assert_eq!(drive(&mut localizer, 1000, 6000), 0);
    assert!(localizer.matching_counters().matched >= 100 && localizer.reckoner_counters().with_gyro > 200);
}
