//! What the robot can do from a place of the lattice: straight on, an arc to the next heading, a turn on the spot.

use super::super::astar::STRAIGHT;
use outrider_foundation::geometry::wrap_angle;

/// Headings of the lattice: those of whole-number steps, so that straight motions end on cell centres.
pub const HEADINGS: [(i32, i32); 16] = [
    (1, 0),
    (2, 1),
    (1, 1),
    (1, 2),
    (0, 1),
    (-1, 2),
    (-1, 1),
    (-2, 1),
    (-1, 0),
    (-2, -1),
    (-1, -1),
    (-1, -2),
    (0, -1),
    (1, -2),
    (1, -1),
    (2, -1),
];
/// Arcs end within so many cells,
const ARC_REACH: i32 = 40;
/// or as many as wide ones need, up to this: one with a radius of 400 cells. Wider ones are none, and it turns on the spot.
const ARC_REACH_MOST: i32 = 200;
/// Poses of a turn on the spot.
const TURN_POSES: u32 = 6;

/// A motion from the centre of a cell at one of the headings to the centre of another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// Heading at its begin.
    pub from: u8,
    /// Heading at its end.
    pub to: u8,
    /// Cells on, along x and y.
    pub cells: (i32, i32),
    /// Poses after the first, no more than half a cell apart: x and y in cells from the begin, heading, way in cells since
    /// the one before.
    pub poses: Vec<[f64; 4]>,
    /// For each of these: the cell that it lies in, from that of the begin on, and what the way since the one before costs at
    /// a travel cost of one.
    pub cells_along: Vec<(i32, i32, u64)>,
    /// By so much it turns on the spot, rad.
    pub turn_rad: f64,
    /// It goes backwards.
    pub reverse: bool,
}

/// Direction of a heading, rad.
pub fn angle_rad(heading: u8) -> f64 {
    let (x, y) = HEADINGS.get(usize::from(heading) % 16).copied().unwrap_or((1, 0));
    libm::atan2(f64::from(y), f64::from(x))
}

/// All motions, ordered by the heading that they begin with; not all headings have as many.
pub fn motions(min_radius_cells: f64, reverse: bool) -> Vec<Motion> {
    let mut list = Vec::new();
    for (from, (x, y)) in (0u8..).zip(HEADINGS) {
        // A short one to get anywhere, a long one to get on.
        let long = if x.abs() + y.abs() == 1 { 4 } else { 2 };
        for count in [1, long] {
            list.push(straight(from, (count * x, count * y), false));
        }
        if reverse {
            list.push(straight(from, (-x, -y), true));
        }
        for to in [(from + 1) % 16, (from + 15) % 16] {
            list.extend(arc(from, to, min_radius_cells));
            list.push(turn(from, to));
        }
    }
    list
}

impl Motion {
    fn new(from: u8, to: u8, cells: (i32, i32), poses: Vec<[f64; 4]>) -> Self {
        // Rounded up: no less than the way's length.
        let along = |[x, y, _, way]: &[f64; 4]| {
            let cell = |v: f64| (v + 0.5).floor() as i32;
            (cell(*x), cell(*y), (way * STRAIGHT as f64).ceil() as u64)
        };
        let cells_along = poses.iter().map(along).collect();
        Self { from, to, cells, poses, cells_along, turn_rad: 0.0, reverse: false }
    }

    /// The farthest that it comes from its begin, in cells.
    pub fn reach_cells(&self) -> f64 {
        self.poses.iter().map(|[x, y, ..]| libm::hypot(*x, *y)).fold(0.0, f64::max)
    }
}

fn straight(from: u8, cells: (i32, i32), reverse: bool) -> Motion {
    let (x, y) = (f64::from(cells.0), f64::from(cells.1));
    let length = (x * x + y * y).sqrt();
    let count = (2.0 * length).ceil();
    let pose = |i: u32| {
        let share = f64::from(i) / count;
        [share * x, share * y, angle_rad(from), length / count]
    };
    Motion { reverse, ..Motion::new(from, from, cells, (1..=count as u32).map(pose).collect()) }
}

fn turn(from: u8, to: u8) -> Motion {
    let by_rad = wrap_angle(angle_rad(to) - angle_rad(from));
    let pose =
        |i: u32| [0.0, 0.0, wrap_angle(angle_rad(from) + by_rad * f64::from(i) / f64::from(TURN_POSES)), 0.0];
    let poses = (1..=TURN_POSES).map(pose).collect();
    Motion { turn_rad: by_rad.abs(), ..Motion::new(from, to, (0, 0), poses) }
}

/// The shortest arc with a straight piece before or behind it that ends on a cell centre.
fn arc(from: u8, to: u8, min_radius_cells: f64) -> Option<Motion> {
    let (a, b) = (angle_rad(from), angle_rad(to));
    let by_rad = wrap_angle(b - a);
    let ((sa, ca), (sb, cb)) = (libm::sincos(a), libm::sincos(b));
    let cross = ca * sb - sa * cb;
    let half_tan = libm::tan(0.5 * by_rad.abs());
    // Along either heading no farther than the tangent and one whole-number step.
    let needed = 2.0 * (half_tan * min_radius_cells + 5.0_f64.sqrt());
    let reach = (needed.ceil() as i32).clamp(ARC_REACH, ARC_REACH_MOST);
    let mut best: Option<(f64, (i32, i32), f64, f64)> = None;
    for x in -reach..=reach {
        for y in -reach..=reach {
            let (fx, fy) = (f64::from(x), f64::from(y));
            // The end is so far along the first heading, and then along the second.
            let first = (fx * sb - fy * cb) / cross;
            let second = (ca * fy - sa * fx) / cross;
            let tangent = first.min(second);
            let nearer = best.is_none_or(|(length, ..)| first + second < length - 1e-9);
            if tangent > 0.0 && tangent / half_tan >= min_radius_cells && nearer {
                best = Some((first + second, (x, y), first, second));
            }
        }
    }
    let (_, cells, first, second) = best?;
    let tangent = first.min(second);
    let radius = tangent / half_tan;
    let (before, bend, after) = (first - tangent, radius * by_rad.abs(), second - tangent);
    let length = before + bend + after;
    let count = (2.0 * length).ceil();
    let at = |s: f64| {
        let straight = s.min(before);
        let turned = (s - before).clamp(0.0, bend) / radius * by_rad.signum();
        let rest = (s - before - bend).max(0.0);
        let (st, ct) = libm::sincos(a + turned);
        let side = radius * by_rad.signum();
        let x = straight * ca + side * (st - sa) + rest * cb;
        let y = straight * sa + side * (ca - ct) + rest * sb;
        [x, y, wrap_angle(a + turned), length / count]
    };
    let poses = (1..=count as u32).map(|i| at(length * f64::from(i) / count)).collect();
    Some(Motion::new(from, to, cells, poses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motions_end_where_they_say_without_a_jump() {
        // Up to the widest arc that may be configured, on cells of 0.05 m.
        for radius_cells in [6.0, 100.0] {
            let list = motions(radius_cells, true);
            assert_eq!(list.len(), 16 * 7);
            check(&list, radius_cells);
        }
        assert_eq!(motions(1000.0, true).len(), 16 * 5, "too wide: no arcs");
    }

    fn check(list: &[Motion], radius_cells: f64) {
        for motion in list {
            let end = motion.poses.last().unwrap();
            assert!((end[0] - f64::from(motion.cells.0)).abs() < 1e-9, "{motion:?}");
            assert!((end[1] - f64::from(motion.cells.1)).abs() < 1e-9, "{motion:?}");
            assert!(wrap_angle(end[2] - angle_rad(motion.to)).abs() < 1e-9, "{motion:?}");
            let mut last = [0.0, 0.0, angle_rad(motion.from), 0.0];
            for pose in &motion.poses {
                let (dx, dy) = (pose[0] - last[0], pose[1] - last[1]);
                let step = (dx * dx + dy * dy).sqrt();
                assert!(step <= 0.5 + 1e-9 && step <= pose[3] + 1e-9, "{motion:?}");
                let turned = wrap_angle(pose[2] - last[2]).abs();
                assert!(motion.turn_rad > 0.0 || turned <= step / radius_cells * 1.001 + 1e-9, "{motion:?}");
                // Along the heading, backwards only when it says so.
                let along = dx * libm::cos(pose[2]) + dy * libm::sin(pose[2]);
                assert!(if motion.reverse { along < 0.0 } else { along >= 0.98 * step }, "{motion:?}");
                last = *pose;
            }
        }
    }
}
