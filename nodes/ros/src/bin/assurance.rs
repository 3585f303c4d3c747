//! The assurance node.

fn main() -> std::process::ExitCode {
    outrider_ros::entry("assurance")
}
