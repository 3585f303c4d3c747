//! What the planner tells of its tree: every change with its cause, and the orders to clear a costmap.

use crate::common::{Loop, TREE, hall, planner_with};
use outrider_foundation::Pose2;
use outrider_foundation::data::{ClearCostmap, ClearRegion, TreeStatus};
use outrider_planner::{CHANGE_LIMIT, Cause, Input, Status, TreeChanges};

fn tree(body: &str) -> String {
    format!("<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\">{body}</BehaviorTree></root>")
}

/// In the hall, with a goal given.
fn start(tree: &str) -> Loop {
    let mut l = Loop::new(hall(), Pose2::new(2.0, 4.0, 0.0));
    l.node = planner_with(tree);
    l.goal(Pose2::new(6.0, 4.0, 0.0));
    l
}

/// The changes in words: "node before>after cause by".
fn words(told: &TreeChanges) -> Vec<String> {
    let word = |c: &outrider_planner::TreeChange| {
        format!("{} {}>{} {:?} {}", c.path, c.before, c.after, c.cause, c.by)
    };
    told.changes.iter().map(word).collect()
}

#[test]
fn all_changes_are_told_and_lead_from_one_state_to_the_next() {
    let mut l = start(TREE);
    assert!(l.run_to_end(30.0), "{}", l.trace(0.5));
    assert!(l.changes.len() > 5, "{}", l.changes.len());
    let mut known = vec![Status::Idle; l.changes[0].statuses.len()];
    for (told, number) in l.changes.iter().zip(1..) {
        assert_eq!((told.sequence, told.boot_id, told.goal_id, told.dropped), (number, 7, 1, 0));
        assert!(!told.changes.is_empty());
        for change in &told.changes {
            let node = usize::from(change.node) - 1;
            assert_eq!(known[node], change.before, "{change:?}");
            known[node] = change.after;
        }
        assert_eq!(known, told.statuses);
    }
    let last = l.changes.last().unwrap();
    assert_eq!((last.ended.as_str(), last.tick), ("goal reached", l.steps));
    assert!(l.changes.windows(2).all(|pair| pair[0].tick < pair[1].tick && pair[0].ended.is_empty()));
    assert!(known.iter().all(|status| *status == Status::Idle));
}

#[test]
fn nothing_is_told_of_a_step_in_which_nothing_changes() {
    let mut l = start(&tree("<Wait wait_duration=\"60\"/>"));
    l.run(2.0);
    assert_eq!(l.changes.len(), 1);
    assert_eq!(words(&l.changes[0]), ["Wait::1 IDLE>RUNNING Tick 0"]);
    assert_eq!((l.changes[0].tick, l.changes[0].tree.as_str()), (1, "M"));
}

#[test]
fn a_new_goal_a_cancel_and_an_error_are_told_as_what_halted_the_tree() {
    let mut l = start(&tree("<Sequence><Wait wait_duration=\"60\"/></Sequence>"));
    l.run(0.1);
    l.goal(Pose2::new(7.0, 4.0, 0.0));
    l.run(0.1);
    l.send(Input::Cancel);
    l.run(0.1);
    let [first, halted, again, cancelled] = l.changes.as_slice() else { panic!("{:?}", l.changes) };
    assert_eq!(words(first), ["Sequence::1 IDLE>RUNNING Tick 0", "Wait::2 IDLE>RUNNING Tick 1"]);
    let stop = ["Wait::2 RUNNING>IDLE Halt 1", "Sequence::1 RUNNING>IDLE Tree 0"];
    assert_eq!(
        (words(halted), halted.ended.as_str(), halted.goal_id),
        (stop.map(String::from).to_vec(), "goal 2 came", 1)
    );
    assert_eq!((words(again), again.goal_id), (words(first), 2));
    assert!(halted.tick <= again.tick);
    assert_eq!((words(cancelled), cancelled.ended.as_str()), (words(halted), "goal cancelled"));

    let mut l =
        start(&tree("<Sequence><Wait wait_duration=\"0.1\"/><ScriptCondition code=\"missing\"/></Sequence>"));
    l.run(1.0);
    let last = l.changes.last().unwrap();
    assert!(last.ended.contains("gave up: behaviour tree: node `ScriptCondition::3`: "), "{}", last.ended);
    assert_eq!(last.changes.last().unwrap().cause, Cause::Tree);
}

#[test]
fn what_is_beyond_the_limit_of_a_step_is_counted() {
    let many = "<AlwaysSuccess/>".repeat(CHANGE_LIMIT);
    let mut l = start(&tree(&format!("<Sequence>{many}<Wait wait_duration=\"60\"/></Sequence>")));
    l.run(0.1);
    let told = &l.changes[0];
    assert_eq!((told.changes.len(), told.dropped), (CHANGE_LIMIT, 2));
    // The state is known nevertheless.
    assert_eq!(told.statuses[CHANGE_LIMIT + 1], Status::Running);
}

#[test]
fn clearing_a_costmap_is_an_order_to_the_world_model() {
    let body = "<Sequence><ClearEntireCostmap service_name=\"local_costmap/clear_entirely_local_costmap\"/>\
                <ClearEntireCostmap service_name=\"global_costmap/clear_entirely_global_costmap\"/>\
                <Wait wait_duration=\"0.5\"/><ClearCostmapAroundRobot reset_distance=\"1.5\"/>\
                <ClearCostmapExceptRegion reset_distance=\"3\"/></Sequence>";
    let mut l = start(&tree(body));
    assert!(l.run_to_end(5.0));
    assert_eq!(l.status(), TreeStatus::Success);
    let told: Vec<_> = l.clears.iter().map(|c| (c.sequence, c.local, c.global, c.region)).collect();
    let wanted = [
        (1, true, false, ClearRegion::Entire),
        (2, false, true, ClearRegion::Entire),
        (3, true, true, ClearRegion::Square(1.5)),
        (4, true, true, ClearRegion::ExceptSquare(3.0)),
    ];
    assert_eq!(told, wanted);
    assert!(l.clears.iter().all(|c: &ClearCostmap| c.boot_id == 7));
    // A square that no grid has is an error of the tree.
    let mut l = start(&tree(
        "<Sequence><Script code=\"d := 1e9\"/><ClearCostmapAroundRobot reset_distance=\"{d}\"/></Sequence>",
    ));
    l.run(0.5);
    assert!(l.changes[0].ended.contains("not between 0 and 1000"), "{}", l.changes[0].ended);
    assert!(l.clears.is_empty());
    // So is a rate at which nothing would be ticked again; what the first tick does needs none.
    let mut l = start(&tree(
        "<Sequence><Script code=\"r := 0.0\"/><SpeedController min_rate=\"{r}\"><Wait wait_duration=\"5\"/></SpeedController></Sequence>",
    ));
    l.run(0.5);
    let ended = l.changes.last().map_or("", |change| &change.ended);
    assert!(ended.contains("port `min_rate` is 0, not between 0.001 and 1000"), "{ended}");
}
