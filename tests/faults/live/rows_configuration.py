"""Other parameters, other zones, no zones, time-outs of zero."""

import re

from harness import wait_for
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from trial import REFUSES_TO_ARM, REFUSES_TO_START, RIDES_THROUGH, STOPS_DISARMED, Row

GROUP = "configuration"
# A node that does not refuse is up by then.
STARTS_S = 10.0
NO_ZONES = "version: 1\nexclusion: []\nspeed: []\n"
OTHER_ZONES = """version: 2
exclusion:
  - {name: somewhere else, polygon_m: [[-9.9, 4.3], [-9.6, 4.3], [-9.6, 5.9], [-9.9, 5.9]]}
speed: []
"""


def set_parameter(trial):
    """As `ros2 param set /assurance time_to_live_s 10.0` does."""
    client = trial.witness.node.create_client(SetParameters, "/assurance/set_parameters")
    if not client.wait_for_service(timeout_sec=1.0):
        trial.notes.append("there is no service to set parameters")
        return
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=10.0)
    future = client.call_async(SetParameters.Request(parameters=[Parameter(name="time_to_live_s", value=value)]))
    wait_for(future.done, 5.0, "an answer")
    trial.notes.append(f"set_parameters said {[(r.successful, r.reason) for r in future.result().results]}")


def with_other_parameters(trial):
    config = trial.changed_config({"assurance.yaml": ("degraded: {v_max_mps: 0.5", "degraded: {v_max_mps: 0.4")})
    trial.kill("assurance")
    trial.suite.start("assurance", config=config)


def zones_file(trial, text):
    trial.folder.mkdir(parents=True, exist_ok=True)
    path = trial.folder / "zones.yaml"
    path.write_text(text)
    return path


def with_other_zones(trial):
    trial.kill("assurance")
    trial.suite.start("assurance", zones=zones_file(trial, OTHER_ZONES))


def without_zones(trial):
    trial.kill("assurance")
    trial.suite.start("assurance", zones=zones_file(trial, NO_ZONES))


def begin_without_zones(trial):
    trial.begin(**({"parameters": {"zones": zones_file(trial, NO_ZONES)}} if trial.fault else {}))
    trial.refuses_to_arm(r"not armed: empty zone set")


def stays_disarmed(trial):
    """The operator tries, and is told why not."""
    said = []

    def told():
        success, text = trial.witness.call("/gate/arm")
        said.append(text)
        trial.expect(not success, "armed without zones")
        return success or "empty zone set" in text

    wait_for(told, 20.0, lambda: f"the gate says that there are no zones; it said {said[-1]!r}")


def zero(node, key, line):
    """A time-out of zero in a node's file. `line`: what to replace, as `key: value`."""
    file, last = f"{node}.yaml", key.rsplit(".")[-1]

    def strike(trial):
        text = line.split(": ")[0] + ": 0.0" if trial.fault else line
        config = trial.changed_config({file: (line, text)})
        trial.begin(config=config)
        process = trial.suite.processes[node]
        if trial.fault:
            code = wait_for(lambda: process.poll() is not None and (process.returncode or 256), STARTS_S, f"{node} ends")
            trial.expect(code == 1, f"exit code {code}")
        else:
            trial.witness.hear_from([node])
            trial.miss("started")
        said = re.sub(r"\x1b\[[0-9;]*m", "", trial.suite.log(node))
        trial.figures["reason"] = re.findall(r"\S+ is not within .*", said)[:1]
        # File, key and value, each in its place.
        trial.expect(re.search(rf"\b0 is not within .*\b{re.escape(key)}`", said), f"does not say that {key} is 0")
        trial.expect(f"/{file}" in said, f"does not name {file}")
        trial.expect(not any(v.v or v.w for v in trial.witness.velocities), "moved")

    about = f"{key} is zero in {file}"
    return Row(f"zero_{node}_{last}", GROUP, REFUSES_TO_START, about, strike=strike)


ROWS = [
    Row(
        "parameter_set_while_driving", GROUP, RIDES_THROUGH, "Somebody sets a parameter of assurance over DDS: it has no effect",
        strike=set_parameter,
    ),
    Row(
        "parameters_changed", GROUP, STOPS_DISARMED, "Assurance comes back with other parameters", strike=with_other_parameters,
        reason="assurance restarted",
    ),
    Row(
        "zones_swapped", GROUP, STOPS_DISARMED, "Assurance comes back with other zones", strike=with_other_zones,
        reason="assurance restarted",
    ),
    Row(
        "zones_emptied", GROUP, STOPS_DISARMED, "Assurance comes back without zones", strike=without_zones,
        reason="assurance restarted", lift=stays_disarmed, drives_again=False,
    ),
    Row("zones_empty", GROUP, REFUSES_TO_ARM, "There are no zones from the beginning", strike=begin_without_zones),
    zero("gate", "max_time_to_live_s", "max_time_to_live_s: 0.06"),
    zero("gate", "teleop.timeout_s", "timeout_s: 0.25"),
    zero("assurance", "time_to_live_s", "time_to_live_s: 0.06"),
    zero("assurance", "ages.scan_s", "scan_s: 0.15"),
    zero("planner", "timing.alive_timeout_s", "alive_timeout_s: 0.04"),
    zero("world_model", "sources.scan.max_age_s", "max_age_s: 0.15"),
]
