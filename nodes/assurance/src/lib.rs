//! Core of runtime assurance: independent checks, mode and permits.
