"""What other packages make of the same weights, as make_golden.py wrote it."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

GOLDEN = load_file(Path(__file__).with_name("golden.safetensors"))
DRAWS = ("gaussian", "student", "uniform", "bfloat16", "outliers")
ORACLES = ("torchao", "modelopt", "compressed_tensors")


def theirs(weight: str, oracle: str) -> dict[str, Tensor]:
    """``codes`` (packed), ``block_scales``, ``tensor_scale`` as the oracle stores it, and the ``values``."""
    start = f"{weight}.{oracle}."
    return {name.removeprefix(start): value for name, value in GOLDEN.items() if name.startswith(start)}
