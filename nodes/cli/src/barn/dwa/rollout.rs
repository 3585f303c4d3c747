//! Velocities that can be reached within a period, rolled out and scored, as `base_local_planner` does with `dwa: true`.

use super::costmap::{Costmap, HALF_LENGTH_M, HALF_WIDTH_M, LETHAL, RESOLUTION_M};
use outrider_foundation::grid::Cell;
use outrider_foundation::{Point2, Pose2, Twist2};
use std::collections::VecDeque;

/// `max_vel_x` and `min_vel_x`.
const V_MAX_MPS: f64 = 0.5;
const V_MIN_MPS: f64 = 0.1;
/// `max_vel_theta` and `min_in_place_vel_theta`.
const W_MAX_RADPS: f64 = 1.57;
const W_IN_PLACE_RADPS: f64 = 0.314;
/// `acc_lim_x` and `acc_lim_theta`.
const ACCEL_MPS2: f64 = 10.0;
const ALPHA_RADPS2: f64 = 20.0;
/// `escape_vel`.
const ESCAPE_MPS: f64 = -0.1;
/// `sim_time`, and the time of one step of it.
const SIM_S: f64 = 2.0;
const STEP_S: f64 = 0.05;
const PERIOD_S: f64 = 0.05;
/// `vx_samples` and `vtheta_samples`.
const V_SAMPLES: usize = 6;
const W_SAMPLES: usize = 20;
/// `pdist_scale`, `gdist_scale` and `occdist_scale`, with `meter_scoring`.
const PATH_SCALE: f64 = 0.75;
const GOAL_SCALE: f64 = 1.0;
const COST_SCALE: f64 = 0.1;
/// Half of the local costmap's edge: so far the path is looked at.
const WINDOW_M: f64 = 5.0;
/// No way leads from here.
const FAR: u32 = u32::MAX;

/// Distances of cells from the path and from its last point in the window.
pub struct Rollout {
    to_path: Vec<u32>,
    to_goal: Vec<u32>,
    /// Turning on the spot: which way, until it drives again.
    turning: f64,
}

impl Rollout {
    /// Without a path.
    pub fn new() -> Self {
        Self { to_path: vec![FAR; Costmap::cells()], to_goal: vec![FAR; Costmap::cells()], turning: 0.0 }
    }

    /// The best velocity along a path; `None` when all are in contact.
    pub fn choose(&mut self, map: &Costmap, path: &[Point2], pose: Pose2, now: Twist2) -> Option<Twist2> {
        let here = pose.position();
        let nearest = path
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| f64::total_cmp(&a.distance_m(here), &b.distance_m(here)))?;
        let inside = |p: &&Point2| (p.x_m - here.x_m).abs() < WINDOW_M && (p.y_m - here.y_m).abs() < WINDOW_M;
        let local: Vec<Point2> = path.get(nearest.0..)?.iter().take_while(inside).copied().collect();
        let last = *local.last()?;
        spread(map, here, &local, &mut self.to_path);
        spread(map, here, &[last], &mut self.to_goal);
        let (w_low, w_high) = window(now.w_radps, ALPHA_RADPS2, -W_MAX_RADPS, W_MAX_RADPS);
        let (v_low, v_high) = window(now.v_mps, ACCEL_MPS2, V_MIN_MPS, V_MAX_MPS);
        let mut best: Option<(f64, Twist2)> = None;
        let mut offer = |cost: Option<f64>, twist: Twist2| {
            if let Some(cost) = cost
                && best.is_none_or(|(least, _)| cost < least)
            {
                best = Some((cost, twist));
            }
        };
        for i in 0..V_SAMPLES {
            let v = v_low + (v_high - v_low) * i as f64 / (V_SAMPLES - 1) as f64;
            for k in 0..W_SAMPLES {
                let w = w_low + (w_high - w_low) * k as f64 / (W_SAMPLES - 1) as f64;
                let twist = Twist2::new(v, w);
                offer(self.cost(map, pose, twist), twist);
            }
            offer(self.cost(map, pose, Twist2::new(v, 0.0)), Twist2::new(v, 0.0));
        }
        let forward = best;
        let in_place = self.in_place(map, pose, &local);
        match (forward, in_place) {
            (Some((cost, twist)), Some((turn_cost, _))) if cost <= turn_cost => {
                self.turning = 0.0;
                Some(twist)
            }
            (_, Some((_, turn))) => {
                self.turning = turn.w_radps;
                Some(turn)
            }
            (Some((_, twist)), None) => Some(twist),
            (None, None) => {
                let back = Twist2::new(ESCAPE_MPS, 0.0);
                self.is_free(map, pose, back, 1.0).then_some(back)
            }
        }
    }

    /// The better turn on the spot: the one after which the robot looks along the path. One way at a time.
    fn in_place(&self, map: &Costmap, pose: Pose2, path: &[Point2]) -> Option<(f64, Twist2)> {
        let mut best: Option<(f64, Twist2)> = None;
        for k in 0..W_SAMPLES {
            let w = -W_MAX_RADPS + 2.0 * W_MAX_RADPS * k as f64 / (W_SAMPLES - 1) as f64;
            if w.abs() < W_IN_PLACE_RADPS || w * self.turning < 0.0 {
                continue;
            }
            let twist = Twist2::new(0.0, w);
            let Some(cost) = self.cost(map, pose, twist) else { continue };
            let end = end_of(pose, twist);
            let ahead = end.apply(Point2::new(HALF_LENGTH_M, 0.0));
            let off_m = path.iter().map(|p| p.distance_m(ahead)).fold(f64::INFINITY, f64::min);
            let total = cost + 1e-3 * off_m;
            if best.is_none_or(|(least, _)| total < least) {
                best = Some((total, twist));
            }
        }
        best
    }

    /// Cost of a velocity; `None` in contact.
    fn cost(&self, map: &Costmap, pose: Pose2, twist: Twist2) -> Option<f64> {
        let mut at = pose;
        let mut dearest = 0;
        for _ in 0..(SIM_S / STEP_S) as usize {
            at = at.advance(twist, STEP_S);
            dearest = dearest.max(footprint_cost(map, at)?);
        }
        // Looking a little ahead of the robot's centre, so that turning pays.
        let cell = Costmap::cell(at.position()).and_then(Costmap::index)?;
        let (to_path, to_goal) = (*self.to_path.get(cell)?, *self.to_goal.get(cell)?);
        if to_path == FAR || to_goal == FAR {
            return None;
        }
        let metres = |cells: u32| f64::from(cells) * RESOLUTION_M;
        Some(PATH_SCALE * metres(to_path) + GOAL_SCALE * metres(to_goal) + COST_SCALE * f64::from(dearest))
    }

    /// Whether a velocity can be had for so long without contact.
    pub fn is_free(&self, map: &Costmap, pose: Pose2, twist: Twist2, time_s: f64) -> bool {
        let mut at = pose;
        (0..(time_s / STEP_S) as usize).all(|_| {
            at = at.advance(twist, STEP_S);
            footprint_cost(map, at).is_some()
        })
    }
}

fn end_of(pose: Pose2, twist: Twist2) -> Pose2 {
    pose.advance(twist, SIM_S)
}

/// What can be reached within a period.
fn window(now: f64, rate: f64, low: f64, high: f64) -> (f64, f64) {
    let by = rate * PERIOD_S;
    let (from, to) = ((now - by).max(low), (now + by).min(high));
    (from.min(high), to.max(low))
}

/// The dearest cell under the outline and the centre; `None` where an obstacle is under the outline.
fn footprint_cost(map: &Costmap, pose: Pose2) -> Option<u8> {
    let mut dearest = map.cost_at(pose.position());
    let corners = [
        (HALF_LENGTH_M, HALF_WIDTH_M),
        (-HALF_LENGTH_M, HALF_WIDTH_M),
        (-HALF_LENGTH_M, -HALF_WIDTH_M),
        (HALF_LENGTH_M, -HALF_WIDTH_M),
    ];
    for ((ax, ay), (bx, by)) in corners.into_iter().zip(corners.into_iter().cycle().skip(1)) {
        let steps = (libm::hypot(bx - ax, by - ay) / RESOLUTION_M).ceil();
        for i in 0..steps as usize {
            let u = i as f64 / steps;
            let cost = map.cost_at(pose.apply(Point2::new(ax + u * (bx - ax), ay + u * (by - ay))));
            dearest = dearest.max(cost);
        }
    }
    (dearest < LETHAL).then_some(dearest)
}

/// Distances in cells from the nearest of some points, around obstacles, within the window.
fn spread(map: &Costmap, here: Point2, from: &[Point2], distance: &mut [u32]) {
    distance.fill(FAR);
    let mut queue = VecDeque::new();
    let index = |cell: Cell| Costmap::index(cell);
    for point in from {
        if let Some(i) = Costmap::cell(*point).and_then(index)
            && let Some(d) = distance.get_mut(i)
            && *d == FAR
        {
            *d = 0;
            queue.push_back(i);
        }
    }
    while let Some(i) = queue.pop_front() {
        let cell = Costmap::cell_at(i);
        let next = distance.get(i).copied().unwrap_or(FAR).saturating_add(1);
        for (dc, dr) in [(1, 0), (0, 1), (-1, 0), (0, -1)] {
            let to = Cell { col: cell.col + dc, row: cell.row + dr };
            let at = Costmap::centre(to);
            let near = (at.x_m - here.x_m).abs() < WINDOW_M && (at.y_m - here.y_m).abs() < WINDOW_M;
            if !near || map.cost(to) >= super::costmap::INSCRIBED {
                continue;
            }
            if let Some(d) = index(to).and_then(|i| distance.get_mut(i))
                && *d == FAR
            {
                *d = next;
                queue.extend(index(to));
            }
        }
    }
}
