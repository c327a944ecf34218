"""An excuse that is called smallest is, among all starts that respect the groups: found by trying every one."""

from random import Random

import pytest
from random_tasks import random_state, random_task, reachable
from test_unsolvable import DOORS, explained, kinds

from nsctl.symbolic import Atom, Literal
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.unsolvability.explanations import Question, granted
from planners.unsolvability.unsolvable import EFFORT, explain_unsolvable

FAR = """(define (problem far) (:domain doors) (:objects hall office den - room k j - key)
 (:init (at hall) (joined hall office) (joined office den) (locked office) (locked den) (opens k office) (opens j den))
 (:goal (at den)))"""


def cost_of(question, start):
    """Changes from the question's start; ``None`` if a group that held there does not hold here."""
    exact = 0
    for group in question.groups:
        kept = group.exact and group.weight(question.start) == 1
        if group.weight(start) > 1 or (kept and group.weight(start) != 1):
            return None
        exact |= group.members if kept else 0
    base = ~question.task.derived
    comes, goes = start & ~question.start & base, question.start & ~start & base
    return comes.bit_count() + (goes & ~exact).bit_count()


@pytest.mark.parametrize("general", [False, True])
def test_no_smaller_change_helps(general):
    certain = earned = 0
    for seed in range(250):
        task, draw = random_task(seed, general), Random(seed)
        start, avoided = random_state(draw, task), frozenset(draw.sample(range(9), 3))
        question = Question(task, start, avoided, EFFORT, float("inf"))
        rung = kinds(explain_unsolvable(task, start, avoided, horizon=8)).get("excuse")
        if rung is None:
            continue
        free = "granting goals" in rung.sentence
        denied, held = (0, 0) if free else granted(question)
        denied, held = denied & ~task.derived, held & ~task.derived
        helpful = {
            cost_of(question, other)
            for other in map(task.close, range(128))
            if not other & ~start & denied and not start & ~other & held
            if any(map(task.reached, reachable(task, other, question.allowed)))
        } - {None}
        assert cost_of(question, rung.start) in helpful
        if rung.strength == "proof":
            certain += 1
            assert cost_of(question, rung.start) == min(helpful)
        earned += not free
    assert certain > 10
    assert earned > 10


def test_two_changes_where_one_is_not_enough():
    task, why = explained(problem_from_pddl(FAR, domain_from_pddl(DOORS)))
    rung = kinds(why)["excuse"]
    assert len(rung.blame.facts) == 2
    assert rung.strength == "proof"
    assert set(rung.blame.facts) <= {
        Literal(Atom("locked", ("office",)), False),
        Literal(Atom("locked", ("den",)), False),
        Literal(Atom("have", ("k",))),
        Literal(Atom("have", ("j",))),
        *(Literal(Atom("lies", (key, "hall"))) for key in "kj"),
        Literal(Atom("lies", ("j", "office"))),
        Literal(Atom("at", ("office",))),
    }
    assert not task.reached(rung.start)
