"""RTAMT with the few settings that its users here share. Runs under the Python of its own environment."""

import logging
import sys
import typing

# RTAMT's parser runtime imports this module, which Python 3.13 has no longer; its names are in `typing`.
sys.modules.setdefault("typing.io", typing)

import rtamt  # noqa: E402  (the line above comes first)

UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}

# RTAMT warns of each name that it meets.
logging.disable(logging.WARNING)


def parsed(kind, text, signals, period_ns):
    """A specification of RTAMT, read and ready. Its parser takes a formula such as `x - 1` for two, hence the
    parentheses around everything."""
    spec = kind()
    for name in signals:
        spec.declare_var(name, "float")
    unit = next(unit for unit, length in UNITS_NS.items() if period_ns % length == 0)
    spec.set_sampling_period(period_ns // UNITS_NS[unit], unit, 0.1)
    spec.spec = f"({text})"
    spec.parse()
    return spec


def offline(text, signals, period_ns):
    return parsed(rtamt.StlDiscreteTimeOfflineSpecification, text, signals, period_ns)


def online(text, signals, period_ns):
    return parsed(rtamt.StlDiscreteTimeOnlineSpecification, text, signals, period_ns)


if __name__ == "__main__":
    answer = offline("historically[0:1](x - 1 > 0)", ["x"], 10**9).evaluate({"time": [0, 1], "x": [3.0, 2.0]})
    sys.exit(0 if answer == [[0, 2.0], [1, 1.0]] else f"Error: RTAMT answers {answer}")
