"""Nodes that die, freeze, come back, or are there twice."""

import signal

from limits import SIM
from trial import E_STOP_LATCHED, STOPS, STOPS_DISARMED, Row

GROUP = "processes"
# The gate's shell counts the publishers of the command topic this often; discovery comes on top.
COUNTED_S = 0.5
DISCOVERED_S = 0.5


def freeze(node):
    return {
        "strike": lambda trial: trial.signal(node, signal.SIGSTOP),
        "lift": lambda trial: trial.signal(node, signal.SIGCONT),
    }


def kill(node):
    return {"strike": lambda trial: trial.kill(node), "lift": lambda trial: trial.suite.start(node)}


def restart(node, how, **changed):
    def strike(trial):
        getattr(trial, how)(node)
        trial.suite.start(node, **changed)

    return {"strike": strike}


def silence(node, reason):
    """A killed and a frozen one of a node that the gate does not hear from itself."""
    about = f"The {node.replace('_', ' ')} is ended with SIGKILL in a drive"
    frozen = f"The {node.replace('_', ' ')} is halted with SIGSTOP in a drive, and goes on later"
    return [
        Row(f"{node}_killed", GROUP, STOPS, about, reason=reason, **kill(node)),
        Row(f"{node}_frozen", GROUP, STOPS, frozen, reason=reason, **freeze(node)),
    ]


def duplicate(trial):
    trial.suite.start("gate", label="gate_2")


ROWS = [
    Row(
        "assurance_killed", GROUP, STOPS, "Assurance is ended with SIGKILL in a drive and stays away",
        reason="no permit", strike=lambda trial: trial.kill("assurance"), drives_again=False,
    ),
    Row(
        "assurance_frozen", GROUP, STOPS, "Assurance is halted with SIGSTOP in a drive, and goes on later",
        reason="no permit|permit refused", **freeze("assurance"),
    ),
    Row(
        "assurance_restarted", GROUP, STOPS_DISARMED, "Assurance is ended with SIGKILL and started again at once",
        reason="assurance restarted", **restart("assurance", "kill"),
    ),
    Row(
        "gate_killed", GROUP, STOPS, "The gate is ended with SIGKILL and stays away: the drive's own time-out is the last line",
        strike=lambda trial: trial.kill("gate"), by_truth=True, detect_s=SIM["drive"]["command_timeout_s"], drives_again=False,
        note=f"bound with the drive's command_timeout_s {SIM['drive']['command_timeout_s']} s",
    ),
    Row(
        "gate_frozen", GROUP, STOPS, "The gate is halted with SIGSTOP, and goes on later: permits of before are void",
        by_truth=True, detect_s=SIM["drive"]["command_timeout_s"], **freeze("gate"),
        note=f"bound with the drive's command_timeout_s {SIM['drive']['command_timeout_s']} s",
    ),
    Row(
        "gate_restarted", GROUP, STOPS_DISARMED, "The gate is ended in order and started again at once",
        reason="arm to start", by_truth=True, detect_s=SIM["drive"]["command_timeout_s"], **restart("gate", "end"),
        note=f"bound with the drive's command_timeout_s {SIM['drive']['command_timeout_s']} s",
    ),
    Row(
        "gate_killed_restarted", GROUP, STOPS_DISARMED, "The gate is ended with SIGKILL and started again at once",
        reason="arm to start", by_truth=True, detect_s=SIM["drive"]["command_timeout_s"], **restart("gate", "kill"),
        note=f"bound with the drive's command_timeout_s {SIM['drive']['command_timeout_s']} s",
    ),
    Row(
        "gate_duplicated", GROUP, E_STOP_LATCHED, "A second gate is started in a drive, and ended later",
        reason="second publisher", strike=duplicate, lift=lambda trial: trial.end("gate_2"), by_truth=True,
        detect_s=COUNTED_S + DISCOVERED_S + 1.0, note="bound with 1 s to start, 0.5 s to discover, 0.5 s between counts",
    ),
    *silence("planner", "no permit"),
    *silence("world_model", "assurance: world_model_age"),
]
