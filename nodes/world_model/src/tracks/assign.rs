//! Which row takes which column at the least total cost, every row or none of it: shortest augmenting paths.
//!
//! Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987; in
//! the form of Crouse, "On implementing 2D rectangular assignment algorithms", 2016. Every row has a way out: its own
//! column of cost `miss`. All buffers are of fixed size, so nothing is taken from the heap while it runs.

/// A pair that may not be.
const FORBIDDEN: f64 = f64::INFINITY;
/// Nobody.
const NONE: usize = usize::MAX;

/// Buffers for up to `rows` by `columns`.
#[derive(Clone, Debug)]
pub struct Assignment {
    rows_max: usize,
    columns_max: usize,
    cost: Vec<f64>,
    miss: Vec<f64>,
    rows: usize,
    columns: usize,
    u: Vec<f64>,
    v: Vec<f64>,
    row_of: Vec<usize>,
    column_of: Vec<usize>,
    shortest: Vec<f64>,
    path: Vec<usize>,
    row_seen: Vec<bool>,
    column_seen: Vec<bool>,
}

impl Assignment {
    /// Room for the largest problem.
    pub fn new(rows_max: usize, columns_max: usize) -> Self {
        let all = columns_max + rows_max;
        Self {
            rows_max,
            columns_max,
            cost: vec![FORBIDDEN; rows_max * columns_max],
            miss: vec![0.0; rows_max],
            rows: 0,
            columns: 0,
            u: vec![0.0; rows_max],
            v: vec![0.0; all],
            row_of: vec![NONE; all],
            column_of: vec![NONE; rows_max],
            shortest: vec![0.0; all],
            path: vec![NONE; all],
            row_seen: vec![false; rows_max],
            column_seen: vec![false; all],
        }
    }

    /// Begins a problem in which nothing is allowed yet. Larger than the room is cut off.
    pub fn begin(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows.min(self.rows_max), columns.min(self.columns_max));
        self.cost.iter_mut().take(self.rows * self.columns).for_each(|c| *c = FORBIDDEN);
        self.miss.iter_mut().take(self.rows).for_each(|c| *c = 0.0);
    }

    /// Allows a pair at a finite cost.
    pub fn allow(&mut self, row: usize, column: usize, cost: f64) {
        if row < self.rows
            && column < self.columns
            && cost.is_finite()
            && let Some(held) = self.cost.get_mut(row * self.columns + column)
        {
            *held = cost;
        }
    }

    /// What it costs that a row takes nothing; finite, zero at first.
    pub fn miss(&mut self, row: usize, cost: f64) {
        if let Some(held) = self.miss.get_mut(row)
            && cost.is_finite()
        {
            *held = cost;
        }
    }

    /// Solves: the column of a row, by row. At most rows² · (rows + columns) steps.
    pub fn solve(&mut self) -> impl Iterator<Item = Option<usize>> + '_ {
        let all = self.columns + self.rows;
        self.u.fill(0.0);
        self.v.fill(0.0);
        self.row_of.fill(NONE);
        self.column_of.fill(NONE);
        for row in 0..self.rows {
            if let Some(sink) = self.path_from(row, all) {
                self.augment(row, sink);
            }
        }
        let columns = self.columns;
        self.column_of.iter().take(self.rows).map(move |c| (*c < columns).then_some(*c))
    }

    /// Cost of a pair; columns beyond the given ones are the ways out, one for every row.
    fn cost(&self, row: usize, column: usize) -> f64 {
        if column < self.columns {
            return self.cost.get(row * self.columns + column).copied().unwrap_or(FORBIDDEN);
        }
        if column - self.columns == row { get(&self.miss, row) } else { FORBIDDEN }
    }

    /// Dijkstra from a free row to the nearest free column, over reduced costs; then the prices follow.
    fn path_from(&mut self, start: usize, all: usize) -> Option<usize> {
        self.shortest.fill(FORBIDDEN);
        self.row_seen.fill(false);
        self.column_seen.fill(false);
        let (mut row, mut least) = (start, 0.0);
        let sink = loop {
            set(&mut self.row_seen, row, true);
            let mut next = None;
            let mut nearest = FORBIDDEN;
            for column in 0..all {
                if self.column_seen.get(column).copied().unwrap_or(true) {
                    continue;
                }
                let through = least + self.cost(row, column) - get(&self.u, row) - get(&self.v, column);
                if through < get(&self.shortest, column) {
                    set(&mut self.path, column, row);
                    set(&mut self.shortest, column, through);
                }
                let length = get(&self.shortest, column);
                // Among equals a free column ends the search.
                let free = self.row_of.get(column).is_some_and(|r| *r == NONE);
                if length < nearest || (free && length <= nearest && length < FORBIDDEN) {
                    (nearest, next) = (length, Some(column));
                }
            }
            let column = next?;
            least = nearest;
            set(&mut self.column_seen, column, true);
            match self.row_of.get(column) {
                Some(&NONE) | None => break column,
                Some(&taken) => row = taken,
            }
        };
        for r in (0..self.rows).filter(|r| self.row_seen.get(*r) == Some(&true)) {
            let along = match self.column_of.get(r) {
                Some(&c) if r != start => least - get(&self.shortest, c),
                _ => least,
            };
            let price = get(&self.u, r) + along;
            set(&mut self.u, r, price);
        }
        for c in (0..all).filter(|c| self.column_seen.get(*c) == Some(&true)) {
            let price = get(&self.v, c) - (least - get(&self.shortest, c));
            set(&mut self.v, c, price);
        }
        Some(sink)
    }

    /// Turns the pairs along the path round. It has at most as many steps as there are rows.
    fn augment(&mut self, start: usize, sink: usize) {
        let mut column = sink;
        for _ in 0..self.rows {
            let row = self.path.get(column).copied().unwrap_or(start);
            set(&mut self.row_of, column, row);
            let Some(held) = self.column_of.get_mut(row) else { return };
            let before = std::mem::replace(held, column);
            if row == start {
                return;
            }
            column = before;
        }
    }
}

fn get(list: &[f64], index: usize) -> f64 {
    list.get(index).copied().unwrap_or_default()
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(held) = list.get_mut(index) {
        *held = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(table: &[Vec<Option<i64>>], miss: i64, chosen: &[Option<usize>]) -> i64 {
        chosen.iter().zip(table).map(|(c, row)| c.map_or(miss, |c| row[c].unwrap())).sum()
    }

    proptest! {
        /// Against the Kuhn–Munkres of the crate `pathfinding`, on the same problem with the ways out written out.
        #[test]
        fn as_cheap_as_the_oracle(
            rows in 1usize..9,
            columns in 0usize..12,
            miss in -20i64..200,
            numbers in proptest::collection::vec((0u8..4, -50i64..300), 108),
        ) {
            let table: Vec<Vec<Option<i64>>> = (0..rows)
                .map(|r| (0..columns).map(|c| {
                    let (allowed, cost) = numbers[r * 12 + c];
                    (allowed > 0).then_some(cost)
                }).collect())
                .collect();
            let mut own = Assignment::new(9, 12);
            own.begin(rows, columns);
            for (r, row) in table.iter().enumerate() {
                own.miss(r, miss as f64);
                for (c, cost) in row.iter().enumerate() {
                    if let Some(cost) = cost {
                        own.allow(r, c, *cost as f64);
                    }
                }
            }
            let chosen: Vec<Option<usize>> = own.solve().collect();
            let mut taken: Vec<usize> = chosen.iter().flatten().copied().collect();
            taken.sort_unstable();
            prop_assert!(taken.windows(2).all(|w| w[0] != w[1]), "a column was taken twice");
            let forbidden = -1_000_000;
            let oracle = pathfinding::matrix::Matrix::from_rows((0..rows).map(|r| {
                let own_column = |k: usize| if k == r { -miss } else { forbidden };
                table[r].iter().map(|c| c.map_or(forbidden, |c| -c)).chain((0..rows).map(own_column)).collect::<Vec<_>>()
            })).unwrap();
            let (best, _) = pathfinding::kuhn_munkres::kuhn_munkres(&oracle);
            prop_assert_eq!(total(&table, miss, &chosen), -best);
        }
    }

    #[test]
    fn the_greedy_choice_is_not_the_best() {
        let mut own = Assignment::new(4, 4);
        own.begin(2, 2);
        for (r, c, cost) in [(0, 0, 1.0), (0, 1, 2.0), (1, 0, 1.5), (1, 1, 9.0)] {
            own.allow(r, c, cost);
            own.miss(r, 20.0);
        }
        assert_eq!(own.solve().collect::<Vec<_>>(), [Some(1), Some(0)]);
        own.begin(3, 1);
        own.allow(0, 0, 5.0);
        own.allow(2, 0, -1.0);
        own.allow(9, 0, -1.0);
        own.allow(1, 0, f64::NAN);
        assert_eq!(own.solve().collect::<Vec<_>>(), [None, None, Some(0)]);
    }
}
