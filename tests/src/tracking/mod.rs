//! How well objects are tracked: simulated crowds, the world model's tracker and a plain one beside it, in one table.
//!
//! - `crowd`: people who walk, turn and stand, and a detector that misses, invents and is late.
//! - `baseline`: nearest neighbour and a Kalman filter of constant velocity.
//! - `score`: MOTA, GOSPA, changes of identity, normalised errors.
//! - [`table`]: the rows, and both trackers on each.

pub mod baseline;
pub mod crowd;
pub mod score;

use crowd::{Crowd, Setting};
use outrider_foundation::data::{DetectionSet, Scan, TrackState};
use outrider_foundation::{Point2, Pose2, Stamp};
use outrider_world_model::TracksConfig;
use outrider_world_model::tracks::Tracker;
use score::{Estimate, Score, Scorer};

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
        Self::look(self, scan, &[], Pose2::IDENTITY, Pose2::IDENTITY);
    }

    fn observe(&mut self, set: &DetectionSet) {
        // Nothing is refused here: every set comes once and in time.
        let _ = Self::observe(self, set, Pose2::IDENTITY, Point2::default());
    }

    fn estimates(&mut self, now: Stamp) -> Vec<Estimate> {
        self.age(now);
        let counts = |state| matches!(state, TrackState::Confirmed | TrackState::Coasting);
        let tracks = self.tracks(now, Pose2::IDENTITY);
        let told = tracks.iter().filter(|t| counts(t.state)).map(|t| Estimate {
            id: t.id,
            position: t.position,
            velocity: t.velocity,
            covariance: t.covariance,
        });
        told.collect()
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

/// One factor at a time about the middle: density, misses, false alarms, latency.
pub fn settings() -> Vec<Setting> {
    let middle = Setting::MIDDLE;
    let mut all = vec![middle];
    all.extend([5, 30, 45].map(|people| Setting { people, ..middle }));
    all.extend([0.0, 0.2, 0.4].map(|miss| Setting { miss, ..middle }));
    all.extend([0.0, 2.0, 5.0].map(|false_alarms| Setting { false_alarms, ..middle }));
    all.extend([0.0, 0.15, 0.3].map(|latency_s| Setting { latency_s, ..middle }));
    all
}

/// Both trackers in one setting, over seeds from 1.
pub fn line(setting: Setting, config: &TracksConfig, seeds: u64, seconds: u32) -> Line {
    let (mut ours, mut plain) = (Scorer::default(), Scorer::default());
    for seed in 1..=seeds {
        run(setting, seed, seconds, &mut Tracker::new(config.clone()), &mut ours);
        run(setting, seed, seconds, &mut baseline::Nearest::default(), &mut plain);
    }
    Line { setting, tracker: ours.score(), baseline: plain.score() }
}

/// Ten pictures and scans a second; told is what is believed now, with all that has arrived by now.
fn run(setting: Setting, seed: u64, seconds: u32, follower: &mut dyn Follower, scorer: &mut Scorer) {
    let mut crowd = Crowd::new(setting, seed);
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
            scorer.take(&crowd.truth(), &follower.estimates(now));
        } else {
            follower.estimates(now);
        }
        crowd.step();
    }
}

/// The table, in Markdown.
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| people | missed | false alarms | latency | tracker | MOTA | GOSPA | id switches | NEES | within 95 % |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        for (name, s) in [("world model", &line.tracker), ("nearest neighbour", &line.baseline)] {
            let c = line.setting;
            text += &format!(
                "| {} | {:.0} % | {} | {:.0} ms | {name} | {:.1} % | {:.3} m | {} | {:.2} | {:.1} % |\n",
                c.people,
                100.0 * c.miss,
                c.false_alarms,
                1e3 * c.latency_s,
                100.0 * s.mota,
                s.gospa_m,
                s.switches,
                s.nees,
                100.0 * s.within
            );
        }
    }
    text
}
