"""The sizes of a Mamba-3 block and of a stack of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from nsctl.errors import InvalidValue

Pairing = Literal["neighbours", "halves"]
"""Which state channels turn together: (2j, 2j+1) in the official SISO weights, (j, j + N/2) in the MIMO ones."""


@dataclass(frozen=True)
class Mamba3Config:
    """One block.

    ``d_model`` D, ``d_state`` N, ``head_dim`` P, ``expand`` E / D, so H = expand * D / P heads; ``rope_fraction`` of the
    state's channels rotate, in pairs. ``a_activation`` is ``softplus`` as in the paper or ``heavy_tail`` as in the later
    official code. ``dt_min`` and ``dt_max`` bound the initial step sizes. ``mimo_rank`` is R, and None makes the block
    SISO (R = 1, no parameters of MIMO, and the other pairing of channels). ``groups`` G of heads share B and C each.
    ``pre_gate_norm`` normalises every head's output before the gate, which hybrids with attention need.
    """

    d_model: int
    d_state: int = 32
    head_dim: int = 32
    expand: int = 2
    rope_fraction: float = 0.5
    a_activation: Literal["softplus", "heavy_tail"] = "softplus"
    dt_min: float = 1e-3
    dt_max: float = 0.1
    mimo_rank: int | None = None
    groups: int = 1
    pre_gate_norm: bool = False

    def __post_init__(self) -> None:
        for name in ("d_model", "d_state", "head_dim", "expand", "groups", "rank"):
            require_count(name.replace("rank", "mimo_rank"), getattr(self, name), least=1)
        if self.d_inner % self.head_dim:
            raise InvalidValue(f"expand * d_model = {self.d_inner} must be a multiple of head_dim = {self.head_dim}")
        if self.heads % self.groups:
            raise InvalidValue(f"groups = {self.groups} must divide the {self.heads} heads")
        if self.rope_fraction not in (0.5, 1.0):
            raise InvalidValue(f"rope_fraction must be 0.5 or 1.0, got {self.rope_fraction}")
        if self.d_state % 4:
            raise InvalidValue(f"d_state must be a multiple of 4, got {self.d_state}")
        if self.a_activation not in ("softplus", "heavy_tail"):
            raise InvalidValue(f"a_activation must be softplus or heavy_tail, got {self.a_activation!r}")
        if not 0 < self.dt_min < self.dt_max < math.inf:
            raise InvalidValue(f"0 < dt_min < dt_max < inf is needed, got {self.dt_min} and {self.dt_max}")

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

    @property
    def rank(self) -> int:
        """R: 1 for SISO."""
        return 1 if self.mimo_rank is None else self.mimo_rank

    @property
    def pairing(self) -> Pairing:
        """The pairs that the official weights of this variant turn."""
        return "neighbours" if self.mimo_rank is None else "halves"


@dataclass(frozen=True)
class StackConfig:
    """``layers`` blocks, each before a SwiGLU of hidden width ``mlp`` unless that is 0.

    ``vocabulary`` counts the tokens of a language model; 0 is a stack from features to features, as in a policy.
    """

    layers: int
    block: Mamba3Config
    mlp: int = 0
    vocabulary: int = 0

    def __post_init__(self) -> None:
        require_count("layers", self.layers, least=1)
        require_count("mlp", self.mlp, least=0)
        require_count("vocabulary", self.vocabulary, least=0)


def require_count(name: str, value: object, least: int) -> None:
    """Refuse anything but an integer of at least ``least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidValue(f"{name} must be an integer of at least {least}, got {value!r}")
