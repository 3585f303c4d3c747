"""How long RTAMT's online monitor takes for a sample: `rtamt_time.py --spec FORMULA --trace FILE.csv --period-ms 10`.

Prints JSON. Each repetition is the whole trace with a new monitor, in time of the processor; what the monitor is fed
with is put together beforehand. A subformula should not occur twice: RTAMT would then answer wrongly, though as fast.
"""

import argparse
import csv
import importlib.metadata
import json
import platform
import statistics
import time

from rtamt_spec import online


def read(path):
    """Times and columns of a trace."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    columns = {name: [float(row[i]) for row in rows] for i, name in enumerate(header)}
    return columns.pop(header[0]), columns


def used(node):
    """Signals of a subformula."""
    if type(node).__name__ == "Variable":
        return {node.var}
    return set().union(*(used(child) for child in node.children))


def repetition(arguments, period_ns, times, columns):
    """Nanoseconds an update, and the last robustness."""
    spec = online(arguments.spec, list(columns), period_ns)
    names = sorted(used(spec.ast.specs[0]))
    updates = [(t, [[name, columns[name][i]] for name in names]) for i, t in enumerate(times)]
    update = spec.update
    update(*updates[0])  # sets its operators up
    spec.reset()
    robustness = None
    begin = time.process_time_ns()
    for at, values in updates:
        robustness = update(at, values)
    return (time.process_time_ns() - begin) / len(updates), robustness


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", required=True)
    parser.add_argument("--trace", required=True)
    parser.add_argument("--period-ms", type=float, required=True)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.repetitions < 1:
        parser.error("--repetitions: at least 1")
    times, columns = read(arguments.trace)
    if not times:
        parser.error(f"{arguments.trace}: no samples")
    period_ns = round(arguments.period_ms * 1e6)
    runs = [repetition(arguments, period_ns, times, columns) for _ in range(arguments.repetitions)]
    taken = [ns for ns, _ in runs]
    print(json.dumps({
        "ns_per_update_median": statistics.median(taken),
        "ns_per_update_min": min(taken),
        "ns_per_update_max": max(taken),
        "repetitions": len(taken),
        "samples": len(times),
        "last_robustness": runs[-1][1],
        "rtamt": importlib.metadata.version("rtamt"),
        "python": platform.python_version(),
    }))


if __name__ == "__main__":
    main()
