"""Plays a bag at full speed into an rclpy program that takes every topic, and measures how long it took until all was
acknowledged.

As a program: python measure_player.py BAG [--repetitions N] [--full-speed-hz HZ]
"""

import argparse
import pathlib
import tempfile
import time

from test_player import SHARED, Bag, Stage, Viewer


def measure(bag, folder, full_speed_hz):
    """Seconds from the call to the player's end, and what it said last; raises if a message did not arrive."""
    parameters = {"start_paused": True, "rate": 0.0, "full_speed_hz": full_speed_hz}
    with Stage(folder, bag.folder, **parameters) as stage, Viewer(stage.domain, bag, depth=100_000) as viewer:
        stage.play()
        viewer.matched()
        began = time.monotonic()
        viewer.call("resume")
        log = stage.ends(limit_s=600.0)
        lasted = time.monotonic() - began
        viewer.holds(bag.by_topic(lambda topic, _: topic != SHARED), "everything, in order")
        return lasted, log.strip().splitlines()[-1].partition("player: ")[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag", type=pathlib.Path)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--full-speed-hz", type=float, default=1e6)
    arguments = parser.parse_args()
    bag = Bag(arguments.bag)
    for _ in range(arguments.repetitions):
        with tempfile.TemporaryDirectory(prefix="outrider-player-") as folder:
            lasted, said = measure(bag, pathlib.Path(folder), arguments.full_speed_hz)
        print(f"{len(bag.messages) / lasted:.0f} messages/s over {len(bag.types)} topics in {lasted:.2f} s: {said}")


if __name__ == "__main__":
    main()
