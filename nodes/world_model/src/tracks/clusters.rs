//! What hangs together in a scan: runs of hits that no breakpoint divides.
//!
//! Adaptive breakpoints after Borges and Aldon, "Line extraction in 2D range images for mobile robotics", 2004: two
//! neighbouring hits belong together unless they lie farther apart than a line that meets the beam at no less than the angle
//! λ would have them. The beams have been brought to one frame, beam by beam, so motion during the sweep divides nothing.

use crate::beams::Beam;
use outrider_foundation::Point2;

/// The most clusters of one scan; hits beyond them are counted, and belong to none.
pub const CLUSTER_LIMIT: usize = 256;
/// Lines that meet a beam at a lesser angle than λ = 10° are divided: its sine and cosine.
const SIN_LAMBDA: f64 = 0.173_648_177_666_930_33;
const COS_LAMBDA: f64 = 0.984_807_753_012_208;
/// Three standard deviations of a range, in m.
const RANGE_NOISE_M: f64 = 0.06;
/// Beams farther apart than this are no neighbours: sine of 5°.
const SIN_APART: f64 = 0.087_155_742_747_658_18;

/// A run of hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// Mean of its hits.
    pub centre: Point2,
    /// Its first and its last hit, in the order of the beams.
    pub first: Point2,
    /// The last.
    pub last: Point2,
    /// How many hits.
    pub hits: u32,
    /// Which beams are its first and its last hit. Of one that lies across the seam the last comes before the first.
    pub from: usize,
    /// The last.
    pub to: usize,
}

impl Cluster {
    /// From its first to its last hit, in m.
    pub fn width_m(&self) -> f64 {
        self.first.distance_m(self.last)
    }
}

/// The clusters of the newest scan.
#[derive(Clone, Debug)]
pub struct Clusters {
    list: Vec<Cluster>,
    /// The cluster in hand is one beyond the limit.
    full: bool,
    beyond: u64,
}

impl Default for Clusters {
    fn default() -> Self {
        Self { list: Vec::with_capacity(CLUSTER_LIMIT), full: false, beyond: 0 }
    }
}

impl Clusters {
    /// In the order of the beams.
    pub fn list(&self) -> &[Cluster] {
        &self.list
    }

    /// Hits that belong to none because there were too many, in all scans so far.
    pub fn hits_beyond_limit(&self) -> u64 {
        self.beyond
    }

    /// Finds the clusters of a scan. A scan of one whole turn has its seam: what lies across it is joined.
    pub fn find(&mut self, beams: &[Beam]) {
        self.list.clear();
        self.full = false;
        let mut before: Option<&Beam> = None;
        // Of the hits of the cluster in hand.
        let mut sum = Point2::default();
        for (index, beam) in beams.iter().enumerate() {
            if beam.hits {
                let joins = before.is_some_and(|b| b.hits && hang_together(b, beam));
                if joins {
                    sum = Point2::new(sum.x_m + beam.end.x_m, sum.y_m + beam.end.y_m);
                } else {
                    self.close(sum);
                    sum = beam.end;
                }
                self.take(index, beam.end, joins);
            }
            before = Some(beam);
        }
        self.close(sum);
        if let (Some(first), Some(last)) = (beams.first(), beams.last()) {
            let seam = first.hits && last.hits && self.list.len() > 1 && hang_together(last, first);
            if seam {
                self.join_ends();
            }
        }
    }

    /// The cluster in hand has no more hits; their sum gives its mean.
    fn close(&mut self, sum: Point2) {
        if let Some(cluster) = self.list.last_mut().filter(|cluster| !self.full && cluster.hits > 1) {
            let share = 1.0 / f64::from(cluster.hits);
            cluster.centre = Point2::new(sum.x_m * share, sum.y_m * share);
        }
    }

    fn take(&mut self, index: usize, end: Point2, joins: bool) {
        if !joins {
            self.full = self.list.len() >= CLUSTER_LIMIT;
            if !self.full {
                self.list.push(Cluster {
                    centre: end,
                    first: end,
                    last: end,
                    hits: 1,
                    from: index,
                    to: index,
                });
            }
        }
        if self.full {
            self.beyond = self.beyond.saturating_add(1);
        } else if joins && let Some(cluster) = self.list.last_mut() {
            cluster.hits += 1;
            (cluster.last, cluster.to) = (end, index);
        }
    }

    /// The last one runs on into the first.
    fn join_ends(&mut self) {
        let Some(last) = self.list.pop() else { return };
        let Some(first) = self.list.first_mut() else { return };
        let (a, b) = (f64::from(last.hits), f64::from(first.hits));
        let mean = |p: f64, q: f64| (a * p + b * q) / (a + b);
        first.centre =
            Point2::new(mean(last.centre.x_m, first.centre.x_m), mean(last.centre.y_m, first.centre.y_m));
        (first.first, first.from) = (last.first, last.from);
        first.hits += last.hits;
    }
}

/// Whether no breakpoint lies between two beams. Without a root for most pairs: lengths are compared by their squares, and what is no
/// farther apart than the noise is together whatever the angle.
fn hang_together(a: &Beam, b: &Beam) -> bool {
    let (ax, ay) = (a.end.x_m - a.origin.x_m, a.end.y_m - a.origin.y_m);
    let (bx, by) = (b.end.x_m - b.origin.x_m, b.end.y_m - b.origin.y_m);
    let (dx, dy) = (b.end.x_m - a.end.x_m, b.end.y_m - a.end.y_m);
    let (ra_sq, rb_sq) = (ax * ax + ay * ay, bx * bx + by * by);
    let (cross, dot) = (ax * by - ay * bx, ax * bx + ay * by);
    // Well within the limits of below, so that rounding plays no part.
    let neighbours = dot >= 0.0 && cross * cross < 0.99 * SIN_APART * SIN_APART * (ra_sq * rb_sq);
    if neighbours && dx * dx + dy * dy < 0.99 * RANGE_NOISE_M * RANGE_NOISE_M {
        return true;
    }
    let lengths = (ra_sq * rb_sq).sqrt();
    let sine = (cross / lengths).abs();
    let cosine = dot / lengths;
    if sine.is_nan() || sine > SIN_APART || cosine < 0.0 {
        return false;
    }
    // sin Δφ / sin(λ − Δφ), with λ − Δφ > 0 because Δφ ≤ 5°.
    let growth = sine / (SIN_LAMBDA * cosine - COS_LAMBDA * sine);
    let limit_m = ra_sq.min(rb_sq).sqrt() * growth + RANGE_NOISE_M;
    dx * dx + dy * dy <= limit_m * limit_m
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beams from the origin at whole degrees; `None` where nothing was hit.
    fn beams(range: impl Fn(u32) -> Option<f64>) -> Vec<Beam> {
        let beam = |degree: u32| {
            let (s, c) = libm::sincos(f64::from(degree).to_radians());
            let r = range(degree).unwrap_or(10.0);
            let hits = range(degree).is_some();
            Beam { origin: Point2::default(), end: Point2::new(r * c, r * s), marks: hits, hits }
        };
        (0..360).map(beam).collect()
    }

    fn find(range: impl Fn(u32) -> Option<f64>) -> Vec<Cluster> {
        let mut clusters = Clusters::default();
        clusters.find(&beams(range));
        clusters.list().to_vec()
    }

    #[test]
    fn a_step_in_depth_divides_and_a_gentle_wall_does_not() {
        let list = find(|d| (10..30).contains(&d).then_some(if d < 20 { 2.0 } else { 3.0 }));
        assert_eq!(list.iter().map(|c| c.hits).collect::<Vec<_>>(), [10, 10]);
        // A wall 2 m ahead, seen at up to 60° from its normal: neighbours are 14 cm apart at the end.
        let wall = |d: u32| ((0..60).contains(&d)).then(|| 2.0 / libm::cos(f64::from(d).to_radians()));
        let list = find(wall);
        assert_eq!((list.len(), list[0].hits), (1, 60));
        assert!((list[0].width_m() - 2.0 * libm::tan(59f64.to_radians())).abs() < 1e-9);
        // The limit is a length at an angle: far away a gap of 14 cm that divides near by does not.
        let gap = |near: f64| find(|d| (10..12).contains(&d).then(|| near + 0.14 * f64::from(d - 10))).len();
        assert_eq!((gap(0.5), gap(8.0)), (2, 1));
    }

    #[test]
    fn the_seam_joins_and_what_is_not_hit_divides() {
        let list = find(|d| (!(10..350).contains(&d)).then_some(2.0));
        assert_eq!((list.len(), list[0].hits), (1, 20));
        assert!((list[0].centre.y_m + 2.0 * libm::sin(0.5f64.to_radians())).abs() < 0.02);
        assert!(list[0].first.y_m < 0.0 && list[0].last.y_m > 0.0);
        assert_eq!(find(|d| (d != 180).then_some(2.0)).len(), 1, "all the way round, but for one");
        assert_eq!(find(|d| (d != 180 && d != 0).then_some(2.0)).len(), 2);
        assert!(find(|_| None).is_empty());
    }

    #[test]
    fn too_many_are_counted_and_bounded() {
        let mut clusters = Clusters::default();
        let all = beams(|d| Some(if d % 2 == 0 { 2.0 } else { 4.0 }));
        clusters.find(&all);
        assert_eq!((clusters.list().len(), clusters.hits_beyond_limit()), (CLUSTER_LIMIT, 104));
        let mut odd = all;
        odd.iter_mut().for_each(|b| b.end.x_m = f64::NAN);
        clusters.find(&odd);
        assert_eq!(clusters.list().len(), CLUSTER_LIMIT, "what is no number hangs together with nothing");
    }
}
