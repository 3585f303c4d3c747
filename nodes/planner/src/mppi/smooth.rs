//! The mean plan made smooth and drivable, and carried over to the next decision.

/// Points on either side of the smoothing window.
const HALF: usize = 4;
/// Points of the window.
const WINDOW: usize = 2 * HALF + 1;

/// The filter of Savitzky and Golay: the value at `at` (from the window's middle, in points) of the parabola fitted to
/// the window. Quadratic sequences go through unchanged, at the ends too, so it does not lag.
fn coefficients(at: f64) -> [f64; WINDOW] {
    // For whole offsets k in -4..=4: Σ1 = 9, Σk² = 60, Σk⁴ = 708.
    let (n, s2, s4) = (9.0, 60.0, 708.0);
    let determinant = n * s4 - s2 * s2;
    let mut out = [0.0; WINDOW];
    for (i, c) in out.iter_mut().enumerate() {
        let k = i as f64 - HALF as f64;
        let (a, b) = ((s4 - s2 * k * k) / determinant, k / s2);
        let curve = (n * k * k - s2) / determinant;
        *c = a + b * at + curve * at * at;
    }
    out
}

/// All filters: one for every place in the window.
#[derive(Clone, Debug)]
pub struct Smoother {
    filters: [[f32; WINDOW]; WINDOW],
    scratch: Vec<f32>,
}

impl Default for Smoother {
    fn default() -> Self {
        let mut filters = [[0.0; WINDOW]; WINDOW];
        for (i, filter) in filters.iter_mut().enumerate() {
            *filter = coefficients(i as f64 - HALF as f64).map(|c| c as f32);
        }
        Self { filters, scratch: Vec::new() }
    }
}

impl Smoother {
    /// Smooths a sequence; shorter ones than the window stay as they are.
    pub fn smooth(&mut self, values: &mut [f32]) {
        let count = values.len();
        if count < WINDOW {
            return;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(values);
        for (i, value) in values.iter_mut().enumerate() {
            let first = i.saturating_sub(HALF).min(count - WINDOW);
            let (Some(filter), Some(window)) =
                (self.filters.get(i - first), self.scratch.get(first..first + WINDOW))
            else {
                continue;
            };
            *value = filter.iter().zip(window).fold(0.0, |sum, (c, x)| sum + c * x);
        }
    }
}

/// Shifts a plan by `by` steps: between them by interpolation, beyond the end the last value.
pub fn shift(values: &mut [f32], by: f32) {
    for i in 0..values.len() {
        let later = at(values, i, by);
        if let Some(value) = values.get_mut(i) {
            *value = later;
        }
    }
}

/// What [`shift`] leaves at `i`.
pub fn at(values: &[f32], i: usize, by: f32) -> f32 {
    let count = values.len();
    let by = if by > 0.0 { by.min(count as f32) } else { 0.0 };
    let whole = by as usize;
    let share = by - whole as f32;
    let known = |i: usize| values.get(i.min(count.saturating_sub(1))).copied().unwrap_or(0.0);
    let (a, b) = (known(i + whole), known(i + whole + 1));
    a + share * (b - a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parabolas_pass_and_noise_does_not() {
        let mut smoother = Smoother::default();
        let parabola: Vec<f32> = (0..30).map(|i| 0.3 + 0.1 * i as f32 - 0.004 * (i * i) as f32).collect();
        let mut values = parabola.clone();
        smoother.smooth(&mut values);
        assert!(values.iter().zip(&parabola).all(|(a, b)| (a - b).abs() < 1e-5), "{values:?}");
        let mut zigzag: Vec<f32> = (0..30).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        smoother.smooth(&mut zigzag);
        assert!(zigzag.iter().skip(4).take(22).all(|v| v.abs() < 0.3), "{zigzag:?}");
        let mut short = vec![1.0, -1.0, 1.0];
        smoother.smooth(&mut short);
        assert_eq!(short, [1.0, -1.0, 1.0]);
    }

    #[test]
    fn plans_are_carried_over_by_the_time_that_has_passed() {
        let mut values = vec![0.0, 1.0, 2.0, 4.0];
        shift(&mut values, 0.5);
        assert_eq!(values, [0.5, 1.5, 3.0, 4.0]);
        shift(&mut values, 2.0);
        assert_eq!(values, [3.0, 4.0, 4.0, 4.0]);
        shift(&mut values, f32::NAN);
        shift(&mut values, 1e9);
        assert_eq!(values, [4.0; 4]);
        shift(&mut [], 1.0);
    }
}
