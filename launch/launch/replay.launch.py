"""Plays a recorded bag to live topics, with /clock, to look at it in RViz or Foxglove or to feed other nodes.

To run the nodes again on what they consumed, bit for bit, use `outrider replay BAG`: it needs no ROS.
"""
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue


def generate_launch_description():
    """Called by `ros2 launch`."""
    levels = ["error", "warn", "info", "debug", "trace"]
    return LaunchDescription([
        DeclareLaunchArgument("bag", description="the bag: its folder, or an .mcap file"),
        DeclareLaunchArgument("rate", default_value="1.0", description="1: as fast as it was recorded"),
        DeclareLaunchArgument(
            "loop", default_value="false", choices=["true", "false"], description="begin anew at the end"
        ),
        DeclareLaunchArgument("topics", default_value="", description="only these, with commas between; empty: all"),
        DeclareLaunchArgument("log_level", default_value="info", choices=levels, description="how much is logged"),
        Node(
            package="outrider", executable="player", name="player", output="both",
            parameters=[{"bag": typed("bag", str), "rate": typed("rate", float), "loop": typed("loop", bool),
                         "topics": typed("topics", str)}],
            additional_env={"RUST_LOG": LaunchConfiguration("log_level"), "OUTRIDER_DIE_WITH_PARENT": "1",
                            "NO_COLOR": "1"},
            on_exit=Shutdown(reason="the bag has been played"),
        ),
    ])


def typed(name, kind):
    """An argument as a parameter of one type: a folder named `1` is text, a rate of `2` is a floating-point number."""
    return ParameterValue(LaunchConfiguration(name), value_type=kind)
