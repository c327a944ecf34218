"""Episodes as one set of tensors on the training device, and batches of sequences of decisions drawn from them.

A sequence lies in one span: a whole episode with the task's instruction, or a piece of it with its own. Decisions are
``EXECUTED`` control steps apart and may begin at any step whose pictures were kept. The chunk of a decision is the expert's
next actions as far as they were its own to see: after an action that the learner executed, no label is true any more. What
is done is followed by standing still.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.vla.augment import augment
from policies.vla.batch import Seen, Targets, encode_text
from policies.vla.config import VLAConfig
from policies.vla.episodes import EVERY, Piece, Take
from policies.vla.instructions import Work, said, understood
from policies.vla.pilot import EXECUTED
from policies.vla.symbols import (
    DISCS,
    NOTHING,
    OPERATORS,
    PEGS,
    SLOTS,
    beside_the_hand,
    known_atoms,
    way_to_target,
)

SHARES = {"tower": 0.3, "move": 0.35, "piece": 0.35}
"""Which sequences there are: of whole towers, of random moves, and of the other pieces, which are steps and a tower's moves.

A tower says by itself what comes next; that a move must be read in the instruction is learnt from random moves alone. An
episode of one move is among them twice: as a whole, and from where the move begins.
"""


@dataclass(frozen=True)
class Span:
    """Frames ``start`` to before ``end`` of one episode, whose first frame is ``origin``, and what was asked in them.

    ``done`` says that standing still is right after the end.
    """

    origin: int
    start: int
    end: int
    work: Work
    done: bool


@dataclass(frozen=True, eq=False)
class Batch:
    """What a training step takes; ``words`` are the instructions behind ``text``."""

    text: Tensor
    seen: Seen
    targets: Targets
    words: tuple[str, ...]


class Frames:
    """All control steps of some episodes, on ``device``, one after the other; N in all."""

    def __init__(self, takes: Iterable[Take], config: VLAConfig, device: str = "cpu") -> None:
        self._config, self._device = config, device
        self.spans: dict[str, list[Span]] = {}
        parts: dict[str, list[Tensor]] = {}
        first = pictured = 0
        for take in takes:
            for name, part in _tensors(take, first, pictured).items():
                parts.setdefault(name, []).append(part)
            self._file(take, first)
            first += len(take.led)
            pictured += 0 if take.images is None else len(take.images)
        if not first:
            raise InvalidValue("there is nothing to learn from: no episode was kept")
        self._parts = {name: _joined(tensors, device) for name, tensors in parts.items()}
        self._ends = {kind: np.cumsum([s.end - s.start for s in spans]) for kind, spans in self.spans.items()}
        self._upto = np.cumsum([SHARES[kind] for kind in self.spans])

    def __len__(self) -> int:
        return len(self._parts["proprio"])

    @property
    def proprio(self) -> Tensor:
        """[N, 23], what statistics are taken of."""
        return self._parts["proprio"]

    @property
    def poses(self) -> Tensor:
        """[M, 16], of the objects that are there in a sample of the frames, what inputs ``state`` has."""
        sample = self._parts["objects"][:: max(1, len(self) // 20_000)].flatten(0, 1)
        return sample[(sample != 0).any(-1)]

    def batch(self, rows: int, decisions: int, key: Sequence[int]) -> Batch:
        """``rows`` sequences of ``decisions`` decisions, which ``key`` decides alone."""
        rng = np.random.default_rng(key)
        spans = [self._drawn(rng) for _ in range(rows)]
        starts = [span.start + EVERY * int(rng.integers(max(1, (span.end - span.start) // EVERY))) for span in spans]
        words = tuple(said(span.work, rng) for span in spans)
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        at, inside = self._decisions(spans, starts, decisions)
        return Batch(self._text(words), self._seen(at, draw), self._targets(at, inside, spans), words)

    def _file(self, take: Take, origin: int) -> None:
        end = origin + len(take.led)
        whole = understood(take.instruction) if take.instruction else None
        tower = whole is not None and whole.kind == "hanoi"
        if whole is not None:
            reached = take.success or bool(take.stages[-1] == 0)
            self.spans.setdefault("tower" if tower else "move", []).append(Span(origin, origin, end, whole, reached))
        for piece in take.pieces:
            start = piece.start + -piece.start % EVERY
            if start < piece.end:
                span = Span(origin, origin + start, origin + piece.end, piece.work, piece.done)
                kind = "move" if piece.work.kind == "move" and not tower else "piece"
                self.spans.setdefault(kind, []).append(span)

    def _drawn(self, rng: np.random.Generator) -> Span:
        """A span: of a kind by its share, and of that each as likely as it is long."""
        kind = list(self.spans)[int(np.searchsorted(self._upto, rng.random() * self._upto[-1], side="right"))]
        ends = self._ends[kind]
        return self.spans[kind][int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))]

    def _decisions(self, spans: list[Span], starts: list[int], decisions: int) -> tuple[Tensor, Tensor]:
        """The frames of the decisions [B, S], the last one repeated where a span is too short, and which are real."""
        at = torch.tensor(starts)[:, None] + EXECUTED * torch.arange(decisions)
        inside = at < torch.tensor([span.end for span in spans])[:, None]
        last = at[:, :1] + EXECUTED * (inside.sum(1, keepdim=True) - 1)
        return torch.minimum(at, last).to(self._device), inside.to(self._device)

    def _text(self, words: Sequence[str]) -> Tensor:
        """Instructions [B, text], filled up to one length for all batches, so that nothing is compiled twice."""
        text = encode_text(list(words), self._config)
        return torch.nn.functional.pad(text, (0, self._config.text - text.shape[1])).to(self._device)

    def _seen(self, at: Tensor, draw: torch.Generator) -> Seen:
        proprio = self._parts["proprio"][at]
        if self._config.inputs == "state":
            return Seen(proprio, objects=self._parts["objects"][at])
        images = self._parts["images"][self._parts["picture"][at]]  # [B, S, C, H, W, 3]
        return Seen(proprio, images=augment(images, draw))

    def _targets(self, at: Tensor, inside: Tensor, spans: list[Span]) -> Targets:
        actions, real = self._chunks(at, spans)
        truth = self._parts["truth"][at]
        here, there = inside[..., None], (truth != 0).any(-1)
        return Targets(
            actions,
            real & here,
            truth[..., :3],
            there & here,
            self._parts["atoms"][at],
            self._parts["known"][at] & here,
            torch.where(inside, self._parts["stages"][at], NOTHING),
            torch.where(here, self._parts["doing"][at], NOTHING),
            torch.where(here, self._parts["target"][at], torch.nan),
        )

    def _chunks(self, at: Tensor, spans: list[Span]) -> tuple[Tensor, Tensor]:
        """Labels of the next actions [B, S, chunk, 7], and which of them are true [B, S, chunk]."""
        end = torch.tensor([span.end for span in spans], device=self._device)[:, None, None]
        done = torch.tensor([span.done for span in spans], device=self._device)[:, None, None]
        ahead = at[..., None] + torch.arange(self._config.chunk, device=self._device)
        labels = self._parts["labels"][torch.minimum(ahead, end - 1)]
        still = torch.zeros_like(labels)
        still[..., 6] = labels[..., 6]  # the gripper stays as it was told
        over = ahead >= end
        real = (ahead <= self._parts["seen_to"][at][..., None]) & (~over | done)
        return torch.where(over[..., None], still, labels), real


def _tensors(take: Take, first: int, pictured: int) -> dict[str, Tensor]:
    """An episode's tensors; the first of its frames and of its pictures have these numbers."""
    steps = len(take.led)
    present = [name for name, there in zip(SLOTS, (take.truth[0] != 0).any(-1), strict=True) if there]
    known = torch.from_numpy(known_atoms(present))
    under_way = doing(take.pieces, steps)
    arrays = {
        "proprio": take.proprio,
        "objects": beside_the_hand(take.objects, take.proprio),
        "truth": take.truth,
        "atoms": take.atoms,
        "labels": take.labels,
        "stages": take.stages,
        "doing": under_way,
        "target": way_to_target(under_way, take.truth, take.proprio),
    }
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tensors |= {"known": known.expand(steps, -1), "seen_to": first + seen_to(take.led)}
    if take.images is not None:
        picture = pictured + torch.arange(steps) // EVERY
        tensors |= {"images": torch.from_numpy(take.images), "picture": picture}
    return tensors


def doing(pieces: Iterable[Piece], steps: int) -> NDArray[np.int64]:
    """The answers [T, 3] about the step under way, :data:`NOTHING` where none is or a disc stands on the table."""
    answers = np.full((steps, 3), NOTHING)
    for piece in pieces:
        work = piece.work
        if work.kind in OPERATORS:
            peg = work.goal or work.source
            row = (OPERATORS.index(work.kind), DISCS.index(work.thing), PEGS.index(peg) if peg else NOTHING)
            answers[piece.start : piece.end] = row
    return answers


def seen_to(led: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Tensor:
    """For each step [T] the last step whose label still follows from it: the next one that the learner executed.

    Where the expert leads to the end, that is beyond the end by more than any chunk.
    """
    steps = np.arange(len(led))
    mine = np.where(led, len(led) + 10**6, steps)
    return torch.from_numpy(np.minimum.accumulate(mine[::-1])[::-1].copy())


def _joined(tensors: list[Tensor], device: str) -> Tensor:
    """All of them in one, on the device; each is let go when it has been copied, since pictures fill the memory."""
    count = sum(len(tensor) for tensor in tensors)
    whole = torch.empty((count, *tensors[0].shape[1:]), dtype=tensors[0].dtype, device=device)
    at = 0
    for i, tensor in enumerate(tensors):
        whole[at : at + len(tensor)] = tensor
        at += len(tensor)
        tensors[i] = torch.empty(0)
    return whole
