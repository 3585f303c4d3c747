//! The demo: the whole suite as processes, a drive and its report.

fn main() -> std::process::ExitCode {
    outrider_ros::demo::entry()
}
