//! What the gate is given to digest commands and to authenticate permits takes nothing from the heap.

use crate::counting::allocations;
use outrider_foundation::data::{Command, Permit, TRAJECTORY_LIMIT, TrajectoryPoint};
use outrider_suite::convert::{command_digest, key_block, permit_code};
use std::hint::black_box;

#[test]
fn digests_and_codes_allocate_nothing() {
    let key = key_block(&[7; 40]);
    for length in [0, 1, 20, TRAJECTORY_LIMIT] {
        let command = Command {
            trajectory: vec![TrajectoryPoint::default(); length],
            braking_tail: vec![TrajectoryPoint::default(); length],
            reason: "r".repeat(length * 20),
            ..Command::default()
        };
        let permit = Permit { limiting: "l".repeat(length * 20), ..Permit::default() };
        // The first call finds out what the processor can do.
        black_box(command_digest(&command));
        let counted = allocations(|| {
            black_box(command_digest(&command));
            black_box(permit_code(&key, &permit));
        });
        assert_eq!(counted, 0, "with {length} points");
    }
}
