"""The planner ``clingo``: shortest plans from an answer-set solver that stays warm from one question to the next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.metadata import version
from time import monotonic
from typing import Any

from nsctl.errors import InvalidValue
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut
from nsctl.symbolic import Domain, Plan, PlanStep, Problem, SymbolicState
from planners import asp, causal
from planners.ground import GroundTask
from planners.horizons import Horizons
from planners.invariants import invariants
from planners.pddl import domain_from_pddl
from planners.sweep import Sweep

# States times steps that the sweep looks at before each call of the solver; about 20 ms.
SWEEP_EFFORT = 200_000

# Steps between milestones. Warm replans of Hanoi with five discs (up to 62 steps), median and worst of 13: 44 ms and
# 0.9 s without milestones, 11 ms and 18 ms with them.
MILESTONE_STEPS = 8


class ClingoPlanner:
    """Finds plans with the fewest steps, and proves it.

    ``sweep_effort`` is the work (states times steps looked at) that a breadth-first sweep may do before each call of
    the solver, to tell it where to start and to notice that no plan exists; 0 leaves everything to the solver.
    """

    name = "clingo"

    def __init__(self, sweep_effort: int = SWEEP_EFFORT) -> None:
        if sweep_effort < 0:
            raise InvalidValue(f"sweep_effort must be >= 0, got {sweep_effort}")
        self.sweep_effort = sweep_effort

    def domain(self, pddl: str) -> Domain:
        """The domain that this PDDL text states."""
        return domain_from_pddl(pddl)

    def session(self, problem: Problem) -> ClingoSession:
        """A warm planner over ``problem``'s objects, static facts and goal."""
        return ClingoSession(problem, self.sweep_effort)

    def describe(self) -> Mapping[str, Any]:
        """What a record should know: the planner, its setting and the version of the solver."""
        return {"name": self.name, "sweep_effort": self.sweep_effort, "clingo": version("clingo")}

    def explain(self, problem: Problem, plan: Plan) -> list[list[int | str]]:
        """For each step the numbers of the later steps that need it; ``"goal"`` where the goal does."""
        return causal.needed_by(causal.causal_links(problem, plan))


class ClingoSession:
    """One ground task and one solver, which keeps what it has learned. Plans depend on nothing but the calls so far."""

    def __init__(self, problem: Problem, sweep_effort: int = SWEEP_EFFORT) -> None:
        self.problem = problem
        self.task: GroundTask = asp.ground(problem)
        self._horizons = Horizons(self.task, invariants(self.task))
        self._numbers = {(step.operator, step.arguments): i for i, step in enumerate(self.task.steps)}
        self._effort = sweep_effort

    def plan(self, init: SymbolicState, *, avoid: Collection[PlanStep] = (), time_limit: float = 10.0) -> PlanOutcome:
        """A plan with the fewest steps from ``init`` that uses no step of ``avoid``; ``time_limit`` in seconds.

        ``optimal`` and ``bound`` speak of the cost: fewest steps are cheapest if all steps cost the same, otherwise the
        bound is the fewest steps times the cheapest step.
        """
        if not time_limit > 0:
            raise InvalidValue(f"time_limit must be > 0 seconds, got {time_limit}")
        query = _Query(self, init, avoid, monotonic(), time_limit)
        return query.settle() or query.search()

    def number(self, step: PlanStep) -> int | None:
        """The number of a ground step; ``None`` if static facts or types rule it out anyway."""
        return self._numbers.get((step.operator, step.arguments))

    def explain(self, plan: Plan) -> list[list[int | str]]:
        """For each step of ``plan`` the numbers of the later steps, or ``"goal"``, that need it."""
        return causal.needed_by(causal.causal_links(self.problem, plan))


class _Query:
    """One call of :meth:`ClingoSession.plan`."""

    def __init__(
        self, session: ClingoSession, init: SymbolicState, avoid: Collection[PlanStep], begun: float, limit: float
    ) -> None:
        self.session, self.task, self.begun, self.deadline = session, session.task, begun, begun + limit
        self.start = self.task.state(init)
        self.avoided = sorted({n for step in avoid if (n := session.number(step)) is not None})
        self.allowed = [i for i in range(len(self.task.steps)) if i not in set(self.avoided)]
        self.cheapest = min((self.task.steps[i].cost for i in self.allowed), default=0)

    def settle(self) -> PlanOutcome | None:
        """The answer where none needs to be searched for: nothing to do, or a goal that no step can bring about."""
        missing = self.task.unreachable(self.start, self.allowed)
        if missing:
            without = " without the steps to avoid" if self.avoided else ""
            names = ", ".join(map(str, missing))
            return self._unsolvable(f"no sequence of steps makes {names} true{without}, even if nothing were undone")
        return self._solved(()) if self.task.reached(self.start) else None

    def search(self) -> PlanOutcome:
        """Ask the solver for longer and longer plans; the sweep tells where to start and when to give up."""
        sweep = Sweep(self.task, self.start, self.allowed)
        steps = 1
        while True:
            sweep.advance(self.session._effort, self.deadline)
            if sweep.exhausted:
                return self._unsolvable(f"all {sweep.states} states that can be reached were seen; none is a goal")
            steps = max(steps, sweep.depth)
            milestones = {0: self.start, **sweep.milestones(MILESTONE_STEPS)}
            answer = self.session._horizons.ask(milestones, self.avoided, steps, self.deadline)
            if answer is None:
                return TimedOut(None, steps * self.cheapest, ClingoPlanner.name, monotonic() - self.begun)
            if answer:
                return self._solved(tuple(self.task.steps[i] for i in answer))
            steps += 1

    def _solved(self, steps: tuple[PlanStep, ...]) -> Solved:
        plan, bound = Plan(steps), len(steps) * self.cheapest
        return Solved(plan, plan.cost == bound, bound, ClingoPlanner.name, monotonic() - self.begun)

    def _unsolvable(self, why: str) -> ProvenUnsolvable:
        return ProvenUnsolvable(why, ClingoPlanner.name, monotonic() - self.begun)
