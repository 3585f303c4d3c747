//! People in a square hall about the robot, and a detector that sees them as one would.

use outrider_foundation::data::{Detection, DetectionSet, Scan};
use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Pose2, Stamp, Twist2};
use std::f64::consts::{PI, TAU};

/// From the robot to every wall, m.
const HALF_M: f64 = 8.0;
/// Time from one picture to the next, ns.
const STEP_NS: i64 = 100_000_000;
const RADIUS_M: f64 = 0.25;
const BEAMS: usize = 720;
/// Streams of randomness.
const MOTION: u32 = 1;
const PICTURE: u32 = 2;

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
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
    pub const MIDDLE: Self = Self { people: 15, miss: 0.1, false_alarms: 0.5, latency_s: 0.08 };
}

/// Somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Person {
    /// Where, and which way.
    pub pose: Pose2,
    /// How.
    pub twist: Twist2,
    /// Until this step.
    until: i64,
}

impl Person {
    /// Velocity in the hall's frame.
    pub fn velocity(&self) -> Point2 {
        let (s, c) = libm::sincos(self.pose.yaw_rad);
        Point2::new(self.twist.v_mps * c, self.twist.v_mps * s)
    }
}

/// Everybody.
#[derive(Clone, Debug)]
pub struct Crowd {
    setting: Setting,
    seed: u64,
    step: i64,
    people: Vec<Person>,
}

impl Crowd {
    /// At time zero.
    pub fn new(setting: Setting, seed: u64) -> Self {
        let mut rng = Rng::new(seed, MOTION, 0);
        let mut somewhere = || (2.0 * rng.uniform() - 1.0) * (HALF_M - 1.0);
        let people = (0..setting.people).map(|_| Person {
            pose: Pose2::new(somewhere(), somewhere(), somewhere()),
            twist: Twist2::ZERO,
            until: 0,
        });
        Self { setting, seed, step: 0, people: people.collect() }
    }

    /// Time.
    pub fn stamp(&self) -> Stamp {
        Stamp::from_nanos(self.step * STEP_NS)
    }

    /// Everybody in view of the detector's range; hidden or not, they are there.
    pub fn truth(&self) -> Vec<(Point2, Point2)> {
        self.people.iter().map(|p| (p.pose.position(), p.velocity())).collect()
    }

    /// Goes one picture on.
    pub fn step(&mut self) {
        self.step += 1;
        let step = self.step;
        for (i, person) in self.people.iter_mut().enumerate() {
            let mut rng = Rng::new(self.seed, MOTION, (step as u64) << 16 | (i as u64 + 1));
            let ahead = person.pose.advance(Twist2::new(0.8, 0.0), 1.0);
            let outside = ahead.x_m.abs().max(ahead.y_m.abs()) > HALF_M;
            if outside && person.twist.v_mps > 0.0 {
                // A wall: turns away from it, towards the side of the middle.
                let to_middle = libm::atan2(-person.pose.y_m, -person.pose.x_m);
                let side = libm::sin(to_middle - person.pose.yaw_rad);
                person.twist.w_radps = if side >= 0.0 { 1.5 } else { -1.5 };
                person.until = step + 5;
            } else if step >= person.until {
                let walks = 0.5 + 1.0 * rng.uniform();
                let turns = (0.4 + 0.8 * rng.uniform()) * if rng.uniform() < 0.5 { 1.0 } else { -1.0 };
                let (v, w, lasts_s) = match rng.uniform() {
                    p if p < 0.25 => (0.0, 0.0, 3.0),
                    p if p < 0.5 => (walks, turns, 1.5),
                    _ => (walks, 0.0, 4.0),
                };
                person.twist = Twist2::new(v, w);
                person.until = step + (10.0 * lasts_s * (0.5 + rng.uniform())) as i64;
            }
            person.pose = person.pose.advance(person.twist, STEP_NS as f64 * 1e-9);
        }
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
            let (x, y) = (p.pose.x_m, p.pose.y_m);
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
        let mut rng = Rng::new(self.seed, PICTURE, self.step as u64);
        let mut detections = Vec::new();
        for (i, person) in self.people.iter().enumerate() {
            let seen = self.detection(person.pose.position(), 0.95, &mut rng);
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
            sequence: self.step as u64 + 1,
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
            radius_m: RADIUS_M,
            existence,
            class_probabilities: vec![0.9, 0.1],
        }
    }

    /// Whether the line from the robot to the middle of somebody meets somebody else.
    fn is_hidden(&self, index: usize) -> bool {
        let Some(person) = self.people.get(index) else { return false };
        let to = person.pose.position();
        let blocks = |other: &Person| {
            let p = other.pose.position();
            outrider_foundation::geometry::segment_distance_sq(Point2::default(), to, p) < RADIUS_M * RADIUS_M
        };
        self.people.iter().enumerate().any(|(i, other)| i != index && blocks(other))
    }
}
