"""Writes the golden bags anew. What is in them, and why, stands in ../README.md.

usage: python bags/golden/make.py SIMULATED_BAG OUTRIDER     (or `make golden-bags`)
"""

import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as RosbagsWriter
from rosbags.typesys import Stores, get_typestore

HERE = pathlib.Path(__file__).resolve().parent
# The stretch of the drive, and of it the topics, with the least time between two messages that are kept.
START_S, END_S = 4.0, 6.5
TOPICS = {
    "/cmd_vel": 0.04, "/odom": 0.04, "/tf": 0.1, "/e_stop": 0.0, "/assurance/event": 0.0, "/scan": 0.5, "/tf_static": 0.0,
    "/gate/state": 0.2, "/decision": 0.2,
}
# Latched topics are said once, before the stretch.
ALWAYS = {"/tf_static", "/e_stop"}
CHUNK_BYTES = 8192


def stretch(source):
    """(schema, channel, message) of what is kept."""
    kept, last = [], {}
    with open(next(source.glob("*.mcap")), "rb") as file:
        begin = None
        for schema, channel, message in make_reader(file).iter_messages():
            begin = begin if begin is not None else message.log_time
            at = (message.log_time - begin) / 1e9
            if channel.topic not in TOPICS or not (channel.topic in ALWAYS or START_S <= at < END_S):
                continue
            if at - last.get(channel.topic, -1e9) >= TOPICS[channel.topic] - 1e-6:
                last[channel.topic] = at
                kept.append((schema, channel, message))
    return kept


def write_mcap(path, messages, **options):
    with open(path, "wb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, **options)
        writer.start(profile="ros2", library="golden")
        channels = {}
        for schema, channel, message in messages:
            if channel.topic not in channels:
                known = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.topic] = writer.register_channel(channel.topic, "cdr", known, channel.metadata)
            writer.add_message(channels[channel.topic], message.log_time, message.data, message.publish_time,
                               message.sequence)
        writer.add_metadata("golden", {"made_with": "PyPI mcap"})
        writer.finish()


def write_packed(folder):
    """By rosbags, the whole file compressed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    store = get_typestore(Stores.ROS2_JAZZY)
    text = store.types["std_msgs/msg/String"]
    writer = RosbagsWriter(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/text", text.__msgtype__, typestore=store)
        for i in range(50):
            message = text(data=f"message {i}")
            writer.write(connection, 1_700_000_000_000_000_000 + i * 100_000_000,
                         store.serialize_cdr(message, text.__msgtype__))
    return {"/text": 50}


def chunks(raw):
    """(offset, end, messages by channel id) of every chunk."""
    found, at, held = [], 8, None
    while at < len(raw) - 8:
        opcode, length = raw[at], struct.unpack_from("<Q", raw, at + 1)[0]
        if opcode == 6:
            held = {}
            found.append((at, at + 9 + length, held))
        if opcode == 7 and held is not None:
            channel, size = struct.unpack_from("<HI", raw, at + 9)
            held[channel] = size // 16
        at += 9 + length
    return found


def counts(messages):
    result = {}
    for _, channel, _ in messages:
        result[channel.topic] = result.get(channel.topic, 0) + 1
    return result


def main():
    source, outrider = pathlib.Path(sys.argv[1]), sys.argv[2]
    messages = stretch(source)
    expected = {}
    with tempfile.TemporaryDirectory() as scratch:
        plain = pathlib.Path(scratch) / "plain.mcap"
        write_mcap(plain, messages, compression=CompressionType.NONE)
        shutil.rmtree(HERE / "warehouse", ignore_errors=True)
        subprocess.run([outrider, "bag", "recover", plain, HERE / "warehouse"], check=True)
    expected["warehouse"] = {"sound": True, "topics": counts(messages)}
    expected["packed"] = {"sound": True, "topics": write_packed(HERE / "packed")}
    third = [m for m in messages if m[1].topic in ("/cmd_vel", "/odom", "/scan")]
    write_mcap(HERE / "foreign.mcap", third, compression=CompressionType.LZ4)
    expected["foreign.mcap"] = {"sound": True, "topics": counts(third)}

    write_mcap(HERE / "cut.mcap", third, compression=CompressionType.ZSTD)
    raw = bytearray((HERE / "cut.mcap").read_bytes())
    places = chunks(raw)
    whole = places[len(places) // 2]
    (HERE / "cut.mcap").write_bytes(raw[: whole[1] - 7])
    before = sum(sum(held.values()) for at, _, held in places if at < whole[0])
    expected["cut.mcap"] = {"sound": False, "messages": before}

    # In the middle: a chunk whose length is broken, one with a flipped bit, and a lost sector where a third begins.
    length, bit, sector = (places[len(places) // 4 + i * 2] for i in range(3))
    raw[length[0] + 6] ^= 0x10
    raw[bit[1] - 20] ^= 0x04
    raw[sector[0] : sector[0] + 512] = bytes(512)
    (HERE / "damaged.mcap").write_bytes(raw)
    lost = sum(sum(held.values()) for at, _, held in places if at in (bit[0], sector[0]))
    expected["damaged.mcap"] = {"sound": False, "messages": len(third) - lost}

    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
    files = sorted(p for p in HERE.rglob("*") if p.suffix in (".mcap", ".zstd", ".yaml"))
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(HERE)}\n" for p in files]
    (HERE / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
