"""A gate that is told to end while the robot drives brings it to a stand first: a base may go on with what it was told last."""

import signal

import pytest
from harness import NODES, Suite, wait_for
from measure_stop import SPEED_MPS, descent_of
from outsider import Outsider
from test_replay import replay

# As config/robot.yaml has them.
BRAKE_MPS2 = 1.2
V_MAX_MPS = 1.0
# The gate publishes so often.
PERIOD_S = 0.01
# The descent begins no lower than at this share of the speed at the signal: it is one ramp.
ONE_RAMP = 0.5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_last_velocity_is_zero_at_the_end_of_the_ramp(tmp_path, number):
    with Suite(tmp_path) as suite, Outsider(suite.domain, light=True) as outsider:
        outsider.hear_from([*NODES, "recorder"])
        outsider.drive(SPEED_MPS)
        speed = outsider.speed()
        struck_at = suite.signal("gate", number)
        wait_for(lambda: "gate" in suite.died(), 20.0, "the gate ends")
        assert suite.died() == {"gate": 0}, suite.log("gate")
        wait_for(lambda: abs(outsider.truth.v) < 0.01, 20.0, "the robot stands")
        commands = outsider.commands_since(struck_at)
    descent = descent_of(commands)
    assert commands[-1][1:3] == (0.0, 0.0), f"left standing after {len(commands)} commands: {commands[-1]}"
    assert [c[1] for c in commands if c[1] == 0.0] == [0.0], "it ended at the first zero"
    assert min(c[1] for c in commands) >= 0.0, "it was sent backwards"
    assert descent[0][1] >= ONE_RAMP * speed, f"no single ramp: {[c[1] for c in commands]}"
    # By the gate's own stamps: down the stop ramp, neither leaping nor dawdling.
    took_s = descent[-1][3] - descent[0][3]
    assert took_s >= descent[0][1] / BRAKE_MPS2 - 2 * PERIOD_S, took_s
    assert took_s <= V_MAX_MPS / BRAKE_MPS2 + 0.5, took_s
    # The bag has the way down, and why.
    code, report = replay(suite.bag, "--node", "gate")
    assert code == 0, report
    assert report["decisions"] == report["identical"] > 100, report
    assert report["runs"][0]["not_run"] == 0, report
