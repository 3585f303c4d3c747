//! The player node: a bag as live topics.

fn main() -> std::process::ExitCode {
    outrider_ros::player::entry()
}
