"""Stamps say what a finished build was made from. They are removed first and written last, so that an interrupted
build never looks like a finished one."""
from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from .machine import Plan

# Packages of a ROS 2 whose update means new bindings: the C interfaces, the generator's runtime, and messages.
TELLING = ("rcl", "rmw", "rosidl_runtime_c", "sensor_msgs", "nav2_msgs")
INTERFACES = {"msg": "*.msg", "srv": "*.srv", "action": "*.action"}


def digest(*parts) -> str:
    """A hash of texts and files; a file counts with its path, so a renamed message is noticed."""
    total = hashlib.sha256()
    for part in parts:
        data = str(part).encode() + (b"\0" + part.read_bytes() if isinstance(part, Path) else b"")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def requirements(plan: Plan) -> Path:
    return plan.root / "scripts" / ("requirements-tools.txt" if plan.sourced else "requirements.txt")


def ros_key(plan: Plan) -> str:
    """Which ROS 2 it is: the pinned wheels, or the sourced prefixes with the versions of what the bindings are made from."""
    scripts = plan.root / "scripts"
    requirements = scripts / "requirements.txt", scripts / "requirements-tools.txt"
    return digest(plan.distro, *plan.prefixes, *requirements, *versions(plan.prefixes))


def versions(prefixes: list) -> list:
    """Files that change when a sourced ROS 2 is updated in place: its prefix stays the same."""
    files = [Path(prefix) / "share" / package / "package.xml" for prefix in prefixes for package in TELLING]
    return [file for file in files if file.is_file()]


def environment_key(plan: Plan) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    return digest(ros_key(plan), version, sys.base_prefix, str(plan.root), part_of_setup("wheels"))


def part_of_setup(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.py")


def message_files(package: Path) -> list:
    """The files of the ament build; a Rust crate in the same folder has no part in it."""
    named = [package / "package.xml", package / "CMakeLists.txt"]
    found = [file for folder, pattern in INTERFACES.items() for file in sorted((package / folder).glob(pattern))]
    return [file for file in named if file.is_file()] + found


def sources_key(plan: Plan, packages: list) -> str:
    """What the Rust bindings are made from: they take minutes, so nothing else may change this."""
    return digest(ros_key(plan), *[file for package in packages for file in message_files(package)])


def messages_key(plan: Plan, packages: list) -> str:
    parts = [part_of_setup(name) for name in ("messages", "envfile")]
    return digest(environment_key(plan), sources_key(plan, packages), *parts)


def stamp_file(plan: Plan, name: str) -> Path:
    return plan.ros / f"{name}.stamp"


def is_current(plan: Plan, name: str, key: str) -> bool:
    try:
        return stamp_file(plan, name).read_text() == key + "\n"
    except OSError:
        return False


def remove(plan: Plan, *names: str) -> None:
    for name in names:
        stamp_file(plan, name).unlink(missing_ok=True)


def write(plan: Plan, name: str, key: str) -> None:
    write_whole(stamp_file(plan, name), key + "\n")


def write_whole(path: Path, text: str) -> None:
    """Either the old file or the whole new one, whatever happens meanwhile."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, path)


def remove_tree(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
