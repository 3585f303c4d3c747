//! People in a square hall about the robot, and a detector that sees them as one would.

use super::walkers::{HALF_M, Walker};
use outrider_foundation::data::{Detection, DetectionSet, Scan};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Stamp};
use outrider_world_model::tracks::MotionConfig;
use std::f64::consts::{PI, TAU};

/// Time from one picture to the next, ns.
const STEP_NS: i64 = 100_000_000;
const RADIUS_M: f64 = 0.25;
const BEAMS: usize = 720;
/// Streams of randomness.
const MOTION: u32 = 1;
const PICTURE: u32 = 2;

/// How the crowd moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Motion {
    /// As people do: they set off, stop and turn as they like, within what legs can.
    People,
    /// By the very equations that the tracker has; only then may its covariances be held against it.
    Model,
}

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// How they move.
    pub motion: Motion,
    /// People in 256 m².
    pub people: usize,
    /// Probability that somebody in view is not detected.
    pub miss: f64,
    /// Mean count in a picture.
    pub false_alarms: f64,
    /// From stamp to arrival, s.
    pub latency_s: f64,
}

impl Setting {
    /// About which one factor at a time is varied.
    pub const MIDDLE: Self =
        Self { motion: Motion::People, people: 15, miss: 0.1, false_alarms: 0.5, latency_s: 0.08 };
}

/// Everybody.
#[derive(Clone, Debug)]
pub struct Crowd {
    setting: Setting,
    motion: MotionConfig,
    seed: u64,
    step: u64,
    people: Vec<Walker>,
    numbers: u64,
}

impl Crowd {
    /// At time zero. `motion` is how [`Motion::Model`] moves.
    pub fn new(setting: Setting, motion: &MotionConfig, seed: u64) -> Self {
        let mut crowd =
            Self { setting, motion: motion.clone(), seed, step: 0, people: Vec::new(), numbers: 0 };
        let mut rng = Rng::new(seed, MOTION, 0);
        crowd.people = (0..setting.people).map(|_| crowd.somebody(&mut rng)).collect();
        crowd
    }

    fn somebody(&mut self, rng: &mut Rng) -> Walker {
        self.numbers += 1;
        match self.setting.motion {
            Motion::People => Walker::person(self.numbers, rng),
            Motion::Model => Walker::model(self.numbers, &self.motion, rng),
        }
    }

    /// Time.
    pub fn stamp(&self) -> Stamp {
        Stamp::from_nanos(self.step as i64 * STEP_NS)
    }

    /// Everybody in the hall; hidden or not, they are there.
    pub fn truth(&self) -> &[Walker] {
        &self.people
    }

    /// Goes one picture on. Who has left the hall is followed by somebody else elsewhere.
    pub fn step(&mut self) {
        self.step += 1;
        let mut people = std::mem::take(&mut self.people);
        for (i, person) in people.iter_mut().enumerate() {
            let mut rng = Rng::new(self.seed, MOTION, self.step << 16 | (i as u64 + 1));
            person.go_on(self.step, STEP_NS as f64 * 1e-9, &self.motion, &mut rng);
            if person.is_outside() {
                *person = self.somebody(&mut rng);
            }
        }
        self.people = people;
    }

    /// What a lidar at the origin sees.
    pub fn scan(&self) -> Scan {
        let mut scan = Scan {
            stamp: self.stamp(),
            angle_min_rad: -PI,
            angle_increment_rad: TAU / BEAMS as f64,
            range_min_m: 0.05,
            range_max_m: 30.0,
            ranges_m: vec![f32::INFINITY; BEAMS],
            ..Scan::default()
        };
        let per_beam = scan.angle_increment_rad;
        for p in &self.people {
            let (x, y) = (p.position.x_m, p.position.y_m);
            let distance_m = libm::hypot(x, y).max(RADIUS_M);
            let half = libm::asin((RADIUS_M / distance_m).min(1.0)) / per_beam;
            let middle = (libm::atan2(y, x) + PI) / per_beam;
            for i in (middle - half).ceil() as i64..=(middle + half).floor() as i64 {
                let beam = i.rem_euclid(BEAMS as i64) as usize;
                let range_m = distance_m - RADIUS_M;
                if let Some(held) = scan.ranges_m.get_mut(beam) {
                    *held = held.min(range_m as f32);
                }
            }
        }
        scan
    }

    /// What the detector makes of it.
    pub fn picture(&self) -> DetectionSet {
        let mut rng = Rng::new(self.seed, PICTURE, self.step);
        let mut detections = Vec::new();
        for (i, person) in self.people.iter().enumerate() {
            let seen = self.detection(person.position, 0.95, &mut rng);
            if rng.uniform() >= self.setting.miss && !self.is_hidden(i) {
                detections.push(seen);
            }
        }
        let whole = self.setting.false_alarms.floor();
        let count = whole as u32 + u32::from(rng.uniform() < self.setting.false_alarms - whole);
        for _ in 0..count {
            let at = Point2::new(HALF_M * (2.0 * rng.uniform() - 1.0), HALF_M * (2.0 * rng.uniform() - 1.0));
            let existence = 0.5 + 0.4 * rng.uniform();
            detections.push(self.detection(at, existence, &mut rng));
        }
        DetectionSet {
            stamp: self.stamp(),
            sequence: self.step + 1,
            model_id: "crowd".into(),
            model_version: "1".into(),
            class_labels: vec!["person".into(), "other".into()],
            detections,
            ..DetectionSet::default()
        }
    }

    fn detection(&self, at: Point2, existence: f64, rng: &mut Rng) -> Detection {
        let sigma_m = 0.05 + 0.01 * at.distance_m(Point2::default());
        Detection {
            position: Point2::new(at.x_m + sigma_m * rng.normal(), at.y_m + sigma_m * rng.normal()),
            covariance: [sigma_m * sigma_m, 0.0, 0.0, sigma_m * sigma_m],
            body: None,
            radius_m: RADIUS_M,
            existence,
            class_probabilities: vec![0.9, 0.1],
        }
    }

    /// Whether the line from the robot to the middle of somebody meets somebody else.
    fn is_hidden(&self, index: usize) -> bool {
        let Some(person) = self.people.get(index) else { return false };
        let to = person.position;
        let blocks = |other: &Walker| {
            let p = other.position;
            outrider_foundation::geometry::segment_distance_sq(Point2::default(), to, p) < RADIUS_M * RADIUS_M
        };
        self.people.iter().enumerate().any(|(i, other)| i != index && blocks(other))
    }
}
