"""Fetch a block that lies under others, or behind another in a bay, and put the others back as they were.

The bay is open to the robot and so narrow that only a hand whose fingers open along it reaches in, and a post at its mouth
leaves these no room: it must come out first. All lengths in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import numpy as np

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import STEPS_A_MOVE, BoxTask, apart
from nsctl.geometry import mounted
from nsctl.scene import TABLE, Body, Box, Mount, Pose
from nsctl.symbolic import Atom, Literal
from nsctl.task import InitialState

KINDS = ("under", "behind")
"""Where the wanted block is at first, each as likely."""

_CUBES = {"red": (0.86, 0.22, 0.20), "green": (0.24, 0.62, 0.33), "blue": (0.18, 0.40, 0.78)}
_HALF, _POST_HALF = 0.020, (0.020, 0.020, 0.030)
_WOOD, _GREY, _MARK, _TRAY = (0.72, 0.58, 0.42), (0.62, 0.64, 0.66), (0.55, 0.52, 0.48), (0.86, 0.80, 0.62)
_BAY_HALF = np.array([0.0465, 0.0430, 0.0220])
_WALL = 0.008  # of the bay, which leaves 70 mm between its sides: an open hand takes 99 mm
_NOOK_X, _GAP_X = -0.0185, -0.0645  # from the bay's middle: so near that no finger fits between what stands there
_BAY, _STAND, _TRAY_AT = (0.6185, 0.13), (0.54, -0.13), (0.42, 0.13)  # where they are, or mirrored in y
_SHIFT = 0.008  # how far each of them may stand off along x and y
_STAGGER, _TWIST, _NARROW_TWIST = 0.002, 0.15, 0.06
_BURIALS = ((0, 1), (0, 2), (1, 1))  # how many cubes lie beneath and above the wanted one in a tower, each as likely
_ON_PLACE = 0.04  # a block is on a place while it is this near to the middle


def _bay_boxes() -> tuple[Box, ...]:
    """Two side walls and a back wall; x points away from the mouth."""
    x, y, z = _BAY_HALF.tolist()
    side = (x, _WALL / 2, z)
    back = Box((_WALL / 2, y - _WALL, z), (x - _WALL / 2, 0.0, 0.0))
    return Box(side, (0.0, y - _WALL / 2, 0.0)), Box(side, (0.0, _WALL / 2 - y, 0.0)), back


def _bodies() -> tuple[Body, ...]:
    cubes = [Body(name, "cube", (_HALF,) * 3, rgb) for name, rgb in _CUBES.items()]
    bay = Body("bay", "bay", tuple(_BAY_HALF.tolist()), _WOOD, movable=False, boxes=_bay_boxes())
    height = 0.0005 - float(_BAY_HALF[2])
    inner = [
        Body(name, "place", (0.020, 0.020, 0.0005), _MARK, movable=False, mount=Mount("bay", (x, 0.0, height)))
        for name, x in (("nook", _NOOK_X), ("gap", _GAP_X))
    ]
    stand = Body("stand", "place", (0.035, 0.035, 0.0005), _MARK, movable=False)
    tray = Body("tray", "place", (0.045, 0.045, 0.0005), _TRAY, movable=False)
    return *cubes, Body("post", "post", _POST_HALF, _GREY), bay, *inner, stand, tray


class Unpack(BoxTask):
    """``unpack``: three cubes, a post and a bay. Sampling an initial state also draws which cube is wanted."""

    name, version = "unpack", 1
    domain_pddl = files("envs.tasks").joinpath("unpack.pddl").read_text()
    facts = frozenset({Atom("before", ("gap", "nook"))})
    # At most five moves: two cubes off, the wanted one out, and both back; one more for a second try.
    horizon = 6 * STEPS_A_MOVE

    def __init__(self) -> None:
        super().__init__(_bodies())
        self.cubes = tuple(_CUBES)
        self.objects = {**{b.name: b.type for b in self.bodies if not b.boxes}, TABLE: "surface"}
        self._wanted = self.cubes[0]
        self._tower: tuple[str, ...] = self.cubes[1:]
        self._hidden = ""

    @property
    def phrasings(self) -> tuple[str, ...]:
        return (
            f"Fetch the {self._wanted} block to the tray, and put everything else back as it was.",
            f"Bring me the {self._wanted} block: lay it on the tray, then restore what you had to move.",
            f"The {self._wanted} block belongs on the tray. All others must end where they are now, in the same order.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        standing = zip(self._tower, ("stand", *self._tower), strict=False)
        hidden = [(self._hidden, "nook")] if self._hidden else []
        pairs = [(self._wanted, "tray"), ("post", "gap"), *hidden, *standing]
        return tuple(Literal(Atom("on", pair)) for pair in pairs)

    def sample(self, rng: np.random.Generator) -> InitialState:
        cubes = [self.cubes[i] for i in rng.permutation(len(self.cubes))]
        self._wanted, others = cubes[0], cubes[1:]
        if KINDS[rng.integers(len(KINDS))] == "behind":
            nook, tower, self._hidden, self._tower = self._wanted, others, "", tuple(others)
        else:
            beneath, above = _BURIALS[rng.integers(len(_BURIALS))]
            self._tower, self._hidden = tuple(others[: beneath + above]), "".join(others[beneath + above :])
            nook, tower = self._hidden, [*self._tower[:beneath], self._wanted, *self._tower[beneath:]]
        return InitialState(self._layout(tower, nook, rng))

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        on_places = {"tray": (self._wanted,), "gap": ("post",), "stand": self._tower}
        if self._hidden:
            on_places["nook"] = (self._hidden,)
        return all(
            self.stand(truth, names) and apart(truth[names[0]], truth[place]) < _ON_PLACE
            for place, names in on_places.items()
        )

    def broken_rule(self, truth: Mapping[str, Pose]) -> str:
        """A block that is lifted with another on it."""
        return self.carried_with(truth, list(self.resting(truth)))

    def _layout(self, tower: list[str], nook: str, rng: np.random.Generator) -> dict[str, Pose]:
        """Poses with this tower (lowest first) on the stand and this cube, if any, in the nook."""
        mirror = np.array([1.0, rng.choice([-1.0, 1.0])])
        spots = {name: mirror * at for name, at in (("bay", _BAY), ("stand", _STAND), ("tray", _TRAY_AT))}
        poses = {
            name: Pose(np.array([*(spot + rng.uniform(-_SHIFT, _SHIFT, 2)), self.body(name).half_extents[2]]))
            for name, spot in spots.items()
        }
        for body in self.bodies:
            if body.mount is not None:
                poses[body.name] = mounted(body.mount, poses[body.mount.on])
        narrow = [("nook", [nook] if nook else [], _NARROW_TWIST), ("gap", ["post"], _NARROW_TWIST)]
        for place, names, twist in [("stand", tower, _TWIST), *narrow]:
            poses |= self.pile(names, poses[place].position[:2], rng, stagger=_STAGGER, twist=twist)
        return {body.name: poses[body.name] for body in self.bodies}


class UnpackSuite(TableSuite):
    """The family of one task, ``unpack``."""

    variants = (Variant("unpack", Unpack),)
