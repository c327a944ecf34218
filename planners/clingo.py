"""The planner ``clingo``: one ground task, several ways to search it, answers with proofs, warm between questions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from nsctl.errors import InvalidValue, UnknownName, UnsupportedFeature
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut, Unsupported
from nsctl.symbolic import Atom, Domain, Literal, Number, Plan, PlanStep, Problem, SymbolicState
from planners import costs
from planners.answersets.solver import Found
from planners.board import Board
from planners.engines import Solvers
from planners.grounding import ground, program
from planners.grounding.invariants import invariants
from planners.grounding.restriction import Ban, restricted
from planners.grounding.task import GroundTask
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_to_text, steps_from_text
from planners.plans import causal
from planners.plans.deorder import StepContext, contexts
from planners.plans.monitor import PlanMonitor
from planners.plans.validation import validate
from planners.portfolio import SLICE, Question, settle
from planners.unsolvability.unsolvable import explain_unsolvable

CLOSE = 2_000
"""Conflicts of the solver to come closer to an old plan."""


class ClingoPlanner:
    """Finds plans and proves them the cheapest: a portfolio over one task that clingo grounds.

    ``slice_effort`` is how much blind search over states (in tenths of a microsecond) comes first; 0 leaves everything
    to the answer-set solvers.
    """

    name = "clingo"

    def __init__(self, slice_effort: int = SLICE) -> None:
        if slice_effort < 0:
            raise InvalidValue(f"slice_effort must be >= 0, got {slice_effort}")
        self.slice_effort = slice_effort

    def domain(self, pddl: str, source: str = "") -> Domain:
        """The domain that this PDDL text states."""
        return domain_from_pddl(pddl, source)

    def problem(self, pddl: str, domain: Domain, source: str = "") -> Problem:
        """The problem over ``domain`` that this PDDL text states."""
        return problem_from_pddl(pddl, domain, source)

    def plan(self, problem: Problem, *, optimal: bool = True, time_limit: float = 10.0) -> PlanOutcome:
        """The plan of one problem, from its own initial state; ``time_limit`` in seconds of wall time."""
        return self.session(problem).plan(problem.init, optimal=optimal, time_limit=time_limit)

    def session(self, problem: Problem, rules: str = "") -> ClingoSession:
        """A warm planner over ``problem``'s objects, static facts and goal.

        ``rules`` are further constraints in ASP; answersets/encodings/rules.lp tells what they may speak of. A plan that
        keeps them has at least one step, and that none does is never proven.
        """
        return ClingoSession(problem, self.slice_effort, rules)

    def describe(self) -> Mapping[str, Any]:
        """What a record should know: the planner, its setting and the version of the solver."""
        return {"name": self.name, "slice_effort": self.slice_effort, "clingo": version("clingo")}

    def priced(self, problem: Problem, table: Mapping[str, float]) -> Problem:
        """``problem`` with operator costs from ``table``."""
        return costs.priced(problem, table)

    def explain(self, problem: Problem, plan: Plan) -> list[list[int | str]]:
        """For each step the numbers of the later steps that need it; ``"goal"`` where the goal does."""
        return causal.needed_by(causal.causal_links(problem, plan))

    def why_unsolvable(self, problem: Problem, time_limit: float = 10.0) -> list[str]:
        """Why there is no plan, in sentences, each of which says whether it is a proof."""
        deadline = monotonic() + time_limit
        try:
            task = ground(problem, deadline)
            explanation = explain_unsolvable(task, task.state(problem.init), deadline=deadline)
        except program.OutOfTime:
            return []
        return [str(rung) for rung in explanation.rungs]

    def check_target(self, path: Path, kind: str) -> None:
        """Refuse a path that :meth:`draw` could not write such a picture to."""
        from planners.drawing.pictures import check_target

        check_target(path, kind)

    def draw(self, problem: Problem, plan: Plan, path: Path, kind: str) -> None:
        """Write a picture of the plan; ``kind`` is one of plan, causal and states."""
        from planners.drawing.graphs import GRAPHS, write_graph

        if kind not in GRAPHS:
            raise UnknownName("kind of picture", kind, GRAPHS)
        write_graph(GRAPHS[kind](problem, plan), path)

    def text(self, plan: Plan) -> str:
        """The plan as validators read it: one step a line, and the cost in a comment."""
        return plan_to_text(plan)

    def check(self, problem: Problem, text: str) -> tuple[Number | None, str]:
        """Judge the text of a plan: its cost if it is valid, and otherwise ``None`` and what is wrong with it."""
        verdict = validate(problem, steps_from_text(text, problem))
        return (verdict.cost, "") if verdict.valid else (None, verdict.why)


@dataclass
class _Forbidden:
    """What the world has refused: steps of one operator, where ``when`` holds, for so many more plans (or for good)."""

    operator: str
    arguments: tuple[str | None, ...]
    when: tuple[Literal, ...]
    plans_left: int | None


class ClingoSession:
    """One ground task and one solver, which keeps what it has learned. Plans depend on nothing but the calls so far."""

    def __init__(self, problem: Problem, slice_effort: int = SLICE, rules: str = "") -> None:
        self.problem = problem
        self._effort, self._rules = slice_effort, rules
        self._task: GroundTask | None = None
        self._reached: frozenset[Atom] = frozenset()
        self._forbidden: list[_Forbidden] = []

    def plan(
        self,
        init: SymbolicState,
        *,
        avoid: Collection[PlanStep] = (),
        optimal: bool = True,
        time_limit: float = 10.0,
        near: Plan | None = None,
    ) -> PlanOutcome:
        """A plan from ``init`` that uses no step of ``avoid``; ``time_limit`` in seconds of wall time.

        With ``optimal``, search goes on until the plan is proven the cheapest; otherwise the first good plan will do.
        Where all steps cost the same, it is, of several plans that are proven the shortest, one that shares as many steps
        (in any order) as can soon be had with the plan ``near``.
        """
        _check_limit(time_limit)
        begun = monotonic()
        try:
            question = self._question(init, avoid, optimal, begun + time_limit)
            board = settle(question)
        except program.OutOfTime:
            return TimedOut(None, 0, ClingoPlanner.name, monotonic() - begun)
        except UnsupportedFeature as refusal:
            return Unsupported(refusal.feature, ClingoPlanner.name)
        if near is not None and board.settled and board.best:
            _approach(board, question, near)
        return _outcome(question, board, monotonic() - begun)

    def alternatives(
        self, init: SymbolicState, count: int, *, longer: int = 0, time_limit: float = 10.0
    ) -> tuple[Plan, ...]:
        """Up to ``count`` different plans, the shortest first, none more than ``longer`` steps longer than that.

        For problems whose steps all cost the same; fewer plans, if there are no more or the time is over.
        """
        if count < 1:
            raise InvalidValue(f"count must be >= 1, got {count}")
        _check_limit(time_limit)
        question = self._question(init, (), True, monotonic() + time_limit, counted=False)
        if not _equal_costs(question):
            raise UnsupportedFeature("alternatives where costs differ", "alternatives need steps of equal cost")
        board = settle(question)
        if not board.best or not board.settled:
            return (Plan(),) if board.settled and board.best == () else ()
        task = question.task
        found: list[tuple[int, ...]] = []
        plans: dict[tuple[tuple[str, tuple[str, ...]], ...], Plan] = {}
        for steps in range(len(board.best), len(board.best) + longer + 1):
            while len(plans) < count:
                answer = question.solvers.ask(
                    question.start, question.bans, steps, question.deadline, different_from=found
                )
                if not isinstance(answer, Found):
                    break
                found.append(answer.plan)  # two moves may stand for one step, if its precondition is a disjunction
                plans.setdefault(tuple(task.names[n] for n in answer.plan), Plan(task.steps(answer.plan)))
        return tuple(plans.values())

    def forbid(
        self,
        operator: str,
        arguments: tuple[str | None, ...],
        when: Iterable[Literal] = (),
        plans: int | None = None,
    ) -> object:
        """From now on no plan uses these steps: ``None`` stands for any argument.

        With ``when``, only where all those literals hold; with ``plans``, for so many more plans, otherwise until
        :meth:`lift` gets what this returns.
        """
        wanted = self.problem.domain.operator(operator)
        if len(arguments) != len(wanted.parameters):
            raise InvalidValue(f"{operator} takes {len(wanted.parameters)} arguments, got {arguments}")
        if plans is not None and plans < 1:
            raise InvalidValue(f"plans must be >= 1 or None, got {plans}")
        entry = _Forbidden(operator, arguments, tuple(when), plans)
        scope = {thing.name: thing for thing in self.problem.things}
        for literal in entry.when:
            self.problem.domain.check(literal.atom, scope, f"forbid {operator}")
        self._forbidden.append(entry)
        return entry

    def lift(self, entry: object) -> None:
        """Allow again what :meth:`forbid` forbade; nothing happens if that has run out already."""
        self._forbidden = [each for each in self._forbidden if each is not entry]

    def monitor(self, plan: Plan) -> PlanMonitor:
        """Who watches ``plan``: does the rest of it still work from what is true now?"""
        return PlanMonitor.of(self._ground(self.problem.init, inf) if self._task is None else self._task, plan)

    def contexts(self, plan: Plan, init: SymbolicState | None = None) -> tuple[StepContext, ...]:
        """For a skill, of each step of ``plan``: what it achieves, must keep, who needs it, what comes before it."""
        return contexts(self.problem, plan, init)

    def _ground(self, init: SymbolicState, deadline: float) -> GroundTask:
        """The ground task. A small one serves every initial state; a large one serves those from which nothing else can
        be reached than from the ones before, and is ground anew for all of them when another comes."""
        if self._task is None or not (self._task.complete or self._moving(init) <= self._reached):
            problem = self.problem
            if program.candidates(problem) > program.GENERAL:
                static = problem.init.atoms - self._moving(problem.init)
                problem = replace(problem, init=SymbolicState.of(static | self._reached | self._moving(init)))
            self._task = ground(problem, deadline)
            self._solvers = Solvers(self._task, invariants(self._task, deadline), self._rules)
            self._reached = self._task.reachable_atoms()
        return self._task

    def _moving(self, state: SymbolicState) -> frozenset[Atom]:
        fluents = self.problem.domain.fluents
        return frozenset(atom for atom in state.atoms if atom.predicate in fluents)

    def _question(
        self,
        init: SymbolicState,
        avoid: Collection[PlanStep],
        optimal: bool,
        deadline: float,
        counted: bool = True,
    ) -> Question:
        task = self._ground(init, deadline)
        bans = [Ban(frozenset(task.numbers.get((step.operator, step.arguments), ()))) for step in avoid]
        bans += self._refused(task, init, counted)
        view, allowed = restricted(task, bans)
        return Question(view, self._solvers, task.state(init), allowed, bans, optimal, deadline, self._effort)

    def _refused(self, task: GroundTask, init: SymbolicState, counted: bool) -> Iterator[Ban]:
        """What is forbidden in this plan; counts down what is forbidden for some plans only."""
        if not self._forbidden:
            return
        static = self.problem.init.atoms - self._moving(self.problem.init)
        seen = self.problem.derive(SymbolicState(static | self._moving(init)))
        for entry in self._forbidden:
            if counted and entry.plans_left is not None:
                entry.plans_left -= 1
            fixed = [literal for literal in entry.when if literal.atom not in task.index]
            if not seen.satisfies(fixed):
                continue  # the context never comes about
            moves = frozenset(
                number
                for (operator, arguments), numbers in task.numbers.items()
                if operator == entry.operator
                and all(want in (None, got) for want, got in zip(entry.arguments, arguments, strict=True))
                for number in numbers
            )
            pre = task.mask(literal.atom for literal in entry.when if literal.positive)
            yield Ban(moves, pre, task.mask(literal.atom for literal in entry.when if not literal.positive))
        self._forbidden = [entry for entry in self._forbidden if entry.plans_left != 0]


def _check_limit(time_limit: float) -> None:
    if not time_limit > 0:
        raise InvalidValue(f"time_limit must be > 0 seconds, got {time_limit}")


def _equal_costs(question: Question) -> bool:
    """Whether all steps cost the same, and something, so that shortest is cheapest."""
    costs = {question.task.moves[number].cost for number in question.allowed}
    return len(costs) == 1 and 0 not in costs


def _approach(board: Board, question: Question, near: Plan) -> None:
    """Put a plan on the board that is as short as the best and shares more steps with ``near``, if there is one."""
    old = [n for step in near for n in question.task.numbers.get((step.operator, step.arguments), ())]
    best = board.best or ()
    if not _equal_costs(question):
        return
    answer = question.solvers.ask(question.start, question.bans, len(best), question.deadline, CLOSE, near=old)
    if isinstance(answer, Found) and len(set(answer.plan) & set(old)) > len(set(best) & set(old)):
        board.best, board.engine = answer.plan, "sequential answer sets"


def _outcome(question: Question, board: Board, seconds: float) -> PlanOutcome:
    task = question.task
    if board.none:
        return ProvenUnsolvable(board.none, ClingoPlanner.name, seconds)
    plan = Plan(task.steps(board.best)) if board.best is not None else None
    bound: Number = task.cost(board.lower)
    if plan is not None and (board.settled or not question.optimal):
        return Solved(plan, board.settled, bound, ClingoPlanner.name, seconds, board.engine, board.proof)
    return TimedOut(plan, bound, ClingoPlanner.name, seconds)
