//! Wheels, odometry and localisation that are not what they seem.

use super::{Entry, Plan, drive};
use crate::faults::fault::{Fault, edit};
use outrider_foundation::{Pose2, Twist2};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::geometry_msgs::{Quaternion, TransformStamped, TwistStamped};
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::tf2_msgs::TFMessage;
use outrider_suite::wire::{Delivery, Passage};

/// The localiser leaps by so much.
const JUMP_M: f64 = 1.0;

pub(super) const FAULTS: &[Entry] = &[
    ("odometry_sign_flip", |_| pretended(-1.0, 1.0)),
    // The wheels turn twice as fast as the robot goes.
    ("wheel_slip", |_| pretended(2.0, 0.5)),
    // The robot slides on: it goes faster than its wheels tell.
    ("wheel_slide", |_| pretended(0.7, 1.0)),
    ("transform_jump", |_| drive(Fault::on("/tf", |p| edit(p, leap)))),
];

fn leap(message: &mut TFMessage) {
    message
        .transforms
        .iter_mut()
        .filter(|t| is_localiser(t))
        .for_each(|t| t.transform.translation.x += JUMP_M);
}

fn is_localiser(transform: &TransformStamped) -> bool {
    transform.header.frame_id == "map"
}

fn yaw(q: &Quaternion) -> f64 {
    2.0 * libm::atan2(q.z, q.w)
}

fn turn(q: &mut Quaternion, yaw_rad: f64) {
    let (s, c) = libm::sincos(0.5 * yaw_rad);
    (q.x, q.y, q.z, q.w) = (0.0, 0.0, s, c);
}

/// Odometry that goes `share` times the way of the true one, from the strike on.
struct Pretence {
    share: f64,
    newest: Option<(Time, Pose2, Pose2)>,
}

impl Pretence {
    /// The pretended pose for this message; one that comes again, for another listener, gets the same.
    fn follow(&mut self, message: &Odometry, strikes: bool) -> Pose2 {
        let p = &message.pose.pose;
        let truth = Pose2::new(p.position.x, p.position.y, yaw(&p.orientation));
        let pretended = match &self.newest {
            Some((stamp, _, pretended)) if *stamp == message.header.stamp => *pretended,
            Some((_, before, pretended)) if strikes => {
                let way = before.inverse().then(truth);
                pretended.then(Pose2::new(self.share * way.x_m, self.share * way.y_m, way.yaw_rad))
            }
            _ => truth,
        };
        self.newest = Some((message.header.stamp.clone(), truth, pretended));
        pretended
    }

    /// A localiser works from the odometry that there is: what it says of the robot in the map stays as it was.
    fn localise(&self, transform: &mut TransformStamped) {
        let Some((_, truth, pretended)) = &self.newest else { return };
        let t = &mut transform.transform;
        let map_from_odom = Pose2::new(t.translation.x, t.translation.y, yaw(&t.rotation));
        let pose = if transform.header.frame_id == "map" {
            map_from_odom.then(*truth).then(pretended.inverse())
        } else if transform.header.frame_id == "odom" {
            *pretended
        } else {
            return;
        };
        (t.translation.x, t.translation.y) = (pose.x_m, pose.y_m);
        turn(&mut t.rotation, pose.yaw_rad);
    }
}

/// Odometry tells `told` of the true speed, and the wheels do `done` of what they are told.
fn pretended(told: f64, done: f64) -> anyhow::Result<Plan> {
    let mut pretence = Pretence { share: told, newest: None };
    drive(Fault::hand(move |since_s, p| {
        let strikes = since_s >= 0.0;
        match p.topic {
            "/odom" => odometry(p, &mut pretence, strikes),
            "/tf" if strikes => {
                edit(p, |m: &mut TFMessage| m.transforms.iter_mut().for_each(|t| pretence.localise(t)))
            }
            "/cmd_vel" if strikes && done < 1.0 => edit(p, |m: &mut TwistStamped| m.twist.linear.x *= done),
            _ => Delivery::Pass,
        }
    }))
}

fn odometry(passage: &Passage, pretence: &mut Pretence, strikes: bool) -> Delivery {
    let change = |m: &mut Odometry| {
        let pose = pretence.follow(m, strikes);
        if strikes {
            (m.pose.pose.position.x, m.pose.pose.position.y) = (pose.x_m, pose.y_m);
            turn(&mut m.pose.pose.orientation, pose.yaw_rad);
            let told = Twist2::new(m.twist.twist.linear.x * pretence.share, m.twist.twist.angular.z);
            (m.twist.twist.linear.x, m.twist.twist.angular.z) = (told.v_mps, told.w_radps);
        }
    };
    if strikes {
        edit(passage, change)
    } else {
        edit(passage, change);
        Delivery::Pass
    }
}
