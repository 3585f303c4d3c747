"""What the tests of the temporal-logic monitor share: the program, RTAMT's Python, random problems and RTAMT's answers."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import environment  # noqa: E402  (the path comes first)
import formulas  # noqa: E402
import program  # noqa: E402
from common import PAIRS, SEED  # noqa: E402

# RTAMT for all pairs; it takes a hundredth of that.
RTAMT_LIMIT_S = 900.0


@dataclasses.dataclass(frozen=True)
class Pair:
    """A problem, what RTAMT says to it (rtamt_eval.py), and the trace's file."""

    problem: formulas.Problem
    solved: dict
    path: pathlib.Path

    @property
    def answer(self) -> dict:
        return self.solved["answers"][0]


@pytest.fixture(scope="session", autouse=True)
def outrider():
    if not os.access(program.path(), os.X_OK):
        pytest.skip(f"not built: {program.path()} (cargo build --release -p outrider_cli)")


@pytest.fixture(scope="session")
def rtamt_python():
    try:
        return environment.python()
    except environment.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def solved(rtamt_python, tmp_path_factory):
    """RTAMT's answers to PAIRS random problems: pairs, and the problems that RTAMT's parser refused."""
    rng = random.Random(SEED)
    problems = [formulas.draw_problem(rng) for _ in range(PAIRS)]
    folder = tmp_path_factory.mktemp("rtamt")
    jobs = [{"text": p.text, "period_ns": p.period_ns, "traces": [p.trace.values]} for p in problems]
    answers = ask_rtamt(rtamt_python, jobs, folder)
    pairs, refused = [], []
    for i, (problem, answer) in enumerate(zip(problems, answers, strict=True)):
        if "refused" in answer:
            refused.append((problem, answer["refused"]))
            continue
        path = folder / f"{i:05d}.csv"
        path.write_text(problem.trace.csv())
        pairs.append(Pair(problem, answer, path))
    return pairs, refused


def ask_rtamt(rtamt_python, jobs, folder) -> list:
    (folder / "jobs.json").write_text(json.dumps(jobs))
    # Without -E it would look into the path of whatever ROS 2 is sourced.
    command = [rtamt_python, "-E", HERE / "rtamt_eval.py", folder / "jobs.json", folder / "answers.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RTAMT_LIMIT_S, check=False)
    assert done.returncode == 0, f"rtamt_eval.py: {done.stderr}"
    answers = json.loads((folder / "answers.json").read_text())
    print(f"RTAMT: {len(jobs)} formulas in {answers['cpu_s']:.1f} s of processor time")
    return answers["jobs"]
