//! How well objects are tracked: simulated crowds, the world model's tracker and a plain one beside it, in one table.
//!
//! MOTA, GOSPA, changes of identity and normalised errors are `outrider_suite::quality`'s, which `outrider tracking` has too.
//!
//! - `crowd`: people who walk, turn and stand, and a detector that misses, invents and is late.
//! - `baseline`: nearest neighbour and a Kalman filter of constant velocity.
//! - `walkers`: how one of them moves.
//! - `table`: what is printed.

pub mod baseline;
pub mod crowd;
mod table;
pub mod walkers;

use crowd::{Crowd, Motion, Setting};
use outrider_foundation::data::{DetectionSet, Scan};
use outrider_foundation::{Point2, Pose2, Stamp, Twist2};
use outrider_suite::quality::score::{Estimate, Score, Scorer, Target};
use outrider_world_model::TracksConfig;
use outrider_world_model::tracks::Tracker;
use std::ops::Range;
pub use table::markdown;
use walkers::Walker;

/// Who follows objects.
pub trait Follower {
    /// Takes what a scan shows.
    fn look(&mut self, scan: &Scan);
    /// Takes a set of detections.
    fn observe(&mut self, set: &DetectionSet);
    /// What is believed at a time.
    fn estimates(&mut self, now: Stamp) -> Vec<Estimate>;
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
}

/// One line: a setting, and how both did, over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What was simulated.
    pub setting: Setting,
    /// The world model's tracker.
    pub tracker: Score,
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
    let (mut ours, mut plain) = (Scorer::default(), Scorer::default());
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
    Line { setting, tracker: ours.score(), baseline: plain.score() }
}

/// Ten pictures and scans a second; told is what is believed now, with all that has arrived by now.
fn run(mut crowd: Crowd, setting: Setting, seconds: u32, follower: &mut dyn Follower, scorer: &mut Scorer) {
    scorer.begin();
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
            scorer.take(&truth, &follower.estimates(now));
        } else {
            follower.estimates(now);
        }
        crowd.step();
    }
}
