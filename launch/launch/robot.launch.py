"""The suite on a robot: world model, planner, assurance, gate and, unless record:=false, the recorder.

Needed beside it: a driver that publishes scan, odom, imu and tf and takes cmd_vel. See README.md of this package.
"""
from datetime import datetime, timezone
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

NODES = ("world_model", "planner", "assurance", "gate")
RESPAWN_DELAY_S = 2.0
# The nodes begin when somebody records them, so that a bag can be replayed from the first step; or after this time.
WAIT_FOR_RECORDER_S = 5.0
# A recorder that cannot write, on a full disk for instance, is not started for ever.
RECORDER_RESTARTS = 20


def generate_launch_description():
    """Called by `ros2 launch`."""
    share = FindPackageShare("outrider_bringup")
    return LaunchDescription([
        argument("namespace", "", "namespace of the nodes and of every relative topic, tf included"),
        argument("use_sim_time", "false", "take the time from /clock", choices=["true", "false"]),
        argument("config", PathJoinSubstitution([share, "config"]), "folder of the configuration, one YAML a node"),
        argument("scenario", "", "scenario file; on a robot usually none"),
        argument("tree", "", "behaviour tree; by default trees/navigate_to_pose.xml of the configuration"),
        argument("zones", "", "zones file; by default that of the scenario, else zones/warehouse.yaml of config"),
        argument("permit_key", "", "key file that permits carry a code of; without, they carry none"),
        argument("record", "true", "record every topic into a bag", choices=["true", "false"]),
        argument("output", "runs", "folder below which bags are put, as <UTC time>/bag"),
        argument("log_level", "info", "how much the nodes log", choices=["error", "warn", "info", "debug", "trace"]),
        OpaqueFunction(function=start_recorder),
        OpaqueFunction(function=start_nodes),
    ])


def argument(name, default, description, **options):
    """One argument of this file."""
    return DeclareLaunchArgument(name, default_value=default, description=description, **options)


def value(context, name):
    """What an argument was given as."""
    return LaunchConfiguration(name).perform(context)


def start_nodes(context):
    """Every node but the recorder. One that dies is started again.

    That holds for the gate too: it comes back disarmed and publishes a stop until somebody arms it (ISO 3691-4: no
    automatic restart), so restarting it never makes the robot move.
    """
    parameters = {name: value(context, name) for name in ("config", "scenario", "tree", "zones", "permit_key")}
    parameters["use_sim_time"] = value(context, "use_sim_time") == "true"
    parameters["wait_for_recorder_s"] = WAIT_FOR_RECORDER_S if value(context, "record") == "true" else 0.0
    # Without `name`: it would rename every node of a process, and the gate's has two.
    return [
        Node(
            package="outrider", executable=name, namespace=namespace(context), parameters=[parameters],
            additional_env=environment(context), output="both", respawn=True, respawn_delay=RESPAWN_DELAY_S,
        )
        for name in NODES
    ]


def start_recorder(context):
    """The recorder, if it is wanted."""
    if value(context, "record") != "true":
        return []
    time = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%SZ")
    return recorder(context, Path(value(context, "output")).absolute() / time, 1)


def recorder(context, run, number):
    """One recorder, and a next one with a bag of its own should it die: a bag is never written to twice."""
    bag = run / ("bag" if number == 1 else f"bag_{number}")
    node = Node(
        package="outrider", executable="recorder", name="recorder", namespace=namespace(context),
        parameters=[{"config": value(context, "config"), "output": str(bag)}],
        additional_env=environment(context), output="both",
    )

    def died(event, context):
        if context.is_shutdown or event.returncode == 0:
            return []
        if number > RECORDER_RESTARTS:
            return [LogInfo(msg=f"the recorder died {number} times: nothing is recorded any more")]
        return [TimerAction(period=RESPAWN_DELAY_S, actions=recorder(context, run, number + 1))]

    return [RegisterEventHandler(OnProcessExit(target_action=node, on_exit=died)), node]


def namespace(context):
    """The absolute namespace, so that a recorder that is started later gets the same one."""
    outer = context.launch_configurations.get("ros_namespace")
    return make_namespace_absolute(prefix_namespace(outer, value(context, "namespace"))) or "/"


def environment(context):
    """Nodes end with the launch, even when that is killed: an orphaned gate would be a second one at the next start."""
    return {"RUST_LOG": value(context, "log_level"), "OUTRIDER_DIE_WITH_PARENT": "1", "NO_COLOR": "1"}
