//! The cores bound to their topics, the lock-step world and the replay.
