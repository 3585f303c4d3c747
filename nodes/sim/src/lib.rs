//! Core of the embedded simulator: world, robot, sensors and people.
