//! What a core needs to be run: bindings, journal, configuration, telemetry.
