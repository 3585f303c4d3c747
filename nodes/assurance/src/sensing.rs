//! What is known: raw scan and odometry first, then what the world model says.

use crate::bodies;
use crate::cloud::{Cloud, Seen};
use crate::config::{Config, ScanQuality};
use crate::doubt::{Bound, Conformity, Innovations, Paces, Recent};
use crate::source::Source;
use outrider_foundation::data::{
    BEAM_LIMIT, DetectionSet, Odometry, Scan, SourceStatus, TRACK_LIMIT, Track, TrackState, WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Footprint, Instant, Now, Point2, Pose2, Robot, Span, Stamp, Twist2};
use std::collections::VecDeque;

/// Odometry poses that are remembered: 1.28 s at 50 Hz. The oldest is dropped.
const HISTORY_LIMIT: usize = 64;
/// Odometry is carried on by its twist for no longer than this.
const EXTRAPOLATION_LIMIT: Span = Span::from_millis(250);
/// Farther from one odometry to the next is a jump of its frame and no way, m.
const JUMP_M: f64 = 0.5;
/// Returns farther away are of no interest to a robot of this speed, m.
const POINT_RANGE_M: f64 = 20.0;

/// The newest scan as points.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScanPoints {
    pub source: Source,
    /// In the base frame at the stamp of the scan.
    pub points: Cloud,
    /// Angle that neighbouring beams without an answer span at most.
    pub gap_rad: f64,
    /// Angle that the scan spans.
    pub field_of_view_rad: f64,
    /// Returns deep inside the outline, in the newest scan.
    pub contact_beams: u32,
    /// Scans in a row with enough of them.
    pub contact_scans: u32,
    /// Mean change of the ranges from the scan before; zero at the first.
    pub change_m: f64,
    ranges_m: Vec<f32>,
    beams: Beams,
}

/// Sine and cosine of every beam in the base frame. Scans of one lidar do not differ in them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Beams {
    first_rad: f64,
    step_rad: f64,
    directions: Vec<(f64, f64)>,
}

impl Beams {
    fn aim(&mut self, scan: &Scan, base_from_lidar: &Pose2) {
        let (first_rad, step_rad) = (base_from_lidar.yaw_rad + scan.angle_min_rad, scan.angle_increment_rad);
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        if same(first_rad, self.first_rad)
            && same(step_rad, self.step_rad)
            && self.directions.len() == scan.ranges_m.len()
        {
            return;
        }
        (self.first_rad, self.step_rad) = (first_rad, step_rad);
        let direction = |i| libm::sincos(base_from_lidar.yaw_rad + scan.angle_rad(i));
        self.directions.clear();
        self.directions.extend((0..scan.ranges_m.len()).map(direction));
    }
}

impl ScanPoints {
    /// Takes a scan. Whatever cannot be used makes the source invalid until a good one comes.
    pub fn take(&mut self, scan: &Scan, received: Instant, robot: &Robot, quality: &ScanQuality) {
        let numbers = [scan.angle_min_rad, scan.angle_increment_rad, scan.range_min_m, scan.range_max_m];
        let usable = numbers.iter().all(|n| n.is_finite())
            && scan.angle_increment_rad.abs() > 0.0
            && scan.range_max_m > scan.range_min_m
            && (2..=BEAM_LIMIT).contains(&scan.ranges_m.len())
            && scan.angle_rad(scan.ranges_m.len()).is_finite()
            && scan.frame == robot.description.lidar.frame;
        if !usable {
            self.source.fault();
            return;
        }
        if !self.source.accept(scan.stamp, received) {
            return;
        }
        self.compare(scan);
        self.measure(scan, &robot.base_from_lidar, &robot.footprint, quality);
        let touched = self.contact_beams >= quality.contact_beams;
        self.contact_scans = if touched { self.contact_scans.saturating_add(1) } else { 0 };
    }

    /// Beams that have an answer in both scans are compared. Without any there is no change to be seen: a lidar that
    /// answers nothing is as good as frozen.
    fn compare(&mut self, scan: &Scan) {
        let pairs = self.ranges_m.iter().zip(&scan.ranges_m);
        let (count, sum) = pairs
            .map(|(before, now)| f64::from((now - before).abs()))
            .filter(|change| change.is_finite())
            .fold((0_u32, 0.0), |(count, sum), change| (count.saturating_add(1), sum + change));
        self.change_m = if count > 0 { sum / f64::from(count) } else { 0.0 };
        self.ranges_m.clone_from(&scan.ranges_m);
    }

    fn measure(
        &mut self,
        scan: &Scan,
        base_from_lidar: &Pose2,
        footprint: &Footprint,
        quality: &ScanQuality,
    ) {
        self.beams.aim(scan, base_from_lidar);
        let (mut gap, mut longest, mut contact_beams) = (0_usize, 0_usize, 0_u32);
        let beams = scan.ranges_m.iter().zip(&self.beams.directions);
        let points = beams.filter_map(|(range, (s, c))| {
            let range_m = f64::from(*range);
            gap = if range_m.is_nan() { gap + 1 } else { 0 };
            longest = longest.max(gap);
            if range_m.is_nan() || range_m >= scan.range_max_m {
                return None;
            }
            // Too close to tell: there is something, at the least range or nearer. That is inside most outlines, and
            // then counts as contact; a lidar that reports its own robot, or zero for "nothing", has to be filtered by
            // its driver. So a robot never looks through what covers its lidar.
            let range_m = range_m.max(scan.range_min_m);
            if range_m > POINT_RANGE_M {
                return None;
            }
            let point = Point2::new(base_from_lidar.x_m + range_m * c, base_from_lidar.y_m + range_m * s);
            if !footprint.is_surely_farther(point, 0.0)
                && footprint.signed_distance_m(point) < -quality.contact_depth_m
            {
                contact_beams = contact_beams.saturating_add(1);
            }
            Some(point)
        });
        self.points.replace(points);
        self.contact_beams = contact_beams;
        let step_rad = scan.angle_increment_rad.abs();
        self.field_of_view_rad = step_rad * scan.ranges_m.len() as f64;
        self.gap_rad = step_rad * longest as f64;
    }

    pub fn touched(&self, quality: &ScanQuality) -> bool {
        self.contact_scans >= quality.contact_scans
    }
}

/// Odometry with a short history.
#[derive(Clone, Debug, Default)]
pub(crate) struct OdometryHistory {
    pub source: Source,
    /// Velocity of the newest.
    pub twist: Twist2,
    poses: VecDeque<(Stamp, Pose2)>,
    /// All the way that was measured.
    pub way: Way,
}

/// How far a robot has moved and turned, whatever the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Way {
    moved_m: f64,
    turned_rad: f64,
}

impl Way {
    fn add(&mut self, a_from_b: Pose2) {
        let moved_m = libm::hypot(a_from_b.x_m, a_from_b.y_m);
        if moved_m <= JUMP_M {
            self.moved_m += moved_m;
            self.turned_rad += a_from_b.yaw_rad.abs();
        }
    }

    /// The most that a corner of the outline has moved since the way was `then`.
    fn of_corners_since_m(&self, then: &Self, footprint: &Footprint) -> f64 {
        (self.moved_m - then.moved_m) + (self.turned_rad - then.turned_rad) * footprint.circumscribed_m()
    }
}

impl OdometryHistory {
    /// Takes odometry. Numbers that are not finite make the source invalid until a good one comes.
    pub fn take(&mut self, odometry: &Odometry, received: Instant) {
        if !odometry.odom_from_base.is_finite() || !odometry.twist.is_finite() {
            self.source.fault();
            return;
        }
        if !self.source.accept(odometry.stamp, received) {
            return;
        }
        self.twist = odometry.twist;
        if let Some((_, before)) = self.poses.back() {
            self.way.add(before.inverse().then(odometry.odom_from_base));
        }
        if self.poses.len() >= HISTORY_LIMIT {
            self.poses.pop_front();
        }
        self.poses.push_back((odometry.stamp, odometry.odom_from_base));
    }

    /// `base_then_from_base_now`: takes what was seen from the base at `then` to the base at `now`. `None` when the
    /// history does not reach.
    pub fn base_now_from_base_then(&self, then: Stamp, now: Stamp) -> Option<Pose2> {
        Some(self.odom_from_base_at(now)?.inverse().then(self.odom_from_base_at(then)?))
    }

    pub fn odom_from_base_at(&self, stamp: Stamp) -> Option<Pose2> {
        let (newest, pose) = *self.poses.back()?;
        if stamp >= newest {
            let ahead = stamp.since(newest);
            return (ahead <= EXTRAPOLATION_LIMIT).then(|| pose.advance(self.twist, ahead.as_s()));
        }
        let after = self.poses.iter().position(|(s, _)| *s > stamp)?;
        let (later, b) = *self.poses.get(after)?;
        let Some((earlier, a)) = after.checked_sub(1).and_then(|i| self.poses.get(i)).copied() else {
            // Just before the first: only in the first moments.
            let behind = later.since(stamp);
            return (behind <= EXTRAPOLATION_LIMIT).then(|| b.advance(self.twist, -behind.as_s()));
        };
        let share = stamp.since(earlier).as_s() / later.since(earlier).as_s();
        let a_from_b = a.inverse().then(b);
        Some(a.then(Pose2::new(share * a_from_b.x_m, share * a_from_b.y_m, share * a_from_b.yaw_rad)))
    }
}

/// What the world model says, without its grids.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub source: Source,
    pub boot_id: u64,
    pub sequence: u64,
    /// In the frame of the tracks.
    pub pose: Pose2,
    pub localised: bool,
    /// Standard deviation of the position along its worst axis.
    pub position_sigma_m: f64,
    pub tracks: Vec<Track>,
    /// Age of the newest detections; NaN when there are none or they are not fresh.
    pub detections_age_s: f64,
    /// Whether objects do what was predicted.
    pub conformity: Conformity,
    /// What predictions of the tracks are wrong by, in their order.
    pub bounds: Vec<Bound>,
    /// Velocities of the tracks over the last second, in their order; `None` where that is not known.
    pub paces: Vec<Option<Point2>>,
    seen: Paces,
    /// Tracks of the last world models.
    pub recent: Recent,
}

impl World {
    /// Takes a world model. Numbers that are not finite make the source invalid until a good one comes.
    pub fn take(&mut self, model: &WorldModel, received: Instant, config: &Config) {
        let [xx, xy, _, _, yy, ..] = model.ego.covariance;
        let sigma_m = crate::tracks::worst_axis_sigma(xx, xy, yy);
        let usable = model.ego.pose.is_finite()
            && model.ego.odom_from_base.is_finite()
            && model.tracks.len() <= TRACK_LIMIT
            && model.tracks.iter().all(track_is_usable);
        if !usable {
            self.source.fault();
            return;
        }
        // A restarted world model counts its sequence afresh; the stamp decides.
        if !self.source.accept(model.stamp, received) {
            return;
        }
        if model.boot_id != self.boot_id {
            // Its tracks are numbered anew.
            self.seen = Paces::default();
        }
        self.boot_id = model.boot_id;
        self.sequence = model.sequence;
        self.pose = model.ego.pose;
        self.localised = model.ego.localised && model.ego.frame == FrameId::Map;
        self.position_sigma_m = sigma_m;
        let conformal = &config.tracks.conformal;
        self.conformity.take(&model.tracks, model.stamp, self.localised, conformal);
        self.recent.take(&model.tracks, model.stamp, self.pose, self.localised);
        self.tracks.clone_from(&model.tracks);
        self.bounds.clear();
        self.bounds.extend(self.tracks.iter().map(|t| self.conformity.bound(t, conformal)));
        self.seen.take(&model.tracks, model.stamp, model.ego.odom_from_base.then(model.ego.pose.inverse()));
        self.paces.clear();
        self.paces.extend(self.tracks.iter().map(|t| self.seen.of(t)));
        let detections = model.sources.iter().find(|s| s.name.trim_start_matches('/') == "detections");
        self.detections_age_s = match detections {
            Some(source) if source.status == SourceStatus::Fresh => source.age_s,
            _ => f64::NAN,
        };
    }
}

fn track_is_usable(track: &Track) -> bool {
    let [xx, _, _, _, _, yy, ..] = track.covariance;
    track.position.is_finite()
        && bodies::is_sound(track.body.as_ref())
        && track.velocity.is_finite()
        && [track.radius_m, xx, yy].iter().all(|n| n.is_finite() && *n >= 0.0)
        && (track.state != TrackState::Reachable || track.reachable_m.is_finite())
        && track.prediction.iter().all(|p| p.is_finite())
        && track.prediction_sigma_m.iter().all(|s| s.is_finite() && *s >= 0.0)
}

/// Everything that is known, with its age at `now`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    pub scan: ScanPoints,
    pub odometry: OdometryHistory,
    pub world: World,
    /// The raw detections.
    pub detections: Innovations,
    /// The way when the scan was last seen to change.
    seen_at: Way,
}

impl Knowledge {
    /// Takes a scan.
    pub fn take_scan(&mut self, scan: &Scan, received: Instant, robot: &Robot, config: &ScanQuality) {
        self.scan.take(scan, received, robot, config);
        if self.scan.change_m >= config.change_min_m {
            self.seen_at = self.odometry.way;
        }
    }

    /// How far a corner of the outline has moved since the scan last changed: on this way nothing was seen.
    pub fn unseen_way_m(&self, footprint: &Footprint) -> f64 {
        self.odometry.way.of_corners_since_m(&self.seen_at, footprint)
    }

    /// Measured velocity; noise about standstill is standstill.
    pub fn twist(&self, config: &Config) -> Twist2 {
        let Twist2 { v_mps, w_radps } = self.odometry.twist;
        let m = &config.margins;
        Twist2 {
            v_mps: if v_mps.abs() < m.standstill_mps { 0.0 } else { v_mps },
            w_radps: if w_radps.abs() < m.standstill_radps { 0.0 } else { w_radps },
        }
    }

    /// Takes detections: not to find objects, but to try what is stated about them.
    pub fn take_detections(&mut self, set: &DetectionSet, received: Instant, robot: &Robot, config: &Config) {
        let Self { detections, world, odometry, .. } = self;
        detections.take(set, received, &world.recent, odometry, robot, &config.uncertainty.nis);
    }

    /// Scan points as seen from the base at `at`. `None` when odometry does not reach from the scan to there.
    pub fn points_at(&self, at: Stamp) -> Option<Seen<'_>> {
        let base_from_then = self.odometry.base_now_from_base_then(self.scan.source.stamp()?, at)?;
        Some(Seen::new(&self.scan.points, base_from_then))
    }

    /// `base_from_world` at `at`: the frame of the world model's pose and tracks.
    pub fn base_from_world(&self, at: Stamp) -> Option<Pose2> {
        let base_from_then = self.odometry.base_now_from_base_then(self.world.source.stamp()?, at)?;
        Some(base_from_then.then(self.world.pose.inverse()))
    }

    /// Age of the world model's stamp at `now`.
    pub fn world_age_s(&self, now: Now) -> f64 {
        self.world.source.stamp().map_or(f64::NAN, |stamp| now.ros.since(stamp).as_s())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drive(twist: Twist2, count: i64) -> OdometryHistory {
        let mut history = OdometryHistory::default();
        for i in 0..count {
            let odom_from_base = Pose2::new(1.0, 2.0, 0.3).advance(twist, i as f64 * 0.02);
            let stamp = Stamp::from_nanos(i * 20_000_000);
            let odometry = Odometry { stamp, odom_from_base, twist, ..Odometry::default() };
            history.take(&odometry, Instant::from_nanos(i));
        }
        history
    }

    proptest! {
        #[test]
        fn poses_between_beyond_and_before_lie_on_the_arc(
            v in -0.3..1.0f64, w in -1.2..1.2f64, from in -0.05..1.0f64, to in 0.0..1.1f64
        ) {
            let twist = Twist2::new(v, w);
            let history = drive(twist, 50);
            let at = |s: f64| Stamp::from_nanos((s * 1e9) as i64);
            let got = history.base_now_from_base_then(at(from), at(to)).unwrap();
            let expected = Pose2::IDENTITY.advance(twist, from - to);
            prop_assert!(got.position().distance_m(expected.position()) < 1e-4);
            prop_assert!((got.yaw_rad - expected.yaw_rad).abs() < 1e-6);
        }
    }

    #[test]
    fn a_scan_that_is_turned_is_seen_turned() {
        let robot = Robot::new(outrider_foundation::robot::example::amr()).unwrap();
        let quality = crate::tests::config().scan;
        let mut scan = Scan {
            frame: "laser".into(),
            angle_increment_rad: 0.1,
            range_max_m: 20.0,
            ranges_m: vec![2.0; 3],
            ..Scan::default()
        };
        let mut known = ScanPoints::default();
        let mut take = |scan: &mut Scan| {
            scan.stamp = scan.stamp + Span::from_millis(1);
            known.take(scan, Instant::from_nanos(1), &robot, &quality);
            let now = Now { ros: scan.stamp, mono: Instant::from_nanos(1) };
            let usable = !known.source.age_s(now, Span::ZERO).is_nan();
            usable.then(|| known.points.points().to_vec())
        };
        let seen = |angle: f64| {
            let (s, c) = libm::sincos(angle);
            robot.base_from_lidar.apply(Point2::new(2.0 * c, 2.0 * s))
        };
        let near = |points: Option<Vec<Point2>>, angles: &[f64]| {
            let points = points.unwrap();
            assert_eq!(points.len(), angles.len());
            assert!(points.iter().zip(angles).all(|(p, a)| p.distance_m(seen(*a)) < 1e-12), "{points:?}");
        };
        near(take(&mut scan), &[0.0, 0.1, 0.2]);
        scan.angle_min_rad = 1.0;
        near(take(&mut scan), &[1.0, 1.1, 1.2]);
        scan.angle_increment_rad = -0.2;
        near(take(&mut scan), &[1.0, 0.8, 0.6]);
        scan.ranges_m.push(2.0);
        near(take(&mut scan), &[1.0, 0.8, 0.6, 0.4]);
        scan.angle_increment_rad = 1e308;
        assert!(take(&mut scan).is_none(), "beams that point nowhere");
    }

    #[test]
    fn the_history_is_bounded_and_says_when_it_does_not_reach() {
        let history = drive(Twist2::new(0.5, 0.0), 200);
        assert_eq!(history.poses.len(), HISTORY_LIMIT);
        let at = Stamp::from_nanos;
        assert!(history.odom_from_base_at(at(1_000_000_000)).is_none());
        assert!(history.odom_from_base_at(at(4_400_000_000)).is_none());
        assert!(OdometryHistory::default().odom_from_base_at(at(0)).is_none());
    }
}
