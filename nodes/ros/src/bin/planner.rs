//! The planner node.

fn main() -> std::process::ExitCode {
    outrider_ros::entry("planner")
}
