//! What a node could not take in or give out, counted for `/diagnostics`.

use crate::host::Diagnosis;
use crate::losses::LossCounter;
use crate::topic::Topic;
use outrider_foundation::{Instant, Span};
use outrider_msgs::diagnostic_msgs::DiagnosticStatus;

/// How long after the last of it a node says WARN: long enough to be seen, and what comes later is seen as well.
const WARNING: Span = Span::from_nanos(60_000_000_000);

/// The counts of one node, from its start.
#[derive(Debug)]
pub(crate) struct Tallies {
    losses: Vec<LossCounter>,
    refused: u64,
    last_refusal: String,
    overflowed: u64,
    outputs_dropped: u64,
    encode_errors: u64,
    last_encode_error: String,
    /// Sum of what raises the level at the last step, and the last step at which it had grown.
    seen: u64,
    grown_at: Option<Instant>,
}

impl Tallies {
    /// Of a node with so many inputs.
    pub(crate) fn new(inputs: usize) -> Self {
        Self {
            losses: vec![LossCounter::default(); inputs],
            refused: 0,
            last_refusal: String::new(),
            overflowed: 0,
            outputs_dropped: 0,
            encode_errors: 0,
            last_encode_error: String::new(),
            seen: 0,
            grown_at: None,
        }
    }

    /// A message was read that had run and number.
    pub(crate) fn numbered(&mut self, input: usize, boot_id: u64, sequence: u64) {
        if let Some(counter) = self.losses.get_mut(input) {
            counter.note(boot_id, sequence);
        }
    }

    /// A message could not be read.
    pub(crate) fn refuse(&mut self, input: usize, topic: &Topic, reason: &str) {
        self.refused = self.refused.saturating_add(1);
        self.last_refusal = format!("{}: {reason}", topic.absolute_name());
        self.excuse(input);
    }

    /// More came than one step consumes.
    pub(crate) fn overflow(&mut self, input: usize) {
        self.overflowed = self.overflowed.saturating_add(1);
        self.excuse(input);
    }

    fn excuse(&mut self, input: usize) {
        if let Some(counter) = self.losses.get_mut(input) {
            counter.excuse();
        }
    }

    /// So many outputs were more than one step may have.
    pub(crate) fn drop_outputs(&mut self, count: u64) {
        self.outputs_dropped = self.outputs_dropped.saturating_add(count);
    }

    /// An output could not be encoded.
    pub(crate) fn not_encoded(&mut self, error: &outrider_msgs::CodecError) {
        self.encode_errors = self.encode_errors.saturating_add(1);
        self.last_encode_error = error.to_string();
    }

    fn lost(&self) -> u64 {
        self.losses.iter().fold(0, |all, counter| all.saturating_add(counter.lost))
    }

    /// A step at `now` is over. Losses are told and raise no level: a detector may number its pictures, and leave some out.
    pub(crate) fn step_over(&mut self, now: Instant) {
        let parts = [self.refused, self.overflowed, self.outputs_dropped, self.encode_errors];
        let sum = parts.into_iter().fold(0, u64::saturating_add);
        if sum != self.seen {
            (self.seen, self.grown_at) = (sum, Some(now));
        }
    }

    /// Adds what is counted; at `now`, the time of the last step, the level is WARN where something was counted within [`WARNING`].
    pub(crate) fn tell(&self, inputs: &[Topic], now: Instant, diagnosis: &mut Diagnosis) {
        let mut add = |key: &str, value: String| diagnosis.values.push((key.to_owned(), value));
        add("messages_lost", self.lost().to_string());
        for (topic, counter) in inputs.iter().zip(&self.losses) {
            let counts = [
                ("messages_lost", counter.lost),
                ("out_of_order", counter.out_of_order),
                ("publisher_restarts", counter.restarts),
            ];
            for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                add(&format!("{key}{}", topic.absolute_name()), count.to_string());
            }
        }
        add("messages_refused", self.refused.to_string());
        add("inputs_overflowed", self.overflowed.to_string());
        add("outputs_dropped", self.outputs_dropped.to_string());
        add("encode_errors", self.encode_errors.to_string());
        for (key, last) in
            [("last_refusal", &self.last_refusal), ("last_encode_error", &self.last_encode_error)]
        {
            if !last.is_empty() {
                add(key, last.clone());
            }
        }
        if self.grown_at.is_some_and(|at| now.since(at) <= WARNING) {
            self.warn(diagnosis);
        }
    }

    fn warn(&self, diagnosis: &mut Diagnosis) {
        diagnosis.level = diagnosis.level.max(DiagnosticStatus::WARN);
        let told = [
            (self.refused, "refused"),
            (self.overflowed, "beyond what a step takes in"),
            (self.outputs_dropped, "outputs dropped"),
            (self.encode_errors, "not encoded"),
        ];
        for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
            diagnosis.message.push_str(&format!("; {what}: {count}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Qos;

    fn told(tallies: &Tallies, now: Instant) -> Diagnosis {
        let topic = Topic::of::<outrider_msgs::std_msgs::Bool>("detections", Qos::RELIABLE);
        let mut diagnosis =
            Diagnosis { level: DiagnosticStatus::OK, message: "running".to_owned(), values: Vec::new() };
        tallies.tell(&[topic], now, &mut diagnosis);
        diagnosis
    }

    fn at(s: i64) -> Instant {
        Instant::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn a_node_warns_for_a_while_and_keeps_the_count() {
        let mut tallies = Tallies::new(1);
        tallies.step_over(at(1));
        assert_eq!(told(&tallies, at(1)).level, DiagnosticStatus::OK);
        tallies.numbered(0, 0, 7);
        tallies.numbered(0, 0, 9);
        tallies.numbered(0, 0, 1);
        tallies.step_over(at(1));
        let diagnosis = told(&tallies, at(1));
        assert_eq!(diagnosis.level, DiagnosticStatus::OK, "losses are only told");
        for told in [("messages_lost/detections", "1"), ("out_of_order/detections", "1")] {
            assert!(diagnosis.values.contains(&(told.0.to_owned(), told.1.to_owned())), "{diagnosis:?}");
        }
        tallies.overflow(0);
        tallies.step_over(at(2));
        let diagnosis = told(&tallies, at(62));
        let warned = (DiagnosticStatus::WARN, "running; beyond what a step takes in: 1");
        assert_eq!((diagnosis.level, diagnosis.message.as_str()), warned);
        tallies.step_over(at(63));
        let diagnosis = told(&tallies, at(63));
        assert_eq!((diagnosis.level, diagnosis.message.as_str()), (DiagnosticStatus::OK, "running"));
        assert!(
            diagnosis.values.contains(&("inputs_overflowed".to_owned(), "1".to_owned())),
            "{diagnosis:?}"
        );
    }

    #[test]
    fn what_was_refused_is_not_lost_as_well_and_the_last_reason_is_told() {
        let mut tallies = Tallies::new(1);
        let topic = Topic::of::<outrider_msgs::std_msgs::Bool>("detections", Qos::RELIABLE);
        tallies.numbered(0, 0, 7);
        tallies.refuse(0, &topic, "stamp: NaN");
        tallies.overflow(0);
        tallies.numbered(0, 0, 10);
        tallies.step_over(at(1));
        let diagnosis = told(&tallies, at(1));
        let value = |key: &str| diagnosis.values.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        assert_eq!((value("messages_lost"), value("messages_refused")), (Some("0"), Some("1")));
        assert_eq!(value("last_refusal"), Some("/detections: stamp: NaN"));
        assert_eq!(diagnosis.message, "running; refused: 1; beyond what a step takes in: 1");
    }

    /// Whoever numbers without sense takes no node down (arithmetic that overflows ends a process).
    #[test]
    fn the_greatest_counts_add_up() {
        let mut tallies = Tallies::new(2);
        for input in 0..2 {
            for _ in 0..3 {
                tallies.losses[input].lost = u64::MAX;
            }
        }
        tallies.refused = u64::MAX;
        tallies.step_over(at(1));
        assert_eq!(told(&tallies, at(1)).level, DiagnosticStatus::WARN);
    }
}
