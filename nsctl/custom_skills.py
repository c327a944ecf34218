"""Skills that a user names take the place of an agent's own, or bring an operator that the task's domain lacks."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nsctl import registry
from nsctl.contracts import Agent, Planner, Skill
from nsctl.errors import BrokenPart, DomainError, InvalidValue, Unfit
from nsctl.symbolic import Domain
from nsctl.task import Brief

MEMBERS = ("operator", "begin", "describe")
_COMMENT = re.compile(r";[^\n]*")


def lend(agent: Agent, names: Sequence[str]) -> None:
    """Let the registered skills of these names do the work of their operators in ``agent``.

    Refuses two skills of one operator, and an agent that has no ``adopt(skill)`` and so takes none.
    """
    if not names:
        return
    adopt = getattr(agent, "adopt", None)
    if adopt is None:
        raise Unfit(
            f"the agent {agent.name!r} takes no skills, so leave {', '.join(names)} out or choose another agent"
        )
    taken: dict[str, str] = {}
    for name in names:
        skill = made(name)
        if skill.operator in taken:
            raise InvalidValue(
                f"{taken[skill.operator]} and {name} are both skills for the operator {skill.operator!r}: name one of them"
            )
        taken[skill.operator] = name
        adopt(skill)


def made(name: str) -> Skill:
    """A fresh skill of this name; one that cannot be made, or lacks what every skill has, is refused by name."""
    part = registry.find("skills", name.partition(":")[0])
    factory = registry.load("skills", name)
    try:
        skill: Skill = factory()
    except (Exception, SystemExit) as error:  # a stranger's class may raise anything at all
        raise BrokenPart(
            f"the skill {name!r} of {part.distribution} {part.version} could not be made: {type(error).__name__}: {error}"
        ) from error
    if lacking := [member for member in MEMBERS if not hasattr(skill, member)]:
        raise BrokenPart(f"the skill {name!r} lacks {', '.join(lacking)}: see nsctl.contracts.Skill")
    return skill


def origins(names: Iterable[str]) -> Mapping[str, Any]:
    """Where each of these skills comes from: distribution and entry point, and SHA-256 of the file that it stands in."""
    found = {}
    for name in names:
        part = registry.find("skills", name.partition(":")[0])
        where = f"{part.distribution} {part.version}: {part.target}"
        found[name] = {"part": where, "source_sha256": _source(type(made(name)))}
    return found


def domain_with(skills: Iterable[Skill], task: Brief, planner: Planner) -> Domain:
    """The domain of ``task``, and in it the actions (``pddl``) of those skills whose operators it does not have."""
    text, domain = task.domain_pddl, planner.domain(task.domain_pddl)
    for skill in skills:
        action = getattr(skill, "pddl", "")
        if action and skill.operator not in {operator.name for operator in domain.operators}:
            text = with_action(text, action)
            domain = _extended(text, skill.operator, task, planner)
    return domain


def with_action(domain_pddl: str, action: str) -> str:
    """The text of a domain with one more ``(:action ...)`` at its end. Comments of the domain are lost."""
    body, closing, _ = _COMMENT.sub("", domain_pddl).rpartition(")")
    return f"{body.rstrip()}\n{action.strip()}\n{closing}"


def _extended(text: str, operator: str, task: Brief, planner: Planner) -> Domain:
    why = f"the skill for {operator!r} brings an action that does not fit the domain of {task.name}"
    try:
        domain = planner.domain(text)
    except DomainError as error:
        raise Unfit(f"{why}: {error}") from error
    if operator not in (names := [each.name for each in domain.operators]):
        raise Unfit(f"{why}: it must be one (:action {operator} ...), and with it there are only {', '.join(names)}")
    return domain


def _source(kind: type) -> str | None:
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return None
