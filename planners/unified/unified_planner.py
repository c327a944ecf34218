"""The planners ``up:ENGINE``: any one-shot engine of unified-planning under our contract.

No engine is believed: what it calls a plan is carried out by our validator, and only then handed on. Its proofs cannot
be checked; an outcome that rests on one names the engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib.metadata import packages_distributions, version
from time import monotonic
from typing import Any

from unified_planning.engines import OptimalityGuarantee
from unified_planning.environment import get_environment
from unified_planning.exceptions import UPException

from nsctl.errors import BrokenPart, InvalidValue, NsctlError, UnknownName, UnsupportedFeature
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut, Unsupported
from nsctl.symbolic import Domain, Plan, PlanStep, Problem, SymbolicState
from planners.grounding import ground
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text
from planners.plans.monitor import PlanMonitor
from planners.plans.validation import Named, Validator, spoken, validate
from planners.unified.kinds import beyond
from planners.unified.outward import Statement, state
from planners.unified.worker import Reply, ask


class EngineFailed(NsctlError):
    """An engine ended without a plan, a proof or a time-out, or called something a plan that is none."""


class UnifiedPlanner:
    """Plans with the engine that unified-planning knows as ``engine``, for example ``fast-downward``.

    Where a cheapest plan is asked for and the engine promises none, its variant ``ENGINE-opt`` is taken if there is
    one. Refuses an unknown name with a list of those installed.
    """

    def __init__(self, engine: str) -> None:
        self._factory = get_environment().factory
        known = installed()
        if not known:
            raise BrokenPart("no engine of unified-planning is installed; for example: pip install up-fast-downward")
        if engine not in known:
            raise UnknownName("engine of unified-planning", engine, known)
        self.engine = engine
        self.name = f"up:{engine}"

    def domain(self, pddl: str, source: str = "") -> Domain:
        """The domain that this PDDL text states."""
        return domain_from_pddl(pddl, source)

    def problem(self, pddl: str, domain: Domain, source: str = "") -> Problem:
        """The problem over ``domain`` that this PDDL text states."""
        return problem_from_pddl(pddl, domain, source)

    def plan(self, problem: Problem, *, optimal: bool = True, time_limit: float = 10.0) -> PlanOutcome:
        """The plan of one problem, from its own initial state; ``time_limit`` in seconds of wall time."""
        return self.session(problem).plan(problem.init, optimal=optimal, time_limit=time_limit)

    def session(self, problem: Problem) -> UnifiedSession:
        """A planner over ``problem``'s objects, static facts and goal; nothing in it stays warm."""
        return UnifiedSession(self, problem)

    def describe(self) -> Mapping[str, Any]:
        """What a record should know: the engine and the versions of its package and of unified-planning."""
        module = self._factory.engine(self.engine).__module__.partition(".")[0]
        homes = {name: version(name) for name in packages_distributions().get(module, ())}
        return {"name": self.name, "unified-planning": version("unified_planning"), **homes}

    def variant(self, optimal: bool) -> str | None:
        """The engine to ask; ``None`` if none of this name promises cheapest plans."""
        if not optimal:
            return self.engine
        for name in (self.engine, f"{self.engine}-opt"):
            known = name in self._factory.engines
            if known and self._factory.engine(name).satisfies(OptimalityGuarantee.SOLVED_OPTIMALLY):
                return name
        return None

    def missing(self, engine: str, statement: Statement) -> list[str]:
        """Features of the problem that the engine does not support, by the names that UP has for them."""
        return beyond(statement.problem.kind, self._factory.engine(engine).supported_kind())


class UnifiedSession:
    """One problem, stated anew for each question."""

    def __init__(self, planner: UnifiedPlanner, problem: Problem) -> None:
        self.planner, self.problem = planner, problem
        self._init = problem.init

    def plan(
        self,
        init: SymbolicState,
        *,
        avoid: Collection[PlanStep] = (),
        optimal: bool = True,
        time_limit: float = 10.0,
    ) -> PlanOutcome:
        """A plan from ``init`` that uses no step of ``avoid``; ``time_limit`` in seconds of wall time.

        Raises :class:`EngineFailed` where the engine gave up or broke.
        """
        if not time_limit > 0:
            raise InvalidValue(f"time_limit must be > 0 seconds, got {time_limit}")
        begun = monotonic()
        self._init = init = Validator(self.problem, init).witness.state
        engine = self.planner.variant(optimal)
        if engine is None:
            return Unsupported("proofs that a plan is the cheapest", self.planner.name)
        avoided = {(step.operator, step.arguments) for step in avoid}
        try:
            statement, missing = self._statement(engine, init, avoided, optimal)
        except UnsupportedFeature as refusal:
            return Unsupported(refusal.feature, self.planner.name)
        except UPException as error:  # some conditions are too much for it: see docs/unified-planning.md
            return Unsupported(f"what unified-planning itself cannot read ({error})", self.planner.name)
        if missing:
            return Unsupported(", ".join(missing), self.planner.name)
        reply = Reply("TIMEOUT")
        if (left := begun + time_limit - monotonic()) > 0:
            reply = ask(engine, statement.problem, left)
        return self._outcome(reply, statement, avoided, monotonic() - begun)

    def monitor(self, plan: Plan) -> PlanMonitor:
        """Who watches ``plan``, the one found last: does the rest of it still work from what is true now?"""
        return PlanMonitor.of(ground(replace(self.problem, init=self._init)), plan)

    def _statement(
        self, engine: str, init: SymbolicState, avoid: Collection[Named], optimal: bool
    ) -> tuple[Statement, list[str]]:
        """The question, and what of it the engine does not support. If any plan will do, it need not know of costs."""
        statement = state(self.problem, init, avoid)
        missing = self.planner.missing(engine, statement)
        if missing and not optimal:
            statement = state(self.problem, init, avoid, metric=False)
            missing = self.planner.missing(engine, statement)
        return statement, missing

    def _outcome(self, reply: Reply, statement: Statement, avoid: Collection[Named], seconds: float) -> PlanOutcome:
        name = self.planner.name
        if reply.steps is not None:
            plan = self._checked(statement.steps(reply.steps), avoid)
            if reply.status == "TIMEOUT":
                return TimedOut(plan, 0, name, seconds)
            optimal = reply.status == "SOLVED_OPTIMALLY"
            proof = f"{reply.engine} says so" if optimal else ""
            return Solved(plan, optimal, plan.cost if optimal else 0, name, seconds, reply.engine, proof)
        if reply.status == "UNSOLVABLE_PROVEN":
            return ProvenUnsolvable(f"{reply.engine} says so", name, seconds)
        if reply.status == "TIMEOUT":
            return TimedOut(None, 0, name, seconds)
        if reply.status == "UNSUPPORTED_PROBLEM":
            return Unsupported(f"something in {self.problem.name}, as {reply.engine} says", name)
        last = reply.log.splitlines()[-1] if reply.log else "it says no more"
        raise EngineFailed(f"{name} found no plan and proved nothing ({reply.status or 'no status'}): {last}")

    def _checked(self, steps: list[Named], avoid: Collection[Named]) -> Plan:
        """The steps as a plan, after they have been carried out."""
        verdict = validate(self.problem, steps, self._init)
        if not verdict:
            raise EngineFailed(f"{self.planner.name} returned what is no plan: {verdict.why}")
        if forbidden := [spoken(step) for step in steps if step in avoid]:
            raise EngineFailed(f"{self.planner.name} returned a plan with {forbidden[0]}, a step to avoid")
        return plan_from_text("\n".join(map(spoken, steps)), self.problem, self._init)


def installed() -> list[str]:
    """The names of the one-shot engines that unified-planning could import, its meta-engines left out."""
    factory = get_environment().factory
    return sorted(name for name in factory.engines if "[" not in name and factory.engine(name).is_oneshot_planner())
