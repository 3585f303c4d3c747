"""The virtual environment of RTAMT: made when it is missing, found at once when it is there.

`python tests/oracle/environment.py` prints the path of its Python. It lies in `.oracle/venv` below the repository, or
where OUTRIDER_ORACLE says.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
# How an environment is made, beside what is in it: raise it when the commands below change.
RECIPE = 1
OLDEST = (3, 10)
# RTAMT declares itself for Python below this. It works above as well, with the help of rtamt_spec.py.
DECLARED_BELOW = (3, 13)
LIMIT_S = 300.0
NETWORK = (
    "NewConnectionError", "Max retries exceeded", "Temporary failure in name resolution", "ConnectTimeout", "timed out",
    "Network is unreachable", "ProxyError", "Connection refused", "CERTIFICATE_VERIFY_FAILED", "Name or service not known",
)


class Unavailable(Exception):
    """Why there is no environment; one line."""


def folder() -> pathlib.Path:
    chosen = os.environ.get("OUTRIDER_ORACLE")
    return pathlib.Path(chosen).absolute() if chosen else HERE.parents[1] / ".oracle" / "venv"


def python() -> pathlib.Path:
    """The Python that has RTAMT; makes the environment first if need be."""
    if sys.version_info < OLDEST:
        raise Unavailable(f"RTAMT's environment needs Python {OLDEST[0]}.{OLDEST[1]} or newer")
    venv = folder()
    found = venv / "bin" / "python"
    stamp = venv / "outrider.stamp"
    if _is_current(stamp, found):
        return found
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        lock = open(venv.with_name(venv.name + ".lock"), "w")
    except OSError as problem:
        raise Unavailable(f"cannot write {venv.parent}: {problem.strerror}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(stamp, found):  # somebody else may have made it while this waited
            _make(venv, found, stamp, lock.fileno())
    return found


def _key() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    parts = (str(RECIPE), version, _base(), str(folder()), REQUIREMENTS.read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _base() -> str:
    """The interpreter below this virtual environment, if it is one: that one may vanish."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _is_current(stamp: pathlib.Path, found: pathlib.Path) -> bool:
    try:
        return stamp.read_text() == _key() and os.access(found, os.X_OK)
    except OSError:
        return False


def _make(venv: pathlib.Path, found: pathlib.Path, stamp: pathlib.Path, lock: int) -> None:
    """The stamp comes last: what was interrupted never looks finished."""
    if venv.exists():
        if not (venv / "pyvenv.cfg").exists():
            raise Unavailable(f"{venv} is there but is no virtual environment; not touched")
        stamp.unlink(missing_ok=True)
        shutil.rmtree(venv)
    _run([_base(), "-m", "venv", venv], lock, "cannot make a virtual environment (package python3-venv?)")
    install = [found, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "--no-deps"]
    install += ["--retries", "1", "--timeout", "20"]
    pinned = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    builder = [line for line in pinned if line.startswith("setuptools==")]
    _run([*install, "--only-binary=:all:", *builder], lock, "cannot install setuptools")
    beyond = ["--ignore-requires-python"] if sys.version_info >= DECLARED_BELOW else []
    _run([*install, "--no-build-isolation", "--use-pep517", *beyond, *pinned], lock, "cannot install RTAMT")
    _run([found, "-E", HERE / "rtamt_spec.py"], lock, "RTAMT is installed but does not work")
    stamp.write_text(_key())


def _run(command: list, lock: int, problem: str) -> None:
    """The child inherits the lock: should this process be killed, it stays taken until the child is gone."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(part) for part in command]
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=LIMIT_S, pass_fds=(lock,), check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{problem}: no end after {LIMIT_S:.0f} s") from None
    if done.returncode == 0:
        return
    if any(sign in done.stdout for sign in NETWORK):
        raise Unavailable(f"{problem}: the package index (PyPI) cannot be reached")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    cause = next((line for line in lines if "ERROR" in line or "Error" in line), lines[-1] if lines else "")
    raise Unavailable(f"{problem}: {cause.strip()}")


if __name__ == "__main__":
    try:
        print(python())
    except Unavailable as reason:
        sys.exit(f"environment.py: {reason}")
