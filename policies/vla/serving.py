"""Episodes that are stepped on tensors which stay where they are: on a GPU, one decision is the replay of a CUDA graph.

    serve = Serving(network, batch=1)
    serve.begin(encode_text(["stack the red block on the blue one"], network.config))
    actions = serve.step(seen).actions      # [B, chunk, 7]

The same actions as :meth:`VLANetwork.step` gives; the attention's keys and values lie in a ring instead of sliding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.config import require_count
from policies.vla.batch import PAD, Outputs, Seen, check_seen
from policies.vla.cache import Cache
from policies.vla.config import VLAConfig
from policies.vla.network import VLANetwork

_WARM_UP = 3


class Serving:
    """``batch`` episodes of ``network``, on its device and in its precision.

    On a CUDA device a graph is captured when this is made; give the network no other tensors afterwards. An episode that
    was not begun is one of nonsense: call :meth:`begin` for every row before :meth:`step`.
    """

    cache: Cache
    """What the episodes remember; it is overwritten in place."""

    def __init__(self, network: VLANetwork, batch: int) -> None:
        require_count("batch", batch, least=1)
        self.network, self.batch = network.eval(), batch
        self.device = network.norm.weight.device
        with torch.inference_mode():
            self._seen = blank(network.config, batch, self.device)
            self.cache = network.begin(torch.full((batch, 1), PAD, device=self.device)).map(torch.clone)
            self._outputs = self._run()
            self._replay = self._captured() if self.device.type == "cuda" else None

    def begin(self, text: Tensor, rows: Sequence[int] | None = None) -> None:
        """Begin every episode, or those of ``rows`` only, with the instructions ``text`` [B or rows, L]."""
        index = list(range(self.batch)) if rows is None else list(rows)
        if len(text) != len(index):
            raise InvalidValue(f"{len(index)} episodes begin, and the text has {len(text)} rows")
        with torch.inference_mode():
            fresh = self.network.begin(text.to(self.device))
            for mine, given in zip(self.cache.tensors, fresh.tensors, strict=True):
                mine[index] = given.to(mine.dtype)

    def step(self, seen: Seen) -> Outputs:
        """One decision of every episode: what is seen [B, ...], on any device, to actions [B, chunk, 7] of their own."""
        check_seen(seen, self.network.config, axes=1)
        if len(seen.proprio) != self.batch:
            raise InvalidValue(f"{self.batch} episodes are served, {len(seen.proprio)} were seen")
        with torch.inference_mode():
            self._take(seen)
            if self._replay is None:
                self._outputs = self._run()
            else:
                self._replay()
            return Outputs(self._outputs.actions.clone(), self._outputs.features.clone())

    def _take(self, seen: Seen) -> None:
        for name, mine in vars(self._seen).items():
            if mine is not None:
                given = getattr(seen, name)
                mine.zero_() if given is None else mine.copy_(given, non_blocking=True)

    def _run(self) -> Outputs:
        return self.network.step_(self._seen, self.cache)

    def _captured(self) -> Callable[[], None]:
        """A replay of one decision, which is made a few times first: libraries set themselves up outside the graph."""
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self._run()
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # the device's own stream: capture on another device's would record nothing
        with torch.cuda.device(self.device), torch.cuda.graph(graph):
            self._outputs = self._run()
        return graph.replay


def blank(config: VLAConfig, batch: int, device: torch.device) -> Seen:
    """Room for what is seen at one decision [B, ...], noise for the heads that draw it included."""
    images = objects = noise = None
    if config.inputs == "pixels":
        shape = (batch, len(config.cameras), config.image, config.image, 3)
        images = torch.zeros(shape, dtype=torch.uint8, device=device)
    else:
        objects = torch.zeros(batch, config.slots, config.pose, device=device)
    if config.head == "flow":
        noise = torch.zeros(batch, config.chunk, config.action, device=device)
    return Seen(torch.zeros(batch, config.proprio, device=device), images, objects, noise)
