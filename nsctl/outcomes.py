"""How planning and episodes end: each ending has a name of its own, so that none passes for another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nsctl.errors import InvalidValue
from nsctl.symbolic import Number, Plan


@dataclass(frozen=True)
class Solved:
    """A plan was found; ``optimal`` says that no cheaper one exists and that this was proven.

    ``bound`` is the proven lower bound on the plan's cost, ``seconds`` the wall time that the answer took. ``engine``
    names the part of the planner that found the plan, ``proof`` says in words what the bound rests on.
    """

    plan: Plan
    optimal: bool
    bound: Number
    planner: str
    seconds: float
    engine: str = ""
    proof: str = ""


@dataclass(frozen=True)
class ProvenUnsolvable:
    """No plan exists, of any length; ``why`` names the proof in the user's words."""

    why: str
    planner: str
    seconds: float


@dataclass(frozen=True)
class TimedOut:
    """The time limit passed first; ``best`` is the best plan so far, ``bound`` the proven lower bound on the cost."""

    best: Plan | None
    bound: Number
    planner: str
    seconds: float


@dataclass(frozen=True)
class Unsupported:
    """The problem uses a ``feature`` that this planner does not handle (never ignored silently)."""

    feature: str
    planner: str


PlanOutcome = Solved | ProvenUnsolvable | TimedOut | Unsupported

EpisodeStatus = Literal["succeeded", "failed", "timed_out", "errored"]


@dataclass(frozen=True)
class EpisodeOutcome:
    """How an episode ended: ``failed`` by the agent's doing, ``timed_out`` at the horizon, ``errored`` by an exception.

    Only a success needs no reason.
    """

    status: EpisodeStatus
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in get_args(EpisodeStatus):
            raise InvalidValue(f"an episode ends {', '.join(get_args(EpisodeStatus))}, not {self.status!r}")
        if self.status != "succeeded" and not self.reason:
            raise InvalidValue(f"an episode that {self.status} must say why: reason is empty")
