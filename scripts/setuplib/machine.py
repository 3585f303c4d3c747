"""Which ROS 2 is there, and what does this machine lack? Each lack ends in one line that says what to do."""
from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from .console import Stop

OLDEST, NEWEST = (3, 10), (3, 14)  # NEWEST is what the wheels are built for; a sourced ROS 2 has its own limit
DISK_BYTES = 3 * 10**9
WHEELS_DISTRO = "jazzy"


@dataclass
class Plan:
    """Where things are, and whether a sourced ROS 2 is used (`prefixes`) or the wheels (`prefixes` empty)."""

    root: Path
    prefixes: list = field(default_factory=list)
    distro: str = WHEELS_DISTRO

    @property
    def sourced(self) -> bool:
        return bool(self.prefixes)

    @property
    def ros(self) -> Path:
        return self.root / ".ros"

    @property
    def venv(self) -> Path:
        return self.ros / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def site(self) -> Path:
        return self.venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    @property
    def install(self) -> Path:
        return self.ros / "install"

    @property
    def env_file(self) -> Path:
        return self.ros / "env.sh"

    def log(self, name: str) -> Path:
        return self.ros / "log" / f"{name}.log"

    def shown(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def make_plan(root: Path, environ) -> Plan:
    prefixes = own_removed(environ.get("AMENT_PREFIX_PATH", ""), root, environ)
    distro = environ.get("ROS_DISTRO", "")
    complete = holds(prefixes, "rcl", "rclcpp") and holds(prefixes, "sensor_msgs")
    if distro and complete:
        return Plan(root, prefixes, distro)
    return Plan(root)


def own_removed(paths: str, root: Path, environ) -> list:
    """A path list without our own entries: a shell that has sourced .ros/env.sh has not sourced a ROS 2."""
    own = [str(root / ".ros"), environ.get("OUTRIDER_ROS") or str(root / ".ros")]
    return [p for p in paths.split(":") if p and not any(p == o or p.startswith(o + "/") for o in own)]


def holds(prefixes: list, *packages: str) -> bool:
    files = [Path(prefix) / "share" / package / "package.xml" for prefix in prefixes for package in packages]
    return any(file.is_file() for file in files)


def check_tools(plan: Plan) -> None:
    """What every run needs. Quick, so it is looked at each time."""
    if sys.version_info[:2] < OLDEST:
        raise Stop(f"Python {platform.python_version()} is too old: install Python 3.10 or newer (or set PYTHON=...)")
    if ":" in str(plan.root):
        raise Stop(f"the path of this checkout has a colon, which no search path can hold: move it ({plan.root})")
    if not compiler("CC", "cc", "gcc", "clang"):
        raise Stop("no C compiler (cc) on PATH: install one, e.g. the package build-essential or gcc")
    if not compiler("CXX", "c++", "g++", "clang++"):
        raise Stop("no C++ compiler (c++) on PATH, which the messages need: install one, e.g. build-essential or g++")
    for tool in ("cargo", "rustc"):
        if not shutil.which(tool):
            raise Stop(f"no Rust ({tool}) on PATH: install it from https://rustup.rs")


def check_build(plan: Plan) -> None:
    """What only a build needs."""
    if not (plan.root / "msgs" / "package.xml").is_file():
        raise Stop("msgs/package.xml is missing: this checkout is not complete")
    if not plan.sourced:
        check_platform()
    if not has("venv") or not (has("ensurepip") or has("pip")):
        raise Stop(
            f"{sys.executable} lacks the modules venv and pip: install them, "
            "e.g. the package python3-venv, or set PYTHON=... to a Python that has them"
        )
    check_compiler_works()
    free = shutil.disk_usage(plan.root).free
    if free < DISK_BYTES:
        raise Stop(f"only {free / 1e9:.1f} GB free below {plan.root}: the set-up and the build need 3 GB")


def check_platform() -> None:
    hint = f"source a ROS 2 {WHEELS_DISTRO.capitalize()} and run this again"
    libc, version = platform.libc_ver()
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Stop(f"no ROS 2 wheels for {platform.system()} {platform.machine()} (only Linux x86_64): {hint}")
    if libc != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < (2, 28):
        raise Stop(f"no ROS 2 wheels for {libc or 'this C library'} {version} (glibc 2.28 or newer is needed): {hint}")
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    if platform.python_implementation() != "CPython" or sys.version_info[:2] > NEWEST or free_threaded:
        raise Stop(f"no ROS 2 wheels for {sys.executable} (CPython 3.10 to 3.14): set PYTHON=... to one, or {hint}")


def check_compiler_works() -> None:
    """A compiler without the C++ library's headers is found on PATH too, and fails much later."""
    tool = compiler("CXX", "c++", "g++", "clang++")
    source = b"#include <vector>\n#include <stdlib.h>\nint main() { return 0; }\n"
    done = subprocess.run(
        [*tool, "-x", "c++", "-fsyntax-only", "-"], input=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if done.returncode:
        raise Stop(f"the C++ compiler {tool[0]} cannot compile an empty program: install the package build-essential")


def compiler(variable: str, *names: str) -> list:
    """The compiler as a command: the user's choice (which may carry flags), else the first one on PATH."""
    for name in [os.environ.get(variable, "")] + list(names):
        words = name.split()
        if words and shutil.which(words[0]):
            return words
    return []


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def python_headers() -> Path | None:
    folder = Path(sysconfig.get_path("include"))
    return folder if (folder / "Python.h").is_file() else None


def clean_environment(plan: Plan, environ) -> dict:
    """The environment without what would bend the build: other prefixes, another Python, pip's target folders."""
    env = dict(environ)
    for name in ("PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"):
        env.pop(name, None)
    lists = ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH"]
    for name in lists:
        value = ":".join(own_removed(env.pop(name, ""), plan.root, environ))
        if value and (plan.sourced or name in ("PATH", "LD_LIBRARY_PATH")):
            env[name] = value
    env["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"  # else the wheels' start-up hook starts every Python twice
    return env
