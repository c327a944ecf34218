"""Who does something to the weights of a policy that a command is given: a skill by its name, or a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard, TypeVar

from nsctl.errors import InvalidValue, NsctlError

S = TypeVar("S")
Can = Callable[[object], TypeGuard[S]]


def holder(policy: str, can: Can[S], deed: str) -> tuple[S, Path | None]:
    """The skill that does the ``deed`` to the weights of ``policy``, and the folder with these if it names one.

    A folder is read by nsctl's own kind of skill, if that is there. Refuses a skill that ``can`` not.
    """
    from nsctl import registry

    if not _is_folder(policy):
        return _named(policy, can, deed), None
    able = sorted(_able(can), key=lambda name: registry.find("skills", name).distribution != "nsctl")
    if not able:
        raise InvalidValue(f"no skill has weights to {deed}: there is none with a method {deed}")
    return _named(able[0], can, deed), Path(policy)


def _is_folder(policy: str) -> bool:
    """Whether a folder is meant: a path, or a name that only a folder has."""
    from nsctl import registry

    return "/" in policy or (policy not in registry.parts("skills") and Path(policy).is_dir())


def _named(name: str, can: Can[S], deed: str) -> S:
    from nsctl.custom_skills import made

    skill = made(name)
    if can(skill):
        return skill
    raise InvalidValue(f"the skill {name!r} has no weights to {deed}; these have: {', '.join(_able(can)) or 'none'}")


def _able(can: Can[S]) -> list[str]:
    from nsctl import registry
    from nsctl.custom_skills import made

    found = []
    for name in registry.parts("skills"):
        try:
            if can(made(name)):
                found.append(name)
        except NsctlError:
            continue  # a broken part has weights for nobody
    return found
