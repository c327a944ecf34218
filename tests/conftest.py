"""Triton first, where it is installed: it and Mesa's software renderer each bring an LLVM of their own, and a process that
loads the renderer's first dies when Triton is imported (which torch's optimisers do).

Kernels run natively where there is a GPU, else in Triton's interpreter, which must be chosen before that import.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

if find_spec("triton"):
    import torch

    if not torch.cuda.is_available():
        os.environ["TRITON_INTERPRET"] = "1"
    import triton  # noqa: F401
