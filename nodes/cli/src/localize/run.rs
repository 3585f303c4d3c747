//! A bag through the ego part of the world model.

use super::errors::Timed;
use anyhow::Context as _;
use nalgebra::Matrix3;
use outrider_bags::{BagReader, Order};
use outrider_foundation::data::{Imu, OccupancyMap, Odometry, Scan};
use outrider_foundation::{Pose2, Robot, Span, Stamp, Twist2};
use outrider_msgs::decode;
use outrider_suite::convert;
use outrider_world_model::matching::OwnMapConfig;
use outrider_world_model::{Against, Build, Config, Localizer, LogOddsConfig, TransformBuffer};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Instant;

/// Twists are derived from poses over at least this long, in s; over more than twice as long there is none.
const DERIVE_S: f64 = 0.2;
/// The most scans that wait for odometry of their time; of more, the oldest goes with what odometry there is.
const SCANS_WAITING: usize = 16;
/// Messages with equal stamps are put so far apart.
const STANDING_CLOCK: Span = Span::from_nanos(1000);
/// Noise of odometry that states no covariance, assumed: 10 cm for a metre, 11 degrees for a radian, 3 degrees for a metre.
const ASSUMED_NOISE: [f64; 3] = [0.1, 0.2, 0.05];
/// The own map: 50 m by 50 m about the robot. One hit makes an obstacle, and it takes eight misses to clear what was hit often.
const OWN_MAP: OwnMapConfig = OwnMapConfig {
    cells: 1000,
    resolution_m: 0.05,
    log_odds: LogOddsConfig { hit: 1.5, miss: 0.4, min: -1.0, max: 3.5, occupied: 0.4 },
};

/// What the user wants.
pub struct Wish {
    /// A map to match with, and where the robot is in it at first.
    pub map: Option<(OccupancyMap, Pose2)>,
}

/// What the bag held and what was taken for granted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Story {
    /// Odometry messages taken.
    pub odometry: u64,
    /// Of these, with the same stamp as the one before: taken in the order of the bag, a microsecond after one another.
    pub odometry_same_stamp: u64,
    /// Odometry messages refused, and why the first was.
    pub odometry_refused: u64,
    /// Longest time between two, in s.
    pub odometry_gap_s: f64,
    /// Inertial messages taken.
    pub imu: u64,
    /// Scans taken.
    pub scans: u64,
    /// Scans refused.
    pub scans_refused: u64,
    /// Longest time between two, in s.
    pub scan_gap_s: f64,
    /// The first reasons for refusals.
    pub reasons: Vec<String>,
    /// What the bag did not say.
    pub assumed: Vec<String>,
    /// Scans matched and taken.
    pub matched: u64,
    /// Scans that did not fit.
    pub misfits: u64,
    /// Scans with too few hits.
    pub too_few_hits: u64,
    /// Matches that said nothing in some direction.
    pub hidden_directions: u64,
    /// Scans put into the own map where odometry had the robot.
    pub inserted_blindly: u64,
    /// Times that the odometry's origin leapt.
    pub odometry_resets: u64,
    /// Steps of the wheels whose turning, or travel, was not believed.
    pub slips: u64,
    /// Time for a scan, in µs: median, 99 %, greatest.
    pub scan_us: [f64; 3],
    /// It was lost at the end: why.
    pub lost: Option<String>,
}

/// Where the robot was, by one means.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// At every odometry and scan.
    pub all: Vec<Timed>,
    /// At every scan, with the stamp that the bag has.
    pub at_scans: Vec<Timed>,
}

/// Where the robot was, by what.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By the wheels.
    pub wheels: Track,
    /// By wheels and gyro; empty without one.
    pub gyro: Track,
    /// By matching scans.
    pub matching: Track,
    /// What there was.
    pub story: Story,
}

/// The most reasons that are kept.
const REASONS_KEPT: usize = 5;

struct Run {
    localizer: Option<Localizer>,
    config: Config,
    robot: Robot,
    wish: Option<(OccupancyMap, Pose2)>,
    transforms: TransformBuffer,
    /// With the stamps that the bag has.
    waiting: VecDeque<(Stamp, Scan)>,
    recent: VecDeque<(Stamp, Pose2)>,
    /// Stamp of the last odometry as the bag has it, and the one that it was given.
    last_odometry: Option<(Stamp, Stamp)>,
    last_scan: Option<Stamp>,
    last_imu: Option<Stamp>,
    times_us: Vec<f64>,
    out: Outcome,
}

/// Runs a bag.
///
/// # Errors
/// When it holds nothing to run on, or a message cannot be read.
pub fn run_bag(reader: &BagReader, config: Config, robot: Robot, wish: Wish) -> anyhow::Result<Outcome> {
    let mut run = Run {
        localizer: None,
        transforms: TransformBuffer::new(1.0),
        wish: wish.map,
        waiting: VecDeque::new(),
        recent: VecDeque::new(),
        last_odometry: None,
        last_scan: None,
        last_imu: None,
        times_us: Vec::new(),
        out: Outcome::default(),
        config,
        robot,
    };
    let topics = ["/odom", "/scan", "/imu", "/tf_static"];
    for message in reader.messages_of(Order::LogTime, |c| topics.contains(&c.topic.as_str())) {
        let message = message?;
        let Some(channel) = reader.channel(message.channel) else { continue };
        match channel.topic.as_str() {
            "/odom" => run.odometry(&message.data),
            "/scan" => run.scan(&message.data),
            "/imu" => run.imu(&message.data),
            "/tf_static" => run.fixed(&message.data),
            _ => Ok(()),
        }
        .with_context(|| format!("{} at {} ns", channel.topic, message.log_time_ns))?;
    }
    run.finish()
}

/// The map that a bag holds on `/map`, the last one.
///
/// # Errors
/// When there is none that can be read.
pub fn map_of(reader: &BagReader) -> anyhow::Result<OccupancyMap> {
    let mut found = None;
    for message in reader.messages_of(Order::LogTime, |c| c.topic == "/map") {
        let map = decode(&message?.data).map_err(|e| e.to_string()).and_then(convert::map_from_message);
        found = Some(map.map_err(|e| anyhow::anyhow!("/map: {e}"))?);
    }
    found.context("the bag holds no /map")
}

impl Run {
    fn refuse(&mut self, topic: &str, reason: String) {
        let story = &mut self.out.story;
        *(if topic == "/odom" { &mut story.odometry_refused } else { &mut story.scans_refused }) += 1;
        if story.reasons.len() < REASONS_KEPT {
            story.reasons.push(format!("{topic}: {reason}"));
        }
    }

    fn fixed(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let list = convert::transforms_from_message(decode(bytes)?).map_err(anyhow::Error::msg)?;
        let lidar = &self.robot.description.lidar.frame;
        for transform in list {
            let (child, reason) = match transform {
                Ok(transform) => match self.transforms.set_static(&transform) {
                    Ok(()) => continue,
                    Err(error) => (transform.child, error.to_string()),
                },
                Err(bad) => (bad.child, bad.reason),
            };
            // Many frames of a robot are tilted, and all that is needed here is where lidar and gyro are: the first is told, and
            // the lidar's in any case.
            let reasons = &mut self.out.story.reasons;
            let told = format!("/tf_static: left out: {reason}");
            let first = !reasons.iter().any(|told| told.starts_with("/tf_static: "));
            if first || (child == *lidar && !reasons.contains(&told)) {
                reasons.push(told);
            }
        }
        Ok(())
    }

    fn odometry(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut odometry = match convert::odometry_from_message(decode(bytes)?) {
            Ok(odometry) => odometry,
            Err(reason) => {
                self.refuse("/odom", reason);
                return Ok(());
            }
        };
        let said = odometry.stamp;
        if let Some((last, given)) = self.last_odometry {
            let gap_s = said.since(last).as_s();
            if gap_s < 0.0 {
                self.refuse("/odom", format!("stamp runs backwards by {:.6} s", -gap_s));
                return Ok(());
            }
            let story = &mut self.out.story;
            story.odometry_same_stamp += u64::from(said == last);
            story.odometry_gap_s = story.odometry_gap_s.max(gap_s);
            odometry.stamp = said.max(given + STANDING_CLOCK);
        }
        self.last_odometry = Some((said, odometry.stamp));
        self.out.story.odometry += 1;
        let [xx, _, _, _, yy, _, _, _, tt] = odometry.pose_covariance;
        let silent = odometry.twist_variance.iter().all(|v| *v <= 0.0) && odometry.twist == Twist2::ZERO;
        self.derive_twist(&mut odometry, silent);
        if self.localizer.is_none() {
            self.begin(xx <= 0.0 && yy <= 0.0 && tt <= 0.0, silent)?;
        }
        let Some(localizer) = &mut self.localizer else { return Ok(()) };
        localizer.take_odometry(&odometry);
        self.note(odometry.stamp, None);
        self.match_waiting(Some(odometry.stamp));
        Ok(())
    }

    /// Poses are kept for odometry that says nothing of velocity.
    fn derive_twist(&mut self, odometry: &mut Odometry, silent: bool) {
        while self.recent.get(1).is_some_and(|(at, _)| odometry.stamp.since(*at).as_s() >= DERIVE_S) {
            self.recent.pop_front();
        }
        if let Some((at, pose)) = self.recent.front().filter(|_| silent) {
            let dt_s = odometry.stamp.since(*at).as_s();
            if (0.5 * DERIVE_S..=2.0 * DERIVE_S).contains(&dt_s) {
                let motion = pose.inverse().then(odometry.odom_from_base);
                odometry.twist = Twist2::new(motion.x_m / dt_s, motion.yaw_rad / dt_s);
            }
        }
        if self.recent.len() >= 1000 {
            self.recent.pop_front();
        }
        self.recent.push_back((odometry.stamp, odometry.odom_from_base));
    }

    /// Makes the localizer once it is known what the odometry says of itself.
    fn begin(&mut self, no_covariance: bool, no_twist: bool) -> anyhow::Result<()> {
        let mut ego = self.config.ego.clone();
        let assumed = &mut self.out.story.assumed;
        if no_covariance {
            let [travel, turn, turn_per_m] = ASSUMED_NOISE;
            ego.filter.travel_sigma_per_sqrt_m = travel;
            ego.filter.turn_sigma_per_sqrt_rad = turn;
            ego.filter.turn_sigma_per_sqrt_m = turn_per_m;
            assumed.push(format!(
                "the odometry states no covariance: {travel} m/√m, {turn} rad/√rad and {turn_per_m} rad/√m"
            ));
        }
        if no_twist {
            assumed.push(format!("the odometry states no twist: derived from its poses over {DERIVE_S} s"));
            // Sparse odometry is carried on for as long as from one message to the next.
            ego.extrapolation_max_s = ego.extrapolation_max_s.max(0.5);
        }
        let (base, lidar) = (&self.robot.description.base_frame, self.robot.description.lidar.frame.clone());
        let told = self.transforms.lookup(base, &lidar, Stamp::default()).ok();
        if told.is_none() {
            assumed
                .push(format!("no /tf_static for `{lidar}`: the lidar sits at {base}, and nothing hides it"));
        }
        let footprint = match told {
            Some(_) => self.robot.footprint.clone(),
            None => outrider_foundation::Footprint::rectangle(0.05, 0.05, 0.1)?,
        };
        let build = Build {
            footprint,
            base_from_lidar: told.unwrap_or(Pose2::IDENTITY),
            lidar_frame: lidar,
            speed_max_mps: self.robot.limits.v_max_mps,
        };
        let against = match self.wish.take() {
            None => Against::OwnScans(OWN_MAP),
            Some((map, start)) => Against::Map {
                map,
                occupied_threshold: self.config.map.occupied_threshold,
                start,
                covariance: Matrix3::from_diagonal(&nalgebra::Vector3::new(0.04, 0.04, 0.01)),
            },
        };
        self.localizer = Some(Localizer::new(ego, build, against).map_err(anyhow::Error::msg)?);
        Ok(())
    }

    fn imu(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok(imu): Result<Imu, _> = convert::imu_from_message(decode(bytes)?) else { return Ok(()) };
        if self.last_imu.is_some_and(|last| imu.stamp <= last) {
            return Ok(());
        }
        self.last_imu = Some(imu.stamp);
        let base = self.robot.description.base_frame.as_str();
        let place = self.transforms.to_first(&imu.frame, &[base], imu.stamp).ok();
        if let Some(localizer) = &mut self.localizer {
            self.out.story.imu += 1;
            localizer.take_imu(&imu, place.map(|(_, base_from_imu)| base_from_imu.yaw_rad));
        }
        Ok(())
    }

    fn scan(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut scan = match convert::scan_from_message(decode(bytes)?) {
            Ok(scan) => scan,
            Err(reason) => {
                self.refuse("/scan", reason);
                return Ok(());
            }
        };
        let said = scan.stamp;
        // Where the clock of the log stood still, a scan belongs to the odometry that it came after.
        if let Some((_, given)) = self.last_odometry.filter(|(last, _)| *last == said) {
            scan.stamp = given;
        }
        if let Some(last) = self.last_scan {
            let gap_s = scan.stamp.since(last).as_s();
            if gap_s <= 0.0 {
                self.refuse("/scan", format!("stamp {:.6} s after the last one's", gap_s));
                return Ok(());
            }
            self.out.story.scan_gap_s = self.out.story.scan_gap_s.max(gap_s);
        }
        self.last_scan = Some(scan.stamp);
        if self.waiting.len() >= SCANS_WAITING {
            self.match_next();
        }
        self.waiting.push_back((said, scan));
        self.match_waiting(self.last_odometry.map(|(_, given)| given));
        Ok(())
    }

    /// Scans for which there is odometry up to `until`; all with `None`.
    fn match_waiting(&mut self, until: Option<Stamp>) {
        while self.waiting.front().is_some_and(|(_, scan)| until.is_none_or(|until| scan.stamp <= until)) {
            self.match_next();
        }
    }

    fn match_next(&mut self) {
        let Some((said, scan)) = self.waiting.pop_front() else { return };
        let Some(localizer) = &mut self.localizer else {
            self.refuse("/scan", "no odometry yet".to_owned());
            return;
        };
        let started = Instant::now();
        match localizer.take_scan(&scan) {
            Ok(report) => {
                self.times_us.push(started.elapsed().as_secs_f64() * 1e6);
                self.out.story.scans += 1;
                self.out.story.inserted_blindly += u64::from(report.blindly);
                self.note(scan.stamp, Some(said));
            }
            Err(reason) => self.refuse("/scan", reason),
        }
    }

    /// Keeps where the robot is at a time; for a scan, with the stamp that it had in the bag.
    fn note(&mut self, at: Stamp, scan_said: Option<Stamp>) {
        let Some(localizer) = &self.localizer else { return };
        let keep = |track: &mut Track, pose: Option<Pose2>| {
            let Some(pose) = pose else { return };
            track.at_scans.extend(scan_said.map(|said| (said, pose)));
            match track.all.last_mut() {
                Some((last, held)) if *last == at => *held = pose,
                // A scan that came late tells of a time that is over.
                Some((last, _)) if *last > at => {}
                _ => track.all.push((at, pose)),
            }
        };
        keep(&mut self.out.wheels, localizer.by_wheels(at));
        keep(&mut self.out.gyro, localizer.by_reckoning(at));
        keep(&mut self.out.matching, localizer.by_matching(at).map(|(pose, _)| pose));
    }

    fn finish(mut self) -> anyhow::Result<Outcome> {
        self.match_waiting(None);
        let localizer = self.localizer.context("no odometry on /odom that could be used")?;
        let (m, r) = (localizer.matching_counters(), localizer.reckoner_counters());
        let story = &mut self.out.story;
        (story.matched, story.misfits, story.too_few_hits) = (m.matched, m.misfits, m.too_few_hits);
        story.hidden_directions = m.hidden_directions;
        story.odometry_resets = localizer.odometry_resets();
        story.slips = r.slipping_turns + r.slipping_travels;
        story.lost = localizer.lost();
        self.times_us.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * self.times_us.len().saturating_sub(1) as f64) as usize;
            self.times_us.get(index).copied().unwrap_or(f64::NAN)
        };
        story.scan_us = [at(0.5), at(0.99), at(1.0)];
        if r.with_gyro == 0 {
            self.out.gyro = Track::default();
        }
        Ok(self.out)
    }
}
