"""Put blocks away: open a drawer, lay each block into it, and close it. What stands before it must be moved first.

The furniture is drawn in one frame that stands on the table at the middle of the cabinet's front, x out of the cabinet (in
the world: towards the robot), z up. All lengths in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import GAP, STEPS_A_MOVE, BoxTask
from nsctl.geometry import CLOSED, box_tilt, from_yaw, matrix, mounted, multiply, slid
from nsctl.scene import TABLE, Array, Body, Box, Mount, Pose
from nsctl.symbolic import Atom, Condition, Exists, Literal, Object, Type
from nsctl.task import InitialState

MAX_BLOCKS = 3
STEPS_A_STROKE = 150
"""Horizon for opening or closing a drawer, or pushing a crate."""
TRAVEL = 0.145
"""Metres that the drawer slides out."""
STARTS = ("closed", "half open", "open", "blocked by a block", "blocked by a crate")
"""How the furniture may stand at first, each as likely."""

Span = tuple[float, float]

_BLOCKS = {"red": (0.86, 0.22, 0.20), "yellow": (0.96, 0.80, 0.20), "blue": (0.18, 0.40, 0.78)}
_HALF, _CRATE_HALF = 0.020, (0.050, 0.050, 0.015)
_WOOD, _FRONT, _KNOB = (0.72, 0.58, 0.42), (0.80, 0.68, 0.52), (0.30, 0.30, 0.32)
_MARK, _CRATE = (0.55, 0.52, 0.48), (0.45, 0.62, 0.48)
_FRONT_X = 0.590  # of the cabinet's front in the world
_FLOOR = 0.018  # height of the drawer's floor: so high that an open hand over it clears the cabinet's lid
_SLOT_X, _SLOT_PITCH = -0.0675, 0.085
_LANE_X, _ASIDE_Y = 0.135, 0.185  # where a crate stands: how far before the front, and how far aside
_ROW_X, _ROW = 0.240, (-0.2, -0.1, 0.0, 0.1, 0.2)  # where the blocks start: x in this frame, y
_SHIFT = np.array([0.005, 0.010])  # how far the furniture may stand off, along x and y
_INSIDE = ((-0.139, -0.008), (-0.112, 0.112))  # between the drawer's walls while it is closed, x and y
_LEVEL, _TILT = 0.006, 0.15  # a block lies in the drawer if its height and its lean [rad] match this well


def _box(x: Span, y: Span, z: Span, rgb: tuple[float, float, float] | None = None) -> Box:
    """The box between these coordinates of the furniture's frame."""
    low, high = np.transpose([x, y, z])
    return Box(tuple(((high - low) / 2).tolist()), tuple(((high + low) / 2).tolist()), rgb)


def _fixture(name: str, rgb: tuple[float, float, float], boxes: tuple[Box, ...], mount: Mount | None = None) -> Body:
    """A body of ``boxes`` in the furniture's frame; its own frame stands in the middle of them all."""
    middle, half = _bounds(boxes)
    own = tuple(Box(box.half_extents, tuple((np.array(box.at) - middle).tolist()), box.rgb) for box in boxes)
    return Body(name, name, tuple(half.tolist()), rgb, movable=False, boxes=own, mount=mount)


def _bounds(boxes: tuple[Box, ...]) -> tuple[Array, Array]:
    """The middle [3] and half the size [3] of the box around ``boxes``."""
    middles, halves = (np.array(part) for part in zip(*((b.at, b.half_extents) for b in boxes), strict=True))
    low, high = (middles - halves).min(axis=0), (middles + halves).max(axis=0)
    return (low + high) / 2, (high - low) / 2


_CABINET_BOXES = (
    _box((-0.150, 0.0), (0.119, 0.127), (0.0, 0.067)),
    _box((-0.150, 0.0), (-0.127, -0.119), (0.0, 0.067)),
    _box((-0.150, -0.146), (-0.119, 0.119), (0.0, 0.063)),
    _box((-0.150, 0.0), (-0.119, 0.119), (0.063, 0.067)),
)
_DRAWER_BOXES = (
    _box((-0.145, 0.0), (-0.116, 0.116), (0.004, _FLOOR)),
    _box((-0.139, -0.008), (0.112, 0.116), (_FLOOR, _FLOOR + 0.004)),
    _box((-0.139, -0.008), (-0.116, -0.112), (_FLOOR, _FLOOR + 0.004)),
    _box((-0.145, -0.139), (-0.116, 0.116), (_FLOOR, 0.052)),
    _box((-0.008, 0.0), (-0.116, 0.116), (_FLOOR, 0.052), _FRONT),
    _box((0.0, 0.008), (-0.006, 0.006), (0.032, 0.044), _KNOB),
    _box((0.008, 0.028), (-0.015, 0.015), (0.024, 0.052), _KNOB),
)
"""The last one is the handle, by which skills take a drawer."""


def _furniture() -> tuple[Body, ...]:
    """The cabinet, the drawer in it and the slots of this, parents first."""
    cabinet, drawer = _bounds(_CABINET_BOXES)[0], _bounds(_DRAWER_BOXES)[0]
    rail = Mount("cabinet", tuple((drawer - cabinet).tolist()), TRAVEL)
    slots = [
        Body(f"slot{i + 1}", "slot", (0.03, 0.03, 0.0005), _MARK, movable=False, mount=Mount("drawer", at))
        for i, y in enumerate((-_SLOT_PITCH, 0.0, _SLOT_PITCH))
        for at in [tuple((np.array([_SLOT_X, y, _FLOOR + 0.0005]) - drawer).tolist())]
    ]
    return _fixture("cabinet", _WOOD, _CABINET_BOXES), _fixture("drawer", _WOOD, _DRAWER_BOXES, rail), *slots


_ZONES = {"front": (0.090, 0.0), "left": (_LANE_X, -_ASIDE_Y), "right": (_LANE_X, _ASIDE_Y)}
"""The zones of the table and their middles, x and y in the furniture's frame: left and right are the robot's."""
_ZONE_HALF = {"front": (0.090, 0.130, 0.0005), "left": (0.045, 0.050, 0.0005), "right": (0.045, 0.050, 0.0005)}


class Drawer(BoxTask):
    """``drawer-N``: N blocks of one size, three slots. Nothing of the goal varies."""

    version = 1
    domain_pddl = files("envs.tasks").joinpath("drawer.pddl").read_text()

    def __init__(self, count: int) -> None:
        self.name = f"drawer-{count}"
        self.blocks = tuple(_BLOCKS)[:count]
        blocks = [Body(name, "block", (_HALF,) * 3, _BLOCKS[name]) for name in self.blocks]
        zones = [Body(name, "zone", half, _MARK, movable=False) for name, half in _ZONE_HALF.items()]
        super().__init__([*blocks, Body("crate", "crate", _CRATE_HALF, _CRATE), *_furniture(), *zones])
        self.objects = {**{b.name: b.type for b in self.bodies if b.name != "cabinet"}, TABLE: "surface"}
        self.slots = tuple(body.name for body in self.bodies if body.type == "slot")
        within = [Atom("within", (slot, "drawer")) for slot in self.slots]
        beside = [Atom("beside", ("front", zone)) for zone in ("left", "right")]
        self.facts = frozenset((*within, *beside, Atom("before", ("front", "drawer"))))
        # Each block once, one of them twice if it stands in the way, and one more move for a second try.
        self.horizon = STEPS_A_MOVE * (count + 2) + 2 * STEPS_A_STROKE

    @property
    def phrasings(self) -> tuple[str, ...]:
        what = {1: "the block", 2: "both blocks"}.get(len(self.blocks), f"all {len(self.blocks)} blocks")
        return (
            f"Open the drawer, put {what} into it, and close it.",
            f"Tidy up: {what} must end in the drawer, and the drawer must end closed.",
            f"Put {what} away into the drawer and shut it. Move aside whatever keeps it from opening.",
        )

    @property
    def goal(self) -> tuple[Condition, ...]:
        slot = Object("?slot", Type("slot", Type("place", Type("support"))))
        stowed = (Exists((slot,), Literal(Atom("on", (block, "?slot")))) for block in self.blocks)
        return (*stowed, Literal(Atom("closed", ("drawer",))))

    def sample(self, rng: np.random.Generator) -> InitialState:
        start = STARTS[rng.integers(len(STARTS))]
        out = {"half open": rng.uniform(0.35, 0.65), "open": 1.0}.get(start, 0.0) * TRAVEL
        shift = rng.uniform(-_SHIFT, _SHIFT)
        origin = Pose(np.array([_FRONT_X + shift[0], shift[1], 0.0]), from_yaw(np.pi))
        poses = self._furnish(origin, out)
        order = [self.blocks[i] for i in rng.permutation(len(self.blocks))]
        if len(order) > 1 and rng.random() < 1 / 3:
            slot = poses[self.slots[rng.integers(len(self.slots))]]
            poses[order.pop()] = _standing(slot, rng.uniform(-0.003, 0.003, 2), _HALF, rng.uniform(-0.1, 0.1))
        spots = {name: (_ROW_X, y) for name, y in zip(order, rng.permutation(_ROW), strict=False)}
        if start == "blocked by a block":
            spots[order[0]] = tuple(rng.uniform([0.110, -0.045], [0.130, 0.045]))
        for name, spot in spots.items():
            poses[name] = _standing(origin, spot + rng.uniform(-0.005, 0.005, 2), _HALF, rng.uniform(-0.3, 0.3))
        middle = (_LANE_X, rng.uniform(-0.02, 0.02))
        where = middle if start == "blocked by a crate" else _ZONES[("left", "right")[rng.integers(2)]]
        off = rng.uniform(-0.004, 0.004, 2)
        poses["crate"] = _standing(origin, where + off, _CRATE_HALF[2], rng.uniform(-0.08, 0.08))
        return InitialState({body.name: poses[body.name] for body in self.bodies})

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        rail = self.body("drawer").mount
        assert rail is not None
        shut = slid(rail, truth["cabinet"], truth["drawer"]) <= CLOSED
        return shut and all(self._stowed(truth, block) for block in self.blocks)

    def _furnish(self, origin: Pose, out: float) -> dict[str, Pose]:
        """Poses of the furniture and the zones where ``origin`` is their frame, the drawer slid out by ``out``."""
        poses = {name: _placed(origin, (*spot, 0.0005)) for name, spot in _ZONES.items()}
        for body in self.bodies:
            if body.mount is not None:
                poses[body.name] = mounted(body.mount, poses[body.mount.on], out if body.mount.travel else 0.0)
            elif body.boxes:
                poses[body.name] = _placed(origin, _bounds(_CABINET_BOXES)[0])
        return poses

    def _stowed(self, truth: Mapping[str, Pose], block: str) -> bool:
        """Whether a block stands on the drawer's floor, between its walls."""
        drawer = truth["drawer"]
        at = matrix(drawer.quaternion).T @ (truth[block].position - drawer.position) + _bounds(_DRAWER_BOXES)[0]
        inside = _INSIDE[0][0] < at[0] < _INSIDE[0][1] and _INSIDE[1][0] < at[1] < _INSIDE[1][1]
        return inside and abs(at[2] - _FLOOR - _HALF) < _LEVEL and box_tilt(truth[block].quaternion) < _TILT


class DrawerSuite(TableSuite):
    """The family ``drawer-1`` to ``drawer-3``."""

    variants = (Variant("drawer-N", Drawer, range(1, MAX_BLOCKS + 1), "blocks"),)


def _placed(frame: Pose, at: ArrayLike) -> Pose:
    """The pose at a point [3] of ``frame``, turned as that is."""
    return Pose(frame.position + matrix(frame.quaternion) @ np.asarray(at), frame.quaternion)


def _standing(frame: Pose, spot: ArrayLike, half: float, turn: float) -> Pose:
    """A box of this half height that stands at ``spot`` [2] of ``frame``, turned against it."""
    here = _placed(frame, [*np.asarray(spot), GAP + half])
    return Pose(here.position, multiply(from_yaw(turn), here.quaternion))
