"""The demo reaches its goal, leaves what it promises, and never leaves a process behind, however it ends."""

import json
import signal
import subprocess
import time

import pytest
from harness import NODES, ROOT, bin_dir, started_by, wait_for


def test_the_goal_is_reached(finished_demo):
    done, _ = finished_demo
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goal reached" in done.stdout


def test_it_leaves_bag_report_and_summary(finished_demo):
    _, runs = finished_demo
    latest = runs / "latest"
    assert latest.is_symlink() and latest.resolve().parent == runs.resolve()
    assert (latest / "bag/metadata.yaml").is_file()
    page = (latest / "report.html").read_text()
    assert "<svg" in page and "http-equiv=\"refresh\"" not in page
    for foreign in ("src=\"http", "href=\"http", "@import", "url(http"):
        assert foreign not in page, f"the page is not self-contained: {foreign}"
    summary = json.loads((latest / "summary.json").read_text())
    assert summary["goal"]["reached"] and summary["collisions"] == 0
    assert summary["driven_m"] > 10.0
    used = {n["node"]: n for n in json.loads((latest / "processes.json").read_text())["nodes"]}
    assert set(used) == {*NODES, "recorder"}
    assert all(n["cpu_s"] > 0.0 and n["rss_mb"] > 1.0 for n in used.values())


def test_no_process_of_the_finished_demo_is_left(finished_demo):
    _, runs = finished_demo
    used = json.loads((runs / "latest/processes.json").read_text())["nodes"]
    for node in used:
        assert not is_node(node["pid"], node["node"]), f"{node['node']} is still there"


def is_node(pid, name):
    """The process is there and is still that program; process ids are used again."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[0].endswith(f"/{name}".encode())
    except OSError:
        return False


@pytest.fixture
def demo(tmp_path):
    """A demo with all its nodes started: (process, process ids of the nodes)."""
    process = subprocess.Popen(
        [bin_dir() / "demo", "--runs", tmp_path, "--no-report"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(lambda: len(started_by(process.pid)) == len(NODES) + 1, 60.0, "all nodes are started")
        yield process, started_by(process.pid)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        wait_for(lambda: not started_by(process.pid), 30.0, lambda: f"ended: {started_by(process.pid)}")


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_everything(demo, number, code):
    process, _ = demo
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code, out
    assert started_by(process.pid) == [], out


def test_the_kernel_ends_the_nodes_when_the_demo_is_killed(demo):
    process, nodes = demo
    process.kill()
    process.wait()
    wait_for(lambda: not started_by(process.pid), 30.0, lambda: f"ended: {started_by(process.pid)} of {nodes}")


def test_the_death_of_a_node_ends_everything_and_is_told(demo):
    process, nodes = demo
    planner = next(pid for pid in nodes if is_node(pid, "planner"))
    # It may not be the demo's turn to look yet, and the node may not be past its start.
    time.sleep(0.5)
    subprocess.run(["kill", "-9", str(planner)], check=True)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1, out
    assert "planner ended by signal 9" in out
    assert started_by(process.pid) == [], out
