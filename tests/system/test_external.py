"""External planners over real DDS: the example policy in shadow and in command, and one that means harm."""

import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
from geometry_msgs.msg import TwistStamped
from harness import NODES, ROOT, Suite, bin_dir, mark_of
from outrider_msgs.msg import Decision
from outsider import Outsider

POLICY = ROOT / "launch/examples/external_policy.py"
# So long is driven in each run.
DRIVE_S = 8.0
HOSTILE_S = 32.0


def configuration(folder, mode):
    """The configuration with the external planner in this mode."""
    copy = folder / "config"
    shutil.copytree(ROOT / "config", copy)
    text = (copy / "planner.yaml").read_text()
    changed = text.replace("  mode: off ", f"  mode: {mode} ", 1)
    assert mode == "off" or changed != text
    (copy / "planner.yaml").write_text(changed)
    return copy


def outrider(*arguments):
    """What the command says as JSON."""
    done = subprocess.run([bin_dir() / "outrider", *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


def confirmed(bag):
    """Every decision is the same again, proposals and all."""
    report = outrider("replay", bag)
    assert report["decisions"] == report["identical"] > 300, report


class Opponent(Outsider):
    """Proposes what it likes."""

    def __init__(self, domain):
        super().__init__(domain, light=True)
        self.proposals = self.node.create_publisher(TwistStamped, "/planner/external_command", 100)
        self.seen = []
        self.node.create_subscription(Decision, "/decision", self._on_decision, 200)

    def _on_decision(self, message):
        self.decision = message
        about = ("external planner", "own controller:")
        said = [a.rejected_because for a in message.alternatives if a.name.startswith(about)]
        with self.lock:
            self.seen += said

    def said(self, text):
        with self.lock:
            return sum(text in s for s in self.seen)

    def propose(self, v, w, *, late_s=0.0, frame="base_link"):
        message = TwistStamped()
        at_ns = self.node.get_clock().now().nanoseconds - int(late_s * 1e9)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(at_ns, 1_000_000_000)
        message.header.frame_id = frame
        message.twist.linear.x, message.twist.angular.z = v, w
        self.proposals.publish(message)


def drive_with_the_example(folder, mode):
    """A drive with the example policy beside it; the bag, and what the decisions say."""
    with Suite(folder, config=configuration(folder, mode)) as suite, Opponent(suite.domain) as outside:
        environment = mark_of(os.getpid()) | {"ROS_DOMAIN_ID": str(suite.domain)}
        policy = subprocess.Popen([sys.executable, POLICY], env=environment, start_new_session=True)
        try:
            outside.hear_from([*NODES, "recorder"])
            outside.press_e_stop(False)
            outside.drive(above_mps=0.2)
            time.sleep(DRIVE_S)
            assert suite.died() == {} and policy.poll() is None
            assert outside.truth.collisions == 0
        finally:
            policy.kill()
            policy.wait()
        health = {v.key: v.value for v in outside.health["planner"].values}
    return suite.bag, outside, health


def test_in_shadow_it_is_judged_and_never_driven(tmp_path):
    bag, outside, health = drive_with_the_example(tmp_path, "shadow")
    assert outside.said("shadow: would be driven; differs by ") > 50
    assert health["external planner"] == "shadow (topic)" and health["external proposals driven"] == "0"
    confirmed(bag)
    told = outrider("bag", "info", bag)["external_planner"]
    assert told["driven"] == 0 and told["would_be_driven"] > 50 and told["speed"]["most"] > 0.1, told
    events = [e["text"] for e in outrider("bag", "events", bag) if e["kind"] == "external"]
    assert any("would be driven" in text for text in events), events


def test_in_command_it_drives_within_its_limits(tmp_path):
    bag, outside, health = drive_with_the_example(tmp_path, "command")
    assert outside.said("the external planner drives; differs by ") > 50
    confirmed(bag)
    told = outrider("bag", "info", bag)["external_planner"]
    assert told["driven"] > 50, told


def test_one_that_means_harm_touches_nothing(tmp_path):
    """No numbers, old ones, other frames, beyond the limits, and in between full speed at whatever is there."""
    with Suite(tmp_path, config=configuration(tmp_path, "command")) as suite, Opponent(suite.domain) as outside:
        outside.hear_from([*NODES, "recorder"])
        outside.press_e_stop(False)
        outside.drive(above_mps=0.1)
        stop = threading.Event()

        def hostile():
            harm = [
                lambda turn: outside.propose(math.nan, 0.0),
                lambda turn: outside.propose(0.9, turn, late_s=0.5),
                lambda turn: outside.propose(0.9, turn, late_s=-5.0),
                lambda turn: outside.propose(9.0, turn),
                lambda turn: outside.propose(0.9, turn, frame="map"),
            ]
            since = time.monotonic()
            while not stop.wait(0.03):
                part = int((time.monotonic() - since) / 1.5)
                turn = (0.0, 0.9, -0.9)[part % 3]
                # Every second spell is one of full speed ahead.
                (harm[part // 2 % len(harm)] if part % 2 else lambda t: outside.propose(0.9, t))(turn)

        thread = threading.Thread(target=hostile)
        thread.start()
        try:
            time.sleep(HOSTILE_S)
            assert suite.died() == {}
        finally:
            stop.set()
            thread.join()
        heard = sorted(set(s[:60] for s in outside.seen))
        for wanted in (
            "the external planner drives",
            "refused: message refused: linear.x: NaN",
            "refused: stale: ",
            "in the future",
            "refused: v 9.000 m/s is not within",
            "is not base_link",
        ):
            assert outside.said(wanted), (wanted, heard)
        assert outside.truth.collisions == 0
        fastest = max(abs(v) for _, v, _, _ in outside.commands_since(0.0))
        assert fastest <= 1.0
    confirmed(suite.bag)
