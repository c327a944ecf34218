"""Where Triton kernels can run."""

from __future__ import annotations

import os
from importlib.util import find_spec

from torch import Tensor

from nsctl.errors import InvalidValue


def interpreted() -> bool:
    """Whether kernels run in Triton's interpreter, on a CPU: for tests (``TRITON_INTERPRET=1`` before any is imported)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def why_not(x: Tensor) -> str | None:
    """What keeps kernels from computing with ``x``; None where nothing does."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if not x.is_cuda and not interpreted():
        return f"it lies on {x.device}, and kernels run on a CUDA device"
    return None


def require_kernels(x: Tensor, name: str) -> None:
    """Refuse a tensor that kernels cannot compute with."""
    if (reason := why_not(x)) is not None:
        raise InvalidValue(f"the kernels cannot compute with {name}: {reason}; the PyTorch forms can")
