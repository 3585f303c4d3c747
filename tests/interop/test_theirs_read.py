"""Bags written by programs nobody here wrote, read by our reader: the same topics, times and bytes, or a hint."""

import itertools
import shutil

import common
import pytest
from mcap.writer import CompressionType, IndexType, Writer as McapWriter
from mcap_ros2.writer import Writer as Ros2Writer
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

MESSAGES = 300
STORE = get_typestore(Stores.ROS2_JAZZY)


def sample():
    """(topic, type, time, message) of a string and a scan."""
    string, scan = STORE.types["std_msgs/msg/String"], STORE.types["sensor_msgs/msg/LaserScan"]
    header, stamp = STORE.types["std_msgs/msg/Header"], STORE.types["builtin_interfaces/msg/Time"]
    numpy = pytest.importorskip("numpy")
    for i in range(MESSAGES):
        time = 1_700_000_000_000_000_000 + i * 10_000_000
        if i % 3:
            yield "/text", string.__msgtype__, time, string(data=f"message {i} " * (i % 9))
        else:
            head = header(stamp=stamp(sec=i, nanosec=i), frame_id="laser")
            ranges = (numpy.arange(180, dtype=numpy.float32) * i) % 12
            none = numpy.zeros(0, dtype=numpy.float32)
            limits = dict(angle_min=0.0, angle_max=3.1, angle_increment=0.017, time_increment=0.0, scan_time=0.1)
            full = scan(header=head, range_min=0.1, range_max=12.0, ranges=ranges, intensities=none, **limits)
            yield "/scan", scan.__msgtype__, time, full


def raw_sample():
    return [(topic, kind, time, bytes(STORE.serialize_cdr(message, kind))) for topic, kind, time, message in sample()]


def same(bag, expected, damage=()):
    ours = common.Ours(bag)
    assert ours.errors == []
    assert ours.head["damage"] == list(damage)
    assert ours.messages == expected
    counts = {c["topic"]: c["messages"] for c in ours.head["channels"]}
    assert counts == {t: sum(1 for m in expected if m[0] == t) for t in counts}
    assert {c["foreign"] for c in ours.head["channels"]} == {None}
    return ours


def plain(messages):
    return [(topic, time, raw) for topic, _, time, raw in messages]


CRCS = {"none": False, "all": True}


@pytest.mark.parametrize("compression", list(CompressionType))
@pytest.mark.parametrize("crcs", CRCS)
@pytest.mark.parametrize("layout", ["chunks", "one_chunk", "plain", "no_index", "no_summary"])
def test_mcap_writer(tmp_path, compression, crcs, layout):
    if layout == "plain" and compression != CompressionType.NONE:
        pytest.skip("only chunks are compressed")
    options = {"compression": compression, "enable_crcs": CRCS[crcs]}
    options |= {
        "chunks": {"chunk_size": 4096}, "one_chunk": {"chunk_size": 1 << 24}, "plain": {"use_chunking": False},
        "no_index": {"chunk_size": 4096, "index_types": IndexType.NONE},
        "no_summary": {"chunk_size": 4096, "index_types": IndexType.NONE, "use_statistics": False,
                       "use_summary_offsets": False, "repeat_channels": False, "repeat_schemas": False},
    }[layout]
    path, messages = tmp_path / "bag.mcap", raw_sample()
    with open(path, "wb") as file:
        writer = McapWriter(file, **options)
        writer.start(profile="ros2", library="someone else")
        ids = {}
        for i, (topic, kind, time, raw) in enumerate(messages):
            if topic not in ids:
                text, _ = STORE.generate_msgdef(kind, ros_version=2)
                schema = writer.register_schema(kind, "ros2msg", text.encode())
                ids[topic] = writer.register_channel(topic, "cdr", schema, {"offered_qos_profiles": ""})
            writer.add_message(ids[topic], log_time=time, data=raw, publish_time=time, sequence=i)
        writer.add_metadata("robot", {"name": "r1"})
        writer.add_attachment(1, 2, "map.txt", "text/plain", b"a map")
        writer.finish()
    ours = same(path, plain(messages))
    assert ours.head["recovered"] is False
    assert (ours.head["profile"], ours.head["library"].split()[-1]) == ("ros2", "else")
    assert ours.head["metadata"] == [{"name": "robot", "entries": {"name": "r1"}}]
    assert [(a["name"], a["media_type"], a["size"]) for a in ours.head["attachments"]] == [("map.txt", "text/plain", 5)]


def test_mcap_ros2_writer(tmp_path):
    path = tmp_path / "bag.mcap"
    with open(path, "wb") as file:
        writer = Ros2Writer(file)
        schemas = {}
        for i, (topic, kind, time, message) in enumerate(sample()):
            if kind not in schemas:
                schemas[kind] = writer.register_msgdef(kind, STORE.generate_msgdef(kind, ros_version=2)[0])
            writer.write_message(topic, schemas[kind], as_dict(message), log_time=time, publish_time=time, sequence=i)
        writer.finish()
    expected = common.by_mcap(path, seeking=False)
    assert len(expected) == MESSAGES
    same(path, expected)


def as_dict(message):
    if hasattr(message, "__dataclass_fields__"):
        return {k: as_dict(getattr(message, k)) for k in message.__dataclass_fields__ if k != "__msgtype__"}
    return message.tolist() if hasattr(message, "tolist") else message


def write_rosbags(folder, mode=CompressionMode.NONE, storage=StoragePlugin.MCAP, version=9):
    writer = Writer(folder, version=version, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    messages = raw_sample()
    with writer:
        connections = {}
        for topic, kind, time, raw in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], time, raw)
    return messages


@pytest.mark.parametrize("mode", list(CompressionMode))
@pytest.mark.parametrize("version", [8, 9])
def test_rosbags_writer(tmp_path, mode, version):
    folder = tmp_path / "bag"
    messages = write_rosbags(folder, mode, version=version)
    ours = same(folder, plain(messages))
    assert ours.complaints == []
    file = next(f for f in folder.iterdir() if f.name != "metadata.yaml")
    assert file.name.endswith(".mcap.zstd" if mode == CompressionMode.FILE else ".mcap")
    same(file, plain(messages))


IDL = "module somebody_msgs { module msg { struct Name { string data; }; }; };"


def test_definitions_in_idl_stay_with_the_messages(tmp_path):
    """A type that no typestore knows: what our programs write from such a bag is decoded again by rosbags."""
    folder, kind = tmp_path / "bag", "somebody_msgs/msg/Name"
    definition = f"{'=' * 80}\nIDL: {kind}\n{IDL}\n"
    string = STORE.types["std_msgs/msg/String"]
    expected = [("/name", 10 + i, bytes(STORE.serialize_cdr(string(f"n{i}"), string.__msgtype__))) for i in range(9)]
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/name", kind, msgdef=definition, rihs01="RIHS01_" + "0" * 64)
        for _, time, raw in expected:
            writer.write(connection, time, raw)
    assert same(folder, expected).complaints == []
    for command in (["recover"], ["cut", "--from", "0"]):
        new = tmp_path / command[0]
        common.run(common.bin_dir() / "outrider", "bag", command[0], folder, new, *command[1:])
        assert same(new, expected).head["channels"][0]["schema_encoding"] == "ros2idl"
        assert common.by_rosbags(new) == expected
    done = common.run(common.bin_dir() / "outrider", "bag", "verify", folder)
    assert "/name: defined in IDL, its messages are not looked into" in done.stdout


def test_a_compressed_file_that_is_cut_is_read_as_far_as_it_goes(tmp_path):
    folder = tmp_path / "bag"
    messages = plain(write_rosbags(folder, CompressionMode.FILE))
    file = next(folder.glob("*.zstd"))
    # Small messages compress into one block; without its end there is nothing.
    raw = file.read_bytes()
    file.write_bytes(raw[: len(raw) - 200])
    done = common.run(common.dump_path(), file, check=False)
    if done.returncode == 0:
        ours = common.Ours(file)
        assert ours.messages == messages[: len(ours.messages)]
        assert any("zstd: " in text for text in ours.complaints), ours.complaints
    else:
        assert "bytes are too short for an MCAP file" in done.stderr


def test_metadata_that_says_otherwise_is_told(tmp_path):
    folder = tmp_path / "bag"
    messages = plain(write_rosbags(folder))
    yaml = folder / "metadata.yaml"
    text = yaml.read_text()
    yaml.write_text(text.replace("/scan", "/other").replace(f"message_count: {MESSAGES}", "message_count: 7"))
    damage = (
        "it tells 7 messages, the files have 300",
        "it tells 100 messages of /other, which is not in the files",
        "it tells no message of /scan, the files have 100",
    )
    same(folder, messages, [f"{yaml}: {text}" for text in damage])
    yaml.unlink()
    (complaint,) = same(folder, messages).complaints
    assert complaint.endswith("metadata.yaml: not there; the files are read without it")
    yaml.write_text("rosbag2_bagfile_information: [")
    (complaint,) = same(folder, messages).complaints
    assert complaint.startswith("metadata.yaml cannot be read, the files are: ")


def test_both_a_file_and_its_compressed_twin_are_read_once(tmp_path):
    plain_folder, packed_folder = tmp_path / "plain", tmp_path / "packed"
    messages = plain(write_rosbags(plain_folder))
    write_rosbags(packed_folder, CompressionMode.FILE)
    shutil.copy(plain_folder / "plain.mcap", packed_folder / "packed.mcap")
    (complaint,) = same(packed_folder, messages).complaints
    assert "packed.mcap.zstd: not read" in complaint


@pytest.mark.parametrize("mode", [CompressionMode.NONE, CompressionMode.FILE])
def test_sqlite3_is_refused_with_a_command_that_works(tmp_path, mode):
    folder = tmp_path / "old"
    messages = write_rosbags(folder, mode, StoragePlugin.SQLITE3)
    done = common.run(common.dump_path(), folder, check=False)
    assert done.returncode == 1
    assert f"a sqlite3 bag, only MCAP is read; convert it: `rosbags-convert --src {folder} " in done.stderr
    check_hint(done.stderr, tmp_path, plain(messages))
    file = next(f for f in folder.iterdir() if f.suffix == ".db3" or f.name.endswith(".db3.zstd"))
    if mode == CompressionMode.NONE:
        assert "a sqlite3 bag" in common.run(common.dump_path(), file, check=False).stderr


def test_ros1_is_refused_with_a_command_that_works(tmp_path):
    path = tmp_path / "old.bag"
    store = get_typestore(Stores.ROS1_NOETIC)
    message = store.types["std_msgs/msg/String"](data="hello")
    with Ros1Writer(path) as writer:
        connection = writer.add_connection("/text", message.__msgtype__, typestore=store)
        for i in range(5):
            writer.write(connection, 1_000_000_000 + i, store.serialize_ros1(message, message.__msgtype__))
    done = common.run(common.dump_path(), path, check=False)
    assert done.returncode == 1
    assert f"a ROS 1 bag, only MCAP is read; convert it: `rosbags-convert --src {path} " in done.stderr
    hint = done.stderr.split("`")[1].replace("NEW", str(tmp_path / "new")).split()
    common.run(*hint)
    assert [m[:2] for m in common.Ours(tmp_path / "new").messages] == [("/text", 1_000_000_000 + i) for i in range(5)]


def check_hint(text, tmp_path, expected):
    common.run(*text.split("`")[1].replace("NEW", str(tmp_path / "new")).split())
    same(tmp_path / "new", expected)


def test_a_foreign_encoding_is_named(tmp_path):
    path = tmp_path / "bag.mcap"
    with open(path, "wb") as file:
        writer = McapWriter(file)
        writer.start()
        schema = writer.register_schema("foxglove.Log", "protobuf", b"\x0a\x00")
        for topic, encoding in [("/log", "protobuf"), ("/json", "json")]:
            channel = writer.register_channel(topic, encoding, schema)
            writer.add_message(channel, log_time=1, data=b"{}", publish_time=1)
        other = writer.register_schema("a/msg/B", "jsonschema", b"{}")
        writer.add_message(writer.register_channel("/b", "cdr", other), log_time=1, data=b"\0\1\0\0", publish_time=1)
        writer.finish()
    ours = common.Ours(path)
    assert [c["foreign"] for c in ours.head["channels"]] == [
        "/log: messages are encoded as `protobuf`, only cdr is understood",
        "/json: messages are encoded as `json`, only cdr is understood",
        "/b: the schema is written as `jsonschema`, which ROS 2 does not know",
    ]
    assert len(ours.messages) == 3


def test_there_are_enough_cases():
    layouts = list(itertools.product(CompressionType, CRCS, range(5)))
    assert len(layouts) == 30
