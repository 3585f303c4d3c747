//! A robot in a small world with actors, doors and events given as YAML.
#![allow(dead_code, reason = "every test file uses a part of it")]

use outrider_foundation::data::{CommandVelocity, GroundTruth};
use outrider_foundation::robot::example::amr;
use outrider_foundation::{Instant, Node, Now, Outbox, Pose2, Robot, Stamp, Stamped, Twist2};
use outrider_sim::{Config, Input, Output, SimError, SimNode};

/// Truth at every physics period.
const TRUTH_HZ: f64 = 200.0;

pub fn config(extra: &str) -> Config {
    let text = format!("{}\n{extra}", include_str!("../../../../config/sim.yaml"));
    let mut config: Config = outrider_yaml::from_str(&text).unwrap();
    config.truth.rate_hz = TRUTH_HZ;
    config
}

/// A box that stands on the floor.
pub fn block(name: &str, x: f64, y: f64, length: f64, width: f64) -> String {
    format!(
        "<model name='{name}'><static>1</static><pose>{x} {y} 1 0 0 0</pose><link name='l'><collision name='c'>\
         <geometry><box><size>{length} {width} 2</size></box></geometry></collision></link></model>"
    )
}

pub fn world(models: &str) -> String {
    format!("<sdf version='1.9'><world name='w'>{models}</world></sdf>")
}

pub struct Stage {
    pub sim: SimNode,
    now_ns: i64,
}

impl Stage {
    pub fn try_new(models: &str, extra: &str, start: Pose2, seed: u64) -> Result<Self, SimError> {
        Self::of(config(extra), models, start, seed)
    }

    pub fn of(config: Config, models: &str, start: Pose2, seed: u64) -> Result<Self, SimError> {
        let robot = Robot::new(amr()).unwrap();
        Ok(Self { sim: SimNode::new(config, &robot, &world(models), start, seed)?, now_ns: 0 })
    }

    pub fn new(models: &str, extra: &str, start: Pose2) -> Self {
        Self::try_new(models, extra, start, 1).unwrap()
    }

    pub fn refusal(models: &str, extra: &str) -> String {
        match Self::try_new(models, extra, Pose2::new(0.0, -50.0, 0.0), 1) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("not refused"),
        }
    }

    /// Commands every 10 ms for so long; what comes of it.
    pub fn drive(&mut self, twist: Twist2, for_s: f64) -> Vec<Output> {
        let mut all = Vec::new();
        for _ in 0..(for_s * 100.0).round() as usize {
            let mono = Instant::from_nanos(1_000_000_000 + self.now_ns);
            let value = Input::Velocity(CommandVelocity { stamp: Stamp::default(), twist });
            let now = Now { mono, ros: Stamp::from_nanos(self.now_ns) };
            let mut out = Outbox::new(10_000);
            self.sim.step(now, &[Stamped { received: mono, value }], &mut out);
            assert_eq!(out.dropped(), 0);
            all.extend(out.drain());
            self.now_ns += 10_000_000;
        }
        all
    }

    /// The truths of a drive.
    pub fn truths(&mut self, twist: Twist2, for_s: f64) -> Vec<GroundTruth> {
        let truth = |o| if let Output::Truth(t) = o { Some(t) } else { None };
        self.drive(twist, for_s).into_iter().filter_map(truth).collect()
    }
}

/// Where somebody is.
pub fn at(truth: &GroundTruth, name: &str) -> Pose2 {
    truth.actors.iter().find(|a| a.name == name).unwrap().pose
}
