"""Measured: the same messages of 1 KB through this crate's writer and those of PyPI's `mcap` and `rosbags`, into a file.

`python bags/benches/peers.py [--out FOLDER] [--runs N] [--messages N]`: median MB/s, how many times smaller the file is,
p99 of a call, the worst of all, peak memory. One process a run; all writers take turns, so that what else the machine does
is the same for each.
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

SIZE, TOPICS, MESSAGES = 1024, 30, 200_000
# Different messages, as in throughput.rs: more than fit into a chunk of any writer.
POOL = 4096
SETTINGS = tuple(f"{library}-{kind}" for kind in ("none", "zstd") for library in ("outrider", "mcap", "rosbags"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ("cargo", "bench", "--quiet", "--locked", "-p", "outrider_bags", "--bench", "throughput", "--")


def payloads():
    """The same bytes as in throughput.rs."""
    state = 1

    def draw():
        nonlocal state
        state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        return state >> 16

    messages = []
    for _ in range(POOL):
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


def one(setting, out, count):
    """One run of a library in Python; prints its figures."""
    library, compression = setting.split("-")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outrider-bench-", dir=out))
    try:
        write, end = {"mcap": with_mcap, "rosbags": with_rosbags}[library](folder, compression)
        messages = payloads()
        calls = []
        started = time.perf_counter()
        for i in range(count):
            before = time.perf_counter()
            write(i, messages[i % len(messages)])
            calls.append(time.perf_counter() - before)
        end()
        seconds = time.perf_counter() - started
        stored = sum(path.stat().st_size for path in folder.rglob("*.mcap"))
    finally:
        shutil.rmtree(folder)
    calls.sort()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = count * SIZE
    print(written / seconds / 1e6, written / stored, calls[int(len(calls) * 0.99)] * 1e6, calls[-1] * 1e6, peak)


def run(setting, out, count):
    """MB/s, ratio, p99 and worst call in microseconds, MB of memory; or why not."""
    library, compression = setting.split("-")
    if library == "outrider":
        command = [*OURS, "--one", compression]
    else:
        command = [sys.executable, "-B", __file__, "--one", setting]
    command += ["--out", out, "--messages", str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["?"])[-1]
    figures = [float(text) for text in done.stdout.split()]
    if library == "outrider":
        figures = [figures[at] for at in (0, 1, 3, 4, 8)]
    return figures


def row(setting, runs):
    """Medians, and the worst call of all runs."""
    if failed := next((result for result in runs if isinstance(result, str)), None):
        return f"{setting:<14} not measured: {failed}"
    speed, ratio, p99, _, peak = (statistics.median(column) for column in zip(*runs))
    worst = max(result[3] for result in runs)
    return f"{setting:<14} {speed:>8.1f} {ratio:>6.2f} {p99:>8.1f} {worst:>10.0f} {peak:>8.0f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=tempfile.gettempdir())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--one")
    arguments = parser.parse_args()
    if arguments.one:
        return one(arguments.one, arguments.out, arguments.messages)
    # Built before anything is measured.
    trial = [*OURS, "--one", "none", "--out", arguments.out, "--messages", "1000"]
    subprocess.run(trial, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    results = {setting: [] for setting in SETTINGS}
    for _ in range(arguments.runs):
        for setting in SETTINGS:
            results[setting].append(run(setting, arguments.out, arguments.messages))
    print(
        f"{arguments.messages} messages of {SIZE} bytes over {TOPICS} topics to {arguments.out}, {arguments.runs} runs of "
        f"each in turn, Python {sys.version.split()[0]}"
    )
    print(f"{'writer':<14} {'MB/s':>8} {'ratio':>6} {'p99 µs':>8} {'worst µs':>10} {'RSS MB':>8}")
    for setting, runs in results.items():
        print(row(setting, runs))


if __name__ == "__main__":
    main()
