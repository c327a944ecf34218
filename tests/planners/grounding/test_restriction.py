"""A restricted task can do exactly what no ban forbids, in every state."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from nsctl.symbolic import Atom, Literal, Problem, SymbolicState
from planners.grounding import ground
from planners.grounding.restriction import Ban, restricted
from planners.pddl import domain_from_pddl

ATOMS = "abcd"
DOMAIN = domain_from_pddl(
    """(define (domain d) (:predicates (a) (b) (c) (d))
    (:action one :precondition (and (a) (not (b))) :effect (and (b) (not (c))))
    (:action two :precondition (c) :effect (and (a) (d)))
    (:action three :effect (and (c) (not (a)) (not (b)) (not (d)))))"""
)
masks = st.integers(0, 15)


@st.composite
def bans(draw):
    pre = draw(masks)
    return Ban(draw(st.frozensets(st.integers(0, 2), min_size=1)), pre, draw(masks) & ~pre)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(bans(), max_size=3))
def test_only_what_is_banned_is_lost(found):
    task = ground(Problem(DOMAIN, (), SymbolicState(), tuple(Literal(Atom(name)) for name in ATOMS)))
    assert len(task.atoms) == 4
    view, allowed = restricted(task, found)
    assert view.moves[:3] == task.moves
    for state in range(16):
        free = {
            (task.names[number], move.apply(state))
            for number, move in enumerate(task.moves)
            if move.applicable(state)
            and not any(number in b.moves and state & b.pre == b.pre and not state & b.npre for b in found)
        }
        left = {(view.names[i], view.moves[i].apply(state)) for i in allowed if view.moves[i].applicable(state)}
        assert left == free, state


def test_a_ban_without_context_holds_everywhere():
    assert Ban(frozenset([1])).always
    assert not Ban(frozenset([1]), 1).always
    task = ground(Problem(DOMAIN, (), SymbolicState(), (Literal(Atom("d")),)))
    view, allowed = restricted(task, [Ban(frozenset([1]))])
    assert view is task
    assert allowed == [0, 2]


def test_every_state_is_looked_at():
    """The law above would be empty if no move were ever applicable."""
    task = ground(Problem(DOMAIN, (), SymbolicState(), ()))
    assert {m.applicable(s) for m, s in product(task.moves, range(1 << len(task.atoms)))} == {True, False}
