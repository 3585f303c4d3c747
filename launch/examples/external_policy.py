#!/usr/bin/env python3
"""The smallest external planner: it follows the path at half speed and proposes it on planner/external_command.

A learned policy takes the place of `policy()`. Whether its proposals are driven is up to `external` in planner.yaml
(docs/external_planner.md). Run it beside the suite, in any sourced ROS 2: `python3 external_policy.py`.
"""
import math

import rclpy
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Path
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

AHEAD_M = 0.8
PERIOD_S = 0.05
# The planner may hear a new sender before the recorder does, and what it then takes would be missing in the bag: for so many
# periods the number of listeners has to stay what it is. DDS says anew what got lost of discovery every 3 s.
SETTLES = 80


def after(first, second):
    """A pose (x, y, yaw) given in the frame of another."""
    (x, y, yaw), (dx, dy, turn) = first, second
    c, s = math.cos(yaw), math.sin(yaw)
    return x + c * dx - s * dy, y + s * dx + c * dy, yaw + turn


def policy(pose, path):
    """Speed and turn rate: towards the first point of the path that is far enough away, counted from the nearest."""
    nearest = min(range(len(path)), key=lambda i: math.dist(pose[:2], path[i]))
    ahead = next((p for p in path[nearest:] if math.dist(pose[:2], p) > AHEAD_M), path[-1])
    bearing = math.remainder(math.atan2(ahead[1] - pose[1], ahead[0] - pose[0]) - pose[2], math.tau)
    return 0.5 * max(math.cos(bearing), 0.0), max(-1.0, min(1.5 * bearing, 1.0))


class ExternalPolicy(Node):
    """Knows the path and, by way of tf, where the robot is."""

    def __init__(self):
        super().__init__("external_policy")
        self.path, self.path_frame, self.frames, self.stamp = [], "map", {}, None
        self.listeners, self.settled, self.waits_for = 0, 0, None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(Path, "plan", self.on_plan, latched)
        self.create_subscription(TFMessage, "tf", self.on_tf, 100)
        # What a listener lost on a busy machine it asks for within 3 s: until then it has to be kept.
        self.proposals = self.create_publisher(TwistStamped, "planner/external_command", 100)
        self.create_timer(PERIOD_S, self.propose)

    def on_plan(self, message):
        self.path = [(p.pose.position.x, p.pose.position.y) for p in message.poses]
        self.path_frame = message.header.frame_id

    def on_tf(self, message):
        for one in message.transforms:
            at, turn = one.transform.translation, one.transform.rotation
            frames = one.header.frame_id, one.child_frame_id
            self.frames[frames] = (at.x, at.y, 2.0 * math.atan2(turn.z, turn.w))
            if one.child_frame_id == "base_link":
                self.stamp = one.header.stamp

    def pose(self):
        """Where the robot is in the path's frame, and what is missing to say so. Without a localiser paths are in odom."""
        chain = [("odom", "base_link")]
        if self.path_frame != "odom":
            chain.insert(0, (self.path_frame, "odom"))
        missing = [f"{parent} to {child}" for parent, child in chain if (parent, child) not in self.frames]
        if missing:
            return None, f"tf from {' and from '.join(missing)}"
        pose = (0.0, 0.0, 0.0)
        for frames in chain:
            pose = after(pose, self.frames[frames])
        return pose, None

    def wait_for(self, what):
        """Says what keeps it from proposing, once."""
        if what and what != self.waits_for:
            self.get_logger().info(f"no proposal: waiting for {what}")
        self.waits_for = what

    def propose(self):
        before, self.listeners = self.listeners, self.proposals.get_subscription_count()
        self.settled = self.settled + 1 if self.listeners == before > 0 else 0
        pose, missing = self.pose()
        if not self.listeners:
            missing = "somebody who listens to planner/external_command"
        elif not self.path:
            missing = "a path on plan"
        self.wait_for(missing)
        if missing or self.settled < SETTLES:
            return
        message = TwistStamped()
        # The age of what it rests on counts, not when it was thought of.
        message.header.stamp, message.header.frame_id = self.stamp, "base_link"
        message.twist.linear.x, message.twist.angular.z = policy(pose, self.path)
        self.proposals.publish(message)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(ExternalPolicy())
