"""The ground task as facts over numbers, for the encodings; each name is explained in ``encodings/transitions.lp``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planners.grounding.invariants import Invariant
from planners.grounding.task import Branch, GroundTask, Move, bits


def facts(task: GroundTask, invariants: Iterable[Invariant] = (), moves: Iterable[int] | None = None) -> str:
    """Atoms, steps (all, or the ``moves`` named), conditional effects, axioms and groups of ``task``, fact by fact."""
    lines = [f"{'derived' if task.derived >> i & 1 else 'fluent'}({i})." for i in range(len(task.atoms))]
    branches = 0
    for number in range(len(task.moves)) if moves is None else moves:
        move = task.moves[number]
        lines += _move(number, move)
        for branch in move.branches:
            lines += _branch(number, branches, branch)
            branches += 1
    lines += _rules(task)
    for number, invariant in enumerate(invariants):
        lines.append(f"group({number}).")
        lines += [f"exact({number})."] * invariant.exact
        lines += _each("member", number, invariant.members)
    return "\n".join(lines)


def _move(number: int, move: Move) -> Iterator[str]:
    yield f"action({number})."
    yield from _each("pre", number, move.pre)
    yield from _each("npre", number, move.npre)
    yield from _each("add", number, move.add)
    yield from _each("del", number, move.delete & ~move.add)


def _branch(move: int, number: int, branch: Branch) -> Iterator[str]:
    yield f"branch({move},{number})."
    yield from _each("bpre", number, branch.pre)
    yield from _each("bnpre", number, branch.npre)
    yield from _each("badd", number, branch.add)
    yield from _each("bdel", number, branch.delete)


def _rules(task: GroundTask) -> Iterator[str]:
    rules = (rule for stratum in task.rules for rule in stratum)
    for number, rule in enumerate(rules):
        yield from _each("head", number, rule.head)
        yield from _each("rpre", number, rule.pre)
        yield from _each("rnpre", number, rule.npre)


def _each(name: str, number: int, mask: int) -> Iterator[str]:
    return (f"{name}({number},{bit})." for bit in bits(mask))
