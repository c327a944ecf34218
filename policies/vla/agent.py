"""The neural-only agents: an instruction and what is seen go in, actions come out, and nothing else decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nsctl.contracts import AgentReport, AgentTrainingRequest, PhaseClock, Sight, TrainingRequest
from nsctl.errors import InvalidValue, NsctlError, Untrained
from nsctl.ledger import NONE
from nsctl.scene import Action, Observation
from nsctl.task import Brief
from nsctl.training_joules import training_joules
from policies.skills.cost import read_cost
from policies.vla.config import VLAConfig
from policies.vla.instructions import understood
from policies.vla.libraries import triton_first
from policies.vla.pilot import Pilot, executed
from policies.vla.symbols import require_known
from policies.vla.variants import BORROWED, VARIANTS, required
from policies.vla.weights import fingerprint, read_config, read_network

if TYPE_CHECKING:
    from policies.vla.network import VLANetwork

WEIGHTS = Path(__file__).parent / "weights"


class VLAAgent:
    """Plays a task from its instruction alone, by the network in ``folder`` (the shipped one if ``None``) on ``device``.

    It is never done by itself: the world ends an episode, soon after it has succeeded. Weights that do not fit are told of
    in its description, and every episode with them ends as an error.
    """

    def __init__(self, name: str, folder: Path | None = None, device: str = "cpu") -> None:
        self.name = name
        self.weights, self._device = folder or WEIGHTS / BORROWED.get(name, name), device
        self._pilot: Pilot | None = None
        self._clock: PhaseClock | None = None
        self._doing = "not begun"

    @property
    def sight(self) -> Sight:
        """What it is to be shown: the cameras that its network was trained on, or the tracker's poses."""
        if VARIANTS[BORROWED.get(self.name, self.name)]["inputs"] == "state":
            return Sight()
        try:
            config = read_config(self.weights)
        except NsctlError:
            config = VLAConfig()
        return Sight(config.cameras, objects=False, every=executed(config))

    @cached_property
    def network(self) -> VLANetwork:
        """The network that plays; refuses weights that are missing, damaged or of another architecture."""
        if not (self.weights / "config.json").exists():
            raise Untrained(f"no weights for the agent {self.name!r} in {self.weights}: {self._how_to_train()}")
        triton_first()
        return read_network(self.weights, required(self.name)).to(self._device)

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        self._clock, self._pilot, self._doing = clock, None, "not begun"
        understood(task.instruction)
        require_known([body.name for body in task.bodies])
        with clock.phase("policy"):
            self._pilot = self._told(task.instruction, seed)

    def act(self, observation: Observation) -> Action | None:
        if self._pilot is None or self._clock is None:
            raise InvalidValue(f"the agent {self.name} was not reset: call reset() before act()")
        return self._pilot.act(observation, self._clock)

    @property
    def subgoal(self) -> str:
        return self._doing

    def report(self) -> AgentReport:
        return AgentReport()

    def describe(self) -> Mapping[str, Any]:
        told: dict[str, Any] = {"reads": self._reads, "device": self._device}
        try:
            network = self.network
        except Untrained:
            raise
        except NsctlError as error:
            return told | {"refused": str(error), "training": None}
        c = network.config
        sha256, training = fingerprint(self.weights), read_cost(self.weights)
        return told | {
            "executed": executed(c),
            "kind": {"inputs": c.inputs, "trunk": c.trunk, "head": c.head, "chunk": c.chunk, "window": c.window},
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "sha256": sha256,
            "training": training_joules([{"sha256": sha256, "training": training}]),
            "knowledge": self._knowledge(training or {}),
        }

    def train(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Train its network from nothing: :mod:`policies.vla.training`."""
        from policies.vla.training import train

        asked = request if isinstance(request, AgentTrainingRequest) else AgentTrainingRequest(**vars(request))
        return train(self.name, asked)

    def _knowledge(self, training: Mapping[str, Any]) -> dict[str, Any]:
        """What it was given beyond the episodes that it plays: :mod:`nsctl.ledger`."""
        labels = "as labels in training"
        return {
            "goal": "the instruction",
            "domain": NONE,
            "predicates": labels,
            "bodies": "a slot for each name" if self.sight.objects else labels,
            "poses": "channel objects" if self.sight.objects else labels,
            "cameras": ", ".join(self.sight.cameras) or NONE,
            "instruction": "the task's",
            "control": "learnt: all",
            "demonstrations": training.get("demonstrations"),
            "expert_queries": training.get("expert_queries"),
        }

    @property
    def _reads(self) -> list[str]:
        return ["proprio", "instruction", "objects" if self.sight.objects else "images"]

    def _told(self, instruction: str, seed: int) -> Pilot:
        """A pilot of the network that follows this instruction."""
        self._doing = instruction
        return Pilot(self.network, instruction, np.random.default_rng(seed))

    def _how_to_train(self) -> str:
        variant = BORROWED.get(self.name, self.name)
        choice = f" --variant {variant}" * (variant != "vla")
        return f"train them with `nsctl train vla{choice}`, or name a folder with `--agent {self.name}:FOLDER`"
