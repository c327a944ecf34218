"""UP's engines under our contract: plans are checked, limits are kept, and each ending keeps its name.

Engines that misbehave are made up here; the honest ones are ours, registered in UP, and whatever else is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("unified_planning")

from unified_planning.engines import Engine, OptimalityGuarantee, PlanGenerationResult, PlanGenerationResultStatus
from unified_planning.engines.mixins import OneshotPlannerMixin
from unified_planning.environment import get_environment
from unified_planning.model import ProblemKind
from unified_planning.plans import SequentialPlan

import planners.unified
from nsctl.contracts import PlanningSession
from nsctl.errors import DomainError, InvalidValue, UnknownName
from nsctl.outcomes import ProvenUnsolvable, Solved, TimedOut, Unsupported
from nsctl.symbolic import Atom, Literal, Operator, Problem, SymbolicState
from planners.plans.validation import validate
from planners.unified.kinds import supported_kind
from planners.unified.unified_planner import EngineFailed, UnifiedPlanner, installed
from planners.unified.worker import GRACE

STATUS = PlanGenerationResultStatus


class Misbehaving(Engine, OneshotPlannerMixin):
    """Takes any problem; what it does with it is up to its heirs."""

    kind: ProblemKind = supported_kind()

    def __init__(self) -> None:
        Engine.__init__(self)
        OneshotPlannerMixin.__init__(self)

    @property
    def name(self) -> str:
        return type(self).__name__

    @classmethod
    def supported_kind(cls) -> ProblemKind:
        return cls.kind

    @classmethod
    def supports(cls, problem_kind: ProblemKind) -> bool:
        return problem_kind <= cls.kind

    @staticmethod
    def satisfies(optimality_guarantee: OptimalityGuarantee) -> bool:
        return True

    def _solve(self, problem: Any, *_: Any) -> PlanGenerationResult:
        return self.result(problem)

    def result(self, problem: Any) -> PlanGenerationResult:
        raise RuntimeError("out of ideas")


class Raises(Misbehaving):
    pass


class Lies(Misbehaving):
    def result(self, problem: Any) -> PlanGenerationResult:
        return PlanGenerationResult(STATUS.SOLVED_OPTIMALLY, SequentialPlan([], problem.environment), "Lies")


class Sleeps(Misbehaving):
    def result(self, problem: Any) -> PlanGenerationResult:
        while True:
            time.sleep(0.05)


class GivesUp(Misbehaving):
    def result(self, problem: Any) -> PlanGenerationResult:
        return PlanGenerationResult(STATUS.UNSOLVABLE_INCOMPLETELY, None, "GivesUp")


class Dies(Misbehaving):
    def result(self, problem: Any) -> PlanGenerationResult:
        import os

        os._exit(9)


class Knows(Misbehaving):
    """Little: neither negation nor costs."""

    kind = ProblemKind({"ACTION_BASED", "FLAT_TYPING", "HIERARCHICAL_TYPING"}, version=3)

    @staticmethod
    def satisfies(optimality_guarantee: OptimalityGuarantee) -> bool:
        return optimality_guarantee is OptimalityGuarantee.SATISFICING


MADE_UP = {each.__name__.lower(): each for each in (Raises, Lies, Sleeps, GivesUp, Dies, Knows)}
HONEST = [name for name in (*planners.unified.ENGINES, *installed()) if name not in ("nsctl-val", *MADE_UP)]


@pytest.fixture(autouse=True)
def _engines() -> Iterator[None]:
    factory = get_environment().factory
    planners.unified.register()
    before = list(factory.preference_list)
    for name, each in MADE_UP.items():
        factory.add_engine(name, __name__, each.__name__)
    yield
    factory.preference_list = before
    for name in MADE_UP:
        for known in [n for n in factory.engines if n == name or n.endswith(f"[{name}]")]:
            del factory._engines[known]


def _session(engine: str, problem: Problem) -> PlanningSession:
    return UnifiedPlanner(engine).session(problem)


@pytest.mark.parametrize("engine", sorted(set(HONEST)))
def test_plans_are_valid_and_shortest_where_that_is_asked_for(engine: str, hanoi: Callable[[int], Problem]) -> None:
    problem = hanoi(3)
    for optimal in (True, False):
        outcome = _session(engine, problem).plan(problem.init, optimal=optimal)
        if engine == "nsctl" and optimal:
            assert isinstance(outcome, Solved), "nsctl-opt is asked instead"
        assert isinstance(outcome, Solved)
        assert validate(problem, outcome.plan)
        assert outcome.planner == f"up:{engine}"
        assert outcome.engine
        assert not optimal or (len(outcome.plan), outcome.optimal, outcome.bound) == (14, True, 14)


@pytest.mark.parametrize("engine", ["nsctl-opt", *(name for name in HONEST if name == "fast-downward-opt")])
def test_steps_to_avoid_are_avoided_or_their_need_is_proven(
    engine: str, hanoi: Callable[[int], Problem], shortest: Callable[..., int | None]
) -> None:
    problem = hanoi(2)
    session = _session(engine, problem)
    first = session.plan(problem.init)
    assert isinstance(first, Solved)
    seen = set()
    for step in first.plan:
        outcome, length = session.plan(problem.init, avoid=[step]), shortest(problem, problem.init, [step])
        seen.add(type(outcome))
        assert isinstance(outcome, ProvenUnsolvable) if length is None else len(outcome.plan) == length
        assert not isinstance(outcome, Solved) or step not in outcome.plan.steps
    assert seen == {Solved, ProvenUnsolvable}


def test_the_initial_state_is_the_one_that_is_asked_about(
    hanoi: Callable[[int], Problem], hanoi_at: Callable[..., SymbolicState]
) -> None:
    problem, start = hanoi(2), hanoi_at(2, ("middle", "right"))
    session = _session("nsctl-opt", problem)
    outcome = session.plan(SymbolicState.of(a for a in start if a.predicate != "smaller"))
    assert isinstance(outcome, Solved)
    assert len(outcome.plan) == 2
    assert session.monitor(outcome.plan).entry(start) == 0
    with pytest.raises(DomainError):
        session.plan(SymbolicState.of([Atom("on", ("disc1", "nowhere"))]))


def test_costs_of_steps_are_ours_whatever_the_engine_was_told(hanoi: Callable[[int], Problem]) -> None:
    problem = hanoi(2)
    cheap = tuple(replace(operator, cost=3) for operator in problem.domain.operators)
    outcome = UnifiedPlanner("nsctl-opt").plan(replace(problem, domain=replace(problem.domain, operators=cheap)))
    assert isinstance(outcome, Solved)
    assert (outcome.plan.cost, outcome.bound) == (18, 18)


def test_a_lie_is_not_believed(hanoi: Callable[[int], Problem]) -> None:
    with pytest.raises(EngineFailed, match="up:lies returned what is no plan: at the end, the goal"):
        UnifiedPlanner("lies").plan(hanoi(2))


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("raises", "RuntimeError: out of ideas"),
        ("givesup", "UNSOLVABLE_INCOMPLETELY"),
        ("dies", "its process died"),
    ],
)
def test_who_neither_plans_nor_proves_has_failed(engine: str, message: str, hanoi: Callable[[int], Problem]) -> None:
    with pytest.raises(EngineFailed, match=message):
        UnifiedPlanner(engine).plan(hanoi(2))


def test_the_time_limit_is_kept_even_by_who_does_not_know_of_it(hanoi: Callable[[int], Problem]) -> None:
    begun = time.monotonic()
    outcome = UnifiedPlanner("sleeps").plan(hanoi(2), time_limit=0.3)
    assert isinstance(outcome, TimedOut)
    assert 0.3 <= time.monotonic() - begun < 0.3 + GRACE + 1.5
    with pytest.raises(InvalidValue):
        UnifiedPlanner("sleeps").plan(hanoi(2), time_limit=0)


def test_what_an_engine_does_not_support_is_named(hanoi: Callable[[int], Problem]) -> None:
    problem = hanoi(2)
    negated = replace(problem, goal=(Literal(Atom("on", ("disc1", "left")), False),))
    assert UnifiedPlanner("knows").plan(problem) == Unsupported("proofs that a plan is the cheapest", "up:knows")
    assert UnifiedPlanner("knows").plan(negated, optimal=False) == Unsupported("NEGATIVE_CONDITIONS", "up:knows")
    with pytest.raises(EngineFailed, match="out of ideas"):  # it is asked, without the metric that it does not know
        UnifiedPlanner("knows").plan(problem, optimal=False)


def test_no_plan_is_proven_by_the_optimal_variant(hanoi: Callable[[int], Problem]) -> None:
    problem = hanoi(2)
    stuck = tuple(o for o in problem.domain.operators if o.name == "pick")
    outcome = UnifiedPlanner("nsctl").plan(replace(problem, domain=replace(problem.domain, operators=stuck)))
    assert isinstance(outcome, ProvenUnsolvable)
    assert "nsctl-opt says so" in outcome.why


def test_pddl_is_read_as_by_our_own_planner(hanoi_text: str) -> None:
    domain = UnifiedPlanner("nsctl").domain(hanoi_text)
    assert {operator.name for operator in domain.operators} == {"pick", "place"}
    assert isinstance(domain.operators[0], Operator)


def test_an_unknown_engine_is_answered_with_those_installed() -> None:
    with pytest.raises(
        UnknownName, match=r"no engine of unified-planning is called 'nsctl-otp'. Did you mean 'nsctl-opt'"
    ):
        planners.unified.planner("nsctl-otp")
    with pytest.raises(UnknownName, match=r"There is: .*nsctl"):
        planners.unified.planner("")
    assert not any("[" in name for name in installed())


def test_the_record_has_versions() -> None:
    described = planners.unified.planner("nsctl-opt").describe()
    assert described["name"] == "up:nsctl-opt"
    assert described["unified-planning"]
