"""Streams steps of demonstrations into training, in order or shuffled, without ever holding a dataset in memory.

Shuffled, the blocks of :data:`BLOCK` consecutive steps that a dataset consists of are visited in a random order, and
their steps pass through a buffer from which one is drawn at random whenever one comes in. So neighbours in an episode
seldom meet in a batch, and the memory needed is that of the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from nsctl.demos.source import Source, Span
from nsctl.errors import InvalidValue, UnknownName

BLOCK = 32
"""Control steps that are read at once."""
Sample = dict[str, Any]


@dataclass(frozen=True)
class Steps:
    """The steps of ``source``, one dict each:

    ``proprio`` float32 [23], ``objects`` float32 [n, 7], ``images.<camera>`` uint8 [height, width, 3], ``actions``
    float32 [chunk, 7] (this step's and those that follow; the last one repeated beyond the end), ``valid`` bool [chunk]
    (false beyond the end), ``subgoal``, ``instruction``, ``episode``, ``step``.

    With ``buffer`` 0 they come in order. ``cameras`` are all that there are unless they are named. ``shard`` (i, n)
    gives the i-th of n workers its part; all parts together are the whole, none twice.
    """

    source: Source
    chunk: int = 1
    buffer: int = 0
    seed: int = 0
    cameras: tuple[str, ...] | None = None
    shard: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        for name, least in (("chunk", 1), ("buffer", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise InvalidValue(f"{name} must be >= {least}, got {getattr(self, name)}")
        if not 0 <= self.shard[0] < self.shard[1]:
            raise InvalidValue(f"shard (i, n) must have 0 <= i < n, got {self.shard}")
        for camera in self.cameras or ():
            if camera not in self.source.about.cameras:
                raise UnknownName("camera of the dataset", camera, self.source.about.cameras)

    def __len__(self) -> int:
        """Steps of an epoch of all shards together."""
        return sum(self.source.lengths)

    def __iter__(self) -> Iterator[Sample]:
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[Sample]:
        """Every step once. Each number has an order of its own, decided by ``seed``."""
        rng = np.random.default_rng([self.seed, number])
        blocks = [(i, start) for i, length in enumerate(self.source.lengths) for start in range(0, length, BLOCK)]
        if self.buffer:
            blocks = [blocks[place] for place in rng.permutation(len(blocks))]
        steps = (step for block in blocks[self.shard[0] :: self.shard[1]] for step in self._block(*block))
        return mixed(steps, self.buffer, rng) if self.buffer else steps

    def _block(self, index: int, start: int) -> Iterator[Sample]:
        stop = min(start + BLOCK, self.source.lengths[index])
        cameras = self.source.about.cameras if self.cameras is None else self.cameras
        span = self.source.span(index, start, stop, cameras, self.chunk - 1)
        return (self._sample(span, index, place) for place in range(stop - start))

    def _sample(self, span: Span, index: int, place: int) -> Sample:
        ahead = np.arange(place, place + self.chunk)
        last = len(span.actions) - 1
        return {
            "proprio": span.proprio[place],
            "objects": span.objects[place],
            # a copy where it waits in the buffer: a view would keep its whole block in memory
            **{f"images.{c}": film[place].copy() if self.buffer else film[place] for c, film in span.images.items()},
            "actions": span.actions[np.minimum(ahead, last)],
            "valid": ahead <= last,
            "subgoal": span.subgoals[place],
            "instruction": span.instruction,
            "episode": index,
            "step": span.start + place,
        }


def mixed(items: Iterable[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:
    """The items in another order: ``size`` of them wait, and each newcomer takes the place of one that goes."""
    coming = iter(items)
    waiting = list(islice(coming, size))
    for item in coming:
        place = int(rng.integers(len(waiting)))
        yield waiting[place]
        waiting[place] = item
    for place in rng.permutation(len(waiting)):
        yield waiting[place]


def batches(samples: Iterable[Sample], size: int, *, drop_last: bool = False) -> Iterator[Sample]:
    """``size`` samples at a time as one: arrays stacked along a new first axis, texts in lists, numbers as int64."""
    if size < 1:
        raise InvalidValue(f"a batch must have a size >= 1, got {size}")
    coming = iter(samples)
    while group := list(islice(coming, size)):
        if len(group) < size and drop_last:
            return
        yield {name: _together([sample[name] for sample in group]) for name in group[0]}


def _together(values: Sequence[Any]) -> Any:
    return list(values) if isinstance(values[0], str) else np.array(values)
