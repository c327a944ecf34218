"""How long it takes to plan again: a warm session after the world did something else, on our robot tasks.

    python benchmarks/replanning.py [--states 12] [--json]

For each task a plan is made once. Then, for each of some changed states (the plan carried out for a random number of
steps, followed by a few random steps that are not the plan's), three things are timed: the monitor's answer to whether
the plan still works, the warm session's new plan, and the same from nothing, grounding included. Every new plan is
proven shortest and validated. Processor time of this process, medians over the states.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, TypeVar

from nsctl.outcomes import Solved
from nsctl.symbolic import Problem, SymbolicState
from planners.clingo import ClingoPlanner
from planners.grounding import ground
from planners.plans.validation import validate

sys.path.insert(0, str(Path(__file__).parent))
import planner_instances

TASKS = (
    ("robot-hanoi", (3,)),
    ("robot-hanoi", (4,)),
    ("robot-hanoi", (5,)),
    ("robot-stack", (3, 4)),
    ("robot-stack", (5, 4)),
    ("robot-stack", (6, 4)),
    ("robot-sort", (4, 2)),
    ("robot-sort", (6, 3)),
    ("robot-drawer", (1, 2, 1)),
    ("robot-drawer", (2, 3, 1)),
    ("robot-unpack", (2, 0)),
    ("robot-unpack", (4, 1)),
)
DETOUR = 3
"""Random steps at most by which a state differs from the plan's."""

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What ``call`` returns, and its processor time in milliseconds."""
    begun = process_time()
    result = call()
    return result, 1000 * (process_time() - begun)


def changed(problem: Problem, plan: Any, draw: Random) -> SymbolicState:
    """A state that a run of ``plan`` might get into."""
    task = ground(problem)
    state = problem.init
    for step in plan.steps[: draw.randrange(len(plan))]:
        state = step.apply(state)
    mask = task.state(state)
    for _ in range(draw.randint(1, DETOUR)):
        number = draw.choice([n for n, move in enumerate(task.moves) if move.applicable(mask)])
        state = task.step(number).apply(state)
        mask = task.state(state)
    return state


def measure(family: str, sizes: tuple[int, ...], states: int) -> dict[str, Any]:
    """Medians for one task."""
    texts = planner_instances.GENERATORS[family](1, *sizes)
    planner = ClingoPlanner()
    problem = planner.problem(texts[1], planner.domain(texts[0]))
    session = planner.session(problem)
    first, cold_first = timed(lambda: session.plan(problem.init))
    assert isinstance(first, Solved), first
    draw, rows = Random(0), []
    for _ in range(states):
        state = changed(problem, first.plan, draw)
        entry, watched = timed(lambda s=state: session.monitor(first.plan).entry(s))
        outcome, warm = timed(lambda s=state: session.plan(s))
        _, cold = timed(lambda s=state: ClingoPlanner().session(problem).plan(s))
        assert isinstance(outcome, Solved), outcome
        assert outcome.optimal, outcome
        assert validate(problem, outcome.plan, state).valid
        rows.append((watched, warm, cold, entry is not None, len(outcome.plan)))
    watched, warm, cold, works, lengths = zip(*rows, strict=True)
    return {
        "task": f"{family}/{'-'.join(map(str, sizes))}",
        "first_ms": cold_first,
        "plan": len(first.plan),
        "monitor_ms": statistics.median(watched),
        "warm_ms": statistics.median(warm),
        "warm_worst_ms": max(warm),
        "cold_ms": statistics.median(cold),
        "still_works": f"{sum(works)}/{states}",
        "new_plan": statistics.median(lengths),
    }


def main() -> None:
    """Measure all tasks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--states", type=int, default=12, help="changed states for each task")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(family, sizes, options.states) for family, sizes in TASKS]
    if options.json:
        print(json.dumps(rows))
        return
    columns = list(rows[0])
    cells = [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, *cells]:
        print(
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
        )
    print(
        f"\nmedian of the warm medians {statistics.median(row['warm_ms'] for row in rows):.2f} ms, worst single replan "
        f"{max(row['warm_worst_ms'] for row in rows):.1f} ms"
    )


if __name__ == "__main__":
    main()
