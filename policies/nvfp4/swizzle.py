"""Block scales in the order that Blackwell's matrix units read: tiles of 128 rows x 4 scales.

In a tile, four rows 32 apart stand next to each other, so that 16 bytes feed a quarter of it:
row r and column c are at byte 16 (r mod 32) + 4 (r div 32) + c. Tiles follow each other along the rows, and edges are padded
with zeros (cuBLAS, "1D block scaling factors layout"). This order is made at load and never stored.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F

from nsctl.errors import InvalidValue

ROWS, COLUMNS = 128, 4
_BYTE = torch.uint8


def swizzle(scales: Tensor) -> Tensor:
    """``scales`` [rows, columns] of one byte each, padded and reordered: [ceil(rows / 128) ceil(columns / 4) 512]."""
    rows, columns = scales.shape
    padded = F.pad(scales.view(_BYTE), (0, -columns % COLUMNS, 0, -rows % ROWS))
    tiles = torch.unflatten(torch.unflatten(padded, 1, (-1, COLUMNS)), 0, (-1, 4, 32))  # [tile, 4, 32, tile, 4]
    return tiles.permute(0, 3, 2, 1, 4).flatten().view(scales.dtype)


def unswizzle(swizzled: Tensor, rows: int, columns: int) -> Tensor:
    """[rows, columns]: the scales that :func:`swizzle` reordered, without the padding."""
    down, across = ceil(rows / ROWS), ceil(columns / COLUMNS)
    if swizzled.numel() != down * across * ROWS * COLUMNS:
        size = down * across * ROWS * COLUMNS
        raise InvalidValue(f"{rows} x {columns} scales are {size} bytes when swizzled, got {swizzled.numel()}")
    tiles = swizzled.view(_BYTE).view(down, across, 32, 4, COLUMNS).permute(0, 3, 2, 1, 4)
    return tiles.reshape(down * ROWS, across * COLUMNS)[:rows, :columns].contiguous().view(swizzled.dtype)
