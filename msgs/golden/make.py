"""Writes messages.jsonl: every message of the catalogue, filled with known values and serialized by rclpy.

Run with the environment of `scripts/setup`: `. .ros/env.sh && python msgs/golden/make.py`.

Padding bytes are whatever lay in memory. Each message is therefore serialized by two processes whose allocator fills
fresh memory with different bytes: what differs is padding, and is written as zero.
"""

import array
import importlib
import json
import os
import pathlib
import subprocess
import sys

from rclpy.serialization import serialize_message

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent


def types():
    for folder in sorted((ROOT / "standard").iterdir()):
        for file in sorted((folder / "msg").glob("*.msg")):
            yield folder.name, file.stem
    for file in sorted((ROOT / "msg").glob("*.msg")):
        yield "outrider_msgs", file.stem


class Filler:
    """Gives every field another value, all exactly representable in 32 bits."""

    def __init__(self):
        self.count = 0

    def number(self):
        self.count += 1
        return self.count

    def primitive(self, kind):
        n = self.number()
        if kind in ("float", "double"):
            return n + 0.5
        if kind == "boolean":
            return n % 2 == 0
        if kind == "octet":
            return bytes([n % 256])
        if kind.startswith("string"):
            return f"text {n}"
        if kind in ("int8", "int16", "int32", "int64"):
            return -(n % 100)
        return n % 256

    def value(self, kind):
        if "/" in kind:
            package, name = kind.split("/")
            return self.message(package, name)
        return self.primitive(kind)

    def message(self, package, name):
        cls = getattr(importlib.import_module(f"{package}.msg"), name)
        message = cls()
        for field, kind in cls.get_fields_and_field_types().items():
            if kind.startswith("sequence<"):
                kind = kind[len("sequence<") : -1].split(",")[0]
                filled = [self.value(kind) for _ in range(3)]
            elif kind.endswith("]"):
                kind, count = kind[:-1].split("[")
                filled = [self.value(kind) for _ in range(int(count))]
            else:
                filled = self.value(kind)
            setattr(message, field, filled)
        return message


def plain(value):
    """As JSON has it."""
    if hasattr(value, "get_fields_and_field_types"):
        return {f: plain(getattr(value, f)) for f in value.get_fields_and_field_types()}
    if isinstance(value, bytes):
        return value[0] if len(value) == 1 else list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple, array.array)):
        return [plain(v) for v in value]
    return value


def serialized():
    """One line a message: what this process serializes, padding included."""
    for package, name in types():
        message = Filler().message(package, name)
        print(bytes(serialize_message(message)).hex())


def run(fill):
    # The thread cache hands freed memory out again as it is.
    tunables = f"glibc.malloc.perturb={fill}:glibc.malloc.tcache_count=0"
    environment = {**os.environ, "GLIBC_TUNABLES": tunables}
    command = [sys.executable, __file__, "--serialize"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def main():
    if sys.argv[1:] == ["--serialize"]:
        return serialized()
    with open(HERE / "messages.jsonl", "w") as out:
        for (package, name), one, other in zip(types(), run(0x55), run(0xAA), strict=True):
            one, other = bytes.fromhex(one), bytes.fromhex(other)
            same = bytes(a if a == b else 0 for a, b in zip(one, other, strict=True))
            record = {
                "type": f"{package}/msg/{name}",
                "bytes": same.hex(),
                "value": plain(Filler().message(package, name)),
            }
            out.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
