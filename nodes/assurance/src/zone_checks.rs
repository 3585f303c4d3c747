//! Rules about zones: whether a motion keeps out of them, keeps their speed and goes their way.

use crate::certificate::NearZone;
use crate::clearance::{FAR_M, UNCHANGED_M};
use crate::command_checks::{Bench, Purpose, ROUNDING};
use crate::monitor::{Part, Reading, Rule};
use crate::motion::MotionPoint;
use crate::zones::{Near as _, OneWay};
use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::polygon::Polygon;
use outrider_foundation::{Point2, Pose2, Twist2};
use std::f64::consts::PI;

/// Zones farther away than a motion leads, by this, are all the same, m.
const NEAR_M: f64 = 1.0;
/// To head for the nearest edge: so much of the way brings the base nearer to it. Within 45° of the shortest way.
const STRAIGHT_OUT: f64 = 0.7;

impl Bench<'_> {
    /// Distance to keep from exclusion zones, with what the position may be wrong by.
    pub fn zone_margin_m(&self) -> f64 {
        self.config.margins.zone_m + self.zone_doubt_m()
    }

    /// What the position may be wrong by.
    pub fn zone_doubt_m(&self) -> f64 {
        self.config.uncertainty.zone_sigma_gain * self.known.world.position_sigma_m
    }

    /// Distance of the outline from exclusion zones. Inside, or too near: the way out is open, the way in is not.
    ///
    /// On a way out, a robot that may be inside may also turn, which an outline on a boundary cannot do without swinging
    /// over it: only its base comes no nearer. Other zones are kept as always.
    ///
    /// With the zone that limits the motion, where the outline is outside of it.
    pub fn exclusion_zones(
        &self,
        motion: &[MotionPoint],
        map_from_base: Pose2,
        purpose: Purpose,
    ) -> (Reading, Option<NearZone<'_>>) {
        let footprint = &self.robot.footprint;
        let margin_m = self.zone_margin_m();
        let rule = Rule::ExclusionZones;
        let way_m =
            motion.iter().map(|m| m.pose.position().distance_m(Point2::default())).fold(0.0, f64::max);
        // What is farther away than the motion leads is not looked at closely.
        let far_m = way_m + margin_m + NEAR_M;
        let (mut worst, mut near) = (Reading::new(rule, far_m - margin_m, far_m, margin_m), None);
        for (index, (_, polygon)) in self.zones.exclusion.iter().enumerate() {
            let Some(first) = motion.first() else { continue };
            let start = map_from_base.then(first.pose);
            let now = polygon.nearness(footprint, start, far_m);
            if now.distance_m > far_m {
                continue;
            }
            let by_base = purpose == Purpose::WayOut && now.distance_m <= self.zone_doubt_m();
            let base_m = |at: Pose2| polygon.signed_distance_m(at.position()) - footprint.circumscribed_m();
            let now_m = if by_base { base_m(start) } else { now.distance_m };
            let required_m = margin_m.min(now_m - UNCHANGED_M);
            for at in motion {
                let pose = map_from_base.then(at.pose);
                let (value_m, deeper_m) = if by_base {
                    (base_m(pose), 0.0)
                } else {
                    let then = polygon.nearness(footprint, pose, FAR_M);
                    (then.distance_m, then.depth_m - now.depth_m)
                };
                // Turning farther in is as wrong as driving farther in: no corner goes in by more than the base comes out.
                let out_m = (value_m - now_m).max(0.0) + UNCHANGED_M;
                let robustness = (value_m - required_m).min(if deeper_m > out_m { -deeper_m } else { FAR_M });
                let reading = Reading::new(rule, robustness, value_m, required_m);
                if !reading.robustness.is_finite() {
                    return (reading.part(Part::Exclusion(index)), None);
                }
                if reading.robustness < worst.robustness {
                    worst = reading.part(Part::Exclusion(index));
                    let distance_m = value_m;
                    near = (!by_base).then_some(NearZone { polygon, map_from_base: pose, distance_m });
                }
            }
        }
        (worst, near)
    }

    /// Speed wherever the motion has the robot's base inside a zone: so it slows down before it enters.
    pub fn speed_zones(&self, twist: Twist2, motion: &[MotionPoint], map_from_base: Pose2) -> Reading {
        let limit_mps = self.envelope.v_max_mps;
        let rule = Rule::ZoneSpeed;
        let mut worst = Reading::new(rule, self.robot.limits.v_max_mps, 0.0, limit_mps);
        let tolerance_mps = self.config.margins.speed_tolerance_mps;
        for (index, (_, polygon, v_max_mps)) in self.zones.speed.iter().enumerate() {
            let inside = motion.iter().filter(|m| polygon.contains(map_from_base.apply(m.pose.position())));
            let Some(fastest_mps) = inside.map(|m| m.twist.v_mps.abs()).reduce(f64::max) else { continue };
            // The command itself has to keep the limit; what is measured has noise.
            let over_mps = (fastest_mps - tolerance_mps).max(twist.v_mps.abs() - ROUNDING);
            let reading = Reading::new(rule, v_max_mps - over_mps, over_mps, *v_max_mps);
            if !reading.robustness.is_finite() {
                return reading.part(Part::SpeedZone(index));
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::SpeedZone(index));
            }
        }
        worst
    }

    /// Direction of travel wherever the motion has the robot's base inside a zone: so it stops before it enters.
    pub fn direction_zones(&self, motion: &[MotionPoint], map_from_base: Pose2) -> Reading {
        let rule = Rule::DirectionZone;
        let mut worst = Reading::new(rule, PI, 0.0, PI);
        for (index, (_, polygon, one_way)) in self.zones.direction.iter().enumerate() {
            let Some(off_rad) = wrong_way_rad(motion, map_from_base, polygon, *one_way) else { continue };
            let limit_rad = one_way.tolerance_rad;
            let reading = Reading::new(rule, limit_rad - off_rad, off_rad, limit_rad);
            if !reading.robustness.is_finite() {
                return reading.part(Part::DirectionZone(index));
            }
            if reading.robustness < worst.robustness {
                worst = reading.part(Part::DirectionZone(index));
            }
        }
        worst
    }
}

/// Greatest angle between a motion's direction of travel and a zone's, wherever the base drives inside; `None` when it
/// never does, and where it heads straight out.
fn wrong_way_rad(
    motion: &[MotionPoint],
    map_from_base: Pose2,
    polygon: &Polygon,
    one_way: OneWay,
) -> Option<f64> {
    let mut places = motion.iter().map(|at| map_from_base.apply(at.pose.position()));
    let mut from = places.next()?;
    let start_m = polygon.signed_distance_m(from);
    let (mut from_m, mut travelled_m) = (start_m, 0.0);
    let mut worst_rad: Option<f64> = None;
    for to in places {
        let to_m = polygon.signed_distance_m(to);
        let way_m = from.distance_m(to);
        travelled_m += way_m;
        let leaves = start_m < 0.0 && to_m - start_m >= STRAIGHT_OUT * travelled_m;
        if way_m > UNCHANGED_M && from_m.min(to_m) < 0.0 && !leaves {
            let travel_rad = libm::atan2(to.y_m - from.y_m, to.x_m - from.x_m);
            let off_rad = wrap_angle(travel_rad - one_way.heading_rad).abs();
            worst_rad = Some(worst_rad.map_or(off_rad, |worst| worst.max(off_rad)));
        }
        (from, from_m) = (to, to_m);
    }
    worst_rad
}
