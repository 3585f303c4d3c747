//! Whether a wall of the map stands between two places.

use outrider_foundation::Point2;
use outrider_foundation::data::OccupancyMap;
use outrider_msgs::nav_msgs::OccupancyGrid;
use outrider_suite::convert::map_from_message;

/// Cells from this value on are walls, as in the world model's configuration.
const OCCUPIED: i8 = 65;
/// The most places on a line that are looked at; of a longer one they lie farther apart.
const PLACES: usize = 4096;

/// A map that hides what is behind its walls.
#[derive(Clone, Debug)]
pub struct Sight(OccupancyMap);

impl Sight {
    /// From its message.
    ///
    /// # Errors
    /// Names the field that cannot be.
    pub fn of(m: OccupancyGrid) -> Result<Self, String> {
        map_from_message(m).map(Self)
    }

    /// Nothing stands between `from` and `to`; what lies beyond the map is free.
    pub fn is_free(&self, from: Point2, to: Point2) -> bool {
        let length_m = from.distance_m(to);
        let places = ((2.0 * length_m / self.0.resolution_m).ceil() as usize).clamp(1, PLACES);
        (0..=places).all(|i| {
            let share = i as f64 / places as f64;
            let x_m = from.x_m + share * (to.x_m - from.x_m);
            let y_m = from.y_m + share * (to.y_m - from.y_m);
            !self.is_wall(Point2::new(x_m, y_m))
        })
    }

    fn is_wall(&self, p: Point2) -> bool {
        let cell = |at_m: f64, count: u32| {
            let index = (at_m / self.0.resolution_m).floor();
            (index >= 0.0 && index < f64::from(count)).then_some(index as usize)
        };
        let column = cell(p.x_m - self.0.origin.x_m, self.0.width);
        let row = cell(p.y_m - self.0.origin.y_m, self.0.height);
        let index = column.zip(row).map(|(column, row)| row * self.0.width as usize + column);
        index.and_then(|index| self.0.cells.get(index)).is_some_and(|cell| *cell >= OCCUPIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wall along y at x from 2 m to 2.1 m, with a gap from y = 1 m on.
    #[test]
    fn walls_hide_and_gaps_do_not() {
        let (width, height) = (40u32, 20u32);
        let mut cells = vec![0; (width * height) as usize];
        for (i, cell) in cells.iter_mut().enumerate() {
            let (x, y) = (i as u32 % width, i as u32 / width);
            *cell = if x == 20 && y < 10 { 100 } else { 0 };
        }
        let map = OccupancyMap { resolution_m: 0.1, width, height, cells, ..OccupancyMap::default() };
        let sight = Sight(map);
        let p = Point2::new;
        assert!(!sight.is_free(p(1.0, 0.5), p(3.0, 0.5)) && !sight.is_free(p(3.0, 0.5), p(1.0, 0.5)));
        assert!(sight.is_free(p(1.0, 1.5), p(3.0, 1.5)) && sight.is_free(p(1.0, 0.5), p(1.9, 0.5)));
        assert!(sight.is_free(p(-5.0, 1.5), p(50.0, 1.5)));
    }
}
