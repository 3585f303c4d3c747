"""Evaluates formulas over traces with RTAMT: `rtamt_eval.py JOBS.json ANSWERS.json`, under its own Python.

Offline, because RTAMT's online monitor keeps its memory under the text of a subformula: one that occurs twice is
updated twice a sample there. A job is {"text", "period_ns", "traces": [{signal: [values]}]}; see `_answer` for answers.
"""

import json
import math
import sys
import time

from rtamt_spec import offline

from rtamt.syntax.node.binary_node import BinaryNode  # after rtamt_spec, which helps with importing RTAMT

OPERATORS = {
    "Abs": "abs", "Sqrt": "sqrt", "Exp": "exp", "Pow": "pow", "Addition": "+", "Subtraction": "-",
    "Multiplication": "*", "Division": "/", "Neg": "not", "Conjunction": "and", "Disjunction": "or",
    "Implies": "implies", "Iff": "iff", "Xor": "xor", "Once": "once", "Historically": "historically",
    "Since": "since", "TimedOnce": "once", "TimedHistorically": "historically", "TimedSince": "since",
    "Rise": "rise", "Fall": "fall", "Previous": "prev", "StrongPrevious": "s_prev",
}
COMPARISONS = {"LESS": "<", "LEQ": "<", "EQUAL": "==", "NEQ": "!==", "GREATER": ">", "GEQ": ">"}
STEPS = ("prev", "s_prev", "rise", "fall")


class Tree:
    """What RTAMT's parser made of a text."""

    def __init__(self, node, interpreter):
        self.node = node
        kind = type(node).__name__
        # RTAMT lists the operands of a negation and of a sum twice.
        arity = 2 if isinstance(node, BinaryNode) else 1
        self.children = [Tree(child, interpreter) for child in node.children[:arity]]
        self.bounds = interpreter.time_unit_transformer(node) if kind.startswith("Timed") else None
        if kind == "Predicate":
            self.op = COMPARISONS[node.operator.name]
        elif kind in ("Variable", "Constant"):
            self.op = kind
        else:
            self.op = OPERATORS[kind]
        # Samples that a value rests on, beside the present one.
        self.horizon = max((child.horizon for child in self.children), default=0)
        self.horizon += self.bounds[1] if self.bounds else self.op in STEPS

    def canonical(self, period_ns):
        """As Node.canonical in formulas.py."""
        if self.op == "Variable":
            return self.node.var
        if self.op == "Constant":
            return repr(self.node.val)
        span = f"[{self.bounds[0] * period_ns}:{self.bounds[1] * period_ns}]" if self.bounds else ""
        return f"{self.op}{span}({','.join(child.canonical(period_ns) for child in self.children)})"

    def doubtful(self, results):
        """At which samples the value rests on arithmetic that gave NaN, or infinity after warming up. There RTAMT's
        own answer is an accident: in Python, which of a NaN and a number is the lesser depends on their order."""
        operands = [child.doubtful(results) for child in self.children]
        values = results[self.node]
        own = [math.isnan(v) or (math.isinf(v) and i >= self.horizon) for i, v in enumerate(values)]
        for operand in operands:
            own = [a or b for a, b in zip(own, self._reached(operand))]
        return own

    def _reached(self, doubtful):
        """At which samples this operator looks at a doubtful one."""
        if self.bounds:  # the whole reach, also where `since` looks at one operand only in part of it
            return [any(doubtful[max(0, i - self.bounds[1]):i + 1]) for i in range(len(doubtful))]
        if self.op in ("once", "historically", "since"):
            first = doubtful.index(True) if True in doubtful else len(doubtful)
            return [i >= first for i in range(len(doubtful))]
        if self.op in STEPS:
            return [any(doubtful[max(0, i - 1):i + 1]) for i in range(len(doubtful))]
        return doubtful


def _evaluated(spec, trace, length):
    data = {name: values[:length] for name, values in trace.items()}
    return [value for _, value in spec.evaluate({"time": list(range(length)), **data})]


def _failing_row(spec, trace, length):
    """The first row at which RTAMT raises. The past decides alone, so a beginning of the trace gives the same values."""
    good, bad = 0, length
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            _evaluated(spec, trace, middle)
            good = middle
        except Exception:  # whatever it raises, it is counted by the caller
            bad = middle
    return good


def _answer(spec, tree, trace):
    """{"values": one per row, "doubtful": rows, "failed_at": row or null, "error": text}."""
    length = len(next(iter(trace.values())))
    answer = {"values": [], "doubtful": [], "failed_at": None, "error": ""}
    try:
        answer["values"] = _evaluated(spec, trace, length)
    except Exception as problem:  # RTAMT lets through whatever arithmetic raises
        answer["error"] = f"{type(problem).__name__}: {problem}"
        answer["failed_at"] = _failing_row(spec, trace, length)
        if answer["failed_at"]:
            answer["values"] = _evaluated(spec, trace, answer["failed_at"])
    if answer["values"]:
        answer["doubtful"] = [i for i, doubt in enumerate(tree.doubtful(spec.ast.offline_results)) if doubt]
    return answer


def _solved(job):
    try:
        spec = offline(job["text"], list(job["traces"][0]), job["period_ns"])
        spec.offline_interpreter.set_ast(spec.ast)
        tree = Tree(spec.ast.specs[0], spec.offline_interpreter)
    except Exception as problem:  # RTAMT's parser raises more than its own exception
        return {"refused": f"{type(problem).__name__}: {problem}"[:300]}
    answers = [_answer(spec, tree, trace) for trace in job["traces"]]
    return {"tree": tree.canonical(job["period_ns"]), "horizon": tree.horizon, "answers": answers}


def main(jobs_path, answers_path):
    with open(jobs_path) as file:
        jobs = json.load(file)
    begin = time.process_time()
    solved = [_solved(job) for job in jobs]
    with open(answers_path, "w") as file:
        json.dump({"cpu_s": time.process_time() - begin, "jobs": solved}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
