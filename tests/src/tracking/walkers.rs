//! How somebody in the hall moves: as people do, or exactly as the tracker believes that they do.

use outrider_foundation::rng::Rng;
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_world_model::tracks::MotionConfig;

/// From the middle to every wall, m.
pub const HALF_M: f64 = 8.0;
/// People change pace and turn rate by no more than this, m/s² and rad/s².
const PACE_MPS2: f64 = 1.5;
const TWIST_RADPS2: f64 = 4.0;
/// Steps within one picture's time, with which the stochastic equations are followed.
const FINE: u32 = 20;

/// Somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walker {
    /// Nobody else has this number, ever.
    pub number: u64,
    /// Where, m.
    pub position: Point2,
    /// How fast, m/s.
    pub velocity: Point2,
    gait: Gait,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gait {
    People {
        yaw_rad: f64,
        now: Twist2,
        aim: Twist2,
        /// Until this step.
        until: u64,
    },
    Model {
        way: Way,
        turn_radps: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Still,
    Straight,
    Turn,
}

impl Way {
    const ALL: [Self; 3] = [Self::Still, Self::Straight, Self::Turn];
}

fn somewhere(rng: &mut Rng) -> Point2 {
    let mut at = || (2.0 * rng.uniform() - 1.0) * (HALF_M - 1.0);
    Point2::new(at(), at())
}

impl Walker {
    /// Who stands somewhere and will walk as people do.
    pub fn person(number: u64, rng: &mut Rng) -> Self {
        let position = somewhere(rng);
        let yaw_rad = std::f64::consts::TAU * rng.uniform();
        let gait = Gait::People { yaw_rad, now: Twist2::ZERO, aim: Twist2::ZERO, until: 0 };
        Self { number, position, velocity: Point2::default(), gait }
    }

    /// Who moves as the tracker's three ways to move have it, and begins as one of them.
    pub fn model(number: u64, config: &MotionConfig, rng: &mut Rng) -> Self {
        let position = somewhere(rng);
        let sum: f64 = config.first.iter().sum();
        let mut left = rng.uniform() * sum;
        let mut way = Way::Turn;
        for (of, share) in Way::ALL.into_iter().zip(config.first) {
            if left < share {
                way = of;
                break;
            }
            left -= share;
        }
        let sigma = if way == Way::Still { config.still_speed_mps } else { config.first_speed_mps };
        let velocity = Point2::new(sigma * rng.normal(), sigma * rng.normal());
        let turn_radps = config.turn_rate_sigma_radps * rng.normal();
        Self { number, position, velocity, gait: Gait::Model { way, turn_radps } }
    }

    /// Whether the hall has been left.
    pub fn is_outside(&self) -> bool {
        self.position.x_m.abs().max(self.position.y_m.abs()) > HALF_M
    }

    /// Goes on for `dt_s`; it is step number `step`.
    pub fn go_on(&mut self, step: u64, dt_s: f64, config: &MotionConfig, rng: &mut Rng) {
        match self.gait {
            Gait::People { .. } => self.walk(step, dt_s, rng),
            Gait::Model { .. } => (0..FINE).for_each(|_| self.drift(dt_s / f64::from(FINE), config, rng)),
        }
    }

    fn walk(&mut self, step: u64, dt_s: f64, rng: &mut Rng) {
        let Gait::People { yaw_rad, now, aim, until } = &mut self.gait else { return };
        let pose = Pose2::new(self.position.x_m, self.position.y_m, *yaw_rad);
        let ahead = pose.advance(Twist2::new(1.2, 0.0), 1.0);
        let outside = ahead.x_m.abs().max(ahead.y_m.abs()) > HALF_M;
        if outside && now.v_mps > 0.0 {
            // A wall: turns away from it, towards the side of the middle.
            let side = libm::sin(libm::atan2(-pose.y_m, -pose.x_m) - *yaw_rad);
            *aim = Twist2::new(0.6, if side >= 0.0 { 1.8 } else { -1.8 });
            *until = step + 5;
        } else if step >= *until {
            let pace = 0.5 + rng.uniform();
            let turns = (0.4 + 0.8 * rng.uniform()) * if rng.uniform() < 0.5 { 1.0 } else { -1.0 };
            let (v, w, lasts_s) = match rng.uniform() {
                p if p < 0.25 => (0.0, 0.0, 3.0),
                p if p < 0.5 => (pace, turns, 1.5),
                _ => (pace, 0.0, 4.0),
            };
            *aim = Twist2::new(v, w);
            *until = step + (10.0 * lasts_s * (0.5 + rng.uniform())) as u64;
        }
        let towards = |from: f64, to: f64, rate: f64| from + (to - from).clamp(-rate * dt_s, rate * dt_s);
        *now = Twist2::new(
            towards(now.v_mps, aim.v_mps, PACE_MPS2),
            towards(now.w_radps, aim.w_radps, TWIST_RADPS2),
        );
        let pose = pose.advance(*now, dt_s);
        *yaw_rad = pose.yaw_rad;
        self.position = Point2::new(pose.x_m.clamp(-HALF_M, HALF_M), pose.y_m.clamp(-HALF_M, HALF_M));
        let (s, c) = libm::sincos(pose.yaw_rad);
        self.velocity = Point2::new(now.v_mps * c, now.v_mps * s);
    }

    /// One small step of the stochastic equations (Euler–Maruyama): not the transitions that the filter computes with.
    fn drift(&mut self, dt_s: f64, config: &MotionConfig, rng: &mut Rng) {
        let Gait::Model { way, turn_radps } = &mut self.gait else { return };
        let (chance, other) = (rng.uniform(), rng.uniform());
        let index = Way::ALL.iter().position(|w| w == way).unwrap_or_default();
        let dwell_s = config.dwell_s.get(index).copied().unwrap_or(f64::INFINITY);
        if chance < 1.0 - libm::exp(-dt_s / dwell_s) {
            let to = Way::ALL.get((index + 1 + usize::from(other < 0.5)) % 3).copied().unwrap_or(*way);
            if *way == Way::Still {
                let sigma = config.set_off_speed_mps;
                self.velocity.x_m += sigma * rng.normal();
                self.velocity.y_m += sigma * rng.normal();
            }
            *way = to;
        }
        let (nx, ny, nw) = (rng.normal(), rng.normal(), rng.normal());
        let (vx, vy) = (self.velocity.x_m, self.velocity.y_m);
        let forgets = dt_s / config.turn_forget_s;
        let known = config.turn_rate_sigma_radps * (2.0 * forgets).sqrt() * nw;
        let (ax, ay, sigma) = match way {
            Way::Still => {
                let rate = 1.0 / config.still_settle_s;
                *turn_radps += known - forgets * *turn_radps;
                (-rate * vx, -rate * vy, config.still_speed_mps * (2.0 * rate).sqrt())
            }
            Way::Straight => {
                *turn_radps += known - forgets * *turn_radps;
                (0.0, 0.0, config.acceleration_psd_m2ps3.sqrt())
            }
            Way::Turn => {
                let w = *turn_radps;
                *turn_radps += (config.turn_rate_psd_rad2ps3 * dt_s).sqrt() * nw;
                (-w * vy, w * vx, config.turn_acceleration_psd_m2ps3.sqrt())
            }
        };
        let (x, y) = (vx + ax * dt_s + sigma * dt_s.sqrt() * nx, vy + ay * dt_s + sigma * dt_s.sqrt() * ny);
        // The mean of both ends: turning keeps its radius.
        self.position.x_m += 0.5 * (vx + x) * dt_s;
        self.position.y_m += 0.5 * (vy + y) * dt_s;
        self.velocity = Point2::new(x, y);
    }
}
