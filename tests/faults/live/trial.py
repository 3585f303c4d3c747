"""One repetition of one row: drive, let the fault strike, watch, lift it, and say what was not as it should be."""

import contextlib
import dataclasses
import math
import re
import shutil
import time
import traceback

import limits
from envelope import longest_silence_s, unpermitted, violations
from harness import NODES, ROOT, Suite, wait_for
from measure_stop import STANDS_MPS, descent_of
from outrider_msgs.msg import GateState, MonitorReading
from witness import FORWARDING, Witness

# The robot goes at least this fast when a fault strikes.
SPEED_MPS = 0.45
# The fault lasts for so long after the stop, and the robot has to stand.
AWAY_S = 1.2
# After the end of a fault that has to be acknowledged, nothing may move for so long.
UNACKNOWLEDGED_S = 2.0
# A stop that takes longer than this is none.
HOPELESS_S = 20.0

# A gate that publishes nothing for longer is worth a note.
SILENCE_S = 0.05

STOPS = "stops"
STOPS_DISARMED = "stops_disarmed"
E_STOP_LATCHED = "e_stop_latched"
RIDES_THROUGH = "rides_through"
MAY_STOP = "may_stop"
REFUSES_TO_ARM = "refuses_to_arm"
REFUSES_TO_START = "refuses_to_start"
# Somebody has to arm before anything moves again.
ACKNOWLEDGED = {STOPS_DISARMED: GateState.DISARMED, E_STOP_LATCHED: GateState.E_STOP}
STOPPING = (STOPS, *ACKNOWLEDGED)


class NotHere(Exception):
    """This machine cannot do it; the text says what is missing."""


@dataclasses.dataclass
class Row:
    """A fault and what should come of it."""

    id: str
    group: str
    expected: str
    about: str
    # Lets the fault strike a driving robot; rows that never drive do all in it.
    strike: object
    # Ends the fault.
    lift: object = None
    # Before the drive: relays and the like.
    prepare: object = None
    # What a reason of the gate, or `assurance: <rule>`, has to match.
    reason: str = ""
    # How much longer than silence it takes to notice.
    detect_s: float = 0.0
    # Arguments of Suite, from the trial.
    suite: object = None
    # After lifting (and arming where that is called for) it drives again.
    drives_again: bool = True
    # How long one that may go on is watched.
    watch_s: float = 3.0
    # Standstill is told by the truth: there is no command, or it is not the gate's alone.
    by_truth: bool = False
    # Forwarded commands are compared with the permits that assurance gave.
    permits: bool = False
    # Runs in network namespaces.
    network: bool = False
    # Stamps do not tell how much time has passed.
    coarse_stamps: bool = False
    note: str = ""


class Trial:
    """What a row has at hand while it runs."""

    def __init__(self, row, folder, *, fault=True):
        self.row, self.folder, self.fault = row, folder, fault
        self.suite = self.witness = None
        self.stack = contextlib.ExitStack()
        self.forged = set()  # bytes of permits that a rogue made
        self.misses, self.notes = [], []
        self.struck_at = self.lifted_at = None
        self.figures = {}

    def miss(self, text):
        self.misses.append(text)

    def expect(self, holds, text):
        if not holds:
            self.miss(text)

    def signal(self, node, number):
        self.suite.signal(node, number)

    def end(self, label):
        """Ends a process in order and waits for it."""
        self.suite.processes[label].terminate()
        self.suite.processes[label].wait(10.0)

    def kill(self, label):
        self.suite.processes[label].kill()
        self.suite.processes[label].wait(10.0)

    def changed_config(self, changes):
        """A copy of the configuration with texts replaced: {file: (old, new)}."""
        copy = self.folder / "config"
        shutil.copytree(ROOT / "config", copy)
        for name, (old, new) in changes.items():
            text = (copy / name).read_text()
            if old not in text:
                raise AssertionError(f"config/{name} has no {old!r} any more")
            (copy / name).write_text(text.replace(old, new, 1))
        return copy

    def struck_now(self):
        """Times are reckoned from here; a strike that takes some preparing says so itself."""
        self.struck_at = time.monotonic()

    def refuses_to_arm(self, reason, seconds=4.0):
        """The gate refuses for so long, somebody says why, and nothing moves."""
        self.witness.hear_from([n for n in self.suite.processes if n != "recorder"])
        self.witness.send_goal()
        self.struck_now()
        said = []
        while time.monotonic() - self.struck_at < seconds:
            success, text = self.witness.call("/gate/arm")
            said.append(text)
            if success:
                self.miss("armed")
                break
            time.sleep(0.3)
        monitors = [f"assurance: {m.name}" for m in self.witness.assurance.monitors if m.verdict != MonitorReading.OK]
        health = [f"{name}: {s.message}" for name, s in self.witness.health.items() if s.level != b"\x00"]
        heard = list(dict.fromkeys(said + self.witness.reasons(self.struck_at) + health + monitors))
        self.figures |= {"reason": heard, "restarts": 0}
        self.expect(any(re.search(reason, r) for r in heard), f"nobody says why: no reason like {reason!r}")
        moved = [c for c in self.witness.commanded(self.struck_at) if c.v or c.w]
        self.expect(not moved, "moved")
        self._judge_whole_drive(0)

    def operate(self, limit_s=45.0):
        """As an operator: reset where an emergency stop is latched, then arm."""
        said = []

        def armed():
            if self.witness.gate.mode == GateState.E_STOP:
                said.append(self.witness.call("/gate/reset")[1])
            success, text = self.witness.call("/gate/arm")
            said.append(text)
            if not success:
                time.sleep(0.2)
            return success

        wait_for(armed, limit_s, lambda: f"the gate is armed; it said {list(dict.fromkeys(said))[-3:]}")

    def drive(self, limit_s=60.0):
        self.witness.drive(SPEED_MPS, limit_s)

    # --- the course of a repetition ---

    def run(self):
        """Everything; gives the figures as a dictionary."""
        try:
            with self.stack:
                try:
                    if self.row.expected in (REFUSES_TO_ARM, REFUSES_TO_START):
                        self.row.strike(self)
                    else:
                        self._course()
                except Exception:
                    if self.witness:
                        print(self.witness.readings())
                    raise
        except NotHere as reason:
            return {"not_run": str(reason)}
        except Exception as error:  # whatever ends a repetition is a miss with its text
            traceback.print_exc()
            self.miss(f"{type(error).__name__}: {error}")
        return self.figures | {"misses": self.misses, "notes": self.notes}

    def begin(self, **changed):
        """Starts suite and witness."""
        arguments = (self.row.suite(self) if self.row.suite else {}) | changed
        self.suite = self.stack.enter_context(Suite(self.folder, **({"record": False} | arguments)))
        self.witness = self.stack.enter_context(Witness(self.suite.domain, permits=self.row.permits))

    def _course(self):
        self.begin()
        if self.row.prepare:
            self.row.prepare(self)
        self.witness.hear_from(NODES)
        self.drive()
        before = self.witness.truth.collisions
        self.struck_now()
        if self.fault:
            self.row.strike(self)
        try:
            if self.row.expected in STOPPING:
                self._stop()
            else:
                self._go_on()
        finally:
            self.lifted_at = time.monotonic()
            if self.fault and self.row.lift:
                self.row.lift(self)
        self._afterwards()
        self._judge_whole_drive(before)

    def _standstill(self):
        """Waits for the first zero command, or the true standstill; its time."""
        at = self.struck_at

        def since():
            # The planner may stand by itself before an emergency stop comes to the gate.
            if self.row.expected != E_STOP_LATCHED:
                return at
            states = list(self.witness.states)
            return next((r for r, s in states if r >= at and s.mode == GateState.E_STOP), math.inf)

        def commanded_zero():
            return next((c.received for c in self.witness.commanded(since()) if c.v == 0.0 and c.w == 0.0), None)

        def stands():
            slow = (r for r, t in list(self.witness.truths) if r >= since() and abs(t.v) < STANDS_MPS)
            return next(slow, None)

        what = lambda: f"a stop after {self.row.id}; {self.witness.situation()}"
        stopped = wait_for(stands if self.row.by_truth else commanded_zero, HOPELESS_S, what)
        stood = stopped if self.row.by_truth else wait_for(stands, HOPELESS_S, "the robot stands")
        return stopped, stood

    def _stop(self):
        """One that has to stop: waits for it, then nothing may move as long as the fault lasts."""
        stopped, stood = self._standstill()
        mode = ACKNOWLEDGED.get(self.row.expected)
        if mode is not None:
            what = lambda: f"the gate's mode {mode}; {self.witness.situation()}"
            wait_for(lambda: self.witness.gate.mode == mode, HOPELESS_S, what)
        # The gate's last word may be under way still.
        since = max(time.monotonic(), stood)
        time.sleep(AWAY_S)
        self._count_motion(since)
        self._measure(stopped, stood)

    def _measure(self, stopped, stood):
        """Times and distance from the fault, against their bounds."""
        truth = next(t for r, t in self.witness.truths if r >= self.struck_at)
        # One that brakes already when it is next heard of was as fast as it had to be.
        speed = max(abs(truth.v), SPEED_MPS)
        commands = [(c.received, c.v, c.w, c.stamp) for c in self.witness.commanded(self.struck_at)]
        descent = descent_of([c for c in commands if c[0] <= stopped] or [(stopped, 0.0, 0.0, 0.0)])
        bound_s = limits.stop_s(speed, self.row.detect_s)
        if self.row.by_truth:
            bound_s += limits.ROBOT["actuator_delay_s"] + limits.TRUTH_S
        self.figures |= {
            "speed_mps": speed,
            "reaction_ms": 1e3 * (descent[0][0] - self.struck_at),
            "stop_ms": 1e3 * (stopped - self.struck_at),
            "distance_m": self.witness.travelled(self.struck_at, stood),
            "bound_s": bound_s,
            "bound_m": limits.stop_m(speed, self.row.detect_s),
        }
        self.expect(self.figures["stop_ms"] <= 1e3 * self.figures["bound_s"], "later than the bound")
        self.expect(self.figures["distance_m"] <= self.figures["bound_m"], "farther than the bound")

    def _count_motion(self, since):
        moved = [c for c in self.witness.commanded(since) if c.v or c.w]
        self.figures["restarts"] = self.figures.get("restarts", 0) + bool(moved)
        if moved:
            self.miss(f"moved again by itself: {moved[0].v:.3f} m/s after {moved[0].received - self.struck_at:.2f} s")

    def _go_on(self):
        """One that rides through, or may stop: watched, and no motion is a wrong one while it is permitted."""
        time.sleep(self.row.watch_s)
        commands = self.witness.commanded(self.struck_at)
        self.expect(commands, "the gate published nothing at all")
        self.figures |= {"speed_mps": max((abs(c.v) for c in commands), default=0.0), "restarts": 0}
        stopped = self.witness.stopped(self.struck_at)
        zero = next((c for c in commands if stopped and c.received >= stopped and c.v == 0.0 and c.w == 0.0), None)
        self.notes.append("stopped" if zero else "slowed down" if stopped else "drove on")
        if zero:
            self.figures["stop_ms"] = 1e3 * (zero.received - self.struck_at)
            self.figures["distance_m"] = self.witness.travelled(self.struck_at, zero.received)
        silence_s = longest_silence_s(commands)
        if silence_s > SILENCE_S:
            self.notes.append(f"the gate published nothing for {1e3 * silence_s:.0f} ms")
        if self.row.expected == RIDES_THROUGH:
            self.expect(not stopped, "the gate stopped forwarding")

    def _afterwards(self):
        """After the fault: what has to be acknowledged stays stopped until it is; then the robot drives."""
        self.figures["reason"] = self.witness.reasons(self.struck_at)
        if self.row.expected in ACKNOWLEDGED:
            since = time.monotonic()
            time.sleep(UNACKNOWLEDGED_S)
            self._count_motion(since)
            self.expect(self.witness.gate.mode in (GateState.DISARMED, GateState.E_STOP), "armed by itself")
        if self.row.reason:
            seen = any(re.search(self.row.reason, r) for r in self.figures["reason"])
            self.expect(seen, f"no reason like {self.row.reason!r}")
        if not self.row.drives_again or not self.fault:
            return
        disarmed = self.witness.gate.mode in (GateState.DISARMED, GateState.E_STOP)
        if disarmed:
            self.operate()
        self.drive()
        if self.row.expected == STOPS:
            self.notes.append("goes on after it is armed" if disarmed else "goes on when the fault is over: it stayed armed")

    def _judge_whole_drive(self, collisions_before):
        w = self.witness
        # A witness that was flooded hears of collisions later; without hearing there is no verdict.
        wait_for(lambda: w.since(w.truths, self.lifted_at or self.struck_at), 20.0, "the simulator says where the robot is")
        found = violations(w.commanded(0.0), coarse_stamps=self.row.coarse_stamps)
        if self.row.permits:
            states = [
                (s.mode == FORWARDING, s.command_source, s.command_sequence, s.v)
                for received, s in list(w.states)
                if self.struck_at <= received <= self.lifted_at
            ]
            found += unpermitted(states, *w.genuine(self.forged))
        truths = w.since(w.truths, self.struck_at)
        self.figures |= {
            "violations": found,
            "collisions": w.truth.collisions - collisions_before,
            "least_clearance_m": min(t.clearance for t in truths),
        }
        self.expect(not found, f"{len(found)} velocities outside the envelope: {'; '.join(found[:3])}")
        self.expect(self.figures["collisions"] == 0, "collision")
