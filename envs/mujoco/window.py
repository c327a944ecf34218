"""A window on a running simulation: MuJoCo's own viewer, which the mouse turns and the keys explain."""

from __future__ import annotations

import os
import sys
import threading
import warnings

import mujoco

from nsctl.errors import NoWindow


class Window:
    """Shows ``data`` of ``model`` as it is at each :meth:`sync`; opens when it is made."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        _require_display()
        import mujoco.viewer

        before = set(threading.enumerate())
        self._viewer = mujoco.viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
        self._threads = set(threading.enumerate()) - before
        with self._viewer.lock():
            camera = self._viewer.cam
            camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FREE, -1
            camera.lookat[:], camera.distance, camera.azimuth, camera.elevation = (0.35, 0.0, 0.2), 1.5, 150, -25

    def sync(self) -> bool:
        """Show the present state; says whether the window is still open."""
        if self._viewer.is_running():
            self._viewer.sync()
        return bool(self._viewer.is_running())

    def close(self) -> None:
        """Close it and wait until it is gone: a viewer that still draws when Python ends takes it down."""
        self._viewer.close()
        for thread in self._threads:
            thread.join(timeout=5.0)


def _require_display() -> None:
    """Refuse where no window can open: the viewer itself would end the whole process."""
    instead = "pictures and videos need none"
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if sys.platform.startswith("linux") and not display:
        raise NoWindow(f"there is no display to open a window on ({instead})")
    import glfw

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same in other words
        if not glfw.init():
            raise NoWindow(f"no window can be opened on the display {display} ({instead})")
