//! The moments at which the report shows belief beside truth: picked by rule while the bag is read, so that none is kept but these.

use outrider_foundation::data::TrackState;
use outrider_msgs::outrider_msgs as ours;
use outrider_suite::convert::{truth_from_message, world_model_from_message};
use outrider_suite::quality::moments::{Moment, Pairer};
use outrider_suite::quality::score::{PEOPLE_LIMIT, nearest};
use outrider_world_model::tracks::assign::Assignment;

/// A moment and why it is shown.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Time since the start of the bag.
    pub t_s: f64,
    /// What makes it the one, in m.
    pub value_m: f64,
    /// Index of the person whom it is about.
    pub person: usize,
    /// Belief and truth.
    pub moment: Moment,
}

/// What is picked.
#[derive(Clone, Debug, Default)]
pub struct Glimpses {
    pairer: Pairer,
    /// Somebody's middle was nearest to the robot's.
    pub nearest: Option<Glimpse>,
    /// A track was farthest from the person whom it follows.
    pub widest: Option<Glimpse>,
    /// The disc was greatest that somebody who had been unseen for long could have reached; the person is the one nearest to its
    /// middle.
    pub lost: Option<Glimpse>,
    refused: u64,
    reason: String,
}

impl Glimpses {
    /// Takes a truth.
    pub fn take_truth(&mut self, t_s: f64, m: &ours::GroundTruth) {
        match truth_from_message(m.clone()) {
            Ok(truth) => {
                let told = self.pairer.take_truth(truth);
                self.pick(t_s, told);
            }
            Err(reason) => self.refuse(format!("/sim/ground_truth: {reason}")),
        }
    }

    /// Takes a world model.
    pub fn take_model(&mut self, t_s: f64, m: &ours::WorldModel) {
        match world_model_from_message(m.clone()) {
            Ok(model) => {
                let told = self.pairer.take_model(model);
                self.pick(t_s, told);
            }
            Err(reason) => self.refuse(format!("/world_model: {reason}")),
        }
    }

    /// A sentence on messages that could not be taken.
    pub fn refused_note(&self) -> Option<String> {
        let (count, reason) = (self.refused, &self.reason);
        (count > 0)
            .then(|| format!("{count} messages are not sound and stand beside no truth; the first: {reason}"))
    }

    fn refuse(&mut self, reason: String) {
        self.refused += 1;
        if self.reason.is_empty() {
            self.reason = reason;
        }
    }

    fn pick(&mut self, t_s: f64, told: Vec<Moment>) {
        for moment in told {
            let near = nearest_person(&moment);
            if let Some((person, value_m)) = near
                && self.nearest.as_ref().is_none_or(|held| value_m < held.value_m)
            {
                self.nearest = Some(Glimpse { t_s, value_m, person, moment: moment.clone() });
            }
            if let Some((person, value_m)) = widest_error(&moment)
                && self.widest.as_ref().is_none_or(|held| value_m > held.value_m)
            {
                self.widest = Some(Glimpse { t_s, value_m, person, moment: moment.clone() });
            }
            if let Some((person, value_m)) = greatest_reach(&moment)
                && self.lost.as_ref().is_none_or(|held| value_m > held.value_m)
            {
                self.lost = Some(Glimpse { t_s, value_m, person, moment });
            }
        }
    }
}

fn nearest_person(moment: &Moment) -> Option<(usize, f64)> {
    let robot = moment.truth.pose.position();
    let distances = moment.truth.actors.iter().map(|a| a.pose.position().distance_m(robot)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn widest_error(moment: &Moment) -> Option<(usize, f64)> {
    let errors = followed(moment).into_iter().filter_map(|(person, track)| {
        let (target, track) = (moment.targets.get(person)?, moment.model.tracks.get(track)?);
        Some((person, target.position.distance_m(track.position)))
    });
    errors.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn greatest_reach(moment: &Moment) -> Option<(usize, f64)> {
    let lost = moment.model.tracks.iter().filter(|t| t.state == TrackState::Reachable);
    let track = lost.max_by(|a, b| a.reachable_m.total_cmp(&b.reachable_m))?;
    let distances = moment.targets.iter().map(|t| t.position.distance_m(track.position)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(person, _)| (person, track.reachable_m))
}

/// Who is followed by which track, as indices of actors and tracks.
pub fn followed(moment: &Moment) -> Vec<(usize, usize)> {
    let estimates = moment.estimates();
    let most = moment.targets.len().max(estimates.len());
    if most > PEOPLE_LIMIT {
        return Vec::new();
    }
    let pairs = nearest(&mut Assignment::new(most.max(1), most.max(1)), &moment.targets, &estimates);
    let track = |index: usize| {
        let id = estimates.get(index)?.id;
        moment.model.tracks.iter().position(|t| t.id == id)
    };
    pairs.into_iter().filter_map(|(person, estimate)| Some((person, track(estimate)?))).collect()
}
