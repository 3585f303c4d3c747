"""Says whether the system tests could run here at all."""

import pytest
from harness import why_not


def test_ros_and_programs_are_there():
    if why_not():
        pytest.skip(f"no system test was run: {why_not()}")
