//! A hall with shelves and people on circles: what the lidar and the detector see of it, and the parts of the world model that
//! take it. For timing, and for counting instructions.
#![allow(dead_code, missing_docs)]

use outrider_foundation::data::{Detection, DetectionSet, Odometry, Scan, WorldModel};
use outrider_foundation::grid::COST_FREE;
use outrider_foundation::rng::Rng;
use outrider_foundation::robot::Robot;
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Stamp, Stamped, Twist2};
use outrider_world_model::beams::{Beam, Body, Reach, Sweep, beams};
use outrider_world_model::distance::{DistanceScratch, limit_cells, squared_distance};
use outrider_world_model::inflation::InflationTable;
use outrider_world_model::obstacles::ObstacleLayer;
use outrider_world_model::{Config, Input, Output, WorldModelNode};

pub const BEAMS: usize = 720;
pub const PEOPLE: usize = 20;
pub const CELLS: usize = 200;
const TWIST: Twist2 = Twist2::new(0.8, 0.2);

pub fn config() -> Config {
    outrider_yaml::from_str(include_str!("../../../../config/world_model.yaml")).unwrap()
}

/// Where somebody is: on circles, in pairs that pass each other now and then.
fn person(i: usize, t_s: f64) -> Point2 {
    let (s, c) = libm::sincos(0.4 * t_s * if i.is_multiple_of(2) { 1.0 } else { -1.0 } + i as f64);
    let (around_s, around_c) = libm::sincos((i / 2) as f64 * 0.628);
    Point2::new(5.0 * around_c + 1.5 * c, 5.0 * around_s + 1.5 * s)
}

pub fn stamp(cycle: u64) -> Stamp {
    Stamp::from_nanos(1_000_000_000 + cycle as i64 * 100_000_000)
}

/// A hall with shelves, and the people in it.
pub fn scan(cycle: u64) -> Scan {
    let mut rng = Rng::new(2, 0, cycle);
    let per_beam = std::f64::consts::TAU / BEAMS as f64;
    let mut range = |i: usize| {
        let angle = i as f64 * per_beam;
        let wall = 5.5 + 2.0 * libm::sin(3.0 * angle) + 1.5 * libm::cos(11.0 * angle);
        wall + 0.01 * rng.normal()
    };
    let mut ranges_m: Vec<f32> = (0..BEAMS).map(|i| range(i) as f32).collect();
    for i in 0..PEOPLE {
        let at = person(i, cycle as f64 * 0.1);
        let distance_m = at.distance_m(Point2::default()).max(0.5);
        let (middle, half) =
            (libm::atan2(at.y_m, at.x_m) / per_beam, libm::atan(0.25 / distance_m) / per_beam);
        for beam in (middle - half).ceil() as i64..=(middle + half).floor() as i64 {
            let held = &mut ranges_m[beam.rem_euclid(BEAMS as i64) as usize];
            *held = held.min((distance_m - 0.25) as f32);
        }
    }
    Scan {
        stamp: stamp(cycle),
        frame: "laser".into(),
        angle_increment_rad: per_beam,
        time_increment_s: 5e-5,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m,
        ..Scan::default()
    }
}

pub fn set(cycle: u64) -> DetectionSet {
    let mut rng = Rng::new(1, 0, cycle);
    let mut detection = |i: usize| {
        let at = person(i, cycle as f64 * 0.1);
        Detection {
            position: Point2::new(at.x_m + 0.08 * rng.normal(), at.y_m + 0.08 * rng.normal()),
            covariance: [0.0064, 0.0, 0.0, 0.0064],
            body: None,
            radius_m: 0.25,
            existence: 0.95,
            class_probabilities: vec![0.9, 0.05, 0.05],
        }
    };
    DetectionSet {
        stamp: stamp(cycle),
        frame: "odom".into(),
        model_id: "net".into(),
        model_version: "1".into(),
        class_labels: vec!["person".into(), "forklift".into(), "other".into()],
        detections: (0..PEOPLE).map(&mut detection).collect(),
        ..DetectionSet::default()
    }
}

/// From a scan to straightened beams on the robot.
pub struct Straightener {
    robot: Robot,
    config: Config,
    pub beams: Vec<Beam>,
}

impl Straightener {
    pub fn new(robot: &Robot) -> Self {
        Self { robot: robot.clone(), config: config(), beams: Vec::new() }
    }

    pub fn take(&mut self, scan: &Scan) {
        let costmap = &self.config.costmap;
        let body = Body {
            footprint: &self.robot.footprint,
            margin_m: costmap.footprint_margin_m,
            base_from_lidar: self.robot.base_from_lidar,
        };
        let reach = Reach { mark_max_m: costmap.mark_max_m, clear_max_m: costmap.clear_max_m };
        let sweep = Sweep { first: Pose2::IDENTITY, last: Pose2::IDENTITY.advance(TWIST, 0.036) };
        beams(scan, sweep, body, reach, &[], &mut self.beams);
    }
}

/// Where beams clear and mark.
pub fn layer() -> ObstacleLayer {
    let mut layer = ObstacleLayer::new(CELLS as u32, CELLS as u32, 0.05, &config().costmap.log_odds);
    layer.recentre(Point2::default());
    layer
}

/// Distance field and costs of a square grid.
pub struct Field {
    cells: usize,
    limit: u16,
    table: InflationTable,
    scratch: DistanceScratch,
    distance_sq: Vec<u16>,
    pub cost: Vec<u8>,
}

impl Field {
    pub fn new(cells: usize) -> Self {
        let inflation = config().inflation;
        Self {
            cells,
            limit: limit_cells(inflation.distance_limit_m, 0.05),
            table: InflationTable::new(0.35, inflation.radius_m, inflation.cost_scaling_per_m, 0.05),
            scratch: DistanceScratch::default(),
            distance_sq: vec![0; cells * cells],
            cost: vec![0; cells * cells],
        }
    }

    /// Obstacles as a scan leaves them: outlines of walls, one cell in forty.
    pub fn lethal(&self, cycle: u64) -> Vec<bool> {
        let cells = self.cells;
        let mut rng = Rng::new(3, 0, cycle);
        let mut lethal = vec![false; cells * cells];
        for _ in 0..cells / 20 {
            let (x, y) = (rng.next_u32() as usize % cells, rng.next_u32() as usize % cells);
            for i in 0..cells / 4 {
                let at = if x > y { (x, (y + i) % cells) } else { ((x + i) % cells, y) };
                lethal[at.1 * cells + at.0] = true;
            }
        }
        lethal
    }

    pub fn fill(&mut self, lethal: &[bool]) {
        let (out, scratch) = (&mut self.distance_sq, &mut self.scratch);
        squared_distance(lethal, self.cells, self.cells, self.limit, scratch, out);
        self.cost.fill(COST_FREE);
        self.table.inflate(out, &mut self.cost);
    }
}

/// The whole node: odometry first, then detections and a scan at once.
pub struct Whole {
    node: WorldModelNode,
    out: Outbox<Output>,
}

impl Whole {
    pub fn new(robot: &Robot) -> Self {
        Self { node: WorldModelNode::new(config(), robot, 1).unwrap(), out: Outbox::new(64) }
    }

    fn now(cycle: u64) -> Now {
        Now { mono: Instant::from_nanos(stamp(cycle).nanos()), ros: stamp(cycle) }
    }

    /// Where the robot is; gives what is to be taken next.
    pub fn odometry(&mut self, cycle: u64) -> [Stamped<Input>; 2] {
        let now = Self::now(cycle);
        let (s, c) = libm::sincos(0.05 * cycle as f64 * 0.1);
        let odom_from_base = Pose2::new(1.5 * c, 1.5 * s, 0.0);
        let odometry = Odometry { stamp: now.ros, odom_from_base, ..Odometry::default() };
        let stamped = |value| Stamped { received: now.mono, value };
        self.node.step(now, &[stamped(Input::Odometry(odometry))], &mut self.out);
        self.out.drain().for_each(drop);
        [stamped(Input::Detections(set(cycle))), stamped(Input::Scan(scan(cycle)))]
    }

    pub fn take(&mut self, cycle: u64, inputs: &[Stamped<Input>]) {
        self.node.step(Self::now(cycle), inputs, &mut self.out);
    }

    /// What it tells of the world after a step.
    pub fn told(&mut self) -> Option<WorldModel> {
        let model = |output| if let Output::WorldModel(model) = output { Some(model) } else { None };
        self.out.drain().find_map(model)
    }
}
