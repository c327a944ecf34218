"""The sizes of a Mamba-3 block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nsctl.errors import InvalidValue


@dataclass(frozen=True)
class Mamba3Config:
    """One block (SISO, one group).

    ``d_model`` D, ``d_state`` N, ``head_dim`` P, ``expand`` E / D, so H = expand * D / P heads; ``rope_fraction`` of the
    state's channels rotate, in pairs. ``a_activation`` is ``softplus`` as in the paper or ``heavy_tail`` as in the later
    official code. ``dt_min`` and ``dt_max`` bound the initial step sizes.
    """

    d_model: int
    d_state: int = 32
    head_dim: int = 32
    expand: int = 2
    rope_fraction: float = 0.5
    a_activation: Literal["softplus", "heavy_tail"] = "softplus"
    dt_min: float = 1e-3
    dt_max: float = 0.1

    def __post_init__(self) -> None:
        if self.d_inner % self.head_dim:
            raise InvalidValue(f"expand * d_model = {self.d_inner} must be a multiple of head_dim = {self.head_dim}")
        if self.rope_fraction not in (0.5, 1.0):
            raise InvalidValue(f"rope_fraction must be 0.5 or 1.0, got {self.rope_fraction}")
        if self.d_state % 4:
            raise InvalidValue(f"d_state must be a multiple of 4, got {self.d_state}")
        if self.a_activation not in ("softplus", "heavy_tail"):
            raise InvalidValue(f"a_activation must be softplus or heavy_tail, got {self.a_activation!r}")
        if not 0 < self.dt_min < self.dt_max:
            raise InvalidValue(f"0 < dt_min < dt_max is needed, got {self.dt_min} and {self.dt_max}")

    @property
    def d_inner(self) -> int:
        """E: the width inside the block."""
        return self.expand * self.d_model

    @property
    def heads(self) -> int:
        """H."""
        return self.d_inner // self.head_dim

    @property
    def angles(self) -> int:
        """S: rotated pairs of state channels."""
        return int(self.d_state * self.rope_fraction) // 2
