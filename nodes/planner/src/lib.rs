//! Core of the planner: behaviour tree, global plan, path follower with a braking tail.
