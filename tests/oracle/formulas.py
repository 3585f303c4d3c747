"""Random formulas: as trees, and as text in the language of RTAMT.

A tree is rendered in one of three styles: with all parentheses, with only those that precedence makes necessary, or
with parentheses left out at random, so that the text is one for a different tree: which one, RTAMT's parser says.
"""

from __future__ import annotations

import dataclasses
import re

SECOND = 10**9
MS = 10**6

FULL, MINIMAL, LOOSE = "full", "minimal", "loose"

# How tightly an operator binds. RTAMT 0.4 has a level of its own for each of `*`, `/`, `+`, `-`, which nobody expects
# and its later grammar has no more: texts where that makes a difference are written with all parentheses.
LEVELS = {
    "*": 25, "/": 25, "+": 23, "-": 23, "<": 22, "<=": 22, ">": 22, ">=": 22, "==": 22, "!==": 22,
    "since": 10, "and": 9, "or": 8, "implies": 7, "iff": 6, "xor": 5,
}
# All operators before one operand lie between comparisons and `since`: what stands behind takes in all that binds
# more tightly.
PREFIX_LEVEL = 14
TIGHTEST = 99
COMPARISONS = ("<", "<=", ">", ">=", "==", "!==")
ARITHMETIC = ("+", "-", "*", "/")
CONNECTIVES = ("and", "or", "implies", "iff", "xor")
PREFIXES = ("not", "historically", "once", "prev", "s_prev")
FUNCTIONS = ("abs", "sqrt", "exp", "pow", "rise", "fall")
STEPS = ("prev", "s_prev", "rise", "fall")
SPELLINGS = {
    "historically": ("historically", "historically", "H"), "once": ("once", "once", "O"),
    "since": ("since", "since", "S"), "prev": ("prev", "Y"),
    "s_prev": ("s_prev", "sY"), "not": ("not", "not", "!"), "and": ("and", "and", "&"),
    "or": ("or", "or", "|"), "implies": ("implies", "->"), "iff": ("iff", "<->"),
}
# Some begin like an operator or end like a unit, so that they are read as a whole or not at all.
SIGNALS = ("x", "y", "speed", "S1", "notx", "order", "since_s", "e2", "H_s", "prev1", "onceOff", "_v", "absx", "Yms")


@dataclasses.dataclass(frozen=True)
class Node:
    """An operator with its operands; a signal ("signal") or a constant ("number") with its text."""

    op: str
    args: tuple = ()
    text: str = ""
    # Bounds in nanoseconds; none where the operator reaches back to the first sample.
    bounds: tuple | None = None

    def canonical(self) -> str:
        """What it means, without how it is written; rtamt_eval.py gives the same for RTAMT's trees."""
        if self.op == "signal":
            return self.text
        if self.op == "number":
            return repr(float(self.text))
        op = {"<=": "<", ">=": ">"}.get(self.op, self.op)  # equal as far as robustness goes
        span = f"[{self.bounds[0]}:{self.bounds[1]}]" if self.bounds else ""
        return f"{op}{span}({','.join(arg.canonical() for arg in self.args)})"

    def signals(self) -> set:
        return {self.text} if self.op == "signal" else set().union(*(arg.signals() for arg in self.args))

    def nodes(self):
        yield self
        for arg in self.args:
            yield from arg.nodes()


class Formulas:
    """Draws trees over some signals; `steps` is about how many samples a path through a tree looks back at most."""

    def __init__(self, rng, signals, period_ns, steps):
        self.rng = rng
        self.names = signals
        self.period_ns = period_ns
        self.steps = steps

    def draw(self, depth) -> Node:
        while True:
            tree = self._formula(depth, self.steps)
            if tree.signals():
                return tree

    def _formula(self, depth, steps) -> Node:
        rng = self.rng
        if rng.random() < 0.08:
            return self._term(depth, steps)
        if depth <= 1 or rng.random() < 0.12:
            left, right = self._term(depth - 1, steps), self._term(depth - 1, steps)
            if not left.signals() and not right.signals():
                left = self._signal()
            return Node(rng.choice(COMPARISONS), (left, right))
        kind = rng.choices(("window", "since", "connective", "not", "step"), (34, 14, 32, 8, 12))[0]
        if kind == "window":
            bounds, left = self._bounds(steps)
            return Node(rng.choice(("historically", "once")), (self._formula(depth - 1, left),), bounds=bounds)
        if kind == "since":
            bounds, left = self._bounds(steps)
            return Node("since", (self._formula(depth - 1, left), self._formula(depth - 1, left)), bounds=bounds)
        if kind == "connective":
            return Node(rng.choice(CONNECTIVES), (self._formula(depth - 1, steps), self._formula(depth - 1, steps)))
        if kind == "not":
            return Node("not", (self._formula(depth - 1, steps),))
        return Node(rng.choice(STEPS), (self._formula(depth - 1, steps - 1),))

    def _term(self, depth, steps) -> Node:
        rng = self.rng
        if depth >= 2 and rng.random() < 0.08:
            return self._formula(depth, steps)
        if depth <= 0 or rng.random() < 0.3:
            return self._signal() if rng.random() < 0.65 else self._number()
        kind = rng.choices(("infix", "abs", "sqrt", "exp", "pow", "prev"), (60, 12, 7, 6, 6, 9))[0]
        if kind == "infix":
            op = rng.choice(ARITHMETIC)
            right = self._divisor(depth - 1, steps) if op == "/" else self._term(depth - 1, steps)
            return Node(op, (self._term(depth - 1, steps), right))
        if kind == "abs":
            return Node("abs", (self._term(depth - 1, steps),))
        if kind == "sqrt":  # mostly of what cannot be negative
            inner = self._term(depth - 1, steps)
            return Node("sqrt", (inner if rng.random() < 0.02 else Node("abs", (inner,)),))
        if kind == "exp":  # mostly of something small
            small = Node("*", (Node("number", text=rng.choice(("0.1", "-0.2", "0.05"))), self._signal()))
            return Node("exp", (self._term(depth - 1, steps) if rng.random() < 0.05 else small,))
        if kind == "pow":
            if rng.random() < 0.3:
                return Node("pow", (Node("abs", (self._signal(),)), Node("number", text="0.5")))
            return Node("pow", (self._signal(), Node("number", text=rng.choice(("2", "3", "1", "0")))))
        return Node(rng.choice(("prev", "s_prev")), (self._term(depth - 1, steps - 1),))

    def _divisor(self, depth, steps) -> Node:
        """Mostly something that is never zero."""
        if self.rng.random() < 0.04:
            return self._term(depth, steps)
        if self.rng.random() < 0.5:
            return Node("number", text=self.rng.choice(("2", "-4", "0.5", "3")))
        return Node("+", (Node("abs", (self._term(depth - 1, steps),)), Node("number", text="0.25")))

    def _signal(self) -> Node:
        return Node("signal", text=self.rng.choice(self.names))

    def _number(self) -> Node:
        rng = self.rng
        value = rng.choice((0.0, 0.5, 1.0, 2.0, -1.0, round(rng.uniform(-5, 5), 1), round(rng.uniform(0, 3), 2)))
        return Node("number", text=number_text(rng, value))

    def _bounds(self, steps):
        """Bounds in nanoseconds or none, and how many samples are left for what is inside."""
        rng = self.rng
        if rng.random() < 0.2:
            return None, steps
        most = max(1, min(steps, rng.choice((2, 4, 8, 8, 20))))
        to = rng.randint(1, most) if rng.random() < 0.97 else rng.randint(1, 2 * self.steps)
        since = 0 if rng.random() < 0.5 else rng.randint(0, to)
        return (since * self.period_ns, to * self.period_ns), steps - to


def number_text(rng, value) -> str:
    """A number as a person might write it: `0.5`, `.5`, `5e-1`, `2.`, `2`."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    plain = f"{size:g}"
    kind = rng.random()
    if kind < 0.1 and plain.startswith("0."):
        return sign + plain[1:]
    if kind < 0.2:
        return f"{sign}{size * 10:g}{rng.choice(('e-1', 'E-1', 'e-01'))}"
    if kind < 0.3 and "." not in plain:
        return f"{sign}{plain}{rng.choice(('.', '.0', 'e0', 'E+0'))}"
    return sign + plain


def render(rng, tree, style) -> str:
    """The text of a tree."""
    text = _Text(rng, style).of(tree, 0)
    return _Text(rng, FULL).of(tree, 0) if mixed(text) else text


TOKENS = re.compile(r"\[[^]]*\]|\d[\d.]*(?:[eE][+-]?\d+)?|\w+|->|<->|!==|[<>=]=|\S")
SEPARATORS = {"<", "<=", ">", ">=", "==", "!==", "->", "<->", "&", "|", ",", "S", "since", "and", "or", "xor", "iff", "implies"}


def mixed(text) -> bool:
    """Whether `+` and `-`, or `*` and `/`, stand side by side, so that their levels matter."""
    depths, before = [set()], "("
    for token in TOKENS.findall(text):
        binary = before not in ("(", *SEPARATORS, *ARITHMETIC, *PREFIXES, *sum(SPELLINGS.values(), ()))
        if token == "(":
            depths.append(set())
        elif token == ")":
            depths.pop()
        elif token in SEPARATORS:
            depths[-1] = set()
        elif token in ARITHMETIC and binary:
            depths[-1].add(token)
            if depths[-1] >= {"+", "-"} or depths[-1] >= {"*", "/"}:
                return True
        # An interval belongs to its operator.
        before = before if token.startswith("[") else token
    return False


class _Text:
    def __init__(self, rng, style):
        self.rng = rng
        self.style = style

    def of(self, node, least, follower=0) -> str:
        """`node` where only operators of level `least` or tighter may stand bare, before one of level `follower`."""
        text = self._bare(node)
        needed = LEVELS.get(node.op, TIGHTEST) < least or (follower > PREFIX_LEVEL and open_end(node))
        if self.style == FULL:
            wrapped = node.op in LEVELS or node.op in PREFIXES
        elif self.style == LOOSE and needed:
            wrapped = self.rng.random() < 0.6
        else:
            wrapped = needed or self.rng.random() < 0.04
        return f"({text})" if wrapped else text

    def _bare(self, node) -> str:
        if node.op in ("signal", "number"):
            return node.text
        if node.op in FUNCTIONS:
            return f"{node.op}({', '.join(self.of(arg, 0) for arg in node.args)})"
        word = self.rng.choice(SPELLINGS.get(node.op, (node.op,)))
        if node.bounds:
            word += self.rng.choice(("", "", " ")) + self._interval(*node.bounds)
        if node.op in PREFIXES:
            return f"{word} {self.of(node.args[0], PREFIX_LEVEL)}"
        level = LEVELS[node.op]
        left, right = node.args
        left_text = self.of(left, level, level)
        # In RTAMT a slash may be part of a name, so `x/y` would be one.
        space = "" if node.op in ("+", "-", "*") and self.rng.random() < 0.3 else " "
        return f"{left_text}{space}{word}{space}{self.of(right, level + 1)}"

    def _interval(self, since_ns, to_ns) -> str:
        """Seconds without a unit, or with units. A lower bound without a unit has the unit of the upper one."""
        rng = self.rng
        between = rng.choice((":", ":", ":", ","))
        if rng.random() < 0.6:
            return f"[{in_unit(since_ns, 's')}{between}{in_unit(to_ns, 's')}]"
        unit, other = rng.choice(("s", "ms", "us", "ns")), rng.choice(("s", "ms"))
        if rng.random() < 0.6:
            return f"[{in_unit(since_ns, unit)}{unit}{between}{in_unit(to_ns, other)}{other}]"
        return f"[{in_unit(since_ns, unit)}{between}{in_unit(to_ns, unit)}{unit}]"


def open_end(node) -> bool:
    """Whether its text ends with the operand of an operator such as `not`, which would take in what follows."""
    if node.op in PREFIXES:
        return True
    return node.op in LEVELS and open_end(node.args[1])


def in_unit(ns, unit) -> str:
    """An exact decimal number without an exponent."""
    length = {"s": SECOND, "ms": MS, "us": 10**3, "ns": 1}[unit]
    whole, rest = divmod(ns, length)
    digits = len(str(length)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0") if rest else str(whole)


def draw_problem(rng):
    """A formula, the style of its text, the text, and traces at a constant rate."""
    period_ns = rng.choice((SECOND, 500 * MS, 100 * MS, 100 * MS, 50 * MS, 10 * MS, 10 * MS))
    length = rng.randint(20, 120)
    names = rng.sample(SIGNALS, rng.randint(3, 4))
    # Most of a trace shall lie after the warm-up.
    tree = Formulas(rng, names, period_ns, max(3, length // 3)).draw(rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 5)))
    style = rng.choices((FULL, MINIMAL, LOOSE), (2, 5, 3))[0]
    text = spaced(rng, render(rng, tree, style))
    return Problem(tree, style, text, period_ns, Trace.draw(rng, names, period_ns, length))


def spaced(rng, text) -> str:
    """Now and then with a line break or a comment in the place of a blank."""
    places = [i for i, character in enumerate(text) if character == " "]
    if not places or rng.random() > 0.06:
        return text
    at = rng.choice(places)
    return text[:at] + rng.choice(("\n", "\t ", " /* or */ ", " // xor\n")) + text[at + 1:]


@dataclasses.dataclass(frozen=True)
class Problem:
    tree: Node
    style: str
    text: str
    period_ns: int
    trace: Trace


@dataclasses.dataclass(frozen=True)
class Trace:
    """Values by signal, and times in nanoseconds."""

    times_ns: list
    values: dict

    @classmethod
    def draw(cls, rng, names, period_ns, length):
        # Also as a clock that counts from 1970 has it: a binary fraction of it is off by a tenth of a microsecond.
        start = rng.choice((0, 0, 0, 7 * period_ns, 1_000 * SECOND + 500 * MS, 1_764_000_000 * SECOND + 123 * MS))
        times = [start + i * period_ns for i in range(length)]
        return cls(times, {name: draw_values(rng, length) for name in names})

    def csv(self) -> str:
        lines = ["t_s," + ",".join(self.values)]
        for i, time_ns in enumerate(self.times_ns):
            lines.append(",".join([in_unit(time_ns, "s"), *(cell(column[i]) for column in self.values.values())]))
        return "\n".join(lines) + "\n"


def cell(value) -> str:
    """Nothing for a missing value."""
    return "" if value is None else repr(value)


def draw_values(rng, length) -> list:
    """Rounded, so that values meet one another, a constant and zero."""
    digits = rng.choice((0, 0, 1, 1, 2, 6))
    kind = rng.choice(("noise", "walk", "switch"))
    value, values = rng.uniform(-3, 3), []
    for _ in range(length):
        if kind == "noise":
            value = rng.uniform(-5, 5)
        elif kind == "walk":
            value = max(-9.0, min(9.0, value + rng.uniform(-1, 1)))
        elif rng.random() < 0.15:
            value = rng.choice((-1.0, 0.0, 0.5, 1.0, 2.0))
        values.append(round(value, digits) + 0.0)
    return values
