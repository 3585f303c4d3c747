"""A machine that has no room or no time left, and the emergency stop."""

import os
import subprocess
import sys
import time

from harness import mark_of, wait_for
from trial import E_STOP_LATCHED, MAY_STOP, RIDES_THROUGH, NotHere, Row

GROUP = "machine"
DISK = "1m"
HOGS_A_CPU = 2
HOG_S = 3.0
# Real-time hogs leave the others what the kernel keeps back for them, 5 %.
FIFO_S = 1.5
E_STOP = "e_stop"


def tiny_disk(trial):
    """The recorder alone sees a file system of its own, which ends with it."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    bag = trial.folder / "bag"
    bag.mkdir()
    mount = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"'
    size = DISK if trial.fault else "1g"
    return {"record": True, "prefix": {"recorder": ["unshare", "--mount", "sh", "-c", mount, size, str(bag)]}}


def disk_full(trial):
    """It fills up by itself."""
    recorder = trial.suite.processes["recorder"]

    def complains():
        return recorder.poll() is not None or "cannot write" in trial.suite.log("recorder")

    wait_for(complains, 60.0, "the recorder notices that its disk is full")
    trial.struck_now()
    last = trial.suite.log("recorder").strip().splitlines()[-1]
    trial.notes.append(f"recorder: {last.rsplit('.mcap: ')[-1][:120]}")
    time.sleep(0.3)
    code = recorder.poll()
    trial.notes.append("recorder goes on" if code is None else f"recorder ended with {code}")


def hogs(trial, command):
    """Busy loops on every processor, each in a session of its own as another user's program is."""
    trial.hogs = []
    trial.stack.callback(no_hogs, trial)
    for cpu in range(os.cpu_count()):
        for _ in range(HOGS_A_CPU):
            pinned = ["taskset", "-c", str(cpu), *command, "sh", "-c", "while :; do :; done"]
            # The witness is nicer to itself than a hog may be.
            hog = subprocess.Popen(
                pinned, env=mark_of(os.getpid()), start_new_session=True,
                preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, 0),
            )
            trial.hogs.append(hog)


def were_there(trial):
    gone = [hog.pid for hog in trial.hogs if hog.poll() is not None]
    trial.expect(not gone, f"{len(gone)} busy loops ended early: the row shows little")
    no_hogs(trial)


def no_hogs(trial):
    for hog in trial.hogs:
        hog.kill()
    for hog in trial.hogs:
        hog.wait()


def starve(trial):
    hogs(trial, ["timeout", str(10.0 * HOG_S)])


def starve_in_real_time(trial):
    if subprocess.run(["chrt", "-f", "1", "true"], capture_output=True).returncode != 0:
        raise NotHere("SCHED_FIFO is not allowed")
    # What ends the loops has to be able to interrupt them.
    hogs(trial, ["chrt", "-f", "2", "timeout", str(FIFO_S), "chrt", "-f", "1"])


def press(trial):
    trial.witness.press_e_stop(True)


def press_and_die(trial):
    """A button whose program dies while it is pressed."""
    code = (
        "import rclpy, time; from std_msgs.msg import Bool; rclpy.init(); n = rclpy.create_node('button');"
        f"p = n.create_publisher(Bool, '/{E_STOP}', 10)\n"
        "while p.get_subscription_count() < 2: time.sleep(0.01)\n"
        "print('ready', flush=True); input(); p.publish(Bool(data=True)); print('pressed', flush=True); time.sleep(60)"
    )
    environment = mark_of(os.getpid()) | {"ROS_DOMAIN_ID": str(trial.suite.domain)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    button = subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)
    trial.stack.callback(button.wait)
    trial.stack.callback(button.kill)
    assert button.stdout.readline() == "ready\n"
    trial.drive()
    trial.struck_now()
    button.stdin.write("\n")
    button.stdin.flush()
    assert button.stdout.readline() == "pressed\n"
    time.sleep(0.05)
    button.kill()


def release(trial):
    """Refused while it is pressed; released, it is still latched."""
    success, text = trial.witness.call("/gate/reset")
    trial.expect(not success, f"reset while the button is pressed: {text}")
    trial.witness.press_e_stop(False)


ROWS = [
    Row(
        "disk_full", GROUP, RIDES_THROUGH, f"The recorder's disk of {DISK} fills up in a drive",
        strike=disk_full, suite=tiny_disk,
    ),
    Row(
        "cpu_starved", GROUP, MAY_STOP, f"{HOGS_A_CPU} busy loops on every processor, at the priority of ordinary programs",
        strike=starve, lift=were_there, watch_s=HOG_S,
    ),
    Row(
        "cpu_starved_real_time", GROUP, MAY_STOP, f"{HOGS_A_CPU} busy loops of SCHED_FIFO on every processor for {FIFO_S} s",
        strike=starve_in_real_time, lift=no_hogs, watch_s=FIFO_S + 1.0,
    ),
    Row(
        "e_stop_pressed_released", GROUP, E_STOP_LATCHED, "The emergency stop is pressed, and released later",
        reason="emergency stop pressed", strike=press, lift=release,
    ),
    Row(
        "e_stop_publisher_dies", GROUP, E_STOP_LATCHED, "The program of the emergency stop dies while it is pressed",
        reason="emergency stop pressed", strike=press_and_die, lift=release,
    ),
]
