"""Sends commands on /cmd_vel_nominal as fast as it is asked to; started by the row that floods. Prints how many it sent.

usage: flood.py COMMAND_FILE RATE_HZ SECONDS
"""

import pathlib
import struct
import sys
import time

import rclpy
from outrider_msgs.msg import Command
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

BURST_S = 0.001


def main():
    data = bytearray(pathlib.Path(sys.argv[1]).read_bytes())
    rate_hz, seconds = float(sys.argv[2]), float(sys.argv[3])
    message = deserialize_message(bytes(data), Command)
    boot = struct.pack("<Q", message.boot_id)
    number_at = data.index(boot) + 8
    assert struct.unpack_from("<Q", data, number_at)[0] == message.sequence
    rclpy.init()
    node = rclpy.create_node("flood")
    publisher = node.create_publisher(Command, "/cmd_vel_nominal", QoSProfile(depth=10))
    while publisher.get_subscription_count() < 2:
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - begun) < seconds:
        while sent < rate_hz * elapsed:
            sent += 1
            now = time.time_ns()
            # CDR: four bytes of encoding, then the stamp.
            struct.pack_into("<iI", data, 4, now // 1_000_000_000, now % 1_000_000_000)
            struct.pack_into("<Q", data, number_at, sent)
            publisher.publish(bytes(data))
            if sent % 64 == 0 and time.monotonic() - begun > seconds:
                break
        time.sleep(BURST_S)
    print(sent, time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main()
