//! The scores of a run.

use super::moments::Moment;
use super::score::{Estimate, PEOPLE_LIMIT, Score, Scorer, Target, nearest};
use outrider_foundation::{Point2, Stamp};
use outrider_world_model::tracks::assign::Assignment;
use std::collections::{BTreeMap, BTreeSet};

/// Moments are judged so far apart, in s, as in the tables of simulated crowds.
const PERIOD_S: f64 = 0.1;
/// Stamps of a steady rate may be so much too near to each other, in s.
const JITTER_S: f64 = 0.01;

/// How one person was followed.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Person {
    /// Times at which they counted,
    pub times: u64,
    /// and those of them at which a track was theirs.
    pub followed: u64,
    /// Different tracks that were theirs.
    pub ids: u64,
    /// Root mean square error of position, in m.
    pub error_m: f64,
    /// Greatest error, in m.
    pub error_max_m: f64,
}

#[derive(Debug, Default)]
struct Sums {
    times: u64,
    followed: u64,
    ids: BTreeSet<u64>,
    square_m2: f64,
    error_max_m: f64,
}

/// Sums up over the moments of a run.
#[derive(Debug)]
pub struct Judge {
    scorer: Scorer,
    assignment: Assignment,
    people: BTreeMap<String, Sums>,
    last: Option<(Stamp, u64)>,
    moments: u64,
    left_out: u64,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            scorer: Scorer::default(),
            assignment: Assignment::new(PEOPLE_LIMIT, PEOPLE_LIMIT),
            people: BTreeMap::new(),
            last: None,
            moments: 0,
            left_out: 0,
        }
    }
}

impl Judge {
    /// Takes one moment; those that come too soon after the last are passed over. People and tracks count where `counts` holds of
    /// their place in the true world: a track of somebody who does not count is no false one either.
    pub fn take(&mut self, moment: &Moment, counts: impl Fn(Point2) -> bool) {
        let (stamp, boot_id) = (moment.model.stamp, moment.model.boot_id);
        match self.last {
            Some((last, boot)) if boot == boot_id && stamp >= last => {
                if stamp.since(last).as_s() < PERIOD_S - JITTER_S {
                    return;
                }
            }
            // Another run of the world model, or time begins anew.
            _ => self.scorer.begin(),
        }
        self.last = Some((stamp, boot_id));
        let all = moment.estimates();
        if moment.targets.len() > PEOPLE_LIMIT || all.len() > PEOPLE_LIMIT {
            self.left_out += 1;
            return;
        }
        self.moments += 1;
        let counted: Vec<bool> = moment.truth.actors.iter().map(|a| counts(a.pose.position())).collect();
        let is_counted = |index: usize| counted.get(index).copied().unwrap_or_default();
        let owners = nearest(&mut self.assignment, &moment.targets, &all);
        let stays = |index: usize, e: &Estimate| match owners.iter().find(|(_, estimate)| *estimate == index)
        {
            Some((owner, _)) => is_counted(*owner),
            None => counts(moment.world_from_model.apply(e.position)),
        };
        let estimates: Vec<Estimate> =
            all.iter().enumerate().filter(|(i, e)| stays(*i, e)).map(|(_, e)| *e).collect();
        let people = moment.targets.iter().zip(&moment.truth.actors).enumerate();
        let people: Vec<_> = people.filter(|(i, _)| is_counted(*i)).map(|(_, both)| both).collect();
        let targets: Vec<Target> = people.iter().map(|(target, _)| **target).collect();
        let followed = self.scorer.take(&targets, &estimates);
        for (index, (target, actor)) in people.iter().enumerate() {
            let sums = self.people.entry(actor.name.clone()).or_default();
            sums.times += 1;
            let own = followed.iter().find(|(t, _)| *t == index).and_then(|(_, e)| estimates.get(*e));
            if let Some(estimate) = own {
                let error_m = estimate.position.distance_m(target.position);
                sums.followed += 1;
                sums.ids.insert(estimate.id);
                sums.square_m2 += error_m * error_m;
                sums.error_max_m = sums.error_max_m.max(error_m);
            }
        }
    }

    /// Moments that were judged.
    pub fn moments(&self) -> u64 {
        self.moments
    }

    /// Moments with more than [`PEOPLE_LIMIT`] people or tracks, which were not.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All of it.
    pub fn score(&self) -> Score {
        self.scorer.score()
    }

    /// Everybody who ever counted, by name.
    pub fn people(&self) -> BTreeMap<String, Person> {
        let person = |s: &Sums| Person {
            times: s.times,
            followed: s.followed,
            ids: s.ids.len() as u64,
            error_m: (s.square_m2 / s.followed.max(1) as f64).sqrt(),
            error_max_m: s.error_max_m,
        };
        self.people.iter().map(|(name, sums)| (name.clone(), person(sums))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Pose2;
    use outrider_foundation::data::{GroundTruth, Track, TrackState, TrueActor, WorldModel};

    /// Everybody's place and every track's id and place, all along x.
    fn moment(ms: i64, people: &[(&str, f64)], tracks: &[(u64, f64)]) -> Moment {
        let at = Stamp::from_nanos(ms * 1_000_000);
        let actor = |(name, x_m): &(&str, f64)| TrueActor {
            name: (*name).to_owned(),
            pose: Pose2::new(*x_m, 0.0, 0.0),
            ..TrueActor::default()
        };
        let track = |(id, x_m): &(u64, f64)| Track {
            id: *id,
            state: TrackState::Confirmed,
            position: Point2::new(*x_m, 0.0),
            covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 }),
            ..Track::default()
        };
        let truth =
            GroundTruth { stamp: at, actors: people.iter().map(actor).collect(), ..Default::default() };
        let model =
            WorldModel { stamp: at, tracks: tracks.iter().map(track).collect(), ..Default::default() };
        let mut pairer = super::super::moments::Pairer::default();
        pairer.take_truth(truth);
        pairer.take_model(model).remove(0)
    }

    #[test]
    fn who_is_far_away_and_the_track_of_them_do_not_count() {
        let mut judge = Judge::default();
        let near = |p: Point2| p.x_m < 8.0;
        judge.take(&moment(0, &[("anna", 2.0), ("far", 8.1)], &[(1, 2.1), (2, 7.9), (3, 20.0)]), near);
        let score = judge.score();
        assert_eq!((score.people, score.missed, score.invented), (1, 0, 0));
        // A track of nobody within what counts does.
        judge.take(&moment(100, &[("anna", 2.0)], &[(1, 2.1), (4, 5.0)]), near);
        assert_eq!(judge.score().invented, 1);
        let people = judge.people();
        assert_eq!(people.keys().collect::<Vec<_>>(), ["anna"]);
        assert!((people["anna"].error_m - 0.1).abs() < 1e-9 && people["anna"].followed == 2);
    }

    #[test]
    fn ten_moments_a_second_are_judged_and_another_id_is_a_switch() {
        let mut judge = Judge::default();
        for i in 0..21 {
            let id = if i < 10 { 1 } else { 2 };
            judge.take(&moment(50 * i, &[("anna", 2.0)], &[(id, 2.0)]), |_| true);
        }
        let score = judge.score();
        assert_eq!((judge.moments(), score.people, score.switches, score.missed), (11, 11, 1, 0));
        assert_eq!(judge.people()["anna"].ids, 2);
        // Time begins anew: another id is none.
        judge.take(&moment(0, &[("anna", 2.0)], &[(9, 2.0)]), |_| true);
        assert_eq!(judge.score().switches, 1);
    }
}
