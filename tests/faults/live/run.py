"""The fault campaign over real processes and DDS: every row, several repetitions, a table and `live.csv`.

python tests/faults/live/run.py [--repetitions 5] [--rows PATTERN] [--out runs/faults]

Exit code 1 when a row misses or was not run. Each repetition is a process and has a ROS domain of its own.
"""

import argparse
import contextlib
import csv
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import limits  # first: it sets the path to the system tests
from harness import ROOT, started_by, why_not

COLUMNS_FILE = pathlib.Path(__file__).resolve().parents[1] / "columns.txt"
COLUMNS = (
    "row,group,world,repetition_count,expected,bound_s,bound_m,reaction_ms_p50,reaction_ms_p100,stop_ms_p100,"
    "distance_m_p100,speed_mps_max,least_clearance_m,collisions,envelope_violations,restarts,reason,verdict,note"
).split(",")
# A repetition that takes longer hangs.
REPETITION_LIMIT_S = 240.0
PASS, MISS, NOT_RUN = "pass", "MISS", "NOT RUN"
# The shared memory of Fast DDS stalls others for up to a second when a process dies that holds one of its locks.
TRANSPORT = {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}


def rows():
    """All rows. Imported late: the modules need rclpy."""
    from catalogue import ROWS

    return ROWS


# --- one repetition, in a process of its own ---


def repetition(arguments):
    """Runs one and writes its figures."""
    from trial import Trial

    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.suppress(OSError):
        os.nice(-10)  # the witness must not be what is late
    row = next(r for r in rows() if r.id == arguments.one)
    result = Trial(row, pathlib.Path(arguments.folder), fault=not arguments.without_fault).run()
    pathlib.Path(arguments.result).write_text(json.dumps(result))


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


# --- all of them ---


def run_one(row, folder, arguments):
    """Starts a repetition, waits for it, and leaves no process behind whatever happens; its figures."""
    from network import Namespaces, why_no_namespaces

    result = folder / "result.json"
    command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--one", row.id]
    command += ["--folder", str(folder), "--result", str(result)]
    if arguments.without_fault:
        command.append("--without-fault")
    with contextlib.ExitStack() as stack:
        environment = os.environ | TRANSPORT
        if row.network:
            if missing := why_no_namespaces():
                return {"not_run": missing}
            namespaces = stack.enter_context(Namespaces())
            command = namespaces.near_prefix + command
            environment |= namespaces.environment
        log = stack.enter_context(open(folder / "repetition.log", "w"))
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
        )
        try:
            child.wait(REPETITION_LIMIT_S)
        except subprocess.TimeoutExpired:
            return {"misses": [f"hangs: not done in {REPETITION_LIMIT_S:.0f} s"], "notes": []}
        finally:
            end(child)
    if not result.is_file():
        return {"misses": [f"ended with {child.returncode}: {tail(folder / 'repetition.log')}"], "notes": []}
    return json.loads(result.read_text())


def end(child):
    """Asks a repetition to end, and kills whatever it started that is still there (also what is halted)."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(15.0)
    if child.poll() is None:
        child.kill()
        child.wait()
    for pid in started_by(child.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tail(path):
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def summary(row, results):
    """A line of the table from the repetitions' figures."""
    done = [r for r in results if "not_run" not in r]
    missing = [r["not_run"] for r in results if "not_run" in r]

    def figures(key):
        return [r[key] for r in done if r.get(key) is not None]

    def greatest(key, digits):
        values = figures(key)
        return f"{max(values):.{digits}f}" if values else ""

    reactions, clearances = figures("reaction_ms"), figures("least_clearance_m")
    misses = list(dict.fromkeys(m for r in done for m in r["misses"]))
    bad = sum(bool(r["misses"]) for r in done)
    notes = list(dict.fromkeys(missing + misses + ([row.note] if row.note else []) + [n for r in done for n in r["notes"]]))
    if figures("bound_s"):
        notes.append(f"bounds with {limits.LOADED_MACHINE_S} s for a machine that does other things as well")
    if bad and len(done) > 1:
        notes.insert(0, f"{bad} of {len(done)} missed")
    return {
        "row": row.id,
        "group": row.group,
        "world": "live",
        "repetition_count": len(done),
        "expected": row.expected,
        "bound_s": greatest("bound_s", 3),
        "bound_m": greatest("bound_m", 3),
        "reaction_ms_p50": f"{statistics.median(reactions):.1f}" if reactions else "",
        "reaction_ms_p100": greatest("reaction_ms", 1),
        "stop_ms_p100": greatest("stop_ms", 1),
        "distance_m_p100": greatest("distance_m", 3),
        "speed_mps_max": greatest("speed_mps", 3),
        "least_clearance_m": f"{min(clearances):.3f}" if clearances else "",
        "collisions": sum(figures("collisions")),
        "envelope_violations": sum(len(v) for v in figures("violations")),
        "restarts": sum(figures("restarts")),
        "reason": "; ".join(dict.fromkeys(reason for r in done for reason in r.get("reason", [])[:4])),
        "verdict": NOT_RUN if missing or not done else MISS if misses else PASS,
        "note": "; ".join(notes),
    }


def columns():
    """The names of the columns, from the file that the simulator's part reads too."""
    if not COLUMNS_FILE.is_file():
        return COLUMNS
    named = COLUMNS_FILE.read_text().split()
    if set(named) != set(COLUMNS):
        raise SystemExit(f"{COLUMNS_FILE}: not the columns that are written here: {sorted(set(named) ^ set(COLUMNS))}")
    return named


def write(lines, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "live.csv", "w", newline="") as file:
        table = csv.DictWriter(file, columns())
        table.writeheader()
        table.writerows(lines)


def show(line):
    """One line of the table for people."""
    bound_ms = f"{1e3 * float(line['bound_s']):.0f}" if line["bound_s"] else "-"
    time_to_stop = f"{line['stop_ms_p100'] or '-':>7} of {bound_ms:>5} ms"
    way = f"{line['distance_m_p100'] or '-':>6} of {line['bound_m'] or '-':>5} m"
    row = f"{line['row']:<30} {line['repetition_count']} {line['expected']:<16}"
    return f"{row} {time_to_stop} {way}  {line['verdict']:<7} {line['reason'][:70]} | {line['note'][:160]}"


def campaign(arguments):
    chosen = [r for r in rows() if re.search(arguments.rows, r.id)]
    if not chosen:
        raise SystemExit(f"no row matches {arguments.rows!r}")
    if arguments.list:
        for row in chosen:
            print(f"{row.id:<32} {row.group:<14} {row.expected:<16} {row.about}")
        return 0
    lines = []
    with tempfile.TemporaryDirectory(prefix="outrider-faults-") as scratch:
        for row in chosen:
            results = []
            for number in range(1, arguments.repetitions + 1):
                folder = pathlib.Path(scratch) / row.id / str(number)
                folder.mkdir(parents=True)
                results.append(run_one(row, folder, arguments))
                if "not_run" in results[-1]:
                    break
                if results[-1]["misses"] and arguments.keep:
                    kept = pathlib.Path(arguments.keep) / row.id / str(number)
                    shutil.rmtree(kept, ignore_errors=True)
                    shutil.copytree(folder, kept, ignore_dangling_symlinks=True)
            lines.append(summary(row, results))
            print(show(lines[-1]), flush=True)
            write(lines, pathlib.Path(arguments.out))
    counts = {verdict: sum(line["verdict"] == verdict for line in lines) for verdict in (PASS, MISS, NOT_RUN)}
    print(f"\n{len(lines)} rows live: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return int(counts[MISS] > 0 or (counts[NOT_RUN] > 0 and not arguments.allow_not_run))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--rows", default="", metavar="PATTERN", help="regular expression over the rows' ids")
    parser.add_argument("--out", default=ROOT / "runs/faults", help="folder for live.csv")
    parser.add_argument("--list", action="store_true", help="what there is, without running it")
    parser.add_argument("--allow-not-run", action="store_true", help="rows that this machine cannot run are no miss")
    parser.add_argument("--without-fault", action="store_true", help="leave the fault out: rows that expect a stop have to miss")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the logs of repetitions that missed")
    for hidden in ("--one", "--folder", "--result"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if missing := why_not():
        raise SystemExit(f"cannot run: {missing}")
    if arguments.one:
        return repetition(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    try:
        return campaign(arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
