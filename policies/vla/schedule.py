"""How much a training of a vision-language-action network does of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

from policies.skills.crafts import TIME_LIMIT
from policies.skills.schedule import Schedule as SkillSchedule
from policies.vla.learner import Recipe

MOVES = tuple("move-" + "".join(map(str, sizes)) for sizes in combinations(range(1, 7), 3))
"""One legal move of three discs out of six, from any legal state: what pick and place were trained in, too."""


def task_of_moves(n: int) -> str:
    """The task of the ``n``-th episode of moves: by turns ``move``, which agents are compared on, and each of the others."""
    return "move" if n % 2 == 0 else MOVES[n // 2 % len(MOVES)]


SKILLS = ("pick", "place")
"""The skills that our own agent plays towers with."""


def skill_queries() -> int:
    """Expert answers that a round of DAgger may ask for at most when these skills are trained: 48,000.

    Each skill's rounds have so many episodes, and an execution so many control steps at most; the expert is asked at each.
    """
    return SkillSchedule().dagger * len(SKILLS) * TIME_LIMIT


@dataclass(frozen=True)
class Schedule:
    """Demonstrations that succeed, of the ``tower`` and of random moves; then ``rounds`` of DAgger of ``queries`` each."""

    tower: str = "hanoi-3"
    towers: int = 300
    moves: int = 300
    """Episodes of random legal moves, each of which has an instruction of its own."""
    walk: int = 7
    """Moves of such an episode: as many as the tower takes."""
    rounds: int = 2
    queries: int = field(default_factory=skill_queries)
    """Control steps of a round at which the expert is asked; the episode that reaches the number is the last."""
    check: Mapping[str, int] = field(default_factory=lambda: {"hanoi-3": 12, "move": 24})
    """Episodes that the learner plays alone after each round."""
    recipe: Recipe = field(default_factory=Recipe)

    def with_budget(self, budget: float) -> Schedule:
        """The same with ``budget`` times as many training steps."""
        steps = tuple(max(1, round(budget * each)) for each in self.recipe.steps)
        return replace(self, recipe=replace(self.recipe, steps=steps))


QUICK = Schedule(
    tower="hanoi-1",
    towers=1,
    moves=2,
    walk=1,
    rounds=1,
    queries=40,
    check={"move": 1},
    recipe=Recipe(steps=(4, 2), rows=2, decisions=3, alone=4, warm_up=2, checkpoint=2),
)
"""A tiny run of every stage."""
