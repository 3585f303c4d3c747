"""The player as a process, seen by an rclpy program: its services, its clock, no message lost at full speed."""

import copy
import importlib
import re
import signal
import subprocess
import time
from collections import Counter, defaultdict

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from harness import SCENARIO, Suite, bin_dir, wait_for
from listener import Listener
from mcap.reader import make_reader
from mcap.writer import Writer
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbag2_interfaces.srv import (
    Burst, GetRate, IsPaused, Pause, PlayNext, Resume, Seek, SetRate, Stop, TogglePaused,
)
from rosgraph_msgs.msg import Clock

SECOND = 1_000_000_000
SERVICES = {
    "burst": Burst, "get_rate": GetRate, "is_paused": IsPaused, "pause": Pause, "play_next": PlayNext, "resume": Resume,
    "seek": Seek, "set_rate": SetRate, "stop": Stop, "toggle_paused": TogglePaused,
}
# Others than the player publish there too, and so does the player for itself.
SHARED = "/diagnostics"


class Bag:
    """What is in a folder's files: (topic, log time, bytes), in the order of log time."""

    def __init__(self, folder):
        self.folder = folder
        self.messages, self.types, self.latched, self.states = [], {}, set(), set()
        for file in sorted(folder.glob("*.mcap")):
            with open(file, "rb") as stream:
                for schema, channel, message in make_reader(stream).iter_messages():
                    self.messages.append((channel.topic, message.log_time, message.data))
                    self.types[channel.topic] = schema.name
                    qos = channel.metadata.get("offered_qos_profiles", "")
                    if "durability: transient_local" in qos:
                        self.latched.add(channel.topic)
                        # Journals are kept only so that a recorder that comes late gets all of them.
                        if "depth: 1000" not in qos:
                            self.states.add(channel.topic)
        self.messages.sort(key=lambda m: m[1])
        self.first, self.last = self.messages[0][1], self.messages[-1][1]

    def of(self, chosen):
        """The same with the topics that are chosen alone; its bounds stay."""
        found = copy.copy(self)
        found.types = {topic: kind for topic, kind in self.types.items() if chosen(topic)}
        found.messages = [message for message in self.messages if chosen(message[0])]
        return found

    def by_topic(self, chosen=lambda topic, at: True):
        found = defaultdict(list)
        for topic, at, data in self.messages:
            if chosen(topic, at):
                found[topic].append(data)
        return dict(found)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Of three seconds in the simulator, every topic of the suite."""
    folder = tmp_path_factory.mktemp("simulated")
    text, edits = re.subn(r"time_limit_s: [\d.]+", "time_limit_s: 3.0", SCENARIO.read_text())
    assert edits == 1
    scenario = folder / "short.yaml"
    scenario.write_text(text)
    config = SCENARIO.parents[2] / "config"
    command = [bin_dir() / "outrider", "sim", scenario, "--config", config, "--bag", folder / "bag"]
    done = subprocess.run(command, capture_output=True, text=True)
    # The goal is not reached in three seconds, and the exit code says so.
    found = Bag(folder / "bag")
    assert len(found.messages) > 1000, done.stdout + done.stderr
    return found


class Viewer(Listener):
    """Listens to every topic of a bag, once and in bytes, and calls the player's services. A context."""

    def __init__(self, domain, bag, depth=2000, reliability=ReliabilityPolicy.RELIABLE):
        super().__init__("viewer", domain)
        self.bag = bag
        self.received = defaultdict(list)
        self.clocks = []
        self.reports = 0
        self.status = {}
        self.subscriptions = {}
        for topic, kind in bag.types.items():
            if topic == SHARED:
                continue
            durability = DurabilityPolicy.TRANSIENT_LOCAL if topic in bag.latched else DurabilityPolicy.VOLATILE
            qos = QoSProfile(depth=depth, durability=durability, reliability=reliability)
            self.subscriptions[topic] = self.node.create_subscription(
                message_class(kind), topic, lambda data, topic=topic: self._take(topic, data), qos, raw=True
            )
        self.node.create_subscription(Clock, "/clock", self._on_clock, QoSProfile(depth=100))
        self.node.create_subscription(DiagnosticArray, SHARED, self._on_health, QoSProfile(depth=100))
        self.clients = {name: self.node.create_client(kind, f"/player/{name}") for name, kind in SERVICES.items()}

    def _take(self, topic, data):
        with self.lock:
            self.received[topic].append(bytes(data))

    def _on_clock(self, message):
        self.clocks.append(message.clock.sec * SECOND + message.clock.nanosec)

    def _on_health(self, message):
        for status in message.status:
            if status.name == "outrider: player":
                self.status = {value.key: value.value for value in status.values} | {"message": status.message}
                self.reports += 1

    def number(self, key):
        """Of what the player said last on /diagnostics."""
        return int(self.status.get(key, -1))

    def call(self, name, limit_s=30.0, **fields):
        client = self.clients[name]
        wait_for(client.service_is_ready, 30.0, f"/player/{name} is there")
        future = client.call_async(SERVICES[name].Request(**fields))
        wait_for(future.done, limit_s, f"/player/{name} answers")
        return future.result()

    def seek(self, time_ns):
        request = Seek.Request()
        request.time.sec, request.time.nanosec = divmod(time_ns, SECOND)
        return self.call("seek", time=request.time).success

    def matched(self, *, subscribers=1):
        """Waits until the player's publishers, and as many subscribers of each, know of each other."""
        alone = lambda: [t for t, s in self.subscriptions.items() if s.get_publisher_count() < 1]
        wanted = subscribers * len(self.bag.types)
        wait_for(
            lambda: not alone() and self.number("subscribers") >= wanted, 40.0,
            lambda: f"no publisher: {alone()}; the player has {self.number('subscribers')} subscribers of {wanted}",
        )

    def settled(self):
        """What was received, once everything that the paused player had sent is here; `bag` is what it plays."""
        before = self.reports
        all_here = lambda: self.number("sent") == self.number("acknowledged") == self.count()
        wait_for(
            lambda: self.reports > before + 1 and self.status["message"] == "paused" and all_here(), 30.0,
            lambda: f"all is here: {self.status}, {self.count()} received",
        )
        return self.snapshot()

    def snapshot(self):
        with self.lock:
            return {topic: list(found) for topic, found in self.received.items()}

    def count(self):
        return sum(map(len, self.snapshot().values()))

    def holds(self, expected, what):
        """Waits until exactly this was received, and nothing more comes."""
        wait_for(lambda: self.snapshot() == expected, 20.0, lambda: f"{what}: {difference(self.snapshot(), expected)}")
        time.sleep(0.1)
        assert self.snapshot() == expected, what

    def clock_is(self, time_ns):
        seen = lambda: self.clocks[-1] if self.clocks else None
        wait_for(lambda: seen() == time_ns, 10.0, lambda: f"/clock is {time_ns}, it is {seen()}")


def message_class(kind):
    package, folder, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.{folder}"), name)


def difference(found, expected):
    """Topics whose numbers differ, or else whose contents do: found and expected."""
    topics = sorted(found.keys() | expected.keys())
    counts = {t: (len(found.get(t, [])), len(expected.get(t, []))) for t in topics}
    return {t: c for t, c in counts.items() if c[0] != c[1]} or [t for t in topics if found.get(t) != expected.get(t)]


def grouped(messages):
    found = defaultdict(list)
    for topic, _, data in messages:
        if topic != SHARED:
            found[topic].append(data)
    return dict(found)


class Stage(Suite):
    """A player on a domain of its own, at times with a recorder. A context, as the suite is."""

    def __init__(self, folder, bag_folder, **parameters):
        super().__init__(folder, record=False)
        self.played = {"bag": bag_folder, **parameters}

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def play(self):
        self.start("player", **self.played)
        return self.processes["player"]

    def ends(self, code=0, limit_s=60.0):
        player = self.processes["player"]
        wait_for(lambda: player.poll() is not None, limit_s, lambda: f"the end: {self.log('player')}")
        assert player.returncode == code, self.log("player")
        return self.log("player")


def test_the_services_steer_it(bag, tmp_path):
    bag = bag.of(lambda topic: topic != SHARED)
    with Stage(tmp_path, bag.folder, start_paused=True, exclude=SHARED) as stage, Viewer(stage.domain, bag) as viewer:
        stage.play()
        viewer.matched()
        assert viewer.call("is_paused").paused
        viewer.clock_is(bag.first)
        viewer.holds({}, "paused, nothing is published")

        assert viewer.call("play_next").success
        viewer.holds(grouped(bag.messages[:1]), "one step is one message")
        assert viewer.call("burst", num_messages=20).actually_burst == 20
        viewer.holds(grouped(bag.messages[:21]), "a burst of 20")
        viewer.clock_is(bag.messages[20][1])

        # Between two messages: the next is the first after it, the clock is where it was sent.
        target = bag.first + 3 * SECOND // 2 + 1
        rest = [m for m in bag.messages if m[1] >= target]
        before = viewer.snapshot()
        assert viewer.seek(target)
        viewer.clock_is(target)
        states = {t: data for t, at, data in bag.messages if at < target and t in bag.states}
        assert {"/map", "/tf_static", "/planner/info"} <= states.keys()
        expected = {t: before.get(t, []) + ([states[t]] if t in states else []) for t in before.keys() | states.keys()}
        viewer.holds(expected, "latched topics are told again")
        assert viewer.call("play_next").success
        topic, _, data = rest[0]
        expected[topic] = expected.get(topic, []) + [data]
        viewer.holds(expected, "the first message at or after the time")

        assert not viewer.seek(bag.first - 1) and not viewer.seek(bag.last + 1)
        viewer.holds(expected, "a refused seek changes nothing")

        assert viewer.call("set_rate", rate=2.0).success and viewer.call("get_rate").rate == 2.0
        assert not viewer.call("set_rate", rate=0.0).success and not viewer.call("set_rate", rate=1e6).success
        assert viewer.call("get_rate").rate == 2.0
        assert viewer.call("set_rate", rate=0.05).success
        stood = viewer.clocks[-1]
        viewer.call("resume")
        had = sum(map(len, expected.values()))
        wait_for(lambda: viewer.clocks[-1] > stood and viewer.count() > had, 20.0, "it goes on")
        assert not viewer.call("play_next").success, "only a paused player steps"
        assert viewer.call("burst", num_messages=3).actually_burst == 0
        viewer.call("toggle_paused")
        assert viewer.call("is_paused").paused
        viewer.settled()
        at, count = viewer.clocks[-1], viewer.count()
        viewer.settled()
        assert (viewer.clocks[-1], viewer.count()) == (at, count), "paused, the clock and the topics stand still"
        assert viewer.clocks[-1] >= stood

        # All the rest at once, in order; then there is nothing to step to.
        assert viewer.seek(target)
        before = viewer.settled()
        assert viewer.call("burst", num_messages=0, limit_s=60.0).actually_burst == len(rest)
        expected = {t: before.get(t, []) + grouped(rest).get(t, []) for t in before.keys() | grouped(rest).keys()}
        viewer.holds(expected, "a burst of all that is left")
        assert not viewer.call("play_next").success
        viewer.call("stop")
        assert "messages played" in stage.ends()


def test_at_full_speed_nobody_loses_a_message(bag, tmp_path):
    """Neither an rclpy program nor the recorder, which takes some topics as best effort; in order, topic by topic."""
    with Stage(tmp_path, bag.folder, start_paused=True, rate=0.0) as stage, Viewer(stage.domain, bag) as viewer:
        stage.start("recorder")
        expected = play_all(bag, stage, viewer, subscribers=2)
        stage.end()
        again = Bag(stage.bag).by_topic(lambda topic, _: topic in expected)
        assert again == expected, difference(again, expected)


def test_where_only_acknowledgements_bound_the_speed_nobody_loses_a_message(bag, tmp_path):
    """Two rclpy programs at a rate that neither can take."""
    parameters = {"start_paused": True, "rate": 0.0, "full_speed_hz": 1e6}
    with Stage(tmp_path, bag.folder, **parameters) as stage, Viewer(stage.domain, bag) as viewer:
        with Viewer(stage.domain, bag) as other:
            expected = play_all(bag, stage, viewer, subscribers=2)
            other.holds(expected, "everything, in order, for the other too")


def play_all(bag, stage, viewer, *, subscribers):
    """Plays a bag to its end; the messages by topic, which the viewer has got."""
    stage.play()
    viewer.matched(subscribers=subscribers)
    viewer.call("resume")
    log = stage.ends(limit_s=120.0)
    expected = bag.by_topic(lambda topic, _: topic != SHARED)
    viewer.holds(expected, "everything, in order")
    count = len(bag.messages)
    assert f"{count} messages played, {count} acknowledged, 0 not;" in log, log
    return expected


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_at_full_speed_the_rate_is_bounded(bag, tmp_path, reliability):
    """Also for those who acknowledge nothing; and only what was chosen is played."""
    bag, rate = bag.of(lambda topic: topic == "/odom"), 200
    parameters = {"start_paused": True, "rate": 0.0, "topics": "/odom", "full_speed_hz": float(rate)}
    with Stage(tmp_path, bag.folder, **parameters) as stage, Viewer(stage.domain, bag, 2000, reliability) as viewer:
        stage.play()
        viewer.matched()
        began = time.monotonic()
        viewer.call("resume")
        log = stage.ends()
        lasted = time.monotonic() - began
        viewer.holds({"/odom": bag.by_topic()["/odom"]}, "only what was chosen")
        # Never above the rate, however fast the machine; one message is free.
        assert lasted > (len(bag.messages) - 1) / rate - 0.01
        deaf = "1 subscriptions are best effort: what they lost is not known"
        assert (deaf in log) == (reliability == ReliabilityPolicy.BEST_EFFORT), log


def test_what_a_consumer_that_hangs_does_not_acknowledge_is_counted(bag, tmp_path):
    chosen = bag.of(lambda topic: topic == "/cmd_vel")
    with Stage(tmp_path, bag.folder, start_paused=True, rate=0.0, topics="/cmd_vel") as stage:
        with Viewer(stage.domain, chosen) as viewer:
            stage.start("recorder")
            stage.play()
            viewer.matched(subscribers=2)
            stage.signal("recorder", signal.SIGSTOP)
            viewer.call("resume")
            log = stage.ends()
            viewer.holds({"/cmd_vel": chosen.by_topic()["/cmd_vel"]}, "the others get everything")
        lost = len(chosen.messages)
        assert f"{lost} messages played, 0 acknowledged, {lost} not;" in log, log
        assert "/cmd_vel: a subscriber did not acknowledge within" in log, log
        assert f"/cmd_vel: {lost} messages were not acknowledged" in log, log


def test_a_stretch_without_some_topics(bag, tmp_path):
    parameters = {"start_offset": 1.0, "duration": 0.5, "exclude": "/scan,/imu", "rate": 0.0, "start_paused": True}
    chosen = bag.of(lambda topic: topic not in ("/scan", "/imu"))
    with Stage(tmp_path, bag.folder, **parameters) as stage, Viewer(stage.domain, chosen) as viewer:
        stage.play()
        viewer.matched()
        start = bag.first + SECOND
        states = {t: data for t, at, data in bag.messages if at < start and t in bag.states & chosen.types.keys()}
        assert "/map" in states
        before = {t: [data] for t, data in states.items()}
        viewer.holds(before, "latched before the stretch")
        viewer.call("resume")
        stage.ends()
        stretch = chosen.by_topic(lambda t, at: start <= at <= start + SECOND // 2 and t != SHARED)
        expected = {t: before.get(t, []) + stretch.get(t, []) for t in before.keys() | stretch.keys()}
        viewer.holds(expected, "the stretch and no more")


@pytest.mark.parametrize("parameters, words", [
    ({"bag": "/nowhere/at/all"}, ["/nowhere/at/all"]),
    ({"rate": -1.0}, ["`rate`", "-1", "[0.01, 100]"]),
    ({"clock_hz": 1e6}, ["`clock_hz`", "[0.1, 1000]"]),
    ({"full_speed_hz": 0.5}, ["`full_speed_hz`", "[1, 1000000]"]),
    ({"start_offset": 1000.0}, ["`start_offset`", "1000", "[0, 3"]),
    ({"topics": "/scan,/nothing"}, ["`topics`", "/nothing"]),
    ({"exclude": "/nothing"}, ["`exclude`", "/nothing"]),
    ({"start_paused": "perhaps"}, ["`start_paused`", "true or false"]),
    ({"speed": 2.0}, ["`speed`", "start_paused"]),
])
def test_what_it_cannot_do_is_refused_by_name(bag, tmp_path, parameters, words):
    with Stage(tmp_path, bag.folder) as stage:
        stage.played |= parameters
        stage.play()
        log = stage.ends(code=1)
        assert [w for w in words if w not in log] == [], log


@pytest.mark.parametrize("kind, type_hash, words", [
    ("std_msgs/msg/String", "RIHS01_" + 64 * "0", ["another definition", "RIHS01_0000"]),
    ("nowhere_msgs/msg/Nothing", "", ["nowhere_msgs", "source its workspace"]),
])
def test_what_would_be_misread_is_not_played(tmp_path, kind, type_hash, words):
    """Each beside a topic that is played."""
    path = tmp_path / "made.mcap"
    with open(path, "wb") as stream:
        writer = Writer(stream)
        writer.start(profile="ros2")
        for topic, type_name, digest in (("/good", "std_msgs/msg/String", ""), ("/bad", kind, type_hash)):
            schema = writer.register_schema(type_name, "ros2msg", b"string data")
            channel = writer.register_channel(topic, "cdr", schema, {"topic_type_hash": digest})
            writer.add_message(channel, SECOND, b"\x00\x01\x00\x00\x02\x00\x00\x00a\x00", SECOND)
        writer.finish()
    with Stage(tmp_path, path, rate=0.0) as stage:
        stage.play()
        log = stage.ends()
        assert "/bad" in log and [w for w in words if w not in log] == [], log
        assert "player: 1 messages played" in log, log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(bag, tmp_path, number):
    with Stage(tmp_path, bag.folder, rate=0.01) as stage, Viewer(stage.domain, bag) as viewer:
        stage.play()
        wait_for(lambda: len(viewer.clocks) > 1 and viewer.count() > 0, 40.0, "it plays")
        stage.signal("player", number)
        assert "messages played" in stage.ends(limit_s=10.0)
