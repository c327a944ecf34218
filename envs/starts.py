"""How an episode begins: its sources of chance, and poses that a user gives in place of those that the task draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from envs.engine import TABLE_CENTRE, TABLE_HALF
from nsctl.errors import InvalidValue, UnknownName
from nsctl.geometry import mounted, slid
from nsctl.scene import Body, Pose
from nsctl.task import Task

OPTIONS = ("initial_state", "episode")
"""What ``reset(options=...)`` understands."""
_TABLE_LOW, _TABLE_HIGH = np.subtract(TABLE_CENTRE, TABLE_HALF), np.add(TABLE_CENTRE, TABLE_HALF)
TABLE_BOX = np.array([[*_TABLE_LOW, 0.0], [*_TABLE_HIGH, 0.8]])
"""Where a body may be put: low and high corner of the space over the table [m]."""
_OFF_RAIL = 0.001
"""Metres that a mounted body may be given off where its mount holds it."""

Poses = Mapping[str, Pose]


def streams(task: Task, seed: int, episode: int) -> list[np.random.SeedSequence]:
    """An episode's four sources of chance: its start, its sensors, what disturbs it and the wording of its instruction."""
    key = crc32(f"{task.name}@{task.version}".encode())
    return np.random.SeedSequence([seed, episode, key]).spawn(4)


def read_options(options: Mapping[str, Any] | None, bodies: Sequence[Body]) -> tuple[Poses, int | None]:
    """The poses and the episode's number (or ``None``) that ``reset(options=...)`` asks for.

    ``initial_state`` maps names of bodies to 7 numbers (position m, quaternion w x y z) or to a :class:`Pose`.
    """
    options = options or {}
    for name in options:
        if name not in OPTIONS:
            raise UnknownName("option of reset", str(name), OPTIONS)
    episode = options.get("episode")
    if episode is not None and (isinstance(episode, bool) or not isinstance(episode, int | np.integer) or episode < 0):
        raise InvalidValue(f"options['episode'] must be an integer >= 0, got {episode!r}")
    wanted = options.get("initial_state")
    wanted = {} if wanted is None else wanted
    if not isinstance(wanted, Mapping):
        raise InvalidValue(f"options['initial_state'] must map names of bodies to 7 numbers, got {wanted!r}")
    names = [body.name for body in bodies]
    for name in wanted:
        if name not in names:
            raise UnknownName("body", str(name), names)
    poses = {name: _pose(name, value) for name, value in wanted.items()}
    for name, pose in poses.items():
        if not ((TABLE_BOX[0] <= pose.position) & (pose.position <= TABLE_BOX[1])).all():
            low, high = (" ".join(f"{x:g}" for x in corner) for corner in TABLE_BOX)
            raise InvalidValue(
                f"{name!r} cannot start at {pose.position.tolist()}: the table's space is {low} to {high} m"
            )
    return poses, None if episode is None else int(episode)


def _pose(name: str, value: Any) -> Pose:
    if isinstance(value, Pose):
        return value
    try:
        numbers = np.array(value, dtype=np.float64)
        if numbers.shape != (7,):
            raise ValueError
        return Pose(numbers[:3], numbers[3:])
    except (TypeError, ValueError) as error:  # InvalidValue is a ValueError
        why = f": {error}" if isinstance(error, InvalidValue) else ""
        raise InvalidValue(
            f"the initial state of {name!r} must be 7 numbers (position m, unit quaternion w x y z), got {value!r}{why}"
        ) from error


def replaced(bodies: Sequence[Body], drawn: Poses, wanted: Poses) -> Poses:
    """``drawn`` with the poses that are ``wanted``; what hangs on a body that is put elsewhere goes with it."""
    poses = dict(drawn)
    for body in bodies:  # a mount's parent comes before it
        if body.mount is None:
            poses[body.name] = wanted.get(body.name, drawn[body.name])
            continue
        parent, before = poses[body.mount.on], drawn[body.mount.on]
        out = slid(body.mount, parent, wanted[body.name]) if body.name in wanted else None
        if out is None:
            poses[body.name] = mounted(body.mount, parent, slid(body.mount, before, drawn[body.name]))
            continue
        poses[body.name] = mounted(body.mount, parent, out)
        off = float(np.abs(poses[body.name].position - wanted[body.name].position).max())
        if off > _OFF_RAIL or not -_OFF_RAIL <= out <= body.mount.travel + _OFF_RAIL:
            along = f"slides along its x axis by up to {body.mount.travel} m" if body.mount.travel else "moves with it"
            raise InvalidValue(
                f"{body.name!r} hangs on {body.mount.on!r} and {along}: "
                f"it cannot be at {wanted[body.name].position.tolist()}"
            )
    return poses
