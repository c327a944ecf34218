"""What the network is asked beside actions."""

from __future__ import annotations

import math

import pytest
import torch

from nsctl.errors import InvalidValue
from policies.vla.auxiliary import AuxiliaryHeads
from policies.vla.batch import Targets, Told
from policies.vla.config import vla_size

CONFIG = vla_size("tiny", slots=2, atoms=3, stages=4, step=(2, 3), positions=True, target=True)
ACTIONS = torch.zeros(1, 2, CONFIG.chunk, CONFIG.action)


def test_only_what_is_asked_is_told() -> None:
    none = AuxiliaryHeads(vla_size("tiny"))
    assert vars(none(torch.zeros(1, 2, 32))) == vars(Told())
    assert not list(none.parameters())
    told = AuxiliaryHeads(CONFIG)(torch.zeros(1, 2, 32))
    assert [list(part.shape) for part in vars(told).values()] == [
        [1, 2, 2, 3],
        [1, 2, 3],
        [1, 2, 4],
        [1, 2, 5],
        [1, 2, 3],
    ]


def test_losses_of_a_known_case() -> None:
    heads = AuxiliaryHeads(CONFIG)
    told = Told(*(torch.zeros(1, 2, *size) for size in ((2, 3), (3,), (4,), (5,), (3,))))
    targets = Targets(
        ACTIONS,
        positions=torch.tensor([0.1, torch.nan])[None, None, :, None].expand(1, 2, 2, 3),
        placed=torch.tensor([True, False]).expand(1, 2, 2),
        atoms=torch.tensor([0, 1, 1]).expand(1, 2, 3),
        known=torch.tensor([True, True, False]).expand(1, 2, 3),
        stage=torch.tensor([[2, -1]]),
        step=torch.tensor([[[1, 2], [0, -1]]]),
        target=torch.tensor([[[0.3, 0.0, -0.3], [torch.nan] * 3]]),
    )
    losses = heads.loss(told, targets)
    assert losses["positions"].item() == pytest.approx(0.1)
    assert losses["atoms"].item() == pytest.approx(math.log(2))
    assert losses["stage"].item() == pytest.approx(math.log(4))
    assert losses["target"].item() == pytest.approx(0.2)
    assert losses["step"].item() == pytest.approx((math.log(2) + math.log(3)) / 2)


def test_where_nothing_is_under_way_the_way_has_no_gradient() -> None:
    told = torch.zeros(1, 2, 3, requires_grad=True)
    target = torch.tensor([[[0.3, 0.1, -0.3], [torch.nan] * 3]])
    heads = AuxiliaryHeads(vla_size("tiny", target=True))
    heads.loss(Told(target=told), Targets(ACTIONS, target=target))["target"].backward()  # type: ignore[no-untyped-call]
    assert told.grad is not None
    torch.testing.assert_close(told.grad, torch.tensor([[[-1.0, -1.0, 1.0], [0.0] * 3]]) / 3)


def test_no_stage_at_all_is_no_loss() -> None:
    logits = torch.zeros(1, 2, 4, requires_grad=True)
    loss = AuxiliaryHeads(CONFIG).loss(Told(stage=logits), Targets(ACTIONS, stage=torch.full((1, 2), -1)))["stage"]
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_under_autocast_answers_are_float32() -> None:
    """bfloat16 would tell metres to 2 mm and sum the losses of a batch to two digits."""
    with torch.autocast("cpu", torch.bfloat16):
        told = AuxiliaryHeads(CONFIG)(torch.zeros(1, 2, 32))
    assert {part.dtype for part in vars(told).values()} == {torch.float32}


def test_a_question_without_an_answer_is_refused() -> None:
    heads = AuxiliaryHeads(CONFIG)
    with pytest.raises(InvalidValue, match="the network is to tell positions, and the targets hold none"):
        heads.loss(heads(torch.zeros(1, 2, 32)), Targets(ACTIONS))
