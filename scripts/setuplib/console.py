"""What the set-up says, and how it runs other programs: one live line per stage, everything else in a log file."""
from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path


class Stop(Exception):
    """A foreseen reason not to go on; its text is the one line the user sees."""


class Stage:
    """One line per stage: live on a terminal, else a plain line now and then."""

    QUIET_SECONDS = 5.0

    def __init__(self, number: int, names: tuple):
        self.title = f"[{number}/{len(names)}] {names[number - 1]}"
        self.start = time.monotonic()
        self.printed = self.start
        self.live = sys.stdout.isatty()
        self.text = ""

    def update(self, text: str) -> None:
        self.text = text
        now = time.monotonic()
        if self.live:
            self._write(f"\r\033[K{self.title}: {text} ({now - self.start:.0f} s)")
        elif now - self.printed >= self.QUIET_SECONDS:
            self.printed = now
            self._write(f"{self.title}: {text} ({now - self.start:.0f} s)\n")

    def tick(self) -> None:
        """Shows that time passes while the child says nothing."""
        if self.text:
            self.update(self.text)

    def done(self, text: str) -> None:
        clear = "\r\033[K" if self.live else ""
        self._write(f"{clear}{self.title}: {text} ({time.monotonic() - self.start:.1f} s)\n")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


class Interruption:
    """Turns signals into KeyboardInterrupt, but not while a child starts: it would be left behind unknown."""

    held = pending = False

    def __call__(self, _sign, _frame) -> None:
        self.pending = True
        if not self.held:
            raise KeyboardInterrupt


interruption = Interruption()

# The lock's file descriptor, handed to every child: should this process be killed while a child still writes below
# .ros, the lock stays taken until that child is gone too.
inherited: tuple[int, ...] = ()


def run_logged(command: list, log: Path, env: dict, stage: Stage, on_line) -> int:
    """Runs a program with its output in `log`; `on_line` may turn a line into the stage's text. Returns its code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        out.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        child = _start(command, env)
        try:
            if interruption.pending:
                raise KeyboardInterrupt
            _follow(child, out, stage, on_line)
            return child.wait()
        except BaseException:
            _end(child)
            raise


def _start(command: list, env: dict) -> subprocess.Popen:
    interruption.held = True
    try:
        return subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env, start_new_session=True, pass_fds=inherited,
        )
    finally:
        interruption.held = False


def _follow(child: subprocess.Popen, out, stage: Stage, on_line) -> None:
    pipe = child.stdout.fileno()
    rest = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], 1.0)
        if not ready:
            stage.tick()
            continue
        data = os.read(pipe, 65536)
        if not data:
            return
        out.write(data)
        out.flush()
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            text = on_line(line.decode(errors="replace").rstrip())
            if text:
                stage.update(text)


def _end(child: subprocess.Popen) -> None:
    """Ends the child with everything it started; its own session makes the group ours to end."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    child.stdout.close()


def first_line_with(log: Path, *patterns: str) -> str:
    """The first line of a log that holds one of the patterns, for a message that names the cause."""
    for line in log.read_text(errors="replace").splitlines():
        if any(pattern in line for pattern in patterns):
            return line.strip()
    return ""
