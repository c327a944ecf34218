"""The scene as a MuJoCo model: the arm, a table, bodies, lights and cameras."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import mujoco
import numpy as np

from envs.cameras import FILM_SIZE, FIXED, ON_HAND, WRIST, Camera
from envs.engine import DENSITY, RAIL_DAMPING, RAIL_FRICTION, TABLE_CENTRE, TABLE_HALF
from envs.mujoco.panda import panda_spec
from envs.panda import HAND
from nsctl.scene import Body, Box

TIMESTEP = 0.0025


def scene_model(bodies: Sequence[Body], *, pretty: bool = False) -> mujoco.MjModel:
    """Compile the scene. A ``pretty`` one has meshes, shadows and a sky; the physics is the same."""
    spec = panda_spec("meshes" if pretty else "primitives")
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    # The sparse solver of MuJoCo 4.0.0 has a bug that 4.0.1 mends; at this size dense costs nothing.
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    # What lies still takes no time, until something that moves touches it.
    spec.option.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    _add_looks(spec, pretty=pretty)
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
        name="table",
        type=box,
        size=[*TABLE_HALF, 0.02],
        pos=[x, y, -0.02],
        rgba=[0.80, 0.74, 0.66, 1],
        contype=0,
        conaffinity=3,
    )
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[3, 3, 0.1],
        pos=[0, 0, -0.4],
        rgba=[0.42, 0.45, 0.50, 1],
    )


def _add_body(spec: mujoco.MjSpec, body: Body) -> None:
    """A free box, or a body that stays: where its geometry stands is part of the state (mocap), not of the model."""
    if body.movable:
        part = spec.worldbody.add_body(name=body.name)
        part.add_freejoint(name=body.name)
        geom = _add_box(part, body, Box(body.half_extents), solid=True)
        geom.name = body.name
    elif body.mount is None:
        part = spec.worldbody.add_body(name=body.name, mocap=True)
    else:
        part = spec.body(body.mount.on).add_body(name=body.name, pos=body.mount.at)
        if body.mount.travel:
            rail = part.add_joint(
                name=body.name,
                type=mujoco.mjtJoint.mjJNT_SLIDE,
                axis=[1, 0, 0],
                range=[0, body.mount.travel],
                limited=1,
            )
            rail.damping[0], rail.frictionloss = RAIL_DAMPING, RAIL_FRICTION
    if not body.movable:
        for box in body.boxes or (Box(body.half_extents),):
            _add_box(part, body, box, solid=bool(body.boxes))


def _add_box(part: mujoco.MjsBody, body: Body, box: Box, *, solid: bool) -> mujoco.MjsGeom:
    geom = part.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=list(box.half_extents),
        pos=list(box.at),
        rgba=[*(box.rgb or body.rgb), 1],
        density=DENSITY,
    )
    # Free bodies ask with 1 and the arm with 2; what is solid answers both, and fixtures never ask one another.
    geom.contype, geom.conaffinity = int(body.movable), 3 if solid else 0
    # A free body's friction counts on the table, so that less of it is less; a pad's counts more.
    geom.priority = int(body.movable)
    return geom


def _add_cameras(spec: mujoco.MjSpec) -> None:
    for name, camera in FIXED.items():
        _add_camera(spec.worldbody, name, camera)
    _add_camera(spec.body(HAND), WRIST, ON_HAND)


def _add_camera(part: mujoco.MjsBody, name: str, camera: Camera) -> None:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, camera.axes().flatten())
    part.add_camera(name=name, pos=camera.position, quat=quaternion, fovy=camera.field_of_view)


def _add_looks(spec: mujoco.MjSpec, *, pretty: bool) -> None:
    """Shadows and multisampling are nearly the whole cost of a picture on a CPU: policy cameras go without."""
    spec.visual.quality.shadowsize = 4096 if pretty else 0
    spec.visual.quality.offsamples = 4 if pretty else 0
    spec.visual.global_.offheight, spec.visual.global_.offwidth = FILM_SIZE
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.35, 0.35, 0.35] if pretty else [0.6, 0.6, 0.6]
    spec.visual.headlight.specular = [0.5, 0.5, 0.5] if pretty else [0, 0, 0]  # a policy sees colours, no highlights
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
