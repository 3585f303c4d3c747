//! The world model as a node: inputs are checked and handed to their part, one world model comes out per scan.

mod health;
mod localise;
mod resize;
mod restart;

use self::resize::Resizes;
use self::restart::Kept;
use crate::beams::{Beam, Body, Disc, Reach, Sweep, beams, check, sweep_s};
use crate::clear::Clears;
use crate::config::Config;
use crate::costmap::Costmap;
use crate::distance::finest_m;
use crate::ego::{Continuity, EgoEstimator, Localisation};
use crate::error::WorldModelError;
use crate::global::GlobalMap;
use crate::source::SourceMonitor;
use crate::static_map::StaticMap;
use crate::tracks::Tracker;
use crate::transforms::TransformBuffer;
use crate::zones::ZoneLayer;
use outrider_foundation::data::{
    ClearCostmap, DetectionSet, EgoState, Imu, OccupancyMap, Odometry, Scan, TransformStamped, WorldModel,
};
use outrider_foundation::grid::{CostGrid, FrameId, GridSize};
use outrider_foundation::zones::Zones;
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Robot, Span, Stamp, Stamped};
use std::sync::Arc;

/// No driver of a base starts anew within this time, in s: a shorter silence is one of the network, and the origin is the same.
const RESTART_S: f64 = 1.0;

/// The most scans that one step takes; of more, the oldest are left out and counted.
pub const SCANS_PER_STEP_LIMIT: usize = 4;

/// What the world model consumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// `/scan`.
    Scan(Scan),
    /// `/odom`.
    Odometry(Odometry),
    /// `/imu`.
    Imu(Imu),
    /// One transform of `/tf`.
    Transform(TransformStamped),
    /// One transform of `/tf_static`.
    StaticTransform(TransformStamped),
    /// `/map`.
    Map(OccupancyMap),
    /// `/detections`.
    Detections(DetectionSet),
    /// `/clear_costmap`: what scans have marked is to be forgotten.
    Clear(ClearCostmap),
    /// `/costmap/resize`: the local grid is to have another size.
    Resize(GridSize),
    /// One transform of `/tf` or `/tf_static` that could not be decoded.
    TransformRefused {
        /// Its frames,
        parent: String,
        /// as they were stated.
        child: String,
        /// Why.
        reason: String,
    },
    /// A message that could not be decoded or was refused at the border.
    Rejected {
        /// Its topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What the world model produces.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// `/world_model/alive`: this node runs.
    Alive(Stamp),
    /// `/world_model`: after every scan, and at the latest every heartbeat.
    WorldModel(WorldModel),
    /// The global grid: when the map comes or changes, and when the scans have found something beside it.
    GlobalGrid(CostGrid),
}

/// What has happened that no message tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counters {
    scans_integrated: u64,
    scans_left_out: u64,
    heartbeats: u64,
    frame_changes: u64,
    odometry_resets: u64,
    clock_resets: u64,
    transforms_ignored: u64,
    transforms_refused: u64,
    lidar_place_disagrees: u64,
    imu_without_place: u64,
    rejected_of_unknown_topic: u64,
}

/// Watches of every source, in the order in which they are published.
#[derive(Clone, Debug)]
struct Sources {
    scan: SourceMonitor,
    odometry: SourceMonitor,
    imu: SourceMonitor,
    transform: SourceMonitor,
    map: SourceMonitor,
    detections: SourceMonitor,
}

impl Sources {
    fn all(&self) -> [&SourceMonitor; 6] {
        [&self.scan, &self.odometry, &self.imu, &self.transform, &self.map, &self.detections]
    }

    fn all_mut(&mut self) -> [&mut SourceMonitor; 6] {
        [
            &mut self.scan,
            &mut self.odometry,
            &mut self.imu,
            &mut self.transform,
            &mut self.map,
            &mut self.detections,
        ]
    }
}

/// The world model.
#[derive(Clone, Debug)]
pub struct WorldModelNode {
    config: Config,
    robot: Robot,
    boot_id: u64,
    sources: Sources,
    ego: EgoEstimator,
    transforms: TransformBuffer,
    localisation: Localisation,
    /// Where odometry had the robot when own matching began at the configured pose, if it has.
    begun_at: Option<Pose2>,
    /// What own matching goes on from once odometry is heard after a step back of the clock.
    kept: Option<Kept>,
    /// Stamp of the last scan that was matched and taken.
    matched_at: Option<Stamp>,
    costmap: Costmap,
    clears: Clears,
    resizes: Resizes,
    global: Option<GlobalMap>,
    zones: ZoneLayer,
    tracker: Tracker,
    counters: Counters,
    sequence: u64,
    scan_stamp: Stamp,
    /// Stamp of the newest world model: they never run backwards unless the clock does.
    stamp: Stamp,
    last_now: Option<Now>,
    heartbeat_due: Option<Instant>,
    alive_due: Instant,
    global_sequence: u64,
    global_due: Instant,
    /// Since when a global grid is due; made in a step of its own, for the planner waits for the world model.
    global_wanted: Option<Instant>,
    beams: Vec<Beam>,
    discs: Vec<Disc>,
    hits: Vec<Point2>,
    transform_refused: String,
    /// A transform that the robot's place rests on was refused: its child, and why.
    needed_refused: Option<(String, String)>,
    /// `/tf_static` has the lidar elsewhere than the robot's description.
    lidar_place_off: Option<String>,
}

impl WorldModelNode {
    /// Checks the configuration and starts with nothing known.
    ///
    /// # Errors
    /// Names the key, its value and what is allowed.
    pub fn new(config: Config, robot: &Robot, boot_id: u64) -> Result<Self, WorldModelError> {
        config.check(robot)?;
        let s = &config.sources;
        let continuity = Continuity {
            speed_max_mps: robot.limits.speed_max_mps(),
            turn_max_radps: robot.limits.w_max_radps,
            // What is fresh by its age has not been silent.
            silence_max_s: RESTART_S.max(config.ego.extrapolation_max_s).max(s.odometry.max_age_s),
        };
        Ok(Self {
            sources: Sources {
                scan: SourceMonitor::new("/scan", &s.scan),
                odometry: SourceMonitor::new("/odom", &s.odometry),
                imu: SourceMonitor::new("/imu", &s.imu),
                transform: SourceMonitor::new("/tf", &s.transform).allowing_repeats(),
                map: SourceMonitor::ageless("/map", &s.map).allowing_repeats(),
                detections: SourceMonitor::new("/detections", &s.detections).allowing_disorder(),
            },
            ego: EgoEstimator::new(config.ego.clone(), continuity),
            transforms: TransformBuffer::new(config.sources.transform.max_age_s),
            localisation: Localisation::new(config.ego.matching),
            begun_at: None,
            kept: None,
            matched_at: None,
            costmap: Costmap::new(&config.costmap, &config.inflation, robot),
            clears: Clears::default(),
            resizes: Resizes::default(),
            global: None,
            zones: ZoneLayer::default(),
            tracker: Tracker::new(config.tracks.clone()),
            counters: Counters::default(),
            sequence: 0,
            scan_stamp: Stamp::default(),
            stamp: Stamp::from_nanos(i64::MIN),
            last_now: None,
            heartbeat_due: None,
            alive_due: Instant::default(),
            global_sequence: 0,
            global_due: Instant::default(),
            global_wanted: None,
            beams: Vec::new(),
            discs: Vec::new(),
            hits: Vec::new(),
            transform_refused: String::new(),
            needed_refused: None,
            lidar_place_off: None,
            robot: robot.clone(),
            config,
            boot_id,
        })
    }

    /// With these zones as a layer of both grids.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn with_zones(mut self, zones: &Zones) -> Result<Self, WorldModelError> {
        self.zones = ZoneLayer::new(&self.config.zone_layer, zones)?;
        self.costmap.set_zones(self.zones.clone());
        Ok(self)
    }

    /// Counters by name, for `/diagnostics`.
    pub fn diagnostics(&self) -> Vec<(&'static str, String)> {
        let c = &self.counters;
        let list: Vec<(&'static str, u64)> = vec![
            ("world_models", self.sequence),
            ("global_grids", self.global_sequence),
            ("scans_integrated", c.scans_integrated),
            ("scans_left_out", c.scans_left_out),
            ("heartbeats", c.heartbeats),
            ("frame_changes_that_cleared_the_grid", c.frame_changes),
            ("odometry_resets", c.odometry_resets),
            ("clock_resets", c.clock_resets),
            ("transforms_ignored", c.transforms_ignored),
            ("transforms_refused", c.transforms_refused),
            ("lidar_place_disagrees", c.lidar_place_disagrees),
            ("imu_without_place", c.imu_without_place),
            ("bodies_left_out", self.costmap.told_left_out()),
            ("rejected_of_unknown_topic", c.rejected_of_unknown_topic),
        ];
        let list = list.into_iter().chain(self.clears.counts());
        let counts = list.map(|(name, count)| (name, count.to_string()));
        let mut told: Vec<_> = counts.chain(self.tracker.diagnostics()).collect();
        self.diagnose_ego(&mut told);
        self.diagnose_size(&mut told);
        told
    }

    /// When the ROS clock has stepped back, nothing that is remembered has a meaning any more.
    fn watch_clock(&mut self, now: Now) {
        let Some(last) = self.last_now.replace(now) else { return };
        if last.ros.since(now.ros) <= Span::from_s(self.config.clock_jump_s) {
            return;
        }
        self.counters.clock_resets += 1;
        self.forget_clock(last);
        for source in self.sources.all_mut() {
            source.reset_clock(now.ros);
        }
        self.costmap.clear();
        self.global_wanted = None;
        self.tracker.reset();
        self.scan_stamp = Stamp::default();
        self.stamp = Stamp::from_nanos(i64::MIN);
    }

    /// Takes everything but scans.
    fn take(&mut self, now: Now, received: Instant, input: &Input, out: &mut Outbox<Output>) {
        match input {
            Input::Scan(_) => {}
            Input::Odometry(odometry) => self.take_odometry(now, received, odometry),
            Input::Imu(imu) => self.take_imu(now, received, imu),
            Input::Transform(transform) => self.take_transform(now, received, transform),
            Input::StaticTransform(transform) => self.take_static_transform(transform),
            Input::TransformRefused { parent, child, reason } => {
                self.take_refused_transform(parent, child, reason);
            }
            Input::Map(map) => self.take_map(now, received, map, out),
            Input::Detections(set) => match self.take_detections(now, set) {
                Ok(()) => self.sources.detections.accept(set.stamp, received),
                Err(reason) => self.sources.detections.reject(reason),
            },
            Input::Clear(order) => self.clears.take(*order),
            Input::Resize(size) => self.take_resize(*size),
            Input::Rejected { topic, reason } => {
                // Shells may name topics with or without the leading slash.
                let named = |source: &&mut SourceMonitor| {
                    source.topic().trim_start_matches('/') == topic.trim_start_matches('/')
                };
                match self.sources.all_mut().into_iter().find(named) {
                    Some(source) => source.reject(reason.as_str()),
                    None => self.counters.rejected_of_unknown_topic += 1,
                }
            }
        }
    }

    fn take_odometry(&mut self, now: Now, received: Instant, odometry: &Odometry) {
        let checked =
            check_odometry(odometry).and_then(|()| self.sources.odometry.check_stamp(odometry.stamp, now));
        if let Err(reason) = checked {
            self.sources.odometry.reject(reason);
            return;
        }
        let before = self.carried_in_map(odometry.stamp);
        if let Some(silent_s) = self.ego.push_odometry(odometry) {
            self.counters.odometry_resets += 1;
            self.begin_again(odometry.stamp, before, silent_s);
            self.costmap.clear();
            self.global_wanted = None;
            self.tracker.reset();
        }
        self.go_on_after_clock_step(received, odometry);
        self.sources.odometry.accept(odometry.stamp, received);
    }

    fn take_map(&mut self, now: Now, received: Instant, map: &OccupancyMap, out: &mut Outbox<Output>) {
        let frame = &self.robot.description.map_frame;
        let finest_m = finest_m(self.config.inflation.distance_limit_m);
        let checked = self
            .sources
            .map
            .check_stamp(map.stamp, now)
            .and_then(|()| StaticMap::new(map, frame, self.config.map.occupied_threshold, finest_m));
        let fixed = match checked {
            Ok(fixed) => fixed,
            Err(reason) => {
                self.sources.map.reject(reason);
                return;
            }
        };
        self.sources.map.accept(map.stamp, received);
        if self.global.as_ref().is_some_and(|global| global.map().says_the_same(&fixed)) {
            return;
        }
        self.global_sequence = self.global_sequence.saturating_add(1);
        let global = match self.global.take() {
            Some(mut global) => {
                global.set_map(fixed, self.global_sequence);
                global
            }
            None => GlobalMap::new(
                fixed,
                self.global_sequence,
                &self.config.map,
                &self.config.inflation,
                self.robot.footprint.inscribed_m(),
                self.zones.clone(),
                self.costmap.room(),
            ),
        };
        out.push(Output::GlobalGrid(global.grid().clone()));
        self.global = Some(global);
        // What the scans have found is not on it yet: that follows at once.
        let found = self.costmap.grid().frame == FrameId::Map;
        let wait = if found { Span::ZERO } else { Span::from_s(self.config.map.republish_s) };
        self.global_due = now.mono + wait;
        self.global_wanted = found.then_some(now.mono);
    }

    fn take_detections(&mut self, now: Now, set: &DetectionSet) -> Result<(), String> {
        self.sources.detections.check_stamp(set.stamp, now)?;
        let at = self.ego.sample(set.stamp).map_err(|e| e.to_string())?;
        let frames = &self.robot.description;
        let odom_from_set = if set.frame == frames.lidar.frame {
            at.odom_from_base.then(self.robot.base_from_lidar)
        } else {
            let known = [&*frames.base_frame, &*frames.odom_frame, &*frames.map_frame];
            let (index, known_from_set) =
                self.transforms.to_first(&set.frame, &known, set.stamp).map_err(|e| e.to_string())?;
            let odom_from_known = match index {
                0 => at.odom_from_base,
                1 => Pose2::IDENTITY,
                _ => self.odom_from_map(now, set.stamp)?,
            };
            odom_from_known.then(known_from_set)
        };
        self.tracker.observe(set, odom_from_set, at.odom_from_base.position())
    }

    fn take_scan(&mut self, now: Now, received: Instant, scan: &Scan) -> bool {
        match self.integrate(now, scan) {
            Ok(()) => {
                self.sources.scan.accept(scan.stamp, received);
                self.counters.scans_integrated += 1;
                self.scan_stamp = scan.stamp;
                true
            }
            Err(reason) => {
                self.sources.scan.reject(reason);
                false
            }
        }
    }

    fn integrate(&mut self, now: Now, scan: &Scan) -> Result<(), String> {
        self.sources.scan.check_stamp(scan.stamp, now)?;
        check(scan, &self.robot.description.lidar.frame)?;
        self.ego.sample(scan.stamp).map_err(|e| e.to_string())?;
        self.localise(now, scan);
        let ego = self.ego_at(now, scan.stamp);
        self.follow(&ego);
        self.collect_discs(scan.stamp, &ego);
        let grid = &self.config.costmap;
        let body = Body {
            footprint: &self.robot.footprint,
            margin_m: grid.footprint_margin_m,
            base_from_lidar: self.robot.base_from_lidar,
        };
        let sweep = Sweep { first: ego.pose, last: ego.pose.advance(ego.twist, sweep_s(scan)) };
        let reach = Reach { mark_max_m: grid.mark_max_m, clear_max_m: grid.clear_max_m };
        beams(scan, sweep, body, reach, &self.discs, &mut self.beams);
        if self.clears.carry_out(&mut self.costmap, ego.pose.position()) {
            self.global_due = now.mono;
        }
        self.costmap.integrate(&self.beams, &ego, scan.stamp);
        let odom_from_frame = ego.odom_from_base.then(ego.pose.inverse());
        let lidar_from_odom = ego.odom_from_base.then(self.robot.base_from_lidar).inverse();
        let slip = self.ego.slip(scan.stamp);
        let twist = (!slip.turning && !slip.travel).then_some(ego.twist);
        self.tracker.look(scan, &self.beams, odom_from_frame, lidar_from_odom, twist);
        Ok(())
    }

    fn follow(&mut self, ego: &EgoState) {
        if self.costmap.follow(ego) {
            self.counters.frame_changes += 1;
        }
    }

    /// The discs of the confirmed tracks, in the grid's frame.
    fn collect_discs(&mut self, at: Stamp, ego: &EgoState) {
        let frame_from_odom = ego.pose.then(ego.odom_from_base.inverse());
        let margin_m = self.config.costmap.track_margin_m;
        self.tracker.age(at);
        self.discs.clear();
        self.discs.extend(self.tracker.confirmed(at).map(|(position, radius_m)| Disc {
            centre: frame_from_odom.apply(position),
            radius_m: radius_m + margin_m,
        }));
    }

    fn publish(&mut self, now: Now, at: Stamp, out: &mut Outbox<Output>) {
        self.stamp = self.stamp.max(at);
        let ego = self.ego_for_acting(now, self.stamp);
        self.follow(&ego);
        self.tracker.age(self.stamp);
        let frame_from_odom = ego.pose.then(ego.odom_from_base.inverse());
        let bodies = self.tracker.standing_bodies(self.stamp).map(|body| body.seen_from(frame_from_odom));
        self.costmap.tell(bodies, ego.pose);
        self.costmap.compose(self.global.as_ref().map(|global| (global.map(), global.map_number())));
        self.want_global(now, ego.pose);
        self.sequence = self.sequence.saturating_add(1);
        out.push(Output::WorldModel(WorldModel {
            stamp: self.stamp,
            boot_id: self.boot_id,
            sequence: self.sequence,
            scan_stamp: self.scan_stamp,
            tracks: self.tracker.tracks(self.stamp, frame_from_odom),
            sources: self.source_states(now, ego.localised),
            local: Arc::clone(self.costmap.shared_grid()),
            global_sequence: self.global_sequence,
            ego,
        }));
        self.heartbeat_due = Some(now.mono + Span::from_s(self.config.heartbeat_s));
    }

    /// Notes when a global grid is due.
    fn want_global(&mut self, now: Now, map_from_base: Pose2) {
        if self.costmap.grid().frame != FrameId::Map {
            return;
        }
        let Some(global) = &mut self.global else { return };
        let entered = global.make_way(&self.robot.footprint, map_from_base);
        if now.mono >= self.global_due || entered {
            self.global_wanted.get_or_insert(now.mono);
        }
    }

    /// A global grid with what the scans have found, when it differs from the last.
    fn publish_global(&mut self, now: Now, out: &mut Outbox<Output>) {
        self.global_wanted = None;
        if self.costmap.grid().frame != FrameId::Map {
            return;
        }
        let Some(global) = &mut self.global else { return };
        self.global_due = now.mono + Span::from_s(self.config.map.republish_s);
        let sequence = self.global_sequence.saturating_add(1);
        if global.merge(self.costmap.obstacles(), self.costmap.grid().stamp, sequence) {
            self.global_sequence = sequence;
            out.push(Output::GlobalGrid(global.grid().clone()));
        }
    }
}

/// Finite throughout, and variances that are none below zero; correlations that are impossible make no covariance.
fn check_odometry(odometry: &Odometry) -> Result<(), String> {
    let c = &odometry.pose_covariance;
    let finite = odometry.odom_from_base.is_finite()
        && odometry.twist.is_finite()
        && c.iter().chain(&odometry.twist_variance).all(|v| v.is_finite());
    if !finite {
        return Err("not finite".to_owned());
    }
    let [xx, xy, xt, yx, yy, yt, tx, ty, tt] = *c;
    let [vv, ww] = odometry.twist_variance;
    if let Some(v) = [xx, yy, tt, vv, ww].into_iter().find(|v| *v < 0.0) {
        return Err(format!("negative variance {v}"));
    }
    let impossible = |ab: f64, ba: f64, aa: f64, bb: f64| {
        let room = 1e-9 + 1e-6 * (aa + bb);
        (ab - ba).abs() > room || ab * ab > aa * bb + room * room
    };
    if impossible(xy, yx, xx, yy) || impossible(xt, tx, xx, tt) || impossible(yt, ty, yy, tt) {
        return Err(format!("pose covariance {c:?} is not positive semidefinite"));
    }
    Ok(())
}

impl Node for WorldModelNode {
    type Input = Input;
    type Output = Output;

    /// Takes everything but scans first, so that a scan finds the odometry that came with it; then scan by scan. A global grid
    /// that became due in the step before comes last.
    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        self.watch_clock(now);
        let global_wanted = self.global_wanted.is_some();
        for input in inputs {
            self.take(now, input.received, &input.value, out);
        }
        let scans = || {
            inputs.iter().filter_map(|input| match &input.value {
                Input::Scan(scan) => Some((input.received, scan)),
                _ => None,
            })
        };
        let beyond = scans().count().saturating_sub(SCANS_PER_STEP_LIMIT);
        self.counters.scans_left_out += beyond as u64;
        for (received, scan) in scans().skip(beyond) {
            if self.take_scan(now, received, scan) {
                self.publish(now, scan.stamp, out);
            }
        }
        if now.mono >= self.alive_due {
            self.alive_due = now.mono + Span::from_s(self.config.alive_period_s);
            out.push(Output::Alive(now.ros));
        }
        match self.heartbeat_due {
            // The first step only starts the heartbeat.
            None => self.heartbeat_due = Some(now.mono + Span::from_s(self.config.heartbeat_s)),
            Some(due) if now.mono >= due => {
                self.counters.heartbeats += 1;
                self.publish(now, now.ros, out);
            }
            Some(_) => {}
        }
        if global_wanted {
            self.publish_global(now, out);
        }
    }

    /// The next heartbeat or sign of life, or a global grid; at once before the first step.
    fn next_wakeup(&self) -> Option<Instant> {
        let next = self.heartbeat_due.unwrap_or_default().min(self.alive_due);
        Some(self.global_wanted.map_or(next, |since| since.min(next)))
    }
}

#[cfg(test)]
mod tests;
