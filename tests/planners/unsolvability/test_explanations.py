"""Deletion leaves what is needed, and lists read as people write them."""

from random import Random

import pytest

from planners.unsolvability.explanations import listed, minimal, without


@pytest.mark.parametrize("seed", range(40))
def test_what_is_left_fails_and_nothing_of_it_is_needless(seed):
    draw = Random(seed)
    items = list(range(draw.randint(1, 20)))
    reasons = [set(draw.sample(items, draw.randint(1, min(4, len(items))))) for _ in range(3)]

    def fails(some):
        return any(reason <= set(some) for reason in reasons)

    kept = minimal(items, fails, 10_000)
    assert fails(kept)
    assert not any(fails([item for item in kept if item != gone]) for gone in kept)


def test_with_few_questions_it_still_fails():
    asked = []
    kept = minimal(range(64), lambda some: asked.append(some) or 63 in some, 5)
    assert len(asked) == 5
    assert 63 in kept
    assert len(kept) < 64


def test_lists():
    assert listed(["a"]) == "a"
    assert listed("abc") == "a, b and c"
    assert listed("ab", "or") == "a or b"
    assert listed("abcdefgh", most=4) == "a, b, c and 5 more"
    assert listed([]) == "nothing"
    assert without([("pick", ("a", "b"))]) == " without (pick a b)"
    assert without([]) == ""
