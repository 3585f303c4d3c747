//! The global grid: no world model waits for it.

use super::*;
use crate::static_map::tests::map;

/// Something stands beside what is on the map; the outputs of every step, which is a scan's or nobody's.
fn steps(scans_without_a_pause: bool) -> Vec<Vec<Output>> {
    let mut w = World::new();
    w.things = vec![(Point2::new(2.5, 0.0), 0.2)];
    w.step(0, vec![Input::Map(OccupancyMap { stamp: ros(0), ..map(0.05) })]);
    let mut steps = Vec::new();
    for ms in (0..3000).step_by(50) {
        let inputs =
            vec![World::localisation(ms, 0.0), Input::Odometry(w.odometry(ms)), Input::Scan(w.scan(ms))];
        w.out.clear();
        w.step_once(ms, inputs);
        steps.push(std::mem::take(&mut w.out));
        let at_once = w.node.next_wakeup().is_some_and(|at| at <= now(ms).mono);
        if at_once && !scans_without_a_pause {
            w.step_once(ms, Vec::new());
            steps.push(std::mem::take(&mut w.out));
        }
    }
    steps
}

fn has_model(step: &[Output]) -> bool {
    step.iter().any(|output| matches!(output, Output::WorldModel(_)))
}

fn has_grid(step: &[Output]) -> bool {
    step.iter().any(|output| matches!(output, Output::GlobalGrid(_)))
}

#[test]
fn it_comes_in_the_step_after_the_world_model_that_found_it_due() {
    let steps = steps(false);
    let found: Vec<usize> = (0..steps.len()).filter(|i| has_grid(&steps[*i])).collect();
    assert!(!found.is_empty());
    for index in found {
        assert!(!has_model(&steps[index]) && has_model(&steps[index - 1]), "step {index}");
    }
}

#[test]
fn where_one_scan_follows_the_other_it_comes_all_the_same_and_after_the_world_model() {
    let steps = steps(true);
    let with: Vec<_> = steps.iter().filter(|step| has_grid(step)).collect();
    assert!(!with.is_empty());
    for step in with {
        let places =
            [has_model, has_grid].map(|is| step.iter().position(|output| is(std::slice::from_ref(output))));
        assert!(places[0] < places[1] && places[0].is_some(), "{places:?}");
    }
}
