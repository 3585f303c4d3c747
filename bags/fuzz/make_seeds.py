"""Writes the seeds of both fuzz targets anew: small bags of every kind, and the golden messages of msgs/golden.

usage: python bags/fuzz/make_seeds.py          (after `. .ros/env.sh`)
"""

import json
import pathlib
import shutil

from mcap.writer import CompressionType, IndexType, Writer

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
GOLDEN = HERE.parents[1] / "msgs" / "golden" / "messages.jsonl"
# A seed longer than this is of no use.
SEED_LIMIT = 4096


def bag(name, messages=12, cut=None, **options):
    """A bag of two topics with metadata and an attachment; `cut` keeps so many of its bytes."""
    path = SEEDS / "reader" / f"{name}.mcap"
    with open(path, "wb") as file:
        writer = Writer(file, chunk_size=400, **options)
        writer.start(profile="ros2", library="seed")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
        topics = [writer.register_channel(f"/{topic}", "cdr", schema) for topic in "ab"]
        for i in range(messages):
            data = bytes([0, 1, 0, 0, 8, 0, 0, 0]) + b"seed%03d\0" % i + bytes(i % 5)
            writer.add_message(topics[i % 2], log_time=1000 + i, data=data, publish_time=1000 + i, sequence=i)
            if i == messages // 2:
                writer.add_metadata("run", {"seed": "7"})
                writer.add_attachment(1, 2, "notes.txt", "text/plain", b"some text")
        writer.finish()
    if cut:
        path.write_bytes(path.read_bytes()[:cut])


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    (SEEDS / "reader").mkdir(parents=True)
    (SEEDS / "cdr").mkdir()
    for compression in CompressionType:
        bag(compression.name.lower(), compression=compression)
    none = {"compression": CompressionType.NONE}
    bag("plain", use_chunking=False, **none)
    bag("no_index", index_types=IndexType.NONE, use_statistics=False, **none)
    bag("no_crc", enable_crcs=False, **none)
    bag("bare", use_summary_offsets=False, repeat_channels=False, repeat_schemas=False, **none)
    bag("empty", messages=0, **none)
    bag("cut_none", cut=900, **none)
    bag("cut_zstd", cut=700, compression=CompressionType.ZSTD)
    for line in GOLDEN.read_text().splitlines():
        record = json.loads(line)
        seed = record["type"].encode() + b"\n" + bytes.fromhex(record["bytes"])
        if len(seed) <= SEED_LIMIT:
            (SEEDS / "cdr" / record["type"].replace("/", ".")).write_bytes(seed)


if __name__ == "__main__":
    main()
