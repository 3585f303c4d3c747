"""A world with a door over DDS: the scan meets the panel shut, it opens for the robot, and the robot drives through.

What is asserted comes out of the bag. The tests go on from one drive.
"""

import json
import math
import subprocess
import time

import pytest
from harness import NODES, ROOT, Suite, bin_dir, wait_for
from outrider_msgs.msg import GateState
from outsider import Outsider
from rosbags.highlevel import AnyReader

SCENARIO = ROOT / "tests/system/sliding_door.yaml"
# In front of the door, so near that it opens; and in the other room.
BEFORE_IT = (2.4, -0.4, 0.0)
BEHIND_IT = (8.0, 1.0, 0.0)
TOLERANCE_M = 0.3
# As the scenario has it: the middle of the shut panel, and how near the robot opens it.
DOOR = (4.1, 0.0)
OPENS_WITHIN_M = 2.0
# Where the robot is in the first room for certain, and in the other.
BEFORE_M, BEHIND_M = 3.5, 4.7
# A return this near to the middle of the shut panel, along x and y, is one from the panel and not from the frame.
PANEL_M = (0.12, 0.45)
# From base_link to the lidar, along x: robot.yaml.
LIDAR_M = 0.10
# The shut panel answers to more beams than this from the start on, the open doorway to none.
PANEL_BEAMS = 8


def go(outsider, goal, limit_s):
    """Arms where needed and sends the goal until the robot stands at it."""
    asked = 0.0

    def there():
        nonlocal asked
        truth = outsider.truth
        stands = truth is not None and abs(truth.v) < 0.01
        if stands and math.dist((truth.x, truth.y), goal[:2]) <= TOLERANCE_M:
            return True
        # Who was just started may have missed the goal.
        if stands and time.monotonic() - asked > 5.0:
            if outsider.gate is None or outsider.gate.mode == GateState.DISARMED:
                outsider.arm()
            outsider.send_goal(goal)
            asked = time.monotonic()
        return False

    wait_for(there, limit_s, lambda: f"the robot stands at {goal}; {outsider.situation()}; it is {outsider.truth}")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Of a drive through the door; the recorder has ended."""
    with Suite(tmp_path_factory.mktemp("door"), scenario=SCENARIO) as suite, Outsider(suite.domain) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.press_e_stop(False)
        go(outsider, BEFORE_IT, 40.0)
        go(outsider, BEHIND_IT, 40.0)
        assert suite.died() == {}
    return suite.bag


@pytest.fixture(scope="module")
def recorded(bag):
    """What is true, by time; and each scan with the pose that it was taken at: (x, y, returns from the shut panel)."""
    truths, scans = {}, []
    with AnyReader([bag]) as reader:
        chosen = [c for c in reader.connections if c.topic in ("/sim/ground_truth", "/scan")]
        for connection, _, raw in reader.messages(connections=chosen):
            message = reader.deserialize(raw, connection.msgtype)
            stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            if connection.topic == "/scan":
                scans.append((stamp_ns, message))
            else:
                truths[stamp_ns] = message
    # Truth and scan have the same rate and phase.
    seen = [(truths[at].x, truths[at].y, returns(scan, truths[at])) for at, scan in scans if at in truths]
    assert len(seen) > 0.9 * len(scans) > 100
    return [truths[at] for at in sorted(truths)], seen


def returns(scan, truth):
    """How many beams end at the shut panel."""
    count = 0
    for i, range_m in enumerate(scan.ranges):
        if not math.isfinite(range_m):
            continue
        angle = truth.yaw + scan.angle_min + i * scan.angle_increment
        x = truth.x + LIDAR_M * math.cos(truth.yaw) + range_m * math.cos(angle)
        y = truth.y + LIDAR_M * math.sin(truth.yaw) + range_m * math.sin(angle)
        count += abs(x - DOOR[0]) < PANEL_M[0] and abs(y - DOOR[1]) < PANEL_M[1]
    return int(count)


def test_the_scan_meets_the_shut_panel_until_the_robot_is_near(recorded):
    _, seen = recorded
    first = next(i for i, (x, y, _) in enumerate(seen) if math.dist((x, y), DOOR) <= OPENS_WITHIN_M)
    assert first > 20, "it was near from the start"
    beams = [count for _, _, count in seen[:first]]
    assert min(beams) > PANEL_BEAMS, beams


def test_it_is_open_before_the_robot_drives_through(recorded):
    _, seen = recorded
    last = max(i for i, (x, _, _) in enumerate(seen) if x < BEFORE_M)
    assert seen[last][2] == 0, f"{seen[last][2]} beams still end at the panel"
    assert all(x >= BEFORE_M for x, _, _ in seen[last + 1 :]) and seen[-1][0] > BEHIND_M, "it drove through once"


def test_the_goal_behind_it_is_reached_without_contact(recorded):
    truths, _ = recorded
    end = truths[-1]
    assert math.dist((end.x, end.y), BEHIND_IT[:2]) <= TOLERANCE_M and abs(end.v) < 0.01
    assert {truth.collisions for truth in truths} == {0}
    assert min(truth.clearance for truth in truths) > 0.0


def test_every_decision_is_the_same_again(bag):
    done = subprocess.run([bin_dir() / "outrider", "replay", bag, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["decisions"] == report["identical"] > 500, report
