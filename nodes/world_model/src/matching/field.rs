//! Distances to the nearest obstacle, read between the cells.

use outrider_foundation::Point2;

/// A distance field on a regular grid.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Squared distance in cells² from every cell's centre to the nearest obstacle's; row-major.
    pub distance_sq: &'a [u16],
    /// From here on it is saturated.
    pub limit_sq: u16,
    /// Cells along x.
    pub width: usize,
    /// Cells along y.
    pub height: usize,
    /// Edge of a cell.
    pub resolution_m: f64,
    /// Lower left corner.
    pub origin: Point2,
}

/// A distance, and which way it grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// In m.
    pub distance_m: f64,
    /// Its derivatives along x and y.
    pub gradient: Point2,
}

impl Field<'_> {
    /// Squared distance in cells² of the cell that a point lies in; `None` outside and where it is saturated.
    pub fn cell_sq(&self, p: Point2) -> Option<u16> {
        let scale = 1.0 / self.resolution_m;
        let col = (p.x_m - self.origin.x_m) * scale;
        let row = (p.y_m - self.origin.y_m) * scale;
        if !(col >= 0.0 && row >= 0.0 && col < self.width as f64 && row < self.height as f64) {
            return None;
        }
        let sq = *self.distance_sq.get(row as usize * self.width + col as usize)?;
        (sq < self.limit_sq).then_some(sq)
    }

    /// Bilinear between the four cells about a point; `None` outside and where one of them is saturated.
    pub fn distance(&self, p: Point2) -> Option<Distance> {
        let scale = 1.0 / self.resolution_m;
        let u = (p.x_m - self.origin.x_m) * scale - 0.5;
        let v = (p.y_m - self.origin.y_m) * scale - 0.5;
        let inside = u >= 0.0 && v >= 0.0 && u + 1.0 < self.width as f64 && v + 1.0 < self.height as f64;
        if !inside {
            return None;
        }
        let (col, row) = (u as usize, v as usize);
        let (fx, fy) = (u - col as f64, v - row as f64);
        let start = row * self.width + col;
        let (&[a, b], &[c, d]) = (
            self.distance_sq.get(start..start + 2)?.first_chunk::<2>()?,
            self.distance_sq.get(start + self.width..start + self.width + 2)?.first_chunk::<2>()?,
        );
        if a.max(b).max(c).max(d) >= self.limit_sq {
            return None;
        }
        let [a, b, c, d] = [a, b, c, d].map(|sq| f64::from(sq).sqrt() * self.resolution_m);
        let (low, high) = (a + fx * (b - a), c + fx * (d - c));
        let dx = (1.0 - fy) * (b - a) + fy * (d - c);
        Some(Distance {
            distance_m: low + fy * (high - low),
            gradient: Point2::new(dx * scale, (high - low) * scale),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_cells_the_distance_is_linear_and_its_gradient_true() {
        // An obstacle column at the left: distances 0, 1, 2, 3 cells of 0.5 m.
        let row = [0u16, 1, 4, 9];
        let distance_sq: Vec<u16> = row.iter().cycle().take(12).copied().collect();
        let field = Field {
            distance_sq: &distance_sq,
            limit_sq: 16,
            width: 4,
            height: 3,
            resolution_m: 0.5,
            origin: Point2::new(-1.0, 2.0),
        };
        let at = field.distance(Point2::new(-0.15, 2.7)).unwrap();
        assert!((at.distance_m - 0.6).abs() < 1e-12, "{at:?}");
        assert!((at.gradient.x_m - 1.0).abs() < 1e-12 && at.gradient.y_m.abs() < 1e-12);
        assert_eq!(field.cell_sq(Point2::new(0.3, 3.4)), Some(4));
        for outside in [(-1.1, 2.7), (0.9, 2.7), (0.0, 2.1), (0.0, 3.4), (f64::NAN, 3.0), (1e300, 3.0)] {
            assert_eq!(field.distance(Point2::new(outside.0, outside.1)), None, "{outside:?}");
        }
        assert_eq!(field.cell_sq(Point2::new(f64::NAN, 3.0)), None);
        let far = vec![16; 12];
        assert_eq!(Field { distance_sq: &far, ..field }.distance(Point2::new(-0.15, 2.7)), None);
    }
}
