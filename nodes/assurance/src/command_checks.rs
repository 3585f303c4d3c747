//! Rules about one command: whether the robot may do what is proposed.

use crate::Config;
use crate::bodies;
use crate::certificate::{Certificate, Certifier};
use crate::clearance::{self, Keep};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::{MotionPoint, Phase, is_zero, reckon};
use crate::reach;
use crate::rigid::Rigid;
use crate::sensing::Knowledge;
use crate::tail_shape;
use crate::tracks::{self, Met, TrackRules};
use crate::zones::ZoneMap;
use outrider_foundation::data::{Command, Envelope};
use outrider_foundation::{Now, Pose2, Robot, Span, Twist2};

/// Rounding of limits that were computed on the other side, in m/s and rad/s.
pub(crate) const ROUNDING: f64 = 1e-9;

/// What a motion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Ordinary,
    /// Out of where the robot may not be: stricter about what is near, see `zone_checks` for zones.
    WayOut,
}

/// What a command is judged against.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub now: Now,
    pub known: &'a Knowledge,
    pub config: &'a Config,
    pub robot: &'a Robot,
    pub certifier: &'a Certifier,
    pub zones: &'a ZoneMap,
    pub envelope: Envelope,
    /// What the gate published last, when that is known: the wheels go there first.
    pub published: Option<Twist2>,
}

impl Bench<'_> {
    /// The rules about a proposal of the planner: those about a motion, and those about what the message says.
    pub fn judge_proposal(&self, command: &Command) -> Vec<Reading> {
        let mut readings = self.judge_motion(command.twist);
        readings.push(self.age(command));
        readings.push(self.data_age(command));
        let measured = self.known.twist(self.config);
        if is_zero(command.twist) && is_zero(measured) {
            // At rest, and to stay so: there is no tail to speak of.
            readings.push(Reading::at_most(Rule::TailShape, 0.0, 1.0));
            return readings;
        }
        let shape = tail_shape::judge(&command.braking_tail, measured, &self.robot.limits, &self.config.tail);
        if shape.is_ok() {
            readings.push(self.tail_clearance(command));
        }
        readings.push(shape);
        readings
    }

    /// The rules about the motion that a velocity leads to.
    pub fn judge_motion(&self, twist: Twist2) -> Vec<Reading> {
        let hold_s = self.config.reaction_s(&self.robot.limits);
        self.judge_motion_as(twist, self.motion(twist, hold_s).as_deref(), Purpose::Ordinary)
    }

    /// The same, for a motion that has been reckoned; `None` for one that could not be.
    pub fn judge_motion_as(
        &self,
        twist: Twist2,
        motion: Option<&[MotionPoint]>,
        purpose: Purpose,
    ) -> Vec<Reading> {
        let mut readings = self.limits(twist);
        let keep = self.keep(purpose);
        let Some(motion) = motion else {
            readings.push(Reading::invalid(Rule::CommandClearance, f64::NAN, keep.margin_m));
            return readings;
        };
        let mut certificate = Certificate::default();
        readings.push(self.clear_of_points(motion, keep, &mut certificate));
        let Some(base_from_world) = self.known.base_from_world(self.now.ros) else {
            readings.push(Reading::invalid(Rule::Tracks, f64::NAN, self.config.tracks.margin_m));
            readings.push(certificate.reading());
            return readings;
        };
        let (tracks, met) = self.tracks(motion, base_from_world);
        readings.extend(tracks);
        certificate.add(met.map_or(0.0, |met| self.certifier.disc_off_m(&met)));
        if self.known.world.localised {
            let map_from_base = base_from_world.inverse();
            let (zones, near) = self.exclusion_zones(motion, map_from_base, purpose);
            readings.push(zones);
            certificate.add(near.map_or(0.0, |near| self.certifier.zone_off_m(&near)));
            readings.push(self.speed_zones(twist, motion, map_from_base));
            readings.push(self.direction_zones(motion, map_from_base));
        }
        readings.push(certificate.reading());
        readings
    }

    /// Against the raw scan, and whether parry3d says the same.
    fn clear_of_points(&self, motion: &[MotionPoint], keep: Keep, certificate: &mut Certificate) -> Reading {
        let rule = Rule::CommandClearance;
        let Some(points) = self.known.points_at(self.now.ros) else {
            return Reading::invalid(rule, f64::NAN, keep.margin_m);
        };
        let footprint = &self.robot.footprint;
        let cleared = clearance::judge(rule, motion, footprint, &points, keep);
        certificate.add(self.certifier.sweep_off_m(motion, &points, footprint, &cleared, self.turn()));
        cleared.reading
    }

    /// Another number every millisecond.
    fn turn(&self) -> u64 {
        self.now.ros.nanos().unsigned_abs() / 1_000_000
    }

    fn keep(&self, purpose: Purpose) -> Keep {
        let margins = &self.config.margins;
        match purpose {
            Purpose::Ordinary => Keep::for_commands(margins),
            // What is below the margin may not shrink at all.
            Purpose::WayOut => Keep { margin_m: margins.scan_m, floor_m: margins.scan_m, creep_m: 0.0 },
        }
    }

    fn limits(&self, twist: Twist2) -> Vec<Reading> {
        let e = &self.envelope;
        let v_limit = if twist.v_mps < 0.0 { -e.v_min_mps } else { e.v_max_mps };
        let within =
            |rule, value: f64, limit: f64| Reading::new(rule, limit + ROUNDING - value, value, limit);
        vec![
            within(Rule::Speed, twist.v_mps.abs(), v_limit),
            within(Rule::TurnRate, twist.w_radps.abs(), e.w_max_radps),
        ]
    }

    /// What the robot will do: what was published last for as long as the wheels need, the velocity for the rest of
    /// `hold_s`, then the gate's stop.
    pub fn motion(&self, twist: Twist2, hold_s: f64) -> Option<Vec<MotionPoint>> {
        let measured = self.known.twist(self.config);
        let limits = &self.robot.limits;
        let delay_s = limits.actuator_delay_s;
        let phases = [
            Phase { target: self.published.unwrap_or(measured), duration_s: delay_s },
            Phase { target: twist, duration_s: hold_s - delay_s },
        ];
        reckon(measured, &phases, limits)
    }

    fn age(&self, command: &Command) -> Reading {
        let age_s = self.now.ros.since(command.stamp).as_s();
        let limit_s = self.config.ages.command_s;
        if age_s < -self.config.future_tolerance_s {
            return Reading::invalid(Rule::CommandAge, age_s, limit_s).part(Part::Text("from the future"));
        }
        Reading::age(Rule::CommandAge, age_s, limit_s)
    }

    /// To stop needs no data.
    fn data_age(&self, command: &Command) -> Reading {
        let limit_s = self.config.ages.command_data_s;
        let age_s = self.now.ros.since(command.data_stamp).as_s();
        if is_zero(command.twist) {
            return Reading::at_most(Rule::CommandDataAge, 0.0, limit_s);
        }
        if age_s < -self.config.future_tolerance_s {
            return Reading::invalid(Rule::CommandDataAge, age_s, limit_s)
                .part(Part::Text("from the future"));
        }
        Reading::age(Rule::CommandDataAge, age_s, limit_s)
    }

    /// The planner's own tail against the raw scan. Its poses are relative to the base at the command's stamp.
    fn tail_clearance(&self, command: &Command) -> Reading {
        let rule = Rule::TailClearance;
        let keep = Keep::for_commands(&self.config.margins);
        let Some(points) = self.known.points_at(command.stamp) else {
            return Reading::invalid(rule, f64::NAN, keep.margin_m);
        };
        let tail: Vec<_> =
            command.braking_tail.iter().map(|p| MotionPoint::new(p.t_s, p.pose, p.twist)).collect();
        clearance::from_points(rule, &tail, &self.robot.footprint, &points, keep)
    }

    fn tracks(&self, motion: &[MotionPoint], base_from_tracks: Pose2) -> ([Reading; 2], Option<Met>) {
        let age_s = self.known.world_age_s(self.now);
        let (footprint, world) = (&self.robot.footprint, &self.known.world);
        let reaction_s = self.config.reaction_s(&self.robot.limits);
        let base_from_tracks = Rigid::new(base_from_tracks);
        let (config, bounds, paces) = (&self.config.tracks, world.bounds.as_slice(), world.paces.as_slice());
        let creep_m = self.config.margins.creep_m;
        let rules = TrackRules { config, bounds, paces, base_from_tracks, age_s, reaction_s, creep_m };
        let discs = tracks::judge(motion, footprint, &world.tracks, rules);
        let bodies = bodies::judge(motion, footprint, &world.tracks, rules);
        // What is no number comes first.
        let is_worse = bodies.0.robustness.is_nan() || bodies.0.robustness < discs.0.robustness;
        let (expected, met) = if is_worse { bodies } else { discs };
        ([expected, reach::judge(motion, footprint, &world.tracks, rules)], met)
    }
}

/// A planner counts its commands up, alone: another one is heard only after this one has been silent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlannerCount {
    newest: Option<(u64, u64)>,
    heard: Option<outrider_foundation::Instant>,
}

impl PlannerCount {
    /// Judges and takes note of a command.
    pub fn judge(&mut self, command: &Command, now: Now, silence: Span) -> Reading {
        let value = command.sequence as f64;
        let refuse =
            |limit: f64, text| Reading::new(Rule::CommandSequence, -1.0, value, limit).part(Part::Text(text));
        match self.newest {
            Some((boot, newest)) if boot == command.boot_id && command.sequence <= newest => {
                return refuse(newest as f64, "it did not increase");
            }
            Some((boot, newest)) if boot != command.boot_id && self.age_s(now) <= silence.as_s() => {
                return refuse(newest as f64, "a second planner proposes");
            }
            _ if command.sequence == 0 => return refuse(0.0, "it did not increase"),
            _ => {}
        }
        let last = self.newest.filter(|(boot, _)| *boot == command.boot_id).map_or(0, |(_, newest)| newest);
        self.newest = Some((command.boot_id, command.sequence));
        self.heard = Some(now.mono);
        let gained = command.sequence.saturating_sub(last) as f64;
        Reading::new(Rule::CommandSequence, gained, value, last as f64)
    }

    /// Time since the newest command arrived; NaN without any.
    pub fn age_s(&self, now: Now) -> f64 {
        self.heard.map_or(f64::NAN, |heard| now.mono.since(heard).as_s())
    }
}
