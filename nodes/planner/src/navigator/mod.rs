//! What the leaves of the tree work on: what is known now, the goal, the path, and the parts that work on them.
//!
//! One state, and what is done with it by subject: `goal` (where to), `way` (the path there), `command` (what is driven now), `external` (what others propose).

mod beside;
mod command;
mod external;
mod goal;
mod progress;
mod recovery;
mod sampling;
mod shaping;
mod standing;
mod way;

pub use command::{Drive, Proposal};
pub use way::CLEAR_LIMIT;

use crate::config::Config;
use crate::error::PlannerError;
use crate::external::External;
use crate::follow::{Follower, Outlook, SpeedLimit};
use crate::goals::Goals;
use crate::maneuver::UnderWay;
use crate::mission::{Attempts, codes};
use crate::path::Path;
use crate::safety::Guard;
use crate::search::{OneWay, Router};
use outrider_foundation::data::{Alternative, ClearRegion, WorldModel};
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::zones::{ZoneError, Zones};
use outrider_foundation::{Instant, Now, Point2, Pose2, Robot, Twist2};
use progress::{Faces, Progress};
use sampling::Sampling;
use shaping::Shaping;
use standing::Standing;
use way::Planning;

/// A goal that is being driven to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActiveGoal {
    /// Counts the goals, from 1.
    pub id: u64,
    /// Frame of the pose.
    pub frame: FrameId,
    /// Where to.
    pub pose: Pose2,
}

/// Everything that the leaves of the tree work on.
pub struct Navigator {
    config: Config,
    inscribed_m: f64,
    router: Router,
    follower: Follower,
    guard: Guard,
    outlook: Outlook,
    /// Follows paths instead of the pursuit, when it is so configured.
    sampling: Option<Sampling>,
    shaping: Shaping,
    external: External,
    world: Option<WorldModel>,
    standing: Standing,
    /// Where the robot may drive in one direction only.
    one_way: Vec<OneWay>,
    global: Option<CostGrid>,
    pose: Pose2,
    age_s: f64,
    goals: Option<Goals>,
    path: Option<Path>,
    planned_at: Option<Instant>,
    /// When a path was last searched for, found or not.
    searched_at: Option<Instant>,
    /// The path that the last search was for or against, until the next decision tells of it.
    weighed: Option<Alternative>,
    planning: Option<Planning>,
    following: bool,
    maneuver: Option<UnderWay>,
    /// What is left of the maneuver that was asked for in this tick.
    maneuver_left: Option<f64>,
    /// So much of the path's end was cut off, m.
    cut_m: f64,
    /// What the path leads to in place of the goal: where something stands in the only way.
    blocked_at: Option<Point2>,
    /// Why there is no path, or why it cannot be followed; empty when all is well.
    trouble: String,
    /// The same as a code of [`crate::mission::codes`].
    trouble_code: u16,
    /// What was tried against it.
    attempts: Attempts,
    /// What forbade the wish of the last command; empty for nothing.
    forbidden: String,
    /// Counts the changes of the path,
    plans: u64,
    /// and those that were told.
    plans_told: u64,
    /// Asked for since the last command: of the local grid, of the global one, where.
    clears: Vec<(bool, bool, ClearRegion)>,
    /// Where and when the robot last got on.
    progress: Option<Progress>,
    /// Who has been close before it while it followed the path.
    faces: Faces,
    /// Who closed in on the robot last, and when.
    closed_in: Option<(SpeedLimit, Instant)>,
    /// Searches done and cells expanded in the last one.
    searches: u64,
    expanded: u32,
}

impl Navigator {
    /// For a robot.
    ///
    /// # Errors
    /// When no external planner has the name that is configured.
    pub fn new(config: &Config, robot: &Robot) -> Result<Self, PlannerError> {
        let (follow, limits) = (&config.follow, &robot.limits);
        let unseen_mps = config.safety.unseen_growth_mps;
        let router = Router::new(&config.search, &robot.footprint);
        Ok(Self {
            inscribed_m: robot.footprint.inscribed_m(),
            follower: Follower::new(follow, &config.goal, limits),
            guard: Guard::new(robot, &config.safety, router.cover().clone()),
            router,
            outlook: Outlook::new(follow, &config.yielding, unseen_mps, &robot.footprint, limits),
            sampling: Sampling::new(config, robot),
            shaping: Shaping::new(limits),
            external: External::new(&config.external, limits)?,
            config: config.clone(),
            world: None,
            standing: Standing::new(&config.yielding),
            one_way: Vec::new(),
            global: None,
            pose: Pose2::IDENTITY,
            age_s: 0.0,
            goals: None,
            path: None,
            planned_at: None,
            searched_at: None,
            weighed: None,
            planning: None,
            following: false,
            maneuver: None,
            maneuver_left: None,
            cut_m: 0.0,
            blocked_at: None,
            trouble: String::new(),
            trouble_code: codes::NONE,
            attempts: Attempts::default(),
            forbidden: String::new(),
            plans: 0,
            plans_told: 0,
            clears: Vec::new(),
            progress: None,
            faces: Faces::default(),
            closed_in: None,
            searches: 0,
            expanded: 0,
        })
    }

    /// Keeps the speed limits of these zones, slowing down before them, and drives one way only where they say so.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn set_zones(&mut self, zones: &Zones) -> Result<(), ZoneError> {
        let one_way = zones.direction.iter().map(OneWay::new).collect::<Result<_, _>>()?;
        self.outlook.set_zones(zones, self.config.modes.limit_share)?;
        self.one_way = one_way;
        Ok(())
    }

    /// The newest world model.
    pub const fn world(&self) -> Option<&WorldModel> {
        self.world.as_ref()
    }

    /// Takes over a world model. A path in another frame than the robot's is forgotten, and so is where it stood in the frame before.
    pub fn set_world(&mut self, world: &WorldModel) {
        if self.world.as_ref().is_some_and(|known| known.ego.frame != world.ego.frame) {
            self.progress = None;
        }
        match &mut self.world {
            Some(kept) => kept.clone_from(world),
            None => self.world = Some(world.clone()),
        }
        self.standing.see(&world.tracks, world.stamp);
        if self.path.as_ref().is_some_and(|path| path.frame != world.ego.frame) {
            self.drop_path();
        }
    }

    /// Takes over a global grid.
    pub fn set_global(&mut self, grid: &CostGrid) {
        match &mut self.global {
            Some(kept) => kept.clone_from(grid),
            None => self.global = Some(grid.clone()),
        }
    }

    /// Moves the robot to `now`, and the goal into its frame when the world is `fresh`: with an old pose it would lie elsewhere for good.
    /// Call before every tick.
    pub fn observe(&mut self, now: Now, fresh: bool) {
        let Some(world) = &self.world else { return };
        let limit_s = self.config.timing.extrapolation_limit_s;
        self.age_s = now.ros.since(world.stamp).as_s().clamp(0.0, limit_s);
        self.pose = world.ego.pose.advance(world.ego.twist, self.age_s);
        if let Some(goals) = self.goals.as_mut().filter(|_| fresh) {
            let (ego, pose) = (&world.ego, self.pose);
            match (goals.last().frame, ego.frame) {
                (FrameId::Base, FrameId::Map | FrameId::Odom) => {
                    goals.convert(ego.frame, |goal| pose.then(goal));
                }
                (FrameId::Odom, FrameId::Map) => {
                    let map_from_odom = ego.pose.then(ego.odom_from_base.inverse());
                    goals.convert(ego.frame, |goal| map_from_odom.then(goal));
                }
                _ => {}
            }
        }
        if let Some(path) = &self.path {
            self.follower.locate(path, self.pose);
        }
        self.note_faces();
        self.following = false;
        self.maneuver_left = None;
    }

    fn measured(&self) -> Twist2 {
        self.world.as_ref().map_or(Twist2::ZERO, |w| w.ego.twist)
    }

    /// Where the robot is now, in the frame of the world model.
    pub const fn pose(&self) -> Pose2 {
        self.pose
    }

    /// The same in the odometry's frame, which does not jump.
    pub(super) fn odom_pose(&self) -> Pose2 {
        let moved = |w: &WorldModel| w.ego.odom_from_base.advance(w.ego.twist, self.age_s);
        self.world.as_ref().map_or(Pose2::IDENTITY, moved)
    }

    /// The measured speed, m/s.
    pub fn speed_mps(&self) -> f64 {
        self.measured().v_mps.abs()
    }

    /// Rate at which the robot turns on the spot, rad/s.
    pub const fn spin_radps(&self) -> f64 {
        self.config.follow.rotate_radps
    }

    /// The tree asked for the path to be followed, or for a maneuver.
    pub const fn is_driving(&self) -> bool {
        self.following || self.maneuver_left.is_some()
    }
}
