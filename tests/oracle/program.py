"""The `outrider stl` program: where it is, how it is run, what it prints."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Row:
    t_s: str
    robustness: float
    state: str


class Refused(Exception):
    """It ended with an error; the text is what it said."""


def path() -> pathlib.Path:
    """OUTRIDER_BIN, else where cargo puts it."""
    chosen = os.environ.get("OUTRIDER_BIN")
    if chosen:
        return pathlib.Path(chosen).absolute()
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "outrider"


def command(text, trace, max_gap=None) -> list:
    gap = ["--max-gap", max_gap] if max_gap else []
    # With `=`, a formula may begin with a minus.
    return [str(path()), "stl", f"--spec={text}", "--trace", str(trace), *gap]


def run(text, trace, max_gap=None) -> list:
    """The rows that it prints."""
    done = subprocess.run(command(text, trace, max_gap), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise Refused(f"exit code {done.returncode}: {done.stderr.strip()}")
    header, *lines = done.stdout.splitlines()
    if header != "t_s,robustness,state":
        raise Refused(f"its first line is {header!r}")
    rows = []
    for line in lines:
        t_s, robustness, state = line.split(",")
        rows.append(Row(t_s, float(robustness) if robustness else float("nan"), state))
    return rows


def shown(text, trace, max_gap=None) -> str:
    """For a person to run it again."""
    return shlex.join(command(text, trace, max_gap))
