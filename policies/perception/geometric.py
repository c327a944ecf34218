"""Grounds the tower predicates from where things are: on, clear, holding, handempty.

An observed state may be untidy: a fallen disc is ``on`` the table wherever it lies, and a peg next to which it lies too
closely is not ``clear``, so that the planner takes the disc away first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nsctl.errors import UnknownName
from nsctl.scene import ObjectEstimate, SceneEstimate
from nsctl.symbolic import Atom, Problem, SymbolicState

TABLE = "table"
_LEVEL = 0.012
"""Metres by which a resting height may be off."""
_ON_PLACE = 0.03
"""Metres from the middle of a place within which a disc lies on it."""
_IN_HAND = 0.025
"""Metres between a held object and the tool centre point."""
_GRIPPED = 0.003
"""Metres by which the gripper is wider than an object that it holds."""
_LIFTED = 0.010
"""Metres between a held object and whatever is beneath it."""
_ROOM = 0.005
"""Metres that must stay free beside a place's next disc."""


class GeometricGrounder:
    """Says which atoms hold in a scene; refuses a domain with a fluent that it cannot see."""

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        looks = _Looks(scene)
        atoms = set(_static(problem))
        for predicate in sorted(problem.domain.fluents):
            if predicate not in looks.predicates:
                raise UnknownName("predicate that the geometric grounder can see", predicate, looks.predicates)
            atoms |= {Atom(predicate, arguments) for arguments in looks.predicates[predicate]()}
        return SymbolicState.of(atoms)


class _Looks:
    """One scene, looked at: each predicate with the argument tuples for which it holds."""

    def __init__(self, scene: SceneEstimate) -> None:
        self._scene = scene
        self._movable = {n: e for n, e in scene.objects.items() if e.body.movable}
        self._places = {n: e for n, e in scene.objects.items() if not e.body.movable}
        supports = {name: self._support(name) for name in self._movable}
        self._held = [name for name, support in supports.items() if support is None]
        self._on = {name: support for name, support in supports.items() if support is not None}
        self.predicates: dict[str, Callable[[], Iterator[tuple[str, ...]]]] = {
            "on": lambda: iter(self._on.items()),
            "holding": lambda: ((name,) for name in self._held),
            "handempty": lambda: iter([()] if not self._held else []),
            "clear": self._clear,
        }

    def _support(self, name: str) -> str | None:
        """What the object lies on; ``None`` if the hand holds it."""
        estimate = self._movable[name]
        position, half = estimate.pose.position, estimate.body.half_extents[2]
        beneath = [o for o in self._movable if o != name and self._rests(estimate, self._movable[o])]
        if beneath:
            return min(beneath, key=lambda o: _apart(estimate, self._movable[o]))
        if self._gripped(estimate) and self._lift(name) > _LIFTED:
            return None
        near = [p for p, place in self._places.items() if _apart(estimate, place) < _ON_PLACE]
        return near[0] if near and abs(position[2] - half) < _LEVEL else TABLE

    def _rests(self, upper: ObjectEstimate, lower: ObjectEstimate) -> bool:
        gap = upper.pose.position[2] - lower.pose.position[2] - _heights(upper, lower)
        return abs(gap) < _LEVEL and _apart(upper, lower) < lower.body.half_extents[0] + 0.3 * upper.body.half_extents[0]

    def _gripped(self, estimate: ObjectEstimate) -> bool:
        proprio = self._scene.proprio
        in_hand = np.linalg.norm(estimate.pose.position - proprio.tcp.position) < _IN_HAND
        return bool(in_hand and proprio.gripper - 2 * estimate.body.half_extents[1] < _GRIPPED)

    def _lift(self, name: str) -> float:
        """Metres of air under an object."""
        estimate = self._movable[name]
        bottom = estimate.pose.position[2] - estimate.body.half_extents[2]
        tops = [
            other.pose.position[2] + other.body.half_extents[2]
            for o, other in self._movable.items()
            if o != name and other.pose.position[2] < estimate.pose.position[2] and _overlap(estimate, other)
        ]
        return float(bottom - max([0.0, *tops]))

    def _clear(self) -> Iterator[tuple[str, ...]]:
        yield (TABLE,)
        for name, estimate in self._movable.items():
            above = (o for n, o in self._movable.items() if n != name and n not in self._held and _over(o, estimate))
            if name not in self._held and not any(above):
                yield (name,)
        widest = max((e.body.half_extents[0] for e in self._movable.values()), default=0.0)
        for name, place in self._places.items():
            crowd = (e for n, e in self._movable.items() if n not in self._held and _crowds(e, place, widest))
            if not any(crowd):
                yield (name,)


def _static(problem: Problem) -> Iterator[Atom]:
    return (atom for atom in problem.init if atom.predicate not in problem.domain.fluents)


def _apart(a: ObjectEstimate, b: ObjectEstimate) -> float:
    """Distance in the plane, m."""
    return float(np.hypot(*(a.pose.position[:2] - b.pose.position[:2])))


def _heights(a: ObjectEstimate, b: ObjectEstimate) -> float:
    return a.body.half_extents[2] + b.body.half_extents[2]


def _overlap(a: ObjectEstimate, b: ObjectEstimate) -> bool:
    """Whether one stands over the other, seen from above."""
    return _apart(a, b) < a.body.half_extents[0] + b.body.half_extents[0]


def _over(upper: ObjectEstimate, lower: ObjectEstimate) -> bool:
    """Whether ``upper`` lies, however crookedly, on ``lower``."""
    rise = upper.pose.position[2] - lower.pose.position[2]
    return _overlap(upper, lower) and 0.5 * _heights(upper, lower) < rise < 1.5 * _heights(upper, lower)


def _crowds(estimate: ObjectEstimate, place: ObjectEstimate, widest: float) -> bool:
    """Whether an object at table level leaves no room on a place for the widest one."""
    low = estimate.pose.position[2] < 1.6 * estimate.body.half_extents[2]
    return low and _apart(estimate, place) < estimate.body.half_extents[0] + widest + _ROOM
