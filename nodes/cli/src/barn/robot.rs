//! `robot.json` of the data set, and what the suite and the simulator make of it.

use anyhow::{Context as _, ensure};
use outrider_foundation::data::BEAM_LIMIT;
use outrider_foundation::robot::{DriveLimits, Mount};
use outrider_foundation::{Point2, RobotDescription};
use serde::Deserialize;
use std::f64::consts::TAU;
use std::path::Path;

/// Where the lidar sits, forward of the base's origin: the Jackal's front mount at 0.12 m, and the offset that the data set's
/// own description of its source states, m.
const LIDAR_X_M: f64 = 0.055;
/// Tyres on a dry floor reach this, whatever the motors could do: the most that safety reckons with, m/s².
const BRAKE_MOST_MPS2: f64 = 6.0;
/// An ordinary change of speed takes no more than this, m/s².
const ORDINARY_MPS2: f64 = 4.0;
/// Share of the greatest angular acceleration that the suite asks for and reckons with.
const ALPHA_SHARE: f64 = 0.5;
/// Greatest speed backwards that the suite may ask for, m/s.
const BACKWARD_MPS: f64 = 0.3;
/// From a command to the wheels' response: dead time and lag of the simulated drive, s.
const ACTUATOR_DELAY_S: f64 = 0.05;
/// The configuration of the suite, with what it slows down to beside obstacles, is for robots that reach this, m/s.
const SLOWEST_MPS: f64 = 0.5;
/// Start and goal are no farther from the origin, m.
const EXTENT_M: f64 = 1_000.0;
/// The longest a run may take: half of the steps that the baseline's simulator makes, s.
const LONGEST_S: f64 = 500.0;
/// So near to the goal is there in the DynaBARN worlds, m.
pub const DYNABARN_GOAL_RADIUS_M: f64 = 1.0;
/// Greatest jerk, m/s³.
const JERK_MPS3: f64 = 100.0;

/// `robot.json`. What is not used here is not looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct Machine {
    nav2_footprint: Vec<[f64; 2]>,
    v_max: f64,
    a_max: f64,
    w_max: f64,
    alpha_max: f64,
    odom_hz: f64,
    lidar_ros1: Lidar,
    #[serde(default)]
    barn: Option<Course>,
    #[serde(default)]
    dynabarn: Option<MovingCourse>,
}

/// The lidar.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Lidar {
    /// Field of view.
    pub fov_deg: f64,
    /// Beams.
    pub rays: usize,
    /// Sweeps a second.
    pub hz: f64,
    /// Least and greatest range, m.
    pub range: [f64; 2],
    /// Standard deviation of a range, m.
    #[serde(default)]
    pub noise_std: f64,
}

/// Start and goal of the BARN worlds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Course {
    /// x, y, heading.
    pub start: [f64; 3],
    /// x, y.
    pub goal: [f64; 2],
    /// So near is there.
    pub goal_radius: f64,
    /// A run is over after this.
    pub timeout_s: f64,
    /// Speed that optimal times are reckoned with.
    pub v_for_optimal_time: f64,
}

/// Start and goal of the DynaBARN worlds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MovingCourse {
    /// x, y, heading.
    pub start: [f64; 3],
    /// x, y.
    pub goal: [f64; 2],
    /// Length of the way, m.
    pub path_length_m: f64,
}

impl Machine {
    /// Reads `robot.json` of a folder.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("robot.json");
        let name = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| format!("{name}: cannot be read"))?;
        let machine: Self = serde_json::from_str(&text).with_context(|| name.to_string())?;
        let positive = [
            ("a_max", machine.a_max, DriveLimits::ACCEL_MOST_MPS2),
            ("w_max", machine.w_max, DriveLimits::W_MOST_RADPS),
            ("alpha_max", machine.alpha_max, DriveLimits::ALPHA_MOST_RADPS2),
            ("barn.v_for_optimal_time", machine.optimal_speed_mps(), 1000.0),
        ];
        for (key, value, most) in positive {
            ensure!(value > 0.0 && value <= most, "{name}: {key}: {value} is not within (0, {most}]");
        }
        for (key, value, least, most) in machine.bounds() {
            let sound = (least..=most).contains(&value);
            ensure!(sound, "{name}: {key}: {value} is not within [{least}, {most}]");
        }
        for (key, way_m, radius_m) in machine.ways() {
            ensure!(
                way_m > radius_m,
                "{name}: {key}: it is {way_m:.3} m from the start, within the {radius_m} m that count as there"
            );
        }
        Ok(machine)
    }

    /// The goal's key, its distance from the start, and how near to it is there: a run that begins there would be a success after 0 s.
    fn ways(&self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        let way_m =
            |[x, y, _]: [f64; 3], [gx, gy]: [f64; 2]| Point2::new(x, y).distance_m(Point2::new(gx, gy));
        let barn = self.barn.map(|c| ("barn.goal", way_m(c.start, c.goal), c.goal_radius));
        let moving = self.dynabarn.map(|c| ("dynabarn.goal", way_m(c.start, c.goal), DYNABARN_GOAL_RADIUS_M));
        barn.into_iter().chain(moving)
    }

    /// Key, value, least and greatest value of what becomes part of generated files: whoever wrote `robot.json` has not seen these.
    fn bounds(&self) -> Vec<(&'static str, f64, f64, f64)> {
        let lidar = &self.lidar_ros1;
        let [nearest_m, farthest_m] = lidar.range;
        let mut bounds = vec![
            ("v_max", self.v_max, SLOWEST_MPS, DriveLimits::V_MOST_MPS),
            ("odom_hz", self.odom_hz, 0.1, 1000.0),
            ("lidar_ros1.fov_deg", lidar.fov_deg, 1.0, 360.0),
            ("lidar_ros1.hz", lidar.hz, 0.1, 1000.0),
            ("lidar_ros1.rays", lidar.rays as f64, 2.0, BEAM_LIMIT as f64),
            ("lidar_ros1.range[0]", nearest_m, 0.0, 10.0),
            // Both are m; a range has some width.
            ("lidar_ros1.range[1]", farthest_m, nearest_m + 0.1, 200.0),
            ("lidar_ros1.noise_std", lidar.noise_std, 0.0, 1.0),
        ];
        let mut place = |keys: [&'static str; 5], [x, y, yaw]: [f64; 3], goal: [f64; 2]| {
            let most = [EXTENT_M, EXTENT_M, TAU, EXTENT_M, EXTENT_M];
            let values = [x, y, yaw, goal[0], goal[1]];
            bounds
                .extend(keys.into_iter().zip(values).zip(most).map(|((key, v), most)| (key, v, -most, most)));
        };
        if let Some(barn) = &self.barn {
            let keys = ["barn.start[0]", "barn.start[1]", "barn.start[2]", "barn.goal[0]", "barn.goal[1]"];
            place(keys, barn.start, barn.goal);
        }
        if let Some(course) = &self.dynabarn {
            let keys = [
                "dynabarn.start[0]",
                "dynabarn.start[1]",
                "dynabarn.start[2]",
                "dynabarn.goal[0]",
                "dynabarn.goal[1]",
            ];
            place(keys, course.start, course.goal);
            bounds.push(("dynabarn.path_length_m", course.path_length_m, 0.1, EXTENT_M));
        }
        if let Some(barn) = &self.barn {
            bounds.push(("barn.goal_radius", barn.goal_radius, 0.01, 10.0));
            bounds.push(("barn.timeout_s", barn.timeout_s, 0.1, LONGEST_S));
        }
        bounds
    }

    /// The BARN course.
    pub fn barn(&self) -> Option<&Course> {
        self.barn.as_ref()
    }

    /// The DynaBARN course.
    pub fn dynabarn(&self) -> Option<&MovingCourse> {
        self.dynabarn.as_ref()
    }

    /// The lidar.
    pub fn lidar(&self) -> Lidar {
        self.lidar_ros1
    }

    /// Times a second that odometry comes.
    pub fn odometry_hz(&self) -> f64 {
        self.odom_hz
    }

    /// Speed that optimal times are reckoned with.
    pub fn optimal_speed_mps(&self) -> f64 {
        self.barn.map_or(2.0, |b| b.v_for_optimal_time)
    }

    /// The robot as it is: what the simulator moves.
    pub fn real(&self) -> RobotDescription {
        let limits = DriveLimits {
            v_max_mps: self.v_max,
            v_min_mps: -self.v_max,
            w_max_radps: self.w_max,
            accel_mps2: self.a_max,
            decel_mps2: self.a_max,
            brake_mps2: self.a_max,
            alpha_radps2: self.alpha_max,
            jerk_mps3: JERK_MPS3,
            actuator_delay_s: ACTUATOR_DELAY_S,
        };
        self.description(limits)
    }

    /// The robot as the suite may reckon with it: slower to change its speed and to brake than it is.
    pub fn reckoned(&self) -> RobotDescription {
        let limits = DriveLimits {
            v_max_mps: self.v_max,
            v_min_mps: -self.v_max.min(BACKWARD_MPS),
            w_max_radps: self.w_max,
            accel_mps2: self.a_max.min(ORDINARY_MPS2),
            decel_mps2: self.a_max.min(ORDINARY_MPS2),
            brake_mps2: self.a_max.min(BRAKE_MOST_MPS2),
            alpha_radps2: ALPHA_SHARE * self.alpha_max,
            jerk_mps3: JERK_MPS3,
            actuator_delay_s: ACTUATOR_DELAY_S,
        };
        self.description(limits)
    }

    fn description(&self, limits: DriveLimits) -> RobotDescription {
        RobotDescription {
            name: "barn".to_owned(),
            base_frame: "base_link".to_owned(),
            odom_frame: "odom".to_owned(),
            map_frame: "map".to_owned(),
            footprint_m: counter_clockwise(&self.nav2_footprint),
            lidar: Mount { frame: "laser".to_owned(), x_m: LIDAR_X_M, y_m: 0.0, yaw_rad: 0.0 },
            stamped_command: true,
            limits,
        }
    }
}

fn counter_clockwise(corners: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let next = corners.iter().cycle().skip(1);
    let doubled: f64 = corners.iter().zip(next).map(|([ax, ay], [bx, by])| ax * by - ay * bx).sum();
    let mut corners = corners.to_vec();
    if doubled < 0.0 {
        corners.reverse();
    }
    corners
}
