//! What moves, as Gaussians over the horizon: for every time a mean, a standard deviation and a weight. A track whose ways to
//! move lead apart is as many of them as its prediction has components.
//!
//! The probability of contact with one of them is at most that of being on the near side of the tangent:
//! P ≤ weight · Q((d − R)/σ), with d from the robot's core line to the mean, R both radii and Q the normal upper tail (a
//! disc lies within a half-plane, whichever way the Gaussian lies, with σ of its worst axis). That of a mixture is at most
//! existence · Σ weight · Q((d − R)/σ) over its components, with 1 for Q where d < R. Over several tracks it is summed (Boole).

use super::{MppiConfig, STEP_LIMIT, maths};
use crate::safety::Moving;
use outrider_foundation::data::{Component as Gaussian, TrackState};
use outrider_foundation::{Footprint, Point2, Pose2};

/// What moves is reckoned with up to so many, places that somebody is about to come to included: the soonest.
pub const COMPONENT_LIMIT: usize = 24;
/// So many more there may be by mixtures; who finds no room is one Gaussian.
const MIXTURE_ROOM: usize = 16;
/// Farther than this many standard deviations the probability counts for nothing: it is below 4e-6.
pub const SIGMAS: f64 = 4.5;
/// The least standard deviation, m.
const SIGMA_MIN_M: f64 = 0.03;

/// One component of what moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Probability that it is there at all and moves this way, at every step.
    pub weight: [f32; STEP_LIMIT],
    /// Of it the probability that it moves this way.
    pub share: [f32; STEP_LIMIT],
    /// Its radius with the margin, m.
    pub radius_m: f32,
    /// Mean at every step, m from the kernel's origin.
    pub x_m: [f32; STEP_LIMIT],
    /// See [`Self::x_m`].
    pub y_m: [f32; STEP_LIMIT],
    /// 1/σ at every step, 1/m.
    pub per_sigma: [f32; STEP_LIMIT],
    /// At this step the robot can be near enough for it to cost anything.
    pub counts: [bool; STEP_LIMIT],
    /// Factor of what is below zero in (d − R)/σ: 1, or [`SURELY`].
    pub within: f32,
    /// Counts for comfort only: it tells when somebody is about to come.
    pub comfort_only: bool,
    /// By how many halves of the passing gap it is ahead of its time.
    later: u8,
    /// Its place in the list of what moves.
    pub index: usize,
}

/// Where [`fill`] looks from.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The kernel's origin.
    pub centre: Point2,
    /// How far the robot can come, with its outline, m.
    pub reach_m: f64,
    /// Its outline.
    pub footprint: &'a Footprint,
    /// Objects slower than this stay where they are, m/s.
    pub standing_mps: f64,
    /// Growth of the disc of one that is not seen, m/s.
    pub unseen_growth_mps: f64,
}

/// The components that matter within the horizon, the soonest first; those beyond [`COMPONENT_LIMIT`] are counted.
/// `None` when one is not a number: nothing may be built on that.
pub fn fill(
    config: &MppiConfig,
    moving: &[Moving<'_>],
    around: Around<'_>,
    out: &mut Vec<Component>,
) -> Option<usize> {
    out.clear();
    let gap_s = config.risk.passing_gap_s;
    for (index, one) in moving.iter().enumerate() {
        let one = around.taken(one);
        let component = Component::new(config, &one, index, Of::All { later: 0 }, &around)?;
        let shift = !one.still && one.track.state != TrackState::Reachable && gap_s > 0.0;
        if component.first().is_some() {
            out.push(component);
        }
        for later in [1, 2_u8].into_iter().filter(|_| shift) {
            let ahead = Component::new(config, &one, index, Of::All { later }, &around)?;
            if ahead.first().is_some() {
                out.push(ahead);
            }
        }
    }
    // Those that can be met first come first; what is left out matters least.
    out.sort_unstable_by_key(|one| (one.comfort_only, one.first(), one.index, one.later));
    let beyond = out.len().saturating_sub(COMPONENT_LIMIT);
    out.truncate(COMPONENT_LIMIT);
    take_apart(config, moving, around, out)?;
    Some(beyond)
}

/// Puts the components of a mixture in the place of the one Gaussian, for the soonest first and as far as there is room.
fn take_apart(
    config: &MppiConfig,
    moving: &[Moving<'_>],
    around: Around<'_>,
    out: &mut Vec<Component>,
) -> Option<()> {
    let mut at = 0;
    while let Some(whole) = out.get(at).filter(|one| !one.comfort_only) {
        let index = whole.index;
        let one = moving.get(index).map(|one| around.taken(one))?;
        let count = one.components();
        if count < 2 || out.len() - 1 + count > COMPONENT_LIMIT + MIXTURE_ROOM {
            at += 1;
            continue;
        }
        out.remove(at);
        for part in 0..count {
            let component = Component::new(config, &one, index, Of::Part(part), &around)?;
            if component.first().is_some() {
                out.insert(at, component);
                at += 1;
            }
        }
    }
    Some(())
}

/// Of a component whose mean is within reach: then σ of the worst axis is no bound any more, the other axis may be narrow,
/// and contact is taken for sure. One Gaussian has more than half of its probability there, which is too much anyway;
/// a part of a mixture need not.
const SURELY: f32 = 1e3;

/// What of a track a component is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// All of it as one Gaussian, so many halves of the passing gap ahead of its time.
    All { later: u8 },
    /// This component of its mixture.
    Part(usize),
}

impl Around<'_> {
    /// Who hardly moves is taken to stay.
    fn taken<'a>(&self, one: &Moving<'a>) -> Moving<'a> {
        Moving { still: one.still || one.stands(self.standing_mps), ..*one }
    }
}

impl Component {
    fn new(config: &MppiConfig, one: &Moving<'_>, index: usize, of: Of, around: &Around<'_>) -> Option<Self> {
        let track = one.track;
        let later = if let Of::All { later } = of { later } else { 0 };
        let existence = if track.existence > 0.0 { track.existence.min(1.0) } else { 1.0 };
        let later_s = 0.5 * config.risk.passing_gap_s * f64::from(later);
        let mut component = Self {
            weight: [existence as f32; STEP_LIMIT],
            share: [1.0; STEP_LIMIT],
            radius_m: (track.radius_m + config.risk.margin_m) as f32,
            x_m: [0.0; STEP_LIMIT],
            y_m: [0.0; STEP_LIMIT],
            per_sigma: [1.0; STEP_LIMIT],
            counts: [false; STEP_LIMIT],
            within: if let Of::Part(_) = of { SURELY } else { 1.0 },
            comfort_only: later > 0,
            later,
            index,
        };
        let reachable = track.state == TrackState::Reachable;
        for i in 0..config.steps.min(STEP_LIMIT) {
            let t_s = (i + 1) as f64 * config.step_s + later_s;
            let (at, sigma_m) = match of {
                Of::All { .. } => one.gaussian_at(t_s),
                Of::Part(part) => {
                    let Gaussian { weight, position, sigma_m } = one.component_at(part, t_s)?;
                    component.share[i] = weight as f32;
                    component.weight[i] = (existence * weight) as f32;
                    if !component.weight[i].is_finite() {
                        return None;
                    }
                    (position, sigma_m)
                }
            };
            // Where one cannot be seen, all of its disc is reckoned with: the edge is taken for sharp.
            let grown_m = if reachable { track.reachable_m + around.unseen_growth_mps * t_s } else { 0.0 };
            if !(at.is_finite() && sigma_m.is_finite() && grown_m.is_finite() && track.radius_m.is_finite()) {
                return None;
            }
            let (x, y) = (at.x_m - around.centre.x_m, at.y_m - around.centre.y_m);
            let sigma_m = sigma_m.clamp(SIGMA_MIN_M, config.risk.sigma_cap_m);
            let edge_m = libm::hypot(x, y) - grown_m - f64::from(component.radius_m);
            // Where the robot can be by then, and a little more.
            let robot_m =
                around.reach_m * (i + 1) as f64 / config.steps as f64 + around.footprint.circumscribed_m();
            let wide_m = if component.comfort_only { 0.0 } else { SIGMAS * sigma_m };
            component.counts[i] = edge_m - robot_m - 0.1 < config.risk.comfort_m.max(wide_m);
            component.x_m[i] = x as f32;
            component.y_m[i] = y as f32;
            component.per_sigma[i] = (1.0 / sigma_m) as f32;
            if reachable && i + 1 == config.steps {
                // One radius for all times: the last.
                component.radius_m += grown_m as f32;
            }
        }
        Some(component)
    }

    /// Upper bound of the probability of contact with the outline at `pose`, in the kernel's frame, at step `i`.
    fn probability(&self, i: usize, pose: Pose2, footprint: &Footprint) -> f64 {
        let (Some(x), Some(y), Some(per_sigma), Some(weight)) =
            (self.x_m.get(i), self.y_m.get(i), self.per_sigma.get(i), self.weight.get(i))
        else {
            return 0.0;
        };
        let at = pose.inverse().apply(Point2::new(f64::from(*x), f64::from(*y)));
        let gap_m = footprint.signed_distance_m(at) - f64::from(self.radius_m);
        let z = maths::steeper_below(gap_m as f32 * per_sigma, self.within);
        f64::from(weight * maths::upper_tail(z))
    }

    /// The step from which on the robot can be near it.
    fn first(&self) -> Option<usize> {
        self.counts.iter().position(|counts| *counts)
    }
}

/// With whom a plan is most likely to have contact, and after how long, s; for people to read.
pub fn most_likely(
    components: &[Component],
    step_s: f64,
    footprint: &Footprint,
    points: impl Iterator<Item = Pose2>,
) -> Option<(usize, f64)> {
    let mut most = (1e-4, None);
    for (i, pose) in points.enumerate() {
        // Those of one track stand side by side.
        for one in components.chunk_by(|a, b| a.index == b.index) {
            let counted = one.iter().filter(|c| !c.comfort_only);
            let probability: f64 = counted.map(|c| c.probability(i, pose, footprint)).sum();
            if let Some(first) = one.first().filter(|_| probability > most.0) {
                most = (probability, Some((first.index, (i + 1) as f64 * step_s)));
            }
        }
    }
    most.1
}

#[cfg(test)]
mod tests;
