//! Grids of another size take nothing more from the heap, once the first step has grown what is not reserved: neither the
//! rolling grid after `/costmap/resize`, nor the global one after a map of another size. What a step hands out are messages,
//! and they own their memory: so the count of a step is what it was, whatever the size.

use crate::counting::allocations;
use outrider_foundation::data::{OccupancyMap, Odometry, Scan, TransformStamped};
use outrider_foundation::grid::GridSize;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::zones::{ExclusionZone, Zones};
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Stamp, Stamped};
use outrider_world_model::{Config, Input, Output, WorldModelNode};

const BEAMS: usize = 720;

struct World {
    node: WorldModelNode,
    out: Outbox<Output>,
    ms: i64,
    global_grids: usize,
    width: u32,
}

impl World {
    fn new() -> Self {
        let mut config: Config =
            outrider_yaml::from_str(include_str!("../../../config/world_model.yaml")).unwrap();
        // Scans alone count here.
        config.ego.matching.own = outrider_world_model::OwnMatching::Never;
        let polygon_m = vec![[2.0, -1.0], [4.0, -1.0], [4.0, 1.0], [2.0, 1.0]];
        let zone = ExclusionZone { name: "store".into(), polygon_m };
        let zones = Zones { version: 1, exclusion: vec![zone], ..Zones::default() };
        let robot = Robot::new(example::amr()).unwrap();
        let node = WorldModelNode::new(config, &robot, 1).unwrap().with_zones(&zones).unwrap();
        Self { node, out: Outbox::new(16), ms: 0, global_grids: 0, width: 0 }
    }

    /// One step: what it took from the heap.
    fn step(&mut self, inputs: Vec<Input>) -> u64 {
        let now = Now { mono: Instant::from_nanos(self.ms * 1_000_000), ros: self.stamp() };
        let inputs: Vec<_> = inputs.into_iter().map(|value| Stamped { received: now.mono, value }).collect();
        let counted = allocations(|| self.node.step(now, &inputs, &mut self.out));
        for output in self.out.drain() {
            match output {
                Output::WorldModel(world) => self.width = world.local.width,
                Output::GlobalGrid(_) => self.global_grids += 1,
                Output::Alive(_) => {}
            }
        }
        counted
    }

    fn stamp(&self) -> Stamp {
        Stamp::from_nanos(1_000_000_000 + self.ms * 1_000_000)
    }

    /// Drives for so many scans, something standing here and there: the most that a step took, if it gave out no global grid.
    fn drive(&mut self, scans: i64) -> u64 {
        let mut most = 0;
        for _ in 0..scans {
            self.ms += 50;
            // To and fro by some cells, so that the grid rolls and the scans still fit the map.
            let (stamp, x_m) = (self.stamp(), 0.1 * libm::sin(1e-3 * self.ms as f64));
            let pose = Pose2::new(x_m, 0.0, 0.0);
            let near = (self.ms / 1000) % 3;
            let ranges_m = (0..BEAMS).map(|i| if i / 40 % 4 == near as usize { 2.0 } else { 6.0 }).collect();
            let transform = TransformStamped {
                stamp,
                parent: "map".into(),
                child: "odom".into(),
                parent_from_child: Pose2::IDENTITY,
            };
            let scan = Scan {
                stamp,
                frame: "laser".into(),
                angle_min_rad: -std::f64::consts::PI,
                angle_increment_rad: std::f64::consts::TAU / BEAMS as f64,
                range_min_m: 0.1,
                range_max_m: 12.0,
                ranges_m,
                ..Scan::default()
            };
            let before = self.global_grids;
            let odometry = Odometry { stamp, odom_from_base: pose, ..Odometry::default() };
            let counted =
                self.step(vec![Input::Transform(transform), Input::Odometry(odometry), Input::Scan(scan)]);
            if self.global_grids == before {
                most = most.max(counted);
            }
        }
        most
    }

    fn resize(&mut self, cells: u32, resolution_m: f64) -> u64 {
        self.ms += 1;
        self.step(vec![Input::Resize(GridSize { width: cells, height: cells, resolution_m })])
    }

    fn map(&mut self, side: u32) {
        self.ms += 1;
        let map = OccupancyMap {
            stamp: self.stamp(),
            frame: "map".into(),
            resolution_m: 0.05,
            width: side,
            height: side,
            origin: Point2::new(-8.0, -8.0),
            cells: (0..side * side).map(|i| round_wall(i % side, i / side)).collect(),
        };
        self.step(vec![Input::Map(map)]);
    }
}

/// Occupancy of a cell of the map: a round wall 6 m from where the robot is.
fn round_wall(col: u32, row: u32) -> i8 {
    let from_middle_m = |cell: u32| 0.05 * (f64::from(cell) + 0.5) - 8.0;
    let radius_m = libm::hypot(from_middle_m(col), from_middle_m(row));
    if (radius_m - 6.0).abs() < 0.05 { 100 } else { 0 }
}

#[test]
fn a_step_takes_as_much_as_before_whatever_the_size() {
    let mut world = World::new();
    world.map(400);
    world.drive(200);
    let usual = world.drive(100);
    assert!(usual > 0, "a world model owns its memory, so the count works");
    for (cells, resolution_m) in [(320, 0.05), (400, 0.05), (120, 0.05), (200, 0.1), (400, 0.05)] {
        let change = world.resize(cells, resolution_m);
        // The bits of a scan, and with another resolution the table of costs.
        assert!(change <= 16, "{change} at the change to {cells} cells of {resolution_m} m");
        world.drive(5);
        assert_eq!(world.width, cells);
        assert_eq!(world.drive(100), usual, "after the change to {cells} cells of {resolution_m} m");
    }
    let grids = world.global_grids;
    for side in [640, 300, 500] {
        world.map(side);
        world.drive(60);
        assert_eq!(world.drive(100), usual, "after a map of {side} cells a side");
    }
    assert!(world.global_grids > grids + 6, "and the scans went on finding things: {}", world.global_grids);
}
