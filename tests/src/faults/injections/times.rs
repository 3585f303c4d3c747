//! Messages and clocks at the wrong time.

use super::{Entry, Plan, drive, ms};
use crate::faults::fault::{Action, Fault, edit, shift};
use outrider_foundation::Span;
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs::DetectionArray;
use outrider_msgs::sensor_msgs::{Imu, LaserScan};
use outrider_msgs::tf2_msgs::TFMessage;
use outrider_suite::wire::{Delivery, Passage};
use std::collections::BTreeMap;

const HOUR: Span = Span::from_millis(3_600_000);
const HOUR_BACK: Span = Span::from_millis(-3_600_000);
/// A jump is over when everything has been measured once by the new time.
const JUMPED_S: f64 = 0.5;
/// `/clock` stands for so long.
const PAUSE_S: f64 = 2.0;

pub(super) const FAULTS: &[Entry] = &[
    ("scan_stale", |_| restamped("/scan", ms(-1000))),
    ("scan_future", |_| restamped("/scan", ms(1000))),
    ("scan_out_of_order", |_| out_of_order("/scan", ms(75))),
    ("scan_frozen", |_| frozen("/scan", false)),
    ("scan_frozen_restamped", |_| frozen("/scan", true)),
    ("odometry_stale", |_| restamped("/odom", ms(-1000))),
    ("odometry_future", |_| restamped("/odom", ms(1000))),
    ("odometry_out_of_order", |_| out_of_order("/odom", ms(30))),
    ("odometry_frozen", |_| frozen("/odom", false)),
    ("odometry_frozen_restamped", |_| frozen("/odom", true)),
    ("wall_clock_forward", |_| drive(Fault::acts([(0.0, Action::ShiftClocks(HOUR))]))),
    ("wall_clock_back", |_| drive(Fault::acts([(0.0, Action::ShiftClocks(HOUR_BACK))]))),
    ("wall_clock_forward_everywhere", |_| everywhere(HOUR)),
    ("wall_clock_back_everywhere", |_| everywhere(HOUR_BACK)),
    ("clock_paused", |_| {
        let go_on = (PAUSE_S, Action::ShiftClocks(Span::ZERO));
        drive(Fault::acts([(0.0, Action::StopClocks), go_on]).over_after(PAUSE_S))
    }),
    ("clock_rewound", |_| drive(Fault::acts([(0.0, Action::ShiftClocks(ms(-10_000)))]))),
];

/// Changes the stamp of a message of the robot's.
fn stamp(passage: &Passage, change: impl Fn(&mut Time)) -> Delivery {
    match passage.topic {
        "/scan" => edit(passage, |m: &mut LaserScan| change(&mut m.header.stamp)),
        "/odom" => edit(passage, |m: &mut Odometry| change(&mut m.header.stamp)),
        "/imu" => edit(passage, |m: &mut Imu| change(&mut m.header.stamp)),
        "/detections" => edit(passage, |m: &mut DetectionArray| change(&mut m.header.stamp)),
        "/tf" => edit(passage, |m: &mut TFMessage| {
            m.transforms.iter_mut().for_each(|t| change(&mut t.header.stamp));
        }),
        _ => Delivery::Pass,
    }
}

fn restamped(topic: &'static str, by: Span) -> anyhow::Result<Plan> {
    drive(Fault::on(topic, move |passage| stamp(passage, |time| shift(time, by))))
}

/// Every second one overtakes the one before it.
fn out_of_order(topic: &'static str, late: Span) -> anyhow::Result<Plan> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    drive(Fault::on(topic, move |passage| {
        let count = counts.entry(passage.to.to_owned()).or_default();
        *count += 1;
        if *count % 2 == 1 { Delivery::delayed(passage, late) } else { Delivery::Pass }
    }))
}

/// The last one from before, again and again, with its own stamp or with that of the present.
fn frozen(topic: &'static str, restamp: bool) -> anyhow::Result<Plan> {
    let mut kept: Option<Vec<u8>> = None;
    drive(Fault::hand(move |since_s, passage| {
        if passage.topic != topic {
            return Delivery::Pass;
        }
        if since_s < 0.0 {
            kept = Some(passage.bytes.to_vec());
        }
        let Some(bytes) = kept.as_deref().filter(|_| since_s >= 0.0) else { return Delivery::Pass };
        if !restamp {
            return Delivery::replaced(bytes.to_vec());
        }
        let now = outrider_runtime::time_message(passage.now.ros);
        stamp(&Passage { bytes, ..*passage }, |time| time.clone_from(&now))
    }))
}

/// One computer for all: sensors and suite jump together.
fn everywhere(by: Span) -> anyhow::Result<Plan> {
    let mut fault =
        Fault::wire(move |p| if p.from == "sim" { stamp(p, |time| shift(time, by)) } else { Delivery::Pass });
    fault.actions.push((0.0, Action::ShiftClocks(by)));
    drive(fault.may_go_on_after(JUMPED_S))
}
