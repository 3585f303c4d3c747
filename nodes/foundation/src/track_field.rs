//! The track layer: what it costs to be somewhere at a time, from where people are and may go.
//!
//! Every `period_s` up to the horizon there is a slice, and in it a round window about every track: the probability that the
//! robot's disc meets the person's, by the distance from his expected place (see [`crate::contact`]). Windows say exactly
//! what they say wherever they lie, as no cells would, and there are none where nobody can be. Between two slices centre
//! and probability are interpolated; beyond the last one nothing is known.
//!
//! In Nav2's values: [`COST_LETHAL`] where the robot's centre and [`COST_INSCRIBED`] where its inscribed disc (almost)
//! surely meets somebody; below, 252 times the probability that its circumscribed disc with the margin does.

use crate::contact::{Profile, Shape};
use crate::data::{REACH_SIGMAS, TRACK_LIMIT, Track, TrackState};
use crate::geometry::Point2;
use crate::grid::{COST_FREE, COST_INSCRIBED, COST_LETHAL, COST_UNKNOWN};
use crate::robot::Robot;
use crate::validate::within;
use garde::Validate;
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// The most slices.
pub const SLICE_LIMIT: usize = 32;
/// In place of a distance within which contact is sure, where it is nowhere: just below zero, as slices are interpolated.
const NOWHERE_M: f64 = -0.01;
/// Rings about a window's centre in the picture of [`TrackField::worst`].
const RINGS: usize = 128;
/// The cost of each, and of what is beyond: of whatever number a byte can be.
type Rings = [u8; 1 << u8::BITS];
/// More than rounding can make of a ring's number: in doubt it is the inner one, which costs no less.
const ROUNDED: f32 = 1e-3;
/// Cells of it that are drawn at once,
const DRAWN: usize = 16;
/// and their numbers.
const IN_A_ROW: [f32; DRAWN] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
/// The place of nobody is known better than this, m.
const SIGMA_MIN_M: f64 = 0.005;

/// The slices and what counts as contact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct TrackFieldConfig {
    /// From one slice to the next, in s; the first is now.
    #[garde(custom(within(0.05, 2.0)))]
    pub period_s: f64,
    /// How many.
    #[garde(range(min = 2, max = SLICE_LIMIT))]
    pub slices: usize,
    /// Added to the robot's circumscribed disc where contact is not sure, in m.
    #[garde(custom(within(0.0, 1.0)))]
    pub margin_m: f64,
    /// From this probability on contact is sure.
    #[garde(custom(within(0.5, 0.9999)))]
    pub sure: f64,
}

impl TrackFieldConfig {
    /// How far ahead the last slice lies, in s.
    pub fn horizon_s(&self) -> f64 {
        self.period_s * self.slices.saturating_sub(1) as f64
    }
}

/// Windows whose distances are found at once.
const LANES: usize = 4;
const _: () = assert!(TRACK_LIMIT.is_multiple_of(LANES) && TRACK_LIMIT <= u64::BITS as usize);

/// Where so many windows of a slice lie, and how far they reach: nowhere, where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    x_m: [f64; LANES],
    y_m: [f64; LANES],
    reach_m: [f64; LANES],
}

impl Places {
    /// The squared distances of a point from what lies between these and those of the next slice, and which of them are
    /// within reach.
    #[inline(always)]
    fn distances_sq(&self, next: &Self, share: f64, point: Point2) -> ([f64; LANES], u64) {
        let mix = |a: f64, b: f64| a + share * (b - a);
        // Every index is below the arrays' length, which is what makes it vector code.
        let distances_sq = std::array::from_fn(|i| {
            let dx = point.x_m - mix(self.x_m[i], next.x_m[i]);
            let dy = point.y_m - mix(self.y_m[i], next.y_m[i]);
            dx * dx + dy * dy
        });
        let mut near = 0;
        for (i, distance_sq) in distances_sq.iter().enumerate() {
            let reach_m = self.reach_m[i].max(next.reach_m[i]);
            let beyond = *distance_sq >= reach_m * reach_m;
            near |= u64::from(!beyond) << i;
        }
        (distances_sq, near)
    }
}

/// What it says.
#[derive(Clone, Copy, Debug)]
struct Window {
    profile: Profile,
    existence: f64,
    /// Nearer than this the inscribed disc surely meets the person's; below zero: nowhere.
    inscribed_m: f64,
    /// The same for the robot's centre.
    lethal_m: f64,
}

impl Window {
    /// Its costs in [`RINGS`] rings as wide as each other up to `reach_m`, each that of the ring's inner edge, and what is beyond.
    fn rings(&self, reach_m: f64) -> Rings {
        let cost = |ring| self.cost(ring as f64 * reach_m / RINGS as f64);
        std::array::from_fn(|ring| if ring < RINGS { cost(ring) } else { COST_FREE })
    }

    fn cost(&self, distance_m: f64) -> u8 {
        if distance_m <= self.lethal_m {
            COST_LETHAL
        } else if distance_m <= self.inscribed_m {
            COST_INSCRIBED
        } else {
            graded(self.existence * self.profile.at(distance_m))
        }
    }
}

/// What holds between two slices at a distance: cost, where contact is sure, and probability of contact. Without branches,
/// which nothing foretells.
#[inline(always)]
fn between(from: &Window, to: &Window, share: f64, distance_m: f64) -> (u8, f64) {
    let mix = |a: f64, b: f64| a + share * (b - a);
    let probability = from.existence * mix(from.profile.at(distance_m), to.profile.at(distance_m));
    let lethal = if distance_m <= mix(from.lethal_m, to.lethal_m) { COST_LETHAL } else { COST_FREE };
    let inscribed =
        if distance_m <= mix(from.inscribed_m, to.inscribed_m) { COST_INSCRIBED } else { COST_FREE };
    (lethal.max(inscribed), probability)
}

fn graded(probability: f64) -> u8 {
    // To the nearest: the cast cuts off what is behind the point.
    (f64::from(COST_INSCRIBED - 1) * probability + 0.5) as u8
}

/// How it is to be at a place at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackCost {
    /// Nav2's value.
    pub cost: u8,
    /// Probability that the robot's circumscribed disc with the margin meets anybody; people are taken as independent.
    pub probability: f64,
}

/// Costs of tracks over place and time. All room is taken at the start: for [`TRACK_LIMIT`] tracks in every slice.
#[derive(Clone, Debug)]
pub struct TrackField {
    config: TrackFieldConfig,
    inscribed_m: f64,
    outer_m: f64,
    tracks: usize,
    /// Slices that every track's prediction reaches.
    slices: usize,
    /// By slice and, [`LANES`] at a time, by track.
    places: Vec<Places>,
    /// By slice and track.
    windows: Vec<Window>,
    overflow: u64,
}

impl TrackField {
    /// Nobody yet.
    pub fn new(config: TrackFieldConfig, robot: &Robot) -> Self {
        let slices = config.slices.clamp(2, SLICE_LIMIT);
        Self {
            config: TrackFieldConfig { slices, ..config },
            inscribed_m: robot.footprint.inscribed_m(),
            outer_m: robot.footprint.circumscribed_m() + config.margin_m,
            tracks: 0,
            slices,
            places: Vec::with_capacity(slices * TRACK_LIMIT / LANES),
            windows: Vec::with_capacity(slices * TRACK_LIMIT),
            overflow: 0,
        }
    }

    /// Takes over the tracks of one moment, in whatever frame they are. Of more than [`TRACK_LIMIT`] the last are left out
    /// and counted in [`Self::overflow`]; a world model never has more.
    pub fn set(&mut self, tracks: &[Track]) {
        let left_out = tracks.len().saturating_sub(TRACK_LIMIT);
        self.overflow = self.overflow.saturating_add(left_out as u64);
        let tracks = tracks.get(..TRACK_LIMIT).unwrap_or(tracks);
        self.tracks = tracks.len();
        self.places.clear();
        self.windows.clear();
        let reached = |track: &Track| {
            let until_s = track.prediction_step_s * track.prediction.len() as f64;
            1 + (until_s / self.config.period_s + 1e-9).floor() as usize
        };
        self.slices = tracks.iter().map(reached).fold(self.config.slices, usize::min);
        for slice in 0..self.slices {
            let t_s = slice as f64 * self.config.period_s;
            for together in tracks.chunks(LANES) {
                let mut places = Places::default();
                for (i, track) in together.iter().enumerate() {
                    let (centre, window) = self.window(track, t_s);
                    // A chunk has no more than there are lanes.
                    (places.x_m[i], places.y_m[i]) = (centre.x_m, centre.y_m);
                    places.reach_m[i] = window.profile.reach_m();
                    self.windows.push(window);
                }
                self.places.push(places);
            }
        }
    }

    fn window(&self, track: &Track, t_s: f64) -> (Point2, Window) {
        let (centre, sigma_m) = ahead(track, t_s);
        let reachable = track.state == TrackState::Reachable;
        let of = |robot_m: f64| {
            let radius_m = robot_m + track.radius_m.max(0.0);
            if reachable {
                Shape::anywhere(radius_m.max(SIGMA_MIN_M), (REACH_SIGMAS * sigma_m).max(SIGMA_MIN_M))
            } else {
                Shape::gaussian(radius_m, sigma_m.max(SIGMA_MIN_M))
            }
        };
        // What was left standing is in the grid.
        let is_left = track.state == TrackState::Standing;
        let existence = if is_left { 0.0 } else { track.existence.clamp(0.0, 1.0) };
        let least = self.config.sure / existence;
        let surely_m =
            |robot_m: f64| (least <= 1.0).then(|| of(robot_m).within_m(least)).flatten().unwrap_or(NOWHERE_M);
        let (inscribed_m, lethal_m) = (surely_m(self.inscribed_m), surely_m(0.0));
        let profile = of(self.outer_m).profile();
        (centre, Window { profile, existence, inscribed_m, lethal_m })
    }

    /// How far ahead something is known, in s.
    pub fn horizon_s(&self) -> f64 {
        self.config.period_s * self.slices.saturating_sub(1) as f64
    }

    /// Tracks that were left out, ever.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// How it is to be at a point in `t_s` seconds, in the frame of the tracks; `None` before now, beyond the horizon and for
    /// what is not finite.
    pub fn at(&self, point: Point2, t_s: f64) -> Option<TrackCost> {
        let place = t_s / self.config.period_s;
        if !(place >= 0.0 && place <= (self.slices.saturating_sub(1)) as f64 + 1e-9 && point.is_finite()) {
            return None;
        }
        let early = (place as usize).min(self.slices.saturating_sub(2));
        let late = (early + 1).min(self.slices.saturating_sub(1));
        let share = (place - early as f64).min(1.0);
        let (blocks, tracks) = (self.tracks.div_ceil(LANES), self.tracks);
        let places = |slice: usize| self.places.get(slice * blocks..(slice + 1) * blocks);
        let mut distances_sq = [[0.0; LANES]; TRACK_LIMIT / LANES];
        let mut near = 0;
        let together = places(early)?.iter().zip(places(late)?).zip(&mut distances_sq);
        for (i, ((from, to), distances_sq)) in together.enumerate() {
            let (found, which) = from.distances_sq(to, share, point);
            *distances_sq = found;
            near |= which << (i * LANES);
        }
        let windows = |slice: usize| self.windows.get(slice * tracks..(slice + 1) * tracks);
        let (from, to) = (windows(early)?, windows(late)?);
        let (mut cost, mut nobody) = (COST_FREE, 1.0);
        while near != 0 {
            let i = near.trailing_zeros() as usize;
            near &= near - 1;
            let (Some(from), Some(to)) = (from.get(i), to.get(i)) else { break };
            let Some(distance_sq) = distances_sq.as_flattened().get(i) else { break };
            let (here, probability) = between(from, to, share, distance_sq.sqrt());
            cost = cost.max(here);
            nobody *= 1.0 - probability;
        }
        let probability = 1.0 - nobody;
        Some(TrackCost { cost: cost.max(graded(probability)), probability })
    }

    /// Nav2's cost of a point in `t_s` seconds; [`COST_UNKNOWN`] where [`Self::at`] knows nothing.
    pub fn cost_at(&self, point: Point2, t_s: f64) -> u8 {
        self.at(point, t_s).map_or(COST_UNKNOWN, |at| at.cost)
    }

    /// The worst cost of every cell over all slices, row by row, for people to look at: to [`RINGS`] rings about everybody,
    /// never less than what anybody alone costs in a slice. Several people are not added up.
    pub fn worst(&self, origin: Point2, resolution_m: f64, width: usize, out: &mut [u8]) {
        out.fill(COST_FREE);
        let height = out.len().checked_div(width).unwrap_or(0);
        // The casts saturate.
        let span = |centre_m: f64, origin_m: f64, reach_m: f64, count: usize| {
            let at = |v: f64| (((v - origin_m) / resolution_m).floor().max(0.0) as usize).min(count);
            at(centre_m - reach_m)..at(centre_m + reach_m + resolution_m)
        };
        let middle = |i: usize, origin_m: f64| origin_m + (i as f64 + 0.5) * resolution_m;
        let lanes = |p: &Places| {
            std::array::from_fn::<_, LANES, _>(|i| (Point2::new(p.x_m[i], p.y_m[i]), p.reach_m[i]))
        };
        let blocks = self.tracks.div_ceil(LANES).max(1);
        let slices = self.places.chunks(blocks).zip(self.windows.chunks(self.tracks.max(1)));
        let all = slices.flat_map(|(places, windows)| places.iter().flat_map(lanes).zip(windows));
        for ((c, reach_m), window) in all {
            let rings = window.rings(reach_m);
            let rings_per_m = RINGS as f64 / reach_m.max(resolution_m);
            // Far out in its profile a window costs nothing that could be told.
            let last = rings.iter().rposition(|cost| *cost > COST_FREE).map_or(0, |ring| ring + 1);
            let reach_m = last as f64 / rings_per_m;
            for row in span(c.y_m, origin.y_m, reach_m, height) {
                let dy_m = middle(row, origin.y_m) - c.y_m;
                let half_m = (reach_m * reach_m - dy_m * dy_m).max(0.0).sqrt();
                let cols = span(c.x_m, origin.x_m, half_m, width);
                let cells = out.get_mut(row * width + cols.start..row * width + cols.end).unwrap_or_default();
                let first_m = middle(cols.start, origin.x_m) - c.x_m;
                draw(&rings, rings_per_m, (first_m, dy_m), resolution_m, cells);
            }
        }
    }
}

/// Puts a row of cells through rings about a centre; the first cell is so far from it, the next by `resolution_m` farther along x.
#[multiversion(targets("x86_64+avx2"))]
fn draw(rings: &Rings, rings_per_m: f64, (first_m, dy_m): (f64, f64), resolution_m: f64, cells: &mut [u8]) {
    // Half as wide numbers are twice as many at once, and more than fine enough for a picture.
    let [rings_per_m, first_m, dy_m, resolution_m] =
        [rings_per_m, first_m, dy_m, resolution_m].map(|number| number as f32);
    let mut next = 0.0_f32;
    for cells in cells.chunks_mut(DRAWN) {
        let mut which = [0_u8; DRAWN];
        for (ring, i) in which.iter_mut().zip(IN_A_ROW) {
            let dx_m = (next + i) * resolution_m + first_m;
            let rings = (dx_m * dx_m + dy_m * dy_m).sqrt() * rings_per_m;
            *ring = whole((rings - ROUNDED).min(RINGS as f32));
        }
        for (cell, ring) in cells.iter_mut().zip(which) {
            // Every `u8` is within the array.
            *cell = rings[usize::from(ring)].max(*cell);
        }
        next += DRAWN as f32;
    }
}

/// A number up to [`RINGS`] without what is behind its point, or one less where there is nothing behind it; zero of what is less than one.
/// A cast would not become vector code.
#[inline(always)]
fn whole(number: f32) -> u8 {
    // From here on floats are whole numbers, and their last bits count them.
    const WHOLE: f32 = (1 << (f32::MANTISSA_DIGITS - 1)) as f32;
    // To the nearest of half less: that is the number below.
    ((number - 0.5).max(0.0) + WHOLE).to_bits() as u8
}

/// Where a track is expected in `t_s` seconds, and the standard deviation along its worst axis (of one that is reachable
/// only, the disc's radius by [`REACH_SIGMAS`]).
fn ahead(track: &Track, t_s: f64) -> (Point2, f64) {
    let now = || {
        let [xx, xy, _, _, _, yy, ..] = track.covariance;
        let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy));
        let sigma_m = (mean + (half * half + xy * xy).sqrt()).max(0.0).sqrt();
        let reachable = track.state == TrackState::Reachable;
        (track.position, if reachable { track.reachable_m / REACH_SIGMAS } else { sigma_m })
    };
    let step = t_s / track.prediction_step_s;
    if step.is_nan() || step <= 0.0 {
        return now();
    }
    let index = step as usize;
    let predicted = |number: usize| match number.checked_sub(1) {
        None => Some(now()),
        Some(i) => track.prediction.get(i).copied().zip(track.prediction_sigma_m.get(i).copied()),
    };
    let last = || predicted(track.prediction.len()).unwrap_or_else(now);
    let (from, to) = (predicted(index).unwrap_or_else(last), predicted(index + 1).unwrap_or_else(last));
    let share = step - index as f64;
    let mix = |a: f64, b: f64| a + share * (b - a);
    (Point2::new(mix(from.0.x_m, to.0.x_m), mix(from.0.y_m, to.0.y_m)), mix(from.1, to.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robot::example;
    use std::slice::from_ref;

    const CONFIG: TrackFieldConfig = TrackFieldConfig { period_s: 0.5, slices: 7, margin_m: 0.1, sure: 0.99 };

    /// Who walks from the origin along x with 1 m/s.
    fn walker() -> Track {
        let ahead = (1..=15).map(|i| 0.2 * f64::from(i));
        Track {
            state: TrackState::Confirmed,
            covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.0025 } else { 0.0 }),
            velocity: Point2::new(1.0, 0.0),
            radius_m: 0.25,
            existence: 1.0,
            prediction_step_s: 0.2,
            prediction: ahead.clone().map(|t| Point2::new(t, 0.0)).collect(),
            prediction_sigma_m: ahead.map(|t| 0.05 + 0.1 * t).collect(),
            ..Track::default()
        }
    }

    fn field(tracks: &[Track]) -> TrackField {
        let mut field = TrackField::new(CONFIG, &Robot::new(example::amr()).unwrap());
        field.set(tracks);
        field
    }

    #[test]
    fn costs_follow_the_walker() {
        let field = field(&[walker()]);
        let cost = |x, y, t| field.cost_at(Point2::new(x, y), t);
        for (x, t, expected) in [(0.0, 0.0, 254), (0.25, 0.25, 254), (0.5, 0.5, 253), (1.0, 1.0, 253)] {
            assert_eq!(cost(x, 0.0, t), expected, "{x} {t}");
            assert_eq!(cost(x + 3.0, 0.0, t), COST_FREE);
        }
        assert_eq!(cost(0.0, 0.35, 0.0), COST_INSCRIBED);
        // Beside his shoulder: the circumscribed disc with its margin meets him, the inscribed one need not.
        let beside = cost(0.0, 0.62, 0.0);
        assert!((200..COST_INSCRIBED).contains(&beside), "{beside}");
        assert_eq!(cost(0.0, 0.0, 2.5), COST_FREE, "he is gone");
        // The farther ahead, the less is sure.
        assert!(cost(3.0, 0.0, 3.0) < COST_INSCRIBED && cost(3.0, 0.0, 3.0) > 150);
        assert_eq!(cost(3.0, 0.0, 3.01), COST_UNKNOWN);
        assert_eq!((cost(0.0, 0.0, -0.01), cost(f64::NAN, 0.0, 0.0)), (COST_UNKNOWN, COST_UNKNOWN));
        assert_eq!(cost(0.0, 0.0, f64::NAN), COST_UNKNOWN);
    }

    #[test]
    fn the_probability_is_that_of_the_discs_and_several_people_add_up() {
        let robot = Robot::new(example::amr()).unwrap();
        let radius_m = robot.footprint.circumscribed_m() + 0.1 + 0.25;
        let expected = Shape::gaussian(radius_m, 0.15).profile();
        let alone = field(&[walker()]);
        let two = field(&[walker(), walker()]);
        for d in [0.5, 0.7, 0.8, 0.9, 1.1] {
            let p = Point2::new(1.0, d);
            let one = alone.at(p, 1.0).unwrap();
            assert!((one.probability - expected.at(d)).abs() < 1e-3, "{d}: {one:?}");
            let both = two.at(p, 1.0).unwrap().probability;
            assert!((both - (1.0 - (1.0 - one.probability).powi(2))).abs() < 1e-9);
        }
        let mut doubtful = walker();
        doubtful.existence = 0.4;
        let at = field(&[doubtful]).at(Point2::default(), 0.0).unwrap();
        assert!((at.probability - 0.4).abs() < 1e-3, "{at:?}");
        assert_eq!(at.cost, 101, "never forbidden: it may not exist");
        let left = Track { state: TrackState::Standing, ..walker() };
        assert_eq!(
            field(&[left]).at(Point2::default(), 0.0),
            Some(TrackCost { cost: COST_FREE, probability: 0.0 })
        );
    }

    /// However many there are; each has a place, a reach and a doubt of its own.
    #[test]
    fn many_people_are_as_each_of_them() {
        for count in [1, 3, 4, 5, 8, TRACK_LIMIT] {
            let person = |i: usize| {
                let mut track = walker();
                let (s, c) = libm::sincos(i as f64);
                let turned = |p: Point2| Point2::new(c * p.x_m + 0.3 * s, s * p.x_m - 0.4 * c);
                track.position = turned(track.position);
                track.prediction.iter_mut().for_each(|p| *p = turned(*p));
                track.existence = 0.4 + 0.5 * (i % 7) as f64 / 7.0;
                track
            };
            let all: Vec<_> = (0..count).map(person).collect();
            let together = field(&all);
            let each: Vec<_> = all.iter().map(|track| field(from_ref(track))).collect();
            for (x, y, t_s) in
                [(0.0, 0.0, 0.0), (0.6, 0.5, 0.7), (-1.2, 1.0, 1.9), (2.0, -1.5, 3.0), (9.0, 9.0, 1.0)]
            {
                let p = Point2::new(x, y);
                let alone: Vec<_> = each.iter().map(|f| f.at(p, t_s).unwrap()).collect();
                let nobody: f64 = alone.iter().map(|at| 1.0 - at.probability).product();
                let at = together.at(p, t_s).unwrap();
                assert!((at.probability - (1.0 - nobody)).abs() < 1e-12, "{count} {p:?}: {at:?}");
                assert!(alone.iter().all(|a| a.cost <= at.cost), "{count} {p:?}");
            }
        }
    }

    #[test]
    fn a_stale_track_is_its_disc_and_grows() {
        let mut stale = walker();
        stale.state = TrackState::Reachable;
        stale.reachable_m = 1.0;
        stale.prediction = vec![Point2::default(); 15];
        stale.prediction_sigma_m = (1..=15).map(|i| (1.0 + 0.1 * f64::from(i)) / REACH_SIGMAS).collect();
        let field = field(&[stale]);
        let at = |x, t| field.at(Point2::new(x, 0.0), t).unwrap();
        // Anywhere within 1 m: the robot's disc covers (0.43 + 0.1 + 0.25)² of it.
        assert!((at(0.0, 0.0).probability - 0.608).abs() < 0.02, "{:?}", at(0.0, 0.0));
        assert!(at(0.0, 3.0).probability < 0.5 * at(0.0, 0.0).probability, "it spreads");
        assert!(at(1.9, 0.0).probability <= 0.0 && at(1.9, 3.0).probability > 0.01, "and reaches farther");
        assert!(at(0.0, 0.0).cost < COST_INSCRIBED, "nothing is sure");
    }

    #[test]
    fn what_predictions_do_not_reach_is_not_known() {
        let mut short = walker();
        short.prediction.truncate(5);
        short.prediction_sigma_m.truncate(5);
        let field = field(&[short, walker()]);
        assert!((field.horizon_s() - 1.0).abs() < 1e-9);
        assert_eq!(field.cost_at(Point2::new(9.0, 9.0), 1.1), COST_UNKNOWN);
        let nobody = self::field(&[]);
        assert_eq!((nobody.horizon_s(), nobody.cost_at(Point2::default(), 3.0)), (3.0, COST_FREE));
    }

    #[test]
    fn the_picture_is_the_worst_of_all_slices() {
        let field = field(&[walker()]);
        let (origin, width) = (Point2::new(-2.0, -1.0), 60);
        let mut cells = vec![9; 60 * 20];
        field.worst(origin, 0.1, width, &mut cells);
        for (i, cell) in cells.iter().enumerate() {
            let (col, row) = (i % width, i / width);
            let p = Point2::new(-2.0 + (col as f64 + 0.5) * 0.1, -1.0 + (row as f64 + 0.5) * 0.1);
            let worst = (0..7).map(|k| field.cost_at(p, 0.5 * f64::from(k))).max().unwrap();
            // A ring is some 1 cm wide: it is never below, and hardly above.
            assert!((worst..=worst.saturating_add(16)).contains(cell), "{p:?}: {cell} {worst}");
        }
        // A window wholly outside, and no cells at all: harmless.
        field.worst(Point2::new(1e9, 1e9), 0.1, width, &mut cells);
        assert!(cells.iter().all(|c| *c == COST_FREE));
        field.worst(origin, 0.1, 0, &mut []);
    }

    #[test]
    fn tracks_beyond_the_limit_are_counted() {
        let mut field = field(&vec![walker(); TRACK_LIMIT + 3]);
        assert_eq!(field.overflow(), 3);
        let room = (field.places.capacity(), field.windows.capacity());
        field.set(&vec![walker(); TRACK_LIMIT]);
        assert_eq!(
            (field.overflow(), field.places.capacity(), field.windows.capacity()),
            (3, room.0, room.1)
        );
    }
}
