"""Grounds predicates from where things are: on, clear, holding, handempty, opened, closed.

An observed state may be untidy. Every movable object is held or on exactly one support: on what it lies on or leans
against from above, else on the place that it reaches into or where it leaves no room for another, else on the table. So
whatever is picked frees what it was on, and a plan made of such atoms works on untidy tables too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np

from nsctl.errors import UnknownName
from nsctl.geometry import CLOSED, OPENED, matrix, slid
from nsctl.scene import TABLE, ObjectEstimate, SceneEstimate
from nsctl.symbolic import Atom, Problem, SymbolicState, scoped_literals

_WELL_ON_PLACE, _WELL_ON_OBJECT = 0.035, 0.016
"""Metres off the middle of its support within which an object counts as being where the goal wants it."""
_IN_HAND = 0.025
"""Metres between a held object and the tool centre point."""
_GRIPPED = 0.003
"""Metres by which the gripper is wider than an object that it holds."""
_LIFTED = 0.010
"""Metres between a held object and whatever is beneath it."""
_ROOM = 0.005
"""Metres that must stay free beside a place's next object."""
_GRASPABLE = 0.038
"""Half the width [m] of the widest object that the hand can take."""


class GeometricGrounder:
    """Says which atoms hold in a scene; refuses a domain with a fluent that it cannot see."""

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        looks = _Looks(scene, {literal.atom for part in problem.goal for literal, _ in scoped_literals(part, {})})
        atoms = set(_static(problem))
        for predicate in sorted(problem.domain.fluents - problem.domain.derived):
            if predicate not in looks.predicates:
                raise UnknownName("predicate that the geometric grounder can see", predicate, looks.predicates)
            atoms |= {Atom(predicate, arguments) for arguments in looks.predicates[predicate]()}
        return SymbolicState.of(atoms)


class _Looks:
    """One scene, looked at: each predicate with the argument tuples for which it holds."""

    def __init__(self, scene: SceneEstimate, goal: Collection[Atom]) -> None:
        self._scene, self._goal = scene, goal
        self._movable = {n: e for n, e in scene.objects.items() if e.body.movable}
        self._places = {n: e for n, e in scene.objects.items() if not e.body.movable and not e.body.boxes}
        widths = [e.body.half_extents[0] for e in self._movable.values()]
        self._widest = max((width for width in widths if width < _GRASPABLE), default=0.0)
        supports = {name: self._support(name) for name in self._movable}
        self._held = [name for name, support in supports.items() if support is None]
        self._on = {name: support for name, support in supports.items() if support is not None}
        self.predicates: dict[str, Callable[[], Iterable[tuple[str, ...]]]] = {
            "on": self._on.items,
            "holding": lambda: [(name,) for name in self._held],
            "handempty": lambda: [] if self._held else [()],
            "clear": self._clear,
            "opened": lambda: [(name,) for name, out, travel in self._sliding() if out >= OPENED * travel],
            "closed": lambda: [(name,) for name, out, _ in self._sliding() if out <= CLOSED],
        }

    def _support(self, name: str) -> str | None:
        """What the object is on; ``None`` if the hand holds it."""
        estimate = self._movable[name]
        if self._gripped(estimate) and self._lift(name) > _LIFTED:
            return None
        beneath = [o for o, other in self._movable.items() if o != name and _over(estimate, other)]
        occupied = [p for p, place in self._places.items() if self._occupies(estimate, place)]
        for names in (beneath, occupied):
            for support in sorted(names, key=lambda o: _apart(estimate, self._scene[o])):
                wanted = Atom("on", (name, support)) in self._goal
                return TABLE if wanted and self._misplaced(name, support) else support
        return TABLE

    def _occupies(self, estimate: ObjectEstimate, place: ObjectEstimate) -> bool:
        """Whether the object reaches into the place, or leaves no room in its middle for the widest one."""
        half = estimate.body.half_extents
        if estimate.pose.position[2] - half[2] - place.pose.position[2] > 0.6 * half[2]:
            return False
        off = matrix(place.pose.quaternion).T @ (estimate.pose.position - place.pose.position)
        return all(abs(off[i]) < half[i] + max(self._widest + _ROOM, place.body.half_extents[i]) for i in (0, 1))

    def _sliding(self) -> Iterator[tuple[str, float, float]]:
        """Each sliding body with how far it is out and how far it can come, m."""
        for name, estimate in self._scene.objects.items():
            mount = estimate.body.mount
            if mount and mount.travel:
                yield name, slid(mount, self._scene[mount.on].pose, estimate.pose), mount.travel

    def _misplaced(self, name: str, support: str) -> bool:
        """Whether the object lies too far off for a goal: then it is as good as on the table, and is placed anew."""
        off = _apart(self._movable[name], self._scene[support])
        return off > (_WELL_ON_OBJECT if support in self._movable else _WELL_ON_PLACE)

    def _clear(self) -> Iterator[tuple[str, ...]]:
        yield (TABLE,)
        covered = {*self._on.values(), *self._held}
        yield from ((name,) for name in (*self._movable, *self._places) if name not in covered)

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
    gap = upper.pose.position[2] - lower.pose.position[2] - _heights(upper, lower)
    sunk = min(upper.body.half_extents[2], lower.body.half_extents[2])
    return _overlap(upper, lower) and -sunk < gap < 0.5 * _heights(upper, lower)
