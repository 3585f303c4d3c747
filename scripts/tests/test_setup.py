"""Tests of scripts/setup that need no network: what it says when something is missing, and what it trusts."""
from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

SCRIPTS = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("outrider_setup", SCRIPTS / "setup.py")
setup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup)
from setuplib import console, envfile, machine, messages, stamp, wheels  # noqa: E402

TOOLS = ("cc", "c++", "cargo", "rustc")
# Calls setup.main with stages that only leave marks, in the checkout given as the first argument.
STUBBED = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("outrider_setup", sys.argv[1])
setup = importlib.util.module_from_spec(spec); spec.loader.exec_module(setup)
from setuplib import machine, messages, wheels
machine.check_build = lambda plan: None
wheels.install = lambda plan, environ, stage: wheels.run_logged(
    [sys.executable, "-c", "import time; time.sleep(60)"], plan.log("wheels"), dict(environ), stage, lambda line: None)
sys.exit(setup.main([]))
"""


class Checkout(unittest.TestCase):
    """A small checkout in a temporary folder, and a PATH with the tools that the set-up asks for."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve() / "a checkout"
        self.bin = Path(folder.name) / "bin"
        self.bin.mkdir()
        (self.root / "msgs" / "msg").mkdir(parents=True)
        (self.root / "msgs" / "src").mkdir()
        (self.root / "msgs" / "package.xml").write_text("<package/>")
        (self.root / "msgs" / "msg" / "A.msg").write_text("uint8 a\n")
        self.scripts = self.root / "scripts"
        shutil.copytree(SCRIPTS, self.scripts, ignore=shutil.ignore_patterns("tests", "__pycache__"))
        self.plan = machine.Plan(self.root)

    def tools(self, *names):
        for name in names:
            tool = self.bin / name
            tool.write_text("#!/bin/sh\nexit 0\n")
            tool.chmod(0o755)

    def environment(self):
        return {"PATH": str(self.bin), "HOME": str(self.bin)}


class Missing(Checkout):
    """Each lack gives one line which names it, a failing exit code, and no stack trace."""

    def run_setup(self, *arguments):
        command = [sys.executable, "-B", str(self.scripts / "setup.py"), *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60)

    def assert_one_line(self, done, word):
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(word, done.stderr)
        self.assertNotIn("Traceback", done.stderr + done.stdout)

    def test_each_tool(self):
        words = {"cc": "C compiler (cc)", "c++": "C++ compiler", "cargo": "(cargo)", "rustc": "(rustc)"}
        for missing, word in words.items():
            with self.subTest(missing):
                self.tools(*TOOLS)
                (self.bin / missing).unlink()
                self.assert_one_line(self.run_setup(), word)
                self.assertFalse((self.root / ".ros" / "venv").exists())

    def test_check_names_it_too(self):
        self.tools("c++", "cargo", "rustc")
        self.assert_one_line(self.run_setup("--check"), "C compiler (cc)")

    def test_message_package(self):
        self.tools(*TOOLS)
        (self.root / "msgs" / "package.xml").unlink()
        self.assert_one_line(self.run_setup(), "msgs/package.xml")

    def test_entry_without_python(self):
        bash = shutil.which("bash")
        done = subprocess.run(
            [bash, str(self.scripts / "setup")], env=self.environment(), capture_output=True, text=True, timeout=60
        )
        self.assert_one_line(done, "python3")

    def stopped(self, call, *patches):
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            with self.assertRaises(console.Stop) as caught:
                call(self.plan)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_old_python(self):
        self.assertIn("too old", self.stopped(machine.check_tools, mock.patch.object(sys, "version_info", (3, 9, 1))))

    def test_no_venv_and_no_pip(self):
        reason = self.stopped(machine.check_build, mock.patch.object(machine, "has", lambda name: name == "venv"))
        self.assertIn("venv and pip", reason)

    def test_full_disk(self):
        usage = mock.patch.object(shutil, "disk_usage", lambda path: mock.Mock(free=10**9))
        self.assertIn("1.0 GB free", self.stopped(machine.check_build, usage))

    def test_platforms_without_wheels(self):
        for name, patch in (
            ("aarch64", mock.patch.object(machine.platform, "machine", lambda: "aarch64")),
            ("Darwin", mock.patch.object(machine.platform, "system", lambda: "Darwin")),
            ("2.17", mock.patch.object(machine.platform, "libc_ver", lambda: ("glibc", "2.17"))),
            ("CPython", mock.patch.object(sys, "version_info", (3, 15, 0))),
        ):
            with self.subTest(name):
                reason = self.stopped(machine.check_build, patch)
                self.assertIn(name, reason)
                self.assertIn("source a ROS 2 Jazzy", reason)

    def test_what_pip_said(self):
        log = self.root / ".ros" / "log" / "wheels.log"
        log.parent.mkdir(parents=True)
        offline = "WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution found for a==1"
        for text, word in (
            (offline, "cannot be reached"),
            ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
            ("ERROR: No matching distribution found for ros-rcl==9.9.9", "has no ros-rcl==9.9.9"),
            ("ERROR: something new", "pip failed"),
        ):
            with self.subTest(word):
                log.write_text(text)
                reason = wheels.explain_pip(self.plan, log)
                self.assertIn(word, reason)
                self.assertIn(".ros/log/wheels.log", reason)


class Trust(Checkout):
    """A finished build is found again, an unfinished or outdated one is not."""

    def setUp(self):
        super().setUp()
        self.calls = []
        self.fail_in = None
        for patch in (
            mock.patch.object(setup, "ROOT", self.root),
            mock.patch.object(setup.machine, "check_tools", lambda plan: None),
            mock.patch.object(setup.machine, "check_build", lambda plan: None),
            mock.patch.object(setup.wheels, "install", self.install),
            mock.patch.object(setup.wheels, "repair", lambda plan, environ, stage: "none"),
            mock.patch.object(setup.messages, "build", self.build),
            mock.patch.object(setup.envfile, "write_checked", self.verify),
            mock.patch.object(setup.signal, "signal"),
            mock.patch.dict(os.environ, {"AMENT_PREFIX_PATH": "", "ROS_DISTRO": ""}),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def step(self, name):
        self.calls.append(name)
        if self.fail_in == name:
            raise KeyboardInterrupt
        return name

    def install(self, plan, environ, stage):
        plan.python.parent.mkdir(parents=True, exist_ok=True)
        plan.python.write_text("")
        return self.step("wheels")

    def build(self, plan, environ, stage):
        package = plan.install / "share" / "outrider_msgs" / "package.xml"
        package.parent.mkdir(parents=True, exist_ok=True)
        package.write_text("")
        return self.step("messages")

    def verify(self, plan, environ, key):
        self.step("verify")
        plan.env_file.write_text("")

    def run_main(self, *arguments):
        """What a run does, and its exit code."""
        self.calls.clear()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = setup.main(list(arguments))
        self.errors = errors.getvalue()
        return list(self.calls), code

    ALL = ["wheels", "messages", "verify"]

    def test_second_run_does_nothing(self):
        self.assertEqual(self.run_main("--check")[1], 1)
        self.assertEqual(self.run_main(), (self.ALL, 0))
        self.assertEqual(self.run_main(), ([], 0))
        self.assertEqual(self.run_main("--check")[1], 0)

    def test_only_files_of_the_message_build_count(self):
        self.run_main()
        (self.root / "msgs" / "src" / "lib.rs").write_text("// changed")
        (self.root / "msgs" / "Cargo.toml").write_text("# changed")
        self.assertEqual(self.run_main()[0], [])
        (self.root / "msgs" / "msg" / "A.msg").write_text("uint16 a\n")
        self.assertEqual(self.run_main("--check")[1], 1)
        self.assertEqual(self.run_main()[0], ["messages", "verify"])

    def test_added_renamed_and_removed_messages_are_noticed(self):
        self.run_main()
        folder = self.root / "msgs" / "msg"
        for change in (
            lambda: (folder / "B.msg").write_text("uint8 a\n"),
            lambda: (folder / "B.msg").rename(folder / "C.msg"),
            lambda: (folder / "C.msg").unlink(),
        ):
            change()
            self.assertEqual(self.run_main()[0], ["messages", "verify"])
            self.assertEqual(self.run_main()[0], [])

    def test_changed_pins_rebuild_everything(self):
        self.run_main()
        with open(self.scripts / "requirements.txt", "a") as pins:
            pins.write("another==1.0\n")
        self.assertEqual(self.run_main(), (self.ALL, 0))

    def test_another_stamp_is_not_trusted(self):
        self.run_main()
        stamp.stamp_file(self.plan, "environment").write_text("something else\n")
        self.assertEqual(self.run_main()[0], self.ALL)

    def test_folder_without_stamp_is_rebuilt(self):
        self.run_main()
        stamp.stamp_file(self.plan, "environment").unlink()
        self.assertTrue(self.plan.python.exists())
        self.assertEqual(self.run_main()[0], self.ALL)

    def test_stamp_without_folder_is_rebuilt(self):
        self.run_main()
        shutil.rmtree(self.plan.venv)
        self.assertEqual(self.run_main()[0], self.ALL)
        self.plan.env_file.unlink()
        self.assertEqual(self.run_main()[0], ["messages", "verify"])

    def test_interrupted_runs_are_finished_by_the_next(self):
        later = ["messages", "verify"]
        for at, rest in (("wheels", self.ALL), ("messages", later), ("verify", later)):
            with self.subTest(at):
                shutil.rmtree(self.plan.ros, ignore_errors=True)
                self.fail_in = at
                calls, code = self.run_main()
                self.assertEqual((calls[-1], code), (at, 130))
                self.assertEqual(self.errors.count("\n"), 1)
                self.assertFalse(self.plan.env_file.exists())
                self.fail_in = None
                self.assertEqual(self.run_main(), (rest, 0))

    def test_interrupted_rebuild_leaves_nothing_trusted(self):
        self.run_main()
        (self.root / "msgs" / "msg" / "A.msg").write_text("uint16 a\n")
        self.fail_in = "messages"
        self.run_main()
        self.assertFalse(self.plan.env_file.exists())
        self.assertFalse(stamp.stamp_file(self.plan, "messages").exists())
        (self.root / "msgs" / "msg" / "A.msg").write_text("uint8 a\n")  # what the old stamp was for
        self.fail_in = None
        self.assertEqual(self.run_main()[0], ["messages", "verify"])

    def test_failed_check_trusts_nothing(self):
        with mock.patch.object(setup.envfile, "write_checked", mock.Mock(side_effect=console.Stop("does not import"))):
            self.assertEqual(self.run_main()[1], 1)
        self.assertEqual(self.run_main(), (self.ALL, 0))

    def test_full_disk_on_the_way(self):
        error = OSError(28, "No space left on device", "x")
        with mock.patch.object(setup.messages, "build", mock.Mock(side_effect=error)):
            self.assertEqual(self.run_main()[1], 1)
        self.assertEqual(self.errors, "setup: the disk is full: free some space and run this again\n")
        self.assertEqual(self.run_main()[0], ["messages", "verify"])


class Processes(Checkout):
    """Two runs at a time, and a run that is ended from outside."""

    def start(self):
        self.tools(*TOOLS)
        command = [sys.executable, "-B", "-c", STUBBED, str(self.scripts / "setup.py")]
        child = subprocess.Popen(
            command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(lambda: (child.kill(), child.wait(), child.stdout.close(), child.stderr.close()))
        return child

    def wait_for(self, ready, what):
        end = time.monotonic() + 20
        while not ready():
            self.assertLess(time.monotonic(), end, f"never saw {what}")
            time.sleep(0.02)

    def sleeper(self, child):
        """The process that the stage of `child` has started."""
        listed = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        self.wait_for(lambda: listed.read_text().strip(), "a child of the set-up")
        return int(listed.read_text().split()[0])

    def test_second_run_waits(self):
        self.plan.ros.mkdir()
        with open(self.plan.ros / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("4711\n")
            lock.flush()
            child = self.start()
            self.assertIn("another set-up is running here (process 4711): waiting", child.stdout.readline())
        self.assertIn("[1/5]", child.stdout.readline())

    def test_ended_run_takes_its_children_along(self):
        child = self.start()
        sleeper = self.sleeper(child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 130)
        self.assertRegex(child.stderr.read(), r"\Asetup: interrupted[^\n]*\n\Z")
        self.wait_for(lambda: not Path(f"/proc/{sleeper}").exists(), "the end of the child")
        self.assertFalse(stamp.stamp_file(self.plan, "environment").exists())

    def test_killed_run_keeps_the_lock_while_its_child_writes(self):
        child = self.start()
        sleeper = self.sleeper(child)
        child.kill()
        child.wait()
        try:
            with open(self.plan.ros / "lock") as lock, self.assertRaises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.kill(sleeper, signal.SIGKILL)
        with open(self.plan.ros / "lock") as lock:

            def free():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return True

            self.wait_for(free, "the lock freed")


class Choice(Checkout):
    """A sourced ROS 2 wins; our own environment, sourced, is not one."""

    def prefix(self, *packages):
        prefix = Path(tempfile.mkdtemp(dir=self.bin))
        for package in packages:
            (prefix / "share" / package).mkdir(parents=True)
            (prefix / "share" / package / "package.xml").write_text("<package/>")
        return str(prefix)

    def test_sourced(self):
        ros = self.prefix("rclcpp", "sensor_msgs")
        plan = machine.make_plan(self.root, {"AMENT_PREFIX_PATH": ros, "ROS_DISTRO": "kilted"})
        self.assertEqual((plan.sourced, plan.distro, plan.prefixes), (True, "kilted", [ros]))

    def test_incomplete_or_unnamed(self):
        for environ in (
            {"AMENT_PREFIX_PATH": self.prefix("rclcpp"), "ROS_DISTRO": "jazzy"},
            {"AMENT_PREFIX_PATH": self.prefix("rcl", "sensor_msgs")},
            {},
        ):
            self.assertFalse(machine.make_plan(self.root, environ).sourced)

    def test_own_environment(self):
        own = self.root / ".ros"
        shutil.copytree(self.prefix("rcl", "sensor_msgs"), own / "venv")
        other = self.prefix("rcl", "sensor_msgs")
        environ = {"AMENT_PREFIX_PATH": f"{own}/install:{own}/venv", "ROS_DISTRO": "jazzy"}
        self.assertFalse(machine.make_plan(self.root, environ).sourced)
        environ["AMENT_PREFIX_PATH"] += f":{other}"
        self.assertEqual(machine.make_plan(self.root, environ).prefixes, [other])


    def test_an_update_in_place_is_another_ros(self):
        ros, overlay = self.prefix("rcl", "sensor_msgs", "std_msgs"), self.prefix("nav2_msgs")
        plan = machine.Plan(self.root, [ros, overlay], "jazzy")
        seen = {stamp.ros_key(plan)}
        for prefix, package in ((ros, "rcl"), (ros, "sensor_msgs"), (overlay, "nav2_msgs")):
            (Path(prefix) / "share" / package / "package.xml").write_text("<package><version>2</version></package>")
            self.assertNotIn(stamp.ros_key(plan), seen, package)
            seen.add(stamp.ros_key(plan))
        (Path(ros) / "share" / "std_msgs" / "package.xml").write_text("<package><version>2</version></package>")
        self.assertIn(stamp.ros_key(plan), seen)


class Compilers(unittest.TestCase):
    def test_every_core_compiles_unless_somebody_says_otherwise(self):
        cores = len(os.sched_getaffinity(0))
        for told in ({}, {"MAKEFLAGS": ""}, {"MAKEFLAGS": "w --no-print-directory"}):
            env = messages.every_core({"HOME": "/x", **told})
            self.assertEqual((env["MAKEFLAGS"], env["CMAKE_BUILD_PARALLEL_LEVEL"]), (f"-j{cores}", str(cores)))
            self.assertEqual(env["HOME"], "/x")
        for told in ("-j1", "w -j8 --jobserver-auth=3,4", "--jobs=3"):
            self.assertEqual(messages.every_core({"MAKEFLAGS": told}), {"MAKEFLAGS": told})


class Files(Checkout):
    def test_every_pin_is_exact(self):
        for name in ("requirements.txt", "requirements-tools.txt"):
            for line in (SCRIPTS / name).read_text().splitlines():
                if line and not line.startswith(("#", "-r ")):
                    self.assertRegex(line, r'^[A-Za-z0-9._-]+==[0-9][0-9.]*( ; python_version (<|>=) "3\.\d+")?$')

    def test_each_python_gets_one_version_of_each(self):
        for minor in range(10, 15):
            with mock.patch.object(sys, "version_info", (3, minor, 0)):
                names = [line.split("==")[0] for line in wheels.pinned(SCRIPTS / "requirements.txt")]
            self.assertEqual(len(names), len(set(names)))
            self.assertIn("numpy", names)

    def test_repairs_may_be_repeated(self):
        file = self.plan.venv / "share" / "a_msgs" / "cmake" / "a.cmake"
        file.parent.mkdir(parents=True)
        file.write_text(
            "/opt/python/cp311-cp311/include/python3.11;"
            "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"
        )
        self.assertEqual(wheels.repair_paths(self.plan), 1)
        self.assertEqual(wheels.repair_paths(self.plan), 0)
        self.assertNotIn("/opt/python", file.read_text())
        self.assertIn(f"{self.plan.site}/numpy/_core/include", file.read_text())
        lib = self.plan.venv / "lib"
        lib.mkdir()
        (lib / "librmw_fastrtps_cpp.so").write_text("the library")
        for _ in range(2):
            wheels.link_rmw(lib)
            self.assertEqual((lib / "librmw_implementation.so").read_text(), "the library")

    def test_env_file_may_be_sourced_twice(self):
        (self.plan.ros / "install").mkdir(parents=True)
        file = self.plan.ros / "env.sh"
        file.write_text(envfile.shell_text(self.plan, "0123456789abcdef"))
        script = f". '{file}'; . '{file}'; echo \"$PATH\"; echo \"$AMENT_PREFIX_PATH\"; echo \"$IDL_PACKAGE_FILTER\""
        for shell in ("sh", "bash"):
            env = {"PATH": os.environ["PATH"]}
            done = subprocess.run([shell, "-euc", script], env=env, capture_output=True, text=True, check=True)
            path, ament, packages = done.stdout.splitlines()
            self.assertEqual(path, f"{self.plan.venv}/bin:{os.environ['PATH']}")
            self.assertEqual(ament, f"{self.plan.install}:{self.plan.venv}")
            self.assertTrue(packages.endswith(";outrider_msgs;sources_0123456789ab"), packages)

    def test_sourced_env_file_needs_the_sourced_ros(self):
        self.plan.ros.mkdir()
        plan = machine.Plan(self.root, ["/opt/ros/jazzy"], "jazzy")
        file = self.plan.ros / "env.sh"
        file.write_text(envfile.shell_text(plan, "0"))
        for distro, code in (("jazzy", 0), ("humble", 1)):
            env = {"PATH": os.environ["PATH"], "ROS_DISTRO": distro, "AMENT_PREFIX_PATH": "/opt/ros/jazzy"}
            command = ["sh", "-c", f". '{file}' && echo $AMENT_PREFIX_PATH"]
            done = subprocess.run(command, env=env, capture_output=True, text=True)
            self.assertEqual(done.returncode, code)
            if code == 0:
                self.assertTrue(re.search(r"/\.ros/install:/opt/ros/jazzy$", done.stdout.strip()), done.stdout)


if __name__ == "__main__":
    unittest.main()
