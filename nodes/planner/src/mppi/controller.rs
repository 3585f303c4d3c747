//! From what is known to a velocity: one decision.

use super::SMALL_TURN_RAD;
use super::config::MppiConfig;
use super::field::{CONTACT, Discs, Field, Nearness};
use super::kernel::{Draw, LANES, Motion, STREAM, Surroundings, Tile, Weights};
use super::reference::Reference;
use super::risk::{self, Around};
use super::simd::{Batch, Level, Work, run};
use super::smooth::{Smoother, at, shift};
use crate::config::SafetyConfig;
use crate::path::Path;
use crate::safety::{Moving, Wish};
use outrider_foundation::data::TrajectoryPoint;
use outrider_foundation::grid::CostGrid;
use outrider_foundation::noise::Key;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::{Footprint, Point2, Pose2, Robot, Twist2};

/// Plans that are compared in the end.
const CANDIDATES: usize = 5;
/// Their names; the order is that of the lanes.
const NAMES: [&str; CANDIDATES] = ["mean of the samples", "best sample", "plan before", "pursuit", "stop"];
/// Coordinates beyond this are no place for a robot, m.
const FAR_M: f64 = 1e7;
/// The cost of a part is worth a word from this share of the whole on.
const TELLING: f64 = 0.25;

/// A part of a decision that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The table of what stands.
    Field,
    /// Noise for all samples.
    Noise,
    /// Rollouts with all costs.
    Rollouts,
    /// Weights and mean.
    Mean,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Pose of the base in the frame of grid, path and tracks.
    pub pose: Pose2,
    /// Velocity commanded at present.
    pub last: Twist2,
    /// Time since the decision before, s.
    pub elapsed_s: f64,
    /// What stands.
    pub grid: &'a CostGrid,
    /// What moves.
    pub moving: &'a [Moving<'a>],
    /// The way.
    pub path: &'a Path,
    /// Where the robot is along it, m.
    pub from_m: f64,
    /// Greatest speed now, m/s.
    pub v_max_mps: f64,
    /// Greatest turn rate now, rad/s.
    pub w_max_radps: f64,
    /// What the pursuit would do.
    pub pursuit: Wish,
    /// Objects slower than this stay where they are, m/s.
    pub standing_mps: f64,
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The plan touches nothing and keeps to the chance constraint.
    Feasible,
    /// No plan does: the one of least cost is given, and should not be driven as it is.
    #[default]
    NoneFeasible,
    /// There is no way ahead to follow.
    NoPath,
    /// Something given was not a number, or out of all bounds.
    NotFinite,
}

/// What a plan costs, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// What stands.
    pub obstacles: f64,
    /// What moves.
    pub risk: f64,
    /// The path.
    pub path: f64,
    /// How it is driven.
    pub motion: f64,
}

impl Costs {
    /// All together.
    pub fn total(&self) -> f64 {
        self.obstacles + self.risk + self.path + self.motion
    }
}

/// A plan that was compared with the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub name: &'static str,
    /// What it costs.
    pub costs: Costs,
    /// Greatest probability of contact with what moves at any one time of it.
    pub probability: f64,
    /// It touches what stands.
    pub touches: bool,
    /// It touches nothing and keeps to the chance constraint.
    pub feasible: bool,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// Velocity to have at the end of the first step.
    pub twist: Twist2,
    /// The plan chosen: its place in [`Self::candidates`].
    pub chosen: usize,
    /// All that were compared.
    pub candidates: [Candidate; CANDIDATES],
    /// Share of the samples that were feasible.
    pub feasible_share: f64,
    /// How many samples the weights amount to: few means that the plan hangs on few.
    pub effective_samples: f64,
    /// With what the plan is most likely to have contact: its place in the list of what moves, and after how long, s.
    pub most_likely: Option<(usize, f64)>,
    /// What moves and was left out, farther than all that was reckoned with.
    pub left_out: usize,
}

impl Answer {
    /// The plan chosen.
    pub fn candidate(&self) -> Candidate {
        self.candidates.get(self.chosen).copied().unwrap_or_default()
    }

    /// What binds the plan, in a few words; empty for nothing.
    pub fn constraint(&self, moving: &[Moving<'_>]) -> String {
        let plan = self.candidate();
        let name = || {
            let one = self.most_likely.and_then(|(index, _)| moving.get(index));
            one.map_or_else(|| "something that moves".to_string(), Moving::name)
        };
        match self.outcome {
            Outcome::NoPath => "no path ahead".to_string(),
            Outcome::NotFinite => "input out of bounds".to_string(),
            Outcome::NoneFeasible if plan.touches => "no sample is clear of obstacles".to_string(),
            Outcome::NoneFeasible => {
                format!(
                    "no sample keeps clear of those who move: {}, contact {:.3}",
                    name(),
                    plan.probability
                )
            }
            Outcome::Feasible => {
                let (costs, whole) = (plan.costs, plan.costs.total().max(1e-9));
                if costs.risk > TELLING * whole && costs.risk >= costs.obstacles {
                    format!("{}: risk of contact {:.3}", name(), plan.probability)
                } else if costs.obstacles > TELLING * whole {
                    "nearness to obstacles".to_string()
                } else {
                    String::new()
                }
            }
        }
    }
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Mppi {
    config: MppiConfig,
    limits: DriveLimits,
    footprint: Footprint,
    around: Surroundings,
    unseen_growth_mps: f64,
    decel_mps2: f64,
    level: Level,
    batch: Batch,
    compared: Batch,
    plan: [Vec<f32>; 2],
    before: [Vec<f32>; 2],
    smoother: Smoother,
    /// There is a plan to go on with.
    warm: bool,
    decisions: u64,
}

impl Mppi {
    /// For a robot that plans its stops with `decel_mps2`.
    pub fn new(config: &MppiConfig, safety: &SafetyConfig, decel_mps2: f64, robot: &Robot) -> Self {
        let steps = config.steps;
        Self {
            around: Surroundings {
                field: Field::default(),
                discs: Discs::new(&robot.footprint, config.discs),
                components: Vec::with_capacity(4 * risk::COMPONENT_LIMIT),
                reference: Reference::default(),
            },
            footprint: robot.footprint.clone(),
            limits: robot.limits,
            unseen_growth_mps: safety.unseen_growth_mps,
            decel_mps2,
            level: Level::best(),
            batch: Batch::new(config.samples, steps),
            compared: Batch::new(LANES, steps),
            plan: [vec![0.0; steps], vec![0.0; steps]],
            before: [vec![0.0; steps], vec![0.0; steps]],
            smoother: Smoother::default(),
            warm: false,
            decisions: 0,
            config: config.clone(),
        }
    }

    /// Uses the instructions of a level instead of the best there is: for tests and measurements.
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// Forgets the plan: the next decision starts from the present velocity.
    pub fn reset(&mut self) {
        self.warm = false;
    }

    /// What the plan says so much later, s; `None` without one.
    pub fn later(&self, elapsed_s: f64) -> Option<Twist2> {
        let by = self.steps(elapsed_s);
        let [v, w] = &self.plan;
        let twist = Twist2::new(f64::from(at(v, 0, by)), f64::from(at(w, 0, by)));
        self.warm.then_some(twist)
    }

    /// The plan goes on without a look at anything new: it is as much later now.
    pub fn go_on(&mut self, elapsed_s: f64) {
        let by = self.steps(elapsed_s);
        self.plan.iter_mut().for_each(|plan| shift(plan, by));
    }

    fn steps(&self, elapsed_s: f64) -> f32 {
        (elapsed_s / self.config.step_s) as f32
    }

    /// The velocities planned, one a step.
    pub fn plan(&self) -> impl Iterator<Item = Twist2> + '_ {
        let [v, w] = &self.plan;
        v.iter().zip(w).map(|(v, w)| Twist2::new(f64::from(*v), f64::from(*w)))
    }

    fn most_likely(&self, request: &Request<'_>) -> Option<(usize, f64)> {
        if self.around.components.is_empty() {
            return None;
        }
        let start = Pose2::new(0.0, 0.0, request.pose.yaw_rad);
        let poses = self.poses(request.last).map(|(pose, _)| start.then(pose));
        risk::most_likely(&self.around.components, self.config.step_s, &self.footprint, poses)
    }

    /// Pose relative to the base and velocity at the end of every step of the plan.
    fn poses(&self, last: Twist2) -> impl Iterator<Item = (Pose2, Twist2)> + '_ {
        let (mut pose, mut before) = (Pose2::IDENTITY, last);
        self.plan().map(move |twist| {
            let mean = Twist2::new(0.5 * (before.v_mps + twist.v_mps), twist.w_radps);
            pose = pose.advance(mean, self.config.step_s);
            before = twist;
            (pose, twist)
        })
    }

    /// The plan as a trajectory relative to the base.
    pub fn trajectory(&self, last: Twist2) -> Vec<TrajectoryPoint> {
        let mut points = vec![TrajectoryPoint { t_s: 0.0, pose: Pose2::IDENTITY, twist: last }];
        let steps = self.poses(last).enumerate();
        points.extend(steps.map(|(i, (pose, twist))| TrajectoryPoint {
            t_s: (i + 1) as f64 * self.config.step_s,
            pose,
            twist,
        }));
        points
    }

    /// One decision.
    pub fn decide(&mut self, request: &Request<'_>) -> Answer {
        self.decisions = self.decisions.wrapping_add(1);
        if !is_sound(request) {
            self.warm = false;
            return Answer { outcome: Outcome::NotFinite, ..Answer::default() };
        }
        let centre = request.pose.position();
        let reach_m = request.v_max_mps.max(request.last.v_mps.abs()) * self.horizon_s();
        // A little farther than it can come, so that the end of the pieces is no end for it.
        let ahead_m = reach_m + 0.5;
        let tolerance_m = self.config.path.tolerance_m;
        if !self.around.reference.fill(request.path, request.from_m, ahead_m, centre, tolerance_m) {
            self.warm = false;
            return Answer { outcome: Outcome::NoPath, ..Answer::default() };
        }
        let around = Around {
            centre,
            reach_m,
            footprint: &self.footprint,
            standing_mps: request.standing_mps,
            unseen_growth_mps: self.unseen_growth_mps,
        };
        let Some(left_out) = risk::fill(&self.config, request.moving, around, &mut self.around.components)
        else {
            self.warm = false;
            return Answer { outcome: Outcome::NotFinite, ..Answer::default() };
        };
        self.fill_field(request, reach_m);
        self.carry_over(request);
        let mut answer = self.sample(request);
        answer.left_out = left_out;
        answer
    }

    fn horizon_s(&self) -> f64 {
        self.config.steps as f64 * self.config.step_s
    }

    /// The table of what stands. A robot nearer to something than the margin has to come no nearer.
    fn fill_field(&mut self, request: &Request<'_>, reach_m: f64) {
        let (grid, radius_m) = (request.grid, self.around.discs.radius_m);
        let centres = self.around.discs.x_m.iter().take(self.around.discs.count);
        let clearances = centres.filter_map(|x| {
            let at = request.pose.apply(Point2::new(f64::from(*x), 0.0));
            grid.distance_at_m(at).map(|distance_m| distance_m - radius_m)
        });
        let now_m = clearances.fold(f64::INFINITY, f64::min) - 0.5 * grid.resolution_m;
        let obstacles = &self.config.obstacles;
        let cost = Nearness {
            margin_m: obstacles.margin_m.min(now_m),
            reach_m: obstacles.reach_m,
            outside: obstacles.outside_share,
        };
        let half_m = reach_m + self.footprint.circumscribed_m();
        let centre = request.pose.position();
        let field = &mut self.around.field;
        run(self.level, Work::Fill { field, grid, centre, half_m, radius_m, cost });
    }

    /// The plan before, as much later as it is now; without one the present velocity goes on.
    fn carry_over(&mut self, request: &Request<'_>) {
        if self.warm {
            self.go_on(request.elapsed_s);
        } else {
            let present = [request.last.v_mps, request.last.w_radps];
            self.plan.iter_mut().zip(present).for_each(|(plan, present)| plan.fill(present as f32));
        }
        let [v, w] = &mut self.before;
        v.copy_from_slice(&self.plan[0]);
        w.copy_from_slice(&self.plan[1]);
        self.warm = true;
    }

    fn motion(&self, request: &Request<'_>) -> Motion {
        let (limits, dt_s) = (&self.limits, self.config.step_s);
        let (s, c) = libm::sincos(request.pose.yaw_rad);
        let backward = if self.config.motion.reverse_per_m >= 1000.0 { 0.0 } else { limits.v_min_mps };
        Motion {
            dt_s: dt_s as f32,
            heading: [c as f32, s as f32],
            v_mps: request.last.v_mps as f32,
            w_radps: request.last.w_radps as f32,
            v_range_mps: [backward.max(-request.v_max_mps) as f32, request.v_max_mps as f32],
            w_max_radps: request.w_max_radps.min(SMALL_TURN_RAD / dt_s) as f32,
            faster_mps: (limits.accel_mps2 * dt_s) as f32,
            slower_mps: (limits.decel_mps2 * dt_s) as f32,
            turn_radps: (limits.alpha_radps2 * dt_s) as f32,
            decel_mps2: self.decel_mps2 as f32,
        }
    }

    fn weights(&self) -> Weights {
        let (c, dt_s) = (&self.config, self.config.step_s);
        let risk_s = dt_s * super::kernel::RISK_STRIDE as f64;
        let path_s = dt_s * super::kernel::PATH_STRIDE as f64;
        Weights {
            nearness: (c.obstacles.weight_per_s * dt_s) as f32,
            contact: c.obstacles.contact as f32,
            probability: (c.risk.weight_per_s * risk_s) as f32,
            probability_max: c.risk.step_probability_max as f32,
            chance_steps: (c.risk.horizon_s / dt_s).ceil().clamp(0.0, 1e6) as usize,
            violation: c.risk.violation as f32,
            comfort_m: c.risk.comfort_m as f32,
            comfort: (c.risk.comfort_per_s * risk_s / (c.risk.comfort_m * c.risk.comfort_m).max(1e-6)) as f32,
            align: (c.path.align_per_m2s * path_s) as f32,
            heading: (c.path.heading_per_s * path_s) as f32,
            left: c.path.left_per_m as f32,
            overspeed: (c.path.overspeed * path_s) as f32,
            goal_heading: c.path.goal_heading as f32,
            goal_within_m: c.path.goal_heading_within_m as f32,
            accel: (c.motion.accel / dt_s) as f32,
            alpha: (c.motion.alpha / dt_s) as f32,
            turn: (c.motion.turn * dt_s) as f32,
            reverse: (c.motion.reverse_per_m * dt_s) as f32,
            deadband_mps: c.motion.deadband_mps as f32,
            // band · (deadband − band) is at most deadband²/4.
            deadband: (c.motion.deadband_per_s * dt_s * 4.0 / c.motion.deadband_mps.powi(2).max(1e-6)) as f32,
        }
    }

    /// One part of the last decision again, with the same numbers: for measurements.
    pub fn again(&mut self, request: &Request<'_>, part: Part) {
        if part == Part::Field {
            let reach_m = request.v_max_mps.max(request.last.v_mps.abs()) * self.horizon_s();
            return self.fill_field(request, reach_m);
        }
        let (motion, weights) = (self.motion(request), self.weights());
        let scene = self.around.scene(motion, weights);
        let draw = draw(&self.config, self.decisions, &self.before);
        let (batch, mut summary) = (&mut self.batch, None);
        let [v, w] = &mut self.plan;
        let per_temperature = (1.0 / self.config.temperature) as f32;
        let work = match part {
            Part::Noise => Work::Vary(&draw, batch),
            Part::Rollouts => Work::Roll(&scene, batch),
            _ => Work::Reduce { batch, per_temperature, plan: [v, w], summary: &mut summary },
        };
        run(self.level, work);
    }

    fn sample(&mut self, request: &Request<'_>) -> Answer {
        let (motion, weights) = (self.motion(request), self.weights());
        let scene = self.around.scene(motion, weights);
        let draw = draw(&self.config, self.decisions, &self.before);
        let c = &self.config;
        run(self.level, Work::Sample(&scene, &draw, &mut self.batch));
        let mut summary = None;
        let [plan_v, plan_w] = &mut self.plan;
        let work = Work::Reduce {
            batch: &mut self.batch,
            per_temperature: (1.0 / c.temperature) as f32,
            plan: [plan_v, plan_w],
            summary: &mut summary,
        };
        run(self.level, work);
        let Some(summary) = summary else {
            self.warm = false;
            return Answer { outcome: Outcome::NotFinite, ..Answer::default() };
        };
        self.smoother.smooth(plan_v);
        self.smoother.smooth(plan_w);
        let rows =
            Rivals { mean: &self.plan, before: &self.before, best: summary.best, pursuit: request.pursuit };
        rows.write(&self.batch, &mut self.compared);
        run(self.level, Work::Roll(&scene, &mut self.compared));
        let mut answer = self.compare();
        answer.feasible_share = summary.feasible as f64 / self.batch.samples() as f64;
        answer.effective_samples = summary.effective;
        answer.most_likely = self.most_likely(request);
        answer
    }

    /// The mean, when it is feasible; else the cheapest plan that is; else the cheapest. It becomes the plan.
    fn compare(&mut self) -> Answer {
        let mut answer = Answer::default();
        let Some(tile) = self.compared.tiles.first() else { return answer };
        for (lane, (candidate, name)) in answer.candidates.iter_mut().zip(NAMES).enumerate() {
            *candidate = judged(tile, lane, name);
        }
        let cheapest = |only_feasible: bool| {
            let among = answer.candidates.iter().enumerate();
            let among = among.filter(|(_, c)| c.feasible || !only_feasible);
            among.min_by(|(_, a), (_, b)| a.costs.total().total_cmp(&b.costs.total())).map(|(i, _)| i)
        };
        let mean_is_feasible = answer.candidates.first().is_some_and(|c| c.feasible);
        let best = if mean_is_feasible { Some(0) } else { cheapest(true) };
        answer.outcome = if best.is_some() { Outcome::Feasible } else { Outcome::NoneFeasible };
        answer.chosen = best.or_else(|| cheapest(false)).unwrap_or(0);
        let lane = answer.chosen;
        let [plan_v, plan_w] = &mut self.plan;
        for (plan, rows) in [(plan_v, &self.compared.v), (plan_w, &self.compared.w)] {
            plan.iter_mut().zip(rows).for_each(|(p, row)| *p = row.get(lane).copied().unwrap_or(0.0));
        }
        if let Some(twist) = self.plan().next() {
            answer.twist = twist;
        }
        answer
    }
}

/// How the plan is varied for a decision.
fn draw<'a>(c: &MppiConfig, decision: u64, plan: &'a [Vec<f32>; 2]) -> Draw<'a> {
    let keep = if c.noise_time_s > 0.0 { libm::exp(-c.step_s / c.noise_time_s) } else { 0.0 };
    let [v_mps, w_radps] = plan;
    Draw {
        key: Key { seed: c.seed, stream: STREAM, step: decision },
        v_mps,
        w_radps,
        sigma: [c.sigma_v_mps as f32, c.sigma_w_radps as f32],
        keep: [keep as f32, (1.0 - keep * keep).sqrt() as f32],
        control: (c.temperature * c.control_cost) as f32,
    }
}

/// The plans to be compared.
struct Rivals<'a> {
    mean: &'a [Vec<f32>; 2],
    before: &'a [Vec<f32>; 2],
    best: usize,
    pursuit: Wish,
}

impl Rivals<'_> {
    /// One a lane, in the order of [`NAMES`]; the lanes that are left stop as well.
    fn write(&self, batch: &Batch, out: &mut Batch) {
        let (tile, lane) = (self.best / LANES, self.best % LANES);
        let turn =
            if self.pursuit.curve { self.pursuit.v_mps * self.pursuit.turn } else { self.pursuit.turn };
        let wishes = [self.pursuit.v_mps as f32, turn as f32];
        let outs = [(&mut out.v, &batch.v), (&mut out.w, &batch.w)];
        for (axis, (rows, sampled)) in outs.into_iter().enumerate() {
            let (Some(mean), Some(before), Some(wish)) =
                (self.mean.get(axis), self.before.get(axis), wishes.get(axis))
            else {
                continue;
            };
            let sampled = sampled.iter().skip(tile * batch.steps);
            for (((row, mean), before), sampled) in rows.iter_mut().zip(mean).zip(before).zip(sampled) {
                row.fill(0.0);
                let best = sampled.get(lane).copied().unwrap_or(0.0);
                row.iter_mut().zip([*mean, best, *before, *wish]).for_each(|(to, from)| *to = from);
            }
        }
    }
}

fn judged(tile: &Tile, lane: usize, name: &'static str) -> Candidate {
    let of = |row: &[f32; LANES]| row.get(lane).copied().map_or(f64::INFINITY, f64::from);
    let costs = Costs {
        obstacles: of(&tile.obstacles),
        risk: of(&tile.risk),
        path: of(&tile.path),
        motion: of(&tile.motion),
    };
    let touches = of(&tile.worst) >= f64::from(CONTACT);
    let feasible = !touches && of(&tile.violated) <= 0.0 && costs.total().is_finite();
    Candidate { name, costs, probability: of(&tile.probability), touches, feasible }
}

/// Everything is a number, and none is beyond all reason.
fn is_sound(request: &Request<'_>) -> bool {
    let pose = request.pose;
    let numbers = [
        request.v_max_mps,
        request.w_max_radps,
        request.elapsed_s,
        request.from_m,
        request.pursuit.v_mps,
        request.pursuit.turn,
        request.last.v_mps,
        request.last.w_radps,
        pose.x_m,
        pose.y_m,
    ];
    numbers.iter().all(|n| n.abs() < FAR_M)
        && pose.yaw_rad.is_finite()
        && request.v_max_mps >= 0.0
        && request.w_max_radps >= 0.0
        && request.last.v_mps.abs() <= 100.0
        && request.last.w_radps.abs() <= 100.0
        && request.grid.is_consistent()
        && request.path.poses.iter().all(|p| p.is_finite())
}
