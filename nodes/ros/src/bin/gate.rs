//! The gate node.

fn main() -> std::process::ExitCode {
    outrider_ros::entry("gate")
}
