"""The texts that a person at the keyboard reads."""

from __future__ import annotations

import pickle

import pytest

from nsctl.errors import (
    BrokenPart,
    DomainError,
    EpisodeError,
    InvalidValue,
    NsctlError,
    RecordError,
    UnknownName,
)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    error = UnknownName("planner", "clngo", ["pyperplan", "clingo"])
    assert str(error) == "no planner is called 'clngo'. Did you mean 'clingo'? There is: clingo, pyperplan."
    assert (error.kind, error.name, error.near) == ("planner", "clngo", "clingo")


def test_a_name_like_no_other_gets_no_guess() -> None:
    error = UnknownName("planner", "xyz", ["clingo"])
    assert str(error) == "no planner is called 'xyz'. There is: clingo."
    assert error.near is None


def test_where_nothing_exists_it_says_none() -> None:
    assert str(UnknownName("meter", "rapl", [])) == "no meter is called 'rapl'. There is: none."


@pytest.mark.parametrize("kind", [InvalidValue, BrokenPart, DomainError, RecordError, EpisodeError])
def test_one_base_catches_all_and_texts_are_kept(kind: type[NsctlError]) -> None:
    with pytest.raises(NsctlError, match=r"^what was wrong$"):
        raise kind("what was wrong")


@pytest.mark.parametrize(
    ("kind", "builtin"), [(InvalidValue, ValueError), (DomainError, ValueError), (UnknownName, LookupError)]
)
def test_python_programs_can_catch_the_builtin_kind(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


def test_an_unknown_name_survives_the_way_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(UnknownName("task", "hanoy-3", ["hanoi-3", "move"])))
    assert (str(error), error.near) == (str(UnknownName("task", "hanoy-3", ["hanoi-3", "move"])), "hanoi-3")
