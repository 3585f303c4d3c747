"""The campaign's own checks: each of them must be able to fail. Needs no ROS.

python -m pytest tests/faults/live
"""

import dataclasses
import math
import pathlib
import sys
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import limits  # noqa: E402  (the path comes first)
import run  # noqa: E402
from envelope import Velocity, longest_silence_s, unpermitted, violations  # noqa: E402

PERIOD_S = limits.GATE["period_s"]
ACCEL, BRAKE = limits.ROBOT["accel_mps2"], limits.ROBOT["brake_mps2"]


def drive(speeds, first=1, turns=None):
    """What a gate publishes that is never late."""
    turns = turns or [0.0] * len(speeds)
    return [Velocity(k * PERIOD_S, v, w, 100.0 + k * PERIOD_S, first + k) for k, (v, w) in enumerate(zip(speeds, turns))]


def ramp(to, rate, start=0.0):
    speeds, v = [start], start
    while abs(v - to) > 1e-12:
        v += max(-rate * PERIOD_S, min(rate * PERIOD_S, to - v))
        speeds.append(v)
    return speeds


UP_AND_DOWN = ramp(0.6, ACCEL) + ramp(0.0, BRAKE, 0.6)


def test_a_drive_within_slew_and_ramp_is_clean():
    assert violations(drive(UP_AND_DOWN)) == []


def test_messages_that_were_not_received_are_no_violation():
    assert violations(drive(UP_AND_DOWN)[::7]) == []


def test_a_late_period_may_brake_for_the_time_it_lost_and_may_not_speed_up_for_it():
    slow = Velocity(0.0, 0.5, 0.0, 100.0, 5)
    late = dataclasses.replace(slow, stamp=100.05, number=6)
    assert violations([slow, dataclasses.replace(late, v=0.5 - BRAKE * 0.05)]) == []
    assert violations([slow, dataclasses.replace(late, v=0.5 - BRAKE * 0.06)])
    assert violations([slow, dataclasses.replace(late, v=0.5 + ACCEL * 0.05)])


def test_a_silence_of_the_gate_is_measured_and_a_lost_message_is_none():
    steady = drive([0.0] * 20)
    assert longest_silence_s(steady) == pytest.approx(PERIOD_S) == longest_silence_s(steady[::5])
    late = [dataclasses.replace(v, stamp=v.stamp + 0.2) if v.number > 9 else v for v in steady]
    assert longest_silence_s(late) == pytest.approx(PERIOD_S + 0.2)


@pytest.mark.parametrize(
    "bad",
    [
        [0.0, 1.01 * ACCEL * PERIOD_S],
        [0.5, 0.5 - 1.01 * BRAKE * PERIOD_S],
        [0.5, 0.0],
        [0.005, -0.005],
        [1.001],
        [math.nan],
        [math.inf],
        [-0.31],
    ],
)
def test_each_kind_of_violation_is_found(bad):
    assert violations(drive(bad, first=50))


def test_too_quick_a_turn_is_found():
    alpha = limits.ROBOT["alpha_radps2"] * PERIOD_S
    assert violations(drive([0.0, 0.0], 9, [0.0, alpha])) == []
    assert violations(drive([0.0, 0.0], 9, [0.0, 1.01 * alpha]))
    assert violations(drive([0.0], 9, [1.01 * limits.ROBOT["w_max_radps"]]))
    assert violations(drive([0.0], 9, [math.nan]))


def test_a_gate_that_begins_with_motion_is_found():
    assert violations(drive([0.005])) and not violations(drive([0.0]))


def test_two_gates_at_a_time_are_each_judged_alone():
    first, second = drive(UP_AND_DOWN, first=3000), drive([0.0] * len(UP_AND_DOWN))
    mixed = [velocity for pair in zip(first, second) for velocity in pair]
    assert violations(mixed) == []
    # Were they one, it would leap up and down.
    assert violations([dataclasses.replace(v, number=k + 1) for k, v in enumerate(mixed)])


def test_a_clock_that_jumped_excuses_nothing():
    quick = drive([0.5, 0.0], first=9)
    assert violations([quick[0], dataclasses.replace(quick[1], stamp=quick[1].stamp + 3600.0)])
    assert violations([quick[0], dataclasses.replace(quick[1], stamp=quick[1].stamp - 3600.0)])


def test_only_permitted_commands_are_forwarded():
    permits, commands = {(0, 7): 1.0}, {(0, 7): 0.5, (0, 8): 0.9}
    towards = [(True, 0, 7, 0.1), (True, 0, 7, 0.2), (False, 0, 0, 0.1)]
    assert unpermitted(towards, permits, commands) == []
    assert unpermitted([(True, 0, 8, 0.1)], permits, commands), "no permit"
    assert unpermitted([(True, 0, 7, 0.1)], permits, {}), "nobody proposed it"
    assert unpermitted([(True, 0, 7, 0.5), (True, 0, 7, 0.6)], permits, commands), "faster than permitted"


def test_the_bounds_grow_with_speed_and_with_the_time_to_notice():
    assert limits.stop_s(0.4) < limits.stop_s(0.5) < limits.stop_s(0.5, 0.5)
    assert limits.stop_m(0.4) < limits.stop_m(0.5) < limits.stop_m(0.5, 0.5)
    # By hand, for v = 0.5 m/s: T = 0.28 s, v' = 0.78 m/s.
    assert limits.reaction_s() == pytest.approx(0.28)
    expected = 0.5 * 0.28 + 0.5 * 0.28**2 + 0.78**2 / 2.4 + 0.01 + 0.002 + 0.02
    assert limits.stop_m(0.5) == pytest.approx(expected)
    # The drive cannot exceed its greatest speed while nobody notices.
    assert limits.stop_m(0.9, 1.0) < 1.0 * 1.28 + 1.0 / 2.4 + 0.04


ROW = types.SimpleNamespace(id="row", group="group", expected="stops", note="")


def test_a_row_passes_only_when_every_repetition_did():
    well = {"misses": [], "notes": [], "stop_ms": 400.0, "restarts": 0}
    assert run.summary(ROW, [well, well])["verdict"] == run.PASS
    assert run.summary(ROW, [well, well | {"misses": ["late"]}])["verdict"] == run.MISS
    assert run.summary(ROW, [{"not_run": "no root"}])["verdict"] == run.NOT_RUN
    assert run.summary(ROW, [])["verdict"] == run.NOT_RUN
    line = run.summary(ROW, [well, well | {"stop_ms": 450.0, "violations": ["a", "b"], "restarts": 1}])
    assert line["stop_ms_p100"] == "450.0" and line["envelope_violations"] == 2 and line["restarts"] == 1


def test_the_table_has_the_columns_that_are_agreed_upon():
    assert set(run.summary(ROW, [])) == set(run.columns())
