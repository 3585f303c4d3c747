//! From the messages of a bag to a [`Recording`].

use super::recording::*;
use anyhow::Context;
use outrider_bags::{BagMessage, BagReader, Channel, Order};
use outrider_foundation::{Point2, Pose2, Robot, Twist2};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::geometry_msgs::{Pose, PoseStamped, Twist, TwistStamped};
use outrider_msgs::nav_msgs::{OccupancyGrid, Odometry, Path as PathMessage};
use outrider_msgs::outrider_msgs as ours;
use outrider_msgs::sensor_msgs::LaserScan;
use outrider_msgs::{Message, decode, diagnostic_msgs::DiagnosticArray};
use outrider_runtime::node_of_health;
use std::path::Path;

/// The most findings of damage that are kept.
const DAMAGE_LIMIT: usize = 100;

/// Topic and type that the report looks for, and what is missing without it.
const WANTED: [(&str, &str, &str); 10] = [
    ("/sim/ground_truth", ours::GroundTruth::TYPE_NAME, "true way, clearance and collisions"),
    ("/world_model", ours::WorldModel::TYPE_NAME, "believed way and tracks"),
    ("/map", OccupancyGrid::TYPE_NAME, "the map"),
    ("/goal_pose", PoseStamped::TYPE_NAME, "the goal"),
    ("/plan", PathMessage::TYPE_NAME, "the planned path"),
    ("/decision", ours::Decision::TYPE_NAME, "what the planner decided"),
    ("/assurance/state", ours::AssuranceState::TYPE_NAME, "modes and robustness"),
    ("/assurance/event", ours::Intervention::TYPE_NAME, "interventions"),
    ("/gate/state", ours::GateState::TYPE_NAME, "gate modes, stops and scan-to-command ages"),
    ("/diagnostics", DiagnosticArray::TYPE_NAME, "health of the nodes"),
];

impl Recording {
    /// Reads the bag at `path`, damaged or not.
    ///
    /// # Errors
    /// When it is no bag, or has no message at all.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let reader = BagReader::open(path)?;
        let (start_ns, end_ns) = reader
            .bounds_ns()
            .with_context(|| format!("{}: there is no message in this bag", path.display()))?;
        let mut recording = Self {
            path: path.display().to_string(),
            recovered: reader.recovered(),
            damage: reader.damage().take(DAMAGE_LIMIT).map(ToString::to_string).collect(),
            start_ns,
            duration_s: end_ns.saturating_sub(start_ns) as f64 / 1e9,
            ..Self::default()
        };
        for channel in reader.channels() {
            let topic = recording.topics.entry(channel.topic.clone()).or_default();
            topic.type_name.clone_from(&channel.type_name);
        }
        for message in reader.messages(Order::LogTime) {
            match message {
                Ok(message) => {
                    if let Some(channel) = reader.channel(message.channel) {
                        recording.take(channel, &message);
                    }
                }
                Err(e) if recording.damage.len() < DAMAGE_LIMIT => recording.damage.push(e.to_string()),
                Err(_) => {}
            }
        }
        recording.goals.extend(recording.missions.goals());
        recording.goals.sort_by(|a, b| a.t_s.total_cmp(&b.t_s));
        recording.add_notes();
        Ok(recording)
    }

    fn take(&mut self, channel: &Channel, message: &BagMessage) {
        let t_s = message.log_time_ns.saturating_sub(self.start_ns) as f64 / 1e9;
        let topic = self.topics.entry(channel.topic.clone()).or_default();
        let (first, last) = topic.span_s.unwrap_or((t_s, t_s));
        topic.gap_s = topic.gap_s.max(t_s - last);
        topic.span_s = Some((first, t_s));
        topic.count += 1;
        topic.bytes = topic.bytes.saturating_add(message.data.len() as u64);
        match self.take_known(channel, t_s, &message.data) {
            Ok(None) => {}
            Ok(Some((boot_id, sequence))) => {
                let topic = self.topics.entry(channel.topic.clone()).or_default();
                topic.losses.get_or_insert_default().note(boot_id, sequence);
            }
            Err(error) => {
                let topic = self.topics.entry(channel.topic.clone()).or_default();
                topic.undecodable += 1;
                if topic.first_error.is_empty() {
                    topic.first_error = error.to_string();
                }
            }
        }
    }

    /// Takes one message in. Returns the run and number of the message, where it has one.
    fn take_known(
        &mut self,
        channel: &Channel,
        t_s: f64,
        data: &[u8],
    ) -> Result<Option<(u64, u64)>, outrider_msgs::CodecError> {
        let topic = channel.topic.as_str();
        let number = match channel.type_name.as_str() {
            ours::GroundTruth::TYPE_NAME => self.take_truth(topic, t_s, &decode(data)?),
            ours::WorldModel::TYPE_NAME => {
                let model: ours::WorldModel = decode(data)?;
                self.computing.take_model(topic, &model, data);
                self.take_world_model(topic, t_s, &model)
            }
            ours::GateState::TYPE_NAME => self.take_gate(topic, t_s, decode(data)?),
            ours::AssuranceState::TYPE_NAME => self.take_assurance(topic, t_s, &decode(data)?),
            ours::Intervention::TYPE_NAME => self.take_event(topic, t_s, decode(data)?),
            ours::Decision::TYPE_NAME => self.take_decision(topic, t_s, decode(data)?),
            ours::TreeTransitions::TYPE_NAME => {
                let m: ours::TreeTransitions = decode(data)?;
                let number = (m.boot_id, m.sequence);
                if topic == "/tree_transitions" {
                    self.tree.take(t_s, m);
                }
                number
            }
            ours::MissionRequest::TYPE_NAME => {
                self.missions.take_request(t_s, decode(data)?);
                return Ok(None);
            }
            ours::MissionReply::TYPE_NAME => {
                self.missions.take_reply(&decode(data)?);
                return Ok(None);
            }
            ours::MissionState::TYPE_NAME => {
                let m: ours::MissionState = decode(data)?;
                self.missions.take_state(t_s, &m);
                (m.boot_id, m.sequence)
            }
            ours::ClearCostmap::TYPE_NAME => {
                let m: ours::ClearCostmap = decode(data)?;
                (m.boot_id, m.sequence)
            }
            ours::Tick::TYPE_NAME => self.take_tick(&decode(data)?),
            ours::NodeInfo::TYPE_NAME => {
                let info: ours::NodeInfo = decode(data)?;
                if let Some(outline) = outline(&info) {
                    self.outline = outline;
                }
                self.tree.take_info(&info);
                self.computing.take_info(&info);
                let node = self.nodes.entry(info.node).or_default();
                node.build = info.build;
                note_boot(&mut node.boots, info.boot_id);
                return Ok(None);
            }
            ours::Command::TYPE_NAME => {
                let m: ours::Command = decode(data)?;
                self.computing.take_command(topic, &m, data);
                (m.boot_id, m.sequence)
            }
            ours::Permit::TYPE_NAME => {
                let m: ours::Permit = decode(data)?;
                self.computing.take_permit(topic, &m, data);
                (m.assurance_boot_id, m.sequence)
            }
            ours::Challenge::TYPE_NAME => {
                let m: ours::Challenge = decode(data)?;
                (m.gate_boot_id, m.number)
            }
            ours::DetectionArray::TYPE_NAME => {
                let m: ours::DetectionArray = decode(data)?;
                (0, m.sequence)
            }
            _ => {
                self.take_standard(topic, &channel.type_name, t_s, data)?;
                return Ok(None);
            }
        };
        Ok(Some(number))
    }

    fn take_standard(
        &mut self,
        topic: &str,
        type_name: &str,
        t_s: f64,
        data: &[u8],
    ) -> Result<(), outrider_msgs::CodecError> {
        match (topic, type_name) {
            ("/scan", LaserScan::TYPE_NAME) => self.computing.take_scan(&decode(data)?, data),
            ("/map", OccupancyGrid::TYPE_NAME) => self.take_map(decode(data)?),
            ("/plan", PathMessage::TYPE_NAME) => {
                let path: PathMessage = decode(data)?;
                let points: Vec<Point2> = path.poses.iter().map(|p| pose2(&p.pose).position()).collect();
                if points.len() > 1 && points.iter().all(|p| p.is_finite()) && self.plans.len() < PLAN_LIMIT {
                    self.plans.push((t_s, points));
                }
            }
            ("/goal_pose", PoseStamped::TYPE_NAME) => {
                let goal: PoseStamped = decode(data)?;
                let pose = pose2(&goal.pose);
                let frame = goal.header.frame_id;
                push(&mut self.goals, GoalGiven { t_s, frame, pose, of_mission: false });
            }
            ("/odom", Odometry::TYPE_NAME) => {
                let m: Odometry = decode(data)?;
                push(&mut self.odometry, (t_s, pose2(&m.pose.pose), twist2(&m.twist.twist)));
            }
            ("/cmd_vel", TwistStamped::TYPE_NAME) => {
                let m: TwistStamped = decode(data)?;
                push(&mut self.commands, (t_s, twist2(&m.twist)));
            }
            ("/cmd_vel", Twist::TYPE_NAME) => push(&mut self.commands, (t_s, twist2(&decode(data)?))),
            (_, DiagnosticArray::TYPE_NAME) => self.take_diagnostics(&decode(data)?),
            _ => {}
        }
        Ok(())
    }

    fn take_truth(&mut self, topic: &str, t_s: f64, m: &ours::GroundTruth) -> (u64, u64) {
        let pose = Pose2::new(m.x, m.y, m.yaw);
        if topic == "/sim/ground_truth" {
            self.glimpses.take_truth(t_s, m);
        }
        if topic == "/sim/ground_truth" && pose.is_finite() {
            for actor in &m.actors {
                let trail = self.actors.entry(actor.name.clone()).or_default();
                push(trail, (t_s, Point2::new(actor.x, actor.y)));
            }
            let sample = Truth {
                t_s,
                pose,
                twist: Twist2::new(m.v, m.w),
                clearance_m: m.clearance,
                nearest: m.nearest.clone(),
                collisions: m.collisions,
            };
            push(&mut self.truth, sample);
        }
        (0, m.sequence)
    }

    fn take_world_model(&mut self, topic: &str, t_s: f64, m: &ours::WorldModel) -> (u64, u64) {
        let pose = Pose2::new(m.ego_x, m.ego_y, m.ego_yaw);
        if topic == "/world_model" {
            self.glimpses.take_model(t_s, m);
        }
        if topic == "/world_model" && pose.is_finite() {
            let frame = m.header.frame_id.clone();
            if frame == "map" {
                for track in m.tracks.iter().filter(|t| t.state != ours::Track::TENTATIVE) {
                    let trail = self.tracks.entry(track.id).or_default();
                    push(trail, (t_s, Point2::new(track.x, track.y)));
                }
            }
            let (twist, odom) = (Twist2::new(m.ego_v, m.ego_w), Pose2::new(m.odom_x, m.odom_y, m.odom_yaw));
            push(&mut self.beliefs, Belief { t_s, frame, pose, twist, odom });
        }
        (m.boot_id, m.sequence)
    }

    fn take_gate(&mut self, topic: &str, t_s: f64, m: ours::GateState) -> (u64, u64) {
        if topic == "/gate/state" {
            let data_ns = time_ns(&m.data_stamp);
            let age_s = (time_ns(&m.header.stamp) - data_ns) as f64 / 1e9;
            let sample = Gate {
                t_s,
                mode: m.mode,
                reason: m.reason,
                twist: Twist2::new(m.v, m.w),
                source: m.command_source,
                command_sequence: m.command_sequence,
                permit_sequence: m.permit_sequence,
                data: (m.command_sequence > 0 && data_ns > 0).then_some((data_ns, age_s)),
                clamped: m.clamped,
                accepted: m.accepted,
                rejected: m.rejected,
                late_periods: m.late_periods,
            };
            push(&mut self.gate, sample);
        }
        (m.boot_id, m.sequence)
    }

    fn take_assurance(&mut self, topic: &str, t_s: f64, m: &ours::AssuranceState) -> (u64, u64) {
        if topic == "/assurance/state" {
            let named = m.monitors.iter().find(|r| r.name == m.limiting);
            let least = m
                .monitors
                .iter()
                .filter(|r| r.robustness.is_finite())
                .min_by(|a, b| a.robustness.total_cmp(&b.robustness));
            let reading = named.or(least);
            let sample = Assurance {
                t_s,
                mode: m.mode,
                limiting: reading.map_or_else(|| m.limiting.clone(), |r| r.name.clone()),
                robustness: reading.map_or(f64::NAN, |r| r.robustness),
                unit: reading.map(|r| r.unit.clone()).unwrap_or_default(),
            };
            push(&mut self.assurance, sample);
        }
        (m.boot_id, m.sequence)
    }

    fn take_event(&mut self, topic: &str, t_s: f64, m: ours::Intervention) -> (u64, u64) {
        let number = (m.boot_id, m.sequence);
        if topic == "/assurance/event" {
            let event = Event {
                t_s,
                rule: m.rule,
                value: m.value,
                limit: m.limit,
                unit: m.unit,
                mode_before: m.mode_before,
                mode_after: m.mode_after,
                clears_when: m.clears_when,
                text: m.text,
            };
            push(&mut self.events, event);
        }
        number
    }

    fn take_decision(&mut self, topic: &str, t_s: f64, m: ours::Decision) -> (u64, u64) {
        if topic == "/decision" {
            let decided = Decided {
                t_s,
                status: m.tree_status,
                active: m.active_node,
                chosen: m.chosen,
                constraint: m.constraint,
            };
            push(&mut self.decisions, decided);
        }
        (m.boot_id, m.sequence)
    }

    fn take_tick(&mut self, m: &ours::Tick) -> (u64, u64) {
        self.computing.take_tick(m);
        let node = self.nodes.entry(m.node.clone()).or_default();
        note_boot(&mut node.boots, m.boot_id);
        node.steps += 1;
        node.dropped += u64::from(m.dropped);
        if m.duration > 0 {
            push(&mut node.step_ns, m.duration);
        }
        (m.boot_id, m.tick)
    }

    fn take_diagnostics(&mut self, m: &DiagnosticArray) {
        for status in &m.status {
            let Some(name) = node_of_health(&status.name) else { continue };
            let node = self.nodes.entry(name.to_owned()).or_default();
            node.level = Some(status.level);
            node.message.clone_from(&status.message);
            let value = |key: &str| status.values.iter().find(|v| v.key == key)?.value.parse().ok();
            node.lost = value("messages_lost").or(node.lost);
            node.refused = value("messages_refused").or(node.refused);
        }
    }

    fn take_map(&mut self, m: OccupancyGrid) {
        let (width, height) = (m.info.width as usize, m.info.height as usize);
        let origin = Point2::new(m.info.origin.position.x, m.info.origin.position.y);
        let resolution_m = f64::from(m.info.resolution);
        if width.checked_mul(height) == Some(m.data.len())
            && width > 0
            && height > 0
            && resolution_m > 0.0
            && resolution_m.is_finite()
            && origin.is_finite()
        {
            self.map = Some(Map { resolution_m, width, height, origin, cells: m.data });
        } else {
            self.notes.push(format!("/map: sizes do not fit together ({width} × {height} cells)"));
        }
    }

    fn add_notes(&mut self) {
        for (name, type_name, what) in WANTED {
            match self.topics.get(name) {
                Some(t) if t.type_name != type_name => {
                    self.notes
                        .push(format!("{name} is {}, not {type_name}: {what} cannot be shown", t.type_name));
                }
                Some(t) if t.count > 0 => {}
                // A run without an intervention is a good run.
                _ if name == "/assurance/event" && !self.assurance.is_empty() => {}
                // Goals that come by actions are in the requests to the planner.
                _ if name == "/goal_pose" && !self.goals.is_empty() => {}
                _ => self.notes.push(format!("no {name} in the bag: {what} cannot be shown")),
            }
        }
        for (name, topic) in self.topics.iter().filter(|(_, t)| t.undecodable > 0) {
            let (bad, all, why) = (topic.undecodable, topic.count, &topic.first_error);
            self.notes.push(format!("{name}: {bad} of {all} messages cannot be decoded ({why})"));
        }
        self.notes.extend(self.glimpses.refused_note());
        self.notes.extend(self.computing.left_out_note());
        let series = [self.truth.len(), self.beliefs.len(), self.gate.len(), self.odometry.len()];
        if series.contains(&SAMPLE_LIMIT) {
            self.notes.push(format!("a series has more than {SAMPLE_LIMIT} samples: the rest is left out"));
        }
    }
}

fn push<T>(series: &mut Vec<T>, sample: T) {
    if series.len() < SAMPLE_LIMIT {
        series.push(sample);
    }
}

fn note_boot(boots: &mut Vec<u64>, boot_id: u64) {
    if boots.last() != Some(&boot_id) && boots.len() < 1000 {
        boots.push(boot_id);
    }
}

/// The robot's outline, when this node was told one.
fn outline(info: &ours::NodeInfo) -> Option<Vec<Point2>> {
    let index = info.resource_names.iter().position(|name| name == "robot")?;
    let text = info.resource_contents.get(index)?;
    let robot = Robot::new(outrider_suite::files::robot_description("robot", text).ok()?).ok()?;
    Some(robot.footprint.corners().to_vec())
}

/// Nanoseconds since the epoch.
pub(super) fn time_ns(time: &Time) -> i64 {
    i64::from(time.sec) * 1_000_000_000 + i64::from(time.nanosec)
}

pub(super) fn pose2(pose: &Pose) -> Pose2 {
    let q = &pose.orientation;
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Pose2::new(pose.position.x, pose.position.y, yaw)
}

fn twist2(twist: &Twist) -> Twist2 {
    Twist2::new(twist.linear.x, twist.angular.z)
}
