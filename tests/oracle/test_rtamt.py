"""`outrider stl` says what RTAMT says, on random formulas over random traces at a constant rate."""

from __future__ import annotations

import collections
import dataclasses
import random

import pytest
from common import ENOUGH, SEED, for_all, shown
from compare import with_rtamt
from formulas import LOOSE, MINIMAL, render
from program import Refused, Row, run
from program import shown as command

# Shares that must hold, so that what is left out cannot grow unseen.
JUDGED_LEAST = 0.6
REFUSED_MOST = 0.005
RTAMT_FAILED_MOST = 0.03
DOUBTFUL_MOST = 0.04


def compared(pair, rows):
    trace = pair.problem.trace
    return with_rtamt(rows, trace.times_ns, pair.solved["horizon"], pair.answer)


def report(pair, problems) -> str:
    """For a person: the formula, the trace, the command, and the first rows that differ."""
    lines = [f"formula: {pair.problem.text}", f"trace: {pair.path}", command(pair.problem.text, pair.path)]
    lines += [f"  row {row}: {text}" for row, text in problems[:3]]
    return "\n".join([*lines, f"  … {len(problems)} rows in all"] if len(problems) > 3 else lines)


def test_equal_to_rtamt(solved):
    """Robustness to 1e-9 and the state, in every row that RTAMT has an answer for."""
    pairs, _ = solved
    failures, counts = [], collections.Counter()

    def one(pair):
        try:
            return compared(pair, run(pair.problem.text, pair.path))
        except Refused as refused:
            return str(refused)

    for pair, result in zip(pairs, for_all(one, pairs)):
        if isinstance(result, str):
            failures.append(report(pair, [("-", result)]))
            continue
        counts.update(result.counts)
        if result.problems:
            failures.append(report(pair, result.problems))
    total = sum(counts.values())
    print(f"{len(pairs)} pairs, {len({pair.problem.text for pair in pairs})} formulas, {total} rows: {dict(counts)}")
    assert not failures, shown(failures, len(pairs))
    assert counts["judged"] >= JUDGED_LEAST * total, counts
    if len(pairs) >= ENOUGH:
        assert counts["RTAMT doubtful"] <= DOUBTFUL_MOST * total, counts


def test_rtamt_answers(solved):
    """What RTAMT itself cannot do stays rare: its parser refuses a text, or its arithmetic raises."""
    pairs, refused = solved
    failed = [pair.answer["error"] for pair in pairs if pair.answer["failed_at"] is not None]
    print(f"refused: {len(refused)}; failed: {dict(collections.Counter(error.split(':')[0] for error in failed))}")
    total = max(ENOUGH, len(pairs) + len(refused))
    assert len(refused) <= REFUSED_MOST * total, refused[:5]
    assert len(failed) <= RTAMT_FAILED_MOST * total, failed[:5]


def test_trees_are_what_rtamt_reads(solved):
    """The trees behind the texts are RTAMT's, which the tests without RTAMT rely on. Where parentheses were left out at
    random, many differ: so precedence is tested as well."""
    pairs, _ = solved
    exact = [pair for pair in pairs if pair.problem.style != LOOSE]
    wrong = [pair.problem.text for pair in exact if pair.problem.tree.canonical() != pair.solved["tree"]]
    assert not wrong, wrong[:5]
    loose = [pair for pair in pairs if pair.problem.style == LOOSE]
    other = [pair for pair in loose if pair.problem.tree.canonical() != pair.solved["tree"]]
    print(f"{len(other)} of {len(loose)} texts without some parentheses mean something else")
    assert len(other) >= 0.1 * len(loose)


OTHER = {
    "historically": "once", "once": "historically", "and": "or", "or": "and", "implies": "iff", "xor": "iff", "iff": "xor",
    "<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "!==", "!==": "==", "prev": "s_prev", "rise": "fall", "fall": "rise",
    "+": "-", "-": "+", "*": "+", "not": "prev", "abs": "not",
}


def changed(rng, tree, target):
    """The tree with the operator numbered `target` replaced, or its window made longer."""
    count = -1

    def visit(node):
        nonlocal count
        count += 1
        here = count == target
        node = dataclasses.replace(node, args=tuple(visit(arg) for arg in node.args))
        if here and node.bounds and rng.random() < 0.5:
            return dataclasses.replace(node, bounds=(node.bounds[0], node.bounds[1] + node.bounds[1] // 2 + 1))
        return dataclasses.replace(node, op=OTHER.get(node.op, node.op)) if here else node

    return visit(tree)


def test_wrong_formulas_are_noticed(solved):
    """The same comparison against a program that does something slightly else: here, because it is given another formula."""
    rng = random.Random(SEED)
    pairs = [p for p in solved[0] if p.problem.style != LOOSE and p.solved["horizon"] < len(p.problem.trace.times_ns)][:300]

    def one(pair):
        places = [i for i, node in enumerate(pair.problem.tree.nodes()) if node.op in OTHER or node.bounds]
        tree = changed(rng, pair.problem.tree, rng.choice(places)) if places else pair.problem.tree
        if tree == pair.problem.tree:
            return None
        try:
            return bool(compared(pair, run(render(rng, tree, MINIMAL), pair.path)).problems)
        except Refused:
            return None

    noticed = [one(pair) for pair in pairs]
    tried = [result for result in noticed if result is not None]
    print(f"{sum(tried)} of {len(tried)} changed formulas noticed")
    # Some changes change nothing: `once` of what is constant, say.
    assert sum(tried) >= 0.7 * len(tried) and len(tried) >= len(pairs) // 2


CORRUPTIONS = {
    "value": lambda row: dataclasses.replace(row, robustness=row.robustness + 2e-9 * max(1.0, abs(row.robustness))),
    "sign": lambda row: Row(row.t_s, -row.robustness, "ok" if row.state == "violated" else "violated"),
    "state": lambda row: dataclasses.replace(row, state="ok" if row.state == "violated" else "violated"),
    "unknown": lambda row: dataclasses.replace(row, state="unknown"),
    "invalid": lambda row: dataclasses.replace(row, state="invalid"),
    "infinite": lambda row: dataclasses.replace(row, robustness=float("inf")),
    "nan": lambda row: dataclasses.replace(row, robustness=float("nan")),
    "time": lambda row: dataclasses.replace(row, t_s=row.t_s + "1" if "." in row.t_s else row.t_s + ".1"),
    "word": lambda row: dataclasses.replace(row, state="satisfied"),
}


def ideal(pair) -> list:
    """Rows that agree with RTAMT, made from its answer."""
    trace, answer = pair.problem.trace, pair.answer
    rows = []
    for i, (line, value) in enumerate(zip(trace.csv().splitlines()[1:], answer["values"])):
        known = "ok" if value > 0 else "violated"
        rows.append(Row(line.split(",")[0], value, "unknown" if i < pair.solved["horizon"] else known))
    return rows


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_comparison_can_fail(solved, kind):
    """One row made wrong is found, and nothing else."""
    tried = 0
    for pair in solved[0]:
        rows = ideal(pair)
        clean = [row.robustness == row.robustness and abs(row.robustness) not in (0.0, float("inf")) for row in rows]
        judged = [i for i in range(pair.solved["horizon"], len(rows)) if clean[i] and abs(rows[i].robustness) > 1e-6]
        if pair.answer["failed_at"] is not None or pair.answer["doubtful"] or not judged:
            continue
        assert not compared(pair, rows).problems
        at = judged[len(judged) // 2]
        rows[at] = CORRUPTIONS[kind](rows[at])
        assert {row for row, _ in compared(pair, rows).problems} == {at}
        tried += 1
        if tried == 50:
            return
    assert tried, "no pair to corrupt"


def test_warm_up_and_length_are_compared(solved):
    """A verdict before its time, and a row that is not there."""
    late = next(p for p in solved[0] if 0 < p.solved["horizon"] < len(p.answer["values"]) and not p.answer["doubtful"])
    rows = ideal(late)
    early = rows[0]
    rows[0] = dataclasses.replace(early, state="ok", robustness=1.0)
    assert compared(late, rows).problems
    assert compared(late, [early, *rows[1:-1]]).problems
