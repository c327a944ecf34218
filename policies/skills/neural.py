"""Skills that a network plays: Mamba-3 state in the execution, weights shared by all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue, NsctlError
from nsctl.scene import MAX_ROTATION, MAX_TRANSLATION, Action, SceneEstimate, make_action
from nsctl.symbolic import PlanStep
from policies.mamba3.config import Mamba3Config
from policies.mamba3.recurrence import Mamba3State
from policies.skills.execution import SkillExecution
from policies.skills.network import SkillNetwork, SkillNetworkConfig
from policies.skills.situation import Situation

WEIGHTS = Path(__file__).parent / "weights"
_SAME_WORK = {"stack": "place"}
"""Operators whose work another one's weights do."""


class NeuralExecution(SkillExecution):
    """An execution with the network's hidden state."""

    def __init__(self, step: PlanStep, scene: SceneEstimate, skill: NeuralSkill) -> None:
        super().__init__(step, scene, lambda situation: skill.decide([self], [situation])[0])
        self.hidden: list[Mamba3State] = skill.network.rest(1)


class NeuralSkill:
    """A trained policy for one operator, from a folder with ``config.json`` and ``model.safetensors``.

    The weights are read when they are first needed, so that a skill without any can still be trained.
    """

    def __init__(self, operator: str, folder: Path | None = None) -> None:
        self.operator, self._weights = operator, _SAME_WORK.get(operator, operator)
        self._folder = folder or WEIGHTS / self._weights

    @cached_property
    def network(self) -> SkillNetwork:
        """The network with its weights; nothing is unpickled.

        A policy this small is quickest on one thread, which this sets for the process.
        """
        torch.set_num_threads(1)
        try:
            config = json.loads((self._folder / "config.json").read_text())
            weights = load_file(self._folder / "model.safetensors")
        except FileNotFoundError as error:
            raise NsctlError(
                f"no weights for the skill {self.operator!r} in {self._folder}: "
                f"train them with `nsctl train skill {self._weights}`"
            ) from error
        if config["operator"] != self._weights:
            raise InvalidValue(f"{self._folder} holds weights for {config['operator']!r}, not for {self.operator!r}")
        network = SkillNetwork(network_config(config["network"]))
        network.load_state_dict(weights)
        return network.eval()

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
        features = torch.from_numpy(np.stack([s.features() for s in situations]))  # [B, F]
        with torch.inference_mode():
            actions, logits, after = self.network.step(features, _join([e.hidden for e in executions]))
        for execution, hidden in zip(executions, _split(after, len(executions)), strict=True):
            execution.hidden = hidden
        first = actions[:, 0].double().numpy()  # [B, 5]
        return [(controls_to_action(c), logit > 0) for c, logit in zip(first, logits.tolist(), strict=True)]

    def describe(self) -> Mapping[str, Any]:
        parameters = sum(p.numel() for p in self.network.parameters())
        sha256 = hashlib.sha256((self._folder / "model.safetensors").read_bytes()).hexdigest()
        return {"kind": "mamba3", "operator": self.operator, "parameters": parameters, "sha256": sha256}

    def train(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Train this operator from nothing; see :mod:`policies.skills.training`."""
        if self._weights != self.operator:
            raise InvalidValue(f"the skill {self.operator!r} plays the weights of {self._weights!r}: train that one")
        from policies.skills.training import train

        return train(self.operator, request)


def controls_to_action(controls: np.ndarray[Any, np.dtype[np.float64]]) -> Action:
    """The 7-D action of a network's x, y, z, yaw and gripper, each in [-1, 1]."""
    return make_action(controls[:3] * MAX_TRANSLATION, float(controls[3]) * MAX_ROTATION, float(controls[4]))


def network_config(values: Mapping[str, Any]) -> SkillNetworkConfig:
    """The configuration that :func:`dataclasses.asdict` wrote into ``config.json``."""
    return SkillNetworkConfig(**{**values, "block": Mamba3Config(**values["block"])})


def network_values(config: SkillNetworkConfig) -> dict[str, Any]:
    """``config`` as JSON values."""
    return asdict(config)


def _join(hidden: Sequence[list[Mamba3State]]) -> list[Mamba3State]:
    """States of several executions as one batch, layer by layer."""
    if len(hidden) == 1:
        return hidden[0]
    return [
        Mamba3State(*(torch.cat(parts) for parts in zip(*(vars(s).values() for s in layer), strict=True)))
        for layer in zip(*hidden, strict=True)
    ]


def _split(layers: list[Mamba3State], count: int) -> list[list[Mamba3State]]:
    if count == 1:
        return [layers]
    return [[Mamba3State(*(part[i : i + 1] for part in vars(s).values())) for s in layers] for i in range(count)]
