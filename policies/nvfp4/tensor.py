"""A weight in NVFP4: what is stored of it, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.nvfp4.elements import SCALES, e2m1_values
from policies.nvfp4.pack import unpack
from policies.nvfp4.scales import BLOCK, Scales


@dataclass(frozen=True, eq=False)
class NVFP4Tensor:
    """A weight [out, in]: E2M1 codes, an E4M3 scale for each 16 of them along a row, and one float32 scale.

    ``codes`` uint8 [out, 8 blocks] hold two columns a byte, ``block_scales`` float8_e4m3fn [out, blocks] are positive and
    ``tensor_scale`` [] is a multiplier. ``columns`` is in; a last block that it leaves unfilled is padded with zeros.
    """

    codes: Tensor
    block_scales: Tensor
    tensor_scale: Tensor
    columns: int

    def __post_init__(self) -> None:
        blocks = ceil(self.columns / BLOCK)
        rows = self.codes.shape[0] if self.codes.ndim else 0
        for name, part, dtype, shape in (
            ("codes", self.codes, torch.uint8, (rows, blocks * BLOCK // 2)),
            ("block scales", self.block_scales, torch.float8_e4m3fn, (rows, blocks)),
            ("tensor scale", self.tensor_scale, torch.float32, ()),
        ):
            if part.dtype != dtype or part.shape != shape:
                wanted, got = (f"{kind} {list(sizes)}" for kind, sizes in ((dtype, shape), (part.dtype, part.shape)))
                raise InvalidValue(f"the {name} of {rows} x {self.columns} weights must be {wanted}, got {got}")

    @property
    def shape(self) -> tuple[int, int]:
        """out and in."""
        return len(self.codes), self.columns

    @property
    def scales(self) -> Scales:
        return Scales(self.block_scales, self.tensor_scale)

    @property
    def nbytes(self) -> int:
        """Bytes that are stored."""
        return self.codes.nbytes + self.block_scales.nbytes + self.tensor_scale.nbytes

    def to(self, device: torch.device | str) -> NVFP4Tensor:
        codes, scales, whole = (part.to(device) for part in (self.codes, self.block_scales, self.tensor_scale))
        return NVFP4Tensor(codes, scales, whole, self.columns)

    def check_scales(self) -> None:
        """Refuse scales that no quantiser gives: zero, negative, infinite or NaN. Reads them, so it waits for a GPU."""
        largest, least = int(self.block_scales.view(torch.uint8).max()), int(self.block_scales.view(torch.uint8).min())
        if least < 1 or largest > SCALES:
            raise InvalidValue(
                f"block scales must be positive and finite (the bytes 1 to {SCALES}), got bytes {least} to {largest}"
            )
        if not 0 < float(self.tensor_scale) < float("inf"):
            raise InvalidValue(f"the tensor scale must be positive and finite, got {float(self.tensor_scale)}")


def zeros(rows: int, columns: int) -> NVFP4Tensor:
    """A weight [rows, columns] of zeros, with scales of 1."""
    blocks = ceil(columns / BLOCK)
    codes, scales = torch.zeros(rows, blocks * BLOCK // 2, dtype=torch.uint8), torch.ones(rows, blocks)
    return NVFP4Tensor(codes, scales.to(torch.float8_e4m3fn), torch.ones(()), columns)


def dequantise(tensor: NVFP4Tensor) -> Tensor:
    """[out, in] float32: code x (block scale x tensor scale), each product rounded."""
    return _worth(tensor, tensor.scales.steps())


def dequantise_unscaled(tensor: NVFP4Tensor) -> Tensor:
    """[out, in] bfloat16: code x block scale, which it holds exactly; the tensor's scale is left out."""
    return _worth(tensor, tensor.block_scales.float()[..., None]).bfloat16()


def _worth(tensor: NVFP4Tensor, steps: Tensor) -> Tensor:
    codes = torch.unflatten(unpack(tensor.codes).int(), -1, (-1, BLOCK))
    return (e2m1_values(codes.device)[codes] * steps).flatten(-2)[:, : tensor.columns]
