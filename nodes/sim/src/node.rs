//! The simulator as a node: commands and time in, sensor data and truth out.

use crate::clearance::ClearanceIndex;
use crate::config::{Absent, Config};
use crate::contacts::Contacts;
use crate::drive::{Drive, Floor};
use crate::error::SimError;
use crate::movers::{Movers, RobotNow};
use crate::rays::{Disc, Moving, RayScene};
use crate::sensors::{Detector, ImuSensor, Lidar, Localiser, OdometrySensor, Schedule, Subject};
use crate::spec::Timeline;
use crate::world::{Outline, Raster, World};
use outrider_foundation::data::{
    CommandVelocity, DetectionSet, GroundTruth, Imu, OccupancyMap, Odometry, Scan, TransformStamped,
};
use outrider_foundation::{Instant, Node, Now, Outbox, Pose2, Robot, Span, Stamp, Stamped, Twist2};

/// What the robot is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A velocity command. Its age is reckoned from its arrival; its stamp is not looked at.
    Velocity(CommandVelocity),
    /// A command that could not be read: counted, and taken as a stop.
    Rejected {
        /// Where it came from.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What the robot, its localiser, its detector and the evaluation see.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A sweep.
    Scan(Scan),
    /// Wheel odometry.
    Odometry(Odometry),
    /// Inertial unit.
    Imu(Imu),
    /// For `/tf`.
    Transforms(Vec<TransformStamped>),
    /// For `/tf_static`.
    StaticTransforms(Vec<TransformStamped>),
    /// For `/map`.
    Map(OccupancyMap),
    /// People, as a learned detector reports them.
    Detections(DetectionSet),
    /// The truth. A clearance without anything to be clear of is [`SimNode::CLEARANCE_LIMIT_M`].
    Truth(GroundTruth),
    /// For `/clock`.
    Clock(Stamp),
}

/// What went wrong so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Physics periods that were skipped because a call came more than [`SimNode::CATCH_UP_LIMIT`] periods late: the
    /// clock ran on, the world stood still.
    pub skipped_periods: u64,
    /// Times that the ROS clock was set, by more than [`SimNode::CLOCK_STEP`], and stamps with it.
    pub clock_steps: u64,
    /// Commands that were not finite.
    pub refused_commands: u64,
    /// Inputs that could not be read.
    pub rejected_inputs: u64,
    /// Commands dropped because too many were under way.
    pub dropped_commands: u64,
    /// Pictures of the detector dropped because too many waited.
    pub dropped_pictures: u64,
    /// Sweeps of the lidar dropped because too many waited.
    pub dropped_sweeps: u64,
}

/// When the simulation began, on both clocks.
#[derive(Clone, Copy, Debug)]
struct Origin {
    mono: Instant,
    ros: Stamp,
}

/// When what is due.
struct Schedules {
    odometry: Schedule,
    imu: Schedule,
    localiser: Schedule,
    scan: Schedule,
    detector: Schedule,
    truth: Schedule,
    map: Option<Schedule>,
}

/// The simulator.
///
/// The first call of `step` begins it; from then on it integrates whole physics periods up to `now.mono`. Where not all of what they
/// give would fit into the outbox, the rest is left for the next call, for which it asks at once. A stamp is the ROS time of the first
/// call plus the time of the period boundary since. When the ROS clock is set meanwhile (by hand, or while a computer slept) stamps go
/// with it, as those of a robot's drivers do, unless the simulator tells the time itself (`publish_clock`).
/// At every boundary the outputs follow one another in the order clock, static transforms, map, odometry, transforms,
/// imu, scan, detections, truth.
///
/// In contact the robot stops where it is, before the move that would have made it overlap; a collision counts once
/// for each thing until the gap to it has opened to 1 cm. While a person stands in it the robot cannot move.
pub struct SimNode {
    config: Config,
    timeline: Timeline,
    robot: Robot,
    world: World,
    period: Span,
    scene: RayScene,
    clearance: ClearanceIndex,
    map: OccupancyMap,
    drive: Drive,
    odometry: OdometrySensor,
    imu: ImuSensor,
    localiser: Localiser,
    lidar: Lidar,
    detector: Detector,
    schedules: Schedules,
    origin: Option<Origin>,
    /// Physics periods integrated.
    periods: u64,
    pose: Pose2,
    accel_mps2: f64,
    movers: Movers,
    /// What blocked the last period.
    blocked_by: Option<usize>,
    contacts: Contacts,
    truths: u64,
    counters: Counters,
}

impl SimNode {
    /// The most physics periods that are made up for.
    pub const CATCH_UP_LIMIT: u64 = 1000;
    /// By so much the two clocks may differ from what they were at the start before stamps are set anew: neither the slewing of a clock
    /// nor a process that is held up between reading the one and the other is a clock that was set.
    pub const CLOCK_STEP: Span = Span::from_millis(100);
    /// The most that a period gives.
    const OUTPUTS_OF_A_PERIOD: usize = 16;
    /// Clearance that is reported when nothing is nearer.
    pub const CLEARANCE_LIMIT_M: f64 = 1e6;

    /// A robot at `start` in the world of `world_sdf` (see [`World::load`]). All errors of sensors come from `seed`.
    ///
    /// # Errors
    /// A configuration out of range, a world that cannot be read, a start that is not free.
    pub fn new(
        config: Config,
        robot: &Robot,
        world_sdf: &str,
        start: Pose2,
        seed: u64,
    ) -> Result<Self, SimError> {
        Self::in_world(config, robot, World::load(world_sdf)?, start, seed)
    }

    /// As [`Self::new`], in a world that was read already.
    ///
    /// # Errors
    /// As there.
    pub fn in_world(
        config: Config,
        robot: &Robot,
        world: World,
        start: Pose2,
        seed: u64,
    ) -> Result<Self, SimError> {
        config.check()?;
        let (config, timeline) = Timeline::new(&config)?;
        let movers = Movers::new(&config, &world)?;
        let clearance = ClearanceIndex::new(&robot.footprint, &config.body, world.statics(), movers.list())?;
        let frames = &robot.description;
        let map = world.rasterise(&Raster {
            height_m: config.lidar.height_m,
            resolution_m: config.map.resolution_m,
            margin_m: config.map.margin_m,
            frame: frames.map_frame.clone(),
            stamp: Stamp::default(),
        })?;
        let period = Span::from_s(config.physics_period_s);
        let base_frame = || frames.base_frame.clone();
        let mut node = Self {
            period,
            scene: scene(&world, &config)?,
            clearance,
            map,
            drive: Drive::new(robot.limits, &config.drive, period),
            odometry: OdometrySensor::new(config.odometry, seed),
            imu: ImuSensor::new(config.imu, base_frame(), seed),
            localiser: Localiser::new(config.localiser, seed),
            lidar: Lidar::new(config.lidar, frames.lidar.frame.clone(), seed),
            detector: Detector::new(config.detector.clone(), base_frame(), seed),
            schedules: Schedules::new(&config),
            origin: None,
            periods: 0,
            pose: start,
            accel_mps2: 0.0,
            movers,
            blocked_by: None,
            contacts: Contacts::new(world.statics()),
            truths: 0,
            counters: Counters::default(),
            robot: robot.clone(),
            world,
            config,
            timeline,
        };
        node.move_others(Span::ZERO);
        node.check_start()?;
        Ok(node)
    }

    /// The world it runs in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What went wrong so far.
    pub fn counters(&self) -> Counters {
        Counters {
            dropped_commands: self.drive.dropped(),
            dropped_pictures: self.detector.dropped(),
            dropped_sweeps: self.lidar.dropped(),
            ..self.counters
        }
    }

    /// The truth at this moment; its sequence is that of the last one published.
    pub fn truth(&self) -> GroundTruth {
        let (clearance_m, index) = match self.blocked_by {
            Some(index) => (0.0, Some(index)),
            None => {
                let nearest = self.clearance.nearest(self.pose, self.movers.motions());
                (nearest.distance_m.min(Self::CLEARANCE_LIMIT_M), nearest.index)
            }
        };
        let movers = || self.movers.list().iter().zip(self.movers.motions());
        GroundTruth {
            stamp: self.stamp(),
            sequence: self.truths,
            pose: self.pose,
            twist: self.drive.twist(),
            actors: movers().filter_map(|(mover, motion)| mover.true_actor(motion)).collect(),
            doors: movers().filter_map(|(mover, motion)| mover.true_door(motion)).collect(),
            clearance_m,
            nearest: index.map_or_else(String::new, |i| self.name_of(i).to_owned()),
            collisions: self.contacts.count(),
        }
    }

    fn check_start(&self) -> Result<(), SimError> {
        let Pose2 { x_m, y_m, yaw_rad } = self.pose;
        let refuse = |reason: String| Err(SimError::Start { x_m, y_m, yaw_rad, reason });
        let limit_m = World::EXTENT_LIMIT_M;
        if !self.pose.is_finite() || x_m.abs() > limit_m || y_m.abs() > limit_m {
            return refuse(format!("not finite, or farther than {limit_m} m from the origin"));
        }
        match self.clearance.nearest_within(self.pose, self.movers.motions(), 0.001).and_then(|c| c.index) {
            Some(index) => refuse(format!("in contact with {}", self.name_of(index))),
            None => Ok(()),
        }
    }

    /// Name of the thing that a [`crate::Clearance`] tells.
    fn name_of(&self, index: usize) -> &str {
        let statics = self.world.statics();
        let mover = || index.checked_sub(statics.len()).and_then(|i| self.movers.list().get(i));
        statics
            .get(index)
            .map(|s| s.name.as_str())
            .or_else(|| mover().map(|m| m.name.as_str()))
            .unwrap_or_default()
    }

    /// Simulated time since the start, without what was skipped.
    fn world_time(&self) -> Span {
        periods(self.period, self.periods)
    }

    fn stamp(&self) -> Stamp {
        let start = self.origin.map_or_else(Stamp::default, |o| o.ros);
        start + self.world_time() + periods(self.period, self.counters.skipped_periods)
    }

    /// The monotonic time at which the world's time is zero; later by what was skipped.
    fn mono_zero(&self, origin: Origin) -> Instant {
        origin.mono + periods(self.period, self.counters.skipped_periods)
    }

    /// How many periods to integrate now; skips what is beyond the limit.
    fn due_periods(&mut self, now: Instant, origin: Origin) -> u64 {
        let behind = now.since(self.mono_zero(origin)) - self.world_time();
        let due = u64::try_from(behind.nanos() / self.period.nanos().max(1)).unwrap_or(0);
        let skipped = due.saturating_sub(Self::CATCH_UP_LIMIT);
        self.counters.skipped_periods = self.counters.skipped_periods.saturating_add(skipped);
        due - skipped
    }

    /// Sets the start on the ROS clock anew when that clock was set.
    fn follow_clock(&mut self, now: Now, origin: Origin) -> Origin {
        let by = now.ros.since(origin.ros + now.mono.since(origin.mono));
        let is_set = by.nanos().unsigned_abs() > Self::CLOCK_STEP.nanos().unsigned_abs();
        if self.config.publish_clock || !is_set {
            return origin;
        }
        self.counters.clock_steps = self.counters.clock_steps.saturating_add(1);
        let set = Origin { ros: origin.ros + by, ..origin };
        self.origin = Some(set);
        set
    }

    fn take(&mut self, input: &Stamped<Input>, now: Instant, origin: Origin) {
        let zero = self.mono_zero(origin);
        let arrival = input.received.since(zero).clamp(Span::ZERO, now.since(zero).max(Span::ZERO));
        let twist = match &input.value {
            Input::Velocity(command) => command.twist,
            Input::Rejected { .. } => {
                self.counters.rejected_inputs = self.counters.rejected_inputs.saturating_add(1);
                Twist2::ZERO
            }
        };
        if !self.drive.command(arrival, twist) {
            self.counters.refused_commands = self.counters.refused_commands.saturating_add(1);
        }
    }

    /// One physics period.
    fn advance(&mut self) {
        let before = self.drive.twist();
        let floor = self.floor();
        let twist = self.drive.step(self.world_time(), &floor);
        let dt_s = self.period.as_s();
        let moved = self.drive.moved(self.pose, twist, dt_s);
        self.periods = self.periods.saturating_add(1);
        self.change();
        self.move_others(self.world_time());
        self.blocked_by = self.contacts.at(&self.clearance, moved, self.movers.motions());
        if self.blocked_by.is_none_or(|index| self.backs_off(index, moved)) {
            self.pose = moved;
        } else {
            self.drive.block();
        }
        self.odometry.moved(self.drive.wheels(), dt_s);
        self.accel_mps2 = (self.drive.twist().v_mps - before.v_mps) / dt_s;
    }

    /// Whether a move leads away from the vehicle or door that is touched all the same, and into nothing else. Who has come into the
    /// robot holds it until he goes.
    fn backs_off(&self, touched: usize, moved: Pose2) -> bool {
        let Some(mover) = touched.checked_sub(self.world.statics().len()) else { return false };
        let apart_m = |pose: Pose2| {
            let corners = self.robot.footprint.corners().iter().map(|corner| pose.apply(*corner));
            self.movers.apart_m(mover, &corners.collect::<Vec<_>>())
        };
        let (before_m, after_m) = (apart_m(self.pose), apart_m(moved));
        before_m.zip(after_m).is_some_and(|(before_m, after_m)| after_m > before_m)
            && !self.clearance.touches_another(moved, self.movers.motions(), touched)
    }

    /// What an event changes in the configuration.
    fn change(&mut self) {
        let at = self.world_time();
        let Some(config) = self.timeline.due(at) else { return };
        self.config = config.clone();
        self.drive.reconfigure(&config.drive);
        self.odometry.reconfigure(&config.odometry);
        self.imu.reconfigure(&config.imu);
        self.localiser.reconfigure(&config.localiser);
        self.lidar.reconfigure(&config.lidar);
        self.detector.reconfigure(&config.detector);
    }

    /// What the wheels stand on.
    fn floor(&self) -> Floor {
        let here = self.config.slippery.iter().find(|patch| patch.holds(self.pose.position()));
        here.map_or(Floor::FIRM, |p| Floor { slip_left: p.slip_left, slip_right: p.slip_right, grip: p.grip })
    }

    fn move_others(&mut self, at: Span) {
        let robot = RobotNow { pose: self.pose, twist: self.drive.twist(), footprint: &self.robot.footprint };
        self.movers.step(at, self.period, &self.config, &self.world, &robot);
    }

    /// What is due at this period boundary.
    fn emit(&mut self, out: &mut Outbox<Output>) {
        let (at, stamp) = (self.world_time(), self.stamp());
        if self.config.publish_clock {
            out.push(Output::Clock(stamp));
        }
        if self.periods == 0 {
            out.push(Output::StaticTransforms(vec![self.lidar_mount(stamp)]));
        }
        let again = self.schedules.map.as_mut().is_some_and(|s| s.due(at));
        let once = self.periods == 0 && self.schedules.map.is_none();
        if self.config.has(Absent::Map) && (again || once) {
            out.push(Output::Map(OccupancyMap { stamp, ..self.map.clone() }));
        }
        self.emit_motion(at, stamp, out);
        if self.schedules.scan.due(at) {
            // A sweep that takes all of its period ends as the next begins.
            self.turn_lidar(at, Lidar::end);
            self.lidar.begin(at, stamp);
        }
        self.turn_lidar(at, Lidar::turn);
        while let Some(scan) = self.lidar.finished(at) {
            out.push(Output::Scan(scan));
        }
        if self.config.has(Absent::Detector) && self.schedules.detector.due(at) {
            self.take_picture(at, stamp);
        }
        while let Some(set) = self.detector.finished(at) {
            out.push(Output::Detections(set));
        }
        if self.schedules.truth.due(at) {
            self.truths = self.truths.saturating_add(1);
            out.push(Output::Truth(self.truth()));
        }
    }

    fn turn_lidar(&mut self, at: Span, turn: fn(&mut Lidar, Span, Pose2, &RayScene, Moving<'_>)) {
        if self.lidar.is_turning() {
            let world_from_lidar = self.pose.then(self.robot.base_from_lidar);
            let moving = self.movers.cut(self.config.lidar.height_m);
            turn(&mut self.lidar, at, world_from_lidar, &self.scene, moving);
        }
    }

    fn take_picture(&mut self, at: Span, stamp: Stamp) {
        let movers = self.movers.list().iter().zip(self.movers.motions()).enumerate();
        let subjects = movers.filter_map(|(number, (mover, motion))| {
            let disc = Disc { centre: motion.pose.position(), radius_m: mover.radius_m };
            let body = mover.body(motion.pose);
            mover.class.map(|class| Subject { disc, body, class, number })
        });
        let subjects: Vec<Subject> = subjects.collect();
        let moving = self.movers.bodies();
        self.detector.picture(at, stamp, self.pose, &self.scene, moving, &subjects);
    }

    fn emit_motion(&mut self, at: Span, stamp: Stamp, out: &mut Outbox<Output>) {
        let (twist, wheels) = (self.drive.twist(), self.drive.wheels());
        let frames = &self.robot.description;
        let transform = |parent: &str, child: &str, parent_from_child| TransformStamped {
            stamp,
            parent: parent.to_owned(),
            child: child.to_owned(),
            parent_from_child,
        };
        let mut transforms = Vec::new();
        if self.schedules.odometry.due(at) {
            let odometry = self.odometry.measure(stamp, wheels);
            transforms.push(transform(&frames.odom_frame, &frames.base_frame, odometry.odom_from_base));
            out.push(Output::Odometry(odometry));
        }
        if self.config.has(Absent::Localiser) && self.schedules.localiser.due(at) {
            let map_from_base = self.localiser.measure(at, self.pose);
            // The odometry pose at this very moment: a correction must not depend on how old the last one is.
            let map_from_odom = map_from_base.then(self.odometry.peek().inverse());
            transforms.push(transform(&frames.map_frame, &frames.odom_frame, map_from_odom));
        }
        if !transforms.is_empty() {
            out.push(Output::Transforms(transforms));
        }
        if self.schedules.imu.due(at) {
            out.push(Output::Imu(self.imu.measure(at, stamp, twist, self.accel_mps2)));
        }
    }

    fn lidar_mount(&self, stamp: Stamp) -> TransformStamped {
        TransformStamped {
            stamp,
            parent: self.robot.description.base_frame.clone(),
            child: self.robot.description.lidar.frame.clone(),
            parent_from_child: self.robot.base_from_lidar,
        }
    }
}

impl Node for SimNode {
    type Input = Input;
    type Output = Output;

    fn step(&mut self, now: Now, inputs: &[Stamped<Input>], out: &mut Outbox<Output>) {
        let begins = self.origin.is_none();
        let origin = *self.origin.get_or_insert(Origin { mono: now.mono, ros: now.ros });
        let origin = self.follow_clock(now, origin);
        if begins {
            self.emit(out);
        }
        let due = self.due_periods(now.mono, origin);
        for input in inputs {
            self.take(input, now.mono, origin);
        }
        for made in 0..due {
            if made > 0 && out.room() < Self::OUTPUTS_OF_A_PERIOD {
                break;
            }
            self.advance();
            self.emit(out);
        }
    }

    /// The next physics period boundary; at once before the first call.
    fn next_wakeup(&self) -> Option<Instant> {
        let next = |origin| self.mono_zero(origin) + periods(self.period, self.periods.saturating_add(1));
        Some(self.origin.map_or_else(Instant::default, next))
    }
}

impl Schedules {
    fn new(config: &Config) -> Self {
        let republish_s = config.map.republish_s;
        Self {
            odometry: Schedule::new(config.odometry.timing),
            imu: Schedule::new(config.imu.timing),
            localiser: Schedule::new(config.localiser.timing),
            scan: Schedule::new(config.lidar.timing),
            detector: Schedule::new(config.detector.timing),
            truth: Schedule::new(config.truth),
            map: (republish_s > 0.0).then(|| Schedule::every(republish_s, 0.0)),
        }
    }
}

/// What the lidar's plane cuts of the world, with the surfaces of its models.
fn scene(world: &World, config: &Config) -> Result<RayScene, SimError> {
    let shapes = world.statics();
    if let Some(s) = config.surfaces.iter().find(|s| !shapes.iter().any(|shape| s.covers(&shape.name))) {
        return Err(SimError::Config(format!("surfaces: no model of the world is named `{}`", s.model)));
    }
    let kind = |name: &str| config.surfaces.iter().find(|s| s.covers(name)).map(|s| s.kind);
    let cuts = shapes.iter().filter_map(|s| Some((Outline::cut(s, config.lidar.height_m)?, kind(&s.name))));
    let cuts: Vec<_> = cuts.collect();
    Ok(RayScene::with_surfaces(cuts.iter().map(|(outline, kind)| (outline, *kind))))
}

fn periods(period: Span, count: u64) -> Span {
    Span::from_nanos(period.nanos().saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
}
