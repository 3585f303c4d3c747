//! Looks along the path: where it is blocked, and whom the robot would meet, so that it slows down in time.

use super::speed_zones::SpeedZones;
use crate::config::{FollowConfig, YieldConfig};
use crate::path::Path;
use crate::safety::{Blocker, Guard, Inflation, Moving};
use outrider_foundation::data::{TrackState, TrajectoryPoint};
use outrider_foundation::grid::CostGrid;
use outrider_foundation::robot::DriveLimits;
use outrider_foundation::zones::{ZoneError, Zones};
use outrider_foundation::{Footprint, Pose2, Twist2};

/// The path is looked at for obstacles at this spacing, m.
const SPACING_M: f64 = 0.1;
/// Shares of the wished speed that are tried, the fastest first.
const SHARES: [f64; 5] = [1.0, 0.75, 0.5, 0.25, 0.0];
/// Who stands nearer than the comfortable margin already, but no nearer than this, can be passed, at a creep: no way past him keeps the
/// margin. From who is nearer than this it has to go back first, m.
pub const BESIDE_M: f64 = 0.1;
/// Slower than this is standing, m/s.
const STANDS_MPS: f64 = 0.02;
/// Who is here within this closes in, s.
const CLOSING_IN_S: f64 = 1.5;
/// The most steps of a look ahead.
const STEP_LIMIT: usize = 200;

/// A limit on the speed and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedLimit {
    /// The limit.
    pub v_mps: f64,
    /// In a few words.
    pub reason: String,
    /// Where, or whom.
    pub blocker: Blocker,
}

/// Looks ahead.
#[derive(Clone, Debug)]
pub struct Outlook {
    yielding: YieldConfig,
    inflation: Inflation,
    footprint: Footprint,
    accel_mps2: f64,
    decel_mps2: f64,
    standoff_m: f64,
    zones: SpeedZones,
}

/// Where on a path the robot sets out from: the way along it, its pose, which may lie beside, and its speed.
#[derive(Clone, Copy)]
struct Start<'a> {
    path: &'a Path,
    from_m: f64,
    pose: Pose2,
    v_mps: f64,
}

/// One way of going on along the path.
struct Meeting {
    /// Least distance to a person's disc beyond the comfortable margin, m; negative is a conflict.
    least_m: f64,
    /// With whom.
    with: Option<usize>,
}

impl Outlook {
    /// For a robot with this outline and these limits.
    pub fn new(
        follow: &FollowConfig,
        yielding: &YieldConfig,
        unseen_growth_mps: f64,
        footprint: &Footprint,
        limits: &DriveLimits,
    ) -> Self {
        Self {
            inflation: Inflation {
                sigma_gain: yielding.sigma_gain,
                sigma_cap_m: yielding.sigma_cap_m,
                unseen_growth_mps,
            },
            yielding: yielding.clone(),
            footprint: footprint.clone(),
            accel_mps2: limits.accel_mps2,
            decel_mps2: limits.decel_mps2 * follow.decel_share,
            standoff_m: follow.blocked_standoff_m,
            zones: SpeedZones::default(),
        }
    }

    /// Keeps the speed limits of these zones, or this share of them.
    ///
    /// # Errors
    /// Names a zone that cannot be.
    pub fn set_zones(&mut self, zones: &Zones, share: f64) -> Result<(), ZoneError> {
        self.zones = SpeedZones::new(zones, share, self.decel_mps2)?;
        Ok(())
    }

    /// Where the robot has to be slow ahead.
    pub const fn zones(&self) -> &SpeedZones {
        &self.zones
    }

    /// The speed from which the robot can still stop comfortably before the first place where its path is blocked.
    pub fn blocked(
        &self,
        path: &Path,
        from_m: f64,
        v_mps: f64,
        grid: &CostGrid,
        guard: &Guard,
    ) -> Option<SpeedLimit> {
        let reach_m = v_mps * v_mps / (2.0 * self.decel_mps2) + self.standoff_m + 2.0 * SPACING_M;
        let count = ((reach_m / SPACING_M).ceil() as usize).min(STEP_LIMIT);
        for i in 1..=count {
            let way_m = i as f64 * SPACING_M;
            if from_m + way_m > path.length_m() {
                return None;
            }
            // Beyond the local grid nothing is known to be in the way.
            let pose = path.at(from_m + way_m);
            if guard.cover().clearance_m(grid, pose, 0.0).is_some_and(|clearance_m| clearance_m < 0.0) {
                let v_mps = (2.0 * self.decel_mps2 * (way_m - self.standoff_m).max(0.0)).sqrt();
                let reason = format!("path blocked in {way_m:.1} m");
                return Some(SpeedLimit { v_mps, reason, blocker: Blocker::place(pose.position()) });
            }
        }
        None
    }

    /// The highest share of `wish_mps` at which the robot, now at `pose` with `v_mps`, meets nobody along the path
    /// within the horizon, or comes no nearer to anybody than by standing still.
    pub fn give_way(
        &self,
        path: &Path,
        from_m: f64,
        pose: Pose2,
        v_mps: f64,
        wish_mps: f64,
        moving: &[Moving<'_>],
    ) -> Option<SpeedLimit> {
        let horizon_m = wish_mps.max(v_mps) * self.yielding.horizon_s + self.footprint.circumscribed_m();
        // Someone who stands is planned around; the noise of the velocity must not send him into the way.
        let standing_mps = self.yielding.standing_mps;
        let near = moving.iter().map(|m| Moving { still: m.stands(standing_mps), ..*m });
        let base_from_world = pose.inverse();
        let beside = |m: &Moving<'_>| {
            let gap_m = m.gap_m(&self.footprint, base_from_world);
            m.still && (BESIDE_M..self.yielding.comfort_margin_m).contains(&gap_m)
        };
        let near: Vec<Moving<'_>> =
            near.filter(|m| self.may_meet(m, pose, horizon_m) && !beside(m)).collect();
        if near.is_empty() {
            return None;
        }
        let start = Start { path, from_m, pose, v_mps };
        let meet = |target_mps, enough_m| self.meeting(start, target_mps, &near, enough_m);
        let full = meet(wish_mps, f64::NEG_INFINITY);
        if full.least_m >= 0.0 {
            return None;
        }
        let standing = meet(0.0, f64::NEG_INFINITY);
        let enough_m = standing.least_m.min(0.0);
        let is_enough = |share: &f64| meet(wish_mps * share, enough_m).least_m >= enough_m;
        let share = SHARES.into_iter().find(is_enough).unwrap_or(0.0);
        if share >= 1.0 {
            return None;
        }
        let whom = full.with.and_then(|i| near.get(i));
        let name = whom.map_or_else(String::new, Moving::name);
        let distance_m = whom.map_or(0.0, |m| m.track.position.distance_m(pose.position()));
        let reason = format!("giving way to {name} at {distance_m:.1} m");
        let blocker = whom.map_or_else(Blocker::default, Blocker::track);
        Some(SpeedLimit { v_mps: wish_mps * share, reason, blocker })
    }

    /// How fast the robot may be at `pose` while somebody is close, on whatever side: also when it leaves him behind. And beside what was
    /// left standing, from behind which somebody may step: the faster the farther off.
    pub fn close(&self, pose: Pose2, moving: &[Moving<'_>]) -> Option<SpeedLimit> {
        let base_from_world = pose.inverse();
        let &YieldConfig { close_gap_m, close_mps, beside_left_per_s, .. } = &self.yielding;
        let limit_mps = |m: &Moving<'_>| {
            let off_m = m.gap_m(&self.footprint, base_from_world) - close_gap_m;
            match m.track.state {
                TrackState::Standing => Some(close_mps + beside_left_per_s * off_m.max(0.0)),
                _ => (off_m <= 0.0).then_some(close_mps),
            }
        };
        let seen = moving.iter().filter(|m| m.is_seen()).filter_map(|m| Some((limit_mps(m)?, m)));
        let (v_mps, who) = seen.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let gap_m = who.gap_m(&self.footprint, base_from_world).max(0.0);
        Some(SpeedLimit {
            v_mps,
            reason: format!("{} beside at {gap_m:.1} m", who.name()),
            blocker: Blocker::track(who),
        })
    }

    /// Who walks or drives into the robot at `pose` within [`CLOSING_IN_S`]: it does not begin to turn before his feet. Who is no
    /// longer seen does not count.
    pub fn closing_in(&self, pose: Pose2, moving: &[Moving<'_>]) -> Option<SpeedLimit> {
        let steps = (CLOSING_IN_S / self.yielding.step_s).ceil() as usize;
        let seen_moving = |m: &Moving<'_>| m.is_seen() && !m.stands(self.yielding.standing_mps);
        let touches = |m: &&Moving<'_>| {
            seen_moving(m)
                && (1..=steps.min(STEP_LIMIT)).any(|i| {
                    let t_s = i as f64 * self.yielding.step_s;
                    m.clearance_m(&self.footprint, pose, t_s, &self.inflation) < 0.0
                })
        };
        let who = moving.iter().find(touches)?;
        let distance_m = who.track.position.distance_m(pose.position());
        let reason = format!("standing still: {} closes in at {distance_m:.1} m", who.name());
        Some(SpeedLimit { v_mps: 0.0, reason, blocker: Blocker::track(who) })
    }

    /// It can come near within the horizon at all.
    fn may_meet(&self, moving: &Moving<'_>, pose: Pose2, horizon_m: f64) -> bool {
        let horizon_s = self.yielding.horizon_s + self.yielding.passing_gap_s;
        let (centre, radius_m) = moving.disc_at(horizon_s, &self.inflation);
        let gap = |distance_m: f64| distance_m - radius_m - self.yielding.comfort_margin_m;
        let now_m = gap(moving.track.position.distance_m(pose.position()));
        let then_m = gap(centre.distance_m(pose.position()));
        // It may pass the robot in between.
        let travel_m = centre.distance_m(moving.track.position);
        now_m.min(then_m) - 0.5 * travel_m < horizon_m
    }

    /// What happens when the robot goes on along the path, changing its speed comfortably to `target_mps`: as far as it keeps
    /// `enough_m` of the room that is wanted.
    fn meeting(&self, start: Start<'_>, target_mps: f64, near: &[Moving<'_>], enough_m: f64) -> Meeting {
        let mut meeting = Meeting { least_m: f64::INFINITY, with: None };
        // Whoever passes in front of somebody has to be gone for a while before he comes: a robot that has to brake on the
        // way would otherwise come to rest right before his feet. A robot at rest is in nobody's front.
        let gap_s = self.yielding.passing_gap_s;
        let passing = [0.0, 0.5 * gap_s, gap_s];
        self.roll(start, target_mps, |t_s, pose, v| {
            let later = if v > STANDS_MPS { passing.as_slice() } else { &[0.0] };
            for (i, moving) in near.iter().enumerate() {
                for gap_s in later {
                    let clearance_m = moving.clearance_m(&self.footprint, pose, t_s + gap_s, &self.inflation);
                    let beyond_m = clearance_m - self.yielding.comfort_margin_m;
                    if beyond_m < meeting.least_m {
                        meeting = Meeting { least_m: beyond_m, with: Some(i) };
                    }
                }
            }
            meeting.least_m >= enough_m
        });
        meeting
    }

    /// Visits time, pose and speed along the path, from one step ahead up to the horizon or until it is told no.
    fn roll(&self, start: Start<'_>, target_mps: f64, mut visit: impl FnMut(f64, Pose2, f64) -> bool) {
        let Start { path, from_m, pose, v_mps } = start;
        let dt_s = self.yielding.step_s;
        let steps = ((self.yielding.horizon_s / dt_s).ceil() as usize).min(STEP_LIMIT);
        let (mut v, mut way_m) = (v_mps.max(0.0), 0.0);
        for i in 1..=steps {
            let next = v + (target_mps - v).clamp(-self.decel_mps2 * dt_s, self.accel_mps2 * dt_s);
            way_m += 0.5 * (v + next) * dt_s;
            v = next;
            let arc_m = (from_m + way_m).min(path.length_m());
            // Until it moves it stands where it is, which is a little beside the path.
            let at = if way_m < 1e-3 { pose } else { path.at(arc_m) };
            if !visit(i as f64 * dt_s, at, v) {
                return;
            }
        }
    }

    /// The way along the path at a speed, as a trajectory relative to the base at `pose`.
    pub fn trajectory(
        &self,
        path: &Path,
        from_m: f64,
        pose: Pose2,
        present: Twist2,
        v_mps: f64,
    ) -> Vec<TrajectoryPoint> {
        let base_from_world = pose.inverse();
        let mut points = vec![TrajectoryPoint { t_s: 0.0, pose: Pose2::IDENTITY, twist: present }];
        let start = Start { path, from_m, pose, v_mps: present.v_mps };
        self.roll(start, v_mps, |t_s, at, v| {
            let twist = Twist2::new(v, 0.0);
            points.push(TrajectoryPoint { t_s, pose: base_from_world.then(at), twist });
            true
        });
        let turns: Vec<f64> = points
            .windows(2)
            .map(|pair| match pair {
                [a, b] if b.t_s > a.t_s => {
                    outrider_foundation::geometry::wrap_angle(b.pose.yaw_rad - a.pose.yaw_rad)
                        / (b.t_s - a.t_s)
                }
                _ => 0.0,
            })
            .collect();
        for (point, w_radps) in points.iter_mut().skip(1).zip(turns) {
            point.twist.w_radps = w_radps;
        }
        points
    }
}
