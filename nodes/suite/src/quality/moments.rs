//! World models beside the truth of the same time.
//!
//! What is believed is laid over the truth at the robot: a track is judged by where it is seen from the robot, whatever the frame, and
//! errors of localisation are not the tracker's (`outrider localize` tells them).

use super::score::{Estimate, Target};
use outrider_foundation::data::{GroundTruth, TrueActor, WorldModel};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Point2, Pose2, Stamp};
use std::collections::{BTreeMap, VecDeque};

/// Truths farther apart tell nothing of the time between, in s.
const GAP_S: f64 = 0.25;
/// The truths remembered for world models that come late; of more, the oldest is forgotten.
const TRUTHS: usize = 256;
/// World models that wait for the truth of their time; of more, the oldest is counted as without truth.
const WAITING: usize = 64;

/// What was believed and what was true, at one time.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The truth, between the two messages about this time.
    pub truth: GroundTruth,
    /// The belief.
    pub model: WorldModel,
    /// Takes positions of the belief to the true world: by where the robot truly is.
    pub world_from_model: Pose2,
    /// The true actors, in their order, in the frame of the belief.
    pub targets: Vec<Target>,
}

impl Moment {
    /// What is said of everybody, in the frame of the belief.
    pub fn estimates(&self) -> Vec<Estimate> {
        self.model.tracks.iter().filter_map(Estimate::of).collect()
    }
}

/// Pairs the messages of a run, which come in the order of time or nearly so.
#[derive(Clone, Debug, Default)]
pub struct Pairer {
    truths: VecDeque<GroundTruth>,
    waiting: VecDeque<WorldModel>,
    numbers: BTreeMap<String, u64>,
    without_truth: u64,
}

impl Pairer {
    /// World models at whose time no truth is known, those that still wait included.
    pub fn without_truth(&self) -> u64 {
        self.without_truth + self.waiting.len() as u64
    }

    /// Takes a truth. Returns what can be told now.
    pub fn take_truth(&mut self, truth: GroundTruth) -> Vec<Moment> {
        if self.truths.back().is_some_and(|last| truth.stamp < last.stamp) {
            // Time has begun anew.
            self.without_truth += self.waiting.len() as u64;
            self.truths.clear();
            self.waiting.clear();
        }
        if self.truths.len() >= TRUTHS {
            self.truths.pop_front();
        }
        self.truths.push_back(truth);
        self.pair()
    }

    /// Takes a world model. Returns what can be told now.
    pub fn take_model(&mut self, model: WorldModel) -> Vec<Moment> {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
            self.without_truth += 1;
        }
        self.waiting.push_back(model);
        self.pair()
    }

    fn pair(&mut self) -> Vec<Moment> {
        let mut told = Vec::new();
        while let (Some(model), Some(newest)) = (self.waiting.front(), self.truths.back()) {
            if model.stamp > newest.stamp {
                break;
            }
            let truth = self.truth_at(model.stamp);
            let Some(model) = self.waiting.pop_front() else { break };
            match truth {
                Some(truth) => told.push(self.moment(truth, model)),
                None => self.without_truth += 1,
            }
        }
        told
    }

    fn truth_at(&self, stamp: Stamp) -> Option<GroundTruth> {
        let after = self.truths.partition_point(|t| t.stamp < stamp);
        let next = self.truths.get(after)?;
        if next.stamp == stamp {
            return Some(next.clone());
        }
        let last = self.truths.get(after.checked_sub(1)?)?;
        let gap_s = next.stamp.since(last.stamp).as_s();
        (gap_s <= GAP_S).then(|| between(last, next, stamp.since(last.stamp).as_s() / gap_s, stamp))
    }

    fn moment(&mut self, truth: GroundTruth, model: WorldModel) -> Moment {
        let world_from_model = truth.pose.then(model.ego.pose.inverse());
        let model_from_world = world_from_model.inverse();
        let turn_only = Pose2 { x_m: 0.0, y_m: 0.0, ..model_from_world };
        let targets = truth.actors.iter().map(|actor| {
            let next = self.numbers.len() as u64 + 1;
            let number = *self.numbers.entry(actor.name.clone()).or_insert(next);
            let (s, c) = libm::sincos(actor.pose.yaw_rad);
            Target {
                number,
                position: model_from_world.apply(actor.pose.position()),
                velocity: turn_only.apply(Point2::new(actor.v_mps * c, actor.v_mps * s)),
            }
        });
        Moment { targets: targets.collect(), truth, model, world_from_model }
    }
}

/// The truth between two; who is in one of them only is left out.
fn between(last: &GroundTruth, next: &GroundTruth, share: f64, stamp: Stamp) -> GroundTruth {
    let number = |a: f64, b: f64| a + share * (b - a);
    let pose = |a: Pose2, b: Pose2| {
        let yaw_rad = wrap_angle(a.yaw_rad + share * wrap_angle(b.yaw_rad - a.yaw_rad));
        Pose2 { x_m: number(a.x_m, b.x_m), y_m: number(a.y_m, b.y_m), yaw_rad }
    };
    let actor = |a: &TrueActor| {
        let b = next.actors.iter().find(|b| b.name == a.name)?;
        Some(TrueActor { pose: pose(a.pose, b.pose), v_mps: number(a.v_mps, b.v_mps), ..a.clone() })
    };
    GroundTruth {
        stamp,
        pose: pose(last.pose, next.pose),
        actors: last.actors.iter().filter_map(actor).collect(),
        clearance_m: number(last.clearance_m, next.clearance_m),
        ..last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::data::{Track, TrackState};

    fn truth(ms: i64, robot: Pose2, x_m: f64) -> GroundTruth {
        let actor = TrueActor {
            name: "anna".into(),
            pose: Pose2::new(x_m, 0.0, 0.0),
            v_mps: 1.0,
            radius_m: 0.25,
            body: None,
        };
        GroundTruth {
            stamp: Stamp::from_nanos(ms * 1_000_000),
            pose: robot,
            actors: vec![actor],
            ..GroundTruth::default()
        }
    }

    fn model(ms: i64) -> WorldModel {
        WorldModel { stamp: Stamp::from_nanos(ms * 1_000_000), ..WorldModel::default() }
    }

    #[test]
    fn a_belief_meets_the_truth_of_its_own_time() {
        let mut pairer = Pairer::default();
        assert!(pairer.take_model(model(125)).is_empty());
        assert!(pairer.take_truth(truth(100, Pose2::IDENTITY, 4.0)).is_empty());
        let told = pairer.take_truth(truth(150, Pose2::IDENTITY, 5.0));
        assert_eq!(told.len(), 1);
        assert!((told[0].targets[0].position.x_m - 4.5).abs() < 1e-12);
        // One that comes after the truth of its time is told at once; of one before all truth nothing is known.
        assert_eq!(pairer.take_model(model(150)).len(), 1);
        assert!(pairer.take_model(model(50)).is_empty());
        assert_eq!(pairer.without_truth(), 1);
        // Nothing is known of a gap.
        pairer.take_model(model(300));
        assert!(pairer.take_truth(truth(500, Pose2::IDENTITY, 5.0)).is_empty());
        assert_eq!(pairer.without_truth(), 2);
    }

    /// The robot stands at (10, 0) and looks along y, and believes that it is at the origin and looks along x.
    #[test]
    fn beliefs_are_seen_from_the_robot() {
        let mut pairer = Pairer::default();
        let quarter = std::f64::consts::FRAC_PI_2;
        pairer.take_truth(truth(0, Pose2::new(10.0, 0.0, quarter), 10.0));
        let mut w = model(0);
        w.tracks = vec![Track { state: TrackState::Confirmed, ..Track::default() }];
        let told = pairer.take_model(w);
        let target = told[0].targets[0];
        assert!(target.position.x_m.abs() < 1e-12 && target.position.y_m.abs() < 1e-12);
        assert!(target.velocity.x_m.abs() < 1e-12 && (target.velocity.y_m + 1.0).abs() < 1e-12);
        assert!(told[0].world_from_model.apply(Point2::default()).distance_m(Point2::new(10.0, 0.0)) < 1e-12);
        assert_eq!(told[0].estimates().len(), 1);
    }

    #[test]
    fn what_waits_in_vain_is_bounded_and_counted() {
        let mut pairer = Pairer::default();
        (0..1000).for_each(|ms| assert!(pairer.take_model(model(ms)).is_empty()));
        assert_eq!((pairer.without_truth(), pairer.waiting.len()), (1000, WAITING));
        (0..1000).for_each(|i| drop(pairer.take_truth(truth(2000 + i, Pose2::IDENTITY, 0.0))));
        assert!(pairer.truths.len() <= TRUTHS);
        // Time begins anew: what was before is forgotten.
        pairer.take_truth(truth(0, Pose2::IDENTITY, 0.0));
        assert_eq!(pairer.truths.len(), 1);
    }
}
