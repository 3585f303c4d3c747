"""A gate that is told to end while the robot drives brings it to a stand first: a base may go on with what it was told last.

What is asserted comes out of the bag: whoever listens late loses what a process said just before it left.
"""

import signal
import time

import pytest
from harness import NODES, Suite, wait_for
from measure_stop import SPEED_MPS, descent_of
from outsider import Outsider
from rosbags.highlevel import AnyReader
from test_replay import replay

# As config/robot.yaml has them.
BRAKE_MPS2 = 1.2
V_MAX_MPS = 1.0
# The gate publishes so often.
PERIOD_S = 0.01
# The descent begins no lower than at this share of the speed at the signal: it is one ramp.
ONE_RAMP = 0.5


def commands_of(bag, since_s):
    """As an outsider has them, times by the gate's own stamps."""
    found = []
    with AnyReader([bag]) as reader:
        chosen = [c for c in reader.connections if c.topic == "/cmd_vel"]
        for connection, _, raw in reader.messages(connections=chosen):
            message = reader.deserialize(raw, connection.msgtype)
            stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
            found.append((stamp, message.twist.linear.x, message.twist.angular.z, stamp))
    return [command for command in found if command[0] >= since_s]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_last_velocity_is_zero_at_the_end_of_the_ramp(tmp_path, number):
    with Suite(tmp_path) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.drive(SPEED_MPS)
        speed, told_s = outsider.speed(), time.time()
        suite.signal("gate", number)
        wait_for(lambda: "gate" in suite.died(), 20.0, "the gate ends")
        assert suite.died() == {"gate": 0}, suite.log("gate")
        wait_for(lambda: abs(outsider.truth.v) < 0.01, 20.0, "the robot stands")
    commands = commands_of(suite.bag, told_s)
    speeds = [c[1] for c in commands]
    assert commands[-1][1:3] == (0.0, 0.0), f"left standing after {len(commands)} commands: {commands[-1]}"
    assert speeds.count(0.0) == 1, f"it did not end at the first zero: {speeds}"
    assert min(speeds) >= 0.0, f"it was sent backwards: {speeds}"
    descent = descent_of(commands)
    assert descent[0][1] >= ONE_RAMP * speed, f"no single ramp: {speeds}"
    # Down the stop ramp, neither leaping nor dawdling.
    took_s = descent[-1][3] - descent[0][3]
    assert took_s >= descent[0][1] / BRAKE_MPS2 - 2 * PERIOD_S, took_s
    assert took_s <= V_MAX_MPS / BRAKE_MPS2 + 0.5, took_s
    # The bag has the way down, and why.
    code, report = replay(suite.bag, "--node", "gate")
    assert code == 0, report
    assert report["decisions"] == report["identical"] > 100, report
    assert report["runs"][0]["not_run"] == 0, report
