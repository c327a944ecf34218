"""Plays a network in one episode: shows it observations, keeps its cache, and hands out its chunk action by action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from nsctl.contracts import PhaseClock
from nsctl.errors import InvalidValue
from nsctl.observation_arrays import proprio_array
from nsctl.phases import NoClock
from nsctl.scene import Action, Observation
from policies.vla.batch import Seen, encode_text
from policies.vla.symbols import beside_the_hand, slotted

if TYPE_CHECKING:
    from policies.vla.cache import Cache
    from policies.vla.config import VLAConfig
    from policies.vla.network import VLANetwork

EXECUTED = 8
"""Actions of a chunk that are executed before the network decides anew."""

Floats = NDArray[np.float32]
Chunk = NDArray[np.float32]


def executed(config: VLAConfig) -> int:
    """Control steps from one decision of such a network to the next."""
    return min(EXECUTED, config.chunk)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """More threads gain little at one decision, and wait for each other where other programs run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Pilot:
    """One episode, or one piece of it with an instruction of its own. Everything that is remembered lives here."""

    def __init__(self, network: VLANetwork, instruction: str, rng: np.random.Generator) -> None:
        self._network, self._rng = network, rng
        self._text = encode_text([instruction], network.config).to(_device(network))
        self._cache: Cache | None = None
        self._decided = 0
        self._chunk: Chunk = np.zeros((0, network.config.action), np.float32)
        self._executed = 0

    @property
    def due(self) -> bool:
        """Whether the next action needs a decision of the network."""
        return self._executed % executed(self._network.config) == 0

    def act(self, observation: Observation, clock: PhaseClock | None = None) -> Action:
        """The next action; every :data:`EXECUTED` calls the network looks and decides anew."""
        clock = clock or NoClock()
        if self.due:
            with clock.phase("perceive"):
                seen = self.look(observation)
            with clock.phase("policy"):
                self._chunk, self._executed = self.decide(seen), 0
        self._executed += 1
        action: Action = self._chunk[self._executed - 1]
        return action

    def look(self, observation: Observation) -> Seen:
        """An observation as the network takes it, a batch of one; refuses one that lacks what it needs."""
        config, device = self._network.config, _device(self._network)
        numbers = {"proprio": proprio_array(observation)}
        if config.inputs == "state":
            numbers["objects"] = beside_the_hand(poses(observation), numbers["proprio"])
        if config.head == "flow":
            numbers["noise"] = self._rng.normal(size=(config.chunk, config.action)).astype(np.float32)
        seen = {name: torch.from_numpy(array)[None].to(device) for name, array in numbers.items()}
        if config.inputs == "pixels":
            shown = pictures(observation, config.cameras, config.image)
            seen["images"] = torch.from_numpy(shown)[None].to(device)
        return Seen(**seen)

    def decide(self, seen: Seen) -> Chunk:
        """One decision: the chunk [chunk, 7], float32 in [-1, 1]."""
        config = self._network.config
        with torch.inference_mode(), on_one_thread():
            if self._cache is None or (config.trunk == "mamba3" and self._decided % config.window == 0):
                self._cache = self._network.begin(self._text)
            outputs, self._cache = self._network.step(seen, self._cache)
        self._decided += 1
        chunk: Chunk = outputs.actions[0].float().cpu().numpy()
        return chunk.clip(-1.0, 1.0)


def pictures(observation: Observation, cameras: Sequence[str], size: int) -> NDArray[np.uint8]:
    """The pictures of these cameras, uint8 [cameras, size, size, 3]; refuses missing ones and other sizes."""
    if observation.images is None and "images" in observation.channels:
        raise InvalidValue(
            "the network needs pictures, and there are none at this step: it looks more often than it said"
        )
    shown = observation.images or {}
    if missing := [camera for camera in cameras if camera not in shown]:
        raise InvalidValue(
            f"the network needs the camera {missing[0]!r}, which this world does not show; "
            f"it shows: {', '.join(shown) or 'none'}"
        )
    wanted = (size, size, 3)
    for camera in cameras:
        if shown[camera].shape != wanted:
            raise InvalidValue(
                f"the pictures of camera {camera!r} are {_size(shown[camera].shape)}, the network needs {_size(wanted)}"
            )
    return np.stack([shown[camera] for camera in cameras])


def poses(observation: Observation) -> Floats:
    """The tracker's poses, float32 [slots, 7]; refuses an observation without any."""
    if observation.objects is None:
        raise InvalidValue("the network needs the poses of the objects, which this world does not show")
    return slotted(observation.objects)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _device(network: VLANetwork) -> torch.device:
    return next(network.parameters()).device
