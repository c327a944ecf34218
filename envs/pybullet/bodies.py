"""The bodies of a scene in PyBullet: the table, and each body of a task, written as URDF.

A fixture and all that hangs on it are one tree of links, so that a drawer slides without a constraint to solve.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from envs.engine import DENSITY, RAIL_DAMPING, RAIL_FRICTION, TABLE_CENTRE, TABLE_HALF
from envs.pybullet.client import Client
from nsctl.scene import Body, Box

FREE, ARM, FIXED = 1, 2, 4
"""Collision groups. Free bodies touch everything; the arm and the fixtures touch all but their own kind."""
_TOUCHES = {FREE: FREE | ARM | FIXED, ARM: FREE | FIXED, FIXED: FREE | ARM}
_TABLE = Body("table", "", (*TABLE_HALF, 0.02), (0.80, 0.74, 0.66), False, (Box((*TABLE_HALF, 0.02)),))
FLOOR_RGB = (0.42, 0.45, 0.50)
_FLOOR = Body("floor", "", (3.0, 3.0, 0.1), FLOOR_RGB, False, (Box((3.0, 3.0, 0.1)),))
_SPECK = Box((1e-4, 1e-4, 1e-4))
"""The look of what is not to be seen: PyBullet would draw the solid shapes of a body without any."""
_TREE = '<?xml version="1.0"?><robot name="{name}">{parts}</robot>'
# The inertia only silences a warning: PyBullet computes a body's own from its mass and shapes, and a rail needs none.
_LINK = (
    '<link name="{name}"><inertial><mass value="{mass}"/>'
    '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>{shapes}</link>'
)
_SHAPE = '<{kind}><origin xyz="{at}"/><geometry><box size="{size}"/></geometry>{look}</{kind}>'
_LOOK = '<material name="{name}"><color rgba="{rgb} 1"/></material>'
_JOINT = (
    '<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{name}"/><origin xyz="{at}"/>'
    '<axis xyz="1 0 0"/><limit lower="0" upper="{travel}" effort="1000" velocity="10"/>'
    '<dynamics damping="{damping}" friction="0"/></joint>'
)


@dataclass(frozen=True)
class Part:
    """Where a body is among the client's: ``tree`` it belongs to, and its ``link`` there (-1: the root)."""

    tree: int
    link: int


def load_ground(client: Client, *, floor_seen: bool) -> tuple[Part, ...]:
    """The table (its top is z = 0) and the floor beneath it, which is half the cost of drawing a picture."""
    parts = {**load(client, [_TABLE]), **load(client, [_FLOOR], seen=floor_seen)}
    client.resetBasePositionAndOrientation(parts["table"].tree, [*TABLE_CENTRE, -0.02], [0, 0, 0, 1])
    client.resetBasePositionAndOrientation(parts["floor"].tree, [0, 0, -0.5], [0, 0, 0, 1])
    return tuple(parts.values())


def load(client: Client, bodies: Sequence[Body], *, seen: bool = True) -> Mapping[str, Part]:
    """Load the bodies and say which is which; they need not be ``seen`` in pictures."""
    parts: dict[str, Part] = {}
    for root in (body for body in bodies if body.mount is None):
        family = [root, *_hanging(root, bodies)]
        tree = load_urdf(
            client,
            _TREE.format(name=root.name, parts="".join(_urdf(body, seen=seen) for body in family)),
            useFixedBase=not root.movable,
            # What never moves is quicker in maximal coordinates; free bodies would be, too, but restore inexactly.
            useMaximalCoordinates=not root.movable and len(family) == 1,
        )
        names = {client.getJointInfo(tree, i)[12].decode(): i for i in range(client.getNumJoints(tree))}
        for body in family:
            parts[body.name] = part = Part(tree, names.get(body.name, -1))
            collide(client, part, group(body))
            # Bullet multiplies the friction of the two that touch. The anchor keeps stacks from creeping.
            client.changeDynamics(tree, part.link, lateralFriction=1.0, frictionAnchor=1)
            if body.mount and body.mount.travel:
                client.setJointMotorControl2(
                    tree, part.link, client.VELOCITY_CONTROL, targetVelocity=0, force=RAIL_FRICTION
                )
    return parts


def load_urdf(client: Client, text: str, **options: int) -> int:
    """Load a URDF from its text; ``options`` are those of PyBullet's loadURDF. Gives the tree's number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.urdf"
        path.write_text(text)
        tree: int = client.loadURDF(str(path), **options)
    return tree


def collide(client: Client, part: Part, kind: int) -> None:
    """Let a part touch what its group touches; group 0 touches nothing."""
    client.setCollisionFilterGroupMask(part.tree, part.link, kind, _TOUCHES.get(kind, 0))


def group(body: Body) -> int:
    """The collision group of a body; 0 for a mark."""
    return FREE if body.movable else FIXED if body.boxes else 0


def mass(body: Body) -> float:
    """Kilograms of a solid body, 0 for a mark."""
    boxes = (Box(body.half_extents),) if body.movable else body.boxes
    return DENSITY * sum(8 * prod(box.half_extents) for box in boxes)


def _hanging(parent: Body, bodies: Sequence[Body]) -> Iterator[Body]:
    for body in bodies:
        if body.mount and body.mount.on == parent.name:
            yield body
            yield from _hanging(body, bodies)


def _urdf(body: Body, *, seen: bool) -> str:
    boxes = body.boxes or (Box(body.half_extents),)
    solid = body.movable or body.boxes
    shapes = [
        _shape("visual", box, _LOOK.format(name=f"{body.name} {i}", rgb=_numbers(box.rgb or body.rgb)))
        for i, box in enumerate(boxes if seen else (_SPECK,))
    ]
    shapes += [_shape("collision", box) for box in boxes if solid]
    link = _LINK.format(name=body.name, mass=mass(body) if body.movable or body.mount else 0, shapes="".join(shapes))
    if body.mount is None:
        return link
    return link + _JOINT.format(
        name=body.name,
        kind="prismatic" if body.mount.travel else "fixed",
        parent=body.mount.on,
        at=_numbers(body.mount.at),
        travel=body.mount.travel,
        damping=RAIL_DAMPING,
    )


def _shape(kind: str, box: Box, look: str = "") -> str:
    size = _numbers(2 * extent for extent in box.half_extents)
    return _SHAPE.format(kind=kind, at=_numbers(box.at), size=size, look=look)


def _numbers(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
