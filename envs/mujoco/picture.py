"""Pictures: quick ones for policies, prettier ones for people. Both are drawn headless through EGL."""

from __future__ import annotations

import os
from collections.abc import Sequence

import mujoco

from envs.cameras import FILM_SIZE, SIZE
from envs.mujoco.model import scene_model
from nsctl.errors import NsctlError
from nsctl.scene import Body, Image


class PolicyCamera:
    """A small camera that sees primitives only: hundreds of frames a second on a CPU."""

    def __init__(self, model: mujoco.MjModel, name: str) -> None:
        self._renderer = _renderer(model, SIZE, SIZE)
        self._name = name

    def picture(self, data: mujoco.MjData) -> Image:
        """What the camera sees, uint8 [128, 128, 3]."""
        self._renderer.update_scene(data, self._name)
        return self._renderer.render().copy()  # type: ignore[no-any-return]

    def close(self) -> None:
        self._renderer.close()


class Film:
    """The same scene with meshes, shadows and a sky. It has a model of its own, so that filming changes no physics."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self._model = scene_model(bodies, pretty=True)
        self._data = mujoco.MjData(self._model)
        self._renderer = _renderer(self._model, *FILM_SIZE)
        self._options = mujoco.MjvOption()

    def picture(self, data: mujoco.MjData) -> Image:
        """The scene in ``data``, uint8 [360, 480, 3]."""
        self._data.qpos[:] = data.qpos
        self._data.mocap_pos[:], self._data.mocap_quat[:] = data.mocap_pos, data.mocap_quat
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, "film", self._options)
        return self._renderer.render().copy()  # type: ignore[no-any-return]

    def close(self) -> None:
        self._renderer.close()


def _renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:  # MuJoCo raises what its GL backend raises
        raise NsctlError(
            f"no picture can be drawn here (MUJOCO_GL={os.environ['MUJOCO_GL']}): {error}. "
            "On Debian: apt-get install libegl1 libgl1-mesa-dri"
        ) from error
