//! The textbook meaning of a formula, written for clarity: every window is walked sample by sample.

use super::Formula;

/// The truth at every sample of the trace. Windows are cut at the first sample: `once` over nothing is
/// false, `historically` over nothing is true.
pub fn evaluate(formula: &Formula, trace: &[Vec<f64>]) -> Vec<bool> {
    use Formula::{
        And, EngineSince, Greater, GreaterEqual, Historically, Implies, Less, LessEqual, Not, Once, Or, Since,
    };
    let of = |formula: &Formula| evaluate(formula, trace);
    let each = |test: &dyn Fn(usize) -> bool| (0..trace.len()).map(test).collect::<Vec<_>>();
    match formula {
        Less { signal, limit } => each(&|t| trace[t][*signal] < *limit),
        LessEqual { signal, limit } => each(&|t| trace[t][*signal] <= *limit),
        Greater { signal, limit } => each(&|t| trace[t][*signal] > *limit),
        GreaterEqual { signal, limit } => each(&|t| trace[t][*signal] >= *limit),
        Not(f) => of(f).into_iter().map(|truth| !truth).collect(),
        And(f, g) => {
            let (f, g) = (of(f), of(g));
            each(&|t| f[t] && g[t])
        }
        Or(f, g) => {
            let (f, g) = (of(f), of(g));
            each(&|t| f[t] || g[t])
        }
        Implies(f, g) => {
            let (f, g) = (of(f), of(g));
            each(&|t| !f[t] || g[t])
        }
        Once { from, to, of: f } => {
            let f = of(f);
            each(&|t| window(t, *from, *to).any(|j| f[j]))
        }
        Historically { from, to, of: f } => {
            let f = of(f);
            each(&|t| window(t, *from, *to).all(|j| f[j]))
        }
        Since { from, to, left, right } => {
            let (left, right) = (of(left), of(right));
            each(&|t| window(t, *from, *to).any(|j| right[j] && (j + 1..=t).all(|k| left[k])))
        }
        EngineSince { from, to, left, right } => {
            let (left, right) = (of(left), of(right));
            each(&|t| {
                window(t, *from, *to).any(|j| right[j] && (j + 1..=t - *from as usize).all(|k| left[k]))
            })
        }
    }
}

/// The samples from `now - to` to `now - from` that exist.
fn window(now: usize, from: u32, to: u32) -> std::ops::Range<usize> {
    now.saturating_sub(to as usize)..(now + 1).saturating_sub(from as usize)
}
