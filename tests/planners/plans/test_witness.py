"""A witness is true, and enough: whatever else is changed, what it decides stays so."""

from random import Random

from adl_domains import CHANGING, DERIVED, STATIC, condition, ground_atoms
from adl_domains import problem as random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from nsctl.symbolic import Literal, SymbolicState
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
