"""Which problems of unified-planning can be stated in our nouns without loss."""

from __future__ import annotations

from unified_planning.model import ProblemKind

SUPPORTED = (
    "ACTION_BASED",
    "FLAT_TYPING",
    "HIERARCHICAL_TYPING",
    "NEGATIVE_CONDITIONS",
    "DISJUNCTIVE_CONDITIONS",
    "EQUALITIES",
    "EXISTENTIAL_CONDITIONS",
    "UNIVERSAL_CONDITIONS",
    "CONDITIONAL_EFFECTS",
    "FORALL_EFFECTS",
    "STATIC_FLUENTS_IN_BOOLEAN_ASSIGNMENTS",
    "FLUENTS_IN_BOOLEAN_ASSIGNMENTS",
    # Numbers occur in costs alone, where no step changes them; so the bounds of their types are never at stake.
    "BOUNDED_TYPES",
    "PLAN_LENGTH",
    "ACTIONS_COST",
    "INT_NUMBERS_IN_ACTIONS_COST",
    "REAL_NUMBERS_IN_ACTIONS_COST",
    "STATIC_FLUENTS_IN_ACTIONS_COST",
)
"""Features of UP's problem kinds; one that is added by a later version of UP is refused until it is listed here."""

VERSION = 3
"""Of UP's catalogue of features."""


def supported_kind() -> ProblemKind:
    """All classical problems: finite objects, boolean fluents, instantaneous actions, constant or static costs."""
    return ProblemKind(set(SUPPORTED), version=VERSION)


def beyond(kind: ProblemKind, supported: ProblemKind | None = None) -> list[str]:
    """The features of ``kind`` that ``supported`` (ours, if not given) leaves out, sorted."""
    known = supported_kind() if supported is None else supported
    missing = (f for f in kind.features if not ProblemKind({f}, version=kind.version) <= known)
    return sorted(missing)
