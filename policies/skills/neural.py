"""Skills that a network plays: Mamba-3 state in the execution, weights shared by all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue, NsctlError
from nsctl.scene import ACTION_SIZE, Action, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.config import CONTROLS, SkillNetworkConfig, network_config
from policies.skills.execution import SkillExecution
from policies.skills.numpy_network import NumpySkillNetwork
from policies.skills.situation import Situation

if TYPE_CHECKING:  # playing needs no torch
    from policies.skills.network import SkillNetwork

WEIGHTS = Path(__file__).parent / "weights"
_SAME_WORK = {"stack": "place"}
"""Operators whose work another one's weights do."""


class NeuralExecution(SkillExecution):
    """An execution with the network's hidden state."""

    def __init__(self, step: PlanStep, scene: SceneEstimate, skill: NeuralSkill) -> None:
        super().__init__(step, scene, lambda situation: skill.decide([self], [situation])[0])
        self.hidden = skill.player.rest(1)


class NeuralSkill:
    """A trained policy for one operator, from a folder with ``config.json`` and ``model.safetensors``.

    The weights are read when they are first needed, so that a skill without any can still be trained.
    """

    def __init__(self, operator: str, folder: Path | None = None) -> None:
        self.operator, self._weights = operator, _SAME_WORK.get(operator, operator)
        self._folder = folder or WEIGHTS / self._weights

    @cached_property
    def player(self) -> NumpySkillNetwork:
        """The network that plays, which needs no torch."""
        return NumpySkillNetwork(self._config, self._arrays)

    @cached_property
    def network(self) -> SkillNetwork:
        """The same network as it was trained, in PyTorch."""
        import torch

        from policies.skills.network import SkillNetwork

        network = SkillNetwork(self._config)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in self._arrays.items()})
        return network.eval()

    @cached_property
    def _config(self) -> SkillNetworkConfig:
        config = json.loads(self._read("config.json"))
        if config["operator"] != self._weights:
            raise InvalidValue(f"{self._folder} holds weights for {config['operator']!r}, not for {self.operator!r}")
        return network_config(config["network"])

    @cached_property
    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name; nothing is unpickled."""
        return load(self._read("model.safetensors"))

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            raise NsctlError(
                f"no weights for the skill {self.operator!r} in {self._folder}: "
                f"train them with `nsctl train skill {self._weights}`"
            ) from error

    def begin(self, step: PlanStep, scene: SceneEstimate) -> NeuralExecution:
        return NeuralExecution(step, scene, self)

    def act_batch(self, executions: Sequence[NeuralExecution], scenes: Sequence[SceneEstimate]) -> list[Action]:
        """The next action of several executions in one call of the network."""
        situations = [e.situation(s) for e, s in zip(executions, scenes, strict=True)]
        answers = self.decide(executions, situations)
        return [e.advance(s, *a) for e, s, a in zip(executions, situations, answers, strict=True)]

    def decide(
        self, executions: Sequence[NeuralExecution], situations: Sequence[Situation]
    ) -> list[tuple[Action, bool]]:
        """For each execution the first action of its chunk and whether the network thinks it is done."""
        features = np.stack([s.features() for s in situations])  # [B, F]
        hidden = np.concatenate([e.hidden for e in executions])  # [B, size]
        actions, logits, _ = self.player.step(features, hidden, out=hidden)
        for i, execution in enumerate(executions):
            execution.hidden = hidden[i : i + 1]
        whole = np.zeros((len(actions), ACTION_SIZE), np.float32)
        whole[:, CONTROLS] = actions
        return [(action, logit > 0) for action, logit in zip(whole, logits.tolist(), strict=True)]

    def describe(self) -> Mapping[str, Any]:
        parameters = sum(array.size for array in self._arrays.values())
        sha256 = hashlib.sha256(self._read("model.safetensors")).hexdigest()
        return {"kind": "mamba3", "operator": self.operator, "parameters": parameters, "sha256": sha256}

    def train(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Train this operator from nothing; see :mod:`policies.skills.training`."""
        if self._weights != self.operator:
            raise InvalidValue(f"the skill {self.operator!r} plays the weights of {self._weights!r}: train that one")
        from policies.skills.training import train

        return train(self.operator, request)
