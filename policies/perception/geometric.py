"""Grounds predicates from where things are: on, clear, holding, handempty, opened, closed.

An observed state may be untidy. Every movable object is held or on exactly one support: on what it lies on or leans
against from above, else on the place that it reaches into or where it leaves no room for another, else on the table. So
whatever is picked frees what it was on, and a plan made of such atoms works on untidy tables too. Atoms that the estimate's
uncertainty leaves open are unknown (:mod:`nsctl.doubt`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from nsctl.doubt import with_doubts
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
_GOOD = 0.006
"""Two standard deviations [m] between readings of two things up to which the tolerances above hold as they are."""
_GRASPABLE = 0.038
"""Half the width [m] of the widest object that the hand can take."""


class GeometricGrounder:
    """Says which atoms hold in a scene and which are unknown; refuses a domain with a fluent that it cannot see."""

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        return with_doubts(_grounding(problem), scene)

    def likeliest(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        """The same without the doubts, for who looks at every control step: a twentieth of the work."""
        return _grounding(problem)(scene)


def _grounding(problem: Problem) -> Callable[[SceneEstimate], SymbolicState]:
    """How a scene is seen by who has this problem."""
    goal = {literal.atom for part in problem.goal for literal, _ in scoped_literals(part, {})}
    static = frozenset(a for a in problem.init if a.predicate not in problem.domain.fluents)
    fluents = sorted(problem.domain.fluents - problem.domain.derived)

    def ground(scene: SceneEstimate) -> SymbolicState:
        looks = _Looks(scene, goal)
        return SymbolicState(static.union(*(looks.atoms(predicate) for predicate in fluents)))

    return ground


class _Thing(NamedTuple):
    """A body and the middle of it, as plain floats: numpy would spend most of the time on so few."""

    name: str
    estimate: ObjectEstimate
    x: float
    y: float
    z: float
    half: tuple[float, float, float]


class _Looks:
    """One scene, looked at: each predicate with the argument tuples for which it holds."""

    def __init__(self, scene: SceneEstimate, goal: Collection[Atom]) -> None:
        self._scene, self._goal = scene, goal
        things = []
        for name, estimate in scene.objects.items():
            x, y, z = estimate.pose.position.tolist()
            things.append(_Thing(name, estimate, x, y, z, estimate.body.half_extents))
        self._movable = [t for t in things if t.estimate.body.movable]
        self._places = [t for t in things if not t.estimate.body.movable and not t.estimate.body.boxes]
        self._widest = max((t.half[0] for t in self._movable if t.half[0] < _GRASPABLE), default=0.0)
        supports = {thing.name: self._support(thing) for thing in self._movable}
        self._held = [name for name, support in supports.items() if support is None]
        self._on = {name: support for name, support in supports.items() if support is not None}
        self._predicates: dict[str, Callable[[], Iterable[tuple[str, ...]]]] = {
            "on": self._on.items,
            "holding": lambda: [(name,) for name in self._held],
            "handempty": lambda: [] if self._held else [()],
            "clear": self._clear,
            "opened": lambda: [(name,) for name, out, travel in self._sliding() if out >= OPENED * travel],
            "closed": lambda: [(name,) for name, out, _ in self._sliding() if out <= CLOSED],
        }

    def atoms(self, predicate: str) -> Iterator[Atom]:
        """Those of ``predicate`` that hold."""
        if predicate not in self._predicates:
            raise UnknownName("predicate that the geometric grounder can see", predicate, self._predicates)
        return (Atom(predicate, arguments) for arguments in self._predicates[predicate]())

    def _support(self, thing: _Thing) -> str | None:
        """What the thing is on; ``None`` if the hand holds it."""
        if self._gripped(thing) and self._lift(thing) > _LIFTED:
            return None
        beneath = [other for other in self._movable if other is not thing and _over(thing, other)]
        occupied = [place for place in self._places if self._occupies(thing, place)]
        for supports in (beneath, occupied):
            for support in sorted(supports, key=lambda other: _apart(thing, other)):
                wanted = Atom("on", (thing.name, support.name)) in self._goal
                return TABLE if wanted and self._misplaced(thing, support) else support.name
        return TABLE

    def _occupies(self, thing: _Thing, place: _Thing) -> bool:
        """Whether the thing reaches into the place, or leaves no room in its middle for the widest one."""
        if thing.z - thing.half[2] - place.z > 0.6 * thing.half[2]:
            return False
        reach = [thing.half[i] + max(self._widest + _ROOM, place.half[i]) for i in (0, 1)]
        if _apart(thing, place) > math.hypot(*reach):
            return False
        off = matrix(place.estimate.pose.quaternion).T @ (thing.estimate.pose.position - place.estimate.pose.position)
        return bool(abs(off[0]) < reach[0] and abs(off[1]) < reach[1])

    def _sliding(self) -> Iterator[tuple[str, float, float]]:
        """Each sliding body with how far it is out and how far it can come, m."""
        for name, estimate in self._scene.objects.items():
            mount = estimate.body.mount
            if mount and mount.travel:
                yield name, slid(mount, self._scene[mount.on].pose, estimate.pose), mount.travel

    def _misplaced(self, thing: _Thing, support: _Thing) -> bool:
        """Whether the thing surely lies too far off for a goal: then it is as good as on the table, and is placed anew."""
        bound = _WELL_ON_OBJECT if support.estimate.body.movable else _WELL_ON_PLACE
        return _apart(thing, support) > bound + _slack(thing, support)

    def _clear(self) -> Iterator[tuple[str, ...]]:
        yield (TABLE,)
        covered = {*self._on.values(), *self._held}
        yield from ((t.name,) for t in (*self._movable, *self._places) if t.name not in covered)

    def _gripped(self, thing: _Thing) -> bool:
        proprio = self._scene.proprio
        in_hand = math.dist(thing[2:5], proprio.tcp.position.tolist()) < _IN_HAND
        return in_hand and proprio.gripper - 2 * thing.half[1] < _GRIPPED

    def _lift(self, thing: _Thing) -> float:
        """Metres of air under a thing."""
        tops = [t.z + t.half[2] for t in self._movable if t is not thing and t.z < thing.z and _overlap(thing, t)]
        return thing.z - thing.half[2] - max([0.0, *tops])


def _apart(a: _Thing, b: _Thing) -> float:
    """Distance in the plane, m."""
    return math.hypot(a.x - b.x, a.y - b.y)


def _overlap(a: _Thing, b: _Thing) -> bool:
    """Whether one stands over the other, seen from above."""
    return _apart(a, b) < a.half[0] + b.half[0]


def _over(upper: _Thing, lower: _Thing) -> bool:
    """Whether ``upper`` lies, however crookedly, on ``lower``."""
    heights, slack = upper.half[2] + lower.half[2], _slack(upper, lower)
    gap = upper.z - lower.z - heights
    return -min(upper.half[2], lower.half[2]) - slack < gap < 0.5 * heights + slack and _overlap(upper, lower)


def _slack(a: _Thing, b: _Thing) -> float:
    """By how much the distance of two things may be misread, m: two standard deviations beyond those of a good tracker."""
    return max(0.0, 2 * math.hypot(a.estimate.sigma, b.estimate.sigma) - _GOOD)
