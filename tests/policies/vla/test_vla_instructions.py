"""What is told: in many words, some of them held out, and all of them understood."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nsctl import tasks
from nsctl.errors import InvalidValue
from nsctl.symbolic import Atom, PlanStep, SymbolicState
from policies.vla.batch import PAD, WHOLE, WORDS, encode_text
from policies.vla.config import VLAConfig
from policies.vla.instructions import WORDINGS, Work, of_steps, said, standing, understood

WORKS = [
    Work("hanoi", "3 discs"),
    Work("move", "disc2", "left", "middle"),
    Work("pick", "disc4", "right"),
    Work("place", "disc6", "", "left"),
]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
@pytest.mark.parametrize("held_out", [False, True])
def test_whatever_is_said_is_understood_as_far_as_it_goes(work: Work, held_out: bool) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        text = said(work, rng, held_out=held_out)
        found = understood(text)
        assert (found.kind, found.thing) == (work.kind, work.thing), text
        assert found.goal == work.goal
        assert found.source in (work.source, "")  # some wordings do not name it


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
def test_held_out_wordings_are_never_taught(work: Work) -> None:
    rng = np.random.default_rng(0)
    taught = {said(work, rng) for _ in range(800)}
    held_out = {said(work, rng, held_out=True) for _ in range(200)}
    assert len(taught) >= 10
    assert len(held_out) >= 2
    assert taught.isdisjoint(held_out)


def test_there_are_ten_to_twenty_wordings_of_each_kind_and_no_two_alike() -> None:
    for wordings in WORDINGS.values():
        every = (*wordings.taught, *wordings.held_out)
        assert 10 <= len(every) <= 20
        assert len(set(every)) == len(every)


@pytest.mark.parametrize("name", ["hanoi-1", "hanoi-3", "hanoi-6", "move", "move-256"])
def test_the_words_of_the_tasks_are_among_those_taught(name: str) -> None:
    task = tasks.find(name)
    for episode in range(5):
        task.sample(np.random.default_rng(episode))
        for phrase in task.phrasings:
            work = understood(phrase)
            rng = np.random.default_rng(0)
            assert phrase in {said(work, rng) for _ in range(400)}


def test_every_wording_fits_the_network() -> None:
    config = VLAConfig()
    rng = np.random.default_rng(0)
    texts = [said(work, rng, held_out=h) for work in WORKS for h in (False, True) for _ in range(100)]
    assert encode_text(texts, config).shape[0] == len(texts)


def test_no_two_words_have_the_same_number() -> None:
    rng = np.random.default_rng(0)
    texts = [said(work, rng, held_out=h) for work in WORKS for h in (False, True) for _ in range(100)]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    numbers = encode_text(words, VLAConfig())[:, 0].tolist()
    assert len(set(numbers)) == len(words) > 90
    assert min(numbers) > max(PAD, WHOLE)
    assert max(numbers) < WORDS
    assert (
        encode_text(["Put DISC1, now"], VLAConfig()).tolist() == encode_text(["put disc1 , now"], VLAConfig()).tolist()
    )


@pytest.mark.parametrize(
    "text", ["Open the drawer.", "", "Move disc7 from left to right.", "Move disc1 from left to right"]
)
def test_what_was_not_taught_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidValue, match="is none that was taught") as refusal:
        understood(text)
    assert repr(text) in str(refusal.value)
    assert "Move disc1 from left to right." in str(refusal.value)


def test_steps_of_a_plan_become_instructions() -> None:
    stands = {"disc1": "left", "disc2": "left", "disc3": "right"}
    pick, place = PlanStep("pick", ("disc1", "disc2")), PlanStep("place", ("disc1", "disc3"))
    assert said(of_steps([pick, place], stands)) == "Move disc1 from left to right."
    assert of_steps([pick], stands) == Work("pick", "disc1", "left", "")
    assert of_steps([place], stands) == Work("place", "disc1", "", "right")


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [PlanStep("open", ("drawer",))],
        [PlanStep("pick", ("crate", "table"))],
        [PlanStep("pick", ("disc1", "left")), PlanStep("place", ("disc2", "left"))],
        [PlanStep("place", ("disc1", "left")), PlanStep("pick", ("disc1", "left"))],
    ],
)
def test_steps_without_words_are_refused(steps: list[PlanStep]) -> None:
    with pytest.raises(InvalidValue, match="there are words for pick"):
        of_steps(steps, {})


def test_where_a_tower_stands_is_where_its_lowest_disc_does() -> None:
    pairs = [("disc1", "disc2"), ("disc2", "disc3"), ("disc3", "middle"), ("disc4", "table")]
    state = SymbolicState(frozenset(Atom("on", pair) for pair in pairs))
    assert standing(state) == {"disc1": "middle", "disc2": "middle", "disc3": "middle", "disc4": "table"}
