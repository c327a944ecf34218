"""Items of two colours and two sizes into trays: one a colour, and a small one whose few slots take any small item.

An item's or a slot's name says what it is: a slot accepts an item if the first word of its name (red, blue or small) is
among the item's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from itertools import product

import numpy as np

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import GAP, STEPS_A_MOVE, BoxTask
from nsctl.geometry import from_yaw, mounted
from nsctl.scene import TABLE, Array, Body, Box, Mount, Pose
from nsctl.symbolic import Atom, Literal, Or
from nsctl.task import InitialState

LEAST, MOST = 4, 8
"""Items of the smallest and the largest task."""
SMALL_SLOTS = 2
HALF = {"small": 0.020, "large": 0.025}
"""Half the edge [m] of an item."""
PITCH = 0.085
"""Metres between the middles of neighbouring slots: room for open fingers in any direction."""
SLOT_HALF = 0.031
"""Half the side [m] of a slot's square."""

_KINDS = ("red-large", "blue-large", "red-small", "blue-small", "red-small", "blue-small", "red-large", "blue-large")
_RGB = {"red": (0.86, 0.22, 0.20), "blue": (0.18, 0.40, 0.78), "small": (0.55, 0.55, 0.53)}
_TRAYS = {"red": (0.50, 0.205), "blue": (0.50, -0.205), "small": (0.64, 0.0)}
"""Where the trays' middles are [m]. The rows of slots run along x, that of the small tray along y."""
_FLOOR, _RIM, _WALL = 0.002, 0.005, 0.002
"""Thickness of a tray's floor, height and thickness of its rim [m]: too low for a finger to touch."""
_SPOTS = [np.array(spot) for spot in product((0.365, 0.448, 0.530), (-0.11, 0.0, 0.11))]
"""Where items may start on the table [m]."""
_LAYOUT = 0.005  # m: everything shifts together by up to this much
_SCATTER = np.array([0.008, 0.003])  # m: each item on the table lies off its spot by up to this much
_TWIST = 0.15  # rad: and is turned by up to this much
_STAGGER, _TWIST_IN_SLOT = 0.0015, 0.06  # m, rad: the same for one in a slot


class Sort(BoxTask):
    """``sort-N``: N items, most of them not where they belong. A colour's tray has (N - 1) / 2 slots, rounded down."""

    version = 1
    domain_pddl = files("envs.tasks").joinpath("sort.pddl").read_text()

    def __init__(self, count: int) -> None:
        self.name = f"sort-{count}"
        kinds = _KINDS[:count]
        self.items = tuple(f"{kind}-{1 + kinds[:i].count(kind)}" for i, kind in enumerate(kinds))
        self.room = {"red": (count - 1) // 2, "blue": (count - 1) // 2, "small": SMALL_SLOTS}
        trays = [_tray(word, room) for word, room in self.room.items()]
        slots = [slot for word, room in self.room.items() for slot in _slots(word, room)]
        super().__init__([*map(_item, self.items), *trays, *slots])
        self.slots = tuple(slot.name for slot in slots)
        pairs = [[accepts(slot, item) for slot in self.slots] for item in self.items]
        self._accepts = np.array(pairs)  # bool [items, slots]
        things = {body.name: body.type for body in self.bodies if body.type != "tray"}
        self.objects = {**things, TABLE: "surface"}
        taking = [Atom("accepts", pair) for pair in product(self.slots, self.items) if accepts(*pair)]
        buffer = [Atom("accepts", (TABLE, item)) for item in self.items]
        self.facts = frozenset((*taking, *buffer, *(Atom("single", (slot,)) for slot in self.slots)))
        # Each item moves once, and of two that are in each other's way one moves aside before.
        self.horizon = STEPS_A_MOVE * (count + count // 2)

    @property
    def phrasings(self) -> tuple[str, ...]:
        red, blue, small = self.room.values()
        return (
            f"Put every item into a tray. The red tray takes red items and has room for {red}, the blue tray takes blue "
            f"items and has room for {blue}, the grey tray takes small items of either colour and has room for {small}.",
            f"Tidy up by colour: red things into the red tray ({red} at most), blue things into the blue one "
            f"({blue} at most). What finds no place there and is small goes into the grey tray ({small} at most).",
            f"Sort all items. Slots: {red} for red ones, {blue} for blue ones, {small} for small ones of any colour. "
            "One item a slot, and nothing may stay outside or in a slot that is not for it.",
        )

    @property
    def goal(self) -> tuple[Or, ...]:
        return tuple(
            Or(tuple(Literal(Atom("on", (item, slot))) for slot in self.slots if accepts(slot, item)))
            for item in self.items
        )

    def sample(self, rng: np.random.Generator) -> InitialState:
        shift = rng.uniform(-_LAYOUT, _LAYOUT, 2)
        poses = self._furniture(shift)
        spots = iter(rng.permutation(len(_SPOTS)))
        for item, slot in self._draw(rng).items():
            turn = rng.uniform(-1.0, 1.0)
            if slot:
                middle = poses[slot].position[:2] + rng.uniform(-_STAGGER, _STAGGER, 2)
                poses[item] = self._lying(item, middle, _FLOOR, _TWIST_IN_SLOT * turn)
            else:
                middle = _SPOTS[next(spots)] + shift + rng.uniform(-_SCATTER, _SCATTER)
                poses[item] = self._lying(item, middle, 0.0, _TWIST * turn)
        return InitialState(poses)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        items = np.array([truth[item].position for item in self.items])  # [items, 3]
        slots = np.array([truth[slot].position for slot in self.slots])  # [slots, 3]
        off = np.linalg.norm(items[:, None, :2] - slots[:, :2], axis=2)  # [items, slots]
        inside = (off < SLOT_HALF) & self._accepts
        taken = inside.argmax(axis=1)  # of an item, the slot; slots lie too far apart for two
        if not inside.any(axis=1).all() or len({*taken.tolist()}) < len(taken):
            return False
        floors = slots[taken, 2]
        return all(self.stand(truth, [item], floor) for item, floor in zip(self.items, floors, strict=True))

    def _draw(self, rng: np.random.Generator) -> dict[str, str]:
        """Each item's slot, empty for the table: half of the items in any slots, right or wrong; never all is right."""
        while True:
            free = [self.slots[i] for i in rng.permutation(len(self.slots))]
            chosen = {item: free.pop() if rng.random() < 0.5 else "" for item in self.items}
            if not all(slot and accepts(slot, item) for item, slot in chosen.items()):
                return chosen

    def _furniture(self, shift: Array) -> dict[str, Pose]:
        """Poses of the trays and their slots, all shifted by ``shift`` [2]."""
        poses: dict[str, Pose] = {}
        for word, at in _TRAYS.items():
            poses[f"{word}-tray"] = Pose(np.array([*(at + shift), _RIM / 2]))
        for body in self.bodies:
            if body.mount:
                poses[body.name] = mounted(body.mount, poses[body.mount.on])
        return poses

    def _lying(self, item: str, middle: Array, floor: float, yaw: float) -> Pose:
        return Pose(np.array([*middle, floor + GAP + self._half[item]]), from_yaw(yaw))


class SortSuite(TableSuite):
    """The family ``sort-4`` to ``sort-8``."""

    variants = (Variant("sort-N", Sort, range(LEAST, MOST + 1), "items"),)


def accepts(slot: str, item: str) -> bool:
    """Whether the slot of this name is for the item of that name."""
    return slot.partition("-")[0] in item.split("-")


def _item(name: str) -> Body:
    colour, size, _ = name.split("-")
    return Body(name, "item", (HALF[size],) * 3, _RGB[colour])


def _tray(word: str, room: int) -> Body:
    """A floor with a low rim about a row of slots; its frame stands in the middle of both."""
    row = (room - 1) * PITCH / 2 + SLOT_HALF + _WALL
    x, y = (SLOT_HALF + _WALL, row) if word == "small" else (row, SLOT_HALF + _WALL)
    floor = Box((x, y, _FLOOR / 2), (0.0, 0.0, (_FLOOR - _RIM) / 2))
    walls = [Box((_WALL / 2, y, _RIM / 2), (side * (x - _WALL / 2), 0.0, 0.0)) for side in (-1, 1)]
    walls += [Box((x, _WALL / 2, _RIM / 2), (0.0, side * (y - _WALL / 2), 0.0)) for side in (-1, 1)]
    return Body(f"{word}-tray", "tray", (x, y, _RIM / 2), _pale(word, 0.5), movable=False, boxes=(floor, *walls))


def _slots(word: str, room: int) -> list[Body]:
    """The tray's slots: places whose middles lie on its floor."""
    slots = []
    for i in range(room):
        along = (i - (room - 1) / 2) * PITCH
        x, y = (0.0, along) if word == "small" else (along, 0.0)
        mount = Mount(f"{word}-tray", (x, y, _FLOOR - _RIM / 2))
        extents = (SLOT_HALF, SLOT_HALF, 0.0005)
        slots.append(Body(f"{word}-slot-{i + 1}", "slot", extents, _pale(word, 0.25), movable=False, mount=mount))
    return slots


def _pale(word: str, share: float) -> tuple[float, float, float]:
    """The colour of the word, with so much of it and the rest white."""
    red, green, blue = (1 - share * (1 - part) for part in _RGB[word])
    return red, green, blue
