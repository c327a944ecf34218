"""An agent whose skills play weights of fewer bits: its own, in the variant of that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nsctl import registry
from nsctl.contracts import Quantisable, Skill
from nsctl.custom_skills import made
from nsctl.errors import Unfit, UnknownName

PRECISIONS = ("float32", "nvfp4")
"""``float32`` is how weights are trained and shipped."""


def skills_at(precision: str, agent: str, named: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the skills to lend ``agent`` so that it plays in ``precision``: ``named`` ones, then ``pick:nvfp4``.

    A skill that is named plays as it is. Refuses an agent none of whose skills can be quantised.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if precision == "float32":
        return tuple(named)
    own: Mapping[str, Skill] = getattr(registry.load("agents", agent)(), "skills", {})
    taken = {made(name).operator for name in named}
    able = [name for name, skill in own.items() if isinstance(skill, Quantisable) and _is_registered(name, skill)]
    if not able:
        raise Unfit(f"the agent {agent!r} has no skills that can be quantised: leave --precision out")
    return (*named, *(f"{name}:{precision}" for name in able if name not in taken))


def quantised_at_load(agent: Mapping[str, Any]) -> list[str]:
    """By an agent's description: the operators whose weights were quantised when they were loaded, not beforehand."""
    skills = agent.get("skills")
    told = skills.items() if isinstance(skills, Mapping) else ()
    return [name for name, skill in told if isinstance(skill, Mapping) and skill.get("quantised") == "at load"]


def _is_registered(name: str, skill: Skill) -> bool:
    """Whether the skill of this registered name is such a one as ``skill``."""
    return name in registry.parts("skills") and type(made(name)) is type(skill)
