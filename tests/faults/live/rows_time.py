"""Clocks that jump, stand, or run backwards."""

import mmap
import pathlib
import struct
import subprocess
import time

from harness import NODES
from rogue import HELD, Relay, held
from rosgraph_msgs.msg import Clock
from rclpy.serialization import deserialize_message, serialize_message
from rows_wire import rogue_of
from trial import MAY_STOP, STOPS, NotHere, Row
from witness import seconds

GROUP = "time"
HOUR_S = 3600.0
REWOUND_S = 10
SHIM = pathlib.Path(__file__).with_name("clock_shim.c")
# Of a message that a node has just stamped.
FRESH_S = 5.0
# /clock comes every 5 ms; a relay in Python need not pass on all.
EVERY = 4


class WallClock:
    """The wall clock of the suite's processes, and of nobody else's: moved by a library that is preloaded."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.library = folder / "clock_offset", folder / "clock_shim.so"
        self.file.write_bytes(struct.pack("<q", 0))
        compiler = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SHIM), "-ldl"]
        try:
            done = subprocess.run(compiler, capture_output=True, text=True)
        except FileNotFoundError:
            raise NotHere("the shim of the wall clock needs a C compiler, cc") from None
        if done.returncode != 0:
            raise NotHere(f"the shim of the wall clock cannot be compiled: {done.stderr.strip().splitlines()[-1]}")
        self.check()

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "OUTRIDER_CLOCK_OFFSET": str(self.file)}

    def check(self):
        """The shim refuses where it cannot work; better here than in every node."""
        done = subprocess.run(["true"], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotHere(done.stderr.strip() or f"the shim of the wall clock ends programs with {done.returncode}")

    def set(self, offset_s):
        with open(self.file, "r+b") as file, mmap.mmap(file.fileno(), 8) as page:
            page[:8] = struct.pack("<q", round(1e9 * offset_s))


def wall_clock_suite(trial):
    """The simulator stands for the robot, whose drivers have a clock of their own."""
    trial.wall = WallClock(trial.folder)
    return {"environments": {node: trial.wall.environment for node in (*NODES, "recorder") if node != "sim"}}


def one_wall_clock(trial):
    trial.wall = WallClock(trial.folder)
    return {"environment": trial.wall.environment}


def jump(offset_s, suite=wall_clock_suite):
    def strike(trial):
        trial.wall.set(offset_s)
        time.sleep(0.05)
        told = seconds(trial.witness.gate.header.stamp) - time.time()
        if abs(told - offset_s) > FRESH_S:
            raise NotHere(f"the preloaded clock does not reach the gate: its stamps are {told:.0f} s off, not {offset_s:.0f} s")

    return {"suite": suite, "strike": strike, "lift": lambda trial: trial.wall.set(0.0)}


def simulated_time(trial):
    """The suite on /clock, which the simulator sends and a relay passes on."""
    config = trial.changed_config({"sim.yaml": ("publish_clock: false", "publish_clock: true")})
    on_clock = {node: ["-p", "use_sim_time:=true"] for node in NODES if node != "sim"}
    return {"config": config, "arguments": on_clock | {"sim": held("/clock")}}


def relay_clock(trial):
    trial.relay = Relay(rogue_of(trial), Clock, f"/clock{HELD}", "/clock", every=EVERY)


def pause(trial):
    trial.relay.edit = lambda data: []


def rewind(trial):
    def edit(data):
        message = deserialize_message(data, Clock)
        message.clock.sec -= REWOUND_S
        return [(0.0, serialize_message(message))]

    trial.relay.edit = edit


def on_time_again(trial):
    trial.relay.edit = None


CLOCK = {"suite": simulated_time, "prepare": relay_clock, "lift": on_time_again, "coarse_stamps": True}

ROWS = [
    Row(
        "wall_clock_ahead", GROUP, STOPS, "The wall clock of every node jumps an hour ahead, and back later; the robot's does not",
        reason="assurance: ", **jump(HOUR_S),
    ),
    Row(
        "wall_clock_back", GROUP, STOPS, "The wall clock of every node jumps back by an hour, and ahead later; the robot's does not",
        reason="assurance: ", **jump(-HOUR_S),
    ),
    Row(
        "wall_clock_ahead_everywhere", GROUP, MAY_STOP, "One wall clock for robot and nodes jumps an hour ahead, and back later",
        note="what was known is old for a moment; then it drives on by what comes", **jump(HOUR_S, one_wall_clock),
    ),
    Row(
        "wall_clock_back_everywhere", GROUP, MAY_STOP, "One wall clock for robot and nodes jumps back by an hour, and ahead later",
        note="what was known is of the future for a moment; then it drives on by what comes", **jump(-HOUR_S, one_wall_clock),
    ),
    Row(
        "clock_paused", GROUP, STOPS, "/clock stands while everything else goes on",
        strike=pause, reason="assurance: ", **CLOCK,
    ),
    Row(
        "clock_rewound", GROUP, STOPS, f"/clock jumps back by {REWOUND_S} s and runs on from there",
        strike=rewind, reason="assurance: ", **CLOCK,
    ),
]
