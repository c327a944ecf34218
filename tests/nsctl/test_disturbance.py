"""What is done to a world on purpose, as data."""

from __future__ import annotations

import math

import pytest

from nsctl.disturbance import KINDS, STRONGEST, Disturbance, parse, require_distinct
from nsctl.errors import InvalidValue, NsctlError, UnknownName


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0, STRONGEST])
def test_what_is_written_is_read_again(kind: str, strength: float) -> None:
    disturbance = Disturbance(kind, strength)
    assert parse(str(disturbance)) == disturbance


def test_a_kind_alone_has_strength_1() -> None:
    assert parse("push") == parse("push:1") == Disturbance("push", 1.0)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "pusj",
            UnknownName,
            r"no kind of disturbance is called 'pusj'\. Did you mean 'push'\? There is: camera, drop",
        ),
        ("", UnknownName, "no kind of disturbance is called ''"),
        ("push:x", InvalidValue, "the strength in 'push:x' must be a number, as in push:0.5"),
        ("push:", InvalidValue, "the strength in 'push:' must be a number, as in push:0.5"),
        ("push:-1", InvalidValue, "the strength of push must lie between 0 and 5, got -1.0"),
        ("push:6", InvalidValue, "the strength of push must lie between 0 and 5, got 6.0"),
        ("push:nan", InvalidValue, "the strength of push must lie between 0 and 5, got nan"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(text: str, kind: type[NsctlError], message: str) -> None:
    with pytest.raises(kind, match=message):
        parse(text)


def test_infinity_is_refused() -> None:
    with pytest.raises(InvalidValue, match="got inf"):
        Disturbance("lag", math.inf)


def test_a_kind_is_asked_for_once() -> None:
    require_distinct([Disturbance("push"), Disturbance("lag")])
    with pytest.raises(InvalidValue, match="the disturbance push is asked for twice: give it once, with one strength"):
        require_distinct([Disturbance("push"), Disturbance("lag"), Disturbance("push", 0.5)])
