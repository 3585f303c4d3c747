"""What a rogue does on the wire: publishers beside the suite's, and a relay in the middle of a topic."""

import collections
import threading
import time

import rclpy
from builtin_interfaces.msg import Time
from harness import wait_for
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

RELIABLE = QoSProfile(depth=50)
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
HELD = "_held"


def stamp_now():
    return Time(sec=int(time.time()), nanosec=time.time_ns() % 1_000_000_000)


def held(topic):
    """Arguments that make a node publish to where a relay takes it up."""
    return ["-r", f"{topic}:={topic}{HELD}"]


class Rogue:
    """A participant of its own, with a thread; a context. Ends whatever it began."""

    def __init__(self, domain):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("rogue", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._spin, name="rogue")]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def _spin(self):
        while not self.over.is_set():
            self.executor.spin_once(timeout_sec=0.05)

    def hear(self, kind, topic, qos=BEST_EFFORT):
        """The next message of a topic."""
        heard = []
        subscription = self.node.create_subscription(kind, topic, heard.append, qos)
        wait_for(lambda: heard, 10.0, f"something on {topic}")
        self.node.destroy_subscription(subscription)
        return heard[0]

    def say(self, kind, topic, make, rate_hz, qos=RELIABLE):
        """Publishes what `make` gives at a rate, until the event that is returned is set or the rogue ends."""
        publisher = self.node.create_publisher(kind, topic, qos)
        enough = threading.Event()

        def speak():
            due = time.monotonic()
            while not (enough.is_set() or self.over.is_set()):
                publisher.publish(make())
                due = max(due + 1.0 / rate_hz, time.monotonic() - 0.1)
                enough.wait(max(0.0, due - time.monotonic()))
            self.node.destroy_publisher(publisher)

        thread = threading.Thread(target=speak, name=topic)
        self.threads.append(thread)
        thread.start()
        return enough

    def answer(self, kind, topic, edit):
        """To every message on a topic that is not its own publishes what `edit` makes of its bytes, on the same topic."""
        publisher = self.node.create_publisher(kind, topic, RELIABLE)
        answers = Answers()

        def on(data):
            if answers.own[data] > 0:
                answers.own[data] -= 1
            elif answers.on:
                answers.heard.add(data)
                for forged in edit(data):
                    answers.own[forged] += 1
                    answers.count += 1
                    publisher.publish(forged)

        self.node.create_subscription(kind, topic, on, RELIABLE, raw=True)
        return answers


class Answers:
    """What a rogue that answers has done so far, and whether it goes on."""

    def __init__(self):
        self.on, self.count = True, 0
        self.own = collections.Counter()  # sent, and not come back yet
        self.heard = set()  # what others sent


class Relay:
    """The man in the middle: hears one topic and passes it on to another; `edit` gives [(delay s, bytes)]."""

    def __init__(self, rogue, kind, source, sink, *, qos=RELIABLE, every=1):
        self.edit = None
        self.count, self.every = 0, every
        self.rogue = rogue
        self.publisher = rogue.node.create_publisher(kind, sink, qos)
        # Every publisher of the suite offers reliable, and so do those here but one.
        rogue.node.create_subscription(kind, source, self._on, RELIABLE, raw=True)

    def _on(self, data):
        self.count += 1
        if self.count % self.every:
            return
        edit = self.edit
        for delay_s, passed in edit(data) if edit else [(0.0, data)]:
            if delay_s <= 0.0:
                self.publisher.publish(passed)
            else:
                timer = threading.Timer(delay_s, self._late, [passed])
                timer.daemon = True
                timer.start()

    def _late(self, data):
        if not self.rogue.over.is_set():
            self.publisher.publish(data)
