//! Rules about the robot itself and about what is known: whether it may move on as it moves.

use crate::Config;
use crate::clearance::{self, Keep};
use crate::monitor::{Reading, Rule};
use crate::motion::{Phase, reckon};
use crate::sensing::Knowledge;
use crate::zones::ZoneMap;
use outrider_foundation::{Now, Robot, Span};

/// Room for as many readings is made at once, for those that are added to them too: what is shipped has fewer.
const READINGS: usize = 64;

/// All of them, in fixed order.
pub(crate) fn judge(
    now: Now,
    known: &Knowledge,
    config: &Config,
    robot: &Robot,
    zones: &ZoneMap,
) -> Vec<Reading> {
    let tolerance = Span::from_s(config.future_tolerance_s);
    let ages = &config.ages;
    let twist = known.odometry.twist;
    let limits = &robot.limits;
    let v_limit = config.margins.speed_tolerance_mps
        + if twist.v_mps < -config.margins.standstill_mps { -limits.v_min_mps } else { limits.v_max_mps };
    let w_limit = limits.w_max_radps + config.margins.turn_tolerance_radps;
    let scan_age_s = known.scan.source.age_s(now, tolerance);
    let odometry_age_s = known.odometry.source.age_s(now, tolerance);
    let odometry = Reading::age(Rule::OdometryAge, odometry_age_s, ages.odometry_s);
    let if_measured = |reading: Reading| {
        if odometry.is_ok() { reading } else { Reading::invalid(reading.rule, f64::NAN, reading.limit) }
    };
    let mut readings = Vec::with_capacity(READINGS);
    readings.extend([
        Reading::age(Rule::ScanAge, scan_age_s, ages.scan_s),
        coverage(known, config, robot),
        odometry,
        Reading::age(Rule::WorldModelAge, known.world.source.age_s(now, tolerance), ages.world_model_s),
        if_measured(Reading::at_most(Rule::MeasuredSpeed, twist.v_mps.abs(), v_limit)),
        if_measured(Reading::at_most(Rule::MeasuredTurnRate, twist.w_radps.abs(), w_limit)),
        if_measured(stopping_distance(now, known, config, robot)),
        contact(known, config),
    ]);
    // A pose in the map is for the zones.
    if !zones.none {
        readings.push(localised(known));
    }
    if config.detections_required {
        readings.push(Reading::age(Rule::DetectionsAge, known.detections_age_s(now), ages.detections_s));
    }
    readings
}

fn coverage(known: &Knowledge, config: &Config, robot: &Robot) -> Reading {
    let (scan, quality) = (&known.scan, &config.scan);
    if scan.source.stamp().is_none() {
        return Reading::unknown(Rule::ScanCoverage);
    }
    if scan.field_of_view_rad < quality.field_of_view_min_rad {
        // What is not looked at is a gap as well.
        let unseen_rad = std::f64::consts::TAU - scan.field_of_view_rad;
        return Reading::invalid(Rule::ScanCoverage, unseen_rad, quality.gap_max_rad);
    }
    if scan.sight_m < config.sight_needed_m(robot) {
        // Nothing is seen from as far as it takes to stop.
        return Reading::invalid(Rule::ScanCoverage, std::f64::consts::TAU, quality.gap_max_rad);
    }
    Reading::age(Rule::ScanCoverage, scan.gap_rad, quality.gap_max_rad)
}

/// May the robot go on as it moves until a silence stops it? Without the time that sensing and judging take, and with the
/// least margin: commands are refused long before.
fn stopping_distance(now: Now, known: &Knowledge, config: &Config, robot: &Robot) -> Reading {
    let twist = known.twist(config);
    let hold = Phase { target: twist, duration_s: config.silence_s(&robot.limits) };
    let rule = Rule::StoppingDistance;
    let (Some(points), Some(motion)) = (known.points_at(now.ros), reckon(twist, &[hold], &robot.limits))
    else {
        return Reading::invalid(rule, f64::NAN, config.margins.floor_m);
    };
    let keep = Keep::for_the_robot(&config.margins);
    clearance::from_points(rule, &motion, &robot.footprint, &points, keep)
}

fn contact(known: &Knowledge, config: &Config) -> Reading {
    let limit = f64::from(config.scan.contact_beams) - 0.5;
    let value = if known.scan.touched(&config.scan) { f64::from(known.scan.contact_beams) } else { 0.0 };
    Reading::at_most(Rule::Contact, value, limit)
}

fn localised(known: &Knowledge) -> Reading {
    if known.world.source.stamp().is_none() {
        return Reading::unknown(Rule::Localised);
    }
    let value = f64::from(u8::from(known.world.localised));
    Reading::new(Rule::Localised, value - 0.5, value, 1.0)
}
