//! A room of 10 m by 8 m with a pillar, seen from anywhere in it; for a test and the benchmark.

use nalgebra::Matrix3;
use outrider_foundation::data::{Imu, OccupancyMap, Odometry, Scan};
use outrider_foundation::{Footprint, Point2, Pose2, Stamp, Twist2};
use outrider_world_model::{Against, Build, Config, Localizer};

/// Where the robot's origin of odometry is in the map.
pub const START: Pose2 = Pose2::new(-1.0, 0.5, 0.3);
const CELLS: (u32, u32) = (220, 180);
/// x from, x to, y from, y to.
const PILLAR: [f64; 4] = [1.025, 1.975, -1.975, -1.025];

fn config() -> Config {
    outrider_yaml::from_str_valid(include_str!("../../../../config/world_model.yaml")).unwrap()
}

/// A localizer with the shipped configuration.
pub fn localizer(against: Against) -> Localizer {
    let build = Build {
        footprint: Footprint::rectangle(0.35, 0.35, 0.5).unwrap(),
        base_from_lidar: Pose2::new(0.1, 0.0, 0.0),
        lidar_frame: "laser".into(),
        speed_max_mps: 1.0,
    };
    Localizer::new(config().ego, build, against).unwrap()
}

/// The room as a map.
pub fn against_map() -> Against {
    let (width, height) = CELLS;
    let occupied = |i: u32| {
        let (col, row) = (i % width, i / width);
        let (x, y) = (f64::from(col) * 0.05 - 5.5, f64::from(row) * 0.05 - 4.5);
        let edge = (10..=210).contains(&col)
            && (10..=170).contains(&row)
            && (col == 10 || col == 210 || row == 10 || row == 170);
        let [x0, x1, y0, y1] = PILLAR;
        edge || (x > x0 - 0.03 && x < x1 + 0.03 && y > y0 - 0.03 && y < y1 + 0.03)
    };
    let map = OccupancyMap {
        frame: "map".into(),
        resolution_m: 0.05,
        width,
        height,
        origin: Point2::new(-5.525, -4.525),
        cells: (0..width * height).map(|i| if occupied(i) { 100 } else { 0 }).collect(),
        ..OccupancyMap::default()
    };
    Against::Map { map, occupied_threshold: 65, start: START, covariance: Matrix3::identity() * 0.01 }
}

/// Odometry of a robot at `pose` in odom.
pub fn odometry(ms: i64, pose: Pose2, twist: Twist2) -> Odometry {
    Odometry {
        stamp: Stamp::from_nanos(ms * 1_000_000),
        odom_from_base: pose,
        pose_covariance: [1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 1e-4],
        twist,
        twist_variance: [1e-4; 2],
    }
}

/// What its inertial unit says.
pub fn imu(ms: i64, twist: Twist2) -> Imu {
    Imu {
        stamp: Stamp::from_nanos(ms * 1_000_000),
        frame: "base_link".into(),
        yaw_rate_radps: twist.w_radps,
        yaw_rate_variance: 25e-6,
        ..Imu::default()
    }
}

/// What its lidar sees from `pose` in odom.
pub fn scan(ms: i64, pose: Pose2, beams: usize) -> Scan {
    let lidar = START.then(pose).then(Pose2::new(0.1, 0.0, 0.0));
    let increment = std::f64::consts::TAU / beams as f64;
    let range = |i: usize| {
        let (s, c) = libm::sincos(lidar.yaw_rad + i as f64 * increment);
        let to = |speed: f64, at: f64, wall: f64| (speed.signum() * wall - at) / speed;
        let walls = to(c, lidar.x_m, 5.0).min(to(s, lidar.y_m, 4.0));
        let [x0, x1, y0, y1] = PILLAR;
        let (ax, bx) = ((x0 - lidar.x_m) / c, (x1 - lidar.x_m) / c);
        let (ay, by) = ((y0 - lidar.y_m) / s, (y1 - lidar.y_m) / s);
        let (enter, leave) = (ax.min(bx).max(ay.min(by)), ax.max(bx).min(ay.max(by)));
        (if enter > 0.0 && enter < leave { walls.min(enter) } else { walls }) as f32
    };
    Scan {
        stamp: Stamp::from_nanos(ms * 1_000_000),
        frame: "laser".into(),
        angle_increment_rad: increment,
        range_min_m: 0.1,
        range_max_m: 20.0,
        ranges_m: (0..beams).map(range).collect(),
        ..Scan::default()
    }
}
