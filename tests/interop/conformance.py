"""The conformance files of foxglove/mcap through our reader.

usage: python tests/interop/conformance.py FOLDER      (its tests/conformance/data; not part of this repository)

A checkout without Git LFS has only pointers in place of the `.mcap` files. Then each file is made again from the JSON
beside it, and counts only when its size and SHA-256 are those in the pointer.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import struct
import sys
import tempfile
import zlib

import common

OPCODES = {
    "Header": 1, "Footer": 2, "Schema": 3, "Channel": 4, "Message": 5, "Chunk": 6, "MessageIndex": 7, "ChunkIndex": 8,
    "Attachment": 9, "AttachmentIndex": 10, "Statistics": 11, "Metadata": 12, "MetadataIndex": 13, "SummaryOffset": 14,
    "DataEnd": 15,
}
MAGIC = b"\x89MCAP0\r\n"
# What a padded record has behind its fields.
PADDING = b"\x01\xff\xff"
NEVER_PADDED = ("Footer", "Chunk", "DataEnd", "Message")


class Unknown(Exception):
    """The file is neither there nor could it be made again."""


def text(value):
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw


def number(width, value):
    return int(value).to_bytes(width, "little")


def blob(values, width=4):
    return number(width, len(values)) + bytes(int(v) for v in values)


def table(entries, key, value):
    body = b"".join(key(k) + value(v) for k, v in entries.items())
    return struct.pack("<I", len(body)) + body


def strings(entries):
    return table(entries, text, text)


def body(kind, f, crc=0):
    """The fields of a record, in the order of the specification."""
    def n(width, *names):
        return b"".join(number(width, f[name]) for name in names)

    if kind == "Header":
        return text(f["profile"]) + text(f["library"])
    if kind == "Footer":
        return n(8, "summary_start", "summary_offset_start") + n(4, "summary_crc")
    if kind == "Schema":
        return n(2, "id") + text(f["name"]) + text(f["encoding"]) + blob(f["data"])
    if kind == "Channel":
        return n(2, "id", "schema_id") + text(f["topic"]) + text(f["message_encoding"]) + strings(f["metadata"])
    if kind == "Message":
        head = n(2, "channel_id") + n(4, "sequence") + n(8, "log_time", "publish_time")
        return head + bytes(int(v) for v in f["data"])
    if kind == "Attachment":
        fields = n(8, "log_time", "create_time") + text(f["name"]) + text(f["media_type"]) + blob(f["data"], 8)
        return fields + number(4, zlib.crc32(fields))
    if kind == "AttachmentIndex":
        head = n(8, "offset", "length", "log_time", "create_time", "data_size")
        return head + text(f["name"]) + text(f["media_type"])
    if kind == "Metadata":
        return text(f["name"]) + strings(f["metadata"])
    if kind == "MetadataIndex":
        return n(8, "offset", "length") + text(f["name"])
    if kind == "Statistics":
        counts = table(f["channel_message_counts"], lambda k: number(2, k), lambda v: number(8, v))
        head = n(8, "message_count") + n(2, "schema_count")
        head += n(4, "channel_count", "attachment_count", "metadata_count", "chunk_count")
        return head + n(8, "message_start_time", "message_end_time") + counts
    if kind == "ChunkIndex":
        offsets = table(f["message_index_offsets"], lambda k: number(2, k), lambda v: number(8, v))
        head = n(8, "message_start_time", "message_end_time", "chunk_start_offset", "chunk_length")
        head += offsets + n(8, "message_index_length") + text(f["compression"])
        return head + n(8, "compressed_size", "uncompressed_size")
    if kind == "MessageIndex":
        pairs = b"".join(number(8, a) + number(8, b) for a, b in f["records"])
        return n(2, "channel_id") + struct.pack("<I", len(pairs)) + pairs
    if kind == "SummaryOffset":
        return n(1, "group_opcode") + n(8, "group_start", "group_length")
    if kind == "DataEnd":
        return n(4, "data_section_crc")
    raise Unknown(f"no record {kind}")


def rebuild(case):
    """The bytes of the file that `case` (its JSON) describes."""
    features = case["meta"]["variant"]["features"]
    pad = "pad" in features
    chunked = "ch" in features
    records = [(r["type"], dict(r["fields"])) for r in case["records"]]

    def record(kind, content, padded=pad):
        content += PADDING if padded and kind not in NEVER_PADDED else b""
        return number(1, OPCODES[kind]) + number(8, len(content)) + content

    out, chunk, times, indexes = bytearray(MAGIC), bytearray(), [], {}
    open_chunk = chunked
    for kind, fields in records:
        if kind == "Chunk":
            raise Unknown("a chunk that is listed as such")
        if open_chunk and kind in ("Schema", "Channel", "Message"):
            if kind == "Message":
                times.append(int(fields["log_time"]))
                indexes.setdefault(fields["channel_id"], []).append((times[-1], len(chunk)))
            chunk += record(kind, body(kind, fields), False)
            continue
        if open_chunk and kind not in ("Header", "Attachment", "Metadata"):
            start, end = (min(times), max(times)) if times else (0, 0)
            head = number(8, start) + number(8, end) + number(8, len(chunk)) + number(4, zlib.crc32(chunk))
            out += record("Chunk", head + text("") + number(8, len(chunk)) + bytes(chunk))
            # The JSON leaves out what lies between the chunk and the end of the data.
            for channel, places in indexes.items() if "mx" in features else ():
                out += record("MessageIndex", body("MessageIndex", {"channel_id": channel, "records": places}))
            open_chunk = False
        out += record(kind, body(kind, fields))
    return bytes(out + MAGIC)


def bytes_of(path, case):
    raw = path.read_bytes()
    if raw.startswith(MAGIC):
        return raw
    pointer = dict(line.split(" ", 1) for line in raw.decode().splitlines())
    made = rebuild(case)
    if len(made) != int(pointer["size"]) or hashlib.sha256(made).hexdigest() != pointer["oid"].split(":")[1]:
        raise Unknown(f"a Git LFS pointer, and the file made from the JSON is another ({len(made)}, {pointer['size']})")
    return made


def expected(case):
    """What our reader has to say of the file."""
    schemas, channels, messages, metadata, attachments = {}, {}, [], [], []
    profile = library = ""
    for record in case["records"]:
        kind, f = record["type"], dict(record["fields"])
        if kind == "Header":
            profile, library = f["profile"], f["library"]
        elif kind == "Schema":
            schemas[f["id"]] = f
        elif kind == "Channel":
            channels[f["id"]] = f
        elif kind == "Message":
            messages.append((channels[f["channel_id"]]["topic"], int(f["sequence"]), int(f["log_time"]),
                             int(f["publish_time"]), bytes(int(v) for v in f["data"])))
        elif kind == "Metadata":
            metadata.append({"name": f["name"], "entries": f["metadata"]})
        elif kind == "Attachment":
            attachments.append((f["name"], f["media_type"], int(f["log_time"]), int(f["create_time"]), len(f["data"])))
    none = {"name": "", "encoding": "", "data": []}
    seen = []
    for f in channels.values():
        schema = schemas.get(f["schema_id"], none)
        definition = bytes(int(v) for v in schema["data"]).decode()
        seen.append((f["topic"], schema["name"], definition, schema["encoding"], f["message_encoding"], f["metadata"],
                     sum(1 for m in messages if m[0] == f["topic"])))
    return (profile, library), seen, messages, metadata, attachments


def found(path):
    ours = common.run(common.dump_path(), path).stdout.splitlines()
    head, items = json.loads(ours[0]), [json.loads(line) for line in ours[1:]]
    complaints = head["damage"] + head["warnings"] + [i["error"] for i in items if "error" in i]
    channels = [(c["topic"], c["type"], c["definition"], c["schema_encoding"], c["message_encoding"], c["metadata"],
                 c["messages"]) for c in head["channels"]]
    messages = [(channels[i["channel"]][0], i["sequence"], i["log_time"], i["publish_time"], bytes.fromhex(i["data"]))
                for i in items if "data" in i]
    attachments = [(a["name"], a["media_type"], a["log_time"], a["create_time"], a["size"])
                   for a in head["attachments"]]
    made_by = (head["profile"], head["library"])
    return (made_by, channels, messages, head["metadata"], attachments), complaints, head["recovered"]


def run(folder):
    """(cases, passed, what is wrong with the others)."""
    cases, wrong = sorted(pathlib.Path(folder).rglob("*.json")), []
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "case.mcap"
        for path in cases:
            case = json.loads(path.read_text())
            try:
                copy.write_bytes(bytes_of(path.with_suffix(".mcap"), case))
            except (Unknown, OSError) as reason:
                wrong.append(f"{path.stem}: {reason}")
                continue
            seen, complaints, recovered = found(copy)
            if seen != expected(case):
                wrong.append(f"{path.stem}: {seen} is not {expected(case)}")
            elif complaints or recovered:
                wrong.append(f"{path.stem}: {complaints}")
    return len(cases), len(cases) - len(wrong), wrong


if __name__ == "__main__":
    total, passed, problems = run(sys.argv[1])
    print("\n".join(problems[:20]))
    print(f"{passed} of {total} conformance cases")
    sys.exit(0 if total and passed == total else 1)
