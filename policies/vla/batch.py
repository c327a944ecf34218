"""What a vision-language-action network is given and what it gives.

Shapes: B episodes, S decisions of each, C cameras, H and W pixels, P numbers of proprioception, K tokens of a decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.vla.config import VLAConfig

PAD, WHOLE = 0, 1
"""What stands after an instruction's end, and before its first word for the whole."""
WORDS = 2048
"""Numbers that words may have, the two above among them; no two words that are taught share one, which a test sees to."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen at decisions: [B, S, ...] for :meth:`VLANetwork.forward`, [B, ...] for :meth:`VLANetwork.step`.

    ``proprio`` float [..., P]; ``images`` uint8 [..., C, H, W, 3] in the order of the configuration's cameras, for
    inputs ``pixels``; ``objects`` float [..., slots, pose] for inputs ``state``, a slot without an object all zero.
    ``noise`` float [..., chunk, 7] is where the flow head starts from: standard normal, or zeros if it is None.
    """

    proprio: Tensor
    images: Tensor | None = None
    objects: Tensor | None = None
    noise: Tensor | None = None

    def at(self, t: int) -> Seen:
        """The decision ``t`` of a sequence."""
        return self.map(lambda part: part[:, t])

    def within(self, span: slice) -> Seen:
        """The decisions of a ``span`` of a sequence."""
        return self.map(lambda part: part[:, span])

    def map(self, change: Callable[[Tensor], Tensor]) -> Seen:
        """The same with every tensor changed."""
        images, objects, noise = (
            None if part is None else change(part) for part in (self.images, self.objects, self.noise)
        )
        return Seen(change(self.proprio), images, objects, noise)


@dataclass(frozen=True, eq=False)
class Targets:
    """What training holds a network to. A mask is true where a number counts; one that is None is true everywhere.

    ``actions`` float [B, S, chunk, 7] in [-1, 1], ``real`` bool [B, S, chunk] (false after an episode's end and in
    decisions that only fill a row up, which must stand at its end); ``positions`` float [B, S, slots, 3] in metres and
    ``placed`` bool [B, S, slots]; ``atoms`` [B, S, atoms] of 0 and 1 and ``known`` bool likewise; ``stage`` int64
    [B, S] and ``step`` int64 [B, S, questions], -1 where there is none; ``target`` float [B, S, 3] in metres, NaN where
    there is none.
    """

    actions: Tensor
    real: Tensor | None = None
    positions: Tensor | None = None
    placed: Tensor | None = None
    atoms: Tensor | None = None
    known: Tensor | None = None
    stage: Tensor | None = None
    step: Tensor | None = None
    target: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Told:
    """What the auxiliary heads tell of decisions [...]; None of what the configuration does not ask for.

    ``positions`` [..., slots, 3] in metres, ``atoms`` logits [..., atoms], ``stage`` logits [..., stages],
    ``step`` logits of one question after the other [..., sum of their answers], ``target`` [..., 3] in metres.
    """

    positions: Tensor | None = None
    atoms: Tensor | None = None
    stage: Tensor | None = None
    step: Tensor | None = None
    target: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Outputs:
    """``actions`` [..., chunk, 7] in [-1, 1]; ``features`` [..., width], what was read out; ``told`` by ``forward`` only."""

    actions: Tensor
    features: Tensor
    told: Told | None = None


def encode_text(instructions: list[str], config: VLAConfig) -> Tensor:
    """Instructions as numbers of their words, int64 [B, L], filled up with :data:`PAD` to the longest; refuses longer ones.

    A mark is a word, too, and capitals do not count. A word's number is its CRC-32, so that there is no vocabulary to keep.
    """
    rows = [_numbers(text) for text in instructions]
    for text, row in zip(instructions, rows, strict=True):
        if not 1 <= len(row) <= config.text:
            raise InvalidValue(f"an instruction must be 1 to {config.text} words and marks, got {len(row)}: {text!r}")
    length = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (length - len(row))] for row in rows])


@lru_cache(10_000)
def _numbers(text: str) -> tuple[int, ...]:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return tuple(WHOLE + 1 + crc32(word.encode()) % (WORDS - WHOLE - 1) for word in words)


def check_seen(seen: Seen, config: VLAConfig, axes: int) -> None:
    """Refuse what does not fit the configuration; ``axes`` lead every shape (2 for [B, S], 1 for [B])."""
    lead = tuple(seen.proprio.shape[:axes])
    wanted: dict[str, tuple[int, ...]] = {"proprio": (config.proprio,)}
    if config.inputs == "pixels":
        wanted["images"] = (len(config.cameras), config.image, config.image, 3)
    else:
        wanted["objects"] = (config.slots, config.pose)
    if seen.noise is not None:
        wanted["noise"] = (config.chunk, config.action)
    for name, shape in wanted.items():
        part = getattr(seen, name)
        if part is None:
            raise InvalidValue(f"a network of inputs {config.inputs!r} needs {name} of shape [..., {_told(shape)}]")
        if tuple(part.shape) != (*lead, *shape) or len(lead) != axes:
            raise InvalidValue(f"{name} must be [{_told((*lead, *shape))}], got [{_told(tuple(part.shape))}]")
    if seen.images is not None and seen.images.dtype != torch.uint8:
        raise InvalidValue(f"images must be uint8, got {seen.images.dtype}")


def _told(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
