"""Skills that a network plays: its hidden state lives in the execution, its weights are shared by all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.precision import DistillationRequest, QuantisationRequest
from nsctl.scene import ACTION_SIZE, Action, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.config import CONTROLS, SkillNetworkConfig, network_config
from policies.skills.cost import read_cost
from policies.skills.crafts import SAME_WORK, craft_of
from policies.skills.execution import SkillExecution
from policies.skills.numpy_network import NumpySkillNetwork
from policies.skills.situation import Moment

if TYPE_CHECKING:  # playing on a CPU needs no torch
    from policies.skills.network import SkillNetwork
    from policies.skills.quantisation import QuantisedPolicy

Memory = TypeVar("Memory")
Floats = NDArray[np.float32]
WEIGHTS = Path(__file__).parent / "weights"
STORED = ("float32", "nvfp4")
"""In what the weights of a policy may be stored."""
PRECISIONS = ("float32", "bfloat16", "nvfp4")
"""In what they may be played: on a CPU decoded and in float32, on a GPU with a backbone in bfloat16 if that is asked or if
they are NVFP4."""


class Player(Protocol[Memory]):
    """A network as it plays, and what it remembers of an execution."""

    def begin(self) -> Memory:
        """What an execution remembers at its start."""

    def act(self, features: Floats, memories: Sequence[Memory]) -> tuple[Floats, Floats]:
        """One moment of several executions: features [B, F] to actions [B, 5] in [-1, 1] and termination logits [B].

        The ``memories`` are brought forward.
        """

    def report(self) -> str:
        """What runs, for a person."""


class NeuralExecution(SkillExecution):
    """An execution with what the network remembers of it."""

    def __init__(self, step: PlanStep, scene: SceneEstimate, skill: NeuralSkill) -> None:
        super().__init__(step, scene, lambda moment: skill.decide([self], [moment])[0])
        self.work = SAME_WORK.get(step.operator, step.operator)
        """The operator as which the network knows the step's."""
        self.memory = skill.player.begin()
        """What the network remembers of this execution: hidden states, or where in a graph they lie."""


class NeuralSkill:
    """A trained policy for one operator, from a folder with ``config.json`` and ``model.safetensors``.

    The weights are read when they are first needed, so that a skill without any can still be trained. Several skills may
    share a folder whose network has learnt all their operators: executions of any of them go into one batch then.

    A folder whose configuration says so holds weights in NVFP4, which are decoded once. A skill that is asked for
    ``nvfp4`` takes the folder ``nvfp4`` inside its own, if that was made from the weights beside it; where there is none,
    it quantises those when they are first needed.

    On a CUDA ``device`` its whole step is one CUDA graph a size of batch; a CPU steps in NumPy, in float32.
    """

    def __init__(self, operator: str, folder: Path | None = None, precision: str = "", device: str = "cpu") -> None:
        craft_of(operator)
        if precision and precision not in PRECISIONS:
            raise UnknownName("precision of a skill, nor folder with its weights,", precision, PRECISIONS)
        if device == "cpu" and precision == "bfloat16":
            raise InvalidValue("a skill plays bfloat16 on a GPU alone: take --device cuda with it, or float32")
        if device != "cpu":
            from policies.skills.graphed_network import cuda_device

            cuda_device(device)
        self._device = device
        self.operator, self._weights = operator, SAME_WORK.get(operator, operator)
        self._folder, self._precision = folder or WEIGHTS / self._weights, precision

    @cached_property
    def player(self) -> Player[Any]:
        """The network that plays; on a CPU it needs no torch."""
        if self._device == "cpu":
            return NumpySkillNetwork(self._config, self._arrays)
        import torch

        from policies.skills.graphed_network import GraphedSkillNetwork

        network = self._made() if self._quantised is None else self._quantised.network(self._config)
        half = self._quantised is not None or self._precision == "bfloat16"
        return GraphedSkillNetwork(network, torch.device(self._device), torch.bfloat16 if half else torch.float32)

    @cached_property
    def network(self) -> SkillNetwork:
        """The same network as it was trained, in PyTorch."""
        return self._made()

    def _made(self) -> SkillNetwork:
        import torch

        from policies.skills.network import SkillNetwork

        network = SkillNetwork(self._config)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in self._arrays.items()})
        return network.eval()

    @cached_property
    def _config(self) -> SkillNetworkConfig:
        config = network_config(json.loads(self._read("config.json"))["network"])
        if self._weights not in config.operators:
            held = ", ".join(map(repr, config.operators))
            raise InvalidValue(f"{self._folder} holds weights for {held}, not for {self._weights!r}")
        return config

    @cached_property
    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name; nothing is unpickled."""
        return load(self._read("model.safetensors")) if self._quantised is None else self._quantised.arrays

    @cached_property
    def _quantised(self) -> QuantisedPolicy | None:
        """What NVFP4 this skill plays; ``None`` if it plays weights as they were trained."""
        stored = json.loads(self._read("config.json")).get("precision", "float32")
        if stored not in STORED:
            raise UnknownName("precision of a policy's weights", str(stored), STORED)
        if stored == "nvfp4" and self._precision in ("float32", "bfloat16"):
            raise InvalidValue(f"{self._folder} holds NVFP4 and no float32 weights: name the folder of its teacher")
        if "nvfp4" not in (stored, self._precision):
            return None
        from policies.skills.quantisation import read_or_quantise

        return read_or_quantise(self._folder, stored=stored == "nvfp4")

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
        """The next action of several executions in one call of the network, whatever operators of it they play."""
        pairs = list(zip(executions, scenes, strict=True))
        moments = {i: e.moment(s) for i, (e, s) in enumerate(pairs) if not e.refusal}
        answers = iter(self.decide([executions[i] for i in moments], list(moments.values())) if moments else [])
        return [
            e.advance(moments[i], *next(answers)) if i in moments else e.refuse(s) for i, (e, s) in enumerate(pairs)
        ]

    def decide(self, executions: Sequence[NeuralExecution], moments: Sequence[Moment]) -> list[tuple[Action, bool]]:
        """For each execution the first action of its chunk and whether the network thinks it is done."""
        seen = zip(executions, moments, strict=True)
        features = np.stack([self._config.encode(e.work, m.features()) for e, m in seen])  # [B, F]
        actions, logits = self.player.act(features, [e.memory for e in executions])
        whole = np.zeros((len(actions), ACTION_SIZE), np.float32)
        whole[:, CONTROLS] = actions
        return [(action, logit > 0) for action, logit in zip(whole, logits.tolist(), strict=True)]

    def describe(self) -> Mapping[str, Any]:
        parameters = sum(array.size for array in self._arrays.values())
        quantised = self._quantised
        sha256 = quantised.sha256 if quantised else hashlib.sha256(self._read("model.safetensors")).hexdigest()
        kind = self._config.backbone
        told = {"kind": kind, "operator": self.operator, "parameters": parameters, "sha256": sha256}
        told |= self._played | (quantised.told if quantised else {})
        return {**told, "training": read_cost(quantised.folder if quantised else self._folder)}

    @property
    def _played(self) -> dict[str, Any]:
        """What a record should know of a skill that does not play on a CPU: where it does, in what, and by what."""
        if self._device == "cpu":
            return {}
        report = self.player.report()
        return {"precision": self._precision or "float32", "device": self._device, "computed_by": report}

    def quantise(self, request: QuantisationRequest) -> Mapping[str, Any]:
        """The weights of this skill, or those that the request names, in NVFP4: :mod:`policies.skills.quantisation`."""
        from policies.skills.quantisation import quantise

        return quantise(request.weights or self._folder, request)

    def distil(self, request: DistillationRequest) -> Mapping[str, Any]:
        """The same policy with fewer bits, trained to act as before: :mod:`policies.skills.distillation`."""
        from policies.skills.distillation import distil

        return distil(request.weights or self._folder, request)

    def train(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Train this operator, and those that the request names beside it, from nothing: :mod:`policies.skills.training`.

        An operator that is another one's work is trained as that one.
        """
        if self._weights != self.operator and not request.operators:
            raise InvalidValue(f"the skill {self.operator!r} plays the weights of {self._weights!r}: train that one")
        from policies.skills.training import train

        wanted = request.operators or (self.operator,)
        return train(tuple(dict.fromkeys(SAME_WORK.get(name, name) for name in wanted)), request)
