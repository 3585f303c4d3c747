"""What the tests here share and no fixture is."""

from __future__ import annotations

import concurrent.futures
import os

SEED = int(os.environ.get("OUTRIDER_SEED", "20261123"))
PAIRS = int(os.environ.get("OUTRIDER_ORACLE_PAIRS", "2000"))
PROCESSES = 2
# With fewer pairs than this, shares say nothing.
ENOUGH = 200


def for_all(function, items) -> list:
    """The function's results, in order, a few at a time: it waits for processes."""
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        return list(pool.map(function, items))


def shown(failures, total) -> str:
    """The first few of a list of texts."""
    head = f"{len(failures)} of {total} pairs differ (OUTRIDER_SEED={SEED})"
    rest = [f"… and {len(failures) - 5} more"] if len(failures) > 5 else []
    return "\n\n".join([head, *failures[:5], *rest])
