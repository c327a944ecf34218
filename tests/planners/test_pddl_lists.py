"""Typed lists."""

import pytest

from nsctl.symbolic import OBJECT, Object, Type
from planners.pddl_lists import read_objects, read_types
from planners.sexpressions import PddlError, parse


def test_a_type_named_only_as_a_parent_is_a_type():
    types = read_types(parse("(disc place - support peg - place)").items)
    assert list(types) == ["object", "disc", "place", "peg", "support"]
    assert types["peg"] == Type("peg", Type("place", Type("support", OBJECT)))


def test_objects_without_a_type_are_objects():
    kind = Type("t", OBJECT)
    things = list(read_objects(parse("(a b - t c)").items, {"object": OBJECT, "t": kind}))
    assert things == [Object("a", kind), Object("b", kind), Object("c")]


def test_a_dangling_dash_is_refused():
    with pytest.raises(PddlError, match="line 1: found nothing after '-', expected the name of a type"):
        read_types(parse("(a -)").items)
