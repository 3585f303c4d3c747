"""Fixtures of the interoperability tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import common  # noqa: E402  (the path comes first)

SIM_S = 5


@pytest.fixture(scope="session", autouse=True)
def programs():
    if not common.dump_path().exists():
        pytest.fail(f"not built: {common.dump_path()} (cargo build --release -p outrider_bags --examples)")


@pytest.fixture(scope="session")
def sim_bag(tmp_path_factory):
    """The bag of a few simulated seconds with every node."""
    program = common.bin_dir() / "outrider"
    if not program.exists():
        pytest.skip(f"not built: {program} (cargo build --release -p outrider_cli)")
    folder = tmp_path_factory.mktemp("sim") / "bag"
    common.run(program, "sim", "--out", folder, "--duration", SIM_S)
    return folder
