"""Fixtures of the interoperability tests."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import common  # noqa: E402  (the path comes first)


@pytest.fixture(scope="session", autouse=True)
def programs():
    if not common.dump_path().exists():
        pytest.fail(f"not built: {common.dump_path()} (cargo build --release -p outrider_bags --examples)")


@pytest.fixture(scope="session")
def sim_bag(tmp_path_factory):
    """The bag of a simulated drive with every node. `OUTRIDER_BAG` names one that is there already."""
    if os.environ.get("OUTRIDER_BAG"):
        return pathlib.Path(os.environ["OUTRIDER_BAG"])
    program = common.bin_dir() / "outrider"
    if not program.exists():
        pytest.skip(f"not built: {program} (cargo build --release -p outrider_cli)")
    folder = tmp_path_factory.mktemp("sim") / "bag"
    scenario = common.ROOT / "tests" / "scenarios" / "warehouse_crossing.yaml"
    common.run(program, "sim", scenario, "--config", common.ROOT / "config", "--bag", folder)
    return folder
