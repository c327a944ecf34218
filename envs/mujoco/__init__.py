"""The MuJoCo engine."""

import os

from nsctl.errors import NsctlError

_WAYS = (
    "egl",
    "osmesa",
    "glfw",
    "wgl",
    "cgl",
    "enable",
    "enabled",
    "on",
    "true",
    "1",
    "",
    "disable",
    "disabled",
    "off",
    "false",
    "0",
)

# MuJoCo chooses how to draw when it is first imported, and would choose a window where there is no screen.
if os.environ.setdefault("MUJOCO_GL", "egl").lower().strip() not in _WAYS:
    raise NsctlError(f"MUJOCO_GL={os.environ['MUJOCO_GL']} is no way to draw: unset it, or set egl, osmesa or glfw")
