//! Numbers that are drawn out of messages, to compare how they are distributed in two bags.

use super::survey::Seen;
use anyhow::{Context, ensure};
use outrider_msgs::nav_msgs::Odometry;
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::sensor_msgs::{Imu, LaserScan};
use outrider_msgs::{Message, decode};

/// The signals that are compared by default, with their topics.
pub const DEFAULT: &str = "scan min range, scan valid share (/scan); odom v, odom w (/odom); imu w (/imu); \
    position sigma (/decision); tracks, track sigma (/world_model); NIS, value, and robustness of every monitor \
    (/assurance/state); scan-to-command age, permit age, gate v (/gate/state)";

/// A field of a topic, chosen on the command line: `/imu:angular_velocity.z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    topic: String,
    field: String,
}

impl Chosen {
    /// Reads `TOPIC:FIELD`.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (topic, field) = text.split_once(':').with_context(|| {
            format!(
                "--signal: `{text}` is not TOPIC:FIELD, as /imu:angular_velocity.z; by default: {DEFAULT}"
            )
        })?;
        ensure!(topic.starts_with('/') && !field.is_empty(), "--signal: `{text}` is not TOPIC:FIELD");
        Ok(Self { topic: topic.to_owned(), field: field.to_owned() })
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("{}:{}", self.topic, self.field)
    }
}

/// Calls `take` with name and value of every signal of this message. Of a chosen field of an array the mean is taken.
pub fn draw(seen: &Seen<'_>, chosen: &[Chosen], take: &mut dyn FnMut(&str, f64)) {
    if chosen.is_empty() {
        return draw_default(seen, take);
    }
    let Some(schema) = seen.schema else { return };
    for c in chosen.iter().filter(|c| c.topic == seen.channel.topic) {
        let (mut sum, mut count) = (0.0, 0u32);
        // What does not fit its schema gives no value; `verify` tells of it.
        let walked = schema.leaves(&seen.message.data, &mut |path, value| {
            if let Some(v) = value.number().filter(|v| v.is_finite() && path.is(&c.field)) {
                sum += v;
                count += 1;
            }
            true
        });
        if walked.is_ok() && count > 0 {
            take(&c.name(), sum / f64::from(count));
        }
    }
}

fn draw_default(seen: &Seen<'_>, take: &mut dyn FnMut(&str, f64)) {
    let data = &seen.message.data;
    match (seen.channel.topic.as_str(), seen.channel.type_name.as_str()) {
        ("/scan", LaserScan::TYPE_NAME) => with(data, |m: LaserScan| scan(&m, take)),
        ("/odom", Odometry::TYPE_NAME) => with(data, |m: Odometry| {
            take("odom v", m.twist.twist.linear.x);
            take("odom w", m.twist.twist.angular.z);
        }),
        ("/imu", Imu::TYPE_NAME) => with(data, |m: Imu| take("imu w", m.angular_velocity.z)),
        ("/decision", ours::Decision::TYPE_NAME) => {
            with(data, |m: ours::Decision| take("position sigma", m.position_sigma));
        }
        ("/world_model", ours::WorldModel::TYPE_NAME) => with(data, |m: ours::WorldModel| tracks(&m, take)),
        ("/assurance/state", ours::AssuranceState::TYPE_NAME) => with(data, |m: ours::AssuranceState| {
            for monitor in &m.monitors {
                take(&format!("robustness of {}", monitor.name), monitor.robustness);
                if monitor.name.contains("nis") {
                    take(&format!("value of {}", monitor.name), monitor.value);
                }
            }
        }),
        ("/gate/state", ours::GateState::TYPE_NAME) => with(data, |m: ours::GateState| gate(&m, take)),
        _ => {}
    }
}

fn with<M: Message>(data: &[u8], take: impl FnOnce(M)) {
    if let Ok(message) = decode::<M>(data) {
        take(message);
    }
}

fn scan(m: &LaserScan, take: &mut dyn FnMut(&str, f64)) {
    let valid = |r: &&f32| r.is_finite() && **r >= m.range_min && **r <= m.range_max;
    let nearest = m.ranges.iter().filter(valid).copied().fold(f32::INFINITY, f32::min);
    take("scan min range", f64::from(nearest));
    if !m.ranges.is_empty() {
        take("scan valid share", m.ranges.iter().filter(valid).count() as f64 / m.ranges.len() as f64);
    }
}

fn tracks(m: &ours::WorldModel, take: &mut dyn FnMut(&str, f64)) {
    let mut confirmed = 0u32;
    for track in m.tracks.iter().filter(|t| t.state == ours::Track::CONFIRMED) {
        confirmed += 1;
        take("track sigma", (track.covariance[0].max(0.0) + track.covariance[5].max(0.0)).sqrt());
    }
    take("tracks", f64::from(confirmed));
}

fn gate(m: &ours::GateState, take: &mut dyn FnMut(&str, f64)) {
    let ns =
        |t: &outrider_msgs::builtin_interfaces::Time| i64::from(t.sec) * 1_000_000_000 + i64::from(t.nanosec);
    let data_ns = ns(&m.data_stamp);
    if m.command_sequence > 0 && data_ns > 0 {
        take("scan-to-command age", (ns(&m.header.stamp) - data_ns) as f64 / 1e9);
        take("permit age", m.permit_age);
    }
    take("gate v", m.v);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_a_topic_and_a_field() {
        assert_eq!(Chosen::parse("/imu:angular_velocity.z").unwrap().name(), "/imu:angular_velocity.z");
        assert!(Chosen::parse("imu").unwrap_err().to_string().contains("not TOPIC:FIELD"));
        assert!(Chosen::parse("imu:x").is_err());
    }
}
