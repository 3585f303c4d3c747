//! The demo's own node: the operator who arms the gate and sends the goal, and the spectator who sees how it goes.

use crate::clock::realtime;
use crate::shell::{Bytes, advertise, next, publish, subscribe};
use crate::transport::start_ros;
use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use outrider_foundation::Pose2;
use outrider_msgs::diagnostic_msgs::DiagnosticArray;
use outrider_msgs::geometry_msgs::{Point, Pose, PoseStamped, Quaternion};
use outrider_msgs::outrider_msgs::{AssuranceState, Decision, GateState, GroundTruth, Intervention};
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{header, node_of_health};
use outrider_suite::topics;
use r2r::std_srvs::srv::Trigger;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// One `spin_once` takes at most one message of a subscription: enough of them for the gate's 100 Hz at the demo's pace.
const SPINS: usize = 4;
/// An answer to a service call that takes longer is given up.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// "Why" records that wait to be shown; beyond it the oldest goes (all are in the bag).
const EVENT_LIMIT: usize = 64;
/// Slower than this counts as standing still.
const STILL_MPS: f64 = 0.02;
const STILL_RADPS: f64 = 0.05;

/// What was heard last.
#[derive(Default)]
pub struct Seen {
    /// Nodes whose `/diagnostics` were heard.
    pub heard: BTreeSet<String>,
    /// What is true in the simulator.
    pub truth: Option<GroundTruth>,
    /// The gate.
    pub gate: Option<GateState>,
    /// Assurance.
    pub assurance: Option<AssuranceState>,
    /// The planner.
    pub decision: Option<Decision>,
    /// Interventions that were not shown yet.
    pub events: VecDeque<Intervention>,
    /// Since when the robot truly stands still.
    pub still_since: Option<Instant>,
}

struct Streams {
    diagnostics: Bytes,
    truth: Bytes,
    gate: Bytes,
    assurance: Bytes,
    decision: Bytes,
    events: Bytes,
}

enum Call {
    /// Waits until the service is there.
    Finding(BoxFuture<'static, r2r::Result<()>>),
    Idle,
    /// Waits for the answer.
    Asking(BoxFuture<'static, r2r::Result<Trigger::Response>>, Instant),
}

/// The node.
pub struct Observer {
    /// What was heard last.
    pub seen: Seen,
    streams: Streams,
    goal: r2r::PublisherUntyped,
    e_stop: r2r::PublisherUntyped,
    arm: r2r::Client<Trigger::Service>,
    call: Call,
    errors: u64,
    /// Last: it owns what the others point to.
    ros: r2r::Node,
}

impl Observer {
    /// Joins the ROS graph.
    ///
    /// # Errors
    /// When ROS does not start.
    pub fn connect() -> anyhow::Result<Self> {
        let mut ros = start_ros("demo")?;
        let streams = Streams {
            diagnostics: subscribe(&mut ros, &topics::diagnostics())?,
            truth: subscribe(&mut ros, &topics::ground_truth())?,
            gate: subscribe(&mut ros, &topics::gate_state())?,
            assurance: subscribe(&mut ros, &topics::assurance_state())?,
            decision: subscribe(&mut ros, &topics::decision())?,
            events: subscribe(&mut ros, &topics::assurance_event())?,
        };
        let arm = ros
            .create_client::<Trigger::Service>("gate/arm", r2r::QosProfile::services_default())
            .context("making a client of /gate/arm")?;
        let found = r2r::Node::is_available(&arm).context("looking for /gate/arm")?;
        Ok(Self {
            seen: Seen::default(),
            streams,
            goal: advertise(&mut ros, &topics::goal_pose())?,
            e_stop: advertise(&mut ros, &topics::e_stop())?,
            call: Call::Finding(found.boxed()),
            arm,
            errors: 0,
            ros,
        })
    }

    /// Takes in what has arrived; does not wait.
    pub fn poll(&mut self) {
        for _ in 0..SPINS {
            self.ros.spin_once(Duration::ZERO);
            self.drain();
        }
    }

    fn drain(&mut self) {
        let (streams, seen) = (&mut self.streams, &mut self.seen);
        while let Some(message) = next_message::<DiagnosticArray>(&mut streams.diagnostics) {
            let names = message.status.into_iter().map(|status| status.name);
            seen.heard.extend(names.filter_map(|name| node_of_health(&name).map(str::to_owned)));
        }
        while let Some(message) = next_message::<GroundTruth>(&mut streams.truth) {
            let still = message.v.abs() < STILL_MPS && message.w.abs() < STILL_RADPS;
            seen.still_since = still.then(|| seen.still_since.unwrap_or_else(Instant::now));
            seen.truth = Some(message);
        }
        while let Some(message) = next_message(&mut streams.gate) {
            seen.gate = Some(message);
        }
        while let Some(message) = next_message(&mut streams.assurance) {
            seen.assurance = Some(message);
        }
        while let Some(message) = next_message(&mut streams.decision) {
            seen.decision = Some(message);
        }
        while let Some(message) = next_message(&mut streams.events) {
            if seen.events.len() >= EVENT_LIMIT {
                seen.events.pop_front();
            }
            seen.events.push_back(message);
        }
    }

    /// Asks the gate to be armed. `None` while there is no answer yet, else whether it was done and what it said.
    /// After an answer the next call asks again.
    pub fn try_arm(&mut self) -> Option<(bool, String)> {
        match &mut self.call {
            Call::Finding(found) => {
                if found.now_or_never().is_some() {
                    self.call = Call::Idle;
                }
                None
            }
            Call::Idle => match self.arm.request(&Trigger::Request {}) {
                Ok(answer) => {
                    self.call = Call::Asking(answer.boxed(), Instant::now());
                    None
                }
                Err(error) => Some((false, format!("cannot ask: {error}"))),
            },
            Call::Asking(answer, since) => {
                let result = match answer.now_or_never() {
                    Some(Ok(response)) => (response.success, response.message),
                    Some(Err(error)) => (false, format!("no answer: {error}")),
                    None if since.elapsed() > CALL_LIMIT => (false, "no answer".to_owned()),
                    None => return None,
                };
                self.call = Call::Idle;
                Some(result)
            }
        }
    }

    /// Says that the emergency stop is not pressed.
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub fn release_e_stop(&mut self) -> anyhow::Result<()> {
        publish(&self.e_stop, &outrider_msgs::encode(&Bool { data: false })?, &mut self.errors);
        Ok(())
    }

    /// Somebody listens to goals; two are the planner and the recorder.
    pub fn goal_listeners(&self) -> usize {
        self.goal.get_inter_process_subscription_count().unwrap_or(0)
    }

    /// Sends a goal in this frame.
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub fn send_goal(&mut self, frame: &str, goal: Pose2) -> anyhow::Result<()> {
        self.seen.decision = None;
        let half = goal.yaw_rad / 2.0;
        let message = PoseStamped {
            header: header(realtime(), frame),
            pose: Pose {
                position: Point { x: goal.x_m, y: goal.y_m, z: 0.0 },
                orientation: Quaternion { x: 0.0, y: 0.0, z: half.sin(), w: half.cos() },
            },
        };
        publish(&self.goal, &outrider_msgs::encode(&message)?, &mut self.errors);
        Ok(())
    }
}

/// The next message that can be decoded.
fn next_message<M: outrider_msgs::Message>(stream: &mut Bytes) -> Option<M> {
    loop {
        if let Ok(message) = outrider_msgs::decode(&next(stream)?) {
            return Some(message);
        }
    }
}
