"""OMPL's planners on the problems that benches/plan.rs hands in: a point on the plane, a grid that says where it may be.

In: a line `side resolution_m problems`, a line of start and goal for each, then a byte for each cell (1: free).
Out: for each planner and problem a line `planner;problem;cpu_ms;x,y x,y ...`, without points when it found no path.
"""
from __future__ import annotations

import sys
import time

from ompl import base, geometric, util

# Those that go on improving get this long; CPU time, as all work is in this thread.
BUDGET_S = 1.0


def read():
    stream = sys.stdin.buffer
    side, resolution_m, count = stream.readline().split()
    problems = [tuple(map(float, stream.readline().split())) for _ in range(int(count))]
    free = stream.read()
    assert len(free) == int(side) ** 2, "the grid is not complete"
    return int(side), float(resolution_m), problems, free


def main() -> None:
    util.setLogLevel(util.LogLevel.LOG_NONE)
    util.RNG.setSeed(8)
    side, resolution_m, problems, free = read()
    size_m, per_m = side * resolution_m, 1.0 / resolution_m
    space = base.RealVectorStateSpace(2)
    bounds = base.RealVectorBounds(2)
    bounds.setLow(0.0)
    bounds.setHigh(size_m - 1e-9)
    space.setBounds(bounds)

    def valid(state) -> bool:
        return free[int(state[1] * per_m) * side + int(state[0] * per_m)] == 1

    for name, make, simplified, budget_s in (
        ("OMPL RRTConnect, then simplified", geometric.RRTConnect, True, 10.0),
        (f"OMPL RRT*, {BUDGET_S:.0f} s", geometric.RRTstar, False, BUDGET_S),
        (f"OMPL BIT*, {BUDGET_S:.0f} s", geometric.BITstar, False, BUDGET_S),
    ):
        for number, (x, y, goal_x, goal_y) in enumerate(problems):
            setup = geometric.SimpleSetup(space)
            setup.setStateValidityChecker(valid)
            info = setup.getSpaceInformation()
            # A motion is looked at every half cell, as our lines are.
            info.setStateValidityCheckingResolution(0.5 * resolution_m / space.getMaximumExtent())
            start, goal = space.allocState(), space.allocState()
            start[0], start[1], goal[0], goal[1] = x, y, goal_x, goal_y
            setup.setStartAndGoalStates(start, goal)
            setup.setPlanner(make(info))
            setup.setup()
            begin = time.process_time()
            setup.solve(base.PlannerTerminationCondition(lambda: time.process_time() >= begin + budget_s))
            solved = setup.haveExactSolutionPath()
            if solved and simplified:
                setup.simplifySolution()
            cpu_ms = (time.process_time() - begin) * 1e3
            states = setup.getSolutionPath().getStates() if solved else []
            points = " ".join(f"{state[0]:.4f},{state[1]:.4f}" for state in states)
            print(f"{name};{number};{cpu_ms:.3f};{points}", flush=True)


if __name__ == "__main__":
    main()
