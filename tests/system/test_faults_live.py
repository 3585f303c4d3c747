"""Nodes die or freeze while the robot drives: it is told to stop, and stays stopped as long as the node is away.

Only behaviour is asserted; how long it took goes into `runs/stop_times_test.{csv,md}` (the same for five repetitions:
`make stop-times`).
"""

import pytest
from harness import ROOT
from measure_stop import FAULTS, drive_and_measure, name_of, write

# The descent to standstill begins no lower than at this share of the speed at the fault: it is one ramp.
ONE_RAMP = 0.5


@pytest.fixture(scope="module")
def stops():
    """The stops so far; in the end their figures are written."""
    stops = []
    yield stops
    if stops:
        print("\n" + write(stops, ROOT / "runs/stop_times_test"))


@pytest.mark.parametrize("fault", FAULTS, ids=[name_of(f).replace(" ", "-") for f in FAULTS])
def test_a_fault_stops_the_robot(stops, tmp_path, fault):
    stop = drive_and_measure(tmp_path, fault)
    stops.append(stop)
    assert stop.moved_again == [], f"{stop.fault}: it moved while the node was away"
    assert stop.speeds[-1] == 0.0
    assert min(stop.speeds) >= 0.0, f"{stop.fault}: it was sent backwards"
    assert stop.descent_from_mps >= ONE_RAMP * stop.speed_mps, f"{stop.fault}: no single ramp: {stop.speeds}"
    assert stop.reason, f"{stop.fault}: the gate gave no reason"
