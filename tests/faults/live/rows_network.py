"""A network that loses packets or is cut: gate, simulator and witness on one side, everybody else on the other."""

from harness import NODES
from network import Namespaces
from trial import MAY_STOP, STOPS, Row

GROUP = "network"
FAR = ("world_model", "planner", "assurance")
SHARE = 0.3


def split(trial):
    trial.namespaces = Namespaces.around()
    prefix = trial.namespaces.prefix("far")
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    assert set(FAR) < set(NODES)
    return {"prefix": {node: prefix for node in FAR}, "environment": environment}


def lose(trial):
    trial.namespaces.lose(SHARE)


def lose_nothing(trial):
    lost = trial.namespaces.lost()
    trial.expect(lost > 20, f"only {lost} packets were lost: the row shows nothing")
    trial.namespaces.lose_nothing()


ROWS = [
    Row(
        "packet_loss", GROUP, MAY_STOP, f"{SHARE:.0%} of the packets between the two sides are lost, in both directions",
        strike=lose, lift=lose_nothing, suite=split, network=True, watch_s=5.0,
        note="DDS sends reliable topics again; permits that come too late are refused",
    ),
    Row(
        "partition", GROUP, STOPS, "The cable between the two sides is cut, and mended later",
        reason="no permit", strike=lambda trial: trial.namespaces.cut(), lift=lambda trial: trial.namespaces.mend(),
        suite=split, network=True,
    ),
]
