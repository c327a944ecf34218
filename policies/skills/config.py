"""The sizes of a skill's network, and what goes into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.config import Mamba3Config
from policies.skills.crafts import CRAFTS, LEARNT

CONTROLS = [0, 1, 2, 5, 6]
"""The entries of an action that a skill uses: x, y, z, yaw and gripper. Its hand stays upright: no roll, no pitch."""
Backbone = Literal["mamba3", "mlp"]
BACKBONES: tuple[Backbone, ...] = get_args(Backbone)


@dataclass(frozen=True)
class SkillNetworkConfig:
    """``layers`` Mamba-3 blocks; each call predicts the next ``chunk`` actions, of which the first is executed.

    One network may serve several ``operators``: it is told which, by one more feature for each of them. The backbone
    ``mlp`` is as large and remembers nothing: residual layers of ``hidden`` units, about as many weights as a block has.
    """

    operators: tuple[str, ...] = ("pick",)
    backbone: Backbone = "mamba3"
    layers: int = 2
    chunk: int = 4
    block: Mamba3Config = field(default_factory=lambda: Mamba3Config(d_model=64, d_state=16))
    hidden: int = 215

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise UnknownName("backbone", str(self.backbone), BACKBONES)
        for operator in self.operators:
            if operator not in LEARNT:
                raise UnknownName("operator that a network can learn", operator, LEARNT)
        if not self.operators or len(set(self.operators)) < len(self.operators):
            raise InvalidValue(f"a network needs one operator at least and none twice, got {self.operators}")

    @property
    def features(self) -> int:
        """F: what the widest operator sees, and, if there are several, which one it is."""
        return self._seen + len(self.operators) * (len(self.operators) > 1)

    def encode(self, operator: str, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """What an operator sees [f] as the network takes it, float32 [F]; what is missing is 0."""
        if len(self.operators) == 1:
            return seen
        whole = np.zeros(self.features, np.float32)
        whole[: len(seen)] = seen
        whole[self._seen + self.operators.index(operator)] = 1.0
        return whole

    @property
    def _seen(self) -> int:
        return max(CRAFTS[operator].features for operator in self.operators)


def network_config(values: Mapping[str, Any]) -> SkillNetworkConfig:
    """The configuration that :func:`network_values` gave to ``config.json``."""
    made = {"block": Mamba3Config(**values["block"]), "operators": tuple(values["operators"])}
    return SkillNetworkConfig(**{**values, **made})


def network_values(config: SkillNetworkConfig) -> dict[str, Any]:
    """``config`` as JSON values."""
    return asdict(config)
