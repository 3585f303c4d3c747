"""What must hold between the rows of `outrider stl` and a reference's answer. Nothing here runs anything."""

from __future__ import annotations

import collections
import decimal
import math

TOLERANCE = 1e-9
STATES = ("unknown", "ok", "violated", "invalid")


def is_close(ours, theirs) -> bool:
    """Equal, infinities included, or nearly so: absolutely, or relatively for large numbers."""
    return ours == theirs or abs(ours - theirs) <= TOLERANCE * max(1.0, abs(theirs))


class Comparison:
    """Problems found, as (row, text); and how many rows were judged, left out and why."""

    def __init__(self):
        self.problems = []
        self.counts = collections.Counter()

    def problem(self, row, text):
        self.problems.append((row, text))

    def times(self, rows, times_ns):
        """One row for each of the trace, in its order."""
        if len(rows) != len(times_ns):
            self.problem(min(len(rows), len(times_ns)), f"{len(rows)} rows for a trace of {len(times_ns)}")
        for i, (row, time_ns) in enumerate(zip(rows, times_ns)):
            if abs(decimal.Decimal(row.t_s) * 10**9 - time_ns) > 1:
                self.problem(i, f"its time is {row.t_s} s, the trace has {time_ns} ns")

    def one(self, i, row):
        """What a row alone must be."""
        if row.state not in STATES:
            self.problem(i, f"there is no state {row.state!r}")
        elif row.state in ("ok", "violated"):
            if not math.isfinite(row.robustness):
                self.problem(i, f"{row.state} with robustness {row.robustness}")
            elif row.robustness != 0 and (row.robustness > 0) != (row.state == "ok"):
                self.problem(i, f"{row.state} with robustness {row.robustness!r}")


def with_rtamt(rows, times_ns, horizon, answer) -> Comparison:
    """`horizon` and `answer` as rtamt_eval.py gives them; the rows are at a constant rate and have no bad data."""
    found = Comparison()
    found.times(rows, times_ns)
    doubtful = set(answer["doubtful"])
    for i, row in enumerate(rows):
        found.one(i, row)
        if i >= len(answer["values"]):
            found.counts["RTAMT failed"] += 1
            continue
        theirs = answer["values"][i]
        is_known = i >= horizon and math.isfinite(theirs)
        if row.state in ("ok", "violated") and not is_known:
            found.problem(i, f"{row.state}, but {_reason(i, horizon, theirs)}")
        if i in doubtful:
            found.counts["RTAMT doubtful"] += 1
            continue
        found.counts["judged" if is_known else "warm-up"] += 1
        if row.state not in (("ok", "violated") if is_known else ("unknown",)):
            found.problem(i, f"{row.state}; RTAMT: {theirs!r}, {_reason(i, horizon, theirs)}")
        elif not is_close(row.robustness, theirs):
            found.problem(i, f"robustness {row.robustness!r}; RTAMT: {theirs!r}")
        elif is_known and abs(theirs) > TOLERANCE and (theirs > 0) != (row.state == "ok"):
            found.problem(i, f"{row.state}; RTAMT: {theirs!r}")
    return found


def _reason(i, horizon, theirs) -> str:
    if i < horizon:
        return f"warming up takes {horizon} samples"
    return "it has warmed up" if math.isfinite(theirs) else f"RTAMT says {theirs}"


def with_reference(rows, times_ns, outcomes, may_be_invalid=False) -> Comparison:
    """`outcomes` of reference.py. `may_be_invalid`: calling more invalid than the reference does is no problem."""
    found = Comparison()
    found.times(rows, times_ns)
    for i, (row, outcome) in enumerate(zip(rows, outcomes)):
        found.one(i, row)
        kind = "invalid" if "invalid" in outcome.states else "unknown" if outcome.states == {"unknown"} else "known"
        found.counts[kind] += 1
        if row.state == "invalid" and may_be_invalid:
            continue
        if row.state not in outcome.states:
            found.problem(i, f"{row.state} with robustness {row.robustness!r}; reference: {describe(outcome)}")
        elif row.state != "invalid" and outcome.robustness is not None and not is_close(row.robustness, outcome.robustness):
            found.problem(i, f"robustness {row.robustness!r}; reference: {describe(outcome)}")
    return found


def describe(outcome) -> str:
    value = "" if outcome.robustness is None else f" with robustness {outcome.robustness!r}"
    return " or ".join(sorted(outcome.states)) + value
