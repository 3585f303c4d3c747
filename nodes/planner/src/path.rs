//! A path: poses a fixed distance apart, with the arc length to each.

use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Point2, Pose2};

/// The most poses of a path.
pub const POSE_LIMIT: usize = 20_000;

/// A path in one frame. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Frame of the poses.
    pub frame: FrameId,
    /// The poses; headings along the path, but the last one's is the goal's when the path is complete.
    pub poses: Vec<Pose2>,
    /// Distance along the path to every pose, m.
    pub arc_m: Vec<f64>,
    /// It leads to the goal itself, not only towards it.
    pub complete: bool,
}

impl Path {
    /// From points, with headings along the way; `goal_yaw_rad` is the last heading of a complete path. Beyond [`POSE_LIMIT`] it is cut
    /// off, and is not complete. `None` without points.
    pub fn new(frame: FrameId, points: &[Point2], goal_yaw_rad: Option<f64>) -> Option<Self> {
        let goal_yaw_rad = goal_yaw_rad.filter(|_| points.len() <= POSE_LIMIT);
        let mut poses: Vec<Pose2> = Vec::with_capacity(points.len());
        let mut arc_m = Vec::with_capacity(points.len());
        let mut length_m = 0.0;
        for (i, p) in points.iter().take(POSE_LIMIT).enumerate() {
            let yaw_rad = match (points.get(i + 1), poses.last()) {
                (Some(next), _) if next != p => libm::atan2(next.y_m - p.y_m, next.x_m - p.x_m),
                (_, Some(last)) => last.yaw_rad,
                _ => 0.0,
            };
            if let Some(last) = poses.last() {
                length_m += last.position().distance_m(*p);
            }
            poses.push(Pose2::new(p.x_m, p.y_m, yaw_rad));
            arc_m.push(length_m);
        }
        let last = poses.last_mut()?;
        if let Some(yaw_rad) = goal_yaw_rad {
            last.yaw_rad = wrap_angle(yaw_rad);
        }
        Some(Self { frame, poses, arc_m, complete: goal_yaw_rad.is_some() })
    }

    /// A complete path from poses with headings of their own, cut off as [`Self::new`] does; `None` without poses.
    pub fn from_poses(frame: FrameId, poses: &[Pose2]) -> Option<Self> {
        let complete = poses.len() <= POSE_LIMIT;
        let mut path = Self { frame, poses: Vec::new(), arc_m: Vec::new(), complete };
        let mut length_m = 0.0;
        for pose in poses.iter().take(POSE_LIMIT) {
            if let Some(last) = path.poses.last() {
                length_m += last.position().distance_m(pose.position());
            }
            path.poses.push(*pose);
            path.arc_m.push(length_m);
        }
        (!path.poses.is_empty()).then_some(path)
    }

    /// Length in metres.
    pub fn length_m(&self) -> f64 {
        self.arc_m.last().copied().unwrap_or(0.0)
    }

    /// Takes so much away from its end; the first pose stays.
    pub fn shorten(&mut self, by_m: f64) {
        let end_m = (self.length_m() - by_m).max(0.0);
        let keep = self.arc_m.partition_point(|s| *s <= end_m).max(1);
        self.poses.truncate(keep);
        self.arc_m.truncate(keep);
    }

    /// The last pose.
    pub fn end(&self) -> Pose2 {
        self.poses.last().copied().unwrap_or_default()
    }

    /// The pose at a distance along the path, between its poses by interpolation; clamped to the ends.
    /// The heading is that of the way, never the goal's.
    pub fn at(&self, arc_m: f64) -> Pose2 {
        let after = self.arc_m.partition_point(|s| *s <= arc_m);
        let before = after.saturating_sub(1);
        let (Some(a), Some(s)) = (self.poses.get(before), self.arc_m.get(before)) else {
            return Pose2::IDENTITY;
        };
        let (Some(b), Some(e)) = (self.poses.get(after), self.arc_m.get(after)) else {
            let yaw_rad = self.poses.iter().rev().nth(1).map_or(a.yaw_rad, |p| p.yaw_rad);
            return Pose2::new(a.x_m, a.y_m, yaw_rad);
        };
        let share = if e > s { ((arc_m - s) / (e - s)).clamp(0.0, 1.0) } else { 0.0 };
        Pose2::new(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m), a.yaw_rad)
    }

    /// Where `p` is along the path, looked for from `from_m` (never before it) up to `window_m` farther: arc length and distance from the path.
    pub fn project(&self, p: Point2, from_m: f64, window_m: f64) -> (f64, f64) {
        let start = self.arc_m.partition_point(|s| *s <= from_m).saturating_sub(1);
        let mut best = (from_m, self.at(from_m).position().distance_m(p));
        let segments = self.poses.windows(2).zip(self.arc_m.windows(2)).skip(start);
        for (poses, arcs) in segments {
            let ([a, b], [s, e]) = (poses, arcs) else { continue };
            if *s > from_m + window_m {
                break;
            }
            let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
            let length_sq = dx * dx + dy * dy;
            let share = if length_sq > 0.0 {
                (((p.x_m - a.x_m) * dx + (p.y_m - a.y_m) * dy) / length_sq).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let arc_m = s + share * (e - s);
            let distance_m = Point2::new(a.x_m + share * dx, a.y_m + share * dy).distance_m(p);
            if arc_m >= from_m && distance_m < best.1 {
                best = (arc_m, distance_m);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corner() -> Path {
        let points = [Point2::new(0.0, 0.0), Point2::new(1.0, 0.0), Point2::new(1.0, 2.0)];
        Path::new(FrameId::Map, &points, Some(0.3)).unwrap()
    }

    #[test]
    fn lengths_headings_and_interpolation() {
        let path = corner();
        assert_eq!(path.arc_m, [0.0, 1.0, 3.0]);
        assert_eq!(path.poses[2], Pose2::new(1.0, 2.0, 0.3));
        assert_eq!(path.at(0.5), Pose2::new(0.5, 0.0, 0.0));
        let half = path.at(2.0);
        assert!((half.y_m - 1.0).abs() < 1e-12 && (half.yaw_rad - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
        // Beyond the end: the heading of the way, not of the goal.
        approx::assert_relative_eq!(path.at(9.0).yaw_rad, path.at(2.0).yaw_rad);
        assert_eq!(Path::new(FrameId::Map, &[], None), None);
        let alone = Path::new(FrameId::Map, &[Point2::new(1.0, 1.0)], None).unwrap();
        assert_eq!((alone.length_m(), alone.at(1.0).x_m, alone.complete), (0.0, 1.0, false));
    }

    #[test]
    fn a_path_that_is_cut_off_is_not_complete() {
        for (count, complete) in [(POSE_LIMIT, true), (POSE_LIMIT + 1, false)] {
            let points: Vec<Point2> = (0..count).map(|i| Point2::new(0.1 * i as f64, 0.0)).collect();
            let poses: Vec<Pose2> = points.iter().map(|p| Pose2::new(p.x_m, p.y_m, 1.0)).collect();
            let path = Path::new(FrameId::Map, &points, Some(1.0)).unwrap();
            let end_rad = if complete { 1.0 } else { 0.0 };
            assert_eq!(
                (path.poses.len(), path.complete, path.end().yaw_rad),
                (POSE_LIMIT, complete, end_rad)
            );
            let path = Path::from_poses(FrameId::Map, &poses).unwrap();
            assert_eq!((path.poses.len(), path.complete), (POSE_LIMIT, complete));
        }
    }

    #[test]
    fn projection_never_goes_back() {
        let path = corner();
        let (arc_m, distance_m) = path.project(Point2::new(0.5, 0.2), 0.0, 5.0);
        assert!((arc_m - 0.5).abs() < 1e-12 && (distance_m - 0.2).abs() < 1e-12);
        let (arc_m, _) = path.project(Point2::new(0.5, 0.2), 1.5, 5.0);
        assert!(arc_m >= 1.5);
    }
}
