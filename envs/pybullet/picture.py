"""Pictures: quick ones for policies, prettier ones for people, both by PyBullet's software renderer.

It needs no graphics library, and at these sizes the EGL plugin is slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.cameras import FILM_SIZE, FIXED, ON_HAND, SIZE, Camera
from envs.panda import TCP_OFFSET
from envs.pybullet.bodies import FLOOR_RGB
from envs.pybullet.client import Client
from envs.pybullet.scene import Scene
from nsctl.geometry import matrix
from nsctl.scene import Array, Body, Image

_NEAR, _FAR = 0.01, 10.0
"""Nothing nearer or farther [m] is drawn."""
_PLAIN = {"shadow": 0, "lightAmbientCoeff": 0.35, "lightDiffuseCoeff": 0.6, "lightSpecularCoeff": 0.0}
_PRETTY = {"shadow": 1, "lightAmbientCoeff": 0.5, "lightDiffuseCoeff": 0.5, "lightSpecularCoeff": 0.1}
_SUN = (0.35, -0.35, 1.0)
"""Towards the light of a film."""
_SKY = np.array([[0.66, 0.75, 0.85], [0.90, 0.94, 0.97]])
"""Its colour above and at the horizon."""


class PolicyCamera:
    """A small camera that sees primitives only, lit from where it stands, without shadows."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._fixed = FIXED.get(name)
        self.shift: Array = np.zeros(3)
        """How far [m] a fixed camera stands from its place."""

    def picture(self) -> Image:
        """What the camera sees, uint8 [128, 128, 3]."""
        position, axes = self._stand()
        light = {"lightDirection": axes[:, 2].tolist(), **_PLAIN}
        camera = self._fixed or ON_HAND
        picture, depths = _shoot(self._scene.client, camera, position, axes, (SIZE, SIZE), **light)
        shade = _PLAIN["lightAmbientCoeff"] + _PLAIN["lightDiffuseCoeff"] * max(axes[2, 2], 0.0)
        picture[depths >= 1] = 255 * shade * np.array(FLOOR_RGB)  # what is not drawn is the floor
        return picture

    def _stand(self) -> tuple[Array, Array]:
        """Position [3] and axes [3, 3] in the world."""
        if self._fixed:
            return self._fixed.position + self.shift, self._fixed.axes()
        tcp = self._scene.arm.tcp
        turn, from_tcp = matrix(tcp.quaternion), np.array(ON_HAND.position) - [0, 0, TCP_OFFSET]
        return tcp.position + turn @ from_tcp, turn @ ON_HAND.axes()


class Film:
    """The same scene with meshes and shadows, in a client of its own, so that filming changes no physics."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self._scene = Scene(bodies, pretty=True)

    def picture(self, scene: Scene) -> Image:
        """The ``scene`` as it is now, uint8 [360, 480, 3]."""
        self._scene.arm.stand(scene.arm.axes)
        self._scene.arrange(scene.poses())
        camera = FIXED["film"]
        light: dict[str, Any] = {"lightDirection": _SUN, **_PRETTY}
        position = np.array(camera.position)
        picture, depths = _shoot(self._scene.client, camera, position, camera.axes(), FILM_SIZE, **light)
        return np.where((depths < 1)[..., None], picture, _sky(*FILM_SIZE))

    def close(self) -> None:
        self._scene.client.close()


def _sky(height: int, width: int) -> Image:
    """What is seen where nothing is, uint8 [height, width, 3]: a blue that pales towards the horizon."""
    blend = np.linspace(0, 1, height)[:, None, None]
    colours = (1 - blend) * _SKY[0] + blend * _SKY[1]
    return np.broadcast_to(255 * colours, (height, width, 3)).astype(np.uint8)


def _shoot(
    client: Client, camera: Camera, position: Array, axes: Array, size: tuple[int, int], **light: Any
) -> tuple[Image, Array]:
    """A picture uint8 [height, width, 3] by a camera that stands at ``position`` [3] with ``axes`` [3, 3], and its depths.

    Depths [height, width] run from 0 (near) to 1 (nothing there).
    """
    height, width = size
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = axes.T, -axes.T @ position
    lens = list(client.computeProjectionMatrixFOV(camera.field_of_view, width / height, _NEAR, _FAR))
    # The renderer looks through the corners of its pixels where others look through their middles.
    lens[8], lens[9] = 1 / width, 1 / height
    colours, depths = client.getCameraImage(
        width, height, view.T.flatten().tolist(), lens, renderer=client.ER_TINY_RENDERER, **light
    )[2:4]
    picture = np.reshape(np.asarray(colours, dtype=np.uint8), (height, width, 4))
    return picture[..., :3].copy(), np.reshape(np.asarray(depths), (height, width))
