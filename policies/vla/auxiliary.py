"""What the network is also asked in training: where things are, which atoms hold, how far the task has come, and which
step of a plan is under way (with which disc, and from or to which peg), and the way from the hand to that disc or peg.

These are the facts that our own agent's symbols hold and its skills are given, so that neither side is taught more than the
other.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.mamba3.norm import widened
from policies.vla.batch import Targets, Told
from policies.vla.config import VLAConfig
from policies.vla.masks import mean_where
from policies.vla.symbols import NOTHING


class AuxiliaryHeads(nn.Module):
    """One linear layer for each question that the configuration asks."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        width = config.width
        self.slots = config.slots
        self.positions = nn.Linear(width, 3 * config.slots) if config.positions else None
        self.atoms = nn.Linear(width, config.atoms) if config.atoms else None
        self.stage = nn.Linear(width, config.stages) if config.stages else None
        self.answers = list(config.step)
        self.step = nn.Linear(width, sum(config.step)) if config.step else None
        self.target = nn.Linear(width, 3) if config.target else None

    def forward(self, features: Tensor) -> Told:
        """Features [..., width] to what they tell, float32 at least."""
        positions, *others = (
            None if head is None else widened(head(features))
            for head in (self.positions, self.atoms, self.stage, self.step, self.target)
        )
        return Told(None if positions is None else torch.unflatten(positions, -1, (self.slots, 3)), *others)

    def loss(self, told: Told, targets: Targets) -> Mapping[str, Tensor]:
        """Mean losses []: metres off, and cross-entropies in nats. What was asked must have an answer in ``targets``."""
        losses: dict[str, Tensor] = {}
        if told.positions is not None:
            error = (told.positions - _needed(targets.positions, "positions")).abs()
            losses["positions"] = mean_where(error, None if targets.placed is None else targets.placed[..., None])
        if told.atoms is not None:
            right = _needed(targets.atoms, "atoms").to(told.atoms.dtype)
            error = F.binary_cross_entropy_with_logits(told.atoms, right, reduction="none")
            losses["atoms"] = mean_where(error, targets.known)
        if told.stage is not None:
            losses["stage"] = _classified(told.stage, _needed(targets.stage, "stage"))
        if told.step is not None:
            questions = _needed(targets.step, "step").unbind(-1)
            answers = zip(torch.split(told.step, self.answers, -1), questions, strict=True)
            losses["step"] = torch.stack([_classified(logits, right) for logits, right in answers]).mean()
        if told.target is not None:
            way = _needed(targets.target, "target")
            losses["target"] = mean_where((told.target - way.nan_to_num()).abs(), ~way.isnan())
        return losses


def _classified(logits: Tensor, right: Tensor) -> Tensor:
    """The mean cross-entropy [] of logits [..., answers] where ``right`` [...] has an answer."""
    error = F.cross_entropy(logits.flatten(0, -2), right.flatten(), ignore_index=NOTHING, reduction="none")
    return mean_where(error, right.flatten() != NOTHING)


def _needed(target: Tensor | None, name: str) -> Tensor:
    if target is None:
        raise InvalidValue(
            f"the network is to tell {name}, and the targets hold none: give them, or leave the head out"
        )
    return target
