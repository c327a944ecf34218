"""What is noted of an episode is the expert's, whatever was done in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsctl.errors import InvalidValue
from nsctl.scene import Observation, make_action
from nsctl.tasks import find
from policies.vla import leading
from policies.vla.episodes import EVERY, Job, Kind, Piece, Take
from policies.vla.expert import Advice, Expert
from policies.vla.recording import AFTERGLOW, record
from policies.vla.symbols import ATOMS, SLOTS
from policies.vla.takes import Filing, packed, read, script


@pytest.fixture(scope="module")
def take() -> Take:
    return record(Job("demo", "hanoi-2", 7, 0))


def test_labels_are_the_experts_and_not_what_was_done(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[np.ndarray] = []
    advise = Expert.advise

    def listened(self: Expert, *seen: object) -> Advice | None:
        advice = advise(self, *seen)  # type: ignore[arg-type]
        if advice is not None:
            said.append(advice.action)
        return advice

    monkeypatch.setattr(Expert, "advise", listened)
    again = record(Job("demo", "hanoi-2", 7, 0))
    np.testing.assert_array_equal(again.labels, np.array(said)[: len(again.labels)])
    np.testing.assert_array_equal(again.labels, take.labels)  # and the same job gives the same episode
    np.testing.assert_array_equal(again.executed, take.executed)


def test_noise_is_in_what_was_done_and_never_in_the_gripper(take: Take) -> None:
    off = np.abs(take.executed - take.labels)
    assert off[:, :3].max() > 0.1
    assert not off[:, [3, 4]].any()
    assert not off[:, 6].any()
    assert take.led.all()
    assert take.success


def test_it_ends_with_standing_still(take: Take) -> None:
    assert (take.stages[-AFTERGLOW:] == 0).all()
    assert not take.labels[-AFTERGLOW:, :6].any()
    assert take.stages[0] == 6


def test_each_piece_serves_its_own_instruction(take: Take) -> None:
    """The disc that it speaks of is the one that moves, from the peg to the peg that it names."""
    kinds = [piece.work.kind for piece in take.pieces]
    assert kinds == ["pick", "move", "place"] * 3
    for piece in take.pieces:
        moved = _moved(take, piece)
        if piece.work.kind != "pick":
            assert moved == piece.work.thing
            assert _peg(take, piece.work.thing, piece.end) == piece.work.goal
        if piece.work.kind != "place":
            assert _peg(take, piece.work.thing, piece.start) == piece.work.source
    assert [p.done for p in take.pieces] == [True] * 9


def _moved(take: Take, piece: Piece) -> str:
    """The disc that went farthest between two steps."""
    way = np.linalg.norm(take.truth[piece.end - 1, :6, :3] - take.truth[piece.start, :6, :3], axis=-1)
    return SLOTS[int(way.argmax())]


def _peg(take: Take, disc: str, step: int) -> str:
    """The peg that a disc stands over."""
    here = take.truth[min(step, len(take.led) - 1), SLOTS.index(disc), :2]
    return min(SLOTS[6:], key=lambda peg: float(np.hypot(*(take.truth[0, SLOTS.index(peg), :2] - here))))


@pytest.mark.parametrize("task", ["move", "move-246"])
def test_a_walk_is_of_legal_moves_that_each_have_their_own_instruction(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the task may last, since its goal is not among the states that are come to."""
    monkeypatch.setattr(leading, "NOISE", (0.0,) * 7)  # nothing is dropped then
    monkeypatch.setattr(leading, "KICKS", 0.0)
    walk = record(Job("demo", task, 3, 3, walk=7))
    assert walk.success
    assert walk.instruction == ""
    assert len(walk.led) > find("move").horizon
    moves = [piece for piece in walk.pieces if piece.work.kind == "move" and piece.done]
    assert len(moves) == 7
    assert len({piece.work for piece in moves}) >= 4
    for piece in moves:
        assert _moved(walk, piece) == piece.work.thing
        assert _peg(walk, piece.work.thing, piece.start) == piece.work.source
        assert _peg(walk, piece.work.thing, piece.end) == piece.work.goal
        smaller = SLOTS[: SLOTS.index(piece.work.thing)]
        there = [disc for disc in smaller if walk.truth[0, SLOTS.index(disc)].any()]
        on = {disc: _peg(walk, disc, piece.start) for disc in there}
        assert not {piece.work.source, piece.work.goal} & set(on.values())


def test_a_walk_is_decided_by_its_job(tmp_path: Path) -> None:
    one, same, other = (record(Job("demo", "move", 3, episode, walk=2)) for episode in (4, 4, 5))
    np.testing.assert_array_equal(one.executed, same.executed)
    assert one.pieces == same.pieces != other.pieces
    filing = Filing(tmp_path)
    paths = [filing(Job("demo", "move", 3, 4, walk=moves)).path for moves in (0, 1, 2)]
    assert len(set(paths)) == 3  # the job is another one, and so is its file


@pytest.mark.parametrize(("kind", "moves"), [("dagger", 1), ("check", 1), ("demo", -1)])
def test_only_demonstrations_walk(kind: Kind, moves: int) -> None:
    with pytest.raises(InvalidValue, match="only a demonstration walks"):
        Job(kind, "move", 3, 0, walk=moves)


def test_atoms_are_those_of_the_moment(take: Take) -> None:
    first = {str(atom) for atom, holds in zip(ATOMS, take.atoms[0], strict=True) if holds}
    last = {str(atom) for atom, holds in zip(ATOMS, take.atoms[-1], strict=True) if holds}
    assert {"on(disc1, disc2)", "on(disc2, left)", "handempty", "clear(disc1)"} <= first
    assert {"on(disc1, disc2)", "on(disc2, right)", "handempty"} <= last


def test_a_file_holds_all_of_an_episode_and_is_not_played_twice(take: Take, tmp_path: Path) -> None:
    (tmp_path / "one.npz").write_bytes(packed(take))
    again = read(tmp_path / "one.npz")
    for name, value in vars(take).items():
        if name != "cpu_joules":
            np.testing.assert_array_equal(getattr(again, name), value)
    filing, job = Filing(tmp_path / "data"), Job("demo", "hanoi-1", 7, 0)
    first, second = filing(job), filing(job)
    assert (first.fresh, second.fresh) == (True, False)
    assert (first.path, first.steps, first.success) == (second.path, second.steps, second.success)


def test_pictures_are_of_the_cameras_that_were_asked_for() -> None:
    seen = record(Job("demo", "hanoi-1", 7, 0, ("front", "wrist")))
    assert seen.images is not None
    assert seen.images.shape == (-(-len(seen.led) // EVERY), 2, 128, 128, 3)
    assert seen.images.dtype == np.uint8
    assert seen.images.std() > 10


class Stubborn:
    """A learner that goes up, whatever it sees; it is shown every decision."""

    def __init__(self, *_: object) -> None:
        self.looks = 0

    def act(self, observation: Observation) -> np.ndarray:
        self.looks += 1
        return make_action([0.0, 0.0, 0.02], 0.0, -1.0)


def test_in_dagger_learner_and_expert_lead_by_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(leading, "Pilot", Stubborn)
    monkeypatch.setattr(leading, "network_in", lambda weights: None)
    job = Job("dagger", "hanoi-1", 7, 0, weights=tmp_path)
    took = record(job)
    assert 0.1 < took.led.mean() < 0.9
    up = make_action([0.0, 0.0, 0.02], 0.0, -1.0)
    assert (took.executed[~took.led] == up).all()
    np.testing.assert_array_equal(took.executed[took.led], took.labels[took.led])
    assert not (took.labels[~took.led] == up).all(1).any()  # the expert was asked there, too
    changes = np.flatnonzero(np.diff(took.led.astype(int))) + 1
    assert (changes % leading.EXECUTED == 0).all()  # turns change where decisions are made

    (tmp_path / "one.npz").write_bytes(packed(took))
    monkeypatch.undo()
    again = record(Job("dagger", "hanoi-1", 7, 0, script=script(tmp_path / "one.npz")))
    for name in ("labels", "executed", "led", "proprio", "truth", "atoms"):
        np.testing.assert_array_equal(getattr(again, name), getattr(took, name))
