//! The rollouts: noise, motion and all costs of [`LANES`] trajectories at a time, in loops that the compiler turns into
//! vectors of whatever width. Nothing is reassociated or fused, so the bits do not depend on the width.
//!
//! Indices are loop counters below the fixed lengths of the arrays.

#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "inlined into functions of every instruction set; several arrays run along one counter"
)]

use super::STEP_LIMIT;
use super::field::{CONTACT, DISC_LIMIT, Discs, EDGE, Field, FieldView};
use super::maths::{small_turn, steeper_below, upper_tail};
use super::reference::Reference;
use super::risk::{Component, SIGMAS};
use outrider_foundation::noise::{self, BLOCK, Key};

/// Trajectories in step with each other. The second half has the noise of the first with the other sign: half the
/// drawing, and the mean of all noise is exactly none.
pub const LANES: usize = 32;
/// Which stream of the generator the noise is.
pub const STREAM: u32 = 0x4D50_5049;
/// Blocks of the generator that a trajectory has: steps at most [`BLOCK`] times as many.
pub const BLOCKS: u32 = 16;
/// Trajectories of a tile with noise of their own.
const DRAWN: usize = LANES / 2;
/// What moves is looked at every so many steps.
pub const RISK_STRIDE: usize = 4;
/// Somebody's way is cut within this many standard deviations of it.
const CUT_SIGMAS: f32 = 1.0;
/// By a robot that is faster than this, m/s.
const CUT_MPS: f32 = 0.1;
/// The path every so many.
pub const PATH_STRIDE: usize = 4;

/// One number for every lane.
pub type Row = [f32; LANES];

/// Where the robot is and what it can do, per step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// Length of a step, s.
    pub dt_s: f32,
    /// Cosine and sine of the heading in the kernel's frame.
    pub heading: [f32; 2],
    /// Velocity at the beginning.
    pub v_mps: f32,
    /// See [`Self::v_mps`].
    pub w_radps: f32,
    /// Least and greatest speed.
    pub v_range_mps: [f32; 2],
    /// Greatest turn rate.
    pub w_max_radps: f32,
    /// Greatest change of the speed in a step away from standstill.
    pub faster_mps: f32,
    /// Greatest change towards standstill.
    pub slower_mps: f32,
    /// Greatest change of the turn rate.
    pub turn_radps: f32,
    /// Deceleration that stops are planned with, m/s².
    pub decel_mps2: f32,
}

/// Weights, already times the time that they are counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    pub(super) nearness: f32,
    pub(super) contact: f32,
    pub(super) probability: f32,
    pub(super) probability_max: f32,
    pub(super) chance_steps: usize,
    pub(super) violation: f32,
    pub(super) comfort_m: f32,
    pub(super) comfort: f32,
    pub(super) align: f32,
    pub(super) heading: f32,
    pub(super) left: f32,
    pub(super) overspeed: f32,
    pub(super) goal_heading: f32,
    pub(super) goal_within_m: f32,
    pub(super) accel: f32,
    pub(super) alpha: f32,
    pub(super) turn: f32,
    pub(super) reverse: f32,
    pub(super) deadband_mps: f32,
    pub(super) deadband: f32,
}

/// Everything that the costs depend on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The robot.
    pub motion: Motion,
    /// What stands.
    pub field: FieldView<'a>,
    /// The outline.
    pub discs: &'a Discs,
    /// What moves.
    pub components: &'a [Component],
    /// The way.
    pub reference: &'a Reference,
    /// What matters how much.
    pub weights: Weights,
}

/// What a decision finds about the robot.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What stands.
    pub field: Field,
    /// The outline.
    pub discs: Discs,
    /// What moves.
    pub components: Vec<Component>,
    /// The way.
    pub reference: Reference,
}

impl Surroundings {
    /// With how the robot moves, and what matters how much.
    pub fn scene(&self, motion: Motion, weights: Weights) -> Scene<'_> {
        let Self { field, discs, components, reference } = self;
        Scene { motion, field: field.view(), discs, components, reference, weights }
    }
}

/// How the trajectories of one tile fare.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Nearness to what stands, and contact.
    pub obstacles: Row,
    /// What moves.
    pub risk: Row,
    /// The path and its end.
    pub path: Row,
    /// How it is driven.
    pub motion: Row,
    /// What the noise itself costs.
    pub control: Row,
    /// Greatest probability of contact at one time.
    pub probability: Row,
    /// Greatest cost of nearness: [`CONTACT`] is contact.
    pub worst: Row,
    /// Steps from the first time on at which the probability was too great.
    pub violated: Row,
}

impl Default for Tile {
    fn default() -> Self {
        let zero = [0.0; LANES];
        Self {
            obstacles: zero,
            risk: zero,
            path: zero,
            motion: zero,
            control: zero,
            probability: zero,
            worst: zero,
            violated: zero,
        }
    }
}

impl Tile {
    /// The whole cost of a lane, always summed in this order.
    #[inline(always)]
    pub fn cost(&self, lane: usize) -> f32 {
        self.obstacles[lane] + self.risk[lane] + self.path[lane] + self.motion[lane] + self.control[lane]
    }

    /// Touches nothing and keeps to the chance constraint.
    #[inline(always)]
    pub fn is_feasible(&self, lane: usize) -> bool {
        self.worst[lane] < CONTACT && self.violated[lane] == 0.0
    }
}

/// The plan that is varied, and how.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Whose numbers.
    pub key: Key,
    /// The plan.
    pub v_mps: &'a [f32],
    /// Its turn rates.
    pub w_radps: &'a [f32],
    /// Standard deviations.
    pub sigma: [f32; 2],
    /// Share of the noise that is kept from step to step, and of what comes new: ρ and √(1 − ρ²).
    pub keep: [f32; 2],
    /// Temperature times the weight of the control cost.
    pub control: f32,
}

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `a` where the mask is all ones, `b` where it is zero: bits, so that it can not become a branch.
#[inline(always)]
fn pick(mask: u32, a: f32, b: f32) -> f32 {
    f32::from_bits((a.to_bits() & mask) | (b.to_bits() & !mask))
}

#[inline(always)]
fn positive(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// Wanted velocities of one tile: the plan with noise of its own for every lane and step.
#[inline(always)]
pub fn vary(draw: &Draw<'_>, first: u32, v: &mut [Row], w: &mut [Row], control: &mut Row) {
    let mut words = [[0u32; DRAWN]; BLOCK];
    let (mut noise_v, mut noise_w, mut sum) = ([0.0; DRAWN], [0.0; DRAWN], [0.0; DRAWN]);
    let (mut last_v, mut last_w) = (0.0, 0.0);
    let [sigma_v, sigma_w] = draw.sigma;
    for (t, (row_v, row_w)) in v.iter_mut().zip(w).enumerate() {
        if t % BLOCK == 0 {
            let counter = first.wrapping_mul(BLOCKS).wrapping_add((t / BLOCK) as u32);
            noise::words(draw.key, counter, BLOCKS, &mut words);
        }
        // At the beginning the noise is in its steady state already.
        let [keep, fresh] = if t == 0 { [0.0, 1.0] } else { draw.keep };
        let (plan_v, plan_w) = (draw.v_mps[t], draw.w_radps[t]);
        // (u_t − ρ·u_{t−1})·ξ_t/(σ·√(1 − ρ²)) summed over t is uᵀ·Σ⁻¹·ε for noise that keeps together.
        let toll_v = draw.control * (plan_v - keep * last_v) / (sigma_v * fresh);
        let toll_w = draw.control * (plan_w - keep * last_w) / (sigma_w * fresh);
        (last_v, last_w) = (plan_v, plan_w);
        let block = &words[t % BLOCK];
        for l in 0..DRAWN {
            let (a, b) = noise::normals(block[l]);
            let (nv, nw) = (keep * noise_v[l] + fresh * a, keep * noise_w[l] + fresh * b);
            noise_v[l] = nv;
            noise_w[l] = nw;
            sum[l] += toll_v * a + toll_w * b;
            row_v[l] = plan_v + sigma_v * nv;
            row_w[l] = plan_w + sigma_w * nw;
            row_v[DRAWN + l] = plan_v - sigma_v * nv;
            row_w[DRAWN + l] = plan_w - sigma_w * nw;
        }
    }
    for l in 0..DRAWN {
        control[l] = sum[l];
        control[DRAWN + l] = -sum[l];
    }
}

/// The state of every lane.
struct State {
    x: Row,
    y: Row,
    c: Row,
    s: Row,
    v: Row,
    w: Row,
    near: Row,
    contact: Row,
    effort: Row,
}

/// Rolls one tile out. `v` and `w` hold the wanted velocities and are left with those that the limits allow.
#[inline(always)]
pub fn roll(scene: &Scene<'_>, v: &mut [Row], w: &mut [Row], tile: &mut Tile) {
    match scene.discs.count {
        1 => roll_with::<1>(scene, v, w, tile),
        2 => roll_with::<2>(scene, v, w, tile),
        3 => roll_with::<3>(scene, v, w, tile),
        _ => roll_with::<DISC_LIMIT>(scene, v, w, tile),
    }
}

#[inline(always)]
fn roll_with<const K: usize>(scene: &Scene<'_>, v: &mut [Row], w: &mut [Row], tile: &mut Tile) {
    let m = &scene.motion;
    let mut state = State {
        x: [0.0; LANES],
        y: [0.0; LANES],
        c: [m.heading[0]; LANES],
        s: [m.heading[1]; LANES],
        v: [m.v_mps; LANES],
        w: [m.w_radps; LANES],
        near: [0.0; LANES],
        contact: [0.0; LANES],
        effort: [0.0; LANES],
    };
    let (mut worst, mut risk, mut probability, mut violated) =
        ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let mut path = [0.0; LANES];
    let steps = v.len();
    for (t, (row_v, row_w)) in v.iter_mut().zip(w).enumerate() {
        advance::<K>(scene, &mut state, &mut worst, row_v, row_w);
        let done = t + 1;
        if done % RISK_STRIDE == 0 && !scene.components.is_empty() {
            meet(scene, &state, t, &mut risk, &mut probability, &mut violated);
        }
        if done % PATH_STRIDE == 0 {
            along(scene, &state, done == steps, &mut path);
        }
    }
    let weights = &scene.weights;
    let share = 1.0 / steps as f32;
    for l in 0..LANES {
        let early = 1.0 + state.contact[l] * share;
        let contact = if worst[l] < CONTACT { 0.0 } else { weights.contact * early };
        tile.obstacles[l] = weights.nearness * state.near[l] + contact;
        let early = 1.0 + violated[l] * share;
        tile.risk[l] = risk[l] + if violated[l] > 0.0 { weights.violation * early } else { 0.0 };
        tile.motion[l] = state.effort[l];
    }
    tile.path = path;
    tile.worst = worst;
    tile.probability = probability;
    tile.violated = violated;
}

/// One step of motion, and what stands.
#[inline(always)]
fn advance<const K: usize>(
    scene: &Scene<'_>,
    state: &mut State,
    worst: &mut Row,
    row_v: &mut Row,
    row_w: &mut Row,
) {
    let (m, weights, field) = (&scene.motion, &scene.weights, &scene.field);
    let half = 0.5 * m.dt_s;
    for l in 0..LANES {
        let (v0, w0) = (state.v[l], state.w[l]);
        let (up, down) = (
            if v0 < 0.0 { m.slower_mps } else { m.faster_mps },
            if v0 > 0.0 { m.slower_mps } else { m.faster_mps },
        );
        let v1 = clamp(clamp(row_v[l], m.v_range_mps[0], m.v_range_mps[1]), v0 - down, v0 + up);
        let w1 = clamp(clamp(row_w[l], -m.w_max_radps, m.w_max_radps), w0 - m.turn_radps, w0 + m.turn_radps);
        row_v[l] = v1;
        row_w[l] = w1;
        let (dv, dw) = (v1 - v0, w1 - w0);
        let speed = v1.abs();
        let (band, left) = (speed, positive(weights.deadband_mps - speed));
        state.effort[l] += weights.accel * dv * dv
            + weights.alpha * dw * dw
            + weights.turn * w1 * w1
            + weights.reverse * positive(-v1)
            + weights.deadband * band * left;
        let (sin, cos) = small_turn(w1 * m.dt_s);
        let (c0, s0) = (state.c[l], state.s[l]);
        let (c1, s1) = (c0 * cos - s0 * sin, s0 * cos + c0 * sin);
        // The mean of both headings: an arc to within δ²/24 of its length.
        let way = half * (v0 + v1);
        let (x, y) = (state.x[l] + 0.5 * way * (c0 + c1), state.y[l] + 0.5 * way * (s0 + s1));
        state.x[l] = x;
        state.y[l] = y;
        state.c[l] = c1;
        state.s[l] = s1;
        state.v[l] = v1;
        state.w[l] = w1;
    }
    // Where to look, then looking, then what comes of it: only the middle one has no vectors.
    let mut near = [0.0; LANES];
    for k in 0..K {
        let offset = scene.discs.x_m[k];
        let (mut places, mut found) = ([0u32; LANES], [0.0; LANES]);
        for l in 0..LANES {
            places[l] = field.index(state.x[l] + offset * state.c[l], state.y[l] + offset * state.s[l]);
        }
        for l in 0..LANES {
            found[l] = field.table[(places[l] & (EDGE * EDGE - 1) as u32) as usize];
        }
        for l in 0..LANES {
            near[l] = greater(found[l], near[l]);
        }
    }
    for l in 0..LANES {
        let most = greater(near[l], worst[l]);
        worst[l] = most;
        state.near[l] += if near[l] < 1.0 { near[l] } else { 1.0 };
        state.contact[l] += if most < CONTACT { 0.0 } else { 1.0 };
    }
}

/// What moves, at the end of step `t`.
#[inline(always)]
fn meet(
    scene: &Scene<'_>,
    state: &State,
    t: usize,
    risk: &mut Row,
    probability: &mut Row,
    violated: &mut Row,
) {
    let weights = &scene.weights;
    let t = if t < STEP_LIMIT { t } else { STEP_LIMIT - 1 };
    // The discs' centres lie between these.
    let (front, rear) = (scene.discs.x_m[scene.discs.count - 1], scene.discs.x_m[0]);
    let radius = scene.discs.radius_m as f32;
    let (mut sum, mut cuts) = ([0.0; LANES], [0.0; LANES]);
    for one in scene.components.iter().filter(|one| one.counts[t]) {
        let (mx, my, per_sigma) = (one.x_m[t], one.y_m[t], one.per_sigma[t]);
        let reach = radius + one.radius_m;
        let sigmas = if one.comfort_only { CUT_SIGMAS } else { SIGMAS as f32 };
        let within = reach + greater(weights.comfort_m, sigmas / per_sigma);
        let within_sq = within * within;
        let (mut sq, mut any) = ([0.0; LANES], 0u32);
        for l in 0..LANES {
            let (dx, dy) = (mx - state.x[l], my - state.y[l]);
            let qx = state.c[l] * dx + state.s[l] * dy;
            let qy = state.c[l] * dy - state.s[l] * dx;
            let qx = qx - clamp(qx, rear, front);
            sq[l] = qx * qx + qy * qy;
            any |= u32::from(sq[l] < within_sq);
        }
        // Far from all lanes it costs none of them anything: most of what there is to reckon is spared.
        if any == 0 {
            continue;
        }
        let (mut gap, mut any) = ([0.0; LANES], 0u32);
        let comfort = weights.comfort * one.share[t];
        for l in 0..LANES {
            gap[l] = sq[l].sqrt() - reach;
            any |= u32::from(gap[l] * per_sigma < SIGMAS as f32);
            let lack = positive(weights.comfort_m - gap[l]);
            risk[l] += comfort * lack * lack;
        }
        if one.comfort_only {
            // Who moves where somebody is about to come cuts in before him; a robot at rest does not.
            for l in 0..LANES {
                let cut = gap[l] * per_sigma < CUT_SIGMAS && state.v[l].abs() > CUT_MPS;
                cuts[l] = if cut { 1.0 } else { cuts[l] };
            }
            continue;
        }
        if any == 0 {
            continue;
        }
        for l in 0..LANES {
            sum[l] += one.weight[t] * upper_tail(steeper_below(gap[l] * per_sigma, one.within));
        }
    }
    let asked = t < weights.chance_steps;
    let limit = if asked { weights.probability_max } else { f32::INFINITY };
    let cut_limit = if asked { 0.5 } else { 2.0 };
    for l in 0..LANES {
        risk[l] += weights.probability * sum[l];
        probability[l] = greater(sum[l], probability[l]);
        let begun = sum[l] > limit || cuts[l] > cut_limit || violated[l] > 0.0;
        violated[l] += if begun { RISK_STRIDE as f32 } else { 0.0 };
    }
}

/// Where it is beside the path.
#[inline(always)]
fn along(scene: &Scene<'_>, state: &State, last: bool, path: &mut Row) {
    let (m, weights, reference) = (&scene.motion, &scene.weights, scene.reference);
    let (mut least, mut arc, mut across) = ([f32::MAX; LANES], [0.0; LANES], [0.0; LANES]);
    for p in &reference.pieces {
        for l in 0..LANES {
            let (dx, dy) = (state.x[l] - p.x_m, state.y[l] - p.y_m);
            let way = clamp(dx * p.ux + dy * p.uy, 0.0, p.length_m);
            let (ex, ey) = (dx - way * p.ux, dy - way * p.uy);
            let sq = ex * ex + ey * ey;
            let turned = 1.0 - (p.ux * state.c[l] + p.uy * state.s[l]);
            let nearer = u32::from(sq < least[l]).wrapping_neg();
            least[l] = pick(nearer, sq, least[l]);
            arc[l] = pick(nearer, p.arc_m + way, arc[l]);
            across[l] = pick(nearer, turned, across[l]);
        }
    }
    let [goal_c, goal_s] = reference.goal.unwrap_or([0.0, 0.0]);
    let goal = if reference.goal.is_some() && last { weights.goal_heading } else { 0.0 };
    let left_weight = if last { weights.left } else { 0.0 };
    let per_within = 1.0 / weights.goal_within_m;
    for l in 0..LANES {
        let left = reference.length_m - arc[l];
        let to_stop = reference.beyond_m + left;
        let over = positive(state.v[l] * state.v[l] - 2.0 * m.decel_mps2 * to_stop);
        let near_goal = positive(1.0 - to_stop * per_within);
        let turned = 1.0 - (goal_c * state.c[l] + goal_s * state.s[l]);
        // Close to the goal its heading counts, not that of the way.
        path[l] += weights.align * least[l]
            + weights.heading * across[l] * (1.0 - near_goal)
            + weights.overspeed * over
            + left_weight * left
            + goal * near_goal * turned;
    }
}
