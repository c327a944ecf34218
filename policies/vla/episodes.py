"""What an episode is to a network's training: the job to play it, what was noted of it, and how a check went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from policies.vla.instructions import Work
from policies.vla.symbols import Flags, Floats

Kind = Literal["demo", "dagger", "check"]
Pictures = NDArray[np.uint8]

IMAGE = 128
"""Pixels along a side of the pictures."""
EVERY = 4
"""Control steps between pictures that are kept: decisions in training begin at any of these."""


@dataclass(frozen=True)
class Job:
    """One episode to play, which its ``seed``, ``kind``, ``round``, task, number and ``walk`` decide, and a learner's
    weights.

    ``cameras`` are those whose pictures are kept; without any, none are drawn.
    """

    kind: Kind
    task: str
    seed: int
    episode: int
    cameras: tuple[str, ...] = ()
    round: int = 0
    weights: Path | None = None
    script: Script | None = None
    """What was done when the episode was played before, to be done again; nobody is asked then but the expert."""
    walk: int = 0
    """Random legal moves that the expert makes in place of the task, whose goal they never reach; for demonstrations."""

    def __post_init__(self) -> None:
        if self.walk < 0 or (self.walk and self.kind != "demo"):
            raise InvalidValue(
                f"only a demonstration walks, and no fewer than 0 moves: got {self.walk} in a {self.kind}"
            )

    @property
    def rng(self) -> np.random.Generator:
        """What decides all that is drawn beside the world's own; no two jobs share it."""
        names = crc32(self.kind.encode()), crc32(self.task.encode())
        return np.random.default_rng((self.seed, *names, self.round, self.episode))

    @property
    def world_seed(self) -> int:
        """Starts of one kind are none of another's, and none of those that agents are compared on."""
        return crc32(f"{self.seed}:{self.kind}:{self.round}:vla".encode())


@dataclass(frozen=True, eq=False)
class Script:
    """The actions [T, 7] of an episode, and at which steps the expert led [T]."""

    executed: Floats
    led: Flags


@dataclass(frozen=True)
class Piece:
    """Control steps ``start`` to before ``end`` serve ``work``; ``done`` says that it was done at the end."""

    start: int
    end: int
    work: Work
    done: bool


@dataclass(frozen=True, eq=False)
class Take:
    """What happened in T control steps; O is the number of slots, A that of atoms."""

    instruction: str
    """What the whole was about; empty for a walk, whose moves have instructions of their own."""
    proprio: Floats
    """[T, 23]."""
    objects: Floats
    """[T, O, 7], what the tracker said."""
    truth: Floats
    """[T, O, 7]."""
    atoms: Flags
    """[T, A]."""
    stages: NDArray[np.int64]
    """[T], steps to go: :func:`policies.vla.symbols.stage`."""
    labels: Floats
    """[T, 7], what the expert would do."""
    executed: Floats
    """[T, 7], what was done."""
    led: Flags
    """[T], where the expert led, be it with noise."""
    pieces: tuple[Piece, ...]
    images: Pictures | None
    """[ceil(T / EVERY), cameras, H, W, 3], of every :data:`EVERY`-th step."""
    success: bool
    cpu_joules: float


@dataclass(frozen=True)
class Verdict:
    """How the learner did alone, judged by the world."""

    task: str
    success: bool
    reason: str
    steps: int
    cpu_joules: float
