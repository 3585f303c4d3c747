//! Everything that moves by itself: people with a script, people, forklifts and carts with a behaviour, and doors.
//!
//! They are numbered in this order, people with a script in the order of the world file, the others in that of the
//! configuration; truth, clearance, lidar and detector all go by these numbers.

mod begin;
mod crowd;
mod door;
mod orca;
mod scripts;
mod vehicle;
mod walls;

use crate::config::Config;
use crate::error::SimError;
use crate::rays::{Disc, Moving};
use crate::spec::{ACTOR_LIMIT, ActorKind};
use crate::world::{AWAY_M, Motion, Outline, Pose3, Solid, World};
use crowd::{Crowd, Surroundings};
use door::Door;
use orca::V2;
use outrider_foundation::data::{BodyBox, TrueActor, TrueBody, TrueDoor};
use outrider_foundation::gap::apart_m;
use outrider_foundation::{Footprint, Point2, Pose2, Span, Twist2};
use scripts::Scripts;
use vehicle::{Vehicle, Way};
use walls::Walls;

/// Height of a vehicle's forks over the floor.
const FORKS_M: (f64, f64) = (0.04, 0.12);

/// What the detector can tell apart; its class labels go by this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Person,
    Forklift,
    Other,
}

/// A solid that moves with others, upright.
pub(crate) struct Part {
    /// In the mover's frame on the floor.
    pub(crate) mover_from_solid: Pose3,
    pub(crate) solid: Solid,
    /// Its lowest and its highest point over the floor.
    pub(crate) heights_m: (f64, f64),
}

impl Part {
    /// Corners of a box, of a mover at `pose`; a person has none.
    fn corners(&self, pose: Pose2) -> Option<[Point2; 4]> {
        let Solid::Box { size_m: [length_m, width_m, _] } = self.solid else { return None };
        let at = self.mover_from_solid.translation;
        Some(rectangle(pose.then(Pose2::new(at.x, at.y, 0.0)), length_m, width_m))
    }
}

/// One of them: what it always is.
pub(crate) struct Mover {
    pub(crate) name: String,
    /// `None`: a door, which is neither detected nor among the actors of the truth.
    pub(crate) class: Option<Class>,
    /// Radius of a person, half the diagonal of anything else.
    pub(crate) radius_m: f64,
    /// Of what it consists: its body, and then its forks.
    pub(crate) parts: Vec<Part>,
    /// Length and width, when it is no disc.
    plan_m: Option<(f64, f64)>,
    /// Length of its forks.
    forks_m: f64,
}

impl Mover {
    /// As an actor of the truth; a door is none.
    pub(crate) fn true_actor(&self, motion: &Motion) -> Option<TrueActor> {
        self.class?;
        let forks_m = self.forks_m;
        let body = self.plan_m.map(|(length_m, width_m)| TrueBody { length_m, width_m, forks_m });
        let Motion { pose, v_mps } = *motion;
        Some(TrueActor { name: self.name.clone(), pose, v_mps, radius_m: self.radius_m, body })
    }

    /// The rectangle about all that belongs to it, when it is no disc.
    pub(crate) fn body(&self, pose: Pose2) -> Option<BodyBox> {
        let (length_m, width_m) = self.plan_m?;
        let pose = pose.then(Pose2::new(0.5 * self.forks_m, 0.0, 0.0));
        Some(BodyBox { pose, length_m: length_m + self.forks_m, width_m })
    }

    /// All that belongs to it, seen from above.
    fn outline(&self, pose: Pose2) -> Outline {
        match self.body(pose) {
            Some(body) => Outline::Polygon(body.corners().to_vec()),
            None => Outline::Disc { centre: pose.position(), radius_m: self.radius_m },
        }
    }

    /// As a door of the truth, when it is one.
    pub(crate) fn true_door(&self, motion: &Motion) -> Option<TrueDoor> {
        let (length_m, width_m) = self.plan_m.filter(|_| self.class.is_none())?;
        Some(TrueDoor { name: self.name.clone(), pose: motion.pose, length_m, width_m })
    }
}

/// The robot, as the others see it.
#[derive(Clone, Copy)]
pub(crate) struct RobotNow<'a> {
    pub(crate) pose: Pose2,
    pub(crate) twist: Twist2,
    pub(crate) footprint: &'a Footprint,
}

impl RobotNow<'_> {
    /// From its outline to a disc; negative when they overlap.
    fn gap_m(&self, at: Point2, radius_m: f64) -> f64 {
        self.footprint.signed_distance_m(self.pose.inverse().apply(at)) - radius_m
    }

    fn disc(&self) -> Disc {
        Disc { centre: self.pose.position(), radius_m: self.footprint.circumscribed_m() }
    }

    fn corners(&self) -> Vec<Point2> {
        self.footprint.corners().iter().map(|c| self.pose.apply(*c)).collect()
    }

    fn velocity(&self) -> V2 {
        let (s, c) = libm::sincos(self.pose.yaw_rad);
        V2::new(self.twist.v_mps * c, self.twist.v_mps * s)
    }
}

/// All of them.
pub(crate) struct Movers {
    list: Vec<Mover>,
    motions: Vec<Motion>,
    scripts: Scripts,
    crowd: Crowd,
    vehicles: Vec<Vehicle>,
    doors: Vec<Door>,
    walls: Walls,
    /// What the lidar's plane cuts of them; kept to spare the allocation.
    discs: Vec<Disc>,
    boxes: Vec<[Point2; 4]>,
}

impl Movers {
    /// At the start of the world.
    ///
    /// # Errors
    /// An actor in a wall or whose way leads through one, or too many of them.
    pub(crate) fn new(config: &Config, world: &World) -> Result<Self, SimError> {
        let on_foot = |kind: ActorKind| kind == ActorKind::Person;
        let people: Vec<_> = config.actors.iter().filter(|a| on_foot(a.kind)).collect();
        let wheeled: Vec<_> = config.actors.iter().filter(|a| !on_foot(a.kind)).collect();
        let bodies: usize = config.actors.iter().map(|a| a.members).sum();
        if bodies > ACTOR_LIMIT {
            return Err(SimError::Config(format!(
                "actors: {bodies} of them, more than the limit of {ACTOR_LIMIT}"
            )));
        }
        let walls = if config.actors.is_empty() { Walls::default() } else { Walls::new(world) };
        let person = config.person;
        let mut list: Vec<Mover> =
            world.actors().iter().map(|a| on_foot_mover(&a.name, person.radius_m, person.height_m)).collect();
        let (crowd, names) = Crowd::new(&people, person.radius_m, &walls)?;
        let heights = people.iter().flat_map(|spec| {
            let height_m = spec.person.map_or(person.height_m, |p| p.height_m);
            std::iter::repeat_n(height_m, spec.members)
        });
        for (i, (name, height_m)) in names.iter().zip(heights).enumerate() {
            list.push(on_foot_mover(name, crowd.radius_m(i), height_m));
        }
        let mut vehicles = Vec::new();
        for spec in wheeled {
            let vehicle = Vehicle::new(spec, &walls)?;
            list.push(vehicle_mover(&spec.name, spec.kind, &vehicle));
            vehicles.push(vehicle);
        }
        let doors: Vec<Door> = config.doors.iter().cloned().map(Door::new).collect();
        list.extend(doors.iter().map(door_mover));
        check_names(&list, world)?;
        let mut movers = Self {
            list,
            motions: Vec::new(),
            scripts: Scripts::new(world.actors().len()),
            crowd,
            vehicles,
            doors,
            walls,
            discs: Vec::new(),
            boxes: Vec::new(),
        };
        movers.collect();
        movers.check_starts(world)?;
        Ok(movers)
    }

    /// Refuses vehicles and people who start in one another, or in a door. How people begin to each other is the crowd's
    /// affair, and doors may be hung as they like.
    fn check_starts(&self, world: &World) -> Result<(), SimError> {
        let scripted = world.actors().iter().map(|actor| actor.motion_at(0.0));
        let motions: Vec<Motion> = scripted.chain(self.motions.iter().copied()).collect();
        let starts: Vec<(&Mover, Outline)> = self
            .list
            .iter()
            .zip(&motions)
            .map(|(mover, motion)| (mover, mover.outline(motion.pose)))
            .collect();
        let on_foot = |mover: &Mover| mover.plan_m.is_none();
        let is_door = |mover: &Mover| mover.class.is_none();
        for (i, (mover, outline)) in starts.iter().enumerate() {
            for (other, taken) in starts.iter().take(i) {
                let may = (on_foot(mover) && on_foot(other)) || (is_door(mover) && is_door(other));
                if !may && outline.meets(taken) {
                    // Doors come last, and it is not they that are in the wrong place.
                    let (name, other) =
                        if is_door(mover) { (&other.name, &mover.name) } else { (&mover.name, &other.name) };
                    return Err(SimError::Actor {
                        name: name.clone(),
                        reason: format!("starts where {other} is"),
                    });
                }
            }
        }
        Ok(())
    }

    /// What they are.
    pub(crate) fn list(&self) -> &[Mover] {
        &self.list
    }

    /// Where they are.
    pub(crate) fn motions(&self) -> &[Motion] {
        &self.motions
    }

    /// Moves everybody to world time `at`, one period of `period` on from the last time; scripts begin where they are
    /// at `at` when there was no last time.
    pub(crate) fn step(
        &mut self,
        at: Span,
        period: Span,
        config: &Config,
        world: &World,
        robot: &RobotNow<'_>,
    ) {
        self.scripts.step(at, period, &config.person, world.actors(), robot);
        if at > Span::ZERO && self.list.len() > world.actors().len() {
            self.act(at, period.as_s(), config.person.radius_m, robot);
        }
        self.collect();
    }

    /// Those who decide for themselves.
    fn act(&mut self, at: Span, dt_s: f64, radius_m: f64, robot: &RobotNow<'_>) {
        let scripted = self.scripts.motions().iter().map(|m| {
            let (s, c) = libm::sincos(m.pose.yaw_rad);
            (Disc { centre: m.pose.position(), radius_m }, V2::new(m.v_mps * c, m.v_mps * s))
        });
        let others: Vec<(Disc, V2)> = scripted.chain(self.vehicles.iter().flat_map(Vehicle::discs)).collect();
        let corners: Vec<[Point2; 4]> = self.doors.iter().map(Door::corners).collect();
        let panels: Vec<Outline> = corners.iter().map(|c| Outline::Polygon(c.to_vec())).collect();
        let scripted = self.scripts.motions().len();
        let seen =
            Surroundings { robot: *robot, walls: &self.walls, panels: &panels, others: &others, scripted };
        self.crowd.step(at, dt_s, &seen);
        if self.vehicles.is_empty() && self.doors.is_empty() {
            return;
        }
        let discs = self.scripts.motions().iter().map(|m| Disc { centre: m.pose.position(), radius_m });
        let walkers = self.crowd.motions().enumerate();
        let walkers =
            walkers.map(|(i, m)| Disc { centre: m.pose.position(), radius_m: self.crowd.radius_m(i) });
        let people: Vec<Disc> = discs.chain(walkers).collect();
        let mut bodies: Vec<[Point2; 4]> = self.vehicles.iter().flat_map(Vehicle::outlines).collect();
        for vehicle in &mut self.vehicles {
            let was_there = vehicle.is_there();
            let way = Way { people: &people, walls: &self.walls, panels: &corners, bodies: &bodies };
            vehicle.step(at, dt_s, robot, &way);
            if !was_there {
                bodies.extend(vehicle.outlines());
            }
        }
        let bodies: Vec<[Point2; 4]> = self.vehicles.iter().flat_map(Vehicle::outlines).collect();
        for door in &mut self.doors {
            door.step(at, dt_s, robot, &people, &bodies);
        }
    }

    fn collect(&mut self) {
        self.motions.clear();
        self.motions.extend_from_slice(self.scripts.motions());
        self.motions.extend(self.crowd.motions());
        self.motions.extend(self.vehicles.iter().enumerate().map(|(i, v)| v.motion(i)));
        self.motions.extend(self.doors.iter().map(|d| Motion { pose: d.pose(), v_mps: 0.0 }));
    }

    /// What a plane at `height_m` cuts of them.
    pub(crate) fn cut(&mut self, height_m: f64) -> Moving<'_> {
        self.seen_from_above(|_, part| (part.heights_m.0..=part.heights_m.1).contains(&height_m))
    }

    /// Each of them without forks: one shape each, in the order of their numbers among their kind of shape.
    pub(crate) fn bodies(&mut self) -> Moving<'_> {
        self.seen_from_above(|nth, _| nth == 0)
    }

    /// Some of the parts of each, by their place among them.
    fn seen_from_above(&mut self, is_wanted: impl Fn(usize, &Part) -> bool) -> Moving<'_> {
        self.discs.clear();
        self.boxes.clear();
        for (mover, motion) in self.list.iter().zip(&self.motions) {
            for (_, part) in mover.parts.iter().enumerate().filter(|(nth, part)| is_wanted(*nth, part)) {
                match part.corners(motion.pose) {
                    Some(corners) => self.boxes.push(corners),
                    None => {
                        self.discs.push(Disc { centre: motion.pose.position(), radius_m: mover.radius_m });
                    }
                }
            }
        }
        Moving { discs: &self.discs, boxes: &self.boxes }
    }

    /// How far a convex outline, counter-clockwise, is apart from one of them, seen from above; negative where they overlap. `None`
    /// for people.
    pub(crate) fn apart_m(&self, index: usize, outline: &[Point2]) -> Option<f64> {
        let (mover, motion) = (self.list.get(index)?, self.motions.get(index)?);
        let parts = mover.parts.iter().filter_map(|part| part.corners(motion.pose));
        parts.map(|corners| apart_m(outline, &corners)).min_by(f64::total_cmp)
    }
}

/// Everything that can be the nearest thing of the truth has a name of its own; models share theirs with their parts.
fn check_names(list: &[Mover], world: &World) -> Result<(), SimError> {
    let refuse =
        |name: &str, reason: &str| Err(SimError::Actor { name: name.to_owned(), reason: reason.to_owned() });
    for (i, Mover { name, .. }) in list.iter().enumerate() {
        if list.iter().take(i).any(|other| other.name == *name) {
            return refuse(name, "name: it is taken already by somebody else or a door");
        }
        // What the world file itself calls alike is its own affair.
        let own = i < world.actors().len() && !world.people_are_replaced();
        let is_model = |model: &str| model == name || model.split("::").next() == Some(name);
        if !own && world.statics().iter().any(|shape| is_model(&shape.name)) {
            return refuse(name, "name: a model of the world has it already");
        }
    }
    Ok(())
}

/// Corners of a rectangle about a pose, counter-clockwise.
fn rectangle(pose: Pose2, length_m: f64, width_m: f64) -> [Point2; 4] {
    BodyBox { pose, length_m, width_m }.corners()
}

fn on_foot_mover(name: &str, radius_m: f64, height_m: f64) -> Mover {
    let part = Part {
        mover_from_solid: Pose3::translation(0.0, 0.0, 0.5 * height_m),
        solid: Solid::Cylinder { radius_m, length_m: height_m },
        heights_m: (0.0, height_m),
    };
    Mover {
        name: name.to_owned(),
        class: Some(Class::Person),
        radius_m,
        parts: vec![part],
        plan_m: None,
        forks_m: 0.0,
    }
}

/// A box between two heights, its middle that far forward.
fn block(forward_m: f64, length_m: f64, width_m: f64, (low_m, high_m): (f64, f64)) -> Part {
    Part {
        mover_from_solid: Pose3::translation(forward_m, 0.0, 0.5 * (low_m + high_m)),
        solid: Solid::Box { size_m: [length_m, width_m, high_m - low_m] },
        heights_m: (low_m, high_m),
    }
}

fn vehicle_mover(name: &str, kind: ActorKind, vehicle: &Vehicle) -> Mover {
    let size = vehicle.size;
    let mut parts = vec![block(0.0, size.length_m, size.width_m, (0.05, size.height_m))];
    if size.forks_m > 0.0 {
        let forward_m = 0.5 * (size.length_m + size.forks_m);
        parts.push(block(forward_m, size.forks_m, TrueBody::FORKS_SHARE * size.width_m, FORKS_M));
    }
    Mover {
        name: name.to_owned(),
        class: Some(if kind == ActorKind::Forklift { Class::Forklift } else { Class::Other }),
        radius_m: vehicle.radius_m(),
        parts,
        plan_m: Some((size.length_m, size.width_m)),
        forks_m: size.forks_m,
    }
}

fn door_mover(door: &Door) -> Mover {
    let spec = &door.spec;
    Mover {
        name: spec.name.clone(),
        class: None,
        radius_m: 0.5 * libm::hypot(spec.width_m, spec.thickness_m),
        parts: vec![block(0.0, spec.width_m, spec.thickness_m, (0.01, spec.height_m))],
        plan_m: Some((spec.width_m, spec.thickness_m)),
        forks_m: 0.0,
    }
}
