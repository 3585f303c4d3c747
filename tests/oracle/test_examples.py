"""Small traces whose answers are worked out by hand: what the program and the reference must both say."""

from __future__ import annotations

import random

import pytest
from formulas import FULL, MS, SECOND, Node, Trace, render
from program import run
from reference import evaluate, read_csv

NAN, GONE = float("nan"), None
STATES = {"o": "ok", "v": "violated", "u": "unknown", "i": "invalid"}


def signal(name):
    return Node("signal", text=name)


def number(text):
    return Node("number", text=text)


def compare(op, name="x", limit="1"):
    return Node(op, (signal(name), number(limit)))


def within(op, since_s, to_s, *operands):
    return Node(op, operands, bounds=(int(since_s * SECOND), int(to_s * SECOND)))


def ever(op, *operands):
    return Node(op, operands)


def inverted(tree):
    return Node("not", (tree,))


LOW, HIGH = compare("<"), compare(">=")
RATIO = Node(">", (Node("/", (number("1"), signal("x"))), number("0")))
STEADY = range(8)
ONE_NAN = [0, 0, 0, NAN, 0, 0, 0, 0]
HOLE = [0, 1, 2, 5, 6, 7, 8, 9]
TWICE = [0, 1, 2, 2, 3, 4, 5]
BACK = [0, 1, 2, 0, 3, 4, 5]
LIMIT = [1, 1]

# (what it shows, formula, times in seconds, values of x or of all signals, longest gap in seconds, answers)
EXAMPLES = [
    ("a NaN, every polarity: historically", within("historically", 0, 2, LOW), STEADY, ONE_NAN, None, "uuoiiioo"),
    ("a NaN, every polarity: its opposite", within("historically", 0, 2, inverted(HIGH)), STEADY, ONE_NAN, None, "uuoiiioo"),
    ("a NaN, every polarity: once", within("once", 0, 2, LOW), STEADY, ONE_NAN, None, "uuoiiioo"),
    ("a NaN, every polarity: never", inverted(within("once", 0, 2, HIGH)), STEADY, ONE_NAN, None, "uuoiiioo"),
    ("a missing cell", within("once", 0, 2, LOW), STEADY, [0, 0, 0, GONE, 0, 0, 0, 0], None, "uuoiiioo"),
    ("an infinity", within("once", 0, 2, LOW), STEADY, [0, 0, 0, -float("inf"), 0, 0, 0, 0], None, "uuoiiioo"),
    ("a violation beside a NaN comes out", within("historically", 0, 2, LOW), STEADY, [0, 0, 0, NAN, 5, 0, 0, 0], None,
     "uuoiiivo"),
    ("a NaN outside the window", within("historically", 1, 2, LOW), STEADY, ONE_NAN, None, "uuooiioo"),
    ("invalid within invalid adds up", within("once", 0, 1, within("historically", 0, 1, LOW)), STEADY, ONE_NAN, None,
     "uuoiiioo"),
    ("bad before warm is invalid", within("historically", 0, 3, LOW), STEADY, [NAN, 0, 0, 0, 0, 0, 0, 0], None, "iiiioooo"),
    ("the whole past never recovers", ever("once", LOW), STEADY, ONE_NAN, None, "oooiiiii"),
    ("nor does since", ever("since", LOW, LOW), STEADY, ONE_NAN, None, "oooiiiii"),
    ("prev", ever("prev", LOW), STEADY, ONE_NAN, None, "uoooiooo"),
    ("rise looks at both", ever("rise", LOW), STEADY, [5, 0, 0, NAN, 0, 0, 5, 0], None, "uoviivvo"),
    ("a hole", within("historically", 0, 2, LOW), HOLE, [0] * 8, 1, "uuoiiioo"),
    ("a hole in a window of the past", within("historically", 2, 3, LOW), HOLE, [0] * 8, 1, "uuuiiiio"),
    ("as long as may be is no hole", within("historically", 0, 2, LOW), HOLE, [0] * 8, 3, "uuoooooo"),
    ("prev across a hole", ever("prev", LOW), HOLE, [0] * 8, 1, "uooiiooo"),
    ("the same time twice", within("historically", 0, 1, LOW), TWICE, [0] * 7, None, "uooiioo"),
    ("back in time", within("historically", 0, 1, LOW), BACK, [0, 0, 0, 9, 0, 0, 0], None, "uooiioo"),
    ("prev after the same time twice", ever("prev", LOW), TWICE, [0] * 7, None, "uooiioo"),
    ("the whole past after going back", ever("historically", LOW), BACK, [0] * 7, None, "oooiiii"),
    ("a window without a sample", within("once", 0.4, 0.6, LOW), [0, 1, 2], [0] * 3, None, "uii"),
    ("division by zero", RATIO, [0, 1, 2], [1, 0, 1], None, "oio"),
    ("division by zero in a window", within("once", 0, 1, RATIO), [0, 1, 2, 3], [1, 0, 1, 1], None, "uiio"),
    ("overflow", Node(">", (Node("exp", (signal("x"),)), number("0"))), [0, 1, 2], [1, 1000, 1], None, "oio"),
    ("exactly on the limit: <", compare("<"), [0, 1], LIMIT, None, "vv"),
    ("exactly on the limit: <=", compare("<="), [0, 1], LIMIT, None, "oo"),
    ("exactly on the limit: not <", inverted(compare("<")), [0, 1], LIMIT, None, "oo"),
    ("exactly on the limit: ==", compare("=="), [0, 1], LIMIT, None, "oo"),
    ("exactly on the limit: !==", compare("!=="), [0, 1], LIMIT, None, "vv"),
    ("on the limit in a window", within("historically", 0, 1, compare("<")), [0, 1], LIMIT, None, "uv"),
    ("bounds add up at uneven times", within("historically", 0, 1, within("historically", 0, 1, LOW)),
     [0, 1.5, 1.75, 2], [0] * 4, None, "uuuo"),
    ("since does not need what is too young", within("since", 1, 2, LOW, compare("<", "y")), STEADY,
     {"x": [0] * 8, "y": ONE_NAN}, None, "uuooiioo"),
    ("an unused bad signal", within("historically", 0, 1, LOW), STEADY, {"x": [0] * 8, "y": [NAN] * 8}, None, "uooooooo"),
    ("recovers from two bad samples", within("since", 2, 5, compare(">", "x", "0"), compare(">", "y", "0")), range(22),
     {"x": range(1, 23), "y": [GONE if i in (10, 11) else 1 for i in range(22)]}, None, "uuuuuooooooo" + "iiiii" + "ooooo"),
    ("recovers within a long window", within("historically", 5, 9, compare(">", "x", "0")), range(24),
     {"x": [GONE if i in (4, 5) else i + 1 for i in range(24)]}, None, "uuuuuuuuu" + "iiiiii" + "ooooooooo"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0])
def test_example(tmp_path, example):
    _, tree, times, values, max_gap_s, answers = example
    columns = values if isinstance(values, dict) else {"x": values}
    columns = {name: [None if value is None else float(value) for value in column] for name, column in columns.items()}
    trace = Trace([round(time * 1000) * MS for time in times], columns)
    path = tmp_path / "trace.csv"
    path.write_text(trace.csv())
    gap_ns = None if max_gap_s is None else max_gap_s * SECOND
    outcomes = evaluate(tree, read_csv(path.read_text()), gap_ns)
    expected = [STATES[letter] for letter in answers]
    text = render(random.Random(0), tree, FULL)
    printed = [row.state for row in run(text, path, None if max_gap_s is None else str(max_gap_s))]
    assert [sorted(outcome.states) for outcome in outcomes] == [[state] for state in expected], "the reference"
    assert printed == expected, f"the program, {text}"
