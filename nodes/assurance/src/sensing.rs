//! What is known: raw scan and odometry first, then what the world model says.

use crate::bodies;
use crate::cloud::{Cloud, Seen};
use crate::config::{Config, ScanQuality};
use crate::doubt::{Bound, Conformity, Innovations, Paces, Recent};
use crate::odometry::{OdometryHistory, Way};
use crate::source::{Arrival, Source};
use outrider_foundation::data::{
    BEAM_LIMIT, DetectionSet, Scan, SourceStatus, TRACK_LIMIT, Track, TrackState, WorldModel,
};
use outrider_foundation::grid::FrameId;
use outrider_foundation::{Footprint, Now, Point2, Pose2, Robot, Stamp, Twist2};
use std::f64::consts::TAU;

/// Returns farther away are of no interest, m: the configuration refuses speeds that need more to stop.
pub(crate) const POINT_RANGE_M: f64 = 20.0;
/// So many of the beams that met something have changed in a scan that was measured: some flicker in one that is repeated.
const CHANGED_SHARE: f64 = 0.05;
/// Places on a beam that are tried where what it met is nearer than the lidar can tell.
const NEAR_STEPS: u32 = 32;

/// The newest scan as points.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScanPoints {
    pub source: Source,
    /// In the base frame at the stamp of the scan.
    pub points: Cloud,
    /// Angle that neighbouring beams without an answer span at most; where the scan closes the circle, across its ends too.
    pub gap_rad: f64,
    /// Angle that the scan spans.
    pub field_of_view_rad: f64,
    /// What is farther away is not seen.
    pub sight_m: f64,
    /// Returns deep inside the outline, in the newest scan.
    pub contact_beams: u32,
    /// Scans in a row with enough of them.
    pub contact_scans: u32,
    /// Mean change of the ranges from the scan before; zero at the first.
    pub change_m: f64,
    /// Enough of them have changed for it to be another measurement.
    pub changed: bool,
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
    pub fn take(&mut self, scan: &Scan, arrival: Arrival, robot: &Robot, quality: &ScanQuality) {
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
        if !self.source.accept(scan.stamp, arrival) {
            return;
        }
        self.compare(scan, quality.change_min_m);
        self.measure(scan, &robot.base_from_lidar, &robot.footprint, quality);
        let touched = self.contact_beams >= quality.contact_beams;
        self.contact_scans = if touched { self.contact_scans.saturating_add(1) } else { 0 };
    }

    /// Beams that have an answer in both scans are compared, but for those that met nothing in either, for which some drivers say the
    /// greatest range. Without any there is no change to be seen: a lidar that answers nothing is as good as frozen.
    fn compare(&mut self, scan: &Scan, change_min_m: f64) {
        let met = |range: f32| f64::from(range) < scan.range_max_m;
        let pairs = self.ranges_m.iter().zip(&scan.ranges_m).filter(|(a, b)| met(**a) || met(**b));
        let (count, changed, sum) = pairs
            .map(|(before, now)| f64::from((now - before).abs()))
            .filter(|change| change.is_finite())
            .fold((0_u32, 0_u32, 0.0), |(count, changed, sum), change| {
                (
                    count.saturating_add(1),
                    changed.saturating_add(u32::from(change >= change_min_m)),
                    sum + change,
                )
            });
        self.change_m = if count > 0 { sum / f64::from(count) } else { 0.0 };
        self.changed = count > 0 && f64::from(changed) >= CHANGED_SHARE * f64::from(count);
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
        let lidar = base_from_lidar.position();
        let beams = scan.ranges_m.iter().zip(&self.beams.directions);
        let points = beams.filter_map(|(range, (s, c))| {
            let range_m = f64::from(*range);
            gap = if range_m.is_nan() { gap + 1 } else { 0 };
            longest = longest.max(gap);
            if range_m.is_nan() || range_m >= scan.range_max_m {
                return None;
            }
            if range_m > POINT_RANGE_M {
                return None;
            }
            let on_beam = |range_m: f64| Point2::new(lidar.x_m + range_m * c, lidar.y_m + range_m * s);
            let point = if range_m < scan.range_min_m {
                nearer_than_can_be_told(footprint, scan.range_min_m, on_beam)
            } else {
                on_beam(range_m)
            };
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
        self.sight_m = scan.range_max_m.min(POINT_RANGE_M);
        let unseen_rad = TAU - self.field_of_view_rad;
        let first = scan.ranges_m.iter().take_while(|range| range.is_nan()).count();
        // All round: the last beam and the first are neighbours, with what lies between them.
        let across_rad = if unseen_rad <= quality.gap_max_rad {
            step_rad * (first + gap) as f64 + unseen_rad.max(0.0)
        } else {
            0.0
        };
        self.gap_rad = across_rad.max(step_rad * longest as f64);
    }

    pub fn touched(&self, quality: &ScanQuality) -> bool {
        self.contact_scans >= quality.contact_scans
    }
}

/// Where something is that is too close to tell: at the least range or nearer. The least range is inside most outlines, and then it
/// counts as contact; a lidar that reports its own robot, or zero for "nothing", has to be filtered by its driver. So a robot
/// never looks through what covers its lidar. Where the least range is outside, it is taken to be where it is nearest to the outline.
fn nearer_than_can_be_told(
    footprint: &Footprint,
    range_min_m: f64,
    on_beam: impl Fn(f64) -> Point2,
) -> Point2 {
    let outside_m = |p: Point2| footprint.signed_distance_m(p).max(0.0);
    let mut nearest = on_beam(range_min_m);
    let mut least_m = outside_m(nearest);
    for step in (0..NEAR_STEPS).rev() {
        if least_m <= 0.0 {
            break;
        }
        let place = on_beam(range_min_m * f64::from(step) / f64::from(NEAR_STEPS));
        let distance_m = outside_m(place);
        if distance_m < least_m {
            (nearest, least_m) = (place, distance_m);
        }
    }
    nearest
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
    /// Age of the newest detections when it was told; NaN when there are none or they are not fresh.
    detections_age_s: f64,
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
    pub fn take(&mut self, model: &WorldModel, arrival: Arrival, config: &Config) {
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
        if !self.source.accept(model.stamp, arrival) {
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
    pub fn take_scan(&mut self, scan: &Scan, arrival: Arrival, robot: &Robot, config: &ScanQuality) {
        self.scan.take(scan, arrival, robot, config);
        if self.scan.changed {
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
    pub fn take_detections(&mut self, set: &DetectionSet, arrival: Arrival, robot: &Robot, config: &Config) {
        let Self { detections, world, odometry, .. } = self;
        detections.take(set, arrival, &world.recent, odometry, robot, &config.uncertainty.nis);
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

    /// Age of the newest detections at `now`, s: what the world model told, and how long ago that was.
    pub fn detections_age_s(&self, now: Now) -> f64 {
        let told = self.world.source.received();
        self.world.detections_age_s + told.map_or(0.0, |at| now.mono.since(at).as_s())
    }

    /// Age of the world model's stamp at `now`.
    pub fn world_age_s(&self, now: Now) -> f64 {
        self.world.source.stamp().map_or(f64::NAN, |stamp| now.ros.since(stamp).as_s())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::{Instant, Span};

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
            let arrival = Arrival { received: Instant::from_nanos(1), latest: scan.stamp };
            known.take(scan, arrival, &robot, &quality);
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
    fn a_scan_has_changed_when_some_of_what_it_meets_has() {
        let mut known = ScanPoints::default();
        // Of 100 beams 4 meet something; for the others this lidar says its greatest range.
        let mut changed = |near: [f32; 4]| {
            let mut scan = Scan { range_max_m: 20.0, ranges_m: vec![20.0; 100], ..Scan::default() };
            scan.ranges_m[..4].copy_from_slice(&near);
            known.compare(&scan, 1e-4);
            known.changed
        };
        assert!(!changed([1.0; 4]), "the first");
        assert!(!changed([1.0; 4]));
        assert!(changed([1.001, 1.0, 1.0, 1.0]));
        assert!(changed([1.001, 20.0, 1.0, 1.0]), "what is gone is a change");
        assert!(!changed([1.001, 20.0, 1.00001, 1.0]));
    }
}
