"""Unified-planning's replanner over one warm session of ours."""

from __future__ import annotations

from typing import IO, Any
from warnings import warn

from unified_planning.engines import PlanGenerationResult
from unified_planning.engines.mixins import ReplannerMixin
from unified_planning.exceptions import UPUsageError
from unified_planning.model import Action
from unified_planning.model import Problem as UnifiedProblem

from nsctl.errors import UnsupportedFeature
from planners.clingo import ClingoPlanner, ClingoSession
from planners.unified.clock import Clock, warn_ignored
from planners.unified.inward import Translation, translate
from planners.unified.results import late, refusal, result


class WarmReplanner(ReplannerMixin):
    """Keeps its ground task and what the solver has learned while only fluents get new initial values.

    A new goal, a new action or a new static fact costs a new session.
    """

    optimal: bool

    def __init__(self, problem: UnifiedProblem, error_on_failed_checks: bool) -> None:
        super().__init__(problem, error_on_failed_checks)
        self._warm: tuple[Translation, ClingoSession] | None = None

    def _resolve(self, timeout: float | None = None, output_stream: IO[str] | None = None) -> PlanGenerationResult:
        warn_ignored(self.name, output_stream=output_stream)
        clock = Clock(timeout)
        if self._warm is None:
            try:
                translation = translate(self._problem)
            except UnsupportedFeature as why:
                return refusal(self.name, str(why))
            self._warm = translation, ClingoPlanner().session(translation.problem)
        translation, session = self._warm
        init = translation.state()
        if clock.left <= 0:
            return late(self.name, clock.spent)
        optimal = self.optimal and translation.metric is not None
        outcome = session.plan(init, optimal=optimal, time_limit=clock.left)
        return result(self.name, translation, outcome)

    def _update_initial_value(self, fluent: Any, value: Any) -> None:
        (expression,) = self._problem.environment.expression_manager.auto_promote(fluent)
        self._problem.set_initial_value(expression, value)
        if self._warm is not None and not self._warm[0].is_fluent(expression):
            self._warm = None

    def _add_goal(self, goal: Any) -> None:
        self._problem.add_goal(goal)
        self._warm = None

    def _remove_goal(self, goal: Any) -> None:
        (unwanted,) = self._problem.environment.expression_manager.auto_promote(goal)
        kept = [each for each in self._problem.goals if each is not unwanted]
        if len(kept) == len(self._problem.goals):
            self._complain(f"the problem has no goal {unwanted}")
        self._problem.clear_goals()
        for each in kept:
            self._problem.add_goal(each)
        self._warm = None

    def _add_action(self, action: Action) -> None:
        self._problem.add_action(action)
        self._warm = None

    def _remove_action(self, name: str) -> None:
        kept = [action for action in self._problem.actions if action.name != name]
        if len(kept) == len(self._problem.actions):
            self._complain(f"the problem has no action {name}")
        self._problem.clear_actions()
        for action in kept:
            self._problem.add_action(action)
        self._warm = None

    def _complain(self, what: str) -> None:
        """Of a wrong call, in the way that UP's switches ask for."""
        if self.skip_checks:
            return
        if self.error_on_failed_checks:
            raise UPUsageError(what)
        warn(what, stacklevel=4)
