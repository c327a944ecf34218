"""Batches hold what happened: the right frames, labels as far as they are true, instructions that fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.vla.augment import relit, shifted
from policies.vla.batch import PAD, encode_text
from policies.vla.config import VLAConfig
from policies.vla.dataset import SHARES, Frames, Span, doing, seen_to
from policies.vla.episodes import EVERY, Job, Piece, Take
from policies.vla.instructions import Work, understood
from policies.vla.pilot import EXECUTED
from policies.vla.recording import record
from policies.vla.symbols import DISCS, beside_the_hand, way_to_target
from policies.vla.variants import network_of

CONFIG: VLAConfig = network_of("vla-state", tiny=True)


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    return [record(Job("demo", task, 7, 0)) for task in ("hanoi-1", "move-126")]


@pytest.fixture(scope="module")
def frames(takes: list[Take]) -> Frames:
    return Frames(takes, CONFIG)


def test_an_object_is_seen_from_the_hand_at_three_scales() -> None:
    objects, proprio = np.zeros((2, 9, 7), np.float32), np.zeros((2, 23), np.float32)
    objects[:, 3] = [0.5, 0.1, 0.02, 1, 0, 0, 0]
    proprio[:, 7:10] = [[0.5, 0.1, 0.02], [0.5, 0.1, 0.05]]  # the hand: at the object, and 3 cm above it
    seen = beside_the_hand(objects, proprio)
    assert not np.delete(seen, 3, 1).any()  # an empty slot stays empty, wherever the hand is
    np.testing.assert_array_equal(seen[:, 3, :7], objects[:, 3])
    np.testing.assert_allclose(seen[0, 3, 7:], 0, atol=1e-6)
    np.testing.assert_allclose(seen[1, 3, [9, 12, 15]], [-0.12, np.tanh(-1.0), np.tanh(-5.0)], rtol=1e-5)


def test_a_key_decides_a_batch(frames: Frames) -> None:
    one, two, other = (frames.batch(4, 3, key) for key in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(one.text, two.text)
    assert torch.equal(one.targets.actions, two.targets.actions)
    assert not torch.equal(one.seen.proprio, other.seen.proprio)


def test_a_decision_sees_its_step_and_is_held_to_the_steps_that_follow(frames: Frames, takes: list[Take]) -> None:
    proprio = np.concatenate([take.proprio for take in takes])
    labels = np.concatenate([take.labels for take in takes])
    ends = np.cumsum([len(take.led) for take in takes])
    checked = 0
    for key in range(20):
        batch = frames.batch(4, 3, (key,))
        for row in range(4):
            steps = [int(np.flatnonzero((proprio == p.numpy()).all(1))[0]) for p in batch.seen.proprio[row]]
            real = batch.targets.real
            assert real is not None
            for place, step in enumerate(steps):
                if not real[row, place].any():
                    assert place > 0  # only what fills a row up has no label at all
                    continue
                assert step == steps[0] + EXECUTED * place
                end = int(ends[np.searchsorted(ends, step, side="right")])
                chunk = batch.targets.actions[row, place].numpy()
                same = [(chunk[k] == labels[min(step + k, end - 1)]).all() for k in range(16)]
                still = [not chunk[k, :6].any() for k in range(16)]
                assert all(a or b for a, b in zip(same, still, strict=True))
                assert same[0]
                checked += 1
    assert checked > 100


def test_what_is_told_is_what_was_being_done(frames: Frames) -> None:
    kinds = set()
    for key in range(40):
        batch = frames.batch(8, 1, (key,))
        told = encode_text(list(batch.words), CONFIG)
        assert torch.equal(batch.text[:, : told.shape[1]], told)
        assert not (batch.text[:, told.shape[1] :] != PAD).any()
        kinds |= {understood(words).kind for words in batch.words}
    assert kinds == {"hanoi", "move", "pick", "place"}


def test_kinds_are_drawn_by_their_shares_whatever_their_length(frames: Frames) -> None:
    rng = np.random.default_rng(0)
    kinds = [frames._drawn(rng) for _ in range(2000)]
    share = {kind: sum(span in spans for span in kinds) / 2000 for kind, spans in frames.spans.items()}
    assert share == pytest.approx(SHARES, abs=0.04)


def test_standing_still_follows_on_what_is_done_and_nothing_on_what_is_not(frames: Frames) -> None:
    for done in (True, False):
        span = Span(0, 10, 20, Work("pick", "disc1", "left"), done)
        actions, real = frames._chunks(torch.tensor([[14]]), [span])
        assert real[0, 0].tolist() == [True] * 6 + [done] * 10
        assert not actions[0, 0, 6:, :6].any()
        assert (actions[0, 0, 6:, 6] == actions[0, 0, 5, 6]).all()


def test_no_label_is_believed_beyond_an_action_of_the_learners(takes: list[Take]) -> None:
    led = np.array([True, True, False, False, True, True])
    assert seen_to(led).tolist()[:4] == [2, 2, 2, 3]
    assert (seen_to(led)[4:] > 100).all()
    take = takes[0]
    mixed = np.ones(len(take.led), bool)
    mixed[30:33] = False
    _, real = Frames([replace(take, led=mixed)], CONFIG)._chunks(
        torch.tensor([[24, 30, 33]]), [Span(0, 0, len(mixed), Work("hanoi", "one disc"), True)]
    )
    assert (
        real[0, 0].tolist() == [True] * 7 + [False] * 9
    )  # steps 24 to 30: the label at 30 is still of a state of its own
    assert real[0, 1].tolist() == [True] + [False] * 15
    assert real[0, 2].all()


def test_a_shift_moves_pictures_and_repeats_their_border() -> None:
    images = torch.arange(2 * 1 * 2 * 4 * 4 * 3, dtype=torch.uint8).reshape(2, 1, 2, 4, 4, 3)
    moves = torch.tensor([[[1, 0], [0, -2]], [[0, -1], [2, 0]]])  # down, right: [B, C]
    out = shifted(images, moves)
    assert torch.equal(out[0, 0, 0, 1:], images[0, 0, 0, :-1])
    assert torch.equal(out[0, 0, 0, 0], images[0, 0, 0, 0])
    assert torch.equal(out[0, 0, 1, :, :-1], images[0, 0, 1, :, 1:])
    assert torch.equal(out[1, 0, 0, :, 2:], images[1, 0, 0, :, :-2])
    assert torch.equal(out[1, 0, 1, :2], images[1, 0, 1, 2:])
    assert torch.equal(out[1, 0, 1, 3], images[1, 0, 1, 3])


def test_light_without_a_change_changes_nothing_and_keeps_to_the_range() -> None:
    images = torch.randint(0, 256, (2, 3, 2, 4, 4, 3), dtype=torch.uint8)
    assert torch.equal(relit(images, torch.zeros(5, 2, 2)), images)
    brighter = relit(images, torch.ones(5, 2, 2))
    assert brighter.dtype == torch.uint8
    assert brighter.float().mean() > images.float().mean()


def test_pictures_go_with_their_steps() -> None:
    take = record(Job("demo", "hanoi-1", 7, 0, ("front", "side", "wrist")))
    frames = Frames([take], network_of("vla", tiny=True))
    assert take.images is not None
    shown = frames._parts["images"][frames._parts["picture"][torch.tensor([0, EVERY - 1, EVERY, 10 * EVERY])]]
    assert np.array_equal(shown.numpy(), take.images[[0, 0, 1, 10]])


def test_the_way_leads_from_the_hand_to_what_the_step_is_about() -> None:
    objects, proprio = np.zeros((4, 9, 7), np.float32), np.zeros((4, 23), np.float32)
    objects[:, 1, :3], objects[:, 8, :3] = [0.5, 0.2, 0.02], [0.5, -0.2, 0.0]
    proprio[:, 7:10] = [0.4, 0.0, 0.3]
    answers = np.array([[0, 1, 0], [1, 1, 2], [1, 1, -1], [-1, -1, -1]])  # pick, place, place on the table, nothing
    way = way_to_target(answers, objects, proprio)
    np.testing.assert_allclose(way[:2], [[0.1, 0.2, -0.28], [0.1, -0.2, -0.3]], rtol=1e-5)
    assert np.isnan(way[2:]).all()


def test_a_walk_is_filed_by_its_moves_and_steps() -> None:
    frames = Frames([record(Job("demo", "move", 3, 1, walk=2))], CONFIG)
    assert {span.work.kind for span in frames.spans["move"]} == {"move"}
    assert {span.work.kind for span in frames.spans["piece"]} == {"pick", "place"}
    assert "tower" not in frames.spans
    batch = frames.batch(16, 1, (0,))
    way, where, step = batch.targets.target, batch.targets.positions, batch.targets.step
    assert way is not None
    assert where is not None
    assert step is not None
    operator, disc, peg = step[:, 0].unbind(-1)
    slot = torch.where(operator == 0, disc, peg + len(DISCS))
    right = where[torch.arange(16), 0, slot] - batch.seen.proprio[:, 0, 7:10]
    torch.testing.assert_close(way[:, 0], right)


def test_the_step_under_way_is_asked_where_one_is() -> None:
    pieces = (
        Piece(1, 3, Work("pick", "disc2", "left"), True),
        Piece(1, 5, Work("move", "disc2", "left", "right"), True),
        Piece(3, 5, Work("place", "disc2", goal="right"), True),
        Piece(5, 6, Work("pick", "disc1"), False),
    )
    right = [[-1] * 3, [0, 1, 0], [0, 1, 0], [1, 1, 2], [1, 1, 2], [0, 0, -1], [-1] * 3]
    assert doing(pieces, 7).tolist() == right
