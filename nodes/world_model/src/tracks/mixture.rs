//! A prediction as a mixture: one Gaussian for every way to move, where they lead apart.
//!
//! Ways to move that say the same, or that hardly count, are told as one Gaussian with their first two moments. Which ones is
//! decided once for all times, so that a component stays itself over the horizon; its weight may change, as who stands may
//! set off.

use super::imm::{Ahead, Imm};
use super::motion::MODES;
use outrider_foundation::Point2;
use outrider_foundation::data::{COMPONENT_LIMIT, Component};

/// Times ahead that are reckoned at once.
pub(crate) const TOGETHER: usize = 4;
/// A way to move that is at no time more probable than this is told with another: no probability can then be too small by more.
const LIGHT: f64 = 0.05;
/// Two Gaussians whose means are, at every time, no farther apart than this many times the smaller's standard deviation,
const ALIKE_APART: f64 = 0.5;
/// and whose standard deviations differ by no more than this factor, are told as one. Whatever their weights, no half-plane is
/// then less probable by more than 0.021.
const ALIKE_RATIO: f64 = 1.5;
const _: () = assert!(MODES == COMPONENT_LIMIT);

/// Pairs of ways to move, those that are likelier to be alike first.
const PAIRS: [(usize, usize); 3] = [(1, 2), (0, 1), (0, 2)];

/// Where somebody is at several times, and the standard deviation along the worst axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Places {
    pub x: [f64; TOGETHER],
    pub y: [f64; TOGETHER],
    pub sigma_m: [f64; TOGETHER],
}

impl Places {
    /// Time by time.
    #[inline(always)]
    pub fn told(&self) -> [(Point2, f64); TOGETHER] {
        // All are arrays of this length.
        std::array::from_fn(|i| (Point2::new(self.x[i], self.y[i]), self.sigma_m[i]))
    }

    /// Whether both say nearly the same at all of these times.
    fn is_like(&self, other: &Self) -> bool {
        let mut alike = 0;
        for i in 0..TOGETHER {
            let (dx, dy) = (self.x[i] - other.x[i], self.y[i] - other.y[i]);
            let (a, b) = (self.sigma_m[i], other.sigma_m[i]);
            let (least, most) = (a.min(b), a.max(b));
            let near = dx * dx + dy * dy <= ALIKE_APART * ALIKE_APART * least * least;
            alike += u32::from(near & (most <= ALIKE_RATIO * least));
        }
        alike == TOGETHER as u32
    }
}

/// Several times ahead: when, sine and cosine of how far the turn rate leads, and where every way to move does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Block {
    pub ahead: [Ahead; TOGETHER],
    pub turned: [(f64, f64); TOGETHER],
    pub ways: [Places; MODES],
}

/// All times ahead of one object, in order; a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    blocks: Vec<Block>,
    times: usize,
}

impl Ways {
    /// Somebody else, at so many times: what is to be filled.
    pub fn begin(&mut self, times: usize) -> &mut [Block] {
        self.blocks.resize(times.div_ceil(TOGETHER), Block::default());
        self.times = times;
        &mut self.blocks
    }

    /// The components of the mixture of the one who was asked for last, in the order in which a track has them; `place` brings them
    /// to its frame. None when all ways to move are told as one.
    pub fn mixture(&self, imm: &Imm, place: impl Fn(Point2) -> Point2) -> Vec<Component> {
        let groups = self.groups(imm);
        let count = 1 + groups.iter().max().copied().unwrap_or(0);
        if count == 1 {
            return Vec::new();
        }
        let mut told = Vec::with_capacity(count * self.times);
        for group in 0..count {
            let share = groups.map(|of| if of == group { 1.0 } else { 0.0 });
            let mut left = self.times;
            for block in &self.blocks {
                let these = components(imm, block, &share).into_iter().take(left);
                told.extend(these.map(|c| Component { position: place(c.position), ..c }));
                left = left.saturating_sub(TOGETHER);
            }
        }
        told
    }

    /// To which component every way to move belongs: numbers from 0 on, in order.
    fn groups(&self, imm: &Imm) -> [usize; MODES] {
        let mut alike = [true; PAIRS.len()];
        for block in &self.blocks {
            for (all, (a, b)) in alike.iter_mut().zip(PAIRS) {
                // Pairs are of ways that there are.
                *all = *all && block.ways[a].is_like(&block.ways[b]);
            }
        }
        // Who stands sets off by and by: probabilities are greatest at the first time or at the last.
        let first = self.blocks.first().and_then(|block| block.ahead.first());
        let last = self.blocks.last().and_then(|block| block.ahead.last());
        let mut most = [0.0_f64; MODES];
        for ahead in [first, last].into_iter().flatten() {
            for (most, weight) in most.iter_mut().zip(imm.probabilities_after(ahead)) {
                *most = most.max(weight);
            }
        }
        grouped(alike, most)
    }
}

/// The ways that have a share, as one, at several times.
#[inline]
fn components(imm: &Imm, block: &Block, share: &[f64; MODES]) -> [Component; TOGETHER] {
    let mut members = block.ways.iter().zip(share).filter(|(_, share)| **share > 0.0).map(|(way, _)| way);
    let told = match (members.next(), members.next()) {
        (Some(only), None) => *only,
        _ => imm.together(block, share),
    };
    // All are arrays of this length.
    std::array::from_fn(|i| {
        let [a, b, c] = imm.probabilities_after(&block.ahead[i]);
        let weight = share[0] * a + share[1] * b + share[2] * c;
        Component { weight, position: Point2::new(told.x[i], told.y[i]), sigma_m: told.sigma_m[i] }
    })
}

/// The same by which pairs are alike at all times, and the greatest probability of every way.
fn grouped(alike: [bool; PAIRS.len()], most: [f64; MODES]) -> [usize; MODES] {
    // Probabilities add up to 1: the likeliest way always counts.
    let (likeliest, _) =
        most.iter().enumerate().fold((0, 0.0), |best, (i, w)| if *w > best.1 { (i, *w) } else { best });
    let counts = most.map(|weight| weight >= LIGHT);
    let mut first: [usize; MODES] = std::array::from_fn(|i| if counted(&counts, i) { i } else { likeliest });
    let pairs = PAIRS.iter().zip(alike).filter(|((a, b), _)| counted(&counts, *a) && counted(&counts, *b));
    if pairs.clone().all(|(_, alike)| alike) {
        return [0; MODES];
    }
    // Of three, two may each be like the third but not like each other: one pair is joined then, not all.
    if let Some(((a, b), _)) = pairs.into_iter().find(|(_, alike)| *alike) {
        first = first.map(|of| if of == *b { *a } else { of });
    }
    let mut names = [usize::MAX; MODES];
    let mut next = 0;
    first.map(|of| {
        let Some(name) = names.get_mut(of) else { return 0 };
        if *name == usize::MAX {
            (*name, next) = (next, next + 1);
        }
        *name
    })
}

fn counted(counts: &[bool; MODES], i: usize) -> bool {
    counts.get(i).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::imm::Measurement;
    use super::*;
    use nalgebra::Matrix2;

    /// Upper tail of the normal distribution.
    fn tail(x: f64) -> f64 {
        0.5 * libm::erfc(x / std::f64::consts::SQRT_2)
    }

    /// No half-plane is less probable by more than what is said, whatever the weights, for the least alike that are told as one.
    #[test]
    fn who_is_told_as_one_hides_little() {
        let mut worst: f64 = 0.0;
        for i in 1..100 {
            let (w, d, r) = (0.01 * f64::from(i), ALIKE_APART, ALIKE_RATIO);
            let mean = w * d;
            let sigma = ((1.0 - w) * (1.0 + mean * mean) + w * (r * r + (d - mean) * (d - mean))).sqrt();
            for at in -60..=60 {
                let at = 0.1 * f64::from(at);
                let two = (1.0 - w) * tail(at) + w * tail((at - d) / r);
                worst = worst.max(two - tail((at - mean) / sigma));
            }
        }
        assert!(worst < 0.021 && worst > 0.005, "{worst}");
    }

    #[test]
    fn ways_are_told_as_one_where_they_are_alike_or_hardly_count() {
        let (all, none) = ([true; 3], [false; 3]);
        let even = [0.4, 0.5, 0.3];
        assert_eq!(grouped(all, even), [0, 0, 0]);
        assert_eq!(grouped(none, even), [0, 1, 2]);
        assert_eq!(grouped([true, false, false], even), [0, 1, 1], "walking on and turning");
        assert_eq!(grouped([false, true, false], even), [0, 0, 1], "standing and walking on");
        assert_eq!(grouped([false, false, true], even), [0, 1, 0], "standing and turning");
        assert_eq!(
            grouped([true, true, false], even),
            [0, 1, 1],
            "never all three where one pair is not alike"
        );
        // Who hardly counts goes with the likeliest, alike or not.
        assert_eq!(grouped(none, [0.049, 0.9, 0.3]), [0, 0, 1]);
        assert_eq!(grouped(none, [0.049, 0.4, 0.7]), [0, 1, 0]);
        assert_eq!(grouped(none, [0.9, 0.049, 0.1]), [0, 0, 1]);
        assert_eq!(grouped(none, [0.9, 0.1, 0.049]), [0, 1, 0]);
        assert_eq!(grouped(none, [0.96, 0.049, 0.049]), [0, 0, 0]);
        assert_eq!(grouped([true, false, false], [0.049, 0.9, 0.3]), [0, 0, 0]);
        assert_eq!(grouped([false, true, true], [0.049, 0.9, 0.3]), [0, 0, 1], "nobody asks whom it is like");
    }

    fn way(x: f64, sigma_m: f64) -> Places {
        Places { x: [x; TOGETHER], sigma_m: [sigma_m; TOGETHER], ..Places::default() }
    }

    #[test]
    fn alike_is_near_and_as_wide() {
        assert!(way(1.0, 0.2).is_like(&way(1.09, 0.29)));
        assert!(!way(1.0, 0.2).is_like(&way(1.11, 0.2)) && !way(1.0, 0.2).is_like(&way(1.0, 0.31)));
        // One time at which they are not is enough.
        let mut once = way(1.0, 0.2);
        once.x[2] = 1.2;
        assert!(!way(1.0, 0.2).is_like(&once) && !once.is_like(&way(1.0, 0.2)));
    }
    /// However ways are told together: weights add up, the mean of all is that of all ways, and the mixture is nowhere narrower
    /// than they are together; all as one are exactly what they are together.
    #[test]
    fn the_first_two_moments_stay() {
        let config = crate::config::tests::shipped().tracks.motion;
        let mut rng = outrider_foundation::rng::Rng::new(6, 0, 0);
        let ahead: Vec<_> = (1..=15).map(|i| Ahead::of(0.2 * f64::from(i), &config)).collect();
        for person in 0..20 {
            let (v, w) = (0.06 * f64::from(person), 0.1 * f64::from(person % 7));
            let mut seen = |t: f64| Measurement {
                position: Point2::new(v * t + 0.05 * rng.normal(), libm::sin(w * t) + 0.05 * rng.normal()),
                covariance: Matrix2::new(0.01, 0.002, 0.002, 0.005),
            };
            let mut imm = Imm::new(&seen(0.0), &config);
            for i in 1..30 {
                imm.advance(0.1, &config);
                imm.update(&[(0.9, seen(0.1 * f64::from(i)))]);
            }
            let (mut ways, mut whole) = (Ways::default(), Vec::new());
            imm.positions_after(&ahead, &mut ways, |at, sigma_m| whole.push((at, sigma_m)));
            for groups in [[0, 0, 0], [0, 1, 2], [0, 1, 1], [0, 0, 1], [0, 1, 0]] {
                let share = |group| groups.map(|of| if of == group { 1.0 } else { 0.0 });
                for (i, (at, sigma_m)) in whole.iter().enumerate() {
                    let block = &ways.blocks[i / TOGETHER];
                    let told: Vec<Component> = (0..=*groups.iter().max().unwrap())
                        .map(|group| components(&imm, block, &share(group))[i % TOGETHER])
                        .collect();
                    let sum =
                        |of: &dyn Fn(&Component) -> f64| told.iter().map(|c| c.weight * of(c)).sum::<f64>();
                    assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-12);
                    let mean = Point2::new(sum(&|c| c.position.x_m), sum(&|c| c.position.y_m));
                    assert!(mean.distance_m(*at) < 1e-9, "{mean:?} {at:?}");
                    let square = sum(&|c| c.sigma_m * c.sigma_m + c.position.distance_m(mean).powi(2));
                    assert!(square >= sigma_m * sigma_m - 1e-9, "{square} {sigma_m}");
                    assert!(
                        told.len() > 1 || (square - sigma_m * sigma_m).abs() < 1e-9,
                        "{square} {sigma_m}"
                    );
                }
            }
        }
    }
}
