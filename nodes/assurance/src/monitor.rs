//! The rules, and what became of each.

use crate::Config;
use crate::properties::Properties;
use outrider_foundation::data::{MonitorReading, Verdict};
use outrider_stl::{NodeId, Severity};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concern {
    /// The robot itself: not satisfied means a stop.
    Stop,
    /// Something to go slower for.
    Degrade,
    /// One command: not satisfied means that this command is refused.
    Command,
    /// Nothing but what is reported.
    Report,
}

/// A property of the specification files, by its place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub index: u8,
    pub severity: Severity,
}

/// Every rule that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    ScanAge,
    ScanCoverage,
    OdometryAge,
    WorldModelAge,
    MeasuredSpeed,
    MeasuredTurnRate,
    StoppingDistance,
    Contact,
    Localised,
    DetectionsAge,
    ChallengeAge,
    CommandAge,
    CommandDataAge,
    CommandSequence,
    Speed,
    TurnRate,
    CommandClearance,
    Certificate,
    TailShape,
    TailClearance,
    Tracks,
    Reach,
    ExclusionZones,
    ZoneSpeed,
    DirectionZone,
    Property(Property),
}

impl Rule {
    /// All but the properties of specification files.
    const BUILT_IN: [Self; 25] = [
        Self::ScanAge,
        Self::ScanCoverage,
        Self::OdometryAge,
        Self::WorldModelAge,
        Self::MeasuredSpeed,
        Self::MeasuredTurnRate,
        Self::StoppingDistance,
        Self::Contact,
        Self::Localised,
        Self::DetectionsAge,
        Self::ChallengeAge,
        Self::CommandAge,
        Self::CommandDataAge,
        Self::CommandSequence,
        Self::Speed,
        Self::TurnRate,
        Self::CommandClearance,
        Self::Certificate,
        Self::TailShape,
        Self::TailClearance,
        Self::Tracks,
        Self::Reach,
        Self::ExclusionZones,
        Self::ZoneSpeed,
        Self::DirectionZone,
    ];

    /// Names of all but the properties.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::BUILT_IN.into_iter().map(|rule| rule.built_in().0)
    }

    /// Name, unit, and what would clear it, for a person.
    pub fn facts(self, properties: &Properties) -> (&str, &str, &str) {
        match self {
            Self::Property(property) => properties.facts(property),
            _ => self.built_in(),
        }
    }

    /// Either right or wrong: it has no margin that others could be compared with.
    pub const fn is_logical(self) -> bool {
        matches!(self, Self::Localised | Self::CommandSequence | Self::Certificate | Self::TailShape)
    }

    pub const fn concern(self, config: &Config) -> Concern {
        match self {
            Self::Localised if config.localisation_required => Concern::Stop,
            Self::ScanAge
            | Self::ScanCoverage
            | Self::OdometryAge
            | Self::WorldModelAge
            | Self::MeasuredSpeed
            | Self::MeasuredTurnRate
            | Self::StoppingDistance
            | Self::Contact => Concern::Stop,
            Self::Localised | Self::DetectionsAge => Concern::Degrade,
            Self::Property(property) => match property.severity {
                Severity::Stop => Concern::Stop,
                Severity::Slow => Concern::Degrade,
                Severity::Warn => Concern::Report,
            },
            _ => Concern::Command,
        }
    }

    const fn built_in(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ScanAge => ("scan_age", "s", "scans arrive in time again"),
            Self::ScanCoverage => ("scan_coverage", "rad", "the scan has no gap any more"),
            Self::OdometryAge => ("odometry_age", "s", "odometry arrives in time again"),
            Self::WorldModelAge => ("world_model_age", "s", "world models arrive in time again"),
            Self::MeasuredSpeed => ("measured_speed", "m/s", "the robot is within the drive's limits again"),
            Self::MeasuredTurnRate => {
                ("measured_turn_rate", "rad/s", "the robot is within the drive's limits again")
            }
            Self::StoppingDistance => {
                ("stopping_distance", "m", "the robot can stop before what is in its way")
            }
            Self::Contact => ("contact", "beams", "nothing touches the robot, and the gate is reset"),
            Self::Localised => ("localised", "", "the world model has a pose in the map"),
            Self::DetectionsAge => ("detections_age", "s", "detections arrive in time again"),
            Self::ChallengeAge => ("challenge_age", "s", "the gate's challenges arrive"),
            Self::CommandAge => ("command_age", "s", "the planner's commands arrive in time"),
            Self::CommandDataAge => ("command_data_age", "s", "commands rest on fresh sensor data"),
            Self::CommandSequence => ("command_sequence", "", "one planner alone counts its commands up"),
            Self::Speed => ("speed", "m/s", "the proposed speed is within the limit"),
            Self::TurnRate => ("turn_rate", "rad/s", "the proposed turn rate is within the limit"),
            Self::CommandClearance => {
                ("command_clearance", "m", "the proposed motion can be stopped before what the scan shows")
            }
            Self::Certificate => {
                ("certificate", "m", "two ways to reckon the distances of the proposed motion agree again")
            }
            Self::TailShape => {
                ("tail_shape", "", "the proposed braking tail is one that the robot can follow")
            }
            Self::TailClearance => {
                ("tail_clearance", "m", "the proposed braking tail is free of scan points")
            }
            Self::Tracks => ("tracks", "m", "the proposed motion keeps clear of moving objects"),
            Self::Reach => ("reach", "m", "the robot would stand before anybody near can be in its way"),
            Self::ExclusionZones => {
                ("exclusion_zones", "m", "the proposed motion keeps out of exclusion zones")
            }
            Self::ZoneSpeed => ("zone_speed", "m/s", "the proposed motion keeps the zone's speed"),
            Self::DirectionZone => {
                ("direction_zone", "rad", "the proposed motion goes the zone's way, or straight out of it")
            }
            Self::Property(_) => ("property", "", ""),
        }
    }
}

/// Which part of a rule was decisive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    None,
    Text(&'static str),
    Track(u64),
    /// By index into the exclusion zones.
    Exclusion(usize),
    /// By index into the speed zones.
    SpeedZone(usize),
    /// By index into the direction zones.
    DirectionZone(usize),
    /// The subformula of a property that decided, and why it cannot be judged if it cannot.
    Formula(NodeId, &'static str),
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    pub rule: Rule,
    pub verdict: Verdict,
    /// Distance to violation, positive when satisfied; finite when the verdict is Ok or Violated, else NaN.
    pub robustness: f64,
    pub value: f64,
    pub limit: f64,
    /// How much is much: what makes robustnesses of different units comparable.
    pub scale: f64,
    pub part: Part,
}

impl Reading {
    /// `robustness` says by how much `value` keeps `limit`. What is not finite cannot be judged.
    pub fn new(rule: Rule, robustness: f64, value: f64, limit: f64) -> Self {
        if !robustness.is_finite() || !limit.is_finite() {
            return Self::invalid(rule, value, limit);
        }
        let verdict = if robustness >= 0.0 { Verdict::Ok } else { Verdict::Violated };
        Self { rule, verdict, robustness, value, limit, scale: scale(limit), part: Part::None }
    }

    /// `value` may not exceed `limit`.
    pub fn at_most(rule: Rule, value: f64, limit: f64) -> Self {
        Self::new(rule, limit - value, value, limit)
    }

    /// An age: data that are missing (NaN), too old or from the future cannot be judged on.
    pub fn age(rule: Rule, age_s: f64, limit_s: f64) -> Self {
        if age_s <= limit_s {
            Self::at_most(rule, age_s, limit_s)
        } else {
            Self::invalid(rule, age_s, limit_s)
        }
    }

    /// Cannot be judged.
    pub const fn invalid(rule: Rule, value: f64, limit: f64) -> Self {
        let (verdict, robustness) = (Verdict::Invalid, f64::NAN);
        Self { rule, verdict, robustness, value, limit, scale: scale(limit), part: Part::None }
    }

    /// Nothing to judge yet.
    pub const fn unknown(rule: Rule) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::invalid(rule, f64::NAN, f64::NAN) }
    }

    pub const fn part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    pub fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// Satisfied with something to spare: what counts for going up a mode.
    pub fn is_positive(&self) -> bool {
        self.is_ok() && self.robustness > 0.0
    }

    /// For comparing rules with each other: how bad the verdict, then the robustness as a share of what is much.
    fn rank(&self) -> (u8, f64) {
        let verdict = match self.verdict {
            Verdict::Invalid => 0,
            Verdict::Violated => 1,
            Verdict::Unknown => 2,
            Verdict::Ok => 3,
        };
        let logical = self.rule.is_logical() && self.is_ok();
        let share = if logical { f64::MAX } else { self.robustness / self.scale };
        (verdict, if share.is_finite() { share } else { 0.0 })
    }

    pub fn message(&self, properties: &Properties) -> MonitorReading {
        let (name, unit, _) = self.rule.facts(properties);
        MonitorReading {
            name: name.to_owned(),
            verdict: self.verdict,
            robustness: self.robustness,
            value: self.value,
            limit: self.limit,
            unit: unit.to_owned(),
        }
    }
}

const fn scale(limit: f64) -> f64 {
    if limit.abs() > 0.0 { limit.abs() } else { 1.0 }
}

/// A lower speed limit is no limit to drive at but a stop, which the mode tells, m/s.
const DRIVES_MPS: f64 = 0.02;

/// The least speed that a rule holds a robot to that drives, m/s; infinity without one.
pub(crate) fn speed_limit_mps(readings: &[Reading]) -> f64 {
    let of_speed = |r: &&Reading| matches!(r.rule, Rule::MeasuredSpeed | Rule::Speed | Rule::ZoneSpeed);
    let limits = readings.iter().filter(of_speed).map(|r| r.limit);
    limits.filter(|limit_mps| *limit_mps >= DRIVES_MPS).fold(f64::INFINITY, f64::min)
}

/// The reading that is worst: a bad verdict before a good one, then the least robustness as a share of what is much;
/// the first of equals.
pub(crate) fn worst<'a>(readings: impl IntoIterator<Item = &'a Reading>) -> Option<&'a Reading> {
    readings.into_iter().min_by(|a, b| {
        let ((va, ra), (vb, rb)) = (a.rank(), b.rank());
        va.cmp(&vb).then(ra.total_cmp(&rb))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_limit_is_the_least_that_it_may_drive_at() {
        let limit = |readings: &[(Rule, f64)]| {
            let all = readings.iter().map(|(rule, limit)| Reading::at_most(*rule, 0.0, *limit));
            speed_limit_mps(&all.collect::<Vec<_>>())
        };
        let drive = (Rule::MeasuredSpeed, 1.06);
        assert!(limit(&[]).is_infinite() && limit(&[(Rule::StoppingDistance, 0.01)]).is_infinite());
        assert_eq!(limit(&[drive, (Rule::Speed, 0.6), (Rule::TurnRate, 0.1)]).to_bits(), 0.6_f64.to_bits());
        assert_eq!(limit(&[drive, (Rule::Speed, 0.6), (Rule::ZoneSpeed, 0.4)]).to_bits(), 0.4_f64.to_bits());
        // To stand is told by the mode.
        assert_eq!(
            limit(&[drive, (Rule::Speed, 0.0), (Rule::ZoneSpeed, 0.01)]).to_bits(),
            1.06_f64.to_bits()
        );
        assert!(limit(&[(Rule::Speed, f64::NAN)]).is_infinite());
    }
}
