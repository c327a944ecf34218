"""Types, atoms, literals and states: what they mean and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.atoms import OBJECT, Atom, Literal, Object, Predicate, SymbolicState, Type
from nsctl.errors import DomainError

SUPPORT = Type("support", OBJECT)
DISC = Type("disc", SUPPORT)
PEG = Type("peg", SUPPORT)
TRAY = Type("tray", OBJECT)
ON, CLEAR = Predicate("on", (DISC, SUPPORT)), Predicate("clear", (SUPPORT,))
START = SymbolicState.of([ON("d1", "left"), CLEAR("d1"), CLEAR("right")])
PLAIN = (OBJECT, SUPPORT, DISC, PEG, TRAY)
TYPES = st.one_of(
    st.sampled_from(PLAIN),
    st.lists(st.sampled_from(PLAIN), min_size=2, max_size=3).map(
        lambda some: Type(f"either({some})", OBJECT, tuple(some))
    ),
)


def test_a_type_is_what_its_parents_are_but_not_the_reverse() -> None:
    assert DISC.is_a(DISC)
    assert DISC.is_a(OBJECT)
    assert not SUPPORT.is_a(DISC)
    assert not DISC.is_a(PEG)


@pytest.mark.parametrize("arguments", [(), ("d1",), ("d1", "left", "right")])
def test_a_predicate_refuses_another_number_of_arguments(arguments: tuple[str, ...]) -> None:
    with pytest.raises(DomainError, match=f"^on takes 2 arguments, got {len(arguments)}"):
        ON(*arguments)


def test_every_atom_that_is_not_named_is_false() -> None:
    assert START.satisfies([Literal(ON("d1", "left")), Literal(ON("d1", "right"), False)])
    assert not START.satisfies([Literal(CLEAR("left"))])
    assert ON("d1", "left") in START
    assert len(START) == 3


def test_a_union_has_the_objects_of_all_its_members() -> None:
    union = Type("either(disc, tray)", OBJECT, (DISC, TRAY))
    assert DISC.is_a(union)
    assert TRAY.is_a(union)
    assert union.is_a(OBJECT)
    assert not SUPPORT.is_a(union)
    assert not union.is_a(SUPPORT)
    assert Type("either(disc, peg)", OBJECT, (DISC, PEG)).is_a(SUPPORT)
    assert union.overlaps(SUPPORT)
    assert not union.overlaps(PEG)


def instances(kind: Type) -> set[str]:
    """The plain types whose own objects are of ``kind``."""
    return {plain.name for plain in PLAIN if plain.is_a(kind)}


@given(TYPES, TYPES)
def test_types_are_sets_of_objects(one: Type, other: Type) -> None:
    assert not one.is_a(other) or instances(one) <= instances(other)
    assert one.overlaps(other) == bool(instances(one) & instances(other))
    assert one.overlaps(other) == other.overlaps(one)


def test_an_atom_is_bound_all_at_once() -> None:
    assert Atom("on", ("?a", "?b")).substitute({"?a": "?b", "?b": "?a"}) == Atom("on", ("?b", "?a"))
    assert Literal(CLEAR("?a"), False).substitute({"?a": "d1"}) == Literal(CLEAR("d1"), False)


def test_a_state_lists_its_atoms_in_order() -> None:
    assert [str(atom) for atom in START] == ["clear(d1)", "clear(right)", "on(d1, left)"]
    assert str(Object("d1", DISC)) == "d1 - disc"


BRIGHT, DARK, LIT = (Atom(name, ("lamp",)) for name in ("bright", "dark", "lit"))


def test_an_atom_on_which_fitting_states_disagree_is_unknown() -> None:
    state = SymbolicState(frozenset({BRIGHT, LIT}), frozenset({frozenset({DARK, LIT})}))
    assert state.unknown == {BRIGHT, DARK}
    assert [state.value(atom) for atom in (BRIGHT, DARK, LIT, Atom("broken", ("lamp",)))] == [None, None, True, False]
    assert SymbolicState.of({BRIGHT}).unknown == frozenset()


def test_of_fitting_states_the_one_nearest_to_what_was_expected_is_taken() -> None:
    state = SymbolicState(frozenset({BRIGHT, LIT}), frozenset({frozenset({DARK, LIT}), frozenset({DARK})}))
    taken = state.nearest(SymbolicState.of({DARK}))
    assert taken.atoms == {DARK}
    assert taken.unknown == state.unknown, "what is unknown stays so, whatever is believed"
    assert state.nearest(SymbolicState.of({BRIGHT})) == state
    assert state.nearest(SymbolicState()).atoms == {DARK}
    assert SymbolicState.of({BRIGHT}).nearest(SymbolicState.of({DARK})).atoms == {BRIGHT}, (
        "what is seen for certain holds"
    )
