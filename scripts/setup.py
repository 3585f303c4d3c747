"""Makes what the build needs below .ros/: a ROS 2 (unless one is sourced), the message packages, and env.sh.

A second run finds everything in place and does nothing. See `scripts/setup --help`.
"""
from __future__ import annotations

import argparse
import errno
import fcntl
import os
import platform
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from setuplib import console, envfile, machine, messages, stamp, wheels  # noqa: E402
from setuplib.console import Stage, Stop  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


class Keys:
    """What the environment and the messages would have to be made from, and whether they are."""

    def __init__(self, plan: machine.Plan):
        self.plan = plan
        self.environment = stamp.environment_key(plan)
        packages = messages.packages(plan)
        self.sources = stamp.sources_key(plan, packages)
        self.messages = stamp.messages_key(plan, packages)

    def environment_current(self) -> bool:
        return stamp.is_current(self.plan, "environment", self.environment) and self.plan.python.exists()

    def messages_current(self) -> bool:
        built = (self.plan.install / "share" / messages.OUR_PACKAGE / "package.xml").is_file()
        return stamp.is_current(self.plan, "messages", self.messages) and built and self.plan.env_file.is_file()


def main(arguments: list) -> int:
    options = parse(arguments)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, console.interruption)
    try:
        plan = machine.make_plan(ROOT, os.environ)
        return report(plan) if options.check else set_up(plan)
    except Stop as reason:
        return failed(str(reason), 1)
    except KeyboardInterrupt:
        return failed("interrupted: run it again, it starts the unfinished part anew", 130)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return failed("the disk is full: free some space and run this again", 1)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return failed(f"no permission to write {error.filename}", 1)
        raise


def parse(arguments: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say what would be used; exit 1 if it is not up to date")
    return parser.parse_args(arguments)


def failed(text: str, code: int) -> int:
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    print(f"setup: {text}", file=sys.stderr)
    return code


def report(plan: machine.Plan) -> int:
    print(f"ROS 2: {described(plan)}")
    print(f"Python: {platform.python_version()} ({sys.executable})")
    machine.check_tools(plan)
    keys = Keys(plan)
    environment, built = keys.environment_current(), keys.messages_current()
    print(f"environment: {'up to date' if environment else 'to be built'} ({plan.venv})")
    print(f"messages: {'up to date' if environment and built else 'to be built'} ({plan.install})")
    return 0 if environment and built else 1


def described(plan: machine.Plan) -> str:
    if plan.sourced:
        return f"{plan.distro}, sourced ({':'.join(plan.prefixes)[:200]})"
    pins = dict(line.split("==") for line in wheels.pinned(stamp.requirements(plan)))
    return f"{plan.distro}, wheels (rclpy {pins['ros-rclpy']}, rmw_fastrtps_cpp {pins['ros-rmw-fastrtps-cpp']})"


def set_up(plan: machine.Plan) -> int:
    start = time.monotonic()
    machine.check_tools(plan)
    plan.ros.mkdir(exist_ok=True)
    with open(plan.ros / "lock", "a+") as lock:
        take(lock)
        console.inherited = (lock.fileno(),)
        keys = Keys(plan)
        if keys.environment_current() and keys.messages_current():
            print(f"setup: up to date ({described(plan)})")
            return 0
        make(plan, keys)
    print(f"setup: done in {time.monotonic() - start:.0f} s; the environment is in {plan.shown(plan.env_file)}")
    return 0


def take(lock) -> None:
    """One set-up at a time per checkout; the kernel frees the lock of a run that was killed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        print(f"setup: another set-up is running here (process {lock.read().strip() or '?'}): waiting", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def make(plan: machine.Plan, keys: Keys) -> None:
    names = ("machine", "tools" if plan.sourced else "wheels", "repairs", "messages", "verify")
    now = Stage(1, names)
    machine.check_build(plan)
    now.done(described(plan))
    # From here on nothing may look finished until it is.
    plan.env_file.unlink(missing_ok=True)
    stamp.remove(plan, "messages")
    if not keys.environment_current():
        stamp.remove(plan, "environment")
        now = Stage(2, names)
        now.done(wheels.install(plan, os.environ, now))
        now = Stage(3, names)
        now.done(wheels.repair(plan, os.environ, now))
        stamp.write(plan, "environment", keys.environment)
    now = Stage(4, names)
    now.done(messages.build(plan, os.environ, now))
    now = Stage(5, names)
    try:
        envfile.write_checked(plan, os.environ, keys.sources)
    except Stop:
        stamp.remove(plan, "environment")  # the wheels may be what is broken: install them anew next time
        raise
    stamp.write(plan, "messages", keys.messages)
    now.done("rclpy, the messages and librcl load")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
