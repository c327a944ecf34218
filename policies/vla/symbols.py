"""The symbols that a network for towers is supervised with, beside actions: objects in slots, atoms, steps to go.

What our own agent is given by hand (which objects there are, which atoms matter, which step of a plan is being done), the
network may learn from the same episodes, so that nobody can say it was kept from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from nsctl.observation_arrays import POSE, PROPRIO
from nsctl.scene import TABLE, Pose
from nsctl.symbolic import Atom, SymbolicState

DISCS = tuple(f"disc{number}" for number in range(1, 7))
PEGS = ("left", "middle", "right")
SLOTS = (*DISCS, *PEGS)
"""Each object has a slot of its own; that of one which a scene lacks is empty."""
ATOMS = (
    *(Atom("on", (disc, support)) for disc in DISCS for support in (*SLOTS, TABLE) if disc != support),
    *(Atom("clear", (support,)) for support in SLOTS),
    *(Atom("holding", (disc,)) for disc in DISCS),
    Atom("handempty", ()),
)
STAGES = 32
"""Stage n: n steps of a shortest plan to go, 0 for none, :data:`STAGES` - 1 for that many and more."""

OPERATORS = ("pick", "place")
ANSWERS = (len(OPERATORS), len(DISCS), len(PEGS))
"""What is asked of the step under way: which it is, of which disc, and which peg that leaves or comes to."""
NOTHING = -1
"""Where a question has no answer."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def require_known(names: Collection[str]) -> None:
    """Refuse a scene with an object that has no slot."""
    if strangers := sorted(set(names) - set(SLOTS)):
        raise InvalidValue(
            f"the network knows no {strangers[0]!r}: it was made for tasks of towers, with {', '.join(SLOTS)}"
        )


def slotted(poses: Mapping[str, Pose]) -> Floats:
    """Poses as the network takes them, float32 [slots, 7]; an empty slot is all zero."""
    require_known(poses)
    row = np.zeros((len(SLOTS), len(POSE)), np.float32)
    for name, pose in poses.items():
        row[SLOTS.index(name)] = [*pose.position, *pose.quaternion]
    return row


SEEN = len(POSE) + 9
"""Numbers of one object as inputs ``state`` has it: its pose, and from the hand to it at three scales."""
_SCALES = (0.25, 0.03, 0.006)
"""Metres, as in the situations that skills see: from afar, near by, at contact."""
_TCP = slice(PROPRIO.index("tcp_x"), PROPRIO.index("tcp_x") + 3)


def beside_the_hand(objects: Floats, proprio: Floats) -> Floats:
    """Poses [..., slots, 7] and what the arm feels [..., 23] as a network takes them, float32 [..., slots, 16].

    Where a thing is in the world says what to do; where it is from the hand, to the millimetre, says how.
    """
    away = objects[..., :3] - proprio[..., None, _TCP]
    far, near, touching = _SCALES
    scales = (away / far, np.tanh(away / near), np.tanh(away / touching))
    there = (objects != 0).any(-1, keepdims=True)
    whole: Floats = np.where(there, np.concatenate([objects, *scales], -1), 0.0).astype(np.float32)
    return whole


def way_to_target(doing: NDArray[np.int64], objects: Floats, proprio: Floats) -> Floats:
    """From the hand to what the step under way is about, float32 [T, 3] in metres: the disc to pick, or the peg to place on.

    ``doing`` [T, 3] answers what :data:`ANSWERS` ask; NaN where no step is under way, or none of an object.
    """
    operator, disc, peg = doing.T
    slot = np.where(operator == OPERATORS.index("pick"), disc, np.where(peg >= 0, peg + len(DISCS), NOTHING))
    way = objects[np.arange(len(doing)), slot, :3] - proprio[:, _TCP]
    whole: Floats = np.where(slot[:, None] >= 0, way, np.nan).astype(np.float32)
    return whole


def atom_flags(state: SymbolicState) -> Flags:
    """Which of :data:`ATOMS` hold in ``state``, bool [atoms]."""
    return np.array([atom in state.atoms for atom in ATOMS])


def known_atoms(names: Collection[str]) -> Flags:
    """Which of :data:`ATOMS` speak of objects of this scene only, bool [atoms]."""
    there = {*names, TABLE}
    return np.array([there.issuperset(atom.arguments) for atom in ATOMS])


def stage(plan: Sequence[object]) -> int:
    """The stage at which a plan of these steps lies ahead."""
    return min(len(plan), STAGES - 1)
