"""How our endings are told to unified-planning, each by the status that says no more than was shown."""

from __future__ import annotations

from unified_planning.engines import LogLevel, LogMessage, PlanGenerationResult, PlanGenerationResultStatus

from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut, Unsupported
from planners.unified.inward import Translation


def result(name: str, translation: Translation, outcome: PlanOutcome) -> PlanGenerationResult:
    """The result of the engine ``name``. Optimality is claimed for problems with a metric only, as UP wants it."""
    status = PlanGenerationResultStatus
    match outcome:
        case Solved(plan=plan, optimal=optimal, proof=proof, seconds=seconds):
            claimed = optimal and translation.metric is not None
            ending = status.SOLVED_OPTIMALLY if claimed else status.SOLVED_SATISFICING
            found = translation.vocabulary.plan(plan)
            return PlanGenerationResult(ending, found, name, _metrics(seconds), _log(proof))
        case ProvenUnsolvable(why=why, seconds=seconds):
            return PlanGenerationResult(status.UNSOLVABLE_PROVEN, None, name, _metrics(seconds), _log(why))
        case TimedOut(best=best, bound=bound, seconds=seconds):
            found = None if best is None else translation.vocabulary.plan(best)
            log = _log(f"no plan costs less than {bound}")
            return PlanGenerationResult(status.TIMEOUT, found, name, _metrics(seconds), log)
        case Unsupported(feature=feature):
            return refusal(name, f"not supported: {feature}")


def refusal(name: str, why: str) -> PlanGenerationResult:
    """The result for a problem that the engine ``name`` does not handle."""
    log = [LogMessage(LogLevel.ERROR, why)]
    return PlanGenerationResult(PlanGenerationResultStatus.UNSUPPORTED_PROBLEM, None, name, None, log)


def late(name: str, seconds: float) -> PlanGenerationResult:
    """The result if the time was over before planning began."""
    return PlanGenerationResult(PlanGenerationResultStatus.TIMEOUT, None, name, _metrics(seconds))


def _metrics(seconds: float) -> dict[str, str]:
    """Wall time under the key that UP's own report reads."""
    return {"engine_internal_time": str(seconds)}


def _log(text: str) -> list[LogMessage]:
    return [LogMessage(LogLevel.INFO, text)] if text else []
