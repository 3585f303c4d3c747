mod bad_data;
mod language;
mod naive;
mod properties;
mod random;
mod specifications;

use crate::{Formula, Limits, Monitor, State, Verdict};
use outrider_foundation::{Instant, Span};

pub(crate) fn limits() -> Limits {
    Limits { period: Span::from_millis(1), max_gap: None, samples_max: 4096, memory_max_bytes: 64 << 20 }
}

pub(crate) fn monitor(text: &str, signals: &[&str]) -> Monitor {
    Monitor::new(Formula::parse(text, signals).unwrap(), &limits()).unwrap()
}

/// Samples every 100 ms of one signal `x`.
pub(crate) fn run(text: &str, values: &[f64]) -> Vec<Verdict> {
    let mut monitor = monitor(text, &["x"]);
    let step =
        |(i, x): (usize, &f64)| monitor.update(Instant::from_nanos(i as i64 * 100_000_000), &[Some(*x)]);
    values.iter().enumerate().map(step).collect()
}

pub(crate) fn states(text: &str, values: &[f64]) -> String {
    run(text, values).iter().map(|v| letter(v.state)).collect()
}

pub(crate) fn letter(state: State) -> char {
    match state {
        State::Unknown => 'u',
        State::Ok => 'o',
        State::Violated => 'v',
        State::Invalid(_) => 'i',
    }
}
