"""What an uncertain scene leaves open: an atom is true, false or unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from nsctl.scene import Array, Pose, SceneEstimate
from nsctl.symbolic import SymbolicState

DRAWS = 8
"""Scenes that are looked at beside the estimated one."""


def with_doubts(ground: Callable[[SceneEstimate], SymbolicState], scene: SceneEstimate) -> SymbolicState:
    """What ``ground`` sees in ``scene``, with the other states that it would see if things stood a little elsewhere.

    It looks at scenes drawn from the estimate, each body moved along each axis by a normal number times its ``sigma``. The
    draws are the same each time: looking is no gamble.
    """
    state = ground(scene)
    if not any(estimate.sigma for estimate in scene.objects.values()):
        return state
    seen = {ground(_moved(scene, moves)).atoms for moves in _draws(len(scene.objects))}
    return SymbolicState(state.atoms, frozenset(seen) - {state.atoms})


@cache
def _draws(bodies: int) -> Array:
    """[DRAWS, bodies, 3]: standard normal numbers, in pairs of opposite sign."""
    half = np.random.default_rng(0).normal(size=(DRAWS // 2, bodies, 3))
    return np.concatenate((half, -half))


def _moved(scene: SceneEstimate, moves: Array) -> SceneEstimate:
    """``scene`` with each body moved by its row of ``moves`` [bodies, 3] times its sigma."""
    objects = {
        name: replace(e, pose=Pose(e.pose.position + e.sigma * move, e.pose.quaternion))
        for (name, e), move in zip(scene.objects.items(), moves, strict=True)
    }
    return SceneEstimate(scene.proprio, objects)
