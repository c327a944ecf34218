"""Writes a small package of one's own around a new part: what ``nsctl new`` does.

Each kind has a folder of templates beside this file. ``$package``, ``$kind`` and so on are filled in; of a path, the
part ``PACKAGE`` becomes the package's name and the ending ``.in`` goes.
"""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template

from nsctl import __version__, registry
from nsctl.errors import InvalidValue, UnknownName
from nsctl.guard import NAMES

OURS = ("nsctl", *NAMES)


@dataclass(frozen=True)
class Kind:
    """What can be begun: the group that its parts belong to, and how the command that tries one goes."""

    group: str
    trial: str


KINDS = {
    "skill": Kind("skills", "nsctl run hanoi-3 --skill $package"),
    "task": Kind("envs", "nsctl run $package-2 --agent scripted"),
    "agent": Kind("agents", "nsctl run hanoi-2 --agent $package"),
    "meter": Kind("meters", "nsctl run hanoi-2"),
}


def scaffold(kind: str, name: str, folder: Path = Path()) -> Path:
    """Write the package ``name`` with a part of this kind into ``folder / name``, and return that folder."""
    if kind not in KINDS:
        raise UnknownName("kind of part", kind, KINDS)
    _check_name(name, KINDS[kind].group)
    target = folder / name
    if target.exists():
        raise InvalidValue(f"{target} is there already: choose another name, or another --folder")
    values = _values(kind, name)
    texts = {path: Template(text).substitute(values) for path, text in _templates(kind)}
    for path, text in texts.items():
        place = target / path.replace("PACKAGE", name).removesuffix(".in")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return target


def commands(kind: str, name: str, target: Path) -> tuple[str, str, str]:
    """What to type next: install, check, try."""
    group = f" --group {KINDS[kind].group}" if _elsewhere(name, KINDS[kind].group) else ""
    trial = Template(KINDS[kind].trial).substitute(package=name)
    return f"pip install -e {target}", f"nsctl parts check {name}{group}", trial


def _values(kind: str, name: str) -> dict[str, str]:
    return {
        "package": name,
        "title": "".join(word[:1].upper() + word[1:] for word in name.split("_")),
        "kind": kind,
        "group": KINDS[kind].group,
        "distribution": name.strip("_").replace("_", "-").lower(),
        "trial": Template(KINDS[kind].trial).substitute(package=name),
        "version": __version__,
    }


def _check_name(name: str, group: str) -> None:
    """Refuse what cannot be imported, what would stand in somebody's way, and a part's name that is taken."""
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii() or not name.strip("_"):
        raise InvalidValue(f"a part is named as Python names things, such as my_part; {name!r} is no such name")
    if name in OURS:
        raise InvalidValue(f"{name!r} is one of nsctl's own packages ({', '.join(OURS)}): choose another name")
    if name in sys.stdlib_module_names:
        raise InvalidValue(f"{name!r} is a module of Python's own: choose another name")
    if taken := registry.parts(group).get(name):
        raise InvalidValue(
            f"{name!r} is taken: {taken.distribution} {taken.version} has a part of this name among the {group}; "
            "choose another name"
        )
    if (there := find_spec(name)) and there.origin:
        raise InvalidValue(f"{name!r} is a module that is installed already ({there.origin}): choose another name")


def _elsewhere(name: str, group: str) -> bool:
    return any(part.name == name and part.group != group for part in registry.every_part())


def _templates(kind: str) -> list[tuple[str, str]]:
    """Path and text of each template of a kind, in a fixed order."""
    found: list[tuple[str, str]] = []

    def collect(place: Traversable, path: str) -> None:
        for inner in sorted(place.iterdir(), key=lambda each: each.name):
            where = f"{path}{inner.name}"
            if inner.is_dir():
                collect(inner, f"{where}/")
            elif where.endswith(".in"):
                found.append((where, inner.read_text()))

    collect(files("nsctl") / "templates" / kind, "")
    return found
