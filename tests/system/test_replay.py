"""Every decision of a live run over DDS, all processes, can be run again from its bag: five runs, one of them under load."""

import json
import subprocess
import sys
import time

import pytest
from harness import NODES, ROOT, Suite, bin_dir
from outsider import Outsider

# So long is driven in each run: short, for there are five of them.
DRIVE_S = 2.0
RUNS = 5
# Which of the runs shares the processors with programs that do nothing but compute, at the priority of everybody.
LOADED = 3
HOG = "while True: pass"


def replay(bag, *arguments):
    """Exit code and report of a replay."""
    command = [bin_dir() / "outrider", "replay", bag, "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stderr


def drive_and_record(folder, hogs):
    """A short drive; returns the bag when the recorder has ended."""
    loads = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(hogs)]
    try:
        with Suite(folder) as suite, Outsider(suite.domain, light=True) as outsider:
            outsider.hear_from([*NODES, "recorder"])
            outsider.press_e_stop(False)
            outsider.drive(above_mps=0.1)
            time.sleep(DRIVE_S)
            assert suite.died() == {}
        return suite.bag
    finally:
        for load in loads:
            load.kill()
            load.wait()


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    """One bag a run."""
    return [drive_and_record(tmp_path_factory.mktemp("run"), 2 if run == LOADED else 0) for run in range(RUNS)]


@pytest.mark.parametrize("run", range(RUNS))
def test_every_decision_of_a_live_run_is_identical(bags, run):
    code, report = replay(bags[run])
    assert code == 0, report
    assert report["decisions"] == report["identical"] > 500, report
    assert sorted(r["node"] for r in report["runs"]) == sorted(NODES)
    # Steps of the last second may lack a message that the recorder did not get any more when everything was shut down.
    assert [r["stopped"] for r in report["runs"]] == [""] * len(NODES), report
    assert all(r["at_end"] or r["not_run"] == 0 for r in report["runs"]), report


def test_another_configuration_is_a_difference_that_is_told(bags, tmp_path):
    text = (ROOT / "config/robot.yaml").read_text()
    other = tmp_path / "robot.yaml"
    other.write_text(text.replace("accel_mps2: 1.0", "accel_mps2: 0.5"))
    assert other.read_text() != text
    code, report = replay(bags[0], "--node", "gate", "--resource", f"robot={other}")
    assert code == 1, report
    effect = report["runs"][0]["effect"]
    assert 0 < effect["different"] < effect["steps"]
    assert effect["first"]["outputs"], effect
    speeds = [f for t in effect["topics"] if t["topic"] == "/cmd_vel" for f in t["fields"] if f["path"] == "twist.linear.x"]
    assert speeds[0]["steps"] > 0 and speeds[0]["first"]["recorded"] != speeds[0]["first"]["other"]


def test_a_bag_that_was_tampered_with_is_not_confirmed(bags, tmp_path):
    """The replay can fail: bits flipped all over the file are seen."""
    copy = tmp_path / "bag"
    copy.mkdir()
    source = next(bags[0].glob("*.mcap"))
    data = bytearray(source.read_bytes())
    for at in range(len(data) // 20, len(data), len(data) // 20):
        data[at] ^= 0x10
    (copy / source.name).write_bytes(data)
    code, report = replay(copy)
    assert code != 0, report
