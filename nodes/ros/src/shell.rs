//! The run loop of a node: one thread that waits on DDS, hands messages to the core, steps it and publishes.
//!
//! One thread because it was measured to be the fastest and because the order in which messages are consumed is then
//! the order in the journal.

mod ending;

use crate::clock::{Clocks, monotonic};
use crate::gate_extras::GateExtras;
use crate::memory::give_back_code_of_the_start;
use crate::missions::MissionExtras;
use crate::params::Parameters;
use crate::priority::{ask_for_priority, stops_the_robot};
use crate::process::{fail_soon, leave_soon, main_of};
use crate::qos::{kept, offered, profile};
use crate::rcl::{Kind, remapped};
use crate::transport::start_ros;
use crate::unheard::Unheard;
use anyhow::Context as _;
use ending::until_told;
use futures::{FutureExt as _, Stream, StreamExt as _};
use outrider_foundation::{Instant, Now, Span, Stamp};
use outrider_msgs::diagnostic_msgs::{DiagnosticStatus, KeyValue};
use outrider_msgs::outrider_msgs::Tick;
use outrider_msgs::rosgraph_msgs::Clock;
use outrider_runtime::{HostedNode, Qos, Topic, diagnostics, node_info};
use outrider_suite::{Files, assemble, left_out_of_world, read_resources, topics};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest wait for DDS: how soon a stop signal is heeded at the latest.
const SPIN_LIMIT: Span = Span::from_millis(50);
const DIAGNOSTICS_PERIOD: Span = Span::from_millis(1000);
/// So long a node waits for `/clock` before it says so, each time.
const CLOCK_PATIENCE: Span = Span::from_millis(3000);
const NO_CLOCK: &str = "waits for /clock (use_sim_time)";
/// Once the recorder has found the journal it needs this long to find the other topics.
const RECORDER_SETTLES: Span = Span::from_millis(400);

pub(crate) type Bytes = Box<dyn Stream<Item = Vec<u8>> + Unpin>;

/// `main` of every node: logs the error that ends it.
pub fn entry(name: &str) -> ExitCode {
    main_of(name, |stop| {
        let scheduling = ask_for_priority(name);
        tracing::info!("{name}: {scheduling}");
        run_node(name, scheduling, stop)
    })
}

/// Everything up to the first turn.
fn start(ros: &mut r2r::Node, name: &str, scheduling: String) -> anyhow::Result<(Shell, Parameters)> {
    let mut parameters = Parameters::read(ros)?;
    if name == "sim" && parameters.use_sim_time {
        tracing::warn!(
            "sim: use_sim_time is not heeded: this is where simulated time comes from (publish_clock in sim.yaml)"
        );
        parameters.use_sim_time = false;
    }
    let files = Files {
        scenario: parameters.scenario.clone(),
        tree: parameters.tree.clone(),
        zones: parameters.zones.clone(),
        permit_key: parameters.permit_key.clone(),
        ..Files::new(parameters.config.clone())
    };
    let resources = read_resources(name, &files)?;
    if name == "sim" {
        let of_scenario = files.scenario().map(|scenario| scenario.not_live()).unwrap_or_default();
        left_out_of_world(&resources)?.iter().chain(&of_scenario).for_each(|line| tracing::warn!("{line}"));
    }
    let core = assemble(name, resources, boot_id())?;
    let shell = Shell::connect(ros, core, &parameters, scheduling)?;
    tracing::info!("{name}: connected, boot id {:016x}", shell.core.spec().boot_id);
    Ok((shell, parameters))
}

/// Runs a node until `stop` is set.
///
/// `scheduling` says in words how it is scheduled, for `/diagnostics`.
///
/// # Errors
/// When it cannot be started.
pub fn run_node(name: &str, scheduling: String, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut ros = start_ros(name)?;
    let (mut shell, parameters) = start(&mut ros, name, scheduling).inspect_err(fail_soon)?;
    shell.wait_for_recorder(&mut ros, parameters.wait_for_recorder_s, stop);
    if !stops_the_robot(name) {
        give_back_code_of_the_start();
    }
    shell.tell_supervisors();
    let mut node = (shell, ros);
    let ended = until_told(
        &mut node,
        stop,
        |(shell, ros)| shell.turn(ros),
        |(shell, ros)| {
            tracing::info!("{name}: stopping");
            let ended = shell.wind_down(ros);
            shell.farewell(ros);
            ended
        },
    );
    ended.inspect_err(fail_soon)?;
    leave_soon();
    Ok(())
}

/// A number that no other run has: the time in nanoseconds, mixed with the process id.
fn boot_id() -> u64 {
    let time = crate::clock::realtime().nanos().unsigned_abs();
    (time ^ (u64::from(std::process::id()) << 44)).max(1)
}

struct Shell {
    core: Box<dyn HostedNode>,
    clocks: Clocks,
    inputs: Vec<Bytes>,
    outputs: Vec<r2r::PublisherUntyped>,
    /// Which of them are pictures for people.
    pictures: Vec<usize>,
    journal: r2r::PublisherUntyped,
    info: r2r::PublisherUntyped,
    health: r2r::PublisherUntyped,
    clock: Option<Bytes>,
    gate: Option<GateExtras>,
    missions: Option<MissionExtras>,
    unheard: Unheard,
    next_health: Instant,
    next_complaint: Instant,
    announced: bool,
    publish_errors: u64,
    /// What it took to take in what the next step consumes.
    taking_in: Span,
    /// What the node got of what it asked of the kernel.
    scheduling: String,
    namespace: String,
}

impl Shell {
    fn connect(
        ros: &mut r2r::Node,
        core: Box<dyn HostedNode>,
        parameters: &Parameters,
        scheduling: String,
    ) -> anyhow::Result<Self> {
        let mut inputs = Vec::new();
        for topic in core.inputs() {
            inputs.push(if is_the_shells_own(topic) { nothing() } else { subscribe(ros, topic)? });
        }
        let mut outputs = Vec::new();
        for topic in core.outputs() {
            outputs.push(advertise(ros, topic)?);
        }
        let pictures = core.outputs().iter().enumerate().filter(|(_, topic)| is_picture(topic));
        let pictures = pictures.map(|(index, _)| index).collect();
        let name = core.spec().name.clone();
        let heard = core.inputs().iter().filter(|topic| !is_the_shells_own(topic));
        let unheard = Unheard::of(heard.map(|topic| (topic, resolved(ros, topic))), monotonic());
        let clock = parameters.use_sim_time.then(|| subscribe(ros, &topics::clock())).transpose()?;
        let gate = (name == "gate").then(|| GateExtras::connect(ros, core.as_ref())).transpose()?;
        let missions = (name == "planner").then(|| MissionExtras::connect(ros, core.as_ref())).transpose()?;
        Ok(Self {
            inputs,
            outputs,
            pictures,
            journal: advertise(ros, &topics::journal(&name))?,
            info: advertise(ros, &topics::info(&name))?,
            health: advertise(ros, &topics::diagnostics())?,
            clocks: Clocks::new(parameters.use_sim_time),
            clock,
            gate,
            missions,
            unheard,
            next_health: monotonic(),
            next_complaint: monotonic() + CLOCK_PATIENCE,
            announced: false,
            publish_errors: 0,
            taking_in: Span::ZERO,
            scheduling,
            namespace: ros.namespace().unwrap_or_default(),
            core,
        })
    }

    /// A bag is only replayable from the first step on: waits until somebody listens to the journal.
    fn wait_for_recorder(&mut self, ros: &mut r2r::Node, limit_s: f64, stop: &AtomicBool) {
        if limit_s <= 0.0 {
            return;
        }
        let mut deadline = monotonic() + Span::from_s(limit_s);
        let (mut heard, mut last_words) = (false, BTreeMap::new());
        while monotonic() < deadline && !stop.load(Ordering::Relaxed) {
            ros.spin_once(Duration::from_millis(10));
            pass_over(self.core.inputs(), &mut self.inputs, &mut last_words);
            self.refuse_calls("still starting: waits for a recorder");
            if !heard && self.journal.get_inter_process_subscription_count().is_ok_and(|count| count > 0) {
                heard = true;
                deadline = monotonic() + RECORDER_SETTLES;
            }
        }
        if !heard {
            tracing::warn!("no recorder within {limit_s} s: going on without");
        }
        for (index, bytes) in last_words {
            self.core.deliver(index, monotonic(), &bytes);
        }
    }

    /// Answers the calls that have come, with why nothing is done.
    fn refuse_calls(&mut self, why: &str) {
        if let Some(extras) = &mut self.gate {
            extras.refuse(why);
        }
        if let Some(extras) = &mut self.missions {
            extras.refuse(why);
        }
    }

    /// Waits for a message or the next timer, then does what is due.
    fn turn(&mut self, ros: &mut r2r::Node) -> anyhow::Result<()> {
        let wait = wait(self.clocks.now(), self.core.next_wakeup());
        ros.spin_once(Duration::from_nanos(wait.nanos().unsigned_abs()));
        self.receive(ros);
        let Some(now) = self.clocks.now() else { return self.wait_for_clock() };
        if !self.announced {
            self.announced = true;
            let info = node_info(self.core.as_ref(), now.ros, |topic| resolved(ros, topic));
            publish(&self.info, &outrider_msgs::encode(&info)?, &mut self.publish_errors);
            self.step(now)?;
        }
        if self.core.has_input() || self.core.next_wakeup().is_some_and(|at| at <= now.mono) {
            self.step(now)?;
        }
        if now.mono >= self.next_health {
            self.next_health = now.mono + DIAGNOSTICS_PERIOD;
            let mut health = diagnostics(self.core.as_ref(), &self.namespace, now.ros);
            for status in &mut health.status {
                self.unheard.tell(status);
                status.values.extend(self.own_values());
            }
            let bytes = outrider_msgs::encode(&health)?;
            publish(&self.health, &bytes, &mut self.publish_errors);
        }
        self.unheard.look(ros, now.mono);
        Ok(())
    }

    /// What the shell itself has to say in `/diagnostics`.
    fn own_values(&self) -> Vec<KeyValue> {
        let mut told = vec![
            ("scheduling", self.scheduling.clone()),
            ("publish_errors", self.publish_errors.to_string()),
        ];
        let of_services = self.gate.as_ref().map(GateExtras::counts);
        told.extend(of_services.into_iter().flatten().map(|(key, count)| (key, count.to_string())));
        told.into_iter().map(|(key, value)| KeyValue { key: key.to_owned(), value }).collect()
    }

    /// Without a time there is no step: that is said, or nobody would know why nothing happens.
    fn wait_for_clock(&mut self) -> anyhow::Result<()> {
        if monotonic() < self.next_complaint {
            return Ok(());
        }
        self.next_complaint = monotonic() + CLOCK_PATIENCE;
        tracing::warn!("{}: {NO_CLOCK}", self.core.spec().name);
        let mut health = diagnostics(self.core.as_ref(), &self.namespace, crate::clock::realtime());
        for status in &mut health.status {
            (status.level, status.message) = (DiagnosticStatus::WARN, NO_CLOCK.to_owned());
        }
        publish(&self.health, &outrider_msgs::encode(&health)?, &mut self.publish_errors);
        Ok(())
    }

    fn receive_clock(&mut self) {
        if let Some(stream) = &mut self.clock {
            while let Some(bytes) = next(stream) {
                if let Ok(message) = outrider_msgs::decode::<Clock>(&bytes) {
                    let seconds = i64::from(message.clock.sec).saturating_mul(1_000_000_000);
                    self.clocks.set(Stamp::from_nanos(seconds + i64::from(message.clock.nanosec)));
                }
            }
        }
    }

    fn receive(&mut self, ros: &r2r::Node) {
        self.receive_clock();
        let received = monotonic();
        for (index, stream) in self.inputs.iter_mut().enumerate() {
            while let Some(bytes) = next(stream) {
                let before = monotonic();
                self.core.deliver(index, received, &bytes);
                self.taking_in = self.taking_in + monotonic().since(before);
            }
        }
        let Some(now) = self.clocks.now() else { return self.refuse_calls(NO_CLOCK) };
        if let Some(extras) = &mut self.gate {
            extras.receive(ros, now, self.core.as_mut());
        }
        if let Some(extras) = &mut self.missions {
            extras.receive(now, self.core.as_mut());
        }
    }

    /// `Tick.duration` is what decoding, step and encoding took, but not the encoding of pictures for people, unless one comes
    /// first: what lies before the first output is the step itself. Handing the outputs to DDS is in the age of a command, not
    /// in that: a send may last as long as whoever is woken by it works on the same processor.
    fn step(&mut self, now: Now) -> anyhow::Result<()> {
        let (outputs, errors, gate) = (&self.outputs, &mut self.publish_errors, &mut self.gate);
        let (pictures, missions) = (&self.pictures, &mut self.missions);
        let mut took = std::mem::take(&mut self.taking_in);
        let mut since = monotonic();
        let mut is_first = true;
        let tick: &mut Tick = self.core.step(now, &mut |index, bytes, _| {
            if std::mem::take(&mut is_first) || !pictures.contains(&index) {
                took = took + monotonic().since(since);
            }
            if let Some(publisher) = outputs.get(index) {
                publish(publisher, &bytes, errors);
            }
            if let Some(extras) = gate.as_mut() {
                extras.observe(index, &bytes);
            }
            if let Some(extras) = missions.as_mut() {
                extras.observe(index, &bytes);
            }
            since = monotonic();
        });
        took = took + monotonic().since(since);
        tick.duration = u32::try_from(took.nanos()).unwrap_or(u32::MAX);
        publish(&self.journal, &outrider_msgs::encode(tick)?, &mut self.publish_errors);
        Ok(())
    }
}

/// What arrives before the first step is not consumed: it is old by then, and the recorder may have missed it. What is kept
/// for late comers (map, fixed transforms) reaches the recorder whenever it comes, and is sent only once. An emergency
/// stop may be said only once too: its last word counts, even if the bag should lack it.
fn pass_over(inputs: &[Topic], streams: &mut [Bytes], last_words: &mut BTreeMap<usize, Vec<u8>>) {
    let e_stop = topics::e_stop().name;
    for (index, (topic, stream)) in inputs.iter().zip(streams).enumerate() {
        if topic.qos.transient_local {
            continue;
        }
        while let Some(bytes) = next(stream) {
            if topic.name == e_stop {
                last_words.insert(index, bytes);
            }
        }
    }
}

/// How long to wait for a message. Without a time yet nothing can be stepped, however long it has been due: only `/clock`
/// is waited for. (A node of real-time priority that did not wait would keep whoever is to publish it from running.)
fn wait(now: Option<Now>, wakeup: Option<Instant>) -> Span {
    match (now, wakeup) {
        (Some(now), Some(at)) => at.since(now.mono).min(SPIN_LIMIT).max(Span::ZERO),
        _ => SPIN_LIMIT,
    }
}

/// The next message of a stream, if one is there already.
pub(crate) fn next(stream: &mut Bytes) -> Option<Vec<u8>> {
    next_of(stream)
}

/// The next item of a stream, if one is there already.
pub(crate) fn next_of<T>(stream: &mut Box<dyn Stream<Item = T> + Unpin>) -> Option<T> {
    stream.next().now_or_never().flatten()
}

/// What a shell makes of service and action calls it hands to its core and publishes for the bag. Were it taken back in, the
/// core would have every call twice.
fn is_the_shells_own(topic: &Topic) -> bool {
    [topics::operator_request(), topics::velocity_publishers(), topics::mission_request()]
        .iter()
        .any(|own| own.name == topic.name)
}

/// What RViz and Foxglove show and no node takes in.
fn is_picture(topic: &Topic) -> bool {
    [topics::costmap(), topics::track_costs(), topics::markers(), topics::plan(), topics::trajectory()]
        .iter()
        .any(|picture| picture.name == topic.name)
}

fn nothing() -> Bytes {
    Box::new(futures::stream::pending())
}

pub(crate) fn subscribe(ros: &mut r2r::Node, topic: &Topic) -> anyhow::Result<Bytes> {
    let mut listen = |qos: Qos| {
        ros.subscribe_raw(&topic.name, topic.type_name, profile(qos))
            .with_context(|| format!("subscribing to {} ({})", topic.name, topic.type_name))
    };
    let stream = listen(topic.qos)?;
    if !topics::is_heard_from_all(topic) {
        return Ok(Box::new(stream));
    }
    // One subscription cannot do both: that by best effort hears everybody, but nothing again that was lost on the way. What was lost
    // comes late by the reliable one, with all that followed it, in the order in which it was said; r2r gives no numbers by which it
    // could be told from what is new. So what was said before is heard once more, and then what was said last: a `true` may stop the
    // robot anew after a reset, a `false` lift no stop (only a reset does that), and the last word is right in the end.
    let of_anybody = listen(Qos { reliable: false, ..topic.qos })?;
    Ok(Box::new(futures::stream::select(stream, of_anybody)))
}

pub(crate) fn advertise(ros: &mut r2r::Node, topic: &Topic) -> anyhow::Result<r2r::PublisherUntyped> {
    ros.create_publisher_untyped(&topic.name, topic.type_name, offered(kept(topic.qos, is_large(topic))))
        .with_context(|| format!("advertising {} ({})", topic.name, topic.type_name))
}

/// Whether its messages have tens of kilobytes.
fn is_large(topic: &Topic) -> bool {
    topic.name == topics::world_model().name
}

/// A publication that fails is counted; the first is logged.
pub(crate) fn publish(publisher: &r2r::PublisherUntyped, bytes: &[u8], errors: &mut u64) {
    if let Err(error) = publisher.publish_raw(bytes) {
        *errors += 1;
        if *errors == 1 {
            tracing::error!("publishing failed: {error}");
        }
    }
}

/// A topic's name in the graph: within the node's namespace, and as the command line remaps it.
pub(crate) fn resolved(ros: &r2r::Node, topic: &Topic) -> String {
    name_in_graph(ros, Kind::Topic, topic.name.as_ref())
}

/// A service's name in the graph, as it is for this node, whichever offers it.
pub(crate) fn resolved_service(ros: &r2r::Node, service: &str) -> String {
    name_in_graph(ros, Kind::Service, service)
}

fn name_in_graph(ros: &r2r::Node, kind: Kind, name: &str) -> String {
    let (namespace, node) = (ros.namespace().unwrap_or_default(), ros.name().unwrap_or_default());
    let name = within(&namespace, name);
    remapped(kind, &name, &node, &namespace).unwrap_or_else(|error| {
        tracing::warn!("{name}: taken as not remapped: {error:#}");
        name
    })
}

fn within(namespace: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_first_step_is_passed_over_but_for_what_is_said_once() {
        let inputs = [topics::scan(), topics::map(), topics::e_stop()];
        let said =
            |bytes: [u8; 3]| -> Bytes { Box::new(futures::stream::iter(bytes.map(|byte| vec![byte]))) };
        let mut streams = [said([1, 2, 3]), said([4, 5, 6]), said([7, 8, 9])];
        let mut last_words = BTreeMap::new();
        pass_over(&inputs, &mut streams, &mut last_words);
        assert_eq!(last_words, BTreeMap::from([(2, vec![9])]));
        let left = streams.each_mut().map(next);
        assert_eq!(left, [None, Some(vec![4]), None]);
    }

    #[test]
    fn a_node_without_a_clock_waits_however_long_it_has_been_due() {
        let now = |mono_ms: i64| {
            Some(Now { mono: Instant::default() + Span::from_millis(mono_ms), ros: Stamp::default() })
        };
        let at = |ms: i64| Some(Instant::default() + Span::from_millis(ms));
        assert_eq!(wait(None, Some(Instant::default())), SPIN_LIMIT);
        assert_eq!(wait(now(5), None), SPIN_LIMIT);
        assert_eq!(wait(now(5), at(7)), Span::from_millis(2));
        assert_eq!(wait(now(5), at(4)), Span::ZERO);
        assert_eq!(wait(now(5), at(5_000)), SPIN_LIMIT);
    }
}
