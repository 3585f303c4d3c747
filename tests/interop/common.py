"""What the tests share: our reader's view of a bag, and that of three programs nobody here wrote."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

from mcap.reader import NonSeekingReader, make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 120.0
GOLDEN = ROOT / "bags" / "golden"


def bin_dir() -> pathlib.Path:
    chosen = os.environ.get("OUTRIDER_BIN_DIR")
    if chosen:
        return pathlib.Path(chosen)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def dump_path() -> pathlib.Path:
    places = [bin_dir() / "examples" / "dump", bin_dir() / "dump"]
    return next((p for p in places if p.exists()), places[0])


def run(*command, check=True) -> subprocess.CompletedProcess:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if check:
        assert done.returncode == 0, f"{command}: {done.stderr}"
    return done


class Ours:
    """A bag as our reader sees it."""

    def __init__(self, path):
        lines = run(dump_path(), path).stdout.splitlines()
        self.head = json.loads(lines[0])
        items = [json.loads(line) for line in lines[1:]]
        self.errors = [i["error"] for i in items if "error" in i]
        topics = [c["topic"] for c in self.head["channels"]]
        self.messages = [
            (topics[i["channel"]], i["log_time"], bytes.fromhex(i["data"])) for i in items if "data" in i
        ]

    @property
    def complaints(self):
        return self.head["damage"] + self.head["warnings"] + self.errors


def mcap_files(bag: pathlib.Path):
    return [bag] if bag.is_file() else sorted(bag.glob("*.mcap"))


def by_mcap(bag: pathlib.Path, seeking=True):
    """Every message by `mcap`, decoded by `mcap-ros2-support`: (topic, time, bytes)."""
    found = []
    for path in mcap_files(bag):
        with open(path, "rb") as file:
            factories = [DecoderFactory()]
            if seeking:
                reader = make_reader(file, validate_crcs=True, decoder_factories=factories)
            else:
                reader = NonSeekingReader(file, validate_crcs=True, decoder_factories=factories)
            # One pass decodes every message, and fails on the first that cannot be.
            for _, channel, message, decoded in reader.iter_decoded_messages(log_time_order=False):
                assert decoded is not None
                found.append((channel.topic, message.log_time, bytes(message.data)))
    return found


def by_rosbags(bag: pathlib.Path):
    """Every message by `rosbags`, which decodes it too."""
    found = []
    with AnyReader([bag]) as reader:
        for connection, time, raw in reader.messages():
            assert reader.deserialize(raw, connection.msgtype) is not None
            found.append((connection.topic, time, bytes(raw)))
    return found
