//! The world_model node.

fn main() -> std::process::ExitCode {
    outrider_ros::entry("world_model")
}
