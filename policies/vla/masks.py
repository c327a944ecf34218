"""Means over what counts."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_where(error: Tensor, real: Tensor | None) -> Tensor:
    """The mean [] of ``error`` where ``real`` (bool, broadcast to its shape) is true; 0 where nothing is.

    What does not count may be anything, NaN included: the mean and its gradient by ``error`` do not know it.
    """
    if real is None:
        return error.mean()
    real = real.expand_as(error)
    return torch.where(real, error, 0.0).sum() / real.sum().clamp(min=1)
