"""How much a training does of what."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.skills.learner import Recipe


@dataclass(frozen=True)
class Schedule:
    """Episodes for each operator: demonstrations, then of each round of DAgger, and how many of either check.

    After every round ``check`` episodes are played; where all of them succeed and ``least`` rounds of DAgger are behind, or
    it is the last of at most ``rounds``, as many more as make ``final_check``. Training ends when all of these succeed.
    """

    demos: int = 800
    dagger: int = 300
    rounds: int = 12
    least: int = 2
    check: int = 300
    final_check: int = 3000
    recipe: Recipe = field(default_factory=Recipe)


QUICK = Schedule(demos=4, dagger=2, rounds=2, least=0, check=2, final_check=4, recipe=Recipe(steps=(4, 4), batch=4))
