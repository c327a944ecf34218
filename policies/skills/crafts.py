"""What there is to know of each operator: what its executions see, what a teacher would do, how they begin and end.

One table serves all that plays, teaches, collects and trains: an operator that is added here is known to all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from nsctl.errors import UnknownName
from nsctl.scene import Action, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills import funnel, initiation, shove, situation, slide
from policies.skills.situation import FEATURES, STROKE_FEATURES, Moment

TIME_LIMIT = 80
"""Control steps for taking a thing or putting it down; the teacher needs at most 45."""

S = TypeVar("S", bound=Moment)
"""What a skill sees of a moment."""


class Goal(Protocol):
    """What one execution is about, fixed when it begins."""

    @property
    def travel(self) -> float:
        """The height [m] at which the hand may move freely."""


G = TypeVar("G", bound=Goal)


@dataclass(frozen=True)
class Rules(Generic[S]):
    """The geometry of an end: whether the effect holds, whether (and ``why``) it cannot come to hold any more."""

    effect: Callable[[S], bool]
    hopeless: Callable[[S], bool]
    why: str = "the object slipped away"
    time_limit: int = TIME_LIMIT


@dataclass(frozen=True)
class Craft(Generic[G, S]):
    """One operator as an option (Sutton, Precup and Singh, 1999): where it may begin, what it does, how it ends."""

    refusal: Callable[[PlanStep, SceneEstimate], str]
    """The initiation test: why it cannot begin; empty if it can."""
    goal_of: Callable[[PlanStep, SceneEstimate], G]
    situate: Callable[[G, SceneEstimate], S]
    teacher: Callable[[S], Action]
    rules: Rules[S]
    features: int
    """F: the numbers that a network gets of a moment."""


_PLACE = Craft(
    initiation.before_place,
    situation.goal_of,
    situation.situate,
    funnel.place_action,
    Rules(funnel.placed, funnel.lost),
    FEATURES,
)
_SLIDE = Craft(
    initiation.before_slide,
    slide.goal_of,
    slide.situate,
    slide.slide_action,
    Rules(slide.done, slide.stuck, "the drawer does not follow the hand", slide.TIME_LIMIT),
    STROKE_FEATURES,
)
CRAFTS: Mapping[str, Craft[Any, Any]] = {
    "pick": Craft(
        initiation.before_pick,
        situation.goal_of,
        situation.situate,
        funnel.pick_action,
        Rules(funnel.picked, lambda s: False),
        FEATURES,
    ),
    "place": _PLACE,
    "stack": _PLACE,
    "open": _SLIDE,
    "close": _SLIDE,
    "push": Craft(
        initiation.before_push,
        shove.goal_of,
        shove.situate,
        shove.push_action,
        Rules(shove.pushed, shove.strayed, "the object left its lane", shove.TIME_LIMIT),
        STROKE_FEATURES,
    ),
}
SAME_WORK = {"stack": "place"}
"""Operators that are another one's work: to ``place``, a block is a place like any other."""
LEARNT = tuple(operator for operator in CRAFTS if operator not in SAME_WORK)
"""Operators that a network can be trained for."""


def craft_of(operator: str) -> Craft[Any, Any]:
    """The craft of this operator; an unknown one is answered with the nearest."""
    if operator not in CRAFTS:
        raise UnknownName("operator of the skills", operator, CRAFTS)
    return CRAFTS[operator]
