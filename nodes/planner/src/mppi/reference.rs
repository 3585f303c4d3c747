//! The way ahead as a few straight pieces, exact enough and cheap enough to be asked for the nearest one without a table.

use crate::path::Path;
use outrider_foundation::Point2;

/// The most straight pieces; a path that needs more is simplified more roughly.
pub const PIECE_LIMIT: usize = 10;
/// The most points of the path that are looked at.
const POINT_LIMIT: usize = 256;
/// Pieces shorter than this are dropped, m.
const SHORT_M: f64 = 1e-3;

/// A straight piece, in metres from the kernel's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Piece {
    /// Where it begins.
    pub x_m: f32,
    /// See [`Self::x_m`].
    pub y_m: f32,
    /// Its direction.
    pub ux: f32,
    /// See [`Self::ux`].
    pub uy: f32,
    /// Its length.
    pub length_m: f32,
    /// Way to its beginning.
    pub arc_m: f32,
}

/// The way ahead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// Its pieces; never empty after a successful [`Self::fill`].
    pub pieces: Vec<Piece>,
    /// Their length together.
    pub length_m: f32,
    /// Way that is left beyond them: 0 when the path ends with them.
    pub beyond_m: f32,
    /// Heading at the goal (cosine and sine), when the path leads to it.
    pub goal: Option<[f32; 2]>,
    points: Vec<Point2>,
    kept: Vec<usize>,
    stack: Vec<(usize, usize)>,
}

impl Reference {
    /// Takes the path from `from_m` on for `reach_m`, about `centre`. False when there is nothing of it left.
    pub fn fill(&mut self, path: &Path, from_m: f64, reach_m: f64, centre: Point2, tolerance_m: f64) -> bool {
        let to_m = (from_m + reach_m).min(path.length_m());
        self.points.clear();
        self.points.push(path.at(from_m).position());
        let after = path.arc_m.partition_point(|s| *s <= from_m);
        let between = path.poses.iter().zip(&path.arc_m).skip(after);
        let between = between.take_while(|(_, s)| **s < to_m).take(POINT_LIMIT).map(|(p, _)| p.position());
        self.points.extend(between);
        self.points.push(path.at(to_m).position());
        let mut tolerance_m = tolerance_m;
        loop {
            self.simplify(tolerance_m);
            if self.kept.len() <= PIECE_LIMIT + 1 {
                break;
            }
            tolerance_m *= 1.5;
        }
        self.cut(centre);
        self.beyond_m = (path.length_m() - to_m) as f32;
        self.goal = path.complete.then(|| {
            let (s, c) = libm::sincos(path.end().yaw_rad);
            [c as f32, s as f32]
        });
        !self.pieces.is_empty()
    }

    /// Douglas and Peucker, without recursion: the first and last point of every piece.
    fn simplify(&mut self, tolerance_m: f64) {
        self.kept.clear();
        self.stack.clear();
        let last = self.points.len().saturating_sub(1);
        self.kept.extend([0, last]);
        self.stack.push((0, last));
        while let Some((from, to)) = self.stack.pop() {
            let (Some(a), Some(b)) = (self.points.get(from), self.points.get(to)) else { continue };
            let mut worst = (tolerance_m * tolerance_m, None);
            let between = self.points.iter().enumerate().take(to).skip(from + 1);
            for (i, p) in between {
                let sq = outrider_foundation::geometry::segment_distance_sq(*a, *b, *p);
                if sq > worst.0 {
                    worst = (sq, Some(i));
                }
            }
            if let Some(i) = worst.1 {
                self.kept.push(i);
                self.stack.extend([(from, i), (i, to)]);
            }
        }
        self.kept.sort_unstable();
        self.kept.dedup();
    }

    fn cut(&mut self, centre: Point2) {
        self.pieces.clear();
        let mut arc_m = 0.0;
        let corners = self.kept.iter().filter_map(|i| self.points.get(*i));
        let ends = self.kept.iter().skip(1).filter_map(|i| self.points.get(*i));
        for (a, b) in corners.zip(ends) {
            let length_m = a.distance_m(*b);
            if length_m < SHORT_M {
                continue;
            }
            self.pieces.push(Piece {
                x_m: (a.x_m - centre.x_m) as f32,
                y_m: (a.y_m - centre.y_m) as f32,
                ux: ((b.x_m - a.x_m) / length_m) as f32,
                uy: ((b.y_m - a.y_m) / length_m) as f32,
                length_m: length_m as f32,
                arc_m: arc_m as f32,
            });
            arc_m += length_m;
        }
        self.length_m = arc_m as f32;
    }

    /// Where the pieces end.
    #[cfg(test)]
    fn end(&self) -> Option<outrider_foundation::Pose2> {
        self.pieces.last().map(|p| {
            outrider_foundation::Pose2::new(
                f64::from(p.x_m + p.ux * p.length_m),
                f64::from(p.y_m + p.uy * p.length_m),
                libm::atan2(f64::from(p.uy), f64::from(p.ux)),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::grid::FrameId;

    fn circle(radius_m: f64, turns: f64) -> Path {
        let points: Vec<Point2> = (0..=200)
            .map(|i| {
                let (s, c) = libm::sincos(f64::from(i) / 200.0 * turns * std::f64::consts::TAU);
                Point2::new(radius_m * s, radius_m * (1.0 - c))
            })
            .collect();
        Path::new(FrameId::Odom, &points, Some(1.0)).unwrap()
    }

    #[test]
    fn pieces_stay_near_the_path_and_join() {
        let (path, mut reference) = (circle(3.0, 0.5), Reference::default());
        assert!(reference.fill(&path, 1.0, 3.0, Point2::default(), 0.03));
        assert!(reference.pieces.len() >= 2 && reference.pieces.len() <= PIECE_LIMIT);
        assert!((reference.length_m - 3.0).abs() < 0.02, "{}", reference.length_m);
        assert!((f64::from(reference.beyond_m) - (path.length_m() - 4.0)).abs() < 1e-4);
        let end = path.at(4.0).position();
        assert!(reference.end().unwrap().position().distance_m(end) < 1e-5);
        for pair in reference.pieces.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            assert!((a.x_m + a.ux * a.length_m - b.x_m).abs() < 1e-5);
            assert!((a.arc_m + a.length_m - b.arc_m).abs() < 1e-5);
        }
        // Half way along every piece, the path is at most the tolerance away.
        for p in &reference.pieces {
            let half = f64::from(0.5 * p.length_m);
            let middle = Point2::new(
                f64::from(p.x_m) + f64::from(p.ux) * half,
                f64::from(p.y_m) + f64::from(p.uy) * half,
            );
            let (_, off_m) = path.project(middle, 0.5, 5.0);
            assert!(off_m <= 0.031, "{off_m}");
        }
    }

    #[test]
    fn a_winding_path_has_no_more_pieces_than_there_may_be_and_a_point_has_none() {
        let mut reference = Reference::default();
        assert!(reference.fill(&circle(0.5, 4.0), 0.0, 12.0, Point2::default(), 0.005));
        assert!(reference.pieces.len() <= PIECE_LIMIT);
        let point = Path::new(FrameId::Odom, &[Point2::new(1.0, 1.0)], None).unwrap();
        assert!(!reference.fill(&point, 0.0, 3.0, Point2::default(), 0.03));
        assert!(!reference.fill(&circle(1.0, 0.25), 99.0, 3.0, Point2::default(), 0.03));
    }
}
