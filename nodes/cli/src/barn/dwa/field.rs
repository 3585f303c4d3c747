//! Steps to the nearest of some cells, around obstacles, within the local costmap.

use super::costmap::Costmap;
use outrider_foundation::grid::{COST_INSCRIBED, Cell};
use std::collections::VecDeque;

/// Cells along the local costmap's edge: `width` and `height` 10 m.
const SIDE: i32 = 200;
/// Steps to an obstacle, and to a cell that was never reached: no way leads there.
const OBSTACLE: u32 = (SIDE * SIDE) as u32;
const UNREACHED: u32 = OBSTACLE + 1;

/// The part of the costmap about the robot that is looked at.
#[derive(Clone, Copy)]
pub struct Window {
    corner: Cell,
}

impl Window {
    /// With this cell in the middle.
    pub fn about(cell: Cell) -> Self {
        Self { corner: Cell { col: cell.col - SIDE / 2, row: cell.row - SIDE / 2 } }
    }

    fn index(self, cell: Cell) -> Option<usize> {
        let (col, row) = (cell.col - self.corner.col, cell.row - self.corner.row);
        let inside = (0..SIDE).contains(&col) && (0..SIDE).contains(&row);
        inside.then_some((row * SIDE + col) as usize)
    }

    /// Whether a cell is in it.
    pub fn holds(self, cell: Cell) -> bool {
        self.index(cell).is_some()
    }
}

/// Steps, by cell of a window.
pub struct Field {
    window: Window,
    steps: Vec<u32>,
}

impl Field {
    /// No way leads anywhere.
    pub fn new() -> Self {
        let window = Window::about(Cell::default());
        Self { window, steps: vec![UNREACHED; OBSTACLE as usize] }
    }

    /// Steps from the nearest of `targets`. Cells that are `own`, under the footprint, are passed whatever they cost.
    pub fn spread(
        &mut self,
        map: &Costmap,
        window: Window,
        own: &[Cell],
        targets: impl Iterator<Item = Cell>,
    ) {
        self.window = window;
        self.steps.fill(UNREACHED);
        let mut passed = vec![false; self.steps.len()];
        for cell in own {
            if let Some(own) = window.index(*cell).and_then(|i| passed.get_mut(i)) {
                *own = true;
            }
        }
        let mut queue = VecDeque::new();
        for cell in targets {
            if self.set(cell, 0) {
                queue.push_back((cell, 0));
            }
        }
        while let Some((cell, steps)) = queue.pop_front() {
            for (dc, dr) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
                let next = Cell { col: cell.col + dc, row: cell.row + dr };
                let own = window.index(next).and_then(|i| passed.get(i)).copied().unwrap_or(false);
                let free = own || map.cost(next) < COST_INSCRIBED;
                if self.set(next, if free { steps + 1 } else { OBSTACLE }) && free {
                    queue.push_back((next, steps + 1));
                }
            }
        }
    }

    /// Sets a cell that has no value; whether it was one.
    fn set(&mut self, cell: Cell, steps: u32) -> bool {
        match self.window.index(cell).and_then(|i| self.steps.get_mut(i)) {
            Some(value) if *value == UNREACHED => {
                *value = steps;
                true
            }
            _ => false,
        }
    }

    /// Steps of a cell; more than there are cells where no way leads.
    pub fn steps(&self, cell: Cell) -> u32 {
        self.window.index(cell).and_then(|i| self.steps.get(i)).copied().unwrap_or(UNREACHED)
    }

    /// Steps of a cell from which a way leads.
    pub fn way(&self, cell: Cell) -> Option<u32> {
        Some(self.steps(cell)).filter(|steps| *steps < OBSTACLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Point2;

    const FROM: Cell = Cell { col: 390, row: 400 };
    const TO: Cell = Cell { col: 410, row: 400 };

    fn spread(map: &Costmap, own: &[Cell]) -> Field {
        let mut field = Field::new();
        field.spread(map, Window::about(Cell { col: 400, row: 400 }), own, [FROM].into_iter());
        field
    }

    #[test]
    fn steps_go_along_the_axes_and_no_farther_than_the_window() {
        let field = spread(&Costmap::new(), &[]);
        assert_eq!(field.way(FROM), Some(0));
        assert_eq!(field.way(Cell { col: 387, row: 404 }), Some(7));
        assert_eq!(field.way(Cell { col: 300, row: 300 }), Some(190));
        assert_eq!(field.way(Cell { col: 499, row: 400 }), Some(109));
        assert_eq!(field.way(Cell { col: 500, row: 400 }), None);
    }

    #[test]
    fn steps_go_round_what_the_centre_cannot_pass_but_under_the_footprint() {
        // One cell marked in the middle: inscribed up to five cells above and below, free from the sixth on.
        let middle = Cell { col: 400, row: 400 };
        let map = Costmap::with_obstacles(&[Point2::new(0.001, 0.001)]);
        let field = spread(&map, &[]);
        assert_eq!(field.way(TO), Some(20 + 2 * 6));
        assert_eq!((field.way(middle), field.way(Cell { col: 394, row: 400 })), (None, Some(4)));
        let own: Vec<Cell> = (394..=406).map(|col| Cell { col, row: 400 }).collect();
        let field = spread(&map, &own);
        assert_eq!((field.way(middle), field.way(TO)), (Some(10), Some(20)));
    }

    #[test]
    fn steps_are_from_the_nearest_target() {
        let mut field = Field::new();
        field.spread(&Costmap::new(), Window::about(FROM), &[], [FROM, TO].into_iter());
        assert_eq!(field.way(Cell { col: 409, row: 401 }), Some(2));
        assert_eq!(field.way(Cell { col: 392, row: 401 }), Some(3));
    }
}
