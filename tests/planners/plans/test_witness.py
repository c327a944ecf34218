"""A witness is true, and enough: whatever else is changed, what it decides stays so."""

from random import Random
from time import monotonic

from adl_domains import CHANGING, DERIVED, STATIC, condition, ground_atoms
from adl_domains import problem as random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from nsctl.symbolic import Atom, Literal, Object, Problem, SymbolicState
from planners.pddl import domain_from_pddl
from planners.plans.witness import Witness


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_the_base_literals_decide_a_condition_alone(seed):
    problem, draw = random_problem(seed), Random(seed)
    asked = condition(draw, problem.things)
    witness = Witness(problem, problem.init.atoms)
    assert witness.state == problem.derive(problem.init)
    truth = problem.holds(asked, witness.state)
    why = witness.why(asked, {}, positive=truth)
    assert why is not None
    assert witness.why(asked, {}, positive=not truth) is None
    assert witness.state.satisfies(why)
    fixed = {literal.atom: literal.positive for literal in witness.base(why)}
    atoms = ground_atoms((*CHANGING, *STATIC), problem.things)
    for _ in range(12):
        other = SymbolicState.of(a for a in atoms if fixed.get(a, draw.random() < 0.5))
        assert problem.holds(asked, problem.derive(other)) == truth


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_derived_atoms_rest_on_base_literals_that_decide_them(seed):
    problem, draw = random_problem(seed), Random(seed)
    witness = Witness(problem, problem.init.atoms)
    atoms = ground_atoms((*CHANGING, *STATIC), problem.things)
    for atom in ground_atoms(DERIVED, problem.things):
        literal = Literal(atom, atom in witness.state)
        base = witness.base([literal])
        assert not {b.atom.predicate for b in base} & problem.domain.derived
        fixed = {b.atom: b.positive for b in base}
        for _ in range(5):
            other = SymbolicState.of(a for a in atoms if fixed.get(a, draw.random() < 0.5))
            assert problem.derive(other).satisfies([literal])


def test_a_closure_over_many_objects_is_derived_at_once():
    """Each of 40 things stands on the next, said with a disjunction and with quantifiers of one name."""
    domain = domain_from_pddl(
        """(define (domain tower) (:requirements :adl :derived-predicates) (:predicates (on ?a ?b) (above ?a ?b))
        (:derived (above ?x ?y) (or (on ?x ?y)
          (and (exists (?z) (on ?z ?y)) (exists (?z) (and (on ?x ?z) (above ?z ?y))))))
        (:action take :parameters (?a ?b) :precondition (on ?a ?b) :effect (not (on ?a ?b))))"""
    )
    things = tuple(Object(f"b{i}", domain.type("object")) for i in range(40))
    init = SymbolicState.of(Atom("on", (f"b{i}", f"b{i + 1}")) for i in range(39))
    begun = monotonic()
    witness = Witness(Problem(domain, things, init, ()), init.atoms)
    assert monotonic() - begun < 2.0
    assert set(witness.derivations) == {Atom("above", (f"b{i}", f"b{j}")) for i in range(40) for j in range(i + 1, 40)}
