"""Median cost of a tick of a plain tree in py_trees, in µs, for 10, 50 and 200 nodes."""

import statistics
import time

import py_trees

SUCCESS = py_trees.common.Status.SUCCESS


class Leaf(py_trees.behaviour.Behaviour):
    def update(self) -> py_trees.common.Status:
        return SUCCESS


def group(number: int) -> list:
    inverter = py_trees.decorators.Inverter(name=f"i{number}", child=Leaf(name=f"a{number}"))
    select = py_trees.composites.Selector(name=f"f{number}", memory=True, children=[inverter, Leaf(name=f"b{number}")])
    return [select, Leaf(name=f"c{number}")]


def median_us(nodes: int) -> float:
    children = [child for number in range(nodes // 5) for child in group(number)]
    root = py_trees.composites.Sequence(name="root", memory=True, children=children)
    tree = py_trees.trees.BehaviourTree(root)
    times = []
    for _ in range(300):
        start = time.perf_counter_ns()
        tree.tick()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1e3


if __name__ == "__main__":
    py_trees.logging.level = py_trees.logging.Level.ERROR
    print(" ".join(f"{median_us(nodes):.1f}" for nodes in (10, 50, 200)))
