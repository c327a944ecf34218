"""``nsctl plan``: a plan for a task's first moment or for PDDL files, step by step and with reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.cli.completion import complete_planner, complete_task
from nsctl.errors import DomainError, InvalidValue, UnsupportedFeature
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, Unsupported

if TYPE_CHECKING:
    from nsctl.contracts import Explainer, Planner
    from nsctl.symbolic import Plan, Problem

PERCEPTION, GROUNDER, EXPLAINER = "tracker", "geometric", "clingo"
"""The parts that the neuro-symbolic agent looks with, too; and who explains what another planner found."""
GRAPHS = ("plan", "causal", "states")
EXPLAINED = 300
"""Steps of a plan up to which its reasons are given without being asked for."""

TaskOrDomain = Annotated[
    str,
    typer.Argument(
        metavar="TASK | DOMAIN.pddl",
        help="A task, for example hanoi-3, or the file of a PDDL domain.",
        autocompletion=complete_task,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(plan)


def plan(
    task: TaskOrDomain,
    problem: Annotated[
        Path | None, typer.Argument(metavar="[PROBLEM.pddl]", help="The file of the PDDL problem.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides a task's initial state.")] = 0,
    optimal: Annotated[
        bool, typer.Option("--optimal", help="Search on until the plan is proven the cheapest.")
    ] = False,
    planner: Annotated[
        str, typer.Option(help="Who plans; up:NAME for unified-planning's.", autocompletion=complete_planner)
    ] = "clingo",
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Wall time before giving up.")] = 60.0,
    costs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: operator -> cost of one step, for example joules.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ASP text with further constraints (clingo only).")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What the proof rests on, or why there is no plan.")
    ] = False,
    graph: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the plan (.svg, .png, .dot or .txt).")
    ] = None,
    graph_kind: Annotated[str, typer.Option(metavar="KIND", help=f"What to draw: {', '.join(GRAPHS)}.")] = "plan",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the plan as text, a step a line.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="PLAN", help="Do not plan: judge the plan in this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Plan TASK from what is seen at first, or the PROBLEM of a DOMAIN.

    Ends with 0 solved, 3 proven unsolvable, 4 timed out, 5 unsupported, 6 unreadable PDDL or, with --check, a bad plan.
    """
    from nsctl.cli import plan_report

    _check_targets(graph, graph_kind, output)
    asked = Question(task, problem, seed, planner, optimal, time_limit, explain, costs, rules)
    try:
        parts = asked.parts()
    except UnsupportedFeature as refusal:
        plan_report.show(asked, Answer(Unsupported(refusal.feature, planner)), as_json, str(refusal))
        raise typer.Exit(exits.UNSUPPORTED) from None
    if check is not None:
        _judge(parts, check, as_json)
        return
    answer = asked.answer(parts)
    plan_report.show(asked, answer, as_json)
    if isinstance(answer.outcome, Solved):
        _write(parts, answer.outcome.plan, graph, graph_kind, output)
    raise typer.Exit(plan_report.ENDINGS[type(answer.outcome)][1])


@dataclass(frozen=True)
class Parts:
    """Who plans, who explains, and what."""

    planner: Planner
    explainer: Explainer
    problem: Problem


@dataclass(frozen=True)
class Answer:
    """What the planner said.

    ``reasons`` has for each step the numbers (from 1) of the later steps that need it, and ``"goal"`` where the goal
    does; ``why`` has sentences on why there is no plan. Both are ``None`` where nothing was asked or can be said.
    """

    outcome: PlanOutcome
    reasons: list[list[int | str]] | None = None
    why: list[str] | None = None


@dataclass(frozen=True)
class Question:
    """What was asked on the command line."""

    task: str
    problem: Path | None
    seed: int
    planner: str
    optimal: bool
    time_limit: float
    explain: bool
    costs: Path | None
    rules: Path | None

    @property
    def name(self) -> str:
        """What the answer is called: the task, or the problem's file."""
        return self.problem.stem if self.problem else self.task

    def parts(self) -> Parts:
        """Load the planner and read the problem."""
        from nsctl import registry

        planner = registry.load("planners", self.planner)()
        explainer = planner if hasattr(planner, "explain") else registry.load("planners", EXPLAINER)()
        found = self._from_files(planner) if self.problem or _is_pddl(self.task) else self._from_task(planner)
        if self.costs is not None:
            found = explainer.priced(found, _table(self.costs))
        return Parts(planner, explainer, found)

    def answer(self, parts: Parts) -> Answer:
        """Ask the planner, and the explainer about what it said."""
        options = {"rules": _read(self.rules)} if self.rules is not None else {}
        if options and self.planner != EXPLAINER:
            raise InvalidValue(f"--rules speaks ASP, which {self.planner} does not: use --planner {EXPLAINER}")
        problem = parts.problem
        session = parts.planner.session(problem, **options)
        outcome = session.plan(problem.init, optimal=self.optimal, time_limit=self.time_limit)
        if isinstance(outcome, Solved):
            if len(outcome.plan) > EXPLAINED and not self.explain:
                return Answer(outcome)
            needed_by = parts.explainer.explain(problem, outcome.plan)
            return Answer(outcome, [[u + 1 if isinstance(u, int) else u for u in step] for step in needed_by])
        if isinstance(outcome, ProvenUnsolvable) and self.explain:
            return Answer(outcome, why=parts.explainer.why_unsolvable(problem, time_limit=self.time_limit))
        return Answer(outcome)

    def _from_files(self, planner: Planner) -> Problem:
        if self.problem is None:
            raise InvalidValue(f"{self.task} is a domain; name the problem's file after it, too")
        domain = planner.domain(_read(Path(self.task)), self.task)
        return planner.problem(_read(self.problem), domain, str(self.problem))

    def _from_task(self, planner: Planner) -> Problem:
        """The task's problem from what the agent would see and ground at the first moment."""
        from nsctl import registry, tasks
        from nsctl.contracts import SuiteOptions

        task = tasks.find(self.task)
        world = tasks.suite_of(self.task).world(task, SuiteOptions())
        try:
            observation = world.reset(self.seed, 0)
            perception = registry.load("perceptions", PERCEPTION)()
            perception.begin(task)
            problem = task.brief().problem(planner.domain(task.domain_pddl))
            state = registry.load("grounders", GROUNDER)()(perception(observation), problem)
        finally:
            world.close()
        return replace(problem, init=state)


def _judge(parts: Parts, path: Path, as_json: bool) -> None:
    cost, wrong = parts.explainer.check(parts.problem, _read(path))
    if as_json:
        typer.echo(
            json.dumps({"status": "invalid" if cost is None else "valid", "cost": cost, "why": wrong}, default=float)
        )
    elif cost is None:
        typer.echo(f"{path} is not a plan for {parts.problem.name}: {wrong}")
    else:
        typer.echo(f"{path} is a valid plan for {parts.problem.name}, of cost {float(cost):g}")
    if cost is None:
        raise typer.Exit(exits.BAD_INPUT)


def _check_targets(graph: Path | None, kind: str, output: Path | None) -> None:
    """Refuse what cannot be written before any time is spent on a plan."""
    if kind not in GRAPHS:
        raise InvalidValue(f"--graph-kind must be one of {', '.join(GRAPHS)}, got {kind!r}")
    for path in filter(None, (graph, output)):
        if not path.absolute().parent.is_dir():
            raise InvalidValue(f"{path} cannot be written: there is no folder {path.absolute().parent}")
    if graph is not None:
        from nsctl import registry

        registry.load("planners", EXPLAINER)().check_target(graph, kind)


def _write(parts: Parts, plan: Plan, graph: Path | None, kind: str, output: Path | None) -> None:
    """Write the plan's picture and text where they are wanted."""
    if graph is not None:
        parts.explainer.draw(parts.problem, plan, graph, kind)
        typer.echo(f"graph  {graph}", err=True)
    if output is not None:
        output.write_text(parts.explainer.text(plan), "utf-8")
        typer.echo(f"plan   {output}", err=True)


def _is_pddl(name: str) -> bool:
    return name.lower().endswith(".pddl")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DomainError(f"{path} is no text (it is not UTF-8)") from None


def _table(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise InvalidValue(f"{path} is no JSON: {error}") from None
    if not isinstance(table, dict):
        raise InvalidValue(f'{path} must hold an object such as {{"pick": 1.9, "place": 2.4}}')
    return table
