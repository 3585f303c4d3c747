"""Reads every message of a bag with two readers that have nothing to do with ROS or this project; prints counts as JSON.

usage: check_bag.py BAG_FOLDER
"""

import json
import math
import pathlib
import sys

from mcap_ros2.reader import read_ros2_messages
from rosbags.highlevel import AnyReader


def by_rosbags(folder):
    counts, types = {}, {}
    with AnyReader([folder]) as reader:
        for connection in reader.connections:
            counts.setdefault(connection.topic, 0)
            types[connection.topic] = connection.msgtype
        for connection, _, raw in reader.messages():
            reader.deserialize(raw, connection.msgtype)
            counts[connection.topic] += 1
    return counts, types


def by_mcap(folder):
    counts, speeds = {}, []
    for file in sorted(folder.glob("*.mcap")):
        for message in read_ros2_messages(str(file)):
            counts[message.channel.topic] = counts.get(message.channel.topic, 0) + 1
            if message.channel.topic == "/cmd_vel":
                speeds.append(message.ros_msg.twist.linear.x)
    return counts, speeds


def main():
    folder = pathlib.Path(sys.argv[1])
    counts, types = by_rosbags(folder)
    mcap_counts, speeds = by_mcap(folder)
    assert "rclpy" not in sys.modules
    result = {
        "rosbags": counts,
        "types": types,
        "mcap": mcap_counts,
        "top_speed": max(speeds, default=math.nan),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
