//! The recorder node.

fn main() -> std::process::ExitCode {
    outrider_ros::recorder::entry()
}
