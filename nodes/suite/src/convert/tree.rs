//! What the behaviour tree did, and the planner's order to forget.

use super::world::{from_code, to_code};
use super::{Checked, header, stamp_from, within};
use outrider_foundation::data::{CLEAR_SIDE_LIMIT_M, ClearCostmap, ClearRegion};
use outrider_msgs::outrider_msgs as ours;
use outrider_planner::{Cause, Status, TreeChange, TreeChanges};

/// Status of a node. SKIPPED is never kept.
const STATUSES: [(Status, u8); 4] = [
    (Status::Idle, ours::TreeTransition::IDLE),
    (Status::Running, ours::TreeTransition::RUNNING),
    (Status::Success, ours::TreeTransition::SUCCESS),
    (Status::Failure, ours::TreeTransition::FAILURE),
];

const CAUSES: [(Cause, u8); 8] = [
    (Cause::Tick, ours::TreeTransition::TICK),
    (Cause::FailureIf, ours::TreeTransition::FAILURE_IF),
    (Cause::SuccessIf, ours::TreeTransition::SUCCESS_IF),
    (Cause::While, ours::TreeTransition::WHILE),
    (Cause::Reset, ours::TreeTransition::RESET),
    (Cause::Halt, ours::TreeTransition::HALT),
    (Cause::Timeout, ours::TreeTransition::TIMEOUT),
    (Cause::Tree, ours::TreeTransition::TREE),
];

/// Changes of the tree as their message.
pub fn tree_changes_to_message(t: &TreeChanges) -> ours::TreeTransitions {
    let change = |c: &TreeChange| ours::TreeTransition {
        node: c.node,
        by: c.by,
        before: to_code(c.before, &STATUSES),
        after: to_code(c.after, &STATUSES),
        cause: to_code(c.cause, &CAUSES),
        path: c.path.clone(),
    };
    ours::TreeTransitions {
        header: header(t.stamp, ""),
        boot_id: t.boot_id,
        sequence: t.sequence,
        tick: t.tick,
        goal_id: t.goal_id,
        tree: t.tree.clone(),
        transitions: t.changes.iter().map(change).collect(),
        dropped: u32::try_from(t.dropped).unwrap_or(u32::MAX),
        statuses: t.statuses.iter().map(|status| to_code(*status, &STATUSES)).collect(),
        ended: t.ended.clone(),
    }
}

/// An order to forget. A square that no order needs is refused.
pub fn clear_from_message(m: ours::ClearCostmap) -> Checked<ClearCostmap> {
    let side_m = || within("distance", m.distance, 0.0, CLEAR_SIDE_LIMIT_M);
    Ok(ClearCostmap {
        stamp: stamp_from(&m.header.stamp)?,
        boot_id: m.boot_id,
        sequence: m.sequence,
        local: m.local_grid,
        global: m.global_grid,
        region: match from_code("kind", m.kind, &REGIONS)? {
            ClearRegion::Entire => ClearRegion::Entire,
            ClearRegion::ExceptSquare(_) => ClearRegion::ExceptSquare(side_m()?),
            ClearRegion::Square(_) => ClearRegion::Square(side_m()?),
        },
    })
}

const REGIONS: [(ClearRegion, u8); 3] = [
    (ClearRegion::Entire, ours::ClearCostmap::ENTIRE),
    (ClearRegion::ExceptSquare(0.0), ours::ClearCostmap::EXCEPT_REGION),
    (ClearRegion::Square(0.0), ours::ClearCostmap::AROUND_ROBOT),
];

/// An order to forget as its message.
pub fn clear_to_message(c: &ClearCostmap) -> ours::ClearCostmap {
    let (kind, distance) = match c.region {
        ClearRegion::Entire => (ours::ClearCostmap::ENTIRE, 0.0),
        ClearRegion::ExceptSquare(side_m) => (ours::ClearCostmap::EXCEPT_REGION, side_m),
        ClearRegion::Square(side_m) => (ours::ClearCostmap::AROUND_ROBOT, side_m),
    };
    ours::ClearCostmap {
        header: header(c.stamp, ""),
        boot_id: c.boot_id,
        sequence: c.sequence,
        local_grid: c.local,
        global_grid: c.global,
        kind,
        distance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Stamp;

    #[test]
    fn an_order_survives_and_nonsense_is_refused() {
        for region in [ClearRegion::Entire, ClearRegion::ExceptSquare(1.5), ClearRegion::Square(3.0)] {
            let stamp = Stamp::from_nanos(5);
            let order = ClearCostmap { stamp, boot_id: 3, sequence: 4, local: true, global: false, region };
            assert_eq!(clear_from_message(clear_to_message(&order)), Ok(order));
        }
        let square =
            clear_to_message(&ClearCostmap { region: ClearRegion::Square(1.0), ..Default::default() });
        for distance in [f64::NAN, -1.0, 1e9] {
            let wrong = clear_from_message(ours::ClearCostmap { distance, ..square.clone() }).unwrap_err();
            assert!(wrong.starts_with("distance: "), "{wrong}");
        }
        let wrong = clear_from_message(ours::ClearCostmap { kind: 3, ..square }).unwrap_err();
        assert_eq!(wrong, "kind: 3 is no known code");
    }
}
