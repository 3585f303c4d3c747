"""The suite as processes, as the demo starts them but without the demo: on a ROS domain of its own, and ended by process id."""

import fcntl
import importlib.util
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODES = ("sim", "world_model", "planner", "assurance", "gate")
PROGRAMS = (*NODES, "recorder", "player", "demo", "outrider")
SCENARIO = ROOT / "tests/scenarios/warehouse_crossing.yaml"
DOMAINS = range(1, 102)
# As supervisors do, and the demo.
END_LIMIT_S = 10.0


def bin_dir():
    """Where the programs were built to."""
    chosen = os.environ.get("OUTRIDER_BIN_DIR")
    return pathlib.Path(chosen) if chosen else pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def missing_programs():
    """Programs that were not built."""
    return [name for name in PROGRAMS if not (bin_dir() / name).is_file()]


def why_not():
    """Why the system tests cannot run here; None when they can."""
    if importlib.util.find_spec("rclpy") is None:
        return "rclpy is not there: source ROS 2, or the environment that `make setup` writes"
    if importlib.util.find_spec("outrider_msgs") is None:
        return "outrider_msgs is not built for Python: run `make setup`"
    missing = missing_programs()
    if missing:
        return f"not built: {', '.join(missing)} (looked in {bin_dir()})"
    return None


def reserve_domain():
    """A domain that nobody holds, and the open lock file that holds it; the demo goes by the same files."""
    for step in range(len(DOMAINS)):
        domain = DOMAINS[(os.getpid() * 7 + step) % len(DOMAINS)]
        path = os.path.join(tempfile.gettempdir(), f"outrider-domain-{domain}.lock")
        try:
            lock = open(path, "a")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return domain, lock
        except OSError:
            continue
    raise RuntimeError(f"no ROS domain from {DOMAINS[0]} to {DOMAINS[-1]} is free")


def wait_for(condition, limit_s, what):
    """Waits until the condition gives something true, and returns it. The limit only ends a wait that is hopeless."""
    deadline = time.monotonic() + limit_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s} s: {what() if callable(what) else what}")
        time.sleep(0.01)


class Suite:
    """All nodes of a run. A context: whatever happens inside, no process is left behind."""

    def __init__(
        self, folder, *, record=True, scenario=SCENARIO, config=ROOT / "config", parameters=None, arguments=None,
        environment=None, environments=None, prefix=None,
    ):
        """`parameters` and `environment` for every node; `arguments` (after --ros-args), `environments` and `prefix` (a command
        that runs the node) by node."""
        self.folder = pathlib.Path(folder)
        self.scenario = scenario
        self.record = record
        self.config = config
        self.parameters = parameters or {}
        self.arguments = arguments or {}
        self.environment = environment or {}
        self.environments = environments or {}
        self.prefix = prefix or {}
        self.processes = {}
        self.domain, self._lock = reserve_domain()

    @property
    def bag(self):
        return self.folder / "bag"

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            if self.record:
                self.start("recorder")
            for node in NODES:
                self.start(node)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def start(self, node, *, label=None, **changed):
        """Starts a node, also one that was killed; a second one of its kind by another label. `changed`: parameters."""
        label = label or node
        parameters = {"config": self.config}
        if node == "recorder":
            parameters["output"] = self.bag
        else:
            parameters["scenario"] = self.scenario
            parameters["wait_for_recorder_s"] = 10.0 if self.record else 0.0
        parameters |= self.parameters | changed
        command = [*self.prefix.get(node, []), str(bin_dir() / node), "--ros-args", *self.arguments.get(node, [])]
        for key, value in parameters.items():
            command += ["-p", f"{key}:={value}"]
        environment = mark_of(os.getpid()) | {
            "ROS_DOMAIN_ID": str(self.domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        } | self.environment | self.environments.get(node, {})
        with open(self.folder / f"{label}.log", "ab") as log:
            self.processes[label] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def signal(self, node, number):
        """Sends a signal and returns the monotonic time just before."""
        at = time.monotonic()
        self.processes[node].send_signal(number)
        return at

    def died(self):
        """Nodes that have ended, with their exit codes."""
        codes = {node: process.poll() for node, process in self.processes.items()}
        return {node: code for node, code in codes.items() if code is not None}

    def log(self, node):
        return (self.folder / f"{node}.log").read_text(errors="replace")

    def end(self):
        """Ends all, the recorder last, and waits for each."""
        for nodes in ([n for n in self.processes if n != "recorder"], ["recorder"]):
            chosen = [self.processes[n] for n in nodes if n in self.processes]
            for process in chosen:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)
            for process in chosen:
                try:
                    process.wait(END_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._lock.close()


MARK = "OUTRIDER_DIE_WITH_PARENT"


def mark_of(pid):
    """The environment of a process that is to die with this one."""
    return os.environ | {MARK: str(pid)}


def started_by(pid):
    """Process ids of the living processes which were told to die with this one."""
    mark = f"{MARK}={pid}".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)
