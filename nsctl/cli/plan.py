"""``nsctl plan``: the plan for a task's first moment, step by step and with reasons."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.cli.completion import complete_planner, complete_task
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut, Unsupported

if TYPE_CHECKING:
    from rich.console import Console

    from nsctl.symbolic import Plan, Problem

PERCEPTION, GROUNDER = "tracker", "geometric"
"""The parts that the neuro-symbolic agent looks with, too."""
ENDINGS = {
    Solved: ("solved", exits.DONE),
    ProvenUnsolvable: ("unsolvable", exits.UNSOLVABLE),
    TimedOut: ("timed_out", exits.TIMED_OUT),
    Unsupported: ("unsupported", exits.UNSUPPORTED),
}
"""What each outcome is called, and its exit code."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(plan)


def plan(
    task: Annotated[str, typer.Argument(help="For example hanoi-3.", autocompletion=complete_task)],
    seed: Annotated[int, typer.Option(help="Decides the initial state.")] = 0,
    planner: Annotated[str, typer.Option(help="Who plans.", autocompletion=complete_planner)] = "clingo",
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Wall time before giving up.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Print a plan for TASK from what is seen at first. Ends with 0 solved, 3 unsolvable, 4 timed out, 5 unsupported."""
    answer = _ask(task, seed, planner, time_limit)
    if as_json:
        typer.echo(json.dumps({"task": task, "seed": seed, **_result(answer)}))
    else:
        _print(task, answer)
    raise typer.Exit(ENDINGS[type(answer.outcome)][1])


@dataclass(frozen=True)
class _Answer:
    """What the planner said. ``reasons`` has for each step the numbers (from 1) of the later steps that need it.

    ``"goal"`` stands among them where the goal does. ``None`` if the planner gives no reasons.
    """

    outcome: PlanOutcome
    reasons: list[list[int | str]] | None


def _ask(name: str, seed: int, planner_name: str, time_limit: float) -> _Answer:
    from nsctl import registry

    planner = registry.load("planners", planner_name)()
    problem = _problem(name, seed, planner)
    outcome = planner.session(problem).plan(problem.init, time_limit=time_limit)
    if not isinstance(outcome, Solved) or not hasattr(planner, "explain"):
        return _Answer(outcome, None)
    needed_by = planner.explain(problem, outcome.plan)
    return _Answer(outcome, [[user + 1 if isinstance(user, int) else user for user in step] for step in needed_by])


def _problem(name: str, seed: int, planner: Any) -> Problem:
    """The task's problem from what the agent would see and ground at the first moment."""
    from nsctl import registry, tasks
    from nsctl.contracts import SuiteOptions

    task = tasks.find(name)
    world = tasks.suite_of(name).world(task, SuiteOptions())
    try:
        observation = world.reset(seed, 0)
        perception = registry.load("perceptions", PERCEPTION)()
        perception.begin(task)
        problem = task.brief().problem(planner.domain(task.domain_pddl))
        state = registry.load("grounders", GROUNDER)()(perception(observation), problem)
    finally:
        world.close()
    return replace(problem, init=state)


def _result(answer: _Answer) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    outcome = answer.outcome
    fields: dict[str, Any] = {"status": ENDINGS[type(outcome)][0], "planner": outcome.planner}
    match outcome:
        case Solved(plan=found, optimal=optimal, bound=bound, seconds=seconds):
            counts = dict(Counter(step.operator for step in found))
            fields |= {"length": len(found), "cost": found.cost, "optimal": optimal, "bound": bound, "counts": counts}
            fields |= {"seconds": seconds, "steps": _steps(found, answer.reasons)}
        case ProvenUnsolvable(why=why, seconds=seconds):
            fields |= {"why": why, "seconds": seconds}
        case TimedOut(best=best, bound=bound, seconds=seconds):
            fields |= {"length": len(best) if best else None, "bound": bound, "seconds": seconds}
        case Unsupported(feature=feature):
            fields |= {"feature": feature}
    return fields


def _steps(found: Plan, reasons: list[list[int | str]] | None) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "operator": step.operator,
            "arguments": list(step.arguments),
            "needed_by": reasons[number - 1] if reasons else None,
        }
        for number, step in enumerate(found, start=1)
    ]


def _print(name: str, answer: _Answer) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    match answer.outcome:
        case Solved() as solved:
            _print_plan(console, name, solved, answer.reasons)
        case ProvenUnsolvable(why=why, planner=planner, seconds=seconds):
            console.print(f"[bold]{name}[/bold] has no plan: {why} (proven by {planner} in {1000 * seconds:.0f} ms)")
        case TimedOut(bound=bound, planner=planner, seconds=seconds):
            console.print(
                f"{planner} found no plan for [bold]{name}[/bold] in {seconds:.1f} s; any costs at least {bound}"
            )
        case Unsupported(feature=feature, planner=planner):
            console.print(f"{planner} cannot plan for [bold]{name}[/bold]: it does not support {feature}")


def _print_plan(console: Console, name: str, solved: Solved, reasons: list[list[int | str]] | None) -> None:
    from nsctl.cli.tables import plain_table

    table = plain_table("##", "step", "why")
    for number, step in enumerate(solved.plan, start=1):
        table.add_row(str(number), str(step), _why(reasons[number - 1]) if reasons else "")
    proof = "proven shortest" if solved.optimal else f"at least {solved.bound} are needed"
    counts = ", ".join(f"{times} {operator}" for operator, times in Counter(s.operator for s in solved.plan).items())
    console.print(f"\n[bold]{name}[/bold]: {len(solved.plan)} steps ({counts}), {proof}\n")
    console.print(table)
    console.print(f"\n[dim]found by {solved.planner} in {1000 * solved.seconds:.0f} ms[/dim]")


def _why(users: list[int | str]) -> str:
    """Who needs a step, in words: ``for steps 3 and 4, and the goal``."""
    steps = [str(user) for user in users if user != "goal"]
    said = [f"step{'s' if len(steps) > 1 else ''} {', '.join(steps)}"] if steps else []
    return "for " + " and ".join([*said, *(["the goal"] if "goal" in users else [])])
