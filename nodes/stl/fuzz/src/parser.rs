//! The parser: never a panic, an error has a place, and what is read can be monitored or is refused at a place.

use crate::refused_at_a_place;
use outrider_foundation::{Instant, Span};
use outrider_stl::{Formula, Limits, Monitor, Specification};

const SIGNALS: [&str; 4] = ["x", "y", "z", "speed.x"];

/// Operators within operators that the parser may follow.
const DEPTH_LIMIT: usize = 128;

/// All laws of the parser, for one text.
pub fn check(text: &str) {
    match Formula::parse(text, &SIGNALS) {
        Err(error) => refused_at_a_place(&error, text),
        Ok(formula) => {
            assert!(depth(text) <= DEPTH_LIMIT, "a stack is not endless: {text:?}");
            assert_eq!(Formula::parse(formula.text(), &SIGNALS).as_ref(), Ok(&formula), "{text:?}");
            let limits = Limits {
                period: Span::from_millis(10),
                max_gap: Some(Span::from_millis(500)),
                samples_max: 1000,
                memory_max_bytes: 1 << 20,
            };
            monitor(formula, &limits, text);
        }
    }
    match Specification::parse(text) {
        Err(error) => refused_at_a_place(&error, text),
        Ok(specification) => {
            assert!(specification.period > Span::ZERO && specification.max_gap > Span::ZERO, "{text:?}");
            let limits = specification.limits();
            monitor(specification.formula, &limits, text);
        }
    }
}

/// Brackets within brackets; none where some may stand in a comment.
fn depth(text: &str) -> usize {
    let mut open = 0_usize;
    let deeper = |c| {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        open
    };
    if text.contains('/') { 0 } else { text.chars().map(deeper).max().unwrap_or(0) }
}

fn monitor(formula: Formula, limits: &Limits, text: &str) {
    let signals = formula.signals().len();
    assert!(!formula.text_of(formula.root()).is_empty(), "{text:?}");
    let mut monitor = match Monitor::new(formula, limits) {
        Err(error) => return refused_at_a_place(&error, text),
        Ok(monitor) => monitor,
    };
    let size = monitor.byte_size();
    let values = vec![Some(1.5); signals];
    for i in 0..4 {
        let verdict = monitor.update(Instant::from_nanos(i * limits.period.nanos()), &values);
        let responsible = monitor.formula().text_of(verdict.responsible);
        assert!(!responsible.is_empty(), "nobody is responsible for {verdict:?} in {text:?}");
        assert_eq!(monitor.byte_size(), size, "{text:?}");
    }
}
