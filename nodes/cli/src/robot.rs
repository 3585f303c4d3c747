//! `outrider robot`: a robot description from a URDF or SDF file.

use anyhow::Context as _;
use outrider_foundation::Robot;
use outrider_runtime::config;
use outrider_sim::RobotFile;
use outrider_suite::files::robot_description;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// URDF or SDF file of the robot; xacro has to be expanded.
    file: PathBuf,
    /// Description that gives what the file does not tell.
    #[arg(long, value_name = "FILE", default_value = "config/robot.yaml")]
    over: PathBuf,
}

/// Prints a robot.yaml, with what follows for sim.yaml and what was left out in comments.
///
/// # Errors
/// When a file is missing or what it says is no robot.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let origin = args.over.display().to_string();
    let over = robot_description(&origin, &config::read(&args.over)?)?;
    let text = config::read(&args.file)?;
    let read = RobotFile::read(&text, &over).with_context(|| args.file.display().to_string())?;
    Robot::new(read.description.clone()).with_context(|| args.file.display().to_string())?;
    std::io::stdout().write_all(yaml(&read)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn yaml(read: &RobotFile) -> anyhow::Result<String> {
    let mut out = String::new();
    for (key, value) in &read.settings {
        writeln!(out, "# sim.yaml: {key}: {value}")?;
    }
    for note in &read.notes {
        writeln!(out, "# {note}")?;
    }
    let fields = serde_json::to_value(&read.description)?;
    for (key, value) in fields.as_object().into_iter().flatten() {
        // JSON is YAML.
        writeln!(out, "{key}: {value}")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::robot::example::amr;

    #[test]
    fn what_is_printed_can_be_read_again() {
        let urdf = "<robot name='cart'><link name='base_link'><collision><geometry><box size='0.8 0.6 0.3'/></geometry>\
                    </collision></link><link name='laser'/><joint name='s' type='fixed'><parent link='base_link'/>\
                    <child link='laser'/><origin xyz='0.3 0 0.25'/></joint></robot>";
        let read = RobotFile::read(urdf, &amr()).unwrap();
        let text = yaml(&read).unwrap();
        // Without a base_footprint the floor is under the box, 0.15 m below base_link.
        assert!(text.contains("# sim.yaml: lidar.height_m: 0.4\n"), "{text}");
        assert!(
            text.contains("# heights are over the lowest solid or wheel, 0.150 m below base_link"),
            "{text}"
        );
        let again = robot_description("robot.yaml", &text).unwrap();
        assert_eq!(again, read.description);
    }
}
