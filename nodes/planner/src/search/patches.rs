//! Least costs over a plane of nodes, sixteen of them at a time: the search of this folder, for cells and for corners of blocks.
//!
//! Nodes lie in patches of 4 × 4. A patch is due at the least estimate of a whole way through one of its nodes that became cheaper.
//! When it is taken from the queue, the costs within it are worked out to the end, four nodes to an instruction, and what that
//! means for the nodes across its borders is written there. A node may be given a cost more than once, as in A* with an
//! estimate that is not consistent; with one that is, every node through which a way leads that is estimated below all patches that
//! are still due has its least cost: the nodes before it on that way have passed theirs on.
//!
//! Costs are whole numbers in `f64` ([`super::astar::DIAGONAL`] says why nothing is rounded). Infinity is a node that cannot be, or
//! has not been reached.
//!
//! Indices into rows are constants below four, or masked.

#![allow(clippy::inline_always, reason = "hot loops over arrays of fixed length")]

use super::buckets::Buckets;

/// Working a patch of sixteen nodes out counts as so many of them: about what it costs.
pub const PER_PATCH: u32 = 4;

/// Four nodes in a row.
pub type Four = [f64; 4];
/// The nodes of a patch, row by row.
pub type Rows = [Four; 4];

/// Not reached.
pub const INF: f64 = f64::INFINITY;
/// The sides of a patch, and then its corners: above, below, right, left; above right, above left, below right, below left.
const SIDES: usize = 8;

/// The lesser of two, both of which are numbers.
#[inline(always)]
pub fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The lesser of each two.
#[inline(always)]
pub fn least(a: Four, b: Four) -> Four {
    [lesser(a[0], b[0]), lesser(a[1], b[1]), lesser(a[2], b[2]), lesser(a[3], b[3])]
}

/// The least of four.
#[inline(always)]
pub fn least_of(a: Four) -> f64 {
    lesser(lesser(a[0], a[1]), lesser(a[2], a[3]))
}

/// The sum of each two.
#[inline(always)]
pub fn sum(a: Four, b: Four) -> Four {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

/// What is left of every node.
#[inline(always)]
pub const fn from_left(a: Four) -> Four {
    [INF, a[0], a[1], a[2]]
}

/// What is right of every node.
#[inline(always)]
pub const fn from_right(a: Four) -> Four {
    [a[1], a[2], a[3], INF]
}

/// A column.
#[inline(always)]
pub const fn column<const I: usize>(rows: &Rows) -> Four {
    [rows[0][I], rows[1][I], rows[2][I], rows[3][I]]
}

/// What the steps within a patch, and out of it, cost.
pub trait Steps: Clone {
    /// No way in or out.
    const NONE: Self;

    /// Least costs within a patch, from those that are there.
    fn settle(&self, cost: &Rows) -> Rows;

    /// For every node along a side: zero when a step leads over it, infinity when none does.
    fn exits<const SIDE: usize>(&self) -> Four;

    /// Costs of the four nodes beyond a side of the patch, in `to`, from the four before it.
    fn beyond<const SIDE: usize>(&self, to: &Self, before: Four) -> Four;

    /// Whether a step leads over a corner.
    fn is_open<const CORNER: usize>(&self) -> bool;

    /// Cost of the node beyond a corner of the patch, in `to`, from the one before it.
    fn across<const CORNER: usize>(&self, to: &Self, before: f64) -> f64;
}

/// Sixteen nodes.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Patch<S> {
    /// Least costs known.
    pub cost: Rows,
    /// What the rest of the way costs at least.
    pub rest: Rows,
    /// What steps cost.
    pub steps: S,
}

/// What the queue knows of a patch; apart from the rest, so that looking at those about a patch touches little memory.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Where it is due: the least estimate of a way through a node that has become cheaper since it was taken.
    key: f64,
    /// Twice the number of the search that this is of, one more once the patch has been entered.
    stamp: u32,
}

/// A node: its patch, and its row and column there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the patch.
    pub patch: usize,
    /// Row and column.
    pub at: [usize; 2],
}

/// Patches row by row, with a ring of them about the plane that are never entered.
#[derive(Clone, Debug)]
pub struct Patches<S> {
    all: Vec<Patch<S>>,
    states: Vec<State>,
    /// Twice the number of this search.
    stamp: u32,
    /// Patches along x, those of the ring included.
    across: usize,
    open: Buckets,
}

impl<S> Default for Patches<S> {
    fn default() -> Self {
        Self { all: Vec::new(), states: Vec::new(), stamp: 0, across: 1, open: Buckets::default() }
    }
}

impl<S: Steps> Patches<S> {
    /// Begins anew for nodes along x and y, with a queue of buckets of `2^shift`, enough for estimates up to `span` above the lowest.
    pub fn reset(&mut self, nodes: (u32, u32), shift: u32, span: u64) {
        let count = |nodes: u32| nodes.div_ceil(4) as usize + 2;
        self.across = count(nodes.0);
        self.stamp = self.stamp.wrapping_add(2);
        if self.stamp == 0 {
            self.states.clear();
            self.stamp = 2;
        }
        let nothing = Patch { cost: [[INF; 4]; 4], rest: [[INF; 4]; 4], steps: S::NONE };
        let patches = self.across * count(nodes.1);
        self.all.resize(patches, nothing);
        self.states.resize(patches, State { key: INF, stamp: 0 });
        self.open.reset(shift, 0, span);
    }

    /// Where a node is.
    #[inline]
    pub const fn place_of(&self, (x, y): (u32, u32)) -> Place {
        let patch = (y as usize / 4 + 1) * self.across + x as usize / 4 + 1;
        Place { patch, at: [y as usize % 4, x as usize % 4] }
    }

    /// The first node of a patch; negative in the ring.
    #[inline]
    pub const fn first_of(&self, patch: usize) -> (i32, i32) {
        let (i, j) = ((patch % self.across) as i32, (patch / self.across) as i32);
        ((i - 1) * 4, (j - 1) * 4)
    }

    /// Every patch whose estimate lies below this has been taken.
    #[inline]
    pub const fn floor(&self) -> f64 {
        self.open.floor() as f64
    }

    /// A patch that has been entered.
    #[inline]
    pub fn entered(&self, patch: usize) -> Option<&Patch<S>> {
        self.all.get(patch).filter(|_| self.is_entered(patch))
    }

    /// Cost of a node and what the rest costs at least; infinite when nothing is known of it.
    #[inline]
    pub fn known(&self, place: Place) -> (f64, f64) {
        let [row, col] = place.at;
        self.entered(place.patch).map_or((INF, INF), |p| (p.cost[row & 3][col & 3], p.rest[row & 3][col & 3]))
    }

    /// Puts the first node in, in a patch that has been entered, and the queue at its estimate.
    pub fn begin(&mut self, place: Place) {
        let [row, col] = place.at;
        let Some(patch) = self.all.get_mut(place.patch) else { return };
        patch.cost[row & 3][col & 3] = 0.0;
        let key = patch.rest[row & 3][col & 3];
        if key < INF {
            self.open.start(key as u64);
            self.ask(place.patch, key);
        }
    }

    /// Takes a patch that is due below `bound` from the queue, of the bucket of the last one only if `same`. `None` when there is none.
    #[inline]
    pub fn take(&mut self, bound: f64, same: bool) -> Option<usize> {
        loop {
            let number = if same { self.open.pop_same() } else { self.open.pop() }? as usize;
            // What follows in the bucket of the bound may still be cheaper; what is in later ones is not.
            if self.floor() > bound {
                return None;
            }
            if let Some(state) = self.states.get_mut(number)
                && state.key < bound
            {
                state.key = INF;
                return Some(number);
            }
        }
    }

    /// Whether a patch has been entered.
    #[inline]
    pub fn is_entered(&self, patch: usize) -> bool {
        self.states.get(patch).is_some_and(|state| state.stamp == self.stamp + 1)
    }

    /// Enters a patch, and takes over what those about it know.
    #[inline(never)]
    pub fn enter(&mut self, number: usize, steps: S, rest: Rows) {
        let Some(patch) = self.all.get_mut(number) else { return };
        patch.cost = [[INF; 4]; 4];
        patch.rest = rest;
        patch.steps = steps;
        if let Some(state) = self.states.get_mut(number) {
            *state = State { key: INF, stamp: self.stamp + 1 };
        }
        let Some(around) = self.around(number) else { return };
        // Entering comes from the other side.
        let [above, below, right, left, above_right, above_left, below_right, below_left] = around;
        self.offer::<0>(below, number, INF);
        self.offer::<1>(above, number, INF);
        self.offer::<2>(left, number, INF);
        self.offer::<3>(right, number, INF);
        self.offer_corner::<4>(below_left, number, INF);
        self.offer_corner::<5>(below_right, number, INF);
        self.offer_corner::<6>(above_left, number, INF);
        self.offer_corner::<7>(above_right, number, INF);
        if let Some(state) = self.states.get_mut(number) {
            state.key = INF;
        }
    }

    /// Works the costs within a patch out.
    #[inline]
    pub fn settle(&mut self, number: usize) -> Option<&Patch<S>> {
        let patch = self.all.get_mut(number)?;
        patch.cost = patch.steps.settle(&patch.cost);
        Some(patch)
    }

    /// Passes the costs of a patch on to those about it.
    #[inline]
    pub fn spread(&mut self, number: usize, bound: f64) {
        let Some([above, below, right, left, above_right, above_left, below_right, below_left]) =
            self.around(number)
        else {
            return;
        };
        self.offer::<0>(number, above, bound);
        self.offer::<1>(number, below, bound);
        self.offer::<2>(number, right, bound);
        self.offer::<3>(number, left, bound);
        self.offer_corner::<4>(number, above_right, bound);
        self.offer_corner::<5>(number, above_left, bound);
        self.offer_corner::<6>(number, below_right, bound);
        self.offer_corner::<7>(number, below_left, bound);
    }

    /// The patches about one: beyond its sides, then beyond its corners. `None` in the ring.
    #[inline]
    fn around(&self, number: usize) -> Option<[usize; SIDES]> {
        let (up, n) = (self.across, number);
        // Patches of the ring are never entered, so it has them all about it.
        let down = n.checked_sub(up + 1)?;
        Some([n + up, down + 1, n + 1, n - 1, n + up + 1, n + up - 1, down + 2, down])
    }

    /// Makes a patch due at an estimate, unless it is due earlier.
    #[inline(always)]
    fn ask(&mut self, number: usize, key: f64) {
        let Some(state) = self.states.get_mut(number) else { return };
        if state.stamp < self.stamp {
            *state = State { key, stamp: self.stamp };
        } else if key < state.key {
            state.key = key;
        } else {
            return;
        }
        self.open.push(key as u64, number as u32);
    }

    /// Passes the costs along a side on to the nodes beyond it. A patch that has not been entered becomes due at the least
    /// estimate of a way through the side.
    #[inline(always)]
    fn offer<const SIDE: usize>(&mut self, from: usize, to: usize, bound: f64) {
        if !self.is_entered(from) {
            return;
        }
        let entered = self.is_entered(to);
        let Ok([from, patch]) = self.all.get_disjoint_mut([from, to]) else { return };
        let (before, rest) = match SIDE {
            0 => (from.cost[3], from.rest[3]),
            1 => (from.cost[0], from.rest[0]),
            2 => (column::<3>(&from.cost), column::<3>(&from.rest)),
            _ => (column::<0>(&from.cost), column::<0>(&from.rest)),
        };
        let through = sum(before, rest);
        if least_of(through) >= bound {
            return;
        }
        if !entered {
            let through = least_of(sum(through, from.steps.exits::<SIDE>()));
            if through < bound {
                self.ask(to, through);
            }
            return;
        }
        let new = from.steps.beyond::<SIDE>(&patch.steps, before);
        let (old, rest) = match SIDE {
            0 => (patch.cost[0], patch.rest[0]),
            1 => (patch.cost[3], patch.rest[3]),
            2 => (column::<0>(&patch.cost), column::<0>(&patch.rest)),
            _ => (column::<3>(&patch.cost), column::<3>(&patch.rest)),
        };
        let better = |i: usize| if new[i] < old[i] { new[i] + rest[i] } else { INF };
        let key = least_of([better(0), better(1), better(2), better(3)]);
        if key >= bound {
            return;
        }
        let new = least(new, old);
        match SIDE {
            0 => patch.cost[0] = new,
            1 => patch.cost[3] = new,
            2 => {
                for (row, new) in patch.cost.iter_mut().zip(new) {
                    row[0] = new;
                }
            }
            _ => {
                for (row, new) in patch.cost.iter_mut().zip(new) {
                    row[3] = new;
                }
            }
        }
        self.ask(to, key);
    }

    /// The same for the node beyond a corner.
    #[inline(always)]
    fn offer_corner<const CORNER: usize>(&mut self, from: usize, to: usize, bound: f64) {
        if !self.is_entered(from) {
            return;
        }
        let entered = self.is_entered(to);
        let Ok([from, patch]) = self.all.get_disjoint_mut([from, to]) else { return };
        let ([row, col], [to_row, to_col]) = match CORNER {
            4 => ([3, 3], [0, 0]),
            5 => ([3, 0], [0, 3]),
            6 => ([0, 3], [3, 0]),
            _ => ([0, 0], [3, 3]),
        };
        let before = from.cost[row][col];
        let through = before + from.rest[row][col];
        if through >= bound || !from.steps.is_open::<CORNER>() {
            return;
        }
        if !entered {
            self.ask(to, through);
            return;
        }
        let new = from.steps.across::<CORNER>(&patch.steps, before);
        let key = new + patch.rest[to_row][to_col];
        if new < patch.cost[to_row][to_col] && key < bound {
            patch.cost[to_row][to_col] = new;
            self.ask(to, key);
        }
    }
}
