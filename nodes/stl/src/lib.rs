//! Past-time signal temporal logic over timestamped samples: quantitative, without allocation, and never calling bad data
//! good.
//!
//! The language is the past-time part of RTAMT's, with its semantics on clean data; `docs/monitoring.md` describes it.
//! The way through it: text → `lexer` → `parser` → [`Formula`] → [`Monitor`], which holds one cell per operator; the
//! cells that look back in time are in `window`. A [`Specification`] is a formula with what a safety case needs to know.
//!
//! Robustness is that of A. Donzé and O. Maler, "Robust satisfaction of temporal logic over real-valued signals" (2010),
//! over samples: a window `[t - b, t - a]` holds the samples whose times lie in it. A sample that is bad makes every
//! operator whose window holds it Invalid, whatever the polarity.

mod bad;
mod cell;
mod error;
mod fitness;
mod formula;
mod lexer;
mod monitor;
mod parser;
mod ring;
mod sample;
mod specification;
#[cfg(test)]
mod tests;
mod window;

pub use error::{Position, StlError};
pub use formula::{Formula, Horizon, NodeId};
pub use monitor::{Limits, Monitor, State, Verdict};
pub use sample::Reason;
pub use specification::{Severity, Specification};

impl Formula {
    /// Reads a formula over the signals that are given. It may be preceded by constants (`const float c = 1.5;`) and
    /// definitions (`near = distance < c;`); the last formula of the text counts.
    ///
    /// # Errors
    /// With line, column, what was expected and what was found.
    pub fn parse(text: &str, signals: &[&str]) -> Result<Self, StlError> {
        Ok(parser::parse(text, parser::Known::Given(signals))?.formula)
    }
}
