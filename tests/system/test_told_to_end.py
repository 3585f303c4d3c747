"""A gate that is told to end while the robot drives brings it to a stand first: a base may go on with what it was told last.

What is asserted comes out of the bag: whoever listens late loses what a process said just before it left.
"""

import re
import shutil
import signal
import threading
import time

import pytest
from geometry_msgs.msg import TwistStamped
from harness import NODES, ROOT, Suite, wait_for
from measure_stop import SPEED_MPS, descent_of
from outrider_msgs.msg import GateState, OperatorRequest
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
# From the signal to the first slower velocity; what is in force would hold for longer.
AT_ONCE_S = 0.2
BY_HAND_MPS = 0.35
HAND_TIMEOUT_S = 1.0


def messages_of(bag, topic):
    """As they were recorded."""
    with AnyReader([bag]) as reader:
        chosen = [c for c in reader.connections if c.topic == topic]
        return [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages(connections=chosen)]


def commands_of(bag, since_s=0.0):
    """As an outsider has them, times by the gate's own stamps."""
    found = []
    for message in messages_of(bag, "/cmd_vel"):
        stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        found.append((stamp, message.twist.linear.x, message.twist.angular.z, stamp))
    return [command for command in found if command[0] >= since_s]


class Hand:
    """A joystick that drives at one speed and does not know of anybody's end; a context."""

    def __init__(self, outsider, speed_mps):
        self.node = outsider.node
        self.publisher = self.node.create_publisher(TwistStamped, "/teleop/cmd_vel", 10)
        self.speed_mps = speed_mps
        self.released = threading.Event()
        self.thread = threading.Thread(target=self._drive)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.thread.join()

    def _drive(self):
        while not self.released.wait(0.05):
            message = TwistStamped()
            message.header.stamp = self.node.get_clock().now().to_msg()
            message.twist.linear.x = self.speed_mps
            self.publisher.publish(message)


def configured(folder, **changed):
    """The configuration with other numbers; every key is in one file only."""
    shutil.copytree(ROOT / "config", folder)
    for file in ("gate.yaml", "robot.yaml"):
        path = folder / file
        text = path.read_text()
        for key, value in changed.items():
            text = re.sub(rf"^(\s*){key}: *[\d.]+", rf"\g<1>{key}: {value}", text, flags=re.MULTILINE)
        path.write_text(text)
    return folder


def reaches(outsider, speed_mps):
    wait_for(lambda: outsider.speed() >= speed_mps - 1e-6, 30.0, lambda: f"{speed_mps} m/s; {outsider.situation()}")


def gate_ends(suite, limit_s=20.0):
    wait_for(lambda: "gate" in suite.died(), limit_s, "the gate ends")
    assert suite.died() == {"gate": 0}, suite.log("gate")


def assert_replays(bag):
    """The bag has the way down, and why."""
    code, report = replay(bag, "--node", "gate")
    assert code == 0, report
    assert report["decisions"] == report["identical"] > 100, report
    assert report["runs"][0]["not_run"] == 0, report


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_last_velocity_is_zero_at_the_end_of_the_ramp(tmp_path, number):
    with Suite(tmp_path) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.drive(SPEED_MPS)
        speed, told_s = outsider.speed(), time.time()
        suite.signal("gate", number)
        gate_ends(suite)
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
    assert_replays(suite.bag)


@pytest.mark.parametrize("pressed", [False, True], ids=["alone", "emergency stop"])
def test_a_hand_that_drives_does_not_hold_the_end_up(tmp_path, pressed):
    """The take-over would hold for a second; and who presses the button after the signal is heard."""
    config = configured(tmp_path / "config", timeout_s=HAND_TIMEOUT_S)
    with Suite(tmp_path / "run", config=config) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.arm()
        with Hand(outsider, BY_HAND_MPS):
            reaches(outsider, BY_HAND_MPS)
            told_s = time.time()
            suite.signal("gate", signal.SIGINT)
            if pressed:
                time.sleep(0.05)
                outsider.press_e_stop(True)
            gate_ends(suite)
    commands = commands_of(suite.bag, told_s)
    slower_s = next(c[0] for c in commands if c[1] < BY_HAND_MPS) - told_s
    assert slower_s <= AT_ONCE_S, f"the first slower velocity came after {slower_s:.3f} s"
    assert commands[-1][1:3] == (0.0, 0.0), commands[-1]
    assert commands[-1][0] - told_s <= AT_ONCE_S + BY_HAND_MPS / BRAKE_MPS2, commands[-1][0] - told_s
    last = messages_of(suite.bag, "/gate/state")[-1]
    expected = (GateState.E_STOP, "emergency stop pressed") if pressed else (GateState.DISARMED, "told to end")
    assert (last.mode, last.reason) == expected
    assert messages_of(suite.bag, "/gate/operator_request")[-1].action == OperatorRequest.END
    assert_replays(suite.bag)


def test_a_robot_that_brakes_slowly_is_brought_to_a_stand_too(tmp_path):
    """It takes longer than any number in the program, and from full speed longer than supervisors wait, which the gate says."""
    speed_mps, brake_mps2 = 0.6, 0.1
    config = configured(tmp_path / "config", brake_mps2=brake_mps2, stop_decel_mps2=brake_mps2, v_max_mps=1.0)
    with (
        Suite(tmp_path / "run", config=config, record=False) as suite,
        Outsider(suite.domain, light=True) as outsider,
    ):
        outsider.hear_from(NODES)
        outsider.arm()
        with Hand(outsider, speed_mps):
            reaches(outsider, speed_mps)
            told = suite.signal("gate", signal.SIGINT)
            gate_ends(suite)
            took_s = time.monotonic() - told
        time.sleep(0.2)
        commands = outsider.commands_since(told)
    assert took_s >= speed_mps / brake_mps2, took_s
    assert "10.6 s to bring the robot to a stand" in suite.log("gate") and "sigkill_timeout" in suite.log("gate")
    assert commands[-1][1] <= 2 * PERIOD_S * brake_mps2, f"left at {commands[-1]}"


def test_a_bag_has_the_way_down_when_everything_is_told_to_end_at_once(tmp_path):
    """As ^C does in a terminal with `ros2 launch`."""
    with Suite(tmp_path) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.drive(SPEED_MPS)
        for node in ("recorder", *NODES):
            suite.signal(node, signal.SIGINT)
        wait_for(lambda: set(suite.died()) == {"recorder", *NODES}, 20.0, lambda: f"all end: {suite.died()}")
        assert set(suite.died().values()) == {0}, suite.died()
    last = commands_of(suite.bag)[-1]
    assert last[1:3] == (0.0, 0.0), f"the bag ends at {last}"
    assert_replays(suite.bag)


def test_a_recorder_that_ends_alone_waits_for_nobody(tmp_path):
    """Its bag could go on for ever."""
    with Suite(tmp_path) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        told = suite.signal("recorder", signal.SIGINT)
        wait_for(lambda: "recorder" in suite.died(), 20.0, "the recorder ends")
        assert suite.died() == {"recorder": 0}
        assert time.monotonic() - told < 4.0
