"""What the robot and the suite are allowed, from the configuration, and the bounds that follow from it."""

import pathlib
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))

from harness import ROOT  # noqa: E402  (the path comes first)

# The nodes share this machine with whatever else runs on it, and the witness is Python.
LOADED_MACHINE_S = 0.1
# Of the position in /sim/ground_truth, which comes every 50 ms and is interpolated.
TRUTH_M = 0.02
# And standstill is seen in it so much later.
TRUTH_S = 0.05


def read(name):
    return yaml.safe_load((ROOT / "config" / name).read_text())


ROBOT = read("robot.yaml")["limits"]
GATE = read("gate.yaml")
ASSURANCE = read("assurance.yaml")
SIM = read("sim.yaml")


def reaction_s():
    """From an event to the wheels' response: T_r of the design, with the configured times, for a loaded machine."""
    r = ASSURANCE["reaction"]
    ttl = min(ASSURANCE["time_to_live_s"], GATE["max_time_to_live_s"])
    return r["sense_s"] + r["monitor_s"] + r["net_s"] + ttl + r["gate_s"] + ROBOT["actuator_delay_s"] + LOADED_MACHINE_S


def peak_mps(speed_mps, seconds):
    """How fast it may have become by then."""
    return min(abs(speed_mps) + ROBOT["accel_mps2"] * seconds, ROBOT["v_max_mps"])


def stop_s(speed_mps, detect_s=0.0):
    """Longest time from a fault to the first commanded zero, when noticing it takes `detect_s` more than silence does."""
    seconds = reaction_s() - ROBOT["actuator_delay_s"] + detect_s
    return seconds + peak_mps(speed_mps, seconds) / ROBOT["brake_mps2"]


def stop_m(speed_mps, detect_s=0.0):
    """Longest way: D = v T + a T² / 2 + (v + a T)² / (2 b) + margins, never faster than the drive goes."""
    seconds, a, b = reaction_s() + detect_s, ROBOT["accel_mps2"], ROBOT["brake_mps2"]
    speed, peak = abs(speed_mps), peak_mps(speed_mps, seconds)
    gaining_s = (peak - speed) / a
    travelled = speed * gaining_s + a * gaining_s**2 / 2 + peak * (seconds - gaining_s)
    margins = ASSURANCE["margins"]["floor_m"] + ASSURANCE["margins"]["creep_m"] + TRUTH_M
    return travelled + peak**2 / (2 * b) + margins
