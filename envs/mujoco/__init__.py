"""The MuJoCo engine."""

import os

# MuJoCo chooses how to draw when it is first imported, and would choose a window where there is no screen.
os.environ.setdefault("MUJOCO_GL", "egl")
