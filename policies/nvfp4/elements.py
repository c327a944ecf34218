"""The two small floating-point formats that NVFP4 is made of: E2M1 for its elements, E4M3 for the scales of its blocks.

E2M1 (OCP Microscaling Formats 1.0, section 5.3.3) has a sign, two bits of exponent and one of mantissa: eight magnitudes,
no infinity and no NaN. E4M3 (OCP 8-bit Floating Point 1.0) is torch's float8_e4m3fn; as a scale it is positive.
"""

from __future__ import annotations

import torch
from torch import Tensor

E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The magnitude of each code; bit 3 is the sign."""
E2M1_MAX = 6.0
E4M3_MAX = 448.0
E4M3_LEAST = 2.0**-9
"""The smallest positive E4M3."""
SCALES = 126
"""Positive finite E4M3: the bytes 1 to 126, in ascending order."""


def e2m1_round(x: Tensor) -> Tensor:
    """Each float32 as the nearest E2M1 magnitude with its sign, float32; ties to the even code, saturated at 6.

    A power of two is added whose last bit is worth as much as the last bit of the E2M1 number, and taken away again: so the
    adder rounds. NaN stays NaN.
    """
    magnitude = x.abs().clamp_(max=E2M1_MAX)
    binade = (magnitude.view(torch.int32) & 0x7F800000).clamp_(min=0x3F800000)  # subnormals are spaced as [1, 2) is
    adder = (binade + (22 << 23)).view(torch.float32)
    return magnitude.add_(adder).sub_(adder).copysign_(x)


def e2m1_codes(x: Tensor) -> Tensor:
    """The code, uint8 in 0..15, of each float32 rounded to E2M1; zeros keep their sign, NaN becomes 0."""
    rounded = e2m1_round(x).nan_to_num_(0.0)
    halves = rounded.abs().mul_(2).to(torch.int32)
    index = torch.zeros(13, dtype=torch.uint8)
    index[[int(2 * magnitude) for magnitude in E2M1]] = torch.arange(8, dtype=torch.uint8)
    return index.to(x.device)[halves] | (rounded.signbit().to(torch.uint8) << 3)


def e2m1_values(device: torch.device) -> Tensor:
    """[16] float32: what each code is worth."""
    magnitudes = torch.tensor(E2M1, device=device)
    return torch.cat([magnitudes, -magnitudes])


def e4m3_round(x: Tensor) -> Tensor:
    """Each float32 as the nearest E4M3, float8_e4m3fn; ties to the even code, saturated at 448. NaN stays NaN."""
    return x.clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn)  # not every torch saturates


def positive_e4m3(device: torch.device) -> Tensor:
    """[126] float8_e4m3fn, ascending: all that a block's scale can be."""
    return torch.arange(1, SCALES + 1, dtype=torch.uint8, device=device).view(torch.float8_e4m3fn)
