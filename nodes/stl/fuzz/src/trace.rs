//! Limits and traces, mostly of the ordinary kind, with everything that clocks and sensors have ever done in between.

use crate::bytes::Bytes;
use outrider_foundation::Span;
use outrider_stl::Limits;

const ROW_LIMIT: usize = 96;
const MS: i64 = 1_000_000;

/// A call of `update`.
#[derive(Clone, Debug)]
pub struct Row {
    pub at: i64,
    pub values: Vec<Option<f64>>,
}

impl Row {
    /// As the engine must take it: too short a row lacks its last samples, and a measured zero has no sign.
    pub fn value(&self, signal: usize) -> Option<f64> {
        self.values.get(signal).copied().flatten().filter(|v| v.is_finite()).map(|v| v + 0.0)
    }
}

pub fn limits(bytes: &mut Bytes<'_>) -> Limits {
    let period = bytes.one_of(&[100, 100, 100, 50, 10, 150, 400, 0]) * MS;
    // A hundred years and more: far from the end of the range, where a difference of times is no longer exact.
    let gaps = [None, Some(150), Some(100), Some(400), Some(1000), Some(5000), Some(10), Some(1 << 42)];
    Limits {
        period: Span::from_nanos(period.max(1)),
        max_gap: bytes.one_of(&gaps).map(Span::from_millis),
        samples_max: bytes.one_of(&[usize::MAX, usize::MAX, ROW_LIMIT, ROW_LIMIT, 30, 4, 1, 0]),
        memory_max_bytes: bytes.one_of(&[1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 14, 1 << 11, 100, 0]),
    }
}

pub fn rows(bytes: &mut Bytes<'_>) -> Vec<Row> {
    let starts =
        [0, 0, 0, -1000 * MS, 1_764_000_000_123 * MS, i64::MIN, i64::MIN + 50 * MS, i64::MAX - 900 * MS];
    let mut at = bytes.one_of(&starts);
    let mut rows: Vec<Row> = vec![];
    while !bytes.is_empty() && rows.len() < ROW_LIMIT {
        let choice = bytes.next();
        if !rows.is_empty() {
            at = later(at, choice % 32, bytes);
        }
        let values = (0..values_of(choice)).map(|_| value(bytes.next())).collect();
        rows.push(Row { at, values });
    }
    rows
}

/// One in eight rows may be short.
fn values_of(choice: u8) -> u8 {
    if choice >= 0xe0 { choice % 4 } else { 3 }
}

fn later(at: i64, choice: u8, bytes: &mut Bytes<'_>) -> i64 {
    let by = match choice {
        0..=15 => 100 * MS,
        16..=18 => 50 * MS,
        19 | 20 => 150 * MS,
        21 => 300 * MS,
        22 => 1,
        23 => 100 * MS - 1,
        24 => 0,
        25 => -100 * MS,
        26 => -1,
        27 | 28 => i64::from(bytes.next()) * 10 * MS,
        29 => 1_000_000_000_000_000_000,
        30 => i64::MIN,
        _ => {
            let places = [
                i64::MIN,
                i64::MIN + 1,
                i64::MAX,
                i64::MAX - 1,
                i64::MAX - 500 * MS,
                0,
                -1,
                i64::MIN + 400 * MS,
            ];
            return bytes.one_of(&places);
        }
    };
    at.saturating_add(by)
}

pub fn value(choice: u8) -> Option<f64> {
    match choice {
        0..=223 => Some((f64::from(choice) - 112.0) / 8.0),
        224..=231 => None,
        232..=239 => Some(f64::NAN),
        240 => Some(f64::INFINITY),
        241 => Some(f64::NEG_INFINITY),
        242 => Some(-f64::NAN),
        243 => Some(-0.0),
        244 => Some(5e-324),
        245 => Some(-5e-324),
        246 => Some(f64::MAX),
        247 => Some(f64::MIN),
        248 => Some(f64::MIN_POSITIVE),
        249 => Some(1.0 + f64::EPSILON),
        250 => Some(1e16),
        251 => Some(-1e-9),
        _ => Some(0.0),
    }
}
