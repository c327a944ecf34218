"""What clingo can say about a problem without a plan up to a horizon: a core of what is in the way, and what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import monotonic

import clingo

from planners.grounding.task import bits
from planners.unsolvability.explanations import Blame, Question, Rung, granted, listed, minimal, without

LONGEST_WAIT = 1e6
# Solves with one assumption less.
MOST_QUESTIONS = 60


def bounded_core(question: Question, steps: int) -> Rung | None:
    """Goals and avoided steps that do not go together within ``steps`` steps, none of them needless.

    ``None`` if they do, or if the deadline came first.
    """
    control = _program(question, "core", steps, _avoided(question))
    asked = {_literal(control, "asked", place): place for place in range(len(question.wishes))}
    barred = {_literal(control, "barred", move): move for move in sorted(question.avoided)}
    core = _core(control, [*asked, *barred], question.deadline)
    if core is None:
        return None

    def fails(some: Sequence[int]) -> bool:
        return _core(control, some, question.deadline) is not None

    kept = minimal([a for a in (*barred, *asked) if a in set(core)], fails, MOST_QUESTIONS)
    goals = tuple(dict.fromkeys(question.wishes[asked[a]].said for a in kept if a in asked))
    culprits = tuple(dict.fromkeys(question.task.names[barred[a]] for a in kept if a in barred))
    sentence = f"no plan of at most {steps} steps brings about {listed(goals)}{without(culprits)}; longer ones may"
    return Rung("bounded core", bounded(steps), Blame(goals, culprits), sentence)


@dataclass(frozen=True)
class Change:
    """Another start, a plan from there, how many changes that is, and whether none is smaller (within the horizon)."""

    start: int
    plan: tuple[int, ...]
    cost: int
    optimal: bool


def smallest_change(question: Question, steps: int, goals_too: bool) -> Change | None:
    """The smallest change of the start from which a plan of at most ``steps`` steps leads to the goal.

    Unless ``goals_too``, goals may not be granted at the start.
    """
    extra = [*_avoided(question), *_groups(question)]
    if not goals_too:
        extra += _granted(question)
    control = _program(question, "excuse", steps, extra)
    found: list[Change] = []

    def read(model: clingo.Model) -> None:
        symbols = model.symbols(shown=True)
        start = sum(1 << s.arguments[0].number for s in symbols if s.name == "start")
        steps_taken = {s.arguments[1].number: s.arguments[0].number for s in symbols if s.name == "occurs"}
        plan = tuple(steps_taken[t] for t in sorted(steps_taken))
        found.append(Change(question.task.close(start), plan, model.cost[0] if model.cost else 0, False))

    optimal = _wait(control, [], question.deadline, read) is not None
    if not found:
        return None
    best = found[-1]
    _check(question, best)
    return Change(best.start, best.plan, best.cost, optimal)


def _check(question: Question, answer: Change) -> None:
    """The plan is carried out: an excuse that does not help would be a fault of the encoding."""
    state = answer.start
    for number in answer.plan:
        assert question.task.moves[number].applicable(state), "the encoding takes steps that the task does not"
        state = question.task.apply(question.task.moves[number], state)
    assert question.task.reached(state), "the encoding's goal is not the task's"


def _granted(question: Question) -> Iterator[str]:
    """Goals that do not hold at the start may not be made to hold there."""
    denied, held = granted(question)
    yield from (f"fixed({atom},no)." for atom in bits(denied))
    yield from (f"fixed({atom},yes)." for atom in bits(held))


def _groups(question: Question) -> Iterator[str]:
    """The groups that the start respects."""
    for number, group in enumerate(question.groups):
        yield f"group({number})."
        yield from (f"member({number},{atom})." for atom in bits(group.members))
        if group.exact and group.weight(question.start):
            yield f"exact({number})."


def _avoided(question: Question) -> Iterator[str]:
    return (f"avoided({number})." for number in sorted(question.avoided))


def _program(question: Question, part: str, horizon: int, extra: Iterator[str] | list[str]) -> clingo.Control:
    control = clingo.Control(["--warn=none", "--seed=1", "--parallel-mode=1", f"-c horizon={horizon}"])
    control.add("base", [], "\n".join([*_facts(question), *extra]))
    control.add("base", [], (files("planners.answersets") / "encodings" / "bounded.lp").read_text("utf-8"))
    control.ground([("base", []), (part, [])])
    return control


def _facts(question: Question) -> Iterator[str]:
    task = question.task
    for atom in range(len(task.atoms)):
        yield f"{'derived' if task.derived >> atom & 1 else 'fluent'}({atom})."
    yield from (f"init({atom})." for atom in bits(question.start & ~task.derived))
    way = branch = 0
    for place, wish in enumerate(question.wishes):
        yield f"goal({place})."
        for pre, npre in wish.ways:
            yield f"way({way},{place})."
            yield from _masks(way, wpre=pre, wnpre=npre)
            way += 1
    for number, move in enumerate(task.moves):
        yield f"action({number})."
        yield from _masks(number, pre=move.pre, npre=move.npre, add=move.add, **{"del": move.delete & ~move.add})
        for each in move.branches:
            yield f"branch({branch},{number})."
            yield from _masks(branch, bpre=each.pre, bnpre=each.npre, badd=each.add, bdel=each.delete)
            branch += 1
    for number, rule in enumerate(rule for stratum in task.rules for rule in stratum):
        yield f"rule({number},{rule.head.bit_length() - 1})."
        yield from _masks(number, rpre=rule.pre, rnpre=rule.npre)


def _masks(number: int, **masks: int) -> Iterator[str]:
    for name, mask in masks.items():
        yield from (f"{name}({number},{atom})." for atom in bits(mask))


def _literal(control: clingo.Control, name: str, number: int) -> int:
    atom = control.symbolic_atoms[clingo.Function(name, [clingo.Number(number)])]
    assert atom is not None, f"the encoding lost {name}({number})"
    return atom.literal


def _core(control: clingo.Control, assumptions: Sequence[int], deadline: float) -> list[int] | None:
    """The assumptions that cannot all hold; ``None`` if they can, or if the deadline came first."""
    result = _wait(control, assumptions, deadline)
    return None if result is None or result[0] else list(result[1])


def _wait(
    control: clingo.Control,
    assumptions: Sequence[int],
    deadline: float,
    read: Callable[[clingo.Model], None] | None = None,
) -> tuple[bool, Sequence[int]] | None:
    """Whether there is an answer, and if not the core; ``None`` if the deadline came before that was known."""
    with control.solve(assumptions=list(assumptions), on_model=read, async_=True, yield_=False) as handle:
        if not handle.wait(min(max(0.0, deadline - monotonic()), LONGEST_WAIT)):
            handle.cancel()
            return None
        return bool(handle.get().satisfiable), handle.core()


def bounded(steps: int) -> str:
    """The strength of what was proven for plans of at most so many steps."""
    return f"bounded to {steps} steps"
