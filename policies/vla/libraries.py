"""In which order libraries must be loaded that do not get on with each other."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec


def triton_first() -> None:
    """Import Triton, as parts of torch will do sooner or later, before a world is drawn in this process.

    Triton and Mesa's software renderer each bring an LLVM, and a process that has loaded the renderer's first dies.
    """
    if find_spec("triton"):
        import_module("triton")
