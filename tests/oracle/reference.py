"""What a formula means over timestamped samples, bad ones included: straight from the definitions, and slow.

The second implementation beside the Rust engine. At a constant rate and on good data it is compared with RTAMT; where
RTAMT has no answer (irregular times, bad data) it is the reference itself. The rules:

* A window `[t - b, t - a]` holds the samples whose times lie in it, both ends included; `f since[a:b] g` needs `g` there
  and `f` after it, up to now: its window is `[t - b, t]` for `f`.
* A signal is bad at a sample where it is NaN, infinite or missing, and at one that comes later than the longest gap.
  An operator whose window holds a bad sample of its operand is invalid, whatever the values, and so is its own sample
  for the operator above. A gap is a hole in time, which no window of any operator may touch.
* A row whose time is not later than the last one's is left out; the last time is bad for every window from then on.
* Operators without an interval, once invalid, stay so.
* A window without a sample, after warming up, is invalid. Arithmetic without a finite result is invalid.
* Unknown: before `t - t_first` has reached the sum of the bounds that lie nested in one another, plus one sample for each
  `prev`, `s_prev`, `rise` and `fall`; and as long as the robustness is infinite. Invalid comes before unknown.
"""

from __future__ import annotations

import dataclasses
import decimal
import math

INF = math.inf
STEPS = ("prev", "s_prev", "rise", "fall")


class Bad(Exception):
    """The value cannot be judged."""


@dataclasses.dataclass(frozen=True)
class Value:
    """A robustness, and whether it is satisfied. `truth` matters where the robustness is zero: there `x < 1` and `x <= 1`
    differ. None where the sign of the zero is nobody's business, such as that of `x - x`."""

    robustness: float
    truth: bool | None
    # Not warmed up, on any reading.
    cold: bool = False
    # Some operand was infinite after warming up; the answer may be unknown then, and if known is right all the same.
    infinite: bool = False
    # Infinities of the warm-up met in arithmetic: the value is an accident.
    accident: bool = False
    # Would be invalid, if only it were clear that it has warmed up.
    maybe_invalid: bool = False

    @classmethod
    def of(cls, robustness, truth=None, *operands):
        flags = {flag: any(getattr(operand, flag) for operand in operands) for flag in FLAGS}
        flags["accident"] |= math.isnan(robustness)
        return cls(robustness, truth if robustness == 0 else robustness > 0, **flags)

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def negated(self):
        return self.but(robustness=-self.robustness, truth=None if self.truth is None else not self.truth)


FLAGS = ("cold", "infinite", "accident", "maybe_invalid")


def least(values, neutral=INF):
    """The least; among equals, what is not satisfied is less. A value that is not a number is none."""
    values = list(values)
    numbers = [value for value in values if not math.isnan(value.robustness)]
    lowest = min((value.robustness for value in numbers), default=neutral)
    truths = {value.truth for value in numbers if value.robustness == lowest}
    truth = False if False in truths else None if None in truths else True
    return Value.of(lowest, truth, *values)


def greatest(values, neutral=-INF):
    return least([value.negated() for value in values], -neutral).negated()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One row's answer: "unknown", "ok", "violated" or "invalid", where `states` may be several, and the robustness
    unless it is an accident."""

    states: frozenset
    robustness: float | None


@dataclasses.dataclass(frozen=True)
class Sample:
    time_ns: int
    values: dict


def read_csv(text):
    """Rows of a trace: time in nanoseconds, and values by signal, None where a cell is empty."""
    header, *lines = text.splitlines()
    names = header.split(",")[1:]
    rows = []
    for line in lines:
        time_s, *cells = line.split(",")
        time_ns = int((decimal.Decimal(time_s) * 10**9).to_integral_value())
        rows.append(Sample(time_ns, {name: float(cell) if cell else None for name, cell in zip(names, cells)}))
    return rows


def evaluate(tree, rows, max_gap_ns=None):
    """An Outcome for each row."""
    evaluation = Evaluation(tree, max_gap_ns)
    return [evaluation.update(row) for row in rows]


class Evaluation:
    def __init__(self, tree, max_gap_ns):
        self.tree = tree
        self.max_gap_ns = max_gap_ns
        self.times = []
        # Holes in time: from after `begin` to `end`.
        self.holes = []
        # Sample times after which came a row with no later time.
        self.marks = set()
        # Of every subformula, a Value for each sample, or None where it is invalid; and where it has warmed up, as a time.
        self.history = {}
        self.ready = {}

    def update(self, row) -> Outcome:
        if self.times and row.time_ns <= self.times[-1]:
            self.marks.add(self.times[-1])
            return Outcome(frozenset(("invalid",)), None)
        if self.times and self.max_gap_ns is not None and row.time_ns - self.times[-1] > self.max_gap_ns:
            self.holes.append((self.times[-1], row.time_ns))
        self.times.append(row.time_ns)
        value = self._visit(self.tree, row, ())
        return self._outcome(value)

    def _outcome(self, value) -> Outcome:
        if value is None:
            return Outcome(frozenset(("invalid",)), None)
        states = {"unknown"}
        if not value.cold and not math.isinf(value.robustness):
            states = {True: {"ok"}, False: {"violated"}, None: {"ok", "violated"}}[value.truth].copy()
            if value.accident:
                states = {"ok", "violated"}
            if value.infinite or value.accident or not self._is_ready(()):
                states.add("unknown")
        if value.maybe_invalid:
            states.add("invalid")
        return Outcome(frozenset(states), None if value.accident else value.robustness)

    def _visit(self, node, row, place):
        """The subformula's value at this sample. `place` is its way from the root: equal subformulas are kept apart."""
        operands = [self._visit(arg, row, (*place, i)) for i, arg in enumerate(node.args)]
        self._warm_up(node, place)
        try:
            value = self._value(node, row, place, operands)
            if math.isinf(value.robustness) and self._is_ready(place):
                value = value.but(infinite=True)
        except Bad:
            value = None
        self.history.setdefault(place, []).append(value)
        return value

    # When a subformula has warmed up: bounds add up in time, `prev` and its like by samples. Where both come together at
    # uneven times there are two readings, and between them either answer is right: no sooner than when no window
    # begins before its operand's time nor holds a sample that is not warm (`cold`); no later than what follows here.

    def _warm_up(self, node, place):
        """A time; infinite as long as it depends on a sample that has not come."""
        if self.ready.get(place, INF) != INF:
            return
        ready = max((self.ready[(*place, i)] for i in range(len(node.args))), default=self.times[0])
        if node.op in STEPS:
            # It has no answer yet at the sample at which its operand has the first; any time after that is as good.
            ready = min((time + 1 for time in self.times if time >= ready), default=INF)
        self.ready[place] = ready + (node.bounds[1] if node.bounds else 0)

    def _is_ready(self, place):
        return self.times[-1] >= self.ready[place]

    def _is_early(self, node):
        """Whether a window begins before the time at which its operand can have warmed up."""
        return self.times[-1] < self.times[0] + span_ns(node)

    # What an operator says.

    def _value(self, node, row, place, operands):
        if node.op == "signal":
            return self._signal(row.values[node.text])
        if node.op == "number":
            return Value.of(float(node.text))
        if node.op in STEPS:
            return self._step(node.op, place, operands)
        if node.op in ("historically", "once", "since"):
            return self._window(node, place) if node.bounds else self._whole_past(node, place, operands)
        if None in operands:
            raise Bad
        return self._finite(pointwise(node.op, *operands), place, operands)

    def _signal(self, value):
        if value is None or not math.isfinite(value) or self._after_hole():
            raise Bad
        return Value.of(value)

    def _after_hole(self):
        return bool(self.holes) and self.holes[-1][1] == self.times[-1]

    def _finite(self, value, place, operands):
        """Before warming up, infinities are no fault of the data."""
        if math.isfinite(value.robustness) or value.cold:
            return value
        return self._bad_if(value, all(self._is_ready((*place, i)) for i in range(len(operands))), operands)

    @staticmethod
    def _bad_if(value, is_ready, operands):
        if is_ready and not any(operand.infinite for operand in operands):
            raise Bad
        return value.but(maybe_invalid=True)

    def _step(self, op, place, operands):
        now = operands[0]
        before = Value.of(INF if op in ("prev", "fall") else -INF).but(cold=True)
        if len(self.times) > 1:
            if self._after_hole() or self.times[-2] in self.marks:
                raise Bad
            before = self.history[(*place, 0)][-2]
        if before is None or (now is None and op in ("rise", "fall")):
            raise Bad
        if op == "rise":
            return least((before.negated(), now))
        return least((before, now.negated())) if op == "fall" else before

    def _samples(self, place, begin, end):
        """(time, value) of the operand's samples with begin <= time <= end, none of which may be bad."""
        if any(begin <= mark <= end for mark in self.marks):
            raise Bad
        if any(hole_begin < end and begin <= hole_end for hole_begin, hole_end in self.holes if begin <= end):
            raise Bad
        samples = [(time, value) for time, value in zip(self.times, self.history[place]) if begin <= time <= end]
        if any(value is None for _, value in samples):
            raise Bad
        return samples

    def _window(self, node, place):
        (since, to), now = node.bounds, self.times[-1]
        # The operand that must be within the bounds is the last one; the other one reaches up to now.
        inside = self._samples((*place, len(node.args) - 1), now - to, now - since)
        left = self._samples((*place, 0), now - to, now) if node.op == "since" else []
        value = combined(node.op, left, inside)
        if self._is_early(node) or any(held.cold for _, held in left):
            value = value.but(cold=True)
        if inside or value.cold:
            return value.but(maybe_invalid=True) if self._is_between_bad(place, node, now - to, now - since) else value
        operands = [self.history[(*place, i)] for i in range(len(node.args))]
        recent = [held for each in operands for time, held in zip(self.times, each) if time >= now - to and held]
        return self._bad_if(value, self._is_ready(place), recent)

    def _is_between_bad(self, place, node, begin, end):
        """Whether the window lies between two bad samples that follow one another: perhaps time between them is bad."""
        operand = self.history[(*place, len(node.args) - 1)]
        pairs = zip(self.times, self.times[1:], operand, operand[1:])
        return any(a is None and b is None and before < begin and end < after for before, after, a, b in pairs)

    def _whole_past(self, node, place, operands):
        samples = [self._samples((*place, i), self.times[0], self.times[-1]) for i in range(len(node.args))]
        # Known as soon as its operands are, whatever they were before.
        return combined(node.op, samples[0], samples[-1]).but(cold=any(operand.cold for operand in operands))


def combined(op, left, inside):
    """Of `inside`, and for `since` of `left` after each of them: (time, value) each."""
    if op == "historically":
        return least(value for _, value in inside)
    if op == "once":
        return greatest(value for _, value in inside)
    return greatest(least((value, *(held for after, held in left if after > time))) for time, value in inside)


def span_ns(node):
    """Bounds that lie nested in one another, the longest sum."""
    return max(map(span_ns, node.args), default=0) + (node.bounds[1] if node.bounds else 0)


def pointwise(op, left, right=None):
    """Operators that look at this sample alone."""
    operands = (left,) if right is None else (left, right)
    if op == "not":
        return left.negated()
    if op == "and":
        return least(operands)
    if op == "or":
        return greatest(operands)
    if op == "implies":
        return greatest((left.negated(), right))
    if op in ("iff", "xor"):
        distance = abs(left.robustness - right.robustness)
        same = True if left.robustness else None
        if left.robustness == 0 and None not in (left.truth, right.truth):
            same = left.truth == right.truth
        if op == "iff":
            return Value.of(-distance, same, *operands)
        return Value.of(distance, None if same is None else not same, *operands)
    a, b = (operand.robustness for operand in (*operands, left)[:2])
    compared = {"<": (b - a, False), "<=": (b - a, True), ">": (a - b, False), ">=": (a - b, True),
                "==": (-abs(a - b), True), "!==": (abs(a - b), False)}
    if op in compared:
        return Value.of(*compared[op], *operands)
    return Value.of(arithmetic(op, a, b), None, *operands)


def arithmetic(op, a, b):
    """NaN where Python raises."""
    try:
        if op in ("abs", "sqrt", "exp"):
            return {"abs": abs, "sqrt": math.sqrt, "exp": math.exp}[op](a)
        if op == "pow":
            return math.pow(a, b)
        if op == "/":
            return a / b
        return {"+": a + b, "-": a - b, "*": a * b}[op]
    except (ArithmeticError, ValueError):
        return math.nan
