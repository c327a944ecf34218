"""Our validator as an engine of unified-planning."""

from __future__ import annotations

from unified_planning.engines import (
    FailedValidationReason,
    LogLevel,
    LogMessage,
    ValidationResult,
    ValidationResultStatus,
)
from unified_planning.engines.mixins import PlanValidatorMixin
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.plans import PlanKind, SequentialPlan

from nsctl.errors import UnsupportedFeature
from planners.plans.validation import validate
from planners.unified.engine import NsctlEngine
from planners.unified.inward import translate


class NsctlValidator(NsctlEngine, PlanValidatorMixin):
    """Carries a plan out step by step; shares no code with the planner's grounding and search."""

    @property
    def name(self) -> str:
        return "nsctl-val"

    @staticmethod
    def supports_plan(plan_kind: PlanKind) -> bool:
        return plan_kind is PlanKind.SEQUENTIAL_PLAN

    def _validate(self, problem: UnifiedProblem, plan: SequentialPlan) -> ValidationResult:
        try:
            translation = translate(problem)
        except UnsupportedFeature as why:
            log = [LogMessage(LogLevel.ERROR, str(why))]
            return ValidationResult(ValidationResultStatus.UNKNOWN, self.name, log)
        verdict = validate(translation.problem, translation.vocabulary.steps(plan))
        if verdict.valid:
            value = None if translation.metric is None else {translation.metric: verdict.cost}
            return ValidationResult(ValidationResultStatus.VALID, self.name, [], value)
        log = [LogMessage(LogLevel.INFO, verdict.why)]
        if verdict.failed == len(plan.actions):
            reason, step = FailedValidationReason.UNSATISFIED_GOALS, None
        else:
            reason, step = FailedValidationReason.INAPPLICABLE_ACTION, plan.actions[verdict.failed or 0]
        return ValidationResult(ValidationResultStatus.INVALID, self.name, log, None, reason, step)
