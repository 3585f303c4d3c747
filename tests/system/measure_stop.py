"""Kills or freezes nodes of a driving suite and measures, from outside, when the robot is told to stop.

As a program (`make stop-times`): python measure_stop.py [--repetitions N] [--out runs/stop_times]
"""

import argparse
import csv
import dataclasses
import math
import pathlib
import signal
import statistics
import tempfile
import time

from harness import NODES, ROOT, Suite, wait_for
from outsider import Outsider

FAULTS = [
    (node, number)
    for node in ("planner", "assurance", "world_model")
    for number in (signal.SIGKILL, signal.SIGSTOP)
]
# The robot goes at least this fast when a fault strikes.
SPEED_MPS = 0.45
# Below this the robot truly stands.
STANDS_MPS = 0.01
# The node stays away, and the robot has to stay stopped, for so long after the stop.
AWAY_S = 1.2
# A command may exceed the one before by this and still count as part of the descent.
TOLERANCE_MPS = 1e-6


@dataclasses.dataclass
class Stop:
    """One fault and what came of it."""

    fault: str
    repetition: int
    speed_mps: float
    # As received outside, and by the stamp of the message: the first has the delays of Python in it.
    first_slower_ms: float
    stamped_ms: float
    standstill_ms: float
    distance_m: float
    # Where the descent to standstill began.
    descent_from_mps: float
    # Speeds from the fault to the standstill.
    speeds: list
    # Commands other than zero while the node was away and the robot stood.
    moved_again: list
    reason: str


def name_of(fault):
    node, number = fault
    return f"{node} {'killed' if number == signal.SIGKILL else 'frozen'}"


def measure(suite, outsider, fault, repetition=1):
    """Lets one fault strike a driving robot. A frozen node goes on afterwards, a killed one stays away."""
    node, number = fault
    outsider.drive(SPEED_MPS)
    truth = outsider.truth
    struck_at, struck_stamp = suite.signal(node, number), time.time()
    try:
        def standstill():
            return next((c for c in outsider.commands_since(struck_at) if c[1] == 0.0 and c[2] == 0.0), None)

        stopped = wait_for(standstill, 20.0, f"a stop after {name_of(fault)}; last speed {outsider.speed()}")
        reason = outsider.gate.reason
        wait_for(lambda: abs(outsider.truth.v) < STANDS_MPS, 20.0, "the robot stands")
        here = outsider.truth
        moved_again = outsider.stays_stopped(AWAY_S)
    finally:
        if number == signal.SIGSTOP:
            suite.signal(node, signal.SIGCONT)
    until_stop = [c for c in outsider.commands_since(struck_at) if c[0] <= stopped[0]]
    descent = descent_of(until_stop)
    return Stop(
        fault=name_of(fault),
        repetition=repetition,
        speed_mps=truth.v,
        first_slower_ms=1e3 * (descent[0][0] - struck_at),
        stamped_ms=1e3 * (descent[0][3] - struck_stamp),
        standstill_ms=1e3 * (stopped[0] - struck_at),
        distance_m=math.hypot(here.x - truth.x, here.y - truth.y),
        descent_from_mps=descent[0][1],
        speeds=[c[1] for c in until_stop],
        moved_again=moved_again,
        reason=reason,
    )


def descent_of(commands):
    """The last unbroken descent that ends in the standstill, from its first slower command on."""
    first = len(commands) - 1
    while first > 0 and commands[first - 1][1] + TOLERANCE_MPS >= commands[first][1]:
        first -= 1
    # Steady commands before the descent are no part of it.
    while first + 1 < len(commands) and commands[first + 1][1] >= commands[first][1] - TOLERANCE_MPS:
        first += 1
    return commands[min(first + 1, len(commands) - 1):]


def drive_and_measure(folder, fault, repetition=1):
    """A drive for one fault alone: what DDS makes of a participant that died in the same domain is not measured here."""
    with Suite(folder, record=False) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from(NODES)
        return measure(suite, outsider, fault, repetition)


def write(stops, stem):
    """A table for programs and one for people: `<stem>.csv`, `<stem>.md`."""
    stem = pathlib.Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    with open(stem.with_suffix(".csv"), "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["fault", "repetition", "speed_mps", "first_slower_ms", "stamped_ms", "standstill_ms", "distance_m", "reason"])
        for s in stops:
            times = (f"{ms:.1f}" for ms in (s.first_slower_ms, s.stamped_ms, s.standstill_ms))
            rows.writerow([s.fault, s.repetition, f"{s.speed_mps:.3f}", *times, f"{s.distance_m:.3f}", s.reason])
    lines = [
        "# From a fault to the stop",
        "",
        "Times from the moment the signal is sent, at an outside rclpy subscriber of `/cmd_vel`: when it received the first"
        " slower command, how the gate stamped that command, and when it received the first zero. Median (greatest) of the"
        " repetitions.",
        "",
        "| fault | n | speed m/s | first slower command ms | by its stamp ms | zero ms | distance m | the gate's reason |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fault in dict.fromkeys(s.fault for s in stops):
        chosen = [s for s in stops if s.fault == fault]

        def both(key, digits):
            values = [getattr(s, key) for s in chosen]
            return f"{statistics.median(values):.{digits}f} ({max(values):.{digits}f})"

        reasons = ", ".join(dict.fromkeys(s.reason for s in chosen))
        lines.append(
            f"| {fault} | {len(chosen)} | {both('speed_mps', 2)} | {both('first_slower_ms', 0)} |"
            f" {both('stamped_ms', 0)} | {both('standstill_ms', 0)} | {both('distance_m', 2)} | {reasons} |"
        )
    text = "\n".join(lines) + "\n"
    stem.with_suffix(".md").write_text(text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", default=ROOT / "runs/stop_times", help="written with .csv and .md")
    arguments = parser.parse_args()
    stops = []
    with tempfile.TemporaryDirectory(prefix="outrider-stop-times-") as folder:
        for repetition in range(1, arguments.repetitions + 1):
            for fault in FAULTS:
                place = pathlib.Path(folder) / f"{repetition} {name_of(fault)}"
                stop = drive_and_measure(place, fault, repetition)
                stops.append(stop)
                print(
                    f"{repetition}  {stop.fault:<20} {stop.speed_mps:.2f} m/s   first slower {stop.first_slower_ms:6.0f} ms"
                    f" (stamped {stop.stamped_ms:.0f})   zero {stop.standstill_ms:6.0f} ms   {stop.distance_m:.2f} m   {stop.reason}",
                    flush=True,
                )
    print("\n" + write(stops, arguments.out))


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
