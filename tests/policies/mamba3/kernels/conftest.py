"""The kernels run natively where there is a GPU, else in Triton's interpreter, which must be chosen before their import."""

from __future__ import annotations

import os

import pytest
import torch

pytest.importorskip("triton", reason="the kernels' tests need Triton: pip install 'nsctl[dev]'")

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def device() -> torch.device:
    """Where the kernels run here."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
