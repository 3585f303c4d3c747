"""`outrider stl` says what the definitions say where RTAMT has no answer: uneven times and bad data."""

from __future__ import annotations

import collections
import dataclasses
import math
import random

from common import ENOUGH, PAIRS, SEED, for_all, shown
from compare import describe, is_close, with_reference
from formulas import LOOSE
from irregular import UNUSED, draw_problem
from program import Refused, Row, run
from program import shown as command
from reference import evaluate, read_csv

# The engine tells eight bad stretches apart and joins more, so with few of them the answer is exact.
FEW_FAULTS = 4
MANY_FAULTS = 40


def problems(seed, number, most_faults, folder):
    """(problem, the trace's file, its rows, the reference's outcomes)."""
    rng = random.Random(seed)
    for i in range(number):
        problem = draw_problem(rng, rng.randint(0, most_faults))
        path = folder / f"{i:05d}.csv"
        path.write_text(problem.trace.csv())
        rows = read_csv(path.read_text())
        yield problem, path, rows, evaluate(problem.tree, rows, problem.max_gap_ns)


def differences(drawn, may_be_invalid=False):
    """Texts of what differs; how many rows were of which kind; how often the program called more invalid."""

    def one(item):
        problem, path, rows, outcomes = item
        try:
            printed = run(problem.text, path, problem.max_gap)
        except Refused as refused:
            return [("-", str(refused))], collections.Counter()
        found = with_reference(printed, [row.time_ns for row in rows], outcomes, may_be_invalid)
        found.counts["more invalid"] += sum(
            row.state == "invalid" and "invalid" not in outcome.states for row, outcome in zip(printed, outcomes)
        )
        return found.problems, found.counts

    texts, counts = [], collections.Counter()
    for (problem, path, _, _), (found, counted) in zip(drawn, for_all(one, drawn)):
        counts.update(counted)
        if found:
            lines = [f"formula: {problem.text}", f"trace: {path}", command(problem.text, path, problem.max_gap)]
            texts.append("\n".join([*lines, *(f"  row {row}: {text}" for row, text in found[:3])]))
    return texts, counts


def test_equal_to_the_definitions(tmp_path):
    """State and robustness of every row: valid exactly where the data allow it."""
    drawn = list(problems(SEED, PAIRS // 2, FEW_FAULTS, tmp_path))
    texts, counts = differences(drawn)
    print(f"{len(drawn)} pairs, rows: {dict(counts)}")
    assert not texts, shown(texts, len(drawn))
    if len(drawn) >= ENOUGH:
        total = counts["known"] + counts["unknown"] + counts["invalid"]
        assert counts["known"] >= 0.4 * total and counts["invalid"] >= 0.08 * total and counts["unknown"] >= 0.01 * total


def test_never_less_invalid(tmp_path):
    """With many faults the program may call more invalid than need be, but not much more, and never less."""
    drawn = list(problems(SEED + 1, PAIRS // 5, MANY_FAULTS, tmp_path))
    texts, counts = differences(drawn, may_be_invalid=True)
    print(f"{len(drawn)} pairs, rows: {dict(counts)}")
    assert not texts, shown(texts, len(drawn))
    if len(drawn) >= ENOUGH:
        total = counts["known"] + counts["unknown"] + counts["invalid"]
        assert counts["invalid"] >= 0.25 * total
        assert counts["more invalid"] <= 0.02 * total


def test_unused_signals_do_not_matter(tmp_path):
    """The column that no formula names is full of bad cells; without it, every row is the same."""
    for problem, path, _, _ in problems(SEED + 2, 20, FEW_FAULTS, tmp_path):
        without = tmp_path / "without.csv"
        values = {name: column for name, column in problem.trace.values.items() if name != UNUSED}
        without.write_text(dataclasses.replace(problem.trace, values=values).csv())
        a, b = (run(problem.text, each, problem.max_gap) for each in (path, without))
        assert [(r.t_s, repr(r.robustness), r.state) for r in a] == [(r.t_s, repr(r.robustness), r.state) for r in b]


def test_comparison_can_fail(tmp_path):
    """One row made wrong is found: a wrong state, a value that is off."""
    found = collections.Counter()
    for problem, _, rows, outcomes in problems(SEED + 3, 60, FEW_FAULTS, tmp_path):
        times = [row.time_ns for row in rows]
        cells = [line.split(",")[0] for line in problem.trace.csv().splitlines()[1:]]
        values = [math.nan if outcome.robustness is None else outcome.robustness for outcome in outcomes]
        ideal = [Row(*fields, min(outcome.states)) for *fields, outcome in zip(cells, values, outcomes)]
        kept = [(i, o) for i, o in enumerate(outcomes) if o.robustness is not None or "invalid" in o.states]
        for i, outcome in kept[::7]:
            for state in {"ok", "violated", "unknown", "invalid"} - outcome.states:
                wrong = [*ideal[:i], dataclasses.replace(ideal[i], state=state), *ideal[i + 1:]]
                assert any(row == i for row, _ in with_reference(wrong, times, outcomes).problems)
                found[f"{min(outcome.states)} as {state}"] += 1
            if outcome.robustness:
                off = dataclasses.replace(ideal[i], robustness=ideal[i].robustness * (1 - 1e-6) + 1e-6)
                wrong = [*ideal[:i], off, *ideal[i + 1:]]
                assert is_close(off.robustness, outcome.robustness) or with_reference(wrong, times, outcomes).problems
    print(dict(found))
    assert found["invalid as ok"] and found["ok as invalid"] and found["unknown as ok"] and found["violated as ok"]


def test_reference_is_rtamts(solved):
    """At a constant rate and on good data the reference says what RTAMT says."""
    pairs = [pair for pair in solved[0] if pair.problem.style != LOOSE][:600]
    judged = 0
    for pair in pairs:
        outcomes = evaluate(pair.problem.tree, read_csv(pair.problem.trace.csv()))
        doubtful = set(pair.answer["doubtful"])
        for i, (value, outcome) in enumerate(zip(pair.answer["values"], outcomes)):
            if i in doubtful:
                continue
            states = {"unknown"}
            if i >= pair.solved["horizon"] and math.isfinite(value):
                states = {"ok", "violated"} if value == 0 else {"ok"} if value > 0 else {"violated"}
                judged += 1
            text = f"{pair.problem.text}, row {i}: {describe(outcome)}; RTAMT: {value!r}"
            assert outcome.robustness is not None and is_close(outcome.robustness, value), text
            assert outcome.states <= states, text
    assert judged >= 10 * len(pairs)
