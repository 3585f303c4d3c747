#!/usr/bin/env python3
"""Candidates that are worse on purpose, each held against the suite as it is: the gate has to stop every one for the right reason,
and to release what is better. Exit code 1 when it does not. `make gate-worse`; the table in docs/evaluation.md is what it prints."""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITE = "tests/scenarios/critical.yaml"
# Name, settings, checks that have to stop it.
WORSE = [
    ("slower braking", ["real_robot.limits.brake_mps2=0.4", "real_robot.limits.decel_mps2=0.4"],
     ["pass_rate.critical", "regression.interventions", "regression.drive_time_s"]),
    ("people ignored", ["world_model.tracks.birth_existence_min=1.0", "assurance.detections_required=false"],
     ["pass_rate.critical", "hard_constraints"]),
    ("lidar 60 ms late", ["sim.lidar.latency_s=0.06"], ["latency.data_age", "regression.data_age_s.p95"]),
    ("braking too early", ["planner.follow.decel_share=0.15"], ["regression.drive_time_s"]),
    ("slower", ["planner.follow.cruise_mps=0.8"], ["regression.drive_time_s"]),
]


def evaluate(outrider, out, settings):
    """Makes the runs of the critical scenarios with one seed each."""
    sets = [part for setting in settings for part in ("--set", setting)]
    command = [outrider, "evaluate", SUITE, "--seeds", "1", "--prune", "--out", out, *sets]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def gate(outrider, baseline, candidate):
    """Exit code and the names of the checks that are bad."""
    command = [outrider, "gate", baseline, candidate, "--policy", "config/release_gate.yaml"]
    code = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode
    checks = json.loads((candidate / "gate.json").read_text())["checks"]
    return code, [check["name"] for check in checks if check["finding"] == "bad"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outrider", default=ROOT / "target/release/outrider", type=pathlib.Path)
    parser.add_argument("--out", default=ROOT / "runs/gate-worse", type=pathlib.Path)
    args = parser.parse_args()
    base, wrong = args.out / "base", 0
    evaluate(args.outrider, base, [])
    rows = []
    for name, settings, reasons in WORSE:
        candidate = args.out / name.replace(" ", "_")
        evaluate(args.outrider, candidate, settings)
        code, bad = gate(args.outrider, base, candidate)
        rows.append((name, code == 1 and set(reasons) <= set(bad), code, bad))
    late = args.out / "lidar_60_ms_late"
    doubled = args.out / "lidar_30_ms_late"
    evaluate(args.outrider, doubled, ["sim.lidar.latency_s=0.03"])
    code, bad = gate(args.outrider, doubled, late)
    rows.append(("30 ms doubled", code == 1 and "regression.data_age_s.p95" in bad, code, bad))
    code, bad = gate(args.outrider, args.out / "slower", base)
    rows.append(("better than slower", code == 0, code, bad))
    for name, right, code, bad in rows:
        verdict = "released" if code == 0 else "stopped"
        print(f"{'ok   ' if right else 'WRONG'} {name:18} {verdict}: {', '.join(bad) or 'nothing'}")
        wrong += not right
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
