//! Core of the world model: ego state, costmap and tracks from sensor data.
