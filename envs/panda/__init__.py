"""The arm that every engine drives: a Franka Emika Panda from primitives, one URDF for all, and what its servos do.

The meshes of ``pybullet_data`` are looks only, and only where that package is there: no physics depends on them.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
PADS = ("panda_leftfinger", "panda_rightfinger")
"""The links that carry the pads."""
HOME = (0.0, -0.50, 0.0, -2.30, 0.0, 1.80, 0.785398)
"""Joint angles [rad] with the hand above the table, pointing down."""
HAND = "panda_hand"
TCP_OFFSET = 0.1034
"""Metres from the hand frame to the tool centre point between the pads, along the approach axis."""
PAD_GAP = 0.003
"""Metres between the pads when the finger joints read zero."""
TORQUE = (87, 87, 87, 87, 12, 12, 12)
"""Largest torque of each joint [N m]."""
REACHING = ("panda_link4", "panda_link5", "panda_link6", "panda_link7", HAND, *PADS)
"""Links that can come near the table and what lies on it; the others touch nothing."""


def urdf_path() -> Path:
    """The arm's URDF, from primitives alone."""
    return Path(str(files("envs.panda").joinpath("panda.urdf")))


def meshes() -> dict[str, Path]:
    """Link -> its mesh for looks, from ``pybullet_data``; empty where that is not installed.

    The mesh of the right finger is the left one's, turned by pi about z. The collision meshes are taken: half of the
    visual ones consist of several parts, of which MuJoCo draws one.
    """
    spec = find_spec("pybullet_data")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "franka_panda" / "meshes" / "collision"
    links = [f"panda_link{i}" for i in range(8)]
    return {link: folder / f"{link.removeprefix('panda_')}.obj" for link in (*links, HAND)} | dict.fromkeys(
        PADS, folder / "finger.obj"
    )
