"""Measured: messages of 1 KB through the writers of PyPI's `mcap` and `rosbags`, as throughput.rs does it.

`python bags/benches/peers.py [--out FOLDER] [--runs N]`: median MB/s, p99 and worst call, peak memory; one process a run.
"""

import argparse
import pathlib
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SIZE, TOPICS, MESSAGES = 1024, 30, 100_000
SETTINGS = ("mcap-none", "mcap-zstd", "rosbags-none", "rosbags-zstd")


def payloads():
    """The same bytes as in throughput.rs."""
    state = 1

    def draw():
        nonlocal state
        state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        return state >> 16

    messages = []
    for _ in range(256):
        base = 1.0 + draw() / 65_536.0
        values = [base + (draw() % 4096) * 0.00024414062 for _ in range((SIZE - 4) // 4)]
        messages.append(b"\0\1\0\0" + struct.pack(f"<{len(values)}f", *values))
    return messages


def with_mcap(folder, compression):
    from mcap.writer import CompressionType, Writer

    kind = CompressionType.ZSTD if compression == "zstd" else CompressionType.NONE
    stream = open(folder / "bag.mcap", "wb")
    writer = Writer(stream, compression=kind)
    writer.start("ros2", "bench")
    schema = writer.register_schema("std_msgs/msg/Float32", "ros2msg", b"float32 data")
    topics = [writer.register_channel(f"/t{i}", "cdr", schema) for i in range(TOPICS)]

    def write(i, data):
        writer.add_message(topics[i % TOPICS], i, data, i, i)

    def end():
        writer.finish()
        stream.close()

    return write, end


def with_rosbags(folder, compression):
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    writer = Writer(folder / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
    if compression == "zstd":
        # The chunks, where it can do that; else each message.
        mode = getattr(CompressionMode, "STORAGE", CompressionMode.MESSAGE)
        writer.set_compression(mode, CompressionFormat.ZSTD)
    writer.open()
    kind = "std_msgs/msg/Float32"
    topics = [writer.add_connection(f"/t{i}", kind, typestore=store) for i in range(TOPICS)]
    return (lambda i, data: writer.write(topics[i % TOPICS], i, data)), writer.close


def one(setting, out):
    library, compression = setting.split("-")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outrider-bench-", dir=out))
    try:
        write, end = {"mcap": with_mcap, "rosbags": with_rosbags}[library](folder, compression)
        messages = payloads()
        calls = []
        started = time.perf_counter()
        for i in range(MESSAGES):
            before = time.perf_counter()
            write(i, messages[i % len(messages)])
            calls.append(time.perf_counter() - before)
        end()
        seconds = time.perf_counter() - started
    finally:
        shutil.rmtree(folder)
    calls.sort()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(MESSAGES * SIZE / seconds / 1e6, calls[int(len(calls) * 0.99)] * 1e6, calls[-1] * 1e6, peak)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=tempfile.gettempdir())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one")
    arguments = parser.parse_args()
    if arguments.one:
        return one(arguments.one, arguments.out)
    print(f"{MESSAGES} messages of {SIZE} bytes over {TOPICS} topics, Python {sys.version.split()[0]}, {arguments.runs} runs")
    print(f"{'writer':<14} {'MB/s':>8} {'p99 µs':>10} {'worst µs':>10} {'RSS MB':>8}")
    for setting in SETTINGS:
        runs = []
        for _ in range(arguments.runs):
            command = [sys.executable, "-B", __file__, "--out", arguments.out, "--one", setting]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{setting:<14} not measured: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
                break
            runs.append([float(text) for text in done.stdout.split()])
        else:
            speed, p99, _, peak = (statistics.median(column) for column in zip(*runs))
            print(f"{setting:<14} {speed:>8.1f} {p99:>10.1f} {max(run[2] for run in runs):>10.0f} {peak:>8.0f}")


if __name__ == "__main__":
    main()
