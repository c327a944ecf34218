"""The vision-language-action network: words, pictures and proprioception in, a chunk of actions out.

cache = network.begin(text)                         # [B, L], once for an episode
outputs, cache = network.step(seen, cache)          # [B, ...], one decision after the other
outputs = network(text, seen)                       # [B, S, ...], the same actions for a whole sequence
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue
from policies.vla.auxiliary import AuxiliaryHeads
from policies.vla.batch import Outputs, Seen, Targets, check_seen
from policies.vla.cache import Cache
from policies.vla.config import VLAConfig
from policies.vla.heads import HEADS, Head
from policies.vla.mamba_trunk import MambaTrunk
from policies.vla.senses import Senses
from policies.vla.text import TextEncoder
from policies.vla.trunk import AttentionTrunk


class VLANetwork(nn.Module):
    """Eyes, words, a trunk and heads. It remembers nothing: all that lasts between decisions is in a :class:`Cache`."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config)
        self.senses = Senses(config)
        self.trunk: AttentionTrunk | MambaTrunk = (
            AttentionTrunk(config) if config.trunk == "attention" else MambaTrunk(config)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head: Head = HEADS[config.head](config)
        self.auxiliary = AuxiliaryHeads(config)

    def forward(self, text: Tensor, seen: Seen) -> Outputs:
        """Text [B, L] and sequences of S decisions [B, S, ...] to actions [B, S, chunk, 7], and what the auxiliaries tell.

        The first decision of a sequence has nothing behind it; rows that end early are filled up at their end.
        Raises :class:`InvalidValue` for other shapes than the configuration's.
        """
        features = self.encode(text, seen)
        return Outputs(self.head.act(features, seen.noise), features, self.auxiliary(features))

    def encode(self, text: Tensor, seen: Seen) -> Tensor:
        """What is read out at every decision [B, S, width]: nearly all of the work, and what is worth compiling."""
        check_seen(seen, self.config, axes=2)
        prefix, real, condition = self.text(text)
        out: Tensor = self.trunk(prefix, real, self.senses(seen, condition))
        return self._read(out)

    def losses(
        self, features: Tensor, targets: Targets, generator: torch.Generator | None = None
    ) -> Mapping[str, Tensor]:
        """The mean losses [] by name of what :meth:`encode` gave: ``actions``, and what the auxiliary heads are asked.

        ``generator`` draws the flow head's noise and times, on the network's device.
        """
        actions = self.head.loss(features, targets.actions, targets.real, generator)
        return {"actions": actions, **self.auxiliary.loss(self.auxiliary(features), targets)}

    def begin(self, text: Tensor) -> Cache:
        """Text [B, L] to the cache at the start of B episodes: the instruction is read once."""
        prefix, real, condition = self.text(text)
        return Cache(condition, self.trunk.begin(prefix, real))

    def step(self, seen: Seen, cache: Cache) -> tuple[Outputs, Cache]:
        """One decision [B, ...] to actions [B, chunk, 7] and the next cache; ``cache`` itself stays as it is."""
        block = self._block(seen, cache)
        out, after = self.trunk.step(block, cache.trunk)
        return self._outputs(out, seen), Cache(cache.condition, after)

    def step_(self, seen: Seen, cache: Cache) -> Outputs:
        """The same in place: ``cache`` is overwritten, nothing of it moves, so that a CUDA graph can repeat the call.

        The attention's keys and values lie in a ring then: a cache must be stepped in one of the two ways throughout.
        """
        return self._outputs(self.trunk.step_(self._block(seen, cache), cache.trunk), seen)

    def _block(self, seen: Seen, cache: Cache) -> Tensor:
        """The tokens of one decision [B, K, width]."""
        check_seen(seen, self.config, axes=1)
        if len(seen.proprio) != len(cache.condition):
            raise InvalidValue(f"the cache is of {len(cache.condition)} episodes, {len(seen.proprio)} were seen")
        block: Tensor = self.senses(seen.map(lambda part: part[:, None]), cache.condition)
        return block[:, 0]

    def _read(self, out: Tensor) -> Tensor:
        """The last token of every block [..., K, width], in the precision of the weights."""
        read: Tensor = self.norm(out[..., -1, :].to(self.norm.weight.dtype))
        return read

    def _outputs(self, out: Tensor, seen: Seen) -> Outputs:
        features = self._read(out)
        return Outputs(self.head.act(features, seen.noise), features)
