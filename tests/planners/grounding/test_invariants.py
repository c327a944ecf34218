"""No step ever raises the weight of a group: checked by walking, from legal and from strange states."""

from random import Random

from adl_domains import CHANGING, ground_atoms
from adl_domains import problem as random_problem

from nsctl.symbolic import Atom, SymbolicState
from planners.grounding import ground
from planners.grounding.invariants import Invariant, invariants, never_grows
from planners.grounding.task import GroundTask


def test_hanoi_groups_say_where_a_disc_is_and_what_the_hand_does(hanoi):
    task = ground(hanoi(2))
    found = {
        frozenset(str(task.atoms[i]) for i in range(len(task.atoms)) if g.members >> i & 1): g.exact
        for g in invariants(task)
    }
    assert found[frozenset({"handempty", "holding(disc1)", "holding(disc2)"})]
    places = ("disc1", "disc2", "left", "middle", "right", "table")
    assert found[frozenset({"holding(disc1)", *(f"on(disc1, {p})" for p in places)})]
    assert found[frozenset({"clear(left)", "on(disc1, left)", "on(disc2, left)"})]


def held(task: GroundTask, groups: tuple[Invariant, ...], state: int, walk: Random, steps: int) -> int:
    """Walk at random and check every group at every step; how often a group had a weight to keep."""
    kept = 0
    for _ in range(steps):
        ready = [move for move in task.moves if move.applicable(state)]
        if not ready:
            break
        after = task.apply(walk.choice(ready), state)
        for group in groups:
            before, now = group.weight(state), group.weight(after)
            assert now <= before or before > 1
            assert not (group.exact and before == 1) or now == 1
            kept += before == 1
        state = after
    return kept


def test_no_walk_raises_a_weight_that_was_at_most_one(hanoi, hanoi_at):
    task = ground(hanoi(3))
    groups = invariants(task)
    for places in (("disc2", "disc3", "left"), ("table",) * 3, ("left", "table", "disc1")):
        assert held(task, groups, task.state(hanoi_at(3, places, blocked=["middle"])), Random(0), 200) > 200


def test_groups_hold_with_conditional_effects_and_axioms_too():
    kept = 0
    for seed in range(400):
        problem, draw = random_problem(seed), Random(seed)
        task = ground(problem)
        groups = invariants(task)
        assert all(never_grows(group.members, task.moves) for group in groups)
        static = [atom for atom in problem.init if atom.predicate not in problem.domain.fluents]
        for _ in range(3 if groups else 0):
            possible = [a for a in ground_atoms(CHANGING, problem.things) if a.predicate in problem.domain.fluents]
            atoms = [atom for atom in possible if draw.random() < 0.3]
            kept += held(task, groups, task.state(SymbolicState.of((*atoms, *static))), draw, 20)
    assert kept > 100, "the random problems have groups to speak of"


def test_a_set_that_can_grow_is_no_group(hanoi):
    task = ground(hanoi(2))
    assert not never_grows(task.mask([Atom("clear", ("left",)), Atom("clear", ("middle",))]), task.moves)
    assert Invariant(0b110, exact=False).weight(0b010) == 1
