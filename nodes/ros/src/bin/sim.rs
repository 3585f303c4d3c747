//! The sim node.

fn main() -> std::process::ExitCode {
    outrider_ros::entry("sim")
}
