"""Random traces as a robot has them: uneven times, holes, cells that are empty or no numbers, times that go backwards."""

from __future__ import annotations

import dataclasses

from formulas import FULL, MINIMAL, MS, SECOND, SIGNALS, Formulas, Node, Trace, draw_values, in_unit, render

NOT_FINITE = (None, float("nan"), float("inf"), float("-inf"))
# A signal that no formula names, full of what is bad elsewhere.
UNUSED = "nobody"


@dataclasses.dataclass(frozen=True)
class Problem:
    tree: Node
    text: str
    trace: Trace
    max_gap_ns: int | None

    @property
    def max_gap(self):
        return None if self.max_gap_ns is None else in_unit(self.max_gap_ns, "s")


def draw_problem(rng, faults) -> Problem:
    """`faults` is the number of bad places in the trace."""
    period_ns = rng.choice((SECOND, 100 * MS, 10 * MS))
    length = rng.randint(15, 60)
    names = rng.sample(SIGNALS, rng.randint(2, 3))
    # Bounds in halves of the period, times in quarters: windows end at samples, between them, and hold none.
    formulas = Formulas(rng, names, period_ns // 2, max(4, length // 2))
    tree = formulas.draw(rng.choice((1, 2, 2, 3, 3, 4)))
    max_gap_ns = rng.choice((None, period_ns, 2 * period_ns, 3 * period_ns))
    times = draw_times(rng, length, period_ns, max_gap_ns)
    values = {name: draw_values(rng, length) for name in names}
    for _ in range(faults):
        spoil(rng, times, values, period_ns, max_gap_ns)
    values[UNUSED] = [rng.choice((*NOT_FINITE, 0.0)) for _ in times]
    text = render(rng, tree, rng.choice((FULL, MINIMAL, MINIMAL)))
    return Problem(tree, text, Trace(times, values), max_gap_ns)


def draw_times(rng, length, period_ns, max_gap_ns) -> list:
    """Steps of a quarter to two and a half periods, but none beyond the longest gap; sometimes all alike."""
    quarters = (4,) if rng.random() < 0.25 else rng.choice(((3, 4, 5), (1, 2, 4, 4, 6), (2, 4, 8, 10)))
    longest = max_gap_ns or 10 * period_ns
    time_ns, times = rng.choice((0, 0, 3 * period_ns, 1_000 * SECOND)), []
    for _ in range(length):
        times.append(time_ns)
        time_ns += min(rng.choice(quarters) * period_ns // 4, longest)
    return times


def spoil(rng, times, values, period_ns, max_gap_ns):
    """One thing goes wrong, somewhere."""
    at = rng.randrange(len(times))
    kind = rng.choice(("cell", "cell", "cell", "time", "hole"))
    if kind == "cell":
        values[rng.choice(list(values))][at] = rng.choice(NOT_FINITE)
    elif kind == "time" and at > 0:
        # A row more, at the last time or before it, with values that must not count.
        times.insert(at, max(0, times[at - 1] - rng.choice((0, 0, 1, 5)) * period_ns))
        for column in values.values():
            column.insert(at, rng.choice((-99.0, 99.0)))
    elif kind == "hole" and at > 0:
        # Exactly as long as may be, a little longer, or far longer.
        more = rng.choice((0, period_ns // 4, 6 * period_ns))
        behind = times[at] - max(times[:at])
        later = max(0, (max_gap_ns or 3 * period_ns) + more - behind)
        times[at:] = [time_ns + later for time_ns in times[at:]]
