"""A backbone without memory, to compare with: residual layers, each moment by itself."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class MlpStack(nn.Module):
    """[..., D] to [..., D] through ``layers`` residual layers of ``hidden`` units."""

    def __init__(self, layers: int, width: int, hidden: int) -> None:
        super().__init__()
        self.rise = nn.ModuleList(nn.Linear(width, hidden) for _ in range(layers))
        self.fall = nn.ModuleList(nn.Linear(hidden, width) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for rise, fall in zip(self.rise, self.fall, strict=True):
            x = x + fall(F.silu(rise(x)))
        return x

    def step(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One moment, [B, D] to [B, D]; there is no state to go on from."""
        return self(x), []

    def rest(self, batch: int) -> list[Tensor]:
        """No states."""
        return []
