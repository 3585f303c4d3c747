//! All rows, all repetitions, on several threads: the result does not depend on how many.

use super::catalogue::Row;
use super::judge::Outcome;
use super::run::Trial;
use super::stage::Stage;
use super::table::{self, Line};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// Each row so many times.
    pub repetitions: u32,
    /// Threads.
    pub jobs: usize,
    /// Everything random follows from it.
    pub seed: u64,
}

/// Runs rows; `progress` is told of every repetition, with its row and whether it was as it must be. One line of the table
/// a row, in their order.
pub fn campaign(
    stage: &Stage,
    rows: &[&Row],
    how: Campaign,
    progress: &(dyn Fn(&Row, bool) + Sync),
) -> Vec<Line> {
    let trials: Vec<Trial> = rows
        .iter()
        .flat_map(|row| (0..how.repetitions).map(|repetition| Trial { row, repetition, seed: how.seed }))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, trial)) = take(&next, &trials) {
            let outcome = trial.run(stage, &|node| node).unwrap_or_else(|error| failed(&error));
            progress(trial.row, outcome.misses.is_empty());
            done.push((index, outcome));
        }
        done
    };
    let mut outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..how.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    outcomes.sort_by_key(|(index, _)| *index);
    let of_row = |row: &Row| -> Vec<(u32, Outcome)> {
        let its = outcomes.iter().filter_map(|(index, outcome)| Some((trials.get(*index)?, outcome)));
        its.filter(|(trial, _)| trial.row.id == row.id).map(|(t, o)| (t.repetition, o.clone())).collect()
    };
    rows.iter().map(|row| table::line(row, &of_row(row), how.repetitions)).collect()
}

fn take<'a, 'b>(next: &AtomicUsize, trials: &'a [Trial<'b>]) -> Option<(usize, &'a Trial<'b>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, trials.get(index)?))
}

/// A repetition that could not be run to its end is a miss.
fn failed(error: &anyhow::Error) -> Outcome {
    Outcome {
        misses: vec![format!("not run to its end: {error:#}")],
        least_clearance_m: f64::NAN,
        ..Outcome::default()
    }
}
