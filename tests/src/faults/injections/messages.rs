//! Messages with content that cannot be: numbers, frames, certainties.

use super::{Entry, Plan, drive};
use crate::faults::fault::{Fault, edit};
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs::{Command, DetectionArray, WorldModel};
use outrider_msgs::sensor_msgs::LaserScan;

const SUBNORMAL: f64 = 5e-324;
const SUBNORMAL_F32: f32 = 1e-45;
const HUGE: f64 = 1e308;
/// What seems to touch the robot does so for so long.
const TOUCH_S: f64 = 1.0;
/// So much less certain, as a variance.
const UNCERTAIN: f64 = 1e4;

pub(super) const FAULTS: &[Entry] = &[
    ("command_nan", |_| command(f64::NAN)),
    ("command_inf", |_| command(f64::INFINITY)),
    ("command_negative_inf", |_| command(f64::NEG_INFINITY)),
    ("command_subnormal", |_| command(SUBNORMAL)),
    ("command_huge", |_| command(HUGE)),
    ("command_too_fast", |_| drive(Fault::on("/cmd_vel_nominal", |p| edit(p, |m: &mut Command| m.v = 2.0)))),
    ("odometry_nan", |_| odometry(f64::NAN)),
    ("odometry_inf", |_| odometry(f64::INFINITY)),
    ("odometry_negative_inf", |_| odometry(f64::NEG_INFINITY)),
    ("odometry_subnormal", |_| odometry(SUBNORMAL)),
    ("odometry_huge", |_| odometry(HUGE)),
    ("scan_nan", |_| scan(f32::NAN)),
    ("scan_inf", |_| scan(f32::INFINITY)),
    ("scan_negative_inf", |_| touching(f32::NEG_INFINITY)),
    ("scan_subnormal", |_| touching(SUBNORMAL_F32)),
    ("scan_huge", |_| scan(f32::MAX)),
    ("scan_wrong_frame", |_| {
        drive(Fault::on("/scan", |p| edit(p, |m: &mut LaserScan| m.header.frame_id = "elsewhere".to_owned())))
    }),
    ("odometry_wrong_frame", |_| {
        drive(Fault::on("/odom", |p| edit(p, |m: &mut Odometry| m.header.frame_id = "elsewhere".to_owned())))
    }),
    ("detections_wrong_frame", |_| {
        let elsewhere = |m: &mut DetectionArray| m.header.frame_id = "elsewhere".to_owned();
        drive(Fault::on("/detections", move |p| edit(p, elsewhere)))
    }),
    ("uncertainty_ego", |_| {
        drive(Fault::on("/world_model", |p| {
            edit(p, |m: &mut WorldModel| m.ego_covariance.iter_mut().for_each(|c| *c *= UNCERTAIN))
        }))
    }),
    ("uncertainty_tracks", |_| drive(Fault::on("/world_model", |p| edit(p, doubt_tracks)))),
];

fn command(v: f64) -> anyhow::Result<Plan> {
    drive(Fault::on("/cmd_vel_nominal", move |p| edit(p, |m: &mut Command| (m.v, m.w) = (v, v))))
}

/// Speeds; and where it is, too, unless the number is one that a place may have.
fn odometry(v: f64) -> anyhow::Result<Plan> {
    drive(Fault::on("/odom", move |p| {
        edit(p, |m: &mut Odometry| {
            m.twist.twist.linear.x = v;
            m.twist.twist.angular.z = v;
            if !v.is_subnormal() {
                m.pose.pose.position.x = v;
            }
        })
    }))
}

/// For a second: what has touched the robot keeps it where it is afterwards, too.
fn touching(range: f32) -> anyhow::Result<Plan> {
    let fill = move |m: &mut LaserScan| m.ranges.fill(range);
    drive(Fault::on("/scan", move |p| edit(p, fill)).over_after(TOUCH_S))
}

fn scan(range: f32) -> anyhow::Result<Plan> {
    drive(Fault::on("/scan", move |p| edit(p, |m: &mut LaserScan| m.ranges.fill(range))))
}

fn doubt_tracks(model: &mut WorldModel) {
    for track in &mut model.tracks {
        track.covariance.iter_mut().for_each(|c| *c *= UNCERTAIN);
        let sigmas = track.prediction_sigma.iter_mut().chain(&mut track.component_sigma);
        sigmas.for_each(|s| *s *= UNCERTAIN.sqrt());
    }
}
