"""A program that knows nothing but topics and services operates the suite. The tests go on from one another."""

import math

import pytest
from harness import NODES, ROOT, Suite, wait_for
from outrider_msgs.msg import GateState, MonitorReading
from outsider import Outsider


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    with Suite(tmp_path_factory.mktemp("suite")) as suite:
        yield suite
        assert suite.died() == {}, "a node ended by itself"


@pytest.fixture(scope="module")
def outsider(suite):
    with Outsider(suite.domain) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        yield outsider


def test_every_node_reports_its_health(outsider):
    for node in (*NODES, "recorder"):
        status = outsider.health[node]
        assert status.values, f"{node} tells nothing"
        assert status.level in (b"\x00", b"\x01"), f"{node}: {status.message}"


def test_a_goal_moves_nothing_until_the_gate_is_armed(outsider):
    outsider.send_goal()
    assert outsider.stays_stopped(1.0) == []
    assert outsider.gate.mode == GateState.DISARMED
    assert outsider.gate.reason


def test_the_gate_is_armed_and_the_robot_drives(outsider):
    outsider.arm()
    start = outsider.truth
    outsider.drive(above_mps=0.3)
    wait_for(lambda: abs(outsider.truth.x - start.x) + abs(outsider.truth.y - start.y) > 0.3, 20.0, "it moves in truth")
    assert outsider.gate.mode == GateState.FORWARDING
    assert outsider.gate.command_sequence > 0 and outsider.gate.permit_sequence > 0


def test_only_the_gate_publishes_the_robots_command(outsider):
    publishers = outsider.node.get_publishers_info_by_topic("/cmd_vel")
    assert [p.node_name for p in publishers] == ["gate"]
    assert publishers[0].topic_type == "geometry_msgs/msg/TwistStamped"


def test_the_world_model_is_read_from_python(outsider):
    world = outsider.world
    assert world.localised and world.header.frame_id == "map"
    assert abs(world.ego_x - outsider.truth.x) < 1.0 and abs(world.ego_y - outsider.truth.y) < 1.0
    assert {source.name.rsplit("/")[-1] for source in world.sources} >= {"scan", "odom"}
    sequences = outsider.world_sequences
    assert sequences == sorted(set(sequences)), "a sequence number came twice or out of order"


def test_every_property_is_monitored_and_satisfied(outsider):
    files = sorted(path.stem for path in (ROOT / "config" / "assurance").glob("*.stl"))
    assert len(files) >= 11
    outsider.drive(above_mps=0.3)
    monitors = {monitor.name: monitor for monitor in outsider.assurance.monitors}
    for name in files:
        monitor = monitors[name]
        assert monitor.verdict == MonitorReading.OK and math.isfinite(monitor.robustness), monitor


def test_reset_disarms_and_arming_lets_it_go_on(outsider):
    success, message = outsider.call("/gate/reset")
    assert success, message
    wait_for(lambda: outsider.gate.mode == GateState.DISARMED, 10.0, "disarmed")
    wait_for(lambda: outsider.speed() == 0.0, 10.0, "stopped")
    assert outsider.stays_stopped(1.0) == []
    outsider.arm()
    outsider.drive(above_mps=0.3)


def test_an_emergency_stop_does_not_end_by_itself(outsider):
    outsider.drive(above_mps=0.3)
    outsider.press_e_stop(True)
    wait_for(lambda: outsider.gate.mode == GateState.E_STOP, 10.0, "emergency stop")
    wait_for(lambda: outsider.speed() == 0.0, 10.0, "stopped")
    success, message = outsider.call("/gate/reset")
    assert not success, f"reset while the button is pressed: {message}"
    outsider.press_e_stop(False)
    assert outsider.stays_stopped(1.5) == [], "released, and it moved without anybody's leave"
    success, message = outsider.call("/gate/arm")
    assert not success, f"armed without a reset: {message}"
    success, message = outsider.call("/gate/reset")
    assert success, message
    assert outsider.stays_stopped(1.0) == [], "reset, and it moved without being armed"
    outsider.arm()
    outsider.drive(above_mps=0.3)


def test_an_emergency_stop_by_best_effort_is_heard_too(outsider):
    outsider.drive(above_mps=0.3)
    outsider.press_e_stop(True, best_effort=True)
    wait_for(lambda: outsider.gate.mode == GateState.E_STOP, 10.0, "emergency stop")
    wait_for(lambda: outsider.speed() == 0.0, 10.0, "stopped")
    outsider.press_e_stop(False, best_effort=True)
    reset = lambda: outsider.call("/gate/reset")[0]
    wait_for(reset, 10.0, "released, and the gate is reset")
