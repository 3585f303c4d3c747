"""Data that cannot be: not a number, infinite, of another frame, of another quality of service."""

import math

from nav_msgs.msg import OccupancyGrid, Odometry
from outrider_msgs.msg import Command
from rclpy.serialization import deserialize_message, serialize_message
from rogue import BEST_EFFORT, HELD, LATCHED, RELIABLE, Relay, held, stamp_now
from rows_wire import between, rogue_of
from sensor_msgs.msg import LaserScan
from trial import MAY_STOP, REFUSES_TO_ARM, STOPS, Row

GROUP = "data"
# So long scans may fail to fit the map (lost_after_scans), and the map's message takes to come in.
MISFIT_S = 1.25
SENSORS = {"scan": (LaserScan, 20.0), "odom": (Odometry, 50.0)}


def nan_velocity(message):
    message.v = math.nan


def nan_speed(message):
    message.twist.twist.linear.x = math.nan


def nan_ranges(message):
    message.ranges = [math.nan] * len(message.ranges)


def infinite_ranges(message):
    message.ranges = [math.inf] * len(message.ranges)


def nan_angle(message):
    message.angle_min = math.nan


def other_frame(message):
    message.header.frame_id = "somebody_elses_laser"


def on_the_way(kind, node, topic, change):
    def edit(data):
        message = deserialize_message(data, kind)
        change(message)
        return [serialize_message(message)]

    return between(kind, node, topic, edit)


def beside(topic, change):
    """A second publisher of a sensor's topic, at the sensor's rate, with fresh stamps."""
    kind, rate_hz = SENSORS[topic]

    def strike(trial):
        message = rogue_of(trial).hear(kind, f"/{topic}")
        change(message)

        def make():
            message.header.stamp = stamp_now()
            return message

        trial.struck_now()
        trial.enough = rogue_of(trial).say(kind, f"/{topic}", make, rate_hz)

    return {"prepare": rogue_of, "strike": strike, "lift": lambda trial: trial.enough.set()}


def nan_command_beside(trial):
    message = rogue_of(trial).hear(Command, "/cmd_vel_nominal")
    message.boot_id, message.reason = 7, "rogue"
    message.v = math.nan

    def make():
        message.header.stamp = stamp_now()
        message.sequence += 1
        return message

    trial.struck_now()
    trial.enough = rogue_of(trial).say(Command, "/cmd_vel_nominal", make, 40.0)


def map_swap(trial):
    """The same map without anything on it."""
    message = rogue_of(trial).hear(OccupancyGrid, "/map", LATCHED)
    trial.true_map = message.data
    message.data = [0] * len(message.data)

    def make():
        message.header.stamp = stamp_now()
        return message

    trial.map = message
    trial.struck_now()
    trial.enough = rogue_of(trial).say(OccupancyGrid, "/map", make, 1.0, LATCHED)


def map_restored(trial):
    """Whoever notices gives the robot its map again: the false one is latched and stays with it otherwise."""
    trial.map.data = trial.true_map


def wrong_quality(trial):
    """The planner's proposals are offered best effort where reliable is asked for: DDS does not connect them."""
    trial.begin()
    qos = BEST_EFFORT if trial.fault else RELIABLE
    relay = Relay(rogue_of(trial), Command, f"/cmd_vel_nominal{HELD}", "/cmd_vel_nominal", qos=qos)
    trial.refuses_to_arm(r"command|cmd_vel_nominal")
    trial.expect(relay.count > 0, "the planner proposed nothing: the row shows nothing")


ROWS = [
    Row(
        "command_nan", GROUP, STOPS, "The planner's velocity is not a number",
        reason="could not be read|no permit|not finite", **on_the_way(Command, "planner", "cmd_vel_nominal", nan_velocity),
    ),
    Row(
        "command_nan_beside", GROUP, MAY_STOP, "A rogue proposes velocities that are not a number beside the planner, at 40 Hz",
        strike=nan_command_beside, lift=lambda trial: trial.enough.set(), permits=True,
    ),
    Row(
        "odometry_nan", GROUP, STOPS, "The speed in odometry is not a number",
        reason="assurance: odom", **on_the_way(Odometry, "sim", "odom", nan_speed),
    ),
    Row(
        "odometry_nan_beside", GROUP, MAY_STOP, "A second odometry beside the true one whose speed is not a number",
        reason="assurance: odom", **beside("odom", nan_speed),
    ),
    Row(
        "scan_nan", GROUP, STOPS, "Every range of the scan is not a number",
        reason="assurance: scan", **on_the_way(LaserScan, "sim", "scan", nan_ranges),
    ),
    Row(
        "scan_nan_beside", GROUP, MAY_STOP, "A second scan beside the true one whose ranges are not a number",
        reason="assurance: scan", **beside("scan", nan_ranges),
    ),
    Row(
        "scan_nan_angle_beside", GROUP, MAY_STOP, "A second scan beside the true one whose first angle is not a number",
        reason="assurance: scan", **beside("scan", nan_angle),
    ),
    Row(
        "scan_infinite_beside", GROUP, MAY_STOP, "A second scan beside the true one that says nothing is there at all",
        **beside("scan", infinite_ranges),
    ),
    Row(
        "scan_wrong_frame", GROUP, STOPS, "The scan comes in a frame that is not the lidar's",
        reason="assurance: scan", **on_the_way(LaserScan, "sim", "scan", other_frame),
    ),
    Row(
        "scan_wrong_frame_beside", GROUP, MAY_STOP, "A second scan beside the true one in a frame that is not the lidar's",
        reason="assurance: scan", **beside("scan", other_frame),
    ),
    Row(
        "map_swapped", GROUP, STOPS, "Another publisher sends a map without any obstacle",
        reason="assurance: localised", strike=map_swap, lift=map_restored, detect_s=MISFIT_S,
        note="after a second of scans that do not fit the robot knows that it is lost; with its own map it drives on",
    ),
    Row(
        "quality_of_service_mismatch", GROUP, REFUSES_TO_ARM,
        "Proposals are offered best effort where reliable is asked for", strike=wrong_quality,
        suite=lambda trial: {"arguments": {"planner": held("cmd_vel_nominal")}},
    ),
]
