"""The grounder finds exactly the steps that static facts, types and equality allow."""

from nsctl.symbolic import Atom, Object, Problem, SymbolicState
from planners.asp import facts, ground, program
from planners.invariants import Invariant
from planners.pddl import domain_from_pddl


def test_rules_bind_parameters_by_type_and_static_facts(hanoi):
    text = program(hanoi(1))
    assert 'static("smaller","disc1","left").' in text
    assert 'static("smaller",X0,X1).' in text.split('action("place",X0,X1) :- ')[1]


def test_hanoi_has_a_pick_for_each_support_and_a_place_for_each_smaller(hanoi):
    names = [str(step) for step in ground(hanoi(3)).steps]
    assert len([n for n in names if n.startswith("pick")]) == 3 * 7
    assert sorted(n for n in names if n.startswith("place(disc2")) == [
        "place(disc2, disc3)",
        "place(disc2, left)",
        "place(disc2, middle)",
        "place(disc2, right)",
    ]


def test_strange_names_and_wide_parameters():
    domain = domain_from_pddl(
        """(define (domain d) (:types big small - thing) (:predicates (lit ?x - small) (= ?x ?y))
        (:action light :parameters (?x - thing ?y - thing) :precondition (not (= ?x ?y)) :effect (lit ?x)))"""
    )
    names = ("Lamp-1", 'quote"d', "not")
    things = (*(Object(n, domain.type("small")) for n in names), Object("B", domain.type("big")))
    steps = ground(Problem(domain, things, SymbolicState(), ())).steps
    assert len(steps) == 3 * 3
    assert {s.arguments[0] for s in steps} == set(names)
    assert all(s.preconditions == () for s in steps)


def test_facts_number_atoms_and_steps(hanoi):
    task = ground(hanoi(1))
    text = facts(task, [Invariant(0b11, exact=True)]).split("\n")
    pick = next(i for i, step in enumerate(task.steps) if str(step) == "pick(disc1, left)")
    assert f"pre({pick},{task.index[Atom('handempty')]})." in text
    assert f"add({pick},{task.index[Atom('holding', ('disc1',))]})." in text
    assert {"group(0).", "exact(0).", "member(0,0).", "member(0,1)."} <= set(text)
