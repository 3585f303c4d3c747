//! Every core with its topics. The names stand here and nowhere else.

mod assurance;
mod gate;
mod planner;
mod sim;
mod world_model;

pub use assurance::AssuranceBinding;
pub use gate::GateBinding;
pub use planner::PlannerBinding;
pub use sim::SimBinding;
pub use world_model::WorldModelBinding;

use crate::convert;
use outrider_msgs::{
    Message, diagnostic_msgs, geometry_msgs, nav_msgs, outrider_msgs as ours, sensor_msgs, std_msgs, tf2_msgs,
};
use outrider_runtime::{Diagnosis, Qos, Topic};

/// Transforms: many publishers, nothing may be lost.
const TRANSFORMS: Qos = Qos { reliable: true, transient_local: false, depth: 100 };
/// Every static transform must reach late comers.
const STATIC_TRANSFORMS: Qos = Qos { reliable: true, transient_local: true, depth: 100 };

/// Builds a topic of the suite.
macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident: $text:literal, $message:ty, $qos:expr;)*) => {
        $($(#[$doc])* pub fn $name() -> Topic { Topic::of::<$message>($text, $qos) })*
    };
}

/// All topics between nodes.
pub mod topics {
    use super::*;
    topics! {
        /// Lidar.
        scan: "scan", sensor_msgs::LaserScan, Qos::SENSOR;
        /// Wheel odometry.
        odom: "odom", nav_msgs::Odometry, Qos::SENSOR;
        /// Inertial unit.
        imu: "imu", sensor_msgs::Imu, Qos::SENSOR;
        /// Moving transforms.
        tf: "tf", tf2_msgs::TFMessage, TRANSFORMS;
        /// Fixed transforms.
        tf_static: "tf_static", tf2_msgs::TFMessage, STATIC_TRANSFORMS;
        /// Static map.
        map: "map", nav_msgs::OccupancyGrid, Qos::LATCHED;
        /// Learned detector.
        detections: "detections", ours::DetectionArray, Qos::SENSOR;
        /// Goal for the planner.
        goal_pose: "goal_pose", geometry_msgs::PoseStamped, Qos::RELIABLE;
        /// True on this gives the goal up.
        cancel: "planner/cancel", std_msgs::Bool, Qos::RELIABLE;
        /// Missions, their end, pauses: calls of actions and services to the planner.
        mission_request: "planner/mission_request", ours::MissionRequest, Qos::RECORD;
        /// The planner's answers.
        mission_reply: "planner/mission_reply", ours::MissionReply, Qos::RECORD;
        /// How the mission stands.
        mission_state: "planner/mission_state", ours::MissionState, Qos::RECORD;
        /// What an external planner would drive: a velocity of the base and when it was decided. The planner's
        /// `EXTERNAL_TOPIC`.
        external_command: "planner/external_command", geometry_msgs::TwistStamped, Qos::RELIABLE;
        /// State of the world.
        world_model: "world_model", ours::WorldModel, Qos::RELIABLE;
        /// The world model runs; stamped.
        alive: "world_model/alive", std_msgs::Header, Qos::RELIABLE;
        /// Grid to plan on globally.
        global_grid: "world_model/global_grid", ours::Grid, Qos::LATCHED;
        /// Local costmap for RViz.
        costmap: "costmap", nav_msgs::OccupancyGrid, Qos::LATCHED;
        /// Another size for the local grid: `width`, `height`, `resolution`; the rest does not count.
        costmap_resize: "costmap/resize", nav_msgs::MapMetaData, Qos::RELIABLE;
        /// The track layer for RViz: the worst of all slices.
        track_costs: "costmap/tracks", nav_msgs::OccupancyGrid, Qos::LATCHED;
        /// Tracks for RViz.
        markers: "world_model/markers", outrider_msgs::visualization_msgs::MarkerArray, Qos::LATCHED;
        /// Planned path for RViz.
        plan: "plan", nav_msgs::Path, Qos::LATCHED;
        /// Proposed trajectory for RViz.
        trajectory: "trajectory", nav_msgs::Path, Qos::RELIABLE;
        /// Why the planner does what it does.
        decision: "decision", ours::Decision, Qos::RECORD;
        /// What changed in the behaviour tree, and why.
        tree_transitions: "tree_transitions", ours::TreeTransitions, Qos::RECORD;
        /// The world model is to forget.
        clear_costmap: "clear_costmap", ours::ClearCostmap, Qos::RELIABLE;
        /// Proposed by the planner.
        cmd_vel_nominal: "cmd_vel_nominal", ours::Command, Qos::RELIABLE;
        /// Proposed by assurance.
        cmd_vel_recovery: "cmd_vel_recovery", ours::Command, Qos::RELIABLE;
        /// Leave for one command.
        permit: "assurance/permit", ours::Permit, Qos::RELIABLE;
        /// Mode and monitors.
        assurance_state: "assurance/state", ours::AssuranceState, Qos::RELIABLE;
        /// Why assurance intervened.
        assurance_event: "assurance/event", ours::Intervention, Qos::RECORD;
        /// The gate's question.
        challenge: "gate/challenge", ours::Challenge, Qos::RELIABLE;
        /// What the gate does.
        gate_state: "gate/state", ours::GateState, Qos::RELIABLE;
        /// Service calls to the gate.
        operator_request: "gate/operator_request", ours::OperatorRequest, Qos::RECORD;
        /// The gate's answers.
        operator_reply: "gate/operator_reply", ours::OperatorReply, Qos::RECORD;
        /// How many publish the robot's command topic.
        velocity_publishers: "gate/velocity_publishers", ours::VelocityPublishers, Qos::RECORD;
        /// Manual driving.
        teleop: "teleop/cmd_vel", geometry_msgs::TwistStamped, Qos::RELIABLE;
        /// Emergency stop: true while pressed.
        e_stop: "e_stop", std_msgs::Bool, Qos::RELIABLE;
        /// To the robot.
        cmd_vel_stamped: "cmd_vel", geometry_msgs::TwistStamped, Qos::RELIABLE;
        /// To the robot, without a stamp.
        cmd_vel_plain: "cmd_vel", geometry_msgs::Twist, Qos::RELIABLE;
        /// Truth in the simulator.
        ground_truth: "sim/ground_truth", ours::GroundTruth, Qos::RELIABLE;
        /// Simulated time.
        clock: "/clock", outrider_msgs::rosgraph_msgs::Clock, Qos::SENSOR;
        /// Health of every node.
        diagnostics: "/diagnostics", diagnostic_msgs::DiagnosticArray, Qos::RELIABLE;
    }

    /// The robot's command topic.
    pub fn cmd_vel(stamped: bool) -> Topic {
        if stamped { cmd_vel_stamped() } else { cmd_vel_plain() }
    }

    /// Whether this topic is heard from publishers of either kind, reliable and best effort, each message up to twice: what stops
    /// the robot is not to hang on what a button's driver offers. Whoever takes it has to be indifferent to a repetition.
    pub fn is_heard_from_all(topic: &Topic) -> bool {
        topic.name == e_stop().name
    }

    /// Every topic of a suite with these nodes, for a robot that takes stamped commands or not.
    pub fn all(nodes: &[&str], stamped_command: bool) -> Vec<Topic> {
        let mut all = vec![
            scan(),
            odom(),
            imu(),
            tf(),
            tf_static(),
            map(),
            detections(),
            goal_pose(),
            cancel(),
            mission_request(),
            mission_reply(),
            mission_state(),
            external_command(),
            world_model(),
            alive(),
            global_grid(),
            costmap(),
            track_costs(),
            costmap_resize(),
            markers(),
            plan(),
            trajectory(),
            decision(),
            tree_transitions(),
            clear_costmap(),
            cmd_vel_nominal(),
            cmd_vel_recovery(),
            permit(),
            assurance_state(),
            assurance_event(),
            challenge(),
            gate_state(),
            operator_request(),
            operator_reply(),
            velocity_publishers(),
            teleop(),
            e_stop(),
            ground_truth(),
            clock(),
            diagnostics(),
            cmd_vel(stamped_command),
        ];
        all.extend(nodes.iter().flat_map(|node| [journal(node), info(node)]));
        all
    }

    /// A node's tick journal.
    pub fn journal(node: &str) -> Topic {
        Topic::of::<ours::Tick>(format!("{node}/journal"), Qos::RECORD)
    }

    /// What a node was started with.
    pub fn info(node: &str) -> Topic {
        Topic::of::<ours::NodeInfo>(format!("{node}/info"), Qos::LATCHED)
    }
}

/// Decodes and validates: the first error of either, as a sentence.
fn take<M: Message, T>(bytes: &[u8], convert: impl FnOnce(M) -> Result<T, String>) -> Result<T, String> {
    convert(outrider_msgs::decode(bytes).map_err(|e| e.to_string())?)
}

fn no_such_input<T>(input: usize) -> Result<T, String> {
    Err(format!("input {input} is not bound"))
}

fn warning(message: impl Into<String>, values: Vec<(String, String)>) -> Diagnosis {
    Diagnosis { level: diagnostic_msgs::DiagnosticStatus::WARN, message: message.into(), values }
}

fn healthy(message: impl Into<String>, values: Vec<(String, String)>) -> Diagnosis {
    Diagnosis { level: diagnostic_msgs::DiagnosticStatus::OK, message: message.into(), values }
}
