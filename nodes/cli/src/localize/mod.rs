//! `outrider localize`: how well the world model knows where the robot is, over a bag with a reference.

mod errors;
mod map_file;
mod run;

use anyhow::{Context as _, ensure};
use errors::{Errors, alignment, errors, pair, read_tum, tum_line};
use outrider_bags::BagReader;
use outrider_foundation::{Pose2, Robot};
use outrider_runtime::config;
use outrider_suite::files::{robot_description, world_model_config};
use run::{Outcome, Story, Track, Wish, map_of, run_bag};
use serde::Serialize;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A reference pose whose neighbours in the trajectory are farther away in time is left out, in s.
const GAP_S: f64 = 0.5;

/// A start is no farther from the map's origin, m.
const START_MOST_M: f64 = 100_000.0;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bag with /scan and /odom; /imu, /tf_static and /map are used when there.
    bag: PathBuf,
    /// Where the robot truly was, in TUM's format.
    #[arg(long, value_name = "FILE.tum")]
    reference: PathBuf,
    /// Map to match with: a map_server YAML file, or `bag` for the bag's own /map. Without, scans are matched with what the
    /// robot itself has seen before.
    #[arg(long, value_name = "MAP")]
    map: Option<PathBuf>,
    /// Where the robot is in the map at first; without, where the reference begins.
    #[arg(long, value_name = "X,Y,YAW", requires = "map", allow_hyphen_values = true)]
    start: Option<String>,
    /// Configuration folder.
    #[arg(long, default_value = "config")]
    config: PathBuf,
    /// Writes the matched poses to this file, in TUM's format.
    #[arg(long, value_name = "FILE.tum")]
    poses: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What the scans were matched with.
    pub against: String,
    /// Poses of the reference.
    pub reference_poses: usize,
    /// By the wheels alone.
    pub wheels: Errors,
    /// By wheels and gyro, when there is one.
    pub wheels_and_gyro: Option<Errors>,
    /// By matching, with the alignment like the others.
    pub matching: Errors,
    /// By matching with a map, as it is: without any alignment.
    pub matching_in_map: Option<Errors>,
    /// What the bag held.
    pub story: Story,
}

/// Runs it and prints. The exit code is 0 whatever the errors are.
///
/// # Errors
/// When a file cannot be read, or the bag holds nothing to run on.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (verdict, outcome) = localize(&args)?;
    if let Some(path) = &args.poses {
        let text: String = outcome.matching.all.iter().map(tum_line).collect();
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        print!("{}", text(&verdict, &args));
    }
    Ok(ExitCode::SUCCESS)
}

fn localize(args: &Args) -> anyhow::Result<(Verdict, Outcome)> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let reference =
        read_tum(&read(&args.reference)?).with_context(|| format!("{}", args.reference.display()))?;
    ensure!(reference.len() >= 2, "{}: fewer than two poses", args.reference.display());
    crate::need_configuration(&args.config)?;
    let robot_file = args.config.join("robot.yaml");
    let robot =
        Robot::new(robot_description(&robot_file.display().to_string(), &config::read(&robot_file)?)?)?;
    let file = args.config.join("world_model.yaml");
    let settings = world_model_config(&file.display().to_string(), &config::read(&file)?)?;
    let reader = BagReader::open(&args.bag)?;
    let map = match &args.map {
        None => None,
        Some(path) => {
            let map = if path == Path::new("bag") { map_of(&reader)? } else { map_file::read_map(path)? };
            let start = args.start.as_deref().map(parse_start).transpose()?;
            Some((map, start.or(reference.first().map(|(_, pose)| *pose)).unwrap_or_default()))
        }
    };
    let with_map = map.is_some();
    let outcome = run_bag(&reader, settings, robot, Wish { map })?;
    let judge = |track: &Track| {
        let pairs = pair(&reference, &track.at_scans, &track.all, GAP_S);
        ensure!(pairs.len() >= 2, "fewer than two poses of the reference lie in the time of the bag");
        Ok((errors(&pairs, alignment(&pairs)), errors(&pairs, Pose2::IDENTITY)))
    };
    let (wheels, _) = judge(&outcome.wheels)?;
    let (matching, in_map) = judge(&outcome.matching)?;
    let wheels_and_gyro = if outcome.gyro.all.is_empty() { None } else { Some(judge(&outcome.gyro)?.0) };
    let verdict = Verdict {
        against: match &args.map {
            Some(path) => path.display().to_string(),
            None => {
                "own scans: a map made on the way, never corrected afterwards; no loop closing".to_owned()
            }
        },
        reference_poses: reference.len(),
        wheels,
        wheels_and_gyro,
        matching,
        matching_in_map: with_map.then_some(in_map),
        story: outcome.story.clone(),
    };
    Ok((verdict, outcome))
}

fn parse_start(text: &str) -> anyhow::Result<Pose2> {
    let numbers: Vec<f64> = text.split(',').map(|part| part.trim().parse().unwrap_or(f64::NAN)).collect();
    match numbers.as_slice() {
        &[x, y, yaw] if numbers.iter().all(|n| n.is_finite()) => {
            for (name, value, most) in [("X", x, START_MOST_M), ("Y", y, START_MOST_M), ("YAW", yaw, TAU)] {
                ensure!(
                    value.abs() <= most,
                    "--start: {name} is {value}, not within [-{most:.2}, {most:.2}]"
                );
            }
            Ok(Pose2::new(x, y, yaw))
        }
        _ => anyhow::bail!("--start: `{text}` is not X,Y,YAW"),
    }
}

fn text(v: &Verdict, args: &Args) -> String {
    let s = &v.story;
    let mut out = String::new();
    let _ = writeln!(out, "{}", args.bag.display());
    let _ = writeln!(
        out,
        "  odometry   {} taken, {} of them with the stamp of the one before (their order counts), {} refused, \
         longest gap {:.2} s",
        s.odometry, s.odometry_same_stamp, s.odometry_refused, s.odometry_gap_s
    );
    let _ = writeln!(out, "  inertial   {} taken", s.imu);
    let _ = writeln!(
        out,
        "  scans      {} taken, {} refused, longest gap {:.2} s",
        s.scans, s.scans_refused, s.scan_gap_s
    );
    for reason in &s.reasons {
        let _ = writeln!(out, "  refused    {reason}");
    }
    for assumed in &s.assumed {
        let _ = writeln!(out, "  assumed    {assumed}");
    }
    let _ = writeln!(out, "  against    {}", v.against);
    let _ = writeln!(
        out,
        "  matching   {} taken, {} did not fit, {} had too few hits, {} said nothing in some direction, \
         {} put into the own map blindly",
        s.matched, s.misfits, s.too_few_hits, s.hidden_directions, s.inserted_blindly
    );
    if let Some(lost) = &s.lost {
        let _ = writeln!(out, "  at the end {lost}");
    }
    let [p50, p99, most] = s.scan_us;
    let _ = writeln!(out, "  a scan     {p50:.0} µs median, {p99:.0} µs 99 %, {most:.0} µs greatest");
    let _ = writeln!(out, "{}: {} poses", args.reference.display(), v.reference_poses);
    let _ = writeln!(
        out,
        "  ATE: distance after one rigid alignment of the whole trajectory without scale. RPE: error of the motion from a\n  \
         reference pose to the next and to the tenth after it (Sturm et al. 2012). Root mean square unless said otherwise."
    );
    let _ = writeln!(
        out,
        "  {:<16} {:>6} {:>10} {:>10} {:>10} {:>11} {:>9} {:>11} {:>9}",
        "", "poses", "ATE m", "median m", "greatest m", "RPE(1) m", "deg", "RPE(10) m", "deg"
    );
    let rows = [
        ("wheels", Some(&v.wheels)),
        ("wheels and gyro", v.wheels_and_gyro.as_ref()),
        ("matching", Some(&v.matching)),
        ("in the map as is", v.matching_in_map.as_ref()),
    ];
    for (name, row) in rows {
        let Some(e) = row else { continue };
        let _ = writeln!(
            out,
            "  {name:<16} {:>6} {:>10.3} {:>10.3} {:>10.3} {:>11.4} {:>9.3} {:>11.4} {:>9.3}",
            e.poses,
            e.ate_rmse_m,
            e.ate_median_m,
            e.ate_max_m,
            e.rpe_1_m,
            e.rpe_1_deg,
            e.rpe_10_m,
            e.rpe_10_deg
        );
    }
    out
}

#[cfg(test)]
mod tests;
