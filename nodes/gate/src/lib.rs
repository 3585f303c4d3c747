//! Core of the actuation gate: the only writer of the command topic.
