"""The conformance files of foxglove/mcap, where they are."""

import os

import conformance
import pytest


def test_every_conformance_file_reads_as_it_should():
    folder = os.environ.get("MCAP_CONFORMANCE")
    if not folder:
        pytest.skip("MCAP_CONFORMANCE does not name the conformance files of foxglove/mcap (tests/conformance/data)")
    total, passed, wrong = conformance.run(folder)
    assert wrong == []
    assert passed == total >= 400
