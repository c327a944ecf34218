"""Notices when another package stands before one of ours.

``envs``, ``energy``, ``planners`` and ``policies`` are everyday names: a folder of that name in the working directory, or
another distribution, is imported in place of ours as soon as it comes first on ``sys.path``. Of ``nsctl`` itself nothing can
be told: the guard belongs to whichever was imported.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

NAMES = ("planners", "policies", "envs", "energy")
HOME = Path(__file__).resolve().parent.parent
"""The folder that this nsctl, and therefore all five packages, lie in."""


def clashes() -> tuple[str, ...]:
    """One sentence for each of our names that means another package here. Imports none of them."""
    return tuple(sentence for name in NAMES if (sentence := _clash(name)))


def _clash(name: str) -> str:
    spec = find_spec(name)
    if spec is None:
        return f"The package {name!r} of nsctl cannot be found: install nsctl again."
    found = _folder(spec)
    if found == HOME / name:
        return ""
    return (
        f"Another package stands before nsctl's {name!r}: Python finds {found}, not {HOME / name}. "
        f"Rename that one, or take {found.parent} off PYTHONPATH (or start from another folder)."
    )


def _folder(spec: ModuleSpec) -> Path:
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin or spec.name).resolve()
