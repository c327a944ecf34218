"""Two codes to a byte: the even column in the low half, as torchao, modelopt and compressed-tensors have it."""

from __future__ import annotations

import torch
from torch import Tensor

from nsctl.errors import InvalidValue

PACKING = "even column in the low nibble"


def pack(codes: Tensor) -> Tensor:
    """[..., K] uint8 in 0..15, K even, to [..., K / 2]."""
    if codes.shape[-1] % 2:
        raise InvalidValue(f"codes are packed in pairs: their columns must be even, got {codes.shape[-1]}")
    return codes[..., ::2] | (codes[..., 1::2] << 4)


def unpack(packed: Tensor) -> Tensor:
    """[..., K / 2] uint8 to the codes [..., K] in 0..15."""
    return torch.stack([packed & 15, packed >> 4], -1).flatten(-2)
