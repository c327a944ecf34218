"""How our engines fare on unified-planning's own test cases.

    git clone --depth 1 --branch v1.3.0 https://github.com/aiplan4eu/unified-planning UP
    python benchmarks/unified_planning_cases.py --cases UP/up_test_cases --out unified-planning-cases.md

The cases are a folder of scripts that belongs to unified-planning and is no part of ours; the wheel of unified-planning
lacks the PDDL files that some of them read. All of them are looked at: the default set of UP's own ``report.py``
(``builtin`` and the examples of its unit tests) and ``performance``. Each whose kind our engines support is run, as it
is and through no compiler of UP's, once with ``nsctl`` and once with ``nsctl-opt``, each run in a process of its own.

Plans are judged by UP's ``sequential_plan_validator``, costs by the optimum that the case states, and what may be
claimed by the rules of UP's ``report.py``. The plans that a case calls valid or invalid are put to ``nsctl-val``. A
time-out is no failure and no success; it is told as what it is. Ends with status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unified_planning.engines import ValidationResultStatus
from unified_planning.environment import get_environment
from unified_planning.plans import ActionInstance, SequentialPlan

import planners.unified
from planners.unified.kinds import beyond
from planners.unified.worker import Reply, ask

ENGINES = ("nsctl", "nsctl-opt")
PACKAGES = ("builtin", "unified_planning.test", "performance")
UNREMARKABLE = {"ACTION_BASED", "FLAT_TYPING"}

ELSEWHERE = {
    "hierarchical": ("HIERARCHICAL",),
    "multi-agent": ("ACTION_BASED_MULTI_AGENT",),
    "scheduling": ("SCHEDULING",),
    "contingent": ("CONTINGENT",),
    "task and motion": ("TAMP",),
    "temporal": ("CONTINUOUS_TIME", "DISCRETE_TIME", "TIMED_EFFECTS", "TIMED_GOALS", "PROCESSES", "EVENTS"),
    "numeric": ("SIMPLE_NUMERIC_PLANNING", "GENERAL_NUMERIC_PLANNING", "INT_FLUENTS", "REAL_FLUENTS"),
}
"""Kinds of planning that nobody takes for classical, by a feature that gives them away."""


@dataclass(frozen=True)
class Row:
    """One run: of an engine on a case, or of the validator on the plans that come with it."""

    case: str
    kind: str
    expected: str
    engine: str
    status: str
    size: str
    seconds: float
    verdict: str

    def __str__(self) -> str:
        cells = (self.case, self.kind, self.expected, self.engine, self.status, self.size)
        return f"| {' | '.join(cells)} | {self.seconds:.2f} | {self.verdict} |"


HEAD = "| case | kind | expected | engine | status | steps / value | s | verdict |\n|---|---|---|---|---|---|---:|---|"


def main() -> int:
    options = _options()
    warnings.simplefilter("ignore")
    get_environment().credits_stream = None
    planners.unified.register()
    rows: list[Row] = []
    refused: dict[str, list[str]] = {}
    cases = dict(_cases(options.cases))
    for name, case in cases.items():
        missing = beyond(case.problem.kind)
        if missing:
            refused[name] = missing
            continue
        for row in _run(name, case, options.limit):
            print(f"{row.verdict:10} {row.seconds:6.2f} s  {row.engine:10} {row.status:20} {name}", flush=True)
            rows.append(row)
    text = _report(rows, refused, len(cases), {n: c.problem.kind for n, c in cases.items()}, options.limit)
    if options.out:
        options.out.write_text(text, "utf-8")
    print(text.split("\n\n")[2])
    return int(any(row.verdict.startswith("FAILED") for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", type=Path, required=True, help="the folder up_test_cases of unified-planning's source"
    )
    parser.add_argument("--out", type=Path, help="where to write the report (Markdown)")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds of wall time for each run")
    return parser.parse_args()


def _cases(folder: Path) -> Iterator[tuple[str, Any]]:
    """All test cases by name. Its modules import each other from the folder itself, so it comes first in the path."""
    if not (folder / "utils.py").is_file():
        sys.exit(f"{folder} is not the folder up_test_cases of unified-planning's source: it has no utils.py")
    sys.path.insert(0, str(folder.resolve()))
    walk = importlib.import_module("utils")._get_test_cases
    for package in PACKAGES:
        module = importlib.import_module(package)
        found = module.get_test_cases() if hasattr(module, "get_test_cases") else walk(package)
        for name, case in sorted(found.items()):
            yield f"{package}:{name}", case


def _run(name: str, case: Any, limit: float) -> Iterator[Row]:
    kind = " ".join(sorted(case.problem.kind.features - UNREMARKABLE)).lower() or "strips"
    expected = "no plan" if not case.solvable else "a plan" if case.optimum is None else f"optimum {case.optimum}"
    for engine in ENGINES:
        begun = time.monotonic()
        reply = ask(engine, case.problem, limit)
        seconds = time.monotonic() - begun
        size, verdict = _judge(case, engine, reply)
        yield Row(name, kind, expected, engine, reply.status or "died", size, seconds, verdict)
    if case.valid_plans or case.invalid_plans:
        begun = time.monotonic()
        verdict = _validate(case)
        count = f"{len(case.valid_plans)} valid, {len(case.invalid_plans)} invalid"
        yield Row(name, kind, expected, "nsctl-val", "", count, time.monotonic() - begun, verdict)


def _judge(case: Any, engine: str, reply: Reply) -> tuple[str, str]:
    """How large the plan is, and whether what was said may be said."""
    if reply.steps is None:
        if reply.status == "TIMEOUT":
            return "", "timed out"
        ok = not case.solvable and reply.status == "UNSOLVABLE_PROVEN"
        return "", "ok" if ok else f"FAILED: {reply.log or reply.status}"
    problem = case.problem
    with get_environment().factory.PlanValidator(name="sequential_plan_validator") as validator:
        checked = validator.validate(problem, _plan(problem, reply))
    values = list((checked.metric_evaluations or {}).values())
    size = f"{len(reply.steps)} / {values[0]}" if values else str(len(reply.steps))
    wrong = []
    if not case.solvable:
        wrong.append("there is no plan")
    if checked.status is not ValidationResultStatus.VALID:
        wrong.append("the plan is invalid")
    if reply.status == "SOLVED_OPTIMALLY":
        if not problem.quality_metrics:
            wrong.append("optimality is claimed without a metric")
        if case.optimum is not None and values != [case.optimum]:
            wrong.append(f"the optimum is {case.optimum}")
    elif engine == "nsctl-opt" and problem.quality_metrics and reply.status != "TIMEOUT":
        wrong.append("optimality was promised")
    if wrong:
        return size, f"FAILED: {', '.join(wrong)}"
    return size, "timed out" if reply.status == "TIMEOUT" else "ok"


def _plan(problem: Any, reply: Reply) -> SequentialPlan:
    expression = problem.environment.expression_manager.ObjectExp
    steps = [(problem.action(name), arguments) for name, arguments in reply.steps or ()]
    instances = [ActionInstance(a, tuple(expression(problem.object(x)) for x in arguments)) for a, arguments in steps]
    return SequentialPlan(instances, problem.environment)


def _validate(case: Any) -> str:
    with get_environment().factory.PlanValidator(name="nsctl-val") as validator:
        valid = [validator.validate(case.problem, plan) for plan in case.valid_plans]
        invalid = [validator.validate(case.problem, plan) for plan in case.invalid_plans]
    wrong = sum(verdict.status is not ValidationResultStatus.VALID for verdict in valid)
    wrong += sum(verdict.status is not ValidationResultStatus.INVALID for verdict in invalid)
    return f"FAILED: {wrong} misjudged" if wrong else "ok"


def _report(rows: list[Row], refused: dict[str, list[str]], total: int, kinds: dict[str, Any], limit: float) -> str:
    verdicts = Counter(row.verdict.partition(":")[0] for row in rows)
    told = ", ".join(f"{verdicts[name]} {name}" for name in ("ok", "timed out", "FAILED"))
    run = len({row.case for row in rows})
    near = {name: missing for name, missing in refused.items() if not _elsewhere(kinds[name])}
    far = Counter(_elsewhere(kinds[name]) for name in refused if name not in near)
    rest = ", ".join(f"{count} {what}" for what, count in sorted(far.items()))
    sections = [
        "# Our engines on unified-planning's test cases",
        f"`benchmarks/unified_planning_cases.py`; unified-planning {version('unified_planning')}, Python "
        f"{platform.python_version()}, {limit:g} s of wall time for each run, in a process of its own.",
        f"{total} cases: {run} of a supported kind, all of them run ({len(rows)} runs: {told}); {len(near)} that look "
        f"classical and are not supported; {sum(far.values())} that are not classical ({rest}).",
        "\n".join([HEAD, *map(str, rows)]),
        "## Classical at first sight, and not supported",
        "\n".join(["| case | because of |", "|---|---|", *(f"| {n} | {', '.join(m)} |" for n, m in near.items())]),
    ]
    return "\n\n".join(sections) + "\n"


def _elsewhere(kind: Any) -> str:
    """What kind of planning this is, if it is plainly not classical."""
    return next((what for what, signs in ELSEWHERE.items() if kind.features & set(signs)), "")


if __name__ == "__main__":
    sys.exit(main())
