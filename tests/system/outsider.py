"""An rclpy program that is no part of the suite: it knows topics, services and messages, nothing else."""

import math
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from outrider_msgs.msg import AssuranceState, Decision, GateState, GroundTruth, WorldModel
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from harness import wait_for
from listener import Listener

GOAL = (8.5, 3.0, 1.57)
# The node of the recorder that has its subscriptions.
RECORDER = "_recorder_inputs"


class Outsider(Listener):
    """Listens in a thread of its own; a context."""

    def __init__(self, domain, *, light=False):
        """`light`: large messages, which cost Python much time, are not listened to; for measuring."""
        super().__init__("outsider", domain)
        self.commands = []  # (monotonic time of receipt, v, w, the gate's own stamp in s)
        self.health = {}
        self.gate = self.truth = self.world = self.decision = self.assurance = None
        self.world_sequences = []
        qos = QoSProfile(depth=200)
        listen = self.node.create_subscription
        listen(TwistStamped, "/cmd_vel", self._on_command, qos)
        listen(DiagnosticArray, "/diagnostics", self._on_health, qos)
        listen(GateState, "/gate/state", self._on_gate, qos)
        listen(GroundTruth, "/sim/ground_truth", self._on_truth, qos)
        if not light:
            listen(WorldModel, "/world_model", self._on_world, qos)
            listen(Decision, "/decision", lambda m: setattr(self, "decision", m), qos)
            listen(AssuranceState, "/assurance/state", lambda m: setattr(self, "assurance", m), qos)
        self.goals = self.node.create_publisher(PoseStamped, "/goal_pose", 10)
        self.e_stops = self.node.create_publisher(Bool, "/e_stop", 10)
        self.best_effort_e_stops = self.node.create_publisher(
            Bool, "/e_stop", QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        )
        self.services = {name: self.node.create_client(Trigger, name) for name in ("/gate/arm", "/gate/reset")}

    def _on_command(self, message):
        now = time.monotonic()
        stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        with self.lock:
            self.commands.append((now, message.twist.linear.x, message.twist.angular.z, stamp))

    def _on_gate(self, message):
        self.gate = message

    def _on_truth(self, message):
        self.truth = message

    def _on_health(self, message):
        for status in message.status:
            self.health[status.name.removeprefix("outrider: ")] = status

    def _on_world(self, message):
        self.world = message
        self.world_sequences.append(message.sequence)

    def commands_since(self, at):
        """What came on /cmd_vel at or after a monotonic time: (time, v, w, stamp)."""
        with self.lock:
            return [c for c in self.commands if c[0] >= at]

    def speed(self):
        """The speed commanded last, m/s."""
        with self.lock:
            return self.commands[-1][1] if self.commands else 0.0

    def call(self, service, limit_s=10.0):
        """Calls a service; (success, message)."""
        client = self.services[service]
        wait_for(client.service_is_ready, 20.0, f"{service} is there")
        future = client.call_async(Trigger.Request())
        wait_for(future.done, limit_s, f"{service} answers")
        return future.result().success, future.result().message

    def arm(self, limit_s=30.0):
        """Asks until the gate is armed, as an operator would."""
        said = []

        def armed():
            success, message = self.call("/gate/arm")
            said.append(message)
            if not success:
                time.sleep(0.2)
            return success

        wait_for(armed, limit_s, lambda: f"the gate is armed; it said {said[-1]!r}")

    def send_goal(self, goal=GOAL):
        wait_for(self.goals.get_subscription_count, 20.0, "somebody listens to goals")
        message = PoseStamped()
        message.header.frame_id = "map"
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.pose.position.x, message.pose.position.y = goal[0], goal[1]
        message.pose.orientation.z, message.pose.orientation.w = math.sin(goal[2] / 2), math.cos(goal[2] / 2)
        self.goals.publish(message)

    def press_e_stop(self, pressed, *, best_effort=False):
        """`best_effort`: as the drivers of many buttons do."""
        publisher = self.best_effort_e_stops if best_effort else self.e_stops
        wait_for(publisher.get_subscription_count, 20.0, "somebody listens to the emergency stop")
        publisher.publish(Bool(data=pressed))

    def drive(self, above_mps=0.3, limit_s=120.0):
        """Arms where needed, sends the goal, and waits until the robot goes faster than this."""
        asked = 0.0

        def fast():
            nonlocal asked
            if self.speed() > above_mps:
                return True
            # A node that was just restarted may have missed the goal, the gate may have been disarmed.
            if time.monotonic() - asked > 5.0:
                if self.gate is None or self.gate.mode == GateState.DISARMED:
                    self.arm()
                self.send_goal()
                asked = time.monotonic()
            return False

        wait_for(fast, limit_s, lambda: f"faster than {above_mps} m/s; {self.situation()}")

    def situation(self):
        """Who says what, for the message of a failure."""
        return (
            f"commanded {self.speed():.2f} m/s; the gate: {self.gate and self.gate.reason!r};"
            f" the planner: {self.decision and self.decision.chosen!r};"
            f" assurance: {self.assurance and (self.assurance.mode, self.assurance.limiting)}"
        )

    def hear_from(self, nodes, limit_s=40.0):
        """Waits until all of these reported their health; a recorder also listens to what is published here then."""
        missing = lambda: sorted(set(nodes) - set(self.health))
        wait_for(lambda: not missing(), limit_s, lambda: f"/diagnostics of {missing()}")
        if "recorder" in nodes:
            for topic in ("/goal_pose", "/e_stop"):
                listeners = lambda: [s.node_name for s in self.node.get_subscriptions_info_by_topic(topic)]
                wait_for(lambda: RECORDER in listeners(), limit_s, f"the recorder listens to {topic}")

    def stays_stopped(self, seconds):
        """Watches for so long; the commands that were not zero."""
        since = time.monotonic()
        time.sleep(seconds)
        seen = self.commands_since(since)
        assert seen, "the gate published nothing at all"
        return [c for c in seen if c[1] != 0.0 or c[2] != 0.0]
