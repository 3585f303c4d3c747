//! `outrider bag events`: what happened, one line each.

use super::external::ExternalWatch;
use super::mission_events::{self, MissionWatch};
use super::spells::Told;
use super::survey::{Seen, Survey, TopicSurvey, open};
use crate::report::{Recording, RunSummary, StopKind};
use outrider_msgs::geometry_msgs::{PoseStamped, TwistStamped};
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::std_msgs::Bool;
use outrider_msgs::{Message, decode};
use outrider_runtime::LossCounter;
use outrider_suite::words::{gate_mode, mode as assurance_mode, tree_status};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A silence of a steady topic is told when it is longer than so many medians, and than [`GAP_S`].
const GAP_FACTOR: f64 = 5.0;
/// Shorter silences are jitter.
const GAP_S: f64 = 0.1;
/// A topic is steady with this many messages, of which this part come within two medians.
const STEADY: (u64, f64) = (20, 0.95);
/// Manual driving begins anew after this long without.
const TELEOP_S: f64 = 1.0;
/// Of gaps and of losses of one topic, the most that are told one by one; the others are counted.
const SAME_LIMIT: u64 = 50;
/// The most events that are kept; the others are counted.
const EVENT_LIMIT: usize = 100_000;
/// A goal is reached within this distance, as in `outrider report`.
const TOLERANCE_M: f64 = 0.30;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Since the start of the bag.
    pub t_s: f64,
    /// Log time since the epoch.
    pub t_ns: u64,
    /// What kind: `stop`, `wait`, `gate`, `assurance`, `intervention`, `planner`, `e_stop`, `operator`, `goal`,
    /// `mission`, `blocked`, `recovery`, `external`, `teleop`, `node`, `gap`, `loss`, `damage`.
    pub kind: &'static str,
    /// One sentence.
    pub text: String,
}

/// Prints the events of a bag.
///
/// # Errors
/// When it cannot be read.
pub fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    let events = read(path)?;
    super::show(json, &events, || {
        let line = |e: &Event| {
            let (whole, part) = (e.t_ns / 1_000_000_000, e.t_ns / 1_000_000 % 1000);
            format!(
                "{:9.3} s  {whole}.{part:03}  {:<12}  {}\n",
                e.t_s,
                e.kind,
                e.text.replace(['\n', '\r'], " ")
            )
        };
        events.iter().map(line).collect()
    })
}

/// The events of a bag, by time.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    let (reader, start_ns, end_ns) = open(path)?;
    let survey = Survey::pass(&reader, (start_ns, end_ns), &mut |_| Ok(()))?;
    let limits = survey.topics.iter().filter_map(|(name, t)| Some((name.clone(), steady(t)?)));
    let mut watch = Watch { start_ns, limits: limits.collect(), ..Watch::default() };
    Survey::pass(&reader, (start_ns, end_ns), &mut |seen| {
        watch.see(seen);
        Ok(())
    })?;
    watch.end(end_ns);
    for damage in &survey.damage {
        watch.tell(start_ns, "damage", damage.clone());
    }
    watch.stops(path)?;
    watch.events.sort_by_key(|e| e.t_ns);
    if watch.beyond > 0 {
        watch.events.push(Event {
            t_s: survey.duration_s(),
            t_ns: end_ns,
            kind: "damage",
            text: format!("{} events more, which are left out: the limit is {EVENT_LIMIT}", watch.beyond),
        });
    }
    Ok(watch.events)
}

/// Median and longest allowed silence of a steady topic, s. What is told only when it happens is none.
pub fn steady(t: &TopicSurvey) -> Option<(f64, f64)> {
    if t.type_name == ours::TreeTransitions::TYPE_NAME {
        return None;
    }
    let median_s = t.median_interval_s()?;
    let within = 1.0 - t.gaps_over(2.0) as f64 / t.count.max(1) as f64;
    (t.count >= STEADY.0 && within >= STEADY.1 && median_s > 0.0)
        .then(|| (median_s, (GAP_FACTOR * median_s).max(GAP_S)))
}

#[derive(Default)]
struct Watch {
    start_ns: u64,
    events: Vec<Event>,
    beyond: u64,
    /// Median and longest allowed silence, by steady topic.
    limits: BTreeMap<String, (f64, f64)>,
    last_ns: BTreeMap<String, u64>,
    losses: BTreeMap<String, LossCounter>,
    /// Gaps and losses told, by kind and topic.
    told: BTreeMap<(&'static str, String), u64>,
    boots: BTreeMap<String, u64>,
    gate: Option<u8>,
    assurance: Option<u8>,
    planner: Option<u8>,
    e_stop: Option<bool>,
    teleop_ns: Option<u64>,
    mission: MissionWatch,
    external: ExternalWatch,
    /// Of both, to be told.
    news: Vec<Told>,
}

impl Watch {
    fn tell(&mut self, t_ns: u64, kind: &'static str, text: String) {
        if self.events.len() >= EVENT_LIMIT {
            self.beyond += 1;
            return;
        }
        let t_s = t_ns.saturating_sub(self.start_ns) as f64 / 1e9;
        self.events.push(Event { t_s, t_ns, kind, text });
    }

    /// Tells one of many alike: the first [`SAME_LIMIT`] of a topic.
    fn tell_some(&mut self, t_ns: u64, kind: &'static str, topic: &str, text: String) {
        let told = self.told.entry((kind, topic.to_owned())).or_default();
        *told += 1;
        if *told <= SAME_LIMIT {
            self.tell(t_ns, kind, text);
        }
    }

    fn see(&mut self, seen: &Seen<'_>) {
        let (topic, at_ns) = (seen.channel.topic.as_str(), seen.message.log_time_ns);
        self.gap(topic, at_ns);
        if let Some(head) = seen.head
            && let Some(number) = head.number
        {
            let losses = self.losses.entry(topic.to_owned()).or_default();
            let before = losses.lost;
            losses.note(head.run, number);
            let lost = losses.lost - before;
            if lost > 0 {
                self.tell_some(at_ns, "loss", topic, format!("{topic}: {lost} lost before message {number}"));
            }
        }
        let data = &seen.message.data;
        match (topic, seen.channel.type_name.as_str()) {
            ("/gate/state", ours::GateState::TYPE_NAME) => self.with(data, at_ns, Self::gate),
            ("/assurance/state", ours::AssuranceState::TYPE_NAME) => self.with(data, at_ns, Self::assurance),
            ("/assurance/event", ours::Intervention::TYPE_NAME) => self.with(data, at_ns, Self::intervention),
            ("/decision", ours::Decision::TYPE_NAME) => self.with(data, at_ns, Self::decision),
            ("/e_stop", Bool::TYPE_NAME) => self.with(data, at_ns, Self::e_stop),
            ("/planner/cancel", Bool::TYPE_NAME) => self.with(data, at_ns, |w, t, m: Bool| {
                if m.data {
                    w.tell(t, "goal", "given up by the operator".into());
                }
            }),
            ("/goal_pose", PoseStamped::TYPE_NAME) => self.with(data, at_ns, |w, t, m: PoseStamped| {
                let p = &m.pose.position;
                w.tell(t, "goal", format!("given: ({:.2}, {:.2}) m in {}", p.x, p.y, m.header.frame_id));
            }),
            ("/teleop/cmd_vel", TwistStamped::TYPE_NAME) => {
                let begins =
                    self.teleop_ns.is_none_or(|last| at_ns.saturating_sub(last) as f64 / 1e9 > TELEOP_S);
                self.teleop_ns = Some(at_ns);
                if begins {
                    self.tell(at_ns, "teleop", "manual driving begins".into());
                }
            }
            (_, ours::OperatorRequest::TYPE_NAME) => {
                self.with(data, at_ns, |w, t, m: ours::OperatorRequest| {
                    let what = match m.action {
                        ours::OperatorRequest::ARM => "arm",
                        ours::OperatorRequest::RESET => "reset",
                        ours::OperatorRequest::END => "end",
                        _ => "an unknown action",
                    };
                    w.tell(t, "operator", format!("asks the gate: {what} (request {})", m.sequence));
                })
            }
            (_, ours::MissionRequest::TYPE_NAME) => {
                self.with(data, at_ns, |w, t, m: ours::MissionRequest| {
                    w.tell(t, "operator", mission_events::request(&m));
                })
            }
            (_, ours::MissionReply::TYPE_NAME) => self.with(data, at_ns, |w, t, m: ours::MissionReply| {
                w.tell(t, "operator", mission_events::reply(&m));
            }),
            (_, ours::MissionState::TYPE_NAME) => self.with(data, at_ns, |w, t, m: ours::MissionState| {
                w.mission.see(t, &m, &mut w.news);
                w.tell_news();
            }),
            (_, ours::OperatorReply::TYPE_NAME) => self.with(data, at_ns, |w, t, m: ours::OperatorReply| {
                let what = if m.success { "yes" } else { "no" };
                w.tell(
                    t,
                    "operator",
                    format!("the gate answers request {}: {what}: {}", m.request_sequence, m.message),
                );
            }),
            (_, ours::NodeInfo::TYPE_NAME) => {
                self.with(data, at_ns, |w, t, m: ours::NodeInfo| {
                    w.boot(t, &m.node, m.boot_id, Some(&m.build))
                });
            }
            (_, ours::Tick::TYPE_NAME) => {
                self.with(data, at_ns, |w, t, m: ours::Tick| w.boot(t, &m.node, m.boot_id, None));
            }
            _ => {}
        }
    }

    fn with<M: Message>(&mut self, data: &[u8], at_ns: u64, take: impl FnOnce(&mut Self, u64, M)) {
        // What cannot be decoded is told by `verify`.
        if let Ok(message) = decode::<M>(data) {
            take(self, at_ns, message);
        }
    }

    fn gap(&mut self, topic: &str, at_ns: u64) {
        let Some((median_s, limit_s)) = self.limits.get(topic).copied() else { return };
        match self.last_ns.get_mut(topic) {
            None => drop(self.last_ns.insert(topic.to_owned(), at_ns)),
            Some(last_ns) => {
                let before_ns = std::mem::replace(last_ns, at_ns);
                let gap_s = at_ns.saturating_sub(before_ns) as f64 / 1e9;
                if gap_s > limit_s {
                    let text = format!("{topic}: nothing for {gap_s:.3} s, usually every {median_s:.3} s");
                    self.tell_some(before_ns, "gap", topic, text);
                }
            }
        }
    }

    fn gate(&mut self, at_ns: u64, m: ours::GateState) {
        let before = self.gate.replace(m.mode);
        let forwards = |mode| mode == ours::GateState::FORWARDING || mode == ours::GateState::TELEOP;
        // A stop is told as such, with what assurance said.
        let stop = before.is_some_and(forwards) && !forwards(m.mode);
        if before != Some(m.mode) && !stop {
            let from = before.map_or("(first seen)", gate_mode);
            self.tell(at_ns, "gate", format!("{from} to {}{}", gate_mode(m.mode), because(&m.reason)));
        }
    }

    fn assurance(&mut self, at_ns: u64, m: ours::AssuranceState) {
        let before = self.assurance.replace(m.mode);
        if before != Some(m.mode) {
            let from = before.map_or("(first seen)", assurance_mode);
            let limiting =
                if m.limiting.is_empty() { String::new() } else { format!("; limiting: {}", m.limiting) };
            self.tell(at_ns, "assurance", format!("{from} to {}{limiting}", assurance_mode(m.mode)));
        }
    }

    fn intervention(&mut self, at_ns: u64, m: ours::Intervention) {
        let (value, limit, unit) = (m.value, m.limit, &m.unit);
        let clears =
            if m.clears_when.is_empty() { String::new() } else { format!("; clears when {}", m.clears_when) };
        let measured = if value.is_finite() {
            format!(" ({value:.3} against {limit:.3} {unit})")
        } else {
            String::new()
        };
        let text = format!("{}: {}{measured}{clears}", m.rule, m.text);
        self.tell(at_ns, "intervention", text);
    }

    fn tell_news(&mut self) {
        let mut news = std::mem::take(&mut self.news);
        news.drain(..).for_each(|(at_ns, kind, text)| self.tell(at_ns, kind, text));
        self.news = news;
    }

    fn decision(&mut self, at_ns: u64, m: ours::Decision) {
        self.external.see(at_ns, &m, &mut self.news);
        self.tell_news();
        let before = self.planner.replace(m.tree_status);
        if before != Some(m.tree_status) {
            let from = before.map_or("(first seen)", tree_status);
            let why =
                if m.constraint.is_empty() { m.chosen } else { format!("{}; {}", m.chosen, m.constraint) };
            let to = tree_status(m.tree_status);
            self.tell(at_ns, "planner", format!("{from} to {to} in {}{}", m.active_node, because(&why)));
        }
    }

    fn e_stop(&mut self, at_ns: u64, m: Bool) {
        let before = self.e_stop.replace(m.data);
        if before.unwrap_or(false) != m.data {
            self.tell(at_ns, "e_stop", if m.data { "pressed".into() } else { "released".into() });
        }
    }

    fn boot(&mut self, at_ns: u64, node: &str, boot_id: u64, build: Option<&str>) {
        let before = self.boots.insert(node.to_owned(), boot_id);
        let build = build.map_or(String::new(), |b| format!(", build {b}"));
        match before {
            None => self.tell(at_ns, "node", format!("{node}: first seen, run {boot_id:016x}{build}")),
            Some(last) if last != boot_id => {
                let text = format!("{node}: RESTARTED, run {boot_id:016x} after {last:016x}{build}");
                self.tell(at_ns, "node", text);
            }
            _ => {}
        }
    }

    /// What is seen only at the end: topics that fell silent, and what was only counted.
    fn end(&mut self, end_ns: u64) {
        let silent = self.last_ns.iter().filter_map(|(topic, last_ns)| {
            let (median_s, limit_s) = self.limits.get(topic)?;
            let silent_s = end_ns.saturating_sub(*last_ns) as f64 / 1e9;
            let text =
                format!("{topic}: nothing more to the end, {silent_s:.3} s; usually every {median_s:.3} s");
            (silent_s > *limit_s).then_some((*last_ns, text))
        });
        let silent: Vec<(u64, String)> = silent.collect();
        for (last_ns, text) in silent {
            self.tell(last_ns, "gap", text);
        }
        self.mission.forget(&mut self.news);
        self.external.end(&mut self.news);
        self.tell_news();
        let counted: Vec<(&'static str, String)> = self
            .told
            .iter()
            .filter(|(_, n)| **n > SAME_LIMIT)
            .map(|((kind, topic), n)| (*kind, format!("{topic}: {} more of these", n - SAME_LIMIT)))
            .collect();
        for (kind, text) in counted {
            self.tell(end_ns, kind, text);
        }
    }

    /// Stops and waits, as the report finds them.
    fn stops(&mut self, path: &Path) -> anyhow::Result<()> {
        let recording = Recording::read(path)?;
        let summary = RunSummary::new(&recording, TOLERANCE_M);
        for stop in summary.stops {
            let (kind, what) = match stop.kind {
                StopKind::Gate => ("stop", format!("the gate changes to {}", stop.mode)),
                StopKind::Wait => ("wait", "stands on its way".to_owned()),
            };
            let at = stop.pose.map_or(String::new(), |p| format!(" at ({:.2}, {:.2}) m", p.x_m, p.y_m));
            let said = if stop.because.is_empty() {
                String::new()
            } else {
                format!("; assurance: {}", stop.because)
            };
            let text = format!("{what} for {:.2} s{at}: {}{said}", stop.duration_s, stop.reason);
            self.tell(self.start_ns + (stop.t_s * 1e9).round() as u64, kind, text);
        }
        Ok(())
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;

    fn events(example: &Example) -> Vec<Event> {
        let dir = tempfile::tempdir().unwrap();
        read(&bag(dir.path(), "x", example)).unwrap()
    }

    fn of<'e>(events: &'e [Event], kind: &str) -> Vec<(f64, &'e str)> {
        events.iter().filter(|e| e.kind == kind).map(|e| (e.t_s, e.text.as_str())).collect()
    }

    #[test]
    fn a_quiet_run_has_only_its_beginnings() {
        let all = events(&Example::default());
        assert_eq!(of(&all, "node"), [(0.0, "gate: first seen, run 0000000000000007, build 1.0")]);
        assert_eq!(of(&all, "gate"), [(0.0, "(first seen) to forwarding")]);
        assert_eq!(all.len(), 2, "{all:?}");
    }

    #[test]
    fn stops_restarts_silences_and_losses_have_their_times() {
        let all = events(&Example {
            stop: Some((2.0, 2.5)),
            restart: Some(3.0),
            silent: Some(("/gate/state", 1.0, 1.2)),
            ..Example::default()
        });
        let stops = of(&all, "stop");
        assert_eq!(stops.len(), 1, "{all:?}");
        assert!((stops[0].0 - 2.0).abs() < 1e-6, "{stops:?}");
        assert!(
            stops[0].1.contains("stopping for 0.50 s at (0.00, 0.00) m: no permit for 60 ms"),
            "{stops:?}"
        );
        assert!(of(&all, "gate").contains(&(2.5, "stopping to forwarding")), "{all:?}");
        assert!(
            of(&all, "node")
                .contains(&(3.0, "gate: RESTARTED, run 0000000000000008 after 0000000000000007, build 1.0"))
        );
        assert_eq!(of(&all, "gap"), [(0.99, "/gate/state: nothing for 0.210 s, usually every 0.010 s")]);
        assert_eq!(of(&all, "loss"), [(1.2, "/gate/state: 20 lost before message 121")]);
        assert!(all.is_sorted_by(|a, b| a.t_ns <= b.t_ns));
    }

    #[test]
    fn a_topic_that_falls_silent_is_told() {
        let all = events(&Example { silent: Some(("/scan", 3.0, 9.0)), ..Example::default() });
        assert_eq!(of(&all, "gap").len(), 1, "{all:?}");
        assert!(of(&all, "gap")[0].1.starts_with("/scan: nothing more to the end, 1.050 s"), "{all:?}");
    }
}
