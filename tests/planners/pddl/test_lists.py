"""Typed lists."""

import pytest

from nsctl.errors import DomainError, UnsupportedFeature
from nsctl.symbolic import OBJECT, Object, Predicate, Type
from planners.pddl.lists import read_functions, read_objects, read_predicate, read_types, read_variables
from planners.pddl.sexpressions import PddlError, parse

T = Type("t", OBJECT)
TYPES = {"object": OBJECT, "t": T, "u": Type("u", OBJECT)}


def test_a_type_named_only_as_a_parent_is_a_type():
    types = read_types(parse("(disc place - support peg - place)").items)
    assert list(types) == ["object", "disc", "place", "peg", "support"]
    assert types["peg"] == Type("peg", Type("place", Type("support", OBJECT)))


def test_objects_without_a_type_are_objects():
    things = list(read_objects(parse("(a b - t c)").items, TYPES))
    assert things == [Object("a", T), Object("b", T), Object("c")]


def test_a_union_is_what_every_member_is():
    both, single = read_objects(parse("(a - (either t u) b - (either t))").items, TYPES)
    assert both.type.members == (T, TYPES["u"])
    assert T.is_a(both.type)
    assert both.type.is_a(OBJECT)
    assert not both.type.is_a(T)
    assert single.type == T


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a -)", "line 1: found nothing after '-', expected the name of a type"),
        ("(- t)", "line 1: found '-', expected a name before '-'"),
        ("(a - t - u)", "line 1: found '-', expected a name before '-'"),
        ("(a\n(b) - t)", "line 2: found '(b)', expected a name"),
        ("(a - (t u))", "line 1: found '(t u)', expected the name of a type or (either TYPE TYPE ...)"),
        ("(a - (either))", "line 1: found '(either)', expected the name of a type or (either TYPE TYPE ...)"),
        ("(a - (either t v))", "line 1: no type is called 'v'. There is: object, t, u."),
        ("(a ?b)", "line 1: found '?b', expected the name of an object"),
        ("(a :b)", "line 1: found ':b', expected the name of an object"),
        ("(a\nb\na)", "line 3: found a second object 'a', expected only the one of line 1"),
    ],
)
def test_lists_of_objects_that_are_refused(text, message):
    with pytest.raises(PddlError) as refusal:
        list(read_objects(parse(text).items, TYPES))
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a -)", "line 1: found nothing after '-', expected the name of a type"),
        ("(?a - t)", "line 1: found '?a', expected the name of a type"),
        ("(a - b b - c\nc - a)", "line 1: type 'a' is its own ancestor: a - b - c - a"),
        ("(a - a)", "line 1: type 'a' is its own ancestor: a - a"),
    ],
)
def test_lists_of_types_that_are_refused(text, message):
    with pytest.raises(PddlError) as refusal:
        read_types(parse(text).items)
    assert str(refusal.value) == message


def test_declarations_of_predicates_parameters_and_functions():
    assert read_predicate(parse("(on ?x ?y - t ?z)"), TYPES) == Predicate("on", (T, T, OBJECT))
    assert read_variables(parse("(?x - t ?y)"), TYPES) == (Object("?x", T), Object("?y"))
    found = read_functions(parse("((far ?x - t)\n(near) - number (cost))").items, TYPES)
    assert list(found) == [(Predicate("far", (T,)), 1), (Predicate("near"), 2), (Predicate("cost"), 2)]


@pytest.mark.parametrize("text", ["(on x)", "(on ?x ?x)", "(?on)", "()", "((on))", "(and ?x)"])
def test_predicates_that_are_refused(text):
    with pytest.raises(PddlError, match=r"^line 1: found .*, expected "):
        read_predicate(parse(text), TYPES)


def test_functions_that_are_refused():
    with pytest.raises(UnsupportedFeature, match=r"^line 1: object fluents are not supported, found 't'$"):
        list(read_functions(parse("((place) - t)").items, TYPES))
    with pytest.raises(DomainError, match=r"^line 1: found 'far', expected a function such as"):
        list(read_functions(parse("(far)").items, TYPES))
