//! The outrider command: simulate, replay, report and look into bags without ROS.
