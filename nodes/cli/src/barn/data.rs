//! The data set: worlds of cylinders, optimal times, moving cylinders.

use super::motion::{KeyFrame, sample};
use super::robot::{DYNABARN_GOAL_RADIUS_M, Machine};
use super::table;
use anyhow::{Context as _, bail, ensure};
use outrider_foundation::Pose2;
use outrider_sim::RecordedTrack;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Radius of the standing cylinders, m.
const CYLINDER_RADIUS_M: f64 = 0.075;
/// Height of all cylinders, m: taller than the robot, whose lidar sees them.
const HEIGHT_M: f64 = 1.0;
/// Coordinates are no farther from the origin, m.
const EXTENT_M: f64 = 1_000.0;
/// The longest way or time in a table, m or s.
const LONGEST: f64 = 100_000.0;

/// What is to be driven in: a world, its start and goal, and what is asked for.
#[derive(Clone, Debug)]
pub struct Task {
    /// Number of the world in the data set.
    pub world: u32,
    /// In the world's frame.
    pub start: Pose2,
    /// In the world's frame.
    pub goal: Pose2,
    /// So near to the goal is there, m.
    pub goal_radius_m: f64,
    /// So long after the first move a run is over, s.
    pub time_limit_s: f64,
    /// Time that the best way takes at the speed of the score, s.
    pub optimal_time_s: f64,
    /// The world as SDF.
    pub sdf: String,
    /// What moves in it.
    pub moving: Vec<RecordedTrack>,
    /// Its radius, m.
    pub moving_radius_m: f64,
}

/// The BARN worlds of a folder, by number.
///
/// # Errors
/// Names file, line and value of what is wrong.
pub fn worlds(folder: &Path, machine: &Machine) -> anyhow::Result<BTreeMap<u32, Task>> {
    let mut times = BTreeMap::new();
    let meta = folder.join("meta.csv");
    table::read(&meta, &["world", "path_length_m", "optimal_time_s"], |row| {
        let world = row.index(0)?;
        row.number(1, LONGEST)?;
        let time_s = row.number(2, LONGEST)?;
        if time_s <= 0.0 {
            return Err(row.wrong(&format!("optimal_time_s: {time_s} is not positive")));
        }
        if times.insert(world, time_s).is_some() {
            return Err(row.wrong(&format!("world {world} comes twice")));
        }
        Ok(())
    })?;
    let mut cylinders: BTreeMap<u32, Vec<[f64; 2]>> = BTreeMap::new();
    let path = folder.join("worlds.csv");
    table::read(&path, &["world", "x_m", "y_m"], |row| {
        let at = [row.number(1, EXTENT_M)?, row.number(2, EXTENT_M)?];
        let world = row.index(0)?;
        if !times.contains_key(&world) {
            return Err(row.wrong(&format!("world {world} is not in {}", meta.display())));
        }
        cylinders.entry(world).or_default().push(at);
        Ok(())
    })?;
    // Without cylinders it would be driven as an empty world, and counted.
    if let Some(world) = times.keys().find(|world| !cylinders.contains_key(*world)) {
        bail!("{}: world {world} of {} has no row", path.display(), meta.display());
    }
    let barn =
        machine.barn().with_context(|| format!("{}: no `barn`", folder.join("robot.json").display()))?;
    let task = |(world, time_s): (u32, f64)| {
        let at = cylinders.get(&world).map_or(&[][..], Vec::as_slice);
        let [x, y, yaw] = barn.start;
        let [gx, gy] = barn.goal;
        let task = Task {
            world,
            start: Pose2::new(x, y, yaw),
            goal: Pose2::new(gx, gy, yaw),
            goal_radius_m: barn.goal_radius,
            time_limit_s: barn.timeout_s,
            optimal_time_s: time_s,
            sdf: sdf(world, at),
            moving: Vec::new(),
            moving_radius_m: CYLINDER_RADIUS_M,
        };
        (world, task)
    };
    Ok(times.into_iter().map(task).collect())
}

/// The DynaBARN worlds of a folder, by number.
///
/// # Errors
/// Names file, line and value of what is wrong.
pub fn moving_worlds(folder: &Path, machine: &Machine) -> anyhow::Result<BTreeMap<u32, Task>> {
    let motions = motions(&folder.join("dynabarn_motions.csv"))?;
    let path = folder.join("dynabarn_worlds.csv");
    let mut members: BTreeMap<u32, Vec<(String, f64)>> = BTreeMap::new();
    table::read(&path, &["world", "motion", "radius_m"], |row| {
        let radius_m = row.number(2, 5.0)?;
        if radius_m < 0.05 {
            return Err(row.wrong(&format!("radius_m: {radius_m} is not within [0.05, 5]")));
        }
        let motion = row.text(1)?;
        if !motions.contains_key(motion) {
            return Err(row.wrong(&format!("motion `{motion}` is in no row of dynabarn_motions.csv")));
        }
        members.entry(row.index(0)?).or_default().push((motion.to_owned(), radius_m));
        Ok(())
    })?;
    let course = machine
        .dynabarn()
        .with_context(|| format!("{}: no `dynabarn`", folder.join("robot.json").display()))?;
    let mut tasks = BTreeMap::new();
    for (world, members) in members {
        let radius_m = members.first().map_or(0.5, |(_, r)| *r);
        ensure!(
            members.iter().all(|(_, r)| (r - radius_m).abs() < 1e-9),
            "{}: world {world}: cylinders of different radii",
            path.display()
        );
        let track = |(i, (name, _)): (usize, &(String, f64))| RecordedTrack {
            name: format!("{name} ({i})"),
            leaves: false,
            points: motions.get(name).cloned().unwrap_or_default(),
        };
        let [x, y, yaw] = course.start;
        let [gx, gy] = course.goal;
        let task = Task {
            world,
            start: Pose2::new(x, y, yaw),
            goal: Pose2::new(gx, gy, yaw),
            goal_radius_m: DYNABARN_GOAL_RADIUS_M,
            time_limit_s: 100.0,
            optimal_time_s: course.path_length_m / machine.optimal_speed_mps(),
            sdf: sdf(world, &[]),
            moving: members.iter().enumerate().map(track).collect(),
            moving_radius_m: radius_m,
        };
        tasks.insert(world, task);
    }
    Ok(tasks)
}

/// Motions by name, as points over time.
fn motions(path: &Path) -> anyhow::Result<BTreeMap<String, Vec<[f64; 3]>>> {
    let mut frames: BTreeMap<String, Vec<KeyFrame>> = BTreeMap::new();
    table::read(path, &["motion", "duration_s", "k", "t_s", "x_m", "y_m"], |row| {
        let frame = KeyFrame {
            t_s: row.number(3, LONGEST)?,
            x_m: row.number(4, EXTENT_M)?,
            y_m: row.number(5, EXTENT_M)?,
        };
        let list = frames.entry(row.text(0)?.to_owned()).or_default();
        let (k, expected) = (row.index(2)?, list.len());
        if k as usize != expected {
            return Err(row.wrong(&format!("k: {k} where {expected} is expected")));
        }
        if list.last().is_some_and(|before| frame.t_s <= before.t_s) || frame.t_s < 0.0 {
            return Err(row.wrong(&format!("t_s: {} does not follow the time before", frame.t_s)));
        }
        list.push(frame);
        Ok(())
    })?;
    if frames.is_empty() {
        bail!("{}: no motion", path.display());
    }
    Ok(frames.into_iter().map(|(name, list)| (name, sample(&list))).collect())
}

/// A world of upright cylinders, as SDF.
fn sdf(world: u32, cylinders: &[[f64; 2]]) -> String {
    let mut text = format!("<sdf version=\"1.9\"><world name=\"{world}\">\n");
    for (i, [x, y]) in cylinders.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<model name=\"cylinder_{i}\"><static>true</static><pose>{x} {y} {z} 0 0 0</pose><link name=\"l\">\
             <collision name=\"c\"><geometry><cylinder><radius>{CYLINDER_RADIUS_M}</radius>\
             <length>{HEIGHT_M}</length></cylinder></geometry></collision></link></model>",
            z = 0.5 * HEIGHT_M
        );
    }
    text.push_str("</world></sdf>\n");
    text
}
