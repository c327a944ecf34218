"""Our planner as engines of unified-planning: ``nsctl`` finds a plan, ``nsctl-opt`` the best with a proof.

    import planners.unified
    from unified_planning.shortcuts import OneshotPlanner

    planners.unified.register()
    with OneshotPlanner(name="nsctl-opt") as planner:
        result = planner.solve(problem, timeout=10)

A problem of an unsupported kind is refused by UP's own check or, where UP only warns (engines asked for by name), with
the status ``UNSUPPORTED_PROBLEM`` and the reason in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from unified_planning.engines import (
    AnytimeGuarantee,
    Credits,
    Engine,
    OptimalityGuarantee,
    PlanGenerationResult,
    PlanGenerationResultStatus,
)
from unified_planning.engines.mixins import AnytimePlannerMixin, OneshotPlannerMixin
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.model import ProblemKind

from nsctl.errors import UnsupportedFeature
from nsctl.outcomes import Solved, TimedOut
from planners.clingo import ClingoPlanner
from planners.unified.clock import Clock, warn_ignored
from planners.unified.inward import Translation, translate
from planners.unified.kinds import supported_kind
from planners.unified.replanner import WarmReplanner
from planners.unified.results import late, refusal, result

CREDITS = Credits(
    "nsctl",
    "the nsctl authors",
    "the issues of the project",
    "https://pypi.org/project/nsctl/",
    "Apache-2.0",
    "Classical planning with answer sets and explicit search.",
    "Classical planning (ADL, action costs) with an answer-set solver and explicit search over states of bits.",
)


class NsctlEngine(Engine):
    """What our engines have in common: the problems that they take, and their credits."""

    @staticmethod
    def supported_kind() -> ProblemKind:
        return supported_kind()

    @staticmethod
    def supports(problem_kind: ProblemKind) -> bool:
        return bool(problem_kind <= supported_kind())

    @staticmethod
    def get_credits(**_: Any) -> Credits:
        return CREDITS


class NsctlPlanner(NsctlEngine, OneshotPlannerMixin, AnytimePlannerMixin, WarmReplanner):
    """Finds a plan; as an anytime planner also a cheapest one, with the proof; as a replanner it stays warm."""

    optimal = False

    def __init__(self, problem: UnifiedProblem | None = None, error_on_failed_checks: bool = True) -> None:
        """``problem`` is given by UP to a replanner only."""
        NsctlEngine.__init__(self)
        OneshotPlannerMixin.__init__(self)
        self.error_on_failed_checks = error_on_failed_checks
        if problem is not None:
            WarmReplanner.__init__(self, problem, error_on_failed_checks)

    @property
    def name(self) -> str:
        return "nsctl"

    @staticmethod
    def satisfies(optimality_guarantee: OptimalityGuarantee) -> bool:
        return optimality_guarantee is OptimalityGuarantee.SATISFICING

    @staticmethod
    def ensures(anytime_guarantee: AnytimeGuarantee) -> bool:
        return anytime_guarantee is AnytimeGuarantee.INCREASING_QUALITY

    def _solve(
        self,
        problem: UnifiedProblem,
        heuristic: Callable[..., float | None] | None = None,
        timeout: float | None = None,
        output_stream: IO[str] | None = None,
    ) -> PlanGenerationResult:
        warn_ignored(self.name, heuristic=heuristic, output_stream=output_stream)
        clock = Clock(timeout)
        try:
            translation = translate(problem)
        except UnsupportedFeature as why:
            return refusal(self.name, str(why))
        if clock.left <= 0:
            return late(self.name, clock.spent)
        optimal = self.optimal and translation.metric is not None
        outcome = ClingoPlanner().plan(translation.problem, optimal=optimal, time_limit=clock.left)
        return result(self.name, translation, outcome)

    def _get_solutions(
        self, problem: UnifiedProblem, timeout: float | None = None, output_stream: IO[str] | None = None
    ) -> Iterator[PlanGenerationResult]:
        warn_ignored(self.name, output_stream=output_stream)
        clock = Clock(timeout)
        try:
            translation = translate(problem)
        except UnsupportedFeature as why:
            yield refusal(self.name, str(why))
            return
        yield from self._improve(translation, clock)

    def _improve(self, translation: Translation, clock: Clock) -> Iterator[PlanGenerationResult]:
        """A first plan, then, if plans are to be compared at all, the best one."""
        if clock.left <= 0:
            yield late(self.name, clock.spent)
            return
        session, init = ClingoPlanner().session(translation.problem), translation.problem.init
        first = session.plan(init, optimal=False, time_limit=clock.left)
        told = result(self.name, translation, first)
        if not isinstance(first, Solved) or first.optimal or translation.metric is None:
            yield told
            return
        told.status = PlanGenerationResultStatus.INTERMEDIATE
        yield told
        if clock.left <= 0:
            yield result(self.name, translation, TimedOut(first.plan, first.bound, first.planner, clock.spent))
            return
        last = session.plan(init, optimal=True, time_limit=clock.left)
        if isinstance(last, TimedOut) and (last.best is None or last.best.cost > first.plan.cost):
            last = TimedOut(first.plan, last.bound, last.planner, last.seconds)
        yield result(self.name, translation, last)


class NsctlOptimalPlanner(NsctlPlanner):
    """Finds a plan that is best by the problem's metric, and proves that it is; without a metric any plan is as good."""

    optimal = True

    @property
    def name(self) -> str:
        return "nsctl-opt"

    @staticmethod
    def satisfies(optimality_guarantee: OptimalityGuarantee) -> bool:
        return optimality_guarantee in (OptimalityGuarantee.SATISFICING, OptimalityGuarantee.SOLVED_OPTIMALLY)
