//! A small closed loop: a hand-made world, a robot that does as it is told (after a lag), and the planner.
#![allow(dead_code, missing_docs)]

pub mod sampling;

use outrider_foundation::data::{
    ClearCostmap, Command, Decision, EgoState, Goal, MissionReply, MissionState, SourceState, SourceStatus,
    Track, TrackState, TreeStatus, WorldModel,
};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::{COST_LETHAL, Cell, CostGrid, FrameId};
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Span, Stamp, Stamped, Twist2};
use outrider_planner::{Config, Input, Output, PlannerNode, TreeChanges};
use std::sync::Arc;

pub const TREE: &str = include_str!("../../../../config/trees/navigate_to_pose.xml");
pub const YAML: &str = include_str!("../../../../config/planner.yaml");
/// Ticks of the harness.
pub const STEP_S: f64 = 0.005;

pub fn robot() -> Robot {
    Robot::new(example::amr()).unwrap()
}

pub fn config() -> Config {
    outrider_yaml::from_str_valid(YAML).unwrap()
}

pub fn planner() -> PlannerNode {
    planner_with(TREE)
}

pub fn planner_with(tree: &str) -> PlannerNode {
    PlannerNode::new(config(), &robot(), tree, 7).unwrap()
}

/// Boxes `[x0, y0, x1, y1]` on a grid, with a distance field by brute force and Nav2's inflation.
pub fn grid(size: [f64; 2], origin: Point2, boxes: &[[f64; 4]]) -> CostGrid {
    let resolution_m = 0.05;
    let (width, height) = ((size[0] / resolution_m).round() as u32, (size[1] / resolution_m).round() as u32);
    let cells = (width * height) as usize;
    let mut grid = CostGrid {
        sequence: 1,
        frame: FrameId::Map,
        resolution_m,
        width,
        height,
        origin,
        cost: vec![0; cells],
        distance_sq: vec![u16::MAX; cells],
        ..CostGrid::default()
    };
    for i in 0..cells {
        let p = grid.centre_of(cell(&grid, i));
        if boxes.iter().any(|b| p.x_m >= b[0] && p.x_m <= b[2] && p.y_m >= b[1] && p.y_m <= b[3]) {
            grid.cost[i] = COST_LETHAL;
        }
    }
    inflate(&mut grid);
    grid
}

fn cell(grid: &CostGrid, index: usize) -> Cell {
    Cell { col: (index as u32 % grid.width) as i32, row: (index as u32 / grid.width) as i32 }
}

/// Distances and costs from the lethal cells.
pub fn inflate(grid: &mut CostGrid) {
    let lethal = lethal_cells(grid);
    // Only the rim of a solid thing can be nearest.
    let rim: Vec<Cell> = lethal
        .iter()
        .copied()
        .filter(|c| {
            let beside =
                [(1, 0), (-1, 0), (0, 1), (0, -1)].map(|(dc, dr)| Cell { col: c.col + dc, row: c.row + dr });
            beside.into_iter().any(|n| grid.index_of(n).is_none_or(|i| grid.cost[i] != COST_LETHAL))
        })
        .collect();
    for i in 0..grid.cost.len() {
        let c = cell(grid, i);
        let sq = if grid.cost[i] == COST_LETHAL {
            0
        } else {
            rim.iter().map(|l| (c.col - l.col).pow(2) + (c.row - l.row).pow(2)).min().unwrap_or(i32::MAX)
        };
        grid.distance_sq[i] = sq.min(i32::from(u16::MAX)) as u16;
        let d = f64::from(grid.distance_sq[i]).sqrt() * grid.resolution_m;
        if grid.cost[i] != COST_LETHAL {
            grid.cost[i] = if d <= 0.25 {
                253
            } else if d > 1.0 {
                0
            } else {
                (252.0 * libm::exp(-4.0 * (d - 0.25))) as u8
            };
        }
    }
}

pub fn lethal_cells(grid: &CostGrid) -> Vec<Cell> {
    (0..grid.cost.len()).filter(|i| grid.cost[*i] == COST_LETHAL).map(|i| cell(grid, i)).collect()
}

/// Least signed distance from the outline at `pose` to the centre of a lethal cell, without the distance field.
pub fn brute_clearance_m(robot: &Robot, grid: &CostGrid, lethal: &[Cell], pose: Pose2) -> f64 {
    let near = |c: &&Cell| grid.centre_of(**c).distance_m(pose.position()) < 1.5;
    let base_from_map = pose.inverse();
    lethal
        .iter()
        .filter(near)
        .map(|c| robot.footprint.signed_distance_m(base_from_map.apply(grid.centre_of(*c))))
        .fold(1.0, f64::min)
}

/// The part of a grid about a pose; unknown where the grid ends.
pub fn crop(whole: &CostGrid, about: Pose2, half_m: f64) -> CostGrid {
    let side = (2.0 * half_m / whole.resolution_m).round() as i32;
    let low = whole.cell_of(Point2::new(about.x_m - half_m, about.y_m - half_m));
    let corner = whole.centre_of(low);
    let half_cell_m = 0.5 * whole.resolution_m;
    let mut part = CostGrid {
        origin: Point2::new(corner.x_m - half_cell_m, corner.y_m - half_cell_m),
        width: side as u32,
        height: side as u32,
        cost: Vec::new(),
        distance_sq: Vec::new(),
        ..whole.clone()
    };
    for row in 0..side {
        for col in 0..side {
            let index = whole.index_of(Cell { col: low.col + col, row: low.row + row });
            part.cost.push(index.map_or(255, |i| whole.cost[i]));
            part.distance_sq.push(index.map_or(u16::MAX, |i| whole.distance_sq[i]));
        }
    }
    part
}

/// Two rooms, 12 m × 8 m, with a wall at x = 6 and a doorway 1.4 m wide at y = 4.
pub fn two_rooms() -> CostGrid {
    let walls = [
        [0.0, 0.0, 12.0, 0.1],
        [0.0, 7.9, 12.0, 8.0],
        [0.0, 0.0, 0.1, 8.0],
        [11.9, 0.0, 12.0, 8.0],
        [5.9, 0.0, 6.1, 3.3],
        [5.9, 4.7, 6.1, 8.0],
    ];
    grid([12.0, 8.0], Point2::default(), &walls)
}

/// A free hall.
pub fn hall() -> CostGrid {
    grid([12.0, 8.0], Point2::default(), &[[0.0, 0.0, 12.0, 0.05], [0.0, 7.95, 12.0, 8.0]])
}

/// Someone who walks from a place at a velocity from a time on until another.
#[derive(Clone, Copy, Debug)]
pub struct Walker {
    pub from: Point2,
    pub velocity: Point2,
    pub starts_s: f64,
    pub ends_s: f64,
}

impl Walker {
    pub fn at(&self, t_s: f64) -> Point2 {
        let walked_s = (t_s - self.starts_s).clamp(0.0, self.ends_s - self.starts_s);
        Point2::new(
            self.from.x_m + self.velocity.x_m * walked_s,
            self.from.y_m + self.velocity.y_m * walked_s,
        )
    }

    pub fn track(&self, id: u64, t_s: f64) -> Track {
        let walks = t_s >= self.starts_s && t_s < self.ends_s;
        let velocity = if walks { self.velocity } else { Point2::default() };
        let position = self.at(t_s);
        let ahead = |i: u32| 0.2 * f64::from(i);
        Track {
            id,
            state: TrackState::Confirmed,
            class_label: "person".into(),
            class_probability: 0.9,
            position,
            velocity,
            covariance: [0.0025; 16],
            radius_m: 0.25,
            existence: 1.0,
            prediction_step_s: 0.2,
            prediction: (1..=15)
                .map(|i| {
                    Point2::new(
                        position.x_m + velocity.x_m * ahead(i),
                        position.y_m + velocity.y_m * ahead(i),
                    )
                })
                .collect(),
            prediction_sigma_m: (1..=15).map(|i| 0.05 + 0.15 * ahead(i)).collect(),
            ..Track::default()
        }
    }
}

pub fn fresh_sources() -> Vec<SourceState> {
    ["/scan", "/odom"]
        .map(|name| SourceState { name: name.into(), status: SourceStatus::Fresh, ..SourceState::default() })
        .to_vec()
}

pub struct Loop {
    pub robot: Robot,
    pub node: PlannerNode,
    pub grid: CostGrid,
    pub lethal: Vec<Cell>,
    pub walkers: Vec<Walker>,
    pub pose: Pose2,
    pub twist: Twist2,
    pub lag_s: f64,
    pub ticks: u64,
    pub worlds: u64,
    pub pending: Vec<Input>,
    pub commands: Vec<(f64, Command)>,
    pub decisions: Vec<Decision>,
    pub plans: Vec<Vec<Pose2>>,
    pub changes: Vec<TreeChanges>,
    pub clears: Vec<ClearCostmap>,
    pub steps: u64,
    pub replies: Vec<MissionReply>,
    pub states: Vec<MissionState>,
    pub outputs: Vec<Output>,
    pub least_clearance_m: f64,
    pub least_person_m: f64,
    pub world_model: fn(&mut WorldModel),
    pub worlds_on: bool,
    /// The most outputs of a step.
    pub outbox: usize,
    /// Half the side of the local grid; `None`: all of the world.
    pub window_m: Option<f64>,
}

impl Loop {
    pub fn new(grid: CostGrid, start: Pose2) -> Self {
        Self {
            robot: robot(),
            node: planner(),
            lethal: lethal_cells(&grid),
            grid,
            walkers: Vec::new(),
            pose: start,
            twist: Twist2::ZERO,
            lag_s: 0.1,
            ticks: 0,
            worlds: 0,
            pending: Vec::new(),
            commands: Vec::new(),
            decisions: Vec::new(),
            plans: Vec::new(),
            changes: Vec::new(),
            clears: Vec::new(),
            steps: 0,
            replies: Vec::new(),
            states: Vec::new(),
            outputs: Vec::new(),
            least_clearance_m: f64::INFINITY,
            least_person_m: f64::INFINITY,
            world_model: |_| (),
            worlds_on: true,
            outbox: 16,
            window_m: None,
        }
    }

    pub fn t_s(&self) -> f64 {
        self.ticks as f64 * STEP_S
    }

    pub fn now(&self) -> Now {
        let ns = Span::from_s(self.t_s()).nanos();
        Now {
            mono: Instant::from_nanos(ns + 5_000_000_000),
            ros: Stamp::from_nanos(ns + 1_700_000_000_000_000_000),
        }
    }

    pub fn world(&mut self) -> WorldModel {
        self.worlds += 1;
        let (now, t_s) = (self.now(), self.t_s());
        let mut world = WorldModel {
            stamp: now.ros,
            boot_id: 1,
            sequence: self.worlds,
            scan_stamp: now.ros - Span::from_millis(20),
            ego: EgoState {
                frame: FrameId::Map,
                pose: self.pose,
                twist: self.twist,
                odom_from_base: self.pose,
                localised: true,
                covariance: [0.01, 0.0, 0.0, 0.0, 0.04, 0.0, 0.0, 0.0, 0.01],
            },
            tracks: self.walkers.iter().zip(1..).map(|(w, id)| w.track(id, t_s)).collect(),
            sources: fresh_sources(),
            local: Arc::new(
                self.window_m.map_or_else(|| self.grid.clone(), |half_m| crop(&self.grid, self.pose, half_m)),
            ),
            global_sequence: 0,
        };
        (self.world_model)(&mut world);
        world
    }

    /// One tick: a world model every 50 ms, a wake-up whenever it is asked for, then the robot moves.
    pub fn tick(&mut self) {
        let now = self.now();
        let mut inputs: Vec<Input> = self.pending.drain(..).collect();
        if self.worlds_on && self.ticks.is_multiple_of(10) {
            inputs.push(Input::WorldModel(self.world()));
        }
        let due = self.node.next_wakeup().is_some_and(|at| now.mono >= at);
        if !inputs.is_empty() || due {
            let inputs: Vec<_> =
                inputs.into_iter().map(|value| Stamped { received: now.mono, value }).collect();
            let mut out = Outbox::new(self.outbox);
            self.steps += 1;
            self.node.step(now, &inputs, &mut out);
            assert_eq!(out.dropped(), 0);
            for output in out.drain() {
                self.outputs.push(output.clone());
                match output {
                    Output::Command(command) => self.commands.push((self.t_s(), command)),
                    Output::Decision(decision) => self.decisions.push(decision),
                    Output::Plan { poses, .. } => self.plans.push(poses),
                    Output::Tree(changes) => self.changes.push(changes),
                    Output::Clear(order) => self.clears.push(order),
                    Output::MissionReply(reply) => self.replies.push(reply),
                    Output::Mission(state) => self.states.push(state),
                }
            }
        }
        self.drive();
        self.ticks += 1;
    }

    fn drive(&mut self) {
        let command = self.commands.last().map_or(Twist2::ZERO, |(_, c)| c.twist);
        let share = if self.lag_s > 0.0 { STEP_S / self.lag_s } else { 1.0 };
        self.twist.v_mps += (command.v_mps - self.twist.v_mps) * share;
        self.twist.w_radps += (command.w_radps - self.twist.w_radps) * share;
        self.pose = self.pose.advance(self.twist, STEP_S);
        if self.ticks.is_multiple_of(4) {
            let clearance_m = brute_clearance_m(&self.robot, &self.grid, &self.lethal, self.pose);
            self.least_clearance_m = self.least_clearance_m.min(clearance_m);
            for walker in &self.walkers {
                let at = self.pose.inverse().apply(walker.at(self.t_s()));
                let gap_m = self.robot.footprint.signed_distance_m(at) - 0.25;
                self.least_person_m = self.least_person_m.min(gap_m);
            }
        }
    }

    pub fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds / STEP_S).round() as u64 {
            self.tick();
        }
    }

    pub fn send(&mut self, input: Input) {
        self.pending.push(input);
    }

    pub fn goal(&mut self, pose: Pose2) {
        let stamp = self.now().ros;
        self.send(Input::Goal(Goal { stamp, frame: FrameId::Map, pose }));
    }

    /// Runs until the tree has ended; false when that takes longer than `limit_s`.
    pub fn run_to_end(&mut self, limit_s: f64) -> bool {
        for _ in 0..(limit_s / STEP_S) as u64 {
            self.tick();
            if matches!(self.status(), TreeStatus::Success | TreeStatus::Failure) && self.pending.is_empty() {
                return true;
            }
        }
        false
    }

    pub fn status(&self) -> TreeStatus {
        self.decisions.last().map_or(TreeStatus::Idle, |d| d.tree_status)
    }

    pub fn last(&self) -> &Command {
        &self.commands.last().unwrap().1
    }

    /// What the run looked like, for messages of failing tests: one line every `every_s`.
    pub fn trace(&self, every_s: f64) -> String {
        let mut lines = String::new();
        let mut next_s = 0.0;
        for ((t_s, c), d) in self.commands.iter().zip(&self.decisions) {
            if *t_s >= next_s {
                next_s = t_s + every_s;
                lines += &format!(
                    "{t_s:6.2} v {:.2} w {:.2} {} | {} | {} | {:.1} m\n",
                    c.twist.v_mps,
                    c.twist.w_radps,
                    c.reason,
                    d.constraint,
                    d.active_node,
                    d.distance_remaining_m
                );
            }
        }
        format!("{lines}at {:?} {:?}", self.pose, self.twist)
    }

    /// It stands at its goal, and was never nearer than `least_m` to anything.
    #[track_caller]
    pub fn assert_arrived(&self, goal: Pose2, least_m: f64) {
        assert_eq!(self.status(), TreeStatus::Success, "\n{}", self.trace(0.5));
        assert!(self.pose.position().distance_m(goal.position()) <= 0.17, "{:?}", self.pose);
        assert!(wrap_angle(self.pose.yaw_rad - goal.yaw_rad).abs() <= 0.27, "{:?}", self.pose);
        assert!(self.least_clearance_m > least_m, "came to {} m", self.least_clearance_m);
    }

    /// What every run has to fulfil, whatever happens in it.
    pub fn check_commands(&self) {
        let limits = &self.robot.limits;
        for (t_s, command) in &self.commands {
            let twist = command.twist;
            assert!(twist.is_finite() && twist.v_mps <= limits.v_max_mps + 1e-9, "{t_s}: {twist:?}");
            assert!(
                twist.v_mps >= limits.v_min_mps - 1e-9 && twist.w_radps.abs() <= limits.w_max_radps + 1e-9
            );
            let tail = &command.braking_tail;
            assert!(!tail.is_empty() && tail[0].t_s == 0.0 && tail[0].pose == Pose2::IDENTITY);
            assert_eq!(tail.last().unwrap().twist, Twist2::ZERO);
            assert!(tail.len() <= 256 && command.trajectory.len() <= 256 && !command.trajectory.is_empty());
            assert!(!command.reason.is_empty());
        }
        for pair in self.commands.windows(2) {
            let ((t0, a), (t1, b)) = (&pair[0], &pair[1]);
            let dt = t1 - t0;
            assert!(dt <= 0.0251, "a command only after {dt} s");
            assert_eq!(b.sequence, a.sequence + 1);
            let (dv, dw) = (b.twist.v_mps - a.twist.v_mps, b.twist.w_radps - a.twist.w_radps);
            assert!(
                dv.abs() <= limits.brake_mps2.max(limits.accel_mps2) * dt + 1e-9,
                "{t1}: Δv {dv} in {dt}: {}",
                b.reason
            );
            assert!(dw.abs() <= limits.alpha_radps2 * dt + 1e-9, "{t1}: Δw {dw} in {dt}: {}", b.reason);
        }
        assert_eq!(self.commands.first().map(|(_, c)| c.sequence), Some(1));
        assert_eq!(self.commands.len(), self.decisions.len());
    }
}
