"""Sees a live suite from outside, and keeps everything that a verdict rests on."""

import math
import time

from envelope import Velocity
from limits import GATE  # noqa: F401  (sets the path to the system tests)
from outrider_msgs.msg import AssuranceState, Command, GateState, Intervention, MonitorReading, Permit
from outsider import Outsider
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

FORWARDING = GateState.FORWARDING
HICCUP_S = 0.1


def seconds(stamp):
    return stamp.sec + 1e-9 * stamp.nanosec


def arrival(info):
    """Monotonic time at which DDS had a message, which is before Python came to it."""
    waited_s = 1e-9 * (time.time_ns() - info["received_timestamp"])
    return time.monotonic() - max(0.0, waited_s)


class Witness(Outsider):
    """An outsider with a memory. `permits`: also keeps permits and proposals, which costs more time."""

    def __init__(self, domain, *, permits=False):
        super().__init__(domain, light=True)
        self.velocities = []
        self.states = []  # (received, GateState)
        self.truths = []  # (received, GroundTruth)
        self.events = []  # (received, Intervention)
        self.permits = []  # (received, bytes)
        self.proposals = []  # (received, Command)
        qos = QoSProfile(depth=400)
        listen = self.node.create_subscription
        # Those of earlier drives do not concern this one.
        now_only = QoSProfile(depth=400, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
        listen(Intervention, "/assurance/event", lambda m: self._keep(self.events, m), now_only)
        listen(AssuranceState, "/assurance/state", lambda m: setattr(self, "assurance", m), qos)
        if permits:
            listen(Permit, "/assurance/permit", lambda m: self._keep(self.permits, m), qos, raw=True)
            for topic in ("/cmd_vel_nominal", "/cmd_vel_recovery"):
                listen(Command, topic, lambda m: self._keep(self.proposals, m), qos)

    def _keep(self, where, message, at=None):
        with self.lock:
            where.append((at or time.monotonic(), message))

    def _on_command(self, message, info):
        super()._on_command(message)
        twist = message.twist
        velocity = Velocity(
            arrival(info),
            twist.linear.x,
            twist.angular.z,
            seconds(message.header.stamp),
            info["publication_sequence_number"] or 0,
            message.header.frame_id,
        )
        with self.lock:
            self.velocities.append(velocity)

    def _on_gate(self, message, info):
        super()._on_gate(message)
        self._keep(self.states, message, arrival(info))

    def _on_truth(self, message, info):
        super()._on_truth(message)
        self._keep(self.truths, message, arrival(info))

    def readings(self):
        """What is not well, for the log of a miss."""
        monitors = self.assurance.monitors if self.assurance else []
        bad = [f"{m.name} {m.value:.3f} of {m.limit}" for m in monitors if m.verdict != MonitorReading.OK]
        health = [f"{name}: {[(v.key, v.value) for v in status.values]}" for name, status in sorted(self.health.items())]
        return "\n".join([f"not satisfied: {bad}", *health])

    def since(self, kept, at):
        """What was received at or after a monotonic time."""
        with self.lock:
            return [message for received, message in kept if received >= at]

    def commanded(self, at):
        """Velocities of the gate since a monotonic time; what a rogue says is not among them."""
        with self.lock:
            return [v for v in self.velocities if v.received >= at and v.frame == "base_link"]

    def reasons(self, at):
        """Why the gate did not forward, then what assurance recorded, each once, in order."""
        gate = [s.reason for s in self.since(self.states, at) if s.mode != FORWARDING]
        assurance = [f"assurance: {e.rule}" for e in self.since(self.events, at)]
        return list(dict.fromkeys(gate + assurance))

    def stopped(self, at):
        """When the gate first stopped forwarding for longer than a hiccup of a busy machine; None: it never did. That the
        planner itself stands before a person is no such stop."""
        with self.lock:
            states = [(received, s.mode) for received, s in self.states if received >= at]
        since = None
        for received, mode in states:
            since = None if mode == FORWARDING else since or received
            if since and received - since > HICCUP_S:
                return since
        return None

    def position(self, at):
        """Where the robot truly was at a monotonic time: (x, y), by interpolation between messages."""
        with self.lock:
            truths = list(self.truths)
        before = next((t for t in reversed(truths) if t[0] <= at), truths[0])
        after = next((t for t in truths if t[0] > at), truths[-1])
        share = 0.0 if after[0] <= before[0] else min(1.0, max(0.0, (at - before[0]) / (after[0] - before[0])))
        a, b = before[1], after[1]
        return a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)

    def travelled(self, since, until):
        """Length of the way between two monotonic times, m."""
        with self.lock:
            between = [(t.x, t.y) for received, t in self.truths if since < received < until]
        points = [self.position(since), *between, self.position(until)]
        return sum(math.dist(a, b) for a, b in zip(points, points[1:]))

    def genuine(self, forged):
        """({(source, sequence): v_max}, {(source, sequence): v}): what assurance permitted and what was proposed by those
        who may; `forged` are the bytes that a rogue made, and its commands carry the reason `rogue`."""
        with self.lock:
            permits = [deserialize_message(b, Permit) for _, b in self.permits if b not in forged]
            proposals = [c for _, c in self.proposals if c.reason != "rogue"]
        allowed = {(p.command_source, p.command_sequence): p.v_max for p in permits}
        return allowed, {(c.source, c.sequence): c.v for c in proposals}
