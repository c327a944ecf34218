"""How ``nsctl plan`` shows an answer: as a table with reasons, or as one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import typer

from nsctl.cli import exits
from nsctl.outcomes import ProvenUnsolvable, Solved, TimedOut, Unsupported

if TYPE_CHECKING:
    from rich.console import Console

    from nsctl.cli.plan import Answer, Question
    from nsctl.symbolic import Number, Plan

ENDINGS = {
    Solved: ("solved", exits.DONE),
    ProvenUnsolvable: ("unsolvable", exits.UNSOLVABLE),
    TimedOut: ("timed_out", exits.TIMED_OUT),
    Unsupported: ("unsupported", exits.UNSUPPORTED),
}
"""What each outcome is called, and its exit code."""


def show(question: Question, answer: Answer, as_json: bool, detail: str = "") -> None:
    """Print the answer; ``detail`` is the whole sentence of a refusal."""
    if as_json:
        named = {"problem": str(question.problem)} if question.problem else {"seed": question.seed}
        typer.echo(json.dumps({"task": question.task, **named, **_result(answer)}))
    else:
        _print(question, answer, detail)


def _result(answer: Answer) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    outcome = answer.outcome
    fields: dict[str, Any] = {"status": ENDINGS[type(outcome)][0], "planner": outcome.planner}
    match outcome:
        case Solved(plan=found, seconds=seconds):
            counts = dict(Counter(step.operator for step in found))
            fields |= {"length": len(found), "cost": _number(found.cost), "optimal": outcome.optimal}
            fields |= {"bound": _number(outcome.bound), "engine": outcome.engine, "proof": outcome.proof}
            fields |= {"counts": counts, "seconds": seconds, "steps": _steps(found, answer.reasons)}
        case ProvenUnsolvable(why=why, seconds=seconds):
            fields |= {"why": why, "seconds": seconds, "explanation": answer.why}
        case TimedOut(best=best, bound=bound, seconds=seconds):
            fields |= {"length": len(best) if best else None, "bound": _number(bound), "seconds": seconds}
            fields |= {"cost": _number(best.cost) if best else None, "steps": _steps(best, None) if best else None}
        case Unsupported(feature=feature):
            fields |= {"feature": feature}
    return fields


def _number(value: Number) -> int | float:
    return value if isinstance(value, int) else float(Fraction(value))


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


def _print(question: Question, answer: Answer, detail: str) -> None:
    from rich.console import Console

    console, name = Console(highlight=False), question.name
    match answer.outcome:
        case Solved() as solved:
            _print_plan(console, question, solved, answer.reasons)
        case ProvenUnsolvable(why=why, planner=planner, seconds=seconds):
            console.print(f"[bold]{name}[/bold] has no plan: {why} (proven by {planner} in {_time(seconds)})")
            for sentence in ("no reason was found in time",) if answer.why == [] else answer.why or ():
                console.print(f"- {sentence}")
        case TimedOut(best=best, bound=bound, planner=planner, seconds=seconds):
            least = f"; any costs at least {_number(bound):g}" if bound else ""
            ruled = " that keeps the rules" if question.rules else ""
            if best is None:
                console.print(f"{planner} found no plan for [bold]{name}[/bold]{ruled} in {_time(seconds)}{least}")
            else:
                _print_best(console, question, best, f"not proven the cheapest in {_time(seconds)}{least}")
        case Unsupported(feature=feature, planner=planner):
            console.print(
                f"{planner} cannot plan for [bold]{name}[/bold]: " + (detail or f"it does not support {feature}")
            )


def _print_best(console: Console, question: Question, best: Plan, verdict: str) -> None:
    from nsctl.cli.tables import plain_table

    table = plain_table("##", "step")
    for number, step in enumerate(best, start=1):
        table.add_row(str(number), str(step))
    console.print(f"\n[bold]{question.name}[/bold]: {_size(best)}, {verdict}\n")
    console.print(table)


def _print_plan(console: Console, question: Question, solved: Solved, reasons: list[list[int | str]] | None) -> None:
    from nsctl.cli.tables import plain_table

    table = plain_table("##", "step", "why")
    for number, step in enumerate(solved.plan, start=1):
        table.add_row(str(number), str(step), _why(reasons[number - 1]) if reasons else "")
    console.print(f"\n[bold]{question.name}[/bold]: {_size(solved.plan)}, {_proof(solved)}\n")
    if solved.plan.steps:
        console.print(table)
    engine = f" ({solved.engine})" if solved.engine else ""
    console.print(f"\n[dim]found by {solved.planner}{engine} in {_time(solved.seconds)}[/dim]")
    if question.explain and solved.proof:
        console.print(f"[dim]{solved.proof}[/dim]")


def _size(plan: Plan) -> str:
    counts = ", ".join(f"{times} {operator}" for operator, times in Counter(s.operator for s in plan).items())
    cost = "" if all(step.cost == 1 for step in plan) else f", cost {_number(plan.cost):g}"
    steps = f"{len(plan)} step{'s' * (len(plan) != 1)}"
    return f"{steps} ({counts}){cost}" if plan.steps else "0 steps, the goal holds already"


def _proof(solved: Solved) -> str:
    unit = all(step.cost == 1 for step in solved.plan)
    if solved.optimal:
        return "proven shortest" if unit else "proven cheapest"
    bound = f"; at least {_number(solved.bound):g}" if solved.bound else ""
    return f"not proven {'shortest' if unit else 'cheapest'}{bound}"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _why(users: list[int | str]) -> str:
    """Who needs a step, in words: ``for steps 3 and 4, and the goal``."""
    steps = [str(user) for user in users if user != "goal"]
    said = [f"step{'s' if len(steps) > 1 else ''} {', '.join(steps)}"] if steps else []
    return "for " + " and ".join([*said, *(["the goal"] if "goal" in users else [])])
