"""No step ever raises the weight of a group: checked by walking, from legal and from strange states."""

from random import Random

from nsctl.symbolic import Atom
from planners.asp import ground
from planners.invariants import Invariant, invariants, never_grows


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


def test_no_walk_raises_a_weight_that_was_at_most_one(hanoi, hanoi_at):
    task = ground(hanoi(3))
    groups = invariants(task)
    random = Random(0)
    for places in (("disc2", "disc3", "left"), ("table",) * 3, ("left", "table", "disc1")):
        state = task.state(hanoi_at(3, places, blocked=["middle"]))
        for _ in range(200):
            after = random.choice([m for m in task.moves if m.applicable(state)]).apply(state)
            for group in groups:
                before, now = group.weight(state), group.weight(after)
                assert now <= before or before > 1
                assert not (group.exact and before == 1) or now == 1
            state = after


def test_a_set_that_can_grow_is_no_group(hanoi):
    task = ground(hanoi(2))
    assert not never_grows(task.mask([Atom("clear", ("left",)), Atom("clear", ("middle",))]), task.moves)
    assert Invariant(0b110, exact=False).weight(0b010) == 1
