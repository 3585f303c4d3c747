//! Publishes numbered messages over many topics at a rate, for trying recorders: `many_topics TOPICS PER_SECOND SECONDS`.
//!
//! Message `n` of topic `/many/t<k>` is a `std_msgs/msg/Header` whose `stamp.sec` is `n`, from 1. Prints how many it sent.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a program with clocks")]

use anyhow::Context as _;
use outrider_msgs::std_msgs::Header;
use std::time::{Duration, Instant};

/// Subscribers are waited for no longer than this.
const DISCOVERY: Duration = Duration::from_secs(20);
/// Then they need a little to be ready on their side.
const SETTLING: Duration = Duration::from_millis(1000);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<f64> = std::env::args()
        .skip(1)
        .take(3)
        .map(|a| a.parse())
        .collect::<Result<_, _>>()
        .context("three numbers")?;
    let [topics, rate, seconds] = arguments.as_slice() else { anyhow::bail!("TOPICS PER_SECOND SECONDS") };
    let context = r2r::Context::create()?;
    let mut node = r2r::Node::create(context, "many_topics", "")?;
    let qos = r2r::QosProfile::default().keep_last(1000).reliable();
    let names = (0..*topics as usize).map(|k| format!("/many/t{k}"));
    let publishers: Vec<_> = names
        .map(|name| node.create_publisher_untyped(&name, "std_msgs/msg/Header", qos.clone()))
        .collect::<Result<_, _>>()?;
    let deadline = Instant::now() + DISCOVERY;
    let heard = |p: &r2r::PublisherUntyped| p.get_inter_process_subscription_count().is_ok_and(|n| n > 0);
    while !publishers.iter().all(heard) {
        anyhow::ensure!(Instant::now() < deadline, "nobody listens");
        node.spin_once(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(SETTLING);
    let started = Instant::now();
    let mut sent = 0_u32;
    for turn in 0..(rate * seconds) as u32 {
        std::thread::sleep(Duration::from_secs_f64(f64::from(turn) / rate).saturating_sub(started.elapsed()));
        let count = publishers.len().max(1);
        let mut message = Header { frame_id: "x".repeat(200), ..Header::default() };
        message.stamp.sec = (turn as usize / count + 1) as i32;
        let Some(publisher) = publishers.get(turn as usize % count) else { break };
        publisher.publish_raw(&outrider_msgs::encode(&message)?)?;
        sent += 1;
    }
    println!("{sent}");
    // What is under way is delivered before the publishers go.
    let until = Instant::now() + Duration::from_millis(1000);
    while Instant::now() < until {
        node.spin_once(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
