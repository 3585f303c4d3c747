//! Velocities rolled out and scored, as `base_local_planner`'s `TrajectoryPlannerROS` does with `dwa: true`.

use super::costmap::{Costmap, RESOLUTION_M};
use super::field::{Field, Window};
use super::outline;
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::grid::{COST_LETHAL, Cell};
use outrider_foundation::{Point2, Pose2, Twist2};

/// `max_vel_x` and `min_vel_x`.
const V_MAX_MPS: f64 = 0.5;
const V_MIN_MPS: f64 = 0.1;
/// `max_vel_theta`, `min_vel_theta` its opposite, and `min_in_place_vel_theta`.
pub const W_MAX_RADPS: f64 = 1.57;
pub const W_IN_PLACE_RADPS: f64 = 0.314;
/// `acc_lim_x` and `acc_lim_theta`.
const ACCEL_MPS2: f64 = 10.0;
pub const ALPHA_RADPS2: f64 = 20.0;
/// `escape_vel`.
const ESCAPE_MPS: f64 = -0.5;
/// `sim_time`, `sim_granularity` and `angular_sim_granularity`.
const SIM_S: f64 = 2.0;
const STEP_M: f64 = 0.02;
const STEP_RAD: f64 = 0.02;
/// `1 / controller_frequency`.
const PERIOD_S: f64 = 0.05;
/// `vx_samples` and `vtheta_samples`.
const V_SAMPLES: usize = 6;
const W_SAMPLES: usize = 20;
/// `pdist_scale`, `gdist_scale` and `occdist_scale`.
const PATH_SCALE: f64 = 0.75;
const GOAL_SCALE: f64 = 1.0;
const COST_SCALE: f64 = 0.1;
/// What one step counts, in the unit of the first two scales: the resolution, as the challenge sets `meter_scoring: true`. The member that
/// says so is never initialised in `TrajectoryPlanner`, whose configuration at start-up reads it, so that cells cannot be ruled out by
/// reading; the times of the published runs do (docs/barn.md).
const STEP_SCORE: f64 = RESOLUTION_M;
/// `heading_lookahead`.
const LOOKAHEAD_M: f64 = 0.325;
/// `oscillation_reset_dist`, `escape_reset_dist`, `escape_reset_theta`.
const OSCILLATION_RESET_M: f64 = 0.05;
const ESCAPE_RESET_M: f64 = 0.1;
const ESCAPE_RESET_RAD: f64 = 0.1;
/// Half of the local costmap's edge: so far the path is looked at.
const LOCAL_M: f64 = 5.0;
/// Of the path, what comes before the first point so near is behind the robot.
const PRUNE_M: f64 = 1.0;

/// What became of a velocity.
enum Rolled {
    /// Its cost, and where it ends.
    Free(f64, Pose2),
    /// The outline meets an obstacle.
    Contact,
    /// The centre comes to where no way leads to the path or the goal.
    NoWay,
}

/// A velocity that can be had.
#[derive(Clone, Copy)]
struct Candidate {
    cost: f64,
    twist: Twist2,
}

/// Turns on the spot that were taken since the robot last got on, to one side each.
#[derive(Clone, Copy, Default)]
struct Turns {
    taken: bool,
    /// Taken twice: no turn to the other side.
    decided: bool,
}

/// The local planner.
pub struct Rollout {
    to_path: Field,
    to_goal: Field,
    left: Turns,
    right: Turns,
    turned_at: Point2,
    /// Where it began to back out; it drives no further forward until it has moved from there.
    escape: Option<Pose2>,
    escapes: u32,
}

impl Rollout {
    /// Without a path.
    pub fn new() -> Self {
        Self {
            to_path: Field::new(),
            to_goal: Field::new(),
            left: Turns::default(),
            right: Turns::default(),
            turned_at: Point2::default(),
            escape: None,
            escapes: 0,
        }
    }

    /// Times that it began to back out.
    pub fn escapes(&self) -> u32 {
        self.escapes
    }

    /// The best velocity along a path; `None` when there is none.
    pub fn choose(&mut self, map: &Costmap, path: &[Point2], pose: Pose2, now: Twist2) -> Option<Twist2> {
        let here = pose.position();
        let local = local_part(path, here);
        let last = *local.last()?;
        let window = Window::about(Costmap::cell(here));
        let own = outline::filled(pose);
        let targets: Vec<Cell> =
            local.iter().map(|p| Costmap::cell(*p)).take_while(|cell| window.holds(*cell)).collect();
        self.to_path.spread(map, window, &own, targets.iter().copied());
        // Only the steps to the path pass under the footprint; `TrajectoryPlanner` marks its cells in that map alone.
        self.to_goal.spread(map, window, &[], targets.last().copied().into_iter());
        let (w_low, w_high) = (
            (now.w_radps - ALPHA_RADPS2 * PERIOD_S).max(-W_MAX_RADPS),
            (now.w_radps + ALPHA_RADPS2 * PERIOD_S).min(W_MAX_RADPS),
        );
        let w_step = (w_high - w_low) / (W_SAMPLES - 1) as f64;
        let mut best = None;
        if self.escape.is_none() {
            let v_most = V_MAX_MPS.min(last.distance_m(here) / SIM_S);
            best = self.forward(map, pose, now, v_most, (w_low, w_step));
        }
        best = self.in_place(map, pose, now, (w_low, w_step), best);
        let chosen = match best {
            Some(candidate) => {
                self.note(candidate.twist, here);
                Some(candidate.twist)
            }
            None => self.back_out(map, pose, now),
        };
        if self.turned_at.distance_m(here) > OSCILLATION_RESET_M {
            (self.left, self.right) = (Turns::default(), Turns::default());
        }
        let away = |from: &Pose2| {
            from.position().distance_m(here) > ESCAPE_RESET_M
                || wrap_angle(pose.yaw_rad - from.yaw_rad).abs() > ESCAPE_RESET_RAD
        };
        if self.escape.as_ref().is_some_and(away) {
            self.escape = None;
        }
        chosen
    }

    /// Forward, straight and in bends.
    fn forward(
        &self,
        map: &Costmap,
        pose: Pose2,
        now: Twist2,
        v_most: f64,
        (w_low, w_step): (f64, f64),
    ) -> Option<Candidate> {
        let v_high = v_most.min(now.v_mps + ACCEL_MPS2 * PERIOD_S).max(V_MIN_MPS);
        let v_low = V_MIN_MPS.max(now.v_mps - ACCEL_MPS2 * PERIOD_S);
        let v_step = (v_high - v_low) / (V_SAMPLES - 1) as f64;
        let mut best: Option<Candidate> = None;
        for i in 0..V_SAMPLES {
            let v = v_low + v_step * i as f64;
            let bends = (0..W_SAMPLES - 1).map(|k| w_low + w_step * k as f64);
            for w in std::iter::once(0.0).chain(bends) {
                let twist = Twist2::new(v, w);
                if let Rolled::Free(cost, _) = self.roll(map, pose, now, twist)
                    && best.is_none_or(|b| cost < b.cost)
                {
                    best = Some(Candidate { cost, twist });
                }
            }
        }
        best
    }

    /// Turns on the spot, where they cost no more than `best`: the one that looks to where the goal is nearest.
    fn in_place(
        &self,
        map: &Costmap,
        pose: Pose2,
        now: Twist2,
        (w_low, w_step): (f64, f64),
        mut best: Option<Candidate>,
    ) -> Option<Candidate> {
        let mut nearest = u32::MAX;
        for k in 0..W_SAMPLES {
            let sample = w_low + w_step * k as f64;
            let w = if sample > 0.0 { sample.max(W_IN_PLACE_RADPS) } else { sample.min(-W_IN_PLACE_RADPS) };
            let barred = if sample < 0.0 { self.left.decided } else { self.right.decided };
            if sample.abs() <= w_step || barred {
                continue;
            }
            let twist = Twist2::new(0.0, w);
            let Rolled::Free(cost, end) = self.roll(map, pose, now, twist) else { continue };
            let ahead = self.to_goal.steps(Costmap::cell(end.apply(Point2::new(LOOKAHEAD_M, 0.0))));
            if best.is_none_or(|b| cost <= b.cost) && ahead < nearest {
                best = Some(Candidate { cost, twist });
                nearest = ahead;
            }
        }
        best
    }

    /// Keeps in mind to which side it turns.
    fn note(&mut self, twist: Twist2, here: Point2) {
        if twist.v_mps > 0.0 {
            return;
        }
        let turns = if twist.w_radps > 0.0 { &mut self.left } else { &mut self.right };
        turns.decided |= turns.taken;
        turns.taken = true;
        self.turned_at = here;
    }

    /// Straight back, even into what may be there; not when it leads to where no way is known.
    fn back_out(&mut self, map: &Costmap, pose: Pose2, now: Twist2) -> Option<Twist2> {
        let twist = Twist2::new(ESCAPE_MPS, 0.0);
        if matches!(self.roll(map, pose, now, twist), Rolled::NoWay) {
            return None;
        }
        if self.escape.is_none() {
            self.escape = Some(pose);
            self.escapes += 1;
        }
        Some(twist)
    }

    /// Rolls a velocity out: the dearest cell on the way, and steps to path and goal at its end.
    fn roll(&self, map: &Costmap, pose: Pose2, now: Twist2, wanted: Twist2) -> Rolled {
        let (by_way, by_turn) = (wanted.v_mps.abs() * SIM_S / STEP_M, wanted.w_radps.abs() / STEP_RAD);
        let count = ((by_way.max(by_turn) + 0.5) as usize).max(1);
        let step_s = SIM_S / count as f64;
        let (mut at, mut speed) = (pose, now);
        let (mut end, mut dearest, mut score) = (pose, 0, 0.0);
        for _ in 0..count {
            let Some(cost) = under(map, at) else { return Rolled::Contact };
            let cell = Costmap::cell(at.position());
            let (Some(to_path), Some(to_goal)) = (self.to_path.way(cell), self.to_goal.way(cell)) else {
                return Rolled::NoWay;
            };
            dearest = dearest.max(cost);
            score = STEP_SCORE * (PATH_SCALE * f64::from(to_path) + GOAL_SCALE * f64::from(to_goal));
            end = at;
            speed.v_mps = towards(wanted.v_mps, speed.v_mps, ACCEL_MPS2 * step_s);
            speed.w_radps = towards(wanted.w_radps, speed.w_radps, ALPHA_RADPS2 * step_s);
            let (s, c) = libm::sincos(at.yaw_rad);
            at.x_m += speed.v_mps * c * step_s;
            at.y_m += speed.v_mps * s * step_s;
            at.yaw_rad += speed.w_radps * step_s;
        }
        Rolled::Free(score + COST_SCALE * f64::from(dearest), end)
    }
}

/// The dearest cell under the outline and the centre; `None` where an obstacle is under the outline.
pub fn under(map: &Costmap, pose: Pose2) -> Option<u8> {
    let mut dearest = map.cost(Costmap::cell(pose.position()));
    for cell in outline::edges(pose) {
        let cost = map.cost(cell);
        if cost >= COST_LETHAL {
            return None;
        }
        dearest = dearest.max(cost);
    }
    Some(dearest)
}

fn towards(wanted: f64, now: f64, by: f64) -> f64 {
    if wanted >= now { wanted.min(now + by) } else { wanted.max(now - by) }
}

/// The part of a path from where the robot is to where it leaves the circle that is looked at.
fn local_part(path: &[Point2], here: Point2) -> &[Point2] {
    let within = |by: f64| move |p: &Point2| p.distance_m(here) <= by;
    let from = path.iter().position(within(LOCAL_M)).unwrap_or(path.len());
    let seen = path.get(from..).unwrap_or_default();
    // The first point beyond the circle is taken along.
    let count = seen.iter().position(|p| !within(LOCAL_M)(p)).map_or(seen.len(), |i| i + 1);
    let seen = seen.get(..count).unwrap_or_default();
    let behind = seen.iter().position(|p| p.distance_m(here) < PRUNE_M).unwrap_or(seen.len());
    seen.get(behind..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::grid::COST_INSCRIBED;

    const HERE: Pose2 = Pose2 { x_m: 0.001, y_m: 0.001, yaw_rad: 0.0 };

    fn straight(from_m: f64, to_m: f64) -> Vec<Point2> {
        let count = ((to_m - from_m) / 0.05).round() as usize;
        (0..=count).map(|i| Point2::new(from_m + 0.05 * i as f64, 0.001)).collect()
    }

    fn rolled(twist: Twist2, now: Twist2) -> Rolled {
        let map = Costmap::new();
        let mut rollout = Rollout::new();
        let window = Window::about(Costmap::cell(HERE.position()));
        let goal = Costmap::cell(Point2::new(4.0, 0.001));
        rollout.to_path.spread(&map, window, &[], [goal].into_iter());
        rollout.to_goal.spread(&map, window, &[], [goal].into_iter());
        rollout.roll(&map, HERE, now, twist)
    }

    fn end(twist: Twist2, now: Twist2) -> Pose2 {
        match rolled(twist, now) {
            Rolled::Free(_, end) => end,
            _ => panic!("not free"),
        }
    }

    #[test]
    fn speeds_change_with_the_acceleration_limits() {
        // 50 steps of 0.04 s, in which 10 m/s² give 0.4 m/s; the last pose that is scored is the one before the last step.
        let forward = end(Twist2::new(0.5, 0.0), Twist2::ZERO);
        assert!((forward.x_m - HERE.x_m - 0.04 * (0.4 + 48.0 * 0.5)).abs() < 1e-9, "{forward:?}");
        let moving = end(Twist2::new(0.5, 0.0), Twist2::new(0.5, 0.0));
        assert!((moving.x_m - HERE.x_m - 0.04 * 49.0 * 0.5).abs() < 1e-9, "{moving:?}");
        // 79 steps of 2/79 s, in which 20 rad/s² give 40/79 rad/s.
        let turn = end(Twist2::new(0.0, 1.57), Twist2::ZERO);
        let expected = 2.0 / 79.0 * ((1.0 + 2.0 + 3.0) * 40.0 / 79.0 + 75.0 * 1.57);
        assert!((turn.yaw_rad - expected).abs() < 1e-9 && turn.x_m == HERE.x_m, "{turn:?}");
    }

    #[test]
    fn a_velocity_costs_the_steps_from_its_end() {
        let Rolled::Free(cost, end) = rolled(Twist2::new(0.5, 0.0), Twist2::ZERO) else { panic!("not free") };
        let steps = Costmap::cell(Point2::new(4.0, 0.0)).col - Costmap::cell(end.position()).col;
        let metres = 0.05 * f64::from(steps);
        assert!((cost - (PATH_SCALE + GOAL_SCALE) * metres).abs() < 1e-9, "{cost} {metres}");
    }

    #[test]
    fn it_drives_along_the_path_and_slower_near_its_end() {
        let map = Costmap::new();
        let choose = |to_m: f64| Rollout::new().choose(&map, &straight(0.0, to_m), HERE, Twist2::ZERO);
        assert_eq!(choose(4.0), Some(Twist2::new(0.5, 0.0)));
        let near = choose(0.6).unwrap();
        // The end is 0.599 m away, and reached in the 2 s that are looked ahead.
        assert!((near.v_mps - 0.2995).abs() < 1e-9, "{near:?}");
    }

    #[test]
    fn in_contact_it_backs_out_and_drives_forward_only_when_it_has_moved() {
        let mut rollout = Rollout::new();
        let touching = Costmap::with_obstacles(&[Point2::new(0.301, 0.261)]);
        assert!(under(&touching, HERE).is_none());
        let path = straight(0.0, 4.0);
        let escape = rollout.choose(&touching, &path, HERE, Twist2::ZERO);
        assert_eq!((escape, rollout.escapes()), (Some(Twist2::new(ESCAPE_MPS, 0.0)), 1));
        let free = Costmap::new();
        let mut speed = |x_m: f64| {
            let pose = Pose2 { x_m, ..HERE };
            rollout.choose(&free, &path, pose, Twist2::ZERO).map(|twist| twist.v_mps)
        };
        assert_eq!([speed(0.001), speed(-0.101), speed(-0.101)], [Some(0.0), Some(0.0), Some(0.5)]);
    }

    #[test]
    fn under_the_footprint_there_is_a_way_to_the_path_but_none_to_the_goal() {
        // Inside the outline, five cells from the centre: the outline is free, the centre's own cell inscribed.
        let map = Costmap::with_obstacles(&[Point2::new(0.151, 0.201)]);
        assert_eq!(under(&map, HERE), Some(COST_INSCRIBED));
        assert_eq!(Rollout::new().choose(&map, &straight(0.0, 4.0), HERE, Twist2::ZERO), None);
    }

    #[test]
    fn the_path_is_looked_at_from_one_metre_behind_to_just_beyond_five() {
        let path = straight(-3.0, 8.0);
        let local = local_part(&path, HERE.position());
        let (first, last) = (local[0].x_m, local[local.len() - 1].x_m);
        assert!(first > -1.0 && first < -0.94, "{first}");
        assert!(last > 5.0 && last < 5.06, "{last}");
    }
}
