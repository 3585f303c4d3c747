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

#[test]
fn a_map_that_changes_takes_nothing_away_that_scans_have_found() {
    let mut w = World::new();
    w.things = vec![(Point2::new(2.5, 0.0), 0.2)];
    let first = OccupancyMap { stamp: ros(0), ..map(0.05) };
    w.step(0, vec![Input::Map(first.clone())]);
    let drive = |w: &mut World, from_ms: i64, to_ms: i64| {
        for ms in (from_ms..to_ms).step_by(50) {
            let inputs =
                vec![World::localisation(ms, 0.0), Input::Odometry(w.odometry(ms)), Input::Scan(w.scan(ms))];
            w.step(ms, inputs);
        }
    };
    drive(&mut w, 0, 2500);
    let found = |w: &World| w.grids().last().unwrap().cost_at(Point2::new(2.32, 0.01)) == COST_LETHAL;
    assert!(found(&w));
    let mut second = OccupancyMap { stamp: ros(2500), ..first };
    second.cells[0] = 100 - second.cells[0].max(0);
    let before = w.grids().len();
    w.step(2500, vec![Input::Map(second)]);
    assert_eq!(w.grids().len(), before + 2, "the map, and at once what is on it besides");
    assert!(found(&w));
}
