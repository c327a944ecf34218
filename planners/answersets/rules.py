"""A user's own rules in ASP: the names that they may use, and readable complaints about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import clingo

from nsctl.errors import DomainError
from planners.grounding.normal_form import AUXILIARY
from planners.grounding.task import GroundTask

WARN = "--warn=atom-undefined"
"""So that a misspelt predicate is told, and not taken for one that never holds."""


def names(task: GroundTask) -> str:
    """Facts that name what ``encodings/rules.lp`` lets a user's rules speak of."""
    return "\n".join(_names(task))


def _names(task: GroundTask) -> Iterator[str]:
    known: dict[str, str] = {}
    problem, fluents = task.problem, task.problem.domain.fluents
    for number, atom in enumerate(task.atoms):
        if atom.predicate != AUXILIARY:
            yield f"atom_name({number},{_term(atom.predicate, atom.arguments, known)})."
    for number, (operator, arguments) in enumerate(task.names):
        yield f"step_name({number},{_term(operator, arguments, {})})."
    for atom in sorted(problem.init.atoms, key=str):
        if atom.predicate not in fluents:
            yield f"static({_term(atom.predicate, atom.arguments, known)})."
    for thing in problem.things:
        for kind in problem.domain.types:
            if thing.type.is_a(kind):
                yield f"object({_quote(kind.name)},{_quote(thing.name)})."


def _term(name: str, arguments: Iterable[str], known: dict[str, str]) -> str:
    word = re.sub(r"[^a-z0-9]", "_", name.lower())
    word = word if word[0].isalpha() else f"x{word}"
    if known.setdefault(word, name) != name:
        raise DomainError(f"rules cannot tell {known[word]} and {name} apart: both are written {word}")
    quoted = ",".join(map(_quote, arguments))
    return f"{word}({quoted})" if quoted else word


def _quote(name: str) -> str:
    return str(clingo.String(name))


class Complaints:
    """Collects what clingo says about a program, to be told as one error."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def hear(self, code: clingo.MessageCode, message: str) -> None:
        """A logger for :class:`clingo.Control`."""
        if "no atoms over signature" not in message:  # said of #show before the first step is ground
            self._said.append(re.sub(r"<block>:(\d+):\d+-(\d+:)?\d+", r"line \1", message.strip()))

    def raise_any(self) -> None:
        """Raise :class:`DomainError` if anything was said."""
        if self._said:
            raise DomainError("in the rules: " + "; ".join(" ".join(each.split()) for each in self._said))
