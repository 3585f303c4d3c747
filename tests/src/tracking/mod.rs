//! How well objects are tracked: simulated crowds, the world model's tracker and a plain one beside it, in one table.
//!
//! MOTA, GOSPA, changes of identity and normalised errors are `outrider_suite::quality`'s, which `outrider tracking` has too.
//!
//! - `crowd`: people who walk, turn and stand, and a detector that misses, invents and is late.
//! - `baseline`: nearest neighbour and a Kalman filter of constant velocity.
//! - [`density`]: errors of beliefs that are no Gaussians.
//! - `walkers`: how one of them moves.
//! - `table`: what is printed.

pub mod baseline;
pub mod crowd;
pub mod density;
mod table;
pub mod walkers;

use crowd::{Crowd, Motion, Setting};
use density::Mixture;
use outrider_foundation::data::{DetectionSet, Scan};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Pose2, Stamp, Twist2};
use outrider_suite::quality::score::{Estimate, Nees, Score, Scorer, Target};
use outrider_world_model::TracksConfig;
use outrider_world_model::tracks::Tracker;
use std::ops::Range;
pub use table::markdown;
use walkers::Walker;

/// Stream of randomness of the states that are drawn from beliefs.
const DRAWS: u32 = 3;

/// Who follows objects.
pub trait Follower {
    /// Takes what a scan shows.
    fn look(&mut self, scan: &Scan);
    /// Takes a set of detections.
    fn observe(&mut self, set: &DetectionSet);
    /// What is believed at a time.
    fn estimates(&mut self, now: Stamp) -> Vec<Estimate>;
    /// What is believed of somebody, way to move by way to move; none where that is no more than the estimate.
    fn ways(&self, now: Stamp, id: u64) -> Option<Mixture>;
}

/// The world model's own.
impl Follower for Tracker {
    fn look(&mut self, scan: &Scan) {
        Self::look(self, scan, &[], Pose2::IDENTITY, Pose2::IDENTITY, Some(Twist2::ZERO));
    }

    fn observe(&mut self, set: &DetectionSet) {
        // Nothing is refused here: every set comes once and in time.
        let _ = Self::observe(self, set, Pose2::IDENTITY, Point2::default());
    }

    fn estimates(&mut self, now: Stamp) -> Vec<Estimate> {
        self.age(now);
        self.tracks(now, Pose2::IDENTITY).iter().filter_map(Estimate::of).collect()
    }

    fn ways(&self, now: Stamp, id: u64) -> Option<Mixture> {
        let all = Self::ways(self, now);
        all.iter().find(|(of, _)| *of == id).and_then(|(_, ways)| Mixture::of(ways))
    }
}

/// One line: a setting, and how both did, over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What was simulated.
    pub setting: Setting,
    /// The world model's tracker.
    pub tracker: Score,
    /// Its errors by the mixture that it believes in, rather than by that mixture's first two moments: of those apart,
    pub mixture_apart: Nees,
    /// and of all.
    pub mixture: Nees,
    /// The plain one.
    pub baseline: Score,
}

/// Every density with every share of misses, count of false alarms and latency.
pub fn settings(motion: Motion) -> Vec<Setting> {
    let mut all = Vec::new();
    for people in [5, 15, 30] {
        for miss in [0.0, 0.2, 0.4] {
            for false_alarms in [0.0, 2.0] {
                for latency_s in [0.0, 0.1, 0.3] {
                    all.push(Setting { motion, people, miss, false_alarms, latency_s });
                }
            }
        }
    }
    all
}

/// Both trackers in one setting, over seeds.
pub fn line(setting: Setting, config: &TracksConfig, seeds: Range<u64>, seconds: u32) -> Line {
    let (mut ours, mut plain) = (Tally::default(), Tally::default());
    let mut config = config.clone();
    if setting.motion == Motion::Model {
        // The equations know no greatest speed.
        config.speed_max_mps = 50.0;
    }
    for seed in seeds {
        let crowd = || Crowd::new(setting, &config.motion, seed);
        run(crowd(), setting, seconds, &mut Tracker::new(config.clone()), &mut ours);
        run(crowd(), setting, seconds, &mut baseline::Nearest::default(), &mut plain);
    }
    Line {
        setting,
        tracker: ours.scorer.score(),
        mixture_apart: ours.mixture_apart,
        mixture: ours.mixture,
        baseline: plain.scorer.score(),
    }
}

/// What is summed up over the seeds.
#[derive(Debug, Default)]
struct Tally {
    scorer: Scorer,
    mixture_apart: Nees,
    mixture: Nees,
    /// Errors by mixtures so far: each has random numbers of its own.
    errors: u64,
}

impl Tally {
    fn take(&mut self, now: Stamp, truth: &[Target], follower: &mut dyn Follower) {
        self.scorer.take(truth, &follower.estimates(now));
        for judged in self.scorer.judged() {
            let person = truth.iter().find(|t| t.number == judged.number);
            let (Some(person), Some(belief)) = (person, follower.ways(now, judged.id)) else { continue };
            let Target { position, velocity, .. } = *person;
            let state = [position.x_m, position.y_m, velocity.x_m, velocity.y_m];
            let error_sq = belief.error_sq(&state, &mut Rng::new(0, DRAWS, self.errors));
            self.errors += 1;
            self.mixture.push(error_sq);
            if judged.apart {
                self.mixture_apart.push(error_sq);
            }
        }
    }
}

/// Ten pictures and scans a second; told is what is believed now, with all that has arrived by now.
fn run(mut crowd: Crowd, setting: Setting, seconds: u32, follower: &mut dyn Follower, tally: &mut Tally) {
    tally.scorer.begin();
    let mut waiting: Vec<(i64, DetectionSet)> = Vec::new();
    for step in 0..i64::from(seconds) * 10 {
        let now = crowd.stamp();
        follower.look(&crowd.scan());
        waiting.push((now.nanos() + (setting.latency_s * 1e9) as i64, crowd.picture()));
        while waiting.first().is_some_and(|(due, _)| *due <= now.nanos()) {
            follower.observe(&waiting.remove(0).1);
        }
        // The first seconds are for getting to know each other.
        if step >= 30 {
            let target = |w: &Walker| Target { number: w.number, position: w.position, velocity: w.velocity };
            let truth: Vec<_> = crowd.truth().iter().map(target).collect();
            tally.take(now, &truth, follower);
        } else {
            follower.estimates(now);
        }
        crowd.step();
    }
}
