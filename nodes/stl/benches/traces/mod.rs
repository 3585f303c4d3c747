//! A robot's speed and permits, properties over them and their monitors. For timing, and for counting instructions.
#![allow(dead_code, missing_docs)]

use outrider_foundation::Span;
use outrider_stl::{Limits, Monitor};

pub const PERIOD: Span = Span::from_millis(10);

pub fn slow(window_s: u32) -> String {
    format!("historically[0:{window_s}](speed < 1.0)")
}

pub fn permitted(window_s: u32) -> String {
    format!("historically[0:{window_s}](speed > 0.05 -> once[0:0.3](permit > 0.5))")
}

/// A robot that speeds up and slows down, with noise, and a permit that flickers.
pub fn trace(samples: usize) -> Vec<[f64; 2]> {
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..samples)
        .map(|i| {
            let swing = 0.45 + 0.45 * libm::sin(i as f64 * 0.002);
            [swing + 0.05 * random(), f64::from(u8::from(random() > 0.02))]
        })
        .collect()
}

pub fn monitor(text: &str) -> Monitor {
    let formula = outrider_stl::Formula::parse(text, &["speed", "permit"]).unwrap();
    let limits = Limits {
        period: PERIOD,
        max_gap: Some(Span::from_millis(25)),
        samples_max: usize::MAX,
        memory_max_bytes: 64 << 20,
    };
    Monitor::new(formula, &limits).unwrap()
}
