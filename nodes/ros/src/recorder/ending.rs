//! How long is still recorded after a stop signal. ^C of a whole launch reaches the recorder no later than the gate, and a gate that
//! drives goes down its ramp first: the bag is not whole before that.

use outrider_foundation::{Instant, Span};
use outrider_msgs::Message as _;
use outrider_msgs::outrider_msgs::{NodeInfo, OperatorRequest, Tick};
use std::collections::BTreeMap;

/// What is under way is still taken for so long; a gate that has been silent for so long is at its end.
const LINGER: Span = Span::from_millis(150);
/// No gate is waited for longer. It has its own limit, from the configuration of its robot; this one is for a gate that never ends.
const BRAKING_LIMIT: Span = Span::from_millis(60_000);
/// The most gates that are told apart.
const GATE_LIMIT: usize = 64;

/// What a topic's messages tell of the end of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// With what a node was started.
    Info,
    Journal,
    /// What a gate was asked, that it is to end too.
    Request,
    None,
}

impl Role {
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            NodeInfo::TYPE_NAME => Self::Info,
            Tick::TYPE_NAME => Self::Journal,
            OperatorRequest::TYPE_NAME => Self::Request,
            _ => Self::None,
        }
    }
}

/// Gates that were told to end: by the topic of their journals, when they were heard last.
#[derive(Default)]
pub(super) struct OnTheWayDown {
    gates: BTreeMap<String, Instant>,
}

impl OnTheWayDown {
    pub(super) fn note(&mut self, role: Role, topic: &str, bytes: &[u8], now: Instant) {
        match role {
            Role::None => {}
            Role::Journal => {
                if let Some(heard) = self.gates.get_mut(topic) {
                    *heard = now;
                }
            }
            // It was started anew.
            Role::Info => {
                self.gates.remove(&journal_beside(topic));
            }
            Role::Request => {
                let request = outrider_msgs::decode::<OperatorRequest>(bytes);
                let ends = request.is_ok_and(|request| request.action == OperatorRequest::END);
                if ends && self.gates.len() < GATE_LIMIT {
                    self.gates.insert(journal_beside(topic), now);
                }
            }
        }
    }

    /// Until when is recorded what was `told` to end then, as far as it is known.
    pub(super) fn until(&self, told: Instant) -> Instant {
        let heard = self.gates.values().copied().max().unwrap_or(told);
        (heard.max(told) + LINGER).min(told + BRAKING_LIMIT)
    }
}

/// Of the node that one of its topics is of.
fn journal_beside(topic: &str) -> String {
    let (node, _) = topic.rsplit_once('/').unwrap_or(("", topic));
    format!("{node}/journal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Instant {
        Instant::default() + Span::from_millis(ms)
    }

    fn ends(gates: &mut OnTheWayDown, topic: &str, action: u8, ms: i64) {
        let request = OperatorRequest { action, ..OperatorRequest::default() };
        gates.note(Role::Request, topic, &outrider_msgs::encode(&request).unwrap(), at(ms));
    }

    const REQUESTS: &str = "/one/gate/operator_request";
    const JOURNAL: &str = "/one/gate/journal";

    #[test]
    fn a_gate_that_was_told_to_end_too_is_recorded_until_it_falls_silent() {
        let mut gates = OnTheWayDown::default();
        for ms in [0, 10, 20] {
            gates.note(Role::Journal, JOURNAL, &[], at(ms));
        }
        ends(&mut gates, REQUESTS, OperatorRequest::ARM, 20);
        assert_eq!(gates.until(at(30)), at(180), "it only drives on");
        ends(&mut gates, REQUESTS, OperatorRequest::END, 40);
        assert_eq!(gates.until(at(30)), at(190));
        gates.note(Role::Journal, JOURNAL, &[], at(850));
        gates.note(Role::Journal, "/two/gate/journal", &[], at(990));
        assert_eq!(gates.until(at(30)), at(1000));
        assert_eq!(gates.until(at(5000)), at(5150), "it has been gone for long");
        gates.note(Role::Journal, JOURNAL, &[], at(90_000));
        assert_eq!(gates.until(at(30)), at(60_030), "it never ends");
    }

    #[test]
    fn a_gate_that_was_started_anew_is_not_waited_for() {
        let mut gates = OnTheWayDown::default();
        ends(&mut gates, REQUESTS, OperatorRequest::END, 40);
        gates.note(Role::Info, "/one/gate/info", &[], at(3000));
        gates.note(Role::Journal, JOURNAL, &[], at(9000));
        assert_eq!(gates.until(at(9000)), at(9150));
    }

    #[test]
    fn what_tells_of_an_end_is_known_by_its_type() {
        let types = [NodeInfo::TYPE_NAME, Tick::TYPE_NAME, OperatorRequest::TYPE_NAME, "std_msgs/msg/Bool"];
        assert_eq!(types.map(Role::of), [Role::Info, Role::Journal, Role::Request, Role::None]);
    }
}
