//! `r2u2_core` as an independent Boolean monitor: formula in, one verdict a sample out.
// Every test uses a part of it.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

mod encode;
pub mod naive;
pub mod random;
pub mod text;

use std::collections::VecDeque;

pub use encode::{EVER, Formula, encode, fits};
use r2u2_core::{Monitor, get_monitor, get_output_buffer, load_float_signal, monitor_step};

/// One formula in the engine.
pub struct R2u2 {
    monitor: Box<Monitor>,
    now: u32,
    /// (last sample, truth): the engine sends one verdict for a run of samples, also ahead of time.
    verdicts: VecDeque<(u32, bool)>,
}

impl R2u2 {
    pub fn new(formula: &Formula) -> Self {
        Self::from_binary(&encode(formula))
    }

    pub fn from_binary(binary: &[u8]) -> Self {
        Self { monitor: Box::new(get_monitor(binary)), now: 0, verdicts: VecDeque::new() }
    }

    /// The verdict for this sample, or nothing if the engine has none yet.
    pub fn update(&mut self, values: &[f64]) -> Option<bool> {
        for (index, value) in values.iter().enumerate() {
            load_float_signal(&mut self.monitor, index, *value);
        }
        let fits = monitor_step(&mut self.monitor);
        assert!(fits, "overflow in the engine");
        self.verdicts
            .extend(get_output_buffer(&self.monitor).iter().map(|o| (o.verdict.time, o.verdict.truth)));
        let now = self.now;
        self.now += 1;
        while self.verdicts.front().is_some_and(|(last, _)| *last < now) {
            self.verdicts.pop_front();
        }
        self.verdicts.front().map(|(_, truth)| *truth)
    }
}
