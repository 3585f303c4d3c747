"""Plays a recorded bag to live topics, with /clock, to look at it in RViz or Foxglove or to feed other nodes.

To run the nodes again on what they consumed, bit for bit, use `outrider replay BAG`: it needs no ROS.
"""
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

# Arguments that the player takes as parameters.
PARAMETERS = {
    "bag": str, "rate": float, "loop": bool, "start_paused": bool, "start_offset": float, "duration": float,
    "topics": str, "exclude": str, "clock_hz": float, "full_speed_hz": float,
}


def generate_launch_description():
    """Called by `ros2 launch`."""
    levels = ["error", "warn", "info", "debug", "trace"]
    yes_no = ["true", "false"]
    return LaunchDescription([
        DeclareLaunchArgument("bag", description="the bag: its folder, or an .mcap file"),
        DeclareLaunchArgument(
            "rate", default_value="1.0",
            description="1: as fast as it was recorded, within [0.01, 100]; 0: as fast as subscribers acknowledge",
        ),
        DeclareLaunchArgument("loop", default_value="false", choices=yes_no, description="begin anew at the end"),
        DeclareLaunchArgument(
            "start_paused", default_value="false", choices=yes_no, description="wait for /player/resume or a step"
        ),
        DeclareLaunchArgument("start_offset", default_value="0.0", description="begin so many seconds into the bag"),
        DeclareLaunchArgument(
            "duration", default_value="-1.0", description="end so many seconds after that; below 0: at the bag's end"
        ),
        DeclareLaunchArgument("topics", default_value="", description="only these, with commas between; empty: all"),
        DeclareLaunchArgument("exclude", default_value="", description="not these, with commas between"),
        DeclareLaunchArgument(
            "clock_hz", default_value="100.0", description="how often /clock is published, in real time; 0: never"
        ),
        DeclareLaunchArgument(
            "full_speed_hz", default_value="2000.0",
            description="at rate 0 and in bursts: at most so many messages a second over all topics with subscribers",
        ),
        DeclareLaunchArgument("log_level", default_value="info", choices=levels, description="how much is logged"),
        Node(
            package="outrider", executable="player", name="player", output="both",
            parameters=[{name: typed(name, kind) for name, kind in PARAMETERS.items()}],
            additional_env={"RUST_LOG": LaunchConfiguration("log_level"), "OUTRIDER_DIE_WITH_PARENT": "1",
                            "NO_COLOR": "1"},
            on_exit=Shutdown(reason="the bag has been played"),
        ),
    ])


def typed(name, kind):
    """An argument as a parameter of one type: a folder named `1` is text, a rate of `2` is a floating-point number."""
    return ParameterValue(LaunchConfiguration(name), value_type=kind)
