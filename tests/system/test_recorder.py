"""The recorder alone: unknown types, chosen topics, splits, snapshots, pauses, a stop, a kill, and no loss at a rate."""

import collections
import os
import signal
import subprocess
import threading
import time

import pytest
import rclpy
from harness import ROOT, Suite, bin_dir, mark_of, wait_for
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, make_reader
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbag2_interfaces.srv import IsPaused, Pause, Resume, Snapshot, SplitBagfile
from rosbags.highlevel import AnyReader
from std_msgs.msg import Int32, String
from trajectory_msgs.msg import JointTrajectory

CONFIG = (ROOT / "config/recorder.yaml").read_text()
MANY = bin_dir() / "examples/many_topics"


class Recorder(Suite):
    """The recorder as a process, and a publisher beside it."""

    def __init__(self, folder, **changes):
        config = folder / "config"
        config.mkdir(parents=True)
        text = CONFIG
        for old, new in changes.items():
            key = f"{old}:"
            line = next(line for line in text.splitlines() if line.strip().startswith(key))
            text = text.replace(line, f"{line[:line.index(key)]}{key} {new}", 1)
        (config / "recorder.yaml").write_text(text)
        super().__init__(folder, config=config)

    def __enter__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        self.node = rclpy.create_node("publisher", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.spinner = threading.Thread(target=self.executor.spin)
        self.spinner.start()
        self.publishers = {}
        self.start("recorder")
        return self

    def __exit__(self, *details):
        self.end()
        self.executor.shutdown()
        self.context.try_shutdown()
        self.spinner.join()

    def advertise(self, topic, kind, *, heard=True, latched=False):
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        publisher = self.node.create_publisher(kind, topic, QoSProfile(depth=100, durability=durability))
        self.publishers[topic] = publisher
        if heard:
            wait_for(publisher.get_subscription_count, 20, f"nobody records {topic}: {self.log('recorder')}")
            time.sleep(0.3)

    def count(self, topic, numbers):
        for number in numbers:
            self.publishers[topic].publish(Int32(data=number))
            time.sleep(0.01)

    def call(self, kind, name, **fields):
        client = self.node.create_client(kind, f"/recorder/{name}")
        assert client.wait_for_service(20), self.log("recorder")
        future = client.call_async(kind.Request(**fields))
        wait_for(future.done, 20, f"{name} is not answered")
        return future.result()

    def stop(self):
        """How long it took, and the exit code."""
        began = time.monotonic()
        self.signal("recorder", signal.SIGTERM)
        code = self.processes["recorder"].wait(20)
        return time.monotonic() - began, code

    @property
    def files(self):
        return sorted(self.bag.glob("*.mcap"), key=lambda path: int(path.stem.rsplit("_", 1)[1]))


def numbers(path, topic, *, killed=False):
    """Of Int32 messages in a file, by a foreign reader; `killed`: the file has no end."""
    found = []
    with open(path, "rb") as stream:
        try:
            for _, _, message in NonSeekingReader(stream).iter_messages(topics=[topic], log_time_order=False):
                found.append(int.from_bytes(message.data[4:8], "little", signed=True))
        except EndOfFile:
            assert killed
        else:
            assert not killed
    return found


def metadata(path):
    with open(path, "rb") as stream:
        return {record.name: record.metadata for record in make_reader(stream).iter_metadata()}


def test_a_type_that_it_was_not_built_with_is_recorded_with_its_definition(tmp_path):
    with Recorder(tmp_path / "run") as run:
        run.advertise("/joints", JointTrajectory)
        run.publishers["/joints"].publish(JointTrajectory(joint_names=["elbow"]))
        time.sleep(0.5)
        seconds, code = run.stop()
        assert code == 0 and seconds < 5, run.log("recorder")
    with AnyReader([run.bag]) as reader:
        (connection,) = [c for c in reader.connections if c.topic == "/joints"]
        assert connection.msgtype == "trajectory_msgs/msg/JointTrajectory"
        assert connection.digest.startswith("RIHS01_")
        messages = [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages([connection])]
    assert [m.joint_names for m in messages] == [["elbow"]]
    (summary, first) = [metadata(run.files[0])[name] for name in ("outrider.summary", "outrider")]
    assert summary["lost/joints"] == "0" and "+" in first["build"]


def test_topics_are_chosen(tmp_path):
    with Recorder(tmp_path / "run", include="['/a.*', /b]", exclude="[/ab]") as run:
        for topic in ("/ab", "/b2", "/x"):
            run.advertise(topic, Int32, heard=False)
        for topic in ("/aa", "/b"):
            run.advertise(topic, Int32)
        for topic in run.publishers:
            run.count(topic, [7])
        time.sleep(0.5)
        run.stop()
    with AnyReader([run.bag]) as reader:
        assert {c.topic: c.msgcount for c in reader.connections if c.msgcount} == {"/aa": 1, "/b": 1}
        assert not [c.topic for c in reader.connections if c.topic not in ("/aa", "/b") and c.topic[:2] != "/a"]


def test_every_file_of_a_split_bag_has_what_is_latched(tmp_path):
    with Recorder(tmp_path / "run") as run:
        run.advertise("/fixed", String, latched=True)
        run.publishers["/fixed"].publish(String(data="a map"))
        run.advertise("/n", Int32)
        run.count("/n", range(0, 20))
        run.call(SplitBagfile, "split_bagfile")
        run.count("/n", range(20, 40))
        time.sleep(0.5)
        run.stop()
    assert [numbers(path, "/n") for path in run.files] == [list(range(20)), list(range(20, 40))]
    with AnyReader([run.bag]) as reader:
        (fixed,) = [c for c in reader.connections if c.topic == "/fixed"]
        assert [reader.deserialize(d, c.msgtype).data for c, _, d in reader.messages([fixed])] == ["a map"] * 2
        assert sum(c.msgcount for c in reader.connections if c.topic == "/n") == 40


def test_nothing_is_recorded_while_paused(tmp_path):
    with Recorder(tmp_path / "run") as run:
        run.advertise("/n", Int32)
        run.count("/n", range(0, 5))
        time.sleep(0.3)
        run.call(Pause, "pause")
        assert run.call(IsPaused, "is_paused").paused
        run.count("/n", range(5, 10))
        time.sleep(0.3)
        run.call(Resume, "resume")
        run.count("/n", range(10, 15))
        time.sleep(0.3)
        assert not run.call(Snapshot, "snapshot").success
        run.stop()
    assert numbers(run.files[0], "/n") == [*range(5), *range(10, 15)]


def test_a_snapshot_on_a_call_and_on_an_event(tmp_path):
    snapshot = "{seconds: 60, mib: 16, on_topics: [/stopped], after_s: 0.5}"
    with Recorder(tmp_path / "run", include="[/n, /stopped]", snapshot=snapshot) as run:
        run.advertise("/n", Int32)
        run.advertise("/stopped", Int32)
        run.count("/n", range(0, 10))
        time.sleep(0.3)
        assert run.files == []
        assert run.call(Snapshot, "snapshot").success
        assert numbers(run.files[0], "/n") == list(range(10))
        run.count("/n", range(10, 20))
        run.count("/stopped", [1])
        run.count("/n", range(20, 25))
        wait_for(lambda: len(run.files) == 2, 20, run.log("recorder"))
        time.sleep(0.5)
        run.count("/n", range(25, 30))
        time.sleep(0.3)
        run.stop()
    assert [numbers(path, "/n") for path in run.files] == [list(range(10)), list(range(10, 25))]
    assert numbers(run.files[1], "/stopped") == [1]


def test_after_a_kill_everything_up_to_the_last_flush_is_there(tmp_path):
    with Recorder(tmp_path / "run", include="[/n]") as run:
        run.advertise("/n", Int32)
        run.count("/n", range(0, 50))
        # A flush is due every 200 ms, and this machine may be busy.
        time.sleep(2.0)
        run.signal("recorder", signal.SIGKILL)
        run.processes["recorder"].wait()
    assert numbers(run.files[0], "/n", killed=True) == list(range(50))
    recovered = tmp_path / "recovered"
    done = subprocess.run([bin_dir() / "outrider", "bag", "recover", run.bag, recovered], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with AnyReader([recovered]) as reader:
        assert [reader.deserialize(d, c.msgtype).data for c, _, d in reader.messages()] == list(range(50))


def test_a_configuration_with_a_mistake_is_refused_with_its_line(tmp_path):
    with Recorder(tmp_path / "run", chunk_kib="3") as run:
        assert run.processes["recorder"].wait(20) != 0
        assert "recorder.yaml" in run.log("recorder") and "chunk_kib" in run.log("recorder")


@pytest.mark.skipif(not MANY.is_file(), reason=f"not built: {MANY} (cargo build --release -p outrider_ros --examples)")
def test_two_thousand_messages_a_second_over_thirty_topics_are_all_there(tmp_path):
    with Recorder(tmp_path / "run") as run:
        environment = {"ROS_DOMAIN_ID": str(run.domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        command = [MANY, "30", "2000", "5"]
        done = subprocess.run(command, env=mark_of(os.getpid()) | environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and int(done.stdout) == 10_000, done.stderr
        run.stop()
    seen = collections.defaultdict(list)
    with open(run.files[0], "rb") as stream:
        for _, channel, message in make_reader(stream).iter_messages():
            if channel.topic.startswith("/many/"):
                seen[channel.topic].append(int.from_bytes(message.data[4:8], "little"))
    expected = {f"/many/t{k}": list(range(1, 334 + (k < 10))) for k in range(30)}
    assert seen == expected
    summary = metadata(run.files[0])["outrider.summary"]
    assert {key: value for key, value in summary.items() if key.startswith("lost/many/") and value != "0"} == {}
