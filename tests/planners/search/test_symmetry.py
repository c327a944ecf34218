"""Interchangeable objects: found where they are, not where they are not, and no plan gets lost."""

from itertools import permutations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_tasks import cheapest, price, reachable

from nsctl.symbolic import Atom, Domain, Literal, Object, Operator, Predicate, Problem, SymbolicState, Type
from planners.grounding import ground
from planners.pddl import domain_from_pddl
from planners.search.explicit import Search
from planners.search.patterns import best_heuristic
from planners.search.symmetry import Symmetry

NEVER = float("inf")
GRIPPER = domain_from_pddl(
    """(define (domain gripper) (:requirements :strips :typing) (:types room ball hand)
    (:predicates (robot ?r - room) (at ?b - ball ?r - room) (free ?h - hand) (in ?b - ball ?h - hand))
    (:action move :parameters (?from ?to - room) :precondition (robot ?from)
      :effect (and (robot ?to) (not (robot ?from))))
    (:action pick :parameters (?b - ball ?r - room ?h - hand) :precondition (and (at ?b ?r) (robot ?r) (free ?h))
      :effect (and (in ?b ?h) (not (at ?b ?r)) (not (free ?h))))
    (:action drop :parameters (?b - ball ?r - room ?h - hand) :precondition (and (in ?b ?h) (robot ?r))
      :effect (and (at ?b ?r) (free ?h) (not (in ?b ?h)))))"""
)


def gripper(balls, goals=None):
    """``balls`` in the first room; all of them, or those of ``goals``, to the second."""
    names = [f"ball{i}" for i in range(balls)]
    kinds = {"a": "room", "b": "room", "left": "hand", "right": "hand", **dict.fromkeys(names, "ball")}
    objects = tuple(Object(name, GRIPPER.type(kind)) for name, kind in kinds.items())
    init = [Atom("robot", ("a",)), *(Atom("free", (h,)) for h in ("left", "right"))]
    init += [Atom("at", (name, "a")) for name in names]
    goal = tuple(Literal(Atom("at", (name, "b"))) for name in names[: balls if goals is None else goals])
    task = ground(Problem(GRIPPER, objects, SymbolicState.of(init), goal))
    return task, task.state(task.problem.init)


def found(task, start, allowed, heuristic=None):
    search = Search(task, start, allowed, heuristic, Symmetry.of(task, allowed))
    while not search.over:
        search.advance(10**6, NEVER)
    return search


def test_twenty_balls_are_carried_in_no_time():
    task, start = gripper(20)
    allowed = range(len(task.moves))
    search = found(task, start, allowed)
    assert price(task, start, search.plan) == 59
    assert search.states < 200


def test_balls_with_another_goal_are_another_class():
    task, _ = gripper(5, goals=3)
    classes = Symmetry.of(task, range(len(task.moves))).objects
    assert {frozenset(names) for names in classes} == {
        frozenset(names) for names in (("ball0", "ball1", "ball2"), ("ball3", "ball4"), ("left", "right"))
    }


def test_a_forbidden_move_sets_its_ball_apart():
    task, start = gripper(4)
    forbidden = set(task.numbers["pick", ("ball2", "a", "left")])
    allowed = [i for i in range(len(task.moves)) if i not in forbidden]
    assert Symmetry.of(task, allowed).objects == (("ball0", "ball1", "ball3"),)
    assert price(task, start, found(task, start, allowed).plan) == 11


def test_no_symmetry_is_sought_after_the_deadline():
    task, _ = gripper(4)
    assert Symmetry.of(task, range(len(task.moves)), -NEVER) is None


def test_of_a_corridor_that_forks_only_the_two_ends_are_alike():
    places = [Object(f"p{i}", GRIPPER.type("room")) for i in range(40)]
    task = ground(Problem(GRIPPER, tuple(places), SymbolicState.of([Atom("robot", ("p0",))]), ()))
    ways = [(f"p{i}", f"p{i + 1}") for i in range(38)] + [("p37", "p39")]
    allowed = [number for way in ways for number in task.numbers["move", way]]
    assert Symmetry.of(task, allowed).objects == (("p38", "p39"),)


def test_hanoi_has_no_discs_alike_and_two_spare_pegs(hanoi):
    """Each disc has a goal of its own; the two pegs that no goal names can be swapped."""
    task = ground(hanoi(3))
    symmetry = Symmetry.of(task, range(len(task.moves)))
    assert symmetry.objects == (("left", "middle"),)


def test_states_equal_up_to_names_have_one_form():
    task, start = gripper(3, goals=0)
    symmetry = Symmetry.of(task, range(len(task.moves)))
    balls = ("ball0", "ball1", "ball2")
    assert {frozenset(names) for names in symmetry.objects} >= {frozenset(balls)}
    for state in reachable(task, start, range(len(task.moves))):
        forms = {
            symmetry.canonical(swapped(task, state, dict(zip(balls, p, strict=True)))) for p in permutations(balls)
        }
        assert len(forms) == 1


def swapped(task, state, names):
    atoms = [atom for i, atom in enumerate(task.atoms) if state >> i & 1]
    return task.mask(Atom(a.predicate, tuple(names.get(x, x) for x in a.arguments)) for a in atoms)


@st.composite
def problems(draw):
    """Operators over items and places with whatever literals come; a goal that names some of the items."""
    item, place = Type("item"), Type("place")
    predicates = (Predicate("at", (item, place)), Predicate("wet", (item,)), Predicate("open", (place,)))
    parts = [Atom("at", ("?x", "?p")), Atom("wet", ("?x",)), Atom("open", ("?p",))]
    literals = st.lists(st.builds(Literal, st.sampled_from(parts), st.booleans()), max_size=3, unique=True)
    operators = tuple(
        Operator(
            f"o{i}",
            (Object("?x", item), Object("?p", place)),
            tuple(draw(literals)),
            tuple(draw(literals.filter(bool))),
            draw(st.integers(0, 3)),
        )
        for i in range(draw(st.integers(1, 4)))
    )
    domain = Domain("random", (Type("object"), item, place), predicates, operators)
    items, places = ("i1", "i2", "i3"), ("p1", "p2")
    atoms = [Atom("at", (i, p)) for i in items for p in places]
    atoms += [Atom("wet", (i,)) for i in items] + [Atom("open", (p,)) for p in places]
    init = SymbolicState.of(draw(st.sets(st.sampled_from(atoms))))
    goal = draw(st.lists(st.builds(Literal, st.sampled_from(atoms), st.booleans()), min_size=1, max_size=3))
    objects = (*(Object(i, item) for i in items), *(Object(p, place) for p in places))
    return Problem(domain, objects, init, tuple(goal))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problems(), st.booleans())
def test_plans_are_as_cheap_as_without_and_forms_as_far_from_the_goal(problem, informed):
    task = ground(problem)
    start, allowed = task.state(problem.init), range(len(task.moves))
    symmetry = Symmetry.of(task, allowed)
    assume(symmetry is not None)
    heuristic = best_heuristic(task, start, allowed) if informed else None
    search, wanted = found(task, start, allowed, heuristic), cheapest(task, start, allowed)
    assert search.exhausted == (wanted is None)
    if wanted is not None:
        assert price(task, start, search.plan) == search.bound == wanted[0]
    for state in reachable(task, start, allowed)[:12]:
        assert cheapest(task, symmetry.canonical(state), allowed) == cheapest(task, state, allowed)
