use super::super::recording::Recording;
use super::picture::TreeView;
use outrider_msgs::outrider_msgs::{NodeInfo, TreeTransition as T, TreeTransitions};

const XML: &str = "<root BTCPP_format=\"4\"><BehaviorTree ID=\"M\"><Timeout name=\"late &lt;b&gt;\" msec=\"500\">\
                   <Wait wait_duration=\"9\"/></Timeout></BehaviorTree></root>";

fn change(node: u16, by: u16, before: u8, after: u8, cause: u8) -> T {
    T { node, by, before, after, cause, path: format!("path of {node}") }
}

fn step(sequence: u64, transitions: Vec<T>, statuses: [u8; 2], ended: &str) -> TreeTransitions {
    let (boot_id, statuses, ended) = (7, statuses.to_vec(), ended.to_owned());
    TreeTransitions {
        boot_id,
        sequence,
        tick: 10 * sequence,
        goal_id: 1,
        transitions,
        statuses,
        ended,
        ..Default::default()
    }
}

/// A Wait that is too slow for the Timeout above it.
fn recording() -> Recording {
    let mut recording = Recording { duration_s: 2.0, ..Recording::default() };
    let start = vec![change(1, 0, T::IDLE, T::RUNNING, T::TICK), change(2, 1, T::IDLE, T::RUNNING, T::TICK)];
    let end = vec![
        change(2, 1, T::RUNNING, T::IDLE, T::TIMEOUT),
        change(1, 0, T::RUNNING, T::FAILURE, T::TICK),
        change(1, 0, T::FAILURE, T::IDLE, T::RESET),
    ];
    recording.tree.take(0.5, step(1, start, [T::RUNNING; 2], ""));
    recording.tree.take(1.0, step(2, end, [T::IDLE; 2], "gave up: late"));
    recording
}

fn with_file() -> Recording {
    let mut recording = recording();
    let (resource_names, resource_contents) = (vec!["tree".to_owned()], vec![XML.to_owned()]);
    recording.tree.take_info(&NodeInfo { resource_names, resource_contents, ..Default::default() });
    recording
}

#[test]
fn every_status_is_drawn_where_it_was_with_its_cause() {
    let view = TreeView::new(&with_file()).unwrap();
    let [wide, narrow] = view.drawings.as_slice() else { panic!("two layouts") };
    for drawing in [wide, narrow] {
        assert_eq!(drawing.matches("class=\"m-running\"").count(), 2, "{drawing}");
        // Failed and idle again within a step: a mark all the same.
        assert_eq!(drawing.matches("class=\"m-failure\"").count(), 1, "{drawing}");
        assert!(drawing.contains("0.50 s, Wait: idle → running, ticked by late &lt;b&gt;"), "{drawing}");
        assert!(
            drawing.contains("1.00 s, late &lt;b&gt;: running → failure, ticked by the planner"),
            "{drawing}"
        );
        assert!(!drawing.contains("<b>"));
        assert_eq!(drawing.matches("<circle class=\"node\"").count(), 2);
        assert_eq!(drawing.matches("class=\"branch\"").count(), 1);
    }
    // 738 units for 2 s from 330 on: running from 514.5 to 699.
    assert!(wide.contains("<rect class=\"m-running\" x=\"514.0\" y=\"43.0\" width=\"184.0\""), "{wide}");
    assert_eq!((view.steps, view.known), (2, 2));
    assert!(view.left_out.is_empty());
}

#[test]
fn the_script_is_given_every_change_and_its_cause() {
    let view = TreeView::new(&with_file()).unwrap();
    let data: serde_json::Value = serde_json::from_str(&view.data.replace("<\\/", "</")).unwrap();
    assert_eq!(data["changes"][1], serde_json::json!([2, 1, 0, 6, 1, 1, 1, 3, 0, 0, 1, 3, 0, 4, 0]));
    assert_eq!((data["all"][0].as_str(), data["all"][1].as_str()), (Some("11"), Some("")));
    assert_eq!((data["t"][1].as_f64(), data["tick"][1].as_u64()), (Some(1.0), Some(20)));
    assert_eq!(data["ended"][1], "gave up: late");
    assert_eq!(data["causes"].as_array().unwrap().len(), 8);
}

#[test]
fn without_the_file_the_changes_name_the_nodes_and_gaps_are_bridged_by_the_statuses() {
    let mut recording = recording();
    let view = TreeView::new(&recording).unwrap();
    assert!(view.drawings[0].contains("path of 2: idle → running, ticked by path of 1"));
    // A message is missing: what was running before is running since the next one, for a reason that is not known.
    recording.tree.take(1.5, step(4, vec![change(1, 0, T::IDLE, T::RUNNING, T::TICK)], [T::RUNNING; 2], ""));
    let view = TreeView::new(&recording).unwrap();
    assert!(view.drawings[0].contains("1.50 s, path of 2: running already"), "{}", view.drawings[0]);
    assert!(view.data.contains("[\"11\",\"\",\"11\"]"), "{}", view.data);
}

#[test]
fn a_bag_without_a_tree_shows_none() {
    let view = TreeView::new(&Recording::default()).unwrap();
    assert!(view.drawings.is_empty() && view.data.is_empty());
}

#[test]
fn the_slider_passes_over_what_comes_and_goes_within_a_step() {
    let mut recording = recording();
    let blink = vec![change(2, 1, T::IDLE, T::SUCCESS, T::TICK), change(2, 1, T::SUCCESS, T::IDLE, T::RESET)];
    recording.tree.take(1.2, step(3, blink, [T::IDLE; 2], ""));
    let view = TreeView::new(&recording).unwrap();
    assert_eq!((view.steps, view.known), (3, 2));
    assert_eq!(view.drawings[0].matches("class=\"m-success\"").count(), 1);
}

/// Missions may ask for other trees: their nodes are never taken for those of the one that is drawn.
#[test]
fn of_several_trees_the_one_with_most_steps_is_drawn_and_the_others_are_told() {
    let mut recording = with_file();
    let of = |sequence: u64, tree: &str, statuses: &[u8]| TreeTransitions {
        tree: tree.to_owned(),
        statuses: statuses.to_vec(),
        ..step(sequence, vec![change(1, 0, T::IDLE, T::RUNNING, T::TICK)], [0; 2], "")
    };
    recording.tree.take(1.2, of(3, "Other", &[T::RUNNING; 9]));
    let view = TreeView::new(&recording).unwrap();
    assert_eq!((view.steps, recording.tree.nodes().len()), (2, 2));
    assert_eq!(view.left_out, ["1 steps of the behaviour tree Other are not drawn: most are of another"]);
    for sequence in 4..7 {
        recording.tree.take(1.3, of(sequence, "Other", &[T::RUNNING; 9]));
    }
    let view = TreeView::new(&recording).unwrap();
    assert_eq!((view.steps, recording.tree.nodes().len()), (4, 9));
    assert!(recording.tree.steps()[0].breaks && !recording.tree.steps()[1].breaks);
}
