//! From a scan to straight beams in the grid's frame, each with what it proves.

use multiversion::multiversion;
use outrider_foundation::data::{BEAM_LIMIT, Scan, TRACK_LIMIT};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Footprint, Point2, Pose2, Twist2};

/// A sweep that takes longer than this is no scan of this robot's lidar.
const SWEEP_MAX_S: f64 = 1.0;

/// One beam: free from `origin` to `end`, and an obstacle at `end` when it marks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beam {
    /// Where the lidar was.
    pub origin: Point2,
    /// Where it was free to.
    pub end: Point2,
    /// Whether something stands at `end` that is no tracked object.
    pub marks: bool,
    /// Whether something stands at `end` at all.
    pub hits: bool,
}

/// A disc whose hits belong to a tracked object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disc {
    /// In the grid's frame.
    pub centre: Point2,
    /// With margin, in m.
    pub radius_m: f64,
}

/// How far beams mark and clear.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Hits farther away do not mark, in m.
    pub mark_max_m: f64,
    /// Beams clear no farther, in m.
    pub clear_max_m: f64,
}

/// The pose of the base at the first and the last beam, in the grid's frame.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// At the scan's stamp.
    pub first: Pose2,
    /// At the last beam; equal to `first` when the beams carry no times.
    pub last: Pose2,
}

/// What is the robot's own body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Its outline in the base frame.
    pub footprint: &'a Footprint,
    /// Hits this close to it are its own, in m.
    pub margin_m: f64,
    /// Where the lidar sits.
    pub base_from_lidar: Pose2,
}

impl Body<'_> {
    /// Beyond this range from the lidar a hit cannot be its own.
    fn reach_m(&self) -> f64 {
        let lidar_m = self.base_from_lidar.position().distance_m(Point2::default());
        lidar_m + self.footprint.circumscribed_m() + self.margin_m
    }
}

/// Refuses a scan that means nothing.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(scan: &Scan, lidar_frame: &str) -> Result<(), String> {
    let count = scan.ranges_m.len();
    if scan.frame != lidar_frame {
        return Err(format!("frame '{}', expected '{lidar_frame}'", scan.frame));
    }
    if count == 0 || count > BEAM_LIMIT {
        return Err(format!("{count} beams, expected 1 to {BEAM_LIMIT}"));
    }
    let angles = scan.angle_min_rad.is_finite() && scan.angle_increment_rad.is_finite();
    if !angles || scan.angle_increment_rad.abs() < 1e-9 || scan.angle_increment_rad.abs() * count as f64 > 7.0
    {
        return Err(format!("angles from {} by {} rad", scan.angle_min_rad, scan.angle_increment_rad));
    }
    let ranges = scan.range_min_m >= 0.0 && scan.range_max_m.is_finite();
    if !ranges || scan.range_max_m <= scan.range_min_m {
        return Err(format!("range limits {} to {} m", scan.range_min_m, scan.range_max_m));
    }
    let sweep_s = sweep_s(scan);
    if !(0.0..=SWEEP_MAX_S).contains(&sweep_s) {
        return Err(format!("sweep of {sweep_s} s, expected 0 to {SWEEP_MAX_S}"));
    }
    Ok(())
}

/// Time from the first beam to the last.
pub fn sweep_s(scan: &Scan) -> f64 {
    scan.time_increment_s * scan.ranges_m.len().saturating_sub(1) as f64
}

/// How far a beam reaches and whether it hit: `None` when it tells nothing.
///
/// After REP-117: NaN is no measurement, −∞ and below the least range too close to tell, +∞ and beyond the greatest
/// range nothing hit.
fn measure(range_m: f32, scan: &Scan, reach: Reach) -> Option<(f64, bool)> {
    let range_m = f64::from(range_m);
    if range_m.is_nan() || range_m < scan.range_min_m {
        return None;
    }
    if range_m > scan.range_max_m {
        return Some((scan.range_max_m.min(reach.clear_max_m), false));
    }
    // A hit that does not mark clears only what hits can mark: farther on, its noise would eat what it has hit.
    if range_m > reach.mark_max_m {
        return Some((reach.mark_max_m.min(reach.clear_max_m), false));
    }
    Some((range_m, true))
}

/// Writes the beams that tell something into `out` (cleared before; at most [`BEAM_LIMIT`]). The scan must have passed
/// [`check`]. Hits on the robot's own body are left out; hits in a disc of `tracked` clear up to the hit and do not mark.
pub fn beams(scan: &Scan, sweep: Sweep, body: Body<'_>, reach: Reach, tracked: &[Disc], out: &mut Vec<Beam>) {
    out.clear();
    let count = scan.ranges_m.len();
    let per_beam = 1.0 / count.saturating_sub(1).max(1) as f64;
    let (base, lidar) = Turns::of(scan, &sweep, body.base_from_lidar, per_beam);
    let body_m = body.reach_m();
    let mount = body.base_from_lidar.position();
    for (((i, range_m), (bs, bc)), (s, c)) in
        scan.ranges_m.iter().take(BEAM_LIMIT).enumerate().zip(base).zip(lidar)
    {
        let Some((length_m, hit)) = measure(*range_m, scan, reach) else {
            continue;
        };
        let in_base = if length_m <= body_m {
            Some(end_in_base(scan, i, length_m, body.base_from_lidar))
        } else {
            None
        };
        if hit && in_base.is_some_and(|p| body.footprint.reaches(p, body.margin_m)) {
            continue;
        }
        let fraction = i as f64 * per_beam;
        let base_x_m = sweep.first.x_m + fraction * (sweep.last.x_m - sweep.first.x_m);
        let base_y_m = sweep.first.y_m + fraction * (sweep.last.y_m - sweep.first.y_m);
        let origin = Point2::new(
            base_x_m + bc * mount.x_m - bs * mount.y_m,
            base_y_m + bs * mount.x_m + bc * mount.y_m,
        );
        let end = Point2::new(origin.x_m + length_m * c, origin.y_m + length_m * s);
        out.push(Beam { origin, end, marks: hit, hits: hit });
    }
    for tracked in tracked.chunks(LANES * BLOCKS) {
        let mut discs = [Discs::NONE; BLOCKS];
        for (discs, tracked) in discs.iter_mut().zip(tracked.chunks(LANES)) {
            *discs = Discs::of(tracked);
        }
        unmark(out, discs.get(..tracked.len().div_ceil(LANES)).unwrap_or_default());
    }
}

/// Discs that are asked at once,
const LANES: usize = 4;
/// and how many times so many.
const BLOCKS: usize = TRACK_LIMIT / LANES;

/// Several discs; nothing lies in what is none.
#[derive(Clone, Copy, Debug)]
struct Discs {
    x_m: [f64; LANES],
    y_m: [f64; LANES],
    radius_sq: [f64; LANES],
}

impl Discs {
    const NONE: Self = Self { x_m: [0.0; LANES], y_m: [0.0; LANES], radius_sq: [-1.0; LANES] };

    /// Of no more than there are lanes.
    fn of(tracked: &[Disc]) -> Self {
        let mut discs = Self::NONE;
        let Self { x_m, y_m, radius_sq } = &mut discs;
        for (((disc, x_m), y_m), radius_sq) in tracked.iter().zip(x_m).zip(y_m).zip(radius_sq) {
            (*x_m, *y_m) = (disc.centre.x_m, disc.centre.y_m);
            *radius_sq = disc.radius_m * disc.radius_m;
        }
        discs
    }
}

/// Hits in a disc do not mark. All discs are asked for every hit, which is vector code: to find out which ones need not be takes
/// longer.
#[multiversion(targets("x86_64+avx2"))]
fn unmark(beams: &mut [Beam], discs: &[Discs]) {
    for beam in beams {
        let mut within = [0_u64; LANES];
        for discs in discs {
            let lanes = discs.x_m.iter().zip(&discs.y_m).zip(&discs.radius_sq);
            for (within, ((x_m, y_m), radius_sq)) in within.iter_mut().zip(lanes) {
                let (dx, dy) = (beam.end.x_m - x_m, beam.end.y_m - y_m);
                *within |= u64::from(dx * dx + dy * dy <= *radius_sq);
            }
        }
        beam.marks &= within == [0; LANES];
    }
}

/// Sine and cosine of angles in equal steps, by turning on from the last one; computed anew every so often, so that the error
/// stays below 1e-14.
struct Turns {
    first_rad: f64,
    step_rad: f64,
    step: (f64, f64),
    now: (f64, f64),
    index: usize,
}

/// Computed anew after so many.
const TURNS_ANEW: usize = 64;

impl Turns {
    fn new(first_rad: f64, step_rad: f64) -> Self {
        Self { first_rad, step_rad, step: libm::sincos(step_rad), now: (0.0, 1.0), index: 0 }
    }

    /// Of the base and of the beams, in the grid's frame.
    fn of(scan: &Scan, sweep: &Sweep, base_from_lidar: Pose2, per_beam: f64) -> (Self, Self) {
        let turn_rad = wrap_angle(sweep.last.yaw_rad - sweep.first.yaw_rad) * per_beam;
        let beam_rad = sweep.first.yaw_rad + base_from_lidar.yaw_rad + scan.angle_min_rad;
        (Self::new(sweep.first.yaw_rad, turn_rad), Self::new(beam_rad, turn_rad + scan.angle_increment_rad))
    }
}

impl Iterator for Turns {
    type Item = (f64, f64);

    fn next(&mut self) -> Option<(f64, f64)> {
        if self.index.is_multiple_of(TURNS_ANEW) {
            self.now = libm::sincos(self.first_rad + self.index as f64 * self.step_rad);
        } else {
            let ((s, c), (ds, dc)) = (self.now, self.step);
            self.now = (s * dc + c * ds, c * dc - s * ds);
        }
        self.index += 1;
        Some(self.now)
    }
}

/// Which hits of a scan are matched with a map.
#[derive(Clone, Copy, Debug)]
pub struct HitChoice {
    /// Farther ones are left out, in m.
    pub range_max_m: f64,
    /// And so are those nearer to the one before, in m.
    pub spacing_m: f64,
    /// Of more than so many, every n-th is taken.
    pub limit: usize,
}

/// Writes where the beams have hit into `out` (cleared before): in the base frame as it was at the first beam, the motion
/// during the sweep taken out. The scan must have passed [`check`]. Hits on the body are left out, when there is one.
pub fn hits(
    scan: &Scan,
    twist: Twist2,
    base_from_lidar: Pose2,
    body: Option<Body<'_>>,
    choice: HitChoice,
    out: &mut Vec<Point2>,
) {
    out.clear();
    let reach = Reach { mark_max_m: choice.range_max_m, clear_max_m: choice.range_max_m };
    let mut last: Option<Point2> = None;
    let turns = Turns::new(base_from_lidar.yaw_rad + scan.angle_min_rad, scan.angle_increment_rad);
    let mount = base_from_lidar.position();
    let own_m = body.map_or(0.0, |body| body.reach_m());
    let too_near = |p: Point2, q: Point2| {
        let (dx, dy) = (p.x_m - q.x_m, p.y_m - q.y_m);
        dx * dx + dy * dy < choice.spacing_m * choice.spacing_m
    };
    for ((i, range_m), (s, c)) in scan.ranges_m.iter().take(BEAM_LIMIT).enumerate().zip(turns) {
        let Some((length_m, true)) = measure(*range_m, scan, reach) else { continue };
        let in_base = Point2::new(mount.x_m + length_m * c, mount.y_m + length_m * s);
        let own = |body: Body<'_>| length_m <= own_m && body.footprint.reaches(in_base, body.margin_m);
        if body.is_some_and(own) || last.is_some_and(|p| too_near(p, in_base)) {
            continue;
        }
        last = Some(in_base);
        let since_s = i as f64 * scan.time_increment_s;
        let moved =
            if since_s > 0.0 { Pose2::IDENTITY.advance(twist, since_s).apply(in_base) } else { in_base };
        out.push(moved);
    }
    let every = out.len().div_ceil(choice.limit.max(1)).max(1);
    if every == 1 {
        return;
    }
    let mut index = 0usize;
    out.retain(|_| {
        index += 1;
        (index - 1).is_multiple_of(every)
    });
}

fn end_in_base(scan: &Scan, index: usize, length_m: f64, base_from_lidar: Pose2) -> Point2 {
    let (s, c) = libm::sincos(scan.angle_rad(index));
    base_from_lidar.apply(Point2::new(length_m * c, length_m * s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(ranges_m: &[f32]) -> Scan {
        Scan {
            frame: "laser".into(),
            angle_increment_rad: 0.01,
            range_min_m: 0.1,
            range_max_m: 10.0,
            ranges_m: ranges_m.to_vec(),
            ..Scan::default()
        }
    }

    fn run(scan: &Scan, sweep: Sweep, tracked: &[Disc]) -> Vec<Beam> {
        let footprint = Footprint::rectangle(0.35, 0.35, 0.5).unwrap();
        let body = Body { footprint: &footprint, margin_m: 0.02, base_from_lidar: Pose2::new(0.1, 0.0, 0.0) };
        let mut out = Vec::new();
        beams(scan, sweep, body, Reach { mark_max_m: 6.0, clear_max_m: 8.0 }, tracked, &mut out);
        out
    }

    fn standing(pose: Pose2) -> Sweep {
        Sweep { first: pose, last: pose }
    }

    #[test]
    fn every_kind_of_range() {
        let length = |range: f32| {
            let out = run(&scan(&[range]), standing(Pose2::IDENTITY), &[]);
            out.first().map(|b| (b.origin.distance_m(b.end), b.marks))
        };
        for nothing in [f32::NAN, f32::NEG_INFINITY, -1.0, 0.0, 0.05] {
            assert_eq!(length(nothing), None, "{nothing}");
        }
        // 0.2 m ahead of the lidar is 0.3 m ahead of the base: the robot itself, and so is what touches its outline.
        assert_eq!(length(0.2), None);
        assert_eq!(length(0.265), None);
        assert_eq!(length(0.5), Some((0.5, true)));
        assert_eq!(length(6.0), Some((6.0, true)));
        // Something is there: no farther than hits mark. Where nothing is, as far as beams clear.
        assert_eq!(length(7.0), Some((6.0, false)));
        assert_eq!(length(9.0), Some((6.0, false)));
        assert_eq!(length(11.0), Some((8.0, false)));
        assert_eq!(length(f32::INFINITY), Some((8.0, false)));
    }

    #[test]
    fn beams_start_at_the_lidar_and_turn_with_the_robot() {
        let out = run(&scan(&[2.0]), standing(Pose2::new(1.0, 2.0, std::f64::consts::FRAC_PI_2)), &[]);
        assert!(out[0].origin.distance_m(Point2::new(1.0, 2.1)) < 1e-12);
        assert!(out[0].end.distance_m(Point2::new(1.0, 4.1)) < 1e-12);
    }

    #[test]
    fn motion_during_the_sweep_is_taken_out() {
        let mut s = scan(&[2.0, 2.0, 2.0]);
        s.time_increment_s = 0.05;
        let moved = Pose2::IDENTITY.advance(Twist2::new(1.0, 0.0), sweep_s(&s));
        let out = run(&s, Sweep { first: Pose2::IDENTITY, last: moved }, &[]);
        let x: Vec<f64> = out.iter().map(|b| b.origin.x_m).collect();
        assert!((x[1] - 0.15).abs() < 1e-12 && (x[2] - 0.2).abs() < 1e-12, "{x:?}");
    }

    #[test]
    fn turning_on_is_as_good_as_computing_anew() {
        for (first_rad, step_rad) in [(-3.1, 0.0087), (1.0, -0.3), (0.0, 0.0)] {
            for (i, (s, c)) in Turns::new(first_rad, step_rad).take(2000).enumerate() {
                let (es, ec) = libm::sincos(first_rad + i as f64 * step_rad);
                assert!((s - es).abs() < 1e-12 && (c - ec).abs() < 1e-12, "{i}");
            }
        }
    }

    #[test]
    fn hits_on_a_tracked_object_clear_and_do_not_mark() {
        let disc = Disc { centre: Point2::new(2.2, 0.0), radius_m: 0.3 };
        let out = run(&scan(&[1.9, 1.7]), standing(Pose2::IDENTITY), &[disc]);
        assert_eq!(out.iter().map(|b| b.marks).collect::<Vec<_>>(), [false, true]);
        assert!((out[0].end.x_m - 2.0).abs() < 1e-6);
    }

    #[test]
    fn every_disc_counts_however_many_there_are() {
        let nowhere = Disc { centre: Point2::new(-9.0, 3.0), radius_m: 0.3 };
        let here = Disc { centre: Point2::new(2.2, 0.0), radius_m: 0.3 };
        for place in [0, 3, 4, 5, 63, 64, 130] {
            for after in [0, 1, 70] {
                let mut discs = vec![nowhere; place];
                discs.push(here);
                discs.resize(place + 1 + after, nowhere);
                let out = run(&scan(&[1.9, 1.7, 9.0]), standing(Pose2::IDENTITY), &discs);
                let told: Vec<_> = out.iter().map(|b| (b.marks, b.hits)).collect();
                assert_eq!(told, [(false, true), (true, true), (false, false)], "{place} {after}");
            }
        }
    }

    #[test]
    fn hits_for_matching_are_spaced_thinned_and_free_of_motion() {
        let choose = |s: &Scan, spacing_m, limit| {
            let mut out = vec![Point2::new(9.0, 9.0)];
            let choice = HitChoice { range_max_m: 5.0, spacing_m, limit };
            hits(s, Twist2::new(1.0, 0.0), Pose2::new(0.1, 0.0, 0.0), None, choice, &mut out);
            out
        };
        let mut s = scan(&[2.0, f32::NAN, 2.0, 5.5, f32::INFINITY, 2.0, -1.0]);
        let all = choose(&s, 0.0, 10);
        assert_eq!(all.len(), 3);
        assert!((all[0].x_m - 2.1).abs() < 1e-6);
        // Two centimetres from beam to beam: 4 and 6.
        assert_eq!(choose(&s, 0.05, 10).len(), 2);
        assert_eq!(choose(&s, 0.0, 2).len(), 2);
        s.time_increment_s = 0.1;
        let moved = choose(&s, 0.0, 10);
        assert!((moved[1].x_m - all[1].x_m - 0.2).abs() < 1e-9, "the robot had driven 0.2 m by then");
    }

    #[test]
    fn senseless_scans_are_refused() {
        let refuse = |change: fn(&mut Scan)| {
            let mut s = scan(&[1.0; 4]);
            change(&mut s);
            check(&s, "laser").unwrap_err()
        };
        check(&scan(&[1.0; 4]), "laser").unwrap();
        assert_eq!(refuse(|s| s.ranges_m.clear()), "0 beams, expected 1 to 8192");
        assert_eq!(refuse(|s| s.frame = "camera".into()), "frame 'camera', expected 'laser'");
        assert!(refuse(|s| s.ranges_m = vec![1.0; BEAM_LIMIT + 1]).contains("8193 beams"));
        assert!(refuse(|s| s.angle_increment_rad = 0.0).contains("angles"));
        assert!(refuse(|s| s.angle_increment_rad = 3.0).contains("angles"));
        assert!(refuse(|s| s.angle_min_rad = f64::NAN).contains("angles"));
        assert!(refuse(|s| s.range_max_m = 0.05).contains("range limits"));
        assert!(refuse(|s| s.range_max_m = f64::INFINITY).contains("range limits"));
        assert!(refuse(|s| s.time_increment_s = -0.01).contains("sweep"));
        assert!(refuse(|s| s.time_increment_s = f64::NAN).contains("sweep"));
    }
}
