"""The sizes of a skill's network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from policies.mamba3.config import Mamba3Config
from policies.skills.situation import FEATURES

CONTROLS = [0, 1, 2, 5, 6]
"""The entries of an action that a skill uses: x, y, z, yaw and gripper. Its hand stays upright: no roll, no pitch."""


@dataclass(frozen=True)
class SkillNetworkConfig:
    """``layers`` Mamba-3 blocks; each call predicts the next ``chunk`` actions, of which the first is executed."""

    layers: int = 2
    chunk: int = 4
    features: int = FEATURES
    block: Mamba3Config = field(default_factory=lambda: Mamba3Config(d_model=64, d_state=16))


def network_config(values: Mapping[str, Any]) -> SkillNetworkConfig:
    """The configuration that :func:`network_values` gave to ``config.json``."""
    return SkillNetworkConfig(**{**values, "block": Mamba3Config(**values["block"])})


def network_values(config: SkillNetworkConfig) -> dict[str, Any]:
    """``config`` as JSON values."""
    return asdict(config)
