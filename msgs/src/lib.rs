//! ROS messages.
