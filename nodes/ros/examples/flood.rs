//! A planner gone mad, for the fault campaign: commands on `/cmd_vel_nominal` as fast as asked, each with a fresh stamp
//! and the next number. Prints `ready`, waits for a line, floods, prints how many were sent and in how many seconds.
//!
//! usage: flood COMMAND_FILE RATE_HZ SECONDS

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that reads clocks and files"
)]

use anyhow::{Context as _, bail};
use outrider_foundation::Stamp;
use outrider_msgs::outrider_msgs::Command;
use outrider_runtime::time_message;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const TOPIC: &str = "/cmd_vel_nominal";
/// Assurance and the gate.
const LISTENERS: usize = 2;
const LISTENERS_WITHIN: Duration = Duration::from_secs(20);
/// What is due is sent in bursts, as often as this.
const BURST: Duration = Duration::from_micros(500);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rate_hz, seconds] = arguments.as_slice() else {
        bail!("usage: flood COMMAND_FILE RATE_HZ SECONDS")
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    let mut command: Command =
        outrider_msgs::decode(&bytes).with_context(|| format!("{file} is no command"))?;
    let rate_hz: f64 = rate_hz.parse().context("RATE_HZ")?;
    let length = Duration::from_secs_f64(seconds.parse().context("SECONDS")?);

    let mut ros = r2r::Node::create(r2r::Context::create()?, "flood", "")?;
    let qos = r2r::QosProfile::default().keep_last(10).reliable();
    let publisher = ros.create_publisher_untyped(TOPIC, "outrider_msgs/msg/Command", qos)?;
    let begun = Instant::now();
    while publisher.get_inter_process_subscription_count()? < LISTENERS {
        anyhow::ensure!(begun.elapsed() < LISTENERS_WITHIN, "nobody listens to {TOPIC}");
        ros.spin_once(Duration::from_millis(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;

    let (begun, mut sent) = (Instant::now(), 0u64);
    while begun.elapsed() < length {
        let due = (begun.elapsed().as_secs_f64() * rate_hz) as u64;
        while sent < due && begun.elapsed() < length {
            sent += 1;
            command.sequence = sent;
            let now_ns = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            command.header.stamp = time_message(Stamp::from_nanos(i64::try_from(now_ns)?));
            publisher.publish_raw(&outrider_msgs::encode(&command)?)?;
        }
        std::thread::sleep(BURST);
    }
    println!("{sent} {}", begun.elapsed().as_secs_f64());
    Ok(())
}
