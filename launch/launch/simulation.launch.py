"""The suite with a simulator in place of the robot: the embedded one, or Gazebo with gazebo:=true.

Nothing moves until the gate is armed and a goal is given:

    ros2 service call /gate/arm std_srvs/srv/Trigger
    ros2 topic pub --once /goal_pose geometry_msgs/msg/PoseStamped \
        "{header: {frame_id: map}, pose: {position: {x: 8.5, y: 3.0}, orientation: {w: 1.0}}}"
"""
from pathlib import Path

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

GAZEBO_PACKAGES = ("ros_gz_sim", "ros_gz_bridge", "tf2_ros")
RESPAWN_DELAY_S = 2.0
WAIT_FOR_RECORDER_S = 5.0
# What robot.launch.py takes; described there.
PASSED_ON = (
    "namespace", "use_sim_time", "config", "scenario", "tree", "zones", "permit_key", "record", "output", "log_level",
)


def generate_launch_description():
    """Called by `ros2 launch`."""
    share = FindPackageShare("outrider_bringup")
    levels = ["error", "warn", "info", "debug", "trace"]
    truth = ["true", "false"]
    return LaunchDescription([
        argument("gazebo", "false", "simulate with Gazebo instead of the embedded simulator", choices=truth),
        argument("gazebo_args", "-r", "arguments of gz sim before the world; -r -s for no window"),
        argument("namespace", "", "namespace of the nodes and of every relative topic, tf included"),
        argument(
            "use_sim_time", LaunchConfiguration("gazebo"), choices=truth,
            description="take the time from /clock; the embedded simulator sends it with publish_clock in sim.yaml",
        ),
        argument("config", PathJoinSubstitution([share, "config"]), "folder of the configuration, one YAML a node"),
        argument(
            "scenario", PathJoinSubstitution([share, "scenarios", "warehouse_crossing.yaml"]),
            "world, start and zones; its goal is not sent",
        ),
        argument("tree", "", "behaviour tree; by default trees/navigate_to_pose.xml of the configuration"),
        argument("zones", "", "zones file; by default that of the scenario"),
        argument("permit_key", "", "key file that permits carry a code of; without, they carry none"),
        argument("record", "true", "record every topic into a bag", choices=truth),
        argument("output", "runs", "folder below which bags are put, as <UTC time>/bag"),
        argument("log_level", "info", "how much the nodes log", choices=levels),
        OpaqueFunction(function=start_simulator),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "robot.launch.py"])),
            launch_arguments=[(name, LaunchConfiguration(name)) for name in PASSED_ON],
        ),
    ])


def argument(name, default, description, **options):
    """One argument of this file."""
    return DeclareLaunchArgument(name, default_value=default, description=description, **options)


def value(context, name):
    """What an argument was given as."""
    return LaunchConfiguration(name).perform(context)


def start_simulator(context):
    """The one or the other."""
    return gazebo(context) if value(context, "gazebo") == "true" else embedded(context)


def embedded(context):
    """The simulator of the suite. It has the time, so it never waits for /clock."""
    recorded = value(context, "record") == "true"
    return [Node(
        package="outrider", executable="sim", name="sim", namespace=value(context, "namespace"), output="both",
        parameters=[{
            "config": value(context, "config"),
            "scenario": value(context, "scenario"),
            "wait_for_recorder_s": WAIT_FOR_RECORDER_S if recorded else 0.0,
        }],
        additional_env={"RUST_LOG": value(context, "log_level"), "OUTRIDER_DIE_WITH_PARENT": "1", "NO_COLOR": "1"},
        respawn=True, respawn_delay=RESPAWN_DELAY_S,
    )]


def gazebo(context):
    """Gazebo with the scenario's world, the robot in it, a bridge to ROS, and the transforms that Gazebo lacks."""
    refuse_without_gazebo()
    share = Path(get_package_share_directory("outrider_bringup"))
    config = Path(value(context, "config"))
    world, start, left_out = of_scenario(Path(value(context, "scenario")), config)
    lidar = yaml.safe_load((config / "robot.yaml").read_text(encoding="utf-8"))["lidar"]
    place = dict(zip(("-x", "-y", "-Y"), map(str, start)))
    common = {"output": "both", "namespace": value(context, "namespace")}
    simulated = [{"use_sim_time": True}]
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution(
                [FindPackageShare("ros_gz_sim"), "launch", "gz_sim.launch.py"]
            )),
            launch_arguments=[
                ("gz_args", f"{value(context, 'gazebo_args')} {world}"),
                ("on_exit_shutdown", "true"),
            ],
        ),
        Node(
            package="ros_gz_sim", executable="create", **common,
            arguments=["-file", str(share / "gazebo" / "amr.sdf"), "-name", "amr",
                       *(word for pair in place.items() for word in pair)],
        ),
        Node(
            package="ros_gz_bridge", executable="parameter_bridge", name="gazebo_bridge", **common,
            parameters=[{"config_file": str(share / "gazebo" / "bridge.yaml"), "use_sim_time": True}],
        ),
        # Gazebo's odometry begins at the start; it drifts little, so no localiser is simulated.
        transform("map", "odom", start, common, simulated),
        transform("base_link", lidar["frame"], [lidar["x_m"], lidar["y_m"], lidar["yaw_rad"]], common, simulated),
        LogInfo(msg="Gazebo has no detector of people: assurance lets nothing move without /detections unless "
                    "detections_required is false in assurance.yaml"),
        *(LogInfo(msg=f"left out of the scenario, which Gazebo does not know: {key}") for key in left_out),
    ]


def of_scenario(path, config):
    """What Gazebo takes of a scenario: its world's file, the start as x, y and yaw, and what it has besides."""
    scenario = yaml.safe_load(path.read_text(encoding="utf-8"))
    start = [scenario["start"][key] for key in ("x_m", "y_m", "yaw_rad")]
    open_ones = [word for word in (*start, scenario["world"]) if "$" in str(word)]
    if open_ones:
        raise RuntimeError(f"{path}: {', '.join(open_ones)}: gazebo:=true needs a scenario whose start and world are no parameters")
    # As the suite has it: relative to the scenario with ./ before it, else to the configuration.
    folder = path.parent if scenario["world"].startswith(("./", "../")) else config
    left_out = [key for key in ("people", "actors", "doors", "surfaces", "slippery", "events", "faults") if scenario.get(key)]
    return folder / scenario["world"], start, left_out


def transform(parent, child, pose, common, parameters):
    """A transform in the plane that does not change, on the namespace's own tf_static."""
    names = ("--x", "--y", "--yaw")
    return Node(
        package="tf2_ros", executable="static_transform_publisher", name=f"{parent}_to_{child}", **common,
        parameters=parameters, remappings=[("/tf_static", "tf_static")],
        arguments=["--frame-id", parent, "--child-frame-id", child,
                   *(word for name, number in zip(names, pose) for word in (name, str(number)))],
    )


def refuse_without_gazebo():
    """Says at once what has to be installed."""
    missing = [name for name in GAZEBO_PACKAGES if not installed(name)]
    if missing:
        raise RuntimeError(
            f"gazebo:=true needs the package(s) {', '.join(missing)}, which are not installed "
            "(ros-jazzy-ros-gz, ros-jazzy-tf2-ros); gazebo:=false simulates without"
        )


def installed(package):
    """Whether a ROS package is there."""
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True
