"""Fixtures of the system tests. Without ROS or without the programs everything is skipped, and says why."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

import harness  # noqa: E402  (the path comes first)

# A demo that takes longer than this hangs.
DEMO_LIMIT_S = 240.0


def pytest_ignore_collect(collection_path):
    """Modules import rclpy at their top; where it is missing they cannot even be collected."""
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_") and harness.why_not():
        return collection_path.name != "test_available.py"
    return None


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory):
    """One whole demo, run to its end: (completed process, folder of its runs)."""
    runs = tmp_path_factory.mktemp("demo")
    command = [harness.bin_dir() / "demo", "--runs", runs]
    done = subprocess.run(command, cwd=harness.ROOT, capture_output=True, text=True, timeout=DEMO_LIMIT_S)
    return done, runs
