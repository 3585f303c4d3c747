//! Publishers that a node asks too much of to hear them. The middleware connects nothing then, and says nothing here: a
//! driver would publish, and nobody would know why nothing comes of it.

use outrider_foundation::{Instant, Span};
use outrider_msgs::diagnostic_msgs::{DiagnosticStatus, KeyValue};
use outrider_runtime::{Qos, Topic};
use outrider_suite::topics;
use r2r::QosProfile;
use r2r::qos::{DurabilityPolicy, ReliabilityPolicy};
use std::collections::BTreeSet;

/// Each topic is looked at so often; one at a time, so that no turn of the node takes long.
const PERIOD: Span = Span::from_millis(1000);
/// The most publishers that are told of in `/diagnostics`, and the most that are remembered as logged.
const SHOWN_LIMIT: usize = 8;
const LOGGED_LIMIT: usize = 256;

/// Whom a node does not hear.
pub(crate) struct Unheard {
    watched: Vec<Watched>,
    next: usize,
    look_at: Instant,
    logged: BTreeSet<String>,
}

struct Watched {
    /// In the graph.
    topic: String,
    asked: Qos,
    /// One sentence each.
    unheard: BTreeSet<String>,
}

impl Unheard {
    /// Watches these topics, each with its name in the graph, as far as there are publishers that would not be heard.
    pub(crate) fn of<'a>(inputs: impl Iterator<Item = (&'a Topic, String)>, now: Instant) -> Self {
        let watched = inputs.map(|(topic, name)| {
            let reliable = topic.qos.reliable && !topics::is_heard_from_all(topic);
            Watched { topic: name, asked: Qos { reliable, ..topic.qos }, unheard: BTreeSet::new() }
        });
        let watched = watched.filter(|w| w.asked.reliable || w.asked.transient_local).collect();
        Self { watched, next: 0, look_at: now, logged: BTreeSet::new() }
    }

    /// Looks at the publishers of one topic, when it is time for it.
    pub(crate) fn look(&mut self, ros: &r2r::Node, now: Instant) {
        let count = i64::try_from(self.watched.len()).unwrap_or(i64::MAX);
        if now < self.look_at || count == 0 {
            return;
        }
        self.look_at = now + Span::from_nanos(PERIOD.nanos() / count);
        let index = self.next;
        self.next = (self.next + 1) % self.watched.len();
        let Some(watched) = self.watched.get(index) else { return };
        let Ok(found) = ros.get_publishers_info_by_topic(&watched.topic, false) else { return };
        let found = found.into_iter().map(|publisher| {
            let namespace = publisher.node_namespace.trim_end_matches('/');
            (format!("{namespace}/{}", publisher.node_name), publisher.qos_profile)
        });
        self.note(index, found);
    }

    /// Takes in who publishes a topic, and logs whom it has not told of yet.
    fn note(&mut self, index: usize, publishers: impl Iterator<Item = (String, QosProfile)>) {
        let Some(watched) = self.watched.get_mut(index) else { return };
        let topic = &watched.topic;
        let unheard = publishers.filter_map(|(node, offered)| {
            lacking(&offered, watched.asked).map(|lack| format!("{topic} of {node} is not heard: {lack}"))
        });
        watched.unheard = unheard.collect();
        for line in &watched.unheard {
            if self.logged.len() < LOGGED_LIMIT && self.logged.insert(line.clone()) {
                tracing::warn!("{line}");
            }
        }
    }

    /// Puts into the health of the node whom it does not hear.
    pub(crate) fn tell(&self, status: &mut DiagnosticStatus) {
        let lines: Vec<&String> = self.watched.iter().flat_map(|watched| &watched.unheard).collect();
        status
            .values
            .push(KeyValue { key: "publishers_not_heard".to_owned(), value: lines.len().to_string() });
        let Some(first) = lines.first() else { return };
        if status.level < DiagnosticStatus::WARN {
            (status.level, status.message) = (DiagnosticStatus::WARN, (*first).clone());
        }
        let shown = lines.iter().take(SHOWN_LIMIT).enumerate();
        status.values.extend(shown.map(|(number, line)| KeyValue {
            key: format!("publisher_not_heard_{}", number + 1),
            value: (*line).clone(),
        }));
    }
}

/// What a publisher offers less than is asked for, if anything; what the middleware does not know counts as enough.
fn lacking(offered: &QosProfile, asked: Qos) -> Option<String> {
    let unreliable = asked.reliable && offered.reliability == ReliabilityPolicy::BestEffort;
    let forgetful = asked.transient_local && offered.durability == DurabilityPolicy::Volatile;
    match (unreliable, forgetful) {
        (false, false) => None,
        (true, false) => Some("it offers best effort, wanted is reliable".to_owned()),
        (false, true) => Some("it offers volatile, wanted is transient local".to_owned()),
        (true, true) => {
            Some("it offers best effort and volatile, wanted is reliable and transient local".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(qos: Qos) -> QosProfile {
        crate::qos::profile(qos)
    }

    fn watching(inputs: &[Topic]) -> Unheard {
        Unheard::of(inputs.iter().map(|topic| (topic, topic.absolute_name())), Instant::default())
    }

    #[test]
    fn only_what_is_offered_too_little_of_is_lacking() {
        for (offered, asked, part) in [
            (Qos::SENSOR, Qos::RELIABLE, Some("best effort, wanted is reliable")),
            (Qos::RELIABLE, Qos::LATCHED, Some("volatile, wanted is transient local")),
            (
                Qos::SENSOR,
                Qos::LATCHED,
                Some("best effort and volatile, wanted is reliable and transient local"),
            ),
            (Qos::RELIABLE, Qos::RELIABLE, None),
            (Qos::LATCHED, Qos::RELIABLE, None),
            (Qos::RELIABLE, Qos::SENSOR, None),
            (Qos::SENSOR, Qos::SENSOR, None),
        ] {
            let lack = lacking(&offer(offered), asked);
            assert_eq!(lack.is_some(), part.is_some(), "{offered:?} for {asked:?}: {lack:?}");
            assert!(lack.is_none_or(|lack| lack.contains(part.unwrap_or_default())));
        }
        let unknown = QosProfile { reliability: ReliabilityPolicy::Unknown, ..offer(Qos::SENSOR) };
        assert_eq!(lacking(&unknown, Qos::RELIABLE), None);
    }

    #[test]
    fn health_names_topic_node_offer_and_wish_for_as_long_as_the_publisher_is_there() {
        let mut unheard = watching(&[topics::teleop(), topics::map()]);
        let told = |unheard: &Unheard| {
            let mut status = DiagnosticStatus { message: "running".to_owned(), ..Default::default() };
            unheard.tell(&mut status);
            (status.level, status.message, status.values)
        };
        assert_eq!(told(&unheard).0, DiagnosticStatus::OK);
        unheard.note(0, std::iter::once(("/joystick".to_owned(), offer(Qos::SENSOR))));
        unheard.note(1, std::iter::once(("/maps/server".to_owned(), offer(Qos::RELIABLE))));
        let (level, message, values) = told(&unheard);
        assert_eq!(level, DiagnosticStatus::WARN);
        assert_eq!(
            message,
            "/teleop/cmd_vel of /joystick is not heard: it offers best effort, wanted is reliable"
        );
        let value = |key: &str| values.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str());
        assert_eq!(value("publishers_not_heard"), Some("2"));
        assert!(value("publisher_not_heard_2").is_some_and(|line| line.starts_with("/map of /maps/server ")));
        // A worse state keeps its own words.
        let mut bad = DiagnosticStatus {
            level: DiagnosticStatus::ERROR,
            message: "worse".to_owned(),
            ..Default::default()
        };
        unheard.tell(&mut bad);
        assert_eq!((bad.level, bad.message.as_str()), (DiagnosticStatus::ERROR, "worse"));
        assert_eq!(unheard.logged.len(), 2);
        unheard.note(0, std::iter::empty());
        unheard.note(1, std::iter::empty());
        assert_eq!((told(&unheard).0, unheard.logged.len()), (DiagnosticStatus::OK, 2));
    }

    #[test]
    fn the_emergency_stop_is_heard_from_all_and_sensors_too() {
        assert!(watching(&[topics::e_stop(), topics::scan(), topics::odom()]).watched.is_empty());
        assert_eq!(watching(&[topics::teleop(), topics::tf_static(), topics::e_stop()]).watched.len(), 2);
    }
}
