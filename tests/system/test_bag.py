"""The bag of a drive is a ROS bag for everybody. That every decision in it can be run again: test_replay.py."""

import json
import os
import subprocess
import sys

import time

import pytest
from harness import NODES, ROOT, Suite
from outsider import Outsider

# So long is driven: every message is decoded twice, by readers that are no fast ones.
DRIVE_S = 4.0

# The design's table, with the type that others expect.
TOPICS = {
    "/scan": "sensor_msgs/msg/LaserScan",
    "/odom": "nav_msgs/msg/Odometry",
    "/imu": "sensor_msgs/msg/Imu",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
    "/map": "nav_msgs/msg/OccupancyGrid",
    "/detections": "outrider_msgs/msg/DetectionArray",
    "/goal_pose": "geometry_msgs/msg/PoseStamped",
    "/world_model": "outrider_msgs/msg/WorldModel",
    "/costmap": "nav_msgs/msg/OccupancyGrid",
    "/plan": "nav_msgs/msg/Path",
    "/trajectory": "nav_msgs/msg/Path",
    "/cmd_vel_nominal": "outrider_msgs/msg/Command",
    "/cmd_vel_recovery": "outrider_msgs/msg/Command",
    "/assurance/permit": "outrider_msgs/msg/Permit",
    "/gate/challenge": "outrider_msgs/msg/Challenge",
    "/assurance/state": "outrider_msgs/msg/AssuranceState",
    "/cmd_vel": "geometry_msgs/msg/TwistStamped",
    "/e_stop": "std_msgs/msg/Bool",
    "/decision": "outrider_msgs/msg/Decision",
    "/tree_transitions": "outrider_msgs/msg/TreeTransitions",
    "/gate/state": "outrider_msgs/msg/GateState",
    "/sim/ground_truth": "outrider_msgs/msg/GroundTruth",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    **{f"/{node}/journal": "outrider_msgs/msg/Tick" for node in NODES},
    **{f"/{node}/info": "outrider_msgs/msg/NodeInfo" for node in NODES},
}
# Recorded, but in a drive where nobody intervenes there is nothing to record.
MAY_BE_EMPTY = {
    "/assurance/event": "outrider_msgs/msg/Intervention",
    "/clear_costmap": "outrider_msgs/msg/ClearCostmap",
    "/teleop/cmd_vel": "geometry_msgs/msg/TwistStamped",
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Of a short drive; the recorder has ended."""
    with Suite(tmp_path_factory.mktemp("bag")) as suite, Outsider(suite.domain) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.press_e_stop(False)
        outsider.drive(above_mps=0.3)
        time.sleep(DRIVE_S)
        assert suite.died() == {}
    assert list(suite.bag.glob("*.mcap")), suite.log("recorder")
    return suite.bag


@pytest.fixture(scope="module")
def read(bag):
    """What two foreign readers found, in a process without ROS."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH")}
    script = ROOT / "tests/system/check_bag.py"
    done = subprocess.run([sys.executable, "-B", script, bag], env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_topic_of_the_design_is_there_and_decodes(read):
    empty = [topic for topic in TOPICS if read["rosbags"].get(topic, 0) == 0]
    assert empty == []
    wrong = {t: read["types"].get(t) for t, kind in (TOPICS | MAY_BE_EMPTY).items() if read["types"].get(t) != kind}
    assert wrong == {}


def test_both_readers_see_the_same(read):
    assert {t: n for t, n in read["rosbags"].items() if n} == read["mcap"]
    assert read["top_speed"] > 0.3
