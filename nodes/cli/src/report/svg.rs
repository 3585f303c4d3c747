//! What both pictures need: scales, ticks, lines, escaping.

pub use outrider_bt::escape;
use std::fmt::Write;

/// A picture is drawn twice, so that its letters are readable at both widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// For a desktop.
    Wide,
    /// For a phone.
    Narrow,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    /// Width in units of about one pixel.
    pub fn width(self) -> f64 {
        match self {
            Self::Wide => 1080.0,
            Self::Narrow => 420.0,
        }
    }

    /// Class of the element.
    pub fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    /// Room to the left of the plots.
    pub fn left(self) -> f64 {
        match self {
            Self::Wide => 92.0,
            Self::Narrow => 66.0,
        }
    }
}

/// A linear scale from data to picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Data at the one end.
    pub from: f64,
    /// Data at the other.
    pub to: f64,
    /// Picture at the one end.
    pub at: f64,
    /// Picture at the other.
    pub until: f64,
}

impl Scale {
    /// Where `value` is drawn; outside of the ends for values outside.
    pub fn map(&self, value: f64) -> f64 {
        let span = self.to - self.from;
        let share = if span.abs() > 0.0 { (value - self.from) / span } else { 0.5 };
        self.at + share * (self.until - self.at)
    }
}

/// At most about `count` round values within the range, and the digits that they need.
pub fn ticks(from: f64, to: f64, count: usize) -> (Vec<f64>, usize) {
    let span = to - from;
    if !(span.is_finite() && span > 0.0) {
        return (vec![from], 1);
    }
    let rough = span / count.max(1) as f64;
    let magnitude = 10f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * magnitude)
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(rough);
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (from / step - 1e-9).ceil();
    // More than asked for cannot come of it; the bound is for odd numbers.
    let values = (0..64).map(|i| (first + f64::from(i)) * step).take_while(|v| *v <= to + step * 1e-9);
    (values.map(|v| if v.abs() < step * 1e-9 { 0.0 } else { v }).collect(), digits)
}

/// Points in the picture as pieces without gaps, each at most two points a column (its least and its greatest).
pub fn decimate(points: impl Iterator<Item = (f64, f64)>, longest_gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    let mut column: Vec<(f64, f64)> = Vec::new();
    let mut last_x: Option<f64> = None;
    let flush = |column: &mut Vec<(f64, f64)>, pieces: &mut Vec<Vec<(f64, f64)>>| {
        let least = column.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
        let most = column.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        if let (Some(piece), Some(a), Some(b)) = (pieces.last_mut(), least, most) {
            let (first, second) = if a.0 <= b.0 { (a, b) } else { (b, a) };
            piece.push(first);
            if second != first {
                piece.push(second);
            }
        }
        column.clear();
    };
    for (x, y) in points {
        let broken = last_x.is_some_and(|l| x - l > longest_gap) || !y.is_finite();
        if broken {
            flush(&mut column, &mut pieces);
            if pieces.last().is_some_and(|p| !p.is_empty()) {
                pieces.push(Vec::new());
            }
        } else if column.first().is_some_and(|c| x.floor() > c.0.floor()) {
            flush(&mut column, &mut pieces);
        }
        if y.is_finite() {
            column.push((x, y));
            last_x = Some(x);
        }
    }
    flush(&mut column, &mut pieces);
    pieces.retain(|p| !p.is_empty());
    pieces
}

/// One path element from pieces.
pub fn path(class: &str, pieces: &[Vec<(f64, f64)>]) -> String {
    if pieces.is_empty() {
        return String::new();
    }
    let mut d = String::new();
    for piece in pieces {
        for (i, (x, y)) in piece.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        if piece.len() == 1 {
            d.push_str("h.1");
        }
    }
    format!("<path class=\"{class}\" d=\"{d}\"/>")
}

/// A text element. `anchor` is `start`, `middle` or `end`.
pub fn text(class: &str, x: f64, y: f64, anchor: &str, content: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escape(content)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 1.0, 5), (vec![0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0], 1));
        assert_eq!(ticks(-3.2, 61.0, 6), (vec![0.0, 20.0, 40.0, 60.0], 0));
        assert_eq!(ticks(2.0, 2.0, 5).0, [2.0]);
        assert_eq!(ticks(f64::NAN, 2.0, 5).0.len(), 1);
        assert!(ticks(1e300, 1.1e300, 5).0.len() < 64);
    }

    #[test]
    fn a_long_series_keeps_its_extremes() {
        let points = (0..100_000).map(|i| {
            let x = f64::from(i) / 1000.0;
            (x, if i == 41_234 { 99.0 } else { (x * 7.0).sin() })
        });
        let pieces = decimate(points, 1.0);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].len() <= 200 && pieces[0].iter().any(|p| p.1 > 98.9));
        assert!(pieces[0].is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn gaps_and_missing_values_break_the_line() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (30.0, 2.0)];
        let pieces = decimate(points.into_iter(), 5.0);
        assert_eq!(pieces, [vec![(0.0, 1.0), (1.0, 1.0)], vec![(3.0, 1.0)], vec![(30.0, 2.0)]]);
    }
}
