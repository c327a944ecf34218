"""The scene as a MuJoCo model: the arm, a table, bodies, lights and cameras."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import mujoco
import numpy as np

from envs.engine import TABLE_CENTRE, TABLE_HALF
from envs.mujoco.panda import panda_spec
from nsctl.scene import Array, Body

TIMESTEP = 0.0025
DENSITY = 500.0
"""kg/m3 of every movable body: a 45 mm cube weighs 46 g."""
CAMERAS = {
    "front": ((1.25, 0.0, 0.50), (0.48, 0.0, 0.06)),
    "side": ((0.55, 0.85, 0.50), (0.48, 0.0, 0.06)),
    "film": ((1.50, -0.72, 0.80), (0.38, 0.0, 0.22)),
}
"""Fixed cameras: where each stands and what it looks at [m]."""
WRIST = "wrist"


def scene_model(bodies: Sequence[Body], *, visuals: bool = False) -> mujoco.MjModel:
    """Compile the scene. With ``visuals`` it has meshes, shadows and a sky; the physics is the same."""
    spec = panda_spec(visuals=visuals)
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    # The sparse solver of MuJoCo 4.0.0 has a bug that 4.0.1 mends; at this size dense costs nothing.
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    _add_looks(spec, pretty=visuals)
    _add_table(spec)
    for body in bodies:
        _add_body(spec, body)
    _add_cameras(spec)
    with warnings.catch_warnings():
        # Two of the arm's visual meshes lack texture coordinates; their colours come from elsewhere.
        warnings.filterwarnings("ignore", message=".*texture coordinate.*")
        return spec.compile()


def _add_table(spec: mujoco.MjSpec) -> None:
    x, y = TABLE_CENTRE
    box = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(
        name="table", type=box, size=[*TABLE_HALF, 0.02], pos=[x, y, -0.02], rgba=[0.80, 0.74, 0.66, 1], conaffinity=3
    )
    spec.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[3, 3, 0.1], pos=[0, 0, -0.4], rgba=[0.42, 0.45, 0.50, 1]
    )


def _add_body(spec: mujoco.MjSpec, body: Body) -> None:
    part = spec.worldbody.add_body(name=body.name)
    geom = part.add_geom(
        name=body.name, type=mujoco.mjtGeom.mjGEOM_BOX, size=list(body.half_extents), rgba=[*body.rgb, 1]
    )
    if body.movable:
        part.add_freejoint(name=body.name)
        geom.density = DENSITY
        geom.conaffinity = 3  # answers the arm's 2 and its like's 1
    else:
        geom.contype = geom.conaffinity = 0


def _add_cameras(spec: mujoco.MjSpec) -> None:
    for name, (position, towards) in CAMERAS.items():
        spec.worldbody.add_camera(name=name, pos=position, quat=_look_at(np.subtract(towards, position)), fovy=42)
    ahead = np.array([-0.25, 0.0, 1.0])  # along the approach axis, tilted towards the fingers
    spec.body("panda_hand").add_camera(name=WRIST, pos=[0.07, 0, 0.02], quat=_look_at(ahead, up=[1, 0, 0]), fovy=70)


def _look_at(forward: Array, up: Sequence[float] = (0, 0, 1)) -> Array:
    """The quaternion of a camera that looks ``forward`` (its -z axis) and is held level against ``up``."""
    right = np.cross(forward, np.array(up))
    axes = np.stack([right, np.cross(right, forward), np.negative(forward)], axis=1)  # [3, 3], columns x y z
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, (axes / np.linalg.norm(axes, axis=0)).flatten())
    return quaternion


def _add_looks(spec: mujoco.MjSpec, *, pretty: bool) -> None:
    """Shadows and multisampling are nearly the whole cost of a picture on a CPU: policy cameras go without."""
    spec.visual.quality.shadowsize = 4096 if pretty else 0
    spec.visual.quality.offsamples = 4 if pretty else 0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 640, 480
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.35, 0.35, 0.35] if pretty else [0.6, 0.6, 0.6]
    if not pretty:
        return
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 10
    spec.worldbody.add_light(pos=[1.1, -0.7, 2.0], dir=[-0.35, 0.35, -1], diffuse=[0.6, 0.6, 0.6], castshadow=True)
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.92, 0.95, 0.98],
        rgb2=[0.60, 0.68, 0.78],
        width=64,
        height=384,
    )
