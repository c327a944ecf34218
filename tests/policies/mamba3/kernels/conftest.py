"""The kernels run natively where there is a GPU, else in Triton's interpreter, chosen before its import.

Without Triton (``pip install 'nsctl[kernels]'``) there is nothing to test here.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def device() -> torch.device:
    """Where the kernels run here."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
